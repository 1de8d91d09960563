#include "core/audit_int.h"

#include "base/clock.h"

enum err audit_add(struct ctx *cx, struct db *db, const struct audit *a) {
  return db_run(cx, db,
                "INSERT INTO audit (at, who, kind, peer, act, object, status, trace, detail) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                DB_I(clock_now_us()), DB_S(a->who), DB_S(a->kind), DB_S(a->peer), DB_S(a->act), DB_S(a->object),
                DB_I(a->status), DB_S(a->trace), DB_S(a->detail));
}

enum err audit_list(struct ctx *cx, struct db *db, const struct audit_query *q, struct audit **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, ((size_t)q->most + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, at, who, kind, peer, act, object, status, trace, detail FROM audit "
                   "WHERE ($1 IS NULL OR who = $1) AND ($2 IS NULL OR act GLOB $2) "
                   "AND ($3 IS NULL OR object = $3) AND at >= $4 AND ($5 IS NULL OR at < $5) "
                   "AND ($6 IS NULL OR seq < $6) AND status >= $7 ORDER BY seq DESC LIMIT $8",
                   DB_S(q->who), DB_S(q->act), DB_S(q->object), DB_I(q->from), DB_NULL_IF(q->to == 0, DB_I(q->to)),
                   DB_NULL_IF(q->before == 0, DB_I(q->before)), DB_I(q->failed ? 400 : 0), DB_I(q->most)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct audit){.seq = db_int(&r, 0),
                                    .at = db_int(&r, 1),
                                    .who = db_text(&r, 2),
                                    .kind = db_text(&r, 3),
                                    .peer = db_text(&r, 4),
                                    .act = db_text(&r, 5),
                                    .object = db_text(&r, 6),
                                    .status = (int)db_int(&r, 7),
                                    .trace = db_text(&r, 8),
                                    .detail = db_text(&r, 9)};
  return db_close(&r);
}

enum err audit_sql_forget(struct ctx *cx, struct db *db, int64_t older_than, int64_t most, int64_t *n) {
  return db_run_n(cx, db, n, "DELETE FROM audit WHERE at < $1 AND seq IN (SELECT seq FROM audit ORDER BY seq LIMIT $2)",
                  DB_I(older_than), DB_I(most));
}
