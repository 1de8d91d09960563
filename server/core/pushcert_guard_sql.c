#include "core/pushcert_int.h"

enum err pushcert_heard(struct ctx *cx, struct db *db, const char *topic, bool *here, bool *elsewhere) {
  struct db_rows r;
  *here = *elsewhere = false;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT EXISTS (SELECT 1 FROM enrollment WHERE topic = $1 AND enabled = 1),"
                   " EXISTS (SELECT 1 FROM enrollment WHERE topic <> $1 AND enabled = 1)",
                   DB_S(topic)));
  if (db_next(&r)) {
    *here = db_int(&r, 0) != 0;
    *elsewhere = db_int(&r, 1) != 0;
  }
  return db_close(&r);
}

enum err pushcert_topics(struct ctx *cx, struct db *db, struct pushcert_topic **out, size_t *n) {
  int64_t count = 0;
  struct db_rows r;
  TRY(db_one_int(cx, db, &count, "SELECT count(DISTINCT topic) FROM enrollment WHERE enabled = 1"));
  *out = ctx_alloc(cx, (size_t)count * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT topic, count(DISTINCT device) FROM enrollment WHERE enabled = 1 AND topic IS NOT NULL"
                   " GROUP BY topic ORDER BY 2 DESC, 1 LIMIT $1",
                   DB_I(count)));
  while (db_next(&r)) (*out)[(*n)++] = (struct pushcert_topic){db_text(&r, 0), db_int(&r, 1)};
  return db_close(&r);
}

enum err pushcert_knows(struct ctx *cx, struct db *db, const char *topic, bool *known) {
  int64_t n = 0;
  TRY(db_one_int(cx, db, &n, "SELECT count(*) FROM pushcert WHERE topic = $1", DB_S(topic)));
  *known = n > 0;
  return OK;
}

enum err pushcert_request(struct ctx *cx, struct db *db, const uint8_t public_hash[32], char **topic) {
  struct db_rows r;
  *topic = NULL;
  TRY(db_open_rows(cx, db, &r, "SELECT topic FROM push_key WHERE public_hash = $1", DB_B(slice_mem(public_hash, 32))));
  if (db_next(&r)) *topic = db_text(&r, 0);
  return db_close(&r);
}

enum err pushcert_used(struct ctx *cx, struct db *db, const char *topic, int64_t *enrollments) {
  return db_one_int(cx, db, enrollments,
                    "SELECT (SELECT count(*) FROM enrollment WHERE topic = $1)"
                    " + (SELECT count(*) FROM generation WHERE topic = $1 AND state IN ('pending', 'provisional'))",
                    DB_S(topic));
}
