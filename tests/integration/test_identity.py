"""Who may be a device, over the wire; and what holds while the server ends, reloads, or is started twice."""
import base64
import http.client
import signal
import socket
import ssl
import subprocess
import threading
import time
import uuid

import scep
from cryptography import x509
from harness import CA, PATIENCE, TOPIC, Connection, Device, Process, Server, new_key, plist, tls_context, until

EMPTY = (200, b"")
REFUSED = (400, b"")
NOWHERE = "https://127.0.0.1:1"  # as apns-url: nobody answers there


def outcome(answer):
    status, _, body = answer
    return status, body


def start(tmp, ca=None, **settings):
    settings = {"tls": "off", "apns_url": NOWHERE, **({"device_ca": ca.file(tmp)} if ca else {}), **settings}
    server = Server(tmp, **settings)
    server.push_cert()
    return server


def held(server):
    """Everything that says who a device is and what it is reached by."""
    return (server.rows("SELECT id, generation, pending, serial_number, checked_out_at FROM device ORDER BY seq"),
            server.rows("SELECT seq, state, hex(identity) FROM generation ORDER BY seq"),
            server.rows("SELECT id, enabled, token, push_magic, topic FROM enrollment ORDER BY seq"),
            server.rows("SELECT command, enrollment, status, reason FROM target ORDER BY seq"),
            server.rows("SELECT hex(hash), device_id FROM identity WHERE device_id IS NOT NULL ORDER BY 1"))


def takes_nothing_over(server, victim, thief_identity):
    """Nothing that another certificate says in the victim's name is accepted, or changes anything."""
    thief = Device(server, thief_identity, victim.udid)
    command = str(uuid.uuid4())
    assert server.enqueue(victim.udid, command)[0] == 200
    before = held(server)
    for attempt in (thief.idle, thief.authenticate, lambda: thief.token_update(b"\x66" * 32), thief.check_out,
                    lambda: thief.report(command), thief.idle):
        assert outcome(attempt()) == REFUSED
    assert held(server) == before
    assert command.encode() in victim.idle()[2]
    assert outcome(victim.report(command)) == EMPTY


# ---- one identity, one device ----

def test_certificate_of_the_same_foreign_ca_takes_nothing_over(tmp):
    ca = CA()
    server = start(tmp, ca)
    victim = Device(server, ca.identity("U-1")).enroll()
    takes_nothing_over(server, victim, ca.identity("U-2"))
    takes_nothing_over(server, victim, ca.identity("U-1"))  # a name proves nothing unless device-ca-names says so


def test_identity_from_another_link_takes_nothing_over(tmp):
    """It comes in for a trial, is given nothing, and is refused for good by the first word of the living device."""
    server = start(tmp)
    victim = Device(server, scep.identity(server), "U-1").enroll()
    thief, command = Device(server, scep.identity(server), "U-1"), str(uuid.uuid4())
    assert server.enqueue("U-1", command)[0] == 200
    in_force = "SELECT id, enabled, token, push_magic, topic, (SELECT generation FROM device) FROM enrollment"
    before = server.rows(in_force)
    assert outcome(thief.idle()) == REFUSED  # before its Authenticate it is nobody
    for attempt in (thief.authenticate, thief.idle, lambda: thief.token_update(b"\x66" * 32), thief.idle,
                    lambda: thief.report(command), lambda: thief.checkin("GetBootstrapToken")):
        assert outcome(attempt()) == EMPTY
    assert server.rows(in_force) == before and server.command(command, "U-1") == "Queued"
    assert command.encode() in victim.idle()[2]
    for attempt in (thief.authenticate, thief.idle, lambda: thief.token_update(b"\x66" * 32), thief.check_out):
        assert outcome(attempt()) == REFUSED
    assert server.rows(in_force) == before
    assert outcome(victim.report(command)) == EMPTY


def test_identity_speaks_for_its_first_device_only(tmp):
    ca = CA()
    server = start(tmp, ca)
    mine = Device(server, ca.identity("U-1")).enroll()
    victim = Device(server, ca.identity("U-2")).enroll()
    for other in (victim.udid, "U-3-never-seen"):
        liar = Device(server, mine.identity, other)
        before = held(server)
        for attempt in (liar.authenticate, liar.token_update, liar.idle, liar.check_out):
            assert outcome(attempt()) == REFUSED
        assert held(server) == before
    events = server.rows("SELECT json_extract(data, '$.claimed') FROM event WHERE kind = 'identity.misused'")
    assert [claimed for claimed, in events] == ["U-2"]  # told once an hour: a hostile device fills nothing
    assert outcome(mine.idle()) == EMPTY and outcome(victim.idle()) == EMPTY


def test_certificate_that_names_the_device_may_return_when_its_ca_is_said_to_vouch(tmp):
    ca = CA()
    server = start(tmp, ca, device_ca_names="yes")
    former = Device(server, ca.identity("U-1")).enroll()
    assert outcome(Device(server, ca.identity("U-2"), "U-1").authenticate()) == REFUSED
    Device(server, ca.identity("U-1")).enroll()
    assert outcome(former.idle()) == REFUSED
    assert outcome(Device(server, ca.identity("SU-1"), "U-1").authenticate()) == EMPTY  # by its serial number


def test_only_authenticate_binds_an_identity(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = Device(server, ca.identity("U-1"))
    for attempt in (device.idle, device.token_update, device.check_out, device.idle):
        assert outcome(attempt()) == REFUSED
    assert server.rows("SELECT count(*) FROM identity") == [(0,)] and server.rows("SELECT count(*) FROM device") == [(0,)]
    device.enroll()
    assert outcome(device.idle()) == EMPTY


def test_link_for_one_device_serves_no_other(tmp):
    server = start(tmp)
    identity = scep.identity(server, device="U-1")
    assert outcome(Device(server, identity, "U-2").authenticate()) == REFUSED
    Device(server, identity, "U-1").enroll()
    Device(server, scep.identity(server, device="SU-3"), "U-3").enroll()  # by its serial number


# ---- proofs ----

def test_certificate_and_signature_must_agree(tmp):
    ca = CA()
    server = start(tmp, ca, tls="on")
    device = Device(server, ca.identity("U-1"), proof="both").enroll()
    other = Device(server, ca.identity("U-2")).enroll()
    body = plist(Status="Idle", UDID="U-1")
    for mtls, signer in ((device, other), (other, device)):
        headers = {"Content-Type": Device.REPORT, **signer.identity.mdm_signature(body)}
        assert outcome(server.device("PUT", "/mdm", body, headers, mtls.identity)) == REFUSED
    for proof in ("mtls", "signature", "both"):
        device.proof = proof
        assert outcome(device.idle()) == EMPTY, proof
    device.proof = "none"
    assert outcome(device.idle()) == REFUSED


def test_switched_off_proofs_do_not_count(tmp):
    ca = CA()
    server = start(tmp, ca, tls="on", identity="mtls")
    device = Device(server, ca.identity("U-1"), proof="mtls").enroll()
    device.proof = "signature"
    assert outcome(device.idle()) == REFUSED


def sign_with_openssl(tmp, identity, body, *options):
    """A signature as other programs make it."""
    (tmp / "body").write_bytes(body)
    done = subprocess.run(["openssl", "cms", "-sign", "-binary", "-in", tmp / "body", "-signer", identity.pem_file, "-outform", "DER", *options],
                          capture_output=True, timeout=PATIENCE, check=True)
    return {"Content-Type": Device.REPORT, "Mdm-Signature": base64.b64encode(done.stdout).decode()}


def test_digests_and_kinds_of_keys(tmp):
    ca = CA()
    server = start(tmp, ca)
    for kind in ("rsa", "ec"):
        device = Device(server, ca.identity(f"U-{kind}", kind)).enroll()
        body = plist(Status="Idle", UDID=device.udid)
        for digest in ("sha1", "sha256", "sha384", "sha512"):
            headers = sign_with_openssl(tmp, device.identity, body, "-md", digest)
            assert outcome(server.device("PUT", "/mdm", body, headers)) == EMPTY, (kind, digest)
            assert outcome(server.device("PUT", "/mdm", body + b"\n", headers)) == REFUSED, (kind, digest)
        if kind == "rsa":  # openssl makes no other with MD5
            weak = sign_with_openssl(tmp, device.identity, body, "-md", "md5")
            assert outcome(server.device("PUT", "/mdm", body, weak)) == REFUSED


# ---- generations ----

def test_former_enrollment_is_served_until_the_new_one_is_complete(tmp):
    server = start(tmp)
    former = Device(server, scep.identity(server), "U-1").enroll()
    server.enqueue("U-1", "first")
    new = Device(server, scep.identity(server, device="U-1"), "U-1")
    assert outcome(new.authenticate()) == EMPTY
    assert outcome(new.idle()) == EMPTY  # it has no queue of its own yet
    assert b"first" in former.idle()[2]
    assert outcome(former.token_update(b"\x02" * 32)) == EMPTY
    assert server.rows("SELECT hex(token), enabled FROM enrollment") == [("02" * 32, 1)]
    assert outcome(new.token_update(b"\x03" * 32)) == EMPTY
    assert outcome(former.idle()) == REFUSED
    assert outcome(former.report("first")) == REFUSED
    assert outcome(new.idle()) == EMPTY  # nothing is inherited
    assert server.command("first", "U-1") == "Cancelled"
    assert server.rows("SELECT hex(token), enabled FROM enrollment") == [("03" * 32, 1)]
    server.enqueue("U-1", "second")
    assert b"second" in new.idle()[2]


def test_checked_out_device_is_answered_and_its_place_is_free(tmp):
    ca = CA()
    server = start(tmp, ca)
    device = Device(server, ca.identity("U-1")).enroll()
    server.enqueue("U-1", "kept")
    assert outcome(device.check_out()) == EMPTY
    assert outcome(device.idle()) == EMPTY
    assert outcome(device.check_out()) == EMPTY
    assert server.rows("SELECT count(*) FROM event WHERE kind = 'device.checked-out'") == [(1,)]
    assert server.command("kept", "U-1") == "Queued"
    assert server.admin("GET", "/api/v1/devices/U-1")[1]["enrolled"] is False
    Device(server, ca.identity("U-2"), "U-1").enroll()
    assert outcome(device.idle()) == REFUSED


def test_authenticate_for_an_unknown_topic_is_refused(tmp):
    ca = CA()
    server = start(tmp, ca)
    assert outcome(Device(server, ca.identity("U-1"), topic=TOPIC + ".other").authenticate()) == REFUSED
    assert server.rows("SELECT count(*) FROM device") == [(0,)]


# ---- the process ----

class Loader(threading.Thread):
    """Sends requests until the server is gone; an answer is whole, or there is none."""

    def __init__(self, server, device):
        super().__init__()
        self.device, self.answered, self.tokens, self.error = device, 0, [], None
        self.device.connection = Connection(server.devices_address)

    def run(self):
        try:
            while True:
                token = f"{self.answered}".encode().ljust(32, b"-")
                self.tokens.append(token)
                assert outcome(self.device.token_update(token)) == EMPTY
                self.answered += 1
        except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest, http.client.NotConnected):
            pass  # closed between two requests, or before anything of an answer
        except BaseException as e:  # told by the test's own thread
            self.error = e


def test_sigterm_with_requests_in_flight(tmp):
    ca = CA()
    server = start(tmp, ca)
    loaders = [Loader(server, Device(server, ca.identity(f"U-{i}", "ec")).enroll()) for i in range(8)]
    half = Connection(server.devices_address)  # a body that never ends
    half.http.putrequest("PUT", "/mdm")
    half.http.putheader("Content-Length", "1000")
    for name, value in loaders[0].device.identity.mdm_signature(b"").items():
        half.http.putheader(name, value)
    half.http.endheaders(b"<plist>")
    waiting = threading.Thread(target=server.admin, args=("PUT", "/v1/push/U-0"))  # waits up to 5 s for APNs
    waiting.start()
    for t in loaders:
        t.start()
    until(lambda: all(t.answered > 5 for t in loaders), "load")
    begin = time.monotonic()
    server.stop()
    took = time.monotonic() - begin
    for t in loaders:
        t.join()
        assert not t.error, t.error
        token, = server.rows("SELECT token FROM enrollment WHERE id = ?", t.device.udid)[0]
        assert token in t.tokens[t.answered - 1:], "an acknowledged token is lost"
    waiting.join()
    assert took < 8, f"{took:.1f} s"


def served_cert(server):
    context = tls_context()
    connection = Connection(server.devices_address, context)
    der = connection.http.sock.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number, connection


def tls_files(tmp, ca, name):
    identity = ca.identity(name, "ec", sans=[x509.DNSName("localhost")])
    (tmp / "tls.crt").write_bytes(identity.cert_pem)
    (tmp / "tls.key").write_bytes(identity.key_pem)
    return identity.cert.serial_number


def test_sighup_reads_the_tls_certificate_again(tmp):
    ca = CA()
    first = tls_files(tmp, ca, "first")
    server = start(tmp, tls="on", tls_cert=tmp / "tls.crt", tls_key=tmp / "tls.key")
    serial, standing = served_cert(server)
    assert serial == first
    second = tls_files(tmp, ca, "second")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(msg="settings and certificates reloaded")
    assert served_cert(server)[0] == second
    assert standing.request("GET", "/healthz")[0] == 200  # what stands is left alone
    (tmp / "tls.crt").write_bytes(b"no certificate")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(level="error")
    assert served_cert(server)[0] == second
    try:
        tls_context().wrap_socket(socket.create_connection(server.admin_address, PATIENCE)).close()
        raise AssertionError("the admin listener on the loopback speaks no TLS")
    except ssl.SSLError:
        pass


def test_two_servers_on_one_data_folder(tmp):
    server = start(tmp)
    second = Process(["serve", "--data", server.data], {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"})
    assert second.wait() == 1
    assert "another pomona" in second.log() and str(server.process.pid) in second.log(), second.log()
    assert server.device("GET", "/healthz")[0] == 200
    server.stop()
    third = Server(tmp, tls="off")  # the lock ends with its holder
    third.stop()


def test_renewal_keeps_the_enrollment(tmp):
    server = start(tmp)
    client = scep.Client(server)
    former = scep.identity(server)
    device = Device(server, former, "U-1").enroll()
    server.enqueue("U-1", "kept")
    key = new_key("rsa")
    renewed = client.get(key, None, signer=former, kind=scep.RENEWALREQ)
    again = Device(server, renewed, "U-1")
    assert b"kept" in again.idle()[2]
    assert b"kept" in device.idle()[2]  # both count
    assert outcome(again.report("kept")) == EMPTY
    assert server.command("kept", "U-1") == "Acknowledged"
