"""Devices by the thousand, as rows: enrolled, with a push token each, without the time that enrolling takes."""
import contextlib
import hashlib
import sqlite3
import time
import uuid


def token(n):
    return hashlib.sha256(b"%d" % n).digest()


def now_us():
    return int(time.time() * 1_000_000)


def enroll(database, n, topic):
    """Adds devices FLEET-1 … FLEET-n to the database of a server that does not run."""
    at = now_us() - 86_400_000_000
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        first = db.execute("SELECT coalesce(max(max(seq), (SELECT coalesce(max(seq), 0) FROM generation)), 0) FROM device").fetchone()[0]
        seqs = [(first + i, i) for i in range(1, n + 1)]
        db.executemany("INSERT INTO device (seq, id, created_at, generation) VALUES (?, ?, ?, ?)",
                       ((seq, f"FLEET-{i}", at, seq) for seq, i in seqs))
        db.executemany("INSERT INTO generation (seq, device, state, authenticated_at, enrolled_at, topic, facts) VALUES (?, ?, 'current', ?, ?, ?, '{}')",
                       ((seq, seq, at, at, topic) for seq, i in seqs))
        db.executemany("INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, token_at, created_at) VALUES (?, ?, 'Device', 1, ?, ?, ?, ?, ?)",
                       ((f"FLEET-{i}", seq, topic, token(i), f"magic-{i:032d}", at, at) for seq, i in seqs))


def wake_all(database, due_at):
    """Makes a wake-up due for each channel, as if none had ever been sent; the server does not run."""
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute("DELETE FROM wake")
        seqs = [row[0] for row in db.execute("SELECT seq FROM enrollment")]
        db.executemany("INSERT INTO wake (enrollment, due_at, apns_id, why) VALUES (?, ?, ?, 'command')",
                       ((seq, due_at, str(uuid.uuid4())) for seq in seqs))
