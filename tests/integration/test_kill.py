"""kill -9 at random moments with requests in flight: what was answered 2xx is there, and no command is settled twice."""
import contextlib
import http.client
import random
import sqlite3
import threading
import time
import uuid

from harness import CA, Connection, Device, Server, plist

TIMEOUT = 400
KILLS, ACKNOWLEDGED = 50, 5000
SHORTEST, LONGEST = 0.05, 0.7  # seconds until a kill
DEVICES = 6
SETTLED = ("Acknowledged", "Error", "CommandFormatError")
GONE = (OSError, http.client.HTTPException)


class Worker:
    """One device and its operator, over all lives of the server. What it asks stays `open` until the answer is there,
    and is asked again after a restart, as devices and clients of the API do."""

    def __init__(self, ca, number):
        self.ca, self.number, self.acknowledged, self.counter, self.error = ca, number, 0, 0, None
        self.device = Device(None, ca.identity(f"KILL-{number}", "ec"))
        self.tokens = []    # sent; up to and with self.token they were acknowledged
        self.token = -1
        self.commands = {}  # CommandUUID → its settling status that was acknowledged, or None: queued
        self.enrolled = []  # further devices that came in
        self.open = None    # what waits for its answer: a method and its arguments
        self.fresh = None   # an identity made ahead, since keys take time

    # ---- requests; each can be repeated ----

    def token_update(self, i):
        assert self.device.token_update(self.tokens[i])[0] == 200
        self.token = i

    def enqueue(self, command):
        body = plist(CommandUUID=command, Command={"RequestType": "DeviceInformation"})
        status, _, answer = self.admin.request("PUT", f"/v1/enqueue/{self.device.udid}?nopush=1", body, self.authorization)
        assert status == 200, answer
        self.commands.setdefault(command, None)

    def report(self, command, status):
        answer = self.device.report(command, status)
        assert answer[0] == 200, answer
        if status in SETTLED:
            self.commands[command] = status
        return answer[2]

    def authenticate(self, device):
        assert device.authenticate()[0] == 200

    def join(self, device):
        assert device.token_update(b"\x07" * 32)[0] == 200
        self.enrolled.append(device.udid)

    def ask(self, method, *args):
        self.open = (method, *args)
        answer = method(*args)
        self.open = None
        self.acknowledged += 1
        return answer

    # ---- a life of the server ----

    def another_device(self):
        device, self.fresh = Device(None, self.fresh), None
        device.connection = self.device.connection
        self.ask(self.authenticate, device)
        self.ask(self.join, device)

    def work_off(self):
        """A session of the device: it polls and reports until there is nothing more."""
        status, _, body = self.device.idle()
        for answer in ("NotNow", *random.choices(SETTLED, k=20)):
            assert status == 200
            if not body:
                return
            command = body.split(b"<key>CommandUUID</key>")[1].split(b"<string>")[1].split(b"</string>")[0].decode()
            assert self.commands.get(command) is None, f"{command} was settled, and is handed out again"
            body = self.ask(self.report, command, answer)

    def step(self):
        self.counter += 1
        self.tokens.append(f"{self.number}/{self.counter}/".encode().ljust(32, b"t"))
        self.ask(self.token_update, len(self.tokens) - 1)
        for _ in range(3):
            self.ask(self.enqueue, str(uuid.uuid4()))
        self.work_off()

    def live(self, server):
        try:
            self.authorization = {"Authorization": f"Bearer {server.token}"}
            with contextlib.closing(Connection(server.admin_address)) as self.admin, \
                    contextlib.closing(Connection(server.devices_address)) as self.device.connection:
                if self.open:
                    again, self.open = self.open, None
                    if isinstance(again[1], Device):
                        again[1].connection = self.device.connection
                    self.ask(*again)
                if self.fresh:
                    self.another_device()
                while True:
                    self.step()
        except GONE:
            pass
        except BaseException as e:  # told by the test's own thread
            self.error = e

    # ---- what must be there ----

    def check_api(self, server):
        status, answer = server.admin("GET", f"/api/v1/commands?device={self.device.udid}&limit=1000")
        assert status == 200, answer
        there = {c["command_uuid"]: c["status"] for c in answer["commands"]}
        for command, settled in list(self.commands.items())[-900:]:
            assert command in there, f"{command} was taken in with a 200 and is lost"
            assert settled in (None, there[command]), f"{command} was {settled} and is {there[command]}"

    def check_rows(self, db):
        token, = db.execute("SELECT token FROM enrollment WHERE id = ?", (self.device.udid,)).fetchone()
        assert token in self.tokens[max(self.token, 0):], f"{token} is older than {self.tokens[self.token]}"
        for udid in self.enrolled:
            assert db.execute("SELECT enabled FROM enrollment WHERE id = ?", (udid,)).fetchone() == (1,), udid

    def check_all(self, db):
        self.check_rows(db)
        statuses = dict(db.execute("SELECT c.uuid, t.status FROM target t JOIN command c ON c.seq = t.command "
                                   "JOIN enrollment e ON e.seq = t.enrollment WHERE e.id = ?", (self.device.udid,)))
        for command, settled in self.commands.items():
            assert command in statuses, f"{command} was taken in with a 200 and is lost"
            assert settled in (None, statuses[command]), f"{command} was {settled} and is {statuses[command]}"


def one_life(tmp, workers, settings):
    """Starts the server, checks what is there, lets the workers work and kills it in the midst of that."""
    server = Server(tmp, **settings)
    with contextlib.closing(sqlite3.connect(f"file:{server.data / 'pomona.db'}?mode=ro", uri=True)) as db:
        for w in workers:
            w.check_api(server)
            w.check_rows(db)
            w.fresh = w.ca.identity(f"KILL-{uuid.uuid4()}", "ec")
    threads = [threading.Thread(target=w.live, args=(server,)) for w in workers]
    for t in threads:
        t.start()
    time.sleep(random.uniform(SHORTEST, LONGEST))  # the moment is what is tried here
    server.kill9()
    for t in threads:
        t.join()
    for w in workers:
        if w.error:
            raise w.error


def test_kill_9_loses_nothing_and_settles_nothing_twice(tmp):
    ca = CA()
    settings = {"tls": "off", "device_ca": ca.file(tmp), "apns_url": "https://127.0.0.1:1"}
    workers = [Worker(ca, i) for i in range(DEVICES)]
    first = Server(tmp, **settings)
    first.push_cert()
    for w in workers:
        w.device.server = first
        w.device.enroll()
        w.tokens.append(b"\x01" * 32)
        w.token = 0
    first.stop()
    kills = 0
    while kills < KILLS or sum(w.acknowledged for w in workers) < ACKNOWLEDGED:
        one_life(tmp, workers, settings)
        kills += 1
    last = Server(tmp, **settings)
    with contextlib.closing(sqlite3.connect(f"file:{last.data / 'pomona.db'}?mode=ro", uri=True)) as db:
        for w in workers:
            w.check_api(last)
            w.check_all(db)
        twice = db.execute("SELECT enrollment, json_extract(data, '$.command_uuid'), count(*) FROM event WHERE kind = 'command.status' "
                           "AND json_extract(data, '$.status') <> 'NotNow' GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
        assert twice == [], f"settled more than once: {twice[:5]}"
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    last.stop()
    print(f"{kills} kills, {sum(w.acknowledged for w in workers)} answers")
