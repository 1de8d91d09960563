"""What the tests of bad input share: a site that keeps account of what bad input did to it, and bombs."""
import os
import re

from harness import CA, Device, Server, until

MARKER = "words-of-a-body"  # stands in bodies, and must never stand in the log
MB = 1 << 20
GROWTH = 96 * MB  # of the memory that the server holds; what the sanitizers keep for themselves is in it


class Site:
    """A server with one good device that has a command in its queue, and an account of what bad input did to it."""

    def __init__(self, tmp, **settings):
        self.ca, self.bad = CA(), 0
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"  # freed memory is to be free
        settings = {"tls": "off", "device_ca": self.ca.file(tmp), "apns_url": "https://127.0.0.1:1", **settings}
        self.server = Server(tmp, env={"ASAN_OPTIONS": options}, **settings)
        self.server.push_cert()
        self.good = Device(self.server, self.ca.identity("GOOD")).enroll()
        assert self.server.enqueue("GOOD", "waiting")[0] == 200
        self.unharmed()
        self.before, self.memory = self.held(), self.rss()

    def held(self):
        tables = ("device", "generation", "identity", "command", "link", "enroll_session", "pushcert", "target")
        return [self.server.rows(f"SELECT count(*) FROM {t}") for t in tables] + [
            self.server.rows("SELECT id, enabled, hex(token), push_magic, topic FROM enrollment ORDER BY seq"),
            self.server.rows("SELECT hex(hash), device_id FROM identity ORDER BY hash")]

    def rss(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) * 1024

    def unharmed(self):
        status, _, body = self.good.idle()
        assert status == 200 and b"waiting" in body, (status, body)

    def complaints(self):
        rows = [e for e in self.server.events() if e.get("level") in ("warn", "error")]
        return [e for e in rows if e.get("msg") != "pushes wait" and not e.get("msg", "").startswith("apns-url is")]  # nobody is Apple here

    def refuses(self, name, expected, answer, ends=1):
        """One bad input after it was sent: its status (None: the connection ends), one line in the log, a server that goes on."""
        assert answer == expected, f"{name}: {answer}, not {expected}"
        self.bad += ends
        until(lambda: len(self.complaints()) >= self.bad, f"the log line of {name}")
        self.unharmed()
        found = self.complaints()
        assert len(found) == self.bad, f"{name}: {found[-3:]}"

    def refuses_as_either(self, name, expected, answer, ends=1):
        assert answer in expected, f"{name}: {answer}, not one of {expected}"
        self.refuses(name, answer, answer, ends)

    def end(self):
        """Nothing came in, nothing was lost, nothing was kept in memory or told to the log."""
        assert len(self.complaints()) == self.bad
        assert self.held() == self.before
        assert self.rss() < self.memory + GROWTH, f"{self.memory >> 20} MB have become {self.rss() >> 20} MB"
        self.server.stop()
        assert MARKER not in self.server.log()


def status_of(answer):
    status, _, body = answer
    assert status == 200 or body == b"", f"devices are told no more than {status}: {body[:200]}"
    assert status != 401, "a 401 makes devices unenroll"
    return status


# ---- property lists that nobody's library would write ----

def xml(text):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">{text}</plist>'.encode()


def binary_plist(objects, top=0, count=None, table=None):
    """A binary property list of these encoded objects."""
    data, offsets = b"bplist00", []
    for o in objects:
        offsets.append(len(data))
        data += o
    at = len(data)
    data += b"".join(n.to_bytes(2, "big") for n in offsets)
    return data + bytes(6) + bytes([2, 1]) + (count or len(objects)).to_bytes(8, "big") + top.to_bytes(8, "big") + (table or at).to_bytes(8, "big")


def dag_bomb(levels=40):
    """Arrays that hold the next one eight times: 8 to the 40th elements in a few hundred bytes."""
    return binary_plist([bytes([0xa8]) + bytes([i + 1]) * 8 for i in range(levels)] + [b"\x50"])
