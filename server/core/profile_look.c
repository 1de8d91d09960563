/* Looking at profiles: what differs between two, and who has which version. */
#include "core/profile_int.h"

#include "core/inventory.h"
#include "lib/plist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys and values of a list, flat ---- */

enum { SHOWN_MOST = 200 };

struct line {
  const char *key;
  const char *text;   /* as it may be shown */
  struct slice bytes; /* as it is compared */
};

struct lines {
  struct ctx *cx;
  struct line *all;
  size_t n, cap;
  const char *path; /* of the dictionary that is being walked */
  bool secret;      /* what stands there is under a key that names a secret */
};

static void add_line(struct lines *l, const char *key, const char *text, struct slice bytes) {
  if (l->n == l->cap) {
    size_t cap = l->cap ? 2 * l->cap : 256;
    struct line *all = ctx_alloc(l->cx, cap * sizeof *all);
    if (l->n) memcpy(all, l->all, l->n * sizeof *all);
    l->all = all;
    l->cap = cap;
  }
  l->all[l->n++] = (struct line){key, text, bytes};
}

static bool holds(const char *text, const char *word) {
  size_t n = strlen(word);
  for (; *text; text++)
    if (strncasecmp(text, word, n) == 0) return true;
  return false;
}

/* Keys of makers are of any name: rather one too many than a secret on a screen. */
static bool is_secret(const char *key) {
  static const char *const words[] = {"password", "passphrase", "secret", "challenge", "token",   "credential",
                                      "psk",      "apikey",     "_key",   "private",   "wgquick", "sharedkey"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (holds(key, words[i])) return true;
  return strcasecmp(key, "PIN") == 0;
}

static const char *shown(struct ctx *cx, struct slice s) {
  bool cut = s.n > SHOWN_MOST;
  return ctx_printf(cx, "%.*s%s", cut ? SHOWN_MOST : (int)s.n, s.p ? s.p : "", cut ? "…" : "");
}

static void add_value(struct lines *l, const char *path, struct pl *n) {
  struct slice s = {0}, bytes = pl_xml(l->cx, n); /* numbers, dates and booleans as they are written */
  const char *text;
  if (pl_data(n, &s))
    text = ctx_printf(l->cx, "data, %zu bytes", s.n);
  else if (pl_string(n, &s))
    text = l->secret ? "(not shown)" : shown(l->cx, s);
  else
    text = l->secret && pl_type(n) != PL_BOOL ? "(not shown)" : NULL;
  if (!text) {
    int64_t i;
    double r;
    bool b;
    text = pl_bool(n, &b)   ? b ? "true" : "false"
           : pl_int(n, &i)  ? ctx_printf(l->cx, "%" PRId64, i)
           : pl_real(n, &r) ? ctx_printf(l->cx, "%g", r)
                            : "a date";
  }
  add_line(l, path, text, bytes);
}

static void walk(struct lines *l, const char *path, struct pl *n);

static void walk_member(const char *key, struct pl *value, void *arg) {
  struct lines *l = arg;
  const char *path = l->path;
  bool secret = l->secret;
  l->secret = secret || is_secret(key);
  walk(l, *path ? ctx_printf(l->cx, "%s.%s", path, key) : key, value);
  l->path = path;
  l->secret = secret;
}

static void walk_array(struct lines *l, const char *path, struct pl *array) {
  for (size_t i = 0; i < pl_count(array); i++) {
    struct pl *item = pl_at(array, i);
    const char *name = pl_str(item, "PayloadIdentifier");
    walk(l, name ? ctx_printf(l->cx, "%s[%s]", path, name) : ctx_printf(l->cx, "%s[%zu]", path, i), item);
  }
}

static void walk(struct lines *l, const char *path, struct pl *n) {
  if (pl_type(n) == PL_ARRAY) {
    walk_array(l, path, n);
  } else if (pl_type(n) == PL_DICT) {
    l->path = path;
    pl_each(n, walk_member, l);
  } else {
    add_value(l, path, n);
  }
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const struct line *)a)->key, ((const struct line *)b)->key);
}

static enum err lines_of(struct ctx *cx, struct slice file, struct lines *out) {
  struct payload_check check;
  TRY(payload_check(cx, file, &check));
  if (!check.profile) return FAIL(cx, E_INVALID, "a version of it is no profile that could be read");
  *out = (struct lines){.cx = cx};
  walk(out, "", check.profile);
  if (out->n) qsort(out->all, out->n, sizeof *out->all, by_key);
  return OK;
}

static void add_change(struct ctx *cx, struct js *list, const struct line *was, const struct line *is) {
  struct js *o = js_object(cx);
  js_set_string(o, "key", was ? was->key : is->key);
  js_set_string(o, "was", was ? was->text : NULL);
  js_set_string(o, "is", is ? is->text : NULL);
  js_add(list, o);
}

enum err profile_diff(struct ctx *cx, struct slice was, struct slice is, struct js **out) {
  struct lines a, b;
  size_t i = 0, j = 0;
  TRY(lines_of(cx, was, &a));
  TRY(lines_of(cx, is, &b));
  *out = js_array(cx);
  while (i < a.n || j < b.n) {
    int order = i == a.n ? 1 : j == b.n ? -1 : by_key(&a.all[i], &b.all[j]);
    if (order != 0 || !slice_eq(a.all[i].bytes, b.all[j].bytes))
      add_change(cx, *out, order <= 0 ? &a.all[i] : NULL, order >= 0 ? &b.all[j] : NULL);
    i += order <= 0;
    j += order >= 0;
  }
  return OK;
}

/* ---- who has it ---- */

struct owner {
  int64_t enrollment;
  const struct roster_device *device;
};

struct fleet {
  struct owner *owners; /* by enrollment; the same for all profiles */
  size_t n;
  uint64_t name;              /* inventory_hash of the profile's identifier */
  struct profile_want *wants; /* by version; name 0: it cannot be told */
  int64_t versions;
};

static int by_enrollment(const void *a, const void *b) {
  int64_t x = ((const struct owner *)a)->enrollment, y = ((const struct owner *)b)->enrollment;
  return (x > y) - (x < y);
}

static const struct roster_device *device_of(const struct fleet *f, int64_t enrollment) {
  struct owner key = {.enrollment = enrollment};
  const struct owner *o = f->n ? bsearch(&key, f->owners, f->n, sizeof key, by_enrollment) : NULL;
  return o ? o->device : NULL;
}

static void index_owners(struct ctx *cx, const struct roster_view *view, struct fleet *f) {
  f->owners = ctx_alloc(cx, (view->n + 1) * sizeof *f->owners);
  for (f->n = 0; f->n < view->n; f->n++)
    f->owners[f->n] = (struct owner){view->devices[f->n]->enrollment, view->devices[f->n]};
  if (f->n) qsort(f->owners, f->n, sizeof *f->owners, by_enrollment);
}

/* One that needs a value which this server does not have any more is on no device as a present one would be. */
static enum err want_all(struct ctx *cx, struct db *db, struct core *core, const struct profile *p, struct fleet *f) {
  f->versions = p->version;
  f->wants = ctx_alloc(cx, ((size_t)p->version + 1) * sizeof *f->wants);
  for (int64_t v = 1; v <= p->version; v++) {
    struct profile_row row;
    TRY(profile_sql_version(cx, db, p->profile, v, &row));
    if (profile_want_of(cx, core, &row, &f->wants[v - 1]) != OK) {
      ctx_clear_error(cx);
      f->wants[v - 1] = (struct profile_want){0};
    }
  }
  return OK;
}

static void count_one(const struct fleet *f, int64_t enrollment, uint64_t version, struct profile_spread *out) {
  const struct roster_device *d = device_of(f, enrollment);
  for (int64_t v = f->versions; v > 0; v--) {
    const struct profile_want *w = &f->wants[v - 1];
    uint64_t wanted = w->name && (w->constant || d) ? profile_version(w, d) : 0;
    if (!wanted || wanted != version) continue;
    out->devices[v - 1]++;
    return;
  }
  out->others++;
}

/* Channels of one list. */
static void count_list(const struct fleet *f, size_t n, int64_t enrollment, const struct inventory_items *items,
                       struct profile_spread *out) {
  for (size_t i = 0; i < n; i++) {
    const struct inventory_item *item = inventory_find(items, f[i].name);
    if (item) count_one(&f[i], enrollment, item->version, &out[i]);
  }
}

static enum err count_all(struct ctx *cx, struct db *db, const struct fleet *f, size_t n, struct profile_spread *out) {
  struct inventory_scan scan;
  TRY(inventory_scan_open(cx, db, 1 << INVENTORY_PROFILES, &scan));
  for (; scan.enrollment != INT64_MAX; inventory_scan_next(&scan)) {
    struct ctx *own = ctx_new();
    struct inventory_items items = {0};
    inventory_unpack(own, scan.packed, &items);
    count_list(f, n, scan.enrollment, &items, out);
    ctx_free(own);
  }
  return inventory_scan_close(&scan);
}

enum err profile_spread(struct ctx *cx, struct db *reader, struct core *core, const struct profile *all, size_t n,
                        struct profile_spread *out) {
  struct roster_view view;
  struct fleet *f = ctx_alloc(cx, (n + 1) * sizeof *f), owners = {0};
  for (size_t i = 0; i < n; i++) {
    out[i] = (struct profile_spread){.devices = ctx_alloc(cx, ((size_t)all[i].version + 1) * sizeof *out->devices)};
    f[i].name = inventory_hash(slice_of(all[i].identifier));
    TRY(want_all(cx, reader, core, &all[i], &f[i]));
  }
  TRY(roster_look(cx, reader, core, &view));
  index_owners(cx, &view, &owners);
  for (size_t i = 0; i < n; i++) {
    f[i].owners = owners.owners;
    f[i].n = owners.n;
  }
  enum err e = count_all(cx, reader, f, n, out);
  roster_unlook(core, &view);
  return e;
}
