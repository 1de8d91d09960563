/* Asking devices for what they know: after they enrolled and every inventory-interval, what their platform, version,
   supervision and rights let them tell. */
#include "core/inventory_int.h"

#include "base/clock.h"
#include "core/command.h"
#include "core/push.h"
#include "core/queue.h"

#include <string.h>

/* DeviceInformation first: what others depend on stands in it. */
static const struct {
  const char *request_type;
  bool users; /* of users' channels, too */
} asked[] = {
    {"DeviceInformation", false},
    {"SecurityInfo", false},
    {"ProfileList", true},
    {"ManagedApplicationList", false},
    {"InstalledApplicationList", false},
    {"CertificateList", false},
    {"ProvisioningProfileList", false},
    {"Restrictions", false},
    {"UserList", false},
    {"AvailableOSUpdates", false},
};
enum { ASKED = sizeof asked / sizeof *asked };

/* A secret, and one that costs the device an attestation. */
static const char *const unasked[] = {"PushToken", "DevicePropertiesAttestation"};

/* ---- what it can tell ---- */

static bool can_answer(const struct inventory_who *w, const struct command_row *row) {
  if (w->can.platform == PLATFORM_UNKNOWN) return strcmp(row->request_type, "DeviceInformation") == 0;
  return command_can(row, NULL, &w->can);
}

/* Of a device that did not say what it is, those that any platform knows. */
static bool is_asked(const struct inventory_who *w, const struct command_row *row, const struct command_arg *query) {
  for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++)
    if (strcmp(query->name, unasked[i]) == 0) return false;
  if (w->can.platform == PLATFORM_UNKNOWN) return !query->except && !query->limits;
  return command_can(row, query, &w->can);
}

/* All queries of DeviceInformation that it can answer. */
static struct js *queries_of(struct ctx *cx, const struct inventory_who *w, const struct command_row *row) {
  struct js *args = js_object(cx), *queries = js_array(cx);
  for (const struct command_arg *q = row->args[0].args[0].args; q->name; q++)
    if (is_asked(w, row, q)) js_add_string(queries, q->name);
  js_set(args, row->args[0].name, queries);
  return args;
}

/* ---- asking ---- */

static enum err ask_one(struct ctx *cx, struct db *db, struct core *core, const struct inventory_who *w,
                        const struct command_row *row) {
  bool by_queries = strcmp(row->request_type, "DeviceInformation") == 0;
  const struct queue_own own = {.request_type = row->request_type,
                                .args = by_queries ? queries_of(cx, w, row) : NULL,
                                .collapse_key = ctx_printf(cx, INVENTORY_KEY "%s", row->request_type),
                                .is_question = true};
  return queue_own_as(cx, db, core, &own, w->enrollment);
}

static enum err is_fresh(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type, int64_t since,
                         bool *fresh) {
  struct inventory_row row;
  TRY(inventory_row_find(cx, db, enrollment, request_type, &row));
  *fresh = row.at > since && row.at <= clock_now_us();
  return OK;
}

static enum err ask_all(struct ctx *cx, struct db *db, struct core *core, const struct inventory_who *w,
                        int64_t since) {
  bool fresh, may;
  for (size_t i = 0; i < ASKED; i++) {
    const struct command_row *row = command_row(asked[i].request_type);
    if ((w->can.user && !asked[i].users) || !can_answer(w, row)) continue;
    TRY(is_fresh(cx, db, w->enrollment, row->request_type, since, &fresh));
    TRY(inventory_may_ask(cx, db, w, row->request_type, true, &may));
    if (!fresh && may) TRY(ask_one(cx, db, core, w, row));
  }
  return OK;
}

enum err inventory_ask(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, bool now) {
  struct inventory_who w;
  int64_t interval = core_conf(core)->inventory_interval_us, at = clock_now_us();
  TRY(inventory_who(cx, db, enrollment, &w));
  if (!w.enrollment) return OK;
  TRY(ask_all(cx, db, core, &w, now ? at : at - interval / 2));
  return w.can.user ? OK : inventory_asked(cx, db, w.device, at);
}

enum { SOON_MIN = 1 };

static enum err ask_soon(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *request_type,
                         bool now) {
  const struct command_row *row = command_row(request_type);
  struct inventory_who w;
  bool may;
  TRY(inventory_who(cx, db, enrollment, &w));
  if (!w.enrollment || !row || (w.can.platform != PLATFORM_UNKNOWN && !can_answer(&w, row)))
    return OK; /* unknown: a plan knows what it does */
  TRY(inventory_may_ask(cx, db, &w, request_type, now, &may));
  if (!may) return OK;
  TRY(ask_one(cx, db, core, &w, row));
  return push_due(cx, db, core, enrollment, PUSH_LATER, clock_now_us() + SOON_MIN * US_MINUTE, NULL, NULL);
}

enum err inventory_ask_for(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                           const char *request_type) {
  return ask_soon(cx, db, core, enrollment, request_type, false);
}

enum err inventory_enrolled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment) {
  TRY(inventory_forget_lists(cx, db, enrollment));
  TRY(inventory_failed_forget(cx, db, enrollment));
  return core_conf(core)->inventory_interval_us ? inventory_ask(cx, db, core, enrollment, true) : OK;
}

enum err inventory_supervised(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment) {
  struct inventory_who w;
  if (!core_conf(core)->inventory_interval_us) return OK;
  TRY(inventory_who(cx, db, enrollment, &w));
  if (!w.enrollment || w.can.platform == PLATFORM_UNKNOWN) return OK;
  w.can.supervised = KNOWN_YES;
  for (size_t i = 0; i < ASKED; i++) {
    const struct command_row *row = command_row(asked[i].request_type);
    if (row->on[w.can.platform].limits & ONLY_SUPERVISED && can_answer(&w, row)) TRY(ask_one(cx, db, core, &w, row));
  }
  return OK;
}

/* What a command changes, and where that is told. */
static const struct {
  const char *request_type, *list;
} effects[] = {
    {"ClearPasscode", "SecurityInfo"},
    {"DeleteUser", "UserList"},
    {"DisableLostMode", "DeviceInformation"},
    {"DisableRemoteDesktop", "SecurityInfo"},
    {"EnableLostMode", "DeviceInformation"},
    {"EnableRemoteDesktop", "SecurityInfo"},
    {"InstallApplication", "ManagedApplicationList"},
    {"InstallEnterpriseApplication", "InstalledApplicationList"},
    {"InstallMedia", "ManagedMediaList"},
    {"InstallProfile", "ProfileList"},
    {"InstallProfile", "SecurityInfo"}, /* FileVault, firewall, passcode; the recovery key comes with it */
    {"InstallProvisioningProfile", "ProvisioningProfileList"},
    {"RemoveApplication", "ManagedApplicationList"},
    {"RemoveProfile", "ProfileList"},
    {"RemoveProfile", "SecurityInfo"},
    {"RemoveProvisioningProfile", "ProvisioningProfileList"},
    {"RemoveMedia", "ManagedMediaList"},
    {"ScheduleOSUpdate", "DeviceInformation"},
    {"ScheduleOSUpdate", "AvailableOSUpdates"},
    {"SetFirmwarePassword", "SecurityInfo"},
    {"SetRecoveryLock", "SecurityInfo"},
    {"Settings", "DeviceInformation"},
};
enum { LATER_MIN = 31 };

enum err inventory_acted(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                         const char *request_type) {
  const struct command_row *row = command_row(request_type);
  if (!core_conf(core)->inventory_interval_us || !row) return OK;
  for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
    if (strcmp(effects[i].request_type, request_type) != 0) continue;
    TRY(ask_soon(cx, db, core, enrollment, effects[i].list, true));
    if (row->flags & COMMAND_EARLY)
      TRY(inventory_later_put(cx, db, enrollment, effects[i].list, clock_now_us() + LATER_MIN * US_MINUTE));
  }
  return OK;
}

/* ---- from time to time ---- */

enum { CHORE_S = 10, BATCH_MOST = 50, LATE_PARTS = 24 };

struct batch {
  struct core *core;
  int64_t before, most, n;
};

/* One that has not come since it was asked last still has what it was asked: nothing is repeated. What it is asked now
   goes with its next poll; a push is for those that do not come by themselves. */
static enum err ask_device(struct ctx *cx, struct db *db, struct core *core, const struct inventory_due *d) {
  int64_t now = clock_now_us(), wait = core_conf(core)->inventory_interval_us / LATE_PARTS;
  struct enroll_channels channels;
  if (d->asked_at && d->seen <= d->asked_at && d->asked_at <= now) return inventory_asked(cx, db, d->device, now);
  TRY(inventory_asked(cx, db, d->device, now));
  TRY(enroll_reachable(cx, db, d->device, &channels));
  for (size_t i = 0; i < channels.n; i++) {
    TRY(inventory_ask(cx, db, core, channels.seq[i], false));
    TRY(push_due(cx, db, core, channels.seq[i], PUSH_LATER, now + (wait < US_HOUR ? wait : US_HOUR), NULL, NULL));
  }
  return OK;
}

static enum err ask_batch(struct ctx *cx, struct db *db, void *arg) {
  struct batch *b = arg;
  struct inventory_due *due;
  size_t n;
  TRY(inventory_due(cx, db, b->before, b->most, &due, &n));
  for (size_t i = 0; i < n; i++) TRY(ask_device(cx, db, b->core, &due[i]));
  b->n = (int64_t)n;
  return OK;
}

enum { LEAST = 25 }; /* at a time: a small fleet that a server's rest left behind is up to date again in minutes */

/* So many at a time that all have their turn in an interval, with some to spare. */
static enum err share(struct ctx *cx, struct db *db, int64_t interval, int64_t *n) {
  int64_t devices;
  TRY(inventory_count(cx, db, &devices));
  *n = devices * CHORE_S * US_SECOND / interval * 5 / 4;
  if (*n < LEAST) *n = LEAST;
  return OK;
}

static enum err ask_later(struct ctx *cx, struct db *db, void *arg) {
  struct batch *b = arg;
  struct inventory_later *due;
  size_t n;
  TRY(inventory_later_due(cx, db, clock_now_us(), BATCH_MOST, &due, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(inventory_later_drop(cx, db, &due[i]));
    TRY(ask_soon(cx, db, b->core, due[i].enrollment, due[i].request_type, true));
  }
  b->n = (int64_t)n;
  return OK;
}

enum err inventory_chore(struct ctx *cx, struct core *core) {
  struct db *db;
  int64_t left, interval = core_conf(core)->inventory_interval_us;
  struct batch b = {.core = core, .before = clock_now_us() - interval};
  do TRY(db_call(cx, core->store, ask_later, &b));
  while (b.n == BATCH_MOST);
  if (!interval) return OK;
  TRY(db_reader(cx, core->store, &db));
  TRY(share(cx, db, interval, &left));
  while (left > 0) {
    b.most = left < BATCH_MOST ? left : BATCH_MOST;
    TRY(db_call(cx, core->store, ask_batch, &b));
    left -= b.n;
    if (b.n < b.most) return OK;
  }
  return OK;
}
