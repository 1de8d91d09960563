"""`pomona profile check` and `template`, without a server; the same check by the API."""
import json
import pathlib
import plistlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from harness import CA, Server, cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = {p.stem: p.read_text() for p in sorted((ROOT / "profiles/templates").glob("*.mobileconfig"))}
EDIT = re.compile(r"^EDITS?\((.*)\)$", re.M)
TEXT = re.compile(r'"((?:\\.|[^"\\])*)"')


def mistakes():
    """The edits of tests/unit/payload_broken.def that break a template: (template, id, broken text)."""
    for row in EDIT.findall((ROOT / "tests/unit/payload_broken.def").read_text()):
        name, found, *texts = (json.loads(f'"{t}"') for t in TEXT.findall(row))
        if name:
            broken = TEMPLATES[name].replace(texts[0], texts[1], 1)
            yield name, found, broken.replace(*texts[2:], 1) if texts[2:] else broken


def check(*paths, expect=0):
    return json.loads(cli("profile", "check", "--json", *map(str, paths), expect=expect).stdout)


def test_templates(tmp):
    """All that are shipped are listed, printed byte for byte, and right."""
    listed = cli("profile", "template").stdout
    assert len(TEMPLATES) >= 12
    for name, text in TEMPLATES.items():
        assert re.search(rf"^ +{name} +\w", listed, re.M), name
        assert cli("profile", "template", name).stdout == text
        assert "<!--" in text and plistlib.loads(text.encode())["PayloadType"] == "Configuration"
    told = check(ROOT / "profiles/templates")
    assert {t["file"].rsplit("/", 1)[-1][:-13] for t in told} == set(TEMPLATES)
    assert not any(t["findings"] for t in told), told
    cli("profile", "template", "nothing", expect=3)


def test_broken_profiles(tmp):
    """Each mistake is refused by its own id; a folder of them is checked in one go."""
    folder, expected = pathlib.Path(tmp) / "broken", {}
    folder.mkdir()
    for i, (name, found, text) in enumerate(mistakes()):
        path = folder / f"{i:03}-{name}.mobileconfig"
        path.write_text(text)
        expected[str(path)] = found
    ids = set()
    for told in check(folder, expect=1):
        found = {f["id"]: f for f in told["findings"]}
        assert expected[told["file"]] in found, told
        finding = found[expected[told["file"]]]
        assert finding["text"] and finding["line"] > 0, finding
        assert told["errors"] == sum(f["grade"] == "error" for f in told["findings"])
        ids.add(finding["id"])
    assert len(ids) >= 60, len(ids)


def test_what_a_person_sees(tmp):
    """File, line, key and sentence; the exit status tells scripts."""
    path = pathlib.Path(tmp) / "wifi.mobileconfig"
    path.write_text(TEMPLATES["wifi"].replace("WPA2</string>", "WPA4</string>"))
    line = path.read_text().split("WPA4")[0].count("\n") + 1
    done = cli("profile", "check", str(path), expect=1)
    assert done.stdout == (f'{path}:{line}: PayloadContent[0].EncryptionType: "WPA4" is not allowed here, but WEP, WPA, WPA2, '
                           "WPA3, Any, None. [value-unknown]\n"), done.stdout
    path.write_text(TEMPLATES["wifi"].replace("AutoJoin", "AutoJoins"))
    assert "warning: " in cli("profile", "check", str(path)).stdout  # and no error
    path.write_text(TEMPLATES["wifi"])
    assert cli("profile", "check", str(path)).stdout == f"{path}: good\n"
    cli("profile", "check", str(path) + ".none", expect=3)
    (pathlib.Path(tmp) / "empty").mkdir()
    cli("profile", "check", f"{tmp}/empty", expect=3)


def test_a_type_that_there_is_not_has_a_name_beside_it(tmp):
    """What was meant, when it can be told; and nothing when it cannot."""
    path = pathlib.Path(tmp) / "wifi.mobileconfig"
    for given, meant in (("com.apple.wifi", "com.apple.wifi.managed"), ("com.apple.vpn", "com.apple.vpn.managed"), ("com.apple.firewall", "com.apple.security.firewall"),
                         ("com.apple.wiffi.managed", "com.apple.wifi.managed"), ("com.apple.wifi.manage", "com.apple.wifi.managed"), ("com.apple.nothing", None), ("com.apple.", None)):
        path.write_text(TEMPLATES["wifi"].replace("com.apple.wifi.managed", given))
        [told] = [line for line in cli("profile", "check", str(path), expect=1).stdout.splitlines() if "type-unknown" in line]
        assert (f"; {meant} may be meant" in told) if meant else ("may be meant" not in told), told


def signed_by(signer, plain):
    return (pkcs7.PKCS7SignatureBuilder().set_data(plain).add_signer(signer.cert, signer.key, hashes.SHA256())
            .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]))


def test_what_has_no_line(tmp):
    """What is wrong with the whole, as its signature, is told of the file, not of a line 0: by check, add and the API."""
    path, server = pathlib.Path(tmp) / "firewall.mobileconfig", Server(tmp)
    broken = signed_by(CA("Example Signer"), TEMPLATES["firewall"].encode()).replace(b"firewall", b"firewalk", 1)
    path.write_bytes(broken)
    assert f"{path}: The signature does not hold" in cli("profile", "check", str(path), expect=1).stdout
    assert {f["line"] for f in check(path, expect=1)[0]["findings"] if f["id"] == "signature-broken"} == {None}
    told = server.cli("profile", "add", str(path), expect=1)
    assert f"{path}: The signature does not hold" in told.stdout + told.stderr, told
    status, answer = server.admin("POST", "/api/v1/profiles", broken)
    assert status == 400 and "\n  the file: The signature does not hold" in answer["error"]["message"], answer


def test_the_api(tmp):
    """The body is the file, in whatever form; what is found is the same as on the command line."""
    signer = CA("Example Signer")
    plain = TEMPLATES["firewall"].replace("%Organization%", "Example").encode()
    signed = signed_by(signer, plain)
    server = Server(tmp)
    for body, is_signed in ((plain, False), (plistlib.dumps(plistlib.loads(plain), fmt=plistlib.FMT_BINARY), False),
                            (signed, True)):
        status, told = server.admin("POST", "/api/v1/profiles/check", body)
        assert (status, told["errors"], told["findings"]) == (200, 0, []), told
        assert told["types"] == ["com.apple.security.firewall"] and told["platforms"] == ["macos"]
        assert told["signed"] is is_signed and bool(told["signer"]) is is_signed
    status, told = server.admin("POST", "/api/v1/profiles/check", b"<plist>")
    assert status == 200 and told["findings"][0]["id"] == "file-malformed"
    assert server.admin("POST", "/api/v1/profiles/check", b" " * (5 << 20))[0] == 413
