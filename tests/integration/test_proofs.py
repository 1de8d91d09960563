"""How a device proves who it is: through a proxy that ends TLS, by chains of CAs, after its identity has ended; and CAs
that enrolled devices need."""
import base64
import contextlib
import datetime
import http.client
import http.server
import pathlib
import signal
import ssl
import subprocess
import threading
import urllib.parse

from cryptography.hazmat.primitives import serialization
from harness import CA, PATIENCE, Device, Identity, Process, Server, plist, tls_context, until

EMPTY = (200, b"")
REFUSED = (400, b"")
NOWHERE = "https://127.0.0.1:1"  # as apns-url: nobody answers there
PROXY, CLIENT = "127.0.0.2", "127.0.0.9"  # where they connect from: all of 127.0.0.0/8 is this machine


def outcome(answer):
    status, _, body = answer
    return status, body


def der(identity):
    return identity.cert.public_bytes(serialization.Encoding.DER)


def sequence(identity):
    """As RFC 9440 wants it."""
    return ":" + base64.b64encode(der(identity)).decode() + ":"


def escaped(identity):
    """As nginx writes $ssl_client_escaped_cert."""
    return urllib.parse.quote(identity.cert_pem.decode(), safe="")


def intermediate(root, name="Middle CA"):
    middle = CA(name, "ec")
    middle.cert = CA._build(name, middle.key.public_key(), root.key, root.name, True, datetime.timedelta(days=3000))
    return middle


def put(address, source, body, headers):
    """PUT /mdm from a source address of one's choice; headers is a list, so that one may come twice."""
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=PATIENCE, source_address=(source, 0))) as c:
        c.putrequest("PUT", "/mdm")
        for name, value in [("Content-Type", Device.REPORT), ("Content-Length", str(len(body))), *headers]:
            c.putheader(name, value)
        c.endheaders(body)
        answer = c.getresponse()
        return answer.status, answer.read()


class Proxy:
    """Ends TLS, asks for client certificates, and hands them and the client's address on by plain HTTP."""

    def __init__(self, tmp, server, ca):
        here, identity = self, ca.identity("proxy", "ec")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.pem_file)
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.load_verify_locations(ca.file(tmp))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                here.forward(self, server.devices_address)

            def log_message(self, *_):
                pass

        class Tls(http.server.ThreadingHTTPServer):
            def finish_request(self, request, client_address):
                super().finish_request(here.context.wrap_socket(request, server_side=True), client_address)

        self.httpd = Tls(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    @staticmethod
    def forward(rq, to):
        body = rq.rfile.read(int(rq.headers["Content-Length"]))
        headers = {k: v for k, v in rq.headers.items() if k.lower() not in ("host", "client-cert", "client-cert-chain")}
        forwarded = [rq.headers["X-Forwarded-For"]] if "X-Forwarded-For" in rq.headers else []
        headers["X-Forwarded-For"] = ", ".join([*forwarded, rq.client_address[0]])
        cert = rq.connection.getpeercert(binary_form=True)
        if cert:
            headers["Client-Cert"] = ":" + base64.b64encode(cert).decode() + ":"
        with contextlib.closing(http.client.HTTPConnection(*to, timeout=PATIENCE, source_address=(PROXY, 0))) as c:
            c.request("PUT", rq.path, body, headers)
            answer = c.getresponse()
            data = answer.read()
        rq.send_response(answer.status)
        rq.send_header("Content-Length", str(len(data)))
        rq.end_headers()
        rq.wfile.write(data)

    def device(self, method, path, body=None, headers=None, identity=None):
        """What Device asks a server for."""
        made = http.client.HTTPSConnection(*self.httpd.server_address, timeout=PATIENCE, context=tls_context(identity),
                                           source_address=(CLIENT, 0))
        with contextlib.closing(made) as c:
            c.request(method, path, body, headers or {})
            answer = c.getresponse()
            return answer.status, answer.headers, answer.read()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


def settings(tmp, **rows):
    """A file that a reload can change; returned as setting."""
    path = pathlib.Path(tmp) / "settings.conf"
    path.write_text("".join(f"{k.replace('_', '-')} = {v}\n" for k, v in rows.items()))
    return path


def start(tmp, **rows):
    server = Server(tmp, **{"tls": "off", "apns_url": NOWHERE, **rows})
    server.push_cert()
    return server


def reload(server):
    before = len(server.events(msg="settings and certificates reloaded"))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: len(server.events(msg="settings and certificates reloaded")) > before, "the reload")


# ---- proxies ----

def test_certificates_that_a_proxy_hands_on(tmp):
    ca, stranger = CA(), CA("Stranger")
    middle = intermediate(ca)
    rows = {"identity": "signature, header:Client-Cert", "trusted_proxies": f"{PROXY}, 10.0.0.0/8"}
    server = start(tmp, config=settings(tmp, **rows), device_ca=ca.file(tmp), log_level="debug")
    proxy = Proxy(tmp, server, ca)
    device = Device(proxy, ca.identity("U-1", "ec"), proof="mtls").enroll()
    assert server.rows("SELECT last_address FROM enrollment") == [(CLIENT,)]
    assert server.wait_log(msg="device enrolled")["peer"] == CLIENT
    device.proof = "none"  # the proxy strips what a client claims
    claim = {"Client-Cert": sequence(device.identity)}
    assert outcome(device.put(plist(Status="Idle", UDID="U-1"), Device.REPORT, claim)) == REFUSED
    proxy.close()

    idle, to = plist(Status="Idle", UDID="U-1"), server.devices_address
    good = ("Client-Cert", sequence(device.identity))
    assert put(to, PROXY, idle, [good]) == EMPTY
    assert put(to, "127.0.0.1", idle, [good]) == REFUSED  # from anyone else it is as if it were not there
    signed = list(device.identity.mdm_signature(idle).items())
    assert put(to, "127.0.0.1", idle, [("Client-Cert", "garbage"), *signed]) == EMPTY
    assert put(to, PROXY, idle, [("Client-Cert", ""), *signed]) == EMPTY
    bad = [[("Client-Cert", "garbage")], [("Client-Cert", "garbage"), *signed], [good, good],
           [("Client-Cert", base64.b64encode(der(device.identity)).decode())], [("Client-Cert", sequence(stranger.identity("U-1", "ec")))],
           [("X-Client-Cert", escaped(device.identity))], []]
    for headers in bad:
        assert put(to, PROXY, idle, headers) == REFUSED, headers
    other = Device(server, ca.identity("U-2", "ec")).enroll()
    assert put(to, PROXY, idle, [good, *signed]) == EMPTY
    assert put(to, PROXY, idle, [good, *other.identity.mdm_signature(idle).items()]) == REFUSED
    assert put(to, PROXY, idle, [("Client-Cert", sequence(other.identity)), *signed]) == REFUSED

    # One connection of the proxy carries many devices: each request stands for its own header alone.
    theirs = ("Client-Cert", sequence(other.identity))
    queued = [server.enqueue(udid, f"for-{udid}")[0] for udid in ("U-1", "U-2")]
    assert queued == [200, 200]
    with contextlib.closing(http.client.HTTPConnection(*to, timeout=PATIENCE, source_address=(PROXY, 0))) as one:
        for header, udid, gets in 2 * [(good, "U-1", "for-U-1"), (theirs, "U-2", "for-U-2"), (theirs, "U-1", None), (None, "U-2", None), (good, "U-1", "for-U-1"),
                                       (("Client-Cert", "garbage"), "U-1", None), (theirs, "U-2", "for-U-2"), (good, "U-2", None)]:
            one.request("PUT", "/mdm", plist(Status="Idle", UDID=udid), {"Content-Type": Device.REPORT, **dict([header] if header else [])})
            answer = one.getresponse()
            body = answer.read()
            assert (answer.status, body) == REFUSED if gets is None else gets.encode() in body, (header, udid, body)
    for d, udid in ((device, "U-1"), (other, "U-2")):
        done = plist(Status="Acknowledged", UDID=udid, CommandUUID=f"for-{udid}")
        assert put(to, PROXY, done, [("Client-Cert", sequence(d.identity))]) == EMPTY

    deep = Device(server, middle.identity("U-3", "ec"))
    theirs, idle3 = ("Client-Cert", sequence(deep.identity)), plist(Status="Idle", UDID="U-3")
    assert put(to, PROXY, idle3, [theirs]) == REFUSED and not server.events(id="U-3")
    chain = [theirs, ("Client-Cert-Chain", f"{sequence(stranger)}, {sequence(middle)}")]
    assert put(to, PROXY, idle3, chain) == REFUSED
    server.wait_log(msg="request", id="U-3", status="400")  # not for its proof: only then its words are read

    settings(tmp, **{**rows, "identity": "signature, header:X-Client-Cert"})
    reload(server)
    assert put(to, PROXY, idle, [("X-Client-Cert", escaped(device.identity))]) == EMPTY
    assert put(to, "127.0.0.1", idle, [("X-Client-Cert", escaped(device.identity))]) == REFUSED
    assert put(to, PROXY, idle, [good]) == REFUSED
    settings(tmp, identity="header:X-Client-Cert")
    reload(server)  # no proxy is trusted any more
    assert put(to, PROXY, idle, [("X-Client-Cert", escaped(device.identity))]) == REFUSED


def test_forwarded_addresses(tmp):
    ca = CA()
    server = start(tmp, device_ca=ca.file(tmp), trusted_proxies=f"{PROXY}, 10.0.0.0/8", log_level="debug")
    device = Device(server, ca.identity("U-1", "ec")).enroll()
    idle = plist(Status="Idle", UDID="U-1")
    lines = 2  # of the enrollment
    for source, forwarded, want in ((PROXY, ["192.0.2.1"], "192.0.2.1"), (PROXY, ["198.51.100.6, 192.0.2.2, 10.1.1.1"], "192.0.2.2"),
                                    (PROXY, ["192.0.2.3", "10.1.1.1"], "192.0.2.3"), (PROXY, ["192.0.2.4, nonsense"], PROXY),
                                    (PROXY, [], PROXY), ("127.0.0.1", ["192.0.2.5"], "127.0.0.1"), (PROXY, ["[2001:db8::7]:99"], "2001:db8::7")):
        headers = [*device.identity.mdm_signature(idle).items(), *(("X-Forwarded-For", line) for line in forwarded)]
        lines += 1
        assert put(server.devices_address, source, idle, headers) == EMPTY
        until(lambda n=lines: len(server.events(msg="request", path="/mdm")) == n, "the log line")
        assert server.events(msg="request", path="/mdm")[-1]["peer"] == want, forwarded


# ---- chains ----

def signed_with(identity, body, *others):
    """A signature that carries further certificates."""
    extra = pathlib.Path(identity.pem_file).with_suffix(".extra")
    extra.write_bytes(b"".join(o.cert_pem for o in others))
    message = extra.with_suffix(".body")
    message.write_bytes(body)
    done = subprocess.run(["openssl", "cms", "-sign", "-binary", "-in", message, "-signer", identity.pem_file, "-outform", "DER", "-md", "sha256",
                           *(["-certfile", extra] if others else [])], capture_output=True, timeout=PATIENCE, check=True)
    return {"Content-Type": Device.REPORT, "Mdm-Signature": base64.b64encode(done.stdout).decode()}


def with_chain(identity, *others):
    """The identity as a client that sends these along in the handshake."""
    chained = Identity(identity.key, identity.cert)
    chained.pem_file.write_bytes(identity.cert_pem + b"".join(o.cert_pem for o in others) + identity.key_pem)
    return chained


def test_intermediates_come_with_the_device(tmp):
    root = CA("Root CA")
    middle = intermediate(root)
    server = start(tmp, tls="on", device_ca=root.file(tmp))
    bare = middle.identity("U-1", "ec")
    device = Device(server, bare, proof="mtls")
    assert outcome(device.authenticate()) == REFUSED
    device.identity = with_chain(bare, middle)
    device.enroll()
    assert outcome(device.idle()) == EMPTY
    idle = plist(Status="Idle", UDID="U-1")
    assert outcome(server.device("PUT", "/mdm", idle, signed_with(bare, idle))) == REFUSED
    assert outcome(server.device("PUT", "/mdm", idle, signed_with(bare, idle, middle))) == EMPTY
    server.stop()
    server = start(tmp, tls="on", device_ca=middle.file(tmp))  # in the root's place: nobody is cut off
    device = Device(server, bare, proof="mtls")
    assert outcome(device.idle()) == EMPTY
    assert outcome(server.device("PUT", "/mdm", idle, signed_with(bare, idle))) == EMPTY
    assert outcome(Device(server, with_chain(root.identity("U-2", "ec"), root), proof="mtls").authenticate()) == REFUSED


# ---- identities that have ended ----

def shifted(days):
    return {"POMONA_CLOCK_SHIFT": str(days * 86400)}


def test_ended_identity_gets_its_renewal_only(tmp):
    ca = CA()
    identity = ca.identity("U-1", "ec", life=datetime.timedelta(days=30))
    server = start(tmp, tls="on", device_ca=ca.file(tmp), identity_grace="100d")
    device = Device(server, identity, proof="both").enroll()
    server.enqueue("U-1", "first")
    server.enqueue("U-1", "second")
    assert b"first" in device.idle()[2]
    server.stop()
    server = Server(tmp, device_ca=ca.file(tmp), apns_url=NOWHERE, identity_grace="100d", env=shifted(60))
    for proof in ("mtls", "signature", "both"):
        device = Device(server, identity, proof=proof)
        assert outcome(device.idle()) == EMPTY, proof  # nothing of its queue
        assert outcome(device.authenticate()) == REFUSED, proof
        assert outcome(device.token_update()) == EMPTY, proof
    assert outcome(device.report("first")) == EMPTY  # and nothing more
    assert server.command("first", "U-1") == "Acknowledged" and server.command("second", "U-1") != "Sent"
    server.stop()
    server = Server(tmp, device_ca=ca.file(tmp), apns_url=NOWHERE, identity_grace="100d", env=shifted(131))
    for proof in ("mtls", "signature", "both"):
        device = Device(server, identity, proof=proof)
        for attempt in (device.idle, device.token_update, device.check_out):
            assert outcome(attempt()) == REFUSED, proof


# ---- CAs ----

def test_ca_that_devices_need_is_not_dropped(tmp):
    a, b = CA("First CA"), CA("Second CA")
    both = f"{a.file(tmp)}, {b.file(tmp)}"
    server = start(tmp, tls="on", config=settings(tmp, device_ca=both))
    device = Device(server, a.identity("U-1", "ec"), proof="both").enroll()
    settings(tmp, device_ca=b.file(tmp))
    server.process.send_signal(signal.SIGHUP)
    told = server.wait_log(level="error")
    assert "First CA" in str(told) and "1 enrolled" in str(told), told
    assert outcome(device.idle()) == EMPTY
    names = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % server.devices_address, "-tls1_2"], input=b"", capture_output=True,
                           timeout=PATIENCE, check=False).stdout.decode()
    assert "First CA" in names and "Second CA" in names and "Device CA" in names, names
    server.stop()
    argv, env = ["serve", "--data", server.data], {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "apns_url": NOWHERE, "device_ca": b.file(tmp)}
    refused = Process(argv, env)
    assert refused.wait() == 1 and "First CA" in refused.log() and "accept-cut-off" in refused.log(), refused.log()
    server = Server(tmp, device_ca=b.file(tmp), apns_url=NOWHERE, accept_cut_off="yes")
    assert outcome(Device(server, device.identity, proof="both").idle()) == REFUSED
    server.stop()
    Server(tmp, device_ca=b.file(tmp), apns_url=NOWHERE)  # done with
