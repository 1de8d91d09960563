"""The server's words (verdicts, states, kinds of events, errors …) have a text in the console each, and no text is of a word that there is not.

The console shows a word by the key PREFIX.WORD, and a word without a text as it came, in English: nobody would notice a new one.
"""
import json
import re

from common import files, main, read

TEXTS = "web/src/i18n/en.json"
ROW = r'\{"([\w-]+)",'
SET = r'= "([\w-]+)"'


def between(start, end=r"\};?\n"):
    """What stands in C from `start` up to `end`."""
    return lambda text: "".join(re.findall(start + r"(.*?)" + end, text, re.S))


def whole(text):
    return text


# (prefix of the keys, file, what of it to look at, shape of a word there, words that stand elsewhere)
WORDS = [
    ("verdict", "include/core/verdict.def", whole, r'^VERDICT\(\d+, "([\w-]+)"', {"fine"}),
    ("verdict-fix", "include/core/verdict.def", whole, r'^VERDICT\(\d+, "([\w-]+)"', set()),
    ("chain", "server/core/why_chain.c", whole, r'\(struct why_link\)\{"([\w-]+)"', set()),
    ("chain-status", "server/core/why_chain.c", between("static const char ok", ";"), SET, set()),
    ("error.code", "include/base/err.def", whole, r'^ERR\(E_\w+, +\d+, "([\w-]+)"', set()),
    ("reason", "server/app/cmd_command.c", between(r"reasons\[\]\[2\] = \{"), ROW, set()),
    ("plan-act", "server/core/plan_words.c", between(r"acts\[PLAN_ACTS\] = \{"), SET, set()),
    ("plan-kind", "server/core/group.c", between(r"\bkinds\[[^\]]*\] = \{"), SET, set()),
    ("plan-state", "server/core/plan_words.c", between(r"phases\[PLAN_PHASES\] = \{"), SET, set()),
    ("compliance", "server/core/plan_words.c", between(r"states\[PLAN_STATES\] = \{"), SET, set()),
    ("refused", "server/core/enroll.c", between(r"refusals\[\] = \{"), ROW, {"no-proof", "storage"}),
    ("enroll.link", "server/core/enroll_link.c", between(r"\} states\[\] = \{"), ROW, set()),
    ("dates.kind", "server/core/guardian_dates.c", whole, r'\.kind = "([\w-]+)"', set()),
    ("device-state", "server/core/guardian_sql.c", between(r"GUARDIAN_DEVICE_STATES\] = \{"), r'"([\w-]+)"', {"former"}),
    ("escrow-kind", "server/core/escrow.c", whole, r'\{\.word = "([\w-]+)"', set()),
    ("escrow-state", "server/core/escrow_sql.c", whole, r'(?:return|\?|:|state =) "([a-z-]+)"', set()),
    ("offboard-step", "server/core/offboard.c", between(r"nexts\[\] = \{"), ROW, set()),
    ("lock", "server/core/offboard.c", between(r"words\[\] = \{"), r'"([\w-]+)"', set()),
    ("push", "server/core/push.c", between(r"char \*state_of\(", r"\n\}"), r'"([\w-]+)"', set()),
    ("pushcert.state", "server/core/pushcert.c", between(r"char \*pushcert_state\(.*?\{", r"\n\}"), r'(?:return|\?|:) "([\w-]+)"', set()),
    ("pushcert.proof", "server/core/push_probe.c", between(r"\[PUSH_PROVEN\]"), SET, {"unproven"}),
    ("pushcert.warning", "server/core/pushcert_record.c", between(r"\} checks\[\] = \{"), ROW, set()),
    ("pushcert.act", "server/core/pushcert.c", whole, r'(?:tell\(cx, db, &\w+|history_add\([^";]*), "([\w-]+)"', {"probed"}),
    ("pushcert.act", "server/core/move.c", whole, r'tell\(cx, db, "pushcert\.([\w-]+)"', set()),
    ("pushcert.act", "server/face/api_calendar.c", whole, r'history_add\([^"]*"([\w-]+)"', set()),
    ("pushcert.act", "server/face/api_pushcert_record.c", whole, r'(?:history_add|note_account)\([^";]*"([\w-]+)"', {"account-change-planned"}),
    ("event", "server/core/pushcert.c", whole, r'(?:return|TRY\()? ?tell\(cx, db, &\w+, "([\w-]+)"', set()),
    ("dossier.state", "server/core/dossier.c", between(r"dossier_states\[DOSSIER_STATES\] = \{"), r'"([\w-]+)"', set()),
    ("dossier.check", "server/core/dossier.c", between(r"dossier_items\[DOSSIER_ITEMS\] = \{"), ROW, set()),
    ("audit.kind", "server/core/account.c", between(r"words\[\] = \{"), r'"([\w-]+)"', set()),
    ("role", "server/core/account.c", between(r"roles\[\] = \{"), r'"([\w-]+)"', set()),
    ("scope", "include/face/access.def", whole, r'^ACCESS\("[^"]+", +"([\w-]+)"', set()),
    ("webhooks.state", "server/core/webhook_sql.c", whole, r'''\.state = ([^,;']*)''', set()),
    ("doctor.status", "server/core/doctor.c", between(r"\[DOCTOR_OK\]", r"\};"), r'"([\w-]+)"', set()),
    ("field", "include/core/roster.def", whole, r'^FIELD\(\w+, "([\w-]+)"', {"app", "profile", "group", "push"}),
    ("way-in", "server/core/enroll_takeover.c", between(r"char \*way_in\(", r"\n\}"), r'"([\w-]+)"', set()),
    ("move.erase", "server/core/move.c", whole, r'\{"[\w-]+", "([\w-]+)",', set()),
    ("command", "include/core/commands.def", whole, r"^COMMAND\((\w+),", set()),
    ("wake", "server/core/push_schedule.c", between(r"\} whys\[\] = \{"), r'= \{"([\w-]+)"', {"taken"}),
    ("doctor.check", "server/core/doctor.c", whole, r'^    \{"([^"]+)", [A-Z]+, check_', set()),
]
UNTOLD = {("scope", "own"), ("refused", "fine"), ("verdict-fix", "fine")}  # never shown: what is for a person alone, no refusal, and nothing to do

# Kinds of events, and of what a timeline shows, wherever the server says them.
FAMILIES = "command|device|disk|escrow|fleet|group|guardian|identity|inventory|link|package|profile|push|pushcert|renewal|takeover|tls|url|webhook"
EVENT = re.compile(rf"""["']((?:{FAMILIES})\.[a-z]+(?:-[a-z]+)*)["']""")
NO_EVENTS = {"command.status", "webhook.event", "package.url", "pushcert.probed"}


def in_key(prefix, word):
    """The console makes the key of a check out of its name, which is words."""
    return re.sub("[^a-z]+", "-", word.lower()) if prefix == "doctor.check" else word

# The acts that the record of acts can hold, by the tables of routes of the admin listener (server/face/router_audit.c): by their key in the console.
ADMIN = "server/app/serve_http.c"
TABLE = re.compile(r"const struct route (\w+)\[\] = \{(.*?)\n\};", re.S)
RECORDED = "audit.do"
ACTS = "server/app/acts.def"  # the same in English, for the command line


def act_key(method, pattern):
    path = pattern.removeprefix("/api/v1/")
    return f"{'any' if method == '*' else method.lower()}.{path.replace('/', '.').replace(':', '_')}"


def recorded(row):
    """Keys of a row of a table of routes, from behind its first `.method = `."""
    methods, pattern = re.match(r'"([^"]*)"', row), re.search(r'\.pattern = "([^"]+)"', row)
    for method in methods[1].split(",") if methods and pattern else []:
        if "ROUTE_ACT" in row or (method not in ("GET", "HEAD") and "ROUTE_LOOK" not in row):
            yield act_key(method, pattern[1])


def acts(root):
    """(key, file) of every route that is recorded, of what handlers call their act, and of a path that is none."""
    served = re.findall(r"\w+_routes\b", between(r"serve_admin_tables\[\] = \{")(read(root / ADMIN))) if (root / ADMIN).exists() else []
    if served:
        yield "nothing", root / ADMIN
    for path in files(root, ["server/face"], {".c"}):
        text = read(path)
        for name, rows in TABLE.findall(text):
            for row in rows.split(".method = ")[1:] if name in served else []:
                yield from ((key, path) for key in recorded(row))
        yield from ((act, path) for act in re.findall(r'route_proved\(rq, "(\w+)"', text))


def told(root):
    """(prefix, word, file) of what the server says."""
    for prefix, path, part, shape, more in WORDS:
        text = read(root / path) if (root / path).exists() else ""
        for found in [*re.findall(shape, part(text), re.M), *more] if text else []:
            for word in re.findall(r'"([\w-]+)"', found) or [found]:
                yield prefix, f"pushcert.{word}" if prefix == "event" else in_key(prefix, word), root / path
    for path in files(root, ["server/core", "server/face", "include/core"], {".c", ".h", ".def"}):
        for word in set(EVENT.findall(read(path))) - NO_EVENTS:
            yield "event", word, path
    yield from ((RECORDED, act, path) for act, path in acts(root))


def differences(root):
    keys = json.loads(read(root / TEXTS))
    words = {}
    for prefix, word, path in told(root):
        if (prefix, word) not in UNTOLD and word:
            words.setdefault(prefix, {})[word] = path
    for prefix in sorted({row[0] for row in WORDS} | {RECORDED}):
        own = words.get(prefix, {})
        for word, path in sorted(own.items()):
            if f"{prefix}.{word}" not in keys:
                yield path, 1, f'the console has no text for "{word}": {prefix}.{word}'
        for key in keys:
            if re.match(rf"{re.escape(prefix)}\.{'[A-Z]' if prefix == 'command' else ''}", key) and key[len(prefix) + 1:] not in own:
                yield root / TEXTS, 1, f"{key} is of no word of the server"


def otherwise_told(root):
    """Acts that the command line calls otherwise than the console."""
    if not (root / ACTS).exists():
        return
    texts = {key.removeprefix(f"{RECORDED}."): text for key, text in json.loads(read(root / TEXTS)).items() if key.startswith(f"{RECORDED}.")}
    rows = {"nothing" if act == "* ?" else act_key(*act.split()) if " " in act else act: text
            for act, text in re.findall(r'^ACT\("([^"]+)", "([^"]+)"\)$', read(root / ACTS), re.M)}
    for key in sorted(texts.keys() | rows.keys()):
        if texts.get(key) != rows.get(key):
            yield root / ACTS, 1, f'{key} is "{rows.get(key)}" here, and "{texts.get(key)}" in the console'


def unseen(root):
    """Rows of tables of routes that cannot be read here."""
    for path in files(root, ["server/face"], {".c"}):
        text = read(path)
        for name, rows in TABLE.findall(text):
            for macro in sorted(set(re.findall(r"^ +([A-Z_]+)\(", rows, re.M))):
                if not re.search(rf'#define {macro}\b(?:.*\\\n)*.*\.method = "GET"', text):
                    yield path, 1, f"{name} has a row of the macro {macro}: what it is called in the console cannot be compared"


def check(root):
    return [*differences(root), *otherwise_told(root), *unseen(root)]


A_TABLE = """const struct route a_routes[] = {
    {.method = "POST", .pattern = "/api/v1/devices/:id/lock", .run = lock},
    {.method = "POST", .pattern = "/api/v1/devices/:id/look", .flags = ROUTE_LOOK, .run = look},
    {.method = "GET", .pattern = "/api/v1/devices", .run = list},
    {.method = NULL},
};
"""
GOOD = {TEXTS: json.dumps({"verdict.fine": "Fine", "verdict.lost": "Lost", "verdict-fix.lost": "Find it", "event.disk.fine": "Fine", "command.Lock": "Lock", "command.acts": "Acts",
                           "audit.do.post.devices._id.lock": "Locked", "audit.do.login": "Logged in", "audit.do.nothing": "Nothing"}),
        "include/core/verdict.def": 'VERDICT(1, "lost", CERTAIN,\n', "include/core/commands.def": "COMMAND(Lock, 0, 0,\n",
        ADMIN: "serve_admin_tables[] = {a_routes, NULL};\n", "server/face/a.c": A_TABLE + 'route_proved(rq, "login", &who, NULL);\n',
        ACTS: 'ACT("POST /api/v1/devices/:id/lock", "Locked")\nACT("login", "Logged in")\nACT("* ?", "Nothing")\n',
        "server/core/disk.c": 'event_add(cx, db, "disk.fine", NULL, data);\n'}
BAD = [({ACTS: 'ACT("login", "Logged in")\nACT("POST /api/v1/devices/:id/lock", "Locks")\nACT("* ?", "Nothing")\n'}, "is \"Locks\" here"),
       ({ACTS: 'ACT("login", "Logged in")\nACT("* ?", "Nothing")\n'}, "is \"None\" here"),
       ({"include/core/verdict.def": 'VERDICT(1, "lost", CERTAIN,\nVERDICT(2, "late", LIKELY,\n'}, 'no text for "late"'),
       ({"include/core/verdict.def": 'VERDICT(1, "late", CERTAIN,\n'}, "verdict.lost is of no word"),
       ({"server/core/b.c": '"disk.gone"'}, "event.disk.gone"), ({"include/core/commands.def": "COMMAND(Wipe, 0, 0,\n"}, "command.Lock is of no word"),
       ({"include/core/commands.def": "COMMAND(Lock, 0, 0,\nCOMMAND(Wipe, 0, 0,\n"}, "command.Wipe"),
       ({"server/face/b.c": A_TABLE.replace("lock", "wipe")}, 'no text for "post.devices._id.wipe"'), ({"server/face/a.c": A_TABLE}, "audit.do.login is of no word"),
       ({"server/face/c.c": 'const struct route c_routes[] = {\n    ACT("wipe", wipe),\n};\n'}, "a row of the macro ACT")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
