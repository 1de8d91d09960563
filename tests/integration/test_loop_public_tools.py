"""The whole loop with nothing of ours on the other side: curl, openssl, scepclient and nghttpd play device, operator and APNs.

By address, since a bare system knows no localhost."""
import json
import os
import plistlib
import re
import socket
import subprocess

from harness import PATIENCE, Server, until

TOPIC = "com.apple.mgmt.External.0c5d3a0e-7d0a-4c56-9a53-0c1d7e88b2a4"
TOKEN = bytes(range(32))
UDID = "00008101-000A1C2E3F04001E"


def run(*argv, env=None, stdin=None):
    done = subprocess.run(list(map(str, argv)), input=stdin, capture_output=True, timeout=PATIENCE, env={**os.environ, **(env or {})}, check=False)
    assert done.returncode == 0, (argv, done.returncode, done.stdout, done.stderr)
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nghttpd:
    """APNs as nghttpd sees it: a token that it knows is an empty file."""

    def __init__(self, tmp):
        self.port = free_port()
        root = tmp / "apns" / "3" / "device"
        root.mkdir(parents=True)
        (root / TOKEN.hex()).touch()
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp / "apns.key", "-out", tmp / "apns.crt")
        self.log = open(tmp / "nghttpd.log", "w+b")
        self.process = subprocess.Popen(["nghttpd", "--verify-client", "-v", "-a", "127.0.0.1", "-d", tmp / "apns", str(self.port), tmp / "apns.key",
                                         tmp / "apns.crt"], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        until(self._listens, "nghttpd")

    def _listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def text(self):
        self.log.seek(0)
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read().decode("utf-8", "replace"))

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def plist_file(tmp, name, **keys):
    path = tmp / name
    path.write_bytes(plistlib.dumps(keys))
    return path


def the_loop(tmp, apns):
    port = free_port()
    server = Server(tmp, listen=f"127.0.0.1:{port}", public_url=f"https://127.0.0.1:{port}", scep_legacy="yes",
                    apns_url=f"https://127.0.0.1:{apns.port}", apns_ca=tmp / "apns.crt")
    ca = server.data / "tls-ca.pem"
    api = ["curl", "-sS", "-u", f"pomona:{server.token}"]

    # the operator's part: a push certificate as Apple makes it, and a link
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", f"/UID={TOPIC}/CN=APSP:0c5d3a0e/C=US",
        "-keyout", tmp / "push.key", "-out", tmp / "push.crt")
    (tmp / "push.pem").write_bytes((tmp / "push.crt").read_bytes() + (tmp / "push.key").read_bytes())
    told = json.loads(run(*api, "-T", tmp / "push.pem", f"{server.admin_url}/v1/pushcert"))
    assert told["topic"] == TOPIC, told
    link = json.loads(run(*api, "-H", "Content-Type: application/json", "-d", "{}", f"{server.admin_url}/api/v1/links"))["url"]

    # the device's part: profile, identity
    run("curl", "-sS", "--cacert", ca, "-I", link)  # a preview spends nothing
    (tmp / "enroll.mobileconfig").write_bytes(run("curl", "-sS", "--fail", "--cacert", ca, link))
    profile = plistlib.loads(run("openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", tmp / "enroll.mobileconfig"))
    payloads = {p["PayloadType"]: p for p in profile["PayloadContent"]}
    mdm, scep = payloads["com.apple.mdm"], payloads["com.apple.security.scep"]["PayloadContent"]
    assert mdm["Topic"] == TOPIC and mdm["AccessRights"] == 8191 and mdm["SignMessage"] is True
    run("scepclient", "-server-url", scep["URL"], "-challenge", scep["Challenge"], "-private-key", tmp / "id.key", "-certificate", tmp / "id.crt",
        env={"SSL_CERT_FILE": str(ca)})
    subject = run("openssl", "x509", "-in", tmp / "id.crt", "-noout", "-subject", "-ext", "subjectAltName,extendedKeyUsage").decode()
    assert "MDM Identity" in subject and "urn:uuid:" in subject and "TLS Web Client Authentication" in subject, subject

    def mtls(file, content_type):
        return run("curl", "-sS", "--fail", "--cacert", ca, "--cert", tmp / "id.crt", "--key", tmp / "id.key", "-T", file,
                   "-H", f"Content-Type: {content_type}", mdm["ServerURL"])

    def signed(file, content_type):
        der = run("openssl", "cms", "-sign", "-binary", "-in", file, "-signer", tmp / "id.crt", "-inkey", tmp / "id.key", "-md", "sha256", "-outform", "DER")
        header = run("openssl", "base64", "-A", stdin=der).decode()
        return run("curl", "-sS", "--fail", "--cacert", ca, "-T", file, "-H", f"Content-Type: {content_type}", "-H", f"Mdm-Signature: {header}", mdm["ServerURL"])

    checkin, report = "application/x-apple-aspen-mdm-checkin", "application/x-apple-aspen-mdm; charset=UTF-8"
    assert mtls(plist_file(tmp, "a", MessageType="Authenticate", UDID=UDID, Topic=TOPIC, SerialNumber="C02TEST", ProductName="iPhone15,2"), checkin) == b""
    assert signed(plist_file(tmp, "t", MessageType="TokenUpdate", UDID=UDID, Topic=TOPIC, Token=TOKEN, PushMagic="Magic"), checkin) == b""

    # a command: queued, woken, polled, answered
    raw = plist_file(tmp, "c", CommandUUID="restart-1", Command={"RequestType": "RestartDevice"})
    told = json.loads(run(*api, "-T", raw, f"{server.admin_url}/v1/enqueue/{UDID}"))
    assert told["status"][UDID]["push_result"] and told["command_uuid"] == "restart-1" and told["request_type"] == "RestartDevice", told
    seen = until(lambda: apns.text() if f":path: /3/device/{TOKEN.hex()}" in apns.text() else None, "the push at nghttpd")
    for header in (f"apns-topic: {TOPIC}", "apns-push-type: mdm", "apns-priority: 10", "apns-expiration: ", f"apns-id: {told['status'][UDID]['push_result']}"):
        assert header in seen, header
    assert mtls(plist_file(tmp, "i", Status="Idle", UDID=UDID), report) == raw.read_bytes()
    assert signed(plist_file(tmp, "r", Status="Acknowledged", UDID=UDID, CommandUUID="restart-1"), report) == b""
    state = json.loads(run(*api, f"{server.admin_url}/api/v1/commands/restart-1"))
    assert [(t["id"], t["status"]) for t in state["targets"]] == [(UDID, "Acknowledged")], state

    # the same client renews: it signs with the identity that it has, and the new one is the same device
    first = (tmp / "id.crt").read_bytes()
    run("scepclient", "-server-url", scep["URL"], "-private-key", tmp / "id.key", "-certificate", tmp / "id.crt", env={"SSL_CERT_FILE": str(ca)})
    assert (tmp / "id.crt").read_bytes() != first
    assert mtls(plist_file(tmp, "i", Status="Idle", UDID=UDID), report) == b""
    identities = json.loads(run(*api, f"{server.admin_url}/api/v1/identities"))["identities"]
    assert UDID in json.dumps(identities), identities
    server.stop()


def test_loop_with_public_tools(tmp):
    apns = Nghttpd(tmp)
    try:
        the_loop(tmp, apns)
    finally:
        apns.stop()
