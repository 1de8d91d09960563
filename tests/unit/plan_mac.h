/* The world of scep_world.h with plans: a simulated Mac that does what it is told, and an operator with groups. */
#ifndef POMONA_TESTS_PLAN_MAC_H
#define POMONA_TESTS_PLAN_MAC_H

#include "scep_world.h"

#include "core/plan_int.h"

#include <stdio.h>

/* ---- a Mac that does what it is told ---- */

enum { PROFILES_MOST = 8 };
static struct mac {
  struct enroll_proof proof;
  struct {
    char identifier[80], uuid[64];
  } profiles[PROFILES_MOST];
  int profiles_n, sessions;
  const char *refuses; /* RequestType that it answers Error; NULL: none */
  bool forgets;        /* acknowledges InstallProfile and does nothing */
  char *log;           /* RequestTypes that it was given, inventory left out */
} mac;

static inline void drop_profile(const char *identifier) {
  for (int i = 0; i < mac.profiles_n; i++)
    if (strcmp(mac.profiles[i].identifier, identifier) == 0) mac.profiles[i--] = mac.profiles[--mac.profiles_n];
}

static inline void put_profile(struct slice file) {
  struct payload_check check;
  must(payload_check(fx.cx, file, &check));
  drop_profile(check.identifier);
  assert_true(mac.profiles_n < PROFILES_MOST);
  snprintf(mac.profiles[mac.profiles_n].identifier, 80, "%s", check.identifier);
  snprintf(mac.profiles[mac.profiles_n++].uuid, 64, "%s", check.uuid);
}

static inline bool has(const char *identifier) {
  for (int i = 0; i < mac.profiles_n; i++)
    if (strcmp(mac.profiles[i].identifier, identifier) == 0) return true;
  return false;
}

static inline void list_profiles(struct pl *answer) {
  struct pl *list = pl_new_array(fx.cx);
  for (int i = 0; i < mac.profiles_n; i++) {
    struct pl *p = pl_new_dict(fx.cx);
    pl_set_string(p, "PayloadIdentifier", mac.profiles[i].identifier);
    pl_set_string(p, "PayloadUUID", mac.profiles[i].uuid);
    pl_set_int(p, "PayloadVersion", 1);
    pl_add(list, p);
  }
  pl_set(answer, "ProfileList", list);
}

static inline void do_it(const char *type, struct pl *command, struct pl *answer) {
  struct slice file;
  bool inventory = strstr(type, "List") || strstr(type, "Information") || strstr(type, "Info");
  if (!inventory) mac.log = ctx_printf(fx.cx, "%s%s%s", mac.log, *mac.log ? " " : "", type);
  if (mac.refuses && strcmp(mac.refuses, type) == 0) {
    struct pl *chain = pl_new_array(fx.cx), *error = pl_new_dict(fx.cx);
    pl_set_string(error, "ErrorDomain", "MCInstallationErrorDomain");
    pl_set_int(error, "ErrorCode", 4001);
    pl_set_string(error, "USEnglishDescription", "No room for it.");
    pl_add(chain, error);
    pl_set(answer, "ErrorChain", chain);
    pl_set_string(answer, "Status", "Error");
    return;
  }
  if (strcmp(type, "ProfileList") == 0) list_profiles(answer);
  if (strcmp(type, "SecurityInfo") == 0) {
    struct pl *security = pl_new_dict(fx.cx);
    pl_set_bool(security, "FDE_Enabled", false);
    pl_set(answer, "SecurityInfo", security);
  }
  if (strcmp(type, "InstallProfile") == 0 && !mac.forgets && pl_data(pl_get(command, "Payload"), &file))
    put_profile(file);
  if (strcmp(type, "RemoveProfile") == 0) drop_profile(pl_str(command, "Identifier"));
}

/* One session: until there is nothing more to do. */
static inline void session(void) {
  clock_shift(++mac.sessions * US_SECOND);
  struct report *r = put_report(mac.proof, "A", "Idle", NULL);
  while (r->command_uuid) {
    struct pl *root, *answer = pl_new_dict(fx.cx);
    must(pl_parse(fx.cx, r->command, &pl_limits_report, &root));
    struct pl *command = pl_get(root, "Command");
    pl_set_string(answer, "UDID", "A");
    pl_set_string(answer, "Status", "Acknowledged");
    pl_set_string(answer, "CommandUUID", pl_str(root, "CommandUUID"));
    do_it(pl_str(command, "RequestType"), command, answer);
    r = put_report_of(mac.proof, answer);
  }
}

static inline void live(int rounds) {
  for (int i = 0; i < rounds; i++) {
    must(plan_chore(fx.cx, &fx.core));
    session();
  }
  must(plan_chore(fx.cx, &fx.core));
}

/* ---- an operator ---- */

struct changing {
  struct group_change change;
  struct group after;
};

static inline enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  struct changing *c = arg;
  TRY(group_apply(cx, db, &fx.core, &c->change, "test", &c->after));
  return plan_due(cx, db, &fx.core, 0);
}

static inline struct changing change(struct group_change what) {
  struct changing c = {.change = what};
  must(in_job(change_job, &c));
  return c;
}

static int64_t row_of(const char *udid) {
  int64_t device;
  must(db_one_int(fx.cx, reader(), &device, "SELECT seq FROM device WHERE id = $1", DB_S(udid)));
  return device;
}

static inline void group(const char *name, enum group_kind kind, const char *ref, struct js *options) {
  struct group_assignment a = {.kind = kind, .ref = (char *)ref, .position = -1, .options = options};
  int64_t device = row_of("A");
  change((struct group_change){
      .name = name, .add = &device, .add_n = 1, .assign = &a, .assign_n = ref ? 1 : 0, .if_version = -1});
}

static inline enum err add_profile_job(struct ctx *cx, struct db *db, void *arg) {
  struct profile out;
  bool added;
  TRY(profile_add(cx, db, &fx.core, arg, &out, &added));
  return plan_due(cx, db, &fx.core, 0);
}

static inline void add_profile(const char *identifier, const char *label) {
  struct pl *root = pl_new_dict(fx.cx), *content = pl_new_array(fx.cx), *payload = pl_new_dict(fx.cx);
  struct payload_check *check = ctx_alloc(fx.cx, sizeof *check);
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  pl_set_string(root, "PayloadType", "Configuration");
  pl_set_int(root, "PayloadVersion", 1);
  pl_set_string(root, "PayloadIdentifier", identifier);
  pl_set_string(root, "PayloadUUID", uuid);
  pl_set_string(root, "PayloadDisplayName", identifier);
  pl_set_string(payload, "PayloadType", "com.apple.webClip.managed");
  pl_set_int(payload, "PayloadVersion", 1);
  pl_set_string(payload, "PayloadIdentifier", ctx_printf(fx.cx, "%s.clip", identifier));
  uuid_new(uuid);
  pl_set_string(payload, "PayloadUUID", uuid);
  pl_set_string(payload, "Label", label);
  pl_set_string(payload, "URL", "https://www.example.org/");
  pl_add(content, payload);
  pl_set(root, "PayloadContent", content);
  struct slice file = pl_xml(fx.cx, root);
  must(payload_check(fx.cx, file, check));
  struct profile_given given = {file, check, "test", -1};
  must(in_job(add_profile_job, &given));
}

/* ---- what is seen ---- */

static inline struct js *plan_of(const char *udid) {
  struct js *out;
  must(plan_of_device(fx.cx, reader(), &fx.core, row_of(udid), &out));
  return out;
}

static inline void stands(const char *state) {
  struct js *p = plan_of("A");
  if (strcmp(js_str(p, "state"), state) != 0) fail_msg("%s", js_text(fx.cx, p, JS_INDENT).p);
}

static inline int open_world(void **state) {
  scep_open(state);
  fx.conf.await_timeout_us = 30 * US_MINUTE;
  roster_outside = &plan_sets;
  must(profile_signing_open(fx.cx, &fx.core.signing, &fx.core, &fx.conf));
  mac = (struct mac){.log = (char *)""};
  clock_shift(0);
  mac.proof = enrolled("A");
  add_profile("com.example.one", "One");
  return 0;
}

static inline int close_world(void **state) {
  profile_signing_close(fx.core.signing);
  return scep_close(state);
}

#endif
