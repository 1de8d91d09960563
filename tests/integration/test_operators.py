"""What operators do with devices, by command line and API, and what the devices are answered then."""
import datetime
import json
import pathlib
import plistlib
import resource
import uuid

import scep
from harness import CA, Device, Server, plist, until

EMPTY = (200, b"")
REFUSED = (400, b"")
NOWHERE = "https://127.0.0.1:1"  # as apns-url: nobody answers there
SAMPLE = pathlib.Path(__file__).parents[1] / "data/apple/error-unrecognized-device.json"


def outcome(answer):
    status, _, body = answer
    return status, body


def start(tmp, ca, **settings):
    server = Server(tmp, **{"tls": "off", "apns_url": NOWHERE, "device_ca": ca.file(tmp), **settings})
    server.push_cert()
    return server


def unrecognized(answer):
    status, headers, body = answer
    return status == 403 and headers["Content-Type"] == "application/json" and json.loads(body) == json.loads(SAMPLE.read_text())


def handed(device):
    """CommandUUID and Command of what the device's poll brings."""
    status, _, body = device.idle()
    assert status == 200 and body, (status, body)
    command = plistlib.loads(body)
    return command["CommandUUID"], command["Command"]


def refused(server, device_id):
    return [row for row in server.cli_json("device", "list", "--unknown") if row["id"] == device_id]


def kinds(server, device_id):
    return [kind for kind, in server.rows("SELECT kind FROM event WHERE enrollment = ? ORDER BY seq", device_id)]


# ---- what is refused, and adopted ----

def test_unknown_device_knocks_is_listed_and_adopted(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = Device(server, ca.identity("U-1"))
    stranger = Device(server, ca.identity("U-1"))
    assert outcome(device.idle()) == REFUSED and outcome(device.token_update()) == REFUSED
    row, = until(lambda: refused(server, "U-1"))
    assert row == {**row, "known": False, "reason": "unknown", "address": "127.0.0.1", "serial_number": None}
    assert len(row["certificate"]) == 64 and row["last_at"] >= row["first_at"]
    shown = server.cli("device", "list", "--unknown")
    assert "U-1" in shown.stdout and row["certificate"] in shown.stdout and "device adopt" in shown.stderr
    assert server.admin("GET", "/api/v1/refused?id=U-2")[1] == {"refused": [], "next": None}
    assert server.admin("GET", "/api/v1/refused?before=x")[0] == 400

    # Two claim it: which one, the operator says.
    assert outcome(stranger.idle()) == REFUSED
    until(lambda: len(refused(server, "U-1")) == 2)
    assert "2 certificates" in server.cli("device", "adopt", "U-1", expect=1).stderr
    assert server.cli("device", "adopt", "U-1", "--certificate", "zz", expect=1).stderr
    assert server.cli("device", "adopt", "U-2", expect=3).stderr
    assert "next poll" in server.cli("device", "adopt", "U-1", "--certificate", row["certificate"]).stdout
    assert server.cli("device", "adopt", "U-1", expect=1).stderr
    assert refused(server, "U-1") == []

    assert outcome(device.idle()) == EMPTY and outcome(stranger.idle()) == REFUSED
    command = str(uuid.uuid4())
    assert server.enqueue("U-1", command, "ProfileList")[0] == 200
    assert handed(device)[0] == command
    assert outcome(device.report(command)) == EMPTY
    assert server.command(command, "U-1") == "Acknowledged"
    assert outcome(device.token_update()) == EMPTY
    assert [d["enrolled"] for d in server.cli_json("device", "list")] == [True]
    assert kinds(server, "U-1")[:2] == ["device.adopted", "command.status"]


def test_refused_requests_are_kept_with_their_reason(tmp):
    ca, foreign = CA(), CA("Another CA")
    server = start(tmp, ca, identity_grace="1h")
    device = Device(server, ca.identity("U-1")).enroll()
    thief = Device(server, ca.identity("U-1"), "U-1")
    assert outcome(thief.authenticate(SerialNumber="S-stolen")) == REFUSED
    row, = until(lambda: refused(server, "U-1"))
    assert row == {**row, "known": True, "reason": "foreign-ca", "message_type": "Authenticate", "serial_number": "S-stolen", "count": 1}
    assert outcome(thief.idle()) == REFUSED
    until(lambda: [r["count"] for r in refused(server, "U-1")] == [2])

    bare = Device(server, ca.identity("U-3"), proof="none")
    assert outcome(bare.idle()) == REFUSED
    assert outcome(bare.put(b"no plist", Device.REPORT)) == REFUSED
    assert outcome(bare.put(plist(Status="Idle", UDID="U-4", filler="x" * 70000), Device.REPORT)) == REFUSED
    assert outcome(Device(server, foreign.identity("U-5")).idle()) == REFUSED
    assert outcome(Device(server, ca.identity("U-6", life=datetime.timedelta(hours=-2))).idle()) == REFUSED
    reasons = until(lambda: refused(server, "U-6") and {r["id"]: r for r in server.cli_json("device", "list", "--unknown")})
    assert reasons["U-3"] == {**reasons["U-3"], "reason": "no-proof", "certificate": None, "count": 1}
    assert reasons["U-5"] == {**reasons["U-5"], "reason": "foreign-ca", "certificate": None}
    assert reasons["U-6"]["reason"] == "expired" and len(reasons["U-6"]["certificate"]) == 64
    assert "U-4" not in reasons
    assert server.cli("device", "adopt", "U-6", expect=3).stderr
    assert server.cli("device", "adopt", "U-3", expect=3).stderr
    assert outcome(device.idle()) == EMPTY


def test_unknown_devices_unenroll_when_it_is_said(tmp):
    ca, foreign = CA(), CA("Another CA")
    server = start(tmp, ca, unknown_devices="unenroll")
    known = Device(server, ca.identity("U-1")).enroll()
    unknown = Device(server, ca.identity("U-2"))
    for attempt in (unknown.idle, unknown.token_update, unknown.check_out):
        assert unrecognized(attempt())
    assert [r["reason"] for r in until(lambda: refused(server, "U-2"))] == ["unknown"]
    # Whoever is known here, or proves nothing, is only refused.
    assert outcome(Device(server, ca.identity("U-1"), "U-1").idle()) == REFUSED
    assert outcome(Device(server, known.identity, "U-3").idle()) == REFUSED
    assert outcome(Device(server, foreign.identity("U-4")).idle()) == REFUSED
    assert outcome(Device(server, ca.identity("U-5"), proof="none").idle()) == REFUSED
    server.cli("device", "block", "U-1")
    assert outcome(known.idle()) == REFUSED
    unknown.enroll()
    assert outcome(unknown.idle()) == EMPTY


def test_nobody_is_unenrolled_while_nothing_can_be_written(tmp):
    ca = CA()
    server = start(tmp, ca, unknown_devices="unenroll")
    known = Device(server, ca.identity("U-1")).enroll()
    unknown = Device(server, ca.identity("U-2"))
    assert unrecognized(unknown.idle())
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    assert known.token_update()[0] == 503
    for device in (unknown, known):
        status, headers, body = device.token_update()
        assert (status, body) == (503, b"") and headers["Retry-After"]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    until(lambda: unrecognized(unknown.token_update()))
    assert outcome(known.token_update()) == EMPTY
    row, = until(lambda: refused(server, "U-1"))
    assert (row["known"], row["reason"], row["message_type"], row["count"]) == (True, "storage", "TokenUpdate", 2)


# ---- acts ----

def test_block_and_unblock(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = Device(server, ca.identity("U-1")).enroll()
    assert outcome(device.checkin("TokenUpdate", Topic=device.topic, Token=b"u", PushMagic="m", UserID="V-1")) == EMPTY
    command = str(uuid.uuid4())
    assert server.enqueue("U-1", command)[0] == 200
    server.cli("device", "block", "U-9", expect=3)
    assert "name the device" in server.cli("device", "block", "U-1:V-1", expect=1).stderr
    for _ in range(2):
        assert "unblock" in server.cli("device", "block", "SU-1").stdout
    for attempt in (device.idle, device.token_update, device.authenticate, device.check_out, lambda: device.report(command)):
        assert outcome(attempt()) == REFUSED
    shown = server.cli_json("device", "show", "U-1")
    assert (shown["state"], shown["push"]["state"], shown["push"]["due_at"]) == ("blocked", "none", None)
    assert "blocked" in server.cli("push", "U-1", expect=None).stdout
    for _ in range(2):
        assert "served again" in server.cli("device", "unblock", "U-1:V-1").stdout
    assert handed(device)[0] == command
    assert kinds(server, "U-1").count("device.blocked") == kinds(server, "U-1").count("device.unblocked") == 1


def test_unenroll(tmp):
    server = start(tmp, CA())
    device = Device(server, scep.identity(server), "U-1").enroll()
    other = str(uuid.uuid4())
    assert server.enqueue("U-1", other, "RemoveProfile", Identifier="org.example.other")[0] == 200
    assert handed(device)[0] == other  # another profile's: nothing is asked of it yet
    assert outcome(device.report(other)) == EMPTY

    assert "remove its enrollment profile" in server.cli("device", "unenroll", "U-1").stdout
    assert outcome(device.token_update()) == EMPTY
    asked = server.cli_json("device", "unenroll", "U-1")
    assert asked["handed_over"] is False
    uuid_handed, command = handed(device)
    assert (uuid_handed, command) == (asked["command_uuid"], {"RequestType": "RemoveProfile", "Identifier": asked["identifier"]})
    given, = server.rows("SELECT json_extract(given, '$.PayloadIdentifier') FROM generation")
    assert (asked["identifier"],) == given
    assert server.cli_json("device", "list")[0]["state"] == "leaving"
    for attempt in (device.idle, device.token_update):
        assert unrecognized(attempt())
    assert outcome(device.report(uuid_handed)) == EMPTY  # it goes on to its CheckOut
    assert unrecognized(device.idle())
    assert server.command(uuid_handed, "U-1") == "Acknowledged"
    assert "was told" in server.cli("device", "unenroll", "U-1").stdout
    assert outcome(device.check_out()) == EMPTY
    server.cli("device", "unenroll", "U-1", expect=1)
    assert kinds(server, "U-1").count("device.unenroll-asked") == 1
    assert outcome(device.authenticate()) == EMPTY and outcome(device.token_update()) == EMPTY
    assert outcome(device.idle()) == EMPTY


def test_forget(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = Device(server, ca.identity("U-1")).enroll()
    assert server.enqueue("U-1", str(uuid.uuid4()))[0] == 200
    server.cli("device", "forget", "U-9", expect=3)
    assert "anyway" in server.cli("device", "forget", "U-1", expect=1).stderr
    assert outcome(device.idle())[0] == 200  # what it was handed is still to be written
    assert "forgotten" in server.cli("device", "forget", "--anyway", "U-1").stdout
    server.cli("device", "show", "U-1", expect=3)
    assert server.cli_json("device", "list") == []
    for table in ("device", "generation", "enrollment", "target", "command", "wake"):
        assert server.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert server.rows("SELECT device_id FROM identity") == [("U-1",)]
    assert outcome(device.idle()) == REFUSED
    assert outcome(Device(server, device.identity, "U-2").authenticate()) == REFUSED  # it stays U-1's for ever
    until(lambda: refused(server, "U-1"))
    server.cli("device", "adopt", "U-1")
    assert outcome(device.idle()) == EMPTY
    assert outcome(device.check_out()) == EMPTY
    server.cli("device", "forget", "U-1")
    assert kinds(server, "U-1").count("device.forgotten") == 2
    assert not server.events(level="error") and not server.events(level="warn", msg="what polls taught was not written")


def test_links_are_listed_and_revoked(tmp):
    """A link is known by its number; revoked, nobody comes in by it, and what stands in its address is never told again."""
    server = start(tmp, CA())
    for number in ("9", "0", "-1"):
        assert server.admin("DELETE", f"/api/v1/links/{number}")[0] == 404, number
    assert server.admin("DELETE", "/api/v1/links/x")[0] == 400
    assert server.admin("GET", "/api/v1/links?cursor=x")[0] == 400
    server.cli("enroll", "revoke", "x", expect=2)
    assert "No links" in server.cli("enroll", "links").stderr
    url = server.cli("enroll", "link", "--anyway", "--uses", "3").stdout.strip()
    server.cli("enroll", "link", "--anyway", "--device", "U-7")
    rows = server.cli_json("enroll", "links")
    assert [(r["state"], r["uses"], r["uses_max"], r["device"]) for r in rows] == [("open", 0, 1, "U-7"), ("open", 0, 3, None)]
    assert url.rsplit("/", 1)[1] not in str(rows)
    assert server.admin("GET", "/api/v1/links?limit=1")[1]["next"] == rows[0]["link"]
    told = server.cli("enroll", "links").stdout
    assert "0 of 3" in told and "any device" in told and "U-7" in told, told
    assert "revoked" in server.cli("enroll", "revoke", rows[1]["link"]).stdout
    server.cli("enroll", "revoke", rows[1]["link"])  # it is already
    assert [r["state"] for r in server.cli_json("enroll", "links")] == ["open", "revoked"]
    assert len([k for k, in server.rows("SELECT kind FROM event WHERE kind = 'link.revoked'")]) == 1
