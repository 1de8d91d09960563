"""What the lints share. A lint is check(root) → list of (path, line, text); each proves in --self-test, on a small tree
made for it, that it finds what it is for and nothing else.
"""
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ["base", "lib", "core", "face", "app"]
NOT_OURS = {".git", "build", "pomona-data", ".cache", "__pycache__", "node_modules"}


def files(root, folders, suffixes):
    for folder in folders:
        for place, folders_in, names in os.walk(root / folder):
            folders_in[:] = sorted(f for f in folders_in if f not in NOT_OURS)
            for name in sorted(names):
                if pathlib.PurePath(name).suffix in suffixes or not suffixes:
                    yield pathlib.Path(place) / name


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def logical(root, path):
    """include/lib/db.h and server/lib/db.c → lib/db.h and lib/db.c: the name by which code is known."""
    return path.relative_to(root).as_posix().split("/", 1)[1]


def includes(text):
    """(line, path, is_own) of each include."""
    for n, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if m:
            yield n, m[1] or m[2], m[1] is not None


def blank(text, strings=True):
    """text with comments (and the insides of strings) blanked, line by line the same length."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def repl(m):
        if m[0][0] in "\"'":
            return m[0] if not strings else m[0][0] + "_" * (len(m[0]) - 2) + m[0][0]
        return re.sub(r"[^\n]", " ", m[0])
    return token.sub(repl, text)


def tell(problems, root):
    for path, line, text in problems:
        print(f"{path.relative_to(root) if path.is_absolute() else path}:{line}: {text}")


def self_test(check, good, bad):
    """good: {path: text} that must pass. bad: list of ({path: text}, part of the expected problem)."""
    failures = 0
    for tree, expected in [(good, None), *[({**good, **b}, e) for b, e in bad]]:
        with tempfile.TemporaryDirectory() as tmp:
            root = pathlib.Path(tmp)
            for name, text in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            problems = check(root)
            if expected is None and problems or expected and not any(expected in p[2] for p in problems):
                failures += 1
                print(f"self-test: expected {expected!r}, found:")
                tell(problems, root)
    return failures


def main(check, good, bad):
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(1 if self_test(check, good, bad) else 0)
    problems = check(ROOT)
    tell(problems, ROOT)
    sys.exit(1 if problems else 0)
