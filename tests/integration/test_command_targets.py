"""What a device cannot do is refused with the reason, what is dangerous is asked for twice; the others go on."""
import json
import os
import pty
import subprocess

from harness import CA, Device, Server, needs_terminals


class Rig:
    """A server without a way to APNs: a Mac, an iPhone and an Apple TV of a foreign CA."""

    def __init__(self, tmp):
        self.ca = CA()
        self.server = Server(tmp, device_ca=self.ca.file(tmp), apns_url="https://localhost:1", migration_window="1h")
        self.server.push_cert()
        for udid, product, version in (("MAC", "Mac16,10", "15.6"), ("PHONE", "iPhone17,1", "18.6"), ("TV", "AppleTV14,1", "18.6")):
            Device(self.server, self.ca.identity(udid)).enroll(ProductName=product, OSVersion=version)

    def post(self, ids, request_type, **more):
        return self.server.admin("POST", "/api/v1/commands", {"ids": ids, "request_type": request_type, "push": False, **more})


def test_a_target_that_cannot_is_refused_and_others_go_on(tmp):
    rig = Rig(tmp)
    status, told = rig.post(["MAC", "PHONE", "TV"], "DeviceLock", confirm=True)
    errors = {t["id"]: t.get("error") for t in told["targets"]}
    assert status == 207 and errors["MAC"] is errors["PHONE"] is None and errors["TV"]["code"] == "conflict", told
    assert errors["TV"]["message"] == "DeviceLock is for iOS, macOS, visionOS, watchOS, and this is tvOS"
    assert "without a PIN" in str(next(t for t in told["targets"] if t["id"] == "MAC")["warnings"])
    status, told = rig.post(["TV"], "ShutDownDevice")
    assert status == 409 and "is for iOS, macOS" in told["error"]["message"]
    status, told = rig.post(["TV"], "ShutDownDevice", force=True)
    assert status == 200 and "is for iOS, macOS" in told["targets"][0]["warnings"][0]
    assert rig.post(["PHONE"], "EraseDevice", arguments={"PIN": "123456"}, confirm=True)[0] == 409
    assert rig.server.enqueue("TV", "nano", "ShutDownDevice")[0] in (200, 207), "NanoMDM's way is as it was"
    server = rig.server
    assert "and this is tvOS" in server.cli("command", "send", "TV", "ClearRestrictionsPassword", expect=1).stderr
    forced = server.cli("command", "send", "TV", "ClearRestrictionsPassword", "--force", "--no-push")
    assert "warning: ClearRestrictionsPassword is for iOS" in forced.stderr and forced.stdout.strip()
    assert "FileVault" in server.cli("command", "send", "MAC", "RestartDevice", "--no-push").stderr


def test_what_is_dangerous_is_asked_for_twice(tmp):
    rig = Rig(tmp)
    server = rig.server
    own = {"Identifier": "pomona.0123.enrollment"}
    for request_type, arguments in (("DeviceLock", {}), ("EraseDevice", {}), ("ClearPasscode", {"UnlockToken": "aGk="}),
                                    ("ClearActivationLockBypassCode", {}), ("RemoveProfile", own)):
        status, told = rig.post(["PHONE"], request_type, arguments=arguments)
        assert status == 400 and '"confirm": true' in told["error"]["message"], request_type
        status, told = rig.post(["PHONE", "NOBODY"], request_type, arguments=arguments, check=True)
        assert status == 200 and told["dangerous"] is True and [t["platform"] for t in told["targets"]] == ["ios", None]
    assert rig.post(["PHONE"], "RemoveProfile", arguments={"Identifier": "com.example"}, check=True)[1]["dangerous"] is False
    assert "--yes" in server.cli("device", "erase", "PHONE", expect=2).stderr
    assert "--yes" in server.cli("command", "send", "PHONE", "EraseDevice", expect=2).stderr
    told = server.cli("command", "send", "--filter", "platform=ios or platform=tvos", "EraseDevice", "--dry-run")
    assert told.stdout == "2 devices would get EraseDevice.\n"
    told = server.cli("command", "send", "--filter", "", "DeviceLock", "--dry-run")
    assert told.stdout == "2 devices would get DeviceLock; 1 would not.\n" and "TV: DeviceLock is for iOS" in told.stderr
    assert server.rows("SELECT count(*) FROM command") == [(0,)], "nothing was queued by all of that"
    assert server.cli("device", "erase", "PHONE", "--yes").stdout.strip()
    assert server.rows("SELECT request_type FROM command") == [("EraseDevice",)]


def test_a_mac_is_locked_with_a_pin_of_its_own(tmp):
    rig = Rig(tmp)
    server = rig.server
    told = server.cli("device", "lock", "MAC", "PHONE", "--message", "Please call", "--yes")
    uuids = told.stdout.split()
    assert len(uuids) == 2 and "pomona device escrow MAC pin" in told.stderr and "escrow PHONE" not in told.stderr
    assert server.rows("SELECT d.id, e.kind, e.command FROM escrow e JOIN device d ON d.seq = e.device") == [("MAC", "pin", uuids[0])]
    pin = server.cli("device", "escrow", "MAC", "pin", "--reason", "test").stdout.strip()
    assert len(pin) == 6 and pin.isdigit() and pin not in told.stdout + told.stderr + server.log()
    assert "is not settled" in server.cli("device", "lock", "MAC", "--yes", expect=1).stderr


def test_a_person_is_asked_on_a_terminal(tmp):
    needs_terminals()
    rig = Rig(tmp)

    def erase(answer):
        """What the terminal shows, and the exit status."""
        here, there = pty.openpty()
        process = subprocess.Popen([os.environ["POMONA_BIN"], "device", "erase", "MAC", "--json", "--server", rig.server.admin_url, "--data", rig.server.data],
                                   stdin=there, stderr=there, stdout=subprocess.PIPE)
        os.close(there)
        shown = b""
        while b"have it done: " not in shown:
            shown += os.read(here, 1000)
        os.write(here, answer)
        out = process.communicate()[0]
        os.close(here)
        return shown.decode(), process.returncode, out

    shown, status, out = erase(b"no\n")
    assert status == 1 and not out and "EraseDevice for MAC" in shown and "bootstrap token is missing" in shown
    assert rig.server.rows("SELECT count(*) FROM command") == [(0,)]
    shown, status, out = erase(b"yes\n")
    assert status == 0 and json.loads(out)["request_type"] == "EraseDevice"
