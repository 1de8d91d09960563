"""What would cut enrolled devices off is refused: a changed public-url, a TLS certificate of a root that they were not given."""
import plistlib
import signal
import socket
import threading

import scep
from harness import CA, Device, Server, cli, until


def refused_start(tmp, *flags, **settings):
    """The server does not start; gives what it says."""
    data = tmp / "data"
    args = [f"--{k.replace('_', '-')}={v}" for k, v in settings.items()]
    return cli("serve", "--data", data, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", *args, *flags, expect=1).stderr


def enrolled(tmp, names=("U-1", "U-2"), **settings):
    """A data folder with devices that came by the profile of this server."""
    s = Server(tmp, **settings)
    s.push_cert()
    return s, [Device(s, scep.identity(s), name).enroll() for name in names]


def test_public_url(tmp):
    s, _ = enrolled(tmp, tls="off", public_url="http://old.example.org:1")
    s.stop()
    told = refused_start(tmp, tls="off", public_url="http://new.example.org")
    assert "2 enrolled devices" in told and "http://old.example.org:1" in told and "--accept-cut-off" in told, told
    s = Server(tmp, tls="off", public_url="http://new.example.org", accept_cut_off="yes")
    assert [u["devices"] for u in s.admin("GET", "/api/v1/tls")[1]["former_urls"]] == [2]
    s.stop()
    s = Server(tmp, tls="off", public_url="http://new.example.org")  # once is enough

    # The former address is watched: nobody listens there.
    s.wait_log(msg="an address that enrolled devices hold does not lead here")
    [former] = until(lambda: [u for u in s.admin("GET", "/api/v1/tls")[1]["former_urls"] if u["at"]], "the probe")
    assert former["ok"] is False and former["error"], former
    told = s.rows("SELECT count(*) FROM event WHERE kind = 'url.unreachable'")
    assert told == [(1,)], told
    assert "http://old.example.org:1" in s.cli("tls", "show").stdout


def test_former_address_leads_here(tmp):
    """By way of a forwarder, as a former DNS name would."""
    old = Forwarder()
    s, _ = enrolled(tmp, tls="off", public_url=f"http://127.0.0.1:{old.port}")
    s.stop()
    s = Server(tmp, tls="off", public_url="http://new.example.org", accept_cut_off="yes")
    old.to(s.devices_address)
    [former] = until(lambda: [u for u in s.admin("GET", "/api/v1/tls")[1]["former_urls"] if u["at"]], "the probe")
    assert former["ok"] is True and former["devices"] == 2, former
    old.stop()


class Forwarder:
    """Hands bytes on; to nobody at first."""

    def __init__(self):
        self.target, self.socket = None, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def to(self, address):
        self.target = address

    def _run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client:
            if self.target:
                with socket.create_connection(self.target) as server:
                    server.sendall(client.recv(65536))
                    client.sendall(server.recv(65536))

    def stop(self):
        self.socket.close()


def write_pair(tmp, identity):
    (tmp / "tls.pem").write_bytes(identity.cert_pem)
    (tmp / "tls.key").write_bytes(identity.key_pem)
    return {"tls_cert": tmp / "tls.pem", "tls_key": tmp / "tls.key"}


def test_tls_root(tmp):
    url = {"public_url": "https://127.0.0.1:8443"}
    s, devices = enrolled(tmp, **url)
    s.stop()
    ca = CA("Another TLS CA")
    pair = write_pair(tmp, ca.server())
    told = refused_start(tmp, **url, **pair)
    assert "2 of 2 enrolled devices were not given" in told and "pomona tls stage" in told, told

    # Staged first: each device gets the root, then the certificate may change.
    s = Server(tmp, **url)
    chain = tmp / "chain.pem"
    chain.write_bytes((tmp / "tls.pem").read_bytes() + ca.cert_pem)
    assert "2 of 2" in s.cli("tls", "stage", "--check", chain).stdout
    assert "not of a CA" in s.cli("tls", "stage", tmp / "tls.pem", expect=None).stderr
    assert s.admin("GET", "/api/v1/tls")[1]["staged_roots"] == []
    s.cli("tls", "stage", chain)
    for d in devices:
        d.server = s
        status, _, body = until(lambda: (lambda got: got if got[2] else None)(d.idle()), "the root")
        command = plistlib.loads(body)
        assert command["Command"]["RequestType"] == "InstallProfile"
        assert b"com.apple.security.root" in command["Command"]["Payload"]
        if d is devices[1]:
            assert "1 of 2" in s.cli("tls", "stage", "--check", chain).stdout
        assert d.report(command["CommandUUID"])[0] == 200
    [root] = s.admin("GET", "/api/v1/tls")[1]["staged_roots"]
    assert (root["given"], root["waiting"]) == (2, 0)
    assert "none would be cut off" in s.cli("tls", "stage", "--check", chain).stdout
    shown = s.cli("tls", "show").stdout
    assert "Another TLS CA" in shown and "own TLS CA" in shown
    s.stop()
    s = Server(tmp, **url, **pair)

    # A certificate that changes while it serves is held to the same.
    write_pair(tmp, CA("A third CA").server())
    s.process.send_signal(signal.SIGHUP)
    s.wait_log(level="error")
    assert "Another TLS CA" in s.admin("GET", "/api/v1/tls")[1]["certificate"]["issuer"]


def test_private_ca(tmp):
    """A certificate of a CA that devices got by other means: they trust it, and no other one."""
    url = {"public_url": "https://127.0.0.1:8443"}
    ca = CA("A private CA")
    pair = write_pair(tmp, ca.server())
    s, _ = enrolled(tmp, **url, **pair)
    write_pair(tmp, ca.server())  # renewed
    s.wait_log(msg="TLS certificate read again")
    write_pair(tmp, CA("Another private CA").server())
    told = s.wait_log(msg="the changed TLS certificate is not used")
    assert "2 of 2 enrolled devices were not given" in str(told), told
    s.stop()
    assert "Another private CA" not in refused_start(tmp, **url, **pair)
    write_pair(tmp, ca.server())
    s = Server(tmp, **url, **pair)
    s.stop()
    s = Server(tmp, **url, tls="off")  # a proxy's certificate is none of ours
    shown = s.admin("GET", "/api/v1/tls")[1]
    assert shown["source"] == "off" and shown["certificate"] is None, shown
    assert "TLS is off" in s.cli("tls", "show").stdout
    s.stop()


def test_reload_that_would_cut_off(tmp):
    """What a reload may not change stays whole: the certificate and what new devices are told of it."""
    conf = tmp / "pomona.conf"
    conf.write_text("organization = First\n")
    s, _ = enrolled(tmp, public_url="https://127.0.0.1:8443", config=conf)
    pair = write_pair(tmp, CA("Another TLS CA").server())
    conf.write_text(f"organization = Second\ntls-cert = {pair['tls_cert']}\ntls-key = {pair['tls_key']}\n")
    s.process.send_signal(signal.SIGHUP)
    assert "were not given" in str(s.wait_log(msg="reload failed; what is wrong stays as it was"))
    shown = s.admin("GET", "/api/v1/tls")[1]
    assert shown["source"] == "own", shown
    status, answer = s.admin("POST", "/api/v1/links", {})
    assert status == 201, answer
    profile = s.device("GET", "/enroll/" + answer["url"].rsplit("/", 1)[1])[2]
    assert b"com.apple.security.root" in profile and b"Second" not in profile
    s.stop()
