/* A command's property list from its row and an object of arguments. */
#include "base/enc.h"
#include "core/command.h"
#include "core/command_int.h"
#include "lib/plist.h"

#include <string.h>

enum { DEPTH_MAX = 32, PIN_LEN = 6, UUID_MAX = 255 };

/* ---- JSON to property list ---- */

/* Where a value goes: under a key of a dictionary, or at the end of an array (key NULL). */
struct place {
  struct pl *container;
  const char *key;
};

static void put_string(struct place at, const char *s) {
  if (at.key)
    pl_set_string(at.container, at.key, s);
  else
    pl_add_string(at.container, s);
}

static void put_data(struct place at, struct slice s) {
  if (at.key)
    pl_set_data(at.container, at.key, s);
  else
    pl_add_data(at.container, s);
}

static void put_date(struct place at, int64_t us) {
  if (at.key)
    pl_set_date(at.container, at.key, us);
  else
    pl_add_date(at.container, us);
}

static void put_int(struct place at, int64_t i) {
  if (at.key)
    pl_set_int(at.container, at.key, i);
  else
    pl_add_int(at.container, i);
}

static void put_real(struct place at, double d) {
  if (at.key)
    pl_set_real(at.container, at.key, d);
  else
    pl_add_real(at.container, d);
}

static void put_bool(struct place at, bool b) {
  if (at.key)
    pl_set_bool(at.container, at.key, b);
  else
    pl_add_bool(at.container, b);
}

static void put(struct place at, struct pl *value) {
  if (at.key)
    pl_set(at.container, at.key, value);
  else
    pl_add(at.container, value);
}

static enum err convert(struct ctx *cx, struct place at, struct js *value, int depth);

/* {"$data": "base64"} and {"$date": "RFC 3339"}: inside of others, JSON cannot say it otherwise. */
static enum err convert_special(struct ctx *cx, struct place at, struct js *value, bool *done) {
  const char *data = js_str(value, "$data"), *date = js_str(value, "$date");
  struct slice bytes;
  int64_t us;
  *done = js_count(value) == 1 && (data || date);
  if (!*done) return OK;
  if (data && dec_base64(cx, slice_of(data), &bytes) != OK) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID, "$data is not base64");
  }
  if (date && !dec_time(slice_of(date), &us)) return FAIL(cx, E_INVALID, "$date is no time like 2026-11-22T15:00:00Z");
  if (data)
    put_data(at, bytes);
  else
    put_date(at, us);
  return OK;
}

static enum err convert_object(struct ctx *cx, struct place at, struct js *value, int depth) {
  bool special;
  TRY(convert_special(cx, at, value, &special));
  if (special) return OK;
  struct pl *dict = pl_new_dict(cx);
  for (size_t i = 0; i < js_count(value); i++) {
    const char *key;
    struct js *member = js_member(value, i, &key);
    TRY(convert(cx, (struct place){dict, key}, member, depth + 1));
  }
  put(at, dict);
  return OK;
}

static enum err convert_array(struct ctx *cx, struct place at, struct js *value, int depth) {
  struct pl *array = pl_new_array(cx);
  for (size_t i = 0; i < js_count(value); i++)
    TRY(convert(cx, (struct place){array, NULL}, js_at(value, i), depth + 1));
  put(at, array);
  return OK;
}

static enum err convert(struct ctx *cx, struct place at, struct js *value, int depth) {
  int64_t i;
  double d;
  bool b;
  if (depth > DEPTH_MAX) return FAIL(cx, E_INVALID, "the arguments are nested too deeply");
  if (js_is_object(value)) return convert_object(cx, at, value, depth);
  if (js_is_array(value)) return convert_array(cx, at, value, depth);
  if (js_string(value))
    put_string(at, js_string(value));
  else if (js_bool(value, &b))
    put_bool(at, b);
  else if (js_int(value, &i))
    put_int(at, i);
  else if (js_real(value, &d))
    put_real(at, d);
  else
    return FAIL(cx, E_INVALID, "null has no place in a command");
  return OK;
}

/* ---- arguments by their types ---- */

static enum err put_typed_data(struct ctx *cx, struct place at, struct js *value) {
  struct slice bytes;
  if (!js_string(value)) return E_INVALID;
  if (dec_base64(cx, slice_of(js_string(value)), &bytes) != OK) return ctx_clear_error(cx), E_INVALID;
  put_data(at, bytes);
  return OK;
}

static enum err put_typed_date(struct place at, struct js *value) {
  int64_t us;
  if (!dec_time(slice_of(js_string(value)), &us)) return E_INVALID;
  put_date(at, us);
  return OK;
}

static bool shape_fits(enum command_arg_type type, struct js *value) {
  int64_t i;
  double d;
  bool b;
  switch (type) {
  case ARG_STRING:
    return js_string(value) != NULL;
  case ARG_INTEGER:
    return js_int(value, &i);
  case ARG_REAL:
    return js_real(value, &d);
  case ARG_BOOLEAN:
    return js_bool(value, &b);
  case ARG_ARRAY:
    return js_is_array(value);
  case ARG_DICTIONARY:
    return js_is_object(value);
  default:
    return true;
  }
}

static enum err put_arg(struct ctx *cx, struct pl *command, const struct command_arg *arg, struct js *value) {
  static const char *const wanted[] = {
      [ARG_DATA] = "base64 text", [ARG_DATE] = "a time like 2026-11-22T15:00:00Z", [ARG_ANY] = NULL};
  struct place at = {command, arg->name};
  enum err e = shape_fits(arg->type, value) ? OK : E_INVALID;
  if (arg->type == ARG_DATA)
    e = put_typed_data(cx, at, value);
  else if (arg->type == ARG_DATE)
    e = put_typed_date(at, value);
  else if (e == OK)
    return convert(cx, at, value, 0);
  if (e == OK) return OK;
  const char *want = wanted[arg->type] ? wanted[arg->type] : command_type_name(arg->type);
  return FAIL(cx, E_INVALID, "%s must be %s", arg->name, want);
}

static enum err check_pin(struct ctx *cx, const struct command_row *row, struct js *args) {
  const char *pin = js_str(args, "PIN");
  bool has = command_arg(row, slice_of("PIN")) != NULL;
  if (!has || !pin || (strlen(pin) == PIN_LEN && strspn(pin, "0123456789") == PIN_LEN)) return OK;
  return FAIL(cx, E_INVALID, "PIN must be six digits");
}

static enum err put_args(struct ctx *cx, struct pl *command, const struct command_row *row, struct js *args) {
  if (args && !js_is_object(args))
    return FAIL(cx, E_INVALID, "the arguments of %s are no JSON object", row->request_type);
  TRY(check_pin(cx, row, args));
  for (size_t i = 0; args && i < js_count(args); i++) {
    const char *key;
    struct js *value = js_member(args, i, &key);
    const struct command_arg *arg = command_arg(row, slice_of(key));
    if (!arg)
      return FAIL(cx, E_INVALID, "%s has no argument %s; there is: %s", row->request_type,
                  text_is_plain(slice_of(key)) ? key : "of that name", command_arg_names(cx, row));
    TRY(put_arg(cx, command, arg, value));
  }
  for (const struct command_arg *a = row->args; a && a->name; a++)
    if (a->required && !(args && js_get(args, a->name)))
      return FAIL(cx, E_INVALID, "%s needs the argument %s (%s)", row->request_type, a->name,
                  command_type_name(a->type));
  return OK;
}

static enum err take_uuid(struct ctx *cx, struct pl *root, const char *uuid) {
  char fresh[UUID_LEN + 1];
  struct slice s = slice_of(uuid);
  if (uuid && (s.n == 0 || s.n > UUID_MAX || !text_is_plain(s)))
    return FAIL(cx, E_INVALID, "the command's UUID is not from 1 to %d bytes of plain text", UUID_MAX);
  if (!uuid) uuid_new(fresh);
  pl_set_string(root, "CommandUUID", uuid ? uuid : fresh);
  return OK;
}

enum err command_build(struct ctx *cx, struct command *out, const char *request_type, struct js *args,
                       const char *uuid) {
  const struct command_row *row = command_row(request_type);
  if (!row)
    return FAIL(cx, E_INVALID,
                "there is no command %s; `pomona command types` lists them, a raw property list may hold any other",
                text_is_plain(slice_of(request_type)) ? request_type : "of that name");
  struct pl *root = pl_new_dict(cx), *command = pl_new_dict(cx);
  pl_set_string(command, "RequestType", request_type);
  TRY(put_args(cx, command, row, args));
  pl_set(root, "Command", command);
  TRY(take_uuid(cx, root, uuid));
  return command_parse(cx, out, pl_xml(cx, root));
}
