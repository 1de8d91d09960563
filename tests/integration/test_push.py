"""Wake-ups against the lab's stand-in for APNs: what Apple may answer, and what must come of it."""
import json
import plistlib
import socket
import time

from harness import CA, Device, Process, Server, cli, until

TOPIC = "com.apple.mgmt.External.5f7d6b1c-1111-4222-8333-444455556666"


class Apns(Process):
    """`pomona lab apns` with its control port."""

    def __init__(self, tmp, *options):
        self.dir = tmp / "lab"
        super().__init__(["lab", "apns", "--dir", self.dir, *options], cwd=tmp)
        line = until(lambda: self.stdout.decode().split("\n")[0] if b"\n" in self.stdout else None, "the stand-in")
        told = dict(word.split("=", 1) for word in line.split())
        self.url, self.ca = told["apns"], told["ca"]
        host, port = told["control"].rsplit(":", 1)
        self.control = socket.create_connection((host, int(port)))
        self.answers = self.control.makefile()

    def say(self, line):
        self.control.sendall(line.encode() + b"\n")
        answer = self.answers.readline().strip()
        assert not answer.startswith("error"), (line, answer)
        return answer

    def stats(self):
        return json.loads(self.say("stats"))

    def stop(self):
        self.answers.close()
        self.control.close()
        super().stop()


class Lab:
    """A server with a push certificate, a stand-in for APNs, and devices that enroll when asked."""

    def __init__(self, tmp, *apns_options, **settings):
        self.tmp, self.ca = tmp, CA()
        self.apns = Apns(tmp, *apns_options)
        self.settings = {"device_ca": self.ca.file(tmp), "device_ca_names": "yes", "apns_url": self.apns.url, "apns_ca": self.apns.ca, **settings}
        self.start()
        status, told = self.server.admin("PUT", "/v1/pushcert", cli("lab", "pushcert", "--topic", TOPIC).stdout.encode())
        assert status == 200, told

    def start(self):
        self.server = Server(self.tmp, data=self.tmp / "data", **self.settings)

    def device(self, udid, token, proof="signature", kind="ec"):
        d = Device(self.server, self.ca.identity(udid, kind=kind), udid, proof=proof, topic=TOPIC)
        d.token = token
        assert d.authenticate()[0] == 200
        assert d.token_update(token=token)[0] == 200
        return d

    def enqueue(self, *ids, request_type="CertificateList", uuid=None, nopush=False):
        body = (f'<?xml version="1.0"?><plist version="1.0"><dict><key>CommandUUID</key><string>{uuid or time.monotonic_ns()}</string><key>Command</key>'
                f"<dict><key>RequestType</key><string>{request_type}</string></dict></dict></plist>").encode()
        return self.server.admin("PUT", f"/v1/enqueue/{','.join(ids)}" + ("?nopush=1" if nopush else ""), body)

    def pushes(self, token):
        """Pushes to a token, of the last that the stand-in remembers."""
        return [r for r in self.apns.stats()["requests"] if r["path"] == f"/3/device/{token.hex()}"]

    def push_state(self, udid):
        return self.server.admin("GET", f"/api/v1/devices/{udid}")[1]["push"]


def token(n):
    return bytes([n]) * 32


def test_gone_token_and_its_return(tmp):
    lab = Lab(tmp)
    d = lab.device("GONE", token(1))
    until(lambda: lab.pushes(token(1)), "the push after enrollment")
    old, new = int((time.time() - 3600) * 1000), int((time.time() + 3600) * 1000)
    lab.apns.say(f"rule {token(1).hex()} 410 Unregistered {old}")
    status, told = lab.enqueue("GONE")
    assert status in (200, 207), told
    assert not lab.push_state("GONE")["token_gone_at"], "a 410 from before the token was reported says nothing about it"
    lab.apns.say("clear")
    lab.apns.say(f"rule {token(1).hex()} 410 Unregistered {new}")
    status, told = lab.server.admin("GET", "/v1/push/GONE")
    assert "Unregistered" in json.dumps(told), told
    until(lambda: lab.push_state("GONE")["token_gone_at"], "the token to be known as gone")
    # the command still waits, and a new token revives the device
    lab.apns.say("clear")
    assert d.token_update(token=token(2))[0] == 200
    until(lambda: lab.pushes(token(2)), "a push to the new token")
    status, _, body = d.idle()
    assert status == 200 and b"CertificateList" in body
    lab.server.stop()
    lab.apns.stop()


def test_goaway_and_cut_lose_no_wake_up(tmp):
    lab = Lab(tmp, "--goaway-after", "7", "--max-streams", "4")
    tokens = {f"D{n}": token(n) for n in range(1, 25)}
    devices = [lab.device(udid, t) for udid, t in tokens.items()]
    lab.apns.say("drop")
    status, told = lab.enqueue(*tokens)
    assert status in (200, 207), told
    for udid, t in tokens.items():
        until(lambda t=t: lab.pushes(t), f"a push for {udid}")
    assert lab.apns.stats()["connections"] > 1
    assert all(b"CertificateList" in d.idle()[2] for d in devices)
    assert all(d.report(plistlib.loads(d.idle()[2])["CommandUUID"])[2] == b"" for d in devices)
    until(lambda: all(lab.push_state(u)["state"] == "ok" for u in tokens), "nothing to be due any more")
    lab.server.stop()
    lab.apns.stop()


def test_restart_between_enqueue_and_push(tmp):
    lab = Lab(tmp)
    d = lab.device("A", token(9))
    until(lambda: lab.pushes(token(9)), "the push after enrollment")
    assert d.idle()[0] == 200
    apns_url, lab.settings["apns_url"] = lab.settings["apns_url"], "https://127.0.0.1:9"
    lab.server.stop()
    lab.start()
    status, told = lab.enqueue("A")
    due = told["status"]["A"]["push_result"]  # stored and due: it is told by its id, and sent later
    assert status == 200 and due, told
    lab.server.kill9()
    lab.settings["apns_url"] = apns_url
    lab.start()
    until(lambda: any(r["headers"]["apns-id"] == due for r in lab.pushes(token(9))), "the push that was due")
    d.server = lab.server
    assert b"CertificateList" in d.idle()[2]
    lab.server.stop()
    lab.apns.stop()


def test_notnow_and_once_by_both_proofs(tmp):
    lab = Lab(tmp)
    for n, proof in enumerate(("mtls", "signature", "both")):
        udid = f"P-{proof}"
        d = lab.device(udid, token(40 + n), proof=proof, kind="rsa")
        assert lab.enqueue(udid, uuid=f"{udid}-1")[0] == 200
        assert lab.enqueue(udid, uuid=f"{udid}-2", request_type="RestartDevice")[0] == 200
        assert f"{udid}-1".encode() in d.idle()[2]
        assert f"{udid}-2".encode() in d.report(f"{udid}-1", "NotNow")[2]
        assert d.idle()[2].count(f"{udid}-1".encode()) == 1  # the restart was handed over and is not repeated
        assert d.report(f"{udid}-1")[2] == b""
        assert d.idle()[2] == b""
        assert lab.server.cli_json("command", "show", f"{udid}-2")["targets"][0]["status"] == "Sent"
        lab.server.cli("command", "retry", f"{udid}-2")
        assert f"{udid}-2".encode() in d.idle()[2]
        assert d.report(f"{udid}-2")[2] == b""
        assert lab.server.cli_json("command", "show", f"{udid}-2")["targets"][0]["status"] == "Acknowledged"
    lab.server.stop()
    lab.apns.stop()


def test_refused_certificate_is_named(tmp):
    lab = Lab(tmp)
    lab.device("A", token(70))
    until(lambda: lab.pushes(token(70)), "the push after enrollment")
    lab.apns.say("tls expired")
    lab.apns.say("drop")
    assert lab.enqueue("A")[0] in (200, 207)
    assert lab.push_state("A")["state"] == "stopped"
    stopped = lab.server.wait_log(level="warn", msg="pushes stopped")
    assert "expired" in stopped["reason"]
    lab.server.stop()
    lab.apns.stop()
