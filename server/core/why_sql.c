#include "core/why_load.h"

#include "base/clock.h"
#include "core/push_int.h"
#include "core/queue_int.h"

#include <string.h>

/* How far back the commands that a channel was handed are looked through for what it went dark after. */
enum { PAST = 100 };
/* Of those behind one address so many are looked at: it may be the address of all. */
enum { NEIGHBOURS = 200 };
/* So many delays make a habit: below, the usual one is a guess. */
enum { MEASURED = 5 };

/* ---- enrollment, device, wake ---- */

static int told(struct db_rows *r, int col) { return db_is_null(r, col) ? -1 : db_int(r, col) != 0; }

static void read_device(struct db_rows *r, struct why_device *d) {
  *d = (struct why_device){.seq = db_int(r, 0),
                           .id = db_text(r, 1),
                           .serial = db_text(r, 2),
                           .name = db_text(r, 3),
                           .model = db_text(r, 4),
                           .product = db_text(r, 5),
                           .os_version = db_text(r, 6),
                           .cellular = db_int(r, 7) != 0,
                           .generation = db_int(r, 8),
                           .pending = db_int(r, 9),
                           .out_at = db_int(r, 10),
                           .blocked_at = db_int(r, 11),
                           .blocked_by = db_text(r, 12),
                           .clone_at = db_int(r, 13),
                           .clone_text = db_text(r, 14),
                           .supervised = told(r, 15),
                           .filevault = told(r, 16),
                           .passcode = told(r, 17),
                           .seen = db_int(r, 18)};
}
#define DEVICE                                                                                                         \
  "d.seq, d.id, d.serial_number, d.device_name, d.model_name, d.product_name, d.os_version, "                          \
  "d.imei IS NOT NULL OR d.meid IS NOT NULL, d.generation, d.pending, d.checked_out_at, d.blocked_at, d.blocked_by, "  \
  "d.clone_at, d.clone_text, d.supervised, d.filevault, d.passcode, "                                                  \
  "(SELECT o.last_seen FROM enrollment o WHERE o.id = d.id)"
enum { AFTER_DEVICE = 19 };

static void read_enrollment(struct db_rows *r, int at, struct why_enrollment *e) {
  *e = (struct why_enrollment){.seq = db_int(r, at),
                               .id = db_text(r, at + 1),
                               .type = db_text(r, at + 2),
                               .topic = db_text(r, at + 3),
                               .short_name = db_text(r, at + 4),
                               .address = db_text(r, at + 5),
                               .agent = db_text(r, at + 6),
                               .enabled = db_int(r, at + 7) != 0,
                               .is_user = db_int(r, at + 8) != 0,
                               .created_at = db_int(r, at + 9),
                               .token_at = db_int(r, at + 10),
                               .seen = db_int(r, at + 11),
                               .token = db_blob(r, at + 12)};
}
#define ENROLLMENT                                                                                                     \
  "e.seq, e.id, e.type, e.topic, e.user_short_name, e.last_address, e.last_agent, e.enabled, e.id <> d.id, "           \
  "e.created_at, e.token_at, e.last_seen, e.token"
enum { AFTER_ENROLLMENT = AFTER_DEVICE + 13 };

static void read_wake(struct db_rows *r, int at, struct why_wake *w) {
  struct slice delays = db_blob(r, at + 13);
  *w = (struct why_wake){.exists = !db_is_null(r, at),
                         .due_at = db_int(r, at + 1),
                         .sent_at = db_int(r, at + 2),
                         .answered_at = db_int(r, at + 3),
                         .apns_timestamp = db_int(r, at + 4),
                         .failed_since = db_int(r, at + 5),
                         .dead_at = db_int(r, at + 6),
                         .status = (int)db_int(r, at + 7),
                         .reason = db_text(r, at + 8),
                         .why = db_text(r, at + 9),
                         .token = db_blob(r, at + 10),
                         .taken_at = db_int(r, at + 11),
                         .taken = db_int(r, at + 12),
                         .usual = push_delays_usual(delays),
                         .measured = delays.n >= MEASURED * sizeof(uint32_t)};
}
#define WAKE                                                                                                           \
  "w.enrollment, w.due_at, w.sent_at, w.answered_at, w.apns_timestamp, w.failed_since, w.dead_at, w.status, "          \
  "w.reason, w.why, w.token, w.taken_at, w.taken, w.delays"

enum err why_read_channel(struct ctx *cx, struct why_facts *f, int64_t enrollment, bool *found) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT " DEVICE ", " ENROLLMENT ", " WAKE " FROM enrollment e JOIN device d ON d.seq = e.device "
                   "LEFT JOIN wake w ON w.enrollment = e.seq WHERE e.seq = $1",
                   DB_I(enrollment)));
  *found = db_next(&r);
  if (*found) {
    read_device(&r, &f->device);
    read_enrollment(&r, AFTER_DEVICE, &f->enrollment);
    read_wake(&r, AFTER_ENROLLMENT, &f->wake);
  }
  return db_close(&r);
}

enum err why_read_device(struct ctx *cx, struct why_facts *f, const char *device_id) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r, "SELECT " DEVICE " FROM device d WHERE d.id = $1", DB_S(device_id)));
  if (db_next(&r)) read_device(&r, &f->device);
  return db_close(&r);
}

enum err why_read_generation(struct ctx *cx, struct db *db, int64_t seq, struct why_generation *out) {
  struct db_rows r;
  TRY(db_open_rows(cx, db, &r,
                   "SELECT g.seq, g.authenticated_at, g.enrolled_at, g.state, g.topic, g.given, "
                   "g.awaiting_configuration, (SELECT max(i.not_after) FROM identity i WHERE i.generation = g.seq "
                   "AND i.voided_at IS NULL AND i.device_id = (SELECT d.id FROM device d WHERE d.seq = g.device)) "
                   "FROM generation g WHERE g.seq = $1",
                   DB_I(seq)));
  if (db_next(&r))
    *out = (struct why_generation){.seq = db_int(&r, 0),
                                   .authenticated_at = db_int(&r, 1),
                                   .enrolled_at = db_int(&r, 2),
                                   .state = db_text(&r, 3),
                                   .topic = db_text(&r, 4),
                                   .given = db_text(&r, 5),
                                   .awaiting = db_int(&r, 6) != 0,
                                   .not_after = db_int(&r, 7)};
  return db_close(&r);
}

/* ---- commands ---- */

#define COMMAND                                                                                                        \
  "t.seq, c.seq, c.uuid, c.request_type, t.status, t.reason, c.created_by, t.cancelled_by, t.errors, t.waiting, "      \
  "c.once, c.barrier, t.silent, t.queued_at, t.first_sent_at, t.last_sent_at, t.settled_at, t.updated_at, "            \
  "t.expires_at, t.deliveries, t.notnow_count, t.notnow_first_at, t.notnow_at"

static void read_command(struct db_rows *r, struct why_command *c) {
  *c = (struct why_command){.target = db_int(r, 0),
                            .seq = db_int(r, 1),
                            .uuid = db_text(r, 2),
                            .type = db_text(r, 3),
                            .status = db_text(r, 4),
                            .reason = db_text(r, 5),
                            .by = db_text(r, 6),
                            .cancelled_by = db_text(r, 7),
                            .errors = db_text(r, 8),
                            .waiting = db_int(r, 9) != 0,
                            .once = db_int(r, 10) != 0,
                            .barrier = db_int(r, 11) != 0,
                            .set_aside = db_int(r, 12) >= QUEUE_PATIENCE,
                            .queued_at = db_int(r, 13),
                            .first_sent_at = db_int(r, 14),
                            .last_sent_at = db_int(r, 15),
                            .settled_at = db_int(r, 16),
                            .updated_at = db_int(r, 17),
                            .expires_at = db_int(r, 18),
                            .deliveries = db_int(r, 19),
                            .notnows = db_int(r, 20),
                            .notnow_first_at = db_int(r, 21),
                            .notnow_at = db_int(r, 22)};
}

static enum err one_command(struct db_rows *r, struct why_command *out) {
  if (db_next(r)) read_command(r, out);
  return db_close(r);
}

enum err why_read_command(struct ctx *cx, struct why_facts *f, const char *uuid) {
  struct db_rows r;
  struct db_val enrollment = DB_I(f->enrollment.seq);
  if (!uuid) {
    TRY(db_open_rows(cx, f->db, &r,
                     "SELECT " COMMAND " FROM target t JOIN command c ON c.seq = t.command "
                     "WHERE t.enrollment = $1 AND t.waiting = 1 ORDER BY t.seq LIMIT 1",
                     enrollment));
    return one_command(&r, &f->command);
  }
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT " COMMAND " FROM target t JOIN command c ON c.seq = t.command "
                   "WHERE t.enrollment = $1 AND t.command = (SELECT seq FROM command WHERE uuid = $2)",
                   enrollment, DB_S(uuid)));
  TRY(one_command(&r, &f->command));
  return f->command.target ? OK : FAIL(cx, E_NOT_FOUND, "there is no command %s for %s", uuid, f->id);
}

/* As the queue hands out, for a session that begins now. */
enum err why_read_head(struct ctx *cx, struct why_facts *f) {
  struct db_rows r;
  int64_t enrollment = f->enrollment.seq, held;
  TRY(queue_held_from(cx, f->db, enrollment, f->now - core_conf(f->core)->await_timeout_us, &held));
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT " COMMAND " FROM target t JOIN command c ON c.seq = t.command "
                   "WHERE t.enrollment = $1 AND t.waiting = 1 AND (c.once = 0 OR t.status <> 'Sent') "
                   "AND (t.expires_at IS NULL OR t.expires_at > $2) AND (t.priority > 0 OR $4 = 0 OR t.seq < $4) "
                   "ORDER BY t.silent >= $3, t.priority DESC, t.status = 'NotNow', t.seq LIMIT 1",
                   DB_I(enrollment), DB_I(f->now), DB_I(QUEUE_PATIENCE), DB_I(held)));
  return one_command(&r, &f->head);
}

enum err why_read_past(struct ctx *cx, struct why_facts *f) {
  struct db_rows r;
  struct why_command one;
  TRY(db_open_rows(
      cx, f->db, &r,
      "SELECT " COMMAND " FROM (SELECT * FROM target WHERE enrollment = "
      "(SELECT seq FROM enrollment WHERE id = $1) AND last_sent_at IS NOT NULL ORDER BY seq DESC LIMIT $2) t "
      "JOIN command c ON c.seq = t.command WHERE c.request_type IN "
      "('EraseDevice', 'DeviceLock', 'EnableLostMode', 'DisableLostMode', 'RestartDevice', "
      "'ShutDownDevice', 'ScheduleOSUpdate', 'DeviceConfigured') ORDER BY t.seq DESC",
      DB_S(f->device.id), DB_I(PAST)));
  while (db_next(&r)) {
    read_command(&r, &one);
    struct why_command *slot = strcmp(one.type, "DeviceConfigured") == 0 ? &f->configured : &f->dark;
    if (one.last_sent_at > slot->last_sent_at) *slot = one;
  }
  return db_close(&r);
}

/* ---- the rest ---- */

enum err why_read_renewal(struct ctx *cx, struct why_facts *f) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT seq, created_at, updated_at, state, why, command FROM renewal "
                   "WHERE device = $1 AND generation = $2 ORDER BY seq DESC LIMIT 1",
                   DB_I(f->device.seq), DB_I(f->device.generation)));
  if (db_next(&r))
    f->renewal = (struct why_renewal){.seq = db_int(&r, 0),
                                      .created_at = db_int(&r, 1),
                                      .updated_at = db_int(&r, 2),
                                      .state = db_text(&r, 3),
                                      .why = db_text(&r, 4),
                                      .command = db_text(&r, 5)};
  return db_close(&r);
}

enum err why_read_other(struct ctx *cx, struct why_facts *f) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT d.id FROM device d JOIN generation g ON g.device = d.seq "
                   "WHERE d.serial_number = $1 AND d.seq <> $2 AND g.authenticated_at > $3 "
                   "AND g.state IN ('pending', 'current') ORDER BY g.seq DESC LIMIT 1",
                   DB_S(f->device.serial), DB_I(f->device.seq),
                   DB_I(f->device.seen > f->current.authenticated_at ? f->device.seen : f->current.authenticated_at)));
  if (db_next(&r)) f->other_id = db_text(&r, 0);
  return db_close(&r);
}

enum err why_count_topic(struct ctx *cx, struct db *db, const char *topic, int64_t *devices) {
  return db_one_int(cx, db, devices, "SELECT count(DISTINCT device) FROM enrollment WHERE topic = $1 AND enabled = 1",
                    DB_S(topic));
}

/* ---- for words ---- */

enum err why_count_refused(struct ctx *cx, struct db *db, const char *reason, const char *address, int64_t *n) {
  return db_one_int(cx, db, n,
                    "SELECT count(DISTINCT d.seq) FROM refused r JOIN device d ON d.id = r.id "
                    "LEFT JOIN enrollment e ON e.id = d.id WHERE r.reason = $1 AND r.address = coalesce($2, r.address) "
                    "AND r.last_at > coalesce(e.last_seen, 0)",
                    DB_S(reason), DB_S(address));
}

enum err why_count_devices(struct ctx *cx, struct db *db, int64_t *n) {
  return db_one_int(cx, db, n, "SELECT count(DISTINCT device) FROM enrollment WHERE enabled = 1");
}

enum err why_count_neighbours(struct ctx *cx, const struct why_facts *f, int64_t *woken, int64_t *came) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT count(*), coalesce(sum(x.came), 0) FROM (SELECT e.last_seen > w.sent_at AS came "
                   "FROM enrollment e CROSS JOIN wake w WHERE w.enrollment = e.seq AND e.last_address = $1 "
                   "AND e.device <> $2 AND e.enabled = 1 AND w.sent_at > $3 LIMIT $4) x",
                   DB_S(f->enrollment.address), DB_I(f->device.seq), DB_I(f->enrollment.seen), DB_I(NEIGHBOURS)));
  if (db_next(&r)) *woken = db_int(&r, 0), *came = db_int(&r, 1);
  return db_close(&r);
}

enum err why_list_waiting(struct ctx *cx, const struct why_facts *f, char **out) {
  struct db_rows r;
  TRY(db_open_rows(cx, f->db, &r,
                   "SELECT group_concat(x.request_type, ', ') FROM (SELECT DISTINCT c.request_type FROM target t "
                   "JOIN command c ON c.seq = t.command WHERE t.enrollment = $1 AND t.waiting = 1 AND c.barrier = 0 "
                   "LIMIT 5) x",
                   DB_I(f->enrollment.seq)));
  *out = db_next(&r) ? db_text(&r, 0) : NULL;
  return db_close(&r);
}
