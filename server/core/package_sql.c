#include "core/package_int.h"

#include <string.h>

#define COLUMNS                                                                                                        \
  "seq, name, file, size, sha256, part_size, parts, identifier, version, title, is_signed, is_product, token_hash, "   \
  "token_sealed, added_at, added_by, trouble"

static struct package_stored stored_at(struct db_rows *r) {
  struct package_stored s = {.p = {.package = db_int(r, 0),
                                   .name = db_text(r, 1),
                                   .size = db_int(r, 3),
                                   .part_size = db_int(r, 5),
                                   .parts = db_blob(r, 6),
                                   .identifier = db_text(r, 7),
                                   .version = db_text(r, 8),
                                   .title = db_text(r, 9),
                                   .is_signed = db_int(r, 10) != 0,
                                   .is_product = db_int(r, 11) != 0,
                                   .added_at = db_int(r, 14),
                                   .added_by = db_text(r, 15),
                                   .trouble = db_text(r, 16)},
                             .file = db_text(r, 2),
                             .token_hash = db_blob(r, 12),
                             .token_sealed = db_blob(r, 13)};
  struct slice sha256 = db_blob(r, 4);
  if (sha256.n == sizeof s.p.sha256) memcpy(s.p.sha256, sha256.p, sha256.n);
  return s;
}

static enum err one(struct db_rows *r, struct package_stored *out, bool *found) {
  *found = db_next(r);
  *out = *found ? stored_at(r) : (struct package_stored){0};
  return db_close(r);
}

enum err package_sql_name(struct ctx *cx, struct db *db, const char *name, struct package_stored *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT " COLUMNS " FROM package WHERE name = $1", DB_S(name)));
  return one(&r, out, found);
}

enum err package_sql_row(struct ctx *cx, struct db *db, int64_t package, struct package_stored *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT " COLUMNS " FROM package WHERE seq = $1", DB_I(package)));
  return one(&r, out, found);
}

enum err package_sql_token(struct ctx *cx, struct db *db, struct slice token_hash, struct package_stored *out,
                           bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT " COLUMNS " FROM package WHERE token_hash = $1", DB_B(token_hash)));
  return one(&r, out, found);
}

enum err package_sql_list(struct ctx *cx, struct db *db, const struct package_query *q, struct package_stored **out,
                          size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, ((size_t)q->most + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r, "SELECT " COLUMNS " FROM package WHERE seq > $1 ORDER BY seq LIMIT $2", DB_I(q->after),
                   DB_I(q->most)));
  while (db_next(&r)) (*out)[(*n)++] = stored_at(&r);
  return db_close(&r);
}

enum err package_sql_add(struct ctx *cx, struct db *db, struct package_stored *s) {
  const struct package *p = &s->p;
  return db_one_int(cx, db, &s->p.package,
                    "INSERT INTO package (name, file, size, sha256, part_size, parts, identifier, version, title, "
                    "is_signed, is_product, token_hash, token_sealed, added_at, added_by)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING seq",
                    DB_S(p->name), DB_S(s->file), DB_I(p->size), DB_B(slice_mem(p->sha256, sizeof p->sha256)),
                    DB_I(p->part_size), DB_B(p->parts), DB_S(p->identifier), DB_S(p->version), DB_S(p->title),
                    DB_I(p->is_signed), DB_I(p->is_product), DB_B(s->token_hash), DB_B(s->token_sealed),
                    DB_I(p->added_at), DB_S(p->added_by));
}

enum err package_sql_remove(struct ctx *cx, struct db *db, int64_t package) {
  return db_run(cx, db, "DELETE FROM package WHERE seq = $1", DB_I(package));
}

enum err package_sql_trouble(struct ctx *cx, struct db *db, int64_t package, const char *trouble) {
  return db_run(cx, db, "UPDATE package SET trouble = $2 WHERE seq = $1", DB_I(package), DB_S(trouble));
}

enum err package_sql_groups(struct ctx *cx, struct db *db, int64_t package, char **names) {
  struct db_rows r;
  *names = NULL;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT DISTINCT g.name FROM assignment a JOIN fleet_group g ON g.seq = a.fleet_group"
                   " WHERE a.kind = 'package' AND a.row = $1 ORDER BY g.name LIMIT 20",
                   DB_I(package)));
  while (db_next(&r)) {
    const char *name = db_text(&r, 0);
    *names = *names ? ctx_printf(cx, "%s, %s", *names, name) : ctx_printf(cx, "group %s", name);
  }
  return db_close(&r);
}

enum err package_sql_files(struct ctx *cx, struct db *db, const char *file, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM package WHERE file = $1", DB_S(file));
}
