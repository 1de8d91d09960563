"""The process: how it starts, what it listens on, how certificates change while it serves, how it ends."""
import http.client
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import uuid

import fleet
from harness import CA, PATIENCE, TOPIC, Device, Process, Server, binary, cli, preload, request, until


def serve_fails(tmp, *flags, expect=1, **settings):
    environment = {f"POMONA_{k.upper()}": str(v) for k, v in settings.items()}
    return cli("serve", "--data", tmp / "data", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags, expect=expect,
               env=environment).stderr


def pem_pair(tmp, name, identity):
    (tmp / f"{name}.crt").write_bytes(identity.cert_pem)
    (tmp / f"{name}.key").write_bytes(identity.key_pem)
    return tmp / f"{name}.crt", tmp / f"{name}.key"


def served_certificate(address):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, PATIENCE) as s, context.wrap_socket(s) as t:
        return t.getpeercert(True)


def der(identity):
    return ssl.PEM_cert_to_DER_cert(identity.cert_pem.decode())


def test_what_cannot_start_says_why(tmp):
    ca = CA()
    cert, _ = pem_pair(tmp, "a", ca.identity("a"))
    _, key = pem_pair(tmp, "b", ca.identity("b"))
    assert "key" in serve_fails(tmp, "--tls-cert", cert, "--tls-key", key)
    assert "absent.pem" in serve_fails(tmp, "--tls-cert", tmp / "absent.pem", "--tls-key", key)
    assert "device-ca" in serve_fails(tmp, "--device-ca", tmp / "absent.pem", expect=2)
    assert "device-ca" in serve_fails(tmp, "--device-ca", key, expect=2)
    assert "loopback" in serve_fails(tmp, "--admin-listen", "0.0.0.0:0", "--tls", "off", expect=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in serve_fails(tmp, "--listen", "127.0.0.1:%d" % taken.getsockname()[1])
    (tmp / "data" / "secret.key").unlink()
    assert "secret.key" in serve_fails(tmp)


def test_secrets_in_paths_stay_out_of_the_log(tmp):
    server = Server(tmp, tls="off")
    paths = {"/enroll/SECRET-1": "/enroll/…", "/files/SECRET-1/a.pkg": "/files/…", "/calendar/SECRET-1": "/calendar/…", "/enrol/SECRET-1": "/enrol…"}
    for path in paths:
        for address in (server.devices_address, server.admin_address):
            assert request(address, "GET", path)[0] in (401, 404), path
    assert {row["path"] for row in server.events(msg="request")} >= set(paths.values()) and "SECRET-1" not in server.log()


def test_the_first_start_says_what_to_do_next(tmp):
    server = Server(tmp)
    until(lambda: b"nobody is told yet before a certificate ends" in server.stdout, "the first words, and who is told of trouble")
    assert b"enroll link" in server.stdout
    assert server.token.encode() not in server.stdout and server.token not in server.log()
    server.stop()
    assert not Server(tmp).stdout


def test_own_certificate_is_checked_by_its_ca(tmp):
    server = Server(tmp)
    context = ssl.create_default_context(cafile=server.data / "tls-ca.pem")
    with socket.create_connection(server.devices_address, PATIENCE) as s, context.wrap_socket(s, server_hostname="localhost") as t:
        assert t.version() in ("TLSv1.2", "TLSv1.3")


def test_a_changed_certificate_is_used(tmp):
    ca = CA()
    one, two, three = ca.identity("one"), ca.identity("two"), ca.identity("three")
    cert, key = pem_pair(tmp, "tls", one)
    server = Server(tmp, tls_cert=cert, tls_key=key)
    assert served_certificate(server.devices_address) == der(one)
    pem_pair(tmp, "tls", two)
    server.wait_log(msg="TLS certificate read again")
    assert served_certificate(server.devices_address) == der(two)
    cert.write_bytes(three.cert_pem)
    server.wait_log(msg="the changed TLS certificate is not used")
    assert served_certificate(server.devices_address) == der(two)
    key.write_bytes(three.key_pem)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: served_certificate(server.devices_address) == der(three), "the third certificate")


def test_a_reload_changes_who_is_trusted(tmp):
    first, second = CA("first"), CA("second")
    (tmp / "ca.pem").write_bytes(first.cert_pem)
    server = Server(tmp, device_ca=tmp / "ca.pem")
    device = Device(server, second.identity("U-2"), "U-2")
    assert device.idle()[0] == 400
    (tmp / "ca.pem").write_bytes(first.cert_pem + second.cert_pem)
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(msg="settings and certificates reloaded")
    assert device.idle()[0] == 400  # trusted now, but unknown
    refusals = until(lambda: (rows := server.events(msg="request", path="/mdm", status="400"))[1:] and rows, "two refusals in the log")
    assert "issuer" in refusals[0]["detail"] and "issuer" not in refusals[1].get("detail", "")


def test_admin_beyond_loopback_speaks_tls(tmp):
    server = Server(tmp, admin_listen="0.0.0.0:0")
    port = server.admin_address[1]
    url = f"https://localhost:{port}"
    assert "ok" in cli("status", "--server", url, "--data", server.data).stdout
    cli("status", "--server", url, "--data", server.data, "--server-ca", CA().file(tmp), expect=4)
    assert "ok" in cli("status", "--data", server.data, env={"POMONA_ADMIN_LISTEN": f"0.0.0.0:{port}"}).stdout
    with_address = request(("127.0.0.1", port), "GET", "/healthz", context=ssl._create_unverified_context())
    assert with_address[0] == 200
    server.stop()
    insecure = Server(tmp, admin_listen="0.0.0.0:0", admin_insecure="yes")
    assert request(("127.0.0.1", insecure.admin_address[1]), "GET", "/healthz")[0] == 200


def test_without_tls(tmp):
    server = Server(tmp, tls="off")
    assert request(server.devices_address, "GET", "/healthz")[0] == 200


def test_connections_to_the_api_are_few(tmp):
    """Each may hold 2 MiB of headers before its token is looked at: together they must not fill the memory."""
    server = Server(tmp)
    held = [socket.create_connection(server.admin_address, timeout=PATIENCE) for _ in range(400)]
    for connection in held:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        except OSError:
            pass  # one too many
    until(lambda: len(select.select(held, [], [], 0)[0]) >= 100, "the server to end what is too many")
    assert not server.events(msg="a connection was cut off at its deadline"), "so they were not too many"
    for connection in held:
        connection.close()

    def answers():
        try:
            return server.admin("GET", "/healthz")[0] == 200
        except OSError:
            return False  # it has not yet seen that they are closed

    until(answers, "an answer")


def test_limits_of_the_listeners(tmp):
    server = Server(tmp)
    assert server.device("GET", "/healthz?" + "x" * 8000)[0] == 200
    assert server.device("GET", "/healthz", headers={"X": "x" * 20000})[0] == 431
    assert server.admin("GET", "/v1/push/" + ",".join("U-%08d" % n for n in range(100000)))[0] == 404
    assert server.device("PUT", "/checkin", b"x" * (1 << 20) + b"y")[0] in (400, 413)
    assert server.admin("POST", "/api/v1/commands", b" " * (5 << 20))[0] == 413


def test_signals_end_it_with_requests_in_flight(tmp):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = Server(tmp)
        stop = threading.Event()
        odd = []

        def ask():
            while not stop.is_set():
                try:
                    status = server.admin("GET", "/api/v1/devices")[0]
                    if status not in (200, 503):
                        odd.append(status)
                except (OSError, http.client.HTTPException):
                    return  # the server has closed: it must not have answered wrongly before

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for t in askers:
            t.start()
        until(lambda: len(server.events(msg="request")) > 20, "requests in flight")
        begin = time.monotonic()
        server.process.send_signal(number)
        assert server.wait() == 0
        assert time.monotonic() - begin < PATIENCE
        stop.set()
        for t in askers:
            t.join()
        assert not odd and server.events(msg="stopped")


def test_what_was_cut_off_at_the_end_is_done_before_its_parts_are_taken_apart(tmp):
    """A request with many devices goes on from job to job; with a slow disk it does so longer than the end waits for it."""
    command, answers = str(uuid.uuid4()), []
    server = Server(tmp, tls="off")
    server.push_cert()
    server.stop()
    fleet.enroll(server.data / "pomona.db", 1000, TOPIC)
    server = Server(tmp, tls="off")
    asked = {"filter": "FLEET", "command_uuid": command, "request_type": "ProfileList", "push": False}
    assert server.admin("POST", "/api/v1/commands", asked)[0] == 200
    server.stop()
    slow = {"LD_PRELOAD": preload(), "INTERPOSE_LOG": str(tmp / "log"), "INTERPOSE_SYNC_US": "1000000"}
    server = Server(tmp, env=slow, tls="off")
    asking = threading.Thread(target=lambda: answers.append(server.admin("DELETE", f"/api/v1/commands/{command}")[0]))
    asking.start()
    until(lambda: server.rows("SELECT 1 FROM target WHERE status = 'Cancelled' LIMIT 1"), "the first of them")
    server.stop()
    asking.join()
    assert answers == [503]
    assert server.rows("SELECT count(*) FROM target WHERE status = 'Cancelled'") == [(1000,)]


def test_an_unfinished_request_does_not_hold_it(tmp):
    server = Server(tmp, tls="off")
    with socket.create_connection(server.devices_address, PATIENCE) as s:
        s.sendall(b"PUT /checkin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        until(lambda: True)
        server.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        assert server.wait() == 0
        assert time.monotonic() - begin < 8 + PATIENCE / 2


def test_a_closed_log_does_not_end_it(tmp):
    reader, writer = os.pipe()
    process = subprocess.Popen([binary(), "serve", "--data", tmp / "data", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    with os.fdopen(reader) as log:
        until(lambda: "msg=ready" in log.readline(), "the start")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_json_log(tmp):
    process = Process(["serve", "--data", tmp / "data", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
    until(lambda: '"msg":"ready"' in process.log(), "the start")
    assert '"listener":"admin"' in process.log()
