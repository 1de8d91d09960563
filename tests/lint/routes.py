"""What the API can do, the command line can: each route is asked by a command, but for those of OWN."""
import re

from common import files, main, read

OWN = {  # beginning of a path behind /api/v1, or a route: why no command asks it
    "/me": "the account of who is logged in; `pomona user` is for all accounts",
    "/session": "a browser's login",
    "/setup": "what a link of `pomona user setup-link` opens",
    "/events": "what pages listen to",
    "/openapi.json": "for programs",
    "/settings": "`pomona conf`, from the same table",
    "/command-types": "`pomona command types`, from the same table",
    "/profile-templates": "`pomona profile template`, from the same files",
    "/profiles/check": "`pomona profile check`, by the same code",
    "PUT /profiles/:identifier": "one file; `pomona profile add` keeps it by POST /profiles",
}
HELPERS = ("GET", "client_pages("), ("PUT", "client_upload(")  # what has its method in it


def routes(root):
    """(file, line, method, path behind /api/v1)"""
    for path in files(root, ["server/face"], {".c"}):
        text = read(path)
        for m in re.finditer(r'\.method = "(\w+)",\s*\.pattern = "/api/v1(/[^"]*)"', text):
            yield path, text.count("\n", 0, m.start()) + 1, m[1], m[2]


def asks(text, method, path):
    """The words of the path stand in it as parts of paths, and the method."""
    words = [w for w in path.split("/") if w and not w.startswith(":")]
    said = f'"{method}"' in text or any(m == method and call in text for m, call in HELPERS)
    return said and all(re.search(rf'["/]{re.escape(w)}["/?%]', text) for w in words)


def is_own(method, path):
    return any(o in (path, f"{method} {path}") or path.startswith(o + "/") for o in OWN)


def check(root):
    commands = [read(p) for p in files(root, ["server/app"], {".c"}) if p.name.startswith("cmd_")]
    return [(path, line, f"{method} {pattern} is asked by no command of server/app/cmd_*.c")
            for path, line, method, pattern in routes(root)
            if not is_own(method, pattern) and not any(asks(text, method, pattern) for text in commands)]


def route(method, pattern):
    return f'{{.method = "{method}",\n .pattern = "/api/v1{pattern}",\n'


GOOD = {"server/face/api.c": route("GET", "/devices") + route("POST", "/devices/:id/block") + route("PUT", "/me/totp") + route("PUT", "/profiles/:identifier"),
        "server/app/cmd_device.c": 'client_pages(cx, c, "/api/v1/devices?", …);\nact(cx, a, "POST", "/block");\n'}
BAD = [({"server/face/b.c": route("POST", "/devices/:id/unblock")}, "POST /devices/:id/unblock"),
       ({"server/face/b.c": route("DELETE", "/devices/:id")}, "DELETE /devices/:id"),
       ({"server/face/b.c": route("GET", "/profiles/:identifier")}, "GET /profiles/:identifier"),
       ({"server/face/b.c": route("GET", "/meals")}, "GET /meals")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
