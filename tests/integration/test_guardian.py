"""The guardian: notices by mail and by notify-command, each once over kill -9 and restarts; what an operator sees when
the push certificate ends; metrics."""
import os
import re
import signal

from harness import CA, Device, Server, TOPIC, plist, push_cert, request, until
from receiver import KEY, Receiver
from smtp import Smtp, server_tls

TIMEOUT = 240
DAY = 86400
MAILS = 30  # seconds in which a notice must have been sent: chores begin 5 s after the start
BOTH = ("it@example.org", "boss@example.org")


class Command:
    """A notify-command that writes what it got."""

    def __init__(self, tmp):
        self.file = tmp / "command.log"
        self.line = 'printf "%%s|%%s|%%s|" "$POMONA_SUBJECT" "$POMONA_STEP" "$POMONA_TITLE" >> %s; tr "\\n" " " >> %s; echo >> %s' % (
            (self.file,) * 3)

    def got(self, kind):
        """Steps that were told of subjects of this kind."""
        rows = [line.split("|") for line in self.file.read_text().splitlines()] if self.file.exists() else []
        return [row[1] for row in rows if row[0].split(" ")[0] == kind]


def steps(smtp, address, kind="Push certificate"):
    """Subjects of mails to an address about push certificates, in order."""
    return [m["Subject"] for m in smtp.to(address) if m["Subject"].startswith(kind)]


def start(tmp, smtp, command, ca, shift, **more):
    return Server(tmp, env={"POMONA_CLOCK_SHIFT": str(shift)}, smtp_url=smtp.url, mail_to=",".join(BOTH),
                  notify_command=command.line, device_ca=ca.file(tmp), **more)


def parse_metrics(text):
    """Prometheus' text format, strictly: {name: {labels: value}}."""
    metrics, kinds = {}, {}
    label = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
    for line in text.rstrip("\n").split("\n"):
        head = re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line)
        if head:
            kinds.setdefault(head[2], {})[head[1]] = head[3]
            continue
        row = re.fullmatch(rf"([a-z_]+)(?:\{{({label}(?:,{label})*)\}})? (-?[0-9.e+-]+)", line)
        assert row, line
        assert set(kinds[row[1]]) == {"HELP", "TYPE"} and kinds[row[1]]["TYPE"] in ("gauge", "counter"), line
        assert row[2] not in metrics.setdefault(row[1], {}), line
        metrics[row[1]][row[2]] = float(row[3])
    return metrics


def marked(s):
    """Waits until what was sent is known to have been sent: a power cut before would send it once more."""
    until(lambda: all(d["done_at"] for n in s.cli_json("pushcert", "reminders")["notices"] for d in n["deliveries"]), "all to be marked")


def due(receiver):
    """Steps of push certificates that a webhook was told of, each event once."""
    events = {e["event_id"]: e["pomona_event"]["data"] for e in list(receiver.events) if e["topic"] == "pomona.guardian.due"}
    return [d["step"] for d in events.values() if d["subject"].startswith("pushcert ")]


def test_each_notice_once(tmp):
    smtp, command, ca, receiver = Smtp().reserve(), Command(tmp), CA(), Receiver()
    hook = {"webhook_url": receiver.url, "webhook_hmac_key": KEY, "webhook_events": "all"}
    # a certificate of 20 days; the mail server is down, the command works; a power cut at once and one after the first try
    s = start(tmp, smtp, command, ca, 0, **hook)
    assert s.admin("PUT", "/api/v1/pushcerts", push_cert(days=20))[0] == 200
    Device(s, ca.identity("D1"), "D1").enroll()
    s.kill9()
    s = start(tmp, smtp, command, ca, 0, **hook)
    s.wait_log(patience=MAILS, msg="a notice did not reach its recipient and is tried again", recipient=f"mailto:{BOTH[0]}")
    until(lambda: command.got("pushcert"), "the command to be run")
    s.kill9()
    assert smtp.mails == []

    # up again, later: both get it, and the command is not run once more
    smtp.start()
    s = start(tmp, smtp, command, ca, 300, **hook)
    smtp.wait(2, MAILS)
    marked(s)
    s.kill9()
    mail = smtp.to(BOTH[0])[0]
    assert "ends in 20 days" in mail["Subject"] and TOPIC in mail["Subject"], mail
    assert mail["To"] == f"<{BOTH[0]}>" or BOTH[0] in mail["To"], mail
    text = mail.get_content()
    assert "press Renew (never Create" in text and "Apple Account" in text, text

    # 14 days ahead, then after the end, with the steps between passed in the dark: the newest step of each, once
    s = start(tmp, smtp, command, ca, 7 * DAY, **hook)
    smtp.wait(4, MAILS)
    until(lambda: len(command.got("pushcert")) == 2, "the command's second run")
    marked(s)
    s.kill9()
    s = start(tmp, smtp, command, ca, 21 * DAY, **hook)
    until(lambda: len(command.got("pushcert")) == 3 and all(len(steps(smtp, a)) == 3 for a in BOTH), "the third notice", patience=MAILS)
    assert command.got("pushcert") == ["30", "14", "0"]
    for a in BOTH:
        assert ["ends in 20 days" in steps(smtp, a)[0], "ends in 13 days" in steps(smtp, a)[1], "ended 1 day ago" in steps(smtp, a)[2]] == [True] * 3, steps(smtp, a)
    ids = [m["Message-ID"] for _, m in smtp.mails]
    assert len(set(ids)) == len(ids), ids
    expired(s)
    receiver.wait(lambda: len(due(receiver)) >= 3, lambda: due(receiver))
    s.stop()
    receiver.kill()
    assert sorted(due(receiver)) == ["0", "14", "30"] and receiver.wrong == []


def expired(s):
    """What an operator sees after the end: nothing is lost, and what to do."""
    shown = s.cli("status").stdout
    words = " ".join(shown.split())
    assert shown.startswith("! Push certificate " + TOPIC), shown
    for told in ("nothing is lost", "stay enrolled", "new devices cannot enroll", "press Renew (never Create", "Apple Account", "serial number"):
        assert told in words, (told, shown)
    assert s.cli_json("status")["banner"][0]["slug"] == "pushcert-expired"
    status, ready = s.admin("GET", "/readyz")
    assert (status, ready["ready"], "pushcert-expired" in ready["warnings"]) == (200, True, True), ready
    assert "no push certificate that is valid now" in s.cli("enroll", "link", expect=1).stderr
    assert s.admin("PUT", "/v1/enqueue/D1", plist(CommandUUID="C1", Command={"RequestType": "DeviceInformation"}))[0] in (200, 207)
    assert s.command("C1", "D1") == "Queued"
    assert s.rows("SELECT count(*) FROM wake WHERE due_at IS NOT NULL") == [(1,)]
    look_at_metrics(s)


def look_at_metrics(s):
    status, _, body = request(s.admin_address, "GET", "/metrics")
    assert status == 401, body
    status, headers, body = request(s.admin_address, "GET", "/metrics", headers={"Authorization": f"Bearer {s.token}"})
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    m = parse_metrics(body.decode())
    left = [v for k, v in m["pomona_guardian_days_left"].items() if k.startswith('kind="pushcert"')]
    assert len(left) == 1 and -2 < left[0] < 0, left
    assert m["pomona_devices"]['state="enrolled"'] == 1 and m["pomona_commands_waiting"][None] == 1, m
    assert m["pomona_build_info"] and m["pomona_warnings"][None] > 0 and m["pomona_notices_waiting"][None] == 0, m
    assert m["pomona_pushcert_enrollments"] == {f'topic="{TOPIC}"': 1}, m


def test_mail_by_tls_only_with_a_password(tmp):
    ca = CA("Test mail CA")
    smtp = Smtp(server_tls(ca.server()), ("pomona", "pass:w@rd")).start()
    url = f"smtp://pomona:pass%3Aw%40rd@127.0.0.1:{smtp.port}"
    s = Server(tmp, smtp_url=url, smtp_ca=ca.file(tmp), mail_to="it@example.org", mail_from="mdm@example.org")

    # by STARTTLS, and nothing but the greeting before it
    shown = s.cli("pushcert", "reminders", "--test").stdout
    assert shown == "it@example.org: took it\n", shown
    mail = smtp.to("it@example.org")[0]
    assert "mdm@example.org" in mail["From"] and mail["Subject"] == "Test of pomona's notices" and mail["Date"], mail
    assert [line.split(" ")[0] for tls, line in smtp.commands if not tls] == ["EHLO", "STARTTLS"], smtp.commands

    # no STARTTLS: no password is told, and it says so
    smtp.tls, smtp.commands = None, []
    refused = s.cli("pushcert", "reminders", "--test", expect=1)
    assert "no STARTTLS" in refused.stdout and len(smtp.mails) == 1, refused
    assert not any(line.startswith(("AUTH", "MAIL")) for _, line in smtp.commands), smtp.commands

    # the server's own word comes through; a stranger's certificate is not accepted; the URL's password is never shown
    smtp.tls, smtp.refuse = server_tls(ca.server()), "550 5.7.1 relaying denied"
    denied = s.cli("pushcert", "reminders", "--test", expect=1).stdout
    assert "550 5.7.1 relaying denied" in denied, denied
    smtp.refuse, smtp.tls = None, server_tls(CA("Stranger").server())
    wrong = s.cli("pushcert", "reminders", "--test", expect=1).stdout
    assert "certificate is not accepted" in wrong, wrong
    smtp.tls, smtp.password = server_tls(ca.server()), ("pomona", "another")
    assert "name and password" in s.cli("pushcert", "reminders", "--test", expect=1).stdout
    s.stop()
    assert "w@rd" not in s.log() and "w%40rd" not in s.log()


def test_notify_command_and_its_process(tmp):
    command = Command(tmp)
    s = Server(tmp, notify_command=command.line)
    assert s.cli("pushcert", "reminders", "--test").stdout == "notify-command: took it\n"
    assert command.got("test") == ["test"]

    # its process may die: said, shown, and the server goes on
    with open(f"/proc/{s.process.pid}/task/{s.process.pid}/children", encoding="ascii") as f:
        os.kill(int(f.read().split()[0]), signal.SIGKILL)
    s.wait_log(msg="the process that runs notify-command has died; a restart of the server makes a new one")
    assert "has died" in s.cli("pushcert", "reminders", "--test", expect=1).stdout
    assert "notify-command-dead" in [b["slug"] for b in s.cli_json("status")["banner"]]
    s.stop()
