-- No silent dark fleet: the life of push certificates, their guardian, and what explains a silence.

-- ---- push certificates ----

ALTER TABLE pushcert ADD COLUMN probed_at INTEGER;   -- Apple was asked about it last
ALTER TABLE pushcert ADD COLUMN proof TEXT CHECK (proof IN ('proven', 'refused', 'unreachable'));
ALTER TABLE pushcert ADD COLUMN proof_text TEXT;     -- what Apple, or the way to it, said
ALTER TABLE pushcert ADD COLUMN proven_at INTEGER;   -- Apple took it last

-- Keys made here, each with its request, until the certificate comes and for ever after: matched by public key.
CREATE TABLE push_key (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  public_hash BLOB NOT NULL UNIQUE, -- of the SubjectPublicKeyInfo
  key_sealed BLOB NOT NULL,
  csr BLOB NOT NULL,           -- DER
  topic TEXT,                  -- that it is to renew; NULL: a new one
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  used_at INTEGER              -- its certificate was imported
);

-- MDM vendor certificates, to sign requests with; the newest is in use.
CREATE TABLE vendor_cert (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE,   -- of the leaf
  chain TEXT NOT NULL,         -- PEM: leaf, intermediate, root
  key_sealed BLOB NOT NULL,
  subject TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  chain_ends INTEGER NOT NULL, -- the first end of any certificate of the chain
  imported_at INTEGER NOT NULL,
  imported_by TEXT NOT NULL
);

-- Exchanges with mdmcert.download: the key that its answer is encrypted for.
CREATE TABLE mdmcert_exchange (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  push_key INTEGER NOT NULL REFERENCES push_key (seq),
  cert BLOB NOT NULL,          -- DER
  key_sealed BLOB NOT NULL,
  email TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  opened_at INTEGER
);

-- Who stands behind a topic, as people told: printed in each warning.
CREATE TABLE pushcert_record (
  topic TEXT PRIMARY KEY,
  apple_account TEXT,
  account_kind TEXT CHECK (account_kind IN ('personal', 'organization', 'managed')),
  second_factor TEXT,
  trusted_person_1 TEXT,
  trusted_person_2 TEXT,
  password_place TEXT,
  owner TEXT,
  owner_email TEXT,
  deputy TEXT,
  deputy_email TEXT,
  organization TEXT,
  address TEXT,
  web_site TEXT,
  note TEXT,
  confirmed_at INTEGER,        -- that two people can still sign in
  confirmed_by TEXT,
  plan_every_us INTEGER,       -- planned renewal: each so long …
  plan_on TEXT,                -- … or on this day of each year, MM-DD
  updated_at INTEGER NOT NULL,
  updated_by TEXT NOT NULL
);

-- What was done with the certificates of a topic and its Apple Account, oldest first.
CREATE TABLE pushcert_history (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  act TEXT NOT NULL,           -- imported, rolled-back, account-changed, confirmed …
  pushcert INTEGER REFERENCES pushcert (seq),
  detail TEXT NOT NULL         -- JSON
);
CREATE INDEX pushcert_history_topic ON pushcert_history (topic, seq);

-- What stood in the certificates themselves before; their columns are not used any more.
INSERT INTO pushcert_record (topic, apple_account, owner, note, updated_at, updated_by)
  SELECT topic, apple_id, owner, note, imported_at, imported_by FROM pushcert
  WHERE coalesce(apple_id, owner, note) IS NOT NULL
  AND seq IN (SELECT max(seq) FROM pushcert GROUP BY topic);
INSERT INTO pushcert_history (topic, at, by, act, pushcert, detail)
  SELECT topic, imported_at, imported_by, 'imported', seq, '{}' FROM pushcert ORDER BY seq;

-- ---- guardian ----

-- A notice, once a subject and step, and its way to each recipient.
CREATE TABLE notice (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  subject TEXT NOT NULL,       -- what it is about, stable: pushcert TOPIC SERIAL …
  step TEXT NOT NULL,          -- 60, 30 … 0, -7 …
  created_at INTEGER NOT NULL,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  attachment TEXT,             -- of an e-mail; text/calendar
  UNIQUE (subject, step)
);
CREATE TABLE notice_delivery (
  notice INTEGER NOT NULL REFERENCES notice (seq),
  recipient TEXT NOT NULL,     -- mailto:ADDRESS or command
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER,             -- NULL: done or given up
  done_at INTEGER,
  error TEXT,
  PRIMARY KEY (notice, recipient)
);
CREATE INDEX notice_delivery_next ON notice_delivery (next_at) WHERE next_at IS NOT NULL;

-- Whose identity ends next.
CREATE INDEX identity_ends ON identity (not_after);

-- The calendar's secret address.
CREATE TABLE calendar (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  secret_hash BLOB NOT NULL UNIQUE,
  secret_sealed BLOB NOT NULL, -- so that it can be shown again
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  revoked_at INTEGER
);

-- What stands in the calendar: one row a date, as it was told last.
CREATE TABLE calendar_event (
  uid TEXT PRIMARY KEY,
  kind TEXT NOT NULL,          -- of the guardian's date
  topic TEXT,
  summary TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  attendees TEXT NOT NULL,     -- JSON: [{"name","email"}]
  cancelled INTEGER NOT NULL DEFAULT 0, -- the date is no more
  sequence INTEGER NOT NULL DEFAULT 0,
  changed_at INTEGER NOT NULL
);

-- After a renewal that came late: who is waited for. One row a renewal.
CREATE TABLE recovery (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  pushcert INTEGER NOT NULL REFERENCES pushcert (seq),
  dark_since INTEGER NOT NULL, -- the former certificate ended, or was refused
  started_at INTEGER NOT NULL,
  reached INTEGER              -- channels are woken in their order, up to this one; NULL: all are
);
CREATE INDEX recovery_waking ON recovery (seq) WHERE reached IS NOT NULL;
-- The devices that listened on the topic then.
CREATE TABLE recovery_device (
  recovery INTEGER NOT NULL REFERENCES recovery (seq),
  device INTEGER NOT NULL REFERENCES device (seq),
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq), -- its own channel
  last_seen INTEGER,           -- before
  back_at INTEGER,             -- when it was seen first since
  PRIMARY KEY (recovery, device)
);
CREATE INDEX recovery_device_out ON recovery_device (recovery, device) WHERE back_at IS NULL;

-- A topic that is lost: its devices enroll anew, one by one.
CREATE TABLE move (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  started_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  ended_at INTEGER,
  reached INTEGER              -- devices are added in their order, up to this one; NULL: all are
);
CREATE TABLE move_device (
  move INTEGER NOT NULL REFERENCES move (seq),
  device INTEGER NOT NULL REFERENCES device (seq),
  way TEXT NOT NULL,           -- how it comes in anew, and whether that needs an erase: core/move.c
  link INTEGER REFERENCES link (seq),
  done_at INTEGER,             -- when it was enrolled on another topic
  PRIMARY KEY (move, device)
);
CREATE INDEX move_device_open ON move_device (move, device) WHERE done_at IS NULL;

-- What Apple's support asks for, to move a certificate to another Apple Account.
CREATE TABLE dossier (
  topic TEXT PRIMARY KEY,
  target_account TEXT,
  created_by_person TEXT,      -- who made the certificate
  contact TEXT,                -- future one
  states TEXT NOT NULL DEFAULT '{}',    -- JSON: open, asked, called-back, approved, done: {"at","by"}
  checklist TEXT NOT NULL DEFAULT '{}', -- JSON: item: {"at","by"}
  updated_at INTEGER NOT NULL,
  updated_by TEXT NOT NULL
);

-- ---- what explains a silence ----

ALTER TABLE wake ADD COLUMN taken_at INTEGER;    -- the first push that APNs took since the device was seen last
ALTER TABLE wake ADD COLUMN taken INTEGER NOT NULL DEFAULT 0; -- how many since then
ALTER TABLE wake ADD COLUMN delays BLOB;         -- its own from wake-up to poll, the last 20: big-endian 32 bit, milliseconds

ALTER TABLE enrollment ADD COLUMN last_agent TEXT;   -- User-Agent of its last request
ALTER TABLE device ADD COLUMN clone_at INTEGER;      -- its identity was used by two machines, last
ALTER TABLE device ADD COLUMN clone_text TEXT;       -- the two
ALTER TABLE device ADD COLUMN supervised INTEGER;    -- as it told last, in DeviceInformation; this and the next two
ALTER TABLE device ADD COLUMN filevault INTEGER;     -- in SecurityInfo: its disk is encrypted, it waits for a login
ALTER TABLE device ADD COLUMN passcode INTEGER;      -- in SecurityInfo: it has one
ALTER TABLE device ADD COLUMN grace_until INTEGER;   -- an operator lets its ended identity renew itself until then

-- The way to APNs, by topic.
CREATE TABLE apns_link (
  topic TEXT PRIMARY KEY,
  up INTEGER NOT NULL,
  since INTEGER NOT NULL,
  kind TEXT NOT NULL,          -- of the trouble: name, refused, timeout, proxy, issuer, alert, http2, server; '' when up
  text TEXT NOT NULL,
  issuer TEXT,                 -- of the peer's certificate
  proxy_status INTEGER,
  alert INTEGER,               -- of TLS
  host TEXT NOT NULL,
  refusal TEXT,                -- Apple's reason why it takes no push of the topic, until it takes one
  refused_at INTEGER,          -- first
  pushcert INTEGER NOT NULL    -- the certificate that was in use
);

-- Connections to the devices' listener that ended without a request; bounded.
CREATE TABLE hangup (
  address TEXT PRIMARY KEY,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  count INTEGER NOT NULL,
  alert INTEGER                -- of TLS, the last one
);

-- Who else is behind an address, and how many devices a topic has, is asked about each device that waits.
CREATE INDEX enrollment_address ON enrollment (last_address);
DROP INDEX enrollment_topic;
CREATE INDEX enrollment_topic ON enrollment (topic, enabled, device);

-- Devices woken and devices that came, by hour.
CREATE TABLE wake_hour (
  hour INTEGER PRIMARY KEY,    -- its beginning
  woken INTEGER NOT NULL DEFAULT 0,
  answered INTEGER NOT NULL DEFAULT 0
);

-- The verdict of each device that something waits for, and since when.
CREATE TABLE device_verdict (
  enrollment INTEGER PRIMARY KEY REFERENCES enrollment (seq),
  slug TEXT NOT NULL,
  since INTEGER NOT NULL
);
CREATE INDEX device_verdict_slug ON device_verdict (slug, since);
