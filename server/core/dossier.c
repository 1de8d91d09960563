#include "core/dossier_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/pushcert.h"
#include "lib/json.h"

#include <string.h>

enum { TEXT_MOST = 255 };

/* ---- what there is to do ---- */

struct step {
  const char *slug, *text;
};
static const struct step states[DOSSIER_STATES] = {
    {"asked", "Apple's support was asked to move the certificate"},
    {"called-back", "Apple has called back and spoken with someone senior or of personnel"},
    {"approved", "Apple has approved it"},
    {"done", "The certificate stands in the target account, and was renewed from there"},
};
static const struct step items[DOSSIER_ITEMS] = {
    {"names", "First and last name on both Apple Accounts equal those of the person who calls Apple"},
    {"reachable", "Someone senior, or of personnel, can be reached when Apple calls back to confirm the request"},
    {"waited", "2 to 3 days have passed since the approval, and the certificate shows in the target account"},
    {"restored", "The names on both Apple Accounts are as they were before"},
};

static void read_steps(struct ctx *cx, struct dossier_step *out, const struct step *rows, size_t n, const char *json) {
  struct js *times = NULL;
  if (js_parse(cx, slice_of(json), &times) != OK) ctx_clear_error(cx), times = NULL;
  for (size_t i = 0; i < n; i++) {
    out[i] = (struct dossier_step){.slug = rows[i].slug, .text = rows[i].text};
    const char *at = times ? js_str(times, rows[i].slug) : NULL;
    if (at && !dec_time(slice_of(at), &out[i].at)) out[i].at = 0;
  }
}

static const char *write_steps(struct ctx *cx, const struct dossier_step *all, size_t n) {
  struct js *times = js_object(cx);
  for (size_t i = 0; i < n; i++)
    if (all[i].at) js_set_time(times, all[i].slug, all[i].at);
  return js_text(cx, times, JS_COMPACT).p;
}

/* ---- reading ---- */

static const char *told(const char *text) { return text && *text ? text : NULL; }

static void set_facts(struct ctx *cx, struct dossier *d, const struct pushcert *c, const struct pushcert_record *r,
                      const struct dossier_row *row) {
  const char *days = "";
  if (c->not_after <= clock_now_us()) days = " (it has expired)";
  const struct dossier_fact facts[DOSSIER_FACTS] = {
      {"organization", "Organization that owns and manages the devices", told(r->organization),
       "pomona pushcert record --organization NAME"},
      {"address", "Its address", told(r->address), "pomona pushcert record --address TEXT"},
      {"web-site", "Its web site", told(r->web_site), "pomona pushcert record --web-site URL"},
      {"created-by", "Who made the certificate", told(row->created_by), "pomona pushcert dossier --created-by NAME"},
      {"serial-number", "Serial number (Apple shows 9 digits or 16 characters)", pushcert_serials(cx, c->serial_number),
       NULL},
      {"expires", "Expires", ctx_printf(cx, "%s%s", enc_time(cx, c->not_after), days), NULL},
      {"subject", "Subject", c->subject, NULL},
      {"topic", "Topic (UID)", c->topic, NULL},
      {"issuer", "Issuer", c->issuer, NULL},
      {"current-account", "Apple Account that holds it now", told(r->apple_account),
       "pomona pushcert record --apple-account ADDRESS"},
      {"target-account", "Apple Account that it is to move to", told(row->target_account),
       "pomona pushcert dossier --target-account ADDRESS"},
      {"contact", "Future contact (name, mail address, telephone number)", told(row->contact),
       "pomona pushcert dossier --contact TEXT"},
  };
  memcpy(d->facts, facts, sizeof facts);
  for (size_t i = 0; i < DOSSIER_FACTS; i++) d->gaps += d->facts[i].value == NULL;
}

enum err dossier_read(struct ctx *cx, struct db *db, const char *topic, struct dossier *out) {
  struct pushcert c;
  struct pushcert_record r;
  struct dossier_row row;
  TRY(pushcert_find(cx, db, topic, &c));
  TRY(pushcert_record_read(cx, db, topic, &r));
  TRY(dossier_row(cx, db, topic, &row));
  *out =
      (struct dossier){.topic = c.topic, .state = "open", .updated_at = row.updated_at, .updated_by = row.updated_by};
  set_facts(cx, out, &c, &r, &row);
  read_steps(cx, out->states, states, DOSSIER_STATES, row.states);
  read_steps(cx, out->items, items, DOSSIER_ITEMS, row.checklist);
  for (size_t i = 0; i < DOSSIER_STATES; i++)
    if (out->states[i].at) out->state = out->states[i].slug;
  return OK;
}

/* ---- changing ---- */

static enum err change_text(struct ctx *cx, const char **field, const char *to, const char *name) {
  if (!to) return OK;
  if (strlen(to) > TEXT_MOST || !text_is_plain(slice_of(to)))
    return FAIL(cx, E_INVALID, "%s is one line of at most %d bytes", name, TEXT_MOST);
  *field = told(to);
  return OK;
}

static enum err index_of(struct ctx *cx, const struct dossier_step *all, size_t n, const char *slug, size_t *out) {
  const char *known = "";
  for (*out = 0; *out < n; ++*out) {
    if (strcmp(all[*out].slug, slug) == 0) return OK;
    known = ctx_printf(cx, "%s%s%s", known, *known ? ", " : "", all[*out].slug);
  }
  return FAIL(cx, E_INVALID, "there is no \"%s\" here; there is: %s",
              text_is_plain(slice_of(slug)) ? slug : "such name", known);
}

static enum err change_state(struct ctx *cx, struct dossier_step *all, const char *to, int64_t now) {
  size_t at = 0;
  bool any = to && strcmp(to, "open") != 0;
  if (!to) return OK;
  if (any) TRY(index_of(cx, all, DOSSIER_STATES, to, &at));
  for (size_t i = 0; i < DOSSIER_STATES; i++) {
    if (!any || i > at)
      all[i].at = 0;
    else if (!all[i].at)
      all[i].at = now;
  }
  return OK;
}

static enum err change_item(struct ctx *cx, struct dossier_step *all, const char *slug, int64_t at) {
  size_t i;
  if (!slug) return OK;
  TRY(index_of(cx, all, DOSSIER_ITEMS, slug, &i));
  if (!at || !all[i].at) all[i].at = at;
  return OK;
}

enum err dossier_change(struct ctx *cx, struct db *db, const char *topic, const struct dossier_change *what,
                        const char *by) {
  struct dossier d;
  struct dossier_row row;
  int64_t now = clock_now_us();
  TRY(dossier_read(cx, db, topic, &d));
  TRY(dossier_row(cx, db, topic, &row));
  TRY(change_text(cx, &row.target_account, what->target_account, "the target account"));
  TRY(change_text(cx, &row.created_by, what->created_by, "who made the certificate"));
  TRY(change_text(cx, &row.contact, what->contact, "the contact"));
  TRY(change_state(cx, d.states, what->state, now));
  TRY(change_item(cx, d.items, what->check, now));
  TRY(change_item(cx, d.items, what->uncheck, 0));
  row.states = write_steps(cx, d.states, DOSSIER_STATES);
  row.checklist = write_steps(cx, d.items, DOSSIER_ITEMS);
  row.updated_at = now;
  row.updated_by = by;
  TRY(dossier_row_save(cx, db, topic, &row));
  if (!what->state) return OK;
  struct js *detail = js_object(cx);
  js_set_string(detail, "state", what->state);
  return pushcert_history_add(cx, db, topic, 0, "account-move", by, detail);
}
