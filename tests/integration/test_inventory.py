"""The inventory end to end: a device enrolls, is asked without a hand, and what it tells is seen by API and command line."""
import re
import plistlib

from harness import CA, Device, Server, plist

ANSWERS = {
    "DeviceInformation": {"QueryResponses": {"DeviceName": "Board\u202eroom", "OSVersion": "15.1", "ProductName": "Mac16,10", "HostName": 7}},
    "SecurityInfo": {"SecurityInfo": {"FDE_Enabled": True}},
    "ProfileList": {"ProfileList": [{"PayloadIdentifier": "com.example.wifi", "PayloadUUID": "A1"}]},
    "InstalledApplicationList": {"InstalledApplicationList": [{"Identifier": "com.example.one", "ShortVersion": "1.0", "Icon": b"x" * 100000}]},
}


def served(device, answers):
    """One session: every command is acknowledged with what stands in answers; the request types in their order."""
    types, answer = [], device.idle()
    while answer[2]:
        given = plistlib.loads(answer[2])
        types.append(given["Command"]["RequestType"])
        answer = device.report(given["CommandUUID"], **answers.get(types[-1], {}))
    return types


def start(tmp, **settings):
    ca = CA()
    server = Server(tmp, device_ca=ca.file(tmp), apns_url="https://localhost:1", migration_window="1h", **settings)
    server.push_cert()
    return server, Device(server, ca.identity("MAC-1"))


def test_never_asked_when_told_so(tmp):
    """inventory-interval = never: nothing is queued, nothing is known; by hand it is asked all the same."""
    server, mac = start(tmp)
    mac.enroll(ProductName="Mac16,10", OSVersion="15.0")
    assert served(mac, ANSWERS) == []
    assert "told nothing" in server.cli("device", "inventory", "MAC-1").stderr
    assert server.admin("GET", "/api/v1/devices/MAC-1/inventory/ProfileList")[0] == 404
    assert server.admin("GET", "/api/v1/devices/NOBODY/inventory")[0] == 404
    server.cli("device", "refresh", "MAC-1")
    assert "ProfileList" in served(mac, ANSWERS)


def test_asked_and_shown(tmp):
    """After the enrollment; what does not fit is counted in /metrics, too; changes are told by name."""
    server, mac = start(tmp, inventory_interval="1d")
    mac.enroll(ProductName="Mac16,10", OSVersion="15.0")
    types = served(mac, ANSWERS)
    assert types[0] == "DeviceInformation" and len(types) == len(set(types)) and {"SecurityInfo", "ProfileList", "UserList"} & set(types) >= {"SecurityInfo", "ProfileList"}
    shown = server.cli_json("device", "inventory", "MAC-1")
    answers = {a["request_type"]: a for a in shown["answers"]}
    assert shown["asked_at"] and shown["taken_at"] and answers["DeviceInformation"]["misfits"] == 1
    assert answers["DeviceInformation"]["answer"]["raw"] == [{"at": "QueryResponses.HostName", "value": 7}]
    assert answers["InstalledApplicationList"]["answer"]["InstalledApplicationList"][0]["Icon"] == {"bytes": 100000}
    assert "\u202e" not in server.cli("device", "inventory", "MAC-1").stdout
    assert "ProfileList" in server.cli("device", "inventory", "MAC-1").stdout
    assert '"com.example.wifi"' in server.cli("device", "inventory", "MAC-1", "ProfileList").stdout
    misfits = sum(a["misfits"] for a in answers.values())
    page = server.cli("device", "show", "MAC-1").stdout
    assert re.search(r"DeviceInformation +1 value of another shape", page)
    column = {len(line) - len(line.split("  ", 2)[2].lstrip()) for line in page.split("Security\n")[1].split("\n\n")[0].splitlines()}
    assert len(column) == 1  # values stand below each other
    assert f"pomona_inventory_misfits {misfits}\n" in server.admin("GET", "/metrics")[1].decode()
    assert server.cli_json("device", "show", "MAC-1")["os_version"] == "15.1"
    served(mac, {})
    server.cli("device", "refresh", "MAC-1")
    served(mac, ANSWERS | {"ProfileList": {"ProfileList": []}})
    changes = server.cli_json("device", "changes", "MAC-1")
    assert {"what": "profile com.example.wifi", "was": "A1", "now": None} in [{k: c[k] for k in ("what", "was", "now")} for c in changes]
    assert "profile com.example.wifi" in server.cli("device", "changes", "MAC-1").stdout
    assert server.rows("SELECT count(*) FROM event WHERE kind = 'inventory.changed'")[0][0] >= 1


def test_names_that_no_xml_carries_are_heard(tmp):
    ca = CA()
    s = Server(tmp, device_ca=ca.file(tmp))
    s.push_cert()
    device = Device(s, ca.identity("U-1"), "U-1").enroll()
    assert s.enqueue("U-1", "LIST", "ManagedApplicationList")[0] == 200
    assert device.idle()[0] == 200
    apps = {f"com.example.app{i}": {"Status": "Managed", "Name": f"app {i}"} for i in range(10_000)}
    body = plist(UDID="U-1", Status="Acknowledged", CommandUUID="LIST", ManagedApplicationList=apps)
    body = body.replace(b"app 7<", b"app \x01\x1f&#2;\xef\xbf\xbf\xed\xa0\x80<")
    assert b"\x01" in body and device.put(body, "application/x-apple-aspen-mdm")[0] == 200
    status, told = s.admin("GET", "/api/v1/devices/U-1/inventory/ManagedApplicationList")
    assert status == 200 and told["misfits"] > 0, told.get("misfits")
    assert s.command("LIST", "U-1") == "Acknowledged"
    s.stop()
