#include "core/notice_int.h"

#include "base/clock.h"

enum err notice_add(struct ctx *cx, struct db *db, const struct notice *n, int64_t at, int64_t *seq) {
  struct db_rows r;
  *seq = 0;
  TRY(db_open_rows(cx, db, &r,
                   "INSERT INTO notice (subject, step, created_at, title, text, attachment) "
                   "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, step) DO NOTHING RETURNING seq",
                   DB_S(n->subject), DB_S(n->step), DB_I(at), DB_S(n->title), DB_S(n->text), DB_S(n->attachment)));
  if (db_next(&r)) *seq = db_int(&r, 0);
  return db_close(&r);
}

enum err notice_delivery_add(struct ctx *cx, struct db *db, int64_t notice, const char *recipient, int64_t at) {
  return db_run(cx, db, "INSERT INTO notice_delivery (notice, recipient, next_at) VALUES ($1, $2, $3)", DB_I(notice),
                DB_S(recipient), DB_I(at));
}

enum err notice_reached(struct ctx *cx, struct db *db, const char *subject, int step, bool *reached) {
  int64_t n;
  TRY(db_one_int(cx, db, &n, "SELECT EXISTS (SELECT 1 FROM notice WHERE subject = $1 AND CAST(step AS INTEGER) <= $2)",
                 DB_S(subject), DB_I(step)));
  *reached = n != 0;
  return OK;
}

enum err notice_due(struct ctx *cx, struct db *db, int64_t now, int most, struct notice_delivery **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.notice, n.created_at, d.attempts, d.recipient, n.subject, n.step, n.title, n.text, "
                   "n.attachment FROM notice_delivery d JOIN notice n ON n.seq = d.notice "
                   "WHERE d.next_at IS NOT NULL AND d.next_at <= $1 "
                   "ORDER BY d.recipient LIKE 'mailto:%', d.next_at, d.notice, d.recipient LIMIT $2",
                   DB_I(now), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct notice_delivery){.notice = db_int(&r, 0),
                                              .created_at = db_int(&r, 1),
                                              .attempts = db_int(&r, 2),
                                              .recipient = db_text(&r, 3),
                                              .subject = db_text(&r, 4),
                                              .step = db_text(&r, 5),
                                              .title = db_text(&r, 6),
                                              .text = db_text(&r, 7),
                                              .attachment = db_text(&r, 8)};
  return db_close(&r);
}

enum err notice_claim(struct ctx *cx, struct db *db, const struct notice_delivery *d, int64_t until) {
  return db_run(cx, db, "UPDATE notice_delivery SET next_at = $3 WHERE notice = $1 AND recipient = $2", DB_I(d->notice),
                DB_S(d->recipient), DB_I(until));
}

enum err notice_delivered(struct ctx *cx, struct db *db, const struct notice_delivery *d, int64_t at, const char *error,
                          int64_t next_at) {
  return db_run(cx, db,
                "UPDATE notice_delivery SET attempts = attempts + 1, done_at = $3, error = $4, next_at = $5 "
                "WHERE notice = $1 AND recipient = $2",
                DB_I(d->notice), DB_S(d->recipient), DB_NULL_IF(error != NULL, DB_I(at)), DB_S(error),
                DB_NULL_IF(!error || !next_at, DB_I(next_at)));
}

/* ---- for people ---- */

static enum err deliveries(struct ctx *cx, struct db *db, int64_t notice, struct js **out) {
  struct db_rows r;
  *out = js_array(cx);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT recipient, done_at, attempts, next_at, error FROM notice_delivery WHERE notice = $1 "
                   "ORDER BY recipient",
                   DB_I(notice)));
  while (db_next(&r)) {
    struct js *o = js_object(cx);
    js_set_string(o, "recipient", db_text(&r, 0));
    js_set_time(o, "done_at", db_int(&r, 1));
    js_set_int(o, "attempts", db_int(&r, 2));
    js_set_time(o, "next_at", db_int(&r, 3));
    js_set_string(o, "error", db_text(&r, 4));
    js_add(*out, o);
  }
  return db_close(&r);
}

enum err notice_list(struct ctx *cx, struct db *db, const char *subject, int most, struct js **out) {
  struct db_rows r;
  int64_t *seqs = ctx_alloc(cx, ((size_t)most + 1) * sizeof *seqs);
  size_t n = 0;
  *out = js_array(cx);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, subject, step, created_at, title, text FROM notice "
                   "WHERE subject = coalesce($1, subject) ORDER BY seq DESC LIMIT $2",
                   DB_S(subject), DB_I(most)));
  while (n < (size_t)most && db_next(&r)) {
    struct js *o = js_object(cx);
    seqs[n++] = db_int(&r, 0);
    js_set_string(o, "subject", db_text(&r, 1));
    js_set_string(o, "step", db_text(&r, 2));
    js_set_time(o, "at", db_int(&r, 3));
    js_set_string(o, "title", db_text(&r, 4));
    js_set_string(o, "text", db_text(&r, 5));
    js_add(*out, o);
  }
  TRY(db_close(&r));
  for (size_t i = 0; i < n; i++) {
    struct js *sent;
    TRY(deliveries(cx, db, seqs[i], &sent));
    js_set(js_at(*out, i), "deliveries", sent);
  }
  return OK;
}
