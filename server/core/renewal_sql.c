#include "core/renewal_int.h"

#include "base/clock.h"
#include "lib/pki_crypto.h"

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, SHA256_LEN); }

/* ---- who can be renewed ---- */

/* The newest identity that proved itself: one that was issued and never used says nothing about how long the device can
   still come. That of the enrollment itself counts although it is older than the column seen_at. */
#define NEWEST                                                                                                         \
  "(SELECT n.hash FROM identity n WHERE n.device_id = d.id AND n.generation = d.generation AND n.voided_at IS NULL "   \
  "AND n.ends_at IS NULL AND (n.seen_at IS NOT NULL OR n.hash = g.identity) ORDER BY n.not_after DESC LIMIT 1)"

enum err renewal_subject_load(struct ctx *cx, struct db *db, int64_t device, struct renewal_subject *out) {
  struct db_rows r;
  *out = (struct renewal_subject){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.seq, d.generation, e.seq, d.id, g.given, i.hash, i.not_after, i.session IS NOT NULL, "
                   "coalesce(g.origin = 'migrated', 0), coalesce(e.enabled, 0), coalesce(g.awaiting_configuration, 0), "
                   "d.blocked_at IS NOT NULL, d.unenroll_at IS NOT NULL, d.checked_out_at IS NOT NULL, "
                   "EXISTS (SELECT 1 FROM renewal o WHERE o.device = d.seq AND o.ended_at IS NULL), d.grace_until "
                   "FROM device d LEFT JOIN generation g ON g.seq = d.generation LEFT JOIN enrollment e ON e.id = d.id "
                   "LEFT JOIN identity i ON i.hash = " NEWEST " WHERE d.seq = $1",
                   DB_I(device)));
  if (db_next(&r))
    *out = (struct renewal_subject){.device = db_int(&r, 0),
                                    .generation = db_int(&r, 1),
                                    .enrollment = db_int(&r, 2),
                                    .id = db_text(&r, 3),
                                    .given = db_text(&r, 4),
                                    .identity = db_blob(&r, 5),
                                    .not_after = db_int(&r, 6),
                                    .own = db_int(&r, 7) != 0,
                                    .migrated = db_int(&r, 8) != 0,
                                    .enabled = db_int(&r, 9) != 0,
                                    .awaiting = db_int(&r, 10) != 0,
                                    .blocked = db_int(&r, 11) != 0,
                                    .leaves = db_int(&r, 12) != 0,
                                    .checked_out = db_int(&r, 13) != 0,
                                    .open = db_int(&r, 14) != 0,
                                    .grace_until = db_int(&r, 15)};
  return db_close(&r);
}

#define DUE                                                                                                            \
  "FROM identity i JOIN device d ON d.id = i.device_id JOIN generation g ON g.seq = d.generation "                     \
  "JOIN enrollment e ON e.id = d.id WHERE i.voided_at IS NULL AND i.ends_at IS NULL AND i.not_after > $1 "             \
  "AND i.not_after < $2 AND i.generation = d.generation AND i.hash = " NEWEST                                          \
  " AND (i.session IS NOT NULL OR g.origin = 'migrated') AND g.given IS NOT NULL AND e.enabled = 1 "                   \
  "AND g.awaiting_configuration = 0 AND d.blocked_at IS NULL AND d.unenroll_at IS NULL AND d.checked_out_at IS NULL "  \
  "AND NOT EXISTS (SELECT 1 FROM renewal o WHERE o.device = d.seq AND o.generation = g.seq "                           \
  "AND (o.ended_at IS NULL OR (o.state = 'failed' AND o.ended_at > $3))) "

enum err renewal_due(struct ctx *cx, struct db *db, const struct renewal_search *s, struct renewal_due **out,
                     size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)s->most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.seq, g.given " DUE
                   "ORDER BY CASE WHEN e.last_seen > $4 THEN 0 ELSE 1 END, i.not_after, d.seq LIMIT $5",
                   DB_I(s->since), DB_I(s->until), DB_I(s->failed_since), DB_I(s->seen_since), DB_I(s->most)));
  while (db_next(&r)) (*out)[(*n)++] = (struct renewal_due){.device = db_int(&r, 0), .given = db_text(&r, 1)};
  return db_close(&r);
}

enum err renewal_due_count(struct ctx *cx, struct db *db, const struct renewal_search *s, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) " DUE, DB_I(s->since), DB_I(s->until), DB_I(s->failed_since));
}

/* ---- waves ---- */

/* Asleep: it was not handed over for an hour, or was and nothing came for a day. */
static enum err count_open(struct ctx *cx, struct db *db, int64_t now, struct renewal_counts *out) {
  struct db_rows r;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT coalesce(sum(CASE WHEN r.state = 'installed' THEN 1 "
      "WHEN t.status = 'Sent' AND t.last_sent_at > $2 THEN 1 WHEN t.status <> 'Sent' AND r.created_at > $1 THEN 1 "
      "ELSE 0 END), 0), coalesce(sum(CASE WHEN r.state = 'installed' AND r.updated_at < $1 THEN 1 ELSE 0 END), 0) "
      "FROM renewal r LEFT JOIN command c ON c.uuid = r.command LEFT JOIN target t ON t.command = c.seq "
      "WHERE r.ended_at IS NULL",
      DB_I(now - US_HOUR), DB_I(now - US_DAY)));
  if (db_next(&r)) {
    out->busy = db_int(&r, 0);
    out->stalled = db_int(&r, 1);
  }
  return db_close(&r);
}

enum err renewal_counts(struct ctx *cx, struct db *db, int64_t done_since, int64_t now, struct renewal_counts *out) {
  *out = (struct renewal_counts){0};
  TRY(count_open(cx, db, now, out));
  TRY(db_one_int(cx, db, &out->done,
                 "SELECT count(*) FROM (SELECT 1 FROM renewal WHERE ended_at > $1 AND state = 'done' LIMIT 6) AS n",
                 DB_I(done_since)));
  return db_one_int(
      cx, db, &out->lately,
      "SELECT count(*) FROM (SELECT created_at FROM renewal ORDER BY seq DESC LIMIT 6) AS n WHERE created_at > $1",
      DB_I(now - US_MINUTE));
}

/* ---- one renewal ---- */

enum err renewal_add(struct ctx *cx, struct db *db, const struct renewal_new *n, int64_t *seq) {
  const struct renewal_subject *s = n->subject;
  int64_t session, now = clock_now_us();
  TRY(db_one_int(cx, db, &session,
                 "INSERT INTO enroll_session (id, kind, device, challenge_hash, created_at, expires_at, issues_max, "
                 "given) VALUES ($1, 'renew', $2, $3, $4, $5, 5, $6) RETURNING seq",
                 DB_S(n->session_id), DB_S(s->id), DB_B(hash_slice(n->challenge_hash)), DB_I(now), DB_I(n->expires_at),
                 DB_S(s->given)));
  return db_one_int(cx, db, seq,
                    "INSERT INTO renewal (device, generation, identity, session, challenge_sealed, command, wave, "
                    "state, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $8) "
                    "RETURNING seq",
                    DB_I(s->device), DB_I(s->generation), DB_B(s->identity), DB_I(session), DB_B(n->challenge_sealed),
                    DB_S(n->command), DB_I(n->wave), DB_I(now));
}

enum err renewal_command_mark(struct ctx *cx, struct db *db, int64_t command, int64_t renewal) {
  return db_run(cx, db, "UPDATE command SET renewal = $2 WHERE seq = $1", DB_I(command), DB_I(renewal));
}

enum err renewal_load(struct ctx *cx, struct db *db, int64_t renewal, struct renewal_parts *out) {
  struct db_rows r;
  *out = (struct renewal_parts){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT r.command, s.id, s.given, r.challenge_sealed FROM renewal r "
                   "JOIN enroll_session s ON s.seq = r.session WHERE r.seq = $1",
                   DB_I(renewal)));
  if (db_next(&r))
    *out = (struct renewal_parts){.command = db_text(&r, 0),
                                  .session_id = db_text(&r, 1),
                                  .given = db_text(&r, 2),
                                  .challenge_sealed = db_blob(&r, 3)};
  TRY(db_close(&r));
  return out->command ? OK : FAIL(cx, E_INTERNAL, "renewal %lld is missing", (long long)renewal);
}

enum err renewal_by_command(struct ctx *cx, struct db *db, const char *uuid, int64_t *renewal, char **device,
                            char **errors) {
  struct db_rows r;
  *renewal = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT r.seq, d.id, t.errors FROM renewal r JOIN device d ON d.seq = r.device "
                   "LEFT JOIN command c ON c.uuid = r.command LEFT JOIN target t ON t.command = c.seq "
                   "WHERE r.command = $1 AND r.ended_at IS NULL",
                   DB_S(uuid)));
  if (db_next(&r)) {
    *renewal = db_int(&r, 0);
    *device = db_text(&r, 1);
    *errors = db_text(&r, 2);
  }
  return db_close(&r);
}

enum err renewal_set(struct ctx *cx, struct db *db, int64_t renewal, const char *state, const char *why, bool ended) {
  return db_run(cx, db, "UPDATE renewal SET state = $2, why = $3, updated_at = $4, ended_at = $5 WHERE seq = $1",
                DB_I(renewal), DB_S(state), DB_S(why), DB_I(clock_now_us()), DB_NULL_IF(!ended, DB_I(clock_now_us())));
}

/* Held back by a halt: the waves begin it anew, in their order. */
#define HELD_BACK                                                                                                      \
  "r.wave <> 3 AND t.deliveries = 0 AND EXISTS (SELECT 1 FROM fact f WHERE f.name = '" RENEWAL_HALTED "') "

enum err renewal_over(struct ctx *cx, struct db *db, int64_t now, int most, struct renewal_over **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT o.seq, o.id, o.state, o.why FROM (SELECT r.seq AS seq, d.id AS id, CASE "
      "WHEN coalesce(d.generation, 0) <> r.generation OR d.checked_out_at IS NOT NULL THEN 'cancelled' "
      "WHEN r.state = 'installed' AND r.updated_at < $2 THEN 'failed' WHEN r.state = 'installed' THEN NULL "
      "WHEN " HELD_BACK "THEN 'cancelled' "
      "WHEN t.status = 'Cancelled' THEN 'cancelled' WHEN t.status = 'Expired' OR s.expires_at <= $1 THEN 'expired' "
      "END AS state, CASE "
      "WHEN coalesce(d.generation, 0) <> r.generation THEN 'the device enrolled anew' "
      "WHEN d.checked_out_at IS NOT NULL THEN 'the device checked out' "
      "WHEN r.state = 'installed' THEN 'installed, but its new identity was not seen within 24 hours' "
      "WHEN " HELD_BACK "THEN 'the renewals were halted' "
      "WHEN t.status = 'Cancelled' THEN 'its command was cancelled' ELSE 'the device did not come' END AS why "
      "FROM renewal r JOIN device d ON d.seq = r.device JOIN enroll_session s ON s.seq = r.session "
      "LEFT JOIN command c ON c.uuid = r.command LEFT JOIN target t ON t.command = c.seq "
      "WHERE r.ended_at IS NULL) AS o WHERE o.state IS NOT NULL ORDER BY o.seq LIMIT $3",
      DB_I(now), DB_I(now - US_DAY), DB_I(most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct renewal_over){
        .seq = db_int(&r, 0), .device = db_text(&r, 1), .state = db_text(&r, 2), .why = db_text(&r, 3)};
  return db_close(&r);
}

enum err renewal_left(struct ctx *cx, struct db *db, int64_t now, int most, struct renewal_left **out, size_t *n) {
  struct db_rows r;
  *n = 0;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  TRY(db_open_rows(cx, db, &r,
                   "SELECT t.enrollment, r.command FROM renewal r JOIN command c ON c.uuid = r.command "
                   "JOIN target t ON t.command = c.seq WHERE r.ended_at > $1 AND r.ended_at < $2 AND t.waiting = 1 "
                   "LIMIT $3",
                   DB_I(now - 8 * US_DAY), DB_I(now - 10 * US_MINUTE), DB_I(most)));
  while (db_next(&r)) (*out)[(*n)++] = (struct renewal_left){.enrollment = db_int(&r, 0), .command = db_text(&r, 1)};
  return db_close(&r);
}

/* ---- the new identity is in use ---- */

enum err renewal_mark_seen(struct ctx *cx, struct db *db, const uint8_t hash[32], bool *changed) {
  int64_t n;
  TRY(db_run_n(cx, db, &n, "UPDATE identity SET seen_at = $2 WHERE hash = $1 AND seen_at IS NULL",
               DB_B(hash_slice(hash)), DB_I(clock_now_us())));
  *changed = n > 0;
  return OK;
}

/* Only older ones: the first sign of an identity that another one has replaced already ends nothing. */
enum err renewal_end_others(struct ctx *cx, struct db *db, const uint8_t hash[32], int64_t at) {
  return db_run(cx, db,
                "UPDATE identity SET ends_at = $2 WHERE ends_at IS NULL AND hash <> $1 "
                "AND device_id = (SELECT n.device_id FROM identity n WHERE n.hash = $1) "
                "AND generation = (SELECT n.generation FROM identity n WHERE n.hash = $1) "
                "AND created_at <= (SELECT n.created_at FROM identity n WHERE n.hash = $1)",
                DB_B(hash_slice(hash)), DB_I(at));
}

enum err renewal_close(struct ctx *cx, struct db *db, const uint8_t hash[32], char **device) {
  struct db_rows r;
  int64_t n, now = clock_now_us();
  *device = NULL;
  TRY(db_run(cx, db,
             "UPDATE renewal SET state = 'cancelled', why = 'the device renewed its identity by itself', "
             "updated_at = $2, ended_at = $2 WHERE ended_at IS NULL AND state = 'waiting' "
             "AND session <> (SELECT i.session FROM identity i WHERE i.hash = $1) "
             "AND device = (SELECT d.seq FROM identity i JOIN device d ON d.id = i.device_id WHERE i.hash = $1) "
             "AND created_at <= (SELECT i.created_at FROM identity i WHERE i.hash = $1)",
             DB_B(hash_slice(hash)), DB_I(now)));
  TRY(db_run_n(cx, db, &n,
               "UPDATE renewal SET state = 'done', why = NULL, updated_at = $2, ended_at = $2 "
               "WHERE session = (SELECT i.session FROM identity i WHERE i.hash = $1)",
               DB_B(hash_slice(hash)), DB_I(now)));
  if (n == 0) return OK;
  TRY(db_open_rows(cx, db, &r, "SELECT device_id FROM identity WHERE hash = $1", DB_B(hash_slice(hash))));
  if (db_next(&r)) *device = db_text(&r, 0);
  return db_close(&r);
}
