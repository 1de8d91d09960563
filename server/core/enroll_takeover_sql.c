#include "core/enroll_int.h"

#include "base/clock.h"

#include <string.h>

enum { RETURN_DAYS = 30, HELD_MAX = 20, REACHABLE_MAX = 21 };

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, SHA256_LEN); }

/* ---- cases ---- */

enum {
  C_GENERATION,
  C_DEVICE,
  C_ID,
  C_IDENTITY,
  C_SINCE,
  C_WOKEN,
  C_ADDRESS,
  C_ACCEPTED_BY,
  C_BLOCKED,
  C_FETCHED,
  C_LINK,
  C_USES_MAX,
  C_LINK_BY,
  C_HELD,
  C_HELD_TOPIC,
  C_FORMER,
  C_FORMER_KNOWN,
  C_FORMER_ADDRESS,
  C_FORMER_SEEN,
  C_TOKEN,
  C_TOKEN_AT,
  C_PUSHED,
  C_STATUS,
  C_SENT,
  C_DEAD,
  C_GONE
};

/* Of the pushes only those to the device's own channel count. */
#define CASES                                                                                                          \
  "SELECT g.seq, d.seq, d.id, g.identity, g.authenticated_at, g.woken_at, g.address, g.accepted_by, "                  \
  "d.blocked_at IS NOT NULL, s.created_at, l.seq, l.uses_max, l.created_by, h.token, h.topic, f.seq, f.identity IS "   \
  "NOT NULL, "                                                                                                         \
  "e.last_address, (SELECT max(x.last_seen) FROM enrollment x WHERE x.device = d.seq), e.token, e.token_at, w.token, " \
  "w.status, w.sent_at, w.dead_at, coalesce(w.apns_timestamp, w.answered_at) "                                         \
  "FROM generation g JOIN device d ON d.seq = g.device AND d.pending = g.seq "                                         \
  "LEFT JOIN enroll_session s ON s.seq = g.session LEFT JOIN link l ON l.seq = s.link "                                \
  "LEFT JOIN held_token h ON h.generation = g.seq AND h.id = d.id "                                                    \
  "LEFT JOIN generation f ON f.seq = d.generation "                                                                    \
  "LEFT JOIN enrollment e ON e.id = d.id AND e.enabled = 1 LEFT JOIN wake w ON w.enrollment = e.seq "                  \
  "WHERE g.state = 'provisional' "

static void read_case(struct db_rows *r, struct enroll_case *c) {
  struct slice held = db_blob(r, C_HELD);
  *c = (struct enroll_case){.t = {.device = db_int(r, C_DEVICE),
                                  .generation = db_int(r, C_GENERATION),
                                  .id = db_text(r, C_ID),
                                  .since = db_int(r, C_SINCE),
                                  .address = db_text(r, C_ADDRESS),
                                  .link = db_int(r, C_LINK),
                                  .link_by = db_text(r, C_LINK_BY),
                                  .former_address = db_text(r, C_FORMER_ADDRESS),
                                  .former_seen = db_int(r, C_FORMER_SEEN),
                                  .accepted_by = db_text(r, C_ACCEPTED_BY),
                                  .held = held.p != NULL,
                                  .woken_at = db_int(r, C_WOKEN)},
                            .blocked = db_int(r, C_BLOCKED) != 0,
                            .identity = db_blob(r, C_IDENTITY),
                            .fetched_at = db_int(r, C_FETCHED),
                            .uses_max = db_int(r, C_USES_MAX),
                            .held_token = held,
                            .held_topic = db_text(r, C_HELD_TOPIC),
                            .former = db_int(r, C_FORMER),
                            .former_known = db_int(r, C_FORMER_KNOWN) != 0,
                            .token = db_blob(r, C_TOKEN),
                            .token_at = db_int(r, C_TOKEN_AT),
                            .pushed = db_blob(r, C_PUSHED),
                            .status = db_int(r, C_STATUS),
                            .sent_at = db_int(r, C_SENT),
                            .dead_at = db_int(r, C_DEAD),
                            .gone_at = db_int(r, C_GONE)};
}

static enum err read_one(struct db_rows *r, struct enroll_case *out) {
  *out = (struct enroll_case){0};
  if (db_next(r)) read_case(r, out);
  return db_close(r);
}

enum err enroll_case_load(struct ctx *cx, struct db *db, int64_t generation, int64_t device, struct enroll_case *out) {
  struct db_rows r;
  if (generation)
    TRY(db_open_rows(cx, db, &r, CASES "AND g.seq = $1", DB_I(generation)));
  else
    TRY(db_open_rows(cx, db, &r, CASES "AND d.seq = $1", DB_I(device)));
  return read_one(&r, out);
}

enum err enroll_cases(struct ctx *cx, struct db *db, struct enroll_case **out, size_t *n) {
  struct db_rows r;
  size_t most = 16;
  *n = 0;
  *out = ctx_alloc(cx, most * sizeof **out);
  TRY(db_open_rows(cx, db, &r, CASES "ORDER BY g.seq"));
  while (db_next(&r)) {
    if (*n == most) {
      struct enroll_case *more = ctx_alloc(cx, 2 * most * sizeof *more);
      memcpy(more, *out, most * sizeof *more);
      *out = more;
      most *= 2;
    }
    read_case(&r, &(*out)[(*n)++]);
  }
  return db_close(&r);
}

enum err enroll_case_woken(struct ctx *cx, struct db *db, int64_t generation, int64_t at) {
  return db_run(cx, db, "UPDATE generation SET woken_at = $2 WHERE seq = $1", DB_I(generation), DB_I(at));
}

enum err enroll_case_anew(struct ctx *cx, struct db *db, int64_t generation, int64_t at) {
  return db_run(cx, db, "UPDATE generation SET authenticated_at = $2, woken_at = NULL WHERE seq = $1", DB_I(generation),
                DB_I(at));
}

enum err enroll_case_accepted(struct ctx *cx, struct db *db, int64_t generation, const char *by) {
  return db_run(cx, db, "UPDATE generation SET accepted_by = $2 WHERE seq = $1", DB_I(generation), DB_S(by));
}

enum err enroll_generation_way_in(struct ctx *cx, struct db *db, int64_t generation, const char *way) {
  return db_run(cx, db, "UPDATE generation SET way_in = $2 WHERE seq = $1", DB_I(generation), DB_S(way));
}

/* ---- what is held ---- */

enum err enroll_held_put(struct ctx *cx, struct db *db, int64_t generation, const struct enroll_ids *ids,
                         const struct enroll_token *t) {
  return db_run(cx, db,
                "INSERT INTO held_token (generation, id, type, topic, token, push_magic, token_at, user_short_name, "
                "user_long_name) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE $10 = 0 "
                "OR (SELECT count(*) FROM held_token o WHERE o.generation = $1 AND o.id <> $2) < $11 "
                "ON CONFLICT (generation, id) DO UPDATE SET type = excluded.type, topic = excluded.topic, "
                "token = excluded.token, push_magic = excluded.push_magic, token_at = excluded.token_at, "
                "user_short_name = coalesce(excluded.user_short_name, held_token.user_short_name), "
                "user_long_name = coalesce(excluded.user_long_name, held_token.user_long_name)",
                DB_I(generation), DB_S(ids->id), DB_S(ids->type), DB_S(t->topic), DB_B(t->token), DB_S(t->push_magic),
                DB_I(clock_now_us()), DB_S(ids->short_name), DB_S(ids->long_name), DB_I(ids->is_user), DB_I(HELD_MAX));
}

/* Those that nobody can come back to are forgotten with it. */
enum err enroll_held_save(struct ctx *cx, struct db *db, int64_t device, int64_t generation) {
  TRY(db_run(cx, db,
             "DELETE FROM held_token WHERE generation IN (SELECT g.seq FROM generation g WHERE g.device = $1 "
             "AND (g.seq = $2 OR (g.state = 'former' AND g.ended_at < $3)))",
             DB_I(device), DB_I(generation), DB_I(clock_now_us() - RETURN_DAYS * US_DAY)));
  return db_run(cx, db,
                "INSERT INTO held_token (generation, id, type, topic, token, push_magic, token_at, user_short_name, "
                "user_long_name) SELECT $2, id, type, topic, token, push_magic, token_at, user_short_name, "
                "user_long_name FROM enrollment WHERE device = $1 AND enabled = 1 AND token IS NOT NULL "
                "AND topic IS NOT NULL AND push_magic IS NOT NULL",
                DB_I(device), DB_I(generation));
}

enum err enroll_held_apply(struct ctx *cx, struct db *db, int64_t device, int64_t generation) {
  TRY(db_run(
      cx, db,
      "INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, token_at, token_update_tally, "
      "user_short_name, user_long_name, created_at, last_seen, last_address) "
      "SELECT h.id, $1, h.type, 1, h.topic, h.token, h.push_magic, h.token_at, 1, h.user_short_name, h.user_long_name, "
      "h.token_at, h.token_at, g.address FROM held_token h JOIN generation g ON g.seq = h.generation "
      "WHERE h.generation = $2 "
      "ON CONFLICT (id) DO UPDATE SET type = excluded.type, enabled = 1, topic = excluded.topic, "
      "token = excluded.token, push_magic = excluded.push_magic, token_at = excluded.token_at, "
      "token_update_tally = enrollment.token_update_tally + 1, last_seen = excluded.last_seen, "
      "last_address = excluded.last_address, "
      "user_short_name = coalesce(excluded.user_short_name, enrollment.user_short_name), "
      "user_long_name = coalesce(excluded.user_long_name, enrollment.user_long_name)",
      DB_I(device), DB_I(generation)));
  return db_run(cx, db, "DELETE FROM held_token WHERE generation = $1", DB_I(generation));
}

/* ---- what ends ---- */

/* What was opened for a device since, but not what an operator wants and is not in force yet. */
#define CLAIMS "g.device = $1 AND g.seq >= $2 AND (g.enrolled_at IS NOT NULL OR g.way_in IS NULL)"

enum err enroll_claims_end(struct ctx *cx, struct db *db, int64_t device, int64_t from, const char *by) {
  int64_t now = clock_now_us();
  TRY(db_run(cx, db,
             "UPDATE link SET revoked_at = $3, revoked_by = $4 WHERE revoked_at IS NULL AND seq IN "
             "(SELECT s.link FROM generation g JOIN enroll_session s ON s.seq = g.session WHERE " CLAIMS ")",
             DB_I(device), DB_I(from), DB_I(now), DB_S(by)));
  /* The same key would get another certificate by the same challenge. */
  TRY(db_run(cx, db,
             "UPDATE enroll_session SET expires_at = $3, key_hash = NULL WHERE seq IN "
             "(SELECT g.session FROM generation g WHERE " CLAIMS ")",
             DB_I(device), DB_I(from), DB_I(now)));
  TRY(db_run(cx, db,
             "UPDATE identity SET voided_at = $3 WHERE voided_at IS NULL "
             "AND device_id = (SELECT d.id FROM device d WHERE d.seq = $1) "
             "AND (generation >= $2 OR hash IN (SELECT g.identity FROM generation g WHERE " CLAIMS "))",
             DB_I(device), DB_I(from), DB_I(now)));
  TRY(db_run(cx, db, "DELETE FROM held_token WHERE generation IN (SELECT g.seq FROM generation g WHERE " CLAIMS ")",
             DB_I(device), DB_I(from)));
  TRY(db_run(
      cx, db,
      "UPDATE device SET pending = NULL WHERE seq = $1 AND pending IN (SELECT g.seq FROM generation g WHERE " CLAIMS
      " AND g.enrolled_at IS NULL)",
      DB_I(device), DB_I(from)));
  return db_run(cx, db,
                "DELETE FROM generation WHERE seq IN (SELECT g.seq FROM generation g WHERE " CLAIMS
                " AND g.enrolled_at IS NULL)",
                DB_I(device), DB_I(from));
}

/* ---- one that lost its device by silence ---- */

enum err enroll_lost_to(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32],
                        struct enroll_loss *out) {
  struct db_rows r;
  int64_t now = clock_now_us();
  *out = (struct enroll_loss){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT i.generation, t.seq FROM identity i JOIN device d ON d.id = i.device_id "
                   "JOIN generation t ON t.device = d.seq AND t.replaced = i.generation "
                   "WHERE i.hash = $1 AND d.seq = $2 AND i.voided_at IS NULL AND (i.ends_at IS NULL OR i.ends_at > $3) "
                   "AND i.generation <> d.generation AND t.way_in = 'silence' AND t.enrolled_at > $4 "
                   "AND NOT EXISTS (SELECT 1 FROM generation o WHERE o.device = d.seq AND o.seq > t.seq "
                   "AND o.way_in = 'operator' AND o.enrolled_at IS NOT NULL)",
                   DB_B(hash_slice(hash)), DB_I(device), DB_I(now), DB_I(now - RETURN_DAYS * US_DAY)));
  if (db_next(&r)) *out = (struct enroll_loss){.former = db_int(&r, 0), .usurper = db_int(&r, 1)};
  return db_close(&r);
}

enum err enroll_may_return(struct ctx *cx, struct db *db, int64_t device, const uint8_t hash[32], bool *may_return) {
  struct enroll_loss loss;
  TRY(enroll_lost_to(cx, db, device, hash, &loss));
  *may_return = loss.usurper != 0;
  return OK;
}

enum err enroll_generation_restore(struct ctx *cx, struct db *db, int64_t device, const struct enroll_loss *loss) {
  TRY(db_run(cx, db, "UPDATE generation SET replaced = NULL WHERE device = $1 AND seq >= $2", DB_I(device),
             DB_I(loss->usurper)));
  TRY(enroll_promote(cx, db, device, loss->former));
  TRY(enroll_held_apply(cx, db, device, loss->former));
  return db_run(cx, db,
                "DELETE FROM held_token WHERE generation IN "
                "(SELECT g.seq FROM generation g WHERE g.device = $1 AND g.state = 'former')",
                DB_I(device));
}

enum err enroll_reachable(struct ctx *cx, struct db *db, int64_t device, struct enroll_channels *out) {
  struct db_rows r;
  *out = (struct enroll_channels){.seq = ctx_alloc(cx, REACHABLE_MAX * sizeof *out->seq)};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq FROM enrollment e JOIN device d ON d.seq = e.device "
                   "WHERE d.seq = $1 AND e.enabled = 1 AND e.token IS NOT NULL "
                   "ORDER BY e.id <> d.id, e.last_seen DESC LIMIT $2",
                   DB_I(device), DB_I(REACHABLE_MAX)));
  while (db_next(&r)) out->seq[out->n++] = db_int(&r, 0);
  return db_close(&r);
}

/* ---- first contact of a migrated device ---- */

enum err enroll_generation_identify(struct ctx *cx, struct db *db, int64_t device, int64_t generation,
                                    const uint8_t hash[32]) {
  TRY(db_run(cx, db, "UPDATE generation SET identity = $2 WHERE seq = $1", DB_I(generation), DB_B(hash_slice(hash))));
  return db_run(cx, db, "UPDATE device SET contact_until = NULL WHERE seq = $1", DB_I(device));
}
