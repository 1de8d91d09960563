"""Roles and scopes: what each may, at every route that there is; and the record of what was done."""
import base64
import contextlib
import http.client
import json
import pathlib
import re
import uuid

import xar
from accounts import PASSWORD, person
from harness import CA, PATIENCE, Connection, Device, Server, plist, request

SOURCES = pathlib.Path(__file__).resolve().parents[2]
RANKS = {"ROLE_VIEWER": 1, "ROLE_OPERATOR": 2, "ROLE_ADMIN": 3}
ROLES = ("viewer", "operator", "admin")


def table():
    """include/face/access.def: prefix, as the description writes it → scope, rank to look, rank to change."""
    text = (SOURCES / "include/face/access.def").read_text()
    rows = re.findall(r'^ACCESS\("([^"]+)",\s*"(\w+)",\s*(\w+),\s*(\w+)\)', text, re.M)
    return {re.sub(r":(\w+)", r"{\1}", prefix): (scope, RANKS[look], RANKS[change]) for prefix, scope, look, change in rows}


def row_of(rows, path):
    fits = [p for p in rows if path == p or path.startswith(p + "/")]
    return rows[max(fits, key=len)] if fits else None


def routes(server):
    """Method and path of every route of the description that asks who it is."""
    document = server.admin("GET", "/api/v1/openapi.json")[1]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation.get("security") != []:
                yield method.upper(), path


def status_of(server, method, path, token):
    """Only the status: some answers do not end."""
    body = b"{}" if method in ("POST", "PUT", "PATCH") else None
    with contextlib.closing(http.client.HTTPConnection(*server.admin_address, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status


def new_token(server, name, role, *scopes):
    status, told = server.admin("POST", "/api/v1/tokens", {"name": name, "role": role, **({"scopes": scopes} if scopes else {})})
    assert status == 201, told
    return told["token"]


def test_every_route_stands_in_the_table(tmp):
    server, rows = Server(tmp), table()
    assert len(rows) > 30
    described = {path for _, path in routes(server)}
    sources = "".join(p.read_text() for p in (SOURCES / "server/face").glob("*.c"))
    written = {re.sub(r":(\w+)", r"{\1}", path) for path in re.findall(r'"((?:/api/v1|/v1|/migration)[^"\s%]*)"', sources)} - {"/api/v1", "/api/v1/", "/v1/"}
    open_ones = {"/api/v1/setup", "/api/v1/setup/look"}
    for path in (described | written) - open_ones:
        assert row_of(rows, path), f"{path}: who may ask it is not in access.def"
    assert all(any(p == prefix or p.startswith(prefix + "/") for p in described | written)
               for prefix in rows), "access.def has rows of routes that are not there"


# Once more, so that a row that gives more than it should is seen. All may look at what does not stand here, operators change what does not.
LOOKED_AT_BY = {
    "operator": {"/api/v1/calendar", "/api/v1/commands/{uuid}/plist", "/api/v1/profiles/{identifier}/file", "/api/v1/profiles/{identifier}/diff",
                 "/api/v1/packages/{name}/manifest", "/api/v1/links", "/api/v1/enroll-profile", "/api/v1/migrated-profile", "/api/v1/pushcerts/dossier",
                 "/v1/enqueue", "/v1/push", "/v1/queue", "/v1/escrowkeyunlock"},
    "admin": {"/api/v1/settings", "/api/v1/users", "/api/v1/sessions", "/api/v1/tokens", "/api/v1/audit", "/migration"}}
CHANGED_BY = {
    "viewer": {"/api/v1/session", "/api/v1/me"},
    "admin": {"/api/v1/openapi.json", "/api/v1/status", "/api/v1/overview", "/api/v1/events", "/api/v1/doctor", "/api/v1/guardian", "/api/v1/notices", "/api/v1/tls",
              "/api/v1/calendar", "/metrics", "/api/v1/renewals", "/api/v1/command-types", "/api/v1/migrated-profile", "/api/v1/pushcerts", "/api/v1/pushcerts/dossier",
              "/api/v1/webhooks", "/v1/pushcert"} | LOOKED_AT_BY["admin"]}


def test_the_table_gives_no_role_more_than_it_should():
    rows = table()
    for which, said, others in ((1, LOOKED_AT_BY, "viewer"), (2, CHANGED_BY, "operator")):
        given = {role: {p for p, row in rows.items() if row[which] == rank} for rank, role in enumerate(ROLES, 1)}
        assert {role: prefixes for role, prefixes in given.items() if role != others} == said


def test_roles_are_refused_exactly_where_the_table_says(tmp):
    server, rows = Server(tmp), table()
    tokens = {role: new_token(server, role, role) for role in ROLES[:2]}
    seen = 0
    for method, template in routes(server):
        path = re.sub(r"{\w+}", "x", template)
        _, look, change = row_of(rows, template)
        least = look if method in ("GET", "HEAD") else change
        for rank, role in enumerate(ROLES[:2], 1):
            if template == "/api/v1/tokens/{name}" or (template.startswith("/api/v1/me") and method != "GET"):
                continue  # below
            status = status_of(server, method, path, tokens[role])
            own = template.startswith(("/api/v1/me", "/api/v1/session")) and status == 403  # not a person
            assert own or (status == 403) == (rank < least), f"{role}: {method} {path}: {status}"
            seen += 1
    assert seen > 150
    # nothing came of all that
    assert server.rows("SELECT count(*) FROM account")[0][0] == 0 and server.rows("SELECT count(*) FROM link")[0][0] == 0
    refused = server.admin("GET", "/api/v1/audit?who=token:viewer&failed=true&limit=1000")[1]["audit"]
    assert {r["act"].split()[0] for r in refused} <= {"POST", "PUT", "PATCH", "DELETE", "GET"}
    assert len(refused) > 40, len(refused)
    assert server.admin("POST", "/api/v1/links", {"anyway": True}, tokens["viewer"])[1]["error"]["message"].count("needs the role operator")


def test_a_viewer_can_do_no_harm_by_cookie_either(tmp):
    server = Server(tmp)
    person(server, "chief")
    viewer = person(server, "vera", "viewer")
    assert viewer.ask("GET", "/devices")[0] == 200
    for method, path, body in (("POST", "/links", {"anyway": True}), ("POST", "/users", {"name": "x", "role": "admin"}),
                               ("PATCH", "/users/vera", {"role": "admin"}), ("POST", "/users/chief/setup-link", {"reset": True}),
                               ("POST", "/tokens", {"name": "x", "role": "admin"}), ("DELETE", "/users/chief", None),
                               ("POST", "/devices/x/block", {}), ("GET", "/users", None), ("GET", "/audit", None), ("GET", "/sessions", None)):
        status, told = viewer.ask(method, path, body)
        assert (status, told["error"]["code"]) == (403, "denied"), path
    assert viewer.ask("GET", "/session")[1]["role"] == "viewer"


def test_a_viewer_learns_no_secret(tmp):
    """Commands as they are, values of profiles that no schema knows, and addresses by which anybody gets a file."""
    ca = CA()
    server = Server(tmp, device_ca=ca.file(tmp), migration_window="1h")
    server.push_cert()
    Device(server, ca.identity("MAC-1")).enroll()
    assert server.enqueue("MAC-1", "c-1", "InstallApplication", Configuration={"License": "SECRET-1"})[0] == 200
    for secret in ("SECRET-2", "SECRET-3"):
        settings = {"org.example.agent": {"Forced": [{"mcx_preference_settings": {"License": secret}}]}}
        inner = {"PayloadType": "com.apple.ManagedClient.preferences", "PayloadVersion": 1, "PayloadIdentifier": "x.1", "PayloadUUID": str(uuid.uuid4()), "PayloadContent": settings}
        profile = plist(PayloadType="Configuration", PayloadVersion=1, PayloadIdentifier="x", PayloadUUID=str(uuid.uuid4()), PayloadContent=[inner])
        assert server.admin("POST", "/api/v1/profiles", profile, headers={"Content-Type": "application/x-apple-aspen-config"})[0] == 201
    package = server.admin("PUT", "/api/v1/packages/a.pkg", xar.package(), headers={"Content-Type": "application/octet-stream"})[1]
    secrets = [b"SECRET-", base64.b64encode(b"SECRET-")[:8], package["url"].split("/")[4].encode()]
    viewer, operator = new_token(server, "viewer", "viewer"), new_token(server, "operator", "operator")
    told = {}
    for path in ("/v1/queue/MAC-1", "/api/v1/commands/c-1", "/api/v1/commands/c-1/plist", "/api/v1/profiles/x", "/api/v1/profiles/x/diff", "/api/v1/profiles/x/file",
                 "/api/v1/packages", "/api/v1/packages/a.pkg", "/api/v1/packages/a.pkg/manifest", "/api/v1/devices/MAC-1", "/api/v1/devices/MAC-1/timeline"):
        for role, token in (("viewer", viewer), ("operator", operator)):
            status, _, body = request(server.admin_address, "GET", path, None, {"Authorization": f"Bearer {token}"})
            body += b"".join(base64.b64decode(text) for text in re.findall(rb'"command": "([^"]+)"', body))
            told[role, path] = status, any(secret in body for secret in secrets)
    assert not [path for (role, path), (_, told_it) in told.items() if role == "viewer" and told_it]
    assert {path for (role, path), (_, told_it) in told.items() if role == "operator" and told_it} == {
        "/v1/queue/MAC-1", "/api/v1/commands/c-1/plist", "/api/v1/profiles/x/diff", "/api/v1/profiles/x/file", "/api/v1/packages/a.pkg", "/api/v1/packages/a.pkg/manifest"}
    assert told["viewer", "/api/v1/packages/a.pkg"][0] == 200


def test_a_flood_of_refusals_does_not_fill_the_record(tmp):
    server = Server(tmp)
    token = {"Authorization": f"Bearer {new_token(server, 'viewer', 'viewer')}"}
    connection = Connection(server.admin_address)
    for _ in range(1050):
        assert connection.request("DELETE", "/api/v1/links/1", None, token)[0] == 403
    connection.close()
    server.stop()
    assert 1000 <= server.rows("SELECT count(*) FROM audit WHERE status = 403")[0][0] <= 1010
    assert len(server.events(msg="request", status="403")) == 1050
    # nor does one row
    server = Server(tmp, data=server.data)
    assert server.admin("X" * 5000, "/api/v1/nothing")[0] == 404
    server.stop()
    assert server.rows("SELECT act FROM audit ORDER BY seq DESC LIMIT 1") == [("X" * 20 + " ?",)]


def test_scopes_narrow_a_token(tmp):
    server = Server(tmp)
    reads = new_token(server, "reads", "operator", "devices:read", "commands")
    ask = lambda method, path, token=reads, body=None: server.admin(method, path, body, token)  # noqa: E731
    assert ask("GET", "/api/v1/devices")[0] == 200 and ask("GET", "/api/v1/commands")[0] == 200
    assert ask("POST", "/api/v1/devices/x/block")[0] == 403 and ask("POST", "/api/v1/commands", body={})[0] == 400
    assert ask("GET", "/api/v1/groups")[0] == 403 and ask("POST", "/api/v1/links", body={})[0] == 403
    status, told = ask("GET", "/api/v1/groups")
    assert "needs the scope groups:read" in told["error"]["message"]
    status, told = ask("GET", "/api/v1/session")
    assert (status, told["name"], told["kind"], told["role"], told["scopes"]) == (200, "token:reads", "token", "operator", "devices:read commands")
    assert "csrf" not in told and ask("DELETE", "/api/v1/session")[0] == 403
    # a scope gives no more than the role
    assert ask("GET", "/api/v1/users", new_token(server, "wide", "viewer", "accounts"))[0] == 403
    for scopes in (["nonsense"], ["devices:write"], ["devices:"], ["own"], [""], [], ["devices commands"], "devices"):
        assert server.admin("POST", "/api/v1/tokens", {"name": "x", "role": "viewer", "scopes": scopes})[0] == 400, scopes
    assert server.admin("POST", "/api/v1/tokens", {"name": "reads", "role": "viewer"})[0] == 409
    assert server.admin("DELETE", "/api/v1/tokens/reads")[0] == 204 and ask("GET", "/api/v1/devices")[0] == 401
    # by Basic with any name, as NanoMDM's tools do; none of it is kept or logged
    short = new_token(server, "short", "viewer")
    basic = base64.b64encode(f"nanomdm:{short}".encode()).decode()
    assert request(server.admin_address, "GET", "/api/v1/devices", None, {"Authorization": f"Basic {basic}"})[0] == 200
    assert reads not in server.log() and short not in server.log()


def test_a_token_ends(tmp):
    server = Server(tmp)
    token = server.cli("token", "add", "short", "--role", "viewer", "--ttl", "1h").stdout.strip()
    assert server.admin("GET", "/api/v1/devices", token=token)[0] == 200
    server.stop()
    server = Server(tmp, data=server.data, env={"POMONA_CLOCK_SHIFT": "3700"})
    assert server.admin("GET", "/api/v1/devices", token=token)[0] == 401
    assert server.cli_json("token", "list")[0]["state"] == "expired"


# ---- the record ----

def acts(server, query=""):
    return server.admin("GET", f"/api/v1/audit?{query}")[1]["audit"]


def test_acts_are_recorded_before_their_answer(tmp):
    server = Server(tmp)
    status, link = server.admin("POST", "/api/v1/links", {"anyway": True})
    server.kill9()
    rows = server.rows("SELECT who, kind, peer, act, status, length(trace) FROM audit")
    assert status == 201 and rows == [("admin", "admin-token", "127.0.0.1", "POST /api/v1/links", 201, 16)]


def test_what_is_recorded_and_what_not(tmp):
    server = Server(tmp)
    anna = person(server, "anna")
    before = len(acts(server))
    assert request(server.admin_address, "POST", "/api/v1/links", b"{}")[0] == 401  # of nobody: the log tells
    assert anna.ask("GET", "/devices")[0] == 200
    assert server.admin("PUT", "/v1/enqueue/U-1", b"nonsense")[0] == 400
    assert len(acts(server)) == before + 1 and acts(server)[0]["act"] == "PUT /v1/enqueue/:ids" and acts(server)[0]["object"] == "U-1"
    once = {"Idempotency-Key": "one"}
    first = server.admin("POST", "/api/v1/links", {"anyway": True}, headers=once)
    assert server.admin("POST", "/api/v1/links", {"anyway": True}, headers=once) == first
    assert len(acts(server)) == before + 2
    assert anna.ask("POST", "/devices/NO-ONE/block", {})[0] == 404
    newest = acts(server)[0]
    assert (newest["who"], newest["kind"], newest["act"], newest["object"], newest["status"], newest["detail"]) == \
        ("anna", "account", "POST /api/v1/devices/:id/block", "NO-ONE", 404, "not-found")
    server.admin("GET", "/api/v1/enroll-profile")
    assert acts(server)[0]["act"] == "GET /api/v1/enroll-profile"  # it makes a challenge
    # names with markup and controls come out as they may be shown
    assert anna.ask("POST", "/devices/%3Cb%3E%E2%80%AE%1b/block", {})[0] == 404
    assert acts(server)[0]["object"] == "<b>\ufffd\ufffd"
    # what stands in no path is told, too: of one thing its name, of many their number
    def object_of(*asked, **more):
        assert server.admin("POST", *asked, **more)[0] < 300
        return acts(server)[0]["object"]
    command = {"ids": ["U-1"], "request_type": "DeviceInformation", "arguments": {"Queries": ["UDID"]}}
    assert server.admin("POST", "/api/v1/commands", {**command, "command_uuid": "C-1"})[0] == 404 and acts(server)[0]["object"] == "C-1"
    assert object_of("/api/v1/devices/import?dry_run=true", b"id,tag\r\n") == "check: 0 devices"
    assert object_of("/api/v1/devices/many", {"act": "block", "ids": ["U-1"], "confirm": 0}) == "block: 0 devices"
    assert object_of("/api/v1/groups", {"name": "Room 4b", "static": True}) == "Room 4b"
    assert object_of("/api/v1/links", {"anyway": True, "uses": 40}) == "any: 40 devices"
    assert object_of("/api/v1/links", {"anyway": True, "device": "C02X"}) == "C02X"
    # who comes with a passkey that nobody has is nobody
    strange = {"id": "x" * 43, "credential": "AAAA", "user": "AAAA", "client_data": "AAAA", "authenticator_data": "AAAA", "signature": "AAAA"}
    assert anna.ask("POST", "/session/passkey", strange)[0] == 401
    assert [acts(server)[0][key] for key in ("who", "act", "status", "detail")] == ["", "login", 401, "passkey, not known"]
    assert anna.ask("DELETE", "/session")[0] == 204
    assert [a["act"] for a in acts(server, "who=anna&limit=1")] == ["logout"]
    assert {a["act"] for a in acts(server, "act=setup")} == {"setup"}
    assert {a["act"] for a in acts(server, "act=*%20/v1/enqueue/:ids")} == {"PUT /v1/enqueue/:ids"} and not acts(server, "act=PUT%20/v1/enqueue")
    text = json.dumps(acts(server, "limit=1000"))
    assert PASSWORD not in text and server.token not in text


def test_the_record_comes_by_pages(tmp):
    server = Server(tmp)
    for n in range(5):
        server.admin("POST", f"/api/v1/devices/N-{n}/block", {})
    seen, path = [], "/api/v1/audit?limit=2"
    while path:
        page = server.admin("GET", path)[1]
        seen += [a["object"] for a in page["audit"]]
        path = page["next"] is not None and f"/api/v1/audit?limit=2&cursor={page['next']}"
    assert seen == [f"N-{n}" for n in (4, 3, 2, 1, 0)]
    assert [a["object"] for a in acts(server, "object=N-3")] == ["N-3"]
    assert acts(server, "to=2020-01-01") == acts(server, "to=1970-01-01") == [] and len(acts(server, "from=2020-01-01T00:00:00Z")) == 5
    assert acts(server, "failed=yes&object=N-3") and not acts(server, "failed=no&to=1970-01-01")
    for query in ("from=yesterday", "failed=maybe", "cursor=x", "whom=x", "act=" + "*a" * 30000):
        assert server.admin("GET", f"/api/v1/audit?{query}")[0] == 400, query
