#include "core/command.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/command_int.h"
#include "lib/plist.h"

#include <string.h>

enum { NAME_MAX_LEN = 255 };

#define NO_ARGS
#define ARG(name, type, required) {#name, ARG_##type, required},
#define COMMAND(type, flags, life, ...)                                                                                \
  {#type, flags, life, (const struct command_arg[]){__VA_ARGS__{NULL, ARG_ANY, false}}},
const struct command_row command_rows[] = {
#include "core/commands.def"
    {NULL, 0, 0, NULL},
};
#undef COMMAND
#undef ARG
#undef NO_ARGS

const struct command_row *command_row(const char *request_type) {
  for (const struct command_row *row = command_rows; row->request_type; row++)
    if (strcmp(row->request_type, request_type) == 0) return row;
  return NULL;
}

const struct command_arg *command_arg(const struct command_row *row, struct slice name) {
  for (const struct command_arg *a = row->args; a->name; a++)
    if (slice_is(name, a->name)) return a;
  return NULL;
}

const char *command_type_name(enum command_arg_type type) {
  static const char *const names[] = {"string", "integer", "real",       "boolean", "data",
                                      "date",   "array",   "dictionary", "any"};
  return names[type];
}

char *command_arg_names(struct ctx *cx, const struct command_row *row) {
  char *names = NULL;
  for (const struct command_arg *a = row->args; a->name; a++)
    names =
        ctx_printf(cx, "%s%s%s%s", names ? names : "", names ? ", " : "", a->name, a->required ? " (required)" : "");
  return names ? names : ctx_strdup(cx, "none");
}

/* ---- a command that someone wrote ---- */

/* /v1/enqueue and `command send --plist`: as large as a request of the API may be. */
static const struct pl_limits limits = {.bytes = 4 << 20, .depth = 64, .nodes = 100000, .expanded = 8 << 20};

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

/* In whatever form its author gave it: a device may take what we would not. Secret: wiped with cx. */
static const char *pin_of(struct ctx *cx, const struct command_row *row, struct pl *command) {
  struct slice s;
  if (!row || !command_arg(row, slice_of("PIN"))) return NULL;
  if (!pl_string(pl_get(command, "PIN"), &s) || s.n == 0 || s.n > NAME_MAX_LEN) return NULL;
  return secret_in(cx, ctx_memdup(cx, s.p, s.n), s.n);
}

enum err command_parse(struct ctx *cx, struct command *out, struct slice plist) {
  struct pl *root;
  TRY(pl_parse(cx, plist, &limits, &root));
  struct pl *command = pl_get(root, "Command");
  *out = (struct command){.plist = plist};
  TRY(plain_name(cx, root, "CommandUUID", &out->uuid));
  if (pl_type(command) != PL_DICT) return FAIL(cx, E_INVALID, "the command has no dictionary named Command");
  TRY(plain_name(cx, command, "RequestType", &out->request_type));
  const struct command_row *row = command_row(out->request_type);
  out->flags = row ? row->flags : 0;
  out->expires_us = row ? row->expires_us : 0;
  out->pin = pin_of(cx, row, command);
  if (removes_enrollment(out->request_type, command)) out->flags |= COMMAND_ONCE;
  return OK;
}
