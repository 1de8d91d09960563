/* The keys of payloads against the tables. */
#include "core/payload_int.h"

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- values ---- */

static const char *number_text(struct ctx *cx, double v) { return ctx_printf(cx, "%.15g", v); }

static const char *text_of_number(struct payload_run *r, const struct payload_node *n, double *value) {
  int64_t whole;
  if (pl_int(n->pl, &whole)) {
    *value = (double)whole;
    return payload_number(r->cx, whole);
  }
  return pl_real(n->pl, value) ? number_text(r->cx, *value) : NULL;
}

static const char *value_at(size_t i, const void *arg) { return ((const char *const *)arg)[i]; }

/* "one of a, b, c": a long list is cut, the most likely in front. */
static const char *allowed(struct ctx *cx, const char *const *values, struct slice given) {
  enum { SHOWN = 12 };
  size_t n = 0;
  while (values[n]) n++;
  const char *near = payload_nearest(given, value_at, values, n);
  const char *text = near && n > SHOWN ? ctx_printf(cx, "%s (likely)", near) : "";
  for (size_t i = 0; i < n && i < SHOWN; i++) text = ctx_printf(cx, "%s%s%s", text, *text ? ", " : "", values[i]);
  return ctx_printf(cx, "%s%s", text, n > SHOWN ? " …" : "");
}

static bool among(const char *const *values, struct slice text) {
  while (*values && !slice_is(text, *values)) values++;
  return *values != NULL;
}

static void check_listed_text(struct payload_run *r, const struct payload_node *n, const char *const *values,
                              struct slice text) {
  if (among(values, text) || !payload_room(r, SAY_VALUE)) return;
  for (const char *const *v = values; *v; v++)
    if (slice_ieq(text, *v)) {
      SAY_AT(r, VALUE_CASE, n, *v, NULL);
      return;
    }
  SAY_AT(r, VALUE, n, payload_shown(r->cx, text), allowed(r->cx, values, text), NULL);
}

/* A number is allowed when it is listed, or in the range. */
static void check_number(struct payload_run *r, const struct payload_key *k, const struct payload_node *n) {
  double value = 0;
  const char *text = text_of_number(r, n, &value);
  const struct payload_range *range = k->range ? &payload_ranges[k->range] : NULL;
  const char *const *values = k->values ? &payload_values[k->values] : NULL;
  if (!text || (values && among(values, slice_of(text)))) return;
  if (range && value >= range->least && value <= range->most) return;
  if (range)
    payload_say(r, value < range->least ? SAY_LOW : SAY_HIGH, n,
                (const char *const[]){text, number_text(r->cx, range->least),
                                      range->most < PAYLOAD_OPEN ? number_text(r->cx, range->most) : "any", NULL});
  else if (values)
    SAY_AT(r, VALUE_NUMBER, n, text, allowed(r->cx, values, slice_of(text)), NULL);
}

/* ---- texts ---- */

/* What Apple's regular expressions mean, by a piece of them. Those of UUIDs are left to payload_refs.c. */
static const char uuid_piece[] = "{8}-";
static const struct {
  const char *piece;
  enum payload_say say;
} formats[] = {{":){5}", SAY_FORMAT_MAC}, {"[0-9]{6}", SAY_FORMAT_CARRIER}, {"https", SAY_FORMAT_HTTPS}};

static void check_format(struct payload_run *r, const char *format, const struct payload_node *n, struct slice text) {
  enum { LONGEST = 2000 };
  regex_t re;
  if (regcomp(&re, format, REG_EXTENDED | REG_NOSUB) != 0) return;
  bool fits = text.n <= LONGEST && regexec(&re, text.p, 0, NULL, 0) == 0;
  regfree(&re);
  if (fits) return;
  const char *shown = payload_shown(r->cx, text);
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strstr(format, formats[i].piece)) {
      payload_say(r, formats[i].say, n, (const char *const[]){shown, NULL});
      return;
    }
  SAY_AT(r, FORMAT, n, shown, format, NULL);
}

static void check_kind(struct payload_run *r, const char *kind, const struct payload_node *n, struct slice text) {
  static const struct {
    const char *kind;
    enum payload_say say;
  } kinds[] = {{"url", SAY_URL}, {"https", SAY_FORMAT_HTTPS}, {"hostname", SAY_HOST}, {"email", SAY_EMAIL}};
  if (payload_kind_ok(kind, text)) return;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kind, kinds[i].kind) == 0)
      payload_say(r, kinds[i].say, n, (const char *const[]){payload_shown(r->cx, text), NULL});
}

static void check_text(struct payload_run *r, const char *type, const struct payload_key *k,
                       const struct payload_node *n) {
  struct slice text = {0};
  if (!pl_string(n->pl, &text) || payload_has_variable(text)) return;
  const char *kind = k->kind ? payload_values[k->kind] : payload_kind(type, k->name);
  if (k->required && text.n == 0) {
    SAY_AT(r, EMPTY_TEXT, n, NULL);
    return;
  }
  if (k->values) check_listed_text(r, n, &payload_values[k->values], text);
  if (k->format && !strstr(payload_values[k->format], uuid_piece)) check_format(r, payload_values[k->format], n, text);
  if (kind && text.n > 0) check_kind(r, kind, n, text);
}

/* ---- types of values ---- */

static bool type_fits(enum pl_type wanted, const struct payload_node *n) {
  enum pl_type type = payload_type_of(n);
  struct slice text = {0};
  if (wanted == PL_NONE || (wanted == PL_REAL && type == PL_INT)) return true;
  if (pl_string(n->pl, &text) && payload_data_variable(text)) return wanted == PL_DATA;
  return wanted == type;
}

static const char *element_name(enum pl_type type) { return type == PL_REAL ? "real" : "integer"; }

static void tell_type(struct payload_run *r, enum pl_type wanted, const struct payload_node *n) {
  enum pl_type type = payload_type_of(n);
  const char *is = payload_type_name(type), *must = payload_type_name(wanted);
  struct slice text = {0};
  bool is_text = pl_string(n->pl, &text), is_number = wanted == PL_INT || wanted == PL_REAL;
  const struct payload_variable *v = is_text ? payload_data_variable(text) : NULL;
  if (v)
    SAY_AT(r, VARIABLE_TEXT, n, v->name, must, NULL);
  else if (wanted == PL_ARRAY)
    SAY_AT(r, ARRAY_WANTED, n, is, NULL);
  else if (wanted == PL_DICT)
    SAY_AT(r, DICT_WANTED, n, is, NULL);
  else if (wanted == PL_BOOL && (is_text || type == PL_INT))
    SAY_AT(r, BOOL_TEXT, n, is, NULL);
  else if (is_number && type == PL_BOOL)
    SAY_AT(r, BOOL_FOR_NUMBER, n, NULL);
  else if (is_number && is_text)
    SAY_AT(r, NUMBER_TEXT, n, element_name(wanted), element_name(wanted), NULL);
  else if (wanted == PL_DATA && is_text)
    SAY_AT(r, DATA_TEXT, n, NULL);
  else if (wanted == PL_DATE)
    SAY_AT(r, DATE_TEXT, n, is, NULL);
  else
    SAY_AT(r, WRONG_TYPE, n, is, must, NULL);
}

/* ---- keys ---- */

struct scheme {
  const char *type;
  const struct payload_key *keys;
  const struct payload_key *common; /* of every payload; the same as keys for the profile itself; NULL further inside */
};

static const struct payload_key *find_in(const struct payload_key *keys, const char *name, bool any_case) {
  for (; keys && *keys->name; keys++)
    if ((any_case ? strcasecmp : strcmp)(keys->name, name) == 0) return keys;
  return NULL;
}

static const struct payload_key *find_key(const struct scheme *s, const char *name, bool any_case) {
  const struct payload_key *k = find_in(s->keys, name, any_case);
  return k ? k : find_in(s->common, name, any_case);
}

static const char *key_at(size_t i, const void *arg) { return ((const struct payload_key *)arg)[i].name; }

static void tell_unknown(struct payload_run *r, const struct scheme *s, const struct payload_node *n) {
  const struct payload_key *other = find_key(s, n->key, true);
  size_t known = 0;
  if (!other && !payload_room(r, SAY_KEY_UNKNOWN)) return;
  while (*s->keys[known].name) known++;
  const char *near = payload_nearest(slice_of(n->key), key_at, s->keys, known);
  if (other)
    SAY_AT(r, KEY_CASE, n, other->name, NULL);
  else
    SAY_AT(r, KEY_UNKNOWN, n, payload_shown(r->cx, slice_of(n->key)),
           near ? ctx_printf(r->cx, "; %s may be meant", near) : "", NULL);
}

/* payload_envelope.c looks at these. */
static bool is_envelope(const struct scheme *s, const char *key) {
  static const char *const everywhere[] = {"PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadVersion", NULL};
  static const char *const outermost[] = {"PayloadContent",
                                          "EncryptedPayloadContent",
                                          "PayloadScope",
                                          "ConsentText",
                                          "DurationUntilRemoval",
                                          "TargetDeviceType",
                                          NULL};
  if (!s->common) return false;
  return among(everywhere, slice_of(key)) || (s->common == s->keys && among(outermost, slice_of(key)));
}

/* A key that makes another one needless, against the letter of the schema. */
static bool is_replaced(const struct scheme *s, const struct payload_key *k, const struct payload_node *dict) {
  return strcmp(s->type, "com.apple.TCC.configuration-profile-policy") == 0 && strcmp(k->name, "Allowed") == 0 &&
         payload_member(dict, "Authorization");
}

static void check_missing(struct payload_run *r, const struct scheme *s, const struct payload_node *dict) {
  for (const struct payload_key *k = s->keys; k && *k->name; k++) {
    if (!k->required || strcmp(k->name, "ANY") == 0 || payload_member(dict, k->name)) continue;
    if (!is_envelope(s, k->name) && !is_replaced(s, k, dict))
      SAY_AT(r, KEY_MISSING, dict, k->name, payload_type_name((enum pl_type)k->type), NULL);
  }
}

static void check_value(struct payload_run *r, const char *type, const struct payload_key *k,
                        const struct payload_node *n);

static void check_dictionary(struct payload_run *r, const struct scheme *s, const struct payload_node *dict) {
  for (const struct payload_node *n = dict->first; n; n = n->next) {
    const struct payload_key *k = find_key(s, n->key, false);
    if (!k) k = find_in(s->keys, "ANY", false);
    if (!k)
      tell_unknown(r, s, n);
    else if (!is_envelope(s, n->key))
      check_value(r, s->type, k, n);
  }
  check_missing(r, s, dict);
}

static void check_array(struct payload_run *r, const char *type, const struct payload_key *item,
                        const struct payload_node *array) {
  const struct payload_range *repeats = item->repeats ? &payload_ranges[item->repeats] : NULL;
  size_t count = payload_count(array);
  if (repeats && ((double)count < repeats->least || (double)count > repeats->most)) {
    bool few = (double)count < repeats->least;
    payload_say(r, few ? SAY_FEW : SAY_MANY, array,
                (const char *const[]){payload_number(r->cx, (int64_t)count),
                                      number_text(r->cx, few ? repeats->least : repeats->most), NULL});
  }
  for (const struct payload_node *n = array->first; n; n = n->next) check_value(r, type, item, n);
}

static void check_known(struct payload_run *r, const struct payload_key *k, const struct payload_node *n) {
  const struct payload_support *s = &payload_supports[k->support];
  unsigned known = payload_known_on(s);
  if (!n->key || !r->out->platforms) return;
  if (!(known & r->out->platforms))
    SAY_AT(r, KEY_PLATFORM, n, payload_platforms(r->cx, r->out->platforms), k->name, payload_platforms(r->cx, known),
           NULL);
  else
    payload_check_age(r, s, n, k->name);
}

static void check_value(struct payload_run *r, const char *type, const struct payload_key *k,
                        const struct payload_node *n) {
  struct scheme below = {.type = type, .keys = &payload_keys[k->keys]};
  check_known(r, k, n);
  if (!type_fits((enum pl_type)k->type, n)) {
    tell_type(r, (enum pl_type)k->type, n);
    return;
  }
  if (k->type == PL_INT || k->type == PL_REAL) check_number(r, k, n);
  if (k->type == PL_STRING) check_text(r, type, k, n);
  if (!k->keys) return;
  if (k->type == PL_DICT) check_dictionary(r, &below, n);
  if (k->type == PL_ARRAY) check_array(r, type, below.keys, n);
}

static const struct payload_key *keys_of(const char *type) {
  const struct payload_type *t = payload_types;
  while (*t->name && strcmp(t->name, type) != 0) t++;
  return &payload_keys[t->keys];
}

void payload_check_keys(struct payload_run *r) {
  const struct payload_key *common = keys_of("CommonPayloadKeys"), *root = keys_of("TopLevel");
  check_dictionary(r, &(struct scheme){"TopLevel", root, root}, r->root);
  for (size_t i = 0; i < r->payloads_n; i++) {
    const struct payload_type *t = r->types[i];
    if (t) check_dictionary(r, &(struct scheme){t->name, &payload_keys[t->keys], common}, r->payloads[i]);
  }
}
