#include "core/escrow_int.h"

#include "base/clock.h"

/* ---- taking in ---- */

enum err escrow_row_add(struct ctx *cx, struct db *db, const struct escrow_row *row, int64_t *seq, bool *fresh) {
  int64_t now = clock_now_us();
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT seq FROM escrow WHERE device = $1 AND kind = $2 AND digest = $3",
                   DB_I(row->device), DB_S(row->kind), DB_B(row->digest)));
  *seq = db_next(&r) ? db_int(&r, 0) : 0;
  TRY(db_close(&r));
  *fresh = *seq == 0;
  if (*fresh)
    return db_one_int(cx, db, seq,
                      "INSERT INTO escrow (device, kind, digest, value_sealed, command, at, confirmed_at, note) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING seq",
                      DB_I(row->device), DB_S(row->kind), DB_B(row->digest), DB_B(row->sealed), DB_S(row->command),
                      DB_I(now), DB_NULL_IF(!row->told, DB_I(now)), DB_S(row->note));
  if (!row->told)
    return db_run(cx, db, "UPDATE escrow SET command = $2 WHERE seq = $1", DB_I(*seq), DB_S(row->command));
  return db_run(cx, db, "UPDATE escrow SET command = $2, confirmed_at = $3, ended_at = NULL, note = $4 WHERE seq = $1",
                DB_I(*seq), DB_S(row->command), DB_I(now), DB_S(row->note));
}

enum err escrow_row_end(struct ctx *cx, struct db *db, int64_t device, const char *kind, int64_t but) {
  return db_run(cx, db,
                "UPDATE escrow SET ended_at = $4 WHERE device = $1 AND kind = $2 AND seq <> $3 "
                "AND confirmed_at IS NOT NULL AND ended_at IS NULL",
                DB_I(device), DB_S(kind), DB_I(but), DB_I(clock_now_us()));
}

enum err escrow_rows_of(struct ctx *cx, struct db *db, int64_t device, const char *command, int64_t *seqs, char **kinds,
                        size_t most, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT seq, kind FROM escrow WHERE device = $1 AND command = $2 LIMIT $3", DB_I(device),
                   DB_S(command), DB_I((int64_t)most)));
  for (; *n < most && db_next(&r); ++*n) {
    seqs[*n] = db_int(&r, 0);
    kinds[*n] = db_text(&r, 1);
  }
  return db_close(&r);
}

enum err escrow_row_confirm(struct ctx *cx, struct db *db, int64_t seq) {
  return db_run(cx, db, "UPDATE escrow SET confirmed_at = $2, ended_at = NULL WHERE seq = $1", DB_I(seq),
                DB_I(clock_now_us()));
}

enum err escrow_device(struct ctx *cx, struct db *db, const char *device_id, int64_t *device) {
  TRY(db_one_int(cx, db, device, "SELECT coalesce((SELECT seq FROM device WHERE id = $1), 0)", DB_S(device_id)));
  return *device ? OK : FAIL(cx, E_NOT_FOUND, "there is no device %s", device_id);
}

enum err escrow_device_id(struct ctx *cx, struct db *db, int64_t device, char **id) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT id FROM device WHERE seq = $1", DB_I(device)));
  *id = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err escrow_has_bypass_code(struct ctx *cx, struct db *db, int64_t device, bool *has) {
  int64_t n;
  TRY(db_one_int(cx, db, &n,
                 "SELECT count(*) FROM device d JOIN generation g ON g.seq = d.generation JOIN escrow s ON "
                 "s.device = d.seq AND s.kind = 'bypass-code' AND s.ended_at IS NULL "
                 "AND s.confirmed_at >= g.authenticated_at WHERE d.seq = $1",
                 DB_I(device)));
  *has = n > 0;
  return OK;
}

/* ---- for operators ---- */

static const char *state_of(const struct escrow_entry *e) {
  if (e->seq && !e->confirmed_at) return "waiting";
  if (e->ended_at) return "former";
  return e->kind == ESCROW_UNREAD_KEY ? "unread" : "in-force";
}

static enum err list_tokens(struct ctx *cx, struct db *db, int64_t device, struct escrow_entry *out, size_t *n) {
  for (enum escrow_kind k = ESCROW_BOOTSTRAP_TOKEN; k < ESCROW_ALL_KINDS; k++) {
    struct escrow_found f;
    TRY(escrow_find_token(cx, db, device, k, &f));
    if (f.seq) out[(*n)++] = (struct escrow_entry){.kind = k, .state = "in-force"};
  }
  for (size_t i = 0; i < *n; i++) {
    struct db_rows r;
    TRY(db_open_rows(
        cx, db, &r,
        "SELECT at, by, reason FROM escrow_reveal WHERE device = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1",
        DB_I(device), DB_S(escrow_word(out[i].kind))));
    if (db_next(&r)) {
      out[i].revealed_at = db_int(&r, 0);
      out[i].revealed_by = db_text(&r, 1);
      out[i].revealed_reason = db_text(&r, 2);
    }
    TRY(db_close(&r));
  }
  return OK;
}

enum err escrow_list(struct ctx *cx, struct db *db, int64_t device, struct escrow_entry **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (ESCROW_LIST_MOST + ESCROW_ALL_KINDS) * sizeof **out);
  *n = 0;
  TRY(list_tokens(cx, db, device, *out, n));
  TRY(db_open_rows(cx, db, &r,
                   "SELECT s.seq, s.kind, s.command, s.at, s.confirmed_at, s.ended_at, s.note, v.at, v.by, v.reason "
                   "FROM escrow s LEFT JOIN escrow_reveal v ON v.seq = (SELECT max(l.seq) FROM escrow_reveal l "
                   "WHERE l.device = s.device AND l.escrow = s.seq) WHERE s.device = $1 "
                   "ORDER BY s.confirmed_at IS NULL OR s.ended_at IS NOT NULL, s.seq DESC LIMIT $2",
                   DB_I(device), DB_I(ESCROW_LIST_MOST)));
  while (db_next(&r)) {
    struct escrow_entry *e = &(*out)[*n];
    *e = (struct escrow_entry){.seq = db_int(&r, 0),
                               .command = db_text(&r, 2),
                               .at = db_int(&r, 3),
                               .confirmed_at = db_int(&r, 4),
                               .ended_at = db_int(&r, 5),
                               .note = db_text(&r, 6),
                               .revealed_at = db_int(&r, 7),
                               .revealed_by = db_text(&r, 8),
                               .revealed_reason = db_text(&r, 9)};
    if (!escrow_named(db_text(&r, 1), &e->kind)) continue;
    e->state = state_of(e);
    ++*n;
  }
  return db_close(&r);
}

enum err escrow_find(struct ctx *cx, struct db *db, int64_t device, const char *kind, int64_t seq,
                     struct escrow_found *out) {
  struct db_rows r;
  *out = (struct escrow_found){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, value_sealed, confirmed_at IS NOT NULL AND ended_at IS NULL, at, note FROM escrow "
                   "WHERE device = $1 AND kind = $2 AND ($3 = 0 OR seq = $3) "
                   "ORDER BY confirmed_at IS NULL OR ended_at IS NOT NULL, seq DESC LIMIT 1",
                   DB_I(device), DB_S(kind), DB_I(seq)));
  if (db_next(&r))
    *out = (struct escrow_found){.seq = db_int(&r, 0),
                                 .sealed = db_blob(&r, 1),
                                 .in_force = db_int(&r, 2) != 0,
                                 .at = db_int(&r, 3),
                                 .note = db_text(&r, 4)};
  return db_close(&r);
}

enum err escrow_find_token(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind,
                           struct escrow_found *out) {
  struct db_rows r;
  *out = (struct escrow_found){.in_force = true};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq, g.bootstrap_token_sealed, g.unlock_token_sealed FROM device d "
                   "JOIN generation g ON g.seq = d.generation WHERE d.seq = $1",
                   DB_I(device)));
  if (db_next(&r)) out->sealed = db_blob(&r, kind == ESCROW_BOOTSTRAP_TOKEN ? 1 : 2);
  if (out->sealed.p) out->seq = db_int(&r, 0);
  return db_close(&r);
}

enum err escrow_record(struct ctx *cx, struct db *db, const struct escrow_ask *ask, int64_t escrow, int64_t *reveal) {
  return db_one_int(cx, db, reveal,
                    "INSERT INTO escrow_reveal (device, kind, escrow, at, by, reason) VALUES ($1, $2, $3, $4, $5, $6) "
                    "RETURNING seq",
                    DB_I(ask->device), DB_S(escrow_word(ask->kind)), DB_NULL_IF(escrow == 0, DB_I(escrow)),
                    DB_I(clock_now_us()), DB_S(ask->by), DB_S(ask->reason));
}

enum err escrow_replaces(struct ctx *cx, struct db *db, int64_t reveal, const char *command) {
  return db_run(cx, db, "UPDATE escrow_reveal SET rotate = $2 WHERE seq = $1", DB_I(reveal), DB_S(command));
}
