"""Runs every test and counts it: unit test programs of a build, lints, integration tests.

usage: run.py --build DIR [WORD...]     only tests whose name contains one of the words
Last line: "N passed, N failed" (", N skipped" when there were any). Exit status 1 when one failed or none ran.
"""
import argparse
import ast
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent
WEB = TESTS.parent / "web"
WORKERS = 5     # most tests wait for a server half of their time
TIMEOUT = 300  # seconds a test, unless its module says otherwise
SKIPPED = 77   # exit status of a test that cannot run here
RSA_KEYS = ".rsa-keys"  # where a test finds them, see take_key in server/lib/pki_key.c and harness.py
KEYS = {3072: 4, 2048: 24}  # RSA keys of so many bits, so many a test, as most need
# These begin first: at the end they would run alone.
LONGEST = ("integration/test_managed", "integration/test_soak", "browser/pages_test", "unit/talks_test", "integration/test_kill",
           "web/lint", "integration/test_bad_input", "browser/trouble_test", "integration/test_kill_managed")
made_keys = []  # the files of make_keys


class Result:
    def __init__(self, name, status, seconds=0.0, output=""):
        self.name, self.status, self.seconds, self.output = name, status, seconds, output


def environment(build, tmp):
    """What a test sees: no setting of the caller's, everything it writes in its own folder."""
    env = {k: v for k, v in os.environ.items() if not re.search(r"^POMONA_|_proxy$", k, re.I)}
    env.update(
        HOME=str(tmp), TMPDIR=str(tmp), LC_ALL="C.UTF-8", CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONDONTWRITEBYTECODE="1",
        POMONA_BIN=str(build / "pomona"), POMONA_TEST_RSA_KEYS=str(tmp / RSA_KEYS),
        # Freed memory is kept back by 32 MB instead of 256: a quarter less of the kernel's time for pages touched once.
        ASAN_OPTIONS="detect_leaks=1:exitcode=99:abort_on_error=0:strict_string_checks=1:verify_asan_link_order=0:quarantine_size_mb=32",
        UBSAN_OPTIONS="print_stacktrace=1:exitcode=99", TSAN_OPTIONS="ignore_noninstrumented_modules=1:exitcode=99:halt_on_error=0:second_deadlock_stack=1")
    return env


def run_process(argv, build, timeout):
    """Runs argv in a session and a folder of its own; ends all it left running. Returns status (None: too slow), output."""
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="pomona-test-"))
    (tmp / RSA_KEYS).mkdir()
    for key in made_keys:
        os.link(key, tmp / RSA_KEYS / key.name)
    try:
        with open(tmp / ".output", "w+b") as out:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=tmp,
                                 env=environment(build, tmp), start_new_session=True)
            try:
                status = p.wait(timeout)
            except subprocess.TimeoutExpired:
                status = None
                p.terminate()  # a moment to print what it was at
                with contextlib.suppress(subprocess.TimeoutExpired):
                    p.wait(5)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(p.pid, signal.SIGKILL)
                p.wait()
            out.seek(0)
            return status, out.read().decode("utf-8", "replace")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def make_keys(folder):
    """RSA keys that each test takes, each once: making them anew cost tests more than all else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    def make(name):
        pem = rsa.generate_private_key(65537, int(name.split("-")[0])).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / name).write_bytes(pem)

    folder.mkdir()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(make, (f"{bits}-{n}" for bits, count in KEYS.items() for n in range(count))))
    made_keys.extend(folder.iterdir())


def status_text(status):
    if status is None:
        return "took too long"
    return f"ended by signal {-status}" if status < 0 else f"exit status {status}"


def run_unit(name, program, build):
    """One result a cmocka test, from its TAP; what was planned and not reported has failed."""
    begin = time.monotonic()
    status, output = run_process([str(program)], build, TIMEOUT)
    seconds = time.monotonic() - begin
    planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)$", output, re.M))
    found = re.findall(r"^(not ok|ok) \d+ (-|# SKIP) (.+)$", output, re.M)
    kinds = {("ok", "-"): "passed", ("not ok", "-"): "failed"}
    results = [Result(f"{name}::{test}", kinds.get((ok, mark), "skipped"), 0.0, output) for ok, mark, test in found]
    failed = any(r.status == "failed" for r in results)
    if planned > len(results) or (status != 0 and not failed) or not results:
        text = f"{status_text(status)}, {len(results)} of {planned} tests reported\n{output}"
        results.append(Result(f"{name}::(program)", "failed", 0.0, text))
    results[0].seconds = seconds
    return results


def run_script(name, argv, build, timeout):
    begin = time.monotonic()
    status, output = run_process(argv, build, timeout)
    kind = {0: "passed", SKIPPED: "skipped"}.get(status, "failed")
    return [Result(name, kind, time.monotonic() - begin, f"{output}{status_text(status)}\n")]


class Job:
    """One file of tests, whose parts may run at the same time."""
    def __init__(self, name, parts):
        self.name, self.parts, self.results, self.left = name, parts, [], len(parts)


def unit_jobs(build):
    sources = {p.stem for folder in ("unit", "protocol") for p in (TESTS / folder).glob("*_test.c")}
    for program in sorted((build / "unit").glob("*_test")):
        if program.name in sources:  # a program whose source is gone stays in the build folder
            name = f"unit/{program.name}"
            yield Job(name, [(name, lambda n=name, p=program: run_unit(n, p, build))])


def lint_jobs(build):
    for script in sorted((TESTS / "lint").glob("*.py")):
        if script.stem == "common":
            continue
        name = f"lint/{script.stem}"
        parts = [(n, lambda n=n, s=script, a=a: run_script(n, [sys.executable, str(s), *a], build, TIMEOUT))
                 for n, a in ((name, []), (f"{name}::can_fail", ["--self-test"]))]
        yield Job(name, parts)


def module_facts(path):
    """Its tests and its TIMEOUT, without running it."""
    tests, timeout = [], TIMEOUT
    for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            if node.name in tests:
                raise SyntaxError(f"{path}:{node.lineno}: a second {node.name} hides the first")
            tests.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "TIMEOUT":
            timeout = ast.literal_eval(node.value)
    return tests, timeout


def python_jobs(build):
    for folder in ("protocol", "integration"):
        for path in sorted((TESTS / folder).glob("test_*.py")):
            name = f"{folder}/{path.stem}"
            tests, timeout = module_facts(path)
            if not tests:
                yield Job(name, [(name, lambda n=name: [Result(n, "failed", 0.0, "no test in this file\n")])])
                continue
            parts = []
            for test in tests:
                argv = [sys.executable, str(TESTS / "integration" / "harness.py"), str(path), test]
                parts.append((f"{name}::{test}", lambda n=f"{name}::{test}", a=argv, t=timeout:
                              run_script(n, a, build, t)))
            yield Job(name, parts)


def run_node(name, argv, build, timeout):
    """One result a test of node:test, from its TAP."""
    begin = time.monotonic()
    status, output = run_process(argv, build, timeout)
    found = re.findall(r"^(not ok|ok) \d+ - (.+?)( # SKIP.*)?$", output, re.M)
    results = [Result(f"{name}::{test}", "skipped" if skip else "passed" if ok == "ok" else "failed", 0.0, output)
               for ok, test, skip in found]
    if not results or (status != 0 and all(r.status != "failed" for r in results)):
        results.append(Result(f"{name}::(program)", "failed", 0.0, f"{status_text(status)}\n{output}"))
    results[0].seconds = time.monotonic() - begin
    return results


def lacking(name, what):
    """What needs the web's tools passes nowhere but at home without them."""
    print(f"{name}: there is no {what}", flush=True)
    return [Result(name, "failed" if os.environ.get("CI") == "true" else "skipped", 0.0, f"there is no {what}\n")]


def web_jobs(build):
    """The console's sources: types and lint; then what a person sees of it, in Debian's Chromium."""
    modules = WEB / "node_modules"
    tools = [what for what, there in (("node", shutil.which("node")), ("web/node_modules", (modules / "typescript").is_dir())) if not there]
    checks = {"web/types": [modules / "typescript/bin/tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", build / "web.tsbuildinfo"],
              "web/lint": [modules / "eslint/bin/eslint.js", "--max-warnings=0", "."]}
    for name, words in checks.items():
        argv = ["sh", "-c", 'cd "$0" && exec node "$@"', str(WEB), *map(str, words)]  # they look at the folder they are in
        yield Job(name, [(name, lambda n=name, a=argv: lacking(n, tools[0]) if tools else run_script(n, a, build, TIMEOUT))])
    missing = tools + [program for program in ("chromium",) if not shutil.which(program)]
    for path in sorted((TESTS / "browser").glob("*_test.mjs")):
        name = f"browser/{path.stem}"
        argv = ["node", "--test-reporter=tap", str(path)]
        yield Job(name, [(name, lambda n=name, a=argv: lacking(n, missing[0]) if missing else run_node(n, a, build, TIMEOUT))])


def chosen(jobs, words):
    for job in jobs:
        if words and not any(w in job.name for w in words):
            job.parts = [p for p in job.parts if any(w in p[0] for w in words)]
            job.left = len(job.parts)
        if job.parts:
            yield job


class Runner:
    def __init__(self):
        self.lock, self.results = threading.Lock(), []

    def run_part(self, job, part):
        try:
            results = part[1]()
        except Exception as e:  # the runner itself stumbled: that is a failure of the test, never silence
            results = [Result(part[0], "failed", 0.0, f"{type(e).__name__}: {e}\n")]
        with self.lock:
            job.results += results
            job.left -= 1
            self.results += results
            for r in results:
                if r.status == "failed":
                    print(f"FAILED {r.name}\n{r.output.rstrip()}\n", flush=True)
            if job.left == 0:
                count = {s: sum(r.status == s for r in job.results) for s in ("passed", "failed", "skipped")}
                seconds = sum(r.seconds for r in job.results)
                print(f"{job.name}: " + ", ".join(f"{n} {s}" for s, n in count.items() if n) + f" ({seconds:.1f} s)", flush=True)

    def run(self, jobs):
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for job in sorted(jobs, key=lambda j: LONGEST.index(j.name) if j.name in LONGEST else len(LONGEST)):
                for part in job.parts:
                    pool.submit(self.run_part, job, part)


def main():
    arguments = argparse.ArgumentParser(description="runs the tests of a build")
    arguments.add_argument("--build", required=True, type=pathlib.Path)
    arguments.add_argument("words", nargs="*")
    args = arguments.parse_args()
    build = args.build.resolve()
    runner = Runner()
    jobs = list(chosen([*lint_jobs(build), *unit_jobs(build), *python_jobs(build), *web_jobs(build)], args.words))
    with tempfile.TemporaryDirectory(prefix="pomona-test-") as folder:
        make_keys(pathlib.Path(folder) / "keys")
        runner.run(jobs)
    count = {s: sum(r.status == s for r in runner.results) for s in ("passed", "failed", "skipped")}
    print("\nslowest:")
    for r in sorted(runner.results, key=lambda r: -r.seconds)[:10]:
        print(f"  {r.seconds:6.1f} s  {r.name}")
    for r in runner.results:
        if r.status == "failed":
            print(f"failed: {r.name}")
    print(f"\n{count['passed']} passed, {count['failed']} failed" + (f", {count['skipped']} skipped" if count["skipped"] else ""))
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
