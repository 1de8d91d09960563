"""Renewal of identities by the built binary: waves that begin by themselves, the profile that arrives, devices of the lab."""
import plistlib
import re
import socket
import subprocess

import scep
from harness import CA, PATIENCE, Device, Process, Server, new_key, until

DAY = 86400
SHORT = {"identity_validity": "20d", "apns_url": "https://127.0.0.1:1"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(tmp, port, days=0, listen=None):
    """A server that devices reach at `port`, with its clock so many days ahead."""
    return Server(tmp, listen=f"127.0.0.1:{listen or port}", public_url=f"https://localhost:{port}",
                  env={"POMONA_CLOCK_SHIFT": str(days * DAY)}, **SHORT)


def opened(der):
    """A signed profile, and the certificate that signed it."""
    signer = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"], input=der, capture_output=True, timeout=PATIENCE, check=True)
    done = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER"], input=der, capture_output=True, timeout=PATIENCE, check=True)
    return plistlib.loads(done.stdout), re.search(b"-----BEGIN.*-----END", signer.stdout, re.S).group()


def payload(profile, kind):
    return next(p for p in profile["PayloadContent"] if p["PayloadType"] == "com.apple." + kind)


def blank(profile):
    """What must be new, taken out."""
    payload(profile, "security.scep")["PayloadUUID"] = payload(profile, "mdm")["IdentityCertificateUUID"] = ""
    payload(profile, "security.scep")["PayloadContent"]["Challenge"] = ""
    return profile


def enroll(server, udid):
    """A device by a link, and the profile that it was given."""
    status, answer = server.admin("POST", "/api/v1/links", {})
    assert status == 201, answer
    der = server.device("GET", "/enroll/" + answer["url"].rsplit("/", 1)[1])[2]
    challenge = payload(opened(der)[0], "security.scep")["PayloadContent"]["Challenge"]
    return Device(server, scep.Client(server).get(new_key(), challenge), udid).enroll(), der


def install_profile(device):
    """The renewal that the device is handed: its CommandUUID and the profile."""
    status, _, body = device.idle()
    assert status == 200 and body, status
    command = plistlib.loads(body)
    assert command["Command"]["RequestType"] == "InstallProfile"
    return command["CommandUUID"], command["Command"]["Payload"]


def states(server):
    return {r["device"]: r["state"] for r in reversed(server.cli_json("identity", "renewals")["renewals"])}


def test_nothing_begins_while_the_server_does_not_reach_itself_then_a_canary_renews(tmp):
    port = free_port()
    server = start(tmp, port)
    server.push_cert()
    device, original = enroll(server, "U-1")
    enroll(server, "U-2")
    server.stop()
    server = start(tmp, port, days=15, listen=free_port())
    told = until(lambda: server.cli_json("identity", "renewals")["unreachable"], "the trouble")
    assert f"localhost:{port}/scep" in told["why"]
    assert server.rows("SELECT count(*) FROM renewal") == [(0,)]
    assert "does not lead here" in server.cli("identity", "renewals").stdout
    server.cli("identity", "renewals", "--start", "U-1", expect=1)
    server.stop()
    server = start(tmp, port, days=15)
    until(lambda: states(server), "the canary")
    assert len(states(server)) == 1 and server.cli_json("identity", "renewals")["unreachable"] is None
    if "U-1" not in states(server):  # whichever is the canary: this test goes on with the first
        server.cli("identity", "renewals", "--start", "U-1")
    device.server = server
    renewal_of(server, device, original)
    server.stop()


def renewal_of(server, device, original):
    uuid, der = install_profile(device)
    (before, signer), (after, signer_now) = opened(original), opened(der)
    assert signer == signer_now
    old, new = payload(before, "security.scep"), payload(after, "security.scep")
    assert new["PayloadUUID"] != old["PayloadUUID"] and new["PayloadContent"]["Challenge"] != old["PayloadContent"]["Challenge"]
    assert payload(after, "mdm")["IdentityCertificateUUID"] == new["PayloadUUID"]
    challenge = new["PayloadContent"]["Challenge"]
    assert blank(before) == blank(after)
    fresh = Device(server, scep.Client(server).get(new_key(), challenge), device.udid)
    assert server.enqueue(device.udid, "kept")[0] == 200
    assert b"kept" in device.report(uuid)[2]
    assert states(server)[device.udid] == "installed"
    assert b"kept" in fresh.idle()[2]
    assert states(server)[device.udid] == "done"
    assert fresh.report("kept")[0] == 200 and device.idle()[0] == 200  # both count for 7 days
    listed = {i["device"]: i for i in server.cli_json("identity", "list")}
    assert listed[device.udid]["days_left"] >= 19 and listed[device.udid]["renewal"] == "done"
    assert listed["U-2"]["days_left"] <= 5 and listed["U-2"]["issuer"] == "own"


def test_lab_device_renews_and_a_failure_halts(tmp):
    port = free_port()
    server = start(tmp, port)
    server.push_cert()
    link = server.cli("enroll", "link").stdout.split("\n")[0]
    lab = Process(["lab", "device", link, "--poll", "1", "-v"], cwd=tmp)
    name = until(lambda: lab.stdout.decode().split("\n")[0] if b"\n" in lab.stdout else None, "the enrollment")
    assert "is under way" not in server.cli("identity", "renewals", "--start", name).stdout
    until(lambda: states(server).get(name) == "done", "the renewal of the lab's device")
    lab.stop()
    device, _ = enroll(server, "U-1")
    server.cli("identity", "renewals", "--start", "U-1")
    assert "under way" in server.cli("identity", "renewals", "--start", "U-1", expect=1).stderr
    server.cli("identity", "renewals", "--start", "nobody", expect=3)
    uuid, _ = install_profile(device)
    assert device.report(uuid, "Error", ErrorChain=[{"ErrorCode": 4001, "ErrorDomain": "D", "USEnglishDescription": "no room"}])[0] == 200
    halted = server.cli_json("identity", "renewals")["halted"]
    assert "U-1" in halted["why"] and "no room" in halted["why"]
    assert "HALTED" in server.cli("identity", "renewals").stdout
    assert device.idle()[0] == 200  # the old identity stands
    server.cli("identity", "renewals", "--resume")
    server.cli("identity", "renewals", "--resume", expect=1)
    assert server.cli_json("identity", "renewals")["halted"] is None
    server.stop()


def test_ended_identity_behind_a_private_ca(tmp):
    """Devices that came back after their identity ended are given its renewal and nothing else, by either proof; the new one is served all. The server reaches itself
    by a certificate of a CA that nobody else knows."""
    port, ca = free_port(), CA("A private CA")
    files = {"tls_cert": tmp / "tls.pem", "tls_key": tmp / "tls.key"}
    pair = ca.server()
    files["tls_cert"].write_bytes(pair.cert_pem)
    files["tls_key"].write_bytes(pair.key_pem)
    settings = {**SHORT, **files, "listen": f"127.0.0.1:{port}", "public_url": f"https://127.0.0.1:{port}"}
    server = Server(tmp, **settings)
    server.push_cert()
    device, _ = enroll(server, "U-1")
    other, _ = enroll(server, "U-2")
    assert device.checkin("SetBootstrapToken", BootstrapToken=b"boot")[0] == 200
    server.stop()
    server = Server(tmp, env={"POMONA_CLOCK_SHIFT": str(25 * DAY)}, **settings)
    until(lambda: states(server), "the canary")
    for name in {"U-1", "U-2"} - set(states(server)):
        server.cli("identity", "renewals", "--start", name)
    server.enqueue("U-1", "kept")
    device.server = other.server = server
    other.proof = "mtls"
    for d in (device, other):
        assert d.authenticate()[0] == 400 and d.checkin("GetBootstrapToken")[::2] == (400, b"")
        assert d.token_update(token=b"\x02" * 32)[0] == 200  # it may be woken
        uuid, der = install_profile(d)
        fresh = Device(server, scep.Client(server).get(new_key(), payload(opened(der)[0], "security.scep")["PayloadContent"]["Challenge"]), d.udid)
        assert d.report(uuid)[::2] == (200, b"")  # nothing else of its queue
        assert fresh.authenticate()[0] == 200 and states(server)[d.udid] == "installed"
        assert fresh.token_update()[0] == 200 and states(server)[d.udid] == "done"
        d.identity, d.former = fresh.identity, d.identity
    assert b"kept" in device.idle()[2]
    got = device.report("kept")
    assert got[0] == 200, got
    assert plistlib.loads(device.checkin("GetBootstrapToken")[2])["BootstrapToken"] == b"boot"
    assert Device(server, device.former, "U-1").idle()[::2] == (200, b"")
    assert Device(server, device.former, "U-1").checkin("GetBootstrapToken")[0] == 400
    assert server.rows("SELECT count(*) FROM generation") == [(2,)]
    server.stop()
