/* "Key=Value" words of the command line to an object of arguments: "Key.Sub[0].Name=Value", typed by the row. */
#include "base/enc.h"
#include "core/command.h"
#include "core/command_int.h"

#include <stdlib.h>
#include <string.h>

static const struct command_arg anything = {.name = "", .type = ARG_ANY};
static const struct command_arg item = {.name = "Item", .type = ARG_STRING};

static char *text(struct ctx *cx, struct slice s) { return ctx_memdup(cx, s.p, s.n); }

/* ---- a value by its type ---- */

/* A value that stands by itself: JSON's are made in a container. */
#define VALUE_OF(kind, type)                                                                                           \
  static struct js *new_##kind(struct ctx *cx, type value) {                                                           \
    struct js *holder = js_object(cx);                                                                                 \
    js_set_##kind(holder, "", value);                                                                                  \
    return js_get(holder, "");                                                                                         \
  }
VALUE_OF(string, const char *)
VALUE_OF(int, int64_t)
VALUE_OF(real, double)
VALUE_OF(bool, bool)

static enum err fail_type(struct ctx *cx, struct slice name, enum command_arg_type type) {
  return FAIL(cx, E_USAGE, "%.*s must be %s", (int)name.n, name.p, command_type_wanted(type));
}

static bool to_bool(struct slice s, bool *out) {
  *out = slice_ieq(s, "true") || slice_ieq(s, "yes");
  return *out || slice_ieq(s, "false") || slice_ieq(s, "no");
}

static enum err make_json(struct ctx *cx, struct slice name, struct slice value, struct js **out) {
  if (js_parse(cx, value, out) == OK) return OK;
  const char *why = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return FAIL(cx, E_USAGE, "%.*s is no JSON: %s", (int)name.n, name.p, why);
}

static enum err make_real(struct ctx *cx, struct slice name, struct slice value, struct js **out) {
  char *end, *s = text(cx, value);
  double d = strtod(s, &end);
  if (end == s || *end) return fail_type(cx, name, ARG_REAL);
  *out = new_real(cx, d);
  return OK;
}

/* Of a member that no row describes: JSON where it is some, else a string. */
static enum err make_any(struct ctx *cx, struct slice name, struct slice value, struct js **out) {
  int64_t i;
  bool b;
  if (slice_starts(value, "[") || slice_starts(value, "{")) return make_json(cx, name, value, out);
  if (slice_to_i64(value, &i))
    *out = new_int(cx, i);
  else if (slice_is(value, "true") || slice_is(value, "false"))
    to_bool(value, &b), *out = new_bool(cx, b);
  else
    *out = new_string(cx, text(cx, value));
  return OK;
}

static enum err make(struct ctx *cx, const struct command_arg *arg, struct slice name, struct slice value,
                     struct js **out);

/* "[…]" is JSON; anything else are elements separated by commas. */
static enum err make_array(struct ctx *cx, const struct command_arg *arg, struct slice name, struct slice value,
                           struct js **out) {
  static const struct command_arg string = {.name = "", .type = ARG_STRING};
  const struct command_arg *element = arg->args && !command_has_cases(arg) ? arg->args : &string;
  struct slice one;
  if (slice_starts(value, "[")) return make_json(cx, name, value, out);
  if (command_has_cases(arg) || element->type == ARG_DICTIONARY) return fail_type(cx, name, ARG_ARRAY);
  *out = js_array(cx);
  while (slice_cut(&value, ',', &one)) {
    struct js *made;
    TRY(make(cx, element, name, slice_trim(one), &made));
    js_add(*out, made);
  }
  return OK;
}

static enum err make(struct ctx *cx, const struct command_arg *arg, struct slice name, struct slice value,
                     struct js **out) {
  int64_t i;
  bool b;
  switch (arg->type) {
  case ARG_INTEGER:
    if (!slice_to_i64(value, &i)) return fail_type(cx, name, arg->type);
    *out = new_int(cx, i);
    return OK;
  case ARG_BOOLEAN:
    if (!to_bool(value, &b)) return fail_type(cx, name, arg->type);
    *out = new_bool(cx, b);
    return OK;
  case ARG_REAL:
    return make_real(cx, name, value, out);
  case ARG_ARRAY:
    return make_array(cx, arg, name, value, out);
  case ARG_DICTIONARY:
    return make_json(cx, name, value, out);
  case ARG_ANY:
    return make_any(cx, name, value, out);
  default: /* data and dates are text, too */
    *out = new_string(cx, text(cx, value));
    return OK;
  }
}

/* ---- the way of a key: "Settings[0].Enabled" ---- */

/* What may stand in a dictionary: keys of one kind, or (of an element that its member Item tells apart) of several. */
struct level {
  const struct command_arg *keys, *cases;
  bool free; /* no row describes it */
};

static struct level level_of(const struct command_arg *dictionary) {
  return (struct level){.keys = dictionary->args, .free = !dictionary->args};
}

/* of: what its member Item says, if it is said already. */
static const struct command_arg *find(const struct level *l, struct js *of, struct slice name) {
  if (l->free) return &anything;
  if (!l->cases) return command_arg(l->keys, name);
  if (slice_is(name, item.name)) return &item;
  const struct command_arg *one = command_arg(l->cases, slice_of(js_str(of, item.name)));
  if (one) return command_arg(one->args, name);
  for (const struct command_arg *c = l->cases; c->name; c++)
    if (command_arg(c->args, name)) return command_arg(c->args, name);
  return NULL;
}

/* A step of the way: a name, then perhaps the number of an element. */
struct step {
  struct slice name;
  int64_t index; /* -1: none */
  bool last;
};

enum { INDEX_MAX = 10000 };

/* The name up to the next "." or "[", the number between brackets. False: it is no way at all. */
static bool next_step(struct slice *rest, struct step *s) {
  size_t n = 0;
  while (n < rest->n && rest->p[n] != '.' && rest->p[n] != '[') n++;
  *s = (struct step){.name = slice_mem(rest->p, n), .index = -1};
  if (n == 0) return false;
  if (n < rest->n && rest->p[n] == '[') {
    const char *end = memchr(rest->p + n, ']', rest->n - n);
    if (!end || !slice_to_i64(slice_mem(rest->p + n + 1, (size_t)(end - rest->p) - n - 1), &s->index)) return false;
    if (s->index < 0 || s->index > INDEX_MAX) return false;
    n = (size_t)(end - rest->p) + 1;
  }
  s->last = n == rest->n;
  if (!s->last && rest->p[n] != '.') return false;
  *rest = s->last ? (struct slice){0} : slice_mem(rest->p + n + 1, rest->n - n - 1);
  return true;
}

/* Where a word's value goes. */
struct spot {
  struct js *object;
  char *name;
  struct js *array; /* not NULL: as its element `index` */
  int64_t index;
  const struct command_arg *arg;
};

static enum err container_at(struct ctx *cx, struct js *object, const char *name, bool array, struct js **out) {
  *out = js_get(object, name);
  if (!*out) js_set(object, name, *out = array ? js_array(cx) : js_object(cx));
  if (array ? js_is_array(*out) : js_is_object(*out)) return OK;
  return FAIL(cx, E_USAGE, "%s is given both as a value and as %s", name, array ? "an array" : "a dictionary");
}

static enum err array_at(struct ctx *cx, const struct step *s, const struct command_arg *arg, struct spot *spot) {
  if (arg->type != ARG_ARRAY && arg->type != ARG_ANY) return fail_type(cx, s->name, arg->type);
  TRY(container_at(cx, spot->object, spot->name, true, &spot->array));
  if (s->index > (int64_t)js_count(spot->array))
    return FAIL(cx, E_USAGE, "%s[%lld] comes before %s[%zu]", spot->name, (long long)s->index, spot->name,
                js_count(spot->array));
  spot->index = s->index;
  spot->arg = arg->args && !command_has_cases(arg) ? arg->args : &anything;
  return OK;
}

/* Into the element, which is or becomes a dictionary. */
static enum err into_element(struct ctx *cx, const struct command_arg *arg, struct spot *spot, struct level *l) {
  struct js *element = js_at(spot->array, (size_t)spot->index);
  if (!element) js_add(spot->array, element = js_object(cx));
  if (!js_is_object(element) || (arg->args && !command_has_cases(arg) && arg->args->type != ARG_DICTIONARY))
    return FAIL(cx, E_USAGE, "the elements of %s are no dictionaries", spot->name);
  spot->object = element;
  *l = command_has_cases(arg) ? (struct level){.cases = arg->args} : level_of(arg->args ? arg->args : &anything);
  return OK;
}

static enum err into_dictionary(struct ctx *cx, const struct step *s, const struct command_arg *arg, struct spot *spot,
                                struct level *l) {
  if (arg->type != ARG_DICTIONARY && arg->type != ARG_ANY) return fail_type(cx, s->name, arg->type);
  TRY(container_at(cx, spot->object, spot->name, false, &spot->object));
  *l = level_of(arg);
  return OK;
}

static enum err fail_unknown(struct ctx *cx, const struct command_row *row, const struct level *l, struct slice name) {
  return FAIL(cx, E_USAGE, "%s has no argument %.*s; there is: %s", row->request_type, (int)name.n, name.p,
              command_arg_names(cx, l->cases ? l->cases : l->keys));
}

static enum err walk(struct ctx *cx, const struct command_row *row, struct js *args, struct slice key,
                     struct spot *spot) {
  struct level l = {.keys = row->args};
  struct slice rest = key;
  struct step s;
  *spot = (struct spot){.object = args};
  do {
    if (!next_step(&rest, &s))
      return FAIL(cx, E_USAGE, "\"%.*s\" names no argument: it is like Key, Key.Sub or Key[0].Sub", (int)key.n, key.p);
    const struct command_arg *arg = spot->arg = find(&l, spot->object, s.name);
    if (!arg) return fail_unknown(cx, row, &l, s.name);
    spot->name = text(cx, s.name);
    spot->array = NULL;
    if (s.index >= 0) TRY(array_at(cx, &s, arg, spot));
    if (!s.last && s.index >= 0)
      TRY(into_element(cx, arg, spot, &l));
    else if (!s.last)
      TRY(into_dictionary(cx, &s, arg, spot, &l));
  } while (!s.last);
  return OK;
}

/* ---- words ---- */

static enum err put(struct ctx *cx, const struct spot *spot, struct slice key, struct js *value) {
  struct js *former = spot->array ? js_at(spot->array, (size_t)spot->index) : js_get(spot->object, spot->name);
  if (spot->array && !former) {
    js_add(spot->array, value);
  } else if (former && js_is_array(former) && js_is_array(value)) {
    for (size_t i = 0; i < js_count(value); i++) js_add(former, js_at(value, i));
  } else if (former) {
    return FAIL(cx, E_USAGE, "%.*s is given twice", (int)key.n, key.p);
  } else {
    js_set(spot->object, spot->name, value);
  }
  return OK;
}

static enum err take_word(struct ctx *cx, struct js *args, const struct command_row *row, const char *word) {
  struct slice value = slice_of(word), key = {0};
  struct spot spot;
  struct js *made;
  if (!strchr(word, '=')) return FAIL(cx, E_USAGE, "\"%s\" is not Key=Value", word);
  (void)slice_cut(&value, '=', &key);
  TRY(walk(cx, row, args, key, &spot));
  TRY(make(cx, spot.arg, key, value, &made));
  return put(cx, &spot, key, made);
}

enum err command_args(struct ctx *cx, struct js **out, const struct command_row *row, const char *const *words,
                      size_t n) {
  *out = js_object(cx);
  for (size_t i = 0; i < n; i++) TRY(take_word(cx, *out, row, words[i]));
  return OK;
}

const struct command_arg *command_arg_at(const struct command_row *row, struct slice key) {
  struct level l = {.keys = row->args};
  struct step s;
  for (;;) {
    const struct command_arg *arg = next_step(&key, &s) ? find(&l, NULL, s.name) : NULL;
    if (!arg || (s.last && s.index < 0)) return arg;
    bool cases = s.index >= 0 && command_has_cases(arg);
    if (s.index >= 0 && !cases) arg = arg->args ? arg->args : &anything;
    if (s.last) return cases ? &anything : arg;
    l = cases ? (struct level){.cases = arg->args} : level_of(arg);
  }
}
