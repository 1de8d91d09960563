"""`pomona why` over the wire: what is asked about a device, a command and the fleet, and what each answer looks like."""
import json

from harness import Device, until
from test_push import TOPIC, Lab, token

KEYS = ["id", "verdict", "message", "fix", "chain", "also"]
LINKS = ["enrollment", "identity", "command", "certificate", "apns", "wake-up", "connection", "delivery", "answer"]


class Rig(Lab):
    def why(self, device, *args):
        told = self.server.cli_json("why", device.udid, *args)
        assert list(told)[:len(KEYS)] == KEYS, told
        assert [link["link"] for link in told["chain"]] == LINKS, told["chain"]
        assert all(list(link) == ["link", "status", "at", "detail"] for link in told["chain"])
        return told

    def becomes(self, device, verdict):
        """Wake-ups and polls are written within moments."""
        return until(lambda: (told := self.why(device))["verdict"] == verdict and told, f"{verdict} of {device.udid}")

    def fleet(self):
        return {v["verdict"]: v for v in self.server.cli_json("why", "--fleet")["verdicts"]}


def asked_and_woken(lab):
    """On its way, and done; another command of its is explained by itself."""
    device = lab.device("U-1", token(1))
    assert device.idle()[0] == 200
    lab.becomes(device, "fine")
    lab.enqueue("U-1", uuid="first")
    lab.enqueue("U-1", uuid="second", nopush=True)
    told = lab.becomes(device, "on-its-way")
    assert told["command_uuid"] == "first" and told["request_type"] == "CertificateList", told
    text = lab.server.cli("why", "U-1").stdout
    assert text.startswith("U-1, CertificateList first: on-its-way\n") and "Woken" in text and "wake-up" in text, text
    assert lab.why(device, "--command", "second")["command_uuid"] == "second"
    assert b"first" in device.idle()[2] and b"second" in device.report("first")[2]
    assert device.report("second", "Error", ErrorChain=[{"ErrorCode": 12063, "ErrorDomain": "MCMDMErrorDomain", "USEnglishDescription": "No."}])[0] == 200
    lab.becomes(device, "fine")
    assert lab.why(device, "--command", "first")["verdict"] == "fine"
    failed = lab.why(device, "--command", "second")
    assert failed["verdict"] == "failed" and '"No." (MCMDMErrorDomain 12063)' in failed["message"], failed


def blocked(lab):
    device = lab.device("U-2", token(2))
    assert device.idle()[0] == 200
    lab.becomes(device, "fine")
    lab.server.cli("device", "block", "U-2")
    assert "device unblock U-2" in lab.becomes(device, "blocked")["fix"]
    assert device.idle()[0] == 400
    lab.server.cli("device", "unblock", "U-2")
    assert device.idle()[0] == 200
    lab.becomes(device, "fine")


def checked_out(lab):
    device = lab.device("U-3", token(3))
    assert device.idle()[0] == 200
    lab.becomes(device, "fine")
    assert device.check_out()[0] == 200
    assert "enroll link --device U-3" in lab.becomes(device, "checked-out")["fix"]
    again = lab.device("U-3", token(4))
    assert again.idle()[0] == 200
    lab.becomes(again, "fine")


def asked_in_vain(lab):
    """Neither a device nor a command that is not known; and what cannot be asked together."""
    for args in (["nobody"], ["U-1", "--command", "none"], ["U-2", "--command", "first"]):
        done = lab.server.cli("why", *args, expect=3)
        assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
        lab.server.cli("why", *args, "--json", expect=3)
    for args in ([], ["U-1", "--fleet"], ["--fleet", "--command", "first"]):
        lab.server.cli("why", *args, expect=2)


def stranger(lab):
    """One that only knocks is told of, too."""
    knocking = Device(lab.server, lab.ca.identity("U-9", kind="ec"), "U-9", topic=TOPIC)
    assert knocking.idle()[0] == 400
    until(lambda: lab.server.rows("SELECT 1 FROM refused WHERE id = 'U-9'"), "the note of its request")
    assert "device adopt U-9" in lab.becomes(knocking, "unknown-device")["fix"]


def fleet(lab):
    assert set(lab.fleet()) <= {"on-its-way"}, lab.fleet()  # which the look of this minute may have met
    assert "Nothing is wrong with the server" in lab.server.cli("why", "--fleet").stdout
    lab.apns.stop()
    lab.enqueue("U-1", "U-2")
    told = until(lambda: lab.fleet().get("apns-unreachable"), "the way to Apple")
    assert told["scope"] == "topic" and told["topic"] == TOPIC and told["devices"] == 3, told
    text = lab.server.cli("why", "--fleet").stdout
    assert f"apns-unreachable (the topic {TOPIC}, 3 devices)\n" in text, text
    answer = json.loads(lab.server.cli("why", "--fleet", "--json").stdout)
    assert set(answer) == {"verdicts", "alarm"} and answer["alarm"] is None, answer


def test_why(tmp):
    lab = Rig(tmp)
    for scene in (asked_and_woken, blocked, checked_out, asked_in_vain, stranger, fleet):
        scene(lab)
    lab.server.stop()
