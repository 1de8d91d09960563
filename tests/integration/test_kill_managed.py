"""kill -9 while plans are made and sent, and while operators add profiles, packages and tables and let devices go: after each start
what was answered 2xx is there, nothing is there by half, no file is left over; in the end all devices have what their group gives."""
import base64
import collections
import contextlib
import http.client
import itertools
import json
import random
import sqlite3
import threading
import time

import xar
from harness import Server, until
from test_groups import profile
from test_lab import Lab, free_port

TIMEOUT = 240
MACS, LEAVING, GIVEN, FILES = 20, 6, 4, 5
GONE = (OSError, http.client.HTTPException)
# Of one transaction each: what a server that was killed may not have left behind.
BROKEN = {
    "an item that was sent without its command": "SELECT i.seq FROM plan_item i WHERE i.state = 'sent' AND NOT EXISTS (SELECT 1 FROM command c "
    "JOIN target t ON t.command = c.seq WHERE c.uuid = i.command AND t.enrollment = i.enrollment)",
    "a command of a plan that waits twice": "SELECT t.enrollment, c.collapse_key FROM target t JOIN command c ON c.seq = t.command WHERE "
    "t.waiting = 1 AND c.collapse_key LIKE 'pomona.plan.%' GROUP BY 1, 2 HAVING count(*) > 1",
    "a plan at work that nothing goes on with": "SELECT device FROM plan WHERE state = 'working' AND due_at IS NULL AND NOT EXISTS "
    "(SELECT 1 FROM plan_item i WHERE i.device = plan.device)",
    "an offboarding without its command": "SELECT device FROM offboarding o WHERE NOT EXISTS (SELECT 1 FROM command WHERE uuid = o.command)",
    "a removal without its offboarding": "SELECT c.uuid FROM command c WHERE c.request_type = 'RemoveProfile' AND c.created_by = 'admin' "
    "AND NOT EXISTS (SELECT 1 FROM offboarding o WHERE o.command = c.uuid)",
}


class Operator:
    """Does one thing after the other until the server is gone; keeps what was answered, and what was open then."""

    def __init__(self, ids):
        self.ids, self.leaving = ids, iter(ids[-LEAVING:])
        self.numbers = itertools.count(1)
        self.folders, self.packages, self.tags, self.left = ({} for _ in range(4))  # number or id: was it answered?
        self.error, self.done = None, 0

    def call(self, done, key, method, path, body, content_type="application/json"):
        done[key] = False
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, body, {"Authorization": f"Bearer {self.token}", "Content-Type": content_type})
        answer = self.connection.getresponse()
        told = answer.read()
        assert answer.status in (200, 201, 202), (path, answer.status, told)
        done[key] = True
        self.done += 1

    def acts(self):
        n = next(self.numbers)
        files = [{"name": f"{i}.mobileconfig", "data": base64.b64encode(profile(f"com.example.kill.{n}.{i}")).decode()} for i in range(FILES)]
        self.call(self.folders, n, "POST", "/api/v1/profiles", {"files": files})
        self.call(self.packages, n, "PUT", f"/api/v1/packages/kill-{n}.pkg", xar.package(payload=b"%d" % n * 300_000), "application/octet-stream")
        table = "id,tag\n" + "".join(f"{device},tag {n}\n" for device in self.ids)
        self.call(self.tags, n, "POST", "/api/v1/devices/import", table.encode(), "text/csv")
        device = next(self.leaving, None) if n % 4 == 0 else None
        if device:
            self.call(self.left, device, "POST", f"/api/v1/devices/{device}/offboard", {"reason": "sold", "way": "unenroll", "anyway": True})

    def live(self, server):
        self.token = server.token
        try:
            with contextlib.closing(http.client.HTTPConnection(*server.admin_address)) as self.connection:
                while True:
                    self.acts()
                    time.sleep(0.05)  # so that the server has time for its devices
        except GONE:
            pass
        except BaseException as e:  # told by the test's own thread
            self.error = e

    def check(self, server):
        kept = collections.Counter(row[0].split(".")[3] for row in server.rows("SELECT identifier FROM profile WHERE identifier LIKE 'com.example.kill.%'"))
        for n, answered in self.folders.items():
            assert kept[str(n)] == FILES or (not answered and not kept[str(n)]), f"of folder {n} ({answered}) there are {kept[str(n)]} profiles"
        packages = dict(server.rows("SELECT name, file FROM package"))
        on_disk = {f.name for f in (server.data / "files").iterdir()} if packages else set()
        assert set(packages.values()) == on_disk, "rows and files are not the same"
        assert all(f"kill-{n}.pkg" in packages for n, answered in self.packages.items() if answered)
        tags, = [{row[0] for row in server.rows("SELECT DISTINCT asset_tag FROM device")}]
        newest = max((n for n, answered in self.tags.items() if answered), default=0)
        assert len(tags) == 1 and (not newest or int(tags.pop().split()[1]) >= newest), (tags, newest)
        leaving = {row[0] for row in server.rows("SELECT d.id FROM offboarding o JOIN device d ON d.seq = o.device")}
        assert all(device in leaving for device, answered in self.left.items() if answered)


def kill_when(server, moment, operator):
    """Power cut as soon as the database says so (moment is SQL) or so many seconds have gone by, the operator at work."""
    thread = threading.Thread(target=operator.live, args=(server,))
    thread.start()
    with contextlib.closing(sqlite3.connect(f"file:{server.data / 'pomona.db'}?mode=ro", uri=True)) as db:
        begun = time.monotonic()
        until(lambda: db.execute(moment).fetchone()[0] if isinstance(moment, str) else time.monotonic() - begun > moment, moment)
    server.kill9()
    thread.join()
    if operator.error:
        raise operator.error


def start(tmp, lab, operator):
    lab.server = Server(tmp, **lab.settings)
    for what, sql in BROKEN.items():
        assert lab.server.rows(sql) == [], what
    operator.check(lab.server)
    return lab.server


def test_kill_9_at_plans_and_operators(tmp):
    lab = Lab(tmp, admin_listen=f"127.0.0.1:{free_port()}")
    listen = ":".join(map(str, lab.server.devices_address))
    lab.settings = {"listen": listen, "public_url": f"https://localhost:{lab.server.devices_address[1]}", "apns_url": lab.apns.url, "apns_ca": lab.apns.ca}
    for i in range(GIVEN):
        (tmp / f"{i}.mobileconfig").write_bytes(profile(f"com.example.given.{i}", "Of %SerialNumber%"))
        lab.server.cli("profile", "add", tmp / f"{i}.mobileconfig")
    devices = lab.device("--count", MACS, link=lab.link(MACS))
    ids = until(lambda: (lambda words: words if len(words) == MACS else None)(devices.stdout.decode().split()), "the devices")
    operator = Operator(ids)
    given = [{"kind": "profile", "ref": f"com.example.given.{i}"} for i in range(GIVEN)]
    status, told = lab.server.admin("POST", "/api/v1/groups?confirm=1000", {"name": "macs", "rule": "platform=macos", "assign": given})
    assert status == 201, told
    # Not more lives: a server connects to APNs six times a minute at most.
    kill_when(lab.server, "SELECT count(*) > 0 FROM plan_item", operator)  # some have their plan, some have none
    kill_when(start(tmp, lab, operator), f"SELECT count(*) > {MACS * GIVEN // 3} FROM command WHERE request_type = 'InstallProfile'", operator)
    kill_when(start(tmp, lab, operator), "SELECT count(*) > 10 FROM target t JOIN command c ON c.seq = t.command WHERE c.request_type = "
              "'InstallProfile' AND t.status = 'Acknowledged'", operator)
    kill_when(start(tmp, lab, operator), random.uniform(0.05, 0.4), operator)  # the moment is what is tried here
    server = start(tmp, lab, operator)
    staying = MACS - len(server.rows("SELECT 1 FROM offboarding"))
    assert staying < MACS and operator.done > 20, (staying, operator.done)
    until(lambda: server.rows("SELECT count(*) FROM plan WHERE state = 'compliant'") == [(staying,)], "all to have what their group gives")
    # Its CheckOut may have been lost with the server: a device says it once.
    until(lambda: not server.rows("SELECT 1 FROM target WHERE status = 'Queued'"), "the others to be told to leave")
    assert server.rows("SELECT count(*) FROM plan_item") == [(0,)]
    twice = server.rows("SELECT t.enrollment, c.collapse_key FROM target t JOIN command c ON c.seq = t.command WHERE t.status = 'Acknowledged' AND "
                        "c.collapse_key LIKE 'pomona.plan.%' GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == [], f"installed more than once: {twice}"
    assert server.rows("PRAGMA integrity_check") == [("ok",)]
    devices.kill9()
    lab.stop()
