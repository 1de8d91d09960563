"""A small mixed fleet that gets what its groups say (tests/soak/managed.py)."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))
from managed import Managed  # noqa: E402

TIMEOUT = 400


def test_a_mixed_fleet_becomes_what_its_groups_say_and_stays_so(tmp):
    assert Managed(tmp, 100).play() == []
