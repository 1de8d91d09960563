#include "core/dossier_int.h"

/* ---- marks: {"asked":{"at","by"}} ---- */

static enum err read_mark(struct ctx *cx, struct js *o, struct dossier_mark *out) {
  *out = (struct dossier_mark){.by = js_str(o, "by")};
  if (!o || (js_int(js_get(o, "at"), &out->at) && out->by)) return OK;
  return FAIL(cx, E_STORAGE, "a mark of a dossier cannot be read");
}

static void add_mark(struct ctx *cx, struct js *all, const char *name, const struct dossier_mark *m) {
  if (!m->at) return;
  struct js *o = js_object(cx);
  js_set_int(o, "at", m->at);
  js_set_string(o, "by", m->by);
  js_set(all, name, o);
}

static enum err read_marks(struct ctx *cx, const char *states, const char *checklist, struct dossier *d) {
  struct js *all;
  TRY(js_parse(cx, slice_of(states), &all));
  for (size_t i = 0; i < DOSSIER_STATES; i++) TRY(read_mark(cx, js_get(all, dossier_states[i]), &d->states[i]));
  TRY(js_parse(cx, slice_of(checklist), &all));
  for (size_t i = 0; i < DOSSIER_ITEMS; i++) TRY(read_mark(cx, js_get(all, dossier_items[i].slug), &d->checklist[i]));
  return OK;
}

static struct slice states_text(struct ctx *cx, const struct dossier *d) {
  struct js *all = js_object(cx);
  for (size_t i = 0; i < DOSSIER_STATES; i++) add_mark(cx, all, dossier_states[i], &d->states[i]);
  return js_text(cx, all, JS_COMPACT);
}

static struct slice checklist_text(struct ctx *cx, const struct dossier *d) {
  struct js *all = js_object(cx);
  for (size_t i = 0; i < DOSSIER_ITEMS; i++) add_mark(cx, all, dossier_items[i].slug, &d->checklist[i]);
  return js_text(cx, all, JS_COMPACT);
}

/* ---- rows ---- */

enum err dossier_read(struct ctx *cx, struct db *db, const char *topic, struct dossier *out) {
  const char *states = "{}", *checklist = "{}";
  struct db_rows r;
  *out = (struct dossier){.topic = ctx_strdup(cx, topic)};
  TRY(db_open_rows(cx, db, &r,
                   "SELECT target_account, created_by_person, contact, states, checklist, updated_at, updated_by"
                   " FROM dossier WHERE topic = $1",
                   DB_S(topic)));
  if (db_next(&r)) {
    out->target_account = db_text(&r, 0);
    out->created_by = db_text(&r, 1);
    out->contact = db_text(&r, 2);
    states = db_text(&r, 3);
    checklist = db_text(&r, 4);
    out->updated_at = db_int(&r, 5);
    out->updated_by = db_text(&r, 6);
  }
  TRY(db_close(&r));
  return read_marks(cx, states, checklist, out);
}

enum err dossier_write(struct ctx *cx, struct db *db, const struct dossier *d) {
  TRY(db_run(cx, db, "DELETE FROM dossier WHERE topic = $1", DB_S(d->topic)));
  return db_run(cx, db,
                "INSERT INTO dossier (topic, target_account, created_by_person, contact, states, checklist, updated_at,"
                " updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                DB_S(d->topic), DB_S(d->target_account), DB_S(d->created_by), DB_S(d->contact),
                DB_T(states_text(cx, d)), DB_T(checklist_text(cx, d)), DB_I(d->updated_at), DB_S(d->updated_by));
}

enum err dossier_devices(struct ctx *cx, struct db *db, const char *topic, int64_t *out) {
  return db_one_int(cx, db, out, "SELECT count(DISTINCT device) FROM enrollment WHERE topic = $1", DB_S(topic));
}
