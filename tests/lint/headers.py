"""Each header compiles alone, twice over, and opens with what its module is for."""
import concurrent.futures
import re
import subprocess

from common import files, logical, main, read

LIBRARIES = "libmicrohttpd gnutls libssl libplist-2.0 sqlite3 libnghttp2 libcurl jansson libfido2".split()


def compile_flags():
    out = subprocess.run(["pkg-config", "--cflags", *LIBRARIES], check=True, capture_output=True, text=True).stdout.split()
    return ["-std=c17", "-D_GNU_SOURCE=", "-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Werror", *out]


def check_one(root, path, flags):
    problems = []
    text, name = read(path), logical(root, path)
    guard = "POMONA_" + re.sub(r"\W", "_", name).upper()
    if not text.startswith("/*"):
        problems.append((path, 1, "opens without a comment"))
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        problems.append((path, 1, f"has no guard {guard}"))
    unit = f'#include "{name}"\n#include "{name}"\nextern int nothing;\n'
    done = subprocess.run(["cc", *flags, "-I", root / "include", "-I", root / "server", "-fsyntax-only", "-x", "c", "-"],
                          input=unit, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        problems.append((path, 1, "does not compile alone:\n" + done.stderr.rstrip()))
    return problems


def check(root):
    flags = compile_flags()
    headers = list(files(root, ["include", "server"], {".h"}))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [p for found in pool.map(lambda h: check_one(root, h, flags), headers) for p in found]


def header(name, body, opening="/* What it is for. */\n"):
    guard = "POMONA_" + re.sub(r"\W", "_", name).upper()
    return f"{opening}#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


GOOD = {"include/base/a.h": header("base/a.h", "#include <stddef.h>\nsize_t a(void);")}
BAD = [({"include/base/b.h": header("base/b.h", "size_t b(void);")}, "does not compile alone"),
       ({"server/lib/b_int.h": header("lib/b_int.h", "int b();")}, "does not compile alone"),
       ({"include/base/b.h": header("base/b.h", "int b(void);", "")}, "without a comment"),
       ({"include/base/b.h": "/* What. */\nint b(void);\n"}, "has no guard")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
