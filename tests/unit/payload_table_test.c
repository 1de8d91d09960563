/* The tables of payloads against the catalogue that they are made from. */
#include "core/payload_table.h"

#include "base/file.h"
#include "core/payload.h"
#include "lib/json.h"
#include "plist_help.h"

static const char *const types[] = {
    [PL_NONE] = "any",    [PL_DICT] = "dictionary", [PL_ARRAY] = "array",  [PL_STRING] = "string", [PL_DATA] = "data",
    [PL_INT] = "integer", [PL_REAL] = "real",       [PL_BOOL] = "boolean", [PL_DATE] = "date"};
static const char *const systems[PLATFORMS] = {"iOS", "macOS", "tvOS", "visionOS", "watchOS"};

static struct js *catalogue(struct ctx *cx) {
  struct slice text = {0};
  struct js *all = NULL;
  if (file_read(cx, &text, TEST_DATA "/../../docs/apple/catalogue.json", 8 << 20) != OK ||
      js_parse(cx, text, &all) != OK)
    fail_msg("%s", ctx_error_text(cx));
  return all;
}

static const struct payload_type *type_row(const char *name) {
  const struct payload_type *t = payload_types;
  while (*t->name && strcmp(t->name, name) != 0) t++;
  if (!*t->name) fail_msg("no type %s", name);
  return t;
}

static const struct payload_key *key_row(uint16_t first, const char *name) {
  const struct payload_key *k = &payload_keys[first];
  while (*k->name && strcmp(k->name, name) != 0) k++;
  return *k->name ? k : NULL;
}

static bool is_value(const struct payload_key *k, const char *text) {
  for (const char *const *v = &payload_values[k->values]; k->values && *v; v++)
    if (strcmp(*v, text) == 0) return true;
  return false;
}

static const char *as_text(struct ctx *cx, struct js *v) {
  double d = 0;
  return js_string(v) ? js_string(v) : js_real(v, &d) ? ctx_printf(cx, "%.15g", d) : "";
}

/* Where one form says it in its own words, the row says the same. */
static void same_support(const char *where, const struct payload_support *s, struct js *os) {
  for (int p = 0; p < PLATFORMS; p++) {
    struct js *on = js_get(os, systems[p]);
    const char *introduced = js_str(on, "introduced"), *deprecated = js_str(on, "deprecated");
    bool supervised = false;
    if (introduced && s->on[p].known != (strcmp(introduced, "n/a") != 0)) fail_msg("%s on %s", where, systems[p]);
    if (introduced && s->on[p].known) assert_string_equal(s->on[p].introduced, introduced);
    if (deprecated) assert_string_equal(s->on[p].deprecated, deprecated);
    if (js_bool(js_get(on, "supervised"), &supervised)) assert_int_equal(s->on[p].supervised, supervised);
  }
}

static size_t same_keys(struct ctx *cx, const char *where, uint16_t first, struct js *keys, bool one_form);

static void same_limits(struct ctx *cx, const struct payload_key *k, struct js *key) {
  struct js *range = js_get(key, "range");
  double limit;
  for (size_t i = 0; k->values && i < js_count(js_get(key, "enum")); i++)
    assert_true(is_value(k, as_text(cx, js_at(js_get(key, "enum"), i))));
  if (range && js_real(js_at(range, 0), &limit)) assert_true(payload_ranges[k->range].least == limit);
  if (range && js_real(js_at(range, 1), &limit)) assert_true(payload_ranges[k->range].most == limit);
  if (js_str(key, "format")) assert_string_equal(payload_values[k->format], js_str(key, "format"));
  if (js_str(key, "valuetype")) assert_string_equal(payload_values[k->kind], js_str(key, "valuetype"));
}

static size_t same_key(struct ctx *cx, const char *where, const struct payload_key *k, struct js *key, bool one_form) {
  int64_t required = 0;
  (void)js_int(js_get(key, "req"), &required);
  if (k->type != PL_NONE) assert_string_equal(types[k->type], js_str(key, "type"));
  if (one_form) {
    if (k->required != (required == 1)) fail_msg("%s: required", where);
    if (strcmp(types[k->type], js_str(key, "type")) != 0) fail_msg("%s: type", where);
    if (!!k->values != (js_count(js_get(key, "enum")) > 0)) fail_msg("%s: values", where);
    same_support(where, &payload_supports[k->support], js_get(key, "os"));
  }
  same_limits(cx, k, key);
  if (js_str(key, "ref")) assert_true(k->keys != 0);
  return js_get(key, "keys") ? same_keys(cx, where, k->keys, js_get(key, "keys"), one_form) : 0;
}

static size_t same_keys(struct ctx *cx, const char *where, uint16_t first, struct js *keys, bool one_form) {
  size_t n = js_count(keys);
  for (size_t i = 0, count = n; i < count; i++) {
    struct js *key = js_at(keys, i);
    const struct payload_key *k = key_row(first, js_str(key, "name"));
    const char *here = ctx_printf(cx, "%s.%s", where, js_str(key, "name"));
    if (!k) fail_msg("%s is missing", here);
    n += same_key(cx, here, k, key, one_form);
  }
  return n;
}

static void catalogue_and_tables(void **state) { /* every key of Apple's is there, with type, values, range, systems */
  struct ctx *cx = *state;
  struct js *profiles = js_get(catalogue(cx), "profiles");
  size_t n = 0;
  for (size_t i = 0; i < js_count(profiles); i++) {
    struct js *one = js_at(profiles, i);
    const struct payload_type *t = type_row(js_str(one, "type"));
    bool one_form = *t->title != '\0';
    if (one_form) assert_string_equal(t->title, js_str(one, "title"));
    if (one_form) same_support(t->name, &payload_supports[t->support], js_get(one, "os"));
    n += same_keys(cx, t->name, t->keys, js_get(one, "keys"), one_form);
  }
  assert_int_equal(js_count(profiles), 128);
  assert_int_equal(n, 2220);
}

static const char *after(const struct payload_key *k) {
  for (int p = 0; p < PLATFORMS; p++)
    if (payload_supports[k->support].on[p].known) return payload_supports[k->support].on[p].introduced;
  return "";
}

static void later_systems(void **state) { /* what the supplement tells of 27 is there */
  struct ctx *cx = *state;
  struct js *supplement = js_get(catalogue(cx), "supplement");
  const char *added = js_text(cx, js_get(supplement, "new_keys_27"), JS_COMPACT).p;
#define ADDED(type, above, name)                                                                                       \
  {                                                                                                                    \
    uint16_t keys = type_row(type)->keys;                                                                              \
    const struct payload_key *k = key_row(*above ? key_row(keys, above)->keys : keys, name);                           \
    assert_non_null(k);                                                                                                \
    assert_string_equal(after(k), "27.0");                                                                             \
    assert_non_null(strstr(added, name));                                                                              \
  }
#define WITHDRAWN(type, name)                                                                                          \
  {                                                                                                                    \
    const struct payload_type *t = type_row(type);                                                                     \
    const struct payload_support *s = &payload_supports[*name ? key_row(t->keys, name)->support : t->support];         \
    assert_string_equal(s->on[PLATFORM_MACOS].known ? s->on[PLATFORM_MACOS].removed : s->on[PLATFORM_IOS].removed,     \
                        "27.0");                                                                                       \
  }
#include "core/payload_later.def"
#undef ADDED
#undef WITHDRAWN
}

static void recursion(void **state) { /* a folder in a page holds what a page holds */
  (void)state;
  const struct payload_key *pages = key_row(type_row("com.apple.homescreenlayout")->keys, "Pages");
  const struct payload_key *page = &payload_keys[pages->keys], *icon = &payload_keys[page->keys];
  assert_int_equal(icon->type, PL_DICT);
  assert_int_equal(key_row(icon->keys, "Pages")->keys, pages->keys);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(catalogue_and_tables), TEST(later_systems), TEST(recursion)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
