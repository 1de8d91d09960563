"""What devices of all kinds say, as the samples have it, and what each message is answered; over TLS."""
import json
import pathlib
import plistlib

from harness import CA, Device, Server, plist

SAMPLES = pathlib.Path(__file__).parent.parent / "data" / "apple"
SAMPLE_TOPIC = "com.apple.mgmt.External.5d7c1f0e-2b64-4f0a-9a53-0c1d7e88b2a4"
NOWHERE = "https://127.0.0.1:1"  # as apns-url: nobody answers there
MAC, IPHONE, TV, WATCH = ("9A3F6C52-7B1E-5D08-8C44-2F6E1B7D9A10", "00008140-000E5D1A0C83801C", "00008110-001A34D20F62801E",
                          "00008310-0012A4C83E07401E")
BYOD, SHARED, RETURNING = ("e7b1c0d2a94f5e36871b0c5d2f4a6e8890ab13cd", "c0ffee5eed00112233445566778899aabbccddee",
                           "00008112-0009746E3C88401E")


def sample(name):
    return (SAMPLES / name).read_bytes()


# ---- what an answer must be ----

def nothing(status, headers, body):
    assert (status, body) == (200, b""), (status, body)


def only(expected):
    def check(status, headers, body):
        assert (status, body) == (expected, b"")
    return check


def asks_for(request_type):
    def check(status, headers, body):
        assert (status, headers["Content-Type"]) == (200, "application/xml"), (status, body)
        assert plistlib.loads(body)["Command"] == {"RequestType": request_type}
    return check


def as_sample(name):
    def check(status, headers, body):
        assert (status, headers["Content-Type"]) == (200, "application/xml")
        assert plistlib.loads(body) == plistlib.loads(sample(name))
    return check


def of_json(status, headers, body):
    assert (status, headers["Content-Type"]) == (200, "application/json")
    return json.loads(body)


def tokens(*answer):
    answer = of_json(*answer)
    assert answer.keys() == {"SyncTokens"} and answer["SyncTokens"].keys() == {"DeclarationsToken", "Timestamp"}


def no_declarations(*answer):
    answer = of_json(*answer)
    assert answer.keys() == {"Declarations", "DeclarationsToken"}
    assert answer["Declarations"] == json.loads(sample("ddm-declaration-items-empty.json"))["Declarations"]


# ---- what is said, in this order ----

TALK = [
    (MAC, "checkin-authenticate-macos.plist", nothing),
    (MAC, "checkin-tokenupdate-macos-device-awaiting.plist", nothing),
    (MAC, "checkin-tokenupdate-macos-user.plist", nothing),
    (MAC, "checkin-userauthenticate-step1.plist", only(410)),
    (MAC, "checkin-userauthenticate-step2.plist", only(410)),
    (MAC, "checkin-getbootstraptoken.plist", nothing),
    (MAC, "checkin-setbootstraptoken.plist", nothing),
    (MAC, "checkin-getbootstraptoken.plist", as_sample("checkin-getbootstraptoken-answer.plist")),
    (MAC, "checkin-setbootstraptoken-clear.plist", nothing),
    (MAC, "checkin-getbootstraptoken.plist", nothing),
    (MAC, "checkin-declarativemanagement-tokens.plist", tokens),
    (MAC, "checkin-declarativemanagement-items-user.plist", no_declarations),
    (MAC, "checkin-declarativemanagement-status.plist", nothing),
    (MAC, "connect-idle-macos-device.plist", asks_for("ActivationLockBypassCode")),  # it waits in Setup Assistant
    (MAC, "connect-idle-macos-user.plist", nothing),
    (MAC, "connect-idle-network-user-authtoken.plist", nothing),
    (IPHONE, "checkin-authenticate-iphone.plist", nothing),
    (IPHONE, "checkin-tokenupdate-iphone-unlocktoken.plist", nothing),
    (IPHONE, "checkin-tokenupdate-iphone-no-unlocktoken.plist", nothing),
    (IPHONE, "checkin-tokenupdate-odd-whitespace.plist", nothing),
    (IPHONE, "checkin-tokenupdate-binary.plist", nothing),
    (IPHONE, "checkin-gettoken-maid.plist", only(400)),
    (IPHONE, "checkin-gettoken-watch-pairing.plist", only(400)),
    (TV, "checkin-authenticate-minimal-tvos.plist", nothing),
    (WATCH, "checkin-authenticate-watchos.plist", nothing),
    (BYOD, "checkin-authenticate-user-enrollment.plist", nothing),
    (BYOD, "checkin-tokenupdate-user-enrollment.plist", nothing),
    (BYOD, "checkin-tokenupdate-user-enrollment-macos-user.plist", nothing),
    (BYOD, "checkin-declarativemanagement-declaration.plist", only(404)),
    (BYOD, "connect-idle-user-enrollment.plist", nothing),
    (SHARED, None, nothing),
    (SHARED, "checkin-tokenupdate-shared-ipad-user.plist", nothing),
    (SHARED, "connect-idle-shared-ipad-user.plist", nothing),
    (RETURNING, None, nothing),
    (RETURNING, "checkin-returntoservice.plist", only(400)),
    (MAC, "checkin-checkout-macos.plist", nothing),
    (BYOD, "checkin-checkout-user-enrollment.plist", nothing),
]


def start(tmp, **settings):
    ca = CA()
    server = Server(tmp, apns_url=NOWHERE, device_ca=ca.file(tmp), **settings)
    server.push_cert(SAMPLE_TOPIC)
    return server, ca


def put(device, name):
    kind = Device.CHECKIN if name.startswith("checkin-") else f"{Device.REPORT}; charset=UTF-8"
    return device.put(sample(name), kind)


def test_every_sample_is_part_of_the_talk():
    there = {path.name for pattern in ("checkin-*", "connect-*") for path in SAMPLES.glob(pattern) if "-answer" not in path.name}
    assert there == {name for _, name, _ in TALK if name}


def test_samples_get_their_documented_answers(tmp):
    server, ca = start(tmp)
    devices = {id: Device(server, ca.identity(id, kind="ec"), proof="mtls", topic=SAMPLE_TOPIC)
               for id in (MAC, IPHONE, TV, WATCH, BYOD, SHARED, RETURNING)}
    for id, name, check in TALK:
        if name:
            try:
                check(*put(devices[id], name))
            except AssertionError as wrong:
                raise AssertionError(name) from wrong
        else:
            devices[id].enroll()
    channels = server.rows("SELECT id, type, enabled, token_update_tally FROM enrollment WHERE token IS NOT NULL ORDER BY id")
    assert channels == sorted([
        (MAC, "Device", 0, 0), (f"{MAC}:D4C2A6F0-31B8-4E7C-9F55-60A7B8C9D0E1", "User", 0, 0), (IPHONE, "Device", 1, 4),
        (BYOD, "User Enrollment (Device)", 0, 0), (f"{BYOD}:5f2d7a90b1c34e86a7d0e9f81c2b3a4d5e6f7081", "User Enrollment", 0, 0),
        (SHARED, "Device", 1, 1), (f"{SHARED}:pupil.17@appleid.school.example", "Shared iPad", 1, 1), (RETURNING, "Device", 1, 1)]), channels
    report, = server.rows("SELECT report FROM ddm_status")
    assert json.loads(report[0]) == json.loads(plistlib.loads(sample("checkin-declarativemanagement-status.plist"))["Data"])
    held = [server.admin("GET", f"/api/v1/devices/{id}")[1] for id in (IPHONE, MAC)]
    assert [(d["unlock_token_held"], d["bootstrap_token_held"], d["awaiting_configuration"]) for d in held] == [
        (True, False, False), (False, False, False)], held


def test_every_network_user_is_managed_where_the_operator_says_so(tmp):
    server, ca = start(tmp, user_auth="challenge-empty")
    mac = Device(server, ca.identity(MAC, kind="ec"), proof="mtls", topic=SAMPLE_TOPIC)
    for name in ("checkin-userauthenticate-step1.plist", "checkin-userauthenticate-step2.plist"):
        only(400)(*put(mac, name))  # of a device that nobody knows
    mac.enroll()
    as_sample("checkin-userauthenticate-step1-answer-empty.plist")(*put(mac, "checkin-userauthenticate-step1.plist"))
    nothing(*put(mac, "checkin-userauthenticate-step2.plist"))
    for endpoint in ("", "tokens/", "declaration/configuration/", "https://elsewhere.example/tokens"):
        only(400)(*mac.checkin("DeclarativeManagement", Endpoint=endpoint))
    only(400)(*mac.put(plist(MessageType="SetBootstrapToken", UDID=MAC, UserID="U", BootstrapToken=b"t"), Device.CHECKIN))
    nothing(*mac.checkin("GetBootstrapToken"))
    nothing(*put(mac, "checkin-setbootstraptoken.plist"))
    assert server.admin("GET", f"/api/v1/devices/{MAC}")[1]["bootstrap_token_held"] is True
