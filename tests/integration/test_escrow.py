"""Secrets of devices: told, kept, shown one at a time with a reason, replaced when they were seen; and nowhere else."""
import base64
import json
import pathlib
import plistlib
import subprocess
import tempfile

from harness import CA, Device, Server, cli, until
from receiver import KEY, Receiver
from test_lab import Lab

PRK = ["ABCD-1234-EFGH-5678-IJKL-0001", "WXYZ-1234-EFGH-5678-IJKL-0002"]
CODE, UNLOCK, BOOTSTRAP, PIN, PASSWORD = "0A1C2-SECRETCODE", b"UNLOCK-SECRET", b"BOOTSTRAP-SECRET", "246801", "open sesame 77"


def sealed(key, cert, cipher="-des3"):
    """As a Mac encrypts a recovery key for a certificate in DER."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "cert.der")
        path.write_bytes(cert)
        pem = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", path], capture_output=True, check=True).stdout
        path.write_bytes(pem)
        return subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-stream", cipher, "-outform", "DER", path],
                              input=key.encode(), capture_output=True, check=True).stdout


def command(answer):
    """What was handed out."""
    assert answer[0] == 200 and answer[2], answer
    given = plistlib.loads(answer[2])
    return given["CommandUUID"], given["Command"]


class Rig:
    def __init__(self, tmp, **settings):
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url="https://localhost:1", migration_window="1h", **settings)
        self.server.push_cert()
        self.mac = Device(self.server, self.ca.identity("MAC-1")).enroll()

    def escrow_cert(self):
        return self.server.rows("SELECT cert FROM keyring WHERE name = 'escrow'")[0][0]

    def ask(self, *words, device="MAC-1"):
        return self.server.cli("command", "send", device, *words, "--no-push").stdout.strip()

    def tell_key(self, cms):
        uuid = self.ask("SecurityInfo")
        assert command(self.mac.idle())[0] == uuid
        return self.mac.report(uuid, SecurityInfo={"FDE_Enabled": True, "FDE_PersonalRecoveryKeyCMS": cms})

    def held(self, kind):
        return [s for s in self.server.cli_json("device", "escrow", "MAC-1") if s["kind"] == kind]


def test_who_may_see(tmp):
    """No token, no reason, no such thing, no such device; and nothing of it at the devices' listener."""
    rig = Rig(tmp)
    server, path = rig.server, "/api/v1/devices/MAC-1/escrow"
    rig.tell_key(sealed(PRK[0], rig.escrow_cert()))
    ask = {"kind": "recovery-key", "reason": "a reason"}
    for method, where, body in (("GET", path, None), ("POST", path + "/reveal", ask), ("POST", path + "/rotate", {})):
        assert server.admin(method, where, body, token="wrong")[0] == 401
        assert server.device(method, where, json.dumps(body).encode() if body else b"")[0] == 404
    for bad in ({**ask, "reason": ""}, {**ask, "reason": "x" * 501}, {**ask, "reason": "a\nb c"}, {"kind": "recovery-key"},
                {**ask, "kind": "password"}, {**ask, "kind": None}, {**ask, "reason": 7}, {**ask, "number": "1"}, {**ask, "extra": 1}):
        assert server.admin("POST", path + "/reveal", bad)[0] == 400, bad
    assert server.admin("POST", path + "/reveal", {**ask, "number": 4711})[0] == 404
    assert server.admin("POST", path + "/reveal", {**ask, "kind": "pin"})[0] == 404
    assert server.admin("POST", path.replace("MAC-1", "MAC-9") + "/reveal", ask)[0] == 404
    assert server.rows("SELECT count(*) FROM escrow_reveal") == [(0,)]
    server.cli("device", "escrow", "MAC-9", expect=3)
    server.cli("device", "escrow", "MAC-1", "recovery-key", expect=2)
    server.cli("device", "escrow", "MAC-1", "--reason", "a reason", expect=2)
    assert "bypass-code" in server.cli("device", "escrow", "MAC-1", "nonsense", "--reason", "a reason", expect=1).stderr


def test_a_key_that_does_not_open_is_shown_and_refuses_nothing(tmp):
    rig = Rig(tmp)
    other = Server(tmp, data=tmp / "other")  # another server's certificate
    cms = sealed(PRK[0], other.rows("SELECT cert FROM keyring WHERE name = 'escrow'")[0][0])
    for message in (cms, b"\x30\x80garbage", b"\x30" * 20000):
        assert rig.tell_key(message)[0] == 200
    notes = {s["note"] for s in rig.held("unread-recovery-key")}
    assert "escrowed for another certificate" in notes and len(notes) == 3
    assert "another certificate" in rig.server.cli("device", "escrow", "MAC-1").stdout
    assert rig.held("recovery-key") == []
    number = next(s["number"] for s in rig.held("unread-recovery-key") if "another" in s["note"])
    shown = rig.server.cli("device", "escrow", "MAC-1", "unread-recovery-key", "--number", str(number), "--reason", "to open it elsewhere")
    assert base64.b64decode(shown.stdout) == cms
    rig.server.cli("device", "escrow", "MAC-1", "--rotate", expect=1)


def test_a_key_that_was_seen_is_replaced(tmp):
    """The whole way: escrowed, shown, RotateFileVaultKey, the new one in force; an answer without a key asks again."""
    rig = Rig(tmp)
    server, mac = rig.server, rig.mac
    rig.tell_key(sealed(PRK[0], rig.escrow_cert()))
    shown = server.cli("device", "escrow", "SMAC-1", "recovery-key", "--reason", "user forgot the password")
    assert shown.stdout == PRK[0] + "\n" and "make another one" in shown.stderr
    uuid, given = command(mac.idle())
    assert given["RequestType"] == "RotateFileVaultKey" and given["KeyType"] == "personal"
    assert given["FileVaultUnlock"] == {"Password": PRK[0]} and given["ReplyEncryptionCertificate"] == rig.escrow_cert()
    assert mac.report(uuid, RotateResult={"EncryptedNewRecoveryKey": sealed(PRK[1], rig.escrow_cert(), "-aes256")})[2] == b""
    states = {s["state"]: s for s in rig.held("recovery-key")}
    assert set(states) == {"in-force", "former"} and states["former"]["revealed_reason"] == "user forgot the password"
    shown = server.cli_json("device", "escrow", "MAC-1", "recovery-key", "--reason", "a test", "--no-rotate")
    assert (shown["value"], shown["in_force"], shown["rotate_command_uuid"]) == (PRK[1], True, None)
    assert server.rows("SELECT rotate IS NOT NULL FROM escrow_reveal ORDER BY seq") == [(1,), (0,)]
    server.cli("device", "escrow", "MAC-1", "--rotate")
    first = server.cli_json("device", "escrow", "MAC-1", "--rotate")["command_uuid"]
    uuid, given = command(mac.idle())
    assert uuid == first and given["FileVaultUnlock"] == {"Password": PRK[1]}
    again, given = command(mac.report(uuid, "Error", ErrorChain=[]))
    assert given == {"RequestType": "SecurityInfo"}
    mac.report(again, SecurityInfo={"FDE_PersonalRecoveryKeyCMS": sealed(PRK[1], rig.escrow_cert())})
    assert [s["state"] for s in rig.held("recovery-key")] == ["in-force", "former"]


def test_not_every_device_can_replace_its_key(tmp):
    rig = Rig(tmp)
    phone = Device(rig.server, rig.ca.identity("PHONE-1"))
    assert phone.authenticate(ProductName="iPhone17,1", Model="MYXX2")[0] == 200 and phone.token_update()[0] == 200
    assert "FileVault" in rig.server.cli("device", "escrow", "PHONE-1", "--rotate", expect=1).stderr
    assert "in escrow" in rig.server.cli("device", "escrow", "MAC-1", "--rotate", expect=1).stderr
    rig.tell_key(sealed(PRK[0], rig.escrow_cert()))
    rig.mac.check_out()
    assert "not enrolled" in rig.server.cli("device", "escrow", "MAC-1", "--rotate", expect=1).stderr
    shown = rig.server.cli("device", "escrow", "MAC-1", "recovery-key", "--reason", "it left")
    assert shown.stdout == PRK[0] + "\n" and "not enrolled" in shown.stderr


def test_the_same_request_again_shows_nothing_twice(tmp):
    """With an Idempotency-Key a reveal is done once; its answer is not kept, since each showing is recorded."""
    rig = Rig(tmp)
    server = rig.server
    rig.tell_key(sealed(PRK[0], rig.escrow_cert()))
    for path, body in (("escrow/reveal", {"kind": "recovery-key", "reason": "a test"}), ("offboard", {"reason": "sold", "way": "unenroll"})):
        ask = lambda key: server.admin("POST", f"/api/v1/devices/MAC-1/{path}", body, headers={"Idempotency-Key": path + key})
        recorded = lambda: server.rows("SELECT count(*) FROM escrow_reveal")[0][0]
        before = recorded()
        status, told = ask("1")
        assert status == 200 and PRK[0] in json.dumps(told) and recorded() == before + 1
        status, again = ask("1")
        assert status == 409 and "not kept" in again["error"]["message"] and recorded() == before + 1, again
        assert server.admin("POST", f"/api/v1/devices/MAC-1/{path}", {**body, "reason": "other"}, headers={"Idempotency-Key": path + "1"})[0] == 422
    assert server.rows("SELECT count(*) FROM idempotency WHERE body_sealed IS NOT NULL") == [(0,)]
    wrong = lambda: server.admin("POST", "/api/v1/devices/MAC-1/escrow/reveal", {"kind": "pin", "reason": "a test"}, headers={"Idempotency-Key": "3"})
    assert wrong() == wrong() and wrong()[0] == 404


def test_secrets_are_nowhere_else(tmp):
    """Every kind, told or set, and shown: none in the log, in events, in what webhooks get, in the queue, in the clear on
    disk; but for receivers that are meant to."""
    receiver = Receiver()
    rig = Rig(tmp, webhook_url=receiver.url, webhook_hmac_key=KEY, webhook_events="all", log_level="debug")
    server, mac = rig.server, rig.mac
    mac.token_update(UnlockToken=UNLOCK)
    mac.checkin("SetBootstrapToken", BootstrapToken=BOOTSTRAP)
    rig.tell_key(sealed(PRK[0], rig.escrow_cert()))
    uuid = rig.ask("ActivationLockBypassCode")
    command(mac.idle())
    mac.report(uuid, ActivationLockBypassCode=CODE)
    rig.ask("DeviceLock", f"PIN={PIN}", "--yes")
    rig.ask("SetRecoveryLock", f"NewPassword={PASSWORD}")
    waiting = server.admin("GET", "/v1/queue/MAC-1")[1]["commands"]
    queue = b"".join(base64.b64decode(c["command"]) for c in waiting)
    assert len(waiting) == 2 and b"DeviceLock" in queue
    values = {"recovery-key": PRK[0], "bypass-code": CODE, "pin": PIN, "recovery-lock": PASSWORD,
              "unlock-token": base64.b64encode(UNLOCK).decode(), "bootstrap-token": base64.b64encode(BOOTSTRAP).decode()}
    for kind, value in values.items():
        assert server.cli("device", "escrow", "MAC-1", kind, "--reason", f"to see the {kind}").stdout == value + "\n"
    codes = server.cli("device", "escrow", "MAC-1", "bypass-code", "--all-codes", "--reason", "all of them").stdout
    assert codes == CODE + "\n"
    listed = server.cli("device", "escrow", "MAC-1").stdout + json.dumps(server.cli_json("device", "escrow", "MAC-1"))
    shown = server.cli("command", "list", "MAC-1", "--json").stdout + server.cli("device", "show", "MAC-1", "--json").stdout
    receiver.wait(lambda: sum(e["topic"] == "pomona.escrow.revealed" for e in receiver.events) == 7,
                  lambda: [e["topic"] for e in receiver.events])
    told = [e.get("checkin_event") or e.get("acknowledge_event") or {} for e in receiver.events]
    payloads = b"".join(base64.b64decode(t.get("raw_payload", "")) for t in told)
    assert b"UnlockToken" in payloads and b"BootstrapToken" in payloads and b"ActivationLockBypassCode" in payloads
    server.stop()
    stored = b"".join(path.read_bytes() for path in server.data.glob("pomona.db*"))
    everywhere = (server.log() + listed + shown + json.dumps(receiver.events)).encode() + payloads + stored + queue
    for secret in (*PRK, CODE, UNLOCK, BOOTSTRAP, PIN, PASSWORD, *values.values()):
        secret = secret if isinstance(secret, bytes) else secret.encode()
        assert secret not in everywhere, secret
    receiver.kill()


def test_receivers_that_are_meant_to_get_tokens(tmp):
    receiver = Receiver()
    rig = Rig(tmp, webhook_url=receiver.url, webhook_hmac_key=KEY, webhook_secrets="yes")
    rig.mac.token_update(UnlockToken=UNLOCK)
    receiver.wait(lambda: len(receiver.events) == 3, lambda: len(receiver.events))
    told = [base64.b64decode(e["checkin_event"]["raw_payload"]) for e in receiver.events]
    assert any(plistlib.loads(t).get("UnlockToken") == UNLOCK for t in told)
    receiver.kill()


def test_the_whole_way_with_a_mac(tmp):
    """The template of FileVault as it is shipped, a simulated Mac, a reveal: a new key takes the place of the seen one."""
    lab = Lab(tmp)
    server = lab.server
    template = tmp / "filevault.mobileconfig"
    template.write_text(cli("profile", "template", "filevault").stdout)
    server.cli("profile", "add", template)
    mac = lab.device("--platform", "macos", link=lab.link())
    udid = lab.enrolled(mac)
    server.cli("profile", "install", udid, "org.example.filevault")
    until(lambda: lab.target(lab.command(udid, "SecurityInfo"))["status"] and any(
        s["kind"] == "recovery-key" for s in server.cli_json("device", "escrow", udid)), "the recovery key")
    seen = server.cli("device", "escrow", udid, "recovery-key", "--reason", "the user forgot the password").stdout
    states = lambda: [s["state"] for s in server.cli_json("device", "escrow", udid) if s["kind"] == "recovery-key"]
    until(lambda: states() == ["in-force", "former"], "another key")
    fresh = server.cli("device", "escrow", udid, "recovery-key", "--reason", "a test", "--no-rotate").stdout
    assert fresh != seen and len(fresh) == len(seen) == 30
    report = server.admin("POST", f"/api/v1/devices/{udid}/offboard", {"reason": "sold", "way": "unenroll"})[1]
    assert ("recovery-key", fresh.strip()) in [(s["kind"], s["value"]) for s in report["secrets"]]
    until(lambda: server.admin("GET", f"/api/v1/devices/{udid}/offboard")[1]["step"] == "done", "its check-out")
    for secret in (seen.strip(), fresh.strip()):
        assert secret not in server.log() and secret not in mac.log()
    mac.stop()
    lab.stop()
