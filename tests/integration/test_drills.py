"""Drills: each trouble is seen, named by its verdict and mended by what the operator is told; a drill ends with 1 when
one of these is missing. Here: that they succeed, and that what an operator sees says the essential."""
import subprocess

from harness import SANITIZER, binary

TIMEOUT = 240


def drill(name, *says):
    done = subprocess.run([binary(), "lab", "drill", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=TIMEOUT - 20, check=False)
    told = f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    assert not any(word in told for word in SANITIZER), told
    assert done.returncode == 0, told
    seen = " ".join(done.stdout.replace("│", " ").split())  # as it was before it was cut into lines
    for text in says:
        assert text in seen, f"{name} does not say {text!r}\n{told}"


def test_expired():
    drill("expired", "commands wait", "Do not create a new one")


def test_renewed_late():
    drill("renewed-late", "/enroll/")


def test_wrong_account():
    drill("wrong-account", "3 ", "Renew")


def test_created_anew():
    drill("created-anew", "Create", "moved")


def test_revoked():
    drill("revoked", "Apple refuses the push certificate", "if it is revoked, this topic is lost")


def test_reassigned():
    drill("reassigned", "mdm@example.org", "former@example.org")


def test_unreachable():
    drill("unreachable", "refused")


def test_intercepted():
    drill("intercepted", "Pomona Lab APNs CA", "inspect")


def test_server_cert():
    drill("server-cert", "accept-cut-off", "hang up")


def test_device_wiped():
    drill("device-wiped", "stopped listening")


def test_restored_backup():
    drill("restored-backup", "device adopt")


def test_none_is_missing():
    """Each drill has a test here."""
    done = subprocess.run([binary(), "lab", "drill"], stdout=subprocess.PIPE, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines()}
    assert names == {name[5:].replace("_", "-") for name in globals() if name.startswith("test_")} - {"none-is-missing"}
