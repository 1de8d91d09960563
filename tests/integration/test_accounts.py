"""Accounts: the first login, sessions and their ends, second factors, throttling, forged requests, the command line."""
import gzip
import http.client
import json
import os
import pty
import re
import resource
import subprocess
import time

from accounts import PASSWORD, Browser, link_of, person, totp
from harness import PATIENCE, Server, binary, cli, needs_terminals, request, tls_context, until

HOUR = 3600


def shifted(tmp, server, seconds):
    server.stop()
    return Server(tmp, data=server.data, env={"POMONA_CLOCK_SHIFT": str(seconds)})


def denied(answer):
    return answer[0] == 403 and answer[1]["error"]["code"] == "denied"


# ---- the first login ----

def test_a_link_makes_the_first_account_once(tmp):
    server = Server(tmp)
    link = link_of(server, "setup-link")
    token = link.rsplit("#", 1)[1]
    browser = Browser(server)
    assert link.startswith(server.admin_url + "/setup#")
    assert browser.ask("POST", "/setup/look", {"token": token + "x"})[0] == 404
    status, told = browser.ask("POST", "/setup/look", {"token": token})
    assert (status, told["purpose"], told["name"], told["role"]) == (200, "first", None, "admin")
    for name, password in (("", PASSWORD), ("admin", PASSWORD), ("Anna", PASSWORD), ("anna", "short"), ("anna", "passwordpassword"), (None, PASSWORD)):
        assert browser.ask("POST", "/setup", {"token": token, "name": name, "password": password})[0] == 400, (name, password)
    assert browser.ask("POST", "/setup", {"token": token, "name": "anna", "password": PASSWORD}, {"Origin": "https://evil.example"})[0] == 403
    assert browser.set_up(link, "anna")[0] == 200
    assert browser.ask("GET", "/users")[1]["users"][0]["name"] == "anna"
    assert Browser(server).set_up(link, "mallory")[0] == 404
    assert server.cli("user", "setup-link", expect=1).stdout == ""
    # what is on disk and in the log tells no secret
    session = browser.cookie.split("=", 1)[1]
    secrets = (token, PASSWORD, session, browser.csrf)
    assert not [s for s in secrets if s in server.log()]
    server.stop()
    for file in server.data.glob("pomona.db*"):
        assert not [s for s in secrets if s.encode() in file.read_bytes()], file


def test_the_link_is_shown_on_a_terminal_only(tmp):
    needs_terminals()
    data = tmp / "data"
    ours, theirs = pty.openpty()
    settings = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--apns-url", "https://127.0.0.1:9"]
    server = subprocess.Popen([binary(), "serve", "--data", str(data), *settings], stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while b"calendar`)" not in shown:  # the last words of its greeting
            shown += os.read(ours, 4096)
    finally:
        server.terminate()
        assert server.wait(PATIENCE) == 0
        os.close(ours)
    assert shown.count(b"/setup#") == 1 and b"within an hour" in shown
    piped = Server(tmp, data=data)
    assert b"/setup#" not in piped.stdout and "/setup#" not in piped.log()


# ---- sessions ----

def test_a_session_is_nobody_elses(tmp):
    server = Server(tmp)
    anna = person(server, "anna")
    # a session that was there before the login is not taken over
    planted = "pomona-session=" + "A" * 43
    fixed = Browser(server)
    fixed.cookie = planted
    assert fixed.log_in("anna")[0] == 200
    assert fixed.cookie != planted and "HttpOnly" in fixed.headers["Set-Cookie"]
    assert "SameSite=Strict" in fixed.headers["Set-Cookie"] and "Path=/;" in fixed.headers["Set-Cookie"]
    thief = Browser(server)
    thief.cookie = planted
    assert thief.ask("GET", "/session")[0] == 401
    for name, value in (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"), ("Cross-Origin-Resource-Policy", "same-origin")):
        assert fixed.headers[name] == value
    assert "default-src 'none'" in fixed.headers["Content-Security-Policy"]
    # nor is it somebody else's by a key that makes an answer come again
    for browser, password, status in ((Browser(server), PASSWORD, 200), (Browser(server), "not this one at all", 401), (Browser(server), PASSWORD, 200)):
        assert browser.ask("POST", "/session", {"name": "anna", "password": password}, {"Idempotency-Key": "one"})[0] == status
        assert "Idempotency-Replayed" not in browser.headers and (browser.cookie is None) == (status != 200)
    # one's own are listed and ended; those of others are not reached by their numbers
    bert = person(server, "bert", "viewer")
    own = anna.ask("GET", "/me/sessions")[1]["sessions"]
    assert {row["name"] for row in own} == {"anna"} and [row["current"] for row in own].count(True) == 1
    other = bert.ask("GET", "/me/sessions")[1]["sessions"][0]["id"]
    assert anna.ask("DELETE", f"/me/sessions/{other}")[0] == 404
    assert anna.ask("DELETE", "/me/sessions/x")[0] == 404
    assert bert.ask("GET", "/session")[0] == 200
    assert anna.ask("DELETE", "/me/sessions")[0] == 204 and fixed.ask("GET", "/session")[0] == 401
    assert anna.ask("DELETE", f"/sessions/{other}")[0] == 204 and bert.ask("GET", "/session")[0] == 401
    assert denied(person(server, "carl", "operator").ask("DELETE", "/sessions/1"))
    # a log-out that could not be written leaves her logged in, with her cookie
    kept = anna.cookie
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    assert anna.ask("DELETE", "/session")[0] == 503 and "Set-Cookie" not in anna.headers and anna.cookie == kept
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
    assert anna.ask("GET", "/session")[0] == 200
    # a log-out ends it on the server, not only in the browser
    assert anna.ask("DELETE", "/session")[0] == 204 and anna.cookie is None and "Max-Age=0" in anna.headers["Set-Cookie"]
    anna.cookie = kept
    assert anna.ask("GET", "/session")[0] == 401


def test_who_may_less_is_logged_out(tmp):
    server = Server(tmp)
    person(server, "chief")
    for words, role in ((("disable",), "operator"), (("role", "viewer"), "operator"), (("remove",), "admin")):
        browser = person(server, "anna-" + words[0], role)
        assert browser.ask("GET", "/session")[0] == 200
        server.cli("user", words[0], "anna-" + words[0], *words[1:])
        assert browser.ask("GET", "/session")[0] == 401, words
    assert Browser(server).log_in("anna-disable")[0] == 401
    assert server.cli("user", "remove", "chief", expect=1).stderr.count("last admin") == 1
    assert server.admin("PATCH", "/api/v1/users/chief", {"disabled": True})[0] == 409
    # two admins at one account: the second is told; that the person logs in meanwhile is seen, but no conflict
    look = lambda **more: request(server.admin_address, "GET", "/api/v1/users/anna-role", None, {"Authorization": f"Bearer {server.token}", **more})
    etag = look()[1]["ETag"]
    assert look(**{"If-None-Match": etag})[0] == 304
    assert Browser(server).log_in("anna-role")[0] == 200
    status, headers, seen = look(**{"If-None-Match": etag})
    assert status == 200 and headers["ETag"] != etag and json.loads(seen)["last_login_at"]
    for wrong in ('"1', '"."', '"-1.0"', '"x.1"', '".1"'):
        assert server.admin("PATCH", "/api/v1/users/anna-role", {"role": "operator"}, headers={"If-Match": wrong})[0] == 400, wrong
    assert server.admin("PATCH", "/api/v1/users/anna-role", {"role": "operator"}, headers={"If-Match": etag})[0] == 200
    status, told = server.admin("PATCH", "/api/v1/users/anna-role", {"role": "admin"}, headers={"If-Match": etag})
    assert (status, told["error"]["code"]) == (412, "precondition")
    assert server.admin("DELETE", "/api/v1/users/anna-role", headers={"If-Match": etag})[0] == 412


def test_sessions_and_links_end_by_the_clock(tmp):
    server = Server(tmp)
    anna = person(server, "anna")
    link = link_of(server, "add", "bert", "--role", "viewer")
    server = shifted(tmp, server, 50 * 60)
    anna.server = server
    assert anna.ask("GET", "/session")[0] == 200
    until(lambda: server.rows("SELECT count(*) FROM login WHERE seen_at > created_at + 2900000000")[0][0], "the session was seen")
    server = shifted(tmp, server, 100 * 60)
    anna.server = server
    assert anna.ask("GET", "/session")[0] == 200  # its idle end moved
    assert Browser(server).set_up(link)[0] == 404
    server = shifted(tmp, server, 13 * HOUR)
    anna.server = server
    status, told = anna.ask("GET", "/session")
    assert (status, told["error"]["code"]) == (401, "unauthorized") and "WWW-Authenticate" not in anna.headers


def test_what_a_page_asks_by_itself_is_no_use_of_a_session(tmp):
    server = Server(tmp)
    anna = person(server, "anna")
    server = shifted(tmp, server, 50 * 60)
    anna.server = server
    assert anna.ask("GET", "/devices", None, {"X-By-Itself": "1"})[0] == 200
    stream = http.client.HTTPConnection(*server.admin_address, timeout=PATIENCE)
    stream.request("GET", "/api/v1/events", headers={"Cookie": anna.cookie})
    assert stream.getresponse().status == 200
    stream.close()
    assert server.admin("POST", "/api/v1/tokens", {"name": "x", "role": "viewer"})[0] == 201  # what they would have written is written
    assert server.rows("SELECT count(*) FROM login WHERE seen_at = created_at") == [(1,)]
    assert anna.ask("GET", "/devices")[0] == 200
    until(lambda: server.rows("SELECT count(*) FROM login WHERE seen_at > created_at")[0][0], "the session was seen")


def test_over_tls_the_cookie_is_bound_to_the_host(tmp):
    server = Server(tmp, admin_listen="0.0.0.0:0")
    context = tls_context()
    auth = {"Authorization": f"Bearer {server.token}"}
    address = ("127.0.0.1", server.admin_address[1])
    server.admin_address = address
    status, _, body = request(address, "POST", "/api/v1/users/setup-link", b"{}", auth, context)
    link = json.loads(body)["url"]
    assert status == 201 and link.startswith("https://127.0.0.1:")
    anna = Browser(server, context)
    assert anna.set_up(link, "anna")[0] == 200
    assert anna.cookie.startswith("__Host-pomona-session=") and "; Secure" in anna.headers["Set-Cookie"]
    assert anna.ask("GET", "/session")[0] == 200
    anna.cookie = anna.cookie.replace("__Host-", "")  # as another page on this host could plant it
    assert anna.ask("GET", "/session")[0] == 401


def test_a_proxy_may_speak_tls_for_us(tmp):
    server = Server(tmp, trusted_proxies="127.0.0.1")
    assert server.admin("POST", "/api/v1/users/setup-link", {}, headers={"X-Forwarded-Proto": "https"})[1]["url"].startswith("https://")
    anna = person(server, "anna")
    anna.given["X-Forwarded-Proto"] = "https"
    assert anna.log_in("anna")[0] == 200
    assert anna.cookie.startswith("__Host-pomona-session=") and "; Secure" in anna.headers["Set-Cookie"]
    assert anna.ask("POST", "/users", {"name": "bert", "role": "viewer"}, {"Origin": server.admin_url.replace("http:", "https:")})[0] == 201
    server.stop()
    server = Server(tmp, data=server.data)  # from anybody else it is as if the header were not there
    anna.server = server
    assert anna.log_in("anna")[0] == 200 and anna.cookie.startswith("pomona-session=")


def test_more_lines_of_addresses_than_anyone_sends_are_none(tmp):
    server = Server(tmp, trusted_proxies="127.0.0.1")
    for lines, peer in ((16, "192.0.2.16"), (17, "127.0.0.1"), (200, "127.0.0.1")):
        connection = http.client.HTTPConnection(*server.admin_address, timeout=PATIENCE)
        connection.putrequest("GET", f"/{lines}")
        for n in range(lines):
            connection.putheader("X-Forwarded-For", f"192.0.2.{n + 1}")
        connection.endheaders()
        assert connection.getresponse().status == 401
        connection.close()
        until(lambda peer=peer: [row["peer"] for row in server.events(msg="request")][-1:] == [peer], f"{peer} in the log")


# ---- forged requests ----

def test_a_change_must_come_from_our_own_page(tmp):
    server = Server(tmp)
    anna, other = person(server, "anna"), Browser(server)
    assert other.log_in("anna")[0] == 200
    own = {"Origin": server.admin_url, "Sec-Fetch-Site": "same-origin"}
    forged = [{"X-CSRF-Token": None}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 43}, {"X-CSRF-Token": other.csrf},
              {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
              {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
    for headers in forged:
        assert denied(anna.ask("POST", "/users", {"name": "mallory", "role": "admin"}, {**own, **headers})), headers
    assert [u["name"] for u in anna.ask("GET", "/users")[1]["users"]] == ["anna"]
    assert anna.ask("POST", "/users", {"name": "bert", "role": "viewer"}, own)[0] == 201
    assert anna.ask("GET", "/session", None, {"X-CSRF-Token": None})[0] == 200
    assert anna.ask("GET", "/session", None, {"Host": "evil.example"})[0] == 421
    assert denied(Browser(server).ask("POST", "/session", {"name": "anna", "password": PASSWORD}, {"Sec-Fetch-Site": "cross-site"}))
    # a token needs none of this; but a browser keeps what Basic was told, and sends it from anywhere
    assert server.admin("POST", "/api/v1/users", {"name": "carl", "role": "viewer"})[0] == 201
    for headers in forged[4:]:
        assert denied(server.admin("POST", "/api/v1/users", {"name": "mallory", "role": "admin"}, headers=headers)), headers


HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
           "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
POLICY = "default-src 'none'; frame-ancestors 'none'"
DOSSIER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
PAGE_POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
               "form-action 'none'; base-uri 'none'; frame-ancestors 'none'")


def test_every_answer_is_hardened(tmp):
    server = Server(tmp)
    token = {"Authorization": f"Bearer {server.token}"}
    page = request(server.admin_address, "GET", "/")[2].decode()
    assets = re.findall(r'/assets/[^"]+', page)
    asked = [("GET", "/nothing", {}), ("GET", "/nothing", token), ("OPTIONS", "/", {}), ("PUT", "/healthz", token), ("GET", "/healthz", {}), ("GET", "/version", {}),
             ("GET", "/metrics", token), ("GET", "/v1/pushcert", {}), ("GET", "/api/v1/devices/export", token), ("GET", "/api/v1/devices", token),
             ("HEAD", "/api/v1/events", token), ("GET", "/", {"Host": "evil.example"}), ("POST", "/api/v1/session", {"Sec-Fetch-Site": "cross-site"}),
             ("GET", "/api/v1/pushcerts/dossier?format=html", token), ("GET", "/", {}), *[("GET", path, {}) for path in assets[:1]]]
    for method, path, headers in asked:
        _, answer, _ = request(server.admin_address, method, path, None, headers)
        assert not {name: answer.get_all(name) for name, value in HEADERS.items() if answer.get_all(name) != [value]}, (method, path)
        policies, kept = answer.get_all("Content-Security-Policy"), answer.get_all("Cache-Control")
        is_page = path in assets or (path, headers) == ("/", {}) and method == "GET"
        assert policies == [PAGE_POLICY if is_page else DOSSIER_POLICY if answer.get_content_type() == "text/html" else POLICY], (path, policies)
        wanted = "no-cache" if is_page else "no-store"
        assert kept == ["public, max-age=31536000, immutable" if path in assets else wanted], (path, kept)


def test_the_console_comes_as_the_browser_takes_it(tmp):
    server = Server(tmp)

    def asked(path, **headers):
        return request(server.admin_address, "GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    page = asked("/")[2]
    for path in ("/", *re.findall(r'/assets/[^"]+', page.decode())[:2]):
        plain = asked(path)[2]
        for takes in ("gzip", "br, GZIP;q=0.5", "*"):
            _, answer, packed = asked(path, Accept_Encoding=takes)
            assert answer["Content-Encoding"] == "gzip" and gzip.decompress(packed) == plain and answer["Vary"] == "Accept-Encoding", (path, takes)
        for takes in ("", "br", "gzip;q=0", "gzip; q=0.00", "identity, *;q=0"):
            _, answer, body = asked(path, Accept_Encoding=takes)
            assert "Content-Encoding" not in answer and body == plain, (path, takes)
        status, _, body = asked(path, If_None_Match=answer["ETag"])
        assert (status, body) == (304, b""), path
    assert asked("/assets/index.html")[0] == asked("/assets/main.js")[0] == 404


def test_only_programs_are_asked_for_basic(tmp):
    server = Server(tmp)

    def asked(**headers):
        status, answer, _ = request(server.admin_address, "GET", "/api/v1/session", None, headers)
        assert status == 401
        return "WWW-Authenticate" in answer

    assert asked()
    for name in ("Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-CSRF-Token"):
        assert not asked(**{name: "x"}), name


# ---- passwords and second factors ----

def test_a_password_is_changed_by_who_knows_it(tmp):
    server = Server(tmp)
    anna, other = person(server, "anna"), Browser(server)
    assert other.log_in("anna")[0] == 200
    assert denied(anna.ask("PUT", "/me/password", {"current": "not this one at all", "new": "another good one"}))
    assert anna.ask("PUT", "/me/password", {"current": PASSWORD, "new": "short"})[0] == 400
    assert other.ask("GET", "/session")[0] == 200
    assert anna.ask("PUT", "/me/password", {"current": PASSWORD, "new": "another good one"})[0] == 204
    assert other.ask("GET", "/session")[0] == 401 and anna.ask("GET", "/session")[0] == 200
    assert Browser(server).log_in("anna")[0] == 401
    assert Browser(server).log_in("anna", "another good one")[0] == 200
    assert denied(server.admin("PUT", "/api/v1/me/password", {"current": "x", "new": "another good one"}))  # of nobody


def test_a_reset_is_not_undone_by_who_was_logged_in(tmp):
    """What was asked before the session ended, and is done after it: a password that is still looked at, a body that comes slowly."""
    server = Server(tmp)
    person(server, "chief")
    thief, fresh = person(server, "anna", "operator"), "the new one is secret"
    link = link_of(server, "reset", "anna")
    body = json.dumps({"current": PASSWORD, "new": "a password of the thief"}).encode()
    asked = []
    as_thief = {"Cookie": thief.cookie, "X-CSRF-Token": thief.csrf}
    as_token = {"Authorization": f"Bearer {server.admin('POST', '/api/v1/tokens', {'name': 'stolen', 'role': 'operator'})[1]['token']}"}
    for headers, method, path, sent, missing in (
            (as_thief, "PUT", "/me/password", body, b""), (as_thief, "PUT", "/me/password", body[:-1], body[-1:]), (as_thief, "POST", "/links", b"{", b"}"),
            (as_thief, "PUT", "/packages/a.pkg", b"xar", b"!"), (as_token, "PUT", "/packages/b.pkg", b"xar", b"!"), (as_token, "POST", "/links", b"{", b"}")):
        connection = http.client.HTTPConnection(*server.admin_address, timeout=PATIENCE)
        connection.putrequest(method, f"/api/v1{path}")
        for name, value in {**headers, "Content-Length": str(len(sent + missing))}.items():
            connection.putheader(name, value)
        connection.endheaders(sent)
        asked.append((connection, missing))
    assert Browser(server).set_up(link, password=fresh)[0] == 200
    assert server.admin("DELETE", "/api/v1/tokens/stolen")[0] == 204
    for connection, missing in asked[1:]:
        connection.send(missing)
    statuses = [connection.getresponse().status for connection, _ in asked]
    assert server.rows("SELECT who, count(*) FROM audit WHERE status = 401 AND act <> 'login' GROUP BY who ORDER BY who")[-1] == ("token:stolen", 2)
    assert statuses[1:] == [401] * 5 and statuses[0] in (204, 401, 403), statuses  # the first may have been quick
    assert Browser(server).log_in("anna", fresh)[0] == 200 and Browser(server).log_in("anna", "a password of the thief")[0] == 401


def test_a_second_factor_is_asked_for(tmp):
    server = Server(tmp)
    anna = person(server, "anna")
    status, key = anna.ask("POST", "/me/totp")
    assert status == 200 and key["secret"] in key["uri"]
    assert Browser(server).log_in("anna")[0] == 200  # it does not count yet
    near = {totp(key["secret"], time.time() + s) for s in range(-60, 600, 30)}
    wrong = next(c for c in ("000000", "111111", *(f"2{n:05}" for n in range(30))) if c not in near)
    assert anna.ask("PUT", "/me/totp", {"code": wrong})[0] == 400
    code = totp(key["secret"])
    status, told = anna.ask("PUT", "/me/totp", {"code": code})
    assert status == 200 and len(set(told["recovery_codes"])) == 10, told
    assert Browser(server).log_in("anna", code=code)[0] == 401  # a replay
    assert anna.ask("POST", "/me/totp")[0] == 409
    status, told = Browser(server).log_in("anna")
    assert (status, told["error"]["code"]) == (401, "second-factor")
    assert Browser(server).log_in("anna", "not this one at all")[1]["error"]["code"] == "unauthorized"
    status, told = anna.ask("POST", "/me/recovery-codes", {"password": PASSWORD})
    codes = told["recovery_codes"]
    assert Browser(server).log_in("anna", code=codes[0].upper())[0] == 200
    assert Browser(server).log_in("anna", code=codes[0])[0] == 401
    assert denied(anna.ask("DELETE", "/me/totp", {"password": "not this one at all"}))
    # lost: an admin's link replaces both
    link = link_of(server, "reset", "anna")
    assert anna.ask("GET", "/session")[0] == 200
    again = Browser(server)
    assert again.set_up(link, password="another good one")[0] == 200
    assert anna.ask("GET", "/session")[0] == 401 and not again.ask("GET", "/session")[1]["second_factor"]
    assert key["secret"] not in server.log() and not [c for c in codes if c in server.log()]


def test_wrong_attempts_cost_time(tmp):
    server = Server(tmp, trusted_proxies="127.0.0.1")
    person(server, "anna")

    def attempts(name, network):
        """Until one is put off: a slow machine may wait the first waits out by itself."""
        answers = []
        while not answers or (answers[-1][0] == 401 and len(answers) < 15):
            browser = Browser(server, peer=f"{network}.{len(answers)}")
            status, told = browser.log_in(name, "not this one at all")
            answers.append((status, told["error"]["code"], told["error"]["message"]))
        assert 5 < len(answers) and answers[-1][:2] == (429, "throttled") and int(browser.headers["Retry-After"]) >= 1
        return answers[:5]

    assert attempts("anna", "192.0.2") == attempts("nobody", "198.51.100")
    # one address, whatever the name; others are not concerned
    tries = [Browser(server, peer="203.0.113.1").log_in(f"x{n}", "not this one at all")[0] for n in range(15)]
    assert tries[:5] == [401] * 5 and 429 in tries
    assert Browser(server, peer="203.0.113.2").log_in("y", "not this one at all")[0] == 401
    rows = server.rows("SELECT who, peer, act, status, detail FROM audit WHERE act = 'login' ORDER BY seq")
    assert ("anna", "192.0.2.1", "login", 401, "unauthorized") in rows and ("", "203.0.113.1", "login", 401, "no such name") in rows
    assert "nobody" not in str(rows) and not [r for r in rows if r[3] == 429]


# ---- the command line ----

def test_the_command_line_keeps_accounts(tmp):
    server = Server(tmp)
    assert "setup-link" in server.cli("user", "list").stderr
    anna = person(server, "anna")
    assert link_of(server, "add", "bert", "--role", "operator").startswith(server.admin_url + "/setup#")
    assert server.cli("user", "add", "carl", expect=2).stderr.count("--role")
    rows = {u["name"]: u for u in server.cli_json("user", "list")}
    assert rows["anna"]["has_password"] and not rows["bert"]["has_password"] and rows["bert"]["created_by"] == "admin"
    assert "bert" in server.cli("user", "list").stdout
    version = str(rows["bert"]["version"])
    server.cli("user", "role", "bert", "viewer", "--if-version", version)
    for words in (["role", "bert", "admin"], ["disable", "bert"], ["remove", "bert"]):
        assert "changed" in server.cli("user", *words, "--if-version", version, expect=1).stderr, words
    server.cli("user", "role", "bert", "king", expect=1)
    server.cli("user", "disable", "nobody", expect=3)
    session = server.cli_json("user", "sessions", "anna")[0]
    server.cli("user", "sessions", "--end", session["id"])
    assert anna.ask("GET", "/session")[0] == 401 and server.cli_json("user", "sessions") == []
    assert anna.log_in("anna")[0] == Browser(server).log_in("anna")[0] == 200
    assert server.cli("user", "sessions", "bert", "--end", "all").stdout == "0 ended\n" and anna.ask("GET", "/session")[0] == 200
    assert server.cli("user", "sessions", "anna", "--end", "all").stdout == "2 ended\n" and anna.ask("GET", "/session")[0] == 401
    token = server.cli("token", "add", "ci", "--role", "viewer", "--scope", "devices:read", "--scope", "accounts", "--ttl", "30d").stdout.strip()
    assert token.startswith("pomona_") and len(token) == 50
    assert server.cli_json("token", "list")[0]["scopes"] == ["devices:read", "accounts"]
    url, data = ("--server", server.admin_url), ("--data", tmp / "nothing")
    assert cli("device", "list", *url, *data, "--api-key", token).returncode == 0
    assert "needs the role admin" in cli("user", "list", *url, *data, "--api-key", token, expect=5).stderr
    server.cli("token", "revoke", "ci")
    cli("device", "list", *url, *data, "--api-key", token, expect=5)
    acts = server.cli_json("audit", "--who", "admin", "--from", "1h", "--limit", "2")
    assert [a["act"] for a in acts] == ["DELETE /api/v1/tokens/:name", "POST /api/v1/tokens"] and acts[0]["object"] == "ci"
    heads, row, *more = server.cli("audit", "--act", "ended a token").stdout.splitlines()
    assert row[heads.index("WHO"):].split("  ")[0] == "admin" and "  Ended a token  ci  " in row and row.endswith("  done") and more == [], row
    told = server.cli("audit", "--failed", "--object", "nobody").stdout
    assert "Changed an account  nobody  127.0.0.1  refused: there is no such thing\n" in told, told
    failed = server.cli_json("audit", "--failed")
    assert {a["status"] for a in failed} == {400, 404, 412}
    assert Browser(server).log_in("nobody")[0] == 401
    assert "  Logged in  -   127.0.0.1  refused: no such name\n" in server.cli("audit", "--failed", "--act", "logged in").stdout
