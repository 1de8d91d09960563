"""The fleet as people ask for it: lists by filter, one device in full, what is known of it, tables in and out."""
import contextlib
import csv
import io
import json
import pathlib
import sqlite3

from harness import CA, Device, Server, until

CONTRACT = {"id", "type", "serial_number", "name", "model", "os_version", "enrolled", "last_seen", "push", "topic"}
FACTS = {"filevault": True, "supervised": True, "capacity": 494.38, "free-space": 120.5, "battery": 0.93, "firewall": False,
         "hostname": "anna.local", "secure-boot": "full", "wifi-mac": "a4:83:e7:00:11:22"}


def start(tmp, ca, **settings):
    server = Server(tmp, **{"tls": "off", "apns_url": "https://127.0.0.1:1", "device_ca": ca.file(tmp), **settings})
    server.push_cert()
    return server


def enroll(server, ca, udid, **facts):
    device = Device(server, ca.identity(udid))
    assert device.enroll(**{"SerialNumber": f"S-{udid}", "DeviceName": f"{udid}'s Mac", "ProductName": "Mac16,10", "OSVersion": "15.1", **facts})
    return device


def ids(server, *words):
    return [d["id"] for d in server.cli_json("device", "list", *words)]


def tell_facts(server, tmp, udid):
    """As if its inventory had been taken, while the server does not run."""
    with contextlib.closing(sqlite3.connect(next(pathlib.Path(tmp).rglob("pomona.db")))) as db, db:
        seq, = db.execute("SELECT seq FROM device WHERE id = ?", (udid,)).fetchone()
        db.execute("INSERT OR REPLACE INTO inventory (device, facts, taken_at) VALUES (?, ?, 1700000000000000)", (seq, json.dumps(FACTS)))
        db.execute("INSERT INTO inventory_change (device, at, what, was, is_now) VALUES (?, 1700000000000000, 'os', '15.0', '15.1')", (seq,))


def test_list_by_filter_and_pages(tmp):
    ca = CA()
    server = start(tmp, ca)
    enroll(server, ca, "M-1")
    enroll(server, ca, "M-2", OSVersion="14.7")
    phone = enroll(server, ca, "P-1", ProductName="iPhone17,1", OSVersion="18.1.1", DeviceName="=Anna")
    assert ids(server) == ["M-1", "M-2", "P-1"] and CONTRACT <= set(server.cli_json("device", "list")[0])
    assert ids(server, "platform=macos") == ["M-1", "M-2"] and ids(server, "os<15") == ["M-2"] and ids(server, "anna") == ["P-1"]
    assert ids(server, "platform=macos", "not", "os=14") == ["M-1"] and ids(server, "last-seen>1d") == []
    assert ids(server, "--sort", "-os") == ["P-1", "M-1", "M-2"] and ids(server, "--sort", "os", "--limit", "1") == ["M-2"]
    assert server.rows("SELECT count(*) FROM enrollment WHERE type = 'User'") == [(0,)]
    assert phone.token_update(UserID="USER", UserShortName="anna")[0] == 200
    assert ids(server) == ["M-1", "M-2", "P-1"]
    shown = server.cli_json("device", "show", "P-1")
    assert [(u["id"], u["short_name"], u["enrolled"]) for u in shown["users"]] == [("P-1:USER", "anna", True)]
    assert server.cli_json("device", "show", "P-1:USER")["device"] == "P-1"

    # Pages: each device once.
    seen, cursor = [], ""
    while cursor is not None:
        status, page = server.admin("GET", f"/api/v1/devices?sort=-name&limit=1{cursor}")
        assert status == 200 and page["total"] == 3
        seen += [d["id"] for d in page["devices"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert seen == ["M-2", "M-1", "P-1"]

    # What is wrong is told with its place, and nothing of it reaches a terminal.
    wrong = server.cli("device", "list", "platform=macos and oss>=14", expect=2).stderr
    assert "character 20" in wrong and "is os meant?" in wrong and wrong.splitlines()[2].index("^") == wrong.splitlines()[1].index("oss"), wrong
    assert "\x1b" not in server.cli("device", "list", "name=\x1b[31m", expect=2).stderr
    for query in ("filter=oss%3D1", "sort=colour", "cursor=x", "limit=5000", "filter=%FF"):
        assert server.admin("GET", f"/api/v1/devices?{query}")[0] == 400, query
    server.cli("device", "list", "--sort", "colour", expect=1)
    server.cli("device", "list", "--columns", "name,colour", expect=2)

    # For spreadsheets: RFC 4180, and nothing that they would run.
    text = server.cli("device", "list", "--csv", "--columns", "id,name,last-seen").stdout
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["id", "name", "last-seen"] and rows[3][:2] == ["P-1", "'=Anna"]
    assert "FIELD" in server.cli("device", "list", "--fields").stdout


def test_show_is_whole(tmp):
    ca = CA()
    server = start(tmp, ca)
    old = enroll(server, ca, "OLD", SerialNumber="S-1")
    data = server.data
    server.stop()
    tell_facts(server, tmp, "OLD")
    server = Server(tmp, data=data, tls="off", apns_url="https://127.0.0.1:1", device_ca=ca.file(tmp))
    old.server = server
    assert ids(server, "filevault", "capacity>400", "firewall=off") == ["OLD"]
    server.cli("device", "set", "S-1", "user=Anna Example", "email=anna@example.org", "tag=A-17", "note=on loan")
    shown = server.cli_json("device", "show", "OLD")
    assert CONTRACT <= set(shown) and shown["fields"]["user"] == "Anna Example" and shown["version"] == 1
    assert shown["fields"]["capacity"] == 494.38 and shown["changes"][0]["what"] == "os" and shown["history"][0]["state"] == "current"
    page = server.cli("device", "show", "OLD").stdout
    for words in ("OLD's Mac", "Mac16,10, macOS 15.1", "FileVault             on", "120 of 494 GB are free", "93 %", "15.0 → 15.1", "Anna Example"):
        assert words in page, page

    # Another id with its serial number takes its place, until it is heard of again.
    enroll(server, ca, "NEW", SerialNumber="S-1")
    assert ids(server) == ["NEW"] and sorted(ids(server, "--former")) == ["NEW", "OLD"]
    assert server.cli_json("device", "show", "S-1")["id"] == "NEW"
    assert "former OLD" in " ".join(server.cli("device", "show", "NEW").stdout.split())
    assert "until it is heard of again" in server.cli("device", "show", "OLD").stdout
    assert old.idle()[0] == 200
    until(lambda: sorted(ids(server)) == ["NEW", "OLD"])
    assert "heard of, too OLD" in " ".join(server.cli("device", "show", "NEW").stdout.split())
    server.cli("device", "show", "S-1", expect=1)


def test_set_by_hand_and_by_table(tmp):
    ca = CA()
    server = start(tmp, ca)
    for udid in ("M-1", "M-2", "M-3"):
        enroll(server, ca, udid)
    assert "version 1" in server.cli("device", "set", "M-1", "user=Anna", "note==1+1").stdout
    assert ids(server, "user=anna") == ["M-1"]
    server.cli("device", "set", "M-1", "user=Bert", "--if-version", "0", expect=1)
    server.cli("device", "set", "M-1", "user=", "--if-version", "1")
    assert ids(server, 'user=""') == ["M-1", "M-2", "M-3"]
    for words in (["M-1"], ["M-1", "colour=red"], ["M-1", "user"], ["M-1", "user=x", "--dry-run"], ["M-1", "tag=x", "--if-version", "one"], ["--csv", "-", "--if-version", "1"]):
        server.cli("device", "set", *words, expect=2)
    server.cli("device", "set", "M-1", "email=nobody", expect=1)
    server.cli("device", "set", "M-9", "user=x", expect=3)

    # By version, as HTTP has it.
    status, answer = server.admin("PATCH", "/api/v1/devices/M-2", {"tag": "A-1"}, headers={"If-Match": '"0"'})
    assert (status, answer["version"]) == (200, 1)
    assert server.admin("PATCH", "/api/v1/devices/M-2", {"tag": "A-2"}, headers={"If-Match": '"0"'})[0] == 412
    assert server.admin("PATCH", "/api/v1/devices/M-2", {"tag": "A-2", "if_version": 0})[0] == 412
    assert server.admin("PATCH", "/api/v1/devices/M-2", {"tag": None})[1]["version"] == 2
    for body in ({"tag": 5}, {"colour": "red"}, {"note": "a\nb"}, {"user": "x" * 256}, {"email": "a b@c"}):
        assert server.admin("PATCH", "/api/v1/devices/M-2", body)[0] == 400, body

    # What was listed comes back as it was.
    table = pathlib.Path(tmp, "fleet.csv")
    table.write_bytes(server.cli("device", "list", "--csv", "--columns", "id,user,email,tag,note").stdout.encode())
    assert "'=1+1" in table.read_text()
    server.cli("device", "set", "--csv", str(table))
    assert server.cli_json("device", "show", "M-1")["fields"]["note"] == "=1+1" and server.cli_json("device", "show", "M-1")["version"] == 2

    # Byte order mark, quotes, CRLF, semicolons, a serial number; columns that are not there stay.
    table.write_bytes(b'\xef\xbb\xbfSerial;User;Colour;Note\r\nS-M-2;"Doe; ""J"" Jane";red;\r\n\r\nS-M-3;Eve;;"two"\r\n')
    assert "2 devices would be set" in server.cli("device", "set", "--csv", str(table), "--dry-run").stdout
    assert ids(server, "eve") == []
    assert "2 devices are set" in server.cli("device", "set", "--csv", str(table)).stdout
    assert [server.cli_json("device", "show", i)["fields"].get("user") for i in ("M-2", "M-3")] == ['Doe; "J" Jane', "Eve"]

    # All or nothing, and each line is told.
    table.write_text('id,user,email\nM-1,A,\nM-9,B,\nM-1,C,\nM-2,D\n,E,\nM-3,F,nobody\nM-3,"G\n')
    told = server.cli("device", "set", "--csv", str(table), expect=1).stderr
    for words in ("6 lines", "line 3: there is no device with the id M-9", "line 4: this device stands in line 2", "line 5: 2 cells",
                  "line 6: the id is missing", "line 7: email", "line 8: a quotation mark"):
        assert words in told, told
    dry = server.cli("device", "set", "--csv", str(table), "--dry-run", expect=1)
    assert "M-9" in dry.stdout and "1 device would be set" in dry.stdout
    assert ids(server, "user=A") == []
    for text in ("", "user\nx\n", "id,serial,user\n", "id\nM-1\n", "id,user,user\n", "\xff", 'id,"user\n'):
        table.write_bytes(text.encode("latin-1"))
        server.cli("device", "set", "--csv", str(table), expect=1)


def test_many_at_once_by_their_number(tmp):
    ca = CA()
    server = start(tmp, ca)
    macs = [enroll(server, ca, udid) for udid in ("M-1", "M-2", "M-3")]
    path = "/api/v1/devices/many"

    # Nothing is done by a look, without the number, with another one, or when what is asked is not understood.
    assert "3 devices would be blocked" in server.cli("device", "block", "--filter", "platform=macos", expect=2).stdout
    assert "2 devices would be set" in server.cli("device", "set", "--filter", "M-1 or M-2", "tag=A", "--dry-run").stdout
    for confirm in ({}, {"confirm": 2}, {"confirm": 4}):
        status, answer = server.admin("POST", path, {"act": "block", "filter": "platform=macos", **confirm})
        assert (status, answer["error"]["code"], answer["error"]["confirm"]) == (409, "unconfirmed", 3)
    for body in ({"act": "erase", "filter": ""}, {"filter": ""}, {"act": "block"}, {"act": "block", "ids": []}, {"act": "set", "filter": ""},
                 {"act": "block", "ids": ["M-1"], "filter": ""}, {"act": "block", "ids": ["M-1"], "tag": "x"}, {"act": "block", "ids": [1]},
                 {"act": "set", "ids": ["M-1"], "email": "nobody"}, {"act": "set", "filter": "oss=1", "tag": "x"}):
        assert server.admin("POST", path, body)[0] == 400, body
    for words in (["block"], ["block", "M-1", "--filter", "M-1"], ["set", "--filter", "M-1"], ["set", "--filter", "M-1", "tag=x", "--if-version", "1"]):
        server.cli("device", *words, expect=2)
    assert not ids(server, "state=blocked") and not ids(server, "tag=A")

    # A name of none stops nobody else; who is named twice is one; what is so already is not done again.
    status, answer = server.admin("POST", f"{path}/plan", {"act": "block", "ids": ["M-1", "M-2", "M-1", "M-9"]})
    assert (status, answer["devices"], answer["refused"], answer["refusals"][0]["id"]) == (200, 2, 1, "M-9")
    told = server.cli("device", "block", "M-1", "M-2", "M-9", "--yes")
    assert "2 devices are blocked; 1 name is of none." in told.stdout and "M-9" in told.stderr
    assert ids(server, "state=blocked") == ["M-1", "M-2"]
    assert macs[0].idle()[0] == 400 and macs[2].idle()[0] == 200
    assert "1 device is blocked; 2 are so already." in server.cli("device", "block", "--filter", "platform=macos", "--yes").stdout
    assert server.cli_json("device", "unblock", "--filter", "state=blocked", "--yes")["devices"] == 3
    assert macs[0].idle()[0] == 200 and not ids(server, "state=blocked")

    server.cli("device", "set", "--filter", "M-1 or M-2", "tag=4b", "note=Class", "--yes")
    assert ids(server, "tag=4b") == ["M-1", "M-2"] and server.cli_json("device", "show", "M-1")["version"] == 1
    server.cli("device", "set", "--filter", "platform=macos", "tag=", "--yes")
    assert not ids(server, "tag=4b") and server.cli_json("device", "show", "M-3")["version"] == 0
    objects = [row["object"] for row in server.admin("GET", "/api/v1/audit?limit=100")[1]["audit"] if row["act"] == f"POST {path}" and row["status"] == 200]
    assert objects == ["set: 2 devices", "set: 2 devices", "unblock: 3 devices", "block: 1 device", "block: 2 devices"], objects


def test_rename_is_a_command(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = enroll(server, ca, "M-1")
    uuid = server.cli("device", "rename", "M-1", "Front Desk").stdout.strip()
    assert b"Front Desk" in device.idle()[2]
    until(lambda: server.command(uuid, "M-1") == "Sent")
