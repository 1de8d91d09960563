"""docs/verdicts.md is the table of include/core/verdict.def, and each of its rows is played by a scenario of a unit test.

    python3 tests/integration/test_verdicts.py --write    makes the page anew"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/verdicts.md"
LAST = 45
SURE = {"CERTAIN": "certain", "LIKELY": "likely", "GUESS": "a guess"}
SCOPE = {"DEVICE": "a device", "TOPIC": "a topic", "SERVER": "the server"}
STEPS = [("ADMITTED", "May it be served?"), ("COMING", "It has not come since it was asked or woken"),
         ("CAME", "It came"), ("FINE", "Nothing is wrong")]


def verdicts():
    text = (ROOT / "include/core/verdict.def").read_text(encoding="utf-8")
    string = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
    row = re.compile(r'^VERDICT\((\d+),\s*"([a-z-]+)",\s*(\w+),\s*(\w+),\s*(\w+),\s*(\w+),\s*' + r",\s*".join([string] * 4) + r"\)", re.M)
    found = []
    for m in row.finditer(text):
        words = ["".join(p.replace('\\"', '"') for p in re.findall(r'"((?:[^"\\]|\\.)*)"', s)) for s in m.groups()[6:]]
        found.append((int(m[1]), m[2], m[3], m[4], m[6], *words))
    assert len(found) == len(re.findall(r"^VERDICT\(", text, re.M)), "a row of verdict.def is not understood"
    return found


def cell(text):
    return text.replace("|", "\\|")


def page(rows):
    lines = ["# Why a device is dark", "",
             "`pomona why ID [--command UUID]` gives one of these verdicts, what to do, and every link from the command to its answer;",
             "`pomona why --fleet` gives what holds for the whole server and for topics once, and how many devices wait for what else.",
             "The list is closed. It is made from `include/core/verdict.def` by `tests/integration/test_verdicts.py --write`.", "",
             "The steps are asked in this order, and the first row of a step that holds is the verdict; other rows that hold stand under",
             '"also". A command that is settled is explained by its own rows. What no evidence can tell apart is not guessed: off, asleep, without',
             "network, port 5223 shut, profile removed offline. That APNs answers 200 says only that Apple took the wake-up."]
    for group, title in STEPS:
        lines += ["", f"## {title}", "", "| # | verdict | cause | where you see it, how soon | what to do | played by | about, how sure |", "|---" * 7 + "|"]
        for n, slug, sure, own, scope, cause, sees, remedy, drill in rows:
            if own == group:
                about = f"{SCOPE[scope]}, {SURE[sure]}"
                lines.append("| " + " | ".join(map(cell, (str(n), f"`{slug}`", cause, sees, remedy, drill, about))) + " |")
    return "\n".join(lines) + "\n"


def played():
    """Numbers of the rows that a scenario plays, in either way of writing one."""
    numbers = set()
    for path in (ROOT / "tests/unit").glob("why_*_test.c"):
        text = path.read_text(encoding="utf-8")
        numbers |= {int(n) for n in re.findall(r"\.number = (\d+),", text)}
        numbers |= {int(n) for n in re.findall(r'^\s+\{"[^"]*", (\d+), "', text, re.M)}
    return numbers


def test_the_list_is_whole_and_each_row_is_played():
    numbers = [r[0] for r in verdicts()]
    assert numbers == sorted(set(range(1, LAST + 1))), numbers
    # `fine` is what every scenario begins and ends with.
    assert not set(numbers) - played() - {LAST}, f"nobody plays {set(numbers) - played() - {LAST}}"


def test_the_page_is_the_table():
    assert page(verdicts()) == PAGE.read_text(encoding="utf-8"), "docs/verdicts.md is old: test_verdicts.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page(verdicts()), encoding="utf-8")
