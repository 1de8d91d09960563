"""Makes the dump of a new schema: the one before it, migrated. Usage: make.py NUMBER, e.g. make.py 2 for 0002.sql."""
import pathlib
import sqlite3
import sys

HERE = pathlib.Path(__file__).parent
SCHEMA = HERE.parents[2] / "server/lib/schema"


def main(number):
    migration = next(SCHEMA.glob(f"{number:04}_*.sql"))
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript((HERE / f"{number - 1:04}.sql").read_text(encoding="utf-8"))
    db.executescript(migration.read_text(encoding="utf-8"))
    db.execute("INSERT INTO schema_history (number, name, applied_at) VALUES (?, ?, 0)", (number, migration.stem))
    (HERE / f"{number:04}.sql").write_text("\n".join(db.iterdump()) + "\n", encoding="utf-8")


main(int(sys.argv[1]))
