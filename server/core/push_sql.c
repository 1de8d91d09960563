#include "core/push_int.h"

#include "core/fact.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HOURS_KEPT (8 * US_DAY)

/* ---- one row ---- */

static void copy_id(char out[UUID_LEN + 1], const char *id) { snprintf(out, UUID_LEN + 1, "%s", id ? id : ""); }

/* A time in the future is of a clock that was wrong: it tells nothing. */
static int64_t past(int64_t at) { return at > clock_now_us() + US_MINUTE ? 0 : at; }

static void read_wake(struct db_rows *r, struct wake *w) {
  w->enabled = db_int(r, 0);
  w->topic = db_text(r, 1);
  w->token_now = db_blob(r, 2);
  w->token_at = db_int(r, 3);
  w->last_seen = past(db_int(r, 4));
  w->exists = !db_is_null(r, 5);
  w->due_at = db_int(r, 6);
  copy_id(w->apns_id, db_text(r, 7));
  w->why = push_why_of(db_text(r, 8));
  w->attempts = (int)db_int(r, 9);
  w->sent_at = past(db_int(r, 10));
  w->token = db_blob(r, 11);
  w->answered_at = db_int(r, 12);
  w->status = (int)db_int(r, 13);
  w->reason = db_text(r, 14);
  w->apns_timestamp = db_int(r, 15);
  w->failed_since = db_int(r, 16);
  w->dead_at = db_int(r, 17);
  w->seen_at = past(db_int(r, 18));
  w->id = db_text(r, 19);
  w->blocked = db_int(r, 20) != 0;
  w->taken_at = db_int(r, 21);
  w->taken = (int)db_int(r, 22);
  w->delays = db_blob(r, 23);
}

enum err push_row(struct ctx *cx, struct db *db, int64_t enrollment, struct wake *out) {
  struct db_rows r;
  *out = (struct wake){.enrollment = enrollment};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT e.enabled, e.topic, e.token, e.token_at, e.last_seen, w.enrollment, w.due_at, w.apns_id, w.why,"
      " w.attempts, w.sent_at, w.token, w.answered_at, w.status, w.reason, w.apns_timestamp, w.failed_since,"
      " w.dead_at, w.seen_at, e.id, d.blocked_at IS NOT NULL, w.taken_at, w.taken, w.delays FROM enrollment e JOIN "
      "device d ON d.seq = e.device"
      " LEFT JOIN wake w ON w.enrollment = e.seq WHERE e.seq = $1",
      DB_I(enrollment)));
  bool found = db_next(&r);
  if (found) read_wake(&r, out);
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no such device");
}

#define DB_TIME(us) DB_NULL_IF((us) == 0, DB_I(us))

enum err push_row_save(struct ctx *cx, struct db *db, const struct wake *w) {
  return db_run(
      cx, db,
      "INSERT INTO wake (enrollment, due_at, apns_id, why, attempts, sent_at, token, answered_at, status, reason,"
      " apns_timestamp, failed_since, dead_at, seen_at, taken_at, taken, delays)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
      " ON CONFLICT (enrollment) DO UPDATE SET due_at = $2, apns_id = $3, why = $4, attempts = $5, sent_at = $6,"
      " token = $7, answered_at = $8, status = $9, reason = $10, apns_timestamp = $11, failed_since = $12,"
      " dead_at = $13, seen_at = $14, taken_at = $15, taken = $16, delays = $17",
      DB_I(w->enrollment), DB_TIME(w->due_at), DB_S(w->apns_id), DB_S(push_why_name(w->why)), DB_I(w->attempts),
      DB_TIME(w->sent_at), DB_B(w->token), DB_TIME(w->answered_at), DB_I(w->status), DB_S(w->reason),
      DB_TIME(w->apns_timestamp), DB_TIME(w->failed_since), DB_TIME(w->dead_at), DB_TIME(w->seen_at),
      DB_TIME(w->taken_at), DB_I(w->taken), DB_B(w->delays));
}

enum err push_row_taken(struct ctx *cx, struct db *db, const struct push_answer *a, int64_t next_due, bool *done) {
  int64_t n;
  TRY(db_run_n(
      cx, db, &n,
      "UPDATE wake SET due_at = $2, apns_id = $3, attempts = attempts + 1, sent_at = $4, token = $5, answered_at = $6,"
      " status = 200, reason = '', apns_timestamp = NULL, failed_since = NULL, dead_at = NULL,"
      " taken_at = coalesce(taken_at, $6), taken = taken + 1"
      " WHERE enrollment = $1 AND due_at = $7 AND attempts = $8 AND why = $9 AND taken = $10"
      " AND (apns_id = $3 OR answered_at IS NOT NULL) AND coalesce(seen_at, 0) < $4"
      " AND EXISTS (SELECT 1 FROM enrollment e WHERE e.seq = $1 AND e.token = $5 AND coalesce(e.last_seen, 0) < $4)",
      DB_I(a->enrollment), DB_TIME(next_due), DB_S(a->apns_id), DB_I(a->sent_at), DB_B(a->token), DB_I(a->answered_at),
      DB_I(a->read.due_at), DB_I(a->read.attempts), DB_S(push_why_name(a->read.why)), DB_I(a->read.taken)));
  *done = n == 1;
  return OK;
}

enum err push_hour_add(struct ctx *cx, struct db *db, int64_t woken_at, const struct push_hour *more) {
  TRY(db_run(cx, db, "DELETE FROM wake_hour WHERE hour < $1", DB_I(woken_at - HOURS_KEPT)));
  return db_run(cx, db,
                "INSERT INTO wake_hour (hour, due, pushed, woken, answered, told) VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (hour) DO UPDATE SET due = wake_hour.due + $2, pushed = wake_hour.pushed + $3,"
                " woken = wake_hour.woken + $4, answered = wake_hour.answered + $5, told = wake_hour.told + $6",
                DB_I(woken_at / US_HOUR * US_HOUR), DB_I(more->due), DB_I(more->pushed), DB_I(more->woken),
                DB_I(more->came), DB_I(more->told));
}

enum err push_row_told(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *woken_at) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "UPDATE wake SET told_at = sent_at WHERE enrollment = $1 AND sent_at IS NOT NULL AND status = 200"
                   " AND coalesce(told_at, 0) < sent_at RETURNING sent_at",
                   DB_I(enrollment)));
  *woken_at = db_next(&r) ? db_int(&r, 0) : 0;
  return db_close(&r);
}

/* ---- what is due ---- */

/* CROSS JOIN: by due time, then the channel of each; never through all channels of a topic. */
#define DUE                                                                                                            \
  "SELECT w.enrollment, w.due_at, CASE WHEN w.answered_at IS NULL THEN w.apns_id END, e.topic, e.push_magic, w.why,"   \
  " e.token, w.attempts, w.taken, max(coalesce(e.token_at, 0), coalesce(e.last_seen, 0), coalesce(w.seen_at, 0))"      \
  " FROM wake w CROSS JOIN enrollment e WHERE e.seq = w.enrollment AND e.enabled = 1 AND e.token IS NOT NULL"          \
  " AND e.push_magic IS NOT NULL AND e.topic IS NOT NULL"                                                              \
  " AND NOT EXISTS (SELECT 1 FROM device d WHERE d.seq = e.device AND d.blocked_at IS NOT NULL) AND "

static struct push_due_row read_due(struct db_rows *r) {
  enum push_why why = push_why_of(db_text(r, 5));
  return (struct push_due_row){.enrollment = db_int(r, 0),
                               .apns_id = db_text(r, 2),
                               .topic = db_text(r, 3),
                               .magic = db_text(r, 4),
                               .first = push_why_goes_first(why),
                               .token = db_blob(r, 6),
                               .read = {.due_at = db_int(r, 1),
                                        .why = why,
                                        .attempts = (int)db_int(r, 7),
                                        .taken = (int)db_int(r, 8),
                                        .absent_since = db_int(r, 9)}};
}

static void take_rows(struct db_rows *r, struct push_due_row *out, size_t most, size_t *n) {
  while (*n < most && db_next(r)) out[(*n)++] = read_due(r);
}

enum err push_due_rows(struct ctx *cx, struct db *db, const char *topic, struct push_cursor *at, int64_t now,
                       struct push_due_row *out, size_t most, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   DUE "w.due_at = $2 AND w.enrollment > $3 AND e.topic = $1 ORDER BY w.enrollment LIMIT $4",
                   DB_S(topic), DB_I(at->due_at), DB_I(at->enrollment), DB_I(most)));
  take_rows(&r, out, most, n);
  TRY(db_close(&r));
  TRY(db_open_rows(cx, db, &r,
                   DUE "w.due_at > $2 AND w.due_at <= $3 AND e.topic = $1 ORDER BY w.due_at, w.enrollment LIMIT $4",
                   DB_S(topic), DB_I(at->due_at), DB_I(now), DB_I(most - *n)));
  take_rows(&r, out, most, n);
  TRY(db_close(&r));
  if (*n) *at = (struct push_cursor){out[*n - 1].read.due_at, out[*n - 1].enrollment};
  return OK;
}

enum err push_due_row(struct ctx *cx, struct db *db, int64_t enrollment, struct push_due_row *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, DUE "w.enrollment = $1 AND w.due_at IS NOT NULL", DB_I(enrollment)));
  *found = db_next(&r);
  if (*found) *out = read_due(&r);
  return db_close(&r);
}

enum err push_due_next(struct ctx *cx, struct db *db, int64_t after, int64_t *at) {
  struct db_rows r;
  *at = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT due_at FROM wake WHERE due_at > $1 ORDER BY due_at LIMIT 1", DB_I(after)));
  if (db_next(&r)) *at = db_int(&r, 0);
  return db_close(&r);
}

enum err push_due_ahead(struct ctx *cx, struct db *db, int64_t enrollment, int64_t now, int64_t *ahead,
                        int64_t *due_at) {
  struct db_rows r;
  *ahead = *due_at = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT me.due_at, (SELECT count(*) FROM wake w WHERE w.due_at <= $2 AND w.due_at <= me.due_at"
                   " AND (w.due_at < me.due_at OR w.enrollment < me.enrollment))"
                   " FROM wake me WHERE me.enrollment = $1 AND me.due_at IS NOT NULL",
                   DB_I(enrollment), DB_I(now)));
  if (db_next(&r)) *due_at = db_int(&r, 0), *ahead = db_int(&r, 1);
  return db_close(&r);
}

enum err push_due_count(struct ctx *cx, struct db *db, int64_t now, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM wake WHERE due_at <= $1", DB_I(now));
}

enum err push_answer_of(struct ctx *cx, struct db *db, int64_t enrollment, const char *apns_id, int *status,
                        char **reason) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT status, reason FROM wake WHERE enrollment = $1 AND apns_id = $2 AND answered_at IS NOT NULL",
                   DB_I(enrollment), DB_S(apns_id)));
  bool found = db_next(&r);
  *status = found ? (int)db_int(&r, 0) : 0;
  *reason = found ? db_text(&r, 1) : NULL;
  return db_close(&r);
}

/* ---- dead tokens ---- */

enum err push_revive(struct ctx *cx, struct db *db, const char *topic, int64_t now, int most, int64_t *n) {
  return db_run_n(
      cx, db, n,
      "UPDATE wake SET due_at = $2 WHERE enrollment IN (SELECT w.enrollment FROM wake w CROSS JOIN enrollment e"
      " WHERE w.due_at > $2 AND w.dead_at IS NOT NULL AND e.seq = w.enrollment AND e.topic = $1 LIMIT $3)",
      DB_S(topic), DB_I(now), DB_I(most));
}

enum err push_spare(struct ctx *cx, struct db *db, int64_t enrollment, int64_t now) {
  return db_run(
      cx, db,
      "UPDATE wake SET dead_at = NULL, due_at = $2 WHERE enrollment = $1 AND dead_at IS NOT NULL AND due_at > $2",
      DB_I(enrollment), DB_I(now));
}

/* ---- facts ---- */

/* The times of the last connections, oldest first. Those in the future are of a clock that was wrong. */
enum err push_reserve(struct ctx *cx, struct db *db, const char *topic, int most, int64_t now, int64_t *wait_us) {
  const char *name = ctx_printf(cx, "push.connections %s", topic), *kept = "";
  struct slice rest, piece;
  char *value;
  int64_t at, oldest = 0;
  int n = 0;
  TRY(fact_read(cx, db, name, &value));
  rest = slice_of(value);
  while (slice_cut(&rest, ' ', &piece)) {
    if (!slice_to_i64(piece, &at) || at > now || at <= now - US_MINUTE) continue;
    if (n++ == 0) oldest = at;
    kept = ctx_printf(cx, "%s%" PRId64 " ", kept, at);
  }
  *wait_us = n < most ? 0 : oldest + US_MINUTE - now;
  return *wait_us ? OK : fact_write(cx, db, name, ctx_printf(cx, "%s%" PRId64, kept, now));
}

/* "until seq host text" */
enum err push_stop_read(struct ctx *cx, struct db *db, const char *topic, struct push_stop_note *out) {
  struct slice rest, until, seq, host;
  char *value;
  *out = (struct push_stop_note){0};
  TRY(fact_read(cx, db, ctx_printf(cx, "push.stopped %s", topic), &value));
  rest = slice_of(value);
  if (!slice_cut(&rest, ' ', &until) || !slice_cut(&rest, ' ', &seq) || !slice_cut(&rest, ' ', &host)) return OK;
  if (!slice_to_i64(until, &out->until) || !slice_to_i64(seq, &out->pushcert)) *out = (struct push_stop_note){0};
  out->host = ctx_memdup(cx, host.p, host.n);
  out->text = ctx_memdup(cx, rest.p, rest.n);
  return OK;
}

enum err push_stop_write(struct ctx *cx, struct db *db, const char *topic, const struct push_stop_note *note) {
  const char *value =
      ctx_printf(cx, "%" PRId64 " %" PRId64 " %s %s", note->until, note->pushcert, note->host, note->text);
  return fact_write(cx, db, ctx_printf(cx, "push.stopped %s", topic), value);
}

enum err push_was_stopped(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert, bool *out) {
  struct push_stop_note note;
  TRY(push_stop_read(cx, db, topic, &note));
  *out = note.until && note.pushcert == pushcert;
  return OK;
}
