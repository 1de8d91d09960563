#include "core/webhook_int.h"

#include "base/clock.h"
#include "lib/pki_crypto.h"

#include <string.h>

/* ---- receivers ---- */

enum err webhook_hook_seq(struct ctx *cx, struct db *db, const char *url, int64_t *seq) {
  uint8_t digest[SHA256_LEN];
  pki_sha256(digest, slice_of(url));
  struct slice key = slice_mem(digest, sizeof digest);
  TRY(db_one_int(cx, db, seq, "SELECT coalesce((SELECT seq FROM webhook_hook WHERE digest = $1), 0)", DB_B(key)));
  if (*seq) return OK;
  return db_one_int(cx, db, seq, "INSERT INTO webhook_hook (digest, shown) VALUES ($1, $2) RETURNING seq", DB_B(key),
                    DB_S(webhook_shown(cx, url)));
}

enum err webhook_hook_dead_told(struct ctx *cx, struct db *db, int64_t hook, bool *told) {
  int64_t changed, now = clock_now_us();
  TRY(db_run_n(cx, db, &changed,
               "UPDATE webhook_hook SET dead_told_at = $2 WHERE seq = $1 AND coalesce(dead_told_at, 0) <= $3",
               DB_I(hook), DB_I(now), DB_I(now - US_HOUR)));
  *told = changed == 0;
  return OK;
}

enum err webhook_hook_result(struct ctx *cx, struct db *db, int64_t hook, int64_t at, const char *error) {
  if (!error) return db_run(cx, db, "UPDATE webhook_hook SET ok_at = $2 WHERE seq = $1", DB_I(hook), DB_I(at));
  return db_run(cx, db, "UPDATE webhook_hook SET failed_at = $2, error = $3 WHERE seq = $1", DB_I(hook), DB_I(at),
                DB_S(error));
}

/* Of the settings' receivers those that were told something, and removed ones with dead letters. */
static enum err read_info(struct ctx *cx, struct db *db, const uint8_t *digest, struct webhook_info *w, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT coalesce(h.ok_at, 0), coalesce(h.failed_at, 0), h.error, "
                   "(SELECT count(*) FROM webhook_delivery d WHERE d.hook = h.seq AND d.state = 'due'), "
                   "(SELECT count(*) FROM webhook_delivery d WHERE d.hook = h.seq AND d.state = 'dead' "
                   "AND d.ended_at IS NOT NULL), h.shown FROM webhook_hook h WHERE h.digest = $1",
                   DB_B(slice_mem(digest, SHA256_LEN))));
  *found = db_next(&r);
  if (*found)
    *w = (struct webhook_info){.ok_at = db_int(&r, 0),
                               .failed_at = db_int(&r, 1),
                               .error = db_text(&r, 2),
                               .due = db_int(&r, 3),
                               .dead = db_int(&r, 4),
                               .url = db_text(&r, 5)};
  return db_close(&r);
}

static bool is_among(struct slice digest, const char *const *urls, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint8_t other[SHA256_LEN];
    pki_sha256(other, slice_of(urls[i]));
    if (slice_eq(digest, slice_mem(other, sizeof other))) return true;
  }
  return false;
}

static enum err removed_hooks(struct ctx *cx, struct db *db, const char *const *urls, size_t urls_n,
                              struct webhook_info **out, size_t *n) {
  struct db_rows r;
  enum { REMOVED_MAX = 100 };
  struct webhook_info *all = ctx_alloc(cx, (*n + REMOVED_MAX) * sizeof *all);
  memcpy(all, *out, *n * sizeof *all);
  *out = all;
  size_t most = *n + REMOVED_MAX;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT h.digest, h.shown, coalesce(h.ok_at, 0), coalesce(h.failed_at, 0), h.error, count(*) "
                   "FROM webhook_delivery d JOIN webhook_hook h ON h.seq = d.hook WHERE d.state = 'dead' "
                   "AND d.ended_at IS NOT NULL GROUP BY h.seq ORDER BY h.seq DESC"));
  while (*n < most && db_next(&r)) {
    if (is_among(db_blob(&r, 0), urls, urls_n)) continue;
    all[(*n)++] = (struct webhook_info){.state = "removed",
                                        .url = db_text(&r, 1),
                                        .ok_at = db_int(&r, 2),
                                        .failed_at = db_int(&r, 3),
                                        .error = db_text(&r, 4),
                                        .dead = db_int(&r, 5)};
  }
  return db_close(&r);
}

enum err webhook_list(struct ctx *cx, struct db *db, struct core *core, struct webhook_info **out, size_t *n) {
  const char **urls;
  size_t urls_n = webhook_urls(cx, core, &urls);
  struct webhook_info *all = ctx_alloc(cx, (urls_n + 1) * sizeof *all);
  for (size_t i = 0; i < urls_n; i++) {
    uint8_t digest[SHA256_LEN];
    bool found;
    pki_sha256(digest, slice_of(urls[i]));
    TRY(read_info(cx, db, digest, &all[i], &found));
    if (!found) all[i].url = webhook_shown(cx, urls[i]);
    all[i].state = all[i].failed_at > all[i].ok_at ? "failing" : all[i].ok_at ? "ok" : "new";
  }
  *out = all;
  *n = urls_n;
  return removed_hooks(cx, db, urls, urls_n, out, n);
}

/* ---- messages ---- */

enum err webhook_message_add(struct ctx *cx, struct db *db, struct webhook_message *m, struct slice sealed) {
  return db_one_int(cx, db, &m->seq,
                    "INSERT INTO webhook_message (event_id, at, topic, enrollment, json, payload_sealed) "
                    "VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq",
                    DB_S(m->event_id), DB_I(m->at), DB_S(m->topic), DB_S(m->enrollment), DB_T(m->json), DB_B(sealed));
}

enum err webhook_message_load(struct ctx *cx, struct db *db, int64_t seq, struct webhook_message *m,
                              struct slice *sealed) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT event_id, json, payload_sealed FROM webhook_message WHERE seq = $1", DB_I(seq)));
  bool found = db_next(&r);
  if (found) {
    *m = (struct webhook_message){.seq = seq, .event_id = db_text(&r, 0), .json = slice_of(db_text(&r, 1))};
    *sealed = db_blob(&r, 2);
  }
  TRY(db_close(&r));
  return found ? OK : FAIL(cx, E_INTERNAL, "webhook message %lld is missing", (long long)seq);
}

enum err webhook_delivery_add(struct ctx *cx, struct db *db, const struct webhook_message *m, int64_t hook) {
  TRY(db_run(cx, db, "INSERT INTO webhook_delivery (message, hook, enrollment) VALUES ($1, $2, $3)", DB_I(m->seq),
             DB_I(hook), DB_S(m->enrollment)));
  return db_run(cx, db,
                "INSERT INTO webhook_lane (hook, enrollment, worker, next_at) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (hook, enrollment) DO NOTHING",
                DB_I(hook), DB_S(m->enrollment), DB_I(webhook_worker_of(m->enrollment)), DB_I(m->at));
}

/* ---- what a worker has to do ---- */

enum err webhook_lanes(struct ctx *cx, struct db *db, const struct hook *h, int worker, int most, struct lane **out,
                       size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT enrollment, failures FROM webhook_lane WHERE hook = $1 AND worker = $2 AND next_at <= $3 "
                   "ORDER BY next_at LIMIT $4",
                   DB_I(h->seq), DB_I(worker), DB_I(clock_now_us()), DB_I(most)));
  while (db_next(&r)) (*out)[(*n)++] = (struct lane){.enrollment = db_text(&r, 0), .failures = db_int(&r, 1)};
  return db_close(&r);
}

enum err webhook_lane_next(struct ctx *cx, struct db *db, const struct hook *h, int worker, int64_t *at) {
  return db_one_int(cx, db, at, "SELECT coalesce(min(next_at), $3) FROM webhook_lane WHERE hook = $1 AND worker = $2",
                    DB_I(h->seq), DB_I(worker), DB_I(INT64_MAX));
}

enum err webhook_lane_due(struct ctx *cx, struct db *db, const struct hook *h, const char *enrollment, int most,
                          struct delivery **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, message, refusals, coalesce(first_at, 0) FROM webhook_delivery WHERE hook = $1 "
                   "AND enrollment = $2 AND state = 'due' ORDER BY seq LIMIT $3",
                   DB_I(h->seq), DB_S(enrollment), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct delivery){
        .seq = db_int(&r, 0), .message = db_int(&r, 1), .refusals = db_int(&r, 2), .first_at = db_int(&r, 3)};
  return db_close(&r);
}

enum err webhook_result(struct ctx *cx, struct db *db, const struct result *r) {
  const char *state = r->attempt.ok ? "done" : r->dead ? "dead" : "due";
  return db_run(cx, db,
                "UPDATE webhook_delivery SET state = $2, attempts = attempts + 1, refusals = $3, "
                "first_at = coalesce(first_at, $4), ended_at = $5, status = $6, error = $7 "
                "WHERE seq = $1 AND state = 'due'",
                DB_I(r->delivery.seq), DB_S(state), DB_I(r->delivery.refusals), DB_I(r->at),
                DB_NULL_IF(strcmp(state, "due") == 0, DB_I(r->at)),
                DB_NULL_IF(r->attempt.status == 0, DB_I(r->attempt.status)), DB_S(r->attempt.error));
}

enum err webhook_lane_set(struct ctx *cx, struct db *db, int64_t hook, const char *enrollment, int64_t failures,
                          int64_t next_at) {
  int64_t waiting;
  TRY(db_one_int(cx, db, &waiting,
                 "SELECT EXISTS (SELECT 1 FROM webhook_delivery WHERE hook = $1 AND enrollment = $2 AND state = 'due')",
                 DB_I(hook), DB_S(enrollment)));
  if (!waiting)
    return db_run(cx, db, "DELETE FROM webhook_lane WHERE hook = $1 AND enrollment = $2", DB_I(hook), DB_S(enrollment));
  return db_run(cx, db, "UPDATE webhook_lane SET failures = $3, next_at = $4 WHERE hook = $1 AND enrollment = $2",
                DB_I(hook), DB_S(enrollment), DB_I(failures), DB_I(next_at));
}

/* ---- giving up ---- */

static enum err delivery_dead(struct ctx *cx, struct db *db, int64_t seq, const char *why) {
  return db_run(cx, db,
                "UPDATE webhook_delivery SET state = 'dead', ended_at = $2, error = coalesce(error || '; ', '') || $3 "
                "WHERE seq = $1",
                DB_I(seq), DB_I(clock_now_us()), DB_S(why));
}

enum err webhook_give_up(struct ctx *cx, struct db *db, int64_t hook, int most, const char *why, int64_t *n) {
  struct db_rows r;
  int64_t *seqs = ctx_alloc(cx, (size_t)most * sizeof *seqs);
  char **enrollments = ctx_alloc(cx, (size_t)most * sizeof *enrollments);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, enrollment FROM webhook_delivery WHERE hook = $1 AND state = 'due' ORDER BY seq "
                   "LIMIT $2",
                   DB_I(hook), DB_I(most)));
  while (db_next(&r)) {
    seqs[*n] = db_int(&r, 0);
    enrollments[(*n)++] = db_text(&r, 1);
  }
  TRY(db_close(&r));
  for (int64_t i = 0; i < *n; i++) TRY(delivery_dead(cx, db, seqs[i], why));
  int64_t now = clock_now_us();
  for (int64_t i = 0; i < *n; i++) TRY(webhook_lane_set(cx, db, hook, enrollments[i], 0, now));
  return OK;
}

enum err webhook_with_due(struct ctx *cx, struct db *db, int64_t **hooks, size_t *n) {
  struct db_rows r;
  int64_t most;
  TRY(db_one_int(cx, db, &most, "SELECT count(*) FROM webhook_hook"));
  *hooks = ctx_alloc(cx, (size_t)(most + 1) * sizeof **hooks);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq FROM webhook_hook h WHERE EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.hook = h.seq "
                   "AND d.state = 'due') ORDER BY seq LIMIT $1",
                   DB_I(most)));
  while (db_next(&r)) (*hooks)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err webhook_due_count(struct ctx *cx, struct db *db, int64_t hook, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM webhook_delivery WHERE hook = $1 AND state = 'due'", DB_I(hook));
}

/* ---- what is kept ---- */

static enum err delete_one(struct ctx *cx, struct db *db, const struct delivery *d) {
  TRY(db_run(cx, db, "DELETE FROM webhook_delivery WHERE seq = $1", DB_I(d->seq)));
  return db_run(cx, db,
                "DELETE FROM webhook_message WHERE seq = $1 "
                "AND NOT EXISTS (SELECT 1 FROM webhook_delivery WHERE message = $1)",
                DB_I(d->message));
}

enum err webhook_delete_ended(struct ctx *cx, struct db *db, const char *state, int64_t before, int64_t *n) {
  struct db_rows r;
  struct delivery rows[WEBHOOK_CHUNK];
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, message FROM webhook_delivery WHERE state = $1 AND ended_at < $2 "
                   "AND ended_at IS NOT NULL ORDER BY ended_at LIMIT $3",
                   DB_S(state), DB_I(before), DB_I(WEBHOOK_CHUNK)));
  while (db_next(&r)) rows[(*n)++] = (struct delivery){.seq = db_int(&r, 0), .message = db_int(&r, 1)};
  TRY(db_close(&r));
  for (int64_t i = 0; i < *n; i++) TRY(delete_one(cx, db, &rows[i]));
  return OK;
}

enum err webhook_dead(struct ctx *cx, struct db *db, int64_t before, int most, struct webhook_dead **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.seq, d.attempts, d.ended_at, m.at, coalesce(d.status, 0), m.event_id, m.topic, "
                   "d.enrollment, h.shown, d.error FROM webhook_delivery d JOIN webhook_message m ON m.seq = d.message "
                   "JOIN webhook_hook h ON h.seq = d.hook WHERE d.state = 'dead' AND d.ended_at IS NOT NULL "
                   "AND d.seq < $1 ORDER BY d.seq DESC LIMIT $2",
                   DB_I(before ? before : INT64_MAX), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct webhook_dead){.seq = db_int(&r, 0),
                                           .attempts = db_int(&r, 1),
                                           .ended_at = db_int(&r, 2),
                                           .at = db_int(&r, 3),
                                           .status = db_int(&r, 4),
                                           .event_id = db_text(&r, 5),
                                           .topic = db_text(&r, 6),
                                           .enrollment = db_text(&r, 7),
                                           .url = db_text(&r, 8),
                                           .error = db_text(&r, 9)};
  return db_close(&r);
}

/* ---- replay ---- */

enum err webhook_replay_range(struct ctx *cx, struct db *db, struct webhook_replay *r) {
  TRY(db_one_int(cx, db, &r->until, "SELECT coalesce(max(seq), 0) FROM webhook_delivery"));
  if (r->since == 0) return OK;
  return db_one_int(cx, db, &r->cursor,
                    "SELECT coalesce((SELECT min(d.seq) - 1 FROM webhook_delivery d WHERE d.message >= "
                    "(SELECT min(seq) FROM webhook_message WHERE at >= $1)), $2)",
                    DB_I(r->since), DB_I(r->until));
}

/* Looks at so many rows a job: few of them may be wanted. */
enum { REPLAY_LOOK = 1000 };

enum err webhook_replay_rows(struct ctx *cx, struct db *db, struct webhook_replay *r,
                             struct delivery out[WEBHOOK_CHUNK], size_t *n) {
  struct db_rows rows;
  int looked = 0;
  *n = 0;
  TRY(db_open_rows(cx, db, &rows,
                   "SELECT seq, hook, (state = 'dead' OR (state = 'done' AND $3 = 1)) "
                   "AND enrollment = coalesce($4, enrollment) FROM webhook_delivery WHERE seq > $1 AND seq <= $2 "
                   "ORDER BY seq LIMIT $5",
                   DB_I(r->cursor), DB_I(r->until), DB_I(r->since > 0), DB_S(r->enrollment), DB_I(REPLAY_LOOK)));
  while (*n < WEBHOOK_CHUNK && db_next(&rows)) {
    looked++;
    r->cursor = db_int(&rows, 0);
    if (db_int(&rows, 2)) out[(*n)++] = (struct delivery){.seq = r->cursor, .hook = db_int(&rows, 1)};
  }
  r->more = looked == REPLAY_LOOK || *n == WEBHOOK_CHUNK;
  return db_close(&rows);
}

enum err webhook_requeue(struct ctx *cx, struct db *db, int64_t delivery) {
  struct db_rows r;
  struct webhook_message m = {.at = clock_now_us()};
  int64_t hook = 0;
  TRY(db_run(cx, db,
             "UPDATE webhook_delivery SET state = 'due', attempts = 0, refusals = 0, first_at = NULL, ended_at = NULL, "
             "status = NULL, error = NULL WHERE seq = $1",
             DB_I(delivery)));
  TRY(db_open_rows(cx, db, &r, "SELECT hook, enrollment FROM webhook_delivery WHERE seq = $1", DB_I(delivery)));
  if (db_next(&r)) {
    hook = db_int(&r, 0);
    m.enrollment = db_text(&r, 1);
  }
  TRY(db_close(&r));
  if (!hook) return OK;
  return db_run(cx, db,
                "INSERT INTO webhook_lane (hook, enrollment, worker, next_at) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (hook, enrollment) DO UPDATE SET next_at = excluded.next_at",
                DB_I(hook), DB_S(m.enrollment), DB_I(webhook_worker_of(m.enrollment)), DB_I(m.at));
}

/* ---- pomona's own events ---- */

enum err webhook_feed_waiting(struct ctx *cx, struct db *db, bool *waiting) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT EXISTS (SELECT 1 FROM event WHERE seq > coalesce((SELECT CAST(value AS BIGINT) FROM fact "
                 "WHERE name = 'webhook.event'), 0)) "
                 "OR NOT EXISTS (SELECT 1 FROM fact WHERE name = 'webhook.event')"));
  *waiting = n != 0;
  return OK;
}

enum err webhook_feed_rows(struct ctx *cx, struct db *db, int most, struct own_event **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  /* what happened before anybody wanted to know is not told */
  TRY(db_run(cx, db,
             "INSERT INTO fact (name, value) VALUES ('webhook.event', (SELECT coalesce(max(seq), 0) FROM event)) "
             "ON CONFLICT (name) DO NOTHING"));
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, at, kind, enrollment, data FROM event WHERE seq > "
                   "(SELECT CAST(value AS BIGINT) FROM fact WHERE name = 'webhook.event') ORDER BY seq LIMIT $1",
                   DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct own_event){.seq = db_int(&r, 0),
                                        .at = db_int(&r, 1),
                                        .kind = db_text(&r, 2),
                                        .enrollment = db_text(&r, 3),
                                        .data = db_text(&r, 4)};
  return db_close(&r);
}

enum err webhook_feed_move(struct ctx *cx, struct db *db, int64_t seq) {
  return db_run(cx, db, "UPDATE fact SET value = $1 WHERE name = 'webhook.event'",
                DB_S(ctx_printf(cx, "%lld", (long long)seq)));
}

enum err webhook_feed_end(struct ctx *cx, struct db *db) {
  return db_run(cx, db, "DELETE FROM fact WHERE name = 'webhook.event'");
}
