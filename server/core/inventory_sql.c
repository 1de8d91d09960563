#include "core/inventory_int.h"

#include "base/clock.h"
#include "core/queue.h"

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
  inventory_unpack(cx, packed, out);
  return OK;
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

/* ---- answers ---- */

enum err inventory_row_find(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                            struct inventory_row *out) {
  struct db_rows r;
  *out = (struct inventory_row){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT at, changed_at, misfits, digest FROM inventory_answer "
                   "WHERE enrollment = $1 AND request_type = $2",
                   DB_I(enrollment), DB_S(request_type)));
  if (db_next(&r))
    *out = (struct inventory_row){
        .at = db_int(&r, 0), .changed_at = db_int(&r, 1), .misfits = db_int(&r, 2), .digest = db_blob(&r, 3)};
  return db_close(&r);
}

enum err inventory_row_answer(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                              struct slice *answer) {
  struct db_rows r;
  *answer = (struct slice){0};
  TRY(db_open_rows(cx, db, &r, "SELECT answer FROM inventory_answer WHERE enrollment = $1 AND request_type = $2",
                   DB_I(enrollment), DB_S(request_type)));
  if (db_next(&r)) *answer = db_blob(&r, 0);
  return db_close(&r);
}

enum err inventory_row_listed(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                              const char **listed) {
  struct db_rows r;
  *listed = NULL;
  TRY(db_open_rows(cx, db, &r, "SELECT listed FROM inventory_answer WHERE enrollment = $1 AND request_type = $2",
                   DB_I(enrollment), DB_S(request_type)));
  if (db_next(&r)) *listed = db_text(&r, 0);
  return db_close(&r);
}

enum err inventory_row_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                           const struct inventory_row *row) {
  return db_run(cx, db,
                "INSERT INTO inventory_answer (enrollment, request_type, at, changed_at, misfits, digest, answer, "
                "listed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (enrollment, request_type) DO UPDATE SET "
                "at = excluded.at, changed_at = excluded.changed_at, misfits = excluded.misfits, "
                "digest = excluded.digest, answer = excluded.answer, listed = excluded.listed",
                DB_I(enrollment), DB_S(request_type), DB_I(row->at), DB_I(row->changed_at), DB_I(row->misfits),
                DB_B(row->digest), DB_B(row->answer), DB_S(row->listed));
}

enum err inventory_row_again(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type, int64_t at) {
  return db_run(cx, db, "UPDATE inventory_answer SET at = $3 WHERE enrollment = $1 AND request_type = $2",
                DB_I(enrollment), DB_S(request_type), DB_I(at));
}

/* ---- facts ---- */

enum err inventory_facts_find(struct ctx *cx, struct db *db, int64_t device, char **facts) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT facts FROM inventory WHERE device = $1", DB_I(device)));
  *facts = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err inventory_facts_put(struct ctx *cx, struct db *db, int64_t device, struct slice facts) {
  return db_run(cx, db,
                "INSERT INTO inventory (device, facts) VALUES ($1, $2) "
                "ON CONFLICT (device) DO UPDATE SET facts = excluded.facts",
                DB_I(device), DB_T(facts));
}

enum err inventory_taken(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db,
                "INSERT INTO inventory (device, facts, taken_at) VALUES ($1, '{}', $2) "
                "ON CONFLICT (device) DO UPDATE SET taken_at = excluded.taken_at",
                DB_I(device), DB_I(at));
}

enum err inventory_columns_find(struct ctx *cx, struct db *db, int64_t device, const char *columns[INVENTORY_COLUMNS]) {
  struct db_rows r;
  for (int i = 0; i < INVENTORY_COLUMNS; i++) columns[i] = NULL;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT device_name, model, model_name, product_name, os_version, build_version FROM device "
                   "WHERE seq = $1",
                   DB_I(device)));
  if (db_next(&r))
    for (int i = 0; i < INVENTORY_COLUMNS; i++) columns[i] = db_text(&r, i);
  return db_close(&r);
}

enum err inventory_columns_put(struct ctx *cx, struct db *db, int64_t device,
                               const char *const columns[INVENTORY_COLUMNS]) {
  return db_run(cx, db,
                "UPDATE device SET device_name = $2, model = $3, model_name = $4, product_name = $5, os_version = $6, "
                "build_version = $7 WHERE seq = $1",
                DB_I(device), DB_S(columns[INVENTORY_NAME]), DB_S(columns[INVENTORY_MODEL]),
                DB_S(columns[INVENTORY_MODEL_NAME]), DB_S(columns[INVENTORY_PRODUCT]), DB_S(columns[INVENTORY_OS]),
                DB_S(columns[INVENTORY_BUILD]));
}

/* ---- apps ---- */

enum err inventory_app_add(struct ctx *cx, struct db *db, int64_t device, const char *identifier) {
  int64_t n;
  for (bool again = false;; again = true) {
    TRY(db_run_n(cx, db, &n,
                 "INSERT INTO device_app (app, device) SELECT seq, $2 FROM app WHERE identifier = $1 "
                 "ON CONFLICT (app, device) DO UPDATE SET device = excluded.device",
                 DB_S(identifier), DB_I(device)));
    if (n || again) return OK;
    TRY(db_run(cx, db, "INSERT INTO app (identifier) VALUES ($1)", DB_S(identifier)));
  }
}

enum err inventory_app_drop(struct ctx *cx, struct db *db, int64_t device, const char *identifier) {
  TRY(db_run(cx, db, "DELETE FROM device_app WHERE device = $2 AND app = (SELECT seq FROM app WHERE identifier = $1)",
             DB_S(identifier), DB_I(device)));
  return db_run(cx, db,
                "DELETE FROM app WHERE identifier = $1 "
                "AND NOT EXISTS (SELECT 1 FROM device_app x WHERE x.app = app.seq)",
                DB_S(identifier));
}

enum err inventory_apps(struct ctx *cx, struct db *db, int64_t device, const char ***names, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM device_app WHERE device = $1", DB_I(device)));
  *names = ctx_alloc(cx, (size_t)count * sizeof **names);
  *n = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT a.identifier FROM device_app x JOIN app a ON a.seq = x.app WHERE x.device = $1",
                   DB_I(device)));
  while (*n < (size_t)count && db_next(&r)) (*names)[(*n)++] = db_text(&r, 0);
  return db_close(&r);
}

/* ---- what changed ---- */

enum { CHANGES_MOST = 2000 }; /* of a device */

enum err inventory_enrollment_id(struct ctx *cx, struct db *db, int64_t enrollment, char **id) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT id FROM enrollment WHERE seq = $1", DB_I(enrollment)));
  *id = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err inventory_change_add(struct ctx *cx, struct db *db, int64_t device, int64_t at,
                              const struct inventory_change *c) {
  return db_run(cx, db, "INSERT INTO inventory_change (device, at, what, was, is_now) VALUES ($1, $2, $3, $4, $5)",
                DB_I(device), DB_I(at), DB_S(c->what), DB_S(c->was), DB_S(c->now));
}

enum err inventory_change_bound(struct ctx *cx, struct db *db, int64_t device) {
  return db_run(cx, db,
                "DELETE FROM inventory_change WHERE device = $1 AND seq <= (SELECT c.seq FROM inventory_change c "
                "WHERE c.device = $1 ORDER BY c.seq DESC LIMIT 1 OFFSET $2)",
                DB_I(device), DB_I(CHANGES_MOST));
}

/* ---- asking ---- */

/* Absent where the profile names none: in a User Enrollment rights are not looked at. */
static int64_t rights_of(struct ctx *cx, const char *given) {
  struct js *o = NULL;
  int64_t rights;
  if (given && js_parse(cx, slice_of(given), &o) != OK) ctx_clear_error(cx);
  return js_int(js_get(o, "AccessRights"), &rights) && rights > 0 ? rights : 0;
}

static bool is_shared(struct ctx *cx, const char *facts) {
  struct js *o = NULL;
  bool yes;
  if (facts && js_parse(cx, slice_of(facts), &o) != OK) ctx_clear_error(cx);
  return js_bool(js_get(o, "shared-ipad"), &yes) && yes;
}

static void read_who(struct ctx *cx, struct db_rows *r, struct inventory_who *out) {
  struct command_target *t = &out->can;
  out->device = db_int(r, 0);
  out->os = db_is_null(r, 2) ? "" : db_text(r, 2);
  t->product = db_text(r, 1);
  t->platform = platform_of(t->product);
  t->version = *out->os ? out->os : NULL;
  t->supervised = db_int(r, 3) ? KNOWN_YES : KNOWN_NO;
  t->user = db_int(r, 4) != 0;
  t->user_enrollment = slice_starts(slice_of(db_text(r, 5)), "User Enrollment");
  t->rights = t->user_enrollment ? 0 : rights_of(cx, db_text(r, 6));
  t->shared_ipad = is_shared(cx, db_text(r, 7)) ? KNOWN_YES : KNOWN_NO;
}

enum err inventory_who(struct ctx *cx, struct db *db, int64_t enrollment, struct inventory_who *out) {
  struct db_rows r;
  *out = (struct inventory_who){.can.platform = PLATFORM_UNKNOWN};
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT d.seq, coalesce(d.product_name, d.model), d.os_version, d.supervised, e.id <> d.id, e.type, g.given, "
      "i.facts FROM enrollment e JOIN device d ON d.seq = e.device JOIN generation g ON g.seq = d.generation "
      "LEFT JOIN inventory i ON i.device = d.seq WHERE e.seq = $1 AND e.enabled = 1",
      DB_I(enrollment)));
  if (db_next(&r)) {
    out->enrollment = enrollment;
    read_who(cx, &r, out);
  }
  return db_close(&r);
}

enum err inventory_forget_lists(struct ctx *cx, struct db *db, int64_t enrollment) {
  return db_run(cx, db, "DELETE FROM inventory_list WHERE enrollment = $1", DB_I(enrollment));
}

enum err inventory_asked(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db,
                "INSERT INTO inventory (device, facts, asked_at) VALUES ($1, '{}', $2) "
                "ON CONFLICT (device) DO UPDATE SET asked_at = excluded.asked_at",
                DB_I(device), DB_I(at));
}

/* Those that are gone stand at the end of the line again when they were looked at. Who was asked in the future was
   asked before the clock was set back. */
enum err inventory_due(struct ctx *cx, struct db *db, int64_t before, int64_t most, struct inventory_due **out,
                       size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT i.device, i.asked_at, (SELECT max(e.last_seen) FROM enrollment e WHERE e.device = i.device) "
                   "FROM (SELECT device, asked_at FROM inventory WHERE asked_at < $1 UNION ALL SELECT device, asked_at "
                   "FROM inventory WHERE asked_at > $2) i ORDER BY i.asked_at LIMIT $3",
                   DB_I(before), DB_I(clock_now_us()), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct inventory_due){.device = db_int(&r, 0), .asked_at = db_int(&r, 1), .seen = db_int(&r, 2)};
  return db_close(&r);
}

enum err inventory_count(struct ctx *cx, struct db *db, int64_t *devices) {
  return db_one_int(cx, db, devices, "SELECT count(*) FROM inventory");
}

enum err inventory_later_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type, int64_t at) {
  return db_run(cx, db,
                "INSERT INTO inventory_later (enrollment, request_type, at) VALUES ($1, $2, $3) "
                "ON CONFLICT (enrollment, request_type) DO UPDATE SET at = excluded.at",
                DB_I(enrollment), DB_S(request_type), DB_I(at));
}

enum err inventory_later_due(struct ctx *cx, struct db *db, int64_t now, int64_t most, struct inventory_later **out,
                             size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT enrollment, request_type FROM (SELECT * FROM inventory_later WHERE at <= $1 UNION ALL "
                   "SELECT * FROM inventory_later WHERE at > $2) ORDER BY at LIMIT $3",
                   DB_I(now), DB_I(now + INVENTORY_FARTHEST), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct inventory_later){.enrollment = db_int(&r, 0), .request_type = db_text(&r, 1)};
  return db_close(&r);
}

enum err inventory_later_drop(struct ctx *cx, struct db *db, const struct inventory_later *l) {
  return db_run(cx, db, "DELETE FROM inventory_later WHERE enrollment = $1 AND request_type = $2", DB_I(l->enrollment),
                DB_S(l->request_type));
}

enum err inventory_failed_find(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                               struct inventory_failed *out) {
  struct db_rows r;
  *out = (struct inventory_failed){0};
  TRY(db_open_rows(
      cx, db, &r, "SELECT times, next_at, unknown_to FROM inventory_failed WHERE enrollment = $1 AND request_type = $2",
      DB_I(enrollment), DB_S(request_type)));
  if (db_next(&r))
    *out = (struct inventory_failed){
        .times = db_int(&r, 0), .next_at = db_int(&r, 1), .unknown_to = db_is_null(&r, 2) ? NULL : db_text(&r, 2)};
  return db_close(&r);
}

enum err inventory_failed_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                              const struct inventory_failed *f) {
  return db_run(cx, db,
                "INSERT INTO inventory_failed (enrollment, request_type, times, next_at, unknown_to) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (enrollment, request_type) DO UPDATE SET "
                "times = excluded.times, next_at = excluded.next_at, unknown_to = excluded.unknown_to",
                DB_I(enrollment), DB_S(request_type), DB_I(f->times), DB_I(f->next_at), DB_S(f->unknown_to));
}

enum err inventory_failed_drop(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type) {
  return db_run(cx, db, "DELETE FROM inventory_failed WHERE enrollment = $1 AND request_type = $2", DB_I(enrollment),
                DB_S(request_type));
}

enum err inventory_failed_forget(struct ctx *cx, struct db *db, int64_t enrollment) {
  return db_run(cx, db, "DELETE FROM inventory_failed WHERE enrollment = $1", DB_I(enrollment));
}

/* ---- for operators ---- */

enum { KEPT_MOST = 100 }; /* more than there are rows of commands.def whose answers are kept */

enum err inventory_list(struct ctx *cx, struct db *db, int64_t enrollment, struct inventory_info **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, KEPT_MOST * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT request_type, at, changed_at, misfits FROM inventory_answer WHERE enrollment = $1 "
                   "ORDER BY request_type LIMIT $2",
                   DB_I(enrollment), DB_I(KEPT_MOST)));
  while (*n < KEPT_MOST && db_next(&r))
    (*out)[(*n)++] =
        (struct inventory_info){.request_type = db_text(&r, 0),
                                .stored = {.at = db_int(&r, 1), .changed_at = db_int(&r, 2), .misfits = db_int(&r, 3)}};
  return db_close(&r);
}

enum err inventory_times(struct ctx *cx, struct db *db, int64_t device, int64_t *asked_at, int64_t *taken_at) {
  struct db_rows r;
  *asked_at = *taken_at = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT asked_at, taken_at FROM inventory WHERE device = $1", DB_I(device)));
  if (db_next(&r)) *asked_at = db_int(&r, 0), *taken_at = db_int(&r, 1);
  return db_close(&r);
}

enum err inventory_history(struct ctx *cx, struct db *db, int64_t device, int64_t before, int most,
                           struct inventory_past **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT seq, at, what, was, is_now FROM inventory_change WHERE device = $1 AND seq < $2 "
                   "ORDER BY seq DESC LIMIT $3",
                   DB_I(device), DB_I(before ? before : INT64_MAX), DB_I(most)));
  while (*n < (size_t)most && db_next(&r))
    (*out)[(*n)++] = (struct inventory_past){.seq = db_int(&r, 0),
                                             .at = db_int(&r, 1),
                                             .what = db_text(&r, 2),
                                             .was = db_text(&r, 3),
                                             .now = db_text(&r, 4)};
  return db_close(&r);
}

enum err inventory_misfits(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT coalesce(sum(misfits), 0) FROM inventory_answer WHERE misfits > 0");
}
