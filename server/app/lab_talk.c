/* How a simulated device talks to the server: enrollment, sessions, leaving. */
#include "app/lab_device.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "lib/net_addr.h"
#include "lib/pki_cms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US (2 * US_SECOND) /* until a device that said NotNow, or restarts, comes by itself */
enum { COMMANDS_MOST = 10000 };  /* in one session: a server that has always more is at fault */

static const char checkin_type[] = "Content-Type: application/x-apple-aspen-mdm-checkin";
static const char report_type[] = "Content-Type: application/x-apple-aspen-mdm; charset=UTF-8";

static void tell(const struct lab_way *way, const struct lab_device *d, const char *what, const char *detail) {
  if (way->tell) way->tell(way->tell_arg, d, d->channels, what, detail);
}

static void note(const struct lab_way *way, const char *what, const struct lab_device *d, const struct lab_channel *c,
                 const struct lab_report *report) {
  char id[LAB_ID_MAX];
  lab_id(id, d, c);
  if (way->note) way->note(way->note_arg, what, id, report);
}

/* ---- clients ---- */
static bool is_loopback(const char *link) {
  struct ctx *cx = ctx_new();
  struct url url;
  struct addr at;
  bool yes = url_parse(cx, &url, link) == OK;
  if (yes && strcmp(url.host, "localhost") != 0)
    yes = addr_parse(cx, &at, ctx_printf(cx, strchr(url.host, ':') ? "[%s]:%d" : "%s:%d", url.host, url.port)) == OK &&
          addr_is_loopback(&at);
  ctx_free(cx);
  return yes;
}

bool lab_trusts_blindly(const struct lab_way *way, const char *link) {
  return !way->ca_file && slice_istarts(slice_of(link), "https://") && is_loopback(link);
}

/* With a root from the profile nothing else is trusted. */
struct nh_conf lab_trust(const struct lab_way *way, const char *url, struct slice root_pem) {
  return (struct nh_conf){.ca_file = root_pem.n ? NULL : way->ca_file,
                          .ca_pem = root_pem,
                          .no_verify = !root_pem.n && lab_trusts_blindly(way, url)};
}

struct line { /* a device's connection to the server */
  struct nh *client;
  struct lab_device *device;
  const struct lab_way *way;
  bool sign;
};

static enum err line_open(struct ctx *cx, struct line *out, struct lab_device *d, const struct lab_way *way) {
  struct nh_conf conf = lab_trust(way, d->profile.server_url, d->profile.root_pem);
  *out = (struct line){.device = d, .way = way};
  out->sign = d->proof == LAB_PROOF_SIGNATURE || (d->proof == LAB_PROOF_DEVICE && d->profile.sign_message);
  if (d->proof != LAB_PROOF_SIGNATURE) {
    conf.cert_pem = d->identity_pem;
    conf.key_pem = d->key->pem;
  }
  return nh_new(cx, &out->client, &conf);
}

static enum err signature(struct ctx *cx, const char **header, const struct lab_device *d, struct slice body) {
  struct slice der;
  TRY(pki_cms_sign_detached(cx, &der, body, d->identity, d->key->key));
  *header = ctx_printf(cx, "Mdm-Signature: %s", enc_base64(cx, der.p, der.n));
  return OK;
}

static enum err put(struct ctx *cx, const struct line *line, const char *url, const char *type, struct slice body,
                    struct nh_reply *reply) {
  const char *headers[3] = {type, NULL, NULL};
  if (line->sign) TRY(signature(cx, &headers[1], line->device, body));
  struct nh_req rq = {.method = "PUT", .url = url, .headers = headers, .body = body};
  return nh_do(cx, line->client, &rq, reply);
}

/* What devices understand as "you are not managed any more". */
static bool unenrolls(const struct nh_reply *reply) {
  static const char code[] = "com.apple.unrecognized.device";
  return reply->status == 401 ||
         (reply->status == 403 && reply->body.n && memmem(reply->body.p, reply->body.n, code, sizeof code - 1));
}

static enum err judge(struct ctx *cx, const struct line *line, const struct nh_reply *reply, const char *what) {
  if (reply->status >= 200 && reply->status < 300) return OK;
  if (!unenrolls(reply)) return FAIL(cx, E_REFUSED, "%s was answered with %d", what, reply->status);
  lab_device_forget(line->device);
  line->device->phase = LAB_GONE;
  tell(line->way, line->device, "unenrolled", "the server does not know this device any more");
  return FAIL(cx, E_REFUSED, "%s was answered with %d: the device has unenrolled", what, reply->status);
}

static enum err check_in(struct ctx *cx, const struct line *line, const char *what, struct slice message) {
  struct nh_reply reply;
  TRY(put(cx, line, line->device->profile.checkin_url, checkin_type, message, &reply));
  return judge(cx, line, &reply, what);
}

/* ---- enrollment ---- */
static enum err fetch(struct ctx *cx, struct lab_profile *out, const struct lab_way *way, const char *link) {
  struct nh_conf conf = lab_trust(way, link, (struct slice){0});
  struct nh *client;
  struct nh_reply reply;
  struct nh_req rq = {.method = "GET", .url = link};
  TRY(nh_new(cx, &client, &conf));
  enum err e = nh_do(cx, client, &rq, &reply);
  nh_free(client);
  if (e != OK) return e;
  if (reply.status != 200) return FAIL(cx, E_REFUSED, "the link was answered with %d", reply.status);
  return lab_profile_read(cx, out, reply.body);
}

enum err lab_identity(struct ctx *cx, struct pki_cert **out, const struct lab_device *d,
                      const struct lab_profile *profile, const struct lab_way *way) {
  struct nh_conf conf = lab_trust(way, profile->scep_url, profile->root_pem);
  struct nh *client;
  TRY(nh_new(cx, &client, &conf));
  enum err e = lab_scep(cx, out, profile, client, d->key->key, profile->challenge ? NULL : d->identity);
  nh_free(client);
  return e;
}

static struct slice copy(struct ctx *cx, struct slice s) { return slice_mem(ctx_memdup(cx, s.p, s.n), s.n); }

/* What the device keeps of the profile; the challenge is used up. */
void lab_device_replace(struct lab_device *d, const struct lab_profile *p, const struct pki_cert *identity) {
  struct ctx *own = ctx_new(), *before = d->cx;
  d->cx = own;
  d->profile = (struct lab_profile){.identifier = ctx_strdup(own, p->identifier),
                                    .uuid = ctx_strdup(own, p->uuid),
                                    .scep_url = ctx_strdup(own, p->scep_url),
                                    .scep_name = ctx_strdup(own, p->scep_name),
                                    .subject_cn = ctx_strdup(own, p->subject_cn),
                                    .ca_fingerprint = copy(own, p->ca_fingerprint),
                                    .server_url = ctx_strdup(own, p->server_url),
                                    .checkin_url = ctx_strdup(own, p->checkin_url),
                                    .topic = ctx_strdup(own, p->topic),
                                    .root_pem = copy(own, p->root_pem),
                                    .entry = copy(own, p->entry),
                                    .rights = p->rights,
                                    .sign_message = p->sign_message,
                                    .check_out = p->check_out};
  if (pki_cert_parse(own, &d->identity, pki_cert_der(identity)) != OK) abort(); /* it was parsed before */
  d->identity_pem = pki_cert_pem(own, d->identity);
  ctx_free(before);
}

void lab_device_adopt(struct lab_device *d, const struct lab_profile *p, const struct pki_cert *identity) {
  lab_device_forget(d);
  lab_device_replace(d, p, identity);
}

static enum err update_token(struct ctx *cx, const struct line *line, const struct lab_channel *c) {
  struct lab_device *d = line->device;
  TRY(check_in(cx, line, "TokenUpdate", lab_token_update(cx, d, c)));
  if (c == d->channels) d->phase = LAB_ENROLLED;
  if (line->way->tell) line->way->tell(line->way->tell_arg, d, c, "enrolled", NULL);
  note(line->way, "enrolled", d, c, NULL);
  return OK;
}

/* The device's TokenUpdate, and those of its users after it. On every second Mac they overtake it, as both race. */
static enum err update_tokens(struct ctx *cx, const struct line *line) {
  struct lab_device *d = line->device;
  bool overtake = d->platform->os == MAC && d->channels[0].token[0] & 1;
  for (size_t i = 0; i < d->channels_n; i++) {
    size_t at = overtake ? d->channels_n - 1 - i : i;
    TRY(update_token(cx, line, &d->channels[at]));
  }
  return OK;
}

static enum err present(struct ctx *cx, struct lab_device *d, const struct lab_way *way) {
  struct line line;
  TRY(line_open(cx, &line, d, way));
  enum err e = check_in(cx, &line, "Authenticate", lab_authenticate(cx, d));
  if (e == OK) {
    d->phase = LAB_AUTHENTICATED;
    tell(way, d, "authenticated", NULL);
  }
  if (e == OK && !way->only_authenticate) e = update_tokens(cx, &line);
  nh_free(line.client);
  return e;
}

enum err lab_enroll(struct ctx *cx, struct lab_device *d, const struct lab_way *way, const char *link) {
  struct lab_profile profile;
  struct pki_cert *identity;
  TRY(fetch(cx, &profile, way, link));
  tell(way, d, "has its profile", profile.server_url);
  TRY(lab_identity(cx, &identity, d, &profile, way));
  tell(way, d, "has its identity", pki_cert_issuer(cx, identity));
  lab_device_adopt(d, &profile, identity);
  for (size_t i = 0; i < d->channels_n; i++) {
    secret_random(d->channels[i].token, sizeof d->channels[i].token);
    uuid_new(d->channels[i].magic);
  }
  enum err e = present(cx, d, way);
  if (e != OK) lab_device_forget(d); /* a failed installation leaves nothing behind */
  return e;
}

/* ---- leaving ---- */

/* On every second device the users leave before it. */
static enum err check_out(struct ctx *cx, const struct line *line) {
  struct lab_device *d = line->device;
  for (size_t i = d->channels_n - 1; i > 0 && d->channels[0].token[1] & 1; i--)
    TRY(check_in(cx, line, "CheckOut", lab_check_out(cx, d, &d->channels[i])));
  return check_in(cx, line, "CheckOut", lab_check_out(cx, d, d->channels));
}

enum err lab_leave(struct ctx *cx, struct lab_device *d, const struct lab_way *way) {
  struct line line;
  if (d->phase != LAB_ENROLLED) return OK;
  TRY(line_open(cx, &line, d, way));
  enum err e = check_out(cx, &line);
  nh_free(line.client);
  lab_device_forget(d); /* whatever the answer */
  d->phase = LAB_GONE;
  tell(way, d, "checked out", NULL);
  if (e == OK) note(way, "left", d, d->channels, NULL);
  return e;
}

/* ---- sessions ---- */
struct session {
  struct line line;
  struct lab_channel *channel;
  struct lab_session *out;
  struct slice body;        /* to be sent next: lives in cx or in the channel's `unsent` */
  struct lab_report report; /* what is being sent, when it is no Idle */
};

static void tell_of(const struct session *s, const char *what, const char *detail) {
  const struct lab_way *way = s->line.way;
  if (way->tell) way->tell(way->tell_arg, s->line.device, s->channel, what, detail);
}

/* A report that does not get through is kept. */
static void keep_unsent(struct lab_unsent *u, const struct lab_report *r) {
  struct buf kept = {0};
  if (u->body.p == r->body.p) return; /* it was kept before */
  buf_add_slice(&kept, r->body);
  buf_free(&u->body);
  u->body = kept;
  u->status = r->status;
  u->effect = r->effect;
  snprintf(u->uuid, sizeof u->uuid, "%s", r->uuid);
  snprintf(u->request_type, sizeof u->request_type, "%s", r->request_type);
}

static struct lab_report kept_report(const struct lab_unsent *u) {
  return (struct lab_report){u->uuid, u->request_type, u->status, u->effect, buf_slice(&u->body)};
}

/* One request. */
static enum err exchange(struct ctx *cx, struct session *s, struct nh_reply *reply) {
  struct lab_device *d = s->line.device;
  struct lab_channel *c = s->channel;
  bool is_report = s->report.body.n;
  enum err e = put(cx, &s->line, d->profile.server_url, report_type, s->body, reply);
  if (e == OK) e = judge(cx, &s->line, reply, is_report ? "a report" : "Idle");
  if (is_report) note(s->line.way, e == OK ? "taken" : "lost", d, c, &s->report);
  if (e != OK && is_report && d->phase == LAB_ENROLLED) keep_unsent(&c->unsent, &s->report);
  if (e == OK && is_report) {
    tell_of(s, s->report.status, s->report.request_type);
    buf_clear(&c->unsent.body);
  }
  return e;
}

/* What the command did to the device, after its report was taken. True when the session ends with it. */
static bool take_effect(struct ctx *cx, struct session *s) {
  struct lab_device *d = s->line.device;
  switch (s->report.effect) {
  case LAB_NO_EFFECT:
    return false;
  case LAB_RESTARTS:
    s->out->again_us = AGAIN_US;
    tell(s->line.way, d, "restarts", NULL);
    return true;
  case LAB_SHUTS_DOWN:
    s->out->off = true;
    tell(s->line.way, d, "shuts down", NULL);
    return true;
  case LAB_ERASES:
    lab_device_forget(d);
    d->phase = LAB_GONE;
    d->erased = true;
    tell(s->line.way, d, "is erased", NULL);
    note(s->line.way, "erased", d, s->channel, NULL);
    return true;
  case LAB_UNENROLLS:
    if (lab_leave(cx, d, s->line.way) != OK) ctx_clear_error(cx); /* sent once, best effort */
    return true;
  }
  return true;
}

/* The device has a new identity: its next request is made with that. */
static enum err come_anew(struct ctx *cx, struct session *s) {
  struct lab_device *d = s->line.device;
  tell(s->line.way, d, "has a new identity", NULL);
  nh_free(s->line.client);
  return line_open(cx, &s->line, d, s->line.way);
}

/* The next command, or the end of the session. */
static enum err step(struct ctx *cx, struct session *s, bool *done) {
  struct lab_device *d = s->line.device;
  struct nh_reply reply;
  TRY(exchange(cx, s, &reply));
  *done = take_effect(cx, s);
  if (*done) return OK;
  *done = reply.body.n == 0;
  s->out->again_us = s->report.status && strcmp(s->report.status, "NotNow") == 0 ? AGAIN_US : 0;
  if (*done) return OK;
  const struct pki_cert *identity = d->identity;
  TRY(lab_answer(cx, d, s->channel, reply.body, &s->report));
  if (d->identity != identity) TRY(come_anew(cx, s));
  s->out->commands++;
  tell_of(s, "is given", s->report.request_type);
  note(s->line.way, "given", d, s->channel, &s->report);
  s->body = s->report.body;
  *done = s->body.n == 0; /* silence: swallowed, or the device vanishes */
  if (*done) (void)take_effect(cx, s);
  return OK;
}

enum err lab_session(struct ctx *cx, struct lab_device *d, struct lab_channel *c, const struct lab_way *way,
                     struct lab_session *out) {
  struct session s = {.out = out, .channel = c};
  bool done = false;
  *out = (struct lab_session){0};
  TRY(line_open(cx, &s.line, d, way));
  d->way = way;
  if (c->unsent.body.n) s.report = kept_report(&c->unsent);
  s.body = s.report.body.n ? s.report.body : lab_idle(cx, d, c);
  tell_of(&s, "connects", NULL);
  enum err e = OK;
  while (e == OK && !done) {
    if (out->commands > COMMANDS_MOST) e = FAIL(cx, E_INVALID, "more than %d commands in one session", COMMANDS_MOST);
    if (e == OK) e = step(cx, &s, &done);
  }
  nh_free(s.line.client);
  if (e == OK && d->phase == LAB_ENROLLED) lab_fetch_packages(cx, d, c, way);
  d->way = NULL;
  return e;
}
