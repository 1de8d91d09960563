"""Lists and commands as a console asks for them: any part of a long list, tables, filters as targets, what came of commands."""
import csv
import io
import plistlib

from harness import CA, Device, Server


def start(tmp, ca):
    server = Server(tmp, tls="off", apns_url="https://127.0.0.1:1", device_ca=ca.file(tmp), inventory_interval="never")
    server.push_cert()
    return server


def enroll(server, ca, udid, **facts):
    device = Device(server, ca.identity(udid))
    assert device.enroll(**{"SerialNumber": f"S-{udid}", "DeviceName": f"{udid}'s Mac", "ProductName": "Mac16,10", "OSVersion": "15.1", **facts})
    return device


def names(answer):
    return [d["id"] for d in answer[1]["devices"]]


def test_any_part_of_the_list_and_all_of_it_as_a_table(tmp):
    ca = CA()
    server = start(tmp, ca)
    for udid in ("A", "B", "C"):
        enroll(server, ca, udid)
    enroll(server, ca, "P", ProductName="iPhone17,1", OSVersion="18.1", DeviceName='=1+1, "x"')
    for query in ("offset=-1", "offset=x"):
        assert server.admin("GET", f"/api/v1/devices?{query}")[0] == 400, query
    part = server.admin("GET", "/api/v1/devices?sort=id&offset=1&limit=2")
    assert names(part) == ["B", "C"] and part[1]["total"] == 4 and part[1]["next"]
    assert names(server.admin("GET", f"/api/v1/devices?sort=id&cursor={part[1]['next']}")) == ["P"]
    last = server.admin("GET", "/api/v1/devices?sort=-id&offset=3&limit=2")
    assert names(last) == ["A"] and last[1]["next"] is None
    assert names(server.admin("GET", "/api/v1/devices?offset=4")) == [] and names(server.admin("GET", "/api/v1/devices?offset=99999999999")) == []

    # The table is that of the command line.
    for query in ("columns=colour", "filter=oss%3D1", "limit=0"):
        assert server.admin("GET", f"/api/v1/devices/export?{query}")[0] == 400, query
    for words, query in (([], ""), (["platform=ios", "--columns", "id,name,os,push,last-seen"], "filter=platform%3Dios&columns=id,name,os,push,last-seen")):
        table = server.admin("GET", f"/api/v1/devices/export?{query}")[1].decode()
        assert table.count("\r\n") == table.count("\n") and table.replace("\r\n", "\n") == server.cli("device", "list", "--csv", *words).stdout
    assert server.cli("device", "list", "--csv", "--limit", "2").stdout.count("\n") == 3
    assert list(csv.reader(io.StringIO(table, newline="")))[1][:3] == ["P", "'=1+1, \"x\"", "18.1"]


def test_commands_by_what_came_of_them(tmp):
    ca = CA()
    server = start(tmp, ca)
    devices = {udid: enroll(server, ca, udid) for udid in ("A", "B")}
    enroll(server, ca, "P", ProductName="iPhone17,1", OSVersion="18.1")

    # To all that match: looked at first, then by name.
    send = {"request_type": "ProfileList", "arguments": {}}
    assert server.admin("POST", "/api/v1/commands", {**send, "filter": "platform=macos", "ids": ["A"]})[0] == 400
    assert server.admin("POST", "/api/v1/commands", {**send, "filter": "oss=1"})[0] == 400
    assert server.admin("POST", "/api/v1/commands", {**send, "filter": "tag=none"})[0] == 404
    assert server.admin("POST", "/api/v1/commands", send)[0] == 400
    checked = server.admin("POST", "/api/v1/commands", {**send, "filter": "platform=macos", "check": True})[1]
    assert [t["id"] for t in checked["targets"]] == ["A", "B"]
    server.cli("command", "send", "--filter", "platform=macos", "A", "ProfileList", expect=2)
    server.cli("command", "send", "--filter", "platform=macos", expect=2)
    uuid = server.cli("command", "send", "--filter", "platform=macos", "ProfileList").stdout.split()[0]

    # What came of it.
    status, _, body = devices["A"].idle()
    assert status == 200 and devices["A"].report(plistlib.loads(body)["CommandUUID"], "Acknowledged", ProfileList=[])[0] == 200
    shown = server.cli_json("command", "show", uuid)
    assert shown["counts"] == {"Acknowledged": 1, "Queued": 1} and {t["name"] for t in shown["targets"]} == {"A's Mac", "B's Mac"}
    waiting = server.admin("GET", f"/api/v1/commands/{uuid}?status=waiting")[1]
    assert [t["id"] for t in waiting["targets"]] == ["B"] and waiting["counts"] == shown["counts"]

    def listed(*words):
        return sorted((c["request_type"], c["id"]) for c in server.cli_json("command", "list", "--people", *words))

    assert listed() == [("ProfileList", "A"), ("ProfileList", "B")] and listed("--status", "waiting") == [("ProfileList", "B")]
    assert listed("--status", "Acknowledged", "--type", "ProfileList") == [("ProfileList", "A")] and listed("A", "--status", "waiting") == []
    assert listed("--type", "EraseDevice") == []
    assert server.admin("GET", "/api/v1/commands?status=lost")[0] == 400

    # Its property list, for those who may send one; a PIN is not in it.
    lock = server.cli("command", "send", "A", "DeviceLock", "PIN=123456", "--yes").stdout.split()[0]
    text = server.cli("command", "show", lock, "--plist").stdout
    assert plistlib.loads(text.encode())["Command"]["RequestType"] == "DeviceLock" and "123456" not in text
    viewer = server.admin("POST", "/api/v1/tokens", {"name": "looks", "role": "viewer"})[1]["token"]
    assert server.admin("GET", f"/api/v1/commands/{lock}", token=viewer)[0] == 200
    assert server.admin("GET", f"/api/v1/commands/{lock}/plist", token=viewer)[0] == 403
    assert server.admin("GET", "/api/v1/commands/00000000-0000-0000-0000-000000000000/plist")[0] == 404
