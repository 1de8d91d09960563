"""Groups as operators use them: a device is brought to what they say and kept there, by the command line and the API."""
import plistlib
import threading
import uuid

from harness import CA, Device, Server, until


def profile(identifier, label="One"):
    window = {"PayloadType": "com.apple.loginwindow", "PayloadVersion": 1, "PayloadIdentifier": f"{identifier}.window",
              "PayloadUUID": str(uuid.uuid4()).upper(), "LoginwindowText": label}
    return plistlib.dumps({"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": identifier,
                           "PayloadUUID": str(uuid.uuid4()).upper(), "PayloadDisplayName": identifier, "PayloadContent": [window]})


class Mac(Device):
    """Does what it is told, when it is told to come: session()."""

    def __init__(self, server, identity):
        super().__init__(server, identity)
        self.profiles, self.done = {}, []

    def install(self, payload):
        begin = payload.index(b"<?xml")
        inside = plistlib.loads(payload[begin:payload.index(b"</plist>") + 8])
        self.profiles[inside["PayloadIdentifier"]] = inside["PayloadUUID"]

    def answer(self, command):
        kind = command["RequestType"]
        self.done.append(kind)
        if kind == "InstallProfile":
            self.install(command["Payload"])
        if kind == "RemoveProfile":
            self.profiles.pop(command["Identifier"], None)
        if kind == "ProfileList":
            return {"ProfileList": [{"PayloadIdentifier": i, "PayloadUUID": u, "PayloadVersion": 1} for i, u in self.profiles.items()]}
        if kind == "SecurityInfo":
            return {"SecurityInfo": {"FDE_Enabled": False}}
        return {"QueryResponses": {"SerialNumber": f"S{self.udid}", "DeviceName": f"Mac {self.udid}"}} if kind == "DeviceInformation" else {}

    def session(self):
        status, _, body = self.idle()
        while body:
            told = plistlib.loads(body)
            status, _, body = self.report(told["CommandUUID"], **self.answer(told["Command"]))
        assert status == 200


class Rig:
    def __init__(self, tmp, udids=("U-1",), **settings):
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url="https://localhost:1", migration_window="1h", **settings)
        self.server.push_cert()
        self.macs = [Mac(self.server, self.ca.identity(udid)).enroll() for udid in udids]
        for name in ("com.example.one", "com.example.two"):
            file = self.server.data / f"{name}.mobileconfig"
            file.write_bytes(profile(name))
            self.server.cli("profile", "add", file)

    def stands(self, mac, state):
        """The Mac comes until it stands so."""
        def now():
            mac.session()
            return self.server.cli_json("device", "plan", mac.udid)["state"] == state
        until(now, f"{mac.udid} is {state}")


def test_refused(tmp):
    """What is no group, no member, no assignment, or is another version."""
    rig = Rig(tmp)
    cli, admin = rig.server.cli, rig.server.admin
    cli("group", "show", "none", expect=3)
    cli("group", "add", "a/b", expect=1)
    cli("group", "add", "macs", "--rule", "platfrom=macos", expect=1)
    cli("group", "add", "macs", "--rule", "verdict=fine", expect=1)
    cli("group", "add", "office")
    cli("group", "add", "office", expect=1)
    cli("group", "assign", "office", "profile", "com.example.none", expect=3)
    cli("group", "assign", "office", "nonsense", "x", expect=1)
    cli("group", "assign", "office", "command", "EraseDevice", expect=1)
    cli("group", "assign", "office", "app", "361309726", expect=1)
    cli("group", "member", "add", "office", "U-9", expect=3)
    assert "the requirement last-seen<7d: " in cli("group", "require", "office", "last-seen<7d", expect=1).stderr
    assert "the requirement filevalt=on: the filter, at character 1: " in cli("group", "require", "office", "filevalt=on", expect=1).stderr
    assert admin("PATCH", "/api/v1/groups/office", {"nonsense": 1})[0] == 400
    assert admin("PATCH", "/api/v1/groups/office", {"note": "x"}, headers={"If-Match": '"7"'})[0] == 412
    for words in (("set", "office", "--note", "x"), ("member", "add", "office", "U-1"), ("require", "office", "filevault=on"), ("plan", "office", "--static"), ("remove", "office")):
        assert "changed meanwhile" in cli("group", *words, "--if-version", "7", expect=1).stderr, words
    cli("group", "remove", "office", "--if-version", "-1", expect=2)
    assert admin("POST", "/api/v1/groups/office/plan", {"assign": [{"kind": "profile"}]})[0] == 400
    assert rig.server.cli_json("group", "show", "office")["version"] == 1
    assert "version        1\n" in cli("group", "show", "office").stdout
    cli("group", "set", "office", "--note", "x", "--if-version", "1")
    cli("group", "remove", "office", "--if-version", "2")


def test_life(tmp):
    """Installed, kept, taken away; who gives the same still gives it; a requirement is told with what is known."""
    rig = Rig(tmp)
    server, (mac,) = rig.server, rig.macs
    server.cli("group", "add", "macs", "--rule", "platform=macos and os>=14")
    server.cli("group", "add", "office")
    server.cli("group", "member", "add", "office", "U-1")
    server.cli("group", "assign", "macs", "profile", "com.example.one")
    plan = server.cli_json("group", "plan", "office", "--assign", "profile com.example.two")
    assert (plan["devices"], plan["install"]) == (1, 1) and plan["examples"][0]["id"] == "U-1", plan
    for name in ("com.example.one", "com.example.two"):
        server.cli("group", "assign", "office", "profile", name)
    rig.stands(mac, "compliant")
    assert set(mac.profiles) == {"com.example.one", "com.example.two"} and mac.done.count("InstallProfile") == 2
    assert server.cli_json("device", "list", "group=macs")[0]["id"] == "U-1"
    assert server.cli_json("device", "list", "profile=com.example.two", "compliance=compliant")
    del mac.profiles["com.example.two"]
    server.cli("command", "send", "U-1", "ProfileList", "--no-push")
    until(lambda: mac.session() or "com.example.two" in mac.profiles, "what was removed by hand comes back")
    rig.stands(mac, "compliant")
    assert mac.done.count("InstallProfile") == 3
    server.cli("group", "member", "remove", "office", "U-1")
    until(lambda: mac.session() or set(mac.profiles) == {"com.example.one"}, "only the other group's profile stays")
    rig.stands(mac, "compliant")
    server.cli("group", "require", "macs", "filevault=on")
    server.cli("command", "send", "U-1", "SecurityInfo", "--no-push")
    rig.stands(mac, "failing")
    shown = server.cli_json("group", "show", "macs")
    assert shown["failing"] == 1 and "filevault is off" in shown["failures"][0]["why"], shown
    assert "filevault is off" in server.cli("group", "show", "macs").stdout
    assert 'pomona_devices_by_compliance{compliance="failing"} 1' in server.admin("GET", "/metrics")[1].decode()
    server.cli("profile", "remove", "com.example.one", expect=1)
    server.cli("group", "remove", "macs")
    rig.stands(mac, "none")
    assert not mac.profiles


def test_many(tmp):
    """A change that concerns more than plan-limit devices is made by who says how many."""
    rig = Rig(tmp, ("U-1", "U-2", "U-3"), plan_limit=2)
    server = rig.server
    server.cli("group", "add", "macs", "--rule", "platform=macos")
    refused = server.cli("group", "assign", "macs", "profile", "com.example.one", expect=1)
    assert "concerns 3 devices" in refused.stderr and "3 installations" in refused.stdout, refused
    change = {"assign": [{"kind": "profile", "ref": "com.example.one"}]}
    status, answer = server.admin("PATCH", "/api/v1/groups/macs", change)
    assert (status, answer["error"]["code"], answer["error"]["confirm"]) == (409, "unconfirmed", 3), answer
    assert server.admin("PATCH", "/api/v1/groups/macs?confirm=2", change)[0] == 409
    assert server.cli_json("group", "show", "macs")["version"] == 1
    server.cli("group", "assign", "macs", "profile", "com.example.one", "--yes")
    for mac in rig.macs:
        rig.stands(mac, "compliant")
    assert server.admin("DELETE", "/api/v1/groups/macs")[0] == 409
    assert server.admin("DELETE", "/api/v1/groups/macs?confirm=3")[0] == 200


def test_of_two_who_change_the_same_version_one_is_told(tmp):
    server, won = Server(tmp), []
    server.admin("POST", "/api/v1/groups", {"name": "G", "static": True})

    def work(who):
        for n in range(25):
            version = server.admin("GET", "/api/v1/groups/G")[1]["version"]
            status, _ = server.admin("PATCH", "/api/v1/groups/G", {"note": f"{who} {n}"}, headers={"If-Match": f'"{version}"'})
            assert status in (200, 412)
            won.extend([version] if status == 200 else [])

    threads = [threading.Thread(target=work, args=(who,)) for who in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(won) == sorted(set(won)) and won, won


def test_who_cannot_is_told_before(tmp):
    """A look at a change names who would not get something and why, and is no act: nothing of it is recorded."""
    rig = Rig(tmp)
    s = rig.server
    (tmp / "mail.mobileconfig").write_bytes(profile("com.example.mail", "%Email%"))
    s.cli("profile", "add", tmp / "mail.mobileconfig")
    s.cli("group", "add", "all", "--rule", "state=enrolled")
    acts = s.rows("SELECT count(*) FROM audit")
    assigned = ("--assign", "profile com.example.mail", "--assign", "profile com.example.one", "--assign", "command EnableRemoteDesktop")
    plan = s.cli_json("group", "plan", "all", *assigned)
    assert plan["install"] == 1 and plan["devices"] == 1, plan
    assert {(c["kind"], c["ref"], c["why"], c["devices"]) for c in plan["cannot"]} == {
        ("profile", "com.example.mail", "%Email% has no value for them", 1), ("command", "EnableRemoteDesktop", "it enrolled before this was assigned", 1)}
    told = s.cli("group", "plan", "all", *assigned).stdout
    assert "1 device, profile com.example.mail: %Email% has no value for them" in told, told
    assert s.admin("POST", "/api/v1/profiles/check", profile("com.example.x"), headers={"Content-Type": "application/octet-stream"})[0] == 200
    assert s.rows("SELECT count(*) FROM audit") == acts
    s.cli("device", "set", "U-1", "email=anna@example.org")
    assert s.cli_json("group", "plan", "all", "--assign", "profile com.example.mail")["cannot"] == []
