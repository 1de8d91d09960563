#!/usr/bin/python3
"""What an answer costs: a list of apps of 200 kB, from the bytes of the request to the disk.

usage: inventory.py [--csv FILE] [--answers N]

A server of its own; one device answers InstalledApplicationList N times (100) of each kind: every time another app was updated, so that lists
are compared, the answer is stored and the change is told of. Processor time is the whole server's, with TLS, signature, XML and
database; answer_bench, beside it, takes the same apart. The program is POMONA_BIN, set by `./dev bench inventory`.
"""
import argparse
import csv
import os
import pathlib
import plistlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
os.environ.setdefault("TMPDIR", tempfile.gettempdir())
from harness import CA, Device, Server  # noqa: E402

SIZE = 200_000
TICKS = os.sysconf("SC_CLK_TCK")


def app(number, version):
    return {"Identifier": f"com.example.application-{number}", "Name": f"Application {number}", "Version": f"{version}.0.{number}",
            "ShortVersion": f"{version}.0", "BundleSize": 14_680_064 + number, "DynamicSize": 4096 * number, "IsValidated": True,
            "Installing": False, "AppStoreVendable": True, "DeviceBasedVPP": False, "BetaApp": False, "AdHocCodeSigned": False,
            "HasUpdateAvailable": False, "DownloadFailed": False, "DownloadWaiting": False, "DownloadPaused": False,
            "DownloadCancelled": False, "IsAppClip": False, "Source": "App Store", "ExternalVersionIdentifier": 800_000_000 + number}


def cpu_ms(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def main(n, table):
    with tempfile.TemporaryDirectory() as tmp:
        ca = CA()
        server = Server(tmp, device_ca=ca.file(tmp), apns_url="https://localhost:1", migration_window="1h")
        server.push_cert()
        mac = Device(server, ca.identity("MAC-1")).enroll(ProductName="Mac16,10", OSVersion="15.1")
        apps = [app(0, 1)]
        while len(plistlib.dumps(apps)) < SIZE:
            apps.append(app(len(apps), 1))

        def round_of(first, count, tell):
            for i in range(first, first + count):
                server.enqueue("MAC-1", f"C{i}", "InstalledApplicationList")
            answer = mac.idle()
            before = cpu_ms(server.process.pid)
            for i in range(first, first + count):
                answer = mac.report(plistlib.loads(answer[2])["CommandUUID"], **tell(i))
            return (cpu_ms(server.process.pid) - before) / count

        def updated(i):
            apps[i % len(apps)] = app(i % len(apps), i + 2)
            return {"InstalledApplicationList": apps}

        first = round_of(0, 1, lambda i: {"InstalledApplicationList": apps})
        changed = round_of(1, n, updated)
        same = round_of(n + 1, n, lambda i: {"InstalledApplicationList": apps})
        nothing = round_of(2 * n + 1, n, lambda i: {"InstalledApplicationList": "none"})
        size = len(plistlib.dumps({"InstalledApplicationList": apps}))
        rows = [("first list of a device", 1, first), ("an app was updated", n, changed), ("nothing changed", n, same), ("answer without a list", n, nothing)]
        print(f"{len(apps)} apps, {size} bytes; processor time of the server, by a clock of {1000 // TICKS} ms")
        for what, count, ms in rows:
            print(f"{what:24}{count:6}{ms:8.1f} ms")
        if table:
            with table.open("w", newline="", encoding="utf-8") as f:
                out = csv.writer(f)
                out.writerow(("answer", "count", "ms"))
                out.writerows((what, count, f"{ms:.2f}") for what, count, ms in rows)
        server.stop()
        print("of this, in a process of its own:", flush=True)
        subprocess.run([pathlib.Path(os.environ["POMONA_BIN"]).with_name("answer_bench"), tmp, str(n)], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--answers", type=int, default=100)
    options = parser.parse_args()
    main(options.answers, options.csv)
