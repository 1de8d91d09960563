#include "core/enroll_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/event.h"

#include <string.h>

static struct slice hash_slice(const uint8_t *hash) { return slice_mem(hash, hash ? SHA256_LEN : 0); }

/* ---- what an identity may speak for ---- */

/* Columns of the row that judge reads. */
enum {
  F_DEVICE,
  F_GENERATION,
  F_PENDING,
  F_CHECKED_OUT,
  F_BLOCKED,
  F_UNENROLL,
  F_ENROLLMENT,
  F_TOPIC,
  F_BOUND_TO,
  F_COUNTS_FOR,
  F_VOIDED,
  F_ENDED,
  F_UNSEEN,
  F_OWN_PENDING,
  F_PROVISIONAL,
  F_ACCEPTED,
  F_FIRST_CONTACT
};

/* Not once an operator has let the other one in. */
static bool is_challenged(struct db_rows *r) { return db_int(r, F_PROVISIONAL) && !db_int(r, F_ACCEPTED); }

/* Nobody's identity yet: it may be the first one that is seen of a migrated device. */
static enum enroll_refusal judge_unbound(struct db_rows *r, struct enroll_channel *out) {
  if (!db_int(r, F_FIRST_CONTACT)) return ENROLL_UNBOUND;
  out->current = out->first_contact = true;
  out->challenged = is_challenged(r);
  return ENROLL_FINE;
}

static enum enroll_refusal judge_identity(struct db_rows *r, const struct enroll_ids *ids, struct enroll_channel *out) {
  const char *bound_to = db_text(r, F_BOUND_TO);
  bool pending = db_int(r, F_OWN_PENDING) != 0;
  if (!bound_to) return judge_unbound(r, out);
  if (strcmp(bound_to, ids->device) != 0) return ENROLL_MISUSED;
  if (db_int(r, F_VOIDED)) return ENROLL_VOIDED;
  if (db_int(r, F_ENDED)) return ENROLL_FORMER;
  out->current = out->generation && db_int(r, F_COUNTS_FOR) == out->generation;
  if (!out->current && !pending) return ENROLL_FORMER;
  out->pending = pending;
  out->contested = pending && !out->current && out->generation;
  out->provisional = pending && db_int(r, F_PROVISIONAL);
  out->challenged = out->current && !pending && is_challenged(r);
  if (pending) out->generation = db_int(r, F_PENDING);
  return ENROLL_FINE;
}

static enum enroll_refusal judge(struct db_rows *r, const struct enroll_ids *ids, struct enroll_channel *out) {
  struct enroll_channel otherwise = *out;
  if (!db_int(r, F_BLOCKED)) return judge_identity(r, ids, out);
  enum enroll_refusal refusal = judge_identity(r, ids, &otherwise);
  out->answers = refusal == ENROLL_FINE && otherwise.current && !otherwise.first_contact && !out->checked_out;
  return ENROLL_BLOCKED;
}

enum err enroll_find(struct ctx *cx, struct db *db, const struct enroll_ids *ids, const struct enroll_proof *proof,
                     struct enroll_channel *out) {
  struct db_rows r;
  *out = (struct enroll_channel){.refusal = ENROLL_UNKNOWN};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, d.generation, d.pending, d.checked_out_at IS NOT NULL, d.blocked_at IS NOT NULL, "
      "d.unenroll_at IS NOT NULL, e.seq, e.topic, i.device_id, i.generation, i.voided_at IS NOT NULL, "
      "coalesce(i.ends_at <= $4, 0), i.seen_at IS NULL, coalesce(p.identity = $3, 0), "
      "coalesce(p.state = 'provisional', 0), p.accepted_by IS NOT NULL, "
      "coalesce(CASE WHEN d.contact_hash IS NULL THEN d.contact_until > $4 ELSE d.contact_hash = $3 END "
      "AND g.seq IS NOT NULL AND g.identity IS NULL AND i.session IS NULL, 0) "
      "FROM device d LEFT JOIN enrollment e ON e.id = $2 AND (e.enabled = 1 OR e.id = $1) "
      "LEFT JOIN identity i ON i.hash = $3 "
      "LEFT JOIN generation p ON p.seq = d.pending LEFT JOIN generation g ON g.seq = d.generation WHERE d.id = $1",
      DB_S(ids->device), DB_S(ids->id), DB_B(hash_slice(proof->hash)), DB_I(clock_now_us())));
  if (db_next(&r)) {
    *out = (struct enroll_channel){.device = db_int(&r, F_DEVICE),
                                   .generation = db_int(&r, F_GENERATION),
                                   .checked_out = db_int(&r, F_CHECKED_OUT) != 0,
                                   .unenroll = db_int(&r, F_UNENROLL) != 0,
                                   .unseen = db_int(&r, F_UNSEEN) != 0,
                                   .enrollment = db_int(&r, F_ENROLLMENT),
                                   .topic = db_text(&r, F_TOPIC)};
    out->refusal = judge(&r, ids, out);
  }
  TRY(db_close(&r));
  bool served = out->refusal == ENROLL_FINE && out->current && !out->pending && !out->checked_out;
  if (out->unenroll && (served || out->answers)) return enroll_leaving(cx, db, out);
  if (out->refusal == ENROLL_FORMER) return enroll_may_return(cx, db, out->device, proof->hash, &out->may_return);
  if (out->refusal != ENROLL_UNKNOWN) return OK;
  /* A certificate of one device that names an unknown one is misuse, too. */
  struct enroll_identity i;
  TRY(enroll_identity_load(cx, db, proof->hash, &i));
  if (i.device_id && strcmp(i.device_id, ids->device) != 0) out->refusal = ENROLL_MISUSED;
  return OK;
}

/* ---- devices ---- */

enum err enroll_device_load(struct ctx *cx, struct db *db, const char *id, struct enroll_device *out) {
  struct db_rows r;
  *out = (struct enroll_device){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, generation, pending, checked_out_at IS NOT NULL, blocked_at IS NOT NULL, "
                   "released_until, serial_number "
                   "FROM device WHERE id = $1",
                   DB_S(id)));
  if (db_next(&r))
    *out = (struct enroll_device){.seq = db_int(&r, 0),
                                  .generation = db_int(&r, 1),
                                  .pending = db_int(&r, 2),
                                  .checked_out = db_int(&r, 3) != 0,
                                  .blocked = db_int(&r, 4) != 0,
                                  .released_until = db_int(&r, 5),
                                  .serial_number = db_text(&r, 6)};
  return db_close(&r);
}

enum err enroll_device_new(struct ctx *cx, struct db *db, const char *id, int64_t *seq) {
  return db_one_int(cx, db, seq, "INSERT INTO device (id, created_at) VALUES ($1, $2) RETURNING seq", DB_S(id),
                    DB_I(clock_now_us()));
}

/* What Authenticate leaves out (access rights, older systems) keeps its former value. */
enum err enroll_device_facts(struct ctx *cx, struct db *db, int64_t device, const struct enroll_facts *f) {
  return db_run(
      cx, db,
      "UPDATE device SET serial_number = coalesce($2, serial_number), device_name = coalesce($3, device_name), "
      "model = coalesce($4, model), model_name = coalesce($5, model_name), product_name = coalesce($6, product_name), "
      "os_version = coalesce($7, os_version), build_version = coalesce($8, build_version), imei = coalesce($9, imei), "
      "meid = coalesce($10, meid) WHERE seq = $1",
      DB_I(device), DB_S(f->serial_number), DB_S(f->device_name), DB_S(f->model), DB_S(f->model_name),
      DB_S(f->product_name), DB_S(f->os_version), DB_S(f->build_version), DB_S(f->imei), DB_S(f->meid));
}

enum err enroll_device_set_pending(struct ctx *cx, struct db *db, int64_t device, int64_t generation) {
  return db_run(cx, db, "UPDATE device SET pending = $2 WHERE seq = $1", DB_I(device), DB_I(generation));
}

enum err enroll_device_set_out(struct ctx *cx, struct db *db, int64_t device, int64_t now) {
  return db_run(cx, db, "UPDATE device SET checked_out_at = $2 WHERE seq = $1", DB_I(device), DB_I(now));
}

enum err enroll_device_set_released(struct ctx *cx, struct db *db, const char *id, int64_t until, int64_t *changed) {
  return db_run_n(cx, db, changed, "UPDATE device SET released_until = $2 WHERE id = $1", DB_S(id), DB_I(until));
}

/* ---- identities ---- */

enum err enroll_identity_load(struct ctx *cx, struct db *db, const uint8_t hash[32], struct enroll_identity *out) {
  struct db_rows r;
  *out = (struct enroll_identity){0};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT i.device_id, i.voided_at IS NOT NULL, s.seq, s.kind = 'renew', s.link IS NOT NULL, s.device, s.given, "
      "i.generation, coalesce(i.ends_at <= $2, 0), l.revoked_at IS NOT NULL "
      "FROM identity i LEFT JOIN enroll_session s ON s.seq = i.session LEFT JOIN link l ON l.seq = s.link "
      "WHERE i.hash = $1",
      DB_B(hash_slice(hash)), DB_I(clock_now_us())));
  if (db_next(&r))
    *out = (struct enroll_identity){.known = true,
                                    .device_id = db_text(&r, 0),
                                    .voided = db_int(&r, 1) != 0,
                                    .session = db_int(&r, 2),
                                    .renews = db_int(&r, 3) != 0,
                                    .from_link = db_int(&r, 4) != 0,
                                    .session_device = db_text(&r, 5),
                                    .given = db_text(&r, 6),
                                    .generation = db_int(&r, 7),
                                    .ended = db_int(&r, 8) != 0,
                                    .link_revoked = db_int(&r, 9) != 0};
  return db_close(&r);
}

enum err enroll_identity_add(struct ctx *cx, struct db *db, const struct pki_cert *cert, int64_t session,
                             const char *transaction_id) {
  return db_run(cx, db,
                "INSERT INTO identity (hash, cert, session, transaction_id, not_before, not_after, created_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                DB_B(hash_slice(pki_cert_sha256(cert))), DB_B(pki_cert_der(cert)),
                DB_NULL_IF(session == 0, DB_I(session)), DB_S(transaction_id), DB_I(pki_cert_not_before(cert)),
                DB_I(pki_cert_not_after(cert)), DB_I(clock_now_us()));
}

enum err enroll_identity_issuers(struct ctx *cx, struct db *db, const uint8_t hash[32], struct slice ders) {
  return db_run(cx, db, "UPDATE identity SET issuers = $2 WHERE hash = $1", DB_B(hash_slice(hash)), DB_B(ders));
}

/* A generation of 0 leaves what it counts for as it is: that changes when the pending one comes into force. */
enum err enroll_identity_bind(struct ctx *cx, struct db *db, const uint8_t hash[32], const char *device_id,
                              int64_t generation) {
  return db_run(
      cx, db,
      "UPDATE identity SET device_id = $2, bound_at = coalesce(bound_at, $3), generation = coalesce($4, generation) "
      "WHERE hash = $1",
      DB_B(hash_slice(hash)), DB_S(device_id), DB_I(clock_now_us()), DB_NULL_IF(generation == 0, DB_I(generation)));
}

enum err enroll_identity_told(struct ctx *cx, struct db *db, const uint8_t hash[32], int64_t since, bool *told) {
  int64_t changed;
  TRY(db_run_n(cx, db, &changed, "UPDATE identity SET misused_at = $2 WHERE hash = $1 AND coalesce(misused_at, 0) < $3",
               DB_B(hash_slice(hash)), DB_I(clock_now_us()), DB_I(since)));
  *told = changed == 0;
  return OK;
}

enum err enroll_identity_end(struct ctx *cx, struct db *db, int64_t generation, int64_t *not_after) {
  return db_one_int(cx, db, not_after,
                    "SELECT coalesce(max(i.not_after), 0) FROM generation g JOIN device d ON d.seq = g.device "
                    "JOIN identity i ON i.device_id = d.id AND i.generation = g.seq WHERE g.seq = $1",
                    DB_I(generation));
}

/* ---- generations ---- */

enum err enroll_generation_new(struct ctx *cx, struct db *db, const struct enroll_generation *g, int64_t *seq) {
  return db_one_int(cx, db, seq,
                    "INSERT INTO generation (device, state, identity, session, authenticated_at, topic, facts, given, "
                    "replaced, way_in, address) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING seq",
                    DB_I(g->device), DB_S(g->provisional ? "provisional" : "pending"), DB_B(hash_slice(g->identity)),
                    DB_NULL_IF(g->session == 0, DB_I(g->session)), DB_I(clock_now_us()), DB_S(g->topic), DB_S(g->facts),
                    DB_S(g->given), DB_NULL_IF(g->replaced == 0, DB_I(g->replaced)), DB_S(g->way_in), DB_S(g->address));
}

enum err enroll_generation_again(struct ctx *cx, struct db *db, int64_t seq, const char *facts) {
  return db_run(cx, db, "UPDATE generation SET facts = $2 WHERE seq = $1", DB_I(seq), DB_S(facts));
}

/* Nothing came of it, and events tell of it: a device that authenticates without end leaves no rows here. */
enum err enroll_generation_drop(struct ctx *cx, struct db *db, int64_t pending) {
  TRY(db_run(
      cx, db,
      "UPDATE device SET pending = NULL WHERE pending = $1 AND seq = (SELECT device FROM generation WHERE seq = $1)",
      DB_I(pending)));
  TRY(db_run(cx, db, "DELETE FROM held_token WHERE generation = $1", DB_I(pending)));
  return db_run(cx, db, "DELETE FROM generation WHERE seq = $1 AND state IN ('pending', 'provisional')", DB_I(pending));
}

enum err enroll_awaited(struct ctx *cx, struct db *db, int64_t pending, const uint8_t identity[32], int64_t since,
                        bool *awaited) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT count(*) FROM generation WHERE seq = $1 AND identity <> $2 AND authenticated_at > $3 "
                 "AND (way_in = 'operator' OR accepted_by IS NOT NULL)",
                 DB_I(pending), DB_B(hash_slice(identity)), DB_I(since)));
  *awaited = n > 0;
  return OK;
}

enum err enroll_generation_promote(struct ctx *cx, struct db *db, int64_t device, int64_t seq) {
  int64_t now = clock_now_us();
  TRY(db_run(cx, db, "UPDATE generation SET state = 'former', ended_at = $2 WHERE device = $1 AND state = 'current'",
             DB_I(device), DB_I(now)));
  TRY(db_run(cx, db, "UPDATE generation SET state = 'current', enrolled_at = $2, ended_at = NULL WHERE seq = $1",
             DB_I(seq), DB_I(now)));
  TRY(db_run(cx, db,
             "UPDATE identity SET generation = $1 WHERE hash = (SELECT identity FROM generation WHERE seq = $1)",
             DB_I(seq)));
  return db_run(cx, db,
                "UPDATE device SET generation = $2, pending = nullif(pending, $2), checked_out_at = NULL, "
                "released_until = NULL, unenroll_at = NULL, unenroll_by = NULL, unenroll_command = NULL WHERE seq = $1",
                DB_I(device), DB_I(seq));
}

enum err enroll_generation_facts(struct ctx *cx, struct db *db, int64_t seq, char **facts) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT facts FROM generation WHERE seq = $1", DB_I(seq)));
  *facts = db_next(&r) ? db_text(&r, 0) : NULL;
  TRY(db_close(&r));
  return *facts ? OK : FAIL(cx, E_INTERNAL, "generation %lld is missing", (long long)seq);
}

enum err enroll_generation_secrets(struct ctx *cx, struct db *db, int64_t seq, struct slice unlock_token_sealed,
                                   int awaiting) {
  return db_run(cx, db,
                "UPDATE generation SET unlock_token_sealed = coalesce($2, unlock_token_sealed), "
                "awaiting_configuration = coalesce($3, awaiting_configuration) WHERE seq = $1",
                DB_I(seq), DB_B(unlock_token_sealed), DB_NULL_IF(awaiting < 0, DB_I(awaiting)));
}

enum err enroll_erased(struct ctx *cx, struct db *db, int64_t device, int64_t generation, int64_t silence,
                       bool *erased) {
  int64_t n;
  TRY(db_one_int(
      cx, db, &n,
      "SELECT count(*) FROM enrollment e JOIN target t ON t.enrollment = e.seq JOIN command c ON c.seq = t.command "
      "JOIN generation g ON g.seq = $2 WHERE e.device = $1 AND c.request_type = 'EraseDevice' "
      "AND t.last_sent_at >= coalesce(g.enrolled_at, g.authenticated_at) AND (t.status = 'Acknowledged' OR "
      "(t.waiting = 1 AND t.last_sent_at < $3 AND coalesce(e.last_seen, 0) <= t.last_sent_at))",
      DB_I(device), DB_I(generation), DB_I(clock_now_us() - silence)));
  *erased = n > 0;
  return OK;
}

/* ---- channels ---- */

enum err enroll_channel_off(struct ctx *cx, struct db *db, int64_t device, const char *only_id) {
  return db_run(cx, db,
                "UPDATE enrollment SET enabled = 0, token_update_tally = 0 WHERE device = $1 AND id = coalesce($2, id)",
                DB_I(device), DB_S(only_id));
}

enum err enroll_channel_count(struct ctx *cx, struct db *db, int64_t device, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM enrollment WHERE device = $1", DB_I(device));
}

enum err enroll_channel_load(struct ctx *cx, struct db *db, const char *id, struct enroll_channel_row *out) {
  struct db_rows r;
  *out = (struct enroll_channel_row){0};
  TRY(db_open_rows(cx, db, &r, "SELECT seq, token, coalesce(push_magic, ''), enabled FROM enrollment WHERE id = $1",
                   DB_S(id)));
  if (db_next(&r))
    *out = (struct enroll_channel_row){
        .seq = db_int(&r, 0), .token = db_blob(&r, 1), .push_magic = db_text(&r, 2), .enabled = db_int(&r, 3) != 0};
  return db_close(&r);
}

enum err enroll_channel_save(struct ctx *cx, struct db *db, const struct enroll_ids *ids, int64_t device,
                             const struct enroll_token *t, int64_t *seq) {
  return db_one_int(
      cx, db, seq,
      "INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, token_at, token_update_tally, "
      "user_short_name, user_long_name, created_at) VALUES ($1, $2, $3, 1, $4, $5, $6, $7, 1, $8, $9, $7) "
      "ON CONFLICT (id) DO UPDATE SET type = excluded.type, enabled = 1, topic = excluded.topic, "
      "token = excluded.token, push_magic = excluded.push_magic, token_at = excluded.token_at, "
      "token_update_tally = enrollment.token_update_tally + 1, "
      "user_short_name = coalesce(excluded.user_short_name, enrollment.user_short_name), "
      "user_long_name = coalesce(excluded.user_long_name, enrollment.user_long_name) RETURNING seq",
      DB_S(ids->id), DB_I(device), DB_S(ids->type), DB_S(t->topic), DB_B(t->token), DB_S(t->push_magic),
      DB_I(clock_now_us()), DB_S(ids->short_name), DB_S(ids->long_name));
}

enum err enroll_channels_of(struct ctx *cx, struct db *db, int64_t device, struct enroll_channels *out) {
  struct db_rows r;
  size_t most = 4;
  *out = (struct enroll_channels){.seq = ctx_alloc(cx, most * sizeof *out->seq)};
  TRY(db_open_rows(cx, db, &r, "SELECT seq FROM enrollment WHERE device = $1 ORDER BY seq", DB_I(device)));
  while (db_next(&r)) {
    if (out->n == most) {
      int64_t *more = ctx_alloc(cx, 2 * most * sizeof *more);
      memcpy(more, out->seq, most * sizeof *more);
      out->seq = more;
      most *= 2;
    }
    out->seq[out->n++] = db_int(&r, 0);
  }
  return db_close(&r);
}

enum err enroll_siblings(struct ctx *cx, struct db *db, int64_t enrollment, struct enroll_channels *out) {
  int64_t device;
  TRY(db_one_int(cx, db, &device, "SELECT device FROM enrollment WHERE seq = $1", DB_I(enrollment)));
  return enroll_channels_of(cx, db, device, out);
}

enum err enroll_seen_again(struct ctx *cx, struct db *db, const char *id, int64_t device) {
  int64_t told;
  TRY(db_one_int(cx, db, &told,
                 "SELECT count(*) FROM event v JOIN device d ON d.seq = $2 WHERE v.enrollment = $1 "
                 "AND v.kind = 'device.seen-after-checkout' AND v.at >= d.checked_out_at",
                 DB_S(id), DB_I(device)));
  return told ? OK : event_add(cx, db, "device.seen-after-checkout", id, NULL);
}

enum err enroll_touch(struct ctx *cx, struct db *db, int64_t enrollment, int64_t at, const char *address,
                      const char *agent) {
  TRY(db_run(cx, db, "UPDATE enrollment SET last_seen = $2 WHERE seq = $1", DB_I(enrollment), DB_I(at)));
  /* Named in an UPDATE, an address is taken out of its index and put back, even when it is the same. */
  return db_run(cx, db,
                "UPDATE enrollment SET last_address = $2, last_agent = coalesce($3, last_agent) WHERE seq = $1"
                " AND (last_address IS DISTINCT FROM $2 OR last_agent IS DISTINCT FROM coalesce($3, last_agent))",
                DB_I(enrollment), DB_S(address), DB_S(agent));
}

/* ---- links and sessions ---- */

enum err enroll_link_load(struct ctx *cx, struct db *db, const uint8_t hash[32], struct enroll_link_row *out) {
  struct db_rows r;
  *out = (struct enroll_link_row){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, expires_at, uses_max, uses, downloads, revoked_at IS NOT NULL, device FROM link "
                   "WHERE token_hash = $1",
                   DB_B(hash_slice(hash))));
  if (db_next(&r))
    *out = (struct enroll_link_row){.seq = db_int(&r, 0),
                                    .expires_at = db_int(&r, 1),
                                    .uses_max = db_int(&r, 2),
                                    .uses = db_int(&r, 3),
                                    .downloads = db_int(&r, 4),
                                    .revoked = db_int(&r, 5) != 0,
                                    .device = db_text(&r, 6)};
  return db_close(&r);
}

enum err enroll_link_add(struct ctx *cx, struct db *db, const struct enroll_link *what, const uint8_t hash[32],
                         int64_t expires_at) {
  return db_run(cx, db,
                "INSERT INTO link (token_hash, created_at, created_by, expires_at, uses_max, device) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                DB_B(hash_slice(hash)), DB_I(clock_now_us()), DB_S(what->by), DB_I(expires_at), DB_I(what->uses),
                DB_S(what->device));
}

enum err enroll_link_count(struct ctx *cx, struct db *db, int64_t seq, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(*) FROM link WHERE seq = $1", DB_I(seq));
}

enum err enroll_link_set_revoked(struct ctx *cx, struct db *db, int64_t seq, const char *by, int64_t *changed) {
  return db_run_n(cx, db, changed,
                  "UPDATE link SET revoked_at = $2, revoked_by = $3 WHERE seq = $1 AND revoked_at IS NULL", DB_I(seq),
                  DB_I(clock_now_us()), DB_S(by));
}

enum err enroll_link_downloaded(struct ctx *cx, struct db *db, int64_t seq) {
  return db_run(cx, db, "UPDATE link SET downloads = downloads + 1 WHERE seq = $1", DB_I(seq));
}

enum err enroll_session_add(struct ctx *cx, struct db *db, const struct enroll_session_row *s) {
  return db_run(
      cx, db,
      "INSERT INTO enroll_session (id, kind, link, device, challenge_hash, created_at, expires_at, issues_max, given) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
      DB_S(s->id), DB_S(s->kind), DB_NULL_IF(s->link == 0, DB_I(s->link)), DB_S(s->device),
      DB_B(hash_slice(s->challenge_hash)), DB_I(clock_now_us()), DB_I(s->expires_at), DB_I(s->issues_max),
      DB_S(s->given));
}
