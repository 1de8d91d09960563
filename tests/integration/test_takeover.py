"""Takeover, played against a living, a sleeping and a wiped device: only the wiped one changes hands."""
import plistlib
import time

import scep
from harness import Device, Server, until
from test_push import TOPIC, Lab, token


def come(lab, udid, push_token):
    """Somebody who says to be this device enrolls by a link of his own."""
    d = Device(lab.server, scep.identity(lab.server), udid, topic=TOPIC)
    for status, _, body in (d.authenticate(), d.token_update(token=push_token)):
        assert (status, body) == (200, b""), (udid, status)
    return d


def refused(device):
    return device.idle()[0] == 400


def gets_nothing(device):
    status, _, body = device.idle()
    return (status, body) == (200, b"")


def is_served(lab, device):
    """A command that is queued for the device reaches whoever has it."""
    uuid = f"{device.udid}-{time.monotonic_ns()}"
    assert lab.enqueue(device.udid, uuid=uuid)[0] == 200
    got, body = [], device.idle()[2]
    while body:
        got.append(plistlib.loads(body)["CommandUUID"])
        body = device.report(got[-1])[2]
    return uuid in got


def held(lab, udid):
    return {row["id"]: row for row in lab.server.cli_json("device", "list", "--held")}.get(udid)


def test_living_and_sleeping_devices_keep_their_place(tmp):
    lab = Lab(tmp)
    mine = come(lab, "LIVING", token(1))
    other = come(lab, "LIVING", token(101))
    assert gets_nothing(other)
    assert is_served(lab, mine)
    assert refused(other)
    told = lab.server.wait_log(level="warn", msg="takeover.refused", id="LIVING")
    assert told["link"] and told["link_by"] and told["address"] and told["former_address"], told
    # one that is said to be somebody's by an operator's word, either way
    other = come(lab, "LIVING", token(102))
    assert lab.server.cli_json("device", "show", "LIVING")["takeover"]["waits_for"]
    lab.server.cli("device", "refuse", "LIVING")
    assert refused(other) and is_served(lab, mine)
    other = come(lab, "LIVING", token(103))
    lab.server.cli("device", "accept", "LIVING")
    assert is_served(lab, other) and refused(mine)

    mine = come(lab, "SLEEPING", token(2))
    other = come(lab, "SLEEPING", token(104))
    until(lambda: lab.pushes(token(2)), "the push that wakes it")
    waits = until(lambda: (held(lab, "SLEEPING") or {}).get("silent_at") and held(lab, "SLEEPING"), "the push to be taken")
    assert waits["waits_for"].startswith("silence") and waits["link"] and waits["link_by"], waits
    assert lab.enqueue("SLEEPING", uuid="for-the-sleeper")[0] == 200
    assert gets_nothing(other) and gets_nothing(other)
    assert b"for-the-sleeper" in mine.idle()[2]
    assert refused(other) and refused(other)
    assert held(lab, "SLEEPING") is None
    assert other.authenticate()[0] == 400
    lab.server.stop()
    lab.apns.stop()


def test_wiped_devices_change_hands(tmp):
    lab = Lab(tmp)
    # erased by an operator
    mine = come(lab, "ERASED", token(3))
    assert lab.enqueue("ERASED", request_type="EraseDevice", uuid="erase")[0] == 200
    assert b"EraseDevice" in mine.idle()[2]
    assert mine.report("erase")[0] == 200
    other = come(lab, "ERASED", token(105))
    assert is_served(lab, other) and refused(mine)

    # wiped by its owner: APNs knows
    mine = come(lab, "GONE", token(4))
    lab.apns.say(f"rule {token(4).hex()} 410 Unregistered {int((time.time() + 3600) * 1000)}")
    other = come(lab, "GONE", token(106))
    assert lab.server.wait_log(msg="takeover.in-force", id="GONE")
    assert is_served(lab, other) and refused(mine)

    # wiped, and nobody knows: it keeps silent
    mine = come(lab, "SILENT", token(5))
    other = come(lab, "SILENT", token(107))
    until(lambda: (held(lab, "SILENT") or {}).get("silent_at"), "the push to be taken")
    assert gets_nothing(other)
    lab.server.stop()
    # the server has to be up for as long, at most 15 minutes
    lab.server = Server(tmp, data=tmp / "data", env={"POMONA_CLOCK_SHIFT": str(16 * 60)}, takeover_wait="1s", **lab.settings)
    other.server = mine.server = lab.server
    lab.server.wait_log(msg="takeover.in-force", id="SILENT")
    assert is_served(lab, other)
    # it only slept all the same: it wins its place back
    assert gets_nothing(mine) and is_served(lab, mine) and refused(other)
    lab.server.stop()
    lab.apns.stop()
