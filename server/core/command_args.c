/* "Key=Value" words of the command line to an object of arguments. */
#include "base/enc.h"
#include "core/command.h"
#include "core/command_int.h"

#include <stdlib.h>
#include <string.h>

static bool is_one_of(struct slice s, const char *a, const char *b) { return slice_ieq(s, a) || slice_ieq(s, b); }

static bool to_bool(struct slice s, bool *out) {
  *out = is_one_of(s, "true", "yes");
  return *out || is_one_of(s, "false", "no");
}

static char *text(struct ctx *cx, struct slice s) { return ctx_memdup(cx, s.p, s.n); }

static enum err fail_type(struct ctx *cx, const char *name, enum command_arg_type type) {
  return FAIL(cx, E_USAGE, "%s must be %s", name, command_type_name(type));
}

static enum err set_json(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  struct js *parsed;
  TRY(js_parse(cx, value, &parsed));
  js_set(to, name, parsed);
  return OK;
}

/* "[…]" is JSON; anything else is strings separated by commas. */
static enum err set_array(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  if (slice_starts(value, "[")) return set_json(cx, to, name, value);
  struct js *array = js_array(cx);
  struct slice one;
  while (slice_cut(&value, ',', &one)) js_add_string(array, text(cx, slice_trim(one)));
  js_set(to, name, array);
  return OK;
}

static enum err set_integer(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  int64_t i;
  if (!slice_to_i64(value, &i)) return fail_type(cx, name, ARG_INTEGER);
  js_set_int(to, name, i);
  return OK;
}

static enum err set_real(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  char *end, *s = text(cx, value);
  double d = strtod(s, &end);
  if (end == s || *end) return fail_type(cx, name, ARG_REAL);
  js_set_real(to, name, d);
  return OK;
}

static enum err set_bool(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  bool b;
  if (!to_bool(value, &b)) return fail_type(cx, name, ARG_BOOLEAN);
  js_set_bool(to, name, b);
  return OK;
}

static enum err set_string(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  js_set_string(to, name, text(cx, value));
  return OK;
}

/* Of a member of a dictionary, whose type no row tells: JSON where it is some, else a string. */
static enum err set_any(struct ctx *cx, struct js *to, const char *name, struct slice value) {
  int64_t i;
  bool b;
  if (slice_starts(value, "[") || slice_starts(value, "{")) return set_json(cx, to, name, value);
  if (slice_to_i64(value, &i)) return set_integer(cx, to, name, value);
  if (slice_is(value, "true") || slice_is(value, "false")) return to_bool(value, &b), js_set_bool(to, name, b), OK;
  return set_string(cx, to, name, value);
}

/* By enum command_arg_type. */
static enum err (*const setters[])(struct ctx *cx, struct js *to, const char *name, struct slice value) = {
    set_string, set_integer, set_real, set_bool, set_string, set_string, set_array, set_json, set_any};

/* "Key.Sub.Sub": goes down, making the dictionaries on its way. What is left of *key is the last name. */
static enum err descend(struct ctx *cx, struct js **to, struct slice *key) {
  const char *dot;
  while ((dot = memchr(key->p, '.', key->n))) {
    char *name = text(cx, slice_mem(key->p, (size_t)(dot - key->p)));
    struct js *next = js_get(*to, name);
    if (next && !js_is_object(next)) return FAIL(cx, E_USAGE, "%s is given both as a value and as a dictionary", name);
    if (!next) js_set(*to, name, next = js_object(cx));
    *to = next;
    *key = slice_mem(dot + 1, key->n - (size_t)(dot + 1 - key->p));
  }
  return OK;
}

static enum err take_word(struct ctx *cx, struct js *args, const struct command_row *row, const char *word) {
  struct slice value = slice_of(word), key = {0}, first = {0};
  if (!strchr(word, '=')) return FAIL(cx, E_USAGE, "\"%s\" is not Key=Value", word);
  (void)slice_cut(&value, '=', &key);
  struct slice rest = key;
  (void)slice_cut(&rest, '.', &first);
  const struct command_arg *arg = command_arg(row, first);
  if (!arg)
    return FAIL(cx, E_USAGE, "%s has no argument %.*s; there is: %s", row->request_type, (int)first.n, first.p,
                command_arg_names(cx, row));
  bool nested = first.n != key.n;
  if (nested && arg->type != ARG_DICTIONARY) return fail_type(cx, arg->name, arg->type);
  TRY(descend(cx, &args, &key));
  const char *name = text(cx, key);
  if (key.n == 0) return FAIL(cx, E_USAGE, "\"%s\" names nothing", word);
  if (js_get(args, name)) return FAIL(cx, E_USAGE, "%s is given twice", name);
  return setters[nested ? ARG_ANY : arg->type](cx, args, name, value);
}

enum err command_args(struct ctx *cx, struct js **out, const struct command_row *row, const char *const *words,
                      size_t n) {
  *out = js_object(cx);
  for (size_t i = 0; i < n; i++) TRY(take_word(cx, *out, row, words[i]));
  return OK;
}
