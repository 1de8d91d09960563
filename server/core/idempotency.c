#include "core/idempotency_int.h"

#include "base/clock.h"
#include "core/vault.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 150, UNFORGOTTEN = 256 };

/* The last failures of ours whose rows stayed, since nothing could be written. */
struct unforgotten {
  size_t n;
  struct {
    uint8_t digest[32];
    int64_t at;
  } last[UNFORGOTTEN];
};

static const char *about(struct ctx *cx, const struct idempotency_request *rq) {
  return ctx_printf(cx, "idempotency.body %s %s", rq->who, rq->key);
}

/* A body may hold a PIN: of its bare digest a copy of the database would tell which of a million it was. */
static struct idempotency_request hidden(struct ctx *cx, struct core *core, const struct idempotency_request *rq) {
  struct idempotency_request out = *rq;
  vault_mac(cx, core->vault, "idempotency.digest", slice_mem(rq->digest, sizeof rq->digest), out.digest);
  return out;
}

static enum err again(struct ctx *cx, struct core *core, const struct idempotency_request *rq,
                      const struct idempotency_row *row, struct idempotency_answer *answer) {
  if (row->digest.n != sizeof rq->digest || memcmp(row->digest.p, rq->digest, sizeof rq->digest) != 0)
    return FAIL(cx, E_KEY_REUSED, "this Idempotency-Key came with another request before");
  if (row->status == 0)
    return FAIL(cx, E_CONFLICT,
                "the request with this Idempotency-Key is being done, or the server ended while it was: see what "
                "became of it, and use another key to do it again");
  if (row->type && !row->sealed.p)
    return FAIL(
        cx, E_CONFLICT,
        "the request with this Idempotency-Key was done (%d), but its answer is not kept, since it held secrets "
        "or was too large: see what became of it, and use another key to do it again",
        (int)row->status);
  *answer = (struct idempotency_answer){.status = (int)row->status, .type = row->type, .etag = row->etag};
  return row->sealed.p ? vault_unseal(cx, core->vault, about(cx, rq), row->sealed, &answer->body) : OK;
}

struct unforgotten *unforgotten_new(void) {
  return mem_alloc(sizeof(struct unforgotten));
}
void unforgotten_free(struct unforgotten *u) { free(u); }

void idempotency_not_forgotten(struct ctx *cx, struct core *core, const struct idempotency_request *rq) {
  struct unforgotten *u = core->unforgotten;
  if (!u) return;
  struct idempotency_request stored = hidden(cx, core, rq);
  size_t i = u->n++ % UNFORGOTTEN;
  memcpy(u->last[i].digest, stored.digest, sizeof stored.digest);
  u->last[i].at = rq->at;
}

static bool is_unforgotten(const struct unforgotten *u, const struct idempotency_row *row) {
  bool is = false;
  for (size_t i = 0; u && i < UNFORGOTTEN && i < u->n; i++)
    is = is ||
         (u->last[i].at == row->at && slice_eq(row->digest, slice_mem(u->last[i].digest, sizeof u->last[i].digest)));
  return is;
}

static bool is_over(const struct core *core, const struct idempotency_row *row) {
  return row->at <= clock_now_us() - US_DAY || (row->status == 0 && is_unforgotten(core->unforgotten, row));
}

enum err idempotency_begin(struct ctx *cx, struct db *db, struct core *core, struct idempotency_request *rq,
                           bool *first, struct idempotency_answer *answer) {
  struct idempotency_row row;
  struct idempotency_request stored = hidden(cx, core, rq);
  *first = false;
  enum err e = idempotency_read(cx, db, &stored, &row);
  if (e == OK && !is_over(core, &row)) return again(cx, core, &stored, &row, answer);
  if (e != OK && e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  *first = true;
  rq->at = clock_now_us();
  if (e == OK) TRY(idempotency_delete(cx, db, &stored));
  return idempotency_insert(cx, db, &stored, rq->at);
}

enum err idempotency_end(struct ctx *cx, struct db *db, struct core *core, const struct idempotency_request *rq,
                         const struct idempotency_answer *answer) {
  bool kept = !answer->reveals && answer->body.n <= IDEMPOTENCY_BODY_MAX;
  struct idempotency_row row = {.status = answer->status};
  if (answer->etag) row.etag = ctx_strdup(cx, answer->etag);
  if (answer->status >= 500) return idempotency_delete(cx, db, rq);
  if (kept && answer->body.n) TRY(vault_seal(cx, core->vault, about(cx, rq), answer->body, &row.sealed));
  if (!kept || (answer->body.n && answer->type)) row.type = ctx_strdup(cx, answer->type ? answer->type : "");
  return idempotency_update(cx, db, rq, &row);
}

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  return idempotency_delete_older(cx, db, clock_now_us() - US_DAY, CHUNK, arg);
}

enum err idempotency_chore(struct ctx *cx, struct core *core) {
  int64_t n = CHUNK;
  while (n == CHUNK) TRY(db_call(cx, core->store, forget_job, &n));
  return OK;
}
