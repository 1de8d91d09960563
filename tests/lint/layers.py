"""base → lib → core → face → app: a file includes its own layer and those to its left, a module of core only modules
to its left, the lab nothing of the server but base, lib and tables, and nothing includes itself by a detour. Of the
console a file imports from its own folder and those to its left."""
import posixpath
import re

from common import LAYERS, files, includes, logical, main, read

CORE = ("core account token audit vault user login passkey fact keyring event notice idempotency escrow platform payload roster pushcert push enroll scep command queue webhook refused hangup seen guard renewal inventory filevault profile package group plan offboard guardian "
        "calendar recovery move dossier why doctor ddm dep checkin migrate report history chores overview timeline feed").split()


CONSOLE = "i18n api ui parts pages".split()


def layer_of(name):
    first = name.split("/", 1)[0]
    return LAYERS.index(first) if first in LAYERS and "/" in name else None


def core_module(name):
    return re.split(r"[_.]", name.rsplit("/", 1)[-1])[0]


def core_order(name, included):
    """What is wrong with a file of core including another, or None."""
    a, b = core_module(name), core_module(included)
    for module in (a, b):
        if module not in CORE:
            return f"core has no module {module}"
    if CORE.index(b) > CORE.index(a):
        return f"core module {a} includes {b}, which stands to its right"
    return None


def reachable(graph, start):
    seen, todo = set(), [start]
    while todo:
        for name in graph.get(todo.pop(), ()):
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def console(root):
    for path in files(root, [f"web/src/{folder}" for folder in CONSOLE], {".ts", ".tsx"}):
        name = path.relative_to(root / "web/src").as_posix()
        for n, line in enumerate(read(path).splitlines(), 1):
            for imported in re.findall(r"(?:from|import\() ?'(\.[^']+)'", line):
                whole = posixpath.normpath(posixpath.join(posixpath.dirname(name), imported))
                own, other = name.split("/")[0], whole.split("/")[0]
                if "/" in whole and other in CONSOLE and CONSOLE.index(other) > CONSOLE.index(own):
                    yield path, n, f"{own} imports {other}"


def check(root):
    problems, graph, adapters, where = [], {}, {}, {}
    for path in files(root, ["include", "server"], {".c", ".h", ".def"}):
        name = logical(root, path)
        where[name] = path
        own = layer_of(name)
        if own is None:
            problems.append((path, 1, "stands in no layer"))
            continue
        for line, included, is_own in includes(read(path)):
            if not is_own:
                continue
            other = layer_of(included)
            if other is None:
                problems.append((path, line, f'"{included}" does not begin with its layer'))
                continue
            graph.setdefault(name, set()).add(included)
            if other > own:
                problems.append((path, line, f"{LAYERS[own]} includes {LAYERS[other]}"))
            elif LAYERS[own] == LAYERS[other] == "core" and not included.endswith(".def"):  # a table is anybody's
                wrong = core_order(name, included)
                if wrong:
                    problems.append((path, line, wrong))
            elif LAYERS[own] == LAYERS[other] == "lib" and core_module(name) != core_module(included):
                adapters.setdefault(core_module(name), set()).add(core_module(included))
    for name in sorted(graph):
        if name in reachable(graph, name):
            problems.append((where[name], 1, "includes itself by a circle"))
        if name.startswith("app/lab"):
            for other in sorted(reachable(graph, name)):
                if other.startswith(("core/", "face/")) and not other.endswith(".def"):
                    problems.append((where[name], 1, f"the lab tests the wire and may not know {other}"))
    for adapter in sorted(adapters):
        if adapter in reachable(adapters, adapter):
            problems.append((root / "server/lib", 1, f"adapter {adapter} includes itself by a circle of adapters"))
    return problems + list(console(root))


GOOD = {"include/base/err.h": "", "include/lib/db.h": '#include "base/err.h"\n', "include/core/queue.h": '#include "lib/db.h"\n',
        "server/core/queue_sql.c": '#include "core/core.h"\n#include "core/queue.h"\n#include "core/event.h"\n#include "core/commands.def"\n',
        "web/src/ui/frame.tsx": "import { PAGES } from '../pages';\nimport { live } from '../api/live';\n", "web/src/parts/a.ts": "import { b } from './b';\n",
        "server/app/lab.c": '#include "lib/db.h"\n#include "core/commands.def"\n', "server/app/main.c": '#include "face/api.h"\n'}
BAD = [({"include/base/buf.h": '#include "lib/db.h"\n'}, "base includes lib"),
       ({"server/core/queue.c": '# include "face/api.h"\n'}, "core includes face"),
       ({"server/core/audit.c": '#include "core/report.h"\n'}, "to its right"),
       ({"server/core/push_sql.c": '#include "core/queue.h"\n'}, "push includes queue"),
       ({"server/core/misc.c": '#include "core/misc.h"\n'}, "no module misc"),
       ({"server/lib/a.c": '#include "db.h"\n'}, "does not begin with its layer"),
       ({"include/base/a.h": '#include "base/b.h"\n', "include/base/b.h": '#include "base/a.h"\n'}, "by a circle"),
       ({"server/lib/net_a.c": '#include "lib/pki_a.h"\n', "server/lib/pki_a.c": '#include "lib/net_a.h"\n'}, "circle of adapters"),
       ({"server/app/lab_x.c": '#include "core/queue.h"\n'}, "may not know core/queue.h"),
       ({"server/app/lab_x.c": '#include "app/conf.h"\n', "include/app/conf.h": '#include "core/queue.h"\n'}, "may not know core"),
       ({"web/src/parts/filter.tsx": "import { FIELDS } from '../pages/devices/columns';\n"}, "parts imports pages"),
       ({"web/src/i18n/index.ts": "const load = () => import('../ui/text');\n"}, "i18n imports ui"),
       ({"server/util/a.c": ""}, "in no layer")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
