# SQLite from Python, as a script would use it: append FILE DB, verify DB, fold DB DATE.
# The hash is SHA-256: of those at hand in Python it is the fastest for lines this short.
import json
import sqlite3
import sys
from hashlib import sha256

BATCH = 1000


def connect(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


def append(file, path):
    db = connect(path)
    db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT, payload TEXT, hash BLOB)")
    link, rows, seq = bytes(32), [], 0

    def commit():
        db.execute("BEGIN")
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
        rows.clear()

    with open(file, "rb") as lines:
        for line in lines:
            line = line.rstrip(b"\n")
            link = sha256(link + line).digest()
            rows.append((seq, json.loads(line)["id"], line.decode(), link))
            seq += 1
            if len(rows) == BATCH:
                commit()
    commit()
    db.close()


def verify(path):
    link, count = bytes(32), 0
    for seq, payload, found in connect(path).execute("SELECT seq, payload, hash FROM events ORDER BY seq"):
        link = sha256(link + payload.encode()).digest()
        if seq != count or link != found:
            sys.exit(f"event {seq} does not follow the one before it")
        count += 1
    print(count)


def fold(path, date):
    positions = {}
    for (payload,) in connect(path).execute("SELECT payload FROM events ORDER BY seq"):
        event = json.loads(payload)
        if event["kind"] != "statement":
            continue
        when = event.get("when", "~").rsplit("/", 1)[-1]
        if when > date:
            continue
        for actor in event["by"]:
            key = actor, event["topic"]
            newest = positions.get(key)
            if newest is None or newest[0] <= when:
                positions[key] = when, event["stance"], event["id"]
    print(len(positions))


{"append": append, "verify": verify, "fold": fold}[sys.argv[1]](*sys.argv[2:])
