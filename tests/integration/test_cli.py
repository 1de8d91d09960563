"""The command line and the API: what they print, their JSON, their exit statuses; NanoMDM's paths and status codes."""
import base64
import json
import plistlib
import threading

from harness import CA, Device, Process, Server, cli, request, until

TOPIC = "com.apple.mgmt.External.0c5d3a0e-7d0a-4c56-9a53-0c1d7e88b2a4"
DEVICE_KEYS = {"id", "type", "serial_number", "name", "model", "os_version", "enrolled", "last_seen", "push", "topic"}


class Rig:
    """A server with a push certificate, a stand-in for APNs, and enrolled devices of a foreign CA."""

    def __init__(self, tmp, devices=("U-1",), **settings):
        self.tmp = tmp
        self.apns = Process(["lab", "apns", "--dir", tmp / "apns", "--verbose"])
        port = until(lambda: self._port(), "the stand-in's port")
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url=f"https://localhost:{port}", apns_ca=tmp / "apns" / "apns-ca.pem",
                             **settings)
        cli("lab", "pushcert", "--topic", TOPIC, "--out", tmp / "push.pem")
        self.server.cli("pushcert", "import", tmp / "push.pem")
        self.devices = {udid: self.enroll(udid, n) for n, udid in enumerate(devices, 1)}

    def _port(self):
        words = self.apns.stdout.decode().replace("https://", " ").split()
        ports = [w.rsplit(":", 1)[1] for w in words if w.startswith(("localhost:", "127.0.0.1:"))]
        return ports[0] if ports else None

    def enroll(self, udid, n):
        device = Device(self.server, self.ca.identity(udid), udid, topic=TOPIC)
        assert device.authenticate()[0] == 200
        assert device.token_update(token=bytes([n]) * 32)[0] == 200
        return device


def raw(uuid, request_type="RestartDevice", **keys):
    return plistlib.dumps({"CommandUUID": uuid, "Command": {"RequestType": request_type, **keys}})


def answer_next(device, status="Acknowledged", **keys):
    """Polls until a command comes, and answers it."""
    body = until(lambda: device.idle()[2], "a command for the device")
    command = plistlib.loads(body)
    device.report(command["CommandUUID"], status, **keys)
    return command


def test_usage_and_exit_statuses(tmp):
    assert cli("--version").stdout.startswith("pomona ")
    for words in (["--help"], ["serve", "--help"], ["device", "--help"], ["device", "list", "--help"], ["conf", "--help"], ["lab", "--help"]):
        assert cli(*words).stdout, words
        assert cli("help", *words[:-1]).stdout == cli(*words).stdout, words
    assert cli("version").stdout == cli("--version").stdout
    assert cli("help", "help").stdout == cli("--help").stdout
    for words in (["nonsense"], ["device", "nonsense"]):
        assert "there is no subcommand" in cli("help", *words, expect=2).stderr
    for words in ([], ["nonsense"], ["device"], ["device", "list", "--nonsense"], ["device", "show"], ["conf", "--wake-rate", "0"],
                  ["conf", "--database", "postgresql://x"], ["conf", "--listen"], ["conf", "--config", tmp / "absent"]):
        assert cli(*words, expect=2).stderr.startswith(("pomona: ", "usage: ", "subcommands:")), words
    for words in (["audit", "--limit"], ["command", "list", "--limit"], ["device", "list", "--limit"], ["webhook", "list", "--dead", "--limit"],
                  ["profile", "show", "P", "--version"], ["group", "remove", "G", "--yes", "--if-version"]):
        for number in ("x", "-1", "", "9223372036854775808"):
            assert cli(*words, number, "--data", tmp, "--api-key", "x", expect=2).stderr.startswith(f"pomona: {words[-1]} {number} is no number from 0 on\n"), words
    rows = [line for line in cli("--help").stdout.splitlines() if line.startswith("  ") and "  " in line.strip()]
    assert rows and all(line[26] == " " and line[27] != " " for line in rows), "columns are counted in characters"
    assert 'no subcommand "device nonsense"' in cli("device", "nonsense", expect=2).stderr
    data = tmp / "nobody"
    assert "no token" in cli("device", "list", "--data", data, expect=5).stderr
    assert "pomona serve" in cli("device", "list", "--data", data, "--api-key", "x", "--server", "http://127.0.0.1:1", expect=4).stderr
    assert "RestartDevice" in cli("command", "types").stdout
    assert json.loads(cli("command", "types", "EraseDevice", "--json").stdout)["request_type"] == "EraseDevice"
    cli("command", "types", "Nonsense", expect=3)


def test_conf_is_read_back(tmp):
    first = cli("conf", "--wake-rate", "7", "--organization", "Äpfel & Birnen", "--api-key", "hush-hush", env={"POMONA_TLS": "off"})
    assert "hush-hush" not in first.stdout and "environment POMONA_TLS" in first.stdout
    (tmp / "p.conf").write_text(first.stdout)
    rows = {r["name"]: r for r in json.loads(cli("conf", "--json", "--config", tmp / "p.conf").stdout)}
    assert rows["wake-rate"]["value"] == "7" and rows["tls"]["value"] == "no" and rows["organization"]["value"] == "Äpfel & Birnen"
    assert rows["wake-rate"]["source"].startswith(str(tmp / "p.conf") + ":")


def test_init_makes_what_serve_uses(tmp):
    cli("init", "--data", tmp / "data")
    token = (tmp / "data" / "admin.token").read_text()
    assert oct((tmp / "data").stat().st_mode & 0o777) == "0o700" and oct((tmp / "data" / "admin.token").stat().st_mode & 0o777) == "0o600"
    server = Server(tmp)
    assert (tmp / "data" / "admin.token").read_text() == token
    assert "uses the data folder" in cli("serve", "--data", tmp / "data", expect=1).stderr
    assert str(server.process.pid) in cli("init", "--data", tmp / "data", expect=1).stderr
    assert "ok" in server.cli("status").stdout


def test_who_may_ask(tmp):
    server = Server(tmp, api_key="second-key")
    assert server.admin("GET", "/api/v1/devices")[0] == 200
    assert server.admin("GET", "/api/v1/devices", token="second-key")[0] == 200
    basic = "Basic " + base64.b64encode(b"nanomdm:second-key").decode()
    assert server.admin("GET", "/v1/push/U-1", headers={"Authorization": basic})[0] == 404
    status, headers, body = request(server.admin_address, "GET", "/api/v1/devices")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ") and json.loads(body)["error"]["code"] == "unauthorized"
    assert server.admin("GET", "/api/v1/devices", token="wrong")[0] == 401
    assert server.admin("GET", "/healthz", headers={"Host": "evil.example"})[0] == 421
    assert server.admin("GET", "/nothing")[0] == 404 and server.admin("DELETE", "/api/v1/devices")[0] == 405
    assert server.device("GET", "/api/v1/devices")[0] == 404 and server.device("DELETE", "/healthz")[0] == 405
    assert server.device("GET", "/healthz")[0] == 200 and "version" in json.loads(server.device("GET", "/version")[2])
    assert server.token not in server.log() and "second-key" not in server.log()


def test_devices_and_commands(tmp):
    rig = Rig(tmp, ("U-1", "U-2"))
    server = rig.server
    fleet = {d["id"]: d for d in server.cli_json("device", "list")}
    assert set(fleet) == {"U-1", "U-2"} and DEVICE_KEYS <= set(fleet["U-1"])
    assert fleet["U-1"]["type"] == "Device" and fleet["U-1"]["enrolled"] is True and fleet["U-1"]["push"]["state"] in ("ok", "pending")
    assert server.cli_json("device", "show", "SU-2")["id"] == "U-2"
    server.cli("device", "show", "U-3", expect=3)
    assert "\x1b" not in server.cli("device", "show", "U-\x1b[31m", expect=3).stderr  # a terminal obeys what it is told
    assert "U-1" in server.cli("device", "list").stdout

    uuid = server.cli("command", "send", "U-1", "U-2", "DeviceInformation", "Queries=UDID,OSVersion").stdout.strip()
    shown = server.cli_json("command", "show", uuid)
    assert shown["request_type"] == "DeviceInformation" and {t["status"] for t in shown["targets"]} == {"Queued"}
    command = answer_next(rig.devices["U-1"], QueryResponses={"UDID": "U-1"})
    assert command["Command"] == {"RequestType": "DeviceInformation", "Queries": ["UDID", "OSVersion"]} and command["CommandUUID"] == uuid
    rig.devices["U-2"].idle()
    rig.devices["U-2"].report(uuid, "Error", ErrorChain=[{"ErrorCode": 1, "ErrorDomain": "D", "LocalizedDescription": "No"}])
    shown = {t["id"]: t for t in server.cli_json("command", "show", uuid)["targets"]}
    assert shown["U-1"]["status"] == "Acknowledged" and shown["U-2"]["status"] == "Error" and shown["U-2"]["errors"][0]["code"] == 1
    assert [c["id"] for c in server.cli_json("command", "list", "U-2")] == ["U-2"]
    assert "No" in server.cli("command", "show", uuid).stdout

    server.cli("command", "send", "U-1", "Nonsense", expect=2)
    server.cli("command", "send", "U-1", "InstallProfile", expect=1)
    server.cli("command", "send", "U-9", "RestartDevice", expect=3)
    server.cli("command", "show", "no-such", expect=3)
    server.cli("device", "release", "U-1")


def test_wait_for_the_answer(tmp):
    rig = Rig(tmp)
    answers = []
    t = threading.Thread(target=lambda: answers.append(answer_next(rig.devices["U-1"])))
    t.start()
    told = rig.server.cli_json("device", "restart", "U-1", "--wait", "60")
    t.join()
    assert told["targets"][0]["status"] == "Acknowledged" and answers[0]["Command"]["RequestType"] == "RestartDevice"
    assert "did not answer in time" in rig.server.cli("command", "send", "U-1", "DeviceInformation", "Queries=UDID", "--wait", "1", expect=1).stderr


def test_pages_of_targets(tmp):
    """The last page says that it is the last, also when it is full."""
    rig = Rig(tmp, ("U-1", "U-2"))
    assert rig.server.enqueue("U-1,U-2", "paged")[0] == 200
    for path, rows in (("/api/v1/commands/paged", "targets"), ("/api/v1/commands", "commands")):
        status, first = rig.server.admin("GET", f"{path}?limit=1")
        assert status == 200 and [t["id"] for t in first[rows]] == ["U-2"] and first["next"]
        status, last = rig.server.admin("GET", f"{path}?limit=1&cursor={first['next']}")
        assert status == 200 and [t["id"] for t in last[rows]] == ["U-1"] and last["next"] is None
        assert rig.server.admin("GET", f"{path}?limit=2")[1]["next"] is None
    shown = rig.server.cli_json("command", "show", "paged")
    assert len(shown["targets"]) == 2 and "next" not in shown


def test_a_misspelt_member_is_refused(tmp):
    """Never taken for absent: a command without its arguments is another one."""
    rig = Rig(tmp)
    for path, good, bad in (("/api/v1/commands", {"ids": ["U-1"], "request_type": "RestartDevice"}, {"args": {"NotifyUser": True}}),
                            ("/api/v1/links", {"ttl": "1h"}, {"use": 3}), ("/api/v1/commands/none/retry", {}, {"device": "U-1"})):
        status, told = rig.server.admin("POST", path, {**good, **bad})
        assert status == 400 and f"no member {next(iter(bad))} " in told["error"]["message"], told
    assert rig.server.cli_json("command", "list") == []


def test_raw_command_keeps_its_bytes(tmp):
    rig = Rig(tmp)
    (tmp / "c.plist").write_bytes(raw("raw-1", "SomethingNew", Odd=True).replace(b"<dict>", b"<!-- kept -->\n<dict>", 1))
    assert rig.server.cli("command", "send", "U-1", "--plist", tmp / "c.plist").stdout.strip() == "raw-1"
    assert until(lambda: rig.devices["U-1"].idle()[2], "the command") == (tmp / "c.plist").read_bytes()


def test_lock_and_retry(tmp):
    rig = Rig(tmp)
    assert "six digits" in rig.server.cli("command", "send", "U-1", "DeviceLock", "PIN=12345", "--yes", expect=1).stderr
    first = rig.server.cli("command", "send", "U-1", "DeviceLock", "PIN=123456", "--yes").stdout.strip()
    assert first in rig.server.cli("command", "send", "U-1", "DeviceLock", "--yes", expect=1).stderr
    assert rig.server.admin("POST", "/api/v1/commands", {"ids": ["U-1"], "request_type": "DeviceLock", "confirm": True})[0] == 409
    assert "123456" not in rig.server.log()
    rig.server.cli("command", "retry", first, expect=1)
    assert "there is no command" in rig.server.cli("command", "retry", "nonsense", expect=3).stderr
    assert first in rig.devices["U-1"].idle()[2].decode()
    assert rig.devices["U-1"].idle()[2] == b""
    rig.server.cli("command", "retry", first)
    assert first in rig.devices["U-1"].idle()[2].decode()


def test_enrollment_link(tmp):
    server = Server(tmp)
    assert "push certificate" in server.cli("enroll", "link", expect=1).stderr
    lines = server.cli("enroll", "link", "--anyway", "--ttl", "1h", "--uses", "3").stdout.splitlines()
    assert len(lines) == 1 and lines[0].startswith("https://localhost:8443/enroll/")
    assert lines[0].rsplit("/", 1)[1] not in server.log()
    server.cli("enroll", "link", "--ttl", "soon", expect=1)
    server.cli("enroll", "profile", "--out", tmp / "p.mobileconfig", expect=1)


def test_push_certificates(tmp):
    rig = Rig(tmp)
    certs = rig.server.cli_json("pushcert", "show")
    assert [c["topic"] for c in certs] == [TOPIC] and certs[0]["state"] == "ok" and certs[0]["enrollments"] == 1
    cli("lab", "pushcert", "--out", tmp / "other.pem")
    assert "topic" in rig.server.cli("pushcert", "import", tmp / "other.pem", expect=1).stderr
    rig.server.cli("pushcert", "import", "--new-topic", tmp / "other.pem")
    (tmp / "half.pem").write_bytes((tmp / "other.pem").read_bytes().split(b"-----BEGIN")[1])
    rig.server.cli("pushcert", "import", tmp / "half.pem", expect=1)
    rig.server.cli("pushcert", "import", tmp / "absent.pem", expect=3)


def test_push(tmp):
    rig = Rig(tmp)
    assert rig.server.cli_json("push", "U-1")[0]["status"] == "sent"
    rig.server.cli("push", "U-7", expect=3)
    status = rig.server.cli_json("status")
    assert status["ready"] and status["enrollments"] == 1 and status["push"]["connected"]


def test_nanomdm_paths(tmp):
    rig = Rig(tmp, ("U-1", "U-2"))
    admin = rig.server.admin
    assert admin("GET", f"/v1/pushcert?topic={TOPIC}")[1]["topic"] == TOPIC
    assert admin("GET", "/v1/pushcert")[0] == 400 and admin("GET", "/v1/pushcert?topic=x")[0] == 404
    assert "error" in admin("PUT", "/v1/pushcert", b"nothing")[1] and admin("POST", "/v1/pushcert", b"")[0] == 405
    cli("lab", "pushcert", "--out", tmp / "other.pem")
    assert admin("PUT", "/v1/pushcert", (tmp / "other.pem").read_bytes())[0] == 409
    assert set(admin("PUT", "/v1/pushcert", (tmp / "push.pem").read_bytes())[1]) == {"topic", "not_after"}

    status, told = admin("PUT", "/v1/enqueue/U-1,U-2", raw("n-1"))
    assert status == 200 and told["command_uuid"] == "n-1" and told["request_type"] == "RestartDevice" and "no_push" not in told
    assert all(set(t) == {"push_result"} for t in told["status"].values()) and set(told["status"]) == {"U-1", "U-2"}
    status, told = admin("POST", "/v1/enqueue/U-1?nopush=1", raw("n-2"))
    assert status == 200 and told["no_push"] is True and "status" not in told, "what is empty is left out"
    status, told = admin("PUT", "/v1/enqueue/U-1,U-9", raw("n-3"))
    assert status == 207 and "command_error" in told["status"]["U-9"] and "command_error" not in told["status"]["U-1"]
    assert admin("PUT", "/v1/enqueue/U-9", raw("n-4"))[0] == 404
    assert admin("PUT", "/v1/enqueue/U-1", raw("n-1"))[0] == 200, "the same again is no conflict"
    status, told = admin("PUT", "/v1/enqueue/U-1", raw("n-1", "ShutDownDevice"))
    assert status == 409 and "command_error" in told and told["command_uuid"] == "n-1"
    for body in (b"junk", raw(""), raw("u", ""), plistlib.dumps({"CommandUUID": "u"}), plistlib.dumps([]), raw("u" * 256)):
        status, told = admin("PUT", "/v1/enqueue/U-1", body)
        assert status == 400 and told["command_error"], body
    status, told = admin("PUT", "/v1/enqueue/U-1", b"")
    assert status == 200 and "command_uuid" not in told
    status, told = admin("GET", "/v1/push/U-1,U-9")
    assert status == 207 and "push_error" in told["status"]["U-9"] and told["status"]["U-1"]["push_result"]
    assert "version" in admin("GET", "/version")[1]


def test_a_failed_push_is_not_a_failed_command(tmp):
    rig = Rig(tmp, device_ca_names="yes")
    rig.apns.stop()
    status, told = rig.server.admin("PUT", "/v1/enqueue/U-1", raw("p-1"))
    assert status in (200, 207) and told["command_uuid"] == "p-1"
    assert rig.devices["U-1"].idle()[2] == raw("p-1")


def test_many_targets_in_one_call(tmp):
    server = Server(tmp)
    ids = [f"U-{n:05}" for n in range(2000)]
    status, told = server.admin("PUT", "/v1/enqueue/" + ",".join(ids), raw("many"))
    assert status == 404 and len(told["status"]) == 2000
    status, told = server.admin("POST", "/api/v1/commands", {"ids": ids, "request_type": "RestartDevice"})
    assert status == 404 and told["error"]["code"] == "not-found"


def test_settings_by_file_and_reload(tmp):
    (tmp / "key").write_text("file-key\n")
    conf = tmp / "p.conf"
    conf.write_text("# mine\norganization = One\n")
    server = Server(tmp, config=conf, api_key_file=tmp / "key")
    assert server.admin("GET", "/api/v1/devices", token="file-key")[0] == 200
    conf.write_text("organization = Two\nlisten = 127.0.0.1:1\nlog-level = debug\n")
    (tmp / "key").write_text("other-key\n")
    server.process.send_signal(1)
    server.wait_log(msg="settings and certificates reloaded")
    assert server.admin("GET", "/api/v1/devices", token="other-key")[0] == 200
    assert server.admin("GET", "/api/v1/devices", token="file-key")[0] == 401
    conf.write_text("organization = Three\nnonsense = 1\n")
    server.process.send_signal(1)
    bad = server.wait_log(msg="reload failed; what is wrong stays as it was")
    assert f"{conf}:2" in bad["detail"] and server.admin("GET", "/healthz")[0] == 200
