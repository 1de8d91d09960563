#include "core/offboard_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/escrow.h"
#include "core/event.h"
#include "core/plan.h"
#include "core/platform.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/roster.h"

#include <string.h>

static const char *const ways[] = {[OFFBOARD_UNENROLL] = "unenroll", [OFFBOARD_ERASE] = "erase"};
enum { SHOWN_MOST = 20 }; /* secrets of one report */

/* ---- how far it is ---- */

static bool is_one_of(const char *word, const char *const *words) {
  for (; *words; words++)
    if (strcmp(*words, word) == 0) return true;
  return false;
}

static const char *step_of(const struct offboard_device *d) {
  static const char *const failed[] = {"Error", "CommandFormatError", "Expired", "Cancelled", NULL};
  bool unenroll = d->at && strcmp(d->way, ways[OFFBOARD_UNENROLL]) == 0;
  if (!d->at) return "none";
  if (!d->enrolled || !d->command) return "done";
  if (unenroll && d->handed) return "handed-over"; /* whatever it said: from now on it is told that it is not managed */
  if (!d->status || is_one_of(d->status, failed)) return "failed";
  if (strcmp(d->status, "Acknowledged") == 0) return "done";
  return d->handed ? "handed-over" : "waiting";
}

static const struct {
  const char *step, *next;
} nexts[] = {
    {"none", "Nothing is done yet."},
    {"waiting", "It is done when the device comes; it is woken for it."},
    {"handed-over", "The device has it, and has not checked out. One that erases itself may never do that."},
    {"failed", "The device did not do it, or it was taken back: `pomona command show` tells why. Offboard it again."},
    {"done", "It has left. `pomona device forget` deletes what is kept of it, its secrets too."},
};

static const char *next_of(const char *step) {
  for (size_t i = 0; i < sizeof nexts / sizeof *nexts; i++)
    if (strcmp(nexts[i].step, step) == 0) return nexts[i].next;
  return NULL;
}

/* ---- what is known and what is missing ---- */

/* 1, 0, -1: not known. */
static int flag_of(struct ctx *cx, const struct offboard_device *d, const char *name) {
  struct js *facts;
  bool value;
  if (!d->facts || js_parse(cx, slice_of(d->facts), &facts) != OK) return ctx_clear_error(cx), -1;
  return js_bool(js_get(facts, name), &value) ? value : -1;
}

static bool is_mac(const struct offboard_device *d) { return platform_of(d->product) == PLATFORM_MACOS; }

struct findings {
  struct js *missing, *warnings; /* missing: not without `anyway` */
};

/* Any that it ever told: also one that was cleared, or replaced, opens a lock that was set with it. */
static enum err bypass_codes(struct ctx *cx, struct db *db, const struct offboard_device *d, int64_t *seqs, size_t *n) {
  struct escrow_entry *all;
  size_t all_n;
  *n = 0;
  TRY(escrow_list(cx, db, d->device, &all, &all_n));
  for (size_t i = 0; i < all_n && *n < OFFBOARD_CODES_MOST; i++)
    if (all[i].kind == ESCROW_BYPASS_CODE) seqs[(*n)++] = all[i].seq;
  return OK;
}

static enum err find_lock(struct ctx *cx, struct db *db, const struct offboard_device *d, struct findings *f) {
  int64_t seqs[OFFBOARD_CODES_MOST];
  size_t code;
  int lock = flag_of(cx, d, "activation-lock");
  TRY(bypass_codes(cx, db, d, seqs, &code));
  if (lock == 1 && !code)
    js_add_string(f->missing,
                  "Activation Lock is on and no bypass code is in escrow: nobody but the owner of the Apple "
                  "Account can use the device afterwards");
  if (lock < 0 && !code)
    js_add_string(f->warnings, "It is not known whether Activation Lock is on, and no bypass code is in escrow");
  return OK;
}

static enum err find_mac(struct ctx *cx, struct db *db, const struct offboard_device *d, struct findings *f) {
  bool token, key;
  TRY(escrow_holds(cx, db, d->device, ESCROW_BOOTSTRAP_TOKEN, &token));
  TRY(escrow_holds(cx, db, d->device, ESCROW_RECOVERY_KEY, &key));
  if (!token)
    js_add_string(f->warnings, "No bootstrap token of this Mac is held: it may not be able to erase all content and "
                               "settings, and need macOS installed again after an erase");
  if (!key && flag_of(cx, d, "filevault") == 1)
    js_add_string(f->warnings, "FileVault is on and no recovery key is in escrow: unenrolled, it opens by its users' "
                               "passwords only");
  return OK;
}

static enum err find(struct ctx *cx, struct db *db, const struct offboard_device *d, struct findings *f) {
  *f = (struct findings){js_array(cx), js_array(cx)};
  TRY(find_lock(cx, db, d, f));
  return is_mac(d) ? find_mac(cx, db, d, f) : OK;
}

/* ---- the report ---- */

static void add_unlock(struct ctx *cx, struct js *report, const struct offboard_device *d) {
  static const char *const words[] = {"unknown", "off", "on"};
  struct js *o = js_object(cx);
  js_set_string(o, "state", words[flag_of(cx, d, "activation-lock") + 1]);
  js_set_time(o, "apple_asked_at", d->unlock_at);
  if (d->unlock_at)
    js_set_int(o, "apple_answered", d->unlock_status);
  else
    js_set_null(o, "apple_answered");
  js_set(report, "activation_lock", o);
}

static struct js *report_of(struct ctx *cx, const struct offboard_device *d) {
  const char *step = step_of(d);
  struct js *o = js_object(cx);
  js_set_string(o, "id", d->id);
  js_set_string(o, "serial_number", d->serial_number);
  js_set_string(o, "name", d->name);
  js_set_string(o, "step", step);
  js_set_string(o, "next", next_of(step));
  js_set_string(o, "way", d->way);
  js_set_time(o, "started_at", d->at);
  js_set_string(o, "by", d->by);
  js_set_string(o, "reason", d->reason);
  js_set_string(o, "command_uuid", d->command);
  js_set_string(o, "command_status", d->status);
  add_unlock(cx, o, d);
  return o;
}

/* What it is in now. */
static enum err add_ties(struct ctx *cx, struct db *db, const struct offboard_device *d, struct js *report) {
  struct js *groups = js_array(cx);
  int64_t links;
  TRY(offboard_groups(cx, db, d->device, groups));
  TRY(offboard_links(cx, db, d, &links));
  js_set(report, "groups", groups);
  js_set_int(report, "links", links);
  return OK;
}

enum err offboard_look(struct ctx *cx, struct db *db, const char *device_id, struct js **report) {
  struct offboard_device d;
  struct findings f;
  TRY(offboard_load(cx, db, device_id, &d));
  *report = report_of(cx, &d);
  TRY(add_ties(cx, db, &d, *report));
  TRY(find(cx, db, &d, &f));
  js_set(*report, "missing", f.missing);
  js_set(*report, "warnings", f.warnings);
  return OK;
}

/* ---- what must be noted ---- */

/* Also what was in force before: an older bypass code may be the one that a lock was set with. */
static bool is_shown(const struct escrow_entry *e, const char *command) {
  switch (e->kind) {
  case ESCROW_BYPASS_CODE:
    return true;
  case ESCROW_PIN:
    return strcmp(e->state, "in-force") == 0 || (command && e->command && strcmp(e->command, command) == 0);
  case ESCROW_RECOVERY_KEY:
  case ESCROW_RECOVERY_LOCK:
  case ESCROW_FIRMWARE_PASSWORD:
    return strcmp(e->state, "in-force") == 0;
  default:
    return false;
  }
}

static enum err show(struct ctx *cx, struct db *db, struct core *core, const struct offboard_device *d,
                     struct js *report) {
  struct escrow_entry *all;
  struct js *secrets = js_array(cx);
  size_t n;
  TRY(escrow_list(cx, db, d->device, &all, &n));
  for (size_t i = 0; i < n && js_count(secrets) < SHOWN_MOST; i++) {
    if (!is_shown(&all[i], d->command)) continue;
    struct escrow_ask ask = {
        .device = d->device, .kind = all[i].kind, .seq = all[i].seq, .by = d->by, .reason = d->reason};
    struct escrow_revealed one;
    struct js *o = js_object(cx);
    TRY(escrow_reveal(cx, db, core, &ask, &one));
    js_set_string(o, "kind", escrow_word(all[i].kind));
    js_set_string(o, "value", secret_in(cx, ctx_memdup(cx, one.value.p, one.value.n), one.value.n));
    js_set_string(o, "state", all[i].state);
    js_set_time(o, "at", all[i].at);
    js_add(secrets, o);
  }
  js_set(report, "secrets", secrets);
  return OK;
}

/* ---- the act ---- */

static enum err queue_removal(struct ctx *cx, struct db *db, struct core *core, const char *by,
                              const struct enroll_leave *leave) {
  struct command c;
  int64_t command;
  struct js *args = js_object(cx);
  js_set_string(args, "Identifier", leave->identifier);
  TRY(command_build(cx, &c, "RemoveProfile", args, leave->command));
  c.flags |= COMMAND_ONCE | COMMAND_JUMP;
  TRY(queue_command(cx, db, core, &c, by, &command));
  return queue_add(cx, db, core, command, &c, leave->enrollment);
}

enum err offboard_unenroll(struct ctx *cx, struct db *db, struct core *core, const char *device_id, const char *by,
                           struct enroll_leave *out) {
  TRY(enroll_unenroll(cx, db, core, device_id, by, out));
  if (!out->asked) TRY(queue_removal(cx, db, core, by, out));
  return out->handed ? OK : push_due(cx, db, core, out->enrollment, PUSH_ASKED, 0, NULL, NULL);
}

/* Macs that cannot erase their keys lock themselves with this PIN; others take no notice of it. */
static const char *new_pin(struct ctx *cx) {
  uint32_t random;
  secret_random(&random, sizeof random);
  char *pin = ctx_printf(cx, "%06u", random % 1000000);
  return secret_in(cx, pin, strlen(pin));
}

static enum err erase(struct ctx *cx, struct db *db, struct core *core, struct offboard_device *d) {
  struct command c;
  int64_t command;
  struct js *args = js_object(cx);
  if (d->blocked) return FAIL(cx, E_CONFLICT, "%s is blocked, so that nothing is handed over to it: unblock it", d->id);
  if (!d->enrollment) return FAIL(cx, E_CONFLICT, "%s has not told yet how it is reached", d->id);
  if (is_mac(d)) js_set_string(args, "PIN", new_pin(cx));
  TRY(command_build(cx, &c, "EraseDevice", args, NULL));
  TRY(queue_command(cx, db, core, &c, d->by, &command));
  TRY(queue_add(cx, db, core, command, &c, d->enrollment));
  d->command = c.uuid;
  return push_due(cx, db, core, d->enrollment, PUSH_ASKED, 0, NULL, NULL);
}

/* What is not enrolled has nobody to tell; the rest is done all the same. */
static enum err end_it(struct ctx *cx, struct db *db, struct core *core, struct offboard_device *d,
                       enum offboard_way way) {
  struct enroll_leave leave;
  d->command = NULL;
  if (!d->enrolled) return OK;
  if (way == OFFBOARD_ERASE) return erase(cx, db, core, d);
  TRY(offboard_unenroll(cx, db, core, d->id, d->by, &leave));
  d->command = leave.command;
  return OK;
}

static enum err tell(struct ctx *cx, struct db *db, const struct offboard_device *d) {
  struct js *data = js_object(cx);
  js_set_string(data, "by", d->by);
  js_set_string(data, "reason", d->reason);
  js_set_string(data, "way", d->way);
  js_set_string(data, "command_uuid", d->command);
  return event_add(cx, db, "device.offboarding", d->id, data);
}

static enum err nothing_missing(struct ctx *cx, struct js *missing, bool anyway) {
  if (js_count(missing) == 0 || anyway) return OK;
  return FAIL(cx, E_CONFLICT, "%s (anyway: do it all the same)", js_string(js_at(missing, 0)));
}

static enum err begin(struct ctx *cx, struct db *db, struct core *core, struct offboard *o, struct offboard_device *d) {
  struct findings f;
  struct js *ties = js_object(cx);
  TRY(find(cx, db, d, &f));
  TRY(nothing_missing(cx, f.missing, o->anyway));
  TRY(add_ties(cx, db, d, ties));
  d->way = ctx_strdup(cx, ways[o->way]);
  d->by = ctx_strdup(cx, o->by);
  d->reason = ctx_strdup(cx, o->reason);
  d->at = clock_now_us();
  TRY(end_it(cx, db, core, d, o->way));
  TRY(offboard_leave_groups(cx, db, d->device));
  TRY(offboard_revoke_links(cx, db, d, o->by));
  TRY(offboard_save(cx, db, d));
  TRY(tell(cx, db, d));
  TRY(plan_due(cx, db, core, d->device));
  roster_changed(db, core, d->device);
  TRY(offboard_load(cx, db, o->device_id, d));
  o->report = report_of(cx, d);
  js_set(o->report, "groups", js_get(ties, "groups"));
  js_set(o->report, "links", js_get(ties, "links"));
  js_set(o->report, "warnings", f.warnings);
  return show(cx, db, core, d, o->report);
}

/* Lifted before the device was erased it may have been set again, by who was signed in until then. */
static bool is_lifted(const struct offboard_device *d) {
  return d->unlock_status == 200 && (d->erased_at == 0 || d->unlock_at > d->erased_at);
}

/* Unless the device says that it is not locked, or Apple has lifted it. */
static enum err want_unlock(struct ctx *cx, struct db *db, struct core *core, struct offboard *o,
                            const struct offboard_device *d) {
  int64_t seqs[OFFBOARD_CODES_MOST];
  size_t n;
  if (flag_of(cx, d, "activation-lock") == 0 || is_lifted(d)) return OK;
  if (!d->topic || !d->serial_number || !d->product) return OK;
  TRY(bypass_codes(cx, db, d, seqs, &n));
  o->unlock = (struct offboard_unlock){.topic = d->topic,
                                       .serial_number = d->serial_number,
                                       .product = d->product,
                                       .imei = d->imei,
                                       .meid = d->meid,
                                       .codes_n = n};
  for (size_t i = 0; i < n; i++) {
    struct escrow_ask ask = {.device = d->device, .kind = ESCROW_BYPASS_CODE, .seq = seqs[i]};
    struct slice code;
    TRY(escrow_use(cx, db, core, &ask, &code));
    o->unlock.codes[i] = secret_in(cx, ctx_memdup(cx, code.p, code.n), code.n);
  }
  return OK;
}

enum err offboard(struct ctx *cx, struct db *db, struct core *core, struct offboard *o) {
  static const char *const anew[] = {"none", "failed", NULL};
  struct offboard_device d;
  TRY(escrow_check_reason(cx, o->reason));
  TRY(offboard_load(cx, db, o->device_id, &d));
  bool begins = is_one_of(step_of(&d), anew);
  if (!begins && strcmp(d.way, ways[o->way]) != 0 && strcmp(step_of(&d), "done") != 0)
    return FAIL(cx, E_CONFLICT, "%s is leaving the other way (%s): cancel the command %s first", d.id, d.way,
                d.command);
  if (begins)
    TRY(begin(cx, db, core, o, &d));
  else
    o->report = report_of(cx, &d);
  return want_unlock(cx, db, core, o, &d);
}

enum err offboard_unlocked(struct ctx *cx, struct db *db, const struct offboard *o, int status) {
  struct offboard_device d;
  TRY(offboard_save_unlock(cx, db, o->device_id, status));
  TRY(offboard_load(cx, db, o->device_id, &d));
  add_unlock(cx, o->report, &d);
  return OK;
}
