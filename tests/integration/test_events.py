"""What changes is told as it happens, over a stream of server-sent events."""
import functools
import http.client
import json
import socket
import threading
import time

from harness import CA, Device, Server, cli, tls_context, until

TIMEOUT = 120
PATIENCE = 30


class Follower:
    """Follows /api/v1/events on a thread; `changes` is all that it was told so far."""

    def __init__(self, server, last=None, token=None, context=None):
        self.changes, self.last, self.resets, self.ended = [], None, 0, False
        headers = {"Authorization": f"Bearer {token or server.token}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        kind = functools.partial(http.client.HTTPSConnection, context=context) if context else http.client.HTTPConnection
        self.connection = kind(server.admin_address[0].replace("0.0.0.0", "127.0.0.1"), server.admin_address[1], timeout=PATIENCE)
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.sock = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        if self.status == 200:
            assert self.answer.headers["Content-Type"] == "text/event-stream"
            assert self.answer.headers["Cache-Control"] == "no-store"
            self.thread = threading.Thread(target=self._follow, daemon=True)
            self.thread.start()
            until(lambda: self.last is not None, "the greeting")

    def _follow(self):
        event = None
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    self.last = int(value)
                elif name == "event":
                    event = value
                elif name == "data":
                    self.resets += event == "reset"
                    self.changes += json.loads(value) if event == "changes" else []
        except (OSError, http.client.HTTPException):
            pass
        self.ended = True

    def kinds(self):
        return [c["kind"] for c in self.changes]

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)


def command_states(follower, uuid):
    return [c["data"]["status"] for c in follower.changes if c.get("command") == uuid]


def test_a_restart_is_followed_from_queued_to_acknowledged(tmp):
    ca = CA()
    server = Server(tmp, tls="off", device_ca=ca.file(tmp))
    server.push_cert()
    device = Device(server, ca.identity("LIVE-1", "ec")).enroll()
    follower = Follower(server)
    status, answer = server.admin("POST", "/api/v1/commands", {"request_type": "RestartDevice", "ids": [device.udid]})
    assert status < 300, answer
    uuid = answer["command_uuid"]
    until(lambda: "Queued" in command_states(follower, uuid), "queued")
    until(lambda: any("push" in c.get("data", {}).get("what", []) for c in follower.changes), "the wake-up")
    assert device.idle()[0] == 200
    until(lambda: "Sent" in command_states(follower, uuid), "sent")
    until(lambda: any("seen" in c.get("data", {}).get("what", []) for c in follower.changes), "the device")
    device.report(uuid)
    until(lambda: "Acknowledged" in command_states(follower, uuid), "acknowledged")
    assert {c["device"] for c in follower.changes if "device" in c} == {device.udid}
    assert follower.resets == 0


def test_what_was_missed_is_told_and_a_shutdown_waits_for_nobody(tmp):
    server = Server(tmp, tls="off")
    server.push_cert()
    first = Follower(server)
    before = first.last
    server.cli("enroll", "link")
    until(lambda: "link.created" in first.kinds(), "the link")
    until(lambda: "links.changed" in first.kinds(), "the hint")
    first.close()
    server.cli("enroll", "link")
    server.cli("enroll", "link")
    second = Follower(server, before)
    until(lambda: second.kinds().count("link.created") >= 3, "what was missed")
    assert second.kinds().count("link.created") == 3
    third = Follower(server, second.last + 1000)
    until(lambda: third.resets == 1, "the reset")
    assert server.admin("GET", "/api/v1/events?after=x")[0] == 400
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 8
    until(lambda: second.ended and third.ended, "the end")


def test_it_ends_with_the_token(tmp):
    server = Server(tmp, tls="off")
    _, made = server.admin("POST", "/api/v1/tokens", {"name": "looker", "role": "viewer"})
    looker, admin = Follower(server, token=made["token"]), Follower(server)
    assert server.admin("DELETE", "/api/v1/tokens/looker")[0] < 300
    until(lambda: looker.ended, "the end")
    assert not admin.ended and Follower(server, token=made["token"]).status == 401
    _, made = server.admin("POST", "/api/v1/tokens", {"name": "other", "role": "viewer", "scopes": ["devices"]})
    assert Follower(server, token=made["token"]).status == 403


def test_it_goes_on_over_tls(tmp):
    server = Server(tmp, admin_listen="0.0.0.0:0")
    follower = Follower(server, context=tls_context())
    for _ in range(2):
        seen = len(follower.changes)
        cli("enroll", "link", "--anyway", "--data", server.data, "--server", f"https://127.0.0.1:{server.admin_address[1]}")
        until(lambda seen=seen: "link.created" in follower.kinds()[seen:], "the link")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 8
    until(lambda: follower.ended, "the end")


def test_one_has_8_places_and_a_token_is_needed(tmp):
    server = Server(tmp, tls="off")
    followers = [Follower(server) for _ in range(8)]
    assert Follower(server).status == 503
    status, told = server.admin("GET", "/api/v1/events")
    assert status == 503 and "already follows what changes 8 times: close a page" in told["error"]["message"]
    _, made = server.admin("POST", "/api/v1/tokens", {"name": "looker", "role": "viewer"})
    assert Follower(server, token=made["token"]).status == 200
    followers[0].close()

    def comes_in():
        extra = Follower(server)
        return extra.status == 200

    until(comes_in, "a place that is free again")
    assert server.admin("GET", "/api/v1/events", token="wrong")[0] == 401
