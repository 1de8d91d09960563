"""Push certificates over the wire: what is refused and changes nothing, what takes over at once, going back, and who stands behind them."""
import concurrent.futures
import os
import pty
import sqlite3
import subprocess

from cryptography import x509

from harness import PATIENCE, Device, Server, binary, needs_terminals, push_cert, until
from test_push import TOPIC, Lab, token

OTHER = "com.apple.mgmt.External.0a7d6b1c-1111-4222-8333-444455556666"
ZEROS = "0" * 64
RECORD = "/api/v1/pushcerts/record"


def put(lab, pem, query="", path="/api/v1/pushcerts"):
    status, told = lab.server.admin("PUT", path + query, pem)
    return status, told if status == 200 else told["error"] if isinstance(told["error"], str) else told["error"]["message"]


def rollback(lab, **body):
    return lab.server.admin("POST", "/api/v1/pushcerts/rollback", body)


def in_use(lab, topic=TOPIC):
    return next(c for c in lab.server.cli_json("pushcert", "show") if c["topic"] == topic and c["state"] != "superseded")


# What tells of time that passes, not of what was asked; and the record of what was asked, refusals too.
CLOCKWORK = ("wake_hour", "device_verdict", "apns_link", "notice", "notice_delivery", "hangup", "audit")


def dump(server):
    """Everything else in the database, as text."""
    with sqlite3.connect(f"file:{server.data / 'pomona.db'}?mode=ro", uri=True, timeout=PATIENCE) as db:
        passing = tuple(f'INSERT INTO "{name}"' for name in CLOCKWORK) + ('INSERT INTO "sqlite_sequence" VALUES(\'audit\'',)
        return [line for line in db.iterdump() if not line.startswith(passing)]


def settled(lab, *devices):
    """No push is due, and what the polls taught is on disk: from here on nothing changes by itself."""
    for d in devices:
        until(lambda d=d: lab.pushes(d.token), "the push after enrollment")
        assert d.idle()[0] == 200
    waits = "SELECT 1 FROM enrollment e LEFT JOIN wake w ON w.enrollment = e.seq WHERE w.due_at IS NOT NULL OR e.last_seen IS NULL"
    until(lambda: not lab.server.rows(waits), "nothing to be due")
    return dump(lab.server)


def certificate_of_last_push(lab, d, count):
    until(lambda: len(lab.pushes(d.token)) >= count, "the push")
    return lab.pushes(d.token)[-1]["serial_number"]


def test_foreign_topic(tmp):
    lab = Lab(tmp)
    a, b = lab.device("A", token(1)), lab.device("B", token(2))
    mine, foreign = in_use(lab)["serial_number"], push_cert(OTHER)
    before = settled(lab, a, b)
    for path in ("/api/v1/pushcerts", "/v1/pushcert"):
        for query in ("", "?anyway=1", "?new-topic=0"):
            status, message = put(lab, foreign, query, path)
            assert status == 409, message
            for word in (TOPIC, OTHER, "2 devices would go dark", mine, "nothing was changed", "Renew", "--new-topic"):
                assert word in message, (word, message)
    (tmp / "foreign.pem").write_bytes(foreign)
    assert "  to do:       sign in at https" in lab.server.cli("pushcert", "import", tmp / "foreign.pem", expect=1).stderr
    assert dump(lab.server) == before, "a refusal changed something"
    # by consent it stands beside the old one: each device is pushed with the certificate of its own topic
    assert "devices that enroll from now on get this topic" in lab.server.cli("pushcert", "import", "--new-topic", tmp / "foreign.pem").stdout
    new = Device(lab.server, lab.ca.identity("NEW"), "NEW", topic=OTHER)
    new.token = token(3)
    assert new.authenticate()[0] == 200 and new.token_update(token=token(3))[0] == 200
    for d, topic in ((a, TOPIC), (b, TOPIC), (new, OTHER)):
        n = len(lab.pushes(d.token))
        assert lab.server.admin("GET", f"/v1/push/{d.udid}")[0] == 200
        assert certificate_of_last_push(lab, d, n + 1) == in_use(lab, topic)["serial_number"]
        last = lab.pushes(d.token)[-1]
        assert (last["status"], last["headers"]["apns-topic"]) == (200, topic)
    assert {c["topic"]: c["new_enrollments"] for c in lab.server.cli_json("pushcert", "show")} == {TOPIC: False, OTHER: True}
    assert "never press Revoke" in in_use(lab, OTHER)["portal"]
    assert rollback(lab, topic=OTHER)[0] == 409, "a topic that a device has is not withdrawn"
    lab.server.stop()
    lab.apns.stop()


def test_swap_and_going_back(tmp):
    lab = Lab(tmp)
    d = lab.device("A", token(1))
    first = in_use(lab)["serial_number"]
    assert certificate_of_last_push(lab, d, 1) == first
    # a renewal is in use for the next push, without a restart
    status, told = put(lab, push_cert(TOPIC, days=366))
    second = told["serial_number"]
    assert status == 200 and told["proof"] == "proven" and told["replaced"]["serial_number"] == first and told["recovery"] is None
    assert {"account-missing", "owner-missing", "unconfirmed"} <= {w["slug"] for w in told["warnings"]}
    until(lambda: lab.server.admin("GET", "/v1/push/A") and lab.pushes(d.token)[-1]["serial_number"] == second, "a push with the new certificate")
    # one that ends earlier is refused; going back is asked of Apple first
    assert "rollback" in put(lab, push_cert(TOPIC, days=30))[1] and "rollback" in put(lab, push_cert(TOPIC, days=30), "?anyway=no")[1]
    assert put(lab, push_cert(TOPIC, days=30), "?anyway=perhaps") == (400, "anyway is neither true nor false")
    lab.apns.say(f"rule {ZEROS} 403 BadCertificate")
    status, told = rollback(lab)
    assert status == 409 and "BadCertificate" in told["error"]["message"] and in_use(lab)["serial_number"] == second
    lab.apns.say("clear")
    back = lab.server.cli_json("pushcert", "rollback", str(int(first, 16)))
    assert back["serial_number"] == first and back["proof"] == "proven"
    until(lambda: lab.server.admin("GET", "/v1/push/A") and lab.pushes(d.token)[-1]["serial_number"] == first, "a push with the former certificate")
    lab.server.cli("pushcert", "rollback", first, expect=1)
    lab.server.cli("pushcert", "rollback", "77", expect=3)
    # the history tells all of it
    history = lab.server.cli_json("pushcert", "history", TOPIC)[0]
    assert [(x["act"], x["serial_number"]) for x in history["acts"]] == [
        ("imported", first), ("probed", first), ("imported", second), ("probed", second), ("rolled-back", first)]
    assert all(x["by"] in ("admin", "server") and x["at"] for x in history["acts"])
    certs = {c["serial_number"]: c for c in history["certificates"]}
    assert set(certs) == {first, second} and certs[first]["serial_number_decimal"] == str(int(first, 16))
    assert all(len(c["key_sha256"]) == 64 and c["issuer"] and c["not_before"] and c["imported_by"] for c in certs.values())
    assert certs[first]["key_sha256"] != certs[second]["key_sha256"] and history["enrollments"] == 1
    shown = lab.server.cli("pushcert", "history").stdout
    assert certs[second]["serial_number_decimal"] in shown and "rolled-back" in shown
    lab.server.cli("pushcert", "history", OTHER, expect=3)
    # the certificate of a topic that nobody has can be withdrawn; the other one cannot
    assert put(lab, push_cert(OTHER), "?new-topic=1")[0] == 200
    lab.server.cli("pushcert", "rollback", expect=1)
    assert "no certificate any more" in lab.server.cli("pushcert", "rollback", "--topic", OTHER).stdout
    assert in_use(lab)["new_enrollments"]
    lab.server.stop()
    lab.apns.stop()


def test_many_at_once(tmp):
    lab = Lab(tmp)
    certs = [push_cert(TOPIC, days=360 + n) for n in range(6)]
    with concurrent.futures.ThreadPoolExecutor(len(certs)) as pool:
        told = list(pool.map(lambda pem: put(lab, pem, "?anyway=1"), certs))
    # each answer is of the certificate that was given, and exactly one is in use: that of the last import
    assert [status for status, _ in told] == [200] * len(certs)
    assert [t["serial_number"] for _, t in told] == [f"{x509.load_pem_x509_certificate(c).serial_number:X}".zfill(len(t["serial_number"])) for c, (_, t) in zip(certs, told)]
    used = [c for c in lab.server.cli_json("pushcert", "show") if c["state"] != "superseded"]
    imports = [x for x in lab.server.cli_json("pushcert", "history")[0]["acts"] if x["act"] == "imported"]
    assert [c["serial_number"] for c in used] == [imports[-1]["serial_number"]] and len(imports) == 1 + len(certs)
    lab.server.stop()
    lab.apns.stop()


def test_what_apple_says(tmp):
    lab = Lab(tmp)
    first = in_use(lab)
    for rule in ("403 BadCertificate", "403 Forbidden", "400 TopicDisallowed"):
        lab.apns.say(f"rule {ZEROS} {rule}")
        for path in ("/api/v1/pushcerts", "/v1/pushcert"):
            status, message = put(lab, push_cert(TOPIC, days=366), path=path)
            assert status == 409 and rule.split()[1] in message and "nothing was changed" in message, message
    assert in_use(lab) == first and len(lab.server.cli_json("pushcert", "show")) == 1
    # by consent it is stored, and said to be refused
    status, told = put(lab, push_cert(TOPIC, days=366), "?anyway=1")
    assert status == 200 and told["state"] == "revoked" and told["proof"] == "refused" and "renew it now" in told["next"]
    assert "REVOKED" in lab.server.cli("pushcert", "show").stdout
    # its renewal wakes those who heard nothing meanwhile
    lab.apns.say("clear")
    status, told = put(lab, push_cert(TOPIC, days=366))
    assert status == 200 and told["proof"] == "proven" and told["recovery"]["dark_since"], told
    # what says nothing of the certificate refuses none
    for rule in ("503 ServiceUnavailable", "500 InternalServerError"):
        lab.apns.say("clear")
        lab.apns.say(f"rule {ZEROS} {rule}")
        status, told = put(lab, push_cert(TOPIC, days=366))
        assert status == 200 and told["proof"] == "unreachable" and told["state"] == "ok" and told["recovery"] is None, told
    lab.apns.stop()
    status, told = put(lab, push_cert(TOPIC, days=366))
    assert status == 200 and told["proof"] == "unreachable" and told["state"] == "ok" and told["proof_text"]
    assert "unproven" in lab.server.cli("pushcert", "show").stdout
    assert set(lab.server.admin("PUT", "/v1/pushcert", push_cert(TOPIC, days=366))[1]) == {"topic", "not_after"}
    lab.server.stop()


def test_record(tmp):
    server = Server(tmp)
    server.cli("pushcert", "record", expect=3)
    server.push_cert(TOPIC)

    def write(status=200, **members):
        got, told = server.admin("PUT", RECORD, members)
        assert got == status, told
        return told["record"] if got == 200 else told["error"]["message"]

    empty = server.admin("GET", RECORD)[1]["record"]
    assert empty["topic"] == TOPIC and empty["apple_account"] is None and empty["updated_at"] is None
    for wrong in ({"owner_email": "a b@example.org"}, {"owner_email": "a@example.org\nBcc: b@example.org"}, {"owner_email": "a@b,c@d"}, {"deputy_email": "ü@example.org"},
                  {"owner_email": "a@example.org?cc=b"}, {"owner": "x\u202ey"}, {"owner": "x" * 501}, {"owner": 5},
                  {"account_kind": "mine"}, {"ownr": "x"}, {"updated_at": "soon"}, {"confirm": True}, {"note": "two\nlines"}):
        write(400, **wrong)
    write(404, topic=OTHER, owner="Ada Example")
    assert server.admin("GET", RECORD)[1]["record"] == empty
    # what was looked at must be what is changed
    first = write(apple_account="ada.example@example.org", owner="Ada Example", updated_at=None)
    assert first["account_looks"] == "personal" and {w["slug"] for w in first["warnings"]} >= {"account-personal", "account-federation-risk", "deputy-missing"}
    assert "changed by admin" in write(409, owner="Ben Example", updated_at=None)
    assert write(owner="Ben Example", updated_at=first["updated_at"])["owner"] == "Ben Example"
    assert "changed by admin" in write(409, owner="Cy Example", updated_at=first["updated_at"]), "although it is the same second"
    assert in_use_of(server)["apple_id"] == "ada.example@example.org" and "Ben Example" in in_use_of(server)["people"]
    # a confirmation holds until what was confirmed changes
    assert "unconfirmed" not in {w["slug"] for w in write(confirm=True)["warnings"]}
    assert write(deputy="Cy Example")["confirmed_by"] == "admin"
    assert write(second_factor="two numbers")["confirmed_at"] is None
    write(confirm=True)
    # another address: first the steps, then the record
    server.cli("pushcert", "account", "change", expect=2)
    server.cli("pushcert", "account", "change", "--to", "nonsense", expect=1)
    steps = server.cli("pushcert", "account", "change", "--to", "apple-push@example.org").stdout
    assert "https://account.apple.com" in steps and "Managed Apple Account cannot be the target" in steps and TOPIC in steps
    assert server.admin("GET", RECORD)[1]["record"]["apple_account"] == "ada.example@example.org"
    # nor does that overwrite what another admin wrote meanwhile; the command line, which shows no form, needs not tell
    for done in (False, True):
        body = {"to": "apple-push@example.org", "done": done, "updated_at": first["updated_at"]}
        status, told = server.admin("POST", "/api/v1/pushcerts/account", body)
        assert status == 409 and "changed by admin" in told["error"]["message"]
    assert server.admin("POST", "/api/v1/pushcerts/account", {**body, "updated_at": "soon"})[0] == 400
    assert server.admin("GET", RECORD)[1]["record"]["apple_account"] == "ada.example@example.org"
    assert server.admin("POST", "/api/v1/pushcerts/account", {"to": "b@example.org", "updated_at": server.admin("GET", RECORD)[1]["record"]["updated_at"]})[0] == 200
    shown = server.cli("pushcert", "account", "change", "--to", "apple-push@example.org", "--done").stdout
    assert "apple-push@example.org" in shown and "never confirmed" in shown
    server.cli("pushcert", "account", "change", "--to", "apple-push@example.org", "--done", expect=1)
    acts = [x for x in server.cli_json("pushcert", "history")[0]["acts"] if x["act"] not in ("imported", "probed")]
    assert [(x["act"], x["detail"].get("to")) for x in acts] == [
        ("account-recorded", "ada.example@example.org"), ("confirmed", None), ("confirmed", None), ("account-change-planned", "apple-push@example.org"),
        ("account-change-planned", "b@example.org"),
        ("account-changed", "apple-push@example.org")]
    # options record, "" clears, none shows
    server.cli("pushcert", "record", "--account-kind", "managed", "--deputy", "", "--web-site", "https://example.org")
    shown = server.cli_json("pushcert", "record")
    assert shown["account_kind"] == "managed" and shown["deputy"] is None and shown["owner"] == "Ben Example"
    assert not {w["slug"] for w in shown["warnings"]} & {"account-personal", "account-federation-risk"}
    # at an import on a terminal it is asked for
    (tmp / "next.pem").write_bytes(push_cert(TOPIC, days=366))
    ask(server, ["pushcert", "import", tmp / "next.pem"], ["", "mine", "managed", "-", "Ada Example", "Cy Example", "the safe", "", "ben@example.org"])
    shown = server.cli_json("pushcert", "record")
    assert (shown["apple_account"], shown["second_factor"], shown["trusted_person_1"]) == ("apple-push@example.org", None, "Ada Example")
    assert (shown["password_place"], shown["owner"], shown["owner_email"], shown["web_site"]) == ("the safe", "Ben Example", "ben@example.org", "https://example.org")
    server.stop()


def test_dossier(tmp):
    server, path = Server(tmp), "/api/v1/pushcerts/dossier"
    server.cli("pushcert", "dossier", expect=3)
    server.push_cert(TOPIC)

    def write(status=200, **members):
        got, told = server.admin("PUT", path, members)
        assert got == status, told
        return told["dossier"] if got == 200 else told["error"]["message"]

    def shown(form):
        status, told = server.admin("GET", f"{path}?format={form}")
        assert status == 200
        return told.decode()

    empty = server.admin("GET", path)[1]["dossier"]
    assert (empty["state"], empty["target_account"], empty["updated_at"], len(empty["gaps"])) == ("open", None, None, 7)
    for wrong in ({"target_account": "mdm"}, {"target_account": "a@b@c"}, {"target_account": "`id`@example.org"}, {"target_account": "--done@example.org"},
                  {"target_account": "\u202emdm@example.org"}, {"contact": "x" * 501}, {"contact": 5}, {"contact": "two\nlines"}, {"state": "lost"}, {"state": 5},
                  {"checklist": ["waited"]}, {"checklist": {"wait": True}}, {"checklist": {"waited": 1}}, {"updated_at": "soon"}, {"organization": "Example"}):
        write(400, **wrong)
    write(404, topic=OTHER, contact="Ada Example")
    assert server.admin("PUT", path, {"contact": "x" * 20000})[0] == 413
    assert server.admin("GET", f"{path}?format=pdf")[0] == 400 and server.admin("GET", f"{path}?topic={OTHER}")[0] == 404
    assert server.admin("GET", path)[1]["dossier"] == empty, "a refusal changed something"
    # what was looked at must be what is changed
    first = write(contact="Ada Example <ada@example.org>", updated_at=None)
    assert "changed by admin" in write(409, contact="Ben Example", updated_at=None)
    assert write(checklist={"names-equal": True, "waited": True}, updated_at=first["updated_at"])["contact"] == first["contact"]
    # by options: it is told and shown at once, although gaps remain
    text = server.cli("pushcert", "dossier", "--target-account", "mdm@example.org", "--state", "asked", "--uncheck", "waited", "--check", "senior-reachable").stdout
    for word in ("mdm@example.org", "State: asked", "pomona pushcert record --organization NAME", "[x] names-equal", "[x] senior-reachable", "[ ] waited", TOPIC,
                 in_use_of(server)["serial_number"], in_use_of(server)["serial_number_decimal"], "--state called-back"):
        assert word in text, (word, text)
    server.cli("pushcert", "record", "--organization", "Example <b>&</b> Sons", "--apple-account", "old@example.org")
    text = server.cli("pushcert", "dossier", "--state", "done").stdout
    assert "`pomona pushcert account change --to mdm@example.org --done`" in " ".join(text.split()) and "Example <b>&</b> Sons" in text
    html = server.cli("pushcert", "dossier", "--html").stdout
    assert "Example &lt;b&gt;&amp;&lt;/b&gt; Sons" in html and "Ada Example &lt;ada@example.org&gt;" in html and "<b>" not in html
    assert "State: done" in shown("html") and "State: done" in shown("text")
    server.cli("pushcert", "dossier", "--html", "--out", tmp / "dossier.html")
    assert "State: done" in (tmp / "dossier.html").read_text()
    server.cli("pushcert", "dossier", "--json", "--html", expect=2)
    told = server.cli_json("pushcert", "dossier", "--contact", "")
    assert (told["state"], told["contact"]) == ("done", None)
    assert {s["state"]: s["by"] for s in told["states"]} == {"open": "admin", "asked": "admin", "called-back": None, "approved": None, "done": "admin"}
    assert {c["item"]: c["checked_by"] for c in told["checklist"]} == {"names-equal": "admin", "senior-reachable": "admin", "waited": None, "names-restored": None}
    acts = [x for x in server.cli_json("pushcert", "history")[0]["acts"] if x["act"].startswith("dossier-")]
    assert [(x["act"], x["detail"]["to"]) for x in acts] == [("dossier-asked", "mdm@example.org"), ("dossier-done", "mdm@example.org")] and acts[0]["serial_number"]
    # another one, later
    told = write(state="open")
    assert told["state"] == "open" and not any(c["checked_at"] for c in told["checklist"])
    # which topic, when there are two
    (tmp / "other.pem").write_bytes(push_cert(OTHER))
    server.cli("pushcert", "import", "--new-topic", tmp / "other.pem")
    server.cli("pushcert", "dossier", expect=1)
    assert server.cli_json("pushcert", "dossier", "--topic", OTHER, "--created-by", "Cy Example")["created_by"] == "Cy Example"
    assert f"--topic {OTHER}" in server.cli("pushcert", "dossier", "--topic", OTHER).stdout
    server.stop()


def in_use_of(server):
    return server.cli_json("pushcert", "show")[0]


def ask(server, args, lines):
    """Runs `pomona ARGS` on a terminal; each line answers one question, then the input ends."""
    needs_terminals()
    leader, terminal = pty.openpty()
    with subprocess.Popen([binary(), *map(str, args), "--server", server.admin_url, "--data", str(server.data)], stdin=terminal, stdout=subprocess.PIPE, stderr=terminal) as child:
        os.close(terminal)
        seen = b""
        for line in [*lines, "\x04"]:
            asked = seen.count(b"]: ")
            while seen.count(b"]: ") == asked or asked == 0 and b"]: " not in seen:
                seen += os.read(leader, 4096)
            os.write(leader, line.encode() + (b"" if line == "\x04" else b"\n"))
        assert child.wait(PATIENCE) == 0, (seen, child.stdout.read())
    os.close(leader)
    assert b"Apple Account that the certificate was made with" in seen, seen
