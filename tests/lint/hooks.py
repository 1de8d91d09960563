"""What users run has no hooks of tests: a variable of the environment that is no setting is read between
#ifdef POMONA_TEST_HOOKS and its #else or #endif."""
import re

from common import blank, files, main, read

READS = re.compile(r'\bgetenv\("POMONA_')


def check(root):
    problems = []
    for path in files(root, ["include", "server"], {".c", ".h"}):
        inside = []
        for n, line in enumerate(blank(read(path), strings=False).splitlines(), 1):
            if re.match(r"\s*#\s*if", line):
                inside.append("POMONA_TEST_HOOKS" in line and "#ifdef" in line)
            elif re.match(r"\s*#\s*el", line):
                inside[-1] = False
            elif re.match(r"\s*#\s*endif", line):
                inside.pop()
            elif READS.search(line) and not any(inside):
                problems.append((path, n, "a hook of tests in what users run"))
    return problems


READ = 'f(getenv("POMONA_CLOCK_SHIFT"));\n'
GOOD = {"server/base/clock.c": f'#ifdef POMONA_TEST_HOOKS\n{READ}#else\nf(0);\n#endif\n', "server/app/conf.c": 'f(getenv("TMPDIR"));\n'}
BAD = [({"server/base/clock.c": READ}, "hook of tests"),
       ({"server/base/clock.c": f"#ifdef POMONA_TEST_HOOKS\nf();\n#else\n{READ}#endif\n"}, "hook of tests"),
       ({"server/base/clock.c": f"#ifndef POMONA_TEST_HOOKS\n{READ}#endif\n"}, "hook of tests")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
