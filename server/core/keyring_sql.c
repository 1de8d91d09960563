#include "core/keyring_int.h"

#include "base/clock.h"
#include "base/enc.h"

enum err keyring_load(struct ctx *cx, struct db *db, const char *name, struct slice *cert, struct slice *key_sealed) {
  struct db_rows r;
  *cert = *key_sealed = (struct slice){0};
  TRY(db_open_rows(cx, db, &r, "SELECT cert, key_sealed FROM keyring WHERE name = $1", DB_S(name)));
  if (db_next(&r)) {
    *cert = db_blob(&r, 0);
    *key_sealed = db_blob(&r, 1);
  }
  return db_close(&r);
}

enum err keyring_save(struct ctx *cx, struct db *db, const char *name, struct slice cert, struct slice key_sealed) {
  return db_run(cx, db,
                "INSERT INTO keyring (name, cert, key_sealed, created_at) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (name) DO UPDATE SET cert = excluded.cert, key_sealed = excluded.key_sealed, "
                "created_at = excluded.created_at",
                DB_S(name), DB_B(cert), DB_B(key_sealed), DB_I(clock_now_us()));
}

enum err keyring_names(struct ctx *cx, struct db *db, const char *prefix, char **names, size_t most, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT name FROM keyring WHERE substr(name, 1, length($1)) = $1 AND name <> $1 "
                   "ORDER BY created_at DESC LIMIT $2",
                   DB_S(prefix), DB_I((int64_t)most)));
  while (*n < most && db_next(&r)) names[(*n)++] = db_text(&r, 0);
  return db_close(&r);
}

enum err keyring_enrolled(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM generation WHERE state = 'current'");
}

enum err keyring_load_server_id(struct ctx *cx, struct db *db, char **id) {
  struct db_rows r;
  char fresh[UUID_LEN + 1];
  uuid_new(fresh);
  TRY(db_run(cx, db, "INSERT INTO fact (name, value) VALUES ('server.id', $1) ON CONFLICT (name) DO NOTHING",
             DB_S(fresh)));
  TRY(db_open_rows(cx, db, &r, "SELECT value FROM fact WHERE name = 'server.id'"));
  *id = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}
