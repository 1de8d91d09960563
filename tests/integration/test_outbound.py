"""What is asked of others: /authproxy/ for devices, /v1/escrowkeyunlock for Activation Lock. The others are real servers
of the test."""
import http.server
import signal
import socket
import ssl
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from harness import CA, Connection, Device, Server, push_cert, request, tls_context

TOPIC = "com.apple.mgmt.External.test"


class StandIn:
    """Answers with this status (or what it gives for the body of a request), and remembers what it was asked."""

    def __init__(self, status=200, headers=(), body=b"", context=None):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                peer = self.connection.getpeercert(True) if context else None
                asked.append((self.command, self.path, self.headers, data, peer))
                self.send_response(status(data) if callable(status) else status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_authproxy(tmp):
    ca = CA()
    other = StandIn(207, [("X-Mine", "yes"), ("Content-Type", "text/x-thing"), ("Connection", "close")], b"thing")
    s = Server(tmp, device_ca=ca.file(tmp), authproxy_url=f"http://127.0.0.1:{other.port}/base")
    s.push_cert()
    identity, stranger = ca.identity("U-1"), ca.identity("U-2")
    ask = lambda path, who, method="GET", body=None, **headers: s.device(method, path, body, headers, who)

    # Nobody, and who is not enrolled.
    assert ask("/authproxy/a", None)[0] == 400
    assert ask("/authproxy/a", stranger)[0] == 400
    assert ask("/authproxy/a", CA("Stranger").identity("U-1"))[0] == 400
    device = Device(s, identity, "U-1", proof="mtls")
    assert device.authenticate()[0] == 200
    assert ask("/authproxy/a", identity)[0] == 400  # not before its TokenUpdate
    assert device.token_update()[0] == 200
    for path in ("/authproxy/../secret", "/authproxy/a/%2e%2e/%2e%2e/secret", "/authproxy/%2E%2E", "/authproxy/a/.."):
        assert ask(path, identity)[0] == 400, path
    assert not other.asked

    # What is handed on, and what is not.
    status, headers, body = ask("/authproxy/some/thing%20here?q=1&r=%2F", identity, "PUT", b"payload",
                                **{"X-Enrollment-ID": "U-9", "X-Trace-ID": "spoofed", "X-Own": "kept", "Content-Type": "text/plain"})
    assert (status, body, headers["X-Mine"], headers["Content-Type"]) == (207, b"thing", "yes", "text/x-thing")
    method, path, got, data, _ = other.asked[-1]
    assert (method, path, data) == ("PUT", "/base/some/thing%20here?q=1&r=%2F", b"payload")
    assert got.get_all("X-Enrollment-ID") == ["U-1"] and got["X-Own"] == "kept" and got["Content-Type"] == "text/plain"
    assert got["X-Trace-ID"] != "spoofed" and "Mdm-Signature" not in got

    # A device that has left, and a target that is down.
    other.stop()
    assert ask("/authproxy/a", identity)[0] == 502
    assert device.check_out()[0] == 200
    assert ask("/authproxy/a", identity)[0] == 400
    assert s.device("GET", "/authproxy/a", None, {}, identity)[0] == 400


def test_no_authproxy(tmp):
    ca = CA()
    s = Server(tmp, device_ca=ca.file(tmp))
    s.push_cert()
    Device(s, ca.identity("U-1"), proof="mtls").enroll()
    assert s.device("GET", "/authproxy/a", None, {}, ca.identity("U-1"))[0] == 404


def test_escrow_key_unlock(tmp):
    ca = CA("Apple's stand-in")
    server_identity = ca.server()
    pem = push_cert(TOPIC)
    cert = x509.load_pem_x509_certificate(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_identity.pem_file)
    context.verify_mode = ssl.CERT_REQUIRED
    trusted = tmp / "push.pem"
    trusted.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    context.load_verify_locations(trusted)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    apple = StandIn(400, [("X-Apple", "thing"), ("Content-Type", "application/json")], b'{"code":"no"}', context)
    s = Server(tmp, escrow_key_unlock_url=f"https://127.0.0.1:{apple.port}", apns_ca=ca.file(tmp))
    form = {"topic": TOPIC, "serial": "C02", "productType": "MacBook Pro+1", "escrowKey": "AB-CD", "orgName": "Über & Co",
            "guid": "g"}
    headers = {"Authorization": f"Bearer {s.token}", "Content-Type": "application/x-www-form-urlencoded"}
    post = lambda fields, method="POST": request(s.admin_address, method, "/v1/escrowkeyunlock",
                                                 urllib.parse.urlencode(fields).encode(), headers)

    # Mistakes of the client, each in NanoMDM's JSON.
    assert s.admin("POST", "/v1/escrowkeyunlock", b"", token="wrong")[0] == 401
    for field in form:
        status, _, body = post({k: v for k, v in form.items() if k != field})
        assert status == 400 and field.encode() in body, (status, body)
    assert post(form)[0] == 404  # no such push certificate
    assert s.admin("PUT", "/v1/pushcert", pem)[0] == 200
    assert not apple.asked

    # Apple's answer comes through as it is.
    status, got, body = post({**form, "imei": "12 34"}, "PUT")
    assert (status, body, got["X-Apple"], got["Content-Type"]) == (400, b'{"code":"no"}', "thing", "application/json")
    method, path, sent, data, peer = apple.asked[-1]
    url = urllib.parse.urlsplit(path)
    assert (method, url.path) == ("POST", "/deviceservicesworkers/escrowKeyUnlock")
    assert urllib.parse.parse_qs(url.query) == {"serial": ["C02"], "productType": ["MacBook Pro+1"], "imei": ["12 34"]}
    assert urllib.parse.parse_qs(data.decode()) == {"orgName": ["Über & Co"], "guid": ["g"], "escrowKey": ["AB-CD"]}
    assert sent["Content-Type"] == "application/x-www-form-urlencoded"
    assert peer == cert.public_bytes(serialization.Encoding.DER)
    assert "AB-CD" not in s.log()

    apple.stop()
    assert post(form)[0] == 502


def test_answers_that_cannot_be_handed_back(tmp):
    ca, other = CA(), socket.create_server(("127.0.0.1", 0))
    s = Server(tmp, device_ca=ca.file(tmp), authproxy_url=f"http://127.0.0.1:{other.getsockname()[1]}")
    s.push_cert()
    identity = ca.identity("U-1")
    Device(s, identity, proof="mtls").enroll()

    def answered(head):
        connection = Connection(s.devices_address, tls_context(identity))
        connection.http.request("GET", "/authproxy/a")
        peer, _ = other.accept()
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 " + head + b"\r\nContent-Length: 2\r\n\r\nok")
        peer.close()
        return connection.http.getresponse()

    for head in (b"099 No", b"101 Switching\r\nConnection: Upgrade\r\nUpgrade: x", b"200 OK\r\nX-Large: " + b"x" * 40000,
                 b"200 OK\r\nContent-Type: " + b"x" * 40000, b"200 OK\r\nX-Nul: a\0b", b"garbage"):
        assert answered(head).status == 502, head[:40]
    got = answered(b"200 OK\r\nContent-Type: text/plain\x07\r\nX-Bell: \x07\r\nX Two: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: a=2")
    assert (got.status, got.read(), got.headers["Content-Type"], got.headers["X-Bell"]) == (200, b"ok", None, None)
    assert got.headers.get_all("Set-Cookie") == ["a=1", "a=2"]  # the last one counts


def test_a_shutdown_waits_for_no_other_server(tmp):
    """More requests than threads wait for a target that says nothing."""
    ca, mute = CA(), socket.create_server(("127.0.0.1", 0), backlog=50)
    s = Server(tmp, device_ca=ca.file(tmp), authproxy_url=f"http://127.0.0.1:{mute.getsockname()[1]}")
    s.push_cert()
    identity = ca.identity("U-1")
    Device(s, identity, proof="mtls").enroll()
    asking = [Connection(s.devices_address, tls_context(identity)) for _ in range(12)]
    for connection in asking:
        connection.http.request("GET", "/authproxy/a")
    held = [mute.accept() for _ in range(8)]
    s.process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert s.wait() == 0, s.log()
    assert time.monotonic() - begin < 25  # one round of deadlines is 30 s
    assert [connection.http.getresponse().status for connection in asking] == [503] * len(asking)
    del held


def test_devices_that_wait_for_another_server_hold_up_no_operator(tmp):
    ca = CA()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        s = Server(tmp, device_ca=ca.file(tmp), authproxy_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        s.push_cert()
        d = Device(s, ca.identity("U-1", "ec")).enroll()
        answers, threads = [], []
        for _ in range(12):
            threads.append(threading.Thread(target=lambda: answers.append(s.device("GET", "/authproxy/x", identity=d.identity)[0])))
            threads[-1].start()
        asked = [silent.accept() for _ in range(8)]  # all who may ask
        assert s.admin("POST", "/api/v1/groups", {"name": "G", "static": True})[0] == 201
        assert not answers and len(asked) == 8
        s.stop()
    for t in threads:
        t.join()
