/* Which payloads these are, and which devices take them. */
#include "core/payload_int.h"

#include <string.h>

enum { ALL_PLATFORMS = (1u << PLATFORMS) - 1 };

unsigned payload_known_on(const struct payload_support *s) {
  unsigned bits = 0;
  for (int p = 0; p < PLATFORMS; p++) bits |= (unsigned)s->on[p].known << p;
  return bits ? bits : ALL_PLATFORMS; /* of a few types Apple does not say it */
}

const char *payload_platforms(struct ctx *cx, unsigned bits) {
  const char *text = "";
  for (int p = 0; p < PLATFORMS; p++)
    if (bits & 1u << p) text = ctx_printf(cx, "%s%s%s", text, *text ? ", " : "", platform_name((enum platform)p));
  return text;
}

/* ---- names ---- */

enum { NOT_PAYLOADS = 2 };
static const char *const not_payloads[NOT_PAYLOADS] = {"CommonPayloadKeys", "TopLevel"};

static bool is_payload(const char *name) {
  for (size_t i = 0; i < NOT_PAYLOADS; i++)
    if (strcmp(name, not_payloads[i]) == 0) return false;
  return true;
}

static const struct payload_type *find_type(struct slice name, bool any_case) {
  for (const struct payload_type *t = payload_types; *t->name; t++)
    if (is_payload(t->name) && (any_case ? slice_ieq(name, t->name) : slice_is(name, t->name))) return t;
  return NULL;
}

#define APPLES "com.apple."

/* Without what all of them begin with: by that alone each would be like each. */
static const char *type_at(size_t i, const void *arg) {
  const char *name = payload_types[i].name;
  (void)arg;
  return is_payload(name) && strncmp(name, APPLES, strlen(APPLES)) == 0 ? name + strlen(APPLES) : "";
}

static const char *nearest_type(struct ctx *cx, struct slice name) {
  size_t known = 0, begin = strlen(APPLES);
  if (!slice_istarts(name, APPLES)) return NULL;
  while (*payload_types[known].name) known++;
  const char *near = payload_nearest(slice_mem(name.p + begin, name.n - begin), type_at, NULL, known);
  return near ? ctx_printf(cx, APPLES "%s", near) : NULL;
}

static void tell_unknown(struct payload_run *r, const struct payload_node *n, struct slice name) {
  const struct payload_type *other = find_type(name, true);
  const char *shown = payload_shown(r->cx, name), *near = nearest_type(r->cx, name);
  if (other)
    SAY_AT(r, TYPE_CASE, n, other->name, NULL);
  else if (slice_istarts(name, APPLES))
    SAY_AT(r, TYPE_UNKNOWN, n, shown, near ? ctx_printf(r->cx, "; %s may be meant", near) : "", NULL);
  else
    SAY_AT(r, TYPE_FOREIGN, n, shown, NULL);
}

static const struct payload_type *type_of(struct payload_run *r, const struct payload_node *payload) {
  const struct payload_node *n = payload_member(payload, "PayloadType");
  struct slice name = payload_string(payload, "PayloadType");
  if (name.n == 0) {
    SAY_AT(r, TYPE_MISSING, n ? n : payload, NULL);
    return NULL;
  }
  const struct payload_type *t = find_type(name, false);
  if (!t && !payload_has_variable(name)) tell_unknown(r, n, name);
  if (!t || strcmp(t->name, "com.apple.mdm") != 0) return t;
  SAY_AT(r, MDM, n, NULL);
  return NULL;
}

static void remember_type(struct payload_run *r, struct slice name) {
  char **slot = r->out->types;
  while (*slot && !slice_is(name, *slot)) slot++;
  if (!*slot && name.p) *slot = ctx_memdup(r->cx, name.p, name.n);
}

/* ---- platforms ---- */

/* On which platforms this scope can have it. */
static unsigned taken_on(const struct payload_support *s, bool user) {
  unsigned bits = payload_known_on(s);
  for (int p = 0; p < PLATFORMS; p++)
    if (!(user ? s->on[p].user : s->on[p].device)) bits &= ~(1u << p);
  return bits;
}

/* TargetDeviceType; a HomePod's system is that of an Apple TV. */
static unsigned targets(const struct payload_node *root) {
  static const unsigned by_type[] = {ALL_PLATFORMS,          1u << PLATFORM_IOS,  1u << PLATFORM_WATCHOS,
                                     1u << PLATFORM_TVOS,    1u << PLATFORM_TVOS, 1u << PLATFORM_MACOS,
                                     1u << PLATFORM_VISIONOS};
  const struct payload_node *n = payload_member(root, "TargetDeviceType");
  int64_t type = 0;
  if (n) (void)pl_int(n->pl, &type);
  return type >= 0 && type < (int64_t)(sizeof by_type / sizeof *by_type) ? by_type[type] : ALL_PLATFORMS;
}

static void check_platforms(struct payload_run *r) {
  bool user = slice_is(payload_string(r->root, "PayloadScope"), "User");
  r->out->platforms = targets(r->root);
  for (size_t i = 0; i < r->payloads_n; i++) {
    const struct payload_type *t = r->types[i];
    const struct payload_node *n = payload_member(r->payloads[i], "PayloadType");
    if (!n) continue;
    const struct payload_support *s = &payload_supports[t ? t->support : 0];
    unsigned bits = t ? taken_on(s, user) : 1u << PLATFORM_MACOS, before = r->out->platforms;
    if (t && bits == 0) {
      payload_say(r, user ? SAY_DEVICE_ONLY : SAY_USER_ONLY, n, (const char *const[]){t->name, NULL});
      bits = payload_known_on(s);
    }
    r->out->platforms &= bits;
    if (before && !r->out->platforms)
      SAY_AT(r, PLATFORMS, n, payload_shown(r->cx, payload_string(r->payloads[i], "PayloadType")),
             payload_platforms(r->cx, bits), NULL);
  }
}

/* ---- what they ask for ---- */

/* Where all of the profile's platforms that know it say so; what they say of the first is in *version. */
static bool everywhere(const struct payload_support *s, unsigned platforms, size_t version, const char **text) {
  bool any = false;
  for (int p = 0; p < PLATFORMS; p++) {
    if (!s->on[p].known || !(platforms & 1u << p)) continue;
    const char *v = (const char *)&s->on[p] + version;
    if (!*v) return false;
    if (!any) *text = v;
    any = true;
  }
  return any;
}

static bool needs_supervision(const struct payload_support *s, unsigned platforms) {
  bool any = false;
  for (int p = 0; p < PLATFORMS; p++) {
    if (!s->on[p].known || !(platforms & 1u << p)) continue;
    if (!s->on[p].supervised) return false;
    any = true;
  }
  return any;
}

static const char *since(struct payload_run *r, const struct payload_support *s, size_t version) {
  const char *text = "";
  for (int p = 0; p < PLATFORMS; p++) {
    const char *v = (const char *)&s->on[p] + version;
    if (s->on[p].known && r->out->platforms & 1u << p && *v)
      text = ctx_printf(r->cx, "%s%s%s %s", text, *text ? ", " : "", platform_name((enum platform)p), v);
  }
  return text;
}

void payload_check_age(struct payload_run *r, const struct payload_support *s, const struct payload_node *n,
                       const char *name) {
  size_t removed = offsetof(struct payload_on, removed), deprecated = offsetof(struct payload_on, deprecated);
  bool is_type = n->key && strcmp(n->key, "PayloadType") == 0;
  const char *version;
  if (everywhere(s, r->out->platforms, removed, &version))
    payload_say(r, is_type ? SAY_TYPE_WITHDRAWN : SAY_KEY_WITHDRAWN, n,
                (const char *const[]){name, since(r, s, removed), NULL});
  else if (everywhere(s, r->out->platforms, deprecated, &version))
    payload_say(r, is_type ? SAY_TYPE_DEPRECATED : SAY_KEY_DEPRECATED, n,
                (const char *const[]){name, since(r, s, deprecated), NULL});
}

/* A type of which a device takes one, on every platform of the profile. */
static bool is_single(const struct payload_support *s, unsigned platforms) {
  for (int p = 0; p < PLATFORMS; p++)
    if (s->on[p].known && platforms & 1u << p && !s->on[p].single) return false;
  return true;
}

static void check_twice(struct payload_run *r, size_t i) {
  const struct payload_type *t = r->types[i];
  for (size_t j = 0; j < i; j++) {
    if (r->types[j] != t || !is_single(&payload_supports[t->support], r->out->platforms)) continue;
    SAY_AT(r, TYPE_TWICE, payload_member(r->payloads[i], "PayloadType"), t->name,
           payload_number(r->cx, r->payloads[j]->line), NULL);
    return;
  }
}

void payload_check_types(struct payload_run *r) {
  r->types = ctx_alloc(r->cx, (r->payloads_n + 1) * sizeof *r->types);
  r->out->types = ctx_alloc(r->cx, (r->payloads_n + 1) * sizeof *r->out->types);
  for (size_t i = 0; i < r->payloads_n; i++) {
    r->types[i] = type_of(r, r->payloads[i]);
    remember_type(r, payload_string(r->payloads[i], "PayloadType"));
  }
  check_platforms(r);
  for (size_t i = 0; i < r->payloads_n; i++) {
    const struct payload_type *t = r->types[i];
    if (!t) continue;
    const struct payload_support *s = &payload_supports[t->support];
    check_twice(r, i);
    payload_check_age(r, s, payload_member(r->payloads[i], "PayloadType"), t->name);
    r->out->supervised = r->out->supervised || needs_supervision(s, r->out->platforms);
  }
}
