"""What pages of the console are made of: the overview, settings, a device's timeline, what it can be asked."""
import json

from harness import CA, Device, Server, cli, until
from test_push import Lab, token

TIMEOUT = 120


def test_overview_and_timeline_tell_what_happened(tmp):
    ca = CA()
    server = Server(tmp, tls="off", device_ca=ca.file(tmp))
    status, page = server.admin("GET", "/api/v1/overview")
    assert (status, page["devices"]["total"], page["commands"]["waiting"], page["pushcerts"]) == (200, 0, 0, [])
    server.push_cert()
    device = Device(server, ca.identity("PAGE-1", "ec")).enroll()
    done, waits = (server.admin("POST", "/api/v1/commands", {"request_type": "RestartDevice", "ids": [device.udid]})[1]["command_uuid"] for _ in "ab")
    device.idle()
    device.report(done)
    until(lambda: server.command(done, device.udid) == "Acknowledged", "the answer")
    def is_new():
        page.update(server.admin("GET", "/api/v1/overview")[1])
        return page["commands"]["waiting"] == 1

    until(is_new, "a page that is made anew")
    assert page["devices"] == {"total": 1, "former": 0, "seen_within_day": 1, "seen_within_week": 1,
                               "by_platform": page["devices"]["by_platform"], "by_state": {"enrolled": 1}}
    waiting = page["commands"]["by_request_type"]
    assert [(t["request_type"], t["waiting"]) for t in waiting] == [("RestartDevice", 1)], waiting
    assert sum(h["due"] for h in page["wakeups"]["hours"]) >= 1
    assert page["recent"][0]["kind"] and page["doctor"] == {"at": None, "checks": []}
    told = server.cli("status").stdout
    assert "1 RestartDevice" in told and "woken in 24 h" in told, told

    path, cursor, all_of_it = f"/api/v1/devices/{device.udid}/timeline?limit=2", "", []
    while cursor is not None:
        status, part = server.admin("GET", path + (f"&cursor={cursor}" if cursor else ""))
        assert status == 200 and len(part["timeline"]) <= 2, part
        all_of_it += part["timeline"]
        cursor = part["next"]
    of_command = [(e["kind"], e["command"]) for e in all_of_it if "command" in e]
    assert [k for k, uuid in of_command if uuid == done] == ["command.settled", "command.sent", "command.queued"]
    assert [k for k, uuid in of_command if uuid == waits][-1] == "command.queued"
    assert [e["at"] for e in all_of_it] == sorted((e["at"] for e in all_of_it), reverse=True)
    assert len({json.dumps(e, sort_keys=True) for e in all_of_it}) == len(all_of_it)
    for bad in ("x", "1-2", "1-2-x", "--"):
        assert server.admin("GET", path + f"&cursor={bad}")[0] == 400, bad
    assert server.admin("GET", "/api/v1/devices/NOBODY/timeline")[0] == 404
    assert "command.settled" in server.cli("device", "timeline", device.udid).stdout


def test_a_wake_up_is_counted_from_due_to_answered(tmp):
    lab = Lab(tmp)
    device = lab.device("WOKEN", token(3))

    def steps():
        hours = lab.server.admin("GET", "/api/v1/overview")[1]["wakeups"]["hours"]
        return {step: sum(h[step] for h in hours) for step in ("due", "pushed", "accepted", "connected", "answered")}

    until(lambda: lab.pushes(token(3)), "the push after enrollment")
    until(lambda: steps()["accepted"] == 1, "APNs' answer")
    assert steps() == {"due": 1, "pushed": 1, "accepted": 1, "connected": 0, "answered": 0}
    _, answer = lab.server.admin("POST", "/api/v1/commands", {"request_type": "RestartDevice", "ids": ["WOKEN"], "push": False})
    assert device.idle()[0] == 200
    device.report(answer["command_uuid"])
    until(lambda: steps()["connected"] == 1, "the device")
    assert steps() == {"due": 1, "pushed": 1, "accepted": 1, "connected": 1, "answered": 1}


def test_settings_tell_of_secrets_only_that_they_are_set(tmp):
    server = Server(tmp, tls="off", api_key="very-secret-key", organization="Example")
    status, answer = server.admin("GET", "/api/v1/settings")
    rows = {row["name"]: row for row in answer["settings"]}
    assert status == 200 and "very-secret-key" not in json.dumps(answer)
    assert rows["api-key"]["secret"] and rows["api-key"]["set"] and not rows["webhook-hmac-key"]["set"]
    assert rows["organization"]["value"] == "Example" and rows["organization"]["source"] != "default"
    assert rows["listen"]["restart"] and all(row["help"] for row in rows.values())
    _, token = server.admin("POST", "/api/v1/tokens", {"name": "looker", "role": "viewer"})
    assert server.admin("GET", "/api/v1/settings", token=token["token"])[0] == 403
    assert server.admin("GET", "/api/v1/overview", token=token["token"])[0] == 200


def test_what_a_device_can_be_asked_stands_beside_why_not(tmp):
    ca = CA()
    server = Server(tmp, tls="off", device_ca=ca.file(tmp))
    server.push_cert()
    device = Device(server, ca.identity("FORM-1", "ec")).enroll(ProductName="Mac16,10", OSVersion="15.1")
    all_types = json.loads(cli("command", "types", "--json").stdout)
    status, answer = server.admin("GET", "/api/v1/command-types")
    assert (status, answer["command_types"]) == (200, all_types)
    status, answer = server.admin("GET", f"/api/v1/command-types?device={device.udid}")
    types = {t["request_type"]: t for t in answer["command_types"]}
    assert status == 200 and types["RestartDevice"]["allowed"] and types["RestartDevice"]["refused"] is None
    assert not types["EnableLostMode"]["allowed"] and "iOS" in types["EnableLostMode"]["refused"]
    keys = {a["name"]: a for a in types["EraseDevice"]["arguments"]}
    assert "iOS" in keys["PreserveDataPlan"]["refused"] and "refused" not in keys["PIN"]
    assert types["EraseDevice"]["dangerous"] and types["RestartDevice"]["once"]
    assert server.admin("GET", "/api/v1/command-types?device=NOBODY")[0] == 404
