"""People who use the console: a browser's side of the API, and codes of an app."""
import base64
import hashlib
import hmac
import json
import struct
import time

from harness import request

PASSWORD = "a long enough one"


def totp(secret, at=None):
    """The code of RFC 6238 for a base32 key."""
    key = base64.b32decode(secret)
    mac = hmac.new(key, struct.pack(">Q", int(at if at is not None else time.time()) // 30), hashlib.sha1).digest()
    number = struct.unpack(">I", mac[mac[19] & 15:][:4])[0] & 0x7fffffff
    return f"{number % 1000000:06}"


class Browser:
    """Keeps the session's cookie and its CSRF token as the console does."""

    def __init__(self, server, context=None, peer=None):
        self.server, self.context = server, context
        self.cookie = self.csrf = None
        self.headers, self.given = None, {"X-Forwarded-For": peer} if peer else {}

    def ask(self, method, path, body=None, headers=None):
        """Status and decoded answer; self.headers are those of the answer. A header that is None is not sent."""
        sent = {"X-CSRF-Token": self.csrf or "", "Cookie": self.cookie, **self.given, **(headers or {})}
        sent = {k: v for k, v in sent.items() if v is not None}
        data = None if body is None else json.dumps(body).encode()
        status, self.headers, answer = request(self.server.admin_address, method, "/api/v1" + path, data, sent, self.context)
        told = json.loads(answer) if answer else None
        for cookie in self.headers.get_all("Set-Cookie") or []:
            value = cookie.split(";")[0]
            self.cookie = None if value.endswith("=") else value
        if status == 200 and isinstance(told, dict) and told.get("csrf"):
            self.csrf = told["csrf"]
        return status, told

    def log_in(self, name, password=PASSWORD, **more):
        return self.ask("POST", "/session", {"name": name, "password": password, **more})

    def set_up(self, link, name=None, password=PASSWORD):
        return self.ask("POST", "/setup", {"token": link.rsplit("#", 1)[1], "name": name, "password": password})


def link_of(server, *words):
    return server.cli("user", *words).stdout.splitlines()[0]


def person(server, name, role="admin", **more):
    """Somebody who is logged in."""
    browser = Browser(server, **more)
    first = not server.admin("GET", "/api/v1/users")[1]["users"] and role == "admin"
    link = link_of(server, "setup-link") if first else link_of(server, "add", name, "--role", role)
    status, told = browser.set_up(link, name)
    assert (status, told["name"], told["role"]) == (200, name, role), told
    return browser
