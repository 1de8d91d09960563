-- Who may use the console, the API and the command line, and who did what.

-- People. Names are compared as they stand: lower case, no white space.
CREATE TABLE account (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  version INTEGER NOT NULL DEFAULT 1,
  password BLOB,               -- scrypt: cost, salt, digest; NULL: none was set yet
  password_at INTEGER,
  totp_sealed BLOB,            -- the key; NULL: none
  totp_at INTEGER,             -- when its first code was told; NULL: it does not count yet
  totp_step INTEGER NOT NULL DEFAULT 0, -- of the last code that was accepted: each counts once
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  disabled_at INTEGER,
  last_login_at INTEGER
);
-- For a lost second factor; each counts once.
CREATE TABLE recovery_code (
  account INTEGER NOT NULL REFERENCES account (seq),
  digest BLOB NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (account, digest)
);
-- WebAuthn credentials.
CREATE TABLE passkey (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account (seq),
  name TEXT NOT NULL,
  credential BLOB NOT NULL UNIQUE,
  algorithm INTEGER NOT NULL,  -- COSE: -7 ES256, -8 EdDSA, -257 RS256
  public_key BLOB NOT NULL,    -- the bare key, as libfido2 takes it
  counter INTEGER NOT NULL,    -- of the last signature; 0: the authenticator does not count
  created_at INTEGER NOT NULL,
  used_at INTEGER
);
CREATE INDEX passkey_account ON passkey (account);
-- One-use links by which somebody sets a password.
CREATE TABLE setup_link (
  digest BLOB PRIMARY KEY,     -- SHA-256 of its token
  purpose TEXT NOT NULL CHECK (purpose IN ('first', 'invite', 'reset')),
  account INTEGER REFERENCES account (seq), -- NULL: the first one, which is made by it
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER
);
-- Who is logged in.
CREATE TABLE login (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie's token
  account INTEGER NOT NULL REFERENCES account (seq),
  method TEXT NOT NULL,        -- password, totp, recovery-code, passkey, setup
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,    -- within a minute
  ends_at INTEGER NOT NULL,    -- whatever is done
  peer TEXT NOT NULL,
  agent TEXT NOT NULL          -- User-Agent, cut
);
CREATE INDEX login_account ON login (account);
-- For programs.
CREATE TABLE api_token (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL UNIQUE, -- SHA-256
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  scopes TEXT,                 -- words of face/access.def separated by spaces; NULL: all that the role may
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER,
  used_at INTEGER,             -- within a minute
  revoked_at INTEGER
);

-- Every act, by whomever, and what came of it; logins, too. Kept for history-days.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,           -- "" where nobody was known
  kind TEXT NOT NULL CHECK (kind IN ('account', 'token', 'admin-token', 'api-key', 'none')),
  peer TEXT NOT NULL,
  act TEXT NOT NULL,           -- "POST /api/v1/commands", "login"
  object TEXT,                 -- what it was done to: an id, a name, a uuid
  status INTEGER NOT NULL,     -- HTTP status of the answer
  trace TEXT NOT NULL,
  detail TEXT                  -- error's slug, reason; never a secret
);
CREATE INDEX audit_who ON audit (who, seq);
CREATE INDEX audit_object ON audit (object, seq) WHERE object IS NOT NULL;

-- How far wake-ups came, by hour: made due, pushed, taken (woken), come (answered), and a command settled.
ALTER TABLE wake_hour ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wake_hour ADD COLUMN pushed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wake_hour ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wake ADD COLUMN told_at INTEGER;   -- the push after which it settled a command: when that was sent
-- What waits, by command; all that the count of it asks for stands in it.
CREATE INDEX target_waiting ON target (command, own, waiting) WHERE waiting = 1 AND own = 0;
-- Who is on the way in, by topic: few, and asked for with each push certificate that is shown.
CREATE INDEX generation_coming ON generation (topic) WHERE state IN ('pending', 'provisional');
-- Of the answer that is kept; NULL: it had none.
ALTER TABLE idempotency ADD COLUMN etag TEXT;
