/* /api/v1/pushcerts/dossier: what Apple's support asks for to move a certificate to another Apple Account. */
#include "base/clock.h"
#include "core/dossier.h"
#include "face/api_pushcert_int.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { TEXT_MOST = 500, BODY_MOST = 16 * 1024 };

/* What people tell. */
static const struct field {
  const char *name;
  size_t at;
  bool account;
} fields[] = {
    {"target_account", offsetof(struct dossier, target_account), true},
    {"created_by", offsetof(struct dossier, created_by), false},
    {"contact", offsetof(struct dossier, contact), false},
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const char **field_of(struct dossier *d, const struct field *f) { return (const char **)((char *)d + f->at); }

/* ---- told ---- */

static void set_mark(struct js *o, const char *at, const char *by, const struct dossier_mark *m) {
  js_set_time(o, at, m->at);
  js_set_string(o, by, m->by);
}

static struct js *states_json(struct ctx *cx, const struct dossier *d) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < DOSSIER_STATES; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "state", dossier_states[i]);
    set_mark(o, "at", "by", &d->states[i]);
    js_add(list, o);
  }
  return list;
}

static struct js *checklist_json(struct ctx *cx, const struct dossier *d) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < DOSSIER_ITEMS; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "item", dossier_items[i].slug);
    js_set_string(o, "text", dossier_items[i].text);
    set_mark(o, "checked_at", "checked_by", &d->checklist[i]);
    js_add(list, o);
  }
  return list;
}

static struct js *facts_json(struct ctx *cx, const struct dossier_page *p, bool gaps) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < p->n; i++) {
    const struct dossier_fact *f = &p->facts[i];
    if (gaps && f->value) continue;
    struct js *o = js_object(cx);
    js_set_string(o, "name", f->name);
    js_set_string(o, "label", f->label);
    js_set_string(o, gaps ? "command" : "value", gaps ? f->fill : f->value);
    js_add(list, o);
  }
  return list;
}

static struct js *dossier_json(struct ctx *cx, struct dossier_page *p) {
  struct js *o = js_object(cx), *warnings = js_array(cx);
  for (size_t i = 0; i < p->warnings_n; i++) js_add_string(warnings, p->warnings[i]);
  js_set_string(o, "topic", p->d.topic);
  js_set_string(o, "state", dossier_states[dossier_state(&p->d)]);
  for (size_t i = 0; i < FIELDS; i++) js_set_string(o, fields[i].name, *field_of(&p->d, &fields[i]));
  js_set(o, "states", states_json(cx, &p->d));
  js_set(o, "facts", facts_json(cx, p, false));
  js_set(o, "gaps", facts_json(cx, p, true));
  js_set(o, "checklist", checklist_json(cx, &p->d));
  js_set(o, "warnings", warnings);
  js_set_string(o, "next", p->next);
  js_set_time(o, "updated_at", p->d.updated_at);
  js_set_string(o, "updated_by", p->d.updated_by);
  return o;
}

static void reply_dossier(struct http_req *rq, struct dossier_page *p) {
  struct js *body = js_object(http_cx(rq));
  js_set(body, "dossier", dossier_json(http_cx(rq), p));
  reply_json(rq, 200, body);
}

static void reply_text(struct http_req *rq, struct dossier_page *p) {
  http_reply(rq, 200, "text/plain; charset=utf-8", dossier_text(http_cx(rq), p));
}

static void reply_html(struct http_req *rq, struct dossier_page *p) {
  http_set_header(rq, "Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  http_reply(rq, 200, "text/html; charset=utf-8", dossier_html(http_cx(rq), p));
}

static const struct format {
  const char *name;
  void (*reply)(struct http_req *rq, struct dossier_page *p);
} formats[] = {{"json", reply_dossier}, {"text", reply_text}, {"html", reply_html}};

static enum err read_format(struct http_req *rq, const struct format **out) {
  struct slice asked = http_query(rq, "format");
  *out = formats;
  if (!asked.p) return OK;
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (slice_is(asked, formats[i].name)) return *out = &formats[i], OK;
  return FAIL(http_cx(rq), E_INVALID, "format is json, text or html");
}

static enum err read_page(struct http_req *rq, struct core *core, struct dossier_page *out) {
  struct db *db;
  const char *topic;
  TRY(db_reader(http_cx(rq), core->store, &db));
  TRY(api_topic(rq, db, NULL, &topic));
  return dossier_page(http_cx(rq), db, core, topic, out);
}

static void show(struct http_req *rq, struct core *core) {
  struct dossier_page *p = ctx_alloc(http_cx(rq), sizeof *p);
  const struct format *format;
  enum err e = read_format(rq, &format);
  if (e == OK) e = read_page(rq, core, p);
  if (e == OK)
    format->reply(rq, p);
  else
    reply_error(rq, e);
}

/* ---- told to us ---- */

/* It is written into commands that people copy: nothing in it may mean something to a shell. */
static bool is_account(const char *text) {
  const char *at = strchr(text, '@');
  if (!at || at == text || !at[1] || strchr(at + 1, '@') || *text == '-') return false;
  for (; *text; text++)
    if (!isascii((unsigned char)*text) || (!isalnum((unsigned char)*text) && !strchr("@._%+-", *text))) return false;
  return true;
}

static enum err check_field(struct ctx *cx, const struct field *f, const char *text) {
  if (strlen(text) > TEXT_MOST) return FAIL(cx, E_INVALID, "%s has at most %d bytes", f->name, TEXT_MOST);
  if (!text_is_plain(slice_of(text))) return FAIL(cx, E_INVALID, "%s is one line of plain text", f->name);
  if (f->account && !is_account(text))
    return FAIL(cx, E_INVALID, "%s is no address of an Apple Account: %s", f->name, text);
  return OK;
}

struct edit {
  struct core *core;
  struct js *body;
  const char *topic, *by, *seen; /* seen: updated_at of the dossier that the editor saw; NULL: not told */
  struct dossier_page page;
};

/* Absent stays; null or "" clears. */
static enum err merge_fields(struct ctx *cx, struct js *body, struct dossier *d) {
  for (size_t i = 0; i < FIELDS; i++) {
    struct js *n = js_get(body, fields[i].name);
    const char *text = js_string(n);
    if (!n) continue;
    if (!text && !js_is_null(n)) return FAIL(cx, E_INVALID, "%s is no string", fields[i].name);
    if (text && !*text) text = NULL;
    if (text) TRY(check_field(cx, &fields[i], text));
    *field_of(d, &fields[i]) = text;
  }
  return OK;
}

static enum err find_item(struct ctx *cx, const char *slug, size_t *out) {
  for (*out = 0; *out < DOSSIER_ITEMS; ++*out)
    if (strcmp(slug, dossier_items[*out].slug) == 0) return OK;
  return FAIL(cx, E_INVALID, "the checklist has no such item: names-equal, senior-reachable, waited, names-restored");
}

static enum err merge_checklist(struct ctx *cx, const struct edit *edit, struct dossier *d) {
  struct js *list = js_get(edit->body, "checklist"), *n;
  const char *slug;
  if (list && !js_is_object(list)) return FAIL(cx, E_INVALID, "checklist is no object");
  for (size_t i = 0, item; (n = js_member(list, i, &slug)); i++) {
    bool checked;
    TRY(find_item(cx, slug, &item));
    if (!js_bool(n, &checked)) return FAIL(cx, E_INVALID, "checklist: %s is neither true nor false", slug);
    if (checked && d->checklist[item].at) continue;
    d->checklist[item] = checked ? (struct dossier_mark){clock_now_us(), edit->by} : (struct dossier_mark){0};
  }
  return OK;
}

static enum err note_state(struct ctx *cx, struct db *db, const struct edit *edit, const struct dossier *d) {
  struct pushcert_record r;
  struct pushcert c;
  struct js *detail = js_object(cx);
  TRY(pushcert_record_read(cx, db, edit->topic, &r));
  TRY(pushcert_find(cx, db, edit->topic, &c));
  js_set_string(detail, "from", r.apple_account);
  js_set_string(detail, "to", d->target_account);
  return pushcert_history_add(cx, db, edit->topic, c.seq,
                              ctx_printf(cx, "dossier-%s", dossier_states[dossier_state(d)]), edit->by, detail);
}

static enum err merge_state(struct ctx *cx, struct db *db, const struct edit *edit, struct dossier *d) {
  const char *name = NULL;
  size_t state = 0;
  TRY(api_string(cx, edit->body, "state", &name));
  if (!d->updated_at) (void)dossier_enter(d, DOSSIER_OPEN, clock_now_us(), edit->by);
  if (!name) return OK;
  while (state < DOSSIER_STATES && strcmp(name, dossier_states[state]) != 0) state++;
  if (state == DOSSIER_STATES) return FAIL(cx, E_INVALID, "state is open, asked, called-back, approved or done");
  bool changed = dossier_enter(d, (enum dossier_state)state, clock_now_us(), edit->by);
  return changed ? note_state(cx, db, edit, d) : OK;
}

static enum err edit_job(struct ctx *cx, struct db *db, void *arg) {
  struct edit *edit = arg;
  struct dossier d;
  TRY(dossier_read(cx, db, edit->topic, &d));
  TRY(api_seen(cx, "dossier", d.updated_at, d.updated_by, edit->seen));
  TRY(merge_fields(cx, edit->body, &d));
  TRY(merge_state(cx, db, edit, &d)); /* before the checklist, which it may clear */
  TRY(merge_checklist(cx, edit, &d));
  d.updated_at = api_stamp(d.updated_at);
  d.updated_by = edit->by;
  TRY(dossier_write(cx, db, &d));
  return dossier_page(cx, db, edit->core, edit->topic, &edit->page);
}

static void edited(struct http_req *rq, void *arg, enum err e) {
  struct edit *edit = arg;
  if (e == OK)
    reply_dossier(rq, &edit->page);
  else
    reply_error(rq, e);
}

static enum err read_edit(struct http_req *rq, struct core *core, struct edit *edit) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  const char *given = NULL;
  *edit = (struct edit){.core = core, .by = route_who(rq)};
  TRY(api_object(rq, &edit->body));
  edit->seen = api_seen_of(edit->body);
  TRY(api_string(cx, edit->body, "topic", &given));
  TRY(db_reader(cx, core->store, &db));
  return api_topic(rq, db, given, &edit->topic);
}

static void put(struct http_req *rq, struct core *core) {
  struct edit *edit = ctx_alloc(http_cx(rq), sizeof *edit);
  enum err e = read_edit(rq, core, edit);
  if (e == OK)
    route_write(rq, core, edit_job, edit, edited);
  else
    reply_error(rq, e);
}

const struct route pushcert_dossier_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/dossier",
     .query = "topic:text format:text",
     .run = show,
     .summary = "What Apple's support asks for to move the topic's certificate (?topic=; may be left out when there is "
                "one) to another Apple Account: facts, gaps, checklist, state, what to do next. ?format=text or html: "
                "to be handed on."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts/dossier",
     .query = "topic:text format:text",
     .body = "topic:text target_account:text created_by:text contact:text state:text checklist:object updated_at:time",
     .run = put,
     .body_max = BODY_MOST,
     .summary = "Changes target_account, created_by or contact (null or \"\" clears), \"state\" (open begins anew, "
                "asked, called-back, approved, done) and \"checklist\" ({item: true or false}). \"updated_at\" of the "
                "dossier that was looked at: 409 when it was changed since."},
    {.method = NULL},
};
