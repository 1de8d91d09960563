#include "core/profile_int.h"

#include "base/clock.h"

#define COLUMNS                                                                                                        \
  "p.seq, p.identifier, p.name, v.organization, v.scope, v.version, v.added_at, coalesce(p.removed_at, 0), "           \
  "v.added_by, v.types, v.variables, v.platforms, v.is_signed, v.supervised, v.seq, v.uuid, v.digest"

static struct profile_row row_at(struct db_rows *r) {
  return (struct profile_row){.p = {.profile = db_int(r, 0),
                                    .identifier = db_text(r, 1),
                                    .name = db_text(r, 2),
                                    .organization = db_text(r, 3),
                                    .scope = db_text(r, 4),
                                    .version = db_int(r, 5),
                                    .added_at = db_int(r, 6),
                                    .removed_at = db_int(r, 7),
                                    .added_by = db_text(r, 8),
                                    .types = db_text(r, 9),
                                    .variables = db_text(r, 10),
                                    .platforms = (unsigned)db_int(r, 11),
                                    .is_signed = db_int(r, 12) != 0,
                                    .supervised = db_int(r, 13) != 0},
                              .seq = db_int(r, 14),
                              .uuid = db_text(r, 15),
                              .digest = db_blob(r, 16)};
}

enum err profile_sql_find(struct ctx *cx, struct db *db, const char *identifier, bool removed_too,
                          struct profile_row *out, bool *found) {
  struct db_rows r;
  *out = (struct profile_row){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT " COLUMNS " FROM profile p JOIN profile_version v ON v.profile = p.seq AND v.version = "
                   "p.version WHERE p.identifier = $1 AND (p.removed_at IS NULL OR $2 = 1)",
                   DB_S(identifier), DB_I(removed_too)));
  *found = db_next(&r);
  if (*found) *out = row_at(&r);
  return db_close(&r);
}

enum err profile_sql_version(struct ctx *cx, struct db *db, int64_t profile, int64_t version, struct profile_row *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT " COLUMNS " FROM profile p JOIN profile_version v ON v.profile = p.seq"
                   " WHERE p.seq = $1 AND v.version = CASE WHEN $2 = 0 THEN p.version ELSE $2 END",
                   DB_I(profile), DB_I(version)));
  bool found = db_next(&r);
  if (found) *out = row_at(&r);
  TRY(db_close(&r));
  if (found) return OK;
  return version ? FAIL(cx, E_NOT_FOUND, "the profile has no version %lld", (long long)version)
                 : FAIL(cx, E_NOT_FOUND, "there is no such profile");
}

enum err profile_list(struct ctx *cx, struct db *db, int64_t after, int most, struct profile **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, ((size_t)most + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT " COLUMNS " FROM profile p JOIN profile_version v ON v.profile = p.seq AND v.version = "
                   "p.version WHERE p.removed_at IS NULL AND p.seq > $1 ORDER BY p.seq LIMIT $2",
                   DB_I(after), DB_I(most)));
  while (db_next(&r)) (*out)[(*n)++] = row_at(&r).p;
  return db_close(&r);
}

static enum err count_versions(struct ctx *cx, struct db *db, int64_t profile, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM profile_version WHERE profile = $1", DB_I(profile));
}

enum err profile_versions(struct ctx *cx, struct db *db, int64_t profile, struct profile **out, size_t *n) {
  struct db_rows r;
  int64_t most;
  *n = 0;
  TRY(count_versions(cx, db, profile, &most));
  *out = ctx_alloc(cx, ((size_t)most + 1) * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT " COLUMNS " FROM profile p JOIN profile_version v ON v.profile = p.seq WHERE p.seq = $1"
                   " ORDER BY v.version DESC LIMIT $2",
                   DB_I(profile), DB_I(most)));
  while (db_next(&r)) (*out)[(*n)++] = row_at(&r).p;
  return db_close(&r);
}

enum err profile_sql_sealed(struct ctx *cx, struct db *db, int64_t version_row, struct slice *sealed) {
  struct db_rows r;
  *sealed = (struct slice){0};
  TRY(db_open_rows(cx, db, &r, "SELECT file_sealed FROM profile_version WHERE seq = $1", DB_I(version_row)));
  bool found = db_next(&r);
  if (found) *sealed = db_blob(&r, 0);
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such version of a profile");
}

enum err profile_sql_save(struct ctx *cx, struct db *db, struct profile_row *r) {
  if (r->p.profile)
    return db_run(cx, db,
                  "UPDATE profile SET name = $2, version = $3, removed_at = NULL, removed_by = NULL WHERE seq = $1",
                  DB_I(r->p.profile), DB_S(r->p.name), DB_I(r->p.version));
  return db_one_int(cx, db, &r->p.profile,
                    "INSERT INTO profile (identifier, name, version) VALUES ($1, $2, $3) RETURNING seq",
                    DB_S(r->p.identifier), DB_S(r->p.name), DB_I(r->p.version));
}

enum err profile_sql_add_version(struct ctx *cx, struct db *db, const struct profile_row *r, struct slice sealed) {
  return db_run(cx, db,
                "INSERT INTO profile_version (profile, version, added_at, added_by, digest, uuid, is_signed, "
                "supervised, platforms, organization, scope, types, variables, file_sealed)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                DB_I(r->p.profile), DB_I(r->p.version), DB_I(r->p.added_at), DB_S(r->p.added_by), DB_B(r->digest),
                DB_S(r->uuid), DB_I(r->p.is_signed), DB_I(r->p.supervised), DB_I(r->p.platforms),
                DB_S(r->p.organization), DB_S(r->p.scope), DB_S(r->p.types), DB_S(r->p.variables), DB_B(sealed));
}

enum err profile_sql_back(struct ctx *cx, struct db *db, int64_t profile) {
  return db_run(cx, db, "UPDATE profile SET removed_at = NULL, removed_by = NULL WHERE seq = $1", DB_I(profile));
}

enum err profile_sql_gone(struct ctx *cx, struct db *db, int64_t profile, const char *by) {
  return db_run(cx, db, "UPDATE profile SET removed_at = $2, removed_by = $3 WHERE seq = $1", DB_I(profile),
                DB_I(clock_now_us()), DB_S(by));
}

enum err profile_sql_same_uuid(struct ctx *cx, struct db *db, const char *uuid, struct slice digest,
                               char **identifier) {
  struct db_rows r;
  *identifier = NULL;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT p.identifier FROM profile_version v JOIN profile p ON p.seq = v.profile"
                   " WHERE upper(v.uuid) = upper($1) AND v.is_signed = 1 AND v.digest <> $2 ORDER BY v.seq LIMIT 1",
                   DB_S(uuid), DB_B(digest)));
  if (db_next(&r)) *identifier = db_text(&r, 0);
  return db_close(&r);
}

enum err profile_groups(struct ctx *cx, struct db *db, int64_t profile, struct js **names) {
  struct db_rows r;
  *names = js_array(cx);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT DISTINCT g.name FROM assignment a JOIN fleet_group g ON g.seq = a.fleet_group"
                   " WHERE a.kind = 'profile' AND a.row = $1 ORDER BY g.name",
                   DB_I(profile)));
  while (db_next(&r)) js_add_string(*names, db_text(&r, 0));
  return db_close(&r);
}

enum err profile_sql_unsigned(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n,
                    "SELECT count(*) FROM profile p JOIN profile_version v ON v.profile = p.seq AND v.version = "
                    "p.version WHERE p.removed_at IS NULL AND v.is_signed = 0");
}
