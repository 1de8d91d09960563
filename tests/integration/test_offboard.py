"""A device leaves for good: refused where something would be missing, one act, told how far it is, Apple asked to unlock."""
import contextlib
import plistlib
import sqlite3
import ssl
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from harness import CA, Device, Server, push_cert, until
from test_outbound import StandIn

TOPIC = "com.apple.mgmt.External.test"
PATH = "/api/v1/devices/{}/offboard"
CODE = "0A1C2-34567-89ACD-EFGHJ-KLMNP-Q"


def command(answer):
    assert answer[0] == 200 and answer[2], answer
    given = plistlib.loads(answer[2])
    return given["CommandUUID"], given["Command"]


class Rig:
    def __init__(self, tmp, certificate=None, **settings):
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url="https://localhost:1", migration_window="1h", **settings)
        assert self.server.admin("PUT", "/v1/pushcert", certificate or push_cert(TOPIC))[0] == 200
        self.mac = Device(self.server, self.ca.identity("MAC-1"), topic=TOPIC).enroll()

    def told(self, request_type, device, **answer):
        """Asks and answers."""
        uuid = self.server.cli("command", "send", device.udid, request_type, *answer.pop("words", ()), "--no-push").stdout.strip()
        got, given = command(device.idle())
        while got != uuid:  # what the server asked by itself
            got, given = command(device.report(got, "Error", ErrorChain=[]))
        assert device.report(uuid, **answer)[0] == 200

    def phone(self, locked, code=None):
        phone = Device(self.server, self.ca.identity("PHONE-1"), topic=TOPIC)
        assert phone.authenticate(ProductName="iPhone17,1", IMEI="35 123456 123456 7")[0] == 200 and phone.token_update()[0] == 200
        self.told("DeviceInformation", phone, words=["Queries=IsActivationLockEnabled"],
                  QueryResponses={} if locked is None else {"IsActivationLockEnabled": locked})
        if code:
            self.told("ActivationLockBypassCode", phone, ActivationLockBypassCode=code)
        return phone

    def offboard(self, device="MAC-1", way="erase", **more):
        return self.server.admin("POST", PATH.format(device), {"reason": "sold", "way": way, **more})


def apple(tmp, pem, answer):
    """Stands in for Apple's service, which lets those in who hold the push certificate; what a server must trust for it."""
    ca = CA("Apple's stand-in")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server().pem_file)
    context.verify_mode = ssl.CERT_REQUIRED
    trusted = tmp / "push.pem"
    trusted.write_bytes(x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.PEM))
    context.load_verify_locations(trusted)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return StandIn(answer, context=context), ca.file(tmp)


def test_refused(tmp):
    rig = Rig(tmp)
    server = rig.server
    for bad in ({"way": "erase"}, {"reason": "sold"}, {"reason": "no", "way": "erase"}, {"reason": "sold", "way": "burn"},
                {"reason": "sold", "way": "erase", "anyway": "yes"}, {"reason": "sold", "way": "erase", "more": 1}):
        assert server.admin("POST", PATH.format("MAC-1"), bad)[0] == 400, bad
    assert rig.offboard("MAC-9")[0] == 404 and server.admin("GET", PATH.format("MAC-9"))[0] == 404
    for method in ("GET", "POST"):
        assert server.admin(method, PATH.format("MAC-1"), {} if method == "POST" else None, token="wrong")[0] == 401
    server.cli("device", "block", "MAC-1")
    for way in ("erase", "unenroll"):
        status, told = rig.offboard(way=way)
        assert status == 409 and "blocked" in told["error"]["message"]
    server.cli("device", "unblock", "MAC-1")
    server.cli("device", "offboard", "MAC-1", "--yes", "--erase", expect=2)
    server.cli("device", "offboard", "MAC-1", "--yes", "--reason", "sold", expect=2)
    server.cli("device", "offboard", "MAC-1", "--erase", "--unenroll", expect=2)
    looked = server.cli("device", "offboard", "MAC-1", "--erase", "--reason", "sold", expect=2)
    assert "nothing was done" in looked.stderr and "bootstrap token" in looked.stdout.replace("\n", " ")
    assert "--reason TEXT" in server.cli("device", "offboard", "MAC-1").stderr, "just to look is no mistake"
    assert server.rows("SELECT count(*) FROM offboarding") == [(0,)]
    assert server.rows("SELECT count(*) FROM command WHERE request_type IN ('EraseDevice', 'RemoveProfile')") == [(0,)]


def test_locked_without_a_code(tmp):
    """Nobody could use it afterwards: that must be said."""
    rig = Rig(tmp, escrow_key_unlock_url="http://127.0.0.1:1")
    rig.phone(locked=True)
    status, told = rig.offboard("PHONE-1")
    assert status == 409 and "no bypass code" in told["error"]["message"]
    assert rig.server.admin("GET", PATH.format("PHONE-1"))[1]["missing"]
    assert rig.server.rows("SELECT count(*) FROM offboarding") == [(0,)]
    status, told = rig.offboard("PHONE-1", anyway=True)
    assert (status, told["step"], told["activation_lock"]["apple_answered"]) == (200, "waiting", None)


def test_erased_as_one_act(tmp):
    rig = Rig(tmp)
    server, mac = rig.server, rig.mac
    with contextlib.closing(sqlite3.connect(server.data / "pomona.db", timeout=30)) as db, db:
        db.execute("INSERT INTO fleet_group (seq, name, version, created_at, created_by) VALUES (1, 'laptops', 1, 1, 'test')")
        db.execute("INSERT INTO group_member (fleet_group, device) SELECT 1, seq FROM device WHERE id = 'MAC-1'")
    link = server.cli("enroll", "link", "--device", "SMAC-1").stdout.split()[0]
    rig.told("SetRecoveryLock", mac, words=["NewPassword=open sesame"])
    shown = server.cli("device", "offboard", "SMAC-1", "--erase", "--yes", "--reason", "sold on Monday").stdout
    assert "open sesame" in shown and "laptops" in shown and "1 enrollment link made for it revoked" in shown
    report = server.admin("GET", PATH.format("MAC-1"))[1]
    assert (report["step"], report["way"], report["reason"]) == ("waiting", "erase", "sold on Monday")
    assert server.device("GET", urllib.parse.urlsplit(link).path)[0] in (404, 410)
    assert server.rows("SELECT count(*) FROM group_member") == [(0,)]
    status, again = rig.offboard()
    assert (status, again["command_uuid"], again["reason"], "secrets" in again) == (200, report["command_uuid"], "sold on Monday", False)
    status, told = rig.offboard(way="unenroll")
    assert status == 409 and report["command_uuid"] in told["error"]["message"]
    uuid, given = command(mac.idle())
    assert uuid == report["command_uuid"] and given["RequestType"] == "EraseDevice"
    assert len(given["PIN"]) == 6 and given["PIN"].isdigit() and given["PIN"] in shown
    until(lambda: server.admin("GET", PATH.format("MAC-1"))[1]["step"] == "handed-over", "its delivery")
    mac.report(uuid)
    assert "done" in server.cli("device", "offboard", "MAC-1").stdout
    assert server.rows("SELECT count(*) FROM command WHERE request_type = 'EraseDevice'") == [(1,)]
    assert given["PIN"] not in server.log() and "open sesame" not in server.log()
    assert server.rows("SELECT count(*) FROM event WHERE data LIKE '%' || ? || '%' OR data LIKE '%sesame%'", given["PIN"]) == [(0,)]
    assert server.rows("SELECT DISTINCT reason FROM escrow_reveal") == [("sold on Monday",)]
    mac.enroll()
    assert server.admin("GET", PATH.format("MAC-1"))[1]["step"] == "none", "a new enrollment is not leaving"


def test_blocked_on_its_way_out(tmp):
    """A device that is blocked once it has the command that ends it may still say that it did."""
    rig = Rig(tmp)
    server = rig.server
    other = Device(server, rig.ca.identity("MAC-2"), topic=TOPIC).enroll()
    for device, way in ((rig.mac, "erase"), (other, "unenroll")):
        first = rig.offboard(device.udid, way=way)[1]
        uuid, _ = command(device.idle())
        assert uuid == first["command_uuid"]
        server.cli("device", "block", device.udid)
        assert device.idle()[0] == 400
        assert server.admin("GET", PATH.format(device.udid))[1]["step"] == "handed-over"
        assert device.report(uuid)[0] == 200 and device.idle()[0] == 400
        if way == "unenroll":
            assert device.check_out()[0] == 200
        assert server.admin("GET", PATH.format(device.udid))[1]["step"] == "done", way


def test_unenrolled_and_taken_back(tmp):
    rig = Rig(tmp)
    server, mac = rig.server, rig.mac
    first = rig.offboard(way="unenroll")[1]
    assert (first["step"], first["secrets"]) == ("waiting", [])
    server.cli("command", "cancel", first["command_uuid"])
    assert server.admin("GET", PATH.format("MAC-1"))[1]["step"] == "failed"
    second = rig.offboard(way="unenroll")[1]
    assert second["step"] == "waiting" and second["command_uuid"] != first["command_uuid"]
    uuid, given = command(mac.idle())
    assert uuid == second["command_uuid"] and given["RequestType"] == "RemoveProfile"
    mac.report(uuid)
    mac.check_out()
    assert rig.offboard(way="unenroll")[1]["step"] == "done"
    assert rig.offboard(way="erase")[1]["step"] == "done", "there is nothing left to erase"


def test_activation_lock_is_lifted(tmp):
    pem = push_cert(TOPIC)
    refuses = [True]
    service, trusted = apple(tmp, pem, lambda _: 503 if refuses.pop() else 200)
    rig = Rig(tmp, pem, escrow_key_unlock_url=f"https://127.0.0.1:{service.port}", apns_ca=trusted)
    rig.phone(locked=True, code=CODE)
    status, told = rig.offboard("PHONE-1")
    assert (status, told["activation_lock"]["state"], told["activation_lock"]["apple_answered"]) == (200, "on", 503)
    assert [(s["kind"], s["value"]) for s in told["secrets"]] == [("bypass-code", CODE)]
    refuses.append(False)
    shown = rig.server.cli("device", "offboard", "PHONE-1", "--erase", "--yes", "--reason", "sold").stdout
    assert "lifted by Apple" in shown and CODE not in shown
    rig.offboard("PHONE-1")
    assert len(service.asked) == 2, "not asked again once it is lifted"
    method, path, _, data, _ = service.asked[1]
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(path).query) == {"serial": ["SPHONE-1"], "productType": ["iPhone17,1"], "imei": ["35 123456 123456 7"]}
    form = urllib.parse.parse_qs(data.decode())
    assert form["escrowKey"] == [CODE] and form["orgName"] and form["guid"]
    assert CODE not in rig.server.log()
    service.stop()


def test_each_code_is_tried(tmp):
    """Which code a lock was set with nobody knows: each is tried, those too that were cleared; when the device does not
    tell whether it is locked, too. Once it is erased Apple is asked again, since the lock may have been set anew."""
    pem = push_cert(TOPIC)
    older = "0A1C2-OLDER"
    service, trusted = apple(tmp, pem, lambda data: 200 if older.encode() in data else 404)
    rig = Rig(tmp, pem, escrow_key_unlock_url=f"https://127.0.0.1:{service.port}", apns_ca=trusted)
    phone = rig.phone(locked=None)
    for code in (older, CODE):
        rig.told("ActivationLockBypassCode", phone, ActivationLockBypassCode=code)
    rig.told("ClearActivationLockBypassCode", phone, words=["--yes"])
    told = rig.offboard("PHONE-1")[1]
    assert (told["activation_lock"]["state"], told["activation_lock"]["apple_answered"]) == ("unknown", 200), told
    assert [urllib.parse.parse_qs(a[3].decode())["escrowKey"] for a in service.asked] == [[CODE], [older]]
    assert rig.offboard("PHONE-1")[1]["step"] == "waiting" and len(service.asked) == 2
    assert rig.server.rows("SELECT count(*) FROM command WHERE request_type = 'ClearActivationLockBypassCode'") == [(1,)]
    uuid, given = command(phone.idle())
    assert given["RequestType"] == "EraseDevice" and phone.report(uuid)[0] == 200
    assert rig.offboard("PHONE-1")[1]["step"] == "done" and len(service.asked) == 4
    assert rig.offboard("PHONE-1")[1]["activation_lock"]["apple_answered"] == 200 and len(service.asked) == 4
    service.stop()
