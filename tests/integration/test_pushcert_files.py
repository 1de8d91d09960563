"""Before a push certificate is in use: keys and requests made here, their signing, and the files that come back."""
import base64
import datetime
import http.server
import json
import os
import plistlib
import pty
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from harness import CA, Device, Identity, Server, binary, needs_terminals, new_key, push_cert, until
from test_push import Apns

TOPIC = "com.apple.mgmt.External.7c1c2f0a-3333-4222-8333-444455556666"
EMAIL, API_KEY = "mdm@example.org", "0123456789abcdef"
DAY = datetime.timedelta(days=1)


class Authority:
    """A stand-in for Apple's CAs: certificates with names and dates as wanted."""

    def __init__(self, name, above=None, life=3650):
        self.key, self.name = new_key(), name
        self.cert = (above or self).issue(self.key.public_key(), [(NameOID.COMMON_NAME, name)], life, ca=True)

    def issue(self, public, names, life=365, ca=False):
        now = datetime.datetime.utcnow()
        own = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Apple Inc."), x509.NameAttribute(NameOID.COMMON_NAME, self.name)]
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Apple Inc.")] if ca else []
        return (x509.CertificateBuilder().issuer_name(x509.Name(own)).subject_name(x509.Name(subject + [x509.NameAttribute(*n) for n in names]))
                .public_key(public).serial_number(x509.random_serial_number()).not_valid_before(now - 10 * DAY).not_valid_after(now + life * DAY)
                .add_extension(x509.BasicConstraints(ca, None), True).sign(self.key, hashes.SHA256()))

    def push(self, public, topic=TOPIC):
        return self.issue(public, [(NameOID.USER_ID, topic), (NameOID.COMMON_NAME, "APSP:" + topic[-36:])])


class Portal:
    """A stand-in for identity.apple.com/pushcert: takes what it would take, says nothing else."""

    def __init__(self):
        self.root = Authority("Apple Root CA")
        self.wwdr = Authority("Apple Worldwide Developer Relations Certification Authority", self.root)
        self.push_ca = Authority("Apple Application Integration 2 Certification Authority", self.root)

    def vendor(self, life=365, above=None):
        key = new_key()
        return Identity(key, (above or self.wwdr).issue(key.public_key(), [(NameOID.COMMON_NAME, "MDM Vendor: Example")], life))

    def upload(self, text, vendor):
        """The rules for the file, one after the other; gives the certificate."""
        assert not set(text.strip()) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n")
        xml = base64.b64decode(text)
        assert xml.startswith(b'<?xml version="1.0" encoding="UTF-8"?>'), xml[:60]
        values = plistlib.loads(xml)
        assert sorted(values) == ["PushCertCertificateChain", "PushCertRequestCSR", "PushCertSignature"]
        assert all(isinstance(v, str) for v in values.values())
        der = base64.b64decode(values["PushCertRequestCSR"], validate=True)
        csr = x509.load_der_x509_csr(der)
        assert csr.is_signature_valid and csr.public_key().key_size == 2048
        chain = values["PushCertCertificateChain"]
        wanted = b"".join(c.public_bytes(Encoding.PEM) for c in (vendor.cert, self.wwdr.cert, self.root.cert))
        assert chain.encode() == wanted, chain  # leaf, intermediate, root, in lines of 64
        signature = base64.b64decode(values["PushCertSignature"], validate=True)
        vendor.cert.public_key().verify(signature, der, padding.PKCS1v15(), hashes.SHA256())
        return self.push_ca.push(csr.public_key())


def pem(cert):
    return cert.public_bytes(Encoding.PEM)


def put(path, content):
    path.write_bytes(content)
    return path


def openssl(*args):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True).stdout


def vendor_files(tmp, portal, vendor):
    return [put(tmp / "vendor.cer", vendor.cert.public_bytes(Encoding.DER)), put(tmp / "vendor.key", vendor.key_pem),
            put(tmp / "AppleWWDRCAG3.cer", portal.wwdr.cert.public_bytes(Encoding.DER)),
            put(tmp / "AppleIncRootCertificate.cer", portal.root.cert.public_bytes(Encoding.DER))]


# ---- from the key to the first push, and the renewal ----

def test_from_the_request_to_the_push(tmp):
    portal, apns, ca = Portal(), Apns(tmp), CA()
    vendor = portal.vendor()
    server = Server(tmp, apns_url=apns.url, apns_ca=apns.ca, device_ca=ca.file(tmp), device_ca_names="yes")
    told = server.cli("pushcert", "csr", "--email", EMAIL, "--out", tmp / "push.csr")
    assert "Create a Certificate" in told.stderr and "PRIVATE KEY" not in told.stderr + (tmp / "push.csr").read_text()
    csr = x509.load_pem_x509_csr((tmp / "push.csr").read_bytes())
    assert csr.is_signature_valid and csr.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)[0].value == EMAIL
    assert "pushcert sign --vendor" in server.cli("pushcert", "sign", "--out", tmp / "x", expect=3).stderr
    server.cli("pushcert", "sign", "--vendor", *vendor_files(tmp, portal, vendor))
    server.cli("pushcert", "sign", "--out", tmp / "push.b64")
    cert = put(tmp / "MDM_ Example_Certificate.pem", pem(portal.upload((tmp / "push.b64").read_bytes(), vendor)))
    assert "signed request" in server.cli("pushcert", "import", tmp / "push.b64", expect=1).stderr
    server.cli("pushcert", "import", cert)
    device = Device(server, ca.identity("U-1"), "U-1", topic=TOPIC)
    assert device.authenticate()[0] == 200 and device.token_update(token=b"\x07" * 32)[0] == 200
    until(lambda: any(r["path"].endswith("07" * 32) for r in apns.stats()["requests"]), "a push with the new certificate")
    assert server.rows("SELECT count(*) FROM push_key WHERE used_at IS NULL") == [(0,)]

    # The renewal: a new key, the same topic; the steps name row, serial number and the right button.
    told = server.cli("pushcert", "csr", "--out", tmp / "renew.csr")
    assert "Press Renew, never Create" in told.stderr and TOPIC in told.stderr
    server.cli("pushcert", "sign", "--out", tmp / "renew.b64")
    server.cli("pushcert", "import", put(tmp / "renewed.pem", pem(portal.upload((tmp / "renew.b64").read_bytes(), vendor))))
    states = [c["state"] for c in server.cli_json("pushcert", "show")]
    assert sorted(states) == ["ok", "superseded"], states
    requests = server.cli_json("pushcert", "csr", "--list")
    assert len(requests) == 2 and all(r["used_at"] for r in requests) and requests[0]["topic"] == TOPIC
    assert "PRIVATE" not in json.dumps(requests)
    assert len({r["public_key_sha256"] for r in requests}) == 2

    # With the same key: the request is made with the key of the certificate in use.
    server.cli("pushcert", "csr", "--same-key", "--out", tmp / "same.csr")
    assert "key of its own" in server.cli("pushcert", "csr", "--same-key", "--new-topic", expect=1).stderr
    same = x509.load_pem_x509_csr((tmp / "same.csr").read_bytes())
    renewed = x509.load_pem_x509_certificate((tmp / "renewed.pem").read_bytes())
    assert same.public_key().public_numbers() == renewed.public_key().public_numbers()
    apns.stop()


def test_another_ones_request_is_signed(tmp):
    portal, server = Portal(), Server(tmp)
    vendor = portal.vendor()
    server.cli("pushcert", "sign", "--vendor", *vendor_files(tmp, portal, vendor))
    key = new_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    for form, name in ((Encoding.PEM, "other.csr"), (Encoding.DER, "other.der")):
        server.cli("pushcert", "sign", "--csr", put(tmp / name, csr.public_bytes(form)), "--out", tmp / "signed")
        cert = portal.upload((tmp / "signed").read_bytes(), vendor)
        assert cert.public_key().public_numbers() == key.public_key().public_numbers()
    der = base64.b64decode(plistlib.loads(base64.b64decode((tmp / "signed").read_bytes()))["PushCertRequestCSR"])
    assert der == csr.public_bytes(Encoding.DER)
    assert "web page" in server.cli("pushcert", "sign", "--csr", put(tmp / "page", b"<html>"), "--out", tmp / "x", expect=1).stderr
    weak = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(new_key("ec"), hashes.SHA256())
    assert "2048" in server.cli("pushcert", "sign", "--csr", put(tmp / "weak", weak.public_bytes(Encoding.PEM)), "--out", tmp / "x", expect=1).stderr


def test_vendor_certificates_that_will_not_do(tmp):
    portal, server = Portal(), Server(tmp)
    old = Authority("Apple Worldwide Developer Relations Certification Authority", portal.root, life=-1)

    def refused(words, *files):
        told = server.cli("pushcert", "sign", "--vendor", *[put(tmp / f"v{i}", f) for i, f in enumerate(files)], expect=1).stderr
        assert words in told, told

    good = portal.vendor()
    gone = portal.vendor(life=-1)
    refused("MDM vendor certificate CN=MDM Vendor: Example ended on", gone.cert_pem, gone.key_pem, pem(portal.wwdr.cert), pem(portal.root.cert))
    late = portal.vendor(above=old)
    refused("AppleWWDRCAG3.cer", late.cert_pem, late.key_pem, pem(old.cert), pem(portal.root.cert))
    refused("did not come along", good.cert_pem, good.key_pem)
    refused("did not come along", good.cert_pem, good.key_pem, pem(portal.wwdr.cert))
    refused("did not come along", good.cert_pem, good.key_pem, pem(portal.push_ca.cert), pem(portal.root.cert))
    refused("is missing", good.cert_pem, pem(portal.wwdr.cert), pem(portal.root.cert))
    refused("another", good.cert_pem, gone.key_pem, pem(portal.wwdr.cert), pem(portal.root.cert))
    refused("no MDM vendor certificate", push_cert(TOPIC))
    assert server.rows("SELECT count(*) FROM vendor_cert") == [(0,)]


# ---- files ----

def test_forms_of_files(tmp):
    server, portal = Server(tmp), Portal()
    key = new_key()
    cert = put(tmp / "cert.pem", pem(portal.push_ca.push(key.public_key())))
    plain = put(tmp / "key.pem", Identity(key, None).key_pem)
    chain = put(tmp / "chain.pem", pem(portal.root.cert) + pem(portal.push_ca.cert))
    word = put(tmp / "word", b"correct horse\n")
    forms = {
        "today.p12": ["pkcs12", "-export", "-passout", f"file:{word}", "-in", cert, "-inkey", plain],
        "chain.p12": ["pkcs12", "-export", "-passout", f"file:{word}", "-in", cert, "-inkey", plain, "-certfile", chain],
        "legacy.p12": ["pkcs12", "-export", "-legacy", "-passout", f"file:{word}", "-in", cert, "-inkey", plain],
        "triple.p12": ["pkcs12", "-export", "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-passout", f"file:{word}", "-in", cert,
                       "-inkey", plain],
        "pkcs8.pem": ["pkcs8", "-topk8", "-passout", f"file:{word}", "-in", plain],
        "scrypt.pem": ["pkcs8", "-topk8", "-scrypt", "-passout", f"file:{word}", "-in", plain],
        "old.pem": ["rsa", "-traditional", "-aes128", "-passout", f"file:{word}", "-in", plain],
        "key.der": ["rsa", "-outform", "DER", "-in", plain],
        "cert.der": ["x509", "-outform", "DER", "-in", cert],
        "cert.p7b": ["crl2pkcs7", "-nocrl", "-certfile", cert],
    }
    for name, args in forms.items():
        openssl(*args, "-out", tmp / name)
    takes = [("today.p12",), ("chain.p12",), ("legacy.p12",), ("triple.p12",), ("cert.pem", "pkcs8.pem"), ("cert.pem", "scrypt.pem"),
             ("cert.der", "old.pem"), ("cert.p7b", "key.der"), ("chain.pem", "key.der", "cert.der")]
    for names in takes:
        told = server.cli_json("pushcert", "import", "--passphrase-file", word, *[tmp / n for n in names])
        assert told["topic"] == TOPIC, (names, told)
    for names in (("today.p12",), ("legacy.p12",), ("cert.pem", "pkcs8.pem"), ("cert.pem", "old.pem")):
        paths = [tmp / n for n in names]
        assert "passphrase" in server.cli("pushcert", "import", *paths, expect=1).stderr
        wrong = server.cli("pushcert", "import", "--passphrase-file", put(tmp / "wrong", b"x"), *paths, expect=1).stderr
        assert "does not open it" in wrong and names[-1] in wrong, wrong
    server.cli("pushcert", "import", tmp, expect=1)  # a folder
    assert server.cli("pushcert", "import", put(tmp / "large", b"x" * 300000), expect=1).stderr.count("at most") == 1
    with open(server.data / "pomona.db", "rb") as db:
        assert b"correct horse" not in db.read()


def ask_on_a_terminal(server, answer, *args):
    """Runs a command on a terminal of its own, and types; gives what stood on it and the exit status."""
    needs_terminals()
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(binary(), [binary(), *map(str, args), "--server", server.admin_url, "--data", str(server.data)])
    screen = b""
    while not screen.endswith(b"both.p12: "):
        screen += os.read(fd, 1000)
    os.write(fd, answer)
    try:
        while piece := os.read(fd, 1000):
            screen += piece
    except OSError:
        pass  # the terminal's end
    return screen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_person_is_asked_for_the_passphrase(tmp):
    server, key = Server(tmp), new_key()
    put(tmp / "both.pem", push_cert(TOPIC, key))
    openssl("pkcs12", "-export", "-passout", "pass:secret word", "-in", tmp / "both.pem", "-out", tmp / "both.p12")
    screen, status = ask_on_a_terminal(server, b"secret worx\x7fd\n", "pushcert", "import", "--yes", tmp / "both.p12")
    assert status == 0 and "secret" not in screen and "both.p12" in screen, screen
    screen, status = ask_on_a_terminal(server, b"anothex\x7fr\n", "pushcert", "import", "--yes", tmp / "both.p12")
    assert status == 1 and "does not open it" in screen, screen
    screen, status = ask_on_a_terminal(server, b"\x03", "pushcert", "import", "--yes", tmp / "both.p12")
    assert status == 2 and "no passphrase" in screen, screen


# ---- mdmcert.download ----

class Service:
    """A stand-in for mdmcert.download: signs what it is sent, and keeps the mail."""

    def __init__(self, folder, portal, vendor):
        self.folder = folder
        self.portal, self.vendor, self.mails, self.asked, self.answer = portal, vendor, [], [], None
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, answer = service.take(self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/api/v1/signrequest" % self.http.server_address[1]

    def take(self, headers, body):
        assert headers["Content-Type"] == "application/json" and headers["User-Agent"].startswith("pomona")
        assert sorted(body) == ["csr", "email", "encrypt", "key"], body
        self.asked.append(body)
        if self.answer:
            return self.answer
        if (body["email"], body["key"]) != (EMAIL, API_KEY):
            return 200, {}, b'{"result":"failure","reason":"no such user"}'
        self.mails.append(self.encrypt(base64.b64decode(body["encrypt"]), self.sign(body)))
        return 200, {}, b'{"result":"success"}'

    def sign(self, body):
        der = x509.load_pem_x509_csr(base64.b64decode(body["csr"])).public_bytes(Encoding.DER)
        chain = b"".join(pem(c) for c in (self.vendor.cert, self.portal.wwdr.cert, self.portal.root.cert))
        signature = self.vendor.key.sign(der, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(plistlib.dumps({"PushCertRequestCSR": base64.b64encode(der).decode(), "PushCertCertificateChain": chain.decode(),
                                                "PushCertSignature": base64.b64encode(signature).decode()}))

    def encrypt(self, cert, content):
        put(self.folder / "recipient.pem", cert)
        return openssl("cms", "-encrypt", "-aes256", "-binary", "-outform", "DER", "-in", put(self.folder / "content", content),
                       self.folder / "recipient.pem")


def test_mdmcert_download(tmp):
    portal = Portal()
    vendor = portal.vendor()
    service = Service(tmp, portal, vendor)
    server = Server(tmp, mdmcert_url=service.url, mdmcert_api_key=API_KEY)
    server.cli("pushcert", "csr", "--out", tmp / "push.csr")
    server.cli("pushcert", "sign", "--mdmcert", EMAIL)
    server.cli("pushcert", "sign", "--mdmcert", EMAIL)  # asked twice: the first answer is good as well
    first = service.mails[0]
    old = tmp / "des.p7"
    put(tmp / "exchange.pem", base64.b64decode(service.asked[1]["encrypt"]))
    put(tmp / "plain", service.sign(service.asked[1]))
    openssl("cms", "-encrypt", "-provider", "legacy", "-provider", "default", "-des", "-binary", "-outform", "DER", "-in", tmp / "plain", "-out", old,
            tmp / "exchange.pem")
    spaced = "\r\n".join(first.hex()[i:i + 60] for i in range(0, len(first.hex()), 60)).encode()
    for name, content in (("hex", first.hex().encode() + b"\n"), ("der", first), ("base64", base64.encodebytes(first)), ("lines", spaced),
                          ("des", old.read_bytes())):
        server.cli("pushcert", "sign", "--mdmcert-answer", put(tmp / f"{name}.p7", content), "--out", tmp / "signed")
        cert = portal.upload((tmp / "signed").read_bytes(), vendor)
    assert server.cli_json("pushcert", "import", put(tmp / "cert.pem", pem(cert)))["topic"] == TOPIC


def test_mdmcert_download_that_fails(tmp):
    portal = Portal()
    service = Service(tmp, portal, portal.vendor())
    server = Server(tmp, mdmcert_url=service.url, mdmcert_api_key=API_KEY)

    def asked(words, expect, email=EMAIL):
        told = server.cli("pushcert", "sign", "--mdmcert", email, expect=expect).stderr
        assert words in told and API_KEY not in told, told

    asked("pomona pushcert csr", 3)
    server.cli("pushcert", "csr", "--out", tmp / "push.csr")
    asked("no such user", 1, "other@example.org")
    for answer, words in [((302, {"Location": "http://127.0.0.1:9/"}, b""), "302"), ((500, {}, b"oops"), "500"), ((200, {}, b"<html>"), "is not mdmcert.download"),
                          ((200, {}, b'{"result":7}'), "is not mdmcert.download"), ((200, {}, b" " * (1 << 20)), "too long"),
                          ((200, {}, b'{"result":"failure","reason":"a\\u0007b"}'), "no reason that could be shown")]:
        service.answer = answer
        asked(words, 1 if "reason" in words else 4)
    service.answer = None

    def opened(words, content, name="answer.p7"):
        told = server.cli("pushcert", "sign", "--mdmcert-answer", put(tmp / name, content), "--out", tmp / "x", expect=1).stderr
        assert words in told, told

    server.cli("pushcert", "sign", "--mdmcert", EMAIL)
    exchange = base64.b64decode(service.asked[-1]["encrypt"])
    stranger = pem(portal.vendor().cert)
    opened("not kept here", service.encrypt(stranger, b"x" * 100))
    opened("not a signed request", service.encrypt(exchange, b"x" * 100))
    opened("empty", service.encrypt(exchange, b""))
    opened("web page", b"<html>login</html>")
    good = service.mails[-1]
    for at in range(20, len(good), 211):
        status, _ = server.admin("POST", "/api/v1/pushcerts/mdmcert-answer", good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:])
        assert status in (200, 400), status
    assert server.admin("POST", "/api/v1/pushcerts/mdmcert-answer", good[:-10])[0] == 400
    assert server.admin("POST", "/api/v1/pushcerts/mdmcert-answer", b"\x30\x80" * 5000)[0] == 400
    assert server.admin("GET", "/api/v1/pushcerts/requests")[0] == 200
