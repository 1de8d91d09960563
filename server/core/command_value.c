/* Arguments from JSON into a property list, each checked against its row. */
#include "base/enc.h"
#include "core/command_int.h"

#include <inttypes.h>
#include <string.h>

enum { DEPTH_MAX = 32, PIN_LEN = 6, WORD_SHOWN = 60 };

/* Where a value goes, and how people call that place: a key of a dictionary, or the next element of an array. */
struct place {
  const struct place *up; /* NULL: the command itself */
  struct pl *container;
  const char *key; /* NULL: an element */
  size_t index;
  int depth;
};

static char *path_of(struct ctx *cx, const struct place *at) {
  char *up = at->up ? path_of(cx, at->up) : NULL;
  if (!at->key) return ctx_printf(cx, "%s[%zu]", up ? up : "", at->index);
  const char *key = text_is_plain(slice_of(at->key)) ? at->key : "(a key that is no plain text)";
  return up ? ctx_printf(cx, "%s.%s", up, key) : ctx_strdup(cx, key);
}

/* As a place for error messages it is a key of its dictionary. */
static struct place member_of(const struct place *up, struct pl *container, const char *key) {
  return (struct place){.up = up, .container = container, .key = key, .depth = up ? up->depth + 1 : 0};
}

static void put_pl(const struct place *at, struct pl *value) {
  if (at->key)
    pl_set(at->container, at->key, value);
  else
    pl_add(at->container, value);
}

/* By the kind of a value that is no container. */
#define PUT(kind, type)                                                                                                \
  static void put_##kind(const struct place *at, type value) {                                                         \
    if (at->key)                                                                                                       \
      pl_set_##kind(at->container, at->key, value);                                                                    \
    else                                                                                                               \
      pl_add_##kind(at->container, value);                                                                             \
  }
PUT(string, const char *)
PUT(data, struct slice)
PUT(date, int64_t)
PUT(int, int64_t)
PUT(real, double)
PUT(bool, bool)

static enum err fail_wanted(struct ctx *cx, const struct place *at, enum command_arg_type type) {
  return FAIL(cx, E_INVALID, "%s must be %s", path_of(cx, at), command_type_wanted(type));
}

static enum err not_too_deep(struct ctx *cx, const struct place *at) {
  return at->depth <= DEPTH_MAX ? OK : FAIL(cx, E_INVALID, "the arguments are nested too deeply");
}

/* A password would be another one than its author knows. */
static enum err put_text(struct ctx *cx, const struct place *at, const char *text) {
  if (!pl_carries(text))
    return FAIL(cx, E_INVALID, "%s holds a control character, which no command can carry", path_of(cx, at));
  put_string(at, text);
  return OK;
}

/* ---- data and dates: text, or {"$data": "base64"} and {"$date": "RFC 3339"} where no row says what is meant ---- */

static const char *special(struct js *value, const char *name) {
  return js_is_object(value) && js_count(value) == 1 ? js_str(value, name) : NULL;
}

static enum err put_base64(struct ctx *cx, const struct place *at, const char *text, const char *wanted) {
  struct slice bytes;
  if (text && dec_base64(cx, slice_of(text), &bytes) == OK) return put_data(at, bytes), OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_INVALID, "%s %s", path_of(cx, at), wanted);
}

static enum err put_time(struct ctx *cx, const struct place *at, const char *text) {
  int64_t us;
  if (!text || !dec_time(slice_of(text), &us)) return fail_wanted(cx, at, ARG_DATE);
  put_date(at, us);
  return OK;
}

/* ---- what no row describes ---- */

static enum err put_free(struct ctx *cx, const struct place *at, struct js *value);

static enum err put_free_object(struct ctx *cx, const struct place *at, struct js *value) {
  const char *data = special(value, "$data"), *date = special(value, "$date"), *key;
  if (data) return put_base64(cx, at, data, "holds $data that is not base64");
  if (date) return put_time(cx, at, date);
  struct pl *dict = pl_new_dict(cx);
  struct js *member;
  for (size_t i = 0; (member = js_member(value, i, &key)); i++) {
    struct place inside = member_of(at, dict, key);
    if (!*key || !pl_carries(key))
      return FAIL(cx, E_INVALID, "%s holds a key that no command can carry: it is empty, or holds a control character",
                  path_of(cx, at));
    TRY(put_free(cx, &inside, member));
  }
  put_pl(at, dict);
  return OK;
}

static enum err put_free_array(struct ctx *cx, const struct place *at, struct js *value) {
  struct pl *array = pl_new_array(cx);
  for (size_t i = 0; i < js_count(value); i++) {
    struct place inside = {.up = at, .container = array, .index = i, .depth = at->depth + 1};
    TRY(put_free(cx, &inside, js_at(value, i)));
  }
  put_pl(at, array);
  return OK;
}

static enum err put_free(struct ctx *cx, const struct place *at, struct js *value) {
  int64_t i;
  double d;
  bool b;
  TRY(not_too_deep(cx, at));
  if (js_is_object(value)) return put_free_object(cx, at, value);
  if (js_is_array(value)) return put_free_array(cx, at, value);
  if (js_string(value)) return put_text(cx, at, js_string(value));
  if (js_bool(value, &b))
    put_bool(at, b);
  else if (js_int(value, &i))
    put_int(at, i);
  else if (js_real(value, &d))
    put_real(at, d);
  else
    return FAIL(cx, E_INVALID, "%s: null has no place in a command", path_of(cx, at));
  return OK;
}

/* ---- what the values of a row allow ---- */

static char *values_text(struct ctx *cx, const struct command_arg *arg) {
  if (!arg->values) return command_arg_names(cx, arg->args);
  char *all = NULL;
  for (size_t i = 0; arg->values[i]; i++)
    all = ctx_printf(cx, "%s%s%s", all ? all : "", all ? ", " : "", arg->values[i]);
  return all;
}

/* The value that was meant but written with other capitals; NULL: none. */
static const char *meant(const struct command_arg *arg, struct slice text) {
  for (size_t i = 0; arg->values && arg->values[i]; i++)
    if (slice_ieq(text, arg->values[i])) return arg->values[i];
  for (const struct command_arg *a = arg->args; a && a->name; a++)
    if (slice_ieq(text, a->name)) return a->name;
  return NULL;
}

/* text: as the value is written; a number by its digits. */
static enum err check_value(struct ctx *cx, const struct place *at, const struct command_arg *arg, const char *text) {
  struct slice s = slice_of(text);
  if (arg->six_digits && (s.n != PIN_LEN || strspn(text, "0123456789") != PIN_LEN))
    return FAIL(cx, E_INVALID, "%s must be six digits", path_of(cx, at));
  if (!arg->values && !arg->args) return OK;
  const char *right = meant(arg, s);
  if (right && strcmp(right, text) == 0) return OK;
  if (right) return FAIL(cx, E_INVALID, "%s must be %s: capitals count", path_of(cx, at), right);
  const char *shown = s.n <= WORD_SHOWN && text_is_plain(s) ? text : "that";
  return FAIL(cx, E_INVALID, "%s may not be %s, only: %s", path_of(cx, at), shown, values_text(cx, arg));
}

/* ---- by the row ---- */

static enum err put_value(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value);

static enum err put_typed_string(struct ctx *cx, const struct place *at, const struct command_arg *arg,
                                 struct js *value) {
  const char *text = js_string(value);
  if (!text) return fail_wanted(cx, at, arg->type);
  TRY(check_value(cx, at, arg, text));
  return put_text(cx, at, text);
}

static enum err put_integer(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  int64_t i;
  if (!js_int(value, &i)) return fail_wanted(cx, at, arg->type);
  TRY(check_value(cx, at, arg, ctx_printf(cx, "%" PRId64, i)));
  put_int(at, i);
  return OK;
}

static enum err put_number(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  double d;
  if (!js_real(value, &d)) return fail_wanted(cx, at, arg->type);
  put_real(at, d);
  return OK;
}

static enum err put_boolean(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  bool b;
  if (!js_bool(value, &b)) return fail_wanted(cx, at, arg->type);
  put_bool(at, b);
  return OK;
}

static enum err put_bytes(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  (void)arg;
  const char *text = js_string(value) ? js_string(value) : special(value, "$data");
  return put_base64(cx, at, text, "must be base64 text");
}

static enum err put_moment(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  (void)arg;
  return put_time(cx, at, js_string(value) ? js_string(value) : special(value, "$date"));
}

/* The element's row: the only one, or the one that its member Item names. */
static enum err element_row(struct ctx *cx, const struct place *at, const struct command_arg *array, struct js *value,
                            const struct command_arg **out) {
  *out = array->args;
  if (!command_has_cases(array)) return OK;
  if (!js_is_object(value)) return fail_wanted(cx, at, ARG_DICTIONARY);
  const char *item = js_str(value, "Item");
  *out = item ? command_arg(array->args, slice_of(item)) : NULL;
  if (*out) return OK;
  return FAIL(cx, E_INVALID, "%s.Item must be one of: %s", path_of(cx, at), command_arg_names(cx, array->args));
}

static enum err put_array(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  const struct command_arg *element;
  if (!js_is_array(value)) return fail_wanted(cx, at, arg->type);
  if (!arg->args) return put_free_array(cx, at, value);
  if (js_count(value) == 0 && arg->args->required)
    return FAIL(cx, E_INVALID, "%s must hold at least one element", path_of(cx, at));
  struct pl *array = pl_new_array(cx);
  for (size_t i = 0; i < js_count(value); i++) {
    struct place inside = {.up = at, .container = array, .index = i, .depth = at->depth + 1};
    TRY(element_row(cx, &inside, arg, js_at(value, i), &element));
    TRY(put_value(cx, &inside, element, js_at(value, i)));
  }
  put_pl(at, array);
  return OK;
}

/* Whose arguments they are, for people. */
static const char *owner(struct ctx *cx, const struct place *up, const char *request_type) {
  return up ? path_of(cx, up) : request_type;
}

/* What the keys of a dictionary are checked by. */
struct members {
  const struct command_arg *keys;
  const char *request_type; /* of the command itself; NULL: of a dictionary in it */
  bool item;                /* one of several kinds: its member Item says which */
};

static enum err check_missing(struct ctx *cx, const struct place *up, const struct members *m, struct js *value) {
  for (const struct command_arg *a = m->keys; a && a->name; a++)
    if (a->required && !js_get(value, a->name))
      return FAIL(cx, E_INVALID, "%s needs the argument %s (%s)", owner(cx, up, m->request_type), a->name,
                  command_type_wanted(a->type));
  return OK;
}

static enum err put_members(struct ctx *cx, const struct place *up, struct pl *dict, const struct members *m,
                            struct js *value) {
  static const struct command_arg item = {.name = "Item", .type = ARG_STRING};
  const char *key;
  struct js *member;
  for (size_t i = 0; (member = js_member(value, i, &key)); i++) {
    struct place at = member_of(up, dict, key);
    const struct command_arg *arg = command_arg(m->keys, slice_of(key));
    if (!arg && m->item && strcmp(key, item.name) == 0) arg = &item;
    if (!arg)
      return FAIL(cx, E_INVALID, "%s has no argument %s; there is: %s", owner(cx, up, m->request_type),
                  text_is_plain(slice_of(key)) ? key : "of that name", command_arg_names(cx, m->keys));
    TRY(put_value(cx, &at, arg, member));
  }
  return check_missing(cx, up, m, value);
}

static enum err put_dictionary(struct ctx *cx, const struct place *at, const struct command_arg *arg,
                               struct js *value) {
  if (!js_is_object(value)) return fail_wanted(cx, at, arg->type);
  if (!arg->args) return put_free_object(cx, at, value);
  struct pl *dict = pl_new_dict(cx);
  struct members m = {.keys = arg->args, .item = !at->key && *arg->name};
  TRY(put_members(cx, at, dict, &m, value));
  put_pl(at, dict);
  return OK;
}

static enum err put_any(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  (void)arg;
  return put_free(cx, at, value);
}

static enum err put_value(struct ctx *cx, const struct place *at, const struct command_arg *arg, struct js *value) {
  static enum err (*const puts[])(struct ctx * cx, const struct place *at, const struct command_arg *arg,
                                  struct js *value) = {[ARG_STRING] = put_typed_string,
                                                       [ARG_INTEGER] = put_integer,
                                                       [ARG_REAL] = put_number,
                                                       [ARG_BOOLEAN] = put_boolean,
                                                       [ARG_DATA] = put_bytes,
                                                       [ARG_DATE] = put_moment,
                                                       [ARG_ARRAY] = put_array,
                                                       [ARG_DICTIONARY] = put_dictionary,
                                                       [ARG_ANY] = put_any};
  TRY(not_too_deep(cx, at));
  return puts[arg->type](cx, at, arg, value);
}

enum err command_put_args(struct ctx *cx, struct pl *command, const struct command_row *row, struct js *args) {
  struct members m = {.keys = row->args, .request_type = row->request_type};
  if (args && !js_is_object(args))
    return FAIL(cx, E_INVALID, "the arguments of %s are no JSON object", row->request_type);
  return put_members(cx, NULL, command, &m, args ? args : js_object(cx));
}
