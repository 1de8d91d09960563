"""Wake-ups of a whole fleet, and the way to APNs by a proxy."""
import base64
import collections
import contextlib
import os
import socket
import threading

from fleet import enroll, now_us, wake_all
from harness import Server, cli, until
from test_push import Apns, Lab, TOPIC, token

FLEET = int(os.environ.get("POMONA_TEST_FLEET", "10000"))


def pushed(apns):
    """How many pushes each token has got; that of zeros is asked about by who tries a certificate."""
    tokens = (word[6:] for word in apns.stdout.decode().split() if word.startswith("token="))
    return collections.Counter(t for t in tokens if t.strip("0"))


def test_killed_at_half(tmp):
    apns = Apns(tmp, "--verbose")
    settings = {"apns_url": apns.url, "apns_ca": apns.ca, "wake_rate": "5000"}
    server = Server(tmp, **settings)
    status, told = server.admin("PUT", "/v1/pushcert", cli("lab", "pushcert", "--topic", TOPIC).stdout.encode())
    assert status == 200, told
    server.stop()
    enroll(server.data / "pomona.db", FLEET, TOPIC)
    wake_all(server.data / "pomona.db", now_us())
    server = Server(tmp, **settings)
    until(lambda: apns.stdout.count(b"\n") > FLEET // 2, "half of the wake-ups")
    server.kill9()
    at_kill = len(pushed(apns))
    assert at_kill < FLEET, "all were woken before the server was killed"
    server = Server(tmp, **settings)
    until(lambda: not server.rows("SELECT 1 FROM wake WHERE answered_at IS NULL LIMIT 1"), "all to be woken")
    server.stop()
    until(lambda: len(pushed(apns)) == FLEET, f"each of {FLEET} to have got a push")
    counts = pushed(apns)
    assert max(counts.values()) <= 2, counts.most_common(3)
    assert server.rows("SELECT count(*) FROM wake WHERE status = 200 AND taken >= 1 AND due_at > answered_at") == [(FLEET,)]
    apns.stop()


class Proxy:
    """An HTTP proxy that knows CONNECT; credentials: what it wants, "user:password"."""

    def __init__(self, credentials):
        self.wanted = "Basic " + base64.b64encode(credentials.encode()).decode()
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            lines = head.decode().split("\r\n")
            self.asked.append(lines[0])
            if f"Proxy-Authorization: {self.wanted}" not in lines:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                client.close()
                return
            host, port = lines[0].split()[1].rsplit(":", 1)
            upstream = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=self.pump, args=(client, upstream), daemon=True).start()
            self.pump(upstream, client)

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()


def test_proxy_with_credentials(tmp):
    proxy = Proxy("pomona:s3cr t@x")
    wrong = f"http://pomona:n0t-this@127.0.0.1:{proxy.port}"
    lab = Lab(tmp, proxy=wrong)
    lab.device("P", token(50))
    until(lambda: "407" in (lab.server.admin("GET", "/api/v1/status")[1]["push"]["trouble"] or ""), "the proxy's refusal to be told")
    assert not lab.pushes(token(50))
    shown = lab.server.cli("conf", "--proxy", wrong).stdout
    assert f"http://***@127.0.0.1:{proxy.port}" in shown
    lab.server.stop()
    logs = lab.server.log()
    lab.settings["proxy"] = f"http://pomona:s3cr%20t%40x@127.0.0.1:{proxy.port}"
    lab.start()
    until(lambda: lab.pushes(token(50)), "the push by the proxy")
    port = lab.apns.url.rsplit(":", 1)[1]
    own = "CONNECT localhost:8443 HTTP/1.1"  # the look at public-url, which comes later
    assert set(proxy.asked) - {own} == {f"CONNECT 127.0.0.1:{port} HTTP/1.1"}, proxy.asked
    lab.server.stop()
    for secret in ("n0t-this", "s3cr"):
        assert secret not in logs + lab.server.log() + shown
    lab.apns.stop()
    proxy.close()
