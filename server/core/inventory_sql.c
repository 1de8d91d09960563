#include "core/inventory_int.h"

#include <string.h>

/* ---- packed lists ---- */

enum { SCAN_HOLDS = 1 << 20 }; /* bytes that a scan keeps before it lets go of what was read */

enum err inventory_items(struct ctx *cx, struct db *db, int64_t enrollment, enum inventory_kind kind,
                         struct inventory_items *out) {
  struct db_rows r;
  struct slice packed = {0};
  *out = (struct inventory_items){0};
  TRY(db_open_rows(cx, db, &r, "SELECT at, items FROM inventory_list WHERE enrollment = $1 AND kind = $2",
                   DB_I(enrollment), DB_I(kind)));
  if (db_next(&r)) out->at = db_int(&r, 0), packed = db_blob(&r, 1);
  TRY(db_close(&r));
  return inventory_unpack(cx, packed, out);
}

enum err inventory_list_put(struct ctx *cx, struct db *db, int64_t enrollment, enum inventory_kind kind, int64_t at,
                            struct slice packed) {
  return db_run(cx, db,
                "INSERT INTO inventory_list (enrollment, kind, at, items) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (enrollment, kind) DO UPDATE SET at = excluded.at, items = excluded.items",
                DB_I(enrollment), DB_I(kind), DB_I(at), DB_B(packed));
}

void inventory_scan_next(struct inventory_scan *s) {
  if (s->held > SCAN_HOLDS) ctx_reset(s->own), s->held = 0;
  s->enrollment = INT64_MAX;
  if (!db_next(&s->rows)) return;
  s->enrollment = db_int(&s->rows, 0);
  s->kind = (enum inventory_kind)db_int(&s->rows, 1);
  s->at = db_int(&s->rows, 2);
  s->packed = db_blob(&s->rows, 3);
  s->held += s->packed.n;
}

enum err inventory_scan_open(struct ctx *cx, struct db *db, unsigned kinds, struct inventory_scan *s) {
  *s = (struct inventory_scan){.cx = cx, .own = ctx_new(), .enrollment = INT64_MAX};
  TRY(db_open_rows(cx, db, &s->rows,
                   "SELECT enrollment, kind, at, items FROM inventory_list WHERE (1 << kind) & $1 <> 0 "
                   "ORDER BY enrollment, kind",
                   DB_I(kinds)));
  s->rows.cx = s->own;
  inventory_scan_next(s);
  return OK;
}

enum err inventory_scan_close(struct inventory_scan *s) {
  enum err e = db_close(&s->rows);
  if (e != OK) e = FAIL(s->cx, e, "%s", ctx_error_text(s->own));
  ctx_free(s->own);
  s->own = NULL;
  return e;
}
