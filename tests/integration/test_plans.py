"""Plans with simulated devices: one in Setup Assistant, a Mac with a user, an iPhone that cannot do what is asked."""
from harness import cli, until
from test_lab import Lab

TIMEOUT = 240


def rig(tmp, *templates):
    lab = Lab(tmp)
    for name in templates:
        file = tmp / f"{name}.mobileconfig"
        file.write_text(cli("profile", "template", name).stdout)
        lab.server.cli("profile", "add", file)
    return lab


def stands(lab, device, state):
    """Its plan, when it stands so."""
    def plan():
        told = lab.server.cli_json("device", "plan", device)
        return told if told["state"] == state else None
    return until(plan, f"{device} is {state}")


def test_a_device_in_setup_assistant_goes_on_when_it_has_what_its_group_gives(tmp):
    """Commands at enrollment in their order, profiles and settings, and DeviceConfigured behind all of them."""
    lab = rig(tmp, "passcode")
    server = lab.server
    server.cli("group", "add", "pads", "--rule", "platform=ios")
    server.cli("group", "assign", "pads", "command", "CertificateList:second", "--position", "2")
    server.cli("group", "assign", "pads", "command", "SecurityInfo:first", "--position", "1")
    server.cli("group", "assign", "pads", "profile", "org.example.passcode")
    server.cli("group", "assign", "pads", "setting", "DeviceName", "DeviceName=Pad %SerialNumber%")
    d = lab.device("--platform", "ipados", "--await", "--serial", "PAD1", link=lab.link())
    udid = lab.enrolled(d)
    stands(lab, udid, "compliant")
    sent = server.rows("SELECT c.request_type FROM target t JOIN command c ON c.seq = t.command WHERE c.collapse_key LIKE 'pomona.plan.%' "
                       "OR c.request_type = 'DeviceConfigured' ORDER BY t.settled_at, t.seq")
    sent = [row[0] for row in sent]
    assert sent[:2] == ["SecurityInfo", "CertificateList"] and sent[-1] == "DeviceConfigured", sent
    assert sorted(sent[2:-1]) == ["InstallProfile", "Settings"], sent
    assert server.cli_json("device", "show", udid)["name"] == "Pad PAD1"
    d.kill9()
    lab.stop()


def test_users_get_what_is_theirs_and_nobody_what_he_cannot_do(tmp):
    lab = rig(tmp, "notifications")
    server = lab.server
    server.cli("group", "add", "all", "--rule", "platform=macos or platform=ios")
    server.cli("group", "assign", "all", "profile", "org.example.notifications", "--users")
    server.cli("group", "assign", "all", "setting", "DeviceName", "DeviceName=Lab")
    server.cli("group", "assign", "all", "setting", "HostName", "HostName=lab")
    mac = lab.device("--users", "1", link=lab.link())
    channels = until(lambda: (lambda words: words if len(words) == 2 else None)(mac.stdout.decode().split()), "the Mac and its user")
    of_mac, of_user = sorted(channels, key=len)
    phone = lab.device("--platform", "ios", link=lab.link())
    installed = until(lambda: server.rows("SELECT e.id FROM target t JOIN command c ON c.seq = t.command JOIN enrollment e "
                                          "ON e.seq = t.enrollment WHERE c.request_type = 'InstallProfile'"), "the user's profile")
    assert installed == [(of_user,)], installed
    stands(lab, of_mac, "compliant")
    plan = stands(lab, lab.enrolled(phone), "failing")
    assert plan["why"] == "setting DeviceName: its argument Settings[0] (DeviceName) is for supervised devices, and this is none", plan
    assert [(n["ref"], n["why"]) for n in plan["not_applicable"]] == [("HostName", "it is for another platform")], plan
    assert server.rows("SELECT count(*) FROM target t JOIN command c ON c.seq = t.command JOIN enrollment e ON e.seq = t.enrollment "
                       "WHERE c.request_type = 'Settings' AND e.id = ?", lab.enrolled(phone)) == [(0,)]
    for d in (mac, phone):
        d.kill9()
    lab.stop()
