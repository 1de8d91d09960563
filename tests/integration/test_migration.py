"""Moving from NanoMDM: its file storage by `migrate nanomdm`, and the stream of check-ins into /migration."""
import base64
import hashlib
import json
import pathlib
import plistlib
import resource
import shutil
import sqlite3
import tarfile
import uuid

from cryptography.hazmat.primitives import serialization
from harness import CA, TOPIC, Device, Server, cli, plist, push_cert, request

SAMPLE = pathlib.Path(__file__).parents[1] / "data/nanomdm/filekv-sample.tar.gz"
SAMPLE_TOPIC = "com.apple.mgmt.External.0a1b2c3d-1111-4222-8333-444455556666"
MAC, PHONE, GONE = "470E005B-17C1-4537-BBB3-0EBC340D432A", "00008101-000A1B2C3D4E001E", "99385AF6-44CB-5621-A678-A321F4D9A2C8"
USER = f"{MAC}:F151140B-3988-45A9-9471-E96B49F27D93"
WAITING = "d7408b5d-f314-461f-bc5e-4ff107c03857"  # the Mac's ProfileList, which the iPhone has answered
NOWHERE = "https://127.0.0.1:1"
EMPTY, REFUSED = (200, b""), (400, b"")
TABLES = ("device", "generation", "enrollment", "identity", "target", "command", "pushcert", "event", "wake")


def outcome(answer):
    status, _, body = answer
    return status, body


def sample(tmp):
    folder = tmp / "dbkv"
    with tarfile.open(SAMPLE) as tar:
        tar.extractall(folder)
    return folder


def rows(data):
    """All that a migration could have touched."""
    db = sqlite3.connect(f"file:{data / 'pomona.db'}?mode=ro", uri=True)
    held = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}
    db.close()
    return held


def ids(data):
    return {table: len(found) for table, found in rows(data).items()}


def migrate(folder, data, *flags, expect=0):
    return json.loads(cli("migrate", "nanomdm", folder, "--data", data, "--json", *flags, expect=expect).stdout)


def own_identity(folder, udid, ca):
    """Gives a device of the folder a certificate whose key is ours: the sample has none."""
    identity = ca.identity(udid)
    der = identity.cert.public_bytes(serialization.Encoding.DER)
    digest = hashlib.sha256(der).hexdigest()
    (folder / "devices" / udid[:2] / udid[2:4] / f"{udid}.cert").write_bytes(der)
    (folder / "cert_auth" / udid[:2] / udid[2:4] / f"{udid}.cert_hash").write_text(digest)
    back = folder / "cert_auth" / digest[:2] / digest[2:4]
    back.mkdir(parents=True, exist_ok=True)
    (back / f"{digest}.hash_cert").write_text(udid)
    return identity


def own_push_key(folder):
    """A push certificate with its key in the place of the sample's, which has none."""
    pem = push_cert(SAMPLE_TOPIC)
    cut = pem.index(b"-----BEGIN PRIVATE KEY")
    place = folder / "push_cert/0a/1b"
    (place / f"{SAMPLE_TOPIC}.pem").write_bytes(pem[:cut])
    (place / f"{SAMPLE_TOPIC}.key").write_bytes(pem[cut:])


# ---- the folder ----

def test_what_is_no_folder_of_nanomdm_is_refused_and_leaves_nothing(tmp):
    data = tmp / "data"
    (tmp / "empty").mkdir()
    (tmp / "file").write_text("x")
    assert "missing" in cli("migrate", "nanomdm", tmp / "missing", "--data", data, expect=3).stderr
    cli("migrate", "nanomdm", tmp / "file", "--data", data, expect=1)
    assert "dbkv" in cli("migrate", "nanomdm", tmp / "empty", "--data", data, expect=1).stderr
    assert ids(data)["device"] == 0
    cli("migrate", "nanomdm", "--data", data, expect=2)


def test_dry_run_tells_the_same_and_changes_nothing(tmp):
    folder, data = sample(tmp), tmp / "data"
    report = migrate(folder, data, "--dry-run")
    assert not data.exists()  # where there was no server, there is none after it
    cli("init", "--data", data)
    before, bytes_before = rows(data), (data / "pomona.db").read_bytes()
    again = migrate(folder, data, "--dry-run")
    assert again == report and report["dry_run"]
    assert rows(data) == before
    assert (data / "pomona.db").read_bytes() == bytes_before
    real = migrate(folder, data)
    assert {**real, "dry_run": True} == report
    assert rows(data) != before


def test_report_of_a_real_folder(tmp):
    folder, data = sample(tmp), tmp / "data"
    (folder / "enrollments/47/0E" / f"{MAC}.tok_tal").write_bytes(b"")  # as a kill -9 leaves it
    (folder / "devices/00/00" / f"{PHONE}.tok_upd").write_bytes(b"")
    report = migrate(folder, data)
    counts = {k: report[k] for k in ("devices", "users", "checked_out", "bound", "unlock_tokens", "bootstrap_tokens", "commands",
                                     "answered", "push_certificates", "present")}
    assert counts == {"devices": 4, "users": 1, "checked_out": 1, "bound": 4, "unlock_tokens": 1, "bootstrap_tokens": 1,
                      "commands": 1, "answered": 1, "push_certificates": 0, "present": 0}
    left = {note["path"].rsplit("/", 1)[-1]: note["reason"] for note in report["left_out"]}
    assert set(left) == {f"{MAC}.tok_tal", f"{PHONE}.tok_upd", f"{SAMPLE_TOPIC}.pem"}, left
    assert "empty" in left[f"{PHONE}.tok_upd"] and "private key" in left[f"{SAMPLE_TOPIC}.pem"]
    assert report["issuers"] == {"CN=Sample device CA": 4} and report["topics_without_push_certificate"] == {SAMPLE_TOPIC: 5}
    told = cli("migrate", "nanomdm", folder, "--data", data).stdout
    for word in ("public-url", "device-ca", "Sample device CA", SAMPLE_TOPIC, f"{PHONE}.tok_upd"):
        assert word in told, told
    held = migrate(folder, data)
    assert {k: v for k, v in held.items() if k != "next"} == {k: v for k, v in report.items() if k != "next"}


def test_devices_of_the_folder_go_on_where_they_were(tmp):
    ca, folder, data = CA(), sample(tmp), tmp / "data"
    mac, gone = Device(None, own_identity(folder, MAC, ca), MAC), Device(None, own_identity(folder, GONE, ca), GONE)
    own_push_key(folder)
    assert migrate(folder, data)["push_certificates"] == 1
    once = rows(data)
    assert migrate(folder, data)["devices"] == 4
    assert ids(data) == {table: len(found) for table, found in once.items()}

    server = Server(tmp, data=data, tls="off", apns_url=NOWHERE, device_ca=ca.file(tmp))
    assert "another pomona" in cli("migrate", "nanomdm", folder, "--data", data, expect=1).stderr
    for device in (mac, gone):
        device.server, device.topic = server, SAMPLE_TOPIC
    listed = {d["id"]: d for d in server.cli_json("device", "list")}
    assert {MAC, PHONE, GONE} <= set(listed) and len(listed) == 4
    assert listed[MAC]["serial_number"] == "C02SAMPLE001"
    assert [u["id"] for u in server.cli_json("device", "show", MAC)["users"]] == [USER]
    assert not listed[GONE]["enrolled"]

    assert outcome(Device(server, ca.identity(MAC), MAC).idle()) == REFUSED  # its own certificate is known
    status, _, body = mac.idle()
    assert (status, plistlib.loads(body)["Command"]["RequestType"]) == (200, "ProfileList")
    server.kill9()
    server = mac.server = gone.server = Server(tmp, data=data, tls="off", apns_url=NOWHERE, device_ca=ca.file(tmp))
    assert WAITING.encode() in mac.idle()[2]
    assert outcome(mac.report(WAITING, ProfileList=[])) == EMPTY
    assert server.command(WAITING, MAC) == "Acknowledged"
    answer = mac.checkin("GetBootstrapToken")
    assert plistlib.loads(answer[2])["BootstrapToken"] == b"sample-bootstrap-token"
    assert outcome(mac.token_update(b"\x07" * 32)) == EMPTY
    assert outcome(gone.idle()) == EMPTY  # it has checked out: nothing for it

    server.stop()
    before = rows(data)["enrollment"]
    report = migrate(folder, data)
    assert (report["present"], report["commands"]) == (1, 0)  # the Mac has come: it is as any device here
    changed = [row for row in rows(data)["enrollment"] if row not in before and row[1].startswith(MAC)]
    assert changed == []


def test_hostile_folder_harms_nothing(tmp):
    folder, data = sample(tmp), tmp / "data"
    (tmp / "secret").write_text("com.apple.mgmt.stolen")
    topic = folder / "enrollments/47/0E" / f"{MAC}.topic"
    topic.unlink()
    topic.symlink_to(tmp / "secret")
    (folder / "devices/b3").rename(tmp / "outside")
    (folder / "devices/b3").symlink_to(tmp / "outside")
    shutil.rmtree(folder / "users")
    (folder / "users").symlink_to("/")
    (folder / "enrollments/47/0E" / f"{MAC}.push_magic").write_bytes(b"\0" * (2 << 20))
    deep = folder / "devices/47/0E/a/b/c/d/e/f"
    deep.mkdir(parents=True)
    before = sorted(str(p) for p in tmp.rglob("*") if data not in p.parents and p != data)
    report = migrate(folder, data)
    assert report["devices"] == 4, report
    assert b"stolen" not in (data / "pomona.db").read_bytes()
    left = "\n".join(f"{note['path']}: {note['reason']}" for note in report["left_out"])
    for words in (f"{MAC}.topic: is a symbolic link", f"{MAC}.push_magic: is larger", "users: ", "devices/b3: ", "0E/a: "):
        assert words in left, left
    assert sorted(str(p) for p in tmp.rglob("*") if data not in p.parents and p != data) == before


# ---- the stream ----

def stream(udid, user=None, topic=TOPIC):
    """What nano2nano sends of one device, in its order."""
    yield plist(MessageType="Authenticate", UDID=udid, Topic=topic, SerialNumber=f"S{udid}", DeviceName="Mac", Model="Mac14,2")
    yield plist(MessageType="TokenUpdate", UDID=udid, Topic=topic, Token=b"\x05" * 32, PushMagic="magic", UnlockToken=b"unlock")
    yield plist(MessageType="SetBootstrapToken", UDID=udid, BootstrapToken=b"bootstrap")
    if user:
        yield plist(MessageType="TokenUpdate", UDID=udid, UserID=user, UserShortName="ada", UserLongName="Ada", Topic=topic,
                    Token=b"\x06" * 32, PushMagic="magic")


def send(server, body, method="PUT", key=None):
    basic = base64.b64encode(f"nanomdm:{key or server.token}".encode()).decode()
    status, headers, answer = request(server.admin_address, method, "/migration", body, {"Authorization": f"Basic {basic}"})
    return status, json.loads(answer) if "json" in headers.get("Content-Type", "") else answer


def bring(server, *args, **keys):
    for body in stream(*args, **keys):
        assert send(server, body) == EMPTY


def start(tmp, ca, **settings):
    server = Server(tmp, tls="off", apns_url=NOWHERE, device_ca=ca.file(tmp), **settings)
    if not server.rows("SELECT 1 FROM pushcert"):
        server.push_cert()
    return server


def test_stream_of_check_ins(tmp):
    ca, other_ca = CA(), CA("Another CA")
    server = start(tmp, ca)
    living = Device(server, ca.identity("U-LIVING")).enroll()

    messages = list(stream("U-1", "USER"))
    assert send(server, messages[0], key="wrong")[0] == 401
    for bad in (b"", b"nonsense", plist(MessageType="Nonsense", UDID="U-1"), plist(MessageType="Authenticate", UDID="U-1"),
                plist(MessageType="Authenticate", UDID="a/../b", Topic=TOPIC)):
        status, answer = send(server, bad)
        assert status == 400 and set(answer) == {"error"}, answer
    for early in messages[1:]:
        assert send(server, early)[0] == 404
    for told in stream("U-LIVING"):
        status, answer = send(server, told)
        assert status == 409 and "U-LIVING" in answer["error"]
    assert server.rows("SELECT count(*) FROM device") == [(1,)]
    assert outcome(living.idle()) == EMPTY

    bring(server, "U-1", "USER")
    server.kill9()
    server = start(tmp, ca)
    before = rows(server.data)
    bring(server, "U-1", "USER")  # told again, as after a stream that broke off
    after = rows(server.data)
    assert [len(after[t]) for t in TABLES] == [len(before[t]) for t in TABLES]
    for method in ("POST", "PATCH"):
        assert send(server, messages[1], method) == EMPTY
    assert send(server, plist(MessageType="UserAuthenticate", UDID="U-1", UserID="USER")) == EMPTY
    assert server.rows("SELECT id, type, enabled, token_update_tally FROM enrollment WHERE id LIKE 'U-1%' ORDER BY id") == \
        [("U-1", "Device", 1, 1), ("U-1:USER", "User", 1, 1)]
    assert [d["type"] for d in server.cli_json("device", "list") if d["id"].startswith("U-1")] == ["Device"]
    assert [u["type"] for u in server.cli_json("device", "show", "U-1")["users"]] == ["User"]
    authenticate, told, _ = stream("U-FULL")
    assert send(server, authenticate) == EMPTY
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    assert send(server, told)[0] == 503
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert not server.events(msg="device migrated", id="U-FULL")
    bring(server, "U-FULL")
    server.wait_log(msg="device migrated", id="U-FULL")
    bring(server, "U-TOPIC", topic="com.apple.mgmt.External.unknown")
    shown = {d["id"]: d["push"]["state"] for d in server.cli_json("device", "list")}
    assert shown["U-TOPIC"] == "stopped"  # until its push certificate is imported

    command = str(uuid.uuid4())
    assert server.enqueue("U-1", command)[0] == 200
    mine = Device(server, ca.identity("whatever its name"), "U-1")
    assert outcome(Device(server, other_ca.identity("U-1")).idle()) == REFUSED
    assert outcome(Device(server, living.identity, "U-1").idle()) == REFUSED
    assert command.encode() in mine.idle()[2]
    assert outcome(Device(server, ca.identity("U-1")).idle()) == REFUSED  # the first one is bound
    assert plistlib.loads(mine.checkin("GetBootstrapToken")[2])["BootstrapToken"] == b"bootstrap"
    assert send(server, messages[0])[0] == 409  # and it has its place here now


def test_window_of_the_first_contact_ends(tmp):
    ca = CA()
    server = start(tmp, ca, migration_window="1h")
    bring(server, "U-1")
    server.stop()
    server = start(tmp, ca, env={"POMONA_CLOCK_SHIFT": "7200"})
    device = Device(server, ca.identity("U-1"))
    assert outcome(device.idle()) == REFUSED and outcome(device.token_update()) == REFUSED
    bring(server, "U-1")
    assert outcome(device.idle()) == EMPTY
