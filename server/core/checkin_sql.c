#include "core/checkin_int.h"

enum err checkin_tally(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *tally) {
  return db_one_int(cx, db, tally, "SELECT token_update_tally FROM enrollment WHERE seq = $1", DB_I(enrollment));
}

enum err checkin_generations(struct ctx *cx, struct db *db, const struct enroll_channel *ch,
                             struct checkin_generations *out) {
  struct db_rows r;
  *out = (struct checkin_generations){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq FROM generation g JOIN device d ON d.seq = g.device "
                   "WHERE d.seq = $1 AND (g.seq = $2 OR (g.seq = d.generation AND $3 = 1)) ORDER BY g.seq",
                   DB_I(ch->device), DB_I(ch->generation), DB_I(ch->current)));
  while (db_next(&r) && out->n < 2) out->seq[out->n++] = db_int(&r, 0);
  return db_close(&r);
}

enum err checkin_put_bootstrap_token(struct ctx *cx, struct db *db, int64_t generation, struct slice sealed) {
  return db_run(cx, db, "UPDATE generation SET bootstrap_token_sealed = $2 WHERE seq = $1", DB_I(generation),
                DB_B(sealed));
}

enum err checkin_get_bootstrap_token(struct ctx *cx, struct db *db, int64_t device, int64_t *generation,
                                     struct slice *sealed) {
  struct db_rows r;
  *generation = 0;
  *sealed = (struct slice){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq, g.bootstrap_token_sealed FROM device d JOIN generation g ON g.seq = d.generation "
                   "WHERE d.seq = $1",
                   DB_I(device)));
  if (db_next(&r)) *generation = db_int(&r, 0), *sealed = db_blob(&r, 1);
  return db_close(&r);
}

enum err checkin_set_awaiting(struct ctx *cx, struct db *db, int64_t generation, int awaiting) {
  return db_run(cx, db, "UPDATE generation SET awaiting_configuration = $2 WHERE seq = $1", DB_I(generation),
                DB_I(awaiting));
}

enum err checkin_awaits(struct ctx *cx, struct db *db, int64_t device, bool *awaits) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT count(*) FROM device d JOIN generation g ON g.seq = d.generation "
                 "WHERE d.seq = $1 AND g.awaiting_configuration = 1",
                 DB_I(device)));
  *awaits = n != 0;
  return OK;
}

enum err checkin_asked_bypass_code(struct ctx *cx, struct db *db, int64_t enrollment, bool *asked) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT count(*) FROM enrollment e JOIN device d ON d.seq = e.device "
                 "JOIN generation g ON g.seq = d.generation JOIN target t ON t.enrollment = e.seq "
                 "JOIN command c ON c.seq = t.command WHERE e.seq = $1 AND t.queued_at >= g.enrolled_at "
                 "AND c.request_type = 'ActivationLockBypassCode'",
                 DB_I(enrollment)));
  *asked = n != 0;
  return OK;
}

enum { TOKENS_MAX = 50 }; /* of one job: those of a device that was on trial are fewer */

enum err checkin_tokens(struct ctx *cx, struct db *db, int64_t device, struct checkin_token **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, TOKENS_MAX * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.id, e.id, e.type, e.user_short_name, e.user_long_name, e.topic, e.push_magic, e.token, "
                   "e.token_update_tally FROM enrollment e JOIN device d ON d.seq = e.device "
                   "WHERE e.device = $1 AND e.enabled = 1 ORDER BY e.id <> d.id, e.seq LIMIT $2",
                   DB_I(device), DB_I(TOKENS_MAX)));
  while (db_next(&r)) {
    struct checkin_token *t = &(*out)[(*n)++];
    t->ids = (struct enroll_ids){.device = db_text(&r, 0),
                                 .id = db_text(&r, 1),
                                 .type = db_text(&r, 2),
                                 .short_name = db_text(&r, 3),
                                 .long_name = db_text(&r, 4)};
    t->ids.is_user = !slice_is(slice_of(t->ids.id), t->ids.device);
    t->topic = db_text(&r, 5);
    t->push_magic = db_text(&r, 6);
    t->token = db_blob(&r, 7);
    t->tally = db_int(&r, 8);
  }
  return db_close(&r);
}
