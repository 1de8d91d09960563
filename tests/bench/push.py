#!/usr/bin/python3
"""What a wake-up costs: one connection to nghttp2's nghttpd, each result stored durably.

usage: push.py [--csv FILE] [--devices N]

A server of its own with N devices (100,000) wakes all of them, wake-rate set high: against nghttpd with a file per token and
--verify-client; against the lab's stand-in, which answers 20 ms late; and h2load against nghttpd as the yardstick of what the
two processors can do. Pushes a second count from the moment that all are due to the last result on disk; processor time is the
server's own. The program is POMONA_BIN, set by `./dev bench push`.
"""
import argparse
import contextlib
import csv
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
os.environ.setdefault("TMPDIR", tempfile.gettempdir())
from fleet import enroll, now_us, token, wake_all  # noqa: E402
from harness import CA, Server, cli, until  # noqa: E402
from test_push import Apns  # noqa: E402

TOPIC = "com.apple.mgmt.External.bench"
STREAMS = 1000
HEAD_START = 3  # seconds from the start to the moment that all are due
TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
TARGETS = {"pushes/s": 30_000, "server us/push": 20, "late pushes/s": 10_000, "memory MB": 64}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_us(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) * TICK_US, int(fields[12]) * TICK_US


def memory_kib(pid, what):
    return int(re.search(rf"^{what}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


@contextlib.contextmanager
def nghttpd(folder, ca, *options):
    """Serves the empty file of each token; yields its port."""
    port = free_port()
    identity = ca.server()
    key, cert = folder / "nghttpd-key.pem", folder / "nghttpd-cert.pem"
    key.write_bytes(identity.key_pem)
    cert.write_bytes(identity.cert_pem)
    process = subprocess.Popen(["nghttpd", "-d", folder / "htdocs", "-m", str(STREAMS), "--address=127.0.0.1", *options, str(port), key, cert],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "nghttpd")
        yield port
    finally:
        process.terminate()
        process.wait()


class Bench:
    def __init__(self, folder, devices):
        self.folder, self.devices, self.rows = folder, devices, []
        self.data, self.ca = folder / "data", CA()
        first = Server(folder, data=self.data, apns_url="https://127.0.0.1:9")
        status, told = first.admin("PUT", "/v1/pushcert", cli("lab", "pushcert", "--topic", TOPIC).stdout.encode())
        assert status == 200, told
        first.stop()
        enroll(self.data / "pomona.db", devices, TOPIC)

    def make_docroot(self):
        root = self.folder / "htdocs/3/device"
        root.mkdir(parents=True)
        for n in range(1, self.devices + 1):
            (root / token(n).hex()).touch()

    def keep(self, name, wall, user=None, system=None, grown_kib=None):
        def per(us):
            return None if us is None else us / self.devices
        row = {"name": name, "pushes": self.devices, "seconds": wall, "a second": self.devices / wall, "user us": per(user),
               "system us": per(system), "memory MB": None if grown_kib is None else grown_kib * 1024 / 1e6}
        self.rows.append(row)
        both = "" if user is None else f"{per(user + system):8.1f} {per(user):6.1f} {per(system):6.1f}"
        grown = "" if grown_kib is None else f"{row['memory MB']:8.1f}"
        print(f"  {name:<44} {row['a second']:9,.0f} {both} {grown}", flush=True)

    def wake(self, name, url, ca_file):
        """A fresh server whose devices become due all at once."""
        due = now_us() + HEAD_START * 1_000_000
        wake_all(self.data / "pomona.db", due)
        server = Server(self.folder, data=self.data, apns_url=url, apns_ca=ca_file, wake_rate=1_000_000)
        server.wait_log(msg="connected to APNs")
        time.sleep(max(0, (due - now_us()) / 1e6 - 0.3))
        assert now_us() < due, "the server did not start in time"
        user, system = cpu_us(server.process.pid)
        before = memory_kib(server.process.pid, "VmRSS")
        until(lambda: not server.rows("SELECT 1 FROM wake WHERE due_at <= ? LIMIT 1", due), "all to be woken")
        ended = now_us()
        user_after, system_after = cpu_us(server.process.pid)
        peak = memory_kib(server.process.pid, "VmHWM")
        bad, refused = server.rows("SELECT sum(status IS NOT 200), sum(answered_at IS NULL) FROM wake")[0]
        assert not bad and not refused, (bad, refused)
        self.keep(name, (ended - due) / 1e6, user_after - user, system_after - system, peak - before)
        server.stop()

    def yardstick(self, port):
        """The same requests by h2load: as many streams, the same body."""
        uris, body = self.folder / "uris", self.folder / "body"
        uris.write_text("".join(f"https://127.0.0.1:{port}/3/device/{token(n).hex()}\n" for n in range(1, self.devices + 1)))
        body.write_text('{"mdm":"magic-%032d"}' % 1)
        headers = (f"apns-topic: {TOPIC}", "apns-push-type: mdm", "apns-priority: 10", "apns-expiration: 1700000000",
                   "apns-id: 12345678-1234-1234-1234-123456789012")
        told = subprocess.run(["h2load", "-n", str(self.devices), "-c", "1", "-m", str(STREAMS), "-d", body, "-i", uris,
                               *(f"--header={h}" for h in headers)], stdout=subprocess.PIPE, text=True, check=True).stdout
        assert f"{self.devices} succeeded" in told, told
        amount, unit = re.search(r"finished in ([\d.]+)(ms|s)", told).groups()
        self.keep("h2load, nothing stored", float(amount) / (1000 if unit == "ms" else 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="how often the first figure is taken")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pomona-bench-"))
    try:
        bench = Bench(folder, options.devices)
        bench.make_docroot()
        print(f"  {options.devices:,} wake-ups{'':<29}  pushes/s  us/push   user system   memory MB")
        ca_file = bench.ca.file(folder)
        with nghttpd(folder, bench.ca, "--verify-client") as port:
            for _ in range(options.rounds):
                bench.wake("one connection to nghttpd, results on disk", f"https://127.0.0.1:{port}", ca_file)
        with nghttpd(folder, bench.ca) as port:
            bench.yardstick(port)
        late = Apns(folder, "--delay", "20")
        bench.wake("answers 20 ms late", late.url, late.ca)
        late.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.csv:
        with options.csv.open("w", newline="") as f:
            out = csv.DictWriter(f, bench.rows[0])
            out.writeheader()
            out.writerows(bench.rows)


main()
