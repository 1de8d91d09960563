#include "core/queue_list.h"

#include "core/queue.h"

#include "core/queue_int.h"
#include "core/vault.h"

/* One statement for each way to ask, so that each goes by an index. */
#define COLUMNS                                                                                                        \
  "SELECT t.seq, t.enrollment, c.uuid, c.request_type, c.created_by, c.created_at, c.expires_at, e.id, t.status, "     \
  "t.reason, t.errors, t.updated_at, t.first_sent_at, t.last_sent_at, t.settled_at, t.deliveries, t.notnow_count, "    \
  "c.once = 1 AND t.waiting = 1 AND t.status = 'Sent', t.queued_at, t.notnow_first_at, t.notnow_at, t.expires_at, "    \
  "t.cancelled_by, t.ended_as, c.collapse_key, t.waiting = 1 AND t.silent >= $4, "                                     \
  "coalesce(d.device_name, d.model_name, d.product_name) "                                                             \
  "FROM target t JOIN command c ON c.seq = t.command JOIN enrollment e ON e.seq = t.enrollment "                       \
  "JOIN device d ON d.seq = e.device "
#define PAGE                                                                                                           \
  "($6 IS NULL OR t.status = $6) AND ($7 IS NULL OR c.request_type = $7) "                                             \
  "AND ($8 = 0 OR c.created_by <> 'pomona') AND t.seq < $1 ORDER BY t.seq DESC LIMIT $2"

static void read_row(struct db_rows *r, struct queue_entry *e) {
  *e = (struct queue_entry){.seq = db_int(r, 0),
                            .enrollment = db_int(r, 1),
                            .uuid = db_text(r, 2),
                            .request_type = db_text(r, 3),
                            .created_by = db_text(r, 4),
                            .created_at = db_int(r, 5),
                            .command_expires_at = db_int(r, 6),
                            .id = db_text(r, 7),
                            .status = db_text(r, 8),
                            .reason = db_text(r, 9),
                            .errors = db_text(r, 10),
                            .updated_at = db_int(r, 11),
                            .first_sent_at = db_int(r, 12),
                            .last_sent_at = db_int(r, 13),
                            .settled_at = db_int(r, 14),
                            .deliveries = db_int(r, 15),
                            .notnow_count = db_int(r, 16),
                            .stuck = db_int(r, 17) != 0,
                            .queued_at = db_int(r, 18),
                            .notnow_first_at = db_int(r, 19),
                            .notnow_last_at = db_int(r, 20),
                            .expires_at = db_int(r, 21),
                            .cancelled_by = db_text(r, 22),
                            .ended_as = db_text(r, 23),
                            .collapse_key = db_text(r, 24),
                            .set_aside = db_int(r, 25) != 0,
                            .name = db_text(r, 26)};
}

static enum err open_page(struct ctx *cx, struct db *db, const struct queue_page *p, struct db_rows *r) {
  struct db_val before = DB_I(p->before ? p->before : INT64_MAX), most = DB_I(p->most), silent = DB_I(QUEUE_PATIENCE);
  struct db_val enrollment = DB_I(p->enrollment), waiting = DB_I(p->waiting);
  struct db_val status = DB_S(p->status), type = DB_S(p->type), people = DB_I(p->people);
  if (p->uuid)
    return db_open_rows(cx, db, r,
                        COLUMNS
                        "WHERE t.command = (SELECT seq FROM command WHERE uuid = $9) AND ($3 = 0 OR t.enrollment = $3) "
                        "AND ($5 = 0 OR t.waiting = 1) AND " PAGE,
                        before, most, enrollment, silent, waiting, status, type, people, DB_S(p->uuid));
  if (p->enrollment)
    return db_open_rows(cx, db, r, COLUMNS "WHERE t.enrollment = $3 AND ($5 = 0 OR t.waiting = 1) AND " PAGE, before,
                        most, enrollment, silent, waiting, status, type, people);
  if (p->waiting) /* few of many: by target_queue */
    return db_open_rows(cx, db, r, COLUMNS "WHERE $3 = 0 AND $5 = 1 AND t.waiting = 1 AND " PAGE, before, most,
                        enrollment, silent, waiting, status, type, people);
  return db_open_rows(cx, db, r, COLUMNS "WHERE $3 = 0 AND $5 = 0 AND " PAGE, before, most, enrollment, silent, waiting,
                      status, type, people);
}

enum err queue_list(struct ctx *cx, struct db *db, const struct queue_page *page, struct queue_entry **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)page->most * sizeof **out);
  *n = 0;
  TRY(open_page(cx, db, page, &r));
  while (db_next(&r)) read_row(&r, &(*out)[(*n)++]);
  return db_close(&r);
}

enum err queue_counts(struct ctx *cx, struct db *db, const char *uuid, struct queue_count *out, size_t *n) {
  struct db_rows r;
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT status, count(*) FROM target WHERE command = (SELECT seq FROM command WHERE uuid = $1) "
                   "GROUP BY status ORDER BY status LIMIT $2",
                   DB_S(uuid), DB_I(QUEUE_STATUSES)));
  while (db_next(&r)) out[(*n)++] = (struct queue_count){.status = db_text(&r, 0), .n = db_int(&r, 1)};
  return db_close(&r);
}

enum err queue_plist(struct ctx *cx, struct db *db, struct core *core, const char *uuid, struct slice *out) {
  struct db_rows r;
  char *found = NULL;
  TRY(db_open_rows(cx, db, &r, "SELECT uuid, plist_sealed FROM command WHERE uuid = $1", DB_S(uuid)));
  if (db_next(&r)) {
    found = db_text(&r, 0);
    *out = db_blob(&r, 1);
  }
  TRY(db_close(&r));
  if (!found) return FAIL(cx, E_NOT_FOUND, "there is no command %s", uuid);
  return vault_unseal(cx, core->vault, queue_seal_name(cx, found), *out, out);
}

enum err queue_open(struct ctx *cx, struct db *db, const char *uuid, int64_t after, int64_t **enrollments, size_t *n) {
  struct db_rows r;
  *enrollments = ctx_alloc(cx, QUEUE_OPEN_MOST * sizeof **enrollments);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT enrollment FROM target WHERE command = (SELECT seq FROM command WHERE uuid = $1) "
                   "AND enrollment > $2 AND waiting = 1 ORDER BY enrollment LIMIT $3",
                   DB_S(uuid), DB_I(after), DB_I(QUEUE_OPEN_MOST)));
  while (db_next(&r)) (*enrollments)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err queue_stuck(struct ctx *cx, struct db *db, const char *uuid, int64_t after, int64_t **enrollments, size_t *n) {
  struct db_rows r;
  *enrollments = ctx_alloc(cx, QUEUE_OPEN_MOST * sizeof **enrollments);
  *n = 0;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT enrollment FROM target WHERE command = (SELECT seq FROM command WHERE uuid = $1 AND once = 1) "
      "AND enrollment > $2 AND waiting = 1 AND status = 'Sent' ORDER BY enrollment LIMIT $3",
      DB_S(uuid), DB_I(after), DB_I(QUEUE_OPEN_MOST)));
  while (db_next(&r)) (*enrollments)[(*n)++] = db_int(&r, 0);
  return db_close(&r);
}

enum err queue_totals(struct ctx *cx, struct db *db, struct queue_totals *out) {
  TRY(db_one_int(cx, db, &out->enrollments, "SELECT count(*) FROM enrollment WHERE enabled = 1"));
  return db_one_int(cx, db, &out->waiting, "SELECT count(*) FROM target WHERE waiting = 1");
}

/* The plists are unsealed after the statement has ended: what cannot be opened fails the page, not the connection. */
enum err queue_pending(struct ctx *cx, struct db *db, struct core *core, const struct queue_pending_page *page,
                       struct queue_pending **out, size_t *n) {
  struct db_rows r;
  *out = ctx_alloc(cx, (size_t)page->most * sizeof **out);
  *n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT t.seq, c.uuid, c.request_type, c.plist_sealed FROM target t "
                   "JOIN command c ON c.seq = t.command WHERE t.enrollment = $1 AND t.waiting = 1 AND t.seq > $2 "
                   "ORDER BY t.seq LIMIT $3 OFFSET $4",
                   DB_I(page->enrollment), DB_I(page->after), DB_I(page->most), DB_I(page->skip)));
  while (db_next(&r))
    (*out)[(*n)++] = (struct queue_pending){
        .seq = db_int(&r, 0), .uuid = db_text(&r, 1), .request_type = db_text(&r, 2), .plist = db_blob(&r, 3)};
  TRY(db_close(&r));
  for (size_t i = 0; i < *n; i++) {
    struct queue_pending *p = &(*out)[i];
    TRY(vault_unseal(cx, core->vault, queue_seal_name(cx, p->uuid), p->plist, &p->plist));
  }
  return OK;
}
