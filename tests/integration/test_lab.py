"""The lab: simulated devices against the real server, the whole loop in one command, and the bench."""
import base64
import csv
import os
import pathlib
import plistlib
import signal
import socket
import subprocess

from harness import Process, Server, cli, until

TIMEOUT = 240


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Apns(Process):
    """`pomona lab apns`."""

    def __init__(self, tmp):
        super().__init__(["lab", "apns", "--dir", tmp / "apns"], cwd=tmp)
        line = until(lambda: self.stdout.decode().split("\n")[0] if b"\n" in self.stdout else None, "the stand-in")
        told = dict(word.split("=", 1) for word in line.split())
        self.url, self.ca, self.control = told["apns"], told["ca"], told["control"]


class Lab:
    """A server with a push certificate, a stand-in for APNs, and devices that are asked for."""

    def __init__(self, tmp, **settings):
        self.tmp, self.apns, port = tmp, Apns(tmp), free_port()
        self.server = Server(tmp, listen=f"127.0.0.1:{port}", public_url=f"https://localhost:{port}",
                             apns_url=self.apns.url, apns_ca=self.apns.ca, **settings)
        status, told = self.server.admin("PUT", "/v1/pushcert", cli("lab", "pushcert").stdout.encode())
        assert status == 200, told

    def link(self, uses=1):
        return self.server.cli("enroll", "link", "--uses", uses).stdout.split("\n")[0]

    def device(self, *options, link=None, keys=True, stdin=subprocess.DEVNULL):
        """A running `pomona lab device`."""
        shared = ["--keys", self.tmp / "keys.pem"] if keys else []
        return Process(["lab", "device", *([link] if link else []), "--apns-control", self.apns.control, *shared, "-v",
                        *options], cwd=self.tmp, stdin=stdin)

    def enrolled(self, device):
        """The id that it prints."""
        return until(lambda: device.stdout.decode().split("\n")[0] if b"\n" in device.stdout else None, "the enrollment")

    def command_for(self, targets, request_type, **arguments):
        status, told = self.server.admin("POST", "/api/v1/commands",
                                         {"ids": targets, "request_type": request_type, "arguments": arguments,
                                          "confirm": True, "force": True})
        assert status == 200, told
        return told["command_uuid"]

    def command(self, target, request_type, **arguments):
        return self.command_for([target], request_type, **arguments)

    def targets(self, uuid):
        status, told = self.server.admin("GET", f"/api/v1/commands/{uuid}")
        assert status == 200, told
        return told["targets"]

    def target(self, uuid):
        return self.targets(uuid)[0]

    def stop(self):
        self.server.stop()
        self.apns.stop()


def said(device, words):
    return [line for line in device.log().split("\n") if words in line]


def test_a_link_that_is_none_ends_with_1(tmp):
    lab = Lab(tmp)
    d = lab.device(link=lab.link().rsplit("/", 1)[0] + "/nothing")
    assert d.wait() == 1
    assert said(d, "cannot enroll"), d.log()
    lab.stop()


def test_wrong_options_end_with_2(tmp):
    link = "https://localhost/enroll/x"
    for words in ([], [link, "--platform", "beos"], [link, "--proof", "word"], [link, "--count", "0"], [link, "--what"],
                  [link, "--udid", "U", "--count", "2"], [link, "--mix", "--users", "1"], [link, "--platform", "tvos", "--users", "1"],
                  [link, "--users", "4"], [link, "--platform", "tvos", "--user-enrollment"], [link, "--user-enrollment", "--serial", "S"], [link, "--stop-after", "lunch"], [link, "--reenroll"], [link, "--os", "new"], [link, "--mix", "--supervised"],
                  [link, "--user-enrollment", "--supervised"], [link, "--remove-profile", "a"], [link, "--trouble", "101"], [link, "--fail", "x"], [link, "--late", "x"]):
        cli("lab", "device", *words, expect=2)
    cli("lab", "bench", "--devices", "1", expect=2)
    cli("lab", "up", "word", expect=2)


def test_each_proof_and_platform_answers_a_command(tmp):
    lab = Lab(tmp)
    for platform, proof, request_type in (("macos", "mtls", "RestartDevice"), ("ios", "signature", "SecurityInfo"),
                                          ("ipados", "device", "ProfileList"), ("tvos", "mtls", "InstalledApplicationList"),
                                          ("watchos", "signature", "InstalledApplicationList")):
        d = lab.device("--platform", platform, "--proof", proof, "--once", link=lab.link())
        uuid = lab.command(lab.enrolled(d), request_type)
        assert d.wait() == 0, d.log()
        assert lab.target(uuid)["status"] == "Acknowledged"
    lab.stop()


def test_a_command_of_another_platform_is_an_error(tmp):
    lab = Lab(tmp)
    d = lab.device("--platform", "watchos", link=lab.link())
    uuid = lab.command(lab.enrolled(d), "RestartDevice")
    until(lambda: lab.target(uuid)["status"] == "Error", "the refusal")
    assert lab.target(uuid)["errors"][0]["code"] == 12021
    d.stop()
    lab.stop()


def test_not_now_is_said_once_and_the_device_comes_again_by_itself(tmp):
    lab = Lab(tmp)
    d = lab.device("--platform", "ios", "--supervised", "--notnow", "1", "--once", link=lab.link())
    uuid = lab.command(lab.enrolled(d), "RestartDevice")
    assert d.wait() == 0
    assert said(d, "NotNow: RestartDevice"), d.log()
    target = lab.target(uuid)
    assert (target["status"], target["notnow_count"]) == ("Acknowledged", 1), target
    lab.stop()


def test_a_swallowed_command_stays_sent_and_others_pass(tmp):
    lab = Lab(tmp)
    d = lab.device("--swallow", "RestartDevice", link=lab.link())
    udid = lab.enrolled(d)
    swallowed = lab.command(udid, "RestartDevice")
    until(lambda: lab.target(swallowed)["status"] == "Sent", "the delivery")
    until(lambda: said(d, "is given: RestartDevice"), "the device to have it")
    passes = lab.command(udid, "SecurityInfo")
    until(lambda: lab.target(passes)["status"] == "Acknowledged", "the next command")
    assert lab.target(swallowed)["status"] == "Sent"
    d.stop()
    lab.stop()


def test_an_offline_device_does_not_come(tmp):
    lab = Lab(tmp)
    d = lab.device("--offline", link=lab.link())
    udid = lab.enrolled(d)
    uuid = lab.command(udid, "RestartDevice")
    with socket.create_connection(lab.apns.control.rsplit(":", 1)) as control:
        def pushed():
            control.sendall(b"stats\n")
            return b'"pushes":0' not in control.recv(1 << 20)
        until(pushed, "the push")
    assert lab.target(uuid)["status"] == "Queued"
    assert not said(d, "connects")
    d.stop()
    lab.stop()


def test_an_aborted_installation_does_not_enroll(tmp):
    lab = Lab(tmp)
    d = lab.device("--stop-after", "authenticate", "--udid", "HALF-1", link=lab.link())
    assert d.wait() == 0
    assert d.stdout == b""
    status, told = lab.server.admin("GET", "/api/v1/devices/HALF-1")
    assert status == 404 or not told["enrolled"], told
    lab.stop()


def test_devices_are_kept_come_back_enroll_anew_and_check_out(tmp):
    lab = Lab(tmp)
    state = tmp / "state"
    d = lab.device("--state", state, "--stop-after", "enroll", link=lab.link())
    udid = lab.enrolled(d)
    assert d.wait() == 0
    first = plistlib.loads((state / f"{udid}.plist").read_bytes())["Identity"]
    uuid = lab.command(udid, "SecurityInfo")
    assert lab.device("--state", state, "--once").wait() == 0
    assert lab.target(uuid)["status"] == "Acknowledged"
    # By another link a device that lives comes in for a trial only.
    assert lab.device("--state", state, "--reenroll", "--stop-after", "enroll", link=lab.link()).wait() == 0
    assert udid in lab.server.cli("device", "list", "--held").stdout
    own = lab.server.cli("enroll", "link", "--device", udid).stdout.split("\n")[0]
    again = lab.device("--state", state, "--reenroll", "--stop-after", "enroll", link=own)
    assert again.wait() == 0, again.log()
    assert plistlib.loads((state / f"{udid}.plist").read_bytes())["Identity"] != first
    gone = lab.device("--state", state, "--checkout")
    until(lambda: said(gone, "connects"), "the first poll")
    gone.stop()
    assert not list(state.iterdir())
    assert not lab.server.admin("GET", f"/api/v1/devices/{udid}")[1]["enrolled"]
    lab.stop()


def test_many_devices_share_keys_but_no_identity(tmp):
    lab = Lab(tmp)
    state = tmp / "state"
    d = lab.device("--count", "40", "--state", state, "--stop-after", "enroll", link=lab.link(40))
    assert d.wait() == 0, d.log()
    kept = [plistlib.loads(p.read_bytes()) for p in state.iterdir()]
    assert len({k["Identity"] for k in kept}) == 40
    assert len({k["Key"] for k in kept}) <= 16
    assert len(d.stdout.split()) == 40
    lab.stop()


def test_users_are_channels_that_are_kept_too(tmp):
    lab = Lab(tmp)
    state = tmp / "state"
    d = lab.device("--users", "2", "--user-enrollment", "--state", state, "--stop-after", "enroll", link=lab.link())
    assert d.wait() == 0, d.log()
    ids = d.stdout.decode().split()
    device = min(ids, key=len)
    assert len(ids) == 3 and all(i.startswith(device) for i in ids), ids
    kinds = dict(lab.server.rows("SELECT id, type FROM enrollment"))
    assert sorted(kinds.values()) == ["User Enrollment", "User Enrollment", "User Enrollment (Device)"] and set(kinds) == set(ids)
    commands = [lab.command(i, "ProfileList") for i in ids]
    again = lab.device("--state", state, "--checkout")
    until(lambda: all(lab.target(c)["status"] == "Acknowledged" for c in commands), "each channel's answer")
    again.stop()
    lab.stop()


def test_a_device_renews_by_itself_and_comes_back_when_erased(tmp):
    lab = Lab(tmp)
    ledger = tmp / "ledger"
    d = lab.device("--renew", "1", "--return", lab.link(), "--ledger", ledger, link=lab.link())
    udid = lab.enrolled(d)
    lab.command(udid, "SecurityInfo")
    until(lambda: f"renewed {udid}" in ledger.read_text(), "the renewal")
    assert lab.server.rows("SELECT count(*) FROM identity") == [(2,)]
    erase = lab.command(udid, "EraseDevice")
    until(lambda: ledger.read_text().count(f"enrolled {udid}\n") == 2, "the return")
    assert lab.target(erase)["status"] == "Acknowledged"
    assert f"taken {udid} {erase} EraseDevice Acknowledged\nerased {udid}\n" in ledger.read_text()
    uuid = lab.command(udid, "SecurityInfo")
    until(lambda: lab.target(uuid)["status"] == "Acknowledged", "the new generation's answer")
    d.stop()
    lab.stop()


def profile(identifier):
    return plistlib.dumps({"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": identifier, "PayloadUUID": f"{identifier}-1",
                           "PayloadDisplayName": "All", "PayloadContent": []})


def test_hands_take_a_profile_from_some_of_a_running_fleet(tmp):
    lab = Lab(tmp)
    d = lab.device("--mix", "--count", 12, "--hands", link=lab.link(12), stdin=subprocess.PIPE)
    until(lambda: len([i for i in d.stdout.decode().split() if ":" not in i]) == 12, "the enrollments")
    ids = [i for i in d.stdout.decode().split() if ":" not in i]

    def hand(line, answer):
        d.process.stdin.write(line.encode() + b"\n")
        d.process.stdin.flush()
        until(lambda: d.stdout.decode().rstrip("\n").split("\n")[-1] == answer, f"{answer!r}, not {d.stdout[-100:]!r}")
    hand("remove-profile org.example.all", "removed 0")
    uuid = lab.command_for(ids, "InstallProfile", Payload=base64.b64encode(profile("org.example.all")).decode())
    until(lambda: [t["status"] for t in lab.targets(uuid)] == ["Acknowledged"] * 12, "the profile on all")
    hand("remove-profile org.example.all 5", "removed 5")
    assert len(said(d, "loses a profile: org.example.all")) == 5, d.log()
    hand("what", "error: remove-profile IDENTIFIER [N]")
    hand("remove-profile org.example.all 9", "removed 7")
    hand("remove-profile org.example.all", "removed 0")
    d.process.stdin.close()
    again = lab.command_for(ids, "ProfileList")  # the end of stdin is not the end of the devices
    until(lambda: {t["status"] for t in lab.targets(again)} == {"Acknowledged"}, "the lists")
    d.stop()
    lab.stop()


def test_troubles_end_when_the_device_is_asked_again(tmp):
    lab = Lab(tmp)
    d = lab.device("--trouble", 100, "--fail", "UserList=Lab.Domain:-3x1", link=lab.link())
    udid = lab.enrolled(d)
    failed = lab.command(udid, "UserList")
    until(lambda: lab.target(failed)["status"] == "Error", "the failure")
    assert lab.target(failed)["errors"][0]["code"] == -3
    for _ in range(3):  # NotNow is asked again by the server, an error by us
        uuid = lab.command(udid, "SecurityInfo")
        until(lambda: lab.target(uuid)["status"] in ("Acknowledged", "Error"), "an answer")
        if lab.target(uuid)["status"] == "Acknowledged":
            break
    assert said(d, "NotNow: SecurityInfo") or said(d, "Error: SecurityInfo"), d.log()
    assert lab.target(uuid)["status"] == "Acknowledged"
    d.stop()
    lab.stop()


def test_lab_up_shows_the_loop(tmp):
    done = cli("lab", "up", "--once")
    at = [done.stdout.index(word) for word in ("mutual TLS", "queued", "woken", "connected", "acknowledged", "It works")]
    assert at == sorted(at), done.stdout
    assert not [p for p in pathlib.Path(os.environ["TMPDIR"]).iterdir() if p.name.startswith("pomona-lab-")]


def test_lab_up_stays_and_ends_with_its_children(tmp):
    up = Process(["lab", "up"], cwd=tmp)
    until(lambda: b"Ctrl-C" in up.stdout, "the end of the show")
    text = up.stdout.decode()
    admin = next(line.split()[-1] for line in text.split("\n") if "admin's side" in line)
    folder = next(line.split()[1] for line in text.split("\n") if line.strip().startswith("folder"))
    listed = cli("device", "list", "--server", admin, "--data", f"{folder}/data").stdout
    assert "iPhone17,1" in listed, listed
    up.process.send_signal(signal.SIGINT)
    assert up.wait() == 0
    assert not os.path.exists(folder)
    host, port = admin.removeprefix("http://").split(":")
    with socket.socket() as s:
        assert s.connect_ex((host, int(port))) != 0, "the server outlived it"


def test_the_bench_measures_every_phase(tmp):
    cli("lab", "bench", "--devices", "128", "--seconds", "1", "--csv", tmp / "bench.csv")
    with open(tmp / "bench.csv", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == 12, rows
    assert all(float(row["requests_per_s"]) > 0 for row in rows), rows
