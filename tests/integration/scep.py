"""A SCEP client (RFC 8894) made from nothing but DER, so that it can also say what no honest client says."""
import base64
import datetime
import os
import plistlib
import subprocess
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import AttributeOID, NameOID

from harness import PATIENCE, Identity, new_key

DATA, SIGNED, ENVELOPED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.3"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
RSA, SHA256, AES128 = "1.2.840.113549.1.1.1", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.1.2"
MESSAGE_TYPE, PKI_STATUS, FAIL_INFO, SENDER_NONCE, TRANSACTION = (f"2.16.840.1.113733.1.9.{n}" for n in (2, 3, 4, 5, 7))
PKCSREQ, RENEWALREQ = "19", "17"


# ---- DER ----

def tlv(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x80 + (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + size + body


def seq(*parts):
    return tlv(0x30, *parts)


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytes([40 * first + second])
    for n in rest:
        part = [n & 0x7f]
        while n > 0x7f:
            n >>= 7
            part.insert(0, 0x80 | n & 0x7f)
        out += bytes(part)
    return tlv(6, out)


def integer(n):
    return tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def children(der):
    """[(tag, contents)] of what stands one after the other."""
    out = []
    while der:
        tag, n, at = der[0], der[1], 2
        if n & 0x80:
            at += n & 0x7f
            n = int.from_bytes(der[2:at], "big")
        out.append((tag, der[at:at + n]))
        der = der[at + n:]
    return out


def inside(der, *path):
    """Contents of the element reached by these indexes."""
    for i in path:
        der = children(der)[i][1]
    return der


# ---- messages ----

def issuer_and_serial(cert):
    return seq(cert.issuer.public_bytes(), integer(cert.serial_number))


def request(key, challenge=None, name="scep client"):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    if challenge is not None:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def own_cert(key):
    """The self-signed certificate that a client without an identity signs with."""
    now = datetime.datetime.utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scep client")])
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))


def envelope(content, to):
    """EnvelopedData for the holder of the certificate `to`."""
    key, iv = os.urandom(16), os.urandom(16)
    pad = padding.PKCS7(128).padder()
    sealer = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    sealed = sealer.update(pad.update(content) + pad.finalize()) + sealer.finalize()
    recipient = seq(integer(0), issuer_and_serial(to), seq(oid(RSA), tlv(5)),
                    tlv(4, to.public_key().encrypt(key, rsa_padding.PKCS1v15())))
    data = seq(integer(0), tlv(0x31, recipient), seq(oid(DATA), seq(oid(AES128), tlv(4, iv)), tlv(0x80, sealed)))
    return seq(oid(ENVELOPED), tlv(0xa0, data))


def digest(data):
    h = hashes.Hash(hashes.SHA256())
    h.update(data)
    return h.finalize()


def pki_message(content, signer, kind=PKCSREQ, transaction=None):
    """SignedData with SCEP's attributes over content."""
    values = {CONTENT_TYPE: oid(DATA), MESSAGE_DIGEST: tlv(4, digest(content)), MESSAGE_TYPE: tlv(0x13, kind.encode()),
              SENDER_NONCE: tlv(4, os.urandom(16)), TRANSACTION: tlv(0x13, (transaction or uuid.uuid4().hex).encode())}
    attributes = b"".join(sorted(seq(oid(k), tlv(0x31, v)) for k, v in values.items()))
    signature = signer.key.sign(tlv(0x31, attributes), rsa_padding.PKCS1v15(), hashes.SHA256())
    info = seq(integer(1), issuer_and_serial(signer.cert), seq(oid(SHA256), tlv(5)), tlv(0xa0, attributes), seq(oid(RSA), tlv(5)),
               tlv(4, signature))
    cert = signer.cert.public_bytes(serialization.Encoding.DER)
    data = seq(integer(1), tlv(0x31, seq(oid(SHA256), tlv(5))), seq(oid(DATA), tlv(0xa0, tlv(4, content))), tlv(0xa0, cert),
               tlv(0x31, info))
    return seq(oid(SIGNED), tlv(0xa0, data))


def unseal(der, key):
    data = inside(der, 0, 1, 0)
    recipient, sealed = children(data)[1][1], children(children(data)[2][1])
    cipher = children(sealed[1][1])
    assert tlv(*cipher[0]) in (oid("2.16.840.1.101.3.4.1.2"), oid("2.16.840.1.101.3.4.1.42")), cipher
    secret = key.decrypt(children(inside(recipient, 0))[3][1], rsa_padding.PKCS1v15())
    opener = Cipher(algorithms.AES(secret), modes.CBC(cipher[1][1])).decryptor()
    plain = opener.update(sealed[2][1]) + opener.finalize()
    unpad = padding.PKCS7(128).unpadder()
    return unpad.update(plain) + unpad.finalize()


class Refused(Exception):
    """A CertRep with the pkiStatus FAILURE; its only argument is the failInfo."""


def issued(reply, key):
    """The certificate in a CertRep."""
    data = children(inside(reply, 0, 1, 0))
    signer = children(inside(data[-1][1], 0))
    attributes = {tlv(*children(a)[0]): inside(children(a)[1][1], 0) for _, a in children(next(body for tag, body in signer if tag == 0xa0))}
    if attributes[oid(PKI_STATUS)] != b"0":
        raise Refused(int(attributes[oid(FAIL_INFO)]))
    certs = children(inside(unseal(inside(data[2][1], 1, 0), key), 0, 1, 0))
    return x509.load_der_x509_certificate(tlv(*children(next(body for tag, body in certs if tag == 0xa0))[0]))


# ---- a client ----

class Client:
    def __init__(self, server):
        self.server = server
        self.ca = x509.load_der_x509_certificate(server.device("GET", "/scep?operation=GetCACert")[2])

    def post(self, message):
        """Status and body of what the server makes of a message."""
        status, _, body = self.server.device("POST", "/scep?operation=PKIOperation", message, {"Content-Type": "application/x-pki-message"})
        return status, body

    def message(self, key, challenge, signer=None, **options):
        return pki_message(envelope(request(key, challenge), self.ca), signer or Identity(key, own_cert(key)), **options)

    def get(self, key, challenge, signer=None, **options):
        """An identity for key; raises Refused."""
        status, body = self.post(self.message(key, challenge, signer, **options))
        assert status == 200, status
        return Identity(key, issued(body, signer.key if signer else key))


def profile(server, **link):
    """The payloads of an enrollment profile by a new link, by their type."""
    status, answer = server.admin("POST", "/api/v1/links", link)
    assert status == 201, answer
    status, _, der = server.device("GET", "/enroll/" + answer["url"].rsplit("/", 1)[1])
    assert status == 200, status
    done = subprocess.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER"], input=der, capture_output=True, timeout=PATIENCE, check=True)
    return {p["PayloadType"]: p for p in plistlib.loads(done.stdout)["PayloadContent"]}


def challenge_of(server, **link):
    return profile(server, **link)["com.apple.security.scep"]["PayloadContent"]["Challenge"]


def identity(server, **link):
    """A device's identity as the server issues it through a link."""
    return Client(server).get(new_key("rsa"), challenge_of(server, **link))


def query(message):
    """A message as it stands in the query of a GET: macOS leaves '+' and '/' as they are."""
    return base64.b64encode(message).decode()
