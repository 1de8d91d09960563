#include "core/command.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/command_int.h"
#include "lib/plist.h"

#include <string.h>

enum { NAME_MAX_LEN = 255 };

/* ---- the table: see commands.def ---- */
#define KEY(name_, type_, ...) {.name = name_, .type = ARG_##type_, __VA_ARGS__},
#define MAY(name_, type_, ...) KEY(#name_, type_, __VA_ARGS__)
#define MUST(name_, type_, ...) KEY(#name_, type_, .required = true, __VA_ARGS__)
#define EACH(type_, ...) KEY("", type_, __VA_ARGS__)
#define SOME(type_, ...) KEY("", type_, .required = true, __VA_ARGS__)
#define CASE(name_, ...) KEY(#name_, DICTIONARY, __VA_ARGS__)
#define VALUE(name_, ...) KEY(#name_, STRING, __VA_ARGS__)
#define HOLDS(...) .args = (const struct command_arg[]){__VA_ARGS__{.name = NULL}},
#define ONE_OF(...) .values = (const char *const[]){__VA_ARGS__, NULL},
#define DEFAULT(value) .preset = #value,
#define SIX_DIGITS .six_digits = true,
#define NARROWS .narrows = true,
#define WITHDRAWN .withdrawn = true,
#define ONLY(platforms) .except = ON_ALL & ~(unsigned)(platforms),
#define NOT(platforms) .except = (platforms),
#define NOWHERE .except = ON_ALL,
#define RIGHT(bit) .right = (bit),
#define LIMITS(limits_) .limits = (limits_),
#define NEEDS(p, bit, limits_) .on[PLATFORM_##p].right = (bit), .on[PLATFORM_##p].limits = (limits_),
#define SINCE(p, version) .on[PLATFORM_##p].introduced = (version),
#define DEPRECATED(p, version) .on[PLATFORM_##p].deprecated = (version),
#define REMOVED(p, version) .on[PLATFORM_##p].removed = (version),
#define ON(p, version, bit, limits_) SINCE(p, version) NEEDS(p, bit, limits_)
#define MERGE(member_) .answer = ANSWER_MERGE, .member = #member_,
#define MERGE_ALL .answer = ANSWER_MERGE,
#define LIST(member_) .answer = ANSWER_LIST, .member = #member_,
#define COMMAND(type, flags_, life, what_, ...)                                                                        \
  {.request_type = #type, .flags = flags_, .expires_us = life, .what = what_, __VA_ARGS__},
const struct command_row command_rows[] = {
#include "core/commands.def"
    {.request_type = NULL},
};

const struct command_row *command_row(const char *request_type) {
  for (const struct command_row *row = command_rows; row->request_type; row++)
    if (strcmp(row->request_type, request_type) == 0) return row;
  return NULL;
}

const struct command_arg *command_arg(const struct command_arg *list, struct slice name) {
  for (const struct command_arg *a = list; a && a->name; a++)
    if (slice_is(name, a->name)) return a;
  return NULL;
}

bool command_has_cases(const struct command_arg *array) {
  return array->args && array->args->name && *array->args->name;
}

const char *command_type_name(enum command_arg_type type) {
  static const char *const names[] = {"string", "integer", "real",       "boolean", "data",
                                      "date",   "array",   "dictionary", "any"};
  return names[type];
}

bool command_narrow(struct command_support *s, const struct command_arg *key, enum platform p) {
  const struct command_support *own = &key->on[p];
  if (own->introduced) s->introduced = own->introduced;
  if (own->deprecated) s->deprecated = own->deprecated;
  if (own->removed) s->removed = own->removed;
  if (key->right) s->right = key->right;
  if (own->right) s->right = own->right;
  s->limits |= key->limits | own->limits;
  if (p == PLATFORM_TVOS || p == PLATFORM_WATCHOS) s->limits &= ~(unsigned)NEVER_UE; /* there is none */
  return !(key->except & 1u << p);
}

/* Rights: Apple, MDM payload, AccessRights. */
const char *command_right_text(unsigned right) {
  static const char *const words[] = {"look at configuration profiles",
                                      "install and remove configuration profiles",
                                      "lock the device and remove its passcode",
                                      "erase the device",
                                      "query device information",
                                      "query network information",
                                      "look at provisioning profiles",
                                      "install and remove provisioning profiles",
                                      "look at installed apps",
                                      "query restrictions",
                                      "query security",
                                      "change settings",
                                      "manage apps"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (right == 1u << i) return words[i];
  return "an unknown right";
}

const char *command_limit_name(unsigned limit) {
  static const char *const names[] = {"supervised",   "ade",         "not-user-enrollment", "device-channel",
                                      "user-channel", "shared-ipad", "not-shared-ipad",     "ignored-on-shared-ipad"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (limit == 1u << i) return names[i];
  return "unknown";
}

const char *command_type_wanted(enum command_arg_type type) {
  static const char *const words[] = {"text",          "a whole number", "a number",
                                      "true or false", "base64 text",    "a time like 2026-11-22T15:00:00Z",
                                      "an array",      "a dictionary",   "anything"};
  return words[type];
}

char *command_arg_names(struct ctx *cx, const struct command_arg *list) {
  enum { SHOWN = 1000 }; /* bytes; no more than a screenful */
  struct buf names = {0};
  const struct command_arg *a = list;
  for (; a && a->name && names.n < SHOWN; a++)
    buf_printf(&names, "%s%s%s", names.n ? ", " : "", a->name, a->required ? " (required)" : "");
  if (a && a->name) buf_add_str(&names, ", …");
  char *text = names.n ? ctx_memdup(cx, names.p, names.n) : ctx_strdup(cx, "none");
  buf_free(&names);
  return text;
}

/* ---- a command that someone wrote ---- */

/* /v1/enqueue and `command send --plist`: as large as a request of the API may be. */
const struct pl_limits command_limits = {.bytes = 4 << 20, .depth = 64, .nodes = 100000, .expanded = 8 << 20};

static enum err plain_name(struct ctx *cx, struct pl *dict, const char *key, char **out) {
  struct slice s;
  if (!pl_string(pl_get(dict, key), &s)) return FAIL(cx, E_INVALID, "the command has no %s, or it is no string", key);
  if (s.n == 0 || s.n > NAME_MAX_LEN)
    return FAIL(cx, E_INVALID, "%s is not from 1 to %d bytes long", key, NAME_MAX_LEN);
  if (!text_is_plain(s)) return FAIL(cx, E_INVALID, "%s holds control characters or is no UTF-8", key);
  *out = ctx_memdup(cx, s.p, s.n);
  return OK;
}

/* A device that loses our profile is gone: that removal is not repeated by itself. */
static bool removes_enrollment(const char *request_type, struct pl *command) {
  struct slice id = slice_of(strcmp(request_type, "RemoveProfile") == 0 ? pl_str(command, "Identifier") : NULL);
  return slice_starts(id, "pomona.") && slice_ends(id, ".enrollment");
}

static bool is_partial(const struct command_row *row, struct pl *command) {
  bool b;
  for (const struct command_arg *a = row->args; a && a->name; a++) {
    struct pl *value = a->narrows ? pl_get(command, a->name) : NULL;
    if (value && !(pl_bool(value, &b) && !b)) return true;
  }
  return false;
}

/* What of a command is to be in escrow before it is delivered. */
static const struct {
  const char *request_type, *key;
  enum escrow_kind kind;
} secrets[] = {
    {"DeviceLock", "PIN", ESCROW_PIN},
    {"EraseDevice", "PIN", ESCROW_PIN},
    {"SetFirmwarePassword", "NewPassword", ESCROW_FIRMWARE_PASSWORD},
    {"SetRecoveryLock", "NewPassword", ESCROW_RECOVERY_LOCK},
};

/* In whatever form its author gave it: a device may take what we would not. An empty password clears the former one, an
   empty PIN is none. */
static void read_secret(struct ctx *cx, struct pl *command, struct command *out) {
  struct slice s;
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
    if (strcmp(secrets[i].request_type, out->request_type) != 0) continue;
    if (!pl_string(pl_get(command, secrets[i].key), &s) || s.n > NAME_MAX_LEN) return;
    if (s.n == 0 && secrets[i].kind == ESCROW_PIN) return;
    out->secret = secret_in(cx, ctx_memdup(cx, s.p, s.n), s.n);
    out->secret_kind = secrets[i].kind;
  }
}

static bool allows_activation_lock(struct pl *command) {
  struct pl *settings = pl_get(command, "Settings");
  bool allowed, any = false;
  for (size_t i = 0; pl_type(settings) == PL_ARRAY && i < pl_count(settings); i++) {
    struct pl *options = pl_get(pl_at(settings, i), "MDMOptions");
    any = any || (pl_bool(pl_get(options, "ActivationLockAllowedWhileSupervised"), &allowed) && allowed);
  }
  return any;
}

enum err command_parse(struct ctx *cx, struct command *out, struct slice plist) {
  struct pl *root;
  TRY(pl_parse(cx, plist, &command_limits, &root));
  struct pl *command = pl_get(root, "Command");
  *out = (struct command){.plist = plist};
  TRY(plain_name(cx, root, "CommandUUID", &out->uuid));
  if (pl_type(command) != PL_DICT) return FAIL(cx, E_INVALID, "the command has no dictionary named Command");
  TRY(plain_name(cx, command, "RequestType", &out->request_type));
  const struct command_row *row = command_row(out->request_type);
  out->flags = row ? row->flags : 0;
  out->expires_us = row ? row->expires_us : 0;
  read_secret(cx, command, out);
  out->allows_activation_lock = strcmp(out->request_type, "Settings") == 0 && allows_activation_lock(command);
  if (removes_enrollment(out->request_type, command)) out->flags |= COMMAND_ONCE | COMMAND_DANGEROUS;
  if (row && is_partial(row, command)) out->flags |= COMMAND_PARTIAL;
  return OK;
}

/* ---- for people ---- */

enum err command_shown(struct ctx *cx, struct slice plist, struct slice *out) {
  static const char *const names[] = {
      "PIN",         "Password",     "NewPassword", "CurrentPassword", "PrivateKeyExportPassword", "PrivateKeyExport",
      "UnlockToken", "passwordHash", "Payload",     "WiFiProfileData", "MDMProfileData",           "BootstrapToken",
      NULL};
  struct pl *root;
  TRY(pl_parse(cx, plist, &command_limits, &root));
  *out = pl_blank(root, names) ? pl_xml(cx, root) : plist;
  return OK;
}
