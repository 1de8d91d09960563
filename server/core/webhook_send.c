#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/webhook_int.h"
#include "lib/net_addr.h"
#include "lib/net_http.h"
#include "lib/pki_crypto.h"

#include <string.h>

#define TIMEOUT (15 * US_SECOND)
enum { ANSWER_MAX = 1 << 20 };

/* Kept, with its connections, until the settings change. */
static enum err client(struct ctx *cx, struct sender *s, const char *url) {
  const struct core_conf *conf = core_conf(s->core);
  bool direct = url_is_local(cx, url); /* a proxy is no way to this machine itself */
  if (s->http && s->made_of == conf && s->direct == direct) return OK;
  sender_close(s);
  TRY(nh_new(cx, &s->http,
             &(struct nh_conf){.proxy = direct ? NULL : conf->proxy, .timeout_us = TIMEOUT, .stop = s->stop}));
  s->made_of = conf;
  s->direct = direct;
  return OK;
}

void sender_close(struct sender *s) {
  nh_free(s->http);
  s->http = NULL;
}

static const char *signature(struct ctx *cx, const char *key, struct slice body) {
  uint8_t mac[SHA256_LEN];
  if (!key) return NULL;
  pki_hmac_sha256(mac, slice_of(key), body);
  return ctx_printf(cx, "X-Hmac-Signature: %s", enc_base64(cx, mac, sizeof mac));
}

void sender_post(struct ctx *cx, struct sender *s, const char *url, struct slice body, struct attempt *out) {
  struct nh_reply reply = {0};
  const char *headers[] = {"Content-Type: application/json; charset=utf-8",
                           signature(cx, core_conf(s->core)->webhook_hmac_key, body), NULL};
  struct nh_req rq = {.method = "POST", .url = url, .headers = headers, .body = body, .body_max = ANSWER_MAX};
  int64_t began = clock_mono_us();
  *out = (struct attempt){0};
  out->e = client(cx, s, url);
  if (out->e == OK) out->e = nh_do(cx, s->http, &rq, &reply);
  out->took_us = clock_mono_us() - began;
  out->status = reply.status;
  out->ok = out->e == OK && reply.status >= 200 && reply.status < 300;
  if (out->e != OK)
    out->error = ctx_printf(cx, "%.*s", WEBHOOK_ERROR_MAX, ctx_error_text(cx));
  else if (!out->ok)
    out->error = ctx_printf(cx, "answered %d", reply.status);
  ctx_clear_error(cx);
}

/* ---- tests ---- */

static const struct {
  int from, to;
  const char *text;
} advices[] = {
    {300, 399, "Redirects are not followed: set the URL that it leads to."},
    {401, 403,
     "The receiver refuses it: does it want credentials, or check X-Hmac-Signature with another key than "
     "webhook-hmac-key?"},
    {404, 405, "The receiver does not know this path or does not take POST there: is the path of webhook-url right?"},
    {413, 413, "The receiver takes no body of this size: raise its limit, reports of devices are large."},
    {400, 499, "The receiver does not understand it: does it want the other webhook-format?"},
    {500, 599, "The receiver has trouble of its own: its log tells."},
};

static const char *advice(const struct attempt *a) {
  if (a->e == E_TIMEOUT)
    return "The receiver did not answer within 15 s: is it stuck, or does a firewall swallow the connection?";
  if (a->e != OK)
    return "The receiver cannot be reached from this server: is it running, are name, port and TLS certificate right, "
           "is a proxy or a firewall between?";
  for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
    if (a->status >= advices[i].from && a->status <= advices[i].to) return advices[i].text;
  return "Only 2xx tells that the receiver has it.";
}

static enum err test_one(struct sender *s, struct webhook_test *t, const char *url) {
  struct ctx *cx = t->cx;
  struct attempt a;
  uint8_t id[8];
  secret_random(id, sizeof id);
  struct webhook_message m = {.event_id = enc_hex(cx, id, sizeof id), .at = clock_now_us()};
  TRY(webhook_render_own(cx, "test", NULL, "{}", &m));
  sender_post(cx, s, url, webhook_body(cx, &m), &a);
  t->answers[t->n++] = (struct webhook_answer){.url = webhook_shown(cx, url),
                                               .ok = a.ok,
                                               .status = a.status,
                                               .took_us = a.took_us,
                                               .error = a.error,
                                               .advice = a.ok ? NULL : advice(&a)};
  return OK;
}

void webhook_run_test(struct sender *s, struct webhook_test *t) {
  const char **urls = &t->url;
  size_t n = t->url ? 1 : webhook_urls(t->cx, s->core, &urls);
  enum err e = OK;
  t->answers = ctx_alloc(t->cx, (n + 1) * sizeof *t->answers);
  for (size_t i = 0; e == OK && i < n; i++) e = test_one(s, t, urls[i]);
  sender_close(s);
  t->done(t, e);
}
