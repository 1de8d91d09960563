-- The first schema. Times are microseconds since 1970 UTC. Columns named *_sealed hold secrets, encrypted by core/vault
-- with a key that is not in here. Hashes are SHA-256. What is called an id is text that devices sent: compare it exactly.

-- Our own keys and certificates: device-ca, tls-ca, tls, signing.
CREATE TABLE keyring (
  name TEXT PRIMARY KEY,
  cert BLOB NOT NULL,
  key_sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL
);

-- Push certificates; the newest one of a topic that is not superseded is in use.
CREATE TABLE pushcert (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  cert BLOB NOT NULL,          -- PEM, leaf first
  key_sealed BLOB NOT NULL,
  hash BLOB NOT NULL UNIQUE,   -- of the leaf
  serial_number TEXT NOT NULL,
  subject TEXT NOT NULL,
  issuer TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  imported_at INTEGER NOT NULL,
  imported_by TEXT NOT NULL,
  superseded_at INTEGER,
  apple_id TEXT,
  owner TEXT,
  note TEXT
);
CREATE INDEX pushcert_topic ON pushcert (topic, seq);

-- Enrollment links: how an operator lets devices in.
CREATE TABLE link (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  token_hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  uses_max INTEGER NOT NULL,
  uses INTEGER NOT NULL DEFAULT 0,
  downloads INTEGER NOT NULL DEFAULT 0,
  device TEXT,                 -- made for this id or serial number
  revoked_at INTEGER
);

-- Each fetch of an enrollment profile and each renewal of an identity, with the SCEP challenge that it carries.
CREATE TABLE enroll_session (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,     -- stands in the certificate issued in it, as urn:uuid
  kind TEXT NOT NULL CHECK (kind IN ('enroll', 'renew')),
  link INTEGER REFERENCES link (seq),
  device TEXT,                 -- renew: the id it is for; enroll: that of the link
  challenge_hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  issues_max INTEGER NOT NULL,
  issues INTEGER NOT NULL DEFAULT 0,
  key_hash BLOB,               -- of the key that it was redeemed with
  given TEXT NOT NULL          -- JSON: what the profile burns in (ServerURL, Topic, AccessRights …)
);

-- Certificates of devices. One belongs to one device id for ever.
CREATE TABLE identity (
  hash BLOB PRIMARY KEY,
  cert BLOB NOT NULL,          -- DER
  session INTEGER REFERENCES enroll_session (seq),
  transaction_id TEXT,         -- SCEP's, of our own
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  created_at INTEGER NOT NULL, -- issued, or first seen when of a foreign CA
  device_id TEXT,
  generation INTEGER,
  bound_at INTEGER,
  voided_at INTEGER,           -- replaced by a later issue of its session before it was seen
  misused_at INTEGER           -- when its use for another device was told last
);
CREATE INDEX identity_device ON identity (device_id);
CREATE INDEX identity_session ON identity (session);

-- A device by its UDID or EnrollmentID.
CREATE TABLE device (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  generation INTEGER,          -- in force
  pending INTEGER,             -- authenticated, no TokenUpdate yet
  serial_number TEXT,
  device_name TEXT,
  model TEXT,
  model_name TEXT,
  product_name TEXT,
  os_version TEXT,
  build_version TEXT,
  imei TEXT,
  meid TEXT,
  checked_out_at INTEGER,
  blocked_at INTEGER,
  blocked_by TEXT,
  released_until INTEGER
);
CREATE INDEX device_serial ON device (serial_number);

-- One row an installation of the profile.
CREATE TABLE generation (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL REFERENCES device (seq),
  state TEXT NOT NULL CHECK (state IN ('pending', 'current', 'former')),
  identity BLOB NOT NULL REFERENCES identity (hash),
  session INTEGER REFERENCES enroll_session (seq),
  authenticated_at INTEGER NOT NULL,
  enrolled_at INTEGER,
  ended_at INTEGER,
  topic TEXT NOT NULL,
  facts TEXT NOT NULL,         -- JSON of what Authenticate told
  given TEXT,                  -- JSON, of its session
  unlock_token_sealed BLOB,
  bootstrap_token_sealed BLOB,
  awaiting_configuration INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX generation_device ON generation (device, seq);

-- A channel: the device's own or a user's. Commands and pushes go to channels.
CREATE TABLE enrollment (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,     -- normalised: DEVICE or DEVICE:USER
  device INTEGER NOT NULL REFERENCES device (seq),
  type TEXT NOT NULL,          -- as NanoMDM names them
  enabled INTEGER NOT NULL DEFAULT 0,
  topic TEXT,
  token BLOB,
  push_magic TEXT,
  token_at INTEGER,
  token_update_tally INTEGER NOT NULL DEFAULT 0,
  user_short_name TEXT,
  user_long_name TEXT,
  created_at INTEGER NOT NULL,
  last_seen INTEGER,
  last_address TEXT
);
CREATE INDEX enrollment_device ON enrollment (device);
CREATE INDEX enrollment_topic ON enrollment (topic);

CREATE TABLE command (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  request_type TEXT NOT NULL,
  digest BLOB NOT NULL,        -- of the plist: the same again is no conflict
  once INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  plist_sealed BLOB NOT NULL   -- delivered byte for byte; may hold PINs and passwords. Last, since it is large
);

-- A command for one channel. seq is the order of the queue.
CREATE TABLE target (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  command INTEGER NOT NULL REFERENCES command (seq),
  enrollment INTEGER NOT NULL REFERENCES enrollment (seq),
  priority INTEGER NOT NULL DEFAULT 0, -- 1 jumps the queue
  status TEXT NOT NULL,        -- core/target.def
  waiting INTEGER NOT NULL DEFAULT 1,  -- 1 while it may still be delivered or answered
  deliveries INTEGER NOT NULL DEFAULT 0,
  first_sent_at INTEGER,
  last_sent_at INTEGER,
  sent_to BLOB,                -- identity
  notnow_count INTEGER NOT NULL DEFAULT 0,
  notnow_at INTEGER,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,          -- of the command
  settled_at INTEGER,
  reason TEXT,
  errors TEXT,                 -- JSON of the ErrorChain
  UNIQUE (command, enrollment)
);
-- waiting stands in it so that it is preferred to target_enrollment, which leads through all the channel ever had.
CREATE INDEX target_queue ON target (enrollment, waiting, seq) WHERE waiting = 1;
CREATE INDEX target_expiry ON target (expires_at) WHERE waiting = 1 AND expires_at IS NOT NULL;
CREATE INDEX target_enrollment ON target (enrollment, seq);

-- Wake-ups: what is due is a row, so that a restart loses none.
CREATE TABLE wake (
  enrollment INTEGER PRIMARY KEY REFERENCES enrollment (seq),
  due_at INTEGER,              -- NULL: none is due
  apns_id TEXT,                -- of the push that is due or was sent last
  why TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, -- automatic pushes since the device was seen
  sent_at INTEGER,
  token BLOB,                  -- that it was sent to
  answered_at INTEGER,         -- when APNs answered
  status INTEGER,
  reason TEXT,
  apns_timestamp INTEGER,
  failed_since INTEGER,        -- first of the failures in a row
  dead_at INTEGER,             -- the token is known to be gone since
  seen_at INTEGER              -- the device came after a push
);
CREATE INDEX wake_due ON wake (due_at) WHERE due_at IS NOT NULL;

-- What happened, in order: written with what it tells of, delivered to webhooks from here.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  enrollment TEXT,             -- id
  data TEXT NOT NULL           -- JSON
);
CREATE INDEX event_enrollment ON event (enrollment, seq);

-- Small facts of the server itself.
CREATE TABLE fact (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
