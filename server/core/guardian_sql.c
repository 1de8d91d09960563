#include "core/guardian_int.h"

#include "base/enc.h"

#include <string.h>

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

/* ---- figures ---- */

const char *const guardian_device_states[GUARDIAN_DEVICE_STATES] = {"enrolled", "pending", "leaving", "checked-out",
                                                                    "blocked"};

static enum err device_counts(struct ctx *cx, struct db *db, struct guardian_counts *out) {
  struct db_rows r;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT CASE WHEN d.blocked_at IS NOT NULL THEN 'blocked' WHEN d.checked_out_at IS NOT NULL THEN 'checked-out' "
      "WHEN d.unenroll_at IS NOT NULL THEN 'leaving' WHEN e.enabled = 1 THEN 'enrolled' ELSE 'pending' END, count(*) "
      "FROM device d LEFT JOIN enrollment e ON e.id = d.id GROUP BY 1"));
  while (db_next(&r))
    for (size_t i = 0; i < GUARDIAN_DEVICE_STATES; i++)
      if (strcmp(db_text(&r, 0), guardian_device_states[i]) == 0) out->devices[i] = db_int(&r, 1);
  return db_close(&r);
}

enum err guardian_counts(struct ctx *cx, struct db *db, struct guardian_counts *out) {
  *out = (struct guardian_counts){0};
  TRY(device_counts(cx, db, out));
  TRY(db_one_int(cx, db, &out->dead_tokens, "SELECT count(*) FROM wake WHERE dead_at IS NOT NULL"));
  TRY(db_one_int(cx, db, &out->refused_ids, "SELECT count(DISTINCT id) FROM refused"));
  TRY(db_one_int(cx, db, &out->refused_requests, "SELECT coalesce(sum(count), 0) FROM refused"));
  TRY(db_one_int(cx, db, &out->notices_waiting, "SELECT count(*) FROM notice_delivery WHERE next_at IS NOT NULL"));
  return db_one_int(cx, db, &out->notices_given_up,
                    "SELECT count(*) FROM notice_delivery WHERE next_at IS NULL AND done_at IS NULL");
}
