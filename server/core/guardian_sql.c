#include "core/guardian_int.h"

#include "base/enc.h"

enum err guardian_vendor(struct ctx *cx, struct db *db, struct guardian_vendor *out, bool *found) {
  struct db_rows r;
  *out = (struct guardian_vendor){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT subject, hash, not_after, chain_ends FROM vendor_cert ORDER BY seq DESC LIMIT 1"));
  *found = db_next(&r);
  if (*found) {
    struct slice hash = db_blob(&r, 1);
    *out = (struct guardian_vendor){.subject = db_text(&r, 0),
                                    .hash = enc_hex(cx, hash.p, hash.n),
                                    .not_after = db_int(&r, 2),
                                    .chain_ends = db_int(&r, 3)};
  }
  return db_close(&r);
}

#define NEWEST_OF_ENROLLED                                                                                             \
  "FROM identity i JOIN device d ON d.id = i.device_id AND d.generation = i.generation "                               \
  "WHERE i.not_after > $1 AND i.voided_at IS NULL AND d.checked_out_at IS NULL "                                       \
  "AND NOT EXISTS (SELECT 1 FROM identity n WHERE n.device_id = i.device_id AND n.generation = i.generation "          \
  "AND n.voided_at IS NULL AND n.not_after > i.not_after) "

enum err guardian_identities(struct ctx *cx, struct db *db, int64_t now, int64_t until,
                             struct guardian_identities *out) {
  TRY(db_one_int(cx, db, &out->first,
                 "SELECT coalesce((SELECT i.not_after " NEWEST_OF_ENROLLED "ORDER BY i.not_after LIMIT 1), 0)",
                 DB_I(now)));
  return db_one_int(cx, db, &out->soon, "SELECT count(*) " NEWEST_OF_ENROLLED "AND i.not_after <= $2", DB_I(now),
                    DB_I(until));
}

enum { TOPICS_MAX = 100 };

enum err guardian_topics(struct ctx *cx, struct db *db, struct guardian_topic **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, TOPICS_MAX * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.topic, count(*), EXISTS (SELECT 1 FROM pushcert p WHERE p.topic = e.topic "
                   "AND p.superseded_at IS NULL) FROM enrollment e WHERE e.enabled = 1 AND e.topic IS NOT NULL "
                   "GROUP BY e.topic ORDER BY 2 DESC LIMIT $1",
                   DB_I(TOPICS_MAX)));
  while (*n < TOPICS_MAX && db_next(&r))
    (*out)[(*n)++] = (struct guardian_topic){
        .topic = db_text(&r, 0), .enrollments = db_int(&r, 1), .certificate = db_int(&r, 2) != 0};
  return db_close(&r);
}
