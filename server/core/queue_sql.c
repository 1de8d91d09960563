#include "core/queue_int.h"

#include "base/clock.h"
#include "core/event.h"

#include <string.h>

/* ---- handing out ---- */

/* The first barrier that is held: something that was queued before it is not settled. */
#define HELD(column)                                                                                                   \
  "SELECT min(b." column ") FROM target b JOIN command h ON h.seq = b.command WHERE b.enrollment = $1 "                \
  "AND b.waiting = 1 AND h.barrier = 1 AND b.queued_at > $2 AND (b.expires_at IS NULL OR b.expires_at > $3) "          \
  "AND EXISTS (SELECT 1 FROM target f WHERE f.enrollment = $1 AND f.waiting = 1 AND f.seq < b.seq)"

/* A `once` command that was handed out is not offered again; nor is what was NotNow'd in this session, has expired,
   stands behind a barrier that is held, or renews an identity when that is over or (but for what an operator asked for)
   renewals are halted. The plist, which may be large, is read of the chosen one only. */
enum err queue_head(struct ctx *cx, struct db *db, const struct queue_asker *who, const struct queue_order *order,
                    struct queue_row *out, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(
      cx, db, &r,
      "SELECT t.seq, c.seq, c.uuid, c.request_type, c.plist_sealed, "
      "c.once = 1 OR c.request_type = 'EraseDevice' OR c.renewal IS NOT NULL, "
      "t.deliveries, c.renewal FROM target t JOIN command c ON c.seq = t.command WHERE t.seq = ("
      "SELECT q.seq FROM target q JOIN command k ON k.seq = q.command WHERE q.enrollment = $1 AND q.waiting = 1 "
      "AND (k.once = 0 OR q.status <> 'Sent') "
      "AND (q.status <> 'NotNow' OR q.notnow_at < $4) "
      "AND (q.expires_at IS NULL OR q.expires_at > $3) "
      "AND (k.request_type <> 'EraseDevice' OR q.sent_to IS NULL OR q.sent_to = $6) "
      "AND (k.renewal IS NULL OR EXISTS (SELECT 1 FROM renewal n WHERE n.seq = k.renewal AND n.ended_at IS NULL "
      "AND (n.wave = 3 OR NOT EXISTS (SELECT 1 FROM fact f WHERE f.name = 'renewal.halted')))) "
      "AND ($7 = 0 OR k.renewal IS NOT NULL) "
      "AND ($7 = 1 OR q.priority > 0 OR q.seq < coalesce((" HELD(
          "seq") "), q.seq + 1)) "
                 "ORDER BY q.silent >= $5, q.priority DESC, q.status = 'NotNow', q.seq LIMIT 1)",
      DB_I(who->enrollment), DB_I(order->barrier_since), DB_I(clock_now_us()), DB_I(who->session_start),
      DB_I(order->patience), DB_B(slice_mem(who->identity, 32)), DB_I(who->only_renewal)));
  *found = db_next(&r);
  if (*found)
    *out = (struct queue_row){.target = db_int(&r, 0),
                              .command = db_int(&r, 1),
                              .uuid = db_text(&r, 2),
                              .request_type = db_text(&r, 3),
                              .sealed = db_blob(&r, 4),
                              .recorded = db_int(&r, 5) != 0,
                              .deliveries = (int)db_int(&r, 6),
                              .renewal = db_int(&r, 7)};
  return db_close(&r);
}

enum err queue_held(struct ctx *cx, struct db *db, int64_t enrollment, int64_t barrier_since, int64_t *queued_at) {
  return db_one_int(cx, db, queued_at, "SELECT coalesce((" HELD("queued_at") "), 0)", DB_I(enrollment),
                    DB_I(barrier_since), DB_I(clock_now_us()));
}

enum err queue_held_from(struct ctx *cx, struct db *db, int64_t enrollment, int64_t barrier_since, int64_t *target) {
  return db_one_int(cx, db, target, "SELECT coalesce((" HELD("seq") "), 0)", DB_I(enrollment), DB_I(barrier_since),
                    DB_I(clock_now_us()));
}

/* A session counts as silent from its first delivery on; a word takes that back. */
enum err queue_sent(struct ctx *cx, struct db *db, const struct queue_delivery *d) {
  return db_run(
      cx, db,
      "UPDATE target SET status = CASE status WHEN 'Queued' THEN 'Sent' ELSE status END, deliveries = deliveries + $2, "
      "silent = silent + CASE WHEN last_sent_at IS NULL OR last_sent_at < $5 THEN 1 ELSE 0 END, "
      "first_sent_at = coalesce(first_sent_at, $3), last_sent_at = $3, updated_at = $3, sent_to = $4 "
      "WHERE seq = $1 AND waiting = 1",
      DB_I(d->target), DB_I(d->times), DB_I(d->at), DB_B(slice_mem(d->identity, 32)), DB_I(d->session_start));
}

/* ---- taking in ---- */

enum err queue_command_find(struct ctx *cx, struct db *db, const char *uuid, int64_t *command, struct slice *digest) {
  struct db_rows r;
  *command = 0;
  TRY(db_open_rows(cx, db, &r, "SELECT seq, digest FROM command WHERE uuid = $1", DB_S(uuid)));
  if (db_next(&r)) {
    *command = db_int(&r, 0);
    *digest = db_blob(&r, 1);
  }
  return db_close(&r);
}

enum err queue_command_add(struct ctx *cx, struct db *db, const struct command *c, const char *by, struct slice sealed,
                           struct slice digest, int64_t *command) {
  int64_t now = clock_now_us();
  return db_one_int(cx, db, command,
                    "INSERT INTO command (uuid, request_type, plist_sealed, digest, once, created_at, created_by, "
                    "expires_at, barrier, "
                    "collapse_key, partial) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING seq",
                    DB_S(c->uuid), DB_S(c->request_type), DB_B(sealed), DB_B(digest),
                    DB_I((c->flags & COMMAND_ONCE) != 0), DB_I(now), DB_S(by),
                    DB_NULL_IF(c->expires_us == 0, DB_I(now + c->expires_us)), DB_I((c->flags & COMMAND_BARRIER) != 0),
                    DB_S(c->collapse_key), DB_I((c->flags & COMMAND_PARTIAL) != 0));
}

enum err queue_command_unused(struct ctx *cx, struct db *db, int64_t command) {
  return db_run(cx, db,
                "DELETE FROM command WHERE seq = $1 AND NOT EXISTS (SELECT 1 FROM target t WHERE t.command = $1)",
                DB_I(command));
}

enum err queue_unsettled(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                         int64_t but_command, char **uuid) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT c.uuid FROM enrollment e JOIN target t ON t.enrollment = e.seq AND t.waiting = 1 JOIN "
                   "command c ON c.seq = "
                   "t.command WHERE e.device = (SELECT device FROM enrollment WHERE seq = $1) AND c.request_type = $2 "
                   "AND (c.seq <> $3 OR e.seq <> $1) ORDER BY t.seq LIMIT 1",
                   DB_I(enrollment), DB_S(request_type), DB_I(but_command)));
  *uuid = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}

enum err queue_device_of(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *device) {
  return db_one_int(cx, db, device, "SELECT device FROM enrollment WHERE seq = $1", DB_I(enrollment));
}

enum err queue_target_add(struct ctx *cx, struct db *db, int64_t command, const struct command *c, int64_t enrollment,
                          bool *fresh) {
  int64_t changed;
  TRY(db_run_n(cx, db, &changed,
               "INSERT INTO target (command, enrollment, priority, status, queued_at, updated_at, expires_at, own) "
               "VALUES ($1, $2, $3, 'Queued', $4, $4, (SELECT expires_at FROM command WHERE seq = $1), $5) "
               "ON CONFLICT (command, enrollment) DO NOTHING",
               DB_I(command), DB_I(enrollment), DB_I((c->flags & COMMAND_JUMP) != 0), DB_I(clock_now_us()),
               DB_I((c->flags & COMMAND_OWN) != 0)));
  *fresh = changed > 0;
  return OK;
}

enum err queue_replace(struct ctx *cx, struct db *db, int64_t enrollment, const char *key, int64_t by_command) {
  return db_run(
      cx, db,
      "UPDATE target SET status = 'Cancelled', reason = 'replaced', waiting = 0, updated_at = $4, settled_at = $4 "
      "WHERE enrollment = $1 AND waiting = 1 AND command <> $3 "
      "AND (SELECT c.collapse_key FROM command c WHERE c.seq = target.command) = $2",
      DB_I(enrollment), DB_S(key), DB_I(by_command), DB_I(clock_now_us()));
}

enum { OWN_MOST = 20 }; /* at a time: there are one or two */

enum err queue_forget_own(struct ctx *cx, struct db *db, int64_t enrollment, const char *key) {
  struct db_rows r;
  int64_t targets[OWN_MOST], commands[OWN_MOST];
  int n = 0;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT t.seq, t.command FROM target t JOIN command c ON c.seq = t.command WHERE t.enrollment = $1 "
                   "AND t.own = 1 AND t.waiting = 0 AND c.collapse_key = $2 LIMIT $3",
                   DB_I(enrollment), DB_S(key), DB_I(OWN_MOST)));
  for (; n < OWN_MOST && db_next(&r); n++) targets[n] = db_int(&r, 0), commands[n] = db_int(&r, 1);
  TRY(db_close(&r));
  for (int i = 0; i < n; i++) {
    TRY(db_run(cx, db, "DELETE FROM target WHERE seq = $1", DB_I(targets[i])));
    TRY(queue_command_unused(cx, db, commands[i]));
  }
  return OK;
}

/* ---- what became of it ---- */

static const struct {
  const char *name;
  int settled;
} states[] = {
#define TARGET(name, settled) {#name, settled},
#include "core/target.def"
#undef TARGET
};

static int is_settled(const char *status) {
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (strcmp(states[i].name, status) == 0) return states[i].settled;
  return 0;
}

static enum err tell(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, const char *status,
                     const char *reason) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r, "SELECT id FROM enrollment WHERE seq = $1", DB_I(enrollment)));
  char *id = db_next(&r) ? db_text(&r, 0) : NULL;
  TRY(db_close(&r));
  struct js *data = js_object(cx);
  js_set_string(data, "command_uuid", uuid);
  js_set_string(data, "status", status);
  if (reason) js_set_string(data, "reason", reason);
  return event_add(cx, db, "command.status", id, data);
}

/* Expired and Cancelled end delivery only: a late report still counts. What has expired is so before queue_expire says
   it, which leaves out what was handed out and is not repeated. */
enum err queue_settle(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, const char *status,
                      const char *errors, bool *known) {
  struct db_rows r;
  int64_t now = clock_now_us();
  int settled = is_settled(status);
  TRY(db_open_rows(
      cx, db, &r,
      "UPDATE target SET status = $3, updated_at = $4, waiting = 1 - $5, errors = $6, silent = 0, "
      "ended_as = CASE WHEN waiting = 0 THEN status WHEN $5 = 1 AND expires_at <= $4 AND (status <> 'Sent' OR "
      "NOT (SELECT c.once FROM command c WHERE c.seq = target.command)) THEN 'Expired' END, "
      "settled_at = CASE WHEN $5 = 1 THEN $4 END, "
      "notnow_at = CASE WHEN $5 = 0 THEN $4 ELSE notnow_at END, "
      "notnow_first_at = CASE WHEN $5 = 0 THEN coalesce(notnow_first_at, $4) ELSE notnow_first_at END, "
      "notnow_count = notnow_count + 1 - $5 "
      "WHERE enrollment = $1 AND command = (SELECT seq FROM command WHERE uuid = $2) "
      "AND (waiting = 1 OR ($5 = 1 AND status IN ('Expired', 'Cancelled'))) RETURNING own",
      DB_I(enrollment), DB_S(uuid), DB_S(status), DB_I(now), DB_I(settled), DB_S(errors)));
  *known = db_next(&r);
  bool own = *known && db_int(&r, 0) != 0, failed = settled && strcmp(status, "Acknowledged") != 0;
  TRY(db_close(&r));
  return *known && (failed || !own) ? tell(cx, db, enrollment, uuid, status, NULL) : OK;
}

static enum err there_is(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment, bool *there) {
  int64_t n;
  TRY(db_one_int(
      cx, db, &n,
      "SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE c.uuid = $1 AND t.enrollment = $2",
      DB_S(uuid), DB_I(enrollment)));
  *there = n > 0;
  return OK;
}

enum err queue_cancel(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment, const char *by,
                      bool *done_maybe) {
  struct db_rows r;
  bool there;
  TRY(db_open_rows(
      cx, db, &r,
      "UPDATE target SET status = 'Cancelled', reason = 'admin', cancelled_by = $3, waiting = 0, updated_at = $4, "
      "settled_at = $4 WHERE enrollment = $2 AND waiting = 1 AND command = (SELECT seq FROM command WHERE uuid = $1) "
      "RETURNING deliveries > notnow_count",
      DB_S(uuid), DB_I(enrollment), DB_S(by), DB_I(clock_now_us())));
  bool cancelled = db_next(&r);
  *done_maybe = cancelled && db_int(&r, 0) != 0;
  TRY(db_close(&r));
  if (cancelled) return tell(cx, db, enrollment, uuid, "Cancelled", "admin");
  TRY(there_is(cx, db, uuid, enrollment, &there));
  return there ? FAIL(cx, E_CONFLICT, "command %s is settled for this device already", uuid)
               : FAIL(cx, E_NOT_FOUND, "there is no command %s for this device", uuid);
}

enum err queue_clear(struct ctx *cx, struct db *db, int64_t enrollment, const char *reason) {
  int64_t now = clock_now_us();
  return db_run(cx, db,
                "UPDATE target SET status = 'Cancelled', reason = $2, waiting = 0, updated_at = $3, settled_at = $3 "
                "WHERE enrollment = $1 AND waiting = 1",
                DB_I(enrollment), DB_S(reason), DB_I(now));
}

enum err queue_clear_some(struct ctx *cx, struct db *db, int64_t enrollment, const char *by, int64_t most, int64_t *n) {
  return db_run_n(cx, db, n,
                  "UPDATE target SET status = 'Cancelled', reason = 'admin', cancelled_by = $2, waiting = 0, "
                  "updated_at = $3, settled_at = $3 WHERE seq IN "
                  "(SELECT seq FROM target WHERE enrollment = $1 AND waiting = 1 ORDER BY seq LIMIT $4)",
                  DB_I(enrollment), DB_S(by), DB_I(clock_now_us()), DB_I(most));
}

enum err queue_withdraw(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, const char *reason) {
  int64_t changed;
  TRY(db_run_n(cx, db, &changed,
               "UPDATE target SET status = 'Cancelled', reason = $3, waiting = 0, updated_at = $4, settled_at = $4 "
               "WHERE enrollment = $1 AND waiting = 1 AND command = (SELECT seq FROM command WHERE uuid = $2)",
               DB_I(enrollment), DB_S(uuid), DB_S(reason), DB_I(clock_now_us())));
  return changed ? tell(cx, db, enrollment, uuid, "Cancelled", reason) : OK;
}

enum err queue_expire(struct ctx *cx, struct db *db, int64_t now, int most, int64_t *n) {
  return db_run_n(
      cx, db, n,
      "UPDATE target SET status = 'Expired', waiting = 0, updated_at = $1, settled_at = $1 WHERE seq IN "
      "(SELECT t.seq FROM target t JOIN command c ON c.seq = t.command WHERE t.waiting = 1 AND t.expires_at <= $1 "
      "AND (c.once = 0 OR t.status <> 'Sent') LIMIT $2)",
      DB_I(now), DB_I(most));
}

enum err queue_asked(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, struct queue_asked *out) {
  struct db_rows r;
  *out = (struct queue_asked){.request_type = ""};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT c.request_type, c.partial, t.own, t.first_sent_at IS NOT NULL FROM command c "
                   "JOIN target t ON t.command = c.seq WHERE c.uuid = $2 AND t.enrollment = $1",
                   DB_I(enrollment), DB_S(uuid)));
  if (db_next(&r))
    *out = (struct queue_asked){.request_type = db_text(&r, 0),
                                .partial = db_int(&r, 1) != 0,
                                .own = db_int(&r, 2) != 0,
                                .handed = db_int(&r, 3) != 0};
  return db_close(&r);
}

enum err queue_waiting(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n) {
  return db_one_int(
      cx, db, n,
      "SELECT count(*) FROM target t JOIN command c ON c.seq = t.command WHERE t.enrollment = $1 AND t.waiting = 1 "
      "AND (c.once = 0 OR t.status <> 'Sent')",
      DB_I(enrollment));
}

enum err queue_untouched(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *n) {
  return db_one_int(cx, db, n,
                    "SELECT count(*) FROM target WHERE enrollment = $1 AND waiting = 1 AND status = 'Queued' "
                    "AND (expires_at IS NULL OR expires_at > $2)",
                    DB_I(enrollment), DB_I(clock_now_us()));
}

enum err queue_notnow(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *times) {
  return db_one_int(
      cx, db, times,
      "SELECT coalesce(max(notnow_count), 0) FROM target WHERE enrollment = $1 AND waiting = 1 AND status = 'NotNow'",
      DB_I(enrollment));
}

enum err queue_retry(struct ctx *cx, struct db *db, const char *uuid, int64_t enrollment) {
  int64_t changed;
  bool there;
  TRY(db_run_n(cx, db, &changed,
               "UPDATE target SET status = 'Queued', silent = 0, updated_at = $3, "
               "expires_at = $3 + (SELECT expires_at - created_at FROM command WHERE uuid = $1) "
               "WHERE enrollment = $2 AND waiting = 1 AND status = 'Sent' AND command = (SELECT seq FROM command WHERE "
               "uuid = $1)",
               DB_S(uuid), DB_I(enrollment), DB_I(clock_now_us())));
  if (changed) return OK;
  TRY(there_is(cx, db, uuid, enrollment, &there));
  return there ? FAIL(cx, E_CONFLICT, "it is not a command that was handed out and never answered")
               : FAIL(cx, E_NOT_FOUND, "there is no such command for this device");
}

enum err queue_told(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, const char *told) {
  return db_run(cx, db,
                "UPDATE target SET told = $3 WHERE enrollment = $1 AND command = (SELECT seq FROM command WHERE uuid = "
                "$2)",
                DB_I(enrollment), DB_S(uuid), DB_S(told));
}

enum err queue_sealed(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid, struct slice *sealed,
                      const char **told) {
  struct db_rows r;
  *sealed = (struct slice){0};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT c.plist_sealed, t.told FROM command c JOIN target t ON t.command = c.seq "
                   "WHERE c.uuid = $2 AND t.enrollment = $1",
                   DB_I(enrollment), DB_S(uuid)));
  if (db_next(&r)) *sealed = db_blob(&r, 0), *told = db_text(&r, 1);
  TRY(db_close(&r));
  return sealed->p ? OK : FAIL(cx, E_NOT_FOUND, "there is no such command for this device");
}
