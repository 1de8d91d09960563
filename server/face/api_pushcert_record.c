/* /api/v1/pushcerts/record and /account: who stands behind a topic. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/notice.h"
#include "face/api_pushcert_int.h"

#include <stddef.h>
#include <string.h>

enum { TEXT_MOST = 500, NOTE_MOST = 4000, BODY_MOST = 64 * 1024 };

/* The members of a record that people tell, in the order in which they are asked for. */
enum field_kind { FIELD_TEXT, FIELD_NOTE, FIELD_MAIL, FIELD_KIND };
static const struct field {
  const char *name;
  size_t at;
  enum field_kind kind;
  bool sign_in; /* a change of it makes a confirmation void */
} fields[] = {
#define FIELD(name, kind, sign_in)                                                                                     \
  { #name, offsetof(struct pushcert_record, name), kind, sign_in }
    FIELD(apple_account, FIELD_TEXT, true),    FIELD(account_kind, FIELD_KIND, false),
    FIELD(second_factor, FIELD_TEXT, true),    FIELD(trusted_person_1, FIELD_TEXT, true),
    FIELD(trusted_person_2, FIELD_TEXT, true), FIELD(password_place, FIELD_TEXT, true),
    FIELD(owner, FIELD_TEXT, false),           FIELD(owner_email, FIELD_MAIL, false),
    FIELD(deputy, FIELD_TEXT, false),          FIELD(deputy_email, FIELD_MAIL, false),
    FIELD(organization, FIELD_TEXT, false),    FIELD(address, FIELD_TEXT, false),
    FIELD(web_site, FIELD_TEXT, false),        FIELD(note, FIELD_NOTE, false),
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof *fields };
#define FIELD_WORDS                                                                                                    \
  "apple_account:text account_kind:text second_factor:text trusted_person_1:text trusted_person_2:text "               \
  "password_place:text owner:text owner_email:text deputy:text deputy_email:text organization:text address:text "      \
  "web_site:text note:text"

static const char **field_of(struct pushcert_record *r, const struct field *f) {
  return (const char **)((char *)r + f->at);
}

/* ---- told ---- */

struct js *api_record_warnings(struct ctx *cx, const struct pushcert_record *r) {
  struct pushcert_warning *all;
  size_t n;
  struct js *list = js_array(cx);
  if (pushcert_record_warnings(cx, r, &all, &n) != OK) return list;
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "slug", all[i].slug);
    js_set_string(o, "text", all[i].text);
    js_add(list, o);
  }
  return list;
}

enum err api_record(struct ctx *cx, struct db *db, const char *topic, struct js **out) {
  struct pushcert_record r;
  bool guessed;
  TRY(pushcert_record_read(cx, db, topic, &r));
  *out = js_object(cx);
  js_set_string(*out, "topic", r.topic);
  for (size_t i = 0; i < FIELDS; i++) js_set_string(*out, fields[i].name, *field_of(&r, &fields[i]));
  js_set_string(*out, "account_looks", pushcert_account_kind(&r, &guessed));
  js_set_time(*out, "confirmed_at", r.confirmed_at);
  js_set_string(*out, "confirmed_by", r.confirmed_by);
  js_set_int(*out, "plan_every_days", r.plan_every_us / US_DAY);
  js_set_string(*out, "plan_on", r.plan_on);
  js_set_time(*out, "updated_at", r.updated_at);
  js_set_string(*out, "updated_by", r.updated_by);
  js_set_string(*out, "people", pushcert_people(cx, &r));
  js_set(*out, "warnings", api_record_warnings(cx, &r));
  return OK;
}

enum err api_topic(struct http_req *rq, struct db *db, const char *given, const char **out) {
  struct slice asked = http_query(rq, "topic");
  TRY(pushcert_topic_meant(http_cx(rq), db, given ? given : asked.n ? asked.p : NULL, out));
  route_log(rq, "topic", *out);
  return OK;
}

static enum err fill_record(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  const char *topic;
  struct js *record;
  TRY(db_reader(cx, core->store, &db));
  TRY(api_topic(rq, db, NULL, &topic));
  TRY(api_record(cx, db, topic, &record));
  js_set(body, "record", record);
  return OK;
}

static void show(struct http_req *rq, struct core *core) { api_answer(rq, core, fill_record); }

/* ---- told to us ---- */

/* It goes into headers of mails and addresses of invitations: what would not be mailed to must not be recorded. */
static bool is_mail(const char *text) { return notice_is_address(slice_of(text)) && !strpbrk(text, "%?#&/"); }

static enum err check_field(struct ctx *cx, const struct field *f, const char *text) {
  size_t most = f->kind == FIELD_NOTE ? NOTE_MOST : TEXT_MOST;
  static const char *const kinds[] = {"personal", "organization", "managed"};
  if (strlen(text) > most) return FAIL(cx, E_INVALID, "%s has at most %zu bytes", f->name, most);
  if (!text_is_plain(slice_of(text))) return FAIL(cx, E_INVALID, "%s is one line of plain text", f->name);
  if (f->kind == FIELD_MAIL && !is_mail(text)) return FAIL(cx, E_INVALID, "%s is no mail address: %s", f->name, text);
  if (f->kind != FIELD_KIND) return OK;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(text, kinds[i]) == 0) return OK;
  return FAIL(cx, E_INVALID, "%s is personal, organization or managed", f->name);
}

struct edit {
  struct core *core;
  struct js *body;
  const char *topic, *by, *seen; /* seen: updated_at of the record that the editor saw; NULL: not told */
  bool confirm;
  struct js *answer;
};

/* Absent stays; null or "" clears. *sign_in: what a confirmation was of has changed. */
static enum err merge(struct ctx *cx, struct js *body, struct pushcert_record *r, bool *sign_in) {
  for (size_t i = 0; i < FIELDS; i++) {
    struct js *n = js_get(body, fields[i].name);
    const char **field = field_of(r, &fields[i]), *text = js_string(n);
    if (!n) continue;
    if (!text && !js_is_null(n)) return FAIL(cx, E_INVALID, "%s is no string", fields[i].name);
    if (text && !*text) text = NULL;
    if (text) TRY(check_field(cx, &fields[i], text));
    bool same = text && *field ? strcmp(text, *field) == 0 : !text && !*field;
    if (!same && fields[i].sign_in) *sign_in = true;
    *field = text;
  }
  return OK;
}

const char *api_seen_of(struct js *body) {
  struct js *seen = js_get(body, "updated_at");
  return !seen ? NULL : js_string(seen) ? js_string(seen) : "";
}

enum err api_seen(struct ctx *cx, const char *what, int64_t updated_at, const char *updated_by, const char *seen) {
  int64_t at = 0;
  if (!seen) return OK;
  if (*seen && !dec_time(slice_of(seen), &at)) return FAIL(cx, E_INVALID, "updated_at is no time of a former answer");
  if (at / US_SECOND == updated_at / US_SECOND) return OK;
  return FAIL(cx, E_CONFLICT, "the %s was changed by %s on %s meanwhile: look at it again, then change it", what,
              updated_by ? updated_by : "nobody", enc_time(cx, updated_at));
}

int64_t api_stamp(int64_t former) {
  int64_t now = clock_now_us(), next = (former / US_SECOND + 1) * US_SECOND;
  return former && now < next ? next : now;
}

static bool differs(const char *a, const char *b) { return a && b ? strcmp(a, b) != 0 : a != b; }

static enum err note_account(struct ctx *cx, struct db *db, const struct edit *edit, const char *act, const char *from,
                             const char *to) {
  struct js *detail = js_object(cx);
  js_set_string(detail, "from", from);
  js_set_string(detail, "to", to);
  return pushcert_history_add(cx, db, edit->topic, 0, act, edit->by, detail);
}

static enum err note_confirmed(struct ctx *cx, struct db *db, const struct edit *edit, const char *account) {
  struct js *detail = js_object(cx);
  js_set_string(detail, "apple_account", account);
  return pushcert_history_add(cx, db, edit->topic, 0, "confirmed", edit->by, detail);
}

static void confirm(struct pushcert_record *r, const struct edit *edit, bool sign_in) {
  if (!edit->confirm && !sign_in) return;
  r->confirmed_at = edit->confirm ? clock_now_us() : 0;
  r->confirmed_by = edit->confirm ? edit->by : NULL;
}

static enum err edit_job(struct ctx *cx, struct db *db, void *arg) {
  struct edit *edit = arg;
  struct pushcert_record r;
  bool sign_in = false;
  TRY(pushcert_record_read(cx, db, edit->topic, &r));
  TRY(api_seen(cx, "record", r.updated_at, r.updated_by, edit->seen));
  const char *account = r.apple_account;
  TRY(merge(cx, edit->body, &r, &sign_in));
  if (edit->confirm && !r.apple_account)
    return FAIL(cx, E_INVALID, "there is no Apple Account in the record to confirm: give apple_account");
  confirm(&r, edit, sign_in);
  r.updated_at = api_stamp(r.updated_at);
  r.updated_by = edit->by;
  TRY(pushcert_record_write(cx, db, &r));
  if (differs(account, r.apple_account)) TRY(note_account(cx, db, edit, "account-recorded", account, r.apple_account));
  if (edit->confirm) TRY(note_confirmed(cx, db, edit, r.apple_account));
  return api_record(cx, db, edit->topic, &edit->answer);
}

static enum err read_topic(struct http_req *rq, struct edit *edit) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  const char *given = NULL;
  TRY(api_string(cx, edit->body, "topic", &given));
  TRY(db_reader(cx, edit->core->store, &db));
  return api_topic(rq, db, given, &edit->topic);
}

static enum err read_edit(struct http_req *rq, struct core *core, struct edit *edit) {
  struct ctx *cx = http_cx(rq);
  *edit = (struct edit){.core = core, .by = route_who(rq)};
  TRY(api_object(rq, &edit->body));
  TRY(api_bool(cx, edit->body, "confirm", &edit->confirm));
  edit->seen = api_seen_of(edit->body);
  return read_topic(rq, edit);
}

static void edited(struct http_req *rq, void *arg, enum err e) {
  const struct edit *edit = arg;
  struct js *body = js_object(http_cx(rq));
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  js_set(body, "record", edit->answer);
  reply_json(rq, 200, body);
}

static void put(struct http_req *rq, struct core *core) {
  struct edit *edit = ctx_alloc(http_cx(rq), sizeof *edit);
  enum err e = read_edit(rq, core, edit);
  if (e == OK)
    route_write(rq, core, edit_job, edit, edited);
  else
    reply_error(rq, e);
}

/* ---- another address of the account ---- */

struct move {
  struct edit edit;
  const char *to;
  bool done;
};

static enum err read_move(struct http_req *rq, struct core *core, struct move *m) {
  struct ctx *cx = http_cx(rq);
  *m = (struct move){.edit = {.core = core, .by = route_who(rq)}};
  TRY(api_object(rq, &m->edit.body));
  TRY(api_string(cx, m->edit.body, "to", &m->to));
  TRY(api_bool(cx, m->edit.body, "done", &m->done));
  m->edit.seen = api_seen_of(m->edit.body);
  if (!m->to || !*m->to) return FAIL(cx, E_INVALID, "\"to\" is the new address of the Apple Account");
  static const struct field address = {.name = "to", .kind = FIELD_MAIL};
  TRY(check_field(cx, &address, m->to));
  return read_topic(rq, &m->edit);
}

/* What is known of the former address does not hold for the new one: its kind, and that people can sign in. */
static void set_account(struct pushcert_record *r, const struct move *m) {
  r->apple_account = m->to;
  r->account_kind = NULL;
  r->confirmed_at = 0;
  r->confirmed_by = NULL;
  r->updated_at = api_stamp(r->updated_at);
  r->updated_by = m->edit.by;
}

static enum err check_move(struct ctx *cx, const struct pushcert_record *r, const char *to) {
  if (!r->apple_account)
    return FAIL(cx, E_CONFLICT,
                "the Apple Account as it is now is not recorded: `pomona pushcert record --apple-account ADDRESS`");
  if (strcmp(r->apple_account, to) == 0) return FAIL(cx, E_CONFLICT, "%s is the recorded address already", to);
  return OK;
}

static enum err move_job(struct ctx *cx, struct db *db, void *arg) {
  struct move *m = arg;
  struct pushcert_record r;
  TRY(pushcert_record_read(cx, db, m->edit.topic, &r));
  TRY(api_seen(cx, "record", r.updated_at, r.updated_by, m->edit.seen));
  TRY(check_move(cx, &r, m->to));
  const char *from = r.apple_account;
  struct js *steps = m->done ? js_array(cx) : api_account_steps(cx, &r, m->to);
  TRY(note_account(cx, db, &m->edit, m->done ? "account-changed" : "account-change-planned", from, m->to));
  if (m->done) {
    set_account(&r, m);
    TRY(pushcert_record_write(cx, db, &r));
  }
  struct js *record;
  TRY(api_record(cx, db, m->edit.topic, &record));
  m->edit.answer = js_object(cx);
  js_set_string(m->edit.answer, "from", from);
  js_set_string(m->edit.answer, "to", m->to);
  js_set(m->edit.answer, "steps", steps);
  js_set(m->edit.answer, "record", record);
  return OK;
}

static void moved(struct http_req *rq, void *arg, enum err e) {
  const struct move *m = arg;
  if (e == OK)
    reply_json(rq, 200, m->edit.answer);
  else
    reply_error(rq, e);
}

static void change_account(struct http_req *rq, struct core *core) {
  struct move *m = ctx_alloc(http_cx(rq), sizeof *m);
  enum err e = read_move(rq, core, m);
  if (e == OK)
    route_write(rq, core, move_job, m, moved);
  else
    reply_error(rq, e);
}

const struct route pushcert_record_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/pushcerts/record",
     .query = "topic:text",
     .run = show,
     .summary = "Who stands behind the topic (?topic=; may be left out when there is one), and what is wrong with it."},
    {.method = "PUT",
     .pattern = "/api/v1/pushcerts/record",
     .body = "topic:text confirm:bool updated_at:time " FIELD_WORDS,
     .query = "topic:text",
     .run = put,
     .body_max = BODY_MOST,
     .summary = "Changes members of a topic's record; null or \"\" clears one. \"confirm\": true says that two people "
                "can still sign in to the Apple Account. \"updated_at\" of the record that was looked at: 409 when it "
                "was changed since."},
    {.method = "POST",
     .pattern = "/api/v1/pushcerts/account",
     .body = "topic:text to:text done:bool updated_at:time",
     .run = change_account,
     .body_max = BODY_MOST,
     .summary = "The Apple Account gets another address: {\"to\"} notes the plan and gives Apple's steps, with "
                "\"done\": true the record has the new address. The topic stays. \"updated_at\" as with the "
                "record."},
    {.method = NULL},
};
