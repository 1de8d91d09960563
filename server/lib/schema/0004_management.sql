-- Managing devices: what they answer, secrets of theirs in escrow, profiles, packages, groups and what must be true of
-- their members.

-- ---- devices ----

ALTER TABLE device ADD COLUMN assigned_user TEXT;    -- by an operator; this and the next three
ALTER TABLE device ADD COLUMN email TEXT;
ALTER TABLE device ADD COLUMN asset_tag TEXT;
ALTER TABLE device ADD COLUMN note TEXT;
ALTER TABLE device ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;  -- grows with each change of them: for ETags
ALTER TABLE device ADD COLUMN successor INTEGER;     -- another id with its serial number enrolled later: that row
CREATE INDEX device_successor ON device (successor) WHERE successor IS NOT NULL;

-- ---- inventory ----

ALTER TABLE target ADD COLUMN told TEXT;             -- identifier of the app, by the answer to InstallApplication
ALTER TABLE command ADD COLUMN partial INTEGER NOT NULL DEFAULT 0; -- its answer is only a part of the whole
ALTER TABLE target ADD COLUMN own INTEGER NOT NULL DEFAULT 0; -- 1: a question of the server itself (COMMAND_OWN)
-- own and waiting stand in it so that it is preferred to those that lead through all the channel has.
CREATE INDEX target_own ON target (enrollment, own, waiting) WHERE own = 1;

-- What a device told, in short: fields of core/roster.def. One row a device.
CREATE TABLE inventory (
  device INTEGER PRIMARY KEY REFERENCES device (seq),
  facts TEXT NOT NULL,         -- JSON: {"filevault": true …}
  taken_at INTEGER,            -- an answer came last
  asked_at INTEGER NOT NULL DEFAULT 0 -- all was asked for last
);
CREATE INDEX inventory_asked ON inventory (asked_at);
INSERT INTO inventory (device, facts) SELECT seq, '{}' FROM device;

-- The last answers, one a channel and RequestType, merged by the rows of core/commands.def.
CREATE TABLE inventory_answer (
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  request_type TEXT NOT NULL,
  at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  misfits INTEGER NOT NULL DEFAULT 0, -- values of another shape than the schema's
  digest BLOB NOT NULL,        -- of what came: the same again changes nothing
  answer BLOB NOT NULL,        -- JSON
  listed TEXT,                 -- of a list: a line for each, name, tab, version; NULL: none, or more than is kept
  PRIMARY KEY (enrollment, request_type)
);
CREATE INDEX inventory_answer_misfits ON inventory_answer (misfits) WHERE misfits > 0;

-- What is installed, packed for plans: core/inventory.h. kind: enum inventory_kind.
CREATE TABLE inventory_list (
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  items BLOB NOT NULL,
  PRIMARY KEY (enrollment, kind)
) WITHOUT ROWID;

-- What is asked for again at a time: an app that was being installed.
CREATE TABLE inventory_later (
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  request_type TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (enrollment, request_type)
) WITHOUT ROWID;
CREATE INDEX inventory_later_at ON inventory_later (at);

-- Questions that were answered with an error: core/inventory_again.c.
CREATE TABLE inventory_failed (
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  request_type TEXT NOT NULL,
  times INTEGER NOT NULL,      -- in a row
  next_at INTEGER NOT NULL,    -- it is asked again
  unknown_to TEXT,             -- this version of its system does not know the command; NULL: it does
  PRIMARY KEY (enrollment, request_type)
) WITHOUT ROWID;

-- Which devices have an app: identifiers are kept once.
CREATE TABLE app (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  identifier TEXT NOT NULL UNIQUE
);
CREATE TABLE device_app (
  app INTEGER NOT NULL REFERENCES app (seq),
  device INTEGER NOT NULL REFERENCES device (seq),
  PRIMARY KEY (app, device)
) WITHOUT ROWID;
CREATE INDEX device_app_device ON device_app (device, app);

-- What changed: a field, an app, a profile, a certificate; bounded by history-days.
CREATE TABLE inventory_change (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  at INTEGER NOT NULL,
  what TEXT NOT NULL,          -- "os", "app com.example.app", "profile com.example.wifi" …
  was TEXT,
  is_now TEXT
);
CREATE INDEX inventory_change_device ON inventory_change (device, seq);
CREATE INDEX inventory_change_at ON inventory_change (at);

-- ---- escrow ----

-- Made anew for more kinds.
CREATE TABLE escrow_new (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  kind TEXT NOT NULL,          -- core/escrow.h
  digest BLOB NOT NULL,        -- HMAC of the value, so that the same is kept once
  value_sealed BLOB NOT NULL,
  command TEXT,                -- uuid of the last command that it stood in or came by
  at INTEGER NOT NULL,
  confirmed_at INTEGER,        -- the device said last that it is the one in force
  ended_at INTEGER,            -- it is in force no longer
  note TEXT,                   -- for operators: why it does not open
  UNIQUE (device, kind, digest)
);
INSERT INTO escrow_new (seq, device, kind, digest, value_sealed, command, at, confirmed_at)
  SELECT seq, device, kind, digest, value_sealed, command, at, CASE kind WHEN 'bypass-code' THEN at END FROM escrow;
DELETE FROM sqlite_sequence WHERE name = 'escrow_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'escrow_new', seq FROM sqlite_sequence WHERE name = 'escrow';
DROP TABLE escrow;
ALTER TABLE escrow_new RENAME TO escrow;

-- Who saw which secret, when and why.
CREATE TABLE escrow_reveal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  kind TEXT NOT NULL,
  escrow INTEGER,              -- NULL: a token of its generation
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  rotate TEXT                  -- a recovery key: uuid of the command that replaces it
);
CREATE INDEX escrow_reveal_device ON escrow_reveal (device, seq);

-- Devices that leave for good: one row each, the last time that somebody said so.
CREATE TABLE offboarding (
  device INTEGER PRIMARY KEY REFERENCES device (seq),
  way TEXT NOT NULL,           -- core/offboard.h
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL,
  command TEXT,                -- uuid of what ends it; NULL: it was not enrolled
  unlock_status INTEGER,       -- what Apple answered when asked to lift Activation Lock; 0: it did not answer
  unlock_at INTEGER
);

-- ---- profiles and packages ----

CREATE TABLE profile (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  identifier TEXT NOT NULL UNIQUE, -- PayloadIdentifier
  name TEXT NOT NULL,
  version INTEGER NOT NULL,    -- the newest
  removed_at INTEGER,
  removed_by TEXT
);
CREATE TABLE profile_version (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  profile INTEGER NOT NULL REFERENCES profile (seq),
  version INTEGER NOT NULL,    -- 1, 2 …
  added_at INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  digest BLOB NOT NULL,
  uuid TEXT NOT NULL,          -- PayloadUUID in it
  is_signed INTEGER NOT NULL,
  supervised INTEGER NOT NULL,
  platforms INTEGER NOT NULL,
  organization TEXT,
  scope TEXT,
  types TEXT NOT NULL,         -- words
  variables TEXT NOT NULL,     -- words
  file_sealed BLOB NOT NULL,   -- as it was given: profiles hold passwords
  UNIQUE (profile, version)
);

CREATE TABLE package (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,   -- of the file, as it was added
  file TEXT NOT NULL UNIQUE,   -- its name in DATA/files
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  part_size INTEGER NOT NULL,
  parts BLOB NOT NULL,         -- MD5 and SHA-256 of each part, 48 bytes
  identifier TEXT NOT NULL,    -- of what it installs
  version TEXT NOT NULL,
  title TEXT NOT NULL,
  is_signed INTEGER NOT NULL,
  is_product INTEGER NOT NULL, -- a product archive
  token_hash BLOB NOT NULL UNIQUE,
  token_sealed BLOB NOT NULL,  -- of its URL
  added_at INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  trouble TEXT                 -- the file on disk is not what was added
);

-- ---- groups, and what must be true of them ----

CREATE TABLE fleet_group (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  rule TEXT,                   -- NULL: static
  note TEXT,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL
);
CREATE TABLE group_member (
  fleet_group INTEGER NOT NULL REFERENCES fleet_group (seq),
  device INTEGER NOT NULL REFERENCES device (seq),
  PRIMARY KEY (fleet_group, device)
) WITHOUT ROWID;
CREATE INDEX group_member_device ON group_member (device);
CREATE TABLE assignment (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  fleet_group INTEGER NOT NULL REFERENCES fleet_group (seq),
  kind TEXT NOT NULL CHECK (kind IN ('profile', 'command', 'setting', 'package', 'app', 'requirement')),
  ref TEXT NOT NULL,           -- core/group.h
  row INTEGER,                 -- of a profile or package
  position INTEGER NOT NULL,
  users INTEGER NOT NULL,
  options TEXT NOT NULL,       -- JSON
  created_at INTEGER NOT NULL,
  UNIQUE (fleet_group, kind, ref, users)
);
CREATE INDEX assignment_row ON assignment (kind, row);

-- What plans are about, each once: a profile by its identifier, an app by its bundle identifier …
CREATE TABLE plan_thing (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,          -- as in assignment
  key TEXT NOT NULL,
  UNIQUE (kind, key)
);
-- Where a device stands. One row a device that is or was in a group.
CREATE TABLE plan (
  device INTEGER PRIMARY KEY REFERENCES device (seq),
  state TEXT NOT NULL CHECK (state IN ('none', 'compliant', 'working', 'failing')),
  why TEXT,
  since INTEGER NOT NULL,
  due_at INTEGER,              -- to be looked at again; NULL: when something changes
  edition INTEGER NOT NULL,    -- grows whenever something changes: what was decided before is void
  configured INTEGER           -- generation whose DeviceConfigured was queued
);
CREATE INDEX plan_due ON plan (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX plan_state ON plan (state);
-- What a channel was given for its groups, packed: core/plan_int.h.
CREATE TABLE plan_given (
  enrollment INTEGER PRIMARY KEY REFERENCES enrollment (seq),
  given BLOB NOT NULL
);
-- What is not as it must be: being done, or failing. What is done has no row.
CREATE TABLE plan_item (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  thing INTEGER NOT NULL REFERENCES plan_thing (seq),
  act TEXT NOT NULL CHECK (act IN ('install', 'replace', 'remove', 'run', 'require')),
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'acknowledged', 'failing')),
  want INTEGER NOT NULL,       -- version that it is about
  command TEXT,                -- uuid
  unverified INTEGER NOT NULL, -- its acknowledgement is enough: nothing else tells
  tries INTEGER NOT NULL,
  next_at INTEGER,
  why TEXT,
  since INTEGER NOT NULL,
  UNIQUE (enrollment, thing)
);
CREATE INDEX plan_item_device ON plan_item (device);
CREATE UNIQUE INDEX plan_item_command ON plan_item (command) WHERE command IS NOT NULL;
CREATE INDEX plan_item_thing ON plan_item (thing, state);

-- ---- the API ----

-- Answers to requests with an Idempotency-Key: the same request again gets the same answer.
CREATE TABLE idempotency (
  key TEXT NOT NULL,
  who TEXT NOT NULL,
  digest BLOB NOT NULL,        -- of the request
  at INTEGER NOT NULL,
  status INTEGER,              -- NULL: it is being answered
  type TEXT,                   -- Content-Type of the answer
  body_sealed BLOB,
  PRIMARY KEY (key, who)
);
CREATE INDEX idempotency_at ON idempotency (at);
