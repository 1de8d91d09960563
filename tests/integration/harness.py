"""What integration tests stand on: a server under test, its clients, and a certificate authority.

A test is a function test_*() or test_*(tmp) of test_*.py; tmp is its own folder. raise Skip("why") when it cannot run
here. A module may set TIMEOUT = seconds. Servers still running when the test returns are stopped, and must stop
cleanly.

    def test_unknown_device_is_refused(tmp):
        ca = CA()
        s = Server(tmp, device_ca=ca.file(tmp), device_ca_names="yes")
        status, _, body = Device(s, ca.identity("U-1")).idle()
        assert (status, body) == (400, b"")
"""
import base64
import contextlib
import datetime
import http.client
import importlib.util
import inspect
import ipaddress
import json
import os
import pathlib
import plistlib
import shlex
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import traceback
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_KEYS = pathlib.Path(os.environ["POMONA_TEST_RSA_KEYS"]) if "POMONA_TEST_RSA_KEYS" in os.environ else None  # see run.py
TOPIC = "com.apple.mgmt.External.test"
NO_APNS = "https://127.0.0.1:9"  # nobody listens there: a test asks Apple nothing
PATIENCE = 120  # seconds for anything that must happen; only ever waited out by a failure
SANITIZER = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


class Skip(Exception):
    """The test cannot run here."""


def binary():
    path = os.environ.get("POMONA_BIN", "")
    assert os.access(path, os.X_OK), f"no program at POMONA_BIN={path!r}"
    return path


def parse_logfmt(line):
    """msg="a b" n=3 → {"msg": "a b", "n": "3"}; {} for a line that is no logfmt."""
    try:
        words = shlex.split(line)
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def until(condition, what="the condition", patience=PATIENCE):
    """Waits for condition() to be true and returns what it gave. For state that can only be asked for."""
    end = time.monotonic() + patience
    while True:
        got = condition()
        if got:
            return got
        assert time.monotonic() < end, f"{what} did not come about in {patience} s"
        time.sleep(0.02)


# ---- processes ----

def preload():
    """LD_PRELOAD of interpose.c, behind the sanitizer's runtime when the program has one: that must come first."""
    library = pathlib.Path(binary()).parent / "libinterpose.so"
    assert library.exists(), f"{library} is not built"
    needs = subprocess.run(["ldd", binary()], capture_output=True, text=True, check=True).stdout.split()
    return " ".join([word for word in needs if word.startswith("/") and "san.so" in word] + [str(library)])


class Process:
    """A program of pomona in the background whose stderr is read line by line as its log."""

    def __init__(self, argv, settings=None, cwd=None, env=None, stdin=subprocess.DEVNULL):
        environment = {f"POMONA_{k.upper()}": str(v) for k, v in (settings or {}).items()} | (env or {})
        self._lines, self._news = [], threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [binary(), *map(str, argv)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **environment}, cwd=cwd)
        self._threads = [threading.Thread(target=self._read, daemon=True),
                         threading.Thread(target=self._read_stdout, daemon=True)]
        self.stdout = b""
        for t in self._threads:
            t.start()
        _running.append(self)

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _read_stdout(self):
        for line in self.process.stdout:
            with self._news:
                self.stdout += line
                self._news.notify_all()

    def log(self):
        """All lines so far, as text."""
        with self._news:
            return "\n".join(self._lines)

    def events(self, **fields):
        """The log lines so far, as dicts, that have these fields: events(msg="device enrolled")."""
        with self._news:
            rows = [parse_logfmt(line) for line in self._lines]
        return [row for row in rows if row and all(row.get(k) == v for k, v in fields.items())]

    def wait_log(self, patience=PATIENCE, **fields):
        """The first log line with these fields, waited for."""
        end = time.monotonic() + patience
        with self._news:
            seen = 0
            while True:
                for line in self._lines[seen:]:
                    row = parse_logfmt(line)
                    if row and all(row.get(k) == v for k, v in fields.items()):
                        return row
                seen = len(self._lines)
                left = end - time.monotonic()
                assert not self._ended, f"ended without logging {fields}:\n" + "\n".join(self._lines[-40:])
                assert left > 0, f"not logged in {patience} s: {fields}\n" + "\n".join(self._lines[-40:])
                self._news.wait(left)

    def wait(self, patience=PATIENCE):
        """Waits for it to end by itself and returns its exit status; asserts that no sanitizer spoke."""
        status = self.process.wait(patience)
        for t in self._threads:
            t.join(patience)
        if self in _running:
            _running.remove(self)
        log = self.log()
        assert not any(word in log for word in SANITIZER), log
        return status

    def stop(self):
        """Ends it as an operator would: must end with 0, no sanitizer word, no leak."""
        self.process.send_signal(signal.SIGTERM)
        status = self.wait()
        assert status == 0, f"exit status {status}\n{self.log()}"

    def kill9(self):
        """Power cut."""
        self.process.kill()
        self.process.wait(PATIENCE)
        if self in _running:
            _running.remove(self)


_running = []


class Server(Process):
    """`pomona serve` on free ports of the loopback; settings as keyword arguments: Server(tmp, tls="off").
    Devices are asked for nothing by itself: tests say what they are asked. env is for what is no setting of pomona's."""

    def __init__(self, tmp, data=None, flags=(), env=None, **settings):
        self.data = pathlib.Path(data or pathlib.Path(tmp) / "data")
        self.tls = settings.get("tls", "on") != "off"
        own = {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "apns_url": NO_APNS, "inventory_interval": "never"}
        super().__init__(["serve", "--data", self.data, *flags], {**own, **settings}, cwd=tmp, env=env)
        self.devices_address = self._address("devices")
        self.admin_address = self._address("admin")
        self.wait_log(msg="ready")

    def _address(self, listener):
        host, port = self.wait_log(msg="listening", listener=listener)["address"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    @property
    def admin_url(self):
        return "http://%s:%d" % self.admin_address

    @property
    def token(self):
        return (self.data / "admin.token").read_text().strip()

    def admin(self, method, path, body=None, token=None, headers=None):
        """A request to the admin listener as JSON. Returns status and the decoded answer (None when empty)."""
        headers = {"Authorization": f"Bearer {token or self.token}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        status, answer_headers, data = request(self.admin_address, method, path, body, headers)
        is_json = "json" in answer_headers.get("Content-Type", "")
        return status, (json.loads(data) if is_json and data else data or None)

    def device(self, method, path, body=None, headers=None, identity=None):
        """A request to the devices' listener, with identity as TLS client certificate. Returns status, headers, body."""
        context = tls_context(identity) if self.tls else None
        return request(self.devices_address, method, path, body, headers, context)

    def push_cert(self, topic=TOPIC):
        """Imports a push certificate, without which no device of that topic can come in."""
        status, answer = self.admin("PUT", "/v1/pushcert", push_cert(topic))
        assert (status, answer["topic"]) == (200, topic), (status, answer)

    def enqueue(self, ids, command_uuid, request_type="DeviceInformation", **keys):
        """Queues a command without a push. Returns status and answer."""
        body = plist(CommandUUID=command_uuid, Command={"RequestType": request_type, **keys})
        return self.admin("PUT", f"/v1/enqueue/{ids}?nopush=1", body)

    def command(self, command_uuid, device):
        """Status of a command on one device."""
        status, answer = self.admin("GET", f"/api/v1/commands/{command_uuid}")
        assert status == 200, answer
        return next(t["status"] for t in answer["targets"] if t["id"] == device)

    def rows(self, sql, *values):
        """What the database file holds, beside the running server or after it."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'pomona.db'}?mode=ro", uri=True, timeout=PATIENCE)) as db:
            return db.execute(sql, values).fetchall()

    def cli(self, *args, expect=0, stdin=None):
        """Runs `pomona ARGS` against this server and asserts its exit status (None: any). Returns the process."""
        return cli(*args, "--server", self.admin_url, "--data", self.data, expect=expect, stdin=stdin)

    def cli_json(self, *args, expect=0):
        return json.loads(self.cli(*args, "--json", expect=expect).stdout)


def cli(*args, expect=0, stdin=None, env=None):
    """Runs `pomona ARGS`; stdout and stderr are text."""
    done = subprocess.run([binary(), *map(str, args)], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
                          env={**os.environ, **(env or {})}, check=False)
    told = f"pomona {' '.join(map(str, args))}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert not any(word in done.stderr for word in SANITIZER), told
    assert expect is None or done.returncode == expect, told
    return done


# ---- HTTP ----

def needs_terminals():
    """Skips where the machine has no pseudo-terminals (a bare chroot)."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as why:
        raise Skip(f"no pseudo-terminals here: {why}") from why


def tls_context(identity=None):
    """Trusts any server: what the server's certificate is worth is a matter for tests of its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # a weak key is for the server to refuse
    if identity:
        context.load_cert_chain(identity.pem_file)
    return context


def request(address, method, path, body=None, headers=None, context=None):
    """One request on a connection of its own. Returns status, headers, body."""
    make = (lambda: http.client.HTTPSConnection(*address, timeout=PATIENCE, context=context)) if context \
        else (lambda: http.client.HTTPConnection(*address, timeout=PATIENCE))
    with contextlib.closing(make()) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


class Connection:
    """A connection that stays: each call is one request on it. Raises OSError or HTTPException when it is gone."""

    def __init__(self, address, context=None):
        self.http = http.client.HTTPSConnection(*address, timeout=PATIENCE, context=context) if context \
            else http.client.HTTPConnection(*address, timeout=PATIENCE)
        self.http.connect()
        self.http.auto_open = 0  # a request is never sent twice behind the caller's back
        self.port = self.http.sock.getsockname()[1]

    def request(self, method, path, body=None, headers=None):
        self.http.request(method, path, body, headers or {})
        answer = self.http.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self):
        self.http.close()


# ---- certificates ----

def new_key(kind="rsa"):
    """A key that nothing else of this test has."""
    if kind != "rsa":
        return ec.generate_private_key(ec.SECP256R1())
    for path in RSA_KEYS.glob("2048-*") if RSA_KEYS else ():
        with contextlib.suppress(FileNotFoundError):  # a server took it meanwhile
            pem = path.read_bytes()
            path.unlink()
            return serialization.load_pem_private_key(pem, None)
    return rsa.generate_private_key(65537, 2048)


class Identity:
    """A key and its certificate."""

    def __init__(self, key, cert):
        self.key, self.cert = key, cert
        self._pem_file = None

    @property
    def cert_pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())

    @property
    def pem_file(self):
        """Certificate and key in one file, for programs that want a path."""
        if not self._pem_file:
            self._pem_file = pathlib.Path(os.environ["TMPDIR"]) / f"identity-{uuid.uuid4()}.pem"
            self._pem_file.write_bytes(self.cert_pem + self.key_pem)
        return self._pem_file

    def sign(self, body, detached=True):
        """CMS SignedData over body, DER: what the header Mdm-Signature holds in base64."""
        options = [pkcs7.PKCS7Options.Binary] + ([pkcs7.PKCS7Options.DetachedSignature] if detached else [])
        builder = pkcs7.PKCS7SignatureBuilder().set_data(body).add_signer(self.cert, self.key, hashes.SHA256())
        return builder.sign(serialization.Encoding.DER, options)

    def mdm_signature(self, body):
        return {"Mdm-Signature": base64.b64encode(self.sign(body)).decode()}


class CA(Identity):
    """A certificate authority made for one test."""

    def __init__(self, name="Test device CA", kind="ec"):
        key = new_key(kind)
        super().__init__(key, self._build(name, key.public_key(), key, name, True, datetime.timedelta(days=3650)))
        self.name = name

    @staticmethod
    def _build(subject, public, signer, issuer, is_ca, life, sans=(), server=False):
        now = datetime.datetime.utcnow()
        def as_name(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        builder = (x509.CertificateBuilder().subject_name(as_name(subject)).issuer_name(as_name(issuer))
                   .public_key(public).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + life)
                   .add_extension(x509.BasicConstraints(is_ca, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
                   .add_extension(x509.KeyUsage(not is_ca, False, not is_ca and isinstance(public, rsa.RSAPublicKey), False, False,
                                                is_ca, is_ca, False, False), True))
        if not is_ca:
            usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(sans)), False)
        return builder.sign(signer, hashes.SHA256())

    def identity(self, name, kind="rsa", life=datetime.timedelta(days=365), sans=()):
        """A device's identity whose common name is name; a negative life is one that is over."""
        key = new_key(kind)
        return Identity(key, self._build(name, key.public_key(), self.key, self.name, False, life, sans))

    def server(self, host="127.0.0.1"):
        """The TLS certificate of a server at an address, for stand-ins of others."""
        key, san = new_key("ec"), x509.IPAddress(ipaddress.ip_address(host))
        return Identity(key, self._build(host, key.public_key(), self.key, self.name, False, datetime.timedelta(days=1), [san], True))

    def file(self, tmp):
        path = pathlib.Path(tmp) / f"ca-{self.cert.serial_number:x}.pem"
        path.write_bytes(self.cert_pem)
        return path


def push_cert(topic=TOPIC, key=None, days=365, uid=True):
    """A push certificate of Apple's shape and its key, in PEM."""
    key = key or new_key("rsa")
    names = ([x509.NameAttribute(NameOID.USER_ID, topic)] if uid else []) + [x509.NameAttribute(NameOID.COMMON_NAME, f"APSP:{topic[-36:]}")]
    end = datetime.datetime.utcnow() + datetime.timedelta(days=days)
    cert = (x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(x509.Name(names)).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(end - datetime.timedelta(days=366)).not_valid_after(end)
            .sign(key, hashes.SHA256()))
    return Identity(key, cert).cert_pem + Identity(key, cert).key_pem


# ---- a device's words ----

def plist(binary_form=False, **keys):
    return plistlib.dumps(keys, fmt=plistlib.FMT_BINARY if binary_form else plistlib.FMT_XML)


class Device:
    """Speaks MDM as one device: each call is one request and returns status, headers, body.

    proof is "signature" (Mdm-Signature), "mtls", "both" or "none"."""

    CHECKIN = "application/x-apple-aspen-mdm-checkin"
    REPORT = "application/x-apple-aspen-mdm"

    def __init__(self, server, identity, udid="", proof="signature", topic=TOPIC, path="/mdm"):
        self.server, self.identity, self.proof, self.topic, self.path = server, identity, proof, topic, path
        self.connection = None  # set: requests go over it
        self.udid = udid or identity.cert.subject.rfc4514_string().removeprefix("CN=")

    def put(self, body, content_type, headers=None):
        headers = {"Content-Type": content_type, **(headers or {})}
        if self.proof in ("signature", "both"):
            headers.update(self.identity.mdm_signature(body))
        if self.connection:
            return self.connection.request("PUT", self.path, body, headers)
        mtls = self.identity if self.proof in ("mtls", "both") else None
        return self.server.device("PUT", self.path, body, headers, mtls)

    def checkin(self, message, **keys):
        return self.put(plist(MessageType=message, UDID=self.udid, **keys), self.CHECKIN)

    def authenticate(self, **keys):
        facts = {"Topic": self.topic, "DeviceName": f"Mac {self.udid}", "Model": "Mac14,2", "ModelName": "MacBook Air",
                 "ProductName": "Mac14,2", "SerialNumber": f"S{self.udid}", "OSVersion": "14.5", "BuildVersion": "23F79"}
        return self.checkin("Authenticate", **{**facts, **keys})

    def token_update(self, token=b"\x01" * 32, magic="magic", **keys):
        return self.checkin("TokenUpdate", Topic=self.topic, Token=token, PushMagic=magic, **keys)

    def enroll(self, **keys):
        """Authenticate and TokenUpdate, which must be accepted."""
        for status, _, body in (self.authenticate(**keys), self.token_update()):
            assert (status, body) == (200, b""), status
        return self

    def check_out(self):
        return self.checkin("CheckOut", Topic=self.topic)

    def idle(self):
        return self.put(plist(Status="Idle", UDID=self.udid), self.REPORT)

    def report(self, command_uuid, status="Acknowledged", **keys):
        return self.put(plist(Status=status, UDID=self.udid, CommandUUID=command_uuid, **keys), self.REPORT)


# ---- one test in a process of its own: harness.py FILE TEST ----

def end_running(clean):
    """What a test left running: stopped and checked after a test that passed, killed after one that did not."""
    for process in list(_running):
        if clean:
            process.stop()
        else:
            print(f"--- log of {process.process.args[1]}\n{process.log()}", file=sys.stderr)
            process.kill9()


def too_slow(*_):
    raise TimeoutError("the test took too long; it was here")


def run_test(path, name):
    signal.signal(signal.SIGTERM, too_slow)
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(pathlib.Path(path).parent))
    sys.modules["harness"] = sys.modules["__main__"]  # the test's "import harness" means this very module
    try:
        spec.loader.exec_module(module)
        test = getattr(module, name)
        test(*[pathlib.Path.cwd()] * len(inspect.signature(test).parameters))
        end_running(clean=True)
        return 0
    except Skip as why:
        print(f"skipped: {why}")
        end_running(clean=False)
        return 77
    except BaseException:  # SystemExit too: nothing that ends a test early may count as passed
        traceback.print_exc()
        end_running(clean=False)
        return 1


if __name__ == "__main__":
    sys.exit(run_test(sys.argv[1], sys.argv[2]))
