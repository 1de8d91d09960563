/* Notices: raised once, delivered to each recipient. */
#include "core/notice_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "lib/net_mail.h"

#include <string.h>

enum { RECIPIENTS_MAX = 50, DUE_MOST = 20, EARLY = 6, TITLE_MAX = 300, TEXT_MAX = 16384 };
#define PATIENCE (20 * US_SECOND)
#define GIVE_UP_AFTER US_DAY

/* ---- recipients ---- */

bool notice_is_address(struct slice s) {
  size_t at = 0;
  for (size_t i = 0; i < s.n; i++) {
    if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || strchr("<>()[]\\,;:\"", s.p[i])) return false;
    at += s.p[i] == '@';
  }
  return at == 1 && s.n <= 254 && s.p[0] != '@' && s.p[s.n - 1] != '@';
}

static bool is_among(const char *const *all, size_t n, const char *one) {
  for (size_t i = 0; i < n; i++)
    if (strcasecmp(all[i], one) == 0) return true;
  return false;
}

static void add_addresses(struct ctx *cx, const char *list, const char **all, size_t *n) {
  struct slice rest = slice_of(list), piece;
  while (*n < RECIPIENTS_MAX && slice_cut(&rest, ',', &piece)) {
    struct slice a = slice_trim(piece);
    const char *one = ctx_printf(cx, NOTICE_MAILTO "%.*s", (int)a.n, a.p);
    if (a.n && !notice_is_address(a))
      log_warn(cx, "no notices go there: it is no mail address", LOG_N("recipient", a));
    else if (a.n && !is_among(all, *n, one))
      all[(*n)++] = one;
  }
}

enum err notice_recipients(struct ctx *cx, const struct core *core, const char *also_to, const char ***out, size_t *n) {
  const struct core_conf *conf = core_conf(core);
  const char **all = ctx_alloc(cx, (RECIPIENTS_MAX + 1) * sizeof *all);
  *n = 0;
  if (conf->smtp_url) add_addresses(cx, conf->mail_to, all, n);
  if (conf->smtp_url) add_addresses(cx, also_to, all, n);
  if (core->notify_child) all[(*n)++] = NOTICE_COMMAND;
  *out = all;
  return OK;
}

/* ---- raising ---- */

/* A title is one line, and nobody's name may fill a screen. */
static const char *one_line(struct ctx *cx, const char *text) {
  char *line = ctx_printf(cx, "%.*s", TITLE_MAX, text);
  for (char *p = line; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f) *p = ' ';
  for (size_t n = strlen(line); n && !utf8_valid(slice_of(line)); n--) line[n - 1] = '\0'; /* cut within a letter */
  return line;
}

static enum err tell(struct ctx *cx, struct db *db, const struct notice *n) {
  struct js *data = js_object(cx);
  js_set_string(data, "subject", n->subject);
  js_set_string(data, "step", n->step);
  js_set_string(data, "title", n->title);
  js_set_string(data, "text", n->text);
  if (n->urgent)
    log_error(cx, n->title, LOG_S("subject", n->subject), LOG_S("step", n->step));
  else
    log_warn(cx, n->title, LOG_S("subject", n->subject), LOG_S("step", n->step));
  return event_add(cx, db, n->kind, NULL, data);
}

enum err notice_raise(struct ctx *cx, struct db *db, struct core *core, const struct notice *n, bool *new_one) {
  struct notice kept = *n;
  const char **recipients;
  size_t count;
  int64_t seq, now = clock_now_us();
  kept.title = one_line(cx, n->title);
  kept.text = ctx_printf(cx, "%.*s", TEXT_MAX, n->text);
  TRY(notice_add(cx, db, &kept, now, &seq));
  if (new_one) *new_one = seq != 0;
  if (seq == 0) return OK;
  TRY(notice_recipients(cx, core, n->also_to, &recipients, &count));
  for (size_t i = 0; i < count; i++) TRY(notice_delivery_add(cx, db, seq, recipients[i], now));
  return tell(cx, db, &kept);
}

/* ---- delivering ---- */

static enum err mail(struct ctx *cx, struct core *core, const struct notice_delivery *d) {
  const struct core_conf *conf = core_conf(core);
  struct net_mail m = {.url = conf->smtp_url,
                       .ca_file = conf->smtp_ca,
                       .to = d->recipient + strlen(NOTICE_MAILTO),
                       .timeout_us = PATIENCE,
                       .stop = &core->ending};
  if (!conf->smtp_url) return FAIL(cx, E_UNAVAILABLE, "smtp-url is not set any more");
  TRY(notice_sender(cx, conf, &m.from));
  TRY(notice_message(cx, conf, d, &m.message));
  return net_mail_send(cx, &m);
}

static enum err run_command(struct ctx *cx, struct core *core, const struct notice_delivery *d) {
  struct notice n = {.subject = d->subject, .step = d->step, .title = d->title, .text = d->text};
  if (!core->notify_child) return FAIL(cx, E_UNAVAILABLE, "notify-command is not set any more");
  return notify_child_run(cx, core->notify_child, &n, &core->ending);
}

static enum err deliver(struct ctx *cx, struct core *core, const struct notice_delivery *d) {
  return strcmp(d->recipient, NOTICE_COMMAND) == 0 ? run_command(cx, core, d) : mail(cx, core, d);
}

struct outcome {
  const struct notice_delivery *d;
  int64_t at, next_at;
  const char *error;
};

static enum err outcome_job(struct ctx *cx, struct db *db, void *arg) {
  const struct outcome *o = arg;
  return notice_delivered(cx, db, o->d, o->at, o->error, o->next_at);
}

static enum err claim_job(struct ctx *cx, struct db *db, void *arg) {
  const struct outcome *o = arg;
  return notice_claim(cx, db, o->d, o->next_at);
}

static enum err claim(struct ctx *cx, struct core *core, const struct notice_delivery *d, int64_t until) {
  return db_call(cx, core->store, claim_job, &(struct outcome){.d = d, .next_at = until});
}

/* After 1, 2, 4 … minutes, hourly at last. */
static int64_t next_attempt(const struct notice_delivery *d, int64_t now) {
  bool early = d->attempts < EARLY; /* a server that was off for a day may find its network not up yet */
  int64_t wait = early ? US_MINUTE << d->attempts : US_HOUR;
  return early || now + wait <= d->created_at + GIVE_UP_AFTER ? now + wait : 0;
}

static void tell_failure(struct ctx *cx, const struct outcome *o) {
  if (o->next_at)
    log_warn(cx, "a notice did not reach its recipient and is tried again", LOG_S("recipient", o->d->recipient),
             LOG_S("subject", o->d->subject), LOG_S("step", o->d->step), LOG_S("reason", o->error));
  else
    log_error(cx, "a notice was given up after a day", LOG_S("recipient", o->d->recipient),
              LOG_S("subject", o->d->subject), LOG_S("step", o->d->step), LOG_S("reason", o->error));
}

static enum err deliver_one(struct ctx *cx, struct core *core, const struct notice_delivery *d) {
  struct outcome o = {.d = d};
  int64_t begun = clock_now_us(), next = next_attempt(d, begun);
  /* What came of it may find no room on the disk: then it is not sent again and again. */
  TRY(claim(cx, core, d, next ? next : begun + US_HOUR));
  enum err e = deliver(cx, core, d);
  if (e == E_GONE) return claim(cx, core, d, begun); /* the server ends: the next one does it */
  o.at = clock_now_us();
  if (e != OK) {
    o.error = ctx_strdup(cx, *ctx_error_text(cx) ? ctx_error_text(cx) : err_text(e));
    o.next_at = next_attempt(d, o.at);
    ctx_clear_error(cx);
    tell_failure(cx, &o);
  }
  return db_call(cx, core->store, outcome_job, &o);
}

enum err notice_deliver_chore(struct ctx *cx, struct core *core) {
  struct db *db;
  struct notice_delivery *due;
  size_t n;
  (void)notify_child_alive(core->notify_child); /* its death is told early, not by the first notice that is lost */
  TRY(db_reader(cx, core->store, &db));
  TRY(notice_due(cx, db, clock_now_us(), DUE_MOST, &due, &n));
  for (size_t i = 0; i < n && !atomic_load(&core->ending); i++) TRY(deliver_one(cx, core, &due[i]));
  return OK;
}

/* ---- a test ---- */

enum err notice_test(struct ctx *cx, struct core *core, struct js **out) {
  const char **recipients;
  size_t n;
  *out = js_array(cx);
  const char *down = NULL; /* the mail server: it is not waited for once more */
  TRY(notice_recipients(cx, core, NULL, &recipients, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    bool command = strcmp(recipients[i], NOTICE_COMMAND) == 0;
    struct notice_delivery d = {
        .created_at = clock_now_us(),
        .recipient = ctx_strdup(cx, recipients[i]),
        .subject = "test",
        .step = "test",
        .title = "Test of pomona's notices",
        .text = ctx_printf(cx, "This is a test: notices of %s reach you.\n", core_conf(core)->public_url)};
    enum err e = down && !command ? FAIL(cx, E_UNREACHABLE, "%s", down) : deliver(cx, core, &d);
    const char *error = e == OK ? NULL : *ctx_error_text(cx) ? ctx_strdup(cx, ctx_error_text(cx)) : err_text(e);
    if (!command && (e == E_UNREACHABLE || e == E_TIMEOUT)) down = error;
    js_set_string(o, "recipient", d.recipient);
    js_set_bool(o, "ok", e == OK);
    js_set_string(o, "error", error);
    js_add(*out, o);
    ctx_clear_error(cx);
  }
  return OK;
}
