"""Webhooks: receivers that fail, hang and are killed, and a server that is; every event arrives, first deliveries in order."""
import base64
import contextlib
import plistlib
import threading

from harness import CA, Connection, Device, Server, plist, request, until
from receiver import KEY, Receiver

TIMEOUT = 300
DEVICES, ROUNDS, EVENTS = 30, 6, 3  # events of a device in a round


def payload(event):
    told = event.get("checkin_event") or event["acknowledge_event"]
    return plistlib.loads(base64.b64decode(told["raw_payload"]))


def word(event):
    """What tells one message of a device from another."""
    return payload(event).get("CommandUUID") or event["topic"]


def settings(tmp, ca, *receivers, **more):
    conf = tmp / "pomona.conf"
    conf.write_text("".join(f"webhook-url = {r.url}\n" for r in receivers))
    return {"tls": "off", "device_ca": ca.file(tmp), "apns_url": "https://127.0.0.1:1", "config": conf,
            "webhook_hmac_key": KEY, **more}


def told_of_urls(server, role, *scopes):
    """All that tells of receivers, as somebody of that role sees it."""
    named = {"name": f"{role}-{len(scopes)}", "role": role, **({"scopes": scopes} if scopes else {})}
    token = server.admin("POST", "/api/v1/tokens", named)[1]["token"]
    told = {}
    for path in ("/api/v1/webhooks", "/api/v1/webhooks/dead", "/api/v1/doctor", "/api/v1/overview", "/metrics"):
        status, _, told[path] = request(server.admin_address, "GET", path, None, {"Authorization": f"Bearer {token}"})
        assert status == 200, path
    return told


def enroll(server, ca, name):
    server.push_cert()
    return Device(server, ca.identity(name, "ec")).enroll()


def speak(device, number, said):
    """A round of one device on one connection; what is acknowledged by 200 is noted in said."""
    with contextlib.closing(Connection(device.server.devices_address)) as device.connection:
        for i in range(EVENTS):
            name = f"{device.udid}/{number}/{i}"
            assert device.report(name)[0] == 200
            said.append(name)


def test_a_receiver_that_fails_half_of_its_calls_and_is_killed_twice_gets_every_event_in_order(tmp):
    asked = set()

    def first_time(event):
        new = event["event_id"] not in asked
        asked.add(event["event_id"])
        return new

    receiver = Receiver(lambda event: 503 if first_time(event) else 200)
    other = Receiver()
    other.kill()  # never there: it must not hold up the first
    ca = CA()
    server = Server(tmp, **settings(tmp, ca, receiver, other))
    server.push_cert()
    devices = [Device(server, ca.identity(f"HOOK-{i}", "ec")).enroll() for i in range(DEVICES)]
    said = {d.udid: ["mdm.Authenticate", "mdm.TokenUpdate"] for d in devices}
    for number in range(ROUNDS):
        for d in devices:
            d.server = server
        threads = [threading.Thread(target=speak, args=(d, number, said[d.udid])) for d in devices]
        for t in threads:
            t.start()
        if number in (1, 3):
            receiver.kill()
        for t in threads:
            t.join()
        if number in (2, 4):
            server.kill9()
            server = Server(tmp, **settings(tmp, ca, receiver, other))
        if number in (1, 3):
            receiver.start()
    total = DEVICES * (2 + ROUNDS * EVENTS)
    assert sum(map(len, said.values())) == total
    receiver.wait(lambda: len(receiver.seen) == total, lambda: f"{len(receiver.seen)} of {total}")
    for d in devices:
        assert [word(e) for e in receiver.first[d.udid]] == said[d.udid], d.udid
    assert receiver.wrong == []
    assert receiver.calls > len(receiver.events) > 0
    states = {w["url"]: w for w in server.cli_json("webhook", "list")}
    assert all("secret" not in url for url in states)
    here = next(w for url, w in states.items() if f":{receiver.port}/" in url)
    away = next(w for url, w in states.items() if f":{other.port}/" in url)
    assert (here["dead"], away["dead"], away["due"], away["state"]) == (0, 0, total, "failing")
    receiver.kill()


def test_one_receiver_or_enrollment_that_hangs_stalls_no_other(tmp):
    # two ids of the same worker would wait for each other's timeouts: the others go on
    hanging = Receiver(lambda event: 0)
    fine = Receiver(lambda event: 500 if (event.get("acknowledge_event") or {}).get("udid") == "HANG-0" else 200)
    ca = CA()
    server = Server(tmp, **settings(tmp, ca, hanging, fine))
    server.push_cert()
    devices = [Device(server, ca.identity(f"HANG-{i}", "ec")).enroll() for i in range(8)]
    for d in devices:
        for i in range(3):
            assert d.report(f"{d.udid}/{i}")[0] == 200
    fine.wait(lambda: all(len(fine.first[d.udid]) == 5 for d in devices[1:]), lambda: dict(fine.first))
    assert [e["topic"] for e in fine.first["HANG-0"]] == ["mdm.Authenticate", "mdm.TokenUpdate"]
    assert hanging.events == []
    server.stop()  # in time although a request hangs; what hangs stays due
    assert server.rows("SELECT count(*) FROM webhook_delivery WHERE state = 'due'") == [(8 * 5 + 3,)]
    hanging.kill()
    fine.kill()


def test_tallies_tests_replay_and_a_receiver_that_is_removed(tmp):
    receiver = Receiver()
    ca = CA()
    server = Server(tmp, **settings(tmp, ca, receiver, webhook_events="all"))
    d = enroll(server, ca, "TALLY-1")
    assert d.token_update()[0] == 200
    assert d.idle()[0] == 200
    d.enroll()
    assert d.check_out()[0] == 200
    mine = receiver.first["TALLY-1"]
    receiver.wait(lambda: len(mine) == 7, lambda: mine)
    tallies = [(e["topic"], e["checkin_event"].get("token_update_tally")) for e in mine if "checkin_event" in e]
    assert tallies == [("mdm.Authenticate", None), ("mdm.TokenUpdate", 1), ("mdm.TokenUpdate", 2), ("mdm.Authenticate", None),
                       ("mdm.TokenUpdate", 1), ("mdm.CheckOut", None)]
    told = mine[3]["acknowledge_event"]
    assert (told["udid"], told["status"], told["ids"]) == ("TALLY-1", "Idle", {"id": "TALLY-1", "type": "Device"})
    assert list(told) == ["udid", "status", "raw_payload", "ids"]
    assert base64.b64decode(told["raw_payload"]) == plist(Status="Idle", UDID="TALLY-1")
    receiver.wait(lambda: any(e["topic"] == "pomona.device.checked-out" for e in receiver.events), lambda: receiver.events)
    # tests
    assert "took it (200)" in server.cli("webhook", "test").stdout
    failed = server.cli("webhook", "test", "http://127.0.0.1:1/?key=hidden", expect=1)
    assert "cannot be reached" in failed.stdout and "hidden" not in failed.stdout + failed.stderr
    assert server.admin("POST", "/api/v1/webhooks/test", {"url": "ftp://x/"})[0] == 400
    assert server.admin("POST", "/api/v1/webhooks/test", {"url": "http://me:word@127.0.0.1/"})[0] == 400
    # replay
    until(lambda: server.cli_json("webhook", "list")[0]["due"] == 0, "nothing due")
    before = len(receiver.events)
    assert server.admin("POST", "/api/v1/webhooks/replay", {})[0] == 400
    assert server.admin("POST", "/api/v1/webhooks/replay", {"dead": True, "since": "1h"})[0] == 400
    assert server.cli_json("webhook", "replay")["replayed"] == 0
    again = server.cli_json("webhook", "replay", "--since", "1h", "--device", "TALLY-1")["replayed"]
    assert again >= 7
    receiver.wait(lambda: len(receiver.events) >= before + again, lambda: receiver.events[before:])
    assert [e["topic"] for e in receiver.events[before:] if e["topic"].startswith("mdm.")] == [e["topic"] for e in mine]
    # removed from the settings while it is away
    receiver.kill()
    assert d.enroll()
    (tmp / "pomona.conf").write_text("organization = Example\n")
    server.process.send_signal(1)
    until(lambda: [w["state"] for w in server.cli_json("webhook", "list")] == ["removed"], "removed")
    until(lambda: server.cli_json("webhook", "list", "--dead"), "dead letters")
    assert "removed from the settings" in server.cli_json("webhook", "list", "--dead")[0]["error"]
    # a path may be a secret (as with chats): who may not change receivers sees scheme and host alone
    lists = ("/api/v1/webhooks", "/api/v1/webhooks/dead")
    for role, scopes in (("viewer", ()), ("operator", ()), ("admin", ("webhooks:read", "system:read"))):
        told = told_of_urls(server, role, *scopes)
        assert not [path for path, text in told.items() if f":{receiver.port}/webhook".encode() in text], role
        assert all(f"http://127.0.0.1:{receiver.port}/…".encode() in told[path] for path in (*lists, "/api/v1/doctor", "/metrics")), role
    told = told_of_urls(server, "admin")
    assert all(f":{receiver.port}/webhook".encode() in told[path] for path in lists)
    assert f":{receiver.port}/webhook" not in server.log()
    assert d.idle()[0] == 200
    assert request(server.devices_address, "GET", "/healthz")[0] == 200
