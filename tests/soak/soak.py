#!/usr/bin/python3
"""A mixed fleet from enrollment to check-out, with a server that is killed at work; then every command is accounted for.

usage: soak.py [DEVICES]     a multiple of 100 (default: 10000), so that every kind of device has its share

`pomona lab device --mix` writes a ledger of what each device was given and what of its answers was taken. What the server
says of every command on every channel must be the same, each must have been done exactly once, and the server's log may hold
no error. Prints figures; ends with 0 when all is well. The program is POMONA_BIN, set by `./dev soak`.
"""
import collections
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import PATIENCE, Process, Server, cli, plist, until  # noqa: E402

DEVICES = 10000
# Of 100 devices (server/app/lab_mix.c): channels in all, those in a User Enrollment, those that cannot be restarted.
CHANNELS, USER_ENROLLED, NO_RESTART = 147, 8, 16
WAVE = 5            # devices whose renewal is started by hand, by an update of their profile
SETTLED = ("Acknowledged", "Error", "CommandFormatError")
PAGE = 1000         # what the API lists at a time
TICK_HZ = os.sysconf("SC_CLK_TCK")
PROFILE = plist(PayloadType="Configuration", PayloadVersion=1, PayloadIdentifier="org.example.soak", PayloadUUID=str(uuid.uuid4()),
                PayloadDisplayName="Soak", PayloadContent=[])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Done:
    """What a channel did with one command."""

    def __init__(self):
        self.executed = self.taken = self.lost = self.notnow = 0
        self.status = None


class Ledger:
    """What the devices say that happened, read along."""

    def __init__(self, path):
        self.path, self.at, self.rest = path, 0, b""
        self.enrolled, self.renewed, self.erased, self.left = (collections.Counter() for _ in range(4))
        self.commands = collections.defaultdict(Done)
        self.settled = collections.Counter()  # by command

    def read(self):
        """Takes in the new lines; says whether there were any."""
        if not self.path.exists():
            return False
        with open(self.path, "rb") as f:
            f.seek(self.at)
            new = f.read()
        self.at += len(new)
        *lines, self.rest = (self.rest + new).split(b"\n")
        for line in lines:
            self._take(*line.decode().split(" "))
        return bool(new)

    def _take(self, what, channel, command=None, request_type=None, status=None):
        if command is None:
            getattr(self, what)[channel] += 1
            return
        done = self.commands[command, channel]
        if what == "given":
            done.executed += status in SETTLED
            done.notnow += status == "NotNow"
        elif what == "lost":
            done.lost += 1
        elif status in SETTLED:
            self.settled[command] += not done.taken
            done.taken += 1
            done.status = status

    def devices(self, counter):
        return sum(1 for channel in counter if ":" not in channel)

    def wait(self, condition, what):
        """For as long as anything happens at all."""
        quiet = time.monotonic() + PATIENCE
        while not condition():
            if self.read():
                quiet = time.monotonic() + PATIENCE
            assert time.monotonic() < quiet, f"nothing happens any more: {what}"
            time.sleep(0.05)


class Soak:
    SETTINGS = {}  # of the server, beside those that it needs

    def __init__(self, tmp, devices, say=print):
        self.tmp, self.n, self.say = pathlib.Path(tmp), devices, say
        self.channels = devices * CHANNELS // 100
        self.ledger = Ledger(self.tmp / "ledger")
        self.queued = {}  # command: (RequestType, ids)
        self.logs, self.figures, self.cpu_before = [], [], 0.0
        self.server = self.apns = self.lab = None

    # ---- the parts ----
    def start(self):
        self.apns = Process(["lab", "apns", "--dir", self.tmp / "apns"], cwd=self.tmp)
        line = until(lambda: self.apns.stdout.decode().split("\n")[0] if b"\n" in self.apns.stdout else None, "the stand-in")
        self.control = dict(word.split("=", 1) for word in line.split())
        device, admin = free_port(), free_port()
        self.settings = {"listen": f"127.0.0.1:{device}", "admin_listen": f"127.0.0.1:{admin}",
                         "public_url": f"https://localhost:{device}", "apns_url": self.control["apns"], "apns_ca": self.control["ca"], **self.SETTINGS}
        self.server = Server(self.tmp, **self.settings)
        status, told = self.server.admin("PUT", "/v1/pushcert", cli("lab", "pushcert").stdout.encode())
        assert status == 200, told

    def kill(self):
        """Power cut, and the same server again."""
        self.cpu_before += self.cpu()
        self.server.kill9()
        for thread in self.server._threads:
            thread.join(PATIENCE)
        self.logs.append(self.server.log())
        self.server = Server(self.tmp, **self.settings)

    def link(self, uses):
        return self.server.cli("enroll", "link", "--uses", uses).stdout.split("\n")[0]

    def cpu(self):
        """Seconds of the server's processor time."""
        stat = pathlib.Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / TICK_HZ

    def rss(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def phase(self, name, run):
        begin, cpu = time.monotonic(), self.cpu_before + self.cpu()
        count = run()
        self.ledger.read()
        self.figures.append((name, count, time.monotonic() - begin, self.cpu_before + self.cpu() - cpu, self.rss()))
        self.say("  %-58s %7d %8.1f s %8.1f s %8.1f MiB" % self.figures[-1])

    # ---- what happens ----
    def queue(self, ids, request_type, **keys):
        command = str(uuid.uuid4())
        body = plist(CommandUUID=command, Command={"RequestType": request_type, **keys})
        status, told = self.server.admin("PUT", "/v1/enqueue/" + urllib.parse.quote(",".join(ids), safe=",:@"), body)
        assert status in (200, 207), (status, str(told)[:500])  # 207: some pushes are sent later
        self.queued[command] = (request_type, ids)
        return command

    def settled(self, *commands):
        return all(self.ledger.settled[c] == len(self.queued[c][1]) for c in commands)

    def enroll(self):
        self.lab = Process(["lab", "device", self.link(self.n), "--count", self.n, "--mix", "--notnow", 1, "--renew", 1,
                            "--return", self.link(self.n), "--ledger", self.ledger.path, "--connections", 64, "--checkout",
                            "--apns-control", self.control["control"]], cwd=self.tmp)
        self.ledger.wait(lambda: len(self.ledger.enrolled) == self.channels, "enrollments")
        return self.n

    def first_command(self):
        """One for each channel, which puts it off once and comes again by itself, as its session ended with that. A device renews
        its identity by itself after the first command that it acknowledged."""
        c = self.queue(list(self.ledger.enrolled), "InstallProfile", Payload=PROFILE)
        self.ledger.wait(lambda: self.settled(c) and self.ledger.devices(self.ledger.renewed) == self.n, "first command and renewals")
        return self.channels

    def commands_and_kill(self):
        ids = list(self.ledger.enrolled)
        both = [self.queue(ids, "DeviceInformation", Queries=["DeviceName", "OSVersion"]), self.queue(ids, "SecurityInfo")]
        self.ledger.wait(lambda: sum(self.ledger.settled[c] for c in both) > len(ids) * 2 // 3, "a third of the commands")
        self.kill()
        self.ledger.wait(lambda: self.settled(*both), "commands after the kill")
        return 2 * len(ids)

    def wave(self):
        """A few renewals as an operator starts them: by an update of the enrollment profile."""
        chosen = [i for i in self.ledger.enrolled if ":" not in i][::self.n // WAVE]
        for device in chosen:
            self.server.cli("identity", "renewals", "--start", device)
        self.server.cli("push", *chosen)  # the server by itself pushes once a minute at most
        self.ledger.wait(lambda: all(self._renewal(i) == "done" for i in chosen), "renewals by profile")
        return len(chosen)

    def _renewal(self, device):
        return {r["device"]: r["state"] for r in reversed(self.server.cli_json("identity", "renewals")["renewals"])}.get(device)

    def erase(self):
        """A tenth forgets everything, and comes back as a new generation."""
        whole = [i for i, kind in self.server.rows("SELECT id, type FROM enrollment ORDER BY seq") if kind == "Device"]
        erased = whole[::len(whole) // (self.n // 10)][:self.n // 10]
        c = self.queue(erased, "EraseDevice")
        again = [i for i in self.ledger.enrolled if i.split(":")[0] in set(erased)]
        self.ledger.wait(lambda: self.settled(c) and all(self.ledger.enrolled[i] == 2 for i in again), "the return of the erased")
        return len(erased)

    def last_commands(self):
        """What may be done once only, and a query; the devices that came back have them, too."""
        ids = list(self.ledger.enrolled)
        both = [self.queue([i for i in ids if ":" not in i], "RestartDevice"), self.queue(ids, "ProfileList")]
        self.ledger.wait(lambda: self.settled(*both), "last commands")
        return self.n + len(ids)

    def check_out(self):
        self.lab.process.send_signal(signal.SIGTERM)
        self.ledger.wait(lambda: self.lab.process.poll() is not None, "check-outs")
        assert self.lab.wait() == 0, self.lab.log()[-4000:]
        return self.n

    # ---- what must be true ----
    def expected(self, request_type, channel):
        """What kinds of answers there may be, whatever the ledger says."""
        if request_type == "SecurityInfo" and "@" in channel:  # users of a Shared iPad do not know it
            return ("Error",)
        return ("Acknowledged", "Error") if request_type == "RestartDevice" else ("Acknowledged",)

    def statuses(self, command):
        """What the server says of a command, channel by channel."""
        found, before = {}, 0
        while before is not None:
            status, told = self.server.admin("GET", f"/api/v1/commands/{command}?limit={PAGE}&cursor={before}")
            assert status == 200, told
            found.update((t["id"], t["status"]) for t in told["targets"])
            before = told.get("next")
        return found

    def account(self, command, server, wrong):
        """Compares what the server says of a command with what the devices did."""
        request_type, ids = self.queued[command]
        if sorted(server) != sorted(ids):
            wrong.append(f"{request_type}: the server knows {len(server)} channels of {len(ids)}")
        for channel in ids:
            done = self.ledger.commands.get((command, channel)) or Done()
            said = server.get(channel)
            if done.executed != 1:
                wrong.append(f"{channel}: {request_type} was done {done.executed} times")
            if said != done.status or said not in self.expected(request_type, channel):
                wrong.append(f"{channel}: {request_type} is {said} here and {done.status} on the device")
        if request_type == "RestartDevice":
            refused = sum(s == "Error" for s in server.values())
            if refused != self.n * NO_RESTART // 100:
                wrong.append(f"{refused} devices refused to restart")

    def check(self):
        """Everything that is not as it must be, in words."""
        wrong, led, tenth = [], self.ledger, self.n // 10
        for command in self.queued:
            self.account(command, self.statuses(command), wrong)
        for what, is_, must in (
                ("devices renewed", led.devices(led.renewed), self.n), ("devices were erased", len(led.erased), tenth),
                ("devices checked out", len(led.left), self.n), ("enrollments", sum(led.enrolled[i] for i in led.enrolled if ":" not in i), self.n + tenth)):
            if is_ != must:
                wrong.append(f"{is_} {what}, not {must}")
        wrong += [f"{channel}: a command of the server's own was done {done.executed} times"  # renewals
                  for (command, channel), done in led.commands.items() if command not in self.queued and done.executed != 1]
        sql = self.server.rows
        if (enabled := sql("SELECT count(*) FROM enrollment WHERE enabled")[0][0]):
            wrong.append(f"{enabled} channels are enrolled after the check-out")
        if (known := sql("SELECT count(*) FROM enrollment")[0][0]) != self.channels:
            wrong.append(f"the server knows {known} channels of {self.channels}")
        if (byod := sql("SELECT count(*) FROM enrollment WHERE type = 'User Enrollment (Device)'")[0][0]) != self.n * USER_ENROLLED // 100:
            wrong.append(f"{byod} User Enrollments")
        if (open_ := sql("SELECT count(*) FROM target WHERE status IN ('Queued', 'Sent', 'NotNow')")[0][0]):
            wrong.append(f"{open_} commands are not settled")
        return wrong + [line for log in self.logs for line in log.split("\n") if "level=error" in line]

    def warnings(self):
        found = re.findall(r'level=warn msg=("[^"]*"|\S+)', "\n".join(self.logs))
        return collections.Counter(w.strip('"') for w in found)

    def report(self):
        done = self.ledger.commands.values()
        kinds = dict(self.server.rows("SELECT type, count(*) FROM enrollment GROUP BY type"))
        self.say("\n  channels by kind: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
        self.say("  commands done: %d; put off by NotNow first: %d; answers that were lost and sent again: %d" % (
            sum(d.executed for d in done), sum(d.notnow > 0 for d in done), sum(d.lost for d in done)))
        self.say("  identities issued: %d" % self.server.rows("SELECT count(*) FROM identity")[0][0])
        self.say("  warnings in the log: " + (", ".join(f"{n} {w}" for w, n in sorted(self.warnings().items())) or "none"))

    def play(self):
        """All of it. Gives what was wrong."""
        self.start()
        self.say("  %-58s %7s %10s %10s %12s" % ("", "count", "time", "CPU", "memory"))
        self.phase("devices enroll", self.enroll)
        self.phase("a command each, put off once; devices renew by themselves", self.first_command)
        self.phase("two commands each; the server is killed", self.commands_and_kill)
        self.phase("renewals by an update of the profile", self.wave)
        self.phase("a tenth is erased and comes back", self.erase)
        self.phase("restart each device, a query for each channel", self.last_commands)
        self.phase("devices check out", self.check_out)
        self.logs.append(self.server.log())
        wrong = self.check()
        self.report()
        self.server.stop()
        self.apns.stop()
        return wrong


def main():
    devices = int(sys.argv[1]) if len(sys.argv) > 1 else DEVICES
    if devices < 100 or devices % 100:
        sys.exit("soak.py: DEVICES is a multiple of 100")
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="pomona-soak-"))
    for name in [n for n in os.environ if n.startswith("POMONA_") and n != "POMONA_BIN"]:
        del os.environ[name]  # what it says is for the caller's own server
    os.environ.setdefault("TMPDIR", str(tmp))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the children are ended by us
    soak = Soak(tmp, devices, say=lambda text: print(text, flush=True))
    try:
        wrong = soak.play()
    finally:
        for process in (soak.lab, soak.server, soak.apns):
            if process and process.process.poll() is None:
                process.kill9()
        shutil.rmtree(tmp, ignore_errors=True)
    for line in wrong[:50]:
        print("WRONG: " + line)
    print(f"  {len(wrong)} wrong" if wrong else "  Every command was done exactly once, none was lost, and the log holds no error.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
