/* How a simulated device answers commands: by its platform, and honestly where the protocol says how. */
#include "app/lab_device.h"

#include <stdlib.h>
#include <string.h>

/* ---- what commands look like: the server's own table ---- */
enum { /* its types as those of property lists */
       ARG_STRING = PL_STRING,
       ARG_INTEGER = PL_INT,
       ARG_REAL = PL_REAL,
       ARG_BOOLEAN = PL_BOOL,
       ARG_DATA = PL_DATA,
       ARG_DATE = PL_DATE,
       ARG_ARRAY = PL_ARRAY,
       ARG_DICTIONARY = PL_DICT
};

struct argument {
  const char *name; /* NULL ends them */
  enum pl_type type;
  bool required;
};

/* Only the arguments of the first level matter here: what they hold is thrown away with the facets. */
#define MAY(name, type, ...) {#name, (enum pl_type)ARG_##type, false},
#define MUST(name, type, ...) {#name, (enum pl_type)ARG_##type, true},
#define HOLDS(...) __VA_ARGS__
#define ON(...)
#define DEPRECATED(...)
#define MERGE(...)
#define MERGE_ALL
#define LIST(...)
#define COMMAND(type, flags, life, what, ...) {#type, (const struct argument[]){__VA_ARGS__{NULL, PL_NONE, false}}},
static const struct {
  const char *request_type;
  const struct argument *arguments;
} shapes[] = {
#include "core/commands.def"
};

/* ---- who knows them ---- */
static const struct known {
  const char *request_type;
  int platforms, never_not_now, users, user_enrollment;
} known[] = {
#define LAB_COMMAND(type, platforms, never, users, user_enrollment) {#type, platforms, never, users, user_enrollment},
#include "app/lab_commands.def"
#undef LAB_COMMAND
};

static const struct known *find_known(const struct lab_device *d, const struct lab_channel *c,
                                      const char *request_type) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    int who = c == d->channels ? known[i].platforms : known[i].users;
    if (d->user_enrollment) who &= known[i].user_enrollment;
    if (strcmp(known[i].request_type, request_type) == 0 && who & (int)d->platform->os) return &known[i];
  }
  return NULL;
}

/* The name of an argument that is missing or of another type; NULL when all is well. */
static const char *malformed(struct pl *command, const char *request_type) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    if (strcmp(shapes[i].request_type, request_type) != 0) continue;
    for (const struct argument *a = shapes[i].arguments; a->name; a++) {
      enum pl_type type = pl_type(pl_get(command, a->name));
      if (type == PL_NONE ? a->required : type != a->type) return a->name;
    }
  }
  return NULL;
}

/* ---- errors ---- */
enum {
  MALFORMED = 12008,
  UNKNOWN_COMMAND = 12021,
  NOT_INSTALLED = 12075,
  PROFILE_MALFORMED = 1000,
  INSTALL_FAILED = 4001
};

struct answer { /* being made */
  struct ctx *cx;
  struct lab_device *device;
  struct lab_channel *channel;
  struct pl *command, *report;
  struct lab_report *out;
};

static void fail(struct answer *a, const char *status, const char *domain, int code, const char *text) {
  struct pl *chain = pl_new_array(a->cx), *e = pl_new_dict(a->cx);
  pl_set_int(e, "ErrorCode", code);
  pl_set_string(e, "ErrorDomain", domain);
  pl_set_string(e, "LocalizedDescription", text);
  pl_set_string(e, "USEnglishDescription", text);
  pl_add(chain, e);
  pl_set(a->report, "ErrorChain", chain);
  a->out->status = status;
}

/* ---- commands that do something ---- */
static void restart(struct answer *a) { a->out->effect = LAB_RESTARTS; }
static void shut_down(struct answer *a) { a->out->effect = LAB_SHUTS_DOWN; }
static void erase(struct answer *a) { a->out->effect = LAB_ERASES; }

static void device_information(struct answer *a) {
  lab_put_device_information(a->cx, a->report, a->device, pl_get(a->command, "Queries"));
}
static void security_info(struct answer *a) { lab_put_security_info(a->cx, a->report, a->device); }
static void profile_list(struct answer *a) { lab_put_profiles(a->cx, a->report, a->device); }
static void certificate_list(struct answer *a) { lab_put_certificates(a->cx, a->report, a->device); }
static void application_list(struct answer *a) { lab_put_applications(a->cx, a->report, a->device); }

/* Queries whose honest answer is that there is nothing. */
static void no_profiles(struct answer *a) { pl_set(a->report, "ProvisioningProfileList", pl_new_array(a->cx)); }
static void no_managed(struct answer *a) { pl_set(a->report, "ManagedApplicationList", pl_new_dict(a->cx)); }
static void no_updates(struct answer *a) { pl_set(a->report, "AvailableOSUpdates", pl_new_array(a->cx)); }
static void no_update_status(struct answer *a) { pl_set(a->report, "OSUpdateStatus", pl_new_array(a->cx)); }

/* Settings: one result for each of them. */
static void settings(struct answer *a) {
  struct pl *list = pl_get(a->command, "Settings"), *results = pl_new_array(a->cx);
  for (size_t i = 0; i < pl_count(list); i++) {
    struct pl *one = pl_new_dict(a->cx);
    const char *item = pl_str(pl_at(list, i), "Item");
    pl_set_string(one, "Item", item ? item : "");
    pl_set_string(one, "Status", item ? "Acknowledged" : "CommandFormatError");
    pl_add(results, one);
  }
  pl_set(a->report, "Settings", results);
}

/* ---- profiles ---- */
static struct lab_installed **find_installed(struct lab_device *d, const char *identifier) {
  struct lab_installed **at = &d->installed;
  while (*at && strcmp((*at)->identifier, identifier) != 0) at = &(*at)->next;
  return at;
}

static char *text_of(struct pl *dict, const char *key) {
  return mem_strdup(pl_str(dict, key) ? pl_str(dict, key) : "");
}

static void forget(struct lab_installed **at) {
  struct lab_installed *p = *at;
  *at = p->next;
  free(p->identifier);
  free(p->uuid);
  free(p->name);
  free(p->organization);
  free(p);
}

static void install(struct lab_device *d, struct pl *profile) {
  struct lab_installed **at = find_installed(d, pl_str(profile, "PayloadIdentifier")), *p = mem_alloc(sizeof *p);
  if (*at) forget(at); /* the new one takes the place of one with the same identifier */
  *p = (struct lab_installed){.next = *at,
                              .identifier = text_of(profile, "PayloadIdentifier"),
                              .uuid = text_of(profile, "PayloadUUID"),
                              .name = text_of(profile, "PayloadDisplayName"),
                              .organization = text_of(profile, "PayloadOrganization")};
  *at = p;
}

/* The enrollment profile is the device's, not a user's. */
static bool is_enrollment(const struct answer *a, const char *identifier) {
  return a->channel == a->device->channels && strcmp(identifier, a->device->profile.identifier) == 0;
}

static void renew(struct answer *a, struct slice profile) {
  if (lab_renew(a->cx, a->device, profile) == OK) return;
  fail(a, "Error", "MCInstallationErrorDomain", INSTALL_FAILED, ctx_error_text(a->cx));
  ctx_clear_error(a->cx);
}

static void install_profile(struct answer *a) {
  struct slice payload;
  struct pl *profile;
  if (!pl_data(pl_get(a->command, "Payload"), &payload) || lab_profile_open(a->cx, &profile, payload) != OK ||
      !pl_str(profile, "PayloadIdentifier") || !pl_str(profile, "PayloadUUID")) {
    ctx_clear_error(a->cx);
    fail(a, "Error", "MCProfileErrorDomain", PROFILE_MALFORMED, "The profile is malformed.");
  } else if (is_enrollment(a, pl_str(profile, "PayloadIdentifier"))) {
    renew(a, payload);
  } else {
    install(a->device, profile);
  }
}

static void remove_profile(struct answer *a) {
  const char *identifier = pl_str(a->command, "Identifier");
  struct lab_installed **at = find_installed(a->device, identifier);
  if (is_enrollment(a, identifier))
    a->out->effect = LAB_UNENROLLS;
  else if (*at)
    forget(at);
  else
    fail(a, "Error", "MCMDMErrorDomain", NOT_INSTALLED, "The profile is not installed.");
}

static const struct {
  const char *request_type;
  void (*run)(struct answer *a);
} deeds[] = {
    /* all others are acknowledged, and that is all */
    {"AvailableOSUpdates", no_updates},
    {"CertificateList", certificate_list},
    {"DeviceInformation", device_information},
    {"EraseDevice", erase},
    {"InstallProfile", install_profile},
    {"InstalledApplicationList", application_list},
    {"ManagedApplicationList", no_managed},
    {"OSUpdateStatus", no_update_status},
    {"ProfileList", profile_list},
    {"ProvisioningProfileList", no_profiles},
    {"RemoveProfile", remove_profile},
    {"RestartDevice", restart},
    {"SecurityInfo", security_info},
    {"Settings", settings},
    {"ShutDownDevice", shut_down},
};

static void execute(struct answer *a, const char *request_type) {
  a->out->status = "Acknowledged";
  for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
    if (strcmp(deeds[i].request_type, request_type) == 0) deeds[i].run(a);
  a->device->acknowledged += strcmp(a->out->status, "Acknowledged") == 0;
}

/* ---- the answer ---- */
static void decide(struct answer *a, const char *type) {
  struct lab_device *d = a->device;
  if (!type) {
    fail(a, "CommandFormatError", "MCMDMErrorDomain", MALFORMED, "The MDM request is invalid.");
    return;
  }
  const struct known *row = find_known(d, a->channel, type);
  const char *wrong = malformed(a->command, type);
  if (!row) {
    fail(a, "Error", "MCMDMErrorDomain", UNKNOWN_COMMAND, ctx_printf(a->cx, "Unknown command: %s", type));
  } else if (wrong) {
    fail(a, "CommandFormatError", "MCMDMErrorDomain", MALFORMED,
         ctx_printf(a->cx, "The key %s is missing or wrong.", wrong));
  } else if (a->channel->not_now > 0 && !(row->never_not_now & (int)d->platform->os)) {
    a->channel->not_now--;
    a->out->status = "NotNow";
  } else {
    execute(a, type);
  }
}

static struct pl *report_new(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c,
                             const struct lab_report *of) {
  struct pl *report = pl_new_dict(cx);
  const char *type = of->request_type;
  pl_set_string(report, "CommandUUID", of->uuid);
  lab_put_ids(report, d, c);
  if (*type && d->platform->os == MAC) pl_set_string(report, "RequestType", type); /* as Macs do */
  return report;
}

enum err lab_answer(struct ctx *cx, struct lab_device *d, struct lab_channel *c, struct slice command,
                    struct lab_report *out) {
  struct pl *root;
  *out = (struct lab_report){0};
  TRY(pl_parse(cx, command, &pl_limits_report, &root));
  const char *uuid = pl_str(root, "CommandUUID"), *type = pl_str(pl_get(root, "Command"), "RequestType");
  if (!uuid) return FAIL(cx, E_INVALID, "a command without CommandUUID");
  out->uuid = ctx_strdup(cx, uuid);
  out->request_type = type ? ctx_strdup(cx, type) : "";
  if (d->swallow && type && strcmp(d->swallow, type) == 0) return OK;
  struct answer a = {cx, d, c, pl_get(root, "Command"), report_new(cx, d, c, out), out};
  decide(&a, type);
  if (d->vanishes && out->effect == LAB_ERASES) {
    out->status = NULL;
    return OK;
  }
  pl_set_string(a.report, "Status", out->status);
  out->body = pl_xml(cx, a.report);
  return OK;
}
