#include "core/why_fleet.h"

#include "base/clock.h"
#include "core/roster.h"

/* ---- what is remembered of who waits ---- */

static enum err read_waiting(struct db_rows *r, struct why_waiting *out, size_t *n) {
  *n = 0;
  while (db_next(r)) out[(*n)++] = (struct why_waiting){.enrollment = db_int(r, 0), .slug = db_text(r, 1)};
  return db_close(r);
}

enum err why_waiting(struct ctx *cx, struct db *db, int64_t after, int most, struct why_waiting *out, size_t *n) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, v.slug FROM enrollment e LEFT JOIN device_verdict v ON v.enrollment = e.seq "
                   "WHERE e.seq > $1 AND e.enabled = 1 AND "
                   "(EXISTS (SELECT 1 FROM target t WHERE t.enrollment = e.seq AND t.waiting = 1) OR "
                   "EXISTS (SELECT 1 FROM wake w WHERE w.enrollment = e.seq AND w.due_at IS NOT NULL)) "
                   "ORDER BY e.seq LIMIT $2",
                   DB_I(after), DB_I(most)));
  return read_waiting(&r, out, n);
}

enum err why_refused_lately(struct ctx *cx, struct db *db, int64_t since, int most, struct why_waiting *out,
                            size_t *n) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT w.enrollment, v.slug FROM wake w LEFT JOIN device_verdict v ON v.enrollment = w.enrollment "
                   "WHERE w.status <> 200 AND w.answered_at > $1 LIMIT $2",
                   DB_I(since), DB_I(most)));
  return read_waiting(&r, out, n);
}

enum err why_remember(struct ctx *cx, struct db *db, int64_t enrollment, const char *slug, int64_t at) {
  if (!slug) return db_run(cx, db, "DELETE FROM device_verdict WHERE enrollment = $1", DB_I(enrollment));
  return db_run(
      cx, db,
      "INSERT INTO device_verdict (enrollment, slug, since) SELECT seq, $2, $3 FROM enrollment WHERE seq = $1 "
      "ON CONFLICT (enrollment) DO UPDATE SET slug = $2, since = $3",
      DB_I(enrollment), DB_S(slug), DB_I(at));
}

enum err why_forget(struct ctx *cx, struct db *db, struct core *core, int most, int64_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "DELETE FROM device_verdict WHERE enrollment IN (SELECT v.enrollment FROM device_verdict v "
                   "WHERE NOT EXISTS (SELECT 1 FROM target t WHERE t.enrollment = v.enrollment AND t.waiting = 1) AND "
                   "NOT EXISTS (SELECT 1 FROM wake w WHERE w.enrollment = v.enrollment AND w.due_at IS NOT NULL) "
                   "LIMIT $1) RETURNING enrollment",
                   DB_I(most)));
  for (enum err e = OK; e == OK && db_next(&r); ++*n) e = roster_channel_changed(cx, db, core, db_int(&r, 0));
  return db_close(&r);
}

/* ---- counting ---- */

enum { SLUGS_MOST = 64 };

enum err why_counts(struct ctx *cx, struct db *db, int64_t since, struct why_count **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, SLUGS_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT v.slug, count(*), sum(v.since > $1), (SELECT group_concat(x.id, ', ') FROM (SELECT e.id FROM "
      "device_verdict y JOIN enrollment e ON e.seq = y.enrollment WHERE y.slug = v.slug "
      "ORDER BY y.since DESC LIMIT 5) x) FROM device_verdict v GROUP BY v.slug LIMIT $2",
      DB_I(since), DB_I(SLUGS_MOST)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct why_count){
        .slug = db_text(&r, 0), .devices = db_int(&r, 1), .lately = db_int(&r, 2), .examples = db_text(&r, 3)};
  return db_close(&r);
}

enum { TOPICS_MOST = 256 };

/* From one topic to the next by the index: not through all enrollments. */
enum err why_topics(struct ctx *cx, struct db *db, char ***out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, TOPICS_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "WITH RECURSIVE t (topic) AS (SELECT min(topic) FROM enrollment UNION ALL "
      "SELECT (SELECT min(e.topic) FROM enrollment e WHERE e.topic > t.topic) FROM t WHERE t.topic IS NOT NULL) "
      "SELECT t.topic FROM t WHERE EXISTS (SELECT 1 FROM enrollment e WHERE e.topic = t.topic AND e.enabled = 1) "
      "LIMIT $1",
      DB_I(TOPICS_MOST)));
  while (db_next(&r)) (*out)[(*n)++] = db_text(&r, 0);
  return db_close(&r);
}

/* Of the last hour the rows themselves are asked: the hours' counts would hold those who were woken a moment ago. Of
   the time before only hours that were over by then. */
enum err why_share(struct ctx *cx, struct db *db, int64_t since, int64_t until, int64_t before, struct why_share *out) {
  int64_t silent;
  *out = (struct why_share){0};
  TRY(db_one_int(cx, db, &silent, "SELECT count(*) FROM wake WHERE taken_at BETWEEN $1 AND $2", DB_I(since),
                 DB_I(until)));
  TRY(db_one_int(cx, db, &out->came,
                 "SELECT count(*) FROM wake WHERE status = 200 AND sent_at BETWEEN $1 AND $2 AND seen_at >= sent_at",
                 DB_I(since), DB_I(until)));
  out->woken = silent + out->came;
  TRY(db_one_int(cx, db, &out->woken_before,
                 "SELECT coalesce(sum(woken), 0) FROM wake_hour WHERE hour >= $1 AND hour <= $2", DB_I(before),
                 DB_I(since - US_HOUR)));
  return db_one_int(cx, db, &out->came_before,
                    "SELECT coalesce(sum(answered), 0) FROM wake_hour WHERE hour >= $1 AND hour <= $2", DB_I(before),
                    DB_I(since - US_HOUR));
}
