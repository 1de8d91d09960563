"""Bad input at what is not the MDM endpoint: SCEP, push certificates, the APIs, and who may reach what."""
import base64
import contextlib
import http.client
import json
import re
import sqlite3

import scep
from bad_input import MARKER, Site, dag_bomb, status_of, xml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import CA, PATIENCE, TOPIC, Identity, new_key, plist, push_cert

# ---- SCEP ----

def fails(site, client, key, challenge, **options):
    """The failInfo that the CertRep tells."""
    try:
        client.get(key, challenge, **options)
        return None
    except scep.Refused as e:
        return e.args[0]


BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST = 0, 1, 2


def test_scep_refuses(tmp):
    site = Site(tmp)
    client, key, other = scep.Client(site.server), new_key("rsa"), new_key("rsa")
    used, late, fresh = (scep.challenge_of(site.server) for _ in range(3))
    first = client.get(key, used)
    assert client.get(key, used).cert == first.cert  # a repeat with the same key is no second use
    site.before = site.held()
    site.refuses("a wrong challenge", BAD_REQUEST, fails(site, client, other, "wrong"))
    site.refuses("an empty challenge", BAD_REQUEST, fails(site, client, other, ""))
    site.refuses("no challenge", BAD_REQUEST, fails(site, client, other, None))
    site.refuses("a used challenge", BAD_REQUEST, fails(site, client, other, used))
    site.refuses("a short key", BAD_ALG, fails(site, client, rsa.generate_private_key(65537, 1024), fresh))
    site.refuses("a request signed by another key", BAD_MESSAGE_CHECK,
                 fails(site, client, other, fresh, signer=Identity(key, scep.own_cert(key))))
    site.refuses("a renewal by a stranger", BAD_MESSAGE_CHECK,
                 fails(site, client, other, None, signer=Identity(key, scep.own_cert(key)), kind=scep.RENEWALREQ))
    with contextlib.closing(sqlite3.connect(site.server.data / "pomona.db", timeout=PATIENCE)) as db, db:
        db.execute("UPDATE enroll_session SET expires_at = 1 WHERE issues = 0")
    site.refuses("an expired challenge", BAD_REQUEST, fails(site, client, other, late))
    good = client.message(other, fresh)
    broken = bytearray(good)
    broken[-9] ^= 1
    stranger = scep.pki_message(scep.envelope(scep.request(other, fresh), CA(kind="rsa").cert), Identity(other, scep.own_cert(other)))
    for name, message in [("nothing", b""), ("no CMS", MARKER.encode() * 50), ("the first half", good[:len(good) // 2]), ("all but a byte", good[:-1]),
                          ("nested without end", b"\x30\x80" * 20000), ("a length beyond the end", b"\x30\x84\x7f\xff\xff\xff" + good[4:]),
                          ("a wrong signature", bytes(broken)), ("data that is signed by nobody", scep.seq(scep.oid(scep.SIGNED)))]:
        status, body = client.post(message)
        site.refuses(name, True, says_no(status, body, other))
    site.refuses("sealed for another CA", True, says_no(*client.post(stranger), other))
    for path in ("/scep", "/scep?operation=GetNextCACert", "/scep?operation=PKIOperation", "/scep?operation=PKIOperation&message=!!!",
                 "/scep?operation=PKIOperation&message=", "/scep?operation=pkioperation"):
        site.refuses(path, 400, status_of(site.server.device("GET", path)))
    site.end()


def says_no(status, body, key):
    """By its status, or by a CertRep when the message told whom to answer."""
    if status != 200:
        return (status, body) == (400, b"")
    try:
        scep.issued(body, key)
        return False
    except scep.Refused:
        return True


def test_scep_takes_what_clients_really_send(tmp):
    site = Site(tmp)
    client = scep.Client(site.server)
    while True:
        key = new_key("rsa")
        message = client.message(key, scep.challenge_of(site.server))
        if "+" in scep.query(message) and "/" in scep.query(message):
            break
    path = "/scep?operation=PKIOperation&message=" + scep.query(message)  # as macOS does: '+' and '/' as they are
    status, _, body = site.server.device("GET", path)
    assert status == 200
    first = scep.issued(body, key)
    status, _, body = site.server.device("GET", path.replace("+", "%2B").replace("/", "%2F").replace("%2Fscep", "/scep").replace("=", "%3D").replace(
        "operation%3D", "operation=").replace("message%3D", "message="))
    assert status == 200 and scep.issued(body, key) == first  # the same transaction again: the same certificate
    status, _, body = site.server.device("POST", path + "&padding=" + "x" * (8000 - len(path)), message)
    assert status == 200 and scep.issued(body, key) == first  # repeated in the query of a POST, with a line of 8 KB
    assert site.server.device("GET", "/scep?operation=GetCACaps&message=x")[0] == 200


# ---- push certificates ----

def blocks(pem):
    cert, key = re.findall(rb"-----BEGIN [^-]+-----.+?-----END [^-]+-----\n", pem, re.S)
    return cert, key


def csr():
    key = new_key("rsa")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM) + Identity(key, None).key_pem


def encrypted(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret"))


def test_push_certificates(tmp):
    site = Site(tmp)
    key = new_key("rsa")
    cert, key_pem = blocks(push_cert(key=key))
    _, another = blocks(push_cert())
    cases = [  # name, status, body, words that help
        ("nothing", 400, b"", "empty"),
        ("no PEM", 400, MARKER.encode() * 20, "no certificate"),
        ("without its key", 400, cert, "without its private key"),
        ("a key alone", 400, key_pem, "without its certificate"),
        ("with another key", 400, cert + another, "another certificate"),
        ("with an encrypted key", 400, cert + encrypted(key), "encrypted"),
        ("a request instead", 400, csr(), "request"),
        ("without a topic", 400, push_cert(uid=False), "topic"),
        ("with a topic that is none of MDM", 400, push_cert("com.example.app"), "com.apple.mgmt"),
        ("expired", 400, push_cert(days=-1), "expired"),
        ("not valid yet", 400, push_cert(days=900), "not valid before"),
        ("for a foreign topic", 409, push_cert("com.apple.mgmt.External.foreign"), TOPIC),
        ("broken base64", 400, cert.replace(b"M", b"!") + key_pem, ""),
        ("half a certificate", 400, cert[:400] + b"\n-----END CERTIFICATE-----\n" + key_pem, ""),
        ("too long", 400, (cert + key_pem) * 200, "at most"),
    ]
    for name, expected, body, words in cases:
        for path, text_of in (("/v1/pushcert", lambda a: a["error"]), ("/api/v1/pushcerts", lambda a: a["error"]["message"])):
            status, answer = site.server.admin("PUT", path, body)
            expected_here = 413 if name == "too long" else expected
            text = text_of(answer)
            assert len(text) > 20 and words in text, f"{name}: {text}"
            site.refuses(f"{name} at {path}", expected_here, status)
    for path, expected in (("/v1/pushcert", 400), ("/v1/pushcert?topic=", 400), ("/v1/pushcert?topic=com.apple.mgmt.none", 404)):
        status, answer = site.server.admin("GET", path)
        assert answer["error"], answer
        site.refuses(path, expected, status)
    site.end()


# ---- enqueue and push ----

COMMAND = {"Command": {"RequestType": "DeviceInformation"}, "Marker": MARKER}


def test_enqueue(tmp):
    site = Site(tmp)
    ask = site.server.admin
    cases = [  # name, status, ids, body
        ("junk", 400, "GOOD", MARKER.encode()),
        ("nothing, and no push either", 400, "GOOD", b""),
        ("no CommandUUID", 400, "GOOD", plist(**COMMAND)),
        ("an empty CommandUUID", 400, "GOOD", plist(CommandUUID="", **COMMAND)),
        ("an endless CommandUUID", 400, "GOOD", plist(CommandUUID="c" * 256, **COMMAND)),
        ("a CommandUUID of two lines", 400, "GOOD", plist(CommandUUID="a\nb", **COMMAND)),
        ("no Command", 400, "GOOD", plist(CommandUUID="x")),
        ("a string as Command", 400, "GOOD", plist(CommandUUID="x", Command="y")),
        ("no RequestType", 400, "GOOD", plist(CommandUUID="x", Command={})),
        ("a nesting bomb", 400, "GOOD", xml("<array>" * 190000)),
        ("a binary bomb", 400, "GOOD", dag_bomb()),
        ("an unknown id", 404, "UNKNOWN", plist(CommandUUID="x", **COMMAND)),
        ("two unknown ids", 404, "UNKNOWN,UNKNOWN-2", plist(CommandUUID="x", **COMMAND)),
        ("no ids", 400, ",,,", plist(CommandUUID="x", **COMMAND)),
        ("ids that cannot be", 404, "%2e%2e,a%2fb", plist(CommandUUID="x", **COMMAND)),
    ]
    for name, expected, ids, body in cases:
        status, answer = ask("PUT", f"/v1/enqueue/{ids}?nopush=1", body)
        texts = json.dumps(answer)
        assert "error" in texts, f"{name}: {texts}"
        site.refuses_as_either(name, (400, 413) if "bomb" in name else (expected,), status)
    site.refuses("no ids at all", 404, ask("PUT", "/v1/enqueue/?nopush=1", plist(CommandUUID="x", **COMMAND))[0])
    site.end()


def test_enqueue_goes_on_past_an_unknown_id(tmp):
    site = Site(tmp)
    status, answer = site.server.enqueue("UNKNOWN,GOOD", "both")
    assert status == 207, (status, answer)
    assert {k: list(v) for k, v in answer["status"].items()} == {"UNKNOWN": ["command_error"]}, answer
    assert site.server.command("both", "GOOD") == "Queued"
    # the same bytes again are no second command; other bytes under the same UUID are a mistake
    assert site.server.enqueue("GOOD", "both")[0] == 200
    assert site.server.rows("SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE c.uuid = 'both'") == [(1,)]
    status, answer = site.server.enqueue("GOOD", "both", "SecurityInfo")
    assert status == 409 and "both" in answer["command_error"], (status, answer)
    assert site.server.rows("SELECT request_type FROM command WHERE uuid = 'both'") == [("DeviceInformation",)]


def test_own_api(tmp):
    site = Site(tmp)
    command = {"ids": ["GOOD"], "request_type": "DeviceInformation", "arguments": {"Queries": ["UDID"]}, "push": False}
    cases = [  # method, path, status, body
        ("POST", "/api/v1/commands", 400, b""),
        ("POST", "/api/v1/commands", 400, MARKER.encode()),
        ("POST", "/api/v1/commands", 400, b"[" * 100000),
        ("POST", "/api/v1/commands", 400, b'{"ids":["GOOD"],"ids":["x"]'),
        ("POST", "/api/v1/commands", 400, b"[]"),
        ("POST", "/api/v1/commands", 400, {**command, "ids": []}),
        ("POST", "/api/v1/commands", 400, {**command, "ids": "GOOD"}),
        ("POST", "/api/v1/commands", 400, {**command, "ids": [7]}),
        ("POST", "/api/v1/commands", 404, {**command, "ids": ["UNKNOWN"]}),
        ("POST", "/api/v1/commands", 400, {**command, "request_type": "Nonsense"}),
        ("POST", "/api/v1/commands", 400, {**command, "arguments": {"Nonsense": 1}}),
        ("POST", "/api/v1/commands", 400, {**command, "plist": "x"}),
        ("POST", "/api/v1/commands", 400, {**command, "expires": "soon"}),
        ("GET", "/api/v1/commands?limit=x", 400, None),
        ("GET", "/api/v1/commands?limit=1001", 400, None),
        ("GET", "/api/v1/commands?cursor=-1", 400, None),
        ("GET", "/api/v1/commands?device=UNKNOWN", 404, None),
        ("GET", "/api/v1/commands/unknown", 404, None),
        ("POST", "/api/v1/commands/unknown/retry", 404, None),
        ("GET", "/api/v1/devices/UNKNOWN", 404, None),
        ("GET", "/api/v1/devices/%00", 404, None),
        ("POST", "/api/v1/links", 400, {"uses": 0}),
        ("POST", "/api/v1/links", 400, {"ttl": "x"}),
        ("POST", "/api/v1/links", 400, {"device": "a\nb"}),
        ("GET", "/api/v1/nothing", 404, None),
        ("GET", "/nothing", 404, None),
        ("DELETE", "/api/v1/devices", 405, None),
    ]
    for method, path, expected, body in cases:
        status, answer = site.server.admin(method, path, body)
        assert set(answer["error"]) == {"code", "message", "trace"}, answer
        site.refuses(f"{method} {path} {body}", expected, status)
    site.end()


# ---- who asks, and where ----

def test_api_needs_a_token_and_its_own_name(tmp):
    site = Site(tmp)
    right = site.server.token
    for path in ("/api/v1/devices", "/v1/pushcert?topic=x", "/v1/enqueue/GOOD", "/api/v1/nothing"):
        for name, header in [("no token", None), ("a wrong one", "Bearer " + "x" * len(right)), ("half of it", "Bearer " + right[:-1]),
                             ("more of it", f"Bearer {right}x"), ("an empty one", "Bearer "), ("a wrong scheme", f"Digest {right}"),
                             ("a wrong password", "Basic " + base64.b64encode(b"nanomdm:wrong").decode()), ("no base64", "Basic !!!")]:
            status, headers, _ = request_admin(site, path, {"Authorization": header} if header else {})
            assert "Basic" in headers["WWW-Authenticate"]
            site.refuses(f"{name} at {path}", 401, status)
    for header in (f"Bearer {right}", "Basic " + base64.b64encode(f"nanomdm:{right}".encode()).decode()):
        assert request_admin(site, "/api/v1/devices", {"Authorization": header})[0] == 200
    for host in ("evil.example", "evil.example:8444", "127.0.0.1.evil.example", "localhost.", "", "10.0.0.1", "[::1", "localhost@evil"):
        status, _, _ = request_admin(site, "/api/v1/devices", {"Authorization": f"Bearer {right}", "Host": host})
        site.refuses(f"Host: {host}", 421, status)
    for host in ("localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:8444"):
        assert request_admin(site, "/api/v1/devices", {"Authorization": f"Bearer {right}", "Host": host})[0] == 200, host
    site.end()


def request_admin(site, path, headers):
    connection = http.client.HTTPConnection(*site.server.admin_address, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_devices_reach_nothing_else(tmp):
    site = Site(tmp)
    admin = {"Authorization": f"Bearer {site.server.token}"}
    for path in ("/", "/api/v1/devices", "/api/v1/status", "/api", "/v1", "/v1/pushcert?topic=x", "/v1/enqueue/GOOD", "/v1/push/GOOD", "/readyz",
                 "/metrics", "/mdm/", "/mdm/x", "//mdm", "/MDM", "/admin.token", "/../pomona.db", "/%2e%2e/pomona.db", "/%00", "*", "/enroll/",
                 "/enroll/unknown", "/enroll", "/favicon.ico"):
        for method in ("GET", "PUT"):
            status = status_of(site.server.device(method, path, None, admin))
            site.refuses(f"{method} {path}", 405 if path.startswith("/enroll") and method == "PUT" and path != "/enroll/" else 404, status)
    for method in ("GET", "POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        site.refuses(f"{method} /mdm", 405, status_of(site.server.device(method, "/mdm")))
    site.end()
