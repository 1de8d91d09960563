#!/usr/bin/python3
"""A mixed fleet that is managed by groups: without a hand it gets what they say, although devices answer NotNow and Error.

usage: managed.py [DEVICES]     a multiple of 100 (default: 1000), so that every kind of device has its share

Three groups say what Macs, iPhones and iPads, and all others must have: profiles, settings, an app, a package, commands at
enrollment, requirements. Devices enroll; a tenth of their answers are NotNow or errors. The server's clock goes on as far as its
next attempts lie, since nobody waits for hours here. Then a hand removes a profile at a twentieth of the devices, a day goes by, and
it must be there again. The program is POMONA_BIN, built with test hooks, for the sake of the clock.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import soak  # noqa: E402
import xar  # noqa: E402
from harness import Process, cli, until  # noqa: E402

DEVICES = 1000
TROUBLE = 10                          # of a hundred answers
# Hours that the server's clock goes on by, each time that nothing changes any more: past its wait after an error, then past its first
# two looks at what devices took on, as often as it waits.
HOURS = [hours for wait in (0.1, 0.6, 2.1, 6.1, 24.1, 24.1, 24.1) for hours in (wait, 0.05, 0.15)]
# The same, until who was asked for its inventory is pushed for it, and again after errors.
PATIENCE = (1.1, 0.1, 0.6, 2.1, 6.1)
QUIET = 6                             # seconds in which nothing changes: the server waits for its clock
APP = {"kind": "app", "ref": "1234567890", "options": {"identifier": "com.example.store.app1234567890"}}  # as the lab calls it


def assigned(kind, *refs):
    return [{"kind": kind, "ref": ref} for ref in refs]


def setting(**options):
    return {"kind": "setting", "ref": "DeviceName", "options": options}


GROUPS = {
    "Macs": {"rule": "platform=macos and type=Device",
             "assign": assigned("profile", "org.example.filevault", "org.example.firewall", "org.example.passcode")
             + assigned("package", "tool.pkg") + assigned("requirement", "filevault=on", "firewall=on", "os>=15")
             + [setting(DeviceName="Mac of the lab"), {"kind": "command", "ref": "SecurityInfo"}]},
    "Phones and pads": {"rule": "platform=ios and shared-ipad!=on",
                        "assign": assigned("profile", "org.example.passcode", "org.example.root-certificate") + [APP]
                        + assigned("requirement", "passcode-compliant", "os>=18.1")},
    "Others": {"rule": "shared-ipad=on or platform=tvos or platform=watchos or platform=visionos"
                       " or (platform=macos and type!=Device)",
               "assign": assigned("profile", "org.example.root-certificate") + assigned("requirement", "os>=2", "state=enrolled")},
}
PROFILES = ("filevault", "firewall", "passcode", "root-certificate")
REMOVED = "org.example.passcode"


class Managed(soak.Soak):
    SETTINGS = {"inventory_interval": "1d"}

    def __init__(self, tmp, devices, say=print):
        super().__init__(tmp, devices, say)
        self.hours = 0

    # ---- the parts ----
    def prepare(self):
        (self.tmp / "profiles").mkdir()
        for name in PROFILES:
            (self.tmp / "profiles" / f"{name}.mobileconfig").write_text(cli("profile", "template", name).stdout)
        self.server.cli("profile", "add", self.tmp / "profiles")
        (self.tmp / "tool.pkg").write_bytes(xar.package())
        self.server.cli("package", "add", self.tmp / "tool.pkg")
        for name, group in GROUPS.items():
            status, told = self.server.admin("POST", "/api/v1/groups", {"name": name, **group})
            assert status == 201, (name, told)
        return len(GROUPS)

    def enroll(self):
        self.lab = Process(["lab", "device", self.link(self.n), "--count", self.n, "--mix", "--trouble", TROUBLE, "--hands",
                            "--ledger", self.ledger.path, "--connections", 64, "--apns-control", self.control["control"]],
                           cwd=self.tmp, stdin=subprocess.PIPE)
        self.ledger.wait(lambda: len(self.ledger.enrolled) == self.channels, "enrollments")
        return self.n

    def later(self, hours):
        """The same server, so many hours after its first start."""
        self.hours = hours
        self.cpu_before += self.cpu()
        self.server.stop()
        self.logs.append(self.server.log())
        self.server = soak.Server(self.tmp, env={"POMONA_CLOCK_SHIFT": str(int(hours * 3600))}, **self.settings)

    # ---- what must come about ----
    def groups(self):
        status, told = self.server.admin("GET", "/api/v1/groups")
        assert status == 200, told
        return {g["name"]: g for g in told["groups"]}

    def counts(self):
        return {name: (g["devices"], g["compliant"], g["working"], g["failing"]) for name, g in self.groups().items()}

    def compliant(self):
        counts = self.counts()
        return sum(c[0] for c in counts.values()) == self.n and all(c[0] == c[1] for c in counts.values())

    def settle(self):
        """Waits until all is compliant, or nothing changes any more. Says which."""
        before, since = None, time.monotonic()
        while time.monotonic() - since < QUIET:
            if self.compliant():
                return True
            self.ledger.read()
            now = (self.counts(), sum(self.ledger.settled.values()))
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.3)
        return False

    def reach(self):
        for hours in HOURS:
            if self.settle():
                return self.n
            self.later(self.hours + hours)
        assert self.settle(), self.why_not()
        return self.n

    def why_not(self):
        failing = [self.server.admin("GET", f"/api/v1/groups/{name.replace(' ', '%20')}")[1]["failures"][:3] for name in GROUPS]
        return json.dumps([self.counts(), failing], indent=1)

    def lost(self):
        """How many are known to have lost it, when nothing changes any more."""
        gone, before, since = "SELECT count(DISTINCT device) FROM inventory_change WHERE what = ? AND is_now IS NULL", None, time.monotonic()
        while time.monotonic() - since < QUIET:
            self.ledger.read()
            now = (self.server.rows(gone, f"profile {REMOVED}")[0][0], sum(self.ledger.settled.values()))
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.3)
        return before[0]

    def hand(self):
        """Somebody takes a profile away at some devices; a day later it is there again."""
        some = self.n // 20
        out = len(self.lab.stdout)
        self.lab.process.stdin.write(f"remove-profile {REMOVED} {some}\n".encode())
        self.lab.process.stdin.flush()
        said = until(lambda: re.search(rb"removed (\d+)", self.lab.stdout[out:]), "the hand")
        assert int(said.group(1)) == some, said.group(0)
        self.later(self.hours + 25)
        day_ago = int((time.time() + self.hours * 3600 - 86400) * 1e6)
        until(lambda: self.server.rows("SELECT count(*) FROM inventory WHERE asked_at < ?", day_ago)[0][0] == 0, "all to be asked",
              patience=60 + self.n)
        for hours in PATIENCE:
            self.later(self.hours + hours)
            if self.lost() == some:
                break
        assert self.lost() == some
        self.reach()
        back = "SELECT count(DISTINCT device) FROM inventory_change WHERE what = ? AND was IS NULL"
        assert self.server.rows(back, f"profile {REMOVED}")[0][0] >= some
        return some

    # ---- what must be true ----
    def check(self):
        wrong = [f"{name}: {c}" for name, c in self.counts().items() if c[0] != c[1] or c[0] == 0]
        for name in GROUPS:
            told = self.server.admin("GET", f"/api/v1/groups/{name.replace(' ', '%20')}")[1]
            for a in told["assignments"]:
                reported = sum(a[k] for k in ("compliant", "working", "failing", "not_applicable"))
                if reported != told["devices"] or (a["kind"] == "requirement" and a["compliant"] != told["devices"]):
                    wrong.append(f"{name}: {a['kind']} {a['ref']}: {a}")
        status = collections.Counter(s for s, in self.server.rows("SELECT status FROM target"))
        self.say(f"  commands: {dict(status)}")
        if not status["Error"]:
            wrong.append("no device ever answered Error")
        return wrong + [line for log in self.logs for line in log.split("\n") if "level=error" in line]

    def play(self):
        self.start()
        self.say("  %-58s %7s %10s %10s %12s" % ("", "count", "time", "CPU", "memory"))
        self.phase("three groups", self.prepare)
        self.phase("devices enroll", self.enroll)
        self.phase("all are compliant", self.reach)
        self.phase("a profile removed by hand comes back", self.hand)
        self.logs.append(self.server.log())
        wrong = self.check()
        self.say("  the server's clock went on by %.1f h" % self.hours)
        self.lab.kill9()
        self.server.stop()
        self.apns.stop()
        return wrong


def main():
    devices = int(sys.argv[1]) if len(sys.argv) > 1 else DEVICES
    if devices < 100 or devices % 100:
        sys.exit("managed.py: DEVICES is a multiple of 100")
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="pomona-managed-"))
    for name in [n for n in os.environ if n.startswith("POMONA_") and n != "POMONA_BIN"]:
        del os.environ[name]
    os.environ.setdefault("TMPDIR", str(tmp))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    play = Managed(tmp, devices, say=lambda text: print(text, flush=True))
    try:
        wrong = play.play()
    finally:
        for process in (play.lab, play.server, play.apns):
            if process and process.process.poll() is None:
                process.kill9()
        shutil.rmtree(tmp, ignore_errors=True)
    for line in wrong[:50]:
        print("WRONG: " + line)
    print(f"  {len(wrong)} wrong" if wrong else "  Every device has what its groups say, and the log holds no error.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
