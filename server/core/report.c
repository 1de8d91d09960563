#include "core/report.h"

#include "base/clock.h"
#include "core/checkin.h"
#include "core/filevault.h"
#include "core/guard.h"
#include "core/plan.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/renewal.h"
#include "core/roster.h"
#include "core/seen.h"
#include "core/webhook.h"

#include <string.h>

enum { UUID_MAX = 255, ERRORS_MAX = 20, TEXT_MAX = 2000, CODE_MAX = 255 };
enum { NOTNOW_FIRST_MIN = 10, NOTNOW_MOST_MIN = 360, SAFETY_HOURS = 24 };

static const struct {
  const char *name;
  bool about_command;
} statuses[] = {
#define REPORT(name, about) {#name, about},
#include "core/report.def"
#undef REPORT
};

/* ---- reading ---- */

static void add_text(struct js *o, const char *key, struct pl *entry, const char *plist_key) {
  struct slice s;
  if (!pl_string(pl_get(entry, plist_key), &s)) return;
  if (s.n <= TEXT_MAX) js_set_string(o, key, s.p);
}

/* The device's own words are kept beside the English ones; codes change between releases, so nothing here depends on
 * them. */
static const char *errors_of(struct ctx *cx, struct pl *message) {
  struct pl *chain = pl_get(message, "ErrorChain");
  size_t n = pl_type(chain) == PL_ARRAY ? pl_count(chain) : 0;
  if (n == 0) return NULL;
  struct js *all = js_array(cx);
  for (size_t i = 0; i < n && i < ERRORS_MAX; i++) {
    struct pl *entry = pl_at(chain, i);
    struct js *o = js_object(cx);
    int64_t code;
    add_text(o, "domain", entry, "ErrorDomain");
    if (pl_int(pl_get(entry, "ErrorCode"), &code)) js_set_int(o, "code", code);
    add_text(o, "text", entry, "USEnglishDescription");
    add_text(o, "localized", entry, "LocalizedDescription");
    js_add(all, o);
  }
  return js_text(cx, all, JS_COMPACT).p;
}

/* Settings is acknowledged as a whole; of each of its items the answer tells what became of it. */
static const char *setting_errors_of(struct ctx *cx, struct pl *message) {
  struct pl *items = pl_get(message, "Settings");
  size_t n = pl_type(items) == PL_ARRAY ? pl_count(items) : 0;
  for (size_t i = 0; i < n; i++) {
    const char *status = pl_str(pl_at(items, i), "Status");
    if (!status || strcmp(status, "Acknowledged") == 0) continue;
    const char *errors = errors_of(cx, pl_at(items, i));
    return errors ? errors : "[]";
  }
  return NULL;
}

static int flag_of(struct pl *dict, const char *key) {
  bool value;
  return pl_bool(pl_get(dict, key), &value) ? value : -1;
}

static const char *name_of(struct pl *dict, const char *key) {
  const char *s = pl_str(dict, key);
  return s && *s && strlen(s) <= CODE_MAX && text_is_plain(slice_of(s)) ? s : NULL;
}

/* The answers to DeviceInformation and SecurityInfo. */
static void read_told(struct pl *message, struct report *out) {
  struct pl *answers = pl_get(message, "QueryResponses"), *security = pl_get(message, "SecurityInfo");
  out->told = (struct enroll_told){.supervised = flag_of(answers, "IsSupervised"),
                                   .filevault = flag_of(security, "FDE_Enabled"),
                                   .passcode = flag_of(security, "PasscodePresent"),
                                   .serial_number = name_of(answers, "SerialNumber"),
                                   .udid = name_of(answers, "UDID")};
}

/* A device that is not heard because of a character in a name would come with the same answer for ever. */
static enum err parse(struct ctx *cx, struct slice body, struct pl **out, size_t *replaced) {
  *replaced = 0;
  enum err e = pl_parse(cx, body, &pl_limits_report, out);
  if (e != E_INVALID) return e;
  struct slice washed = pl_wash(cx, body, replaced);
  if (*replaced == 0) return e;
  ctx_clear_error(cx);
  return pl_parse(cx, washed, &pl_limits_report, out);
}

enum err report_read(struct ctx *cx, struct slice body, struct report *out) {
  size_t replaced;
  struct pl *message;
  bool known = false, about_command = false;
  out->body = body;
  TRY(parse(cx, body, &message, &replaced));
  out->status = pl_str(message, "Status");
  if (!out->status) return FAIL(cx, E_INVALID, "Status is missing");
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (strcmp(statuses[i].name, out->status) == 0) known = true, about_command = statuses[i].about_command;
  if (!known) return FAIL(cx, E_INVALID, "unknown Status");
  out->idle = !about_command;
  out->uuid = about_command ? pl_str(message, "CommandUUID") : NULL;
  if (about_command && !out->uuid) return FAIL(cx, E_INVALID, "CommandUUID is missing");
  if (out->uuid && (strlen(out->uuid) > UUID_MAX || !text_is_plain(slice_of(out->uuid))))
    return FAIL(cx, E_INVALID, "CommandUUID is longer than %d bytes or not plain text", UUID_MAX);
  out->errors = errors_of(cx, message);
  out->setting_errors = setting_errors_of(cx, message);
  escrow_read(message, &out->secrets);
  read_told(message, out);
  out->app = name_of(message, "Identifier");
  if (strcmp(out->status, "Acknowledged") == 0) TRY(inventory_read(cx, message, replaced, &out->inventory));
  return enroll_ids(cx, message, &out->ids);
}

/* ---- answering ---- */

static void hand_out(struct report *r, const struct queue_item *item) {
  r->command = item->plist;
  r->command_uuid = item->uuid;
}

static struct queue_asker asker_of(const struct report *r, int64_t enrollment) {
  return (struct queue_asker){.enrollment = enrollment, .identity = r->proof.hash, .only_renewal = r->proof.expired};
}

/* What waits is not for an identity that has ended: there is no reason to wake it soon. */
static void rest(const struct report *r, int64_t enrollment) {
  if (r->proof.expired) seen_ended(r->core->seen, enrollment, r->now + SAFETY_HOURS * US_HOUR);
}

/* A device that is turned away because of our trouble has missed nothing: woken at once, it would only come again. */
static enum err next_command(struct ctx *cx, struct db *db, struct report *r, const struct queue_asker *who,
                             struct queue_item *item, bool *found) {
  enum err e = queue_next(cx, db, r->core, who, item, found);
  if (e != OK) seen_handed(r->core->seen, who->enrollment);
  return e;
}

/* Who may be served and what there is to hand out are two reads: another generation may have come into force between
   them, whose commands are not for this identity. */
static enum err still_in_force(struct ctx *cx, struct db *reader, const struct report *r,
                               const struct enroll_channel *before, bool *still) {
  struct enroll_channel now;
  TRY(enroll_find(cx, reader, &r->ids, &r->proof, &now));
  *still = now.refusal == ENROLL_FINE && now.current && now.generation == before->generation;
  return OK;
}

enum err report_poll(struct ctx *cx, struct db *reader, struct report *r, bool *done) {
  struct enroll_channel ch;
  struct queue_item item;
  bool found;
  *done = false;
  if (!r->idle || webhook_wanted(r->core)) return OK;
  TRY(enroll_find(cx, reader, &r->ids, &r->proof, &ch));
  r->refusal = ch.refusal;
  if (ch.refusal == ENROLL_MISUSED || ch.checked_out) return OK; /* told by an event */
  if (ch.first_contact || ch.challenged || ch.may_return) return OK;
  *done = true;
  if (ch.refusal != ENROLL_FINE || !ch.current || ch.enrollment == 0) return OK;
  if (ch.unseen) return *done = false, OK;
  struct queue_asker who = asker_of(r, ch.enrollment);
  who.session_start = seen_poll(r->core->seen, ch.device, ch.enrollment, r->now, true, &r->proof);
  if (seen_is_dirty(r->core->seen, ch.enrollment)) return *done = false, OK;
  TRY(next_command(cx, reader, r, &who, &item, &found));
  if (!found) return rest(r, ch.enrollment), OK;
  if (item.recorded || item.damaged) return *done = false, OK;
  TRY(still_in_force(cx, reader, r, &ch, done));
  if (!*done) return OK;
  seen_sent(r->core->seen, ch.enrollment, item.target, r->now, r->proof.hash);
  hand_out(r, &item);
  return OK;
}

/* A renewal is made up now. Only the database's trouble passes: of all else the next poll would die again. */
static enum err render(struct ctx *cx, struct db *db, struct report *r, struct queue_item *item) {
  if (!item->renewal || item->damaged) return OK;
  enum err e = renewal_render(cx, db, r->core, item->renewal, &item->plist);
  item->damaged = e != OK && e != E_STORAGE;
  return item->damaged ? renewal_spoilt(cx, db, item->uuid) : e;
}

/* What does not open is told as our error, and the next one goes on. */
static enum err pass_damaged(struct ctx *cx, struct db *db, struct report *r, const struct queue_asker *who,
                             struct queue_item *item, bool *found) {
  while (*found) {
    TRY(render(cx, db, r, item));
    if (!item->damaged) return OK;
    TRY(queue_damaged(cx, db, who->enrollment, item));
    TRY(next_command(cx, db, r, who, item, found));
  }
  return OK;
}

static enum err take_secrets(struct ctx *cx, struct db *db, const struct report *r, int64_t device,
                             const char *request_type) {
  bool changed;
  TRY(escrow_acknowledged(cx, db, device, r->uuid, request_type));
  TRY(escrow_tell(cx, db, r->core, device, &r->secrets, r->uuid, &changed));
  if (changed) roster_changed(db, r->core, device);
  return OK;
}

static enum err settle_rotation(struct ctx *cx, struct db *db, const struct report *r, int64_t enrollment,
                                const char *request_type) {
  if (strcmp(request_type, "RotateFileVaultKey") != 0 || strcmp(r->status, "NotNow") == 0) return OK;
  return filevault_settled(cx, db, r->core, enrollment, r->secrets.recovery_key.p != NULL);
}

/* An app that was asked for by its number in the App Store. */
static enum err take_app(struct ctx *cx, struct db *db, const struct report *r, int64_t enrollment) {
  return r->app ? queue_told(cx, db, enrollment, r->uuid, r->app) : OK;
}

/* A part of a list is not the list. */
static enum err take_inventory(struct ctx *cx, struct db *db, const struct report *r, const struct enroll_channel *ch,
                               const struct queue_asked *asked) {
  bool changed;
  if (ch->refusal == ENROLL_FINE) TRY(inventory_acted(cx, db, r->core, ch->enrollment, asked->request_type));
  if (asked->partial) return OK;
  TRY(inventory_apply(cx, db, r->core, ch->enrollment, r->ids.is_user ? 0 : ch->device, asked->request_type,
                      r->inventory, &changed));
  return plan_heard(cx, db, ch->device, changed);
}

/* What the device said of a command. The codes that it tells are bounded by the commands that it was given. */
static enum err take_report(struct ctx *cx, struct db *db, struct report *r, const struct enroll_channel *ch) {
  bool known;
  struct queue_asked asked;
  TRY(queue_settle(cx, db, ch->enrollment, r->uuid, r->status, r->errors, &known));
  if (known) TRY(renewal_settled(cx, db, r->core, r->uuid, r->status));
  if (known) TRY(guard_settled(cx, db, ch->enrollment, r->uuid, r->status));
  if (!known) return OK;
  if (strcmp(r->status, "NotNow") != 0) TRY(push_told(cx, db, ch->enrollment));
  TRY(plan_settled(cx, db, r->core, ch->enrollment, r->uuid, r->status, r->errors ? r->errors : r->setting_errors));
  TRY(queue_asked(cx, db, ch->enrollment, r->uuid, &asked));
  TRY(settle_rotation(cx, db, r, ch->enrollment, asked.request_type));
  if (asked.own && ch->refusal == ENROLL_FINE)
    TRY(inventory_told(cx, db, ch->enrollment, &(struct inventory_reply){asked.request_type, r->status, r->errors}));
  if (strcmp(r->status, "Acknowledged") != 0) return OK;
  if (strcmp(asked.request_type, "RestartDevice") == 0) seen_restarts(r->core->seen, ch->enrollment, r->now);
  if (!r->ids.is_user) TRY(enroll_learn(cx, db, ch->enrollment, &r->told));
  if (r->told.supervised == 1 && !r->ids.is_user && ch->refusal == ENROLL_FINE)
    TRY(checkin_supervised(cx, db, r->core, ch->enrollment));
  if (strcmp(asked.request_type, "InstallApplication") == 0) TRY(take_app(cx, db, r, ch->enrollment));
  TRY(take_inventory(cx, db, r, ch, &asked));
  return r->ids.is_user ? OK : take_secrets(cx, db, r, ch->device, asked.request_type);
}

/* The session ends here. After NotNow the device polls by itself, so a push is only for safety; if it ended with
   something else while commands were put off, it is woken again, the later the more often it said so. A barrier that
   waits for what was put off does so for its time only. */
static enum err end_session(struct ctx *cx, struct db *db, struct report *r, int64_t enrollment) {
  int64_t times, barrier, next, minutes = NOTNOW_FIRST_MIN;
  if (r->proof.expired) return rest(r, enrollment), OK;
  TRY(queue_notnow(cx, db, enrollment, &times));
  if (times == 0) return OK;
  while (--times > 0 && minutes < NOTNOW_MOST_MIN) minutes *= 2;
  if (minutes > NOTNOW_MOST_MIN) minutes = NOTNOW_MOST_MIN;
  bool by_itself = strcmp(r->status, "NotNow") == 0;
  next = r->now + (by_itself ? SAFETY_HOURS * US_HOUR : minutes * US_MINUTE);
  TRY(queue_barrier(cx, db, r->core, enrollment, &barrier));
  seen_ended(r->core->seen, enrollment, barrier && barrier < next ? barrier : next);
  return OK;
}

static enum err tell(struct ctx *cx, struct db *db, const struct report *r) {
  struct webhook_event e = {.ids = &r->ids, .body = r->body, .status = r->status, .command_uuid = r->uuid};
  return webhook_event(cx, db, r->core, &e);
}

/* One that is to leave tells of RemoveProfile: that is heard, and it goes on to its CheckOut. If it comes back to ask
   for more it is told that it is not managed. */
static enum err hear_leaving(struct ctx *cx, struct db *db, struct report *r, const struct enroll_channel *ch) {
  TRY(take_report(cx, db, r, ch));
  r->refusal = ENROLL_FINE;
  return OK;
}

/* It answers to what it was given before it was blocked, an erase perhaps, and is given nothing more. */
static enum err hear_blocked(struct ctx *cx, struct db *db, struct report *r, const struct enroll_channel *ch) {
  struct queue_asked asked;
  TRY(seen_write(cx, db, r->core->seen, ch->enrollment));
  TRY(queue_asked(cx, db, ch->enrollment, r->uuid, &asked));
  if (!asked.handed) return OK;
  TRY(take_report(cx, db, r, ch));
  r->refusal = ENROLL_FINE;
  return OK;
}

enum err report_apply(struct ctx *cx, struct db *db, void *report) {
  struct report *r = report;
  struct enroll_channel ch;
  struct queue_item item;
  bool found;
  TRY(checkin_admit(cx, db, r->core, &r->ids, &r->proof, &ch));
  r->refusal = ch.refusal;
  if (ch.refusal == ENROLL_MISUSED) return enroll_misused(cx, db, &r->ids, &r->proof);
  if (ch.refusal == ENROLL_UNENROLL && r->uuid && ch.enrollment) return hear_leaving(cx, db, r, &ch);
  if (ch.answers && r->uuid && ch.enrollment) return hear_blocked(cx, db, r, &ch);
  if (ch.refusal != ENROLL_FINE || !ch.current || ch.enrollment == 0) return OK;
  if (ch.checked_out) return ch.pending ? OK : enroll_seen_again(cx, db, r->ids.device, ch.device);
  struct queue_asker who = asker_of(r, ch.enrollment);
  who.session_start = seen_poll(r->core->seen, ch.device, ch.enrollment, r->now, r->idle, &r->proof);
  TRY(seen_write(cx, db, r->core->seen, ch.enrollment));
  TRY(tell(cx, db, r));
  if (r->uuid) TRY(take_report(cx, db, r, &ch));
  if (ch.unseen) TRY(renewal_identity_seen(cx, db, r->core, r->proof.hash));
  TRY(next_command(cx, db, r, &who, &item, &found));
  TRY(pass_damaged(cx, db, r, &who, &item, &found));
  if (!found) return end_session(cx, db, r, ch.enrollment);
  hand_out(r, &item);
  seen_handed(r->core->seen, ch.enrollment);
  struct queue_delivery d = {.target = item.target, .at = r->now, .session_start = who.session_start, .times = 1};
  memcpy(d.identity, r->proof.hash, sizeof d.identity);
  return queue_sent(cx, db, &d);
}
