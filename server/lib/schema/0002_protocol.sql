-- The whole device protocol: takeovers, refused requests, migrated devices, renewals, the life of a command, webhooks.

-- ---- who may be a device ----

-- Made anew, since its states and its identity's need change. A migrated device has no identity before its first contact.
CREATE TABLE generation_new (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  state TEXT NOT NULL CHECK (state IN ('pending', 'provisional', 'current', 'former')),
  identity BLOB REFERENCES identity (hash),
  session INTEGER REFERENCES enroll_session (seq),
  authenticated_at INTEGER NOT NULL,
  enrolled_at INTEGER,
  ended_at INTEGER,
  topic TEXT NOT NULL,
  facts TEXT NOT NULL,         -- JSON of what Authenticate told
  given TEXT,                  -- JSON, of its session
  unlock_token_sealed BLOB,
  bootstrap_token_sealed BLOB,
  awaiting_configuration INTEGER NOT NULL DEFAULT 0,
  origin TEXT NOT NULL DEFAULT 'enrolled' CHECK (origin IN ('enrolled', 'migrated', 'adopted')),
  replaced INTEGER,            -- of one that was provisional: the generation that it stood against
  way_in TEXT CHECK (way_in IN ('token', 'unregistered', 'silence', 'operator')), -- how it came into force
  accepted_by TEXT,            -- the operator who let it in, before or after its TokenUpdate
  address TEXT,                -- of its Authenticate
  woken_at INTEGER             -- of a provisional one: when APNs first took a push to the one that it stands against
);
INSERT INTO generation_new (seq, device, state, identity, session, authenticated_at, enrolled_at, ended_at, topic, facts,
  given, unlock_token_sealed, bootstrap_token_sealed, awaiting_configuration)
SELECT seq, device, state, identity, session, authenticated_at, enrolled_at, ended_at, topic, facts,
  given, unlock_token_sealed, bootstrap_token_sealed, awaiting_configuration FROM generation;
-- Numbers are not given out twice, not even those of rows that are gone.
DELETE FROM sqlite_sequence WHERE name = 'generation_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'generation_new', seq FROM sqlite_sequence WHERE name = 'generation';
DROP TABLE generation;
ALTER TABLE generation_new RENAME TO generation;
CREATE INDEX generation_device ON generation (device, seq);
CREATE INDEX generation_provisional ON generation (seq) WHERE state = 'provisional';

-- TokenUpdates of a generation that is not in force: of a provisional one, or of users who came before their
-- device, to be applied when it comes into force; of one that was replaced because it kept silent, to be restored when it
-- wins its device back.
CREATE TABLE held_token (
  generation INTEGER NOT NULL REFERENCES generation (seq),
  id TEXT NOT NULL,            -- of the channel
  type TEXT NOT NULL,
  topic TEXT NOT NULL,
  token BLOB NOT NULL,
  push_magic TEXT NOT NULL,
  token_at INTEGER NOT NULL,
  user_short_name TEXT,
  user_long_name TEXT,
  PRIMARY KEY (generation, id)
);

ALTER TABLE identity ADD COLUMN seen_at INTEGER;  -- its first accepted request after it was bound
ALTER TABLE identity ADD COLUMN issuers BLOB;     -- of a foreign CA: certificates that its chain needs, DER, as they came with it
ALTER TABLE identity ADD COLUMN ends_at INTEGER;  -- counts no longer: the overlap with the one that renewed it is over

ALTER TABLE device ADD COLUMN unenroll_at INTEGER;    -- an operator wants it to leave
ALTER TABLE device ADD COLUMN unenroll_by TEXT;
ALTER TABLE device ADD COLUMN unenroll_command TEXT;  -- uuid of its RemoveProfile: after that was handed over, 403
ALTER TABLE device ADD COLUMN contact_until INTEGER;  -- migrated: until then its first contact binds an identity
ALTER TABLE device ADD COLUMN contact_hash BLOB;      -- migrated: the only one that its first contact binds, at any time

ALTER TABLE link ADD COLUMN revoked_by TEXT;

-- Requests that claimed an id and were refused; bounded, what is worth least goes first.
CREATE TABLE refused (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,            -- of the device that it claimed to be
  hash BLOB NOT NULL,          -- of its certificate; of zero length when there was no proof
  cert BLOB,                   -- DER, when an accepted CA issued it
  reason TEXT NOT NULL,        -- slug
  message_type TEXT NOT NULL,  -- of the last one; 'Report' for the command channel
  serial_number TEXT,          -- that it claims
  address TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  UNIQUE (id, hash)
);
CREATE INDEX refused_last ON refused (last_at);
CREATE INDEX refused_unproved ON refused (last_at) WHERE length(hash) = 0;

-- ---- renewal of identities ----

CREATE TABLE renewal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  generation INTEGER NOT NULL,
  identity BLOB NOT NULL,      -- hash of the one to be renewed
  session INTEGER NOT NULL REFERENCES enroll_session (seq),
  challenge_sealed BLOB NOT NULL,
  command TEXT NOT NULL,       -- uuid of its InstallProfile
  wave INTEGER NOT NULL,       -- 0: the canary
  state TEXT NOT NULL CHECK (state IN ('waiting', 'installed', 'done', 'failed', 'expired', 'cancelled')),
  why TEXT,                    -- it failed
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ended_at INTEGER
);
CREATE INDEX renewal_device ON renewal (device, seq);
CREATE INDEX renewal_open ON renewal (seq) WHERE ended_at IS NULL;
CREATE INDEX renewal_session ON renewal (session);
CREATE UNIQUE INDEX renewal_command ON renewal (command);
-- Which identities end soon, of those that still count.
CREATE INDEX identity_end ON identity (not_after) WHERE voided_at IS NULL AND ends_at IS NULL;

-- Enrollment profiles of migrated devices, as an operator gave them: their identities are renewed from these.
CREATE TABLE original_profile (
  topic TEXT PRIMARY KEY,
  plist BLOB NOT NULL,         -- without the payload of the identity
  given TEXT NOT NULL,         -- JSON, for their generations
  stored_at INTEGER NOT NULL,
  stored_by TEXT NOT NULL
);

-- ---- what would cut devices off ----

-- Roots that are to replace the one of the TLS certificate, and who was given them by InstallProfile.
CREATE TABLE staged_root (
  hash BLOB PRIMARY KEY,
  cert BLOB NOT NULL,          -- DER
  staged_at INTEGER NOT NULL,
  staged_by TEXT NOT NULL
);
CREATE TABLE given_root (
  device INTEGER NOT NULL REFERENCES device (seq),
  generation INTEGER NOT NULL,
  hash BLOB NOT NULL,
  command TEXT NOT NULL,       -- uuid of its InstallProfile
  given_at INTEGER,            -- when the device acknowledged it
  PRIMARY KEY (device, generation, hash)
);
CREATE INDEX given_root_command ON given_root (command);

-- ---- what devices tell ----

CREATE TABLE ddm_status (
  enrollment INTEGER PRIMARY KEY REFERENCES enrollment (seq),
  at INTEGER NOT NULL,
  report BLOB NOT NULL         -- JSON, as it came
);

-- Secrets of devices for operators: never given to a device. One row a value, every one ever seen is kept.
CREATE TABLE escrow (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  kind TEXT NOT NULL CHECK (kind IN ('pin', 'bypass-code')),
  digest BLOB NOT NULL,        -- HMAC of the value, so that the same is kept once
  value_sealed BLOB NOT NULL,
  command TEXT,                -- uuid of the command that it stands in or came by
  at INTEGER NOT NULL,
  UNIQUE (device, kind, digest)
);

-- ---- the life of a command ----

ALTER TABLE command ADD COLUMN collapse_key TEXT;                     -- a later one with the same key replaces it
ALTER TABLE command ADD COLUMN barrier INTEGER NOT NULL DEFAULT 0;    -- 1: waits for those before it
ALTER TABLE command ADD COLUMN renewal INTEGER;                       -- its plist is rendered at delivery, for this renewal
ALTER TABLE target ADD COLUMN queued_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;      -- sessions in a row that it was handed out in without a word
ALTER TABLE target ADD COLUMN notnow_first_at INTEGER;
ALTER TABLE target ADD COLUMN cancelled_by TEXT;
ALTER TABLE target ADD COLUMN ended_as TEXT;       -- Expired or Cancelled, of one that was answered all the same
UPDATE target SET queued_at = (SELECT created_at FROM command c WHERE c.seq = target.command);
UPDATE command SET barrier = 1 WHERE request_type IN ('DeviceConfigured', 'UserConfigured');
CREATE INDEX command_created ON command (created_at);
CREATE INDEX target_settled ON target (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX generation_session ON generation (session);
CREATE INDEX renewal_ended ON renewal (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX enroll_session_unused ON enroll_session (expires_at) WHERE issues = 0;
CREATE INDEX event_at ON event (at);

-- ---- webhooks ----

-- Receivers that there are or were. Their URLs stand in the settings alone: they may hold secrets.
CREATE TABLE webhook_hook (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE, -- of the URL
  shown TEXT NOT NULL,         -- the URL without its query
  ok_at INTEGER,               -- last success
  failed_at INTEGER,           -- last failure, and what it was
  error TEXT,
  dead_told_at INTEGER         -- last event webhook.dead
);
CREATE TABLE webhook_message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  topic TEXT NOT NULL,         -- "mdm.TokenUpdate" …
  enrollment TEXT NOT NULL,    -- id; empty: of no channel
  json TEXT NOT NULL,          -- as it is sent, but with an empty raw_payload
  payload_sealed BLOB          -- what raw_payload holds: what the device sent, tokens too
);
CREATE INDEX webhook_message_at ON webhook_message (at);
-- One row a message and receiver, delivered in the order of seq within each receiver and enrollment.
CREATE TABLE webhook_delivery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  message INTEGER NOT NULL REFERENCES webhook_message (seq),
  hook INTEGER NOT NULL REFERENCES webhook_hook (seq),
  enrollment TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  refusals INTEGER NOT NULL DEFAULT 0, -- attempts that were answered, but not by 2xx
  first_at INTEGER,            -- first attempt
  ended_at INTEGER,
  status INTEGER,              -- HTTP status of the last attempt
  error TEXT
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (hook, enrollment, seq) WHERE state = 'due';
CREATE INDEX webhook_delivery_oldest ON webhook_delivery (hook, seq) WHERE state = 'due';
CREATE INDEX webhook_delivery_dead ON webhook_delivery (seq) WHERE state = 'dead';
CREATE INDEX webhook_delivery_message ON webhook_delivery (message);
CREATE INDEX webhook_delivery_ended ON webhook_delivery (state, ended_at) WHERE ended_at IS NOT NULL;
-- The enrollments for which a receiver has something due.
CREATE TABLE webhook_lane (
  hook INTEGER NOT NULL REFERENCES webhook_hook (seq),
  enrollment TEXT NOT NULL,
  worker INTEGER NOT NULL,     -- which of the receiver's threads sees to it
  failures INTEGER NOT NULL DEFAULT 0, -- in a row
  next_at INTEGER NOT NULL,
  PRIMARY KEY (hook, enrollment)
);
CREATE INDEX webhook_lane_next ON webhook_lane (hook, worker, next_at);
