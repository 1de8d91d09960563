"""A small mixed fleet from enrollment to check-out, with a server that is killed at work (tests/soak/soak.py)."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))
from soak import Soak  # noqa: E402

TIMEOUT = 280


def test_every_command_of_a_mixed_fleet_is_done_once(tmp):
    soak = Soak(tmp, 100)
    assert soak.play() == []
    # The accounts find what is wrong.
    (command, channel), done = next(iter(soak.ledger.commands.items()))
    done.executed += 1
    wrong = []
    soak.account(command, {c: "Acknowledged" for c in soak.queued[command][1][1:]}, wrong)
    assert any(f"{channel}: " in w and "was done 2 times" in w for w in wrong), wrong
    assert any("is None here" in w for w in wrong), wrong
