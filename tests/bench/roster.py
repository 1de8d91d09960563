#!/usr/bin/python3
"""What lists of a large fleet cost.

usage: roster.py [--csv FILE] [--devices N] [--requests N]

A server with N devices (100,000), each with an inventory, is asked for filtered and sorted pages of 100 by its API over one kept connection: how long an
answer takes (50 and 99 of 100), and the server's processor time; while 100 devices a second are changed beside it; what the fleet takes in
memory, and how long after its start the first list is there. The same of a word that is typed letter by letter, of the page that the console shows first
(/api/v1/overview), and of a mass command, which 0 and 5 who follow /api/v1/events hear of. The program is POMONA_BIN, set by `./dev bench roster`.
"""
import argparse
import contextlib
import csv
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
os.environ.setdefault("TMPDIR", tempfile.gettempdir())
from fleet import enroll, now_us  # noqa: E402
from harness import Server, cli  # noqa: E402
import http.client  # noqa: E402

TOPIC = "com.apple.mgmt.External.bench"
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
QUESTIONS = [("all, by enrollment", "", ""),
             ("platform=macos os<15, by name", "platform=macos os<15", "name"),
             ("filevault=off last-seen>7d, longest first", "filevault=off last-seen>7d", "last-seen"),
             ("three fields or two, by os", "(platform=ios and os>=18 and supervised) or battery<0.1 or user=\"\"", "-os"),
             ("a word alone", "berta", "name"),
             ("a word that nobody has", "nobody-has-it", "")]


def cpu_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def memory_mb(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) * 1024 / 1e6


def describe(database, n):
    """Names, systems and inventories, as a mixed fleet has them."""
    dice, at = random.Random(1), now_us()
    names = ("Anna", "Berta", "Clara", "Dora", "Emil", "Frida", "Gustav", "Hanna")
    kinds = (("Mac16,10", "macOS", ("14.7.1", "15.1", "26.0")), ("iPhone17,1", "iOS", ("17.7", "18.1.1", "26.1")), ("iPad16,3", "iPadOS", ("18.1", "26.0")))
    devices, facts, seen = [], [], []
    for i in range(1, n + 1):
        product, kind, versions = dice.choice(kinds)
        name = dice.choice(names)
        mac = product.startswith("Mac")
        devices.append((f"C{i:011X}", f"{name}'s {kind} {i}", "MK1E3LL/A", product, dice.choice(versions), "24B83",
                        f"{name} Example" if dice.random() < 0.8 else None, f"{name.lower()}@example.org", f"A-{i:06d}", f"FLEET-{i}"))
        told = {"supervised": dice.random() < 0.7, "hostname": f"host-{i}.example.org", "capacity": 494.38, "free-space": round(dice.random() * 400, 2),
                "battery": round(dice.random(), 2), "wifi-mac": f"a4:83:e7:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}", "passcode": True,
                "passcode-compliant": dice.random() < 0.95, "activation-lock": False, "ade": True, "user-approved": True}
        if mac:
            told.update({"filevault": dice.random() < 0.9, "firewall": True, "sip": True, "secure-boot": "full", "apple-silicon": True})
        else:
            told.update({"imei": f"35 {i:012d}", "cellular": 1, "roaming": False})
        facts.append((json.dumps(told), at, f"FLEET-{i}"))
        seen.append((at - int(dice.random() * 14 * 86400e6), f"FLEET-{i}"))
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.executemany("UPDATE device SET serial_number=?, device_name=?, model=?, product_name=?, os_version=?, build_version=?, assigned_user=?, email=?, "
                       "asset_tag=? WHERE id=?", devices)
        db.executemany("INSERT INTO inventory (device, facts, taken_at) SELECT seq, ?, ? FROM device WHERE id = ?", facts)
        db.executemany("UPDATE enrollment SET last_seen = ? WHERE id = ?", seen)


class Bench:
    def __init__(self, folder, devices, requests):
        self.folder, self.devices, self.requests, self.rows = folder, devices, requests, []
        self.data = folder / "data"
        first = Server(folder, data=self.data)
        status, told = first.admin("PUT", "/v1/pushcert", cli("lab", "pushcert", "--topic", TOPIC).stdout.encode())
        assert status == 200, told
        first.stop()
        empty = Server(folder, data=self.data)
        empty.admin("GET", "/api/v1/devices")
        self.empty_mb = memory_mb(empty.process.pid)
        empty.stop()
        enroll(self.data / "pomona.db", devices, TOPIC)
        describe(self.data / "pomona.db", devices)

    def start(self):
        begun = time.monotonic()
        self.server = Server(self.folder, data=self.data)
        self.link = http.client.HTTPConnection(*self.server.admin_address)
        self.ask("", "")
        took = time.monotonic() - begun
        grown = memory_mb(self.server.process.pid) - self.empty_mb
        print(f"  {self.devices:,} devices: the first list {took:.1f} s after the start, {grown:.0f} MB more than without devices "
              f"({grown * 1e6 / self.devices:.0f} bytes each, with what SQLite keeps)\n", flush=True)

    def ask(self, text, sort):
        query = urllib.parse.urlencode({"filter": text, "sort": sort, "limit": 100}, quote_via=urllib.parse.quote)
        begun = time.perf_counter()
        self.link.request("GET", f"/api/v1/devices?{query}", headers={"Authorization": f"Bearer {self.server.token}"})
        answer = self.link.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        assert answer.status == 200, body
        return took, body

    def question(self, name, text, sort):
        times, before = [], cpu_ms(self.server.process.pid)
        for _ in range(self.requests):
            took, body = self.ask(text, sort)
            times.append(took)
        cpu = (cpu_ms(self.server.process.pid) - before) / self.requests
        self.tell(name, json.loads(body)["total"], times, cpu)

    def ask_path(self, path, method="GET", body=None):
        begun = time.perf_counter()
        self.link.request(method, path, body, {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"})
        answer = self.link.getresponse()
        data = answer.read()
        took = (time.perf_counter() - begun) * 1000
        assert answer.status < 300, data
        return took, data

    def tell(self, name, match, times, cpu):
        times.sort()
        row = {"question": name, "match": match, "p50 ms": times[len(times) // 2], "p99 ms": times[int(len(times) * 0.99)], "cpu ms": cpu}
        self.rows.append(row)
        print(f"  {name:<44} {match:8,} {row['p50 ms']:8.1f} {row['p99 ms']:8.1f} {cpu:8.1f}", flush=True)

    def typing(self, word):
        """As the console asks: after each letter."""
        times, before = [], cpu_ms(self.server.process.pid)
        for i in range(self.requests):
            took, body = self.ask(word[:i % len(word) + 1], "name")
            times.append(took)
        self.tell(f"typing {word!r}", json.loads(body)["total"], times, (cpu_ms(self.server.process.pid) - before) / self.requests)

    def overview(self, name):
        times, before, n = [], cpu_ms(self.server.process.pid), self.requests // 5
        for _ in range(n):
            took, body = self.ask_path("/api/v1/overview")
            times.append(took)
        self.tell(name, json.loads(body)["devices"]["total"], times, (cpu_ms(self.server.process.pid) - before) / n)

    def follow(self, heard, stop):
        """One who follows what changes; counts bytes."""
        link = http.client.HTTPConnection(*self.server.admin_address)
        link.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {self.server.token}"})
        answer = link.getresponse()
        while not stop.is_set():
            line = answer.readline()
            heard["bytes"] += len(line)
            heard["resets"] += line.startswith(b"event: reset")
        link.close()

    def mass_command(self, followers, devices=10_000):
        stop, heard = threading.Event(), {"bytes": 0, "resets": 0}
        threads = [threading.Thread(target=self.follow, args=(heard, stop), daemon=True) for _ in range(followers)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        before = cpu_ms(self.server.process.pid)
        body = json.dumps({"request_type": "DeviceInformation", "arguments": {"Queries": ["DeviceName"]}, "push": False, "force": True,
                           "ids": [f"FLEET-{i}" for i in range(1, devices + 1)]})
        took, _ = self.ask_path("/api/v1/commands", "POST", body)
        time.sleep(1)
        cpu = cpu_ms(self.server.process.pid) - before
        stop.set()
        print(f"  one command for {devices:,}, {followers} follow: {took:.0f} ms, {cpu * 1000 / devices:.1f} µs of processor each; "
              f"{heard['bytes'] / 1000:.0f} kB were told, {heard['resets']} times: read all again", flush=True)

    def changing(self, stop):
        link = http.client.HTTPConnection(*self.server.admin_address)
        n = 0
        while not stop.is_set():
            n += 1
            link.request("PATCH", f"/api/v1/devices/FLEET-{n % self.devices + 1}", json.dumps({"note": f"change {n}"}),
                         {"Authorization": f"Bearer {self.server.token}", "Content-Type": "application/json"})
            assert link.getresponse().read()
            time.sleep(0.01)

    def run(self):
        print(f"  {'pages of 100':<44} {'match':>8} {'p50 ms':>8} {'p99 ms':>8} {'cpu ms':>8}")
        for question in QUESTIONS:
            self.question(*question)
        stop = threading.Event()
        beside = threading.Thread(target=self.changing, args=(stop,))
        beside.start()
        self.question("the second, while others change", *QUESTIONS[1][1:])
        stop.set()
        beside.join()
        self.typing("berta example")
        self.overview("overview")
        self.mass_command(0)
        self.overview("overview, 10,000 commands wait")
        self.mass_command(5)
        self.mass_command(0)
        self.mass_command(5)
        self.link.close()
        self.server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pomona-bench-"))
    try:
        bench = Bench(folder, options.devices, options.requests)
        bench.start()
        bench.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.csv:
        with options.csv.open("w", newline="") as f:
            out = csv.DictWriter(f, bench.rows[0])
            out.writeheader()
            out.writerows(bench.rows)


if __name__ == "__main__":
    main()
