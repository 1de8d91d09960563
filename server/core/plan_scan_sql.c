/* The plans of all channels, one after the other: what is read of one is gone with the next ones. */
#include "core/plan_int.h"

enum { SCAN_HOLDS = 1 << 20, ITEM_HOLDS = 256 }; /* bytes that are held of rows that were read; about, of one item */

static enum err scan_close(struct ctx *cx, struct db_rows *rows, struct ctx **own) {
  enum err e = db_close(rows);
  if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(*own));
  ctx_free(*own);
  *own = NULL;
  return e;
}

/* ---- items ---- */

enum err plan_sql_scan_open(struct ctx *cx, struct db *db, struct plan_item_scan *s) {
  *s = (struct plan_item_scan){.own = {ctx_new(), ctx_new()}, .item.enrollment = INT64_MAX};
  enum err e = db_open_rows(cx, db, &s->rows, PLAN_ITEM " FROM plan_item i ORDER BY i.enrollment, i.thing");
  if (e != OK) {
    ctx_free(s->own[0]);
    ctx_free(s->own[1]);
    return e;
  }
  s->rows.cx = s->own[0];
  plan_sql_scan_next(s);
  return OK;
}

void plan_sql_scan_next(struct plan_item_scan *s) {
  if (s->held > SCAN_HOLDS) {
    s->turn = !s->turn;
    s->held = 0;
    s->rows.cx = s->own[s->turn];
    ctx_reset(s->rows.cx);
  }
  while (db_next(&s->rows)) {
    s->held += ITEM_HOLDS;
    if (plan_sql_take_item(&s->rows, &s->item)) return;
  }
  s->item.enrollment = INT64_MAX;
}

enum err plan_sql_scan_close(struct ctx *cx, struct plan_item_scan *s) {
  enum err e = scan_close(cx, &s->rows, &s->own[s->turn]);
  ctx_free(s->own[!s->turn]);
  return e;
}

/* ---- what was given ---- */

enum err plan_sql_givens_open(struct ctx *cx, struct db *db, struct plan_given_scan *s) {
  *s = (struct plan_given_scan){.own = ctx_new(), .enrollment = INT64_MAX};
  enum err e = db_open_rows(cx, db, &s->rows, "SELECT enrollment, given FROM plan_given ORDER BY enrollment");
  if (e != OK) return ctx_free(s->own), e;
  s->rows.cx = s->own;
  plan_sql_givens_next(s);
  return OK;
}

void plan_sql_givens_next(struct plan_given_scan *s) {
  if (s->held > SCAN_HOLDS) ctx_reset(s->own), s->held = 0;
  s->enrollment = INT64_MAX;
  if (!db_next(&s->rows)) return;
  s->enrollment = db_int(&s->rows, 0);
  s->packed = db_blob(&s->rows, 1);
  s->held += s->packed.n;
}

enum err plan_sql_givens_close(struct ctx *cx, struct plan_given_scan *s) { return scan_close(cx, &s->rows, &s->own); }
