"""SQL stands in *_sql.c of core, in the database adapter and in the schema, nowhere else."""
import re

from common import blank, files, logical, main, read

STATEMENT = re.compile(r"""(^\s*|;\s*|\(\s*)(SELECT\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\s|WITH\s+\w+.*\sAS\b
                            |CREATE\s+(UNIQUE\s+)?(TABLE|INDEX|VIEW|TRIGGER)\s|ALTER\s+TABLE\s|DROP\s+(TABLE|INDEX)\s|PRAGMA\s)""", re.X)
LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')
ALLOWED = re.compile(r"core/\w+_sql\.c|lib/db\w*\.c")


def check(root):
    problems = []
    for path in files(root, ["include", "server"], {".c", ".h", ".def"}):
        if ALLOWED.fullmatch(logical(root, path)):
            continue
        for n, line in enumerate(blank(read(path), strings=False).splitlines(), 1):
            if any(STATEMENT.search(m[1]) for m in LITERAL.finditer(line)):
                problems.append((path, n, "SQL belongs into *_sql.c of core"))
    return problems


GOOD = {"server/core/queue_sql.c": 'x("SELECT id FROM device");\n', "server/lib/db_sqlite.c": 'x("PRAGMA journal_mode=WAL");\n',
        "server/core/queue.c": 'x("Select a device from the list"); /* x("SELECT 1 FROM a") */\n',
        "server/face/api.c": 'x("UPDATE sends the update");\n', "include/lib/db.h": '/* db_run(cx, "SELECT 1"); */\n'}
BAD = [({"server/core/queue.c": 'x("SELECT id FROM device");\n'}, "SQL belongs"),
       ({"server/face/api_sql.c": 'x("DELETE FROM device");\n'}, "SQL belongs"),
       ({"server/app/main.c": 'x(1,\n  "INSERT OR IGNORE INTO device VALUES ($1)");\n'}, "SQL belongs"),
       ({"include/core/queue.h": '#define Q "UPDATE queue SET a = 1"\n'}, "SQL belongs"),
       ({"server/lib/json.c": 'x("PRAGMA user_version");\n'}, "SQL belongs")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
