#!/usr/bin/python3
"""How smoothly the console's list of a large fleet scrolls.

usage: scroll.py [--csv FILE] [--devices N]

A server with N devices (100,000), each with an inventory, and Debian's Chromium, without a graphics card, that turns the wheel over the list of devices for ten
seconds each: notch by notch, without a pause, and notch by notch while others change devices. Told are the time from frame to frame (50, 95 and 99 of 100; 16.7 ms
is as smooth as it gets), what the page itself has to do for a frame (script, styles, layout), the frames that were dropped, and the frames in which the row in the middle had not come yet; and how long it takes until the rows of a
place far away are there. The program is POMONA_BIN, set by `./dev bench scroll`.
"""
import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import tempfile

from roster import Bench


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--devices", type=int, default=100_000)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pomona-bench-"))
    try:
        bench = Bench(folder, options.devices, 0)
        bench.start()
        driver = pathlib.Path(__file__).with_suffix(".mjs")
        url = "http://{}:{}".format(*bench.server.admin_address)
        out = subprocess.run(["node", driver, url, bench.data], stdout=subprocess.PIPE, text=True, check=True).stdout
        bench.server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
    print(f"  {'the wheel':<44} {'rows':>7} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'work ms':>8} {'dropped':>8} {'empty':>7}")
    for t in told["turns"]:
        print(f"  {t['name']:<44} {t['rows']:7,} {t['p50']:8.1f} {t['p95']:8.1f} {t['p99']:8.1f} {t['work']:8.1f} {t['dropped']:8.1%} {t['empty']:7.1%}")
    print(f"\n  a place far away: its rows are there after {told['jumps'][len(told['jumps']) // 2]} ms (at most {told['jumps'][-1]})")
    print("  what changed meanwhile " + ("moved the list" if told["jumped"] else "did not move the list"))
    if options.csv:
        with options.csv.open("w", newline="") as f:
            rows = csv.DictWriter(f, told["turns"][0])
            rows.writeheader()
            rows.writerows(told["turns"])


main()
