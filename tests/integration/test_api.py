"""What holds for the whole API: its description, ETags, requests that are done once, pages."""
import copy
import json
import pathlib
import re
import sqlite3
import threading

from jsonschema import Draft202012Validator

from harness import CA, Device, Server, request

FACES = pathlib.Path(__file__).resolve().parents[2] / "server/face"
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}


# ---- the description (OpenAPI 3.1.0) ----

def resolve(document, node):
    while "$ref" in node:
        assert node["$ref"].startswith("#/"), node
        target = document
        for word in node["$ref"][2:].split("/"):
            target = target[word]
        node = target
    return node


def check_content(content):
    assert content, "a content without a media type"
    for media, value in content.items():
        assert re.fullmatch(r"[\w.*+-]+/[\w.*+-]+", media), media
        if "schema" in value and "$ref" not in value["schema"]:
            Draft202012Validator.check_schema(value["schema"])


def check_parameters(document, path, operation):
    seen = set()
    for p in (resolve(document, p) for p in operation.get("parameters", [])):
        assert p["in"] in ("path", "query", "header", "cookie") and (p["in"], p["name"]) not in seen, p
        assert p["in"] != "path" or p["required"] is True
        Draft202012Validator.check_schema(p["schema"])
        seen.add((p["in"], p["name"]))
    return {name for where, name in seen if where == "path"}


def check_description(document):
    """Raises where it is no valid description. Source: OpenAPI Specification 3.1.0, 4.8."""
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    schemes = document["components"]["securitySchemes"]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for response in document["components"]["responses"].values():
        assert response["description"]
    identifiers = set()
    for path, item in document["paths"].items():
        assert path.startswith("/") and set(item) <= METHODS, path
        for method, operation in item.items():
            names = check_parameters(document, path, operation)
            assert names == set(re.findall(r"{([^}]*)}", path)), path
            assert operation["operationId"] not in identifiers, operation["operationId"]
            identifiers.add(operation["operationId"])
            assert operation["summary"] and operation["responses"], path
            for status, response in operation["responses"].items():
                assert re.fullmatch(r"[1-5](\d\d|XX)|default", status) and resolve(document, response)["description"]
                if "content" in resolve(document, response):
                    check_content(resolve(document, response)["content"])
            if "requestBody" in operation:
                check_content(operation["requestBody"]["content"])
            for requirement in operation.get("security", document["security"]):
                assert set(requirement) <= set(schemes)


def rows_of_the_api():
    """Method and path of each row that the sources have under /api/v1."""
    for source in FACES.glob("api_*.c"):
        text = source.read_text()
        yield from (("post", f"/api/v1/devices/{{id}}/{act}") for act in re.findall(r'\bACT\("([\w-]+)"', text))
        for method, pattern in re.findall(r'\.method = "([A-Z,*]+)",\s*\.pattern = "(/api/v1/[^"]*)",', text):
            yield from ((one.lower(), re.sub(r":(\w+)", r"{\1}", pattern)) for one in method.split(","))


def test_the_description_is_valid_and_holds_every_route(tmp):
    server = Server(tmp)
    document = server.admin("GET", "/api/v1/openapi.json")[1]
    check_description(document)
    rows = set(rows_of_the_api())
    assert len(rows) > 60
    missing = [row for row in rows if row[0] not in document["paths"].get(row[1], {})]
    assert not missing, missing
    for path in (p for p in document["paths"] if p.startswith("/api/v1/")):
        status = server.admin("OPTIONS", re.sub(r"{\w+}", "x", path))[0]
        assert status == 405, f"{path}: nothing there"


def test_the_check_of_the_description_can_fail(tmp):
    good = Server(tmp).admin("GET", "/api/v1/openapi.json")[1]
    def broken(change):
        document = copy.deepcopy(good)
        change(document)
        try:
            check_description(document)
        except Exception:  # of whatever kind
            return True
        return False

    path = "/api/v1/devices/{id}"
    operation = next(iter(good["paths"][path]))
    assert broken(lambda d: d["paths"][path][operation].pop("responses"))
    assert broken(lambda d: d["paths"][path][operation].pop("parameters"))
    assert broken(lambda d: d["paths"].update({"/x/{y}": {"get": good["paths"]["/api/v1/status"]["get"]}}))
    assert broken(lambda d: d["components"]["schemas"]["Error"].update(type="nonsense"))
    assert broken(lambda d: d["components"]["responses"].clear())


# ---- ETags ----

def test_an_answer_that_the_client_holds_is_not_sent_again(tmp):
    server = Server(tmp)
    auth = {"Authorization": f"Bearer {server.token}"}
    status, headers, body = request(server.admin_address, "GET", "/api/v1/devices", None, auth)
    assert status == 200 and headers["ETag"].startswith('"')
    for tags in (headers["ETag"], f'"other", W/{headers["ETag"]}', "*"):
        again = request(server.admin_address, "GET", "/api/v1/devices", None, {**auth, "If-None-Match": tags})
        assert (again[0], again[2], again[1]["ETag"]) == (304, b"", headers["ETag"])
    assert request(server.admin_address, "GET", "/api/v1/devices", None, {**auth, "If-None-Match": '"other"'})[0] == 200
    assert request(server.admin_address, "GET", "/api/v1/devices", None, {"If-None-Match": "*"})[0] == 401


def test_what_changes_without_an_edit_is_another_answer_of_the_same_version(tmp):
    ca = CA()
    server = Server(tmp, device_ca=ca.file(tmp), migration_window="1h")
    server.push_cert()
    Device(server, ca.identity("MAC-1")).enroll()
    auth = {"Authorization": f"Bearer {server.token}"}
    look = lambda **more: request(server.admin_address, "GET", "/api/v1/devices/MAC-1", None, {**auth, **more})
    etag = look()[1]["ETag"]
    assert server.admin("POST", "/api/v1/devices/MAC-1/block", {})[0] < 300
    status, headers, body = look(**{"If-None-Match": etag})
    assert (status, json.loads(body)["state"]) == (200, "blocked") and headers["ETag"] != etag
    assert server.admin("PATCH", "/api/v1/devices/MAC-1", {"note": "x"}, headers={"If-Match": etag})[0] == 200
    assert server.admin("PATCH", "/api/v1/devices/MAC-1", {"note": "y"}, headers={"If-Match": etag})[0] == 412


# ---- done once ----

def links(server):
    return server.rows("SELECT count(*) FROM link")[0][0]


def post(server, key, body=None, path="/api/v1/links"):
    return server.admin("POST", path, body if body is not None else {"anyway": True}, headers={"Idempotency-Key": key})


def test_the_same_request_again_is_done_once(tmp):
    server = Server(tmp)
    first = post(server, "one")
    assert first[0] == 201 and post(server, "one") == first and links(server) == 1
    assert first[1]["url"].rsplit("/", 1)[1] not in server.log()
    assert post(server, "two")[1] != first[1] and links(server) == 2
    status, answer = post(server, "one", {"anyway": True, "uses": 2})
    assert (status, answer["error"]["code"]) == (422, "key-reused") and links(server) == 2
    refused = post(server, "three", {"uses": -1})
    assert refused[0] == 400 and post(server, "three", {"uses": -1}) == refused
    for key in ("", "x" * 256, "caf\u00e9\u202e"):
        assert post(server, key.encode("utf-8").decode("latin-1"))[0] == 400, key
    # the key of somebody else is another one
    other = server.admin("POST", "/api/v1/tokens", {"name": "other", "role": "operator"})[1]["token"]
    mine = server.admin("POST", "/api/v1/links", {"anyway": True}, other, headers={"Idempotency-Key": "one"})
    assert mine[0] == 201 and mine[1]["url"] != first[1]["url"] and links(server) == 3
    server.stop()
    server = Server(tmp, data=server.data)
    assert post(server, "one") == first and links(server) == 3


def test_the_answer_again_has_the_etag_of_the_first(tmp):
    server = Server(tmp)
    headers = {"Authorization": f"Bearer {server.token}", "Idempotency-Key": "one", "Content-Type": "application/json"}
    add = lambda: request(server.admin_address, "POST", "/api/v1/users", json.dumps({"name": "anna", "role": "viewer"}).encode(), headers)
    status, first, body = add()
    assert status == 201 and first["ETag"] and "Idempotency-Replayed" not in first
    status, again, same = add()
    assert (status, same, again["Idempotency-Replayed"], again["ETag"]) == (201, body, "true", first["ETag"])
    change = lambda role, etag: server.admin("PATCH", "/api/v1/users/anna", {"role": role}, headers={"If-Match": etag})[0]
    assert change("operator", again["ETag"]) == 200
    assert change("admin", add()[1]["ETag"]) == 412


def test_an_etag_that_a_proxy_changed_is_of_the_same_version(tmp):
    """nginx marks what it compresses as weak, Apache and Caddy add the coding."""
    server = Server(tmp)
    server.admin("POST", "/api/v1/users", {"name": "anna", "role": "viewer"})
    change = lambda role, etag: server.admin("PATCH", "/api/v1/users/anna", {"role": role}, headers={"If-Match": etag})[0]
    former = None
    for n, way in enumerate(("{0}", "W/{0}", '{1}-gzip"', 'W/{1}-zstd"')):
        tag = request(server.admin_address, "GET", "/api/v1/users/anna", None, {"Authorization": f"Bearer {server.token}"})[1]["ETag"]
        assert change(("operator", "viewer")[n % 2], way.format(tag, tag[:-1])) == 200, way
        assert change("admin", way.format(tag, tag[:-1])) == 412, way
    for none in ("1", '""', '"', "W/", 'W/"', '"x"', '"-1"', '"1x"', '"1", "2"', '"1.x", "2"', f'"{"9" * 40}"', ""):
        assert change("admin", none) == 400, none
    assert change("operator", "*") == 200


def test_the_same_request_at_the_same_time_is_done_once(tmp):
    server, answers = Server(tmp), []
    threads = [threading.Thread(target=lambda: answers.append(post(server, "both"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert {status for status, _ in answers} <= {201, 409} and any(status == 201 for status, _ in answers)
    assert links(server) == 1 and len({str(body) for status, body in answers if status == 201}) == 1


def test_a_key_of_a_request_that_was_cut_off_tells_so(tmp):
    server = Server(tmp)
    assert post(server, "cut")[0] == 201
    server.stop()
    with sqlite3.connect(server.data / "pomona.db") as db:
        db.execute("UPDATE idempotency SET status = NULL, body_sealed = NULL WHERE key = 'cut'")
    db.close()
    server = Server(tmp, data=server.data)
    status, answer = post(server, "cut")
    assert (status, answer["error"]["code"]) == (409, "conflict") and "another key" in answer["error"]["message"]
    assert links(server) == 1


# ---- pages ----

def test_lists_come_by_pages(tmp):
    ca = CA()
    server = Server(tmp, device_ca=ca.file(tmp))
    server.push_cert()
    for n, udid in enumerate(("U-1", "U-2", "U-3")):
        device = Device(server, ca.identity(udid), udid)
        assert device.authenticate()[0] == 200 and device.token_update(token=bytes([n]) * 32)[0] == 200
    for name in ("devices", "identities"):
        seen, path = [], f"/api/v1/{name}?limit=2"
        while path:
            page = server.admin("GET", path)[1]
            assert len(page[name]) <= 2
            seen += [str(row) for row in page[name]]
            path = page["next"] is not None and f"/api/v1/{name}?limit=2&cursor={page['next']}"
        assert len(seen) == len(set(seen)) == 3, name
    assert server.admin("GET", "/api/v1/identities?cursor=nonsense")[0] == 400


def test_a_misspelt_parameter_is_refused(tmp):
    server = Server(tmp)
    for path in ("/api/v1/devices?limt=1", "/api/v1/status?x", "/api/v1/commands?limit=1&curser=1", "/api/v1/devices?%6Cimit=1",
                 "/api/v1/why?limit=1", "/api/v1/takeovers?limit=1"):  # what knows no pages
        status, answer = server.admin("GET", path)
        assert status == 400 and "there is no parameter" in answer["error"]["message"], (path, answer)
    assert server.admin("GET", "/api/v1/devices?&limit=1&")[0] == 200
    assert "limit" in server.admin("GET", "/api/v1/devices?limt=1")[1]["error"]["message"]


def test_flags_of_a_query_are_clear_words(tmp):
    """What is no clear yes or no is refused: "dry_run=maybe" least of all is done."""
    server = Server(tmp)
    table = lambda flag: server.admin("POST", f"/api/v1/devices/import{flag}", b"id,user\n", headers={"Content-Type": "text/csv"})
    for flag, wanted in (("maybe", None), ("", None), ("2", None), ("true", True), ("yes", True), ("1", True), ("false", False), ("no", False), ("0", False)):
        status, answer = table(f"?dry_run={flag}")
        assert status == (400 if wanted is None else 200), (flag, answer)
        assert wanted is None or answer["dry_run"] == wanted, answer
    for method, path in (("GET", "/api/v1/devices?former=maybe"), ("DELETE", "/api/v1/devices/x?anyway=x"), ("PUT", "/api/v1/pushcerts?new-topic=x"),
                         ("GET", "/api/v1/profiles/x/file?unsigned=x"), ("POST", "/api/v1/profiles?anyway=2")):
        status, answer = server.admin(method, path, b"" if method in ("PUT", "POST") else None)
        assert status == 400 and "neither true nor false" in answer["error"]["message"], (path, answer)
    for query in ("limit=%", "limit=%zz", "limit=%00", "filter=a%00b"):  # what cannot be read is not absent
        status, answer = server.admin("GET", f"/api/v1/devices?{query}")
        assert status == 400 and "percent-encoded" in answer["error"]["message"], (query, answer)


def test_the_description_says_what_is_so(tmp):
    server = Server(tmp)
    paths = server.admin("GET", "/api/v1/openapi.json")[1]["paths"]
    names = lambda o: {p.get("$ref", p.get("name")).rsplit("/", 1)[-1] for p in o.get("parameters", [])}
    assert "requestBody" not in paths["/api/v1/devices/{id}/block"]["post"] and "requestBody" not in paths["/v1/enqueue/{ids}"]["get"]
    assert set(paths["/api/v1/profiles"]["post"]["requestBody"]["content"]) == {"application/json", "application/octet-stream"}
    for path, method in (("/api/v1/groups/{name}", "patch"), ("/api/v1/groups/{name}", "delete"), ("/api/v1/devices/{id}", "patch"), ("/api/v1/profiles/{identifier}", "put")):
        assert "IfMatch" in names(paths[path][method]), (path, method)
    assert paths["/v1/queue/{id}"]["get"]["responses"]["default"]["$ref"].endswith("NanoError") and "304" not in paths["/healthz"]["get"]["responses"]
    for path, item in paths.items():
        for method, operation in item.items():
            summary = operation["summary"]
            assert operation["description"].startswith(summary.rstrip(".")) and summary.count("(") == summary.count(")"), (path, summary)
            assert not summary.endswith("e.g."), (path, summary)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for name, schema in body.get("properties", {}).items():
                assert ("null" in schema.get("type", "null")) == (name not in body.get("required", [])), (path, name)


def test_members_of_a_body_are_those_of_its_row(tmp):
    server = Server(tmp)
    for body, words in (({"usess": 1}, "there is no member usess here; there is: ttl, uses, device, anyway"), ({"uses": "1"}, "uses is no whole number"),
                        ({"ttl": "soon"}, "ttl is no span"), ({"device": 1}, "device is no string"), ({"anyway": "yes"}, "neither true nor false"),
                        ([], "no JSON object")):
        status, answer = server.admin("POST", "/api/v1/links", body)
        assert status == 400 and words in answer["error"]["message"], (body, answer)
    assert server.admin("POST", "/api/v1/links", {"anyway": True, "device": None})[0] == 201
    status, answer = server.admin("POST", "/api/v1/commands", {"ids": ["x", 1], "request_type": "RestartDevice"})
    assert status == 400 and "ids is no array of strings" in answer["error"]["message"], answer
