"""The life of a command as operators see it: what they take back, what waits for what, what came late, and how it is shown."""
import json
import plistlib

from harness import CA, Connection, Device, Server, plist, tls_context, until


class Rig:
    """A server without a way to APNs, and enrolled devices of a foreign CA."""

    def __init__(self, tmp, udids=("U-1", "U-2")):
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url="https://localhost:1", migration_window="1h")
        self.server.push_cert()
        self.devices = [Device(self.server, self.ca.identity(udid)).enroll() for udid in udids]

    def send(self, *words):
        return self.server.cli("command", "send", *words, "--no-push").stdout.strip()

    def target(self, uuid, device="U-1"):
        return next(t for t in self.server.cli_json("command", "show", uuid)["targets"] if t["id"] == device)


def given(answer):
    """The CommandUUID of what was handed out, or None."""
    assert answer[0] == 200, answer
    return plistlib.loads(answer[2])["CommandUUID"] if answer[2] else None


def test_cancel(tmp):
    rig = Rig(tmp)
    server, (one, two) = rig.server, rig.devices
    server.cli("command", "cancel", "no-such", expect=3)
    assert server.admin("DELETE", "/api/v1/commands/no-such")[0] == 404
    uuid = rig.send("U-1", "U-2", "ProfileList")
    server.cli("command", "cancel", uuid, "--device", "U-9", expect=3)
    assert given(one.idle()) == uuid
    status, told = server.admin("DELETE", f"/api/v1/commands/{uuid}")
    assert (status, told["cancelled"], told["may_have_been_done"]) == (200, 2, 1), "the delivery counts though it is just now being written"
    assert server.admin("DELETE", f"/api/v1/commands/{uuid}")[0] == 409
    handed, queued = rig.target(uuid), rig.target(uuid, "U-2")
    assert handed["status"] == queued["status"] == "Cancelled" and handed["reason"] == "admin" and handed["cancelled_by"]
    assert handed["may_have_been_done"] is True and "may_have_been_done" not in queued and queued["first_sent_at"] is None
    assert "may have been done" in server.cli("command", "show", uuid).stdout
    assert given(two.idle()) is None and given(one.idle()) is None
    assert given(one.report(uuid)) is None
    late = rig.target(uuid)
    assert late["status"] == "Acknowledged" and late["ended_as"] == "Cancelled" and "may_have_been_done" not in late
    assert "answered after it was cancelled" in server.cli("command", "list", "U-1").stdout
    first, second = rig.send("U-1", "U-2", "ProfileList"), rig.send("U-1", "ProfileList")
    server.cli("command", "cancel", first, "--device", "U-1")
    assert given(one.idle()) == second and given(two.idle()) == first


def test_cancel_for_very_many(tmp):
    """More targets than one job takes."""
    rig = Rig(tmp, [f"U-{n}" for n in range(1, 4)])
    for device in rig.devices:
        device.connection = Connection(rig.server.devices_address, tls_context(device.identity))
    users = [f"U-{n % 3 + 1}:user-{n}" for n in range(160)]
    for n, name in enumerate(users):
        device = rig.devices[n % 3]
        message = dict(Topic=device.topic, Token=b"\x02" * 32, PushMagic="m", UserID=f"user-{n}", UserShortName="u", UserLongName="U")
        assert device.checkin("TokenUpdate", **message)[0] == 200, name
    uuid = rig.send(*users, "ProfileList")
    _, told = rig.server.admin("DELETE", f"/api/v1/commands/{uuid}")
    assert told["cancelled"] == 160 and told["may_have_been_done"] == 0
    assert {t["status"] for t in rig.server.cli_json("command", "show", uuid)["targets"]} == {"Cancelled"}

    # handed out once, and repeated for all of them
    uuid = rig.send(*users, "RestartDevice", "--force")  # which is for devices
    for n in range(160):
        device = rig.devices[n % 3]
        assert given(device.put(plist(Status="Idle", UDID=device.udid, UserID=f"user-{n}"), device.REPORT)) == uuid
    assert rig.server.admin("POST", f"/api/v1/commands/{uuid}/retry", {})[1]["retried"] == 160
    assert rig.server.admin("POST", f"/api/v1/commands/{uuid}/retry", {})[0] == 409

    # queues that are cleared as NanoMDM's tools do it, among many ids that nobody knows
    strangers = [f"X-{n}" for n in range(600)]
    status, told = rig.server.admin("DELETE", "/v1/queue/" + ",".join(strangers + users))
    assert status == 207 and set(told["status"]) == set(strangers)
    assert {t["status"] for t in rig.server.cli_json("command", "show", uuid)["targets"]} == {"Cancelled"}


def test_a_queue_that_is_cleared(tmp):
    """More than one job ends, by whom, and what was handed out may have been done."""
    rig = Rig(tmp, ["U-1"])
    first, *others = [rig.send("U-1", "ProfileList") for _ in range(3)]
    more = [rig.server.enqueue("U-1", f"c-{n}")[1]["command_uuid"] for n in range(400)]
    assert given(rig.devices[0].idle()) == first
    assert rig.server.admin("DELETE", "/v1/queue/U-1")[0] == 204
    assert given(rig.devices[0].idle()) is None
    assert rig.target(first)["may_have_been_done"] and rig.target(first)["cancelled_by"]
    for uuid in others + more:
        assert "may_have_been_done" not in rig.target(uuid) if uuid in others else rig.server.command(uuid, "U-1") == "Cancelled"


def test_collapse(tmp):
    rig = Rig(tmp)
    server, one = rig.server, rig.devices[0]
    for key in ("", "a\nb", "pomona.mine", "x" * 256, 7):
        assert server.admin("POST", "/api/v1/commands", {"ids": ["U-1"], "request_type": "ProfileList", "collapse_key": key})[0] == 400, key
    first, second = (rig.send("U-1", "ProfileList", "--collapse-key", "profiles") for _ in range(2))
    other = rig.send("U-2", "ProfileList", "--collapse-key", "profiles")
    assert (rig.target(first)["status"], rig.target(first)["reason"]) == ("Cancelled", "replaced")
    assert rig.target(other, "U-2")["status"] == "Queued"
    assert server.cli_json("command", "show", second)["collapse_key"] == "profiles"
    assert given(one.idle()) == second
    third = rig.send("U-1", "ProfileList", "--collapse-key", "profiles")
    assert given(one.report(second)) == third
    assert rig.target(second)["status"] == "Acknowledged"


def test_barrier(tmp):
    """DeviceConfigured waits for what was queued before it, also when that is put off; what jumps passes."""
    rig = Rig(tmp)
    one = rig.devices[0]
    profile, done, later = rig.send("U-1", "ProfileList"), rig.send("U-1", "DeviceConfigured"), rig.send("U-1", "SecurityInfo")
    assert given(one.idle()) == profile
    assert given(one.report(profile, "NotNow")) is None
    lock = rig.send("U-1", "DeviceLock", "PIN=246801", "--yes")
    assert given(one.idle()) == lock
    assert given(one.report(lock)) == profile
    assert given(one.report(profile)) == done
    assert given(one.report(done)) == later


def test_answered_after_expiry(tmp):
    rig = Rig(tmp)
    one = rig.devices[0]
    uuid = rig.send("U-1", "ProfileList", "--expires", "1s")
    if given(one.idle()) == uuid:  # else it had expired before it came to it
        until(lambda: given(one.idle()) is None, "the end of its delivery")
    one.report(uuid)
    target = rig.target(uuid)
    assert target["status"] == "Acknowledged" and target["ended_as"] == "Expired" and target["expires_at"]
    assert "answered after expiry" in rig.server.cli("command", "show", uuid).stdout


def test_pins(tmp):
    """In escrow before it can be delivered, from all ways in; never in the clear, nor in the log."""
    rig = Rig(tmp)
    server = rig.server
    assert "six digits" in server.cli("command", "send", "U-1", "DeviceLock", "PIN=12345", "--yes", expect=1).stderr
    first = rig.send("U-1", "DeviceLock", "PIN=246801", "--yes")
    assert server.rows("SELECT d.id, e.kind, e.command FROM escrow e JOIN device d ON d.seq = e.device") == [("U-1", "pin", first)]
    status, told = server.enqueue("U-1", "second", "DeviceLock", PIN="975310")
    assert status == 409 and first in json.dumps(told), told
    status, told = server.admin("POST", "/api/v1/commands", {"ids": ["U-1"], "request_type": "DeviceLock", "confirm": True})
    assert status == 409 and first in told["error"]["message"]
    assert server.enqueue("U-2", "third", "DeviceLock", PIN="975310")[0] == 200
    assert server.rows("SELECT count(*) FROM escrow") == [(2,)]
    server.stop()
    stored = b"".join(path.read_bytes() for path in server.data.glob("pomona.db*"))
    assert b"246801" not in stored and b"975310" not in stored and "246801" not in server.log() and "975310" not in server.log()


def test_bypass_code(tmp):
    """A device that waits in Setup Assistant is asked for its code at once, and the code is kept, sealed."""
    rig = Rig(tmp, ())
    device = Device(rig.server, rig.ca.identity("U-1"))
    assert device.authenticate()[0] == 200 and device.token_update(AwaitingConfiguration=True)[0] == 200
    command = plistlib.loads(device.idle()[2])
    assert command["Command"] == {"RequestType": "ActivationLockBypassCode"}
    device.report(command["CommandUUID"], ActivationLockBypassCode="0A1C2-SECRETCODE")
    assert rig.server.rows("SELECT kind, command FROM escrow") == [("bypass-code", command["CommandUUID"])]
    assert rig.server.cli_json("command", "list", "U-1")[0]["status"] == "Acknowledged"
    assert "SECRETCODE" not in rig.server.log()


def test_every_time_is_shown(tmp):
    rig = Rig(tmp)
    server, one = rig.server, rig.devices[0]
    uuid = rig.send("U-1", "U-2", "ProfileList")
    for _ in range(2):
        assert given(one.idle()) == uuid and given(one.report(uuid, "NotNow")) is None
    target = rig.target(uuid)
    assert target["status"] == "NotNow" and target["deliveries"] == 2 and target["notnow_count"] == 2
    times = [target[key] for key in ("queued_at", "first_sent_at", "last_sent_at", "notnow_first_at", "notnow_last_at", "expires_at")]
    assert all(times) and times == sorted(times[:2]) + times[2:] and target["settled_at"] is None
    text = server.cli("command", "show", uuid).stdout
    for words in ("handed out", "2 times, first", 'said "not now" 2 times', "U-2: Queued", "expires"):
        assert words in text, text
    assert "U-2" not in server.cli("command", "show", uuid, "--device", "U-1").stdout
    one.report(uuid, "Error", ErrorChain=[{"ErrorCode": 12, "ErrorDomain": "MCDomain", "USEnglishDescription": "No room"}])
    assert rig.target(uuid)["settled_at"] and "No room (MCDomain 12)" in server.cli("command", "show", uuid).stdout
    restart = rig.send("U-1", "RestartDevice")
    assert given(one.idle()) == restart and given(one.idle()) is None
    assert "unconfirmed" in server.cli("command", "list", "U-1").stdout and "probably done" in server.cli("command", "show", restart).stdout
    silent = rig.send("U-2", "ProfileList")
    rig.devices[1].report(uuid)
    for _ in range(3):
        assert given(rig.devices[1].idle()) == silent
    assert rig.target(silent, "U-2").get("set_aside") is True
