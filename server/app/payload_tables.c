/* Makes the tables of core/payload_table.h from Apple's catalogue, while the program is built:
   payload_tables CATALOGUE.json OUT.c */
#include "base/file.h"
#include "core/payload_table.h"
#include "lib/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMS = 8, KEYS = 4000, SUPPORTS = 600, RANGES = 100, VALUES = 4000, CATALOGUE_MOST = 8 << 20 };

static struct maker {
  struct ctx *cx;
  struct payload_key keys[KEYS];
  struct payload_support supports[SUPPORTS];
  struct payload_range ranges[RANGES];
  const char *values[VALUES];
  size_t keys_n, supports_n, ranges_n, values_n;
  const char *type; /* that is being made, and its outermost keys */
  uint16_t top;
} m = {.keys_n = 1, .supports_n = 1, .ranges_n = 1, .values_n = 1};

static const struct {
  const char *type, *above, *name;
} added[] = {
#define ADDED(type, above, name) {type, above, name},
#define WITHDRAWN(type, name)
#include "core/payload_later.def"
#undef ADDED
#undef WITHDRAWN
};
static const struct {
  const char *type, *name;
} withdrawn[] = {
#define ADDED(type, above, name)
#define WITHDRAWN(type, name) {type, name},
#include "core/payload_later.def"
#undef ADDED
#undef WITHDRAWN
};
static const char later_version[] = "27.0";

/* The catalogue is ours: what does not fit is a mistake to mend here. */
static void demand(bool ok, const char *what, const char *where) {
  if (ok) return;
  fprintf(stderr, "payload_tables: %s: %s\n", where, what);
  exit(1);
}

static void copy_name(char *to, size_t room, const char *from) {
  demand(strlen(from) < room, "too long for its column of core/payload_table.h", from);
  memcpy(to, from, strlen(from) + 1);
}

/* ---- where it is known ---- */

static const char *const os_names[PLATFORMS] = {"iOS", "macOS", "tvOS", "visionOS", "watchOS"};

static void read_flag(struct js *on, const char *key, bool *out) { (void)js_bool(js_get(on, key), out); }

static void read_version(struct js *on, const char *key, char out[8]) {
  if (js_str(on, key)) copy_name(out, 8, js_str(on, key));
}

/* Changes what was inherited by what one record says. */
static void read_support(struct payload_support *s, struct js *os) {
  for (int p = 0; p < PLATFORMS; p++) {
    struct payload_on *on = &s->on[p];
    struct js *o = js_get(os, os_names[p]);
    if (!o) continue;
    bool none = js_str(o, "introduced") && strcmp(js_str(o, "introduced"), "n/a") == 0, multiple = !on->single;
    on->known = !none && (on->known || js_str(o, "introduced"));
    if (!none) read_version(o, "introduced", on->introduced);
    read_version(o, "deprecated", on->deprecated);
    read_version(o, "removed", on->removed);
    read_flag(o, "supervised", &on->supervised);
    read_flag(o, "device", &on->device);
    read_flag(o, "user", &on->user);
    read_flag(o, "multiple", &multiple);
    on->single = !multiple;
  }
}

static void mark_withdrawn(struct payload_support *s, const char *name) {
  for (size_t i = 0; i < sizeof withdrawn / sizeof *withdrawn; i++)
    if (strcmp(withdrawn[i].type, m.type) == 0 && strcmp(withdrawn[i].name, name) == 0)
      for (int p = 0; p < PLATFORMS; p++)
        if (s->on[p].known) copy_name(s->on[p].removed, 8, later_version);
}

static uint16_t add_support(const struct payload_support *s) {
  for (size_t i = 1; i < m.supports_n; i++)
    if (memcmp(&m.supports[i], s, sizeof *s) == 0) return (uint16_t)i;
  demand(m.supports_n < SUPPORTS, "too many", "supports");
  m.supports[m.supports_n] = *s;
  return (uint16_t)m.supports_n++;
}

/* ---- values and ranges ---- */

static uint16_t add_range(struct js *range) {
  struct payload_range r = {-PAYLOAD_OPEN, PAYLOAD_OPEN};
  if (js_count(range) != 2) return 0;
  (void)js_real(js_at(range, 0), &r.least);
  (void)js_real(js_at(range, 1), &r.most);
  for (size_t i = 1; i < m.ranges_n; i++)
    if (m.ranges[i].least == r.least && m.ranges[i].most == r.most) return (uint16_t)i;
  demand(m.ranges_n < RANGES, "too many", "ranges");
  m.ranges[m.ranges_n] = r;
  return (uint16_t)m.ranges_n++;
}

/* A list of texts, which a NULL ends; the same list is kept once. */
static uint16_t add_values(const char *const *list, size_t n) {
  for (size_t i = 1; i + n < m.values_n; i++) {
    size_t same = 0;
    while (same < n && m.values[i + same] && strcmp(m.values[i + same], list[same]) == 0) same++;
    if (same == n && !m.values[i + n] && (i == 1 || !m.values[i - 1])) return (uint16_t)i;
  }
  demand(m.values_n + n + 1 < VALUES, "too many", "values");
  uint16_t first = (uint16_t)m.values_n;
  for (size_t i = 0; i < n; i++) m.values[m.values_n++] = list[i];
  m.values[m.values_n++] = NULL;
  return first;
}

static uint16_t add_text(const char *text) { return text ? add_values(&text, 1) : 0; }

static const char *value_text(struct js *v) {
  double real = 0;
  if (js_string(v)) return js_string(v);
  demand(js_real(v, &real), "an allowed value that is no text and no number", m.type);
  return ctx_printf(m.cx, "%.15g", real);
}

/* What any form allows; nothing when a form allows everything. */
static uint16_t merged_values(struct js *const *forms, size_t n) {
  const char *list[200];
  size_t list_n = 0;
  for (size_t f = 0; f < n; f++) {
    struct js *values = js_get(forms[f], "enum");
    if (js_count(values) == 0) return 0;
    for (size_t i = 0; i < js_count(values); i++) {
      const char *text = value_text(js_at(values, i));
      size_t at = 0;
      while (at < list_n && strcmp(list[at], text) != 0) at++;
      demand(at < 200, "too many allowed values", m.type);
      if (at == list_n) list[list_n++] = text;
    }
  }
  return add_values(list, list_n);
}

/* ---- keys ---- */

struct name {
  const char *name;
  struct js *forms[FORMS]; /* the records of this name */
  size_t n;
};

/* The names in the lists of all forms, each once, in order. */
static size_t gather(struct js *const *lists, size_t lists_n, struct name *names, size_t most) {
  size_t n = 0;
  for (size_t l = 0; l < lists_n; l++)
    for (size_t i = 0; i < js_count(lists[l]); i++) {
      struct js *record = js_at(lists[l], i);
      size_t at = 0;
      while (at < n && strcmp(names[at].name, js_str(record, "name")) != 0) at++;
      demand(at < most, "too many keys in one dictionary", m.type);
      if (at == n) names[n++] = (struct name){.name = js_str(record, "name")};
      demand(names[at].n < FORMS, "too many forms", m.type);
      names[at].forms[names[at].n++] = record;
    }
  return n;
}

static unsigned char type_of(const char *name) {
  static const char *const names[] = {
      [PL_NONE] = "any",    [PL_DICT] = "dictionary", [PL_ARRAY] = "array",  [PL_STRING] = "string", [PL_DATA] = "data",
      [PL_INT] = "integer", [PL_REAL] = "real",       [PL_BOOL] = "boolean", [PL_DATE] = "date"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return (unsigned char)i;
  demand(false, "an unknown type", name);
  return 0;
}

static void fill_key(struct payload_key *k, const struct name *name, size_t forms_n, struct payload_support *support) {
  copy_name(k->name, sizeof k->name, name->name);
  k->type = type_of(js_str(name->forms[0], "type"));
  k->required = name->n == forms_n;
  for (size_t f = 0; f < name->n; f++) {
    int64_t required = 0;
    (void)js_int(js_get(name->forms[f], "req"), &required);
    k->required = k->required && required == 1;
    if (type_of(js_str(name->forms[f], "type")) != k->type) k->type = PL_NONE;
    read_support(support, js_get(name->forms[f], "os"));
  }
  k->values = merged_values(name->forms, name->n);
  if (name->n == 1 || forms_n == 1) {
    k->format = add_text(js_str(name->forms[0], "format"));
    k->kind = add_text(js_str(name->forms[0], "valuetype"));
    k->range = add_range(js_get(name->forms[0], "range"));
    k->repeats = add_range(js_get(name->forms[0], "rep"));
  }
}

static uint16_t referred(const char *name) {
  for (struct payload_key *k = &m.keys[m.top]; *k->name; k++)
    if (strcmp(k->name, name) == 0) return k->keys;
  demand(false, "refers to a key that is not there", name);
  return 0;
}

static void make_keys(struct js *const *lists, size_t lists_n, const struct payload_support *inherited,
                      const char *path);

static void make_below(struct payload_key *k, const struct name *name, const struct payload_support *support,
                       const char *path) {
  struct js *lists[FORMS];
  size_t n = 0;
  for (size_t f = 0; f < name->n; f++)
    if (js_get(name->forms[f], "keys")) lists[n++] = js_get(name->forms[f], "keys");
  if (js_str(name->forms[0], "ref")) k->keys = referred(js_str(name->forms[0], "ref"));
  if (n == 0) return;
  k->keys = (uint16_t)m.keys_n; /* known before they are made, since what is below may refer to them */
  make_keys(lists, n, support, *path ? ctx_printf(m.cx, "%s/%s", path, name->name) : name->name);
}

/* Rows of what came later, behind the others. */
static size_t add_later(struct payload_key *k, const struct payload_support *inherited, const char *path) {
  size_t n = 0;
  for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
    if (strcmp(added[i].type, m.type) != 0 || strcmp(added[i].above, path) != 0) continue;
    struct payload_support support = *inherited;
    for (int p = 0; p < PLATFORMS; p++)
      if (support.on[p].known) copy_name(support.on[p].introduced, 8, later_version);
    copy_name(k[n].name, sizeof k->name, added[i].name);
    k[n++].support = add_support(&support);
  }
  return n;
}

/* The rows of one dictionary, or of an array's items, from m.keys_n on. Those below them come after. */
static void make_keys(struct js *const *lists, size_t lists_n, const struct payload_support *inherited,
                      const char *path) {
  enum { MOST = 400 };
  struct name *names = ctx_alloc(m.cx, MOST * sizeof *names);
  size_t n = gather(lists, lists_n, names, MOST), first = m.keys_n;
  demand(first + n + sizeof added / sizeof *added + 1 < KEYS, "too many", "keys");
  if (!*path) m.top = (uint16_t)first;
  for (size_t i = 0; i < n; i++) copy_name(m.keys[first + i].name, sizeof m.keys->name, names[i].name);
  m.keys_n += n + add_later(&m.keys[first + n], inherited, path) + 1;
  for (size_t i = 0; i < n; i++) {
    struct payload_support support = *inherited;
    fill_key(&m.keys[first + i], &names[i], lists_n, &support);
    if (!*path) mark_withdrawn(&support, names[i].name);
    m.keys[first + i].support = add_support(&support);
    make_below(&m.keys[first + i], &names[i], &support, path);
  }
}

/* ---- types ---- */

static struct payload_type make_type(struct js *profiles, size_t first) {
  struct payload_type t = {0};
  struct payload_support support = {0};
  struct js *lists[FORMS];
  size_t n = 0;
  m.type = js_str(js_at(profiles, first), "type");
  for (int p = 0; p < PLATFORMS; p++) support.on[p].device = support.on[p].user = true;
  for (size_t i = first; i < js_count(profiles); i++) {
    struct js *one = js_at(profiles, i);
    if (strcmp(js_str(one, "type"), m.type) != 0) continue;
    demand(n < FORMS, "too many forms", m.type);
    lists[n++] = js_get(one, "keys");
    read_support(&support, js_get(one, "os"));
  }
  for (int p = 0; n > 1 && p < PLATFORMS; p++) support.on[p].single = false;
  mark_withdrawn(&support, "");
  copy_name(t.name, sizeof t.name, m.type);
  copy_name(t.title, sizeof t.title, n > 1 ? "" : js_str(js_at(profiles, first), "title"));
  t.support = add_support(&support);
  t.keys = (uint16_t)m.keys_n;
  make_keys(lists, n, &support, "");
  return t;
}

static bool is_first(struct js *profiles, size_t i) {
  for (size_t j = 0; j < i; j++)
    if (strcmp(js_str(js_at(profiles, j), "type"), js_str(js_at(profiles, i), "type")) == 0) return false;
  return true;
}

/* ---- writing ---- */

static void put_text(FILE *to, const char *text) {
  fputc('"', to);
  for (; *text; text++) fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
  fputc('"', to);
}

static void put_keys(FILE *to) {
  fprintf(to, "const struct payload_key payload_keys[] = {\n");
  for (size_t i = 0; i < m.keys_n; i++) {
    const struct payload_key *k = &m.keys[i];
    fprintf(to, "    /* %zu */ {", i);
    put_text(to, k->name);
    fprintf(to, ", %d, %d, %d, %d, %d, %d, %d, %d, %d},\n", k->type, k->required, k->keys, k->values, k->format,
            k->kind, k->range, k->repeats, k->support);
  }
  fprintf(to, "};\n");
}

static void put_supports(FILE *to) {
  fprintf(to, "const struct payload_support payload_supports[] = {\n");
  for (size_t i = 0; i < m.supports_n; i++) {
    fprintf(to, "    /* %zu */ {{", i);
    for (int p = 0; p < PLATFORMS; p++) {
      const struct payload_on *on = &m.supports[i].on[p];
      fprintf(to, "{%d, %d, %d, %d, %d, \"%s\", \"%s\", \"%s\"}, ", on->known, on->supervised, on->device, on->user,
              on->single, on->introduced, on->deprecated, on->removed);
    }
    fprintf(to, "}},\n");
  }
  fprintf(to, "};\n");
}

static void put_values(FILE *to) {
  fprintf(to, "const struct payload_range payload_ranges[] = {\n");
  for (size_t i = 0; i < m.ranges_n; i++) fprintf(to, "    {%.17g, %.17g},\n", m.ranges[i].least, m.ranges[i].most);
  fprintf(to, "};\nconst char *const payload_values[] = {\n");
  for (size_t i = 0; i < m.values_n; i++) {
    fprintf(to, "    /* %zu */ ", i);
    if (m.values[i])
      put_text(to, m.values[i]);
    else
      fprintf(to, "NULL");
    fprintf(to, ",\n");
  }
  fprintf(to, "};\n");
}

static void put_types(FILE *to, struct js *profiles) {
  fprintf(to, "/* Made by tools/payload_tables.c from docs/apple/catalogue.json. */\n"
              "#include \"core/payload_table.h\"\n\nconst struct payload_type payload_types[] = {\n");
  for (size_t i = 0; i < js_count(profiles); i++) {
    if (!is_first(profiles, i)) continue;
    struct payload_type t = make_type(profiles, i);
    fprintf(to, "    {\"%s\", \"%s\", %d, %d},\n", t.name, t.title, t.keys, t.support);
  }
  fprintf(to, "    {\"\", \"\", 0, 0},\n};\n");
}

int main(int argc, char **argv) {
  struct slice text = {0};
  struct js *catalogue = NULL;
  demand(argc == 3, "CATALOGUE.json OUT.c", "usage");
  m.cx = ctx_new();
  if (file_read(m.cx, &text, argv[1], CATALOGUE_MOST) != OK || js_parse(m.cx, text, &catalogue) != OK)
    demand(false, ctx_error_text(m.cx), argv[1]);
  struct js *profiles = js_get(catalogue, "profiles");
  demand(js_count(profiles) > 0, "has no profiles", argv[1]);
  FILE *to = fopen(argv[2], "w");
  demand(to != NULL, "cannot be written", argv[2]);
  put_types(to, profiles);
  put_keys(to);
  put_supports(to);
  put_values(to);
  demand(fclose(to) == 0, "cannot be written", argv[2]);
  ctx_free(m.cx);
  return 0;
}
