#include "core/doctor_int.h"

enum { TOPICS_MOST = 50 };

enum err doctor_topics(struct ctx *cx, struct db *db, struct doctor_topic **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, TOPICS_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.topic, count(*), EXISTS (SELECT 1 FROM pushcert p WHERE p.topic = e.topic "
                   "AND p.superseded_at IS NULL) FROM enrollment e JOIN device d ON d.id = e.id "
                   "WHERE e.enabled = 1 AND d.checked_out_at IS NULL AND e.topic IS NOT NULL "
                   "GROUP BY e.topic ORDER BY count(*) DESC LIMIT $1",
                   DB_I(TOPICS_MOST)));
  while (db_next(&r))
    (*out)[(*n)++] =
        (struct doctor_topic){.topic = db_text(&r, 0), .devices = db_int(&r, 1), .certificate = db_int(&r, 2) != 0};
  return db_close(&r);
}

enum err doctor_given(struct ctx *cx, struct db *db, struct doctor_given *out) {
  struct db_rows r;
  *out = (struct doctor_given){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT count(*), coalesce(sum(CASE WHEN g.given IS NULL THEN 1 ELSE 0 END), 0), "
                   "coalesce(sum(CASE WHEN g.given LIKE '%\"SignMessage\":false%' THEN 1 ELSE 0 END), 0) "
                   "FROM device d JOIN generation g ON g.seq = d.generation WHERE d.checked_out_at IS NULL"));
  if (db_next(&r))
    *out =
        (struct doctor_given){.devices = db_int(&r, 0), .unknown = db_int(&r, 1), .unsigned_messages = db_int(&r, 2)};
  return db_close(&r);
}
