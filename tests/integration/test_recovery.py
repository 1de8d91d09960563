"""After a push certificate ended: nothing is lost, a renewal wakes everybody, and who stays away is named and helped."""
from harness import CA, Server, push_cert, until
from test_push import TOPIC, Apns, Lab, token

DAY = 86400
OTHER = "com.apple.mgmt.External.0a7d6b1c-1111-4222-8333-444455556666"


class Late(Lab):
    """Its certificate lives for 30 days; later() is a restart 40 days from now."""

    shift = 0

    def __init__(self, tmp):
        self.tmp, self.ca, self.apns = tmp, CA(), Apns(tmp)
        self.settings = {"device_ca": self.ca.file(tmp), "device_ca_names": "yes", "apns_url": self.apns.url, "apns_ca": self.apns.ca}
        self.start()
        self.import_cert(TOPIC, 30)

    def start(self):
        self.server = Server(self.tmp, data=self.tmp / "data", env={"POMONA_CLOCK_SHIFT": str(self.shift * DAY)}, **self.settings)

    def later(self, devices):
        self.shift = 40
        self.server.stop()
        self.start()
        for d in devices:
            d.server = self.server

    def import_cert(self, topic, days, *flags, expect=0):
        file = self.tmp / f"{topic}-{days}.pem"
        file.write_bytes(push_cert(topic, days=days))
        return self.server.cli("pushcert", "import", file, *flags, expect=expect)

    def follow(self):
        return self.server.cli_json("pushcert", "recovery")


def test_expired_renewed_recovered(tmp):
    lab = Late(tmp)
    devices = {udid: lab.device(udid, token(n)) for n, udid in enumerate(("COMES", "STAYS-AWAY", "IDLE"), 1)}
    for d in devices.values():
        until(lambda d=d: lab.pushes(d.token), "the push after enrollment")
        assert d.idle()[0] == 200
    lab.later(devices.values())
    before = lab.apns.stats()["pushes"]
    # commands queue, devices stay enrolled and are served; nothing new comes in
    assert lab.enqueue("COMES", "STAYS-AWAY", uuid="waits")[0] in (200, 207)
    assert lab.server.cli("enroll", "link", expect=1).stderr.count("push certificate")
    assert {d["state"] for d in lab.server.cli_json("device", "list")} == {"enrolled"}
    assert lab.server.cli("pushcert", "recovery", expect=3).stdout == ""
    assert lab.server.cli("pushcert", "recovery", "--links", expect=3).stdout == ""
    assert lab.apns.stats()["pushes"] == before
    # the renewal wakes all three, also the one that nothing waits for
    lab.import_cert(TOPIC, 365)
    for d in devices.values():
        until(lambda d=d: len(lab.pushes(d.token)) > 1, "the push after the renewal")
    assert b"waits" in devices["COMES"].idle()[2]
    assert devices["COMES"].report("waits")[0] == 200
    assert devices["IDLE"].idle()[0] == 200
    told = until(lambda: (r := lab.follow())["recovery"]["back"] == 2 and r, "two to be back")
    assert (told["recovery"]["devices"], told["recovery"]["waking"]) == (3, False)
    assert told["recovery"]["dark_since"] < told["recovery"]["started_at"]
    away, *back = told["devices"]
    assert (away["id"], away["back_at"]) == ("STAYS-AWAY", None)
    assert {d["id"] for d in back} == {"COMES", "IDLE"} and all(d["back_at"] and d["seen_before_at"] < d["back_at"] for d in back)
    shown = lab.server.cli("pushcert", "recovery").stdout
    assert "2 of 3" in shown and "not yet" in shown, shown
    # a link for who is missing, and for nobody else; it lets that device in at once
    links = lab.server.cli_json("pushcert", "recovery", "--links", "--ttl", "2d")
    assert [(link["id"], link["serial_number"]) for link in links] == [("STAYS-AWAY", "SSTAYS-AWAY")], links
    status, _, profile = lab.server.device("GET", links[0]["url"].split("/", 3)[-1].join(("/", "")))
    assert status == 200 and TOPIC.encode() in profile
    assert "STAYS-AWAY" in lab.server.cli("pushcert", "recovery", "--links").stdout
    lab.server.cli("pushcert", "recovery", "--ttl", "2d", expect=2)
    assert devices["STAYS-AWAY"].idle()[0] == 200
    until(lambda: lab.follow()["recovery"]["back"] == 3, "all to be back")
    assert "nothing" in lab.server.cli("pushcert", "recovery", "--links").stderr
    lab.server.stop()
    lab.apns.stop()


def test_move_off_a_lost_topic(tmp):
    lab = Late(tmp)
    d = lab.device("MOVES", token(1))
    lab.device("WAITS", token(2))
    server = lab.server
    server.cli("pushcert", "move", expect=3)
    assert "--reason" in server.cli("pushcert", "move", "start", expect=1).stderr
    server.cli("pushcert", "move", "start", "--reason", "the account is lost")
    server.cli("pushcert", "move", "start", "--reason", "the account is lost", expect=1)
    told = server.cli_json("pushcert", "move")
    assert not told["move"]["planning"], "the devices are listed by the request"
    assert [(d["id"], d["erase"], d["done_at"]) for d in told["devices"]] == [("MOVES", "unknown", None), ("WAITS", "unknown", None)], told
    assert "lost topic" in server.cli("pushcert", "move", "links", expect=1).stderr
    lab.import_cert(OTHER, 365, "--new-topic")
    links = server.cli_json("pushcert", "move", "links")
    assert [link["id"] for link in links] == ["MOVES", "WAITS"]
    status, _, profile = server.device("GET", "/enroll/" + links[0]["url"].rsplit("/", 1)[1])
    assert status == 200 and OTHER.encode() in profile
    # it leaves, and comes in anew on the other topic
    d.topic = OTHER
    assert d.authenticate()[0] == 200 and d.token_update(token=token(3))[0] == 200
    told = until(lambda: (m := server.cli_json("pushcert", "move"))["move"]["done"] == 1 and m, "the device to be done")
    assert (told["devices"][0]["id"], told["devices"][1]["id"]) == ("WAITS", "MOVES") and told["devices"][1]["done_at"]
    shown = server.cli("pushcert", "move", "show").stdout
    assert "1 of 2" in shown and "not yet" in shown and "until" in shown, shown
    assert [link["id"] for link in server.cli_json("pushcert", "move", "links")] == ["WAITS"]
    assert server.cli_json("pushcert", "move", "end")["ended_at"]
    assert "ended" in server.cli("pushcert", "move").stdout
    assert "the account is lost" in server.cli("pushcert", "history").stdout
    server.cli("pushcert", "move", "end", expect=3)
    lab.server.stop()
    lab.apns.stop()
