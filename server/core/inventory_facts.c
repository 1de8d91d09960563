/* Facts: what answers tell in short, for lists, filters and requirements. */
#include "core/inventory_int.h"

#include "core/roster.h"

#include <math.h>
#include <string.h>

enum { TEXT_MOST = 255 };

static const struct {
  const char *name;
  enum roster_type type;
  const char *request, *path;
} facts[] = {
#define FIELD(id, name, type, request, path, help) {name, ROSTER_##type, request, path},
#include "core/roster.def"
#undef FIELD
};

static const struct {
  const char *name, *key;
} columns[] = {
#define COLUMN(id, name, key, column) {name, key},
    INVENTORY_OF_DEVICE(COLUMN)
#undef COLUMN
};

/* Change by themselves every day: that is no news. */
static bool is_steady(const char *name) { return strcmp(name, "battery") != 0 && strcmp(name, "free-space") != 0; }

/* ---- of a message ---- */

static struct pl *at_path(struct ctx *cx, struct pl *message, const char *path) {
  struct slice rest = slice_of(path), part;
  while (message && slice_cut(&rest, '.', &part)) message = pl_get(message, ctx_memdup(cx, part.p, part.n));
  return message;
}

static const char *text_of(struct ctx *cx, struct pl *node) {
  struct slice s;
  struct buf b = {0};
  if (!pl_string(node, &s) || s.n == 0) return NULL;
  buf_add_plain(&b, s, TEXT_MOST);
  const char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

static void set_flag(struct js *to, const char *name, struct pl *node, bool negated) {
  bool yes;
  if (pl_bool(node, &yes)) js_set_bool(to, name, yes != negated);
}

static void set_number(struct js *to, const char *name, struct pl *node) {
  int64_t n;
  double d;
  if (pl_int(node, &n))
    d = (double)n;
  else if (!pl_real(node, &d))
    return;
  if (isfinite(d) && fabs(d) < 1e12) js_set_real(to, name, d);
}

static void set_fact(struct ctx *cx, struct js *to, struct pl *message, size_t i) {
  bool negated = facts[i].path[0] == '!';
  struct pl *node = at_path(cx, message, facts[i].path + negated);
  const char *text;
  if (facts[i].type == ROSTER_FLAG)
    set_flag(to, facts[i].name, node, negated);
  else if (facts[i].type == ROSTER_NUMBER)
    set_number(to, facts[i].name, node);
  else if ((text = text_of(cx, node)))
    js_set_string(to, facts[i].name, text);
}

void inventory_facts_told(struct ctx *cx, struct pl *message, const char *request_type, struct inventory_facts *out) {
  struct js *told = js_object(cx);
  *out = (struct inventory_facts){0};
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    if (strcmp(facts[i].request, request_type) == 0) set_fact(cx, told, message, i);
  if (js_count(told)) out->facts = told;
  if (strcmp(request_type, "DeviceInformation") != 0) return;
  struct pl *answers = pl_get(message, "QueryResponses");
  for (int i = 0; i < INVENTORY_COLUMNS; i++) out->columns[i] = text_of(cx, pl_get(answers, columns[i].key));
}

/* ---- kept ---- */

static const char *shown(struct ctx *cx, struct js *value) {
  bool yes;
  double d;
  if (js_bool(value, &yes)) return yes ? "on" : "off";
  return js_real(value, &d) ? ctx_printf(cx, "%.15g", d) : js_string(value);
}

static bool same(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static enum err apply_facts(struct ctx *cx, struct db *db, int64_t device, struct js *told,
                            struct inventory_changes *changes) {
  char *text;
  struct js *known = NULL, *value;
  const char *name;
  bool differs = false;
  TRY(inventory_facts_find(cx, db, device, &text));
  if (!text || js_parse(cx, slice_of(text), &known) != OK) ctx_clear_error(cx), known = js_object(cx);
  for (size_t i = 0; (value = js_member(told, i, &name)); i++) {
    const char *former = shown(cx, js_get(known, name)), *now = shown(cx, value);
    const char *was = former ? ctx_strdup(cx, former) : NULL; /* it goes when the new one takes its place */
    if (same(was, now)) continue;
    if (was && is_steady(name)) inventory_changed(changes, name, was, now);
    js_set(known, name, value);
    differs = true;
  }
  return differs ? inventory_facts_put(cx, db, device, js_text(cx, known, JS_COMPACT)) : OK;
}

static enum err apply_columns(struct ctx *cx, struct db *db, int64_t device, const char *const told[],
                              struct inventory_changes *changes) {
  const char *known[INVENTORY_COLUMNS];
  bool differs = false;
  TRY(inventory_columns_find(cx, db, device, known));
  for (int i = 0; i < INVENTORY_COLUMNS; i++) {
    if (!told[i] || same(known[i], told[i])) continue;
    if (known[i]) inventory_changed(changes, columns[i].name, known[i], told[i]);
    known[i] = told[i];
    differs = true;
  }
  return differs ? inventory_columns_put(cx, db, device, known) : OK;
}

enum err inventory_facts_apply(struct ctx *cx, struct db *db, int64_t device, const struct inventory_facts *told,
                               struct inventory_changes *changes) {
  bool any = false;
  for (int i = 0; i < INVENTORY_COLUMNS; i++) any = any || told->columns[i];
  if (told->facts) TRY(apply_facts(cx, db, device, told->facts, changes));
  return any ? apply_columns(cx, db, device, told->columns, changes) : OK;
}
