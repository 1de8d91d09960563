"""Bad input of every kind at the MDM endpoint: a clear status, an unharmed server, nothing lost, one line in the log and
no body in it."""
import base64
import concurrent.futures
import datetime
import http.client
import json
import socket
import time

import scep
from bad_input import MARKER, MB, Site, binary_plist, dag_bomb, status_of, xml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import CA, PATIENCE, TOPIC, Device, Identity, new_key, plist, tls_context

TIMEOUT = 240


# ---- property lists ----

def keys(text, **more):
    """A dictionary with these keys and more, written by hand."""
    body = "".join(f"<key>{k}</key><string>{v}</string>" for k, v in {"Marker": MARKER, **more}.items())
    return xml(f"<dict>{body}{text}</dict>")


def authenticate(udid="NEW", **more):
    return plist(**{"MessageType": "Authenticate", "UDID": udid, "Topic": TOPIC, "Marker": MARKER, **more})


def token_update(**more):
    message = {"MessageType": "TokenUpdate", "UDID": "GOOD", "Topic": TOPIC, "Token": b"\x09" * 32, "PushMagic": "m", "Marker": MARKER, **more}
    return plist(**{k: v for k, v in message.items() if v is not None})


def report(**more):
    return plist(**{"Status": "Acknowledged", "UDID": "GOOD", "CommandUUID": "waiting", "Marker": MARKER, **more})


LAUGHS = ('<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "' + "ha" * 50 + '">'
          + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi"))
          + ']><plist version="1.0"><dict><key>MessageType</key><string>&i;</string></dict></plist>').encode()
OUTSIDE = (b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]><plist version="1.0"><dict>'
           b"<key>MessageType</key><string>&x;</string></dict></plist>")
GOOD_AUTHENTICATE = authenticate()

# name, body; each is refused with 400 as a check-in and as a report, or with 413 when only its size is wrong
NO_PLIST = [
    ("empty", b""),
    ("no plist", MARKER.encode() * 100),
    ("JSON", json.dumps({"MessageType": "Authenticate", "UDID": "NEW", "Marker": MARKER}).encode()),
    ("an array", xml(f"<array><string>{MARKER}</string></array>")),
    ("a string", xml(f"<string>{MARKER}</string>")),
    ("two roots", xml("<dict/><dict/>")),
    ("words after the end", GOOD_AUTHENTICATE + b"<plist><dict/></plist>"),
    ("900 KB of open arrays", xml("<array>" * 128000)),
    ("closed arrays, 65 deep", keys("<key>a</key>" + "<array>" * 65 + "</array>" * 65)),
    ("dictionaries, 5,000 deep", xml("<dict><key>k</key>" * 5000 + "<true/>" + "</dict>" * 5000)),
    ("entities of entities", LAUGHS),
    ("an outside entity", OUTSIDE),
    ("an unknown entity", keys("<key>a</key><string>&nbsp;</string>")),
    ("a string of entities", keys("<key>a</key><string>" + "&amp;" * 150000 + "</string>")),
    ("unknown tags", xml("<dict><key>a</key><widget/></dict>")),
    ("tags that cross", xml("<dict><key>a</key><array></dict></array>")),
    ("invalid UTF-8", keys("<key>a</key><string>x</string>").replace(b"<string>x", b"<string>\xff\xfe\xc0\x80")),
    ("an overlong sequence", keys("<key>a</key><string>x</string>").replace(b"<string>x", b"<string>\xc0\xaf")),
    ("half of a surrogate pair", keys("<key>a</key><string>x</string>").replace(b"<string>x", b"<string>\xed\xa0\x80")),
    ("a NUL", keys("<key>a</key><string>x</string>").replace(b"<string>x", b"<string>\0")),
    ("a NUL by its number", keys("<key>a</key><string>&#0;</string>")),
    ("UTF-16", GOOD_AUTHENTICATE.decode().encode("utf-16")),
    ("100,000 values", xml("<array>" + "<true/>" * 100000 + "</array>")),
    ("binary: expands without end", dag_bomb()),
    ("binary: in a circle", binary_plist([b"\xa1\x00"])),
    ("binary: a dictionary in a circle", binary_plist([b"\xd1\x01\x00", b"\x51k"])),
    ("binary: more objects than bytes", binary_plist([b"\xa1\x01", b"\x50"], count=1 << 60)),
    ("binary: a table elsewhere", binary_plist([b"\xa1\x01", b"\x50"], table=1 << 40)),
    ("binary: a top object that is none", binary_plist([b"\xa1\x01", b"\x50"], top=77)),
    ("binary: a string longer than all", binary_plist([b"\xd1\x01\x02", b"\x51k", b"\x5f\x13" + b"\x7f" * 8])),
    ("binary: the first half", plist(binary_form=True, MessageType="Authenticate", UDID="NEW", Topic=TOPIC)[:60]),
    ("binary: nothing but its head", b"bplist00"),
] + [(f"the first {n} bytes", GOOD_AUTHENTICATE[:n]) for n in range(1, len(GOOD_AUTHENTICATE) - 1, 29)] \
  + [(f"all but the last {n} bytes", GOOD_AUTHENTICATE.rstrip()[:-n]) for n in (1, 7, 8, 9)]


def test_no_property_list(tmp):
    site = Site(tmp)
    for name, body in NO_PLIST:
        for content_type in (Device.CHECKIN, Device.REPORT):
            site.refuses_as_either(f"{name} as {content_type}", (400, 413), status_of(site.good.put(body, content_type)))
    site.refuses("1.3 MB of open arrays", 400, status_of(site.good.put(xml("<array>" * 190000), Device.REPORT)))
    site.end()


BAD_IDS = ["", "U" * 256, "U" * 100000, "a\nb", "a\tb", "a\x7fb", "\u0085", "a/b", "/etc/passwd", "..", "../../x", "a..b", ".", "a\\b", "a,b", "a:b", ":", ","]

# name, body
BAD_CHECKINS = [(f"the UDID {udid[:20]!r}", authenticate(udid)) for udid in BAD_IDS] + [
    ("no id", authenticate("x").replace(b"<key>UDID</key>", b"<key>UDIX</key>")),
    ("a number as UDID", authenticate(UDID=7)),
    ("an array as UDID", authenticate(UDID=["NEW"])),
    ("an EnrollmentID with a slash", plist(MessageType="Authenticate", EnrollmentID="a/b", Topic=TOPIC, Marker=MARKER)),
    ("a UserID with a colon", token_update(UserID="a:b")),
    ("an empty UserID", token_update(UserID="")),
    ("an endless UserID", token_update(UserID="u" * 256)),
    ("an unknown MessageType", authenticate(MessageType="Authenticat")),
    ("a MessageType of another case", authenticate(MessageType="authenticate")),
    ("no MessageType", plist(UDID="NEW", Topic=TOPIC, Marker=MARKER)),
    ("a number as MessageType", authenticate(MessageType=1)),
    ("an Authenticate without Topic", plist(MessageType="Authenticate", UDID="GOOD", Marker=MARKER)),
    ("an Authenticate of a user", authenticate("GOOD", UserID="someone")),
    ("an Authenticate for another topic", authenticate("GOOD", Topic=TOPIC + ".x")),
    ("a TokenUpdate without Topic", token_update(Topic=None)),
    ("a TokenUpdate without Token", token_update(Token=None)),
    ("a TokenUpdate without PushMagic", token_update(PushMagic=None)),
    ("an empty Token", token_update(Token=b"")),
    ("a Token of 257 bytes", token_update(Token=bytes(257))),
    ("a string as Token", token_update(Token="t" * 32)),
    ("an empty PushMagic", token_update(PushMagic="")),
    ("an endless PushMagic", token_update(PushMagic="m" * 2000)),
    ("an endless UnlockToken", token_update(UnlockToken=bytes(20000))),
    ("a report as check-in", report()),
    ("another device's TokenUpdate", token_update(UDID="SOMEONE-ELSE")),
]
BAD_REPORTS = [
    ("an unknown Status", report(Status="Fine")),
    ("an empty Status", report(Status="")),
    ("a number as Status", report(Status=1)),
    ("no Status", plist(UDID="GOOD", CommandUUID="waiting", Marker=MARKER)),
    ("Acknowledged without CommandUUID", plist(Status="Acknowledged", UDID="GOOD", Marker=MARKER)),
    ("an endless CommandUUID", report(CommandUUID="c" * 256)),
    ("a CommandUUID of two lines", report(CommandUUID="a\nb")),
    ("no id", plist(Status="Idle", Marker=MARKER)),
    ("a check-in as report", token_update()),
    ("another device's report", report(UDID="SOMEONE-ELSE")),
] + [(f"the UDID {udid[:20]!r}", report(UDID=udid)) for udid in BAD_IDS]


def test_messages_that_say_nothing_sound(tmp):
    site = Site(tmp)
    for name, body in BAD_CHECKINS:
        site.refuses(name, 400, status_of(site.good.put(body, Device.CHECKIN)))
    for name, body in BAD_REPORTS:
        site.refuses(name, 400, status_of(site.good.put(body, Device.REPORT)))
    # an answer to a command that nobody gave is answered like any
    assert site.good.report("nobody-gave-this")[0] == 200
    site.end()


def test_content_types(tmp):
    site = Site(tmp)
    for content_type in ("application/json", "text/xml", "application/xml", Device.CHECKIN + "s", Device.REPORT + "/x", "multipart/form-data", "x"):
        site.refuses(content_type, 415, status_of(site.good.put(report(), content_type)))
    for content_type in (Device.REPORT + "; charset=UTF-8", Device.REPORT.upper(), ""):
        assert site.good.put(plist(Status="Idle", UDID="GOOD"), content_type)[0] == 200, content_type
    site.end()


# ---- proofs ----

def with_signature(site, header, body=None):
    return status_of(site.server.device("PUT", "/mdm", body or report(), {"Content-Type": Device.REPORT, "Mdm-Signature": header}))


def signed_by(site, identity):
    return with_signature(site, base64.b64encode(identity.sign(report())).decode())


def expired(ca):
    return ca.identity("GOOD", life=datetime.timedelta(hours=-1))


def self_signed():
    key = new_key("rsa")
    return Identity(key, scep.own_cert(key))


def weak(ca):
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "GOOD")])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(ca.cert.subject).public_key(key.public_key()).serial_number(77)
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9)).sign(ca.key, hashes.SHA256()))
    return Identity(key, cert)


def test_signatures(tmp):
    site = Site(tmp)
    good = base64.b64encode(site.good.identity.sign(report())).decode()
    other = base64.b64encode(site.good.identity.sign(report(Status="Error"))).decode()
    attached = base64.b64encode(site.good.identity.sign(report(), detached=False)).decode()
    der = bytearray(base64.b64decode(good))
    der[-5] ^= 1
    for name, header in [("over other bytes", other), ("with a wrong bit", base64.b64encode(der).decode()), ("no base64", "!!!"),
                         ("not whole base64", good[:-3]), ("half of it", good[:len(good) // 8 * 4]), ("base64 of nothing sensible", "AAAA" * 100),
                         ("a certificate alone", base64.b64encode(site.good.identity.cert.public_bytes(serialization.Encoding.DER)).decode()),
                         ("a signature with its own content", attached if attached != good else "AAAA")]:
        site.refuses(name, 400, with_signature(site, header))
    for name, identity in [("a foreign CA", CA().identity("GOOD")), ("an expired one", expired(site.ca)), ("self-signed", self_signed()),
                           ("the CA itself", site.ca), ("a weak key", weak(site.ca)), ("another device's", site.ca.identity("OTHER"))]:
        site.refuses(name, 400, signed_by(site, identity))
    site.refuses("none at all", 400, status_of(site.server.device("PUT", "/mdm", report(), {"Content-Type": Device.REPORT})))
    site.refuses("an empty one", 400, with_signature(site, ""))
    site.end()


def test_tls_client_certificates(tmp):
    site = Site(tmp, tls="on")
    for name, identity in [("none", None), ("a foreign CA", CA().identity("GOOD")), ("an expired one", expired(site.ca)),
                           ("self-signed", self_signed()), ("a weak key", weak(site.ca)), ("another device's", site.ca.identity("OTHER"))]:
        answer = site.server.device("PUT", "/mdm", report(), {"Content-Type": Device.REPORT}, identity)
        site.refuses(name, 400, status_of(answer))
    site.end()


# ---- sizes and slowness ----

class Raw:
    """A connection that may say anything."""

    def __init__(self, address, tls=False):
        self.socket = socket.create_connection(address, PATIENCE * 2)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls_context().wrap_socket(self.socket)

    def head(self, method="PUT", path="/mdm", **headers):
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"] + [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        return self.say(("\r\n".join(lines) + "\r\n\r\n").encode())

    def say(self, data):
        """False when the other side does not listen any more."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def status(self):
        """Status of the answer; None when the connection ends without one."""
        try:
            answer = http.client.HTTPResponse(self.socket)
            answer.begin()
            return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self.socket.close()


def test_large_bodies_are_refused_unread(tmp):
    site = Site(tmp)
    admin = {"Authorization": f"Bearer {site.server.token}"}
    junk = {"Mdm_Signature": "QUJD" * 700}
    good = {"Mdm_Signature": site.good.identity.mdm_signature(b"")["Mdm-Signature"]}
    cases = [  # name, status, listener, path, head; the body is never sent, so an answer is one that did not wait for it
        ("20 MB and a junk signature", 413, "devices", "/mdm", {"Content_Length": 20 * MB, **junk}),
        ("15 MB and a junk signature", 400, "devices", "/mdm", {"Content_Length": 15 * MB, **junk}),
        ("15 MB and no signature", 400, "devices", "/mdm", {"Content_Length": 15 * MB}),
        ("chunks and a junk signature", 400, "devices", "/mdm", {"Transfer_Encoding": "chunked", **junk}),
        ("a check-in over 1 MiB", 413, "devices", "/mdm", {"Content_Length": MB + 1, "Content_Type": Device.CHECKIN, **good}),
        ("a report over 16 MiB", 413, "devices", "/mdm", {"Content_Length": 16 * MB + 1, **good}),
        ("100 GB", 413, "devices", "/mdm", {"Content_Length": 100 * 1000 * MB, **good}),
        ("a SCEP message over 64 KiB", 413, "devices", "/scep?operation=PKIOperation", {"Content_Length": 65537}),
        ("a body where none belongs", 413, "devices", "/trust", {"Content_Length": 1}),
        ("a command over 4 MiB", 413, "admin", "/v1/enqueue/GOOD", {"Content_Length": 4 * MB + 1, **admin}),
        ("a body without a token", 401, "admin", "/v1/enqueue/GOOD", {"Content_Length": 4 * MB}),
    ]
    for name, expected, listener, path, head in cases:
        connection = Raw(site.server.admin_address if listener == "admin" else site.server.devices_address)
        connection.head({"/scep?operation=PKIOperation": "POST", "/trust": "GET"}.get(path, "PUT"), path, **head)
        site.refuses(name, expected, connection.status())
    for _ in range(3):
        connection = Raw(site.server.devices_address)
        connection.head(Content_Length=15 * MB, **junk)
        connection.say(MARKER.encode() * (15 * MB // len(MARKER)))
        site.refuses("15 MB that are sent all the same", 400, connection.status())
    site.end()


def test_chunks_over_the_cap_end_the_connection(tmp):
    site = Site(tmp)
    admin = {"Authorization": f"Bearer {site.server.token}"}
    good = {"Mdm_Signature": site.good.identity.mdm_signature(b"")["Mdm-Signature"]}
    for name, address, path, head in [("check-in", site.server.devices_address, "/mdm", {"Content_Type": Device.CHECKIN, **good}),
                                      ("report", site.server.devices_address, "/mdm", good),
                                      ("SCEP", site.server.devices_address, "/scep?operation=PKIOperation", {}),
                                      ("command", site.server.admin_address, "/v1/enqueue/GOOD", admin)]:
        connection = Raw(address)
        connection.head("POST" if name == "SCEP" else "PUT", path, Transfer_Encoding="chunked", **head)
        chunk = b"10000\r\n" + (MARKER.encode() * 4400)[:65536] + b"\r\n"
        sent = 0
        while connection.say(chunk) and sent < 64 * MB:
            sent += len(chunk)
        assert sent < 24 * MB, f"{name}: {sent >> 20} MB were taken"
        site.refuses(f"chunks without end as {name}", None, connection.status())
    site.end()


def drip(connection, first, more, pause):
    """Says first, then more again and again; how long until the other side ends it."""
    begin = time.monotonic()
    connection.say(first)
    connection.socket.settimeout(pause)
    while time.monotonic() - begin < 120:
        try:
            if not connection.socket.recv(65536):
                break
        except TimeoutError:
            if more:
                connection.say(more)
        except OSError:
            break
    connection.socket.close()
    return time.monotonic() - begin


def test_slow_clients_are_cut_off(tmp):
    """All at the same time: the deadlines are absolute, however busily the client drips."""
    site = Site(tmp, tls="on")
    devices, admin = site.server.devices_address, site.server.admin_address
    good = site.good.identity.mdm_signature(b"")["Mdm-Signature"]
    slow_body = f"PUT /mdm HTTP/1.1\r\nHost: x\r\nMdm-Signature: {good}\r\nContent-Length: 60000\r\n\r\n".encode()
    chunks = f"PUT /mdm HTTP/1.1\r\nHost: x\r\nMdm-Signature: {good}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    cases = [  # name, least and most seconds, connection, first words, what is dripped
        ("no word at all", 14, 40, Raw(devices), b"", b""),
        ("half a handshake", 14, 40, Raw(devices), b"\x16\x03\x01\x02\x00\x01", b""),
        ("headers without end", 14, 40, Raw(devices, True), b"PUT /mdm HTTP/1.1\r\n", b"X-A: b\r\n"),
        ("half a request line", 14, 40, Raw(admin), b"GET /api", b"x"),
        ("a body, byte by byte", 59, 100, Raw(devices, True), slow_body, b"x"),
        ("chunks, byte by byte", 59, 100, Raw(devices, True), chunks, b"1\r\nx\r\n"),
        ("a body that never comes", 59, 100, Raw(devices, True), slow_body, b""),
    ]
    quiet = [("nothing after an answer", 74, 110, Raw(devices, True), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"")]
    with concurrent.futures.ThreadPoolExecutor(len(cases) + 1) as pool:
        waits = [(case, pool.submit(drip, *case[3:], 0.5)) for case in cases + quiet]
        for _ in range(20):  # and nobody else waits for them, on whichever thread of the server
            site.unharmed()
        for (name, least, most, *_), wait in waits:
            took = wait.result()
            assert least < took < most, f"{name}: {took:.1f} s"
    site.refuses("slow clients", None, None, len(cases))
    site.end()


def test_requests_that_are_no_http(tmp):
    site = Site(tmp)
    cases = [  # name, statuses, words
        ("nonsense", {400, None}, b"nonsense\r\n\r\n"),
        ("TLS where there is none", {400, None}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("HTTP/9.9", {400, 505, None}, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
        ("no Host", {400}, b"GET /healthz HTTP/1.1\r\n\r\n"),
        ("two Hosts", {400}, b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("two lengths", {400}, b"PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        ("length and chunks", {400}, b"PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("another coding", {400, 501}, b"PUT /mdm HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"),
        ("a negative length", {400}, b"PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        ("a length beyond numbers", {400, 413}, b"PUT /mdm HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        ("20 KB of headers", {400, 431, None}, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000 + b"\r\n\r\n"),
        ("20 KB of request line", {400, 414, 431, None}, b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("1,000 headers", {400, 431, None}, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1234567890\r\n" * 1000 + b"\r\n"),
        ("no chunk", {400, None}, b"POST /scep?operation=PKIOperation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n\r\n"),
    ]
    for name, expected, words in cases:
        connection = Raw(site.server.devices_address)
        connection.say(words)
        status = connection.status()
        site.refuses_as_either(name, expected, status, ends=status is not None)  # what is no request at all is not told of
    site.end()
