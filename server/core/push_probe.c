/* What Apple says of a certificate: one push to a token that no device has, over a connection of its own. */
#include "core/push_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/pushcert.h"
#include "lib/net_addr.h"
#include "lib/net_proxy.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define LOOK (US_SECOND / 10) /* at core->ending */
#define CHORE_TIMEOUT (15 * US_SECOND)

struct probe {
  struct ctx *cx;
  struct core *core;
  const char *topic; /* NULL: only the way is tried */
  struct url url;
  struct proxy proxy; /* host NULL: none */
  struct tls_client *tls;
  struct h2 *h2;
  int64_t until; /* monotonic */
  bool done, ready;
  struct push_probe *out;
};

static void found(struct probe *p, enum push_proof proof, enum push_trouble trouble, const char *text) {
  if (p->done) return; /* the first word is the cause */
  p->done = true;
  p->out->proof = proof;
  p->out->trouble = trouble;
  snprintf(p->out->text, sizeof p->out->text, "%s", text);
}

/* ---- what is heard ---- */

/* Whose fault an answer is tells whether Apple took the certificate: it speaks of a device only to whom it knows. */
static const struct {
  enum push_proof proof;
  enum push_trouble trouble;
} meanings[] = {
    [APNS_BY_NOBODY] = {PUSH_PROVEN, PUSH_UP},
    [APNS_BY_DEVICE] = {PUSH_PROVEN, PUSH_UP},
    [APNS_BY_CERTIFICATE] = {PUSH_PROOF_REFUSED, PUSH_UP},
    [APNS_BY_NETWORK] = {PUSH_UNREACHABLE, PUSH_ISSUER},
    [APNS_BY_APPLE] = {PUSH_UNREACHABLE, PUSH_SERVER},
    [APNS_BY_US] = {PUSH_UNREACHABLE, PUSH_UP},
};

static void told(struct probe *p, int status, const char *reason) {
  const struct apns_reason *r = apns_reason(status, reason);
  static const char *const starts[] = {[PUSH_PROVEN] = "Apple takes the certificate",
                                       [PUSH_PROOF_REFUSED] = "Apple refuses the certificate",
                                       [PUSH_UNREACHABLE] = "Apple said nothing of the certificate"};
  enum push_proof proof = meanings[r->who].proof;
  if (!r->name[0] && status != 200 && proof != PUSH_UNREACHABLE) proof = PUSH_UNREACHABLE; /* not in so many words */
  if (proof == PUSH_PROOF_REFUSED) snprintf(p->out->reason, sizeof p->out->reason, "%s", r->name);
  found(p, proof, meanings[r->who].trouble,
        ctx_printf(p->cx, "%s: %s (%d%s%s)", starts[proof], proof == PUSH_PROVEN ? "a probe was answered" : r->text,
                   status, reason[0] ? " " : "", reason));
}

static void on_response(void *arg, void *tag, const struct h2_response *r) {
  struct probe *p = arg;
  (void)tag;
  if (r->status == 0) return; /* the end of the connection, or the deadline, tells why */
  p->out->status = r->status;
  if (!dec_http_date(r->date, &p->out->date)) p->out->date = 0;
  told(p, r->status, apns_said(p->cx, r->body).reason);
}

static void on_ready(void *arg) {
  struct probe *p = arg;
  p->ready = true;
  if (!p->topic) found(p, PUSH_UNREACHABLE, PUSH_UP, "the way is open");
}

static void on_goaway(void *arg, uint32_t code, struct slice debug) {
  struct probe *p = arg;
  (void)code;
  const struct apns_reason *r = apns_named(apns_said(p->cx, debug).reason);
  if (r) told(p, r->status, r->name);
}

static void on_closed(void *arg, enum err e, const char *reason) {
  struct probe *p = arg;
  (void)e;
  enum push_trouble t = apns_trouble(p->h2);
  p->out->alert = h2_alert(p->h2);
  p->out->proxy_status = h2_proxy_status(p->h2);
  found(p, t == PUSH_ALERT && p->topic ? PUSH_PROOF_REFUSED : PUSH_UNREACHABLE, t == PUSH_UP ? PUSH_HTTP2 : t, reason);
}

/* ---- asking ---- */

static enum err ask(struct probe *p) {
  const struct h2_header headers[] = {
      {"apns-topic", p->topic}, {"apns-push-type", "mdm"}, {"apns-priority", "10"}, {"apns-expiration", "0"}};
  return h2_submit(p->cx, p->h2, "/3/device/" ZEROS, headers, sizeof headers / sizeof *headers,
                   slice_of("{\"mdm\":\"probe\"}"), NULL);
}

static enum err converse(struct probe *p) {
  bool asked = p->topic == NULL;
  for (int64_t now; !p->done && !h2_is_closed(p->h2) && (now = clock_mono_us()) < p->until;) {
    if (atomic_load(&p->core->ending)) return FAIL(p->cx, E_GONE, "the server is ending");
    int64_t at = now + LOOK, deadline = h2_next_deadline(p->h2);
    if (deadline && deadline < at) at = deadline;
    struct pollfd fd = {.fd = h2_fd(p->h2), .events = h2_events(p->h2)};
    if (poll(&fd, 1, at <= now ? 0 : (int)((at - now + 999) / 1000)) < 0) fd.revents = 0;
    h2_io(p->h2, fd.revents);
    if (asked || !p->ready || !h2_usable(p->h2) || !h2_room(p->h2)) continue;
    TRY(ask(p));
    asked = true;
    h2_io(p->h2, 0);
  }
  h2_shutdown(p->h2);
  h2_io(p->h2, 0);
  return OK;
}

static enum err resolve(struct probe *p, struct addr *out) {
  const char *host = p->proxy.host ? p->proxy.host : p->url.host;
  int64_t left = p->until - clock_mono_us();
  enum err e =
      addr_resolve_within(p->cx, out, host, p->proxy.host ? p->proxy.port : p->url.port, left, &p->core->ending);
  if (e == E_UNREACHABLE || e == E_TIMEOUT) found(p, PUSH_UNREACHABLE, PUSH_NAME, ctx_error_text(p->cx));
  return e;
}

static enum err talk(struct probe *p) {
  struct addr a;
  TRY(resolve(p, &a));
  struct slice address = slice_mem(&a.ss, a.n), none = {0};
  struct h2_conf conf = {.address = p->proxy.host ? none : address,
                         .proxy = {p->proxy.host ? address : none, p->proxy.authorization},
                         .host = p->url.host,
                         .port = p->url.port,
                         .tls = p->tls,
                         .cb = {on_ready, on_response, on_goaway, on_closed},
                         .arg = p,
                         .connect_us = p->until - clock_mono_us()};
  if (conf.connect_us <= 0) return OK; /* said below */
  enum err e = h2_open(p->cx, &p->h2, &conf);
  if (e == E_UNREACHABLE) found(p, PUSH_UNREACHABLE, p->proxy.host ? PUSH_PROXY : PUSH_REFUSED, ctx_error_text(p->cx));
  TRY(e);
  e = converse(p);
  snprintf(p->out->issuer, sizeof p->out->issuer, "%s", h2_issuer(p->cx, p->h2));
  return e;
}

static enum err set_up(struct probe *p, struct slice cert_pem, struct slice key_pem, int port) {
  const struct core_conf *conf = core_conf(p->core);
  struct tls_client_conf tls = {.ca_file = conf->apns_ca, .cert_pem = cert_pem, .key_pem = key_pem, .alpn_h2 = true};
  TRY(url_parse(p->cx, &p->url, conf->apns_url));
  if (port) p->url.port = port;
  if (conf->push_proxy) TRY(proxy_parse(p->cx, &p->proxy, conf->push_proxy));
  return tls_client_new(p->cx, &p->tls, &tls);
}

const char *push_proof_name(enum push_proof proof) {
  static const char *const names[] = {
      [PUSH_PROVEN] = "proven", [PUSH_PROOF_REFUSED] = "refused", [PUSH_UNREACHABLE] = "unreachable"};
  return names[proof];
}

enum err push_probe(struct ctx *cx, struct core *core, const char *topic, struct slice cert_pem, struct slice key_pem,
                    int port, int64_t timeout_us, struct push_probe *out) {
  struct probe p = {.cx = cx, .core = core, .topic = cert_pem.p ? topic : NULL, .out = out};
  *out = (struct push_probe){.proof = PUSH_UNREACHABLE, .trouble = PUSH_TIMEOUT, .alert = -1};
  p.until = clock_mono_us() + timeout_us;
  TRY(set_up(&p, cert_pem, key_pem, port));
  enum err e = talk(&p);
  if (p.done) {
    if (e != OK) ctx_clear_error(cx);
    e = OK;
  } else if (e == OK) {
    found(&p, PUSH_UNREACHABLE, PUSH_TIMEOUT, ctx_printf(cx, "%s did not answer a probe in time", p.url.host));
  }
  h2_free(p.h2);
  tls_client_free(p.tls);
  return e;
}

/* ---- the chore ---- */

/* One that Apple did not take, or could not be asked about, is asked about again soon. */
static int64_t next_at(const struct pushcert *c) {
  bool proven = c->proof && strcmp(c->proof, "proven") == 0;
  return c->probed_at ? c->probed_at + (proven ? US_DAY : US_HOUR) : 0;
}

static bool is_due(const struct pushcert *c, int64_t now) {
  return !c->superseded_at && c->not_after > now && next_at(c) <= now;
}

struct proved {
  int64_t pushcert;
  const char *proof, *text;
};
static enum err proved_job(struct ctx *cx, struct db *db, void *arg) {
  const struct proved *p = arg;
  return pushcert_proved(cx, db, p->pushcert, p->proof, p->text);
}

static enum err ask_of(struct ctx *cx, struct core *core, const struct pushcert *c, struct push_probe *said) {
  struct db *db;
  struct slice cert_pem, key_pem;
  int64_t not_after;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_open(cx, db, core, c->topic, &cert_pem, &key_pem, &not_after));
  return push_probe(cx, core, c->topic, cert_pem, key_pem, 0, CHORE_TIMEOUT, said);
}

static enum err ask_and_tell(struct ctx *cx, struct core *core, const struct pushcert *c) {
  struct push_probe said = {.proof = PUSH_UNREACHABLE};
  enum err e = ask_of(cx, core, c, &said);
  if (e == E_GONE) return e;
  const char *text = e == OK ? said.text : ctx_strdup(cx, ctx_error_text(cx)); /* a key that cannot be read, say */
  ctx_clear_error(cx);
  return db_call(cx, core->store, proved_job, &(struct proved){c->seq, push_proof_name(said.proof), text});
}

/* One at a time, so that they are spread. */
enum err push_probe_chore(struct ctx *cx, struct core *core) {
  struct db *db;
  struct pushcert *certs;
  size_t n, i = 0;
  int64_t now = clock_now_us();
  if (!core->push) return OK;
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_list(cx, db, &certs, &n));
  while (i < n && !is_due(&certs[i], now)) i++;
  return i < n ? ask_and_tell(cx, core, &certs[i]) : OK;
}
