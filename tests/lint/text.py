"""No path of the machine it was written on, nothing left to be done."""
import re

from common import files, main, read

# Put together from pieces, so that this file does not find itself.
PATTERNS = [(re.compile(r"(?<![\w.:/-])/" + "work/"), "a path of one machine"),
            (re.compile(r"(?<![\w.:/-])/" + r"(home|Users)/\w+/"), "a path of one machine"),
            (re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X)\b"), "left to be done"),
            (re.compile(r"^(<{7}|>{7}) "), "an unfinished merge")]


def check(root):
    problems = []
    for path in files(root, ["."], set()):
        if path.is_symlink() or b"\0" in path.read_bytes()[:8000]:
            continue
        for n, line in enumerate(read(path).splitlines(), 1):
            problems += [(path, n, text) for pattern, text in PATTERNS if pattern.search(line)]
    return problems


GOOD = {"README.md": "a network/worker, GET /files/work/x\n", "server/base/a.c": "/* mastodon */\n"}
BAD = [({"docs/a.md": "see /" + "work/main\n"}, "a path"), ({"dev": "cd /" + "home/someone/x\n"}, "a path"),
       ({"server/base/a.c": "/* TO" + "DO: more */\n"}, "left"), ({"web/a.js": "<<<<<<< HEAD\n"}, "merge")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
