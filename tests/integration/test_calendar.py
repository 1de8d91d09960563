"""The calendar over the wire: read by a parser that forgives nothing, by a secret that nothing tells."""
import re

from harness import TOPIC, Server, push_cert, until
from smtp import Smtp

PROPERTY = re.compile(r"([A-Z-]+)((?:;[A-Z-]+=(?:\"[^\"\x00-\x1f]*\"|[^\";:,\x00-\x1f]+))*):(.*)")
ONCE = {"UID", "DTSTAMP", "SEQUENCE", "DTSTART", "SUMMARY", "DESCRIPTION", "STATUS", "LAST-MODIFIED"}


def content_lines(raw):
    """RFC 5545, 3.1: CRLF at every end, 75 octets at most, folds that cut no character."""
    assert raw.endswith(b"\r\n") and b"\r\n\r\n" not in raw
    lines = []
    for line in raw[:-2].split(b"\r\n"):
        assert b"\r" not in line and b"\n" not in line and 0 < len(line) <= 75, line
        text = line.decode()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), text
        if text[0] == " ":
            lines[-1] += text[1:]
        else:
            lines.append(text)
    return lines


def unescape(text):
    assert re.fullmatch(r"(?:[^\\;,]|\\[\\;,nN])*", text), text
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], text)


def parse(raw):
    """The events, as dicts: name → (parameters, value); alarms under VALARM."""
    lines = content_lines(raw)
    assert lines[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//pomona//guardian//EN"] and lines[-1] == "END:VCALENDAR"
    stack, events, head = ["VCALENDAR"], [], {}
    for line in lines[1:-1]:
        match = PROPERTY.fullmatch(line)
        assert match, line
        name, parameters, value = match.groups()
        if name == "BEGIN":
            assert (stack[-1], value) in (("VCALENDAR", "VEVENT"), ("VEVENT", "VALARM")), line
            stack.append(value)
            if value == "VEVENT":
                events.append({"VALARM": []})
            else:
                events[-1]["VALARM"].append({})
        elif name == "END":
            assert stack.pop() == value
        else:
            into = {"VCALENDAR": head, "VEVENT": events[-1] if events else None, "VALARM": events[-1]["VALARM"][-1] if events and events[-1]["VALARM"] else None}[stack[-1]]
            if name == "ATTENDEE":
                into.setdefault(name, []).append((parameters, value))
            else:
                assert name not in into, f"{name} twice"
                into[name] = (parameters, value)
    assert stack == ["VCALENDAR"]
    for event in events:
        assert ONCE <= set(event), event
        assert re.fullmatch(r"\d{8}T\d{6}Z", event["DTSTAMP"][1]) and re.fullmatch(r"\d+", event["SEQUENCE"][1])
        assert event["DTSTART"][0] == ";VALUE=DATE" and re.fullmatch(r"\d{8}", event["DTSTART"][1]) or re.fullmatch(r"\d{8}T\d{6}Z", event["DTSTART"][1])
        assert [a["TRIGGER"][1] for a in event["VALARM"]] == [f"-P{d}D" for d in (60, 30, 14, 7, 3, 1)]
        assert all(set(a) == {"ACTION", "TRIGGER", "DESCRIPTION"} and a["ACTION"][1] == "DISPLAY" for a in event["VALARM"])
    assert len({e["UID"][1] for e in events}) == len(events)
    return head, events


def text(event, name):
    return unescape(event[name][1])


def of_certificate(events):
    return next(e for e in events if text(e, "SUMMARY").startswith("Push certificate"))


def feed(server, url, **headers):
    return server.device("GET", "/calendar/" + url.rsplit("/", 1)[1], headers=headers)


def test_feed_by_secret_address(tmp):
    s = Server(tmp)
    s.push_cert()
    s.cli("pushcert", "calendar", expect=3)
    assert s.device("GET", "/calendar/x.ics")[0] == 404
    url = s.cli("pushcert", "calendar", "--new").stdout.strip()
    secret = re.fullmatch(r"https://.+/calendar/([A-Za-z0-9_-]{43})\.ics", url)[1]
    assert s.cli("pushcert", "calendar").stdout.strip() == url
    status, headers, body = feed(s, url)
    assert (status, headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    head, events = parse(body)
    assert "METHOD" not in head and not any("ATTENDEE" in e for e in events)
    kinds = " ".join(text(e, "SUMMARY") for e in events)
    assert "device CA" in kinds and "TLS" in kinds, kinds
    told = text(of_certificate(events), "DESCRIPTION")
    assert TOPIC in told and "Serial number: " in told and "Apple Account: not recorded" in told and "identity.apple.com" in told, told
    # who asks again gets nothing new
    assert feed(s, url, **{"If-None-Match": f'"x", {headers["ETag"]}'})[0] == 304
    assert feed(s, url, **{"If-Modified-Since": headers["Last-Modified"]})[0] == 304
    assert feed(s, url, **{"If-None-Match": '"x"', "If-Modified-Since": headers["Last-Modified"]})[0] == 200
    assert s.device("HEAD", f"/calendar/{secret}.ics")[2] == b""
    # other secrets, other forms and other methods open nothing
    for path in (secret, secret + ".icsx", secret[:-1] + ".ics", ".ics", secret.upper() + ".ics", f"{secret}.ics/", f"{secret}%00.ics"):
        assert s.device("GET", "/calendar/" + path)[0] == 404, path
    assert s.device("PUT", f"/calendar/{secret}.ics", b"x")[0] == 405
    assert s.admin("GET", f"/calendar/{secret}.ics")[0] == 404
    # a new address ends the former, revoking ends all
    later = s.cli_json("pushcert", "calendar", "--new")["url"]
    assert feed(s, url)[0] == 404 and feed(s, later)[0] == 200
    s.cli("pushcert", "calendar", "--revoke")
    assert feed(s, later)[0] == 404
    s.cli("pushcert", "calendar", "--revoke", expect=3)
    assert secret not in s.log() and later[-20:-4] not in s.log(), "the secret is in the log"
    s.stop()


def test_plan_and_file(tmp):
    s = Server(tmp)
    assert s.admin("PUT", "/v1/pushcert", push_cert(days=300))[0] == 200
    s.cli("pushcert", "plan", expect=2)
    s.cli("pushcert", "plan", "--every", "90d", "--on", "04-01", expect=2)
    for wrong in (("--every", "90"), ("--every", "36h"), ("--on", "02-30"), ("--on", "1.4."), ("--every", "x")):
        s.cli("pushcert", "plan", *wrong, expect=1)
    s.cli("pushcert", "plan", "--every", "90d", "--topic", "com.apple.mgmt.none", expect=3)
    record = {"owner": "Ö. \"O\", the; owner", "owner_email": "owner@example.org", "deputy": "D", "deputy_email": "deputy@example.org"}
    status, answer = s.admin("PUT", "/api/v1/pushcerts/record", {"topic": TOPIC, **record})
    assert status == 200, answer
    told = s.cli_json("pushcert", "plan", "--every", "90d")
    assert (told["every"], told["on"]) == ("90d", None) and told["next_at"]
    s.cli("pushcert", "calendar", "--out", tmp / "plan.ics", "--topic", TOPIC)
    before, events = parse((tmp / "plan.ics").read_bytes()), parse((tmp / "plan.ics").read_bytes())[1]
    plan = next(e for e in events if "Planned" in text(e, "SUMMARY"))
    assert told["next_at"].replace("-", "").replace(":", "") == plan["DTSTART"][1]
    assert [value for _, value in plan["ATTENDEE"]] == ["mailto:owner@example.org", "mailto:deputy@example.org"]
    assert "CN=\"Ö. ^'O^', the; owner\"" in plan["ATTENDEE"][0][0] and "ORGANIZER" in plan
    # a renewal moves the event: the same UID, the next number
    old = of_certificate(before[1])
    file = tmp / "new.pem"
    file.write_bytes(push_cert(days=365))
    s.cli("pushcert", "import", file, "--ics", tmp / "new.ics")
    new = of_certificate(parse((tmp / "new.ics").read_bytes())[1])
    assert new["UID"] == old["UID"] and int(new["SEQUENCE"][1]) == int(old["SEQUENCE"][1]) + 1 and new["DTSTART"][1] > old["DTSTART"][1]
    assert s.cli_json("pushcert", "plan", "--on", "02-29")["next_at"][4:] in ("-02-28T00:00:00Z", "-02-29T00:00:00Z")
    assert s.cli_json("pushcert", "plan", "--none")["next_at"] is None
    # of two who plan at once the second is told, also within the same second
    seen = s.admin("GET", "/api/v1/pushcerts/record")[1]["record"]["updated_at"]
    for on, status in (("05-01", 200), ("06-01", 409)):
        assert s.admin("PUT", "/api/v1/pushcerts/plan", {"topic": TOPIC, "on": on, "updated_at": seen})[0] == status
    assert s.admin("GET", "/api/v1/pushcerts/record")[1]["record"]["plan_on"] == "05-01"
    s.cli("pushcert", "plan", "--none")
    s.cli("pushcert", "calendar", "--out", tmp / "none.ics", "--topic", TOPIC)
    assert not any("Planned" in text(e, "SUMMARY") for e in parse((tmp / "none.ics").read_bytes())[1])
    s.stop()


def invitation(mail):
    """What a mail program takes for an invitation: the properties and events of its text/calendar part."""
    part = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    return part.get_param("method"), *parse(part.get_payload(decode=True))


def test_invitations_are_mailed_and_moved_by_a_renewal(tmp):
    smtp = Smtp().start()
    mail = {"smtp_url": smtp.url, "mail_from": "mdm@example.org"}
    s = Server(tmp, **mail)
    record = {"topic": TOPIC, "owner": "O", "owner_email": "owner@example.org", "deputy": "D", "deputy_email": "deputy@example.org"}
    assert s.admin("PUT", "/v1/pushcert", push_cert(days=300))[0] == 200
    assert s.admin("PUT", "/api/v1/pushcerts/record", record)[0] == 200
    s.cli("pushcert", "plan", "--every", "90d")

    def invited(address, least):
        got = [invitation(m) for m in smtp.to(address) if m["Subject"].startswith("Invitation")]
        return [g for g in got if any("ends" in text(e, "SUMMARY") for e in g[2])] if len(got) >= least else []

    first = {a: until(lambda a=a: invited(a, 1), f"an invitation for {a}", patience=30) for a in ("owner@example.org", "deputy@example.org")}
    method, properties, events = first["owner@example.org"][-1]
    assert (method, properties["METHOD"][1]) == ("REQUEST", "REQUEST") and "ORGANIZER" in events[0]
    assert {v for _, v in events[0]["ATTENDEE"]} == {"mailto:owner@example.org", "mailto:deputy@example.org"}
    assert s.admin("PUT", "/v1/pushcert", push_cert(days=365))[0] == 200
    s.stop()
    s = Server(tmp, data=s.data, **mail)  # what is to be told is told by the next start, too
    later = until(lambda: [g for g in invited("owner@example.org", 2) if g[2][0]["UID"] == events[0]["UID"]
                           and int(g[2][0]["SEQUENCE"][1]) > int(events[0]["SEQUENCE"][1])], "the moved date", patience=60)
    assert later[-1][2][0]["DTSTART"][1] > events[0]["DTSTART"][1]
    s.stop()
    smtp.stop()
