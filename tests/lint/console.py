"""What the console's pages and the server's tables say twice is the same in both."""
import re

from common import main, read

PAGES, ROUTES = "web/src/pages.ts", "server/face/console_http.c"
TOKENS, ACCESS = "web/src/pages/tokens.tsx", "include/face/access.def"
KNOWN, ROSTER = "web/src/parts/fields.ts", "include/core/roster.def"
OUTSIDE = {"/setup"}  # a page before the login: web/src/app.tsx
OWN = {"own"}         # one's own account: no token has it as a scope


def shape(path):
    return re.sub(r":\w+", ":", path)


def hides(path, pages):
    """The page that has what is named as this one is: /groups/new would be the group "new"."""
    return next((p for p in pages if ":" in p and p != path and re.fullmatch(shape(p).replace(":", "[^/]+"), shape(path))), None)


def check(root):
    pages = set(re.findall(r"\{ path: '([^']+)'", read(root / PAGES))) | OUTSIDE
    routes = set(re.findall(r'PAGE\("([^"]+)"\)', read(root / ROUTES)))
    problems = [(root / ROUTES, 1, f"{p} of {PAGES} is not answered") for p in sorted(pages) if shape(p) not in map(shape, routes)]
    problems += [(root / PAGES, 1, f"{p} hides one of {hides(p, pages)}") for p in sorted(pages) if hides(p, pages)]
    problems += [(root / ROUTES, 1, f"{r} is not in {PAGES}") for r in sorted(routes) if shape(r) not in map(shape, pages)]

    text = read(root / TOKENS)
    listed = re.search(r"SCOPES = \[([^\]]*)\]", text)
    offered = set(re.findall(r"'([\w-]+)'", listed[1] if listed else ""))
    known = set(re.findall(r'^ACCESS\("[^"]+",\s*"([\w-]+)"', read(root / ACCESS), re.M)) - OWN
    problems += [(root / TOKENS, 1, f"the scope {s} is in one of SCOPES and access.def only") for s in sorted(offered ^ known)]

    fields = re.search(r"FIELDS: [^=]*= \{(.*?)\};", read(root / KNOWN), re.S)
    shown = dict(re.findall(r"'?([\w-]+)'?: '(\w+)'", fields[1] if fields else ""))
    rows = {name: kind.lower() for name, kind in re.findall(r'^FIELD\(\w+,\s*"([\w-]+)",\s*(\w+)', read(root / ROSTER), re.M)}
    problems += [(root / KNOWN, 1, f"the field {f} is not in FIELDS as it is in {ROSTER}") for f in sorted(rows) if shown.get(f) != rows[f]]
    problems += [(root / KNOWN, 1, f"there is no field {f} in {ROSTER}") for f in sorted(set(shown) - set(rows))]
    return problems


GOOD = {PAGES: "{ path: '/', page }, { path: '/groups/:name', page },", ROUTES: 'PAGE("/"), PAGE("/groups/:name"), PAGE("/setup"),',
        TOKENS: "export const SCOPES = ['devices', 'system'];\n",
        ACCESS: 'ACCESS("/a", "devices", A, B)\nACCESS("/b",   "system", A, B)\nACCESS("/c", "own", A, B)\n',
        KNOWN: "export const FIELDS: Record<string, FieldType> = {\n  id: 'text', 'last-seen': 'time',\n};\n",
        ROSTER: 'FIELD(ID, "id", TEXT, "", "", "x")\nFIELD(LAST_SEEN, "last-seen",\n      TIME, "", "", "x")\n'}
BAD = [({PAGES: GOOD[PAGES] + "{ path: '/new', page },"}, "/new of"), ({ROUTES: GOOD[ROUTES] + 'PAGE("/old"),'}, "/old is not in"),
       ({TOKENS: "SCOPES = ['devices'];"}, "the scope system"), ({TOKENS: "SCOPES = ['devices', 'system', 'x'];"}, "the scope x"),
       ({PAGES: GOOD[PAGES] + "{ path: '/groups/:name/more', page },"}, "/groups/:name/more of"),
       ({PAGES: GOOD[PAGES] + "{ path: '/groups/new', page },"}, "/groups/new hides one of /groups/:name"),
       ({KNOWN: "FIELDS: x = { id: 'text' };"}, "the field last-seen"), ({KNOWN: "FIELDS: x = { id: 'flag', 'last-seen': 'time' };"}, "the field id"),
       ({KNOWN: "FIELDS: x = { id: 'text', 'last-seen': 'time', odd: 'text' };"}, "there is no field odd")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
