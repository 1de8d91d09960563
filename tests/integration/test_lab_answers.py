"""What simulated devices answer to every command of Apple's schema, on every kind of device and channel, against the schema itself
(docs/apple/catalogue.json): who knows it, and which members of which types the answer has."""
import base64
import datetime
import hashlib
import http.server
import json
import os
import pathlib
import plistlib
import threading

import xar
from cryptography.hazmat.primitives import serialization
from harness import CA, until
from receiver import KEY, Receiver
from test_lab import Lab, said

TIMEOUT = 300
ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "profiles/templates"
CATALOGUE = json.loads((ROOT / "docs/apple/catalogue.json").read_text(encoding="utf-8"))
WITHDRAWN = 27  # the major version whose schema lacks what is withdrawn
APP = "com.example.store.app1"
UUID = "11111111-2222-4333-8444-555555555555"

# ---- kinds of devices: options, the schema's OS, its version; what they are ----
KINDS = {
    "mac": (["--users", 1], "macOS", "15.6.1", {"supervised"}),
    "mac of old": (["--platform", "macos-intel", "--os", "12.7"], "macOS", "12.7", {"supervised"}),
    "mac of tomorrow": (["--os", "27.0"], "macOS", "27.0", {"supervised"}),
    "mac in Setup Assistant": (["--await"], "macOS", "15.6.1", {"supervised", "dep"}),
    "iPhone": (["--platform", "ios"], "iOS", "18.6.2", {"cellular"}),
    "supervised iPhone": (["--platform", "ios", "--supervised"], "iOS", "18.6.2", {"supervised", "cellular"}),
    "iPad of tomorrow": (["--platform", "ipados", "--supervised", "--os", "27.1"], "iOS", "27.1", {"supervised"}),
    "iPad of old": (["--platform", "ipados", "--await", "--os", "15.2"], "iOS", "15.2", {"supervised", "dep"}),
    "Shared iPad": (["--platform", "shared-ipad", "--users", 1], "iOS", "18.6.2", {"supervised", "shared"}),
    "Apple TV": (["--platform", "tvos", "--supervised"], "tvOS", "18.6", {"supervised"}),
    "watch": (["--platform", "watchos"], "watchOS", "11.6.1", set()),
    "Vision": (["--platform", "visionos", "--supervised"], "visionOS", "2.6", {"supervised"}),
    "iPhone for its user": (["--platform", "ios", "--user-enrollment"], "iOS", "18.6.2", {"ue", "cellular"}),
    "mac for its user": (["--users", 1, "--user-enrollment"], "macOS", "15.6.1", {"ue"}),
}

# ---- what is sent, in this order: each finds what those before it have made ----
PROFILE = plistlib.dumps({
    "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "org.example.all", "PayloadUUID": UUID, "PayloadDisplayName": "All",
    "PayloadContent": [
        {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "PayloadVersion": 1, "PayloadIdentifier": "org.example.all.1", "PayloadUUID": "P-1", "forcePIN": True},
        {"PayloadType": "com.apple.applicationaccess", "PayloadVersion": 1, "PayloadIdentifier": "org.example.all.2", "PayloadUUID": "P-2",
         "allowCamera": False, "maxInactivity": 5, "allowListedAppBundleIDs": ["org.example.a"]},
        {"PayloadType": "com.apple.MCX.FileVault2", "PayloadVersion": 1, "PayloadIdentifier": "org.example.all.3", "PayloadUUID": "P-3", "Enable": "On", "Defer": True}]})
PROVISIONING = plistlib.dumps({"Name": "In house", "UUID": "PP-1", "ExpirationDate": datetime.datetime(2030, 1, 1)})
SETTINGS = [{"Item": "DeviceName", "DeviceName": "Named"}, {"Item": "Wallpaper", "Image": b"x", "Where": 1}, {"Item": "Bluetooth", "Enabled": True},
            {"Item": "TimeZone", "TimeZone": "Asia/Tokyo"}, {"Item": "OrganizationInfo", "OrganizationInfo": {"OrganizationName": "Lab"}},
            {"Item": "ApplicationConfiguration", "Identifier": APP, "Configuration": {"a": 1}}, {"Item": "MakeTea"}]
ARGUMENTS = {
    "AccountConfiguration": {"AutoSetupAdminAccounts": [{"shortName": "admin", "passwordHash": b"x"}]},
    "SetAutoAdminPassword": {"GUID": "nobody's", "passwordHash": b"x"},
    "DeviceConfigured": {}, "UserConfigured": {},
    "InstallProfile": {"Payload": PROFILE}, "ProfileList": {}, "CertificateList": {}, "Restrictions": {"ProfileRestrictions": True},
    "InstallProvisioningProfile": {"ProvisioningProfile": PROVISIONING}, "ProvisioningProfileList": {}, "RemoveProvisioningProfile": {"UUID": "PP-1"},
    "InstallApplication": {"Identifier": APP, "ManagementFlags": 1, "InstallAsManaged": True, "Configuration": {"server": "https://example.org"}},
    "InstallEnterpriseApplication": {"InstallAsManaged": True, "Manifest": {"items": [{
        "assets": [{"kind": "software-package", "url": "http://127.0.0.1:9/p.pkg", "md5-size": 10, "md5s": ["00"]}],
        "metadata": {"bundle-identifier": "org.example.tool", "bundle-version": "1", "kind": "software", "title": "Tool"}}]}},
    "ManagedApplicationList": {}, "Settings": {"Settings": SETTINGS}, "InstalledApplicationList": {},
    "ManagedApplicationConfiguration": {"Identifiers": [APP]}, "ManagedApplicationAttributes": {"Identifiers": [APP]},
    "ManagedApplicationFeedback": {"Identifiers": [APP]}, "ValidateApplications": {},
    "ApplyRedemptionCode": {"Identifier": APP, "RedemptionCode": "C"}, "RemoveApplication": {"Identifier": APP},
    "InstallMedia": {"MediaType": "Book", "iTunesStoreID": 7}, "ManagedMediaList": {}, "RemoveMedia": {"MediaType": "Book", "iTunesStoreID": "7"},
    "DeviceInformation": {"Queries": None}, "SecurityInfo": {}, "ActivationLockBypassCode": {}, "ClearActivationLockBypassCode": {},
    "RotateFileVaultKey": {"KeyType": "personal", "FileVaultUnlock": {"Password": "lab"}, "ReplyEncryptionCertificate": None},
    "SetRecoveryLock": {"NewPassword": "r"}, "VerifyRecoveryLock": {"Password": "r"},
    "SetFirmwarePassword": {"NewPassword": "f"}, "VerifyFirmwarePassword": {"Password": "f"},
    "EnableRemoteDesktop": {}, "DisableRemoteDesktop": {}, "ContentCachingInformation": {}, "LOMSetupRequest": {},
    "LOMDeviceRequest": {"RequestList": [{"DeviceRequestType": "PowerON", "DeviceRequestUUID": "L-1", "DeviceDNSName": "a.example",
                                          "PrimaryIPv6AddressList": ["fe80::1"], "SecondaryIPv6AddressList": ["fe80::2"], "LOMProtocolVersion": 1}]},
    "ActiveNSExtensions": {}, "NSExtensionMappings": {}, "InviteToProgram": {"ProgramID": "com.apple.cloudvpp", "InvitationURL": "https://example.org"},
    "EnableLostMode": {"Message": "Lost"}, "DeviceLocation": {}, "PlayLostModeSound": {},
    "AvailableOSUpdates": {}, "ScheduleOSUpdateScan": {}, "ScheduleOSUpdate": {"Updates": [{"InstallAction": "InstallASAP"}]}, "OSUpdateStatus": {},
    "UserList": {}, "UnlockUserAccount": {"UserName": "user1"}, "DeleteUser": {"UserName": "nobody"}, "LogOutUser": {},
    "RequestUnlockToken": {}, "ClearPasscode": {"UnlockToken": b"wrong"}, "ClearRestrictionsPassword": {}, "RefreshCellularPlans": {"eSIMServerURL": "https://example.org"},
    "RequestMirroring": {}, "StopMirroring": {}, "DeclarativeManagement": {}, "TriggerEnhancedLogCollection": {"AppleCareToken": "t"}, "CancelEnhancedLogCollection": {},
    "RemoveProfile": {"Identifier": "org.example.all"}, "DeviceLock": {"Message": "Bring me back", "PIN": "123456"}, "RestartDevice": {},
}
AFTERWARDS = {"DisableLostMode": {}}  # it would jump the queue
LEFT_OUT = {"EraseDevice", "ShutDownDevice"}  # after them nothing is answered

# What the kind knows and yet refuses, by (command, kind or None): what it asks for is not there.
REFUSED = {("ApplyRedemptionCode", None): 12029, ("DeleteUser", None): 12071, ("SetAutoAdminPassword", None): 12071, ("ClearPasscode", None): 5013,
           ("SetFirmwarePassword", "apple silicon"): 12021, ("VerifyFirmwarePassword", "apple silicon"): 12021,
           ("SetRecoveryLock", "mac of old"): 12021, ("VerifyRecoveryLock", "mac of old"): 12021,
           ("RefreshCellularPlans", "no cellular"): 12021, ("UnlockUserAccount", "no user"): 12071}
NOT_SUPERVISED, UNKNOWN = 29000, 12021
COMMON = {"CommandUUID", "Status", "UDID", "EnrollmentID", "UserID", "EnrollmentUserID", "UserShortName", "UserLongName", "RequestType", "ErrorChain"}
# Where the schema and real devices part, or a member is there in a state only that nobody is in.
SETTINGS_ARE_A_LIST = {"name": "Settings", "type": "array", "req": 1}
GONE_IN_27 = {"OSUpdateSettings", "SoftwareUpdateDeviceID", "SoftwareUpdateSettings"}
ONLY_IN_A_STATE = {"UnusedRedemptionCode", "ProfileRestrictions"}
# Queries whose fact the kinds of the lab do not have.
CELLULAR = {"IMEI", "MEID", "ModemFirmwareVersion", "ICCID", "CurrentCarrierNetwork", "SubscriberCarrierNetwork", "CarrierSettingsVersion", "PhoneNumber",
            "DataRoamingEnabled", "VoiceRoamingEnabled", "PersonalHotspotEnabled", "IsRoaming", "SubscriberMCC", "SubscriberMNC", "CurrentMCC", "CurrentMNC",
            "ServiceSubscriptions"}
NEVER_TOLD = {"DevicePropertiesAttestation", "SIMCarrierNetwork"}  # it takes Apple to attest; gone since iOS 5
DESKTOP = {"BatteryLevel"}


def version(text):
    return tuple(int(p) for p in text.split("."))


class Kind:
    """A kind of device, on its own channel or on a user's."""

    def __init__(self, name, is_user=False):
        self.name, self.is_user = name, is_user
        self.options, self.os, self.version, self.traits = KINDS[name]

    def has(self, trait):
        return trait in self.traits

    def support(self, record, inherited=None):
        """What the schema says of this OS: the item's, with what a member says otherwise. None: it does not know it."""
        own = record.get("os", {}).get(self.os)
        if own is None and inherited is None:
            return None
        merged = {**(inherited or {}), **(own or {})}
        return None if merged.get("introduced") == "n/a" else merged

    def in_time(self, s):
        now = version(self.version)
        return now >= version(s.get("introduced") or "0") and not ("removed" in s and now >= version(s["removed"]))

    def verdict(self, s):
        """0: it is done; else the code of the error."""
        if s is None or not self.in_time(s):
            return UNKNOWN
        shared, channel = s.get("sharedipad", {}) if self.os == "iOS" else {}, "user" if self.is_user else "device"
        if self.has("ue") and s.get("ue") == "forbidden" or s.get("dep") and not self.has("dep"):
            return UNKNOWN
        if self.has("shared"):
            if shared.get("mode") == "forbidden" or not shared.get(channel, True):
                return UNKNOWN
        elif shared.get("mode") == "required":
            return UNKNOWN
        if self.os == "macOS" and not s.get(channel, True):
            return UNKNOWN
        return NOT_SUPERVISED if s.get("supervised") and not self.has("supervised") else 0

    def knows(self, s):
        return s is not None and self.verdict(s) == 0


def commands():
    """Those of the schema and its supplement, as records."""
    found = {c["type"]: c for c in CATALOGUE["commands"]}
    for item in CATALOGUE["supplement"]["items"]:
        if item["kind"] == "commands" and item["type"] not in found:
            os = {name: {"introduced": v, "supervised": item["supervised"], "ue": item["ue"], "device": name != "macOS", "user": name == "macOS"}
                  for name, v in item["os"].items()}
            if "iOS" in os:
                os["iOS"] = {**os["iOS"], "sharedipad": {"device": True, "user": False}}
            found[item["type"]] = {"type": item["type"], "os": os, "keys": item["keys"]}
    return found


COMMANDS = commands()
QUERIES = [k["name"] for k in COMMANDS["DeviceInformation"]["keys"][0]["keys"][0]["keys"]]

# ---- shapes ----
TYPES = {"string": str, "integer": int, "real": (float, int), "boolean": bool, "date": datetime.datetime, "data": bytes, "array": list, "dictionary": dict}


def is_of(value, name):
    return name == "any" or isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def misfits(value, record, kind, s, path):
    """What of a value is not as its record says, in words."""
    if not is_of(value, record["type"]):
        return [f"{path} is {type(value).__name__}, not {record['type']}"]
    keys = record.get("keys", [])
    wrong = []
    if "enum" in record and value not in record["enum"]:
        wrong.append(f"{path} is {value!r}")
    if record["type"] == "dictionary" and keys:
        wrong += misfits_of(value, keys, kind, s, path)
    if record["type"] == "array" and keys:
        for i, one in enumerate(value):
            wrong += misfits(one, keys[0], kind, kind.support(keys[0], s), f"{path}[{i}]")
    return wrong


def misfits_of(value, keys, kind, s, path):
    wrong, by_name = [], {k["name"]: k for k in keys}
    free = next((k for k in keys if k["name"].startswith("ANY") or " Name" in k["name"]), None)
    for name, one in value.items():
        record = by_name.get(name, free)
        its = record and kind.support(record, s)
        if record is None:
            wrong.append(f"{path}.{name} is not in the schema")
        elif not kind.knows(its):
            wrong.append(f"{path}.{name} is not known to {kind.os} {kind.version} there")
        else:
            wrong += misfits(one, record, kind, its, f"{path}.{name}")
    for name, record in by_name.items():
        needed = record.get("req") == 1 and record is not free and name not in ONLY_IN_A_STATE and kind.knows(kind.support(record, s))
        if needed and name not in value:
            wrong.append(f"{path}.{name} is missing")
    return wrong


def misfits_of_answer(kind, request_type, report):
    record = COMMANDS[request_type]
    keys = [SETTINGS_ARE_A_LIST] if request_type == "Settings" else record.get("response", [])
    wrong = misfits_of({k: v for k, v in report.items() if k not in COMMON}, keys, kind, kind.support(record), request_type)
    return wrong + missing_facts(kind, report["QueryResponses"]) if request_type == "DeviceInformation" else wrong


def missing_facts(kind, told):
    """Everything that the kind knows is told, and nothing else."""
    item, known = kind.support(COMMANDS["DeviceInformation"]), set()
    for record in COMMANDS["DeviceInformation"]["keys"][0]["keys"][0]["keys"]:
        gone = version(kind.version)[0] >= WITHDRAWN and record["name"] in GONE_IN_27
        if kind.knows(kind.support(record, item)) and not gone:
            known.add(record["name"])
    lacks = NEVER_TOLD | (set() if kind.has("cellular") else CELLULAR) | (DESKTOP if kind.os == "macOS" else set())
    return [f"{q} is not told" for q in sorted(known - lacks - set(told))] + [f"{q} is told" for q in sorted(set(told) - known)]


def expected(kind, request_type):
    """0: it is done; else the code of the error."""
    code = kind.verdict(kind.support(COMMANDS[request_type]))
    if request_type in CATALOGUE["supplement"]["withdrawn_in_27"]["commands"] and version(kind.version)[0] >= WITHDRAWN:
        code = UNKNOWN
    kinds = {None, kind.name, "apple silicon" if kind.os == "macOS" and kind.name != "mac of old" else "", "" if kind.has("cellular") else "no cellular",
             "" if "--users" in kind.options else "no user"}
    return code or next((c for (command, which), c in REFUSED.items() if command == request_type and which in kinds), 0)


def compare(kind, request_type, report):
    """What is wrong with an answer, in words."""
    code = expected(kind, request_type)
    if report["Status"] == "Acknowledged":
        return misfits_of_answer(kind, request_type, report) if code == 0 else [f"{request_type} was done, but {code} was to be expected"]
    its = report["ErrorChain"][0]["ErrorCode"]
    return [] if report["Status"] == "Error" and its == code else [f"{request_type}: {report['Status']} {report['ErrorChain']}, not {code}"]


# ---- the tests ----

def arguments(request_type, certificate):
    found = dict(ARGUMENTS.get(request_type, {}))
    if request_type == "DeviceInformation":
        found["Queries"] = QUERIES
    if request_type == "RotateFileVaultKey":
        found["ReplyEncryptionCertificate"] = certificate
    return found


class Answers:
    """What devices answer, as the server's webhook tells it."""

    def __init__(self, tmp):
        self.receiver, conf = Receiver(), tmp / "pomona.conf"
        conf.write_text(f"webhook-url = {self.receiver.url}\n")
        self.lab, self.escrow = Lab(tmp, config=conf, webhook_hmac_key=KEY), CA("Escrow", "rsa").cert.public_bytes(serialization.Encoding.DER)
        self.taken = 0

    def ask(self, channel, request_types):
        for request_type in request_types:
            raw = plistlib.dumps({"CommandUUID": f"{channel}/{request_type}", "Command": {"RequestType": request_type, **arguments(request_type, self.escrow)}})
            status, told = self.lab.server.admin("PUT", f"/v1/enqueue/{channel}" + ("" if request_type == request_types[-1] else "?nopush=1"), raw)
            assert status == 200, told

    def wait(self, wanted, found):
        """Until each of them is in found."""
        def take():
            for event in self.receiver.events[self.taken:]:
                told = event.get("acknowledge_event")
                report = plistlib.loads(base64.b64decode(told["raw_payload"])) if told else {}
                if report.get("Status") not in ("Idle", None):
                    found[report["CommandUUID"]] = report
            self.taken = len(self.receiver.events)
            return wanted <= set(found)
        self.receiver.wait(take, lambda: f"no answer to {sorted(wanted - set(found))[:5]}")
        return found


def test_every_command_on_every_kind_and_channel_is_answered_as_the_schema_says(tmp):
    assert set(ARGUMENTS) | set(AFTERWARDS) | LEFT_OUT == set(COMMANDS), set(ARGUMENTS) ^ set(COMMANDS)
    answers, kinds, devices, found = Answers(tmp), {}, [], {}
    for name, (options, *_) in KINDS.items():
        d = answers.lab.device(*options, link=answers.lab.link())
        until(lambda d=d, n=1 + options.count("--users"): len(d.stdout.split()) == n, f"the enrollment of {name}")
        kinds.update({channel: Kind(name, ":" in channel) for channel in d.stdout.decode().split()})
        devices.append(d)
    for request_types in (list(ARGUMENTS), list(AFTERWARDS)):
        for channel in kinds:
            answers.ask(channel, request_types)
        answers.wait({f"{channel}/{request_type}" for channel in kinds for request_type in request_types}, found)
    wrong = [f"{kind.name}{' (user)' * kind.is_user}: {text}" for channel, kind in kinds.items() for request_type in (*ARGUMENTS, *AFTERWARDS)
             for text in compare(kind, request_type, found[f"{channel}/{request_type}"])]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:60])
    iphone = next(channel for channel, kind in kinds.items() if kind.name == "iPhone")
    assert [(r["Item"], r["Status"]) for r in found[f"{iphone}/Settings"]["Settings"]] == [
        ("DeviceName", "Error"), ("Wallpaper", "Error"), ("Bluetooth", "Error"), ("TimeZone", "Error"), ("OrganizationInfo", "Acknowledged"),
        ("ApplicationConfiguration", "Acknowledged"), ("MakeTea", "Error")]
    for d in devices:
        d.stop()
    answers.lab.stop()
    answers.receiver.kill()


def test_the_comparison_finds_what_is_wrong():
    kind = Kind("supervised iPhone")
    good = {"Status": "Acknowledged", "CertificateList": [{"CommonName": "a", "IsIdentity": True, "Data": b"x"}]}
    assert compare(kind, "CertificateList", good) == []
    for change in ({"CertificateList": {}}, {"CertificateList": [{"CommonName": "a", "IsIdentity": 1, "Data": b"x"}]}, {"Certificates": []},
                   {"CertificateList": [{"CommonName": "a", "Data": b"x"}]}, {"CertificateList": [{**good["CertificateList"][0], "More": 1}]},
                   {"Status": "Error", "ErrorChain": [{"ErrorCode": 12021}]}):
        assert compare(kind, "CertificateList", {**good, **change}), change
    assert compare(kind, "UserList", {"Status": "Acknowledged", "Users": []})
    assert "FDE_Enabled" in compare(kind, "SecurityInfo", {"Status": "Acknowledged", "SecurityInfo": {"FDE_Enabled": True}})[0]
    assert compare(kind, "InviteToProgram", {"Status": "Acknowledged", "InvitationResult": "Maybe"})
    assert "Model is not told" in missing_facts(kind, {}) and missing_facts(kind, {"HostName": "a"})[-1] == "HostName is told"


# ---- packages ----

class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body, ranges = b"", []

    def do_GET(self):
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        self.ranges.append((first, last))
        part = self.body[first:last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(self.body)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *args):
        pass


def manifest(url, digests):
    return {"items": [{"assets": [{"kind": "software-package", "url": url, **digests}],
                       "metadata": {"bundle-identifier": "org.example.tool", "bundle-version": "2.4", "kind": "software", "title": "Lab tool"}}]}


def test_a_package_is_fetched_in_pieces_and_only_what_its_manifest_says_is_installed(tmp):
    Files.body, Files.ranges = bytes(range(256)) * 20, []  # 5,120 bytes: two parts
    parts = [Files.body[:4096], Files.body[4096:]]
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{web.server_port}/tool.pkg"
    lab = Lab(tmp)
    d = lab.device(link=lab.link())
    udid = lab.enrolled(d)
    good = {"sha256-size": 4096, "sha256s": [hashlib.sha256(p).hexdigest() for p in parts]}
    cases = [("refuses the package", {**good, "sha256s": good["sha256s"][::-1]}), ("refuses the package", {**good, "sha256s": good["sha256s"][:1]}),
             ("has the package", {"md5-size": 4096, "md5s": [hashlib.md5(p).hexdigest() for p in parts]}), ("has the package", good)]
    for i, (what, digests) in enumerate(cases):
        Files.ranges.clear()
        lab.command(udid, "InstallEnterpriseApplication", Manifest=manifest(url, digests), InstallAsManaged=True)
        until(lambda: len(said(d, "has the package")) + len(said(d, "refuses the package")) == i + 1, "the end of the download")
        assert said(d, "the package")[-1].count(what), d.log()
    assert Files.ranges == [(0, 999), (1000, 4095), (4096, 5095), (5096, 8191)], Files.ranges
    d.stop()
    lab.stop()
    web.shutdown()


def test_a_package_of_the_server_is_installed_by_its_manifest(tmp):
    lab, file = Lab(tmp), tmp / "tool.pkg"
    file.write_bytes(xar.package(payload=os.urandom(200_000)))
    lab.server.cli("package", "add", file)
    told = plistlib.loads(lab.server.cli("package", "show", "tool.pkg", "--manifest").stdout.encode())
    d = lab.device(link=lab.link())
    uuid = lab.command(lab.enrolled(d), "InstallEnterpriseApplication", Manifest=told)
    until(lambda: said(d, "has the package") or said(d, "refuses the package"), "the end of the download")
    assert said(d, "has the package: com.example.app"), d.log()
    assert lab.target(uuid)["status"] == "Acknowledged"
    d.stop()
    lab.stop()


def test_a_recovery_key_is_escrowed_by_the_template_and_replaced_when_it_was_seen(tmp):
    lab = Lab(tmp)
    d = lab.device(link=lab.link())
    udid = lab.enrolled(d)
    lab.server.cli("profile", "add", TEMPLATES / "filevault.mobileconfig")
    lab.server.cli("profile", "install", udid, "org.example.filevault")
    until(lambda: said(d, "Acknowledged: InstallProfile"), "the profile")
    uuid = lab.command(udid, "SecurityInfo")
    until(lambda: lab.target(uuid)["status"] == "Acknowledged", "the key")

    def key(*options):
        return lab.server.cli("device", "escrow", udid, "recovery-key", "--reason", "test", *options).stdout.strip()
    first = key()
    until(lambda: said(d, "Acknowledged: RotateFileVaultKey"), "the rotation")
    second = until(lambda: (key("--no-rotate") != first) and key("--no-rotate"), "the new key")
    assert first.count("-") == second.count("-") == 5, (first, second)
    d.stop()
    lab.stop()
