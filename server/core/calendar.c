#include "core/calendar_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/event.h"
#include "core/guardian.h"
#include "core/notice.h"
#include "core/pushcert.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

#include <inttypes.h>
#include <string.h>

#define CANCELLED_FOR (60 * US_DAY) /* subscribers are told so long that a date is no more */

/* ---- the secret address ---- */

static const char *sealed_about(struct ctx *cx, struct slice hash) {
  return ctx_printf(cx, "calendar.secret_sealed %s", enc_hex(cx, hash.p, hash.n));
}

static enum err tell(struct ctx *cx, struct db *db, const char *kind, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "by", by);
  return event_add(cx, db, kind, NULL, data);
}

enum err calendar_new(struct ctx *cx, struct db *db, struct core *core, const char *by, struct calendar_address *out) {
  uint8_t hash[SHA256_LEN];
  struct slice sealed;
  int64_t former;
  *out = (struct calendar_address){
      .secret = secret_token(cx), .created_by = ctx_strdup(cx, by), .created_at = clock_now_us()};
  pki_sha256(hash, slice_of(out->secret));
  TRY(vault_seal(cx, core->vault, sealed_about(cx, slice_mem(hash, sizeof hash)), slice_of(out->secret), &sealed));
  TRY(calendar_secret_revoke(cx, db, out->created_at, &former));
  TRY(calendar_secret_add(cx, db, hash, sealed, out->created_at, by));
  return tell(cx, db, "calendar.created", by);
}

static enum err none(struct ctx *cx) {
  return FAIL(cx, E_NOT_FOUND, "the calendar has no address: `pomona pushcert calendar --new` makes one");
}

enum err calendar_revoke(struct ctx *cx, struct db *db, const char *by) {
  int64_t n;
  TRY(calendar_secret_revoke(cx, db, clock_now_us(), &n));
  return n ? tell(cx, db, "calendar.revoked", by) : none(cx);
}

enum err calendar_address(struct ctx *cx, struct db *db, struct core *core, struct calendar_address *out) {
  struct slice hash, sealed, secret;
  TRY(calendar_secret_row(cx, db, &hash, &sealed, out));
  if (!sealed.p) return none(cx);
  TRY(vault_unseal(cx, core->vault, sealed_about(cx, hash), sealed, &secret));
  out->secret = secret_in(cx, ctx_memdup(cx, secret.p, secret.n), secret.n);
  return OK;
}

enum err calendar_check(struct ctx *cx, struct db *db, struct slice secret) {
  uint8_t hash[SHA256_LEN];
  bool known;
  pki_sha256(hash, secret);
  TRY(calendar_secret_known(cx, db, hash, &known));
  return known ? OK : FAIL(cx, E_NOT_FOUND, "there is no such calendar");
}

/* ---- what a date is called and says ---- */

/* Of a push certificate one for each kind and topic, whatever its serial number: a renewal moves it. */
static char *uid_of(struct ctx *cx, const struct guardian_date *d) {
  uint8_t hash[SHA256_LEN];
  const char *what = d->topic ? ctx_printf(cx, "%s %s", d->kind, d->topic) : d->subject;
  pki_sha256(hash, slice_of(what));
  return ctx_printf(cx, "%s@pomona", enc_hex(cx, hash, 16));
}

static const char *or_not(const char *text) { return text && *text ? text : "not recorded"; }

static enum err portal_steps(struct ctx *cx, struct db *db, const char *topic, const struct pushcert_record *r,
                             const char **out) {
  struct pushcert c;
  TRY(pushcert_find(cx, db, topic, &c));
  *out = ctx_printf(cx,
                    "\n\nSerial number: %s\nTopic (UID): %s\nApple Account: %s\nOwner: %s\nDeputy: %s\n\n"
                    "1. On the server: `pomona pushcert csr --topic %s` makes the request.\n"
                    "2. Sign in at https://identity.apple.com/pushcert with this Apple Account.\n"
                    "3. On the row with this UID and serial number press Renew (never Create, never Revoke), and "
                    "upload the request.\n"
                    "4. Import what Apple gives at once: `pomona pushcert import FILE`.",
                    pushcert_serials(cx, c.serial_number), topic, or_not(r->apple_account), or_not(r->owner),
                    or_not(r->deputy), topic);
  return OK;
}

static void invite(struct ctx *cx, struct js *list, const char *name, const char *email) {
  struct js *o = js_object(cx);
  if (!email || !notice_is_address(slice_of(email))) return;
  js_set_string(o, "name", name && *name ? name : email);
  js_set_string(o, "email", email);
  js_add(list, o);
}

/* The account question is mailed by the guardian: only the renewals are appointments. */
static bool invites(const char *kind) { return strncmp(kind, "pushcert", strlen("pushcert")) == 0; }

static enum err event_of(struct ctx *cx, struct db *db, const struct guardian_date *d, struct calendar_event *out) {
  struct js *people = js_array(cx);
  struct pushcert_record r = {0};
  const char *steps = "";
  if (d->topic) TRY(pushcert_record_read(cx, db, d->topic, &r));
  if (d->topic) TRY(portal_steps(cx, db, d->topic, &r, &steps));
  const char *fix = invites(d->kind) ? NULL : d->fix; /* the steps say it */
  if (invites(d->kind)) {
    invite(cx, people, r.owner, r.owner_email);
    bool same = r.owner_email && r.deputy_email && strcasecmp(r.owner_email, r.deputy_email) == 0;
    if (!same) invite(cx, people, r.deputy, r.deputy_email);
  }
  *out =
      (struct calendar_event){.uid = uid_of(cx, d),
                              .kind = d->kind,
                              .topic = d->topic,
                              .summary = ctx_printf(cx, "%s %s", d->name, d->due ? "is due" : "ends"),
                              .text = ctx_printf(cx, "%s%s%s%s", d->effect, fix ? "\n\n" : "", fix ? fix : "", steps),
                              .attendees = js_text(cx, people, JS_COMPACT).p,
                              .at = d->at};
  return OK;
}

/* ---- the rows follow the dates ---- */

static struct calendar_event *find(struct calendar_event *all, size_t n, const char *uid) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].uid, uid) == 0) return &all[i];
  return NULL;
}

/* To move an appointment because a device enrolled would be a nuisance: of the text alone nobody is told. */
static bool moved(const struct calendar_event *was, const struct calendar_event *is) {
  return was->at != is->at || was->cancelled != is->cancelled || strcmp(was->summary, is->summary) != 0 ||
         strcmp(was->attendees, is->attendees) != 0;
}

struct change {
  struct calendar_event event;
  bool told; /* it is moved, new or cancelled: who is invited is told */
};
struct changes {
  struct change *all;
  size_t n;
  int64_t now;
};

static void compare(struct changes *c, const struct calendar_event *was, struct calendar_event is) {
  bool told = !was || moved(was, &is);
  is.changed_at = c->now;
  if (!was) c->all[c->n++] = (struct change){is, true};
  if (!was || (!told && strcmp(was->text, is.text) == 0)) return;
  is.sequence = was->sequence + told;
  c->all[c->n++] = (struct change){is, told};
}

static enum err find_changes(struct ctx *cx, struct db *db, struct core *core, struct changes *out) {
  struct guardian_date *dates;
  struct calendar_event *rows, *events;
  size_t dates_n, n, known = 0;
  TRY(guardian_dates(cx, db, core, &dates, &dates_n));
  TRY(calendar_events(cx, db, &rows, &n));
  events = ctx_alloc(cx, dates_n * sizeof *events);
  *out = (struct changes){.all = ctx_alloc(cx, (dates_n + n) * sizeof *out->all), .now = clock_now_us()};
  for (size_t i = 0; i < dates_n; i++) {
    TRY(event_of(cx, db, &dates[i], &events[known]));
    if (find(events, known, events[known].uid)) continue; /* of several of a kind and topic the soonest */
    compare(out, find(rows, n, events[known].uid), events[known]);
    known++;
  }
  for (size_t i = 0; i < n; i++) {
    struct calendar_event gone = rows[i];
    gone.cancelled = true;
    if (!find(events, known, rows[i].uid)) compare(out, &rows[i], gone);
  }
  return OK;
}

/* ---- invitations ---- */

static const char *addresses(struct ctx *cx, const char *attendees) {
  struct js *all;
  const char *list = "";
  if (js_parse(cx, slice_of(attendees), &all) != OK) return ctx_clear_error(cx), list;
  for (size_t i = 0; i < js_count(all); i++)
    list = ctx_printf(cx, "%s%s%s", list, *list ? "," : "", js_str(js_at(all, i), "email"));
  return list;
}

static enum err send_invitation(struct ctx *cx, struct db *db, struct core *core, const struct calendar_event *e) {
  struct calendar_form form = {.method = e->cancelled ? CALENDAR_CANCEL : CALENDAR_REQUEST};
  const char *to = addresses(cx, e->attendees);
  if (!*to || !core_conf(core)->smtp_url || (e->cancelled && e->sequence == 0)) return OK;
  TRY(notice_sender(cx, core_conf(core), &form.organizer));
  struct notice n = {.subject = ctx_printf(cx, "invitation %s", e->uid),
                     .step = ctx_printf(cx, "%" PRId64, e->sequence),
                     .kind = "calendar.invitation",
                     .title = ctx_printf(cx, "%s: %s on %.10s", e->cancelled ? "Cancelled" : "Invitation", e->summary,
                                         enc_time(cx, e->at)),
                     .text = e->text,
                     .attachment = calendar_render(cx, &form, e, 1).p,
                     .also_to = to};
  return notice_raise(cx, db, core, &n, NULL);
}

static enum err apply(struct ctx *cx, struct db *db, struct core *core, const struct changes *c) {
  for (size_t i = 0; i < c->n; i++) {
    TRY(calendar_event_save(cx, db, &c->all[i].event));
    if (c->all[i].told) TRY(send_invitation(cx, db, core, &c->all[i].event));
  }
  return calendar_events_forget(cx, db, c->now - CANCELLED_FOR);
}

enum err calendar_refresh(struct ctx *cx, struct db *db, struct core *core) {
  struct changes c;
  TRY(find_changes(cx, db, core, &c));
  return apply(cx, db, core, &c);
}

static enum err refresh_job(struct ctx *cx, struct db *db, void *arg) { return calendar_refresh(cx, db, arg); }

enum err calendar_chore(struct ctx *cx, struct core *core) {
  struct changes c;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(find_changes(cx, db, core, &c));
  return c.n ? db_call(cx, core->store, refresh_job, core) : OK;
}

/* ---- as text ---- */

enum err calendar_text(struct ctx *cx, struct db *db, struct core *core, const char *topic, struct calendar_text *out) {
  struct calendar_form form = {.name = topic ? NULL : ctx_printf(cx, "pomona: %s", core_conf(core)->organization)};
  struct calendar_event *all;
  size_t n, kept = 0;
  *out = (struct calendar_text){0};
  TRY(calendar_events(cx, db, &all, &n));
  if (topic) TRY(notice_sender(cx, core_conf(core), &form.organizer));
  for (size_t i = 0; i < n; i++) {
    if (topic && (all[i].cancelled || !all[i].topic || strcmp(all[i].topic, topic) != 0)) continue;
    if (all[i].changed_at > out->changed_at) out->changed_at = all[i].changed_at;
    all[kept++] = all[i];
  }
  out->text = calendar_render(cx, &form, all, kept);
  return OK;
}
