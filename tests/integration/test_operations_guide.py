"""The curl lines of NanoMDM's operations guide, as they stand there but for the address, and the answers that it documents."""
import json
import plistlib
import re
import subprocess
import uuid

from harness import CA, PATIENCE, Device, Server
from test_loop_public_tools import TOKEN, TOPIC, Nghttpd, run

A, E = "99385AF6-44CB-5621-A678-A321F4D9A2C8", "E9085AF6-DCCB-5661-A678-BCE8F4D9A2C8"


def curl(*argv, stdin=None):
    """Status and text of the answer."""
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *argv], input=stdin, capture_output=True, timeout=PATIENCE, check=True)
    text, status = done.stdout.decode().rsplit("\n", 1)
    return int(status), text


def cmdr(request_type="ProfileList"):
    return plistlib.dumps({"CommandUUID": str(uuid.uuid4()), "Command": {"RequestType": request_type}})


def the_guide(tmp, apns):
    ca = CA()
    s = Server(tmp, api_key="nanomdm", device_ca=ca.file(tmp), apns_url=f"https://127.0.0.1:{apns.port}", apns_ca=tmp / "apns.crt", admin_listen="[::1]:0")
    at = f"[::1]:{s.admin_address[1]}"

    # Version: nobody is asked who he is.
    assert curl(f"http://{at}/version")[0] == 200
    assert "version" in json.loads(curl(f"http://{at}/version")[1])

    # Push Cert
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", f"/UID={TOPIC}/CN=APSP:x", "-keyout", tmp / "push.key", "-out", tmp / "push.pem")
    pem = (tmp / "push.pem").read_bytes() + (tmp / "push.key").read_bytes()
    assert curl("-T", "-", "-u", "nanomdm:wrong", f"http://{at}/v1/pushcert", stdin=pem)[0] == 401
    status, text = curl("-T", "-", "-u", "nanomdm:nanomdm", f"http://{at}/v1/pushcert", stdin=pem)
    assert status == 200 and re.match(r'\{\n\t"topic": "%s"' % TOPIC, text), text

    for udid in (A, E):
        device = Device(s, ca.identity(udid), udid, topic=TOPIC)
        assert device.authenticate()[0] == 200 and device.token_update(token=TOKEN)[0] == 200

    # Push
    status, text = curl("-u", "nanomdm:nanomdm", f"http://{at}/v1/push/{A}")
    assert status == 200 and re.fullmatch(r'\{\n\t"status": \{\n\t\t"%s": \{\n\t\t\t"push_result": "[0-9A-Fa-f-]{36}"\n\t\t\}\n\t\}\n\}\n?' % A, text), text
    status, text = curl("-g", "-u", "nanomdm:nanomdm", f"{at}/v1/push/{A},{E}")
    assert status == 200 and [list(v) for v in json.loads(text)["status"].values()] == [["push_result"], ["push_result"]], text

    # Enqueue
    status, text = curl("-T", "-", "-u", "nanomdm:nanomdm", f"http://{at}/v1/enqueue/{E}", stdin=cmdr())
    told = json.loads(text)
    assert status == 200 and list(told) == ["status", "command_uuid", "request_type"] and told["request_type"] == "ProfileList", text
    status, text = curl("-T", "-", "-u", "nanomdm:nanomdm", f"http://{at}/v1/enqueue/{A},{E}", stdin=cmdr("ProvisioningProfileList"))
    assert status == 200 and set(json.loads(text)["status"]) == {A, E}, text
    status, text = curl("-g", "-T", "-", "-u", "nanomdm:nanomdm", f"{at}/v1/enqueue/{A}?nopush=1", stdin=cmdr("CertificateList"))
    assert status == 200 and re.fullmatch(r'\{\n\t"no_push": true,\n\t"command_uuid": "[0-9a-f-]{36}",\n\t"request_type": "CertificateList"\n\}\n?', text), text

    # Migration
    message = {"UDID": "MIGRATED-1", "Topic": TOPIC}
    for body in ({"MessageType": "Authenticate", **message}, {"MessageType": "TokenUpdate", "Token": TOKEN, "PushMagic": "m", **message}):
        status, text = curl("-T", "-", "-u", "nanomdm:nanomdm", f"http://{at}/migration", stdin=plistlib.dumps(body))
        assert (status, text) == (200, ""), text
    status, text = curl("-u", "nanomdm:nanomdm", f"http://{at}/v1/push/MIGRATED-1")
    assert status == 200 and "push_result" in text, text
    s.stop()


def test_operations_guide(tmp):
    apns = Nghttpd(tmp)
    try:
        the_guide(tmp, apns)
    finally:
        apns.stop()
