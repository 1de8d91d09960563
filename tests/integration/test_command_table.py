"""The table of commands says what Apple's schema says: nothing is missing, nothing differs."""
import copy
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLATFORMS = {"iOS": "ios", "macOS": "macos", "tvOS": "tvos", "visionOS": "visionos", "watchOS": "watchos"}
USER_ENROLLMENT = ("iOS", "macOS", "visionOS")  # the others have none


def catalogue():
    return json.loads((ROOT / "docs/apple/catalogue.json").read_text())


def table():
    out = subprocess.run([os.environ["POMONA_BIN"], "command", "types", "--json"], capture_output=True, check=True).stdout
    return json.loads(out)


# ---- what the schema says ----

def key_of(keys, name):
    return next(k for k in keys if k["name"] == name)


def gone_in_27(supplement):
    """Paths that its prose names: {"DeviceInformation": {…queries}, "Settings": {…items}}."""
    gone = {}
    for line in supplement["withdrawn_in_27"]["keys"]:
        for start, command in (("DeviceInformation queries ", "DeviceInformation"), ("Settings item ", "Settings")):
            if line.startswith(start):
                gone[command] = set(line[len(start):].split(", "))
    return gone


def supplement_command(item):
    """One that came with OS 26 or 27, in the shape of the others."""
    os = {p: {"introduced": item["os"].get(p, "n/a"), "supervised": item["supervised"], "ue": item["ue"]} for p in PLATFORMS}
    assert item["channel"] == "device; macOS: user channel only", item
    os["macOS"].update(device=False, user=True)
    os["iOS"]["sharedipad"] = {"mode": "allowed", "device": True, "user": False}
    return {"type": item["type"], "os": os, "keys": item["keys"]}


def supplement_keys(command, item):
    """Adds keys under a key of a command; what its notes say of platforms is written out here, once."""
    assert (item["type"], item["add_keys_under"]) == ("EraseDevice", "ReturnToService"), item
    assert item["note"] == "ReturnToService also on tvOS 18.0 and visionOS 26.0", item
    under = key_of(command["keys"], item["add_keys_under"])
    under["os"].update(tvOS={"introduced": "18.0"}, visionOS={"introduced": "26.0"})
    for key in copy.deepcopy(item["add_keys"]):
        if key.get("note", "").startswith("27.0;"):
            key["os"] = {p: {"introduced": "27.0"} for p in ("iOS", "tvOS", "visionOS")}
        else:  # an added key names all that know it
            for p in PLATFORMS:
                key["os"].setdefault(p, {"introduced": "n/a"})
        under["keys"].append(key)


def limits(platform, s):
    said = set()
    if s.get("supervised"):
        said.add("supervised")
    if s.get("dep"):
        said.add("ade")
    assert s.get("ue", "allowed") in ("allowed", "forbidden"), s
    if s.get("ue") == "forbidden" and platform in USER_ENROLLMENT:
        said.add("not-user-enrollment")
    channels = s
    if platform == "iOS":  # has channels on Shared iPads only
        channels = s.get("sharedipad", {})
        mode = {"required": "shared-ipad", "forbidden": "not-shared-ipad", "ignored": "ignored-on-shared-ipad"}
        said |= {mode[channels["mode"]]} if channels.get("mode", "allowed") in mode else set()
    device, user = channels.get("device", True), channels.get("user", platform in ("iOS", "macOS"))
    if platform in ("iOS", "macOS"):
        if device and not user:
            said.add("device-channel")
        if user and not device:
            said.add("user-channel")
    return said


def support(up, os, top=False):
    """What is asked for on each platform, with what is inherited from `up`."""
    out = {}
    for platform, word in PLATFORMS.items():
        s, inherited = os.get(platform, {}), up.get(word)
        if (not top and not inherited) or s.get("introduced", "n/a" if top else "") == "n/a":
            continue
        base = inherited or {"introduced": None, "deprecated": None, "removed": None, "access_right": 0, "limits": set()}
        out[word] = {"introduced": s.get("introduced") or base["introduced"],
                     "deprecated": s.get("deprecated", base["deprecated"]), "removed": s.get("removed", base["removed"]),
                     "access_right": s.get("bit", base["access_right"]), "limits": base["limits"] | limits(platform, s)}
    return out


def number(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def known_key(key, path, up, gone, out):
    here = support(up, key.get("os", {}))
    for odd in ("range", "format", "valuetype", "rep", "ref", "subtype"):
        assert odd not in key, f"{path} has {odd}: the table cannot say that yet"
    out[path] = {"type": key["type"], "required": bool(key.get("req")), "platforms": here,
                 "one_of": [number(v) for v in key["enum"]] if "enum" in key else None,
                 "default": number(key["default"]) if "default" in key else None,
                 "withdrawn": key["name"] in gone}
    inner = key.get("keys", [])
    if len(inner) == 1 and inner[0]["type"] == "any":
        inner = []  # whatever one likes
    for k in inner:
        one = key["type"] == "array" and len(inner) == 1
        known_key(k, f"{path}[]" if one else f"{path}[{k['name']}]" if key["type"] == "array" else
                  f"{path}={k['name']}" if key["type"] == "string" else f"{path}.{k['name']}", here,
                  gone if key["type"] in ("array", "string") else (), out)


def of_catalogue(catalogue):
    """{path: what is said of it}; the path of a command is its RequestType."""
    commands = {c["type"]: copy.deepcopy(c) for c in catalogue["commands"]}
    supplement = catalogue["supplement"]
    for item in supplement["items"]:
        if item["kind"] == "commands" and "add_keys" in item:
            supplement_keys(commands[item["type"]], item)
        elif item["kind"] == "commands":
            commands[item["type"]] = supplement_command(item)
    gone, out = gone_in_27(supplement), {}
    for name, command in commands.items():
        here = support({}, command["os"], top=True)
        out[name] = {"platforms": here, "withdrawn": name in supplement["withdrawn_in_27"]["commands"]}
        for key in command.get("keys", []):
            known_key(key, f"{name} {key['name']}", here, gone.get(name, ()), out)
    return out


# ---- what the table says ----

def said_support(platforms):
    return {p: {"introduced": s["introduced"], "deprecated": s.get("deprecated"), "removed": s.get("removed"),
                "access_right": s["access_right"], "limits": set(s["limits"])} for p, s in platforms.items()}


def said_key(key, path, up, out):
    here = said_support(key["platforms"]) if "platforms" in key else up
    out[path] = {"type": key["type"], "required": key["required"], "platforms": here, "one_of": key.get("one_of"),
                 "default": key.get("default"), "withdrawn": key.get("withdrawn", False)}
    for k in key.get("elements", []):
        said_key(k, f"{path}[]", here, out)
    for k in key.get("kinds", []):
        kind = f"{path}[{k['name']}]"
        said_key(k, kind, here, out)  # what tells the kinds apart is no row of its own
        out[kind + ".Item"] = {"type": "string", "required": True, "platforms": out[kind]["platforms"], "one_of": [k["name"]],
                               "default": None, "withdrawn": False}
    for k in key.get("values", []):
        said_key(k, f"{path}={k['name']}", here, out)
    for k in key.get("arguments", []):
        said_key(k, f"{path}.{k['name']}", here, out)


def of_table(table):
    out = {}
    for row in table:
        here = said_support(row["platforms"])
        out[row["request_type"]] = {"platforms": here, "withdrawn": row["withdrawn"]}
        for key in row["arguments"]:
            said_key(key, f"{row['request_type']} {key['name']}", here, out)
    return out


def differences(catalogue, table):
    want, have = of_catalogue(catalogue), of_table(table)
    told = [f"{p} is missing" for p in want if p not in have] + [f"{p} is not Apple's" for p in have if p not in want]
    for path in want.keys() & have.keys():
        for what, value in want[path].items():
            if have[path][what] != value:
                told.append(f"{path}: {what} is {have[path][what]}, not {value}")
    return told


# ---- tests ----

def test_the_table_is_apples():
    """Types, values, platforms, versions, limits and rights of every command and key are those of the schema."""
    assert not differences(catalogue(), table())
    assert len(of_catalogue(catalogue())) > 400


def test_the_comparison_can_fail():
    """Each kind of difference is found, one at a time."""
    def change(edit):
        changed = catalogue()
        edit({c["type"]: c for c in changed["commands"]}, changed["supplement"])
        return differences(changed, rows)

    rows = table()
    erase = "EraseDevice"
    edits = [
        lambda c, s: c["RestartDevice"].update(type="Restart"),
        lambda c, s: c[erase]["os"]["iOS"].update(introduced="4.1"),
        lambda c, s: c[erase]["os"]["iOS"].update(bit=4),
        lambda c, s: c[erase]["os"]["iOS"].update(supervised=True),
        lambda c, s: c[erase]["os"]["iOS"].update(dep=True),
        lambda c, s: c[erase]["os"]["iOS"].update(ue="allowed"),
        lambda c, s: c[erase]["os"]["iOS"]["sharedipad"].update(mode="required"),
        lambda c, s: c[erase]["os"]["macOS"].update(user=True),
        lambda c, s: c[erase]["os"]["watchOS"].update(introduced="n/a"),
        lambda c, s: c["RequestUnlockToken"]["os"]["iOS"].pop("deprecated"),
        lambda c, s: c[erase]["keys"].pop(0),
        lambda c, s: c[erase]["keys"][0].update(name="PreserveDataPlans"),
        lambda c, s: c[erase]["keys"][0].update(type="string"),
        lambda c, s: c[erase]["keys"][0].update(req=1),
        lambda c, s: c[erase]["keys"][0].update(default=True),
        lambda c, s: c[erase]["keys"][0]["os"]["iOS"].update(introduced="12.0"),
        lambda c, s: key_of(c[erase]["keys"], "ObliterationBehavior")["enum"].pop(),
        lambda c, s: key_of(c[erase]["keys"], "ReturnToService")["keys"][0].update(req=0),
        lambda c, s: c["DeviceInformation"]["keys"][0]["keys"][0]["keys"].pop(),
        lambda c, s: c["Settings"]["keys"][0]["keys"][0]["keys"][2].update(enum=[1, 2]),
        lambda c, s: s["withdrawn_in_27"]["commands"].pop(),
        lambda c, s: s["withdrawn_in_27"]["keys"].pop(1),
        lambda c, s: next(i for i in s["items"] if i["type"] == "TriggerEnhancedLogCollection")["os"].pop("tvOS"),
        lambda c, s: next(i for i in s["items"] if i["type"] == erase)["add_keys"][0].update(type="string"),
    ]
    for i, edit in enumerate(edits):
        assert change(edit), f"edit {i} was not noticed"
    assert not change(lambda c, s: None)


# ---- what arguments mean ----

def told(row):
    """(path without elements of lists, help) of every argument, at whatever depth."""
    def walk(path, key, lists):
        for name in lists:
            for k in key.get(name, []):
                own = f"{path}.{k['name']}" if k.get("name") else path
                if name == "arguments":
                    yield own, k.get("help")
                yield from walk(own, k, ("arguments", "elements", "kinds"))
    return walk(row["request_type"], row, ("arguments",))


def test_every_argument_explains_itself():
    """Each argument has a help, and each row of the help is of an argument: nothing new is forgotten, nothing is left over."""
    keys = re.findall(r'^HELP\("([^"]+)"', (ROOT / "include/core/command_help.def").read_text(), re.M)
    arguments = [x for row in table() for x in told(row)]
    assert len(arguments) > 150
    assert not [path for path, text in arguments if not text]
    used = {max((k for k in keys if f".{path}".endswith(f".{k}")), key=len) for path, _ in arguments}
    assert sorted(keys) == sorted(used), (set(keys) ^ used, len(keys))
