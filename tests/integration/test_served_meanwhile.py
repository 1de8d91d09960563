"""What takes its time holds up nobody else: lists of a fleet that is being read after a start, and floods of logins.

Threads of the server are held by interpose.c, so that the order of events shows it, and no clock."""
import plistlib
import threading
import uuid

from accounts import Browser, person
from harness import CA, Device, Server, preload, until

FLEET = (("GET", "/devices?limit=5"), ("GET", "/devices/export"), ("GET", "/overview"), ("GET", "/groups"), ("GET", "/profiles?devices=yes"),
         ("POST", "/groups/nobodys/plan"), ("POST", "/commands"), ("GET", "/devices?filter=group%3Dnobodys"))
MATCHING = {"request_type": "DeviceInformation", "filter": "platform=ios", "arguments": {"Queries": ["DeviceName"]}}
ROUNDS = 3  # more of them than threads that could wait


class Asking(threading.Thread):
    """One request on a connection of its own, and its answer."""

    def __init__(self, server, method, path, body=None, token=None, headers=None):
        super().__init__(daemon=True)
        self.server, self.args, self.answer = server, (method, "/api/v1" + path, body, token, headers), None
        self.start()

    def run(self):
        self.answer = self.server.admin(*self.args)


def ask_for_the_fleet(server):
    return [Asking(server, method, path, MATCHING if path == "/commands" else {} if method == "POST" else None)
            for _ in range(ROUNDS) for method, path in FLEET]


def others_are_served(server, device, logs_in=True):
    """Of every kind one: what needs no thread that waits, what has a thread that may, and the devices."""
    assert server.admin("GET", "/healthz")[0] == 200
    assert not logs_in or Browser(server).log_in("anna")[0] == 200
    for path in ("/users", "/audit", f"/devices/{device.udid}", f"/devices/{device.udid}/why", "/commands", "/pushcerts", "/profiles"):
        assert server.admin("GET", f"/api/v1{path}")[0] == 200, path
    command = str(uuid.uuid4())
    asked = {"ids": [device.udid], "command_uuid": command, "request_type": "DeviceInformation", "arguments": {"Queries": ["DeviceName"]}, "push": False}
    assert server.admin("POST", "/api/v1/commands", asked)[0] == 200
    assert plistlib.loads(device.idle()[2])["CommandUUID"] == command
    assert device.report(command, QueryResponses={"DeviceName": "M"})[0] == 200
    assert server.command(command, device.udid) == "Acknowledged"
    server.push_cert()  # on a thread that may ask others


def fleet_of_one(tmp):
    """A server that was stopped, with a device and a person; then its settings."""
    ca = CA()
    settings = {"tls": "off", "device_ca": ca.file(tmp), "apns_url": "https://127.0.0.1:1"}
    server = Server(tmp, **settings)
    server.push_cert()
    person(server, "anna")
    device = Device(server, ca.identity("M-1"))
    assert device.enroll(ProductName="Mac16,10", OSVersion="15.1")
    server.stop()
    return settings, device


def held(tmp, threads, data, settings):
    """A server whose threads of that name stand still while the file is there."""
    file = tmp / "hold"
    file.touch()
    return file, Server(tmp, data=data, env={"LD_PRELOAD": preload(), "INTERPOSE_HOLD": f"{threads}:{file}"}, **settings)


class LoggingIn(threading.Thread):
    """Somebody else from somewhere else, who guesses."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.browser, self.number, self.answer = Browser(server, peer=f"198.51.100.{number}"), number, None
        self.start()

    def run(self):
        self.answer = self.browser.log_in(f"nobody-{self.number}")


def test_only_who_asks_for_the_fleet_waits_until_it_is_read(tmp):
    settings, device = fleet_of_one(tmp)
    hold, server = held(tmp, "roster", tmp / "data", settings)
    device.server = server
    token = server.admin("POST", "/api/v1/tokens", {"name": "revoked", "role": "admin"})[1]["token"]
    by_token = Asking(server, "POST", "/groups", {"name": "late"}, token, {"Idempotency-Key": "late"})
    until(lambda: server.rows("SELECT 1 FROM idempotency WHERE key = 'late'"), "its beginning")
    assert server.admin("DELETE", "/api/v1/tokens/revoked")[0] == 204
    asking = ask_for_the_fleet(server)
    others_are_served(server, device)
    assert [a.args for a in asking if a.answer] == []
    hold.unlink()
    for a in (by_token, *asking):
        a.join()
    assert by_token.answer[0] == 401 and server.rows("SELECT who FROM audit WHERE status = 401") == [("token:revoked",)]
    wanted = {"/commands": 404, "/devices?filter=group%3Dnobodys": 404}
    assert [(a.args, a.answer) for a in asking if a.answer[0] != wanted.get(a.args[1].removeprefix("/api/v1"), 200)] == []
    others_are_served(server, device)
    server.stop()
    # Who waits when the server ends is answered.
    hold, server = held(tmp, "roster", tmp / "data", settings)
    asking = Asking(server, "POST", "/groups", {"name": "later"}, headers={"Idempotency-Key": "later"})
    until(lambda: server.rows("SELECT 1 FROM idempotency WHERE key = 'later'"), "its beginning")
    server.process.terminate()
    server.wait_log(msg="stopping")
    hold.unlink()
    asking.join()
    assert asking.answer[0] == 201
    assert server.wait() == 0


def test_a_flood_of_logins_holds_up_nobody_else(tmp):
    settings, device = fleet_of_one(tmp)
    hold, server = held(tmp, "logins", tmp / "data", {**settings, "trusted_proxies": "127.0.0.1"})
    device.server = server
    flood = [LoggingIn(server, number) for number in range(1, 61)]
    others_are_served(server, device, logs_in=False)
    assert server.admin("GET", "/api/v1/devices")[1]["total"] == 1
    assert [f.number for f in flood if f.answer] == []
    hold.unlink()
    for f in flood:
        f.join()
    assert {f.answer[0] for f in flood} == {401}
    assert Browser(server).log_in("anna")[0] == 200
