"""docs/conformance.md is made from the talks (tests/protocol), complete, and as it is committed. `--write` makes it anew."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TALKS = ROOT / "tests/protocol"
PAGE = ROOT / "docs/conformance.md"

MESSAGES = ["Authenticate", "TokenUpdate", "CheckOut", "UserAuthenticate", "SetBootstrapToken", "GetBootstrapToken",
            "DeclarativeManagement", "GetToken", "ReturnToService", "Idle", "Acknowledged", "Error",
            "CommandFormatError", "NotNow"]
STATUSES = [200, 400, 403, 404, 405, 410, 413, 415, 503]
# What cannot be: status, why, of which messages.
NEVER = [
    (403, "who authenticates wants to be managed, so it is not told to go", {"Authenticate"}),
    (410, "only a user's login can be declined", set(MESSAGES) - {"UserAuthenticate"}),
]


def talks():
    """[(name, refs, title)], by name."""
    found = []
    for path in sorted(TALKS.glob("*.talk")):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        m = re.fullmatch(r"# ([^|]+) \| (.+)", first)
        assert m, f"{path.name}: the first line is not \"# RULE, RULE | what it proves\""
        found.append((path.stem, [r.strip() for r in m[1].split(",")], m[2]))
    return found


def rules():
    """[(ref, text, [place elsewhere])]: "rules 1a | text" or "rules 2.3 | text @ tests/integration/test_x.py::test_y"."""
    found = []
    for line in (TALKS / "rules.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            ref, rest = line.split(" | ", 1)
            text, *places = rest.split(" @ ")
            found.append((ref, text, places))
    return found


def heard(log):
    """{(message, status): [talk]}"""
    cells = {}
    for line in log.splitlines():
        talk, message, status = line.split("\t")
        if message not in MESSAGES:  # of an operator, or nonsense
            continue
        names = cells.setdefault((message, int(status)), [])
        if talk.removesuffix(".talk") not in names:
            names.append(talk.removesuffix(".talk"))
    return cells


def run_talks():
    runner = pathlib.Path(os.environ["POMONA_BIN"]).parent / "unit/talks_test"
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as log:
        done = subprocess.run([runner], env={**os.environ, "TALKS_LOG": log.name, "TALKS_IN": "memory"}, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return log.read()


def short(name):
    return name.split("-", 1)[0]


def why_never(message, status):
    return next((why for s, why, messages in NEVER if s == status and message in messages), None)


def cell(cells, message, status):
    names = [short(n) for n in cells.get((message, status), [])]
    if names:
        return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
    return "–" if why_never(message, status) else ""


def place_exists(place):
    path, _, test = place.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
    return bool(re.search(rf"^(def|static void) {re.escape(test)}\(", text, re.M))


def page(cells):
    lines = ["# Conformance", "",
             "What proves what: made from the talks in [tests/protocol](../tests/protocol/README.md) by `tests/integration/test_conformance.py --write`, and",
             "checked against them by every run of the tests. A number is that of a talk's file.", "",
             "## What devices say, and what they are answered", "",
             "| message | " + " | ".join(map(str, STATUSES)) + " |", "|---" * (len(STATUSES) + 1) + "|"]
    for message in MESSAGES:
        lines.append(f"| {message} | " + " | ".join(cell(cells, message, s) for s in STATUSES) + " |")
    lines += [""] + [f"- {s} –: {why}" for s, why, _ in NEVER]
    lines += ["", "## Rules", "", "| rule | | proved by |", "|---|---|---|"]
    for ref, text, places in rules():
        by = [short(n) for n, refs, _ in talks() if ref in refs] + [f"`{p}`" for p in places]
        lines.append(f"| {ref} | {text} | {', '.join(by)} |")
    lines += ["", "## Talks", "", "| talk | what it proves |", "|---|---|"]
    lines += [f"| {name} | {title} |" for name, _, title in talks()]
    return "\n".join(lines) + "\n"


def test_every_rule_and_every_answer_has_a_talk():
    cells, known = heard(run_talks()), {ref for ref, _, _ in rules()}
    for name, refs, _ in talks():
        assert not set(refs) - known, f"{name} names {set(refs) - known}, which rules.txt does not have"
    empty = [ref for ref, _, places in rules() if not places and not any(ref in refs for _, refs, _ in talks())]
    assert not empty, f"nothing proves {empty}"
    missing = [p for _, _, places in rules() for p in places if not place_exists(p)]
    assert not missing, f"there is no {missing}"
    strange = [(m, s) for m, s in cells if s not in STATUSES or why_never(m, s)]
    assert not strange, f"these answers cannot be: {[(c, cells[c]) for c in strange]}"
    holes = [(m, s) for m in MESSAGES for s in STATUSES if not cell(cells, m, s)]
    assert not holes, f"no talk has these answers: {holes}"
    assert page(cells) == PAGE.read_text(encoding="utf-8"), "docs/conformance.md is old: test_conformance.py --write"


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(page(heard(run_talks())), encoding="utf-8")
