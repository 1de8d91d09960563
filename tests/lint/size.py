"""Files of at most 600 lines, those of the console's pages of at most 400; C functions of at most 60."""
import re

from common import blank, files, main, read

FILE_LINES, PAGE_LINES, FUNCTION_LINES = 600, 400, 60


def functions(text):
    """(first line, last line, signature) of each function defined; None when the braces do not balance.
    Where #if has alternatives only the first is looked at, so that braces in the others do not count twice."""
    code = blank(text)
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: m[0] if re.match(r"\s*#\s*(if|el|endif)", m[0]) else
                  re.sub(r"[^\n]", " ", m[0]), code, flags=re.M)
    found, depth, line, begin, signature, skip, nest = [], 0, 1, 1, "", 0, 0
    for row in code.split("\n"):
        directive = re.match(r"\s*#\s*(if|el|endif)", row)
        if directive:
            kind = directive[1]
            nest += {"if": 1, "endif": -1}.get(kind, 0)
            skip = nest if kind == "el" and not skip else 0 if kind == "endif" and nest < skip else skip
        elif not skip:
            for c in row + "\n":
                if c == "{":
                    if depth == 0 and signature.rstrip().endswith(")"):
                        found.append([begin, 0, " ".join(signature.split())])
                    elif depth == 0:
                        found.append(None)
                    depth += 1
                elif c == "}":
                    depth -= 1
                    if depth < 0:
                        return None
                    if depth == 0:
                        if found[-1]:
                            found[-1][1] = line
                        signature = ""
                elif depth == 0:
                    signature = "" if c == ";" else signature + c
                    if not signature.strip():
                        begin = line if c not in "\n;" else line + (c == "\n")
        line += 1
    return None if depth else [f for f in found if f]


def check(root):
    problems = []
    for path in files(root, ["include", "server", "tests", "tools", "web"], {".c", ".h", ".def", ".py", ".js", ".mjs", ".ts", ".tsx", ".css", ".html", ".sh", ".sql"}):
        if root / "tests/data" in path.parents:
            continue
        text = read(path)
        lines = text.count("\n")
        most = PAGE_LINES if root / "web/src/pages" in path.parents else FILE_LINES
        if lines > most:
            problems.append((path, lines, f"{lines} lines, {most} at most"))
        if path.suffix not in (".c", ".h"):
            continue
        found = functions(text)
        if found is None:
            problems.append((path, 1, "the braces do not balance"))
        for begin, end, signature in found or []:
            name = re.search(r"(\w+)\s*\(", signature)
            if end - begin + 1 > FUNCTION_LINES:
                problems.append((path, begin, f"{name and name[1]} has {end - begin + 1} lines, {FUNCTION_LINES} at most"))
    return problems


def function(lines, signature="int f(int a, int (*b)(int, int), int c, int d, int e, int g)"):
    return signature + " {\n" + "  a(\"}\"); /* { */\n" * (lines - 2) + "}\n"


GOOD = {"server/base/a.c": "struct s {\n  int x;\n} t[] = {{1}, {2}};\n\n" * 20 + function(60) + "\n#define M(x) {\\\n  { x\n" + function(60),
        "server/base/b.c": "#if A\nint f(void) {\n#else\nint f(int a) {\n#endif\n}\n" + function(60), "tests/data/long.c": "\n" * 900}
BAD = [({"server/base/a.c": function(61)}, "f has 61 lines"),
       ({"server/base/a.c": function(10) + function(61)}, "f has 61 lines"),
       ({"tests/unit/a_test.c": "static int x[] = {1};\n" + function(70, "static void\ng(void)")}, "g has 71 lines"),
       ({"server/base/a.c": "#if A\n#if B\n}\n#elif C\n}\n#endif\n#else\n#endif\n"}, "do not balance"),
       ({"server/base/a.c": "\n" * 601}, "601 lines"),
       ({"tests/integration/test_a.py": "\n" * 601}, "601 lines"),
       ({"web/src/pages/a/b.tsx": "\n" * 401}, "401 lines"), ({"web/src/a.ts": "\n" * 601}, "601 lines")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
