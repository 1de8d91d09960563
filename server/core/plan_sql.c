#include "core/plan_int.h"

#include "base/clock.h"

/* ---- where a device stands ---- */

enum err plan_sql_read(struct ctx *cx, struct db *db, int64_t device, struct plan_row *out) {
  struct db_rows r;
  *out = (struct plan_row){.device = device};
  TRY(db_open_rows(cx, db, &r, "SELECT state, why, since, due_at, edition, configured FROM plan WHERE device = $1",
                   DB_I(device)));
  out->there = db_next(&r) && plan_state_named(db_text(&r, 0), &out->state);
  if (out->there) {
    out->why = db_text(&r, 1);
    out->since = db_int(&r, 2);
    out->due_at = db_int(&r, 3);
    out->edition = db_int(&r, 4);
    out->configured = db_int(&r, 5);
  }
  return db_close(&r);
}

/* Without groups there are no plans, and no rows of them. */
enum err plan_sql_due(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db,
                "INSERT INTO plan (device, state, since, due_at, edition) SELECT $1, 'none', $2, $2, 1 "
                "WHERE EXISTS (SELECT 1 FROM fleet_group) OR EXISTS (SELECT 1 FROM plan WHERE device = $1) "
                "ON CONFLICT (device) DO UPDATE SET due_at = min(coalesce(plan.due_at, $2), $2), "
                "edition = plan.edition + 1",
                DB_I(device), DB_I(at));
}

enum err plan_sql_due_former(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db,
                "UPDATE plan SET due_at = min(coalesce(due_at, $2), $2), edition = edition + 1 WHERE device IN (SELECT "
                "seq FROM device WHERE successor = $1)",
                DB_I(device), DB_I(at));
}

enum err plan_sql_heard(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db,
                "UPDATE plan SET due_at = min(coalesce(due_at, $2), $2), edition = edition + 1 WHERE device = $1 "
                "AND EXISTS (SELECT 1 FROM plan_item i WHERE i.device = $1 AND i.state IN ('waiting', 'acknowledged', "
                "'failing'))",
                DB_I(device), DB_I(at));
}

enum err plan_sql_demand(struct ctx *cx, struct db *db, int64_t device, int64_t at) {
  return db_run(cx, db, "UPDATE plan_item SET next_at = $2, tries = 0 WHERE device = $1 AND act = 'require'",
                DB_I(device), DB_I(at));
}

/* Each half by its index alone: all others that are due, perhaps a hundred thousand, are not sorted for a few. */
enum err plan_sql_due_list(struct ctx *cx, struct db *db, int64_t now, int most, int64_t **devices, size_t *n) {
  struct db_rows r;
  *devices = ctx_alloc(cx, (size_t)most * sizeof **devices);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT device FROM (SELECT * FROM (SELECT device, due_at FROM plan WHERE due_at <= $1 ORDER BY due_at "
      "LIMIT $3) AS late UNION ALL SELECT * FROM (SELECT device, due_at FROM plan WHERE due_at > $2 "
      "ORDER BY due_at LIMIT $3) AS too_far) AS due ORDER BY due_at LIMIT $3",
      DB_I(now), DB_I(now + PLAN_FARTHEST), DB_I(most)));
  while (*n < (size_t)most && db_next(&r)) (*devices)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err plan_sql_write(struct ctx *cx, struct db *db, const struct plan_row *row) {
  return db_run(
      cx, db, "UPDATE plan SET state = $2, why = $3, since = $4, due_at = $5, configured = $6 WHERE device = $1",
      DB_I(row->device), DB_S(plan_state_word(row->state)), DB_S(row->why), DB_I(row->since),
      DB_NULL_IF(row->due_at == 0, DB_I(row->due_at)), DB_NULL_IF(row->configured == 0, DB_I(row->configured)));
}

enum err plan_sql_any(struct ctx *cx, struct db *db, bool *any) {
  int64_t n;
  TRY(db_one_int(cx, db, &n, "SELECT EXISTS (SELECT 1 FROM fleet_group) OR EXISTS (SELECT 1 FROM plan)"));
  *any = n != 0;
  return OK;
}

enum err plan_counts(struct ctx *cx, struct db *db, int64_t counts[PLAN_STATES]) {
  struct db_rows r;
  enum plan_state s;
  for (int i = 0; i < PLAN_STATES; i++) counts[i] = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT state, count(*) FROM plan GROUP BY state"));
  while (db_next(&r))
    if (plan_state_named(db_text(&r, 0), &s)) counts[s] = db_int(&r, 1);
  return db_close(&r);
}

/* ---- things ---- */

enum err plan_sql_things(struct ctx *cx, struct db *db, struct plan_thing **out, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM plan_thing"));
  *out = ctx_alloc(cx, ((size_t)count + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT seq, kind, key FROM plan_thing ORDER BY seq"));
  while (*n < (size_t)count && db_next(&r)) {
    struct plan_thing t = {.row = db_int(&r, 0), .key = db_text(&r, 2)};
    if (group_kind_named(db_text(&r, 1), &t.kind)) (*out)[(*n)++] = t;
  }
  return db_close(&r);
}

enum err plan_sql_thing(struct ctx *cx, struct db *db, enum group_kind kind, const char *key, int64_t *row) {
  return db_one_int(cx, db, row,
                    "INSERT INTO plan_thing (kind, key) VALUES ($1, $2) ON CONFLICT (kind, key) DO UPDATE SET key = "
                    "$2 RETURNING seq",
                    DB_S(group_kind_word(kind)), DB_S(key));
}

/* ---- items ---- */

/* The last columns: it was sent, but its command waits no more, although nobody said a word of it; the device has had
   the command, which is for once. */
#define ITEM                                                                                                           \
  "SELECT i.seq, i.enrollment, i.thing, i.act, i.state, i.want, i.command, i.tries, i.next_at, i.since, i.why, "       \
  "i.unverified, i.state = 'sent' AND NOT EXISTS (SELECT 1 FROM command c JOIN target t ON t.command = c.seq "         \
  "AND t.enrollment = i.enrollment AND t.waiting = 1 WHERE c.uuid = i.command), "                                      \
  "EXISTS (SELECT 1 FROM command c JOIN target t ON t.command = c.seq AND t.enrollment = "                             \
  "i.enrollment WHERE c.uuid = i.command AND c.once = 1 AND t.deliveries > t.notnow_count)"

static bool take_item(struct db_rows *r, struct plan_item *out) {
  *out = (struct plan_item){.item = db_int(r, 0),
                            .enrollment = db_int(r, 1),
                            .thing = db_int(r, 2),
                            .want = (uint64_t)db_int(r, 5),
                            .command = db_text(r, 6),
                            .tries = db_int(r, 7),
                            .next_at = db_int(r, 8),
                            .since = db_int(r, 9),
                            .why = db_text(r, 10),
                            .unverified = db_int(r, 11) != 0,
                            .lost = db_int(r, 12) != 0,
                            .handed_out = db_int(r, 13) != 0};
  return plan_act_named(db_text(r, 3), &out->act) && plan_phase_named(db_text(r, 4), &out->phase);
}

enum err plan_sql_items(struct ctx *cx, struct db *db, int64_t device, struct plan_item **out, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM plan_item WHERE device = $1", DB_I(device)));
  *out = ctx_alloc(cx, ((size_t)count + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   ITEM ", e.id FROM plan_item i JOIN enrollment e ON e.seq = i.enrollment WHERE i.device = $1 "
                        "ORDER BY i.enrollment, i.seq",
                   DB_I(device)));
  while (*n < (size_t)count && db_next(&r))
    if (take_item(&r, &(*out)[*n])) (*out)[(*n)++].channel = db_text(&r, 14);
  return db_close(&r);
}

enum err plan_sql_item_put(struct ctx *cx, struct db *db, int64_t device, const struct plan_item *i) {
  return db_run(
      cx, db,
      "INSERT INTO plan_item (device, enrollment, thing, act, state, want, command, tries, next_at, why, since, "
      "unverified) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
      "ON CONFLICT (enrollment, thing) DO UPDATE SET act = $4, state = $5, want = $6, command = $7, tries = $8, "
      "next_at = $9, why = $10, since = $11, unverified = $12",
      DB_I(device), DB_I(i->enrollment), DB_I(i->thing), DB_S(plan_act_word(i->act)), DB_S(plan_phase_word(i->phase)),
      DB_I(i->want), DB_S(i->command), DB_I(i->tries), DB_NULL_IF(i->next_at == 0, DB_I(i->next_at)), DB_S(i->why),
      DB_I(i->since), DB_I(i->unverified));
}

enum err plan_sql_item_drop(struct ctx *cx, struct db *db, int64_t item) {
  return db_run(cx, db, "DELETE FROM plan_item WHERE seq = $1", DB_I(item));
}

enum err plan_sql_command(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                          struct plan_commanded *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   ITEM ", i.device, t.kind, t.key FROM plan_item i JOIN plan_thing t ON t.seq = i.thing "
                        "WHERE i.command = $1 AND i.enrollment = $2",
                   DB_S(uuid), DB_I(enrollment)));
  *found = db_next(&r) && take_item(&r, &out->item) && group_kind_named(db_text(&r, 15), &out->kind);
  if (*found) {
    out->device = db_int(&r, 14);
    out->key = db_text(&r, 16);
  }
  return db_close(&r);
}

/* ---- what was given ---- */

enum err plan_sql_given(struct ctx *cx, struct db *db, int64_t enrollment, struct slice *packed) {
  struct db_rows r;
  *packed = (struct slice){0};
  TRY(db_open_rows(cx, db, &r, "SELECT given FROM plan_given WHERE enrollment = $1", DB_I(enrollment)));
  if (db_next(&r)) *packed = db_blob(&r, 0);
  return db_close(&r);
}

enum err plan_sql_give(struct ctx *cx, struct db *db, int64_t enrollment, struct slice packed) {
  if (packed.n == 0) return db_run(cx, db, "DELETE FROM plan_given WHERE enrollment = $1", DB_I(enrollment));
  return db_run(cx, db,
                "INSERT INTO plan_given (enrollment, given) VALUES ($1, $2) ON CONFLICT (enrollment) DO UPDATE SET "
                "given = $2",
                DB_I(enrollment), DB_B(packed));
}

enum err plan_sql_items_drop(struct ctx *cx, struct db *db, int64_t device) {
  return db_run(cx, db, "DELETE FROM plan_item WHERE device = $1", DB_I(device));
}

enum err plan_sql_forget(struct ctx *cx, struct db *db, int64_t device) {
  TRY(plan_sql_items_drop(cx, db, device));
  return db_run(cx, db, "DELETE FROM plan_given WHERE enrollment IN (SELECT seq FROM enrollment WHERE device = $1)",
                DB_I(device));
}

/* ---- channels ---- */

enum err plan_sql_ways(struct ctx *cx, struct db *db, int64_t device, struct plan_way **out, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM enrollment WHERE device = $1 AND enabled = 1", DB_I(device)));
  *out = ctx_alloc(cx, ((size_t)count + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, e.id <> d.id FROM enrollment e JOIN device d ON d.seq = e.device WHERE e.device = $1 "
                   "AND e.enabled = 1 ORDER BY e.id <> d.id, e.seq",
                   DB_I(device)));
  while (*n < (size_t)count && db_next(&r))
    (*out)[(*n)++] = (struct plan_way){.enrollment = db_int(&r, 0), .device = device, .is_user = db_int(&r, 1) != 0};
  return db_close(&r);
}

enum err plan_sql_all_ways(struct ctx *cx, struct db *db, bool users, struct plan_way **out, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM enrollment WHERE enabled = 1"));
  *out = ctx_alloc(cx, ((size_t)count + 1) * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.seq, e.device, e.id <> d.id FROM enrollment e JOIN device d ON d.seq = e.device "
                   "WHERE e.enabled = 1 AND ($1 = 1 OR e.id = d.id) ORDER BY e.seq",
                   DB_I(users)));
  while (*n < (size_t)count && db_next(&r))
    (*out)[(*n)++] =
        (struct plan_way){.enrollment = db_int(&r, 0), .device = db_int(&r, 1), .is_user = db_int(&r, 2) != 0};
  return db_close(&r);
}

enum err plan_sql_with_users(struct ctx *cx, struct db *db, int64_t **devices, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count, "SELECT count(*) FROM enrollment WHERE enabled = 1"));
  *devices = ctx_alloc(cx, ((size_t)count + 1) * sizeof **devices);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT e.device FROM enrollment e JOIN device d ON d.seq = e.device WHERE e.enabled = 1 "
                   "AND e.id <> d.id ORDER BY e.device"));
  while (*n < (size_t)count && db_next(&r)) (*devices)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err plan_sql_with_app(struct ctx *cx, struct db *db, const char *identifier, int64_t **devices, size_t *n) {
  struct db_rows r;
  int64_t count;
  TRY(db_one_int(cx, db, &count,
                 "SELECT count(*) FROM app a JOIN device_app d ON d.app = a.seq WHERE a.identifier = $1",
                 DB_S(identifier)));
  *devices = ctx_alloc(cx, ((size_t)count + 1) * sizeof **devices);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT d.device FROM app a JOIN device_app d ON d.app = a.seq WHERE a.identifier = $1 "
                   "ORDER BY d.device",
                   DB_S(identifier)));
  while (*n < (size_t)count && db_next(&r)) (*devices)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

/* Nothing more is given to one that is to erase itself. */
enum err plan_sql_generation(struct ctx *cx, struct db *db, int64_t device, struct plan_force *out) {
  struct db_rows r;
  *out = (struct plan_force){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq, g.awaiting_configuration, g.enrolled_at FROM device d JOIN generation g ON g.seq = "
                   "d.generation WHERE d.seq = $1 AND d.blocked_at IS NULL AND d.checked_out_at IS NULL "
                   "AND d.unenroll_at IS NULL AND d.successor IS NULL AND g.state = 'current' AND g.ended_at IS NULL "
                   "AND NOT EXISTS (SELECT 1 "
                   "FROM offboarding o JOIN command c ON c.uuid = o.command JOIN target t ON t.command = c.seq "
                   "WHERE o.device = d.seq AND o.at >= g.authenticated_at AND o.way = 'erase' "
                   "AND (t.waiting = 1 OR t.status = 'Acknowledged'))",
                   DB_I(device)));
  if (db_next(&r))
    *out = (struct plan_force){.generation = db_int(&r, 0), .awaits = db_int(&r, 1) != 0, .enrolled_at = db_int(&r, 2)};
  return db_close(&r);
}

enum err plan_sql_facts_at(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *at) {
  return db_one_int(cx, db, at,
                    "SELECT coalesce((SELECT at FROM inventory_answer WHERE enrollment = $1 AND request_type = "
                    "'DeviceInformation'), 0)",
                    DB_I(enrollment));
}

/* ---- all channels, one after the other: what is read of one is gone with the next ones ---- */

enum { SCAN_HOLDS = 1 << 20, ITEM_HOLDS = 256 }; /* bytes that are held of rows that were read; about, of one item */

static enum err scan_close(struct ctx *cx, struct db_rows *rows, struct ctx **own) {
  enum err e = db_close(rows);
  if (e != OK) e = FAIL(cx, e, "%s", ctx_error_text(*own));
  ctx_free(*own);
  *own = NULL;
  return e;
}

/* ---- items of all channels ---- */

enum err plan_sql_scan_open(struct ctx *cx, struct db *db, struct plan_item_scan *s) {
  *s = (struct plan_item_scan){.own = {ctx_new(), ctx_new()}, .item.enrollment = INT64_MAX};
  enum err e = db_open_rows(cx, db, &s->rows, ITEM " FROM plan_item i ORDER BY i.enrollment, i.thing");
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
    if (take_item(&s->rows, &s->item)) return;
  }
  s->item.enrollment = INT64_MAX;
}

enum err plan_sql_scan_close(struct ctx *cx, struct plan_item_scan *s) {
  enum err e = scan_close(cx, &s->rows, &s->own[s->turn]);
  ctx_free(s->own[!s->turn]);
  return e;
}

/* ---- what all channels were given ---- */

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
