"""Profiles: checked, kept in versions, filled and signed for devices; who signs, and what happens when that changes."""
import plistlib
import signal
import sqlite3
import subprocess

import scep
from harness import CA, Device, Server, cli

PATH = "/api/v1/profiles"
UUIDS = ("0E9A5C07-0CE1-4A0B-8B4B-0E4B4B4B4B4B", "1E9A5C07-0CE1-4A0B-8B4B-0E4B4B4B4B4B")


def profile(identifier="com.example.clip", label="Help", url="https://example.org/", uuid=UUIDS[0], **more):
    clip = {"PayloadType": "com.apple.webClip.managed", "PayloadVersion": 1, "PayloadIdentifier": identifier + ".clip", "PayloadUUID": UUIDS[1],
            "PayloadDisplayName": "Clip", "Label": label, "URL": url, **more}
    return plistlib.dumps({"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": identifier, "PayloadUUID": uuid,
                           "PayloadDisplayName": "A web clip", "PayloadContent": [clip]})


def wifi(password):
    content = {"PayloadType": "com.apple.wifi.managed", "PayloadVersion": 1, "PayloadIdentifier": "com.example.wifi.1", "PayloadUUID": UUIDS[1],
               "PayloadDisplayName": "Wi-Fi", "SSID_STR": "Office", "EncryptionType": "WPA2", "Password": password, "AutoJoin": True}
    return plistlib.dumps({"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "com.example.wifi", "PayloadUUID": UUIDS[0],
                           "PayloadDisplayName": "Wi-Fi", "PayloadContent": [content]})


def verified(tmp, der, *trust):
    """What is inside of a signed profile, as OpenSSL sees it."""
    (tmp / "signed.der").write_bytes(der)
    done = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", tmp / "signed.der", *(trust or ["-noverify"])], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return plistlib.loads(done.stdout)


def test_refused(tmp):
    s = Server(tmp, tls="off")
    bad = profile(Labl="x").replace(b"https://example.org/", b"")
    status, answer = s.admin("POST", PATH, bad, headers={"Content-Type": "application/octet-stream"})
    assert status == 400 and answer["files"][0]["findings"] and "line" in answer["error"]["message"], answer
    folder = tmp / "all"
    folder.mkdir()
    (folder / "good.mobileconfig").write_bytes(profile())
    (folder / "bad.mobileconfig").write_bytes(b"<plist")
    told = s.cli("profile", "add", folder, expect=1).stderr
    assert "bad.mobileconfig:" in told and "nothing was added" in told, told
    assert s.cli_json("profile", "list") == []  # all or nothing
    for body in (b"", b"\0" * 100, b'{"files": []}', b'{"files": [{"name": "x", "data": "!"}]}'):
        assert s.admin("POST", PATH, body, headers={"Content-Type": "application/json"})[0] == 400, body
    assert s.admin("PUT", PATH + "/com.example.other", profile(), headers={"Content-Type": "application/octet-stream"})[0] == 400
    assert s.cli("profile", "add", tmp / "none.mobileconfig", expect=3).stderr
    for words in (("show", "none"), ("diff", "none"), ("export", "none"), ("remove", "none"), ("install", "X", "none")):
        s.cli("profile", *words, expect=3)

    # A word of consent keeps what can be read at all.
    (folder / "bad.mobileconfig").write_bytes(profile(Labl="x"))
    s.cli("profile", "add", folder / "bad.mobileconfig", "--anyway")
    assert s.cli_json("profile", "list")[0]["identifier"] == "com.example.clip"
    s.cli("profile", "add", folder / "bad.mobileconfig", "--if-version", "x", expect=2)


def test_versions(tmp):
    s = Server(tmp, tls="off")
    file = tmp / "wifi.mobileconfig"
    file.write_bytes(wifi("first secret"))
    assert "version 1 of com.example.wifi" in s.cli("profile", "add", file).stdout
    assert "there already" in s.cli("profile", "add", file).stdout
    file.write_bytes(wifi("second secret").replace(b"Office", b"Lobby"))
    told = s.cli("profile", "add", file, "--if-version", "0", expect=1).stderr
    assert "changed meanwhile" in told, told
    assert "version 2" in s.cli("profile", "add", file, "--if-version", "1").stdout
    told = s.cli("profile", "diff", "com.example.wifi").stdout
    assert "PayloadContent[com.example.wifi.1].SSID_STR\n  - Office\n  + Lobby" in told and "Password" in told and "secret" not in told, told
    assert s.cli_json("profile", "diff", "com.example.wifi", "1", "1")["changes"] == []
    shown = s.cli_json("profile", "show", "com.example.wifi")
    assert [v["version"] for v in shown["versions"]] == [2, 1] and shown["groups"] == [] and shown["payloads"][0]["type"] == "com.apple.wifi.managed"
    assert "Lobby" not in s.cli("profile", "show", "com.example.wifi", "--version", "1").stdout
    s.cli("profile", "export", "com.example.wifi", "--version", "1", "--out", tmp / "out")
    assert (tmp / "out").read_bytes() == wifi("first secret")
    assert s.cli("profile", "show", "com.example.wifi", "--version", "9", expect=3)

    assert "version 1 is now 2" in s.cli("profile", "remove", "com.example.wifi", "--if-version", "1", expect=1).stderr

    # Changes by the API hold for the version that they were made of.
    raw = {"Content-Type": "application/x-apple-aspen-config"}
    one = PATH + "/com.example.wifi"
    assert s.admin("PUT", one, wifi("third secret"), headers={**raw, "If-Match": '"1"'})[0] == 412
    assert s.admin("PUT", one, wifi("third secret"), headers={**raw, "If-Match": '"2"'})[0] == 201
    assert s.admin("DELETE", one, headers={"If-Match": '"2"'})[0] == 412
    assert s.admin("DELETE", one, headers={"If-Match": '"3"'})[0] == 204 and s.admin("GET", one)[0] == 404
    database = b"".join(f.read_bytes() for f in s.data.glob("pomona.db*"))
    assert b"first secret" not in database and b"secret" not in s.log().encode()


def test_templates_and_the_list(tmp):
    """What the console begins with: templates as the command line has them, and a list that tells who has what."""
    s = Server(tmp, tls="off")
    assert s.admin("GET", "/api/v1/profile-templates/none")[0] == 404
    names = [t["name"] for t in s.admin("GET", "/api/v1/profile-templates")[1]["templates"]]
    assert "wifi" in names
    for name in names:
        status, text = s.admin("GET", f"/api/v1/profile-templates/{name}")
        assert status == 200 and text == cli("profile", "template", name).stdout.encode(), name
    (tmp / "one.mobileconfig").write_bytes(profile())
    s.cli("profile", "add", tmp / "one.mobileconfig")
    s.cli("group", "add", "all", "--rule", "state=enrolled")
    s.cli("group", "assign", "all", "profile", "com.example.clip")
    row = s.admin("GET", PATH + "?devices=yes")[1]["profiles"][0]
    assert (row["groups"], row["devices"], row["devices_newest"]) == (["all"], 0, 0) and "devices" not in s.admin("GET", PATH)[1]["profiles"][0]
    assert "group all" in s.cli("profile", "remove", "com.example.clip", expect=1).stderr
    assert "given by all" in " ".join(s.cli("profile", "show", "com.example.clip").stdout.split())


def test_given(tmp):
    """By hand to a device: filled, signed, with a PayloadUUID of its content; a variable without a value is named."""
    s = Server(tmp, tls="off")
    s.push_cert()
    phone = {"Model": "MYW23", "ModelName": "iPhone", "ProductName": "iPhone17,1", "OSVersion": "18.1"}
    device = Device(s, scep.identity(s), "DEVICE-1").enroll(**phone)
    Device(s, scep.identity(s), "DEVICE-2").enroll(**phone)
    for name, file in (("clip", profile(label="of %UDID%")), ("mail", profile("com.example.mail", label="%Email%")), ("all", profile("com.example.all"))):
        (tmp / f"{name}.mobileconfig").write_bytes(file)
    s.cli("profile", "add", *[tmp / f"{name}.mobileconfig" for name in ("clip", "mail", "all")])
    told = s.cli("profile", "install", "DEVICE-1", "com.example.mail", expect=1).stderr
    assert "%Email%" in told and "DEVICE-1" in told, told
    assert "is queued" in s.cli("profile", "install", "DEVICE-1", "com.example.clip").stdout
    status, answer = s.admin("POST", PATH + "/com.example.clip/install", {"ids": ["DEVICE-1", "NOBODY"]})
    assert status == 207 and answer["targets"][1]["error"]["code"] == "not-found", answer

    status, _, body = device.idle()
    command = plistlib.loads(body)["Command"]
    assert command["RequestType"] == "InstallProfile"
    got = verified(tmp, command["Payload"])
    assert got["PayloadContent"][0]["Label"] == "of DEVICE-1" and got["PayloadUUID"][14] == "8" and got["PayloadUUID"] != UUIDS[0]

    def exported(device_id, *more, name="com.example.clip"):
        s.cli("profile", "export", name, "--device", device_id, "--out", tmp / "out", *more)
        return (tmp / "out").read_bytes()

    assert verified(tmp, exported("DEVICE-1")) == got == plistlib.loads(exported("DEVICE-1", "--unsigned"))
    assert verified(tmp, exported("DEVICE-2"))["PayloadUUID"] != got["PayloadUUID"]
    assert exported("DEVICE-1", name="com.example.all") == exported("DEVICE-2", name="com.example.all")  # signed once
    assert "is queued" in s.cli("profile", "uninstall", "DEVICE-2", "com.example.clip").stdout


def test_what_a_device_cannot_have_is_not_sent(tmp):
    s = Server(tmp, tls="off")
    s.push_cert()
    device = Device(s, scep.identity(s), "MAC").enroll()
    for name in ("com.example.clip", "com.elsewhere.enrollment"):
        (tmp / f"{name}.mobileconfig").write_bytes(profile(name))
        s.cli("profile", "add", tmp / f"{name}.mobileconfig")
    assert "nothing in the profile is for macOS" in s.cli("profile", "install", "MAC", "com.example.clip", expect=1).stderr
    assert "is queued" in s.cli("profile", "uninstall", "MAC", "com.elsewhere.enrollment").stdout
    s.stop()
    with sqlite3.connect(s.data / "pomona.db") as db:  # as another server enrolled it
        db.execute("UPDATE generation SET given = json_set(given, '$.PayloadIdentifier', 'com.elsewhere.enrollment')")
    db.close()
    s = Server(tmp, data=s.data, tls="off")
    assert "pomona device unenroll" in s.cli("profile", "uninstall", "MAC", "com.elsewhere.enrollment", expect=1).stderr
    assert s.rows("SELECT count(*) FROM command WHERE request_type = 'RemoveProfile'") == [(1,)] and device


def test_signer(tmp):
    """signing-cert: verified by OpenSSL with its chain; read again at SIGHUP; what is wrong with it is said at once."""
    ca, stranger = CA("Signing CA"), CA("Stranger")
    signer, ended = ca.identity("Signer One"), ca.identity("Signer Two")
    chain, key, root = tmp / "chain.pem", tmp / "key.pem", tmp / "root.pem"
    root.write_bytes(ca.cert_pem)
    key.write_bytes(signer.key_pem)
    chain.write_bytes(signer.cert_pem + stranger.cert_pem)
    settings = ["--tls=off", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data", tmp / "other", f"--signing-cert={chain}", f"--signing-key={key}"]
    assert "not issued by" in cli("serve", *settings, expect=1).stderr
    chain.write_bytes(signer.cert_pem + ca.cert_pem)
    s = Server(tmp, tls="off", signing_cert=chain, signing_key=key)
    s.push_cert()
    Device(s, scep.identity(s), "DEVICE-1").enroll()
    (tmp / "clip.mobileconfig").write_bytes(profile())
    s.cli("profile", "add", tmp / "clip.mobileconfig")

    def exported():
        s.cli("profile", "export", "com.example.clip", "--device", "DEVICE-1", "--out", tmp / "out")
        return (tmp / "out").read_bytes()

    first = exported()
    assert verified(tmp, first, "-CAfile", root, "-purpose", "any")["PayloadIdentifier"] == "com.example.clip"
    key.write_bytes(ended.key_pem)  # not the certificate's
    s.process.send_signal(signal.SIGHUP)
    s.wait_log(msg="reload failed; what is wrong stays as it was")
    assert exported() == first
    chain.write_bytes(ended.cert_pem + ca.cert_pem)
    s.process.send_signal(signal.SIGHUP)
    s.wait_log(msg="settings and certificates reloaded")
    assert exported() != first and verified(tmp, exported(), "-CAfile", root, "-purpose", "any")
    assert any("signed by somebody else" in line for line in s.log().splitlines())
    told = s.cli("doctor", "--json", f"--signing-cert={chain}", f"--signing-key={key}", expect=None).stdout
    assert "Signer Two" in told and "Signer One" in told, told
