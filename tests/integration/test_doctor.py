"""`pomona doctor`: what is fine is said to be fine, and each trouble is named with what to do."""
import contextlib
import datetime
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import scep
from cryptography import x509
from harness import CA, Device, Identity, Server, binary, cli, new_key, request, until
from test_push import Apns


def doctor(*args, expect=None, **settings):
    """{name: [lines]} of the doctor's JSON."""
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in settings.items()]
    done = cli("doctor", "--json", *args, *flags, expect=expect)
    return by_name(json.loads(done.stdout))


def by_name(told):
    lines = {}
    for line in told["checks"]:
        assert set(line) == {"name", "status", "message", "fix"}, line
        assert line["status"] in ("ok", "warn", "fail", "skip") and line["message"], line
        assert line["fix"] or line["status"] in ("ok", "skip", "fail"), line
        lines.setdefault(line["name"], []).append(line)
    return lines


def status(lines, name):
    order = ["fail", "warn", "ok", "skip"]
    return min((line["status"] for line in lines[name]), key=order.index)


def said(lines, name):
    return " ".join(line["message"] + " " + line["fix"] for line in lines[name])


class Pipe:
    """Hands bytes on, both ways: a port that is known before the server has its own."""

    def __init__(self):
        self.to, self.socket = None, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                server = socket.create_connection(self.to)
                for a, b in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        with contextlib.suppress(OSError):
            b.shutdown(socket.SHUT_WR)

    def stop(self):
        self.socket.close()


class Relay:
    """A proxy before the devices' listener: hands requests on, or does what proxies do."""

    def __init__(self):
        self.to, self.mode = None, "pass"
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                relay.answer(self, body)

            do_GET = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler, body):
        headers = dict(handler.headers)
        if self.mode.isdigit() and handler.command == "PUT" or self.mode == "302":
            handler.send_response(int(self.mode))
            handler.send_header("Location", "https://login.example.org/")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if self.mode == "strip":
            headers.pop("Mdm-Signature", None)
        if self.mode == "rewrite":
            body = body.replace(b"\n", b"\r\n")
            headers["Content-Length"] = str(len(body))
        status, answered, data = request(self.to, handler.command, handler.path, body, headers)
        handler.send_response(status)
        for name, value in answered.items():
            if name.lower() not in ("connection", "transfer-encoding"):
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_fine(tmp):
    """A server of the lab: nothing fails, and what is not as it should be for real devices is only warned of."""
    apns, pipe = Apns(tmp), Pipe()
    apns.say("date 0")
    shared = {"public_url": f"https://127.0.0.1:{pipe.port}", "apns_url": apns.url, "apns_ca": apns.ca}
    s = Server(tmp, **shared)
    pipe.to = s.devices_address
    s.push_cert()
    Device(s, scep.identity(s), "U-1").enroll()
    lines = doctor("--server", s.admin_url, "--data", s.data, expect=1, mail_to="it@example.org", **shared)
    assert [name for name in lines if status(lines, name) == "fail"] == ["notices"], lines
    assert "smtp-url is not" in said(lines, "notices")
    lines = doctor("--server", s.admin_url, "--data", s.data, expect=0, **shared)
    fine = {name for name in lines if status(lines, name) == "ok"}
    assert fine == {"data folder", "disk", "database", "server", "keys", "clock", "DNS", f"APNs {apns.url.rsplit(':', 1)[1]} directly",
                    "push certificate", "Apple's answer", "topics", "public-url", "signed request", "enrollments", "profiles"}, lines
    apns.say("date 600")
    clock = doctor("--server", s.admin_url, "--data", s.data, expect=1, **shared)["clock"]
    assert clock[0]["status"] == "fail" and "min behind, as 127.0.0.1 tells" in clock[0]["message"], clock
    apns.say("date 0")
    assert "Mdm" not in s.log() and s.rows("SELECT count(*) FROM refused") == [(0,)]
    assert "not Apple's" in said(lines, "APNs") and "own TLS CA" in said(lines, "TLS certificate")
    assert "5223" in said(lines, "devices' ports")

    # The console's way, and that of a machine without the data.
    inside = by_name(s.admin("GET", "/api/v1/doctor")[1])
    assert {name for name in inside if status(inside, name) == "ok"} == fine
    elsewhere = tmp / "elsewhere"
    elsewhere.mkdir()
    told = doctor("--server", s.admin_url, "--data", elsewhere, "--api-key", s.token, expect=0)
    assert {name for name in told if status(told, name) == "ok"} == fine

    text = cli("doctor", "--server", s.admin_url, "--data", s.data, *[f"--{k.replace('_', '-')}={v}" for k, v in shared.items()]).stdout
    assert "ok    signed request" in text and "→" in text and "0 failed" in text and "\033" not in text, text
    assert s.token not in text and (s.data / "secret.key").read_text().strip() not in text

    # Without a server: its data is looked at all the same, and not changed.
    s.stop()
    before = (s.data / "pomona.db").read_bytes()
    lines = doctor("--data", s.data, expect=0, server="http://127.0.0.1:9", **shared)
    assert status(lines, "server") == "warn" and status(lines, "signed request") == "skip"
    assert status(lines, "database") == "ok" and (s.data / "pomona.db").read_bytes() == before
    pipe.stop()
    apns.stop()


def test_what_proxies_do(tmp):
    relay = Relay()
    s = Server(tmp, tls="off", public_url=relay.url)
    relay.to = s.devices_address
    troubles = {"302": ("public-url", "https://login.example.org/"), "401": ("signed request", "removes its management profile"),
                "403": ("signed request", "firewall"), "413": ("signed request", "16 MiB"), "405": ("signed request", "PUT"),
                "400": ("signed request", "something else"), "strip": ("signed request", "without its Mdm-Signature"),
                "rewrite": ("signed request", "not over the same bytes")}

    def look():
        return doctor("--server", s.admin_url, "--data", s.data, tls="off", public_url=relay.url)

    for mode in ["pass", *troubles]:
        relay.mode = mode
        lines = look()
        for name in ("public-url", "signed request"):
            whole = mode != "302" and (name == "public-url" or mode == "pass")
            assert status(lines, name) == ("ok" if whole else "fail"), (mode, lines[name])
        if mode in troubles:
            name, word = troubles[mode]
            assert word in said(lines, name), (mode, lines[name])
    assert s.rows("SELECT count(*) FROM refused") == [(0,)]

    # Nobody but the server itself is told anything.
    headers = {"Content-Type": Device.REPORT}
    for query in ("", "?pomona-mark=", "?pomona-mark=1.a.b", "?pomona-mark=" + "x" * 300):
        status_, answered, body = s.device("PUT", "/mdm" + query, b"<plist/>", headers)
        assert (status_, body, answered.get("Pomona-Mark")) == (400, b"", None), query
        assert s.device("GET", "/healthz" + query)[1].get("Pomona-Mark") is None

    # Another server of the same kind is not this one.
    (tmp / "other").mkdir()
    relay.to = Server(tmp / "other", tls="off").devices_address
    relay.mode = "pass"
    lines = look()
    assert "not this server" in said(lines, "public-url") and status(lines, "signed request") == "fail", lines
    relay.stop()


def server_pair(tmp, ca, sans, days):
    key = new_key("ec")
    made = Identity(key, ca._build("server", key.public_key(), ca.key, ca.name, False, datetime.timedelta(days=days), sans, True))
    (tmp / "tls.pem").write_bytes(made.cert_pem + ca.cert_pem)
    (tmp / "tls.key").write_bytes(made.key_pem)


def test_tls_certificate(tmp):
    ca, right = CA("Own CA"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    server_pair(tmp, ca, [right], 90)
    files = {"tls_cert": tmp / "tls.pem", "tls_key": tmp / "tls.key", "public_url": "https://127.0.0.1:8443"}
    s = Server(tmp, **files)

    def look():
        return doctor("--server", s.admin_url, "--data", s.data, **files)["TLS certificate"]

    assert [line["status"] for line in look()] == ["ok"]
    for sans, days, word in (([x509.DNSName("other.example.org")], 90, "does not name 127.0.0.1"), ([right], -0.5, "ended on"),
                             ([right], 900, "901 days, and devices take 825")):
        seen = len(s.events(msg="TLS certificate read again"))
        server_pair(tmp, ca, sans, days)
        until(lambda: len(s.events(msg="TLS certificate read again")) > seen, "the new certificate")
        [line] = look()
        assert line["status"] == "fail" and word in line["message"], line


def test_files(tmp):
    data = tmp / "data"
    cli("init", "--data", data)

    def look():
        return doctor("--data", data, server="http://127.0.0.1:9")

    assert status(look(), "data folder") == "ok"
    data.chmod(0o755)
    assert f"chmod 0700 {data}" in said(look(), "data folder")
    data.chmod(0o700)
    (data / "secret.key").chmod(0o640)
    lines = look()
    assert "chmod 0600" in said(lines, "data folder") and status(lines, "keys") == "fail"
    (data / "secret.key").chmod(0o600)

    if os.geteuid() == 0:  # somebody else gets no further than the folder's door
        tmp.chmod(0o755)
        (tmp / "pomona.conf").write_text("")
        told = subprocess.run([binary(), "doctor", "--json", "--data", data, "--config", tmp / "pomona.conf"], user=65534, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", check=False)
        lines = by_name(json.loads(told.stdout))
        assert told.returncode == 1 and {status(lines, n) for n in ("data folder", "database")} == {"fail"}, lines

    key = (data / "secret.key").read_text()
    (data / "secret.key").write_text("0" * 64 + "\n")
    assert status(look(), "keys") == "fail" and "secret key" in said(look(), "keys")
    (data / "secret.key").write_text(key)

    pages = bytearray((data / "pomona.db").read_bytes())
    pages[3 * 4096:4 * 4096] = b"\xff" * 4096
    (data / "pomona.db").write_bytes(pages)
    lines = look()
    assert status(lines, "database") == "fail", lines
    (data / "pomona.db").write_bytes(b"no database at all")
    assert "cannot be opened" in said(look(), "database")
    shutil.rmtree(data)
    lines = look()
    assert status(lines, "data folder") == status(lines, "database") == "fail", lines


def test_server_that_hangs(tmp):
    """A server that takes connections and says nothing is not one that is off; it is not waited for."""
    cli("init", "--data", tmp / "data")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lines = doctor(f"--data={tmp}/data", "--apns-url=https://127.0.0.1:9", "--public-url=https://127.0.0.1:9",
                       admin_listen="127.0.0.1:%d" % silent.getsockname()[1])
    assert status(lines, "server") == "fail" and "did not answer in time" in said(lines, "server"), lines["server"]


def test_clock(tmp):
    """Apple tells the time with its answer to a probe; the server asks by itself."""
    apns = Apns(tmp)
    apns.say("date -600")
    s = Server(tmp, apns_url=apns.url, apns_ca=apns.ca)
    s.push_cert()
    told = s.wait_log(msg="the server's clock is off: certificates may look expired, or not yet valid")
    assert 590 <= int(told["ahead_s"]) <= 720 and told["told_by"] == "127.0.0.1", told
    assert "ahead" in s.cli("status", expect=None).stdout
    apns.stop()


def test_hangups(tmp):
    """A device that does not trust the listener's certificate leaves a trace; a proxy's connections do not."""
    def distrust(s):
        with contextlib.suppress(ssl.SSLError), socket.create_connection(s.devices_address) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")

    s = Server(tmp)
    distrust(s)
    [(address, count, alert)] = until(lambda: s.rows("SELECT address, count, alert FROM hangup"), "the hang-up")
    assert (address, count) == ("127.0.0.1", 1) and alert == 48, alert
    s.device("GET", "/healthz")
    s.stop()
    s = Server(tmp, trusted_proxies="127.0.0.0/8")
    distrust(s)
    s.stop()  # what gathered is written then
    assert s.rows("SELECT count FROM hangup") == [(1,)]


class RefusingProxy:
    """An HTTP proxy that wants a password which nobody has."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                with client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    def stop(self):
        self.socket.close()


def test_ways_to_apple(tmp):
    data = tmp / "data"
    cli("init", "--data", data)
    apns, proxy, stranger = Apns(tmp), RefusingProxy(), CA("Corp Inspector CA")

    def look(**settings):
        lines = doctor("--data", data, **{"server": "http://127.0.0.1:9", "apns_url": apns.url, "apns_ca": apns.ca, **settings})
        [name] = {n for n in lines if n.startswith("APNs ") and n.endswith("by proxy" if "proxy" in settings else "directly")}
        return status(lines, name), said(lines, name)

    assert look()[0] == "ok"
    with contextlib.closing(socket.socket()) as nobody:  # bound, but it does not listen
        nobody.bind(("127.0.0.1", 0))
        assert look(apns_url="https://127.0.0.1:%d" % nobody.getsockname()[1])[0] == "fail"
    state, text = look(apns_ca=stranger.file(tmp))
    assert state == "fail" and "not trusted" in text and "inspection" in text, text
    state, text = look(proxy=proxy.url)
    assert state == "fail" and "407" in text and "password" in text, text
    state, text = look(apns_url="https://no.such.name.invalid")
    assert state == "fail" and "DNS" in text, text
    proxy.stop()
    apns.stop()


def test_who_asks_again_and_again_holds_up_nobody_else(tmp):
    """A look takes the seconds that others let it wait: two at once are enough, and changes are made meanwhile."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:  # takes connections and never speaks
        server = Server(tmp, apns_url=f"https://127.0.0.1:{silent.getsockname()[1]}")
        viewer = server.admin("POST", "/api/v1/tokens", {"name": "viewer", "role": "viewer"})[1]["token"]
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(server.admin("GET", "/api/v1/doctor", token=viewer))) for _ in range(12)]
        for t in threads:
            t.start()
        until(lambda: any(status == 503 for status, _ in answers), "a refusal")
        assert server.admin("POST", "/api/v1/groups", {"name": "G", "static": True})[0] == 201
    for t in threads:
        t.join()
    told = [answer["error"]["message"] for status, answer in answers if status == 503]
    assert "2 times already" in told[0] and [status for status, _ in answers].count(200) == len(answers) - len(told) >= 2
    assert server.admin("GET", "/api/v1/doctor", token=viewer)[0] == 200
