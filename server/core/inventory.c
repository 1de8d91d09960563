/* Answers into what is known: merged or put in the place of the former one, compared, and told of. */
#include "core/inventory_int.h"

#include "base/clock.h"
#include "core/command.h"
#include "core/event.h"
#include "core/roster.h"

#include <string.h>

enum { EVENT_CHANGES_MOST = 20 };

/* A message is taken apart as each answer that it may be: a few share the name of their key. */
struct told {
  const struct inventory_shape *shape;
  struct inventory_text text;
  const struct inventory_list *list; /* NULL: it is none */
  struct inventory_entries entries;
  const char *listed; /* inventory_entries_text */
  struct inventory_facts facts;
};
enum { TOLD_MOST = 4 };
struct inventory_answer {
  struct told told[TOLD_MOST];
  size_t n;
};

/* ---- reading ---- */

static bool may_be(struct pl *message, const struct inventory_shape *answer) {
  const struct inventory_shape *key = NULL;
  while ((key = inventory_shape_child(answer, key)))
    if (pl_get(message, key->name)) return true;
  return false;
}

static void read_as(struct ctx *cx, struct pl *message, const struct inventory_shape *answer, struct told *out) {
  *out = (struct told){.shape = answer, .list = inventory_list_of(answer->name)};
  inventory_to_json(cx, message, answer, &out->text);
  if (out->list && !out->text.broken) {
    inventory_entries_told(cx, message, out->list, &out->entries);
    out->listed = inventory_entries_text(cx, &out->entries);
  }
  inventory_facts_told(cx, message, answer->name, &out->facts);
}

enum err inventory_read(struct ctx *cx, struct pl *message, size_t replaced, struct inventory_answer **out) {
  struct inventory_answer *a = ctx_alloc(cx, sizeof *a);
  const struct inventory_shape *answer = NULL;
  while (a->n < TOLD_MOST && (answer = inventory_shape_next(answer)))
    if (may_be(message, answer)) read_as(cx, message, answer, &a->told[a->n++]);
  for (size_t i = 0; i < a->n; i++) a->told[i].text.misfits += (int64_t)replaced;
  *out = a;
  return OK;
}

/* A message that holds nothing of what the command asks for is one that does not fit. */
static const struct told *told_of(struct ctx *cx, const struct inventory_answer *a, const char *request_type) {
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->told[i].shape->name, request_type) == 0) return &a->told[i];
  struct told *nothing = ctx_alloc(cx, sizeof *nothing);
  *nothing = (struct told){.shape = inventory_shape(request_type),
                           .list = inventory_list_of(request_type),
                           .text = {.json = slice_of("{}"), .misfits = 1, .broken = true}};
  return nothing->shape ? nothing : NULL;
}

/* ---- what changed ---- */

void inventory_changed(struct inventory_changes *to, const char *what, const char *was, const char *now) {
  if (to->n < INVENTORY_CHANGES_MOST) to->rows[to->n++] = (struct inventory_change){what, was, now};
  to->total++;
}

static void item_changed(struct ctx *cx, const struct inventory_list *list, const struct inventory_entry *was,
                         const struct inventory_entry *now, struct inventory_changes *to) {
  const struct inventory_entry *one = was ? was : now;
  inventory_changed(to, ctx_printf(cx, "%s %s", list->what, one->name), was ? was->version : NULL,
                    now ? now->version : NULL);
}

void inventory_compare(struct ctx *cx, const struct inventory_list *list, const struct inventory_entries *was,
                       const struct inventory_entries *now, struct inventory_changes *to) {
  for (size_t i = 0, k = 0; i < was->n || k < now->n;) {
    const struct inventory_entry *a = i < was->n ? &was->entries[i] : NULL, *b = k < now->n ? &now->entries[k] : NULL;
    bool gone = a && (!b || a->item.name < b->item.name), fresh = b && (!a || b->item.name < a->item.name);
    if (gone || fresh || a->item.version != b->item.version)
      item_changed(cx, list, fresh ? NULL : a, gone ? NULL : b, to);
    i += !fresh;
    k += !gone;
  }
}

/* ---- applying ---- */

struct work {
  struct ctx *cx;
  struct db *db;
  int64_t enrollment, device, now;
  const char *request_type;
  const struct command_row *row;
  const struct told *told;
  struct inventory_row former; /* at 0: none */
  struct js *former_answer;    /* NULL: none, or it cannot be read */
  struct inventory_changes changes;
};

static enum err load_former(struct work *w) {
  struct slice text;
  TRY(inventory_row_answer(w->cx, w->db, w->enrollment, w->request_type, &text));
  if (!text.p || js_parse(w->cx, text, &w->former_answer) == OK) return OK;
  w->former_answer = NULL;
  ctx_clear_error(w->cx);
  return OK;
}

static void put_members(struct js *to, struct js *from) {
  const char *key;
  struct js *value;
  for (size_t i = 0; (value = js_member(from, i, &key)); i++) js_set(to, key, value);
}

static bool is_note(const char *key) { return strcmp(key, "raw") == 0 || strcmp(key, "truncated") == 0; }

/* Of a command that says what it asks for only that is told: the rest stays as it was. */
static bool by_key(const struct command_row *row, const char *key) {
  return row->args && row->args[0].required && row->member && strcmp(key, row->member) == 0;
}

enum { MEMBERS_MOST = 2000 };

static struct slice merged(struct work *w) {
  struct js *out = js_object(w->cx), *told, *value;
  const char *key;
  if (js_parse(w->cx, w->told->text.json, &told) != OK) return ctx_clear_error(w->cx), w->told->text.json;
  for (size_t i = 0; (value = js_member(w->former_answer, i, &key)); i++)
    if (!is_note(key)) js_set(out, key, value);
  for (size_t i = 0; (value = js_member(told, i, &key)); i++) {
    struct js *known = js_get(out, key);
    bool both = by_key(w->row, key) && js_is_object(known) && js_count(known) < MEMBERS_MOST;
    if (both)
      put_members(known, value);
    else
      js_set(out, key, value);
  }
  return js_text(w->cx, out, JS_COMPACT);
}

/* *listed is as told; what is not told stays. What is cut off is no ground to say what came and what went. */
static enum err compare_lists(struct work *w, const char **listed) {
  const char *former;
  struct inventory_entries was;
  TRY(inventory_row_listed(w->cx, w->db, w->enrollment, w->request_type, &former));
  if (w->told->text.broken) return *listed = former, OK;
  if (!former || !*listed) return OK;
  inventory_entries_stored(w->cx, former, &was);
  inventory_compare(w->cx, w->told->list, &was, &w->told->entries, &w->changes);
  return OK;
}

static enum err keep_answer(struct work *w, struct slice digest) {
  const struct told *t = w->told;
  struct inventory_row row = {.at = w->now,
                              .changed_at = w->now,
                              .misfits = t->text.misfits,
                              .digest = digest,
                              .answer = t->text.json,
                              .listed = t->listed};
  if (w->former.at && t->list) TRY(compare_lists(w, &row.listed));
  if (w->former.at && (w->row->answer == ANSWER_MERGE || t->text.broken)) TRY(load_former(w));
  if (w->former_answer) row.answer = merged(w);
  return inventory_row_put(w->cx, w->db, w->enrollment, w->request_type, &row);
}

/* Whether an app is new or gone the packed lists tell, without names. */
static enum err keep_apps(struct work *w, const struct inventory_items *known) {
  const struct inventory_entries *e = &w->told->entries;
  struct inventory_items now = {.items = NULL};
  const char **names;
  size_t fresh = 0, n;
  for (size_t i = 0; i < e->n; i++) {
    if (inventory_find(known, e->entries[i].item.name)) continue;
    TRY(inventory_app_add(w->cx, w->db, w->device, e->entries[i].name));
    fresh++;
  }
  if (known->at && known->n + fresh == e->n) return OK;
  inventory_unpack(w->cx, inventory_pack(w->cx, e), &now);
  TRY(inventory_apps(w->cx, w->db, w->device, &names, &n));
  for (size_t i = 0; i < n; i++)
    if (!inventory_find(&now, inventory_hash(slice_of(names[i]))))
      TRY(inventory_app_drop(w->cx, w->db, w->device, names[i]));
  return OK;
}

/* Also when it is the same again: that it is so now is what a plan waits for. */
static enum err keep_list(struct work *w) {
  const struct inventory_list *list = w->told->list;
  struct inventory_items known;
  if (!list || list->kind < 0 || w->told->text.broken) return OK;
  enum inventory_kind kind = (enum inventory_kind)list->kind;
  if (kind == INVENTORY_APPS && w->device) {
    TRY(inventory_items(w->cx, w->db, w->enrollment, kind, &known));
    TRY(keep_apps(w, &known));
  }
  return inventory_list_put(w->cx, w->db, w->enrollment, kind, w->now, inventory_pack(w->cx, &w->told->entries));
}

/* ---- telling ---- */

static enum err tell(struct work *w) {
  const struct inventory_changes *c = &w->changes;
  struct js *data = js_object(w->cx), *list = js_array(w->cx);
  char *id;
  TRY(inventory_enrollment_id(w->cx, w->db, w->enrollment, &id));
  for (size_t i = 0; i < c->n && i < EVENT_CHANGES_MOST; i++) {
    struct js *o = js_object(w->cx);
    js_set_string(o, "what", c->rows[i].what);
    js_set_string(o, "was", c->rows[i].was);
    js_set_string(o, "now", c->rows[i].now);
    js_add(list, o);
  }
  js_set_string(data, "request_type", w->request_type);
  js_set(data, "changes", list);
  js_set_int(data, "total", (int64_t)c->total);
  return event_add(w->cx, w->db, "inventory.changed", id, data);
}

static enum err keep_changes(struct work *w) {
  const struct inventory_changes *c = &w->changes;
  if (c->total == 0) return OK;
  TRY(tell(w));
  if (!w->device) return OK;
  for (size_t i = 0; i < c->n; i++) TRY(inventory_change_add(w->cx, w->db, w->device, w->now, &c->rows[i]));
  return inventory_change_bound(w->cx, w->db, w->device);
}

/* ---- all ---- */

static enum err apply(struct work *w, bool *changed) {
  uint8_t hash[SHA256_LEN] = {0};
  struct slice digest = slice_mem(hash, sizeof hash);
  pki_sha256(hash, w->told->text.json);
  TRY(inventory_row_find(w->cx, w->db, w->enrollment, w->request_type, &w->former));
  *changed = !w->former.at || !slice_eq(w->former.digest, digest);
  TRY(*changed ? keep_answer(w, digest) : inventory_row_again(w->cx, w->db, w->enrollment, w->request_type, w->now));
  TRY(keep_list(w));
  if (w->device) TRY(inventory_facts_apply(w->cx, w->db, w->device, &w->told->facts, &w->changes));
  return keep_changes(w);
}

/* One that did not say what it is was only asked for that (Apple TVs say nothing when they enroll). */
static enum err ask_the_rest(struct work *w, struct core *core, enum platform before) {
  struct inventory_who who;
  if (before != PLATFORM_UNKNOWN || !core_conf(core)->inventory_interval_us) return OK;
  TRY(inventory_who(w->cx, w->db, w->enrollment, &who));
  return who.can.platform == PLATFORM_UNKNOWN ? OK : inventory_ask(w->cx, w->db, core, w->enrollment, true);
}

static enum err apply_to_device(struct work *w, struct core *core, bool *changed) {
  struct inventory_who before;
  TRY(inventory_who(w->cx, w->db, w->enrollment, &before));
  TRY(apply(w, changed));
  TRY(inventory_taken(w->cx, w->db, w->device, w->now));
  roster_changed(w->db, core, w->device);
  return ask_the_rest(w, core, before.can.platform);
}

enum err inventory_apply(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, int64_t device,
                         const char *request_type, const struct inventory_answer *a, bool *changed) {
  struct work w = {.cx = cx,
                   .db = db,
                   .enrollment = enrollment,
                   .device = device,
                   .now = clock_now_us(),
                   .request_type = request_type,
                   .row = command_row(request_type),
                   .told = told_of(cx, a, request_type)};
  *changed = false;
  if (!w.row || w.row->answer == ANSWER_NONE || !w.told) return OK;
  return device ? apply_to_device(&w, core, changed) : apply(&w, changed);
}

/* ---- asking ---- */

enum err inventory_stored(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                          struct inventory_stored *out) {
  struct inventory_row row;
  struct slice text;
  TRY(inventory_row_find(cx, db, enrollment, request_type, &row));
  if (!row.at) return FAIL(cx, E_NOT_FOUND, "%s was never answered", request_type);
  TRY(inventory_row_answer(cx, db, enrollment, request_type, &text));
  *out = (struct inventory_stored){.at = row.at, .changed_at = row.changed_at, .misfits = row.misfits};
  return js_parse(cx, text, &out->answer);
}
