#include "core/renewal_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/push.h"
#include "core/queue.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { LIFE_DAYS = 7, OVERLAP_DAYS = 7, WORDS_MAX = 300 };

/* ---- whether ---- */

const char *renewal_obstacle(const struct renewal_subject *s, int64_t now, int64_t grace_us) {
  if (s->blocked) return "the device is blocked";
  if (s->leaves) return "the device is to unenroll";
  if (s->checked_out) return "the device checked out";
  if (!s->generation || !s->enrollment || !s->enabled) return "the device is not enrolled";
  if (!s->identity.n) return "the device has not shown an identity yet";
  if (s->awaiting) return "the device awaits its configuration";
  if (!s->given && s->migrated) return "the device was migrated: its original profile is not known here";
  if (!s->given || (!s->own && !s->migrated)) return "its identity was not issued here";
  if (s->not_after + grace_us <= now && s->grace_until <= now) return "its identity ended too long ago";
  if (s->open) return "a renewal of it is under way";
  return NULL;
}

/* ---- starting ---- */

static char *new_uuid(struct ctx *cx) {
  char *u = ctx_alloc(cx, UUID_LEN + 1);
  uuid_new(u);
  return u;
}

/* Its row comes first: a command that is marked with no renewal would be delivered as it is. */
static enum err queue_it(struct ctx *cx, struct db *db, struct core *core, const struct renewal_new *n,
                         const char *by) {
  struct command c = {.uuid = ctx_strdup(cx, n->command),
                      .request_type = ctx_strdup(cx, "InstallProfile"),
                      .plist = renewal_placeholder(cx, n->command),
                      .expires_us = LIFE_DAYS * US_DAY};
  int64_t renewal, command;
  TRY(renewal_add(cx, db, n, &renewal));
  TRY(queue_command(cx, db, core, &c, by, &command));
  TRY(renewal_command_mark(cx, db, command, renewal));
  TRY(queue_add(cx, db, core, command, &c, n->subject->enrollment));
  return push_due(cx, db, core, n->subject->enrollment, PUSH_COMMAND, 0, NULL, NULL);
}

static enum err tell(struct ctx *cx, struct db *db, const char *kind, const char *device, const char *key,
                     const char *value) {
  struct js *data = js_object(cx);
  js_set_string(data, key, value);
  return event_add(cx, db, kind, device, data);
}

enum err renewal_begin(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum renewal_wave wave,
                       const char *by, char **command) {
  struct renewal_subject s;
  int64_t now = clock_now_us();
  uint8_t hash[SHA256_LEN];
  TRY(renewal_subject_load(cx, db, device, &s));
  const char *obstacle = renewal_obstacle(&s, now, core_conf(core)->identity_grace_us);
  if (obstacle) return FAIL(cx, E_CONFLICT, "%s", obstacle);
  TRY(enroll_given_check(cx, core, s.given));
  const char *challenge = secret_token(cx);
  pki_sha256(hash, slice_of(challenge));
  struct renewal_new n = {.subject = &s,
                          .session_id = new_uuid(cx),
                          .command = *command = new_uuid(cx),
                          .challenge_hash = hash,
                          .expires_at = now + LIFE_DAYS * US_DAY,
                          .wave = wave};
  TRY(vault_seal(cx, core->vault, renewal_challenge_about(cx, n.session_id), slice_of(challenge), &n.challenge_sealed));
  TRY(queue_it(cx, db, core, &n, by));
  return tell(cx, db, "renewal.started", s.id, "command_uuid", n.command);
}

enum err renewal_start(struct ctx *cx, struct db *db, struct core *core, const char *name, const char *by,
                       char **command) {
  struct enroll_info *info;
  int64_t enrollment;
  struct renewal_subject s;
  char *id;
  size_t n;
  TRY(enroll_lookup(cx, db, name, &enrollment, &id));
  TRY(enroll_list(cx, db, enrollment, 0, 1, &info, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no device %s", name);
  TRY(renewal_subject_load(cx, db, info[0].device, &s));
  if (s.given) TRY(renewal_reached(cx, db, s.given));
  return renewal_begin(cx, db, core, info[0].device, WAVE_ASKED, by, command);
}

/* ---- what came of it ---- */

enum err renewal_halt(struct ctx *cx, struct db *db, const char *device, const char *why) {
  struct js *fact = js_object(cx);
  char *halted;
  TRY(fact_read(cx, db, RENEWAL_HALTED, &halted));
  if (halted) return OK;
  js_set_string(fact, "device", device);
  js_set_string(fact, "why", why);
  js_set_int(fact, "at", clock_now_us());
  log_error(cx, "renewal of identities is halted", LOG_S("device", device), LOG_S("why", why));
  TRY(fact_write(cx, db, RENEWAL_HALTED, js_text(cx, fact, JS_COMPACT).p));
  return tell(cx, db, "renewal.halted", device, "why", why);
}

enum err renewal_resume(struct ctx *cx, struct db *db, const char *by) {
  char *halted;
  TRY(fact_read(cx, db, RENEWAL_HALTED, &halted));
  if (!halted) return FAIL(cx, E_CONFLICT, "the renewal of identities is not halted");
  TRY(fact_write(cx, db, RENEWAL_HALTED, NULL));
  TRY(fact_write(cx, db, RENEWAL_RESUMED, ctx_printf(cx, "%lld", (long long)clock_now_us())));
  return tell(cx, db, "renewal.resumed", NULL, "by", by);
}

const char *renewal_words(struct ctx *cx, const char *status, const char *errors) {
  struct js *list;
  const char *text = NULL;
  if (errors && js_parse(cx, slice_of(errors), &list) == OK) {
    text = js_str(js_at(list, 0), "text");
    if (!text) text = js_str(js_at(list, 0), "localized");
  }
  ctx_clear_error(cx);
  return text ? ctx_printf(cx, "the device answered %s: %.*s", status, WORDS_MAX, text)
              : ctx_printf(cx, "the device answered %s", status);
}

enum err renewal_settled(struct ctx *cx, struct db *db, struct core *core, const char *command_uuid,
                         const char *status) {
  int64_t renewal;
  char *device, *errors;
  (void)core;
  if (strcmp(status, "NotNow") == 0) return OK;
  TRY(renewal_by_command(cx, db, command_uuid, &renewal, &device, &errors));
  if (!renewal) return OK;
  if (strcmp(status, "Acknowledged") == 0) return renewal_set(cx, db, renewal, "installed", NULL, false);
  const char *why = renewal_words(cx, status, errors);
  TRY(renewal_set(cx, db, renewal, "failed", why, true));
  return renewal_halt(cx, db, device, why);
}

enum err renewal_spoilt(struct ctx *cx, struct db *db, const char *command_uuid) {
  const char *why = ctx_printf(cx, "its profile cannot be made: %s", ctx_error_text(cx));
  char *device, *unused;
  int64_t renewal;
  ctx_clear_error(cx);
  TRY(renewal_by_command(cx, db, command_uuid, &renewal, &device, &unused));
  if (!renewal) return OK;
  TRY(renewal_set(cx, db, renewal, "failed", why, true));
  return renewal_halt(cx, db, device, why);
}

enum err renewal_identity_seen(struct ctx *cx, struct db *db, struct core *core, const uint8_t hash[32]) {
  bool changed;
  char *device;
  (void)core;
  TRY(renewal_mark_seen(cx, db, hash, &changed));
  if (!changed) return OK;
  TRY(renewal_end_others(cx, db, hash, clock_now_us() + OVERLAP_DAYS * US_DAY));
  TRY(renewal_close(cx, db, hash, &device));
  return device ? tell(cx, db, "renewal.done", device, "certificate", enc_hex(cx, hash, SHA256_LEN)) : OK;
}
