/* Does an address lead to this server, as devices that were given it see it? */
#include "core/guard_int.h"

#include "core/fact.h"
#include "core/keyring.h"
#include "lib/net_http.h"

enum { ANSWER_MAX = 4096, WAYS = 3 };

/* What devices may have been given: the own TLS CA, staged roots; and the chain of the TLS certificate itself, whose
   root they may have got by other means. Whether they did is for guard_tls. */
static enum err known_roots(struct ctx *cx, struct core *core, struct db *db, struct slice *pem) {
  const struct pki_cert *own = core->keyring ? keyring_tls_ca(core->keyring) : NULL;
  struct guard_root *staged;
  char *all = ctx_strdup(cx, own ? pki_cert_pem(cx, own).p : ""), *chain;
  size_t n;
  TRY(fact_read(cx, db, GUARD_TLS_CHAIN, &chain));
  TRY(guard_roots(cx, db, &staged, &n));
  for (size_t i = 0; i < n; i++) {
    struct pki_cert *root;
    TRY(pki_cert_parse(cx, &root, staged[i].cert));
    all = ctx_printf(cx, "%s%s", all, pki_cert_pem(cx, root).p);
  }
  *pem = slice_of(ctx_printf(cx, "%s%s", all, chain ? chain : ""));
  return OK;
}

/* ---- asking ---- */

static enum err ask(struct ctx *cx, const struct nh_conf *way, const struct nh_req *rq, struct nh_reply *reply) {
  struct nh *client;
  TRY(nh_new(cx, &client, way));
  enum err e = nh_do(cx, client, rq, reply);
  nh_free(client);
  return e;
}

static enum err ask_by(struct ctx *cx, struct core *core, const struct nh_conf *trust, struct guard_ask *a) {
  struct nh_conf way = *trust;
  struct nh_reply reply;
  way.timeout_us = a->timeout_us;
  way.stop = &core->ending;
  way.cert_pem = a->cert_pem;
  way.key_pem = a->key_pem;
  enum err e = ask(cx, &way, a->rq, &reply);
  if (e == E_GONE) return e;                   /* the shutdown says nothing of that address */
  bool no_time = e == E_TIMEOUT && a->trouble; /* what was found before says more */
  if (e != OK && !no_time) a->trouble = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  if (e != OK) return OK;
  a->found = a->good(cx, &reply, a->arg);
  if (a->found || a->reply.status == 0) a->reply = reply;
  return OK;
}

enum err guard_ask(struct ctx *cx, struct core *core, struct db *db, struct guard_ask *a) {
  const char *proxy = core_conf(core)->proxy;
  struct nh_conf ways[WAYS] = {{0}, {0}, {.proxy = proxy}};
  a->found = false;
  a->trouble = NULL;
  a->reply.status = 0;
  TRY(known_roots(cx, core, db, &ways[0].ca_pem));
  for (size_t i = ways[0].ca_pem.n ? 0 : 1; i < (proxy ? WAYS : WAYS - 1) && !a->found; i++)
    TRY(ask_by(cx, core, &ways[i], a));
  return OK;
}

/* ---- two questions ---- */

static bool is_200(struct ctx *cx, const struct nh_reply *reply, void *arg) {
  (void)cx, (void)arg;
  return reply->status == 200;
}

enum err guard_reach(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                     const char **trouble) {
  struct nh_req rq = {.method = "GET", .url = url, .body_max = ANSWER_MAX};
  struct guard_ask a = {.rq = &rq, .timeout_us = timeout_us, .good = is_200};
  TRY(guard_ask(cx, core, db, &a));
  *trouble = NULL;
  if (!a.found && a.reply.status)
    *trouble = ctx_printf(cx, "%s: it is answered with %d", url, a.reply.status);
  else if (!a.found)
    *trouble = ctx_printf(cx, "%s: %s", url, a.trouble);
  return OK;
}

struct looking {
  struct core *core;
  const char *token;
};

const char *guard_header(const struct nh_reply *reply, const char *name) {
  for (size_t i = 0; i < reply->headers_n; i++)
    if (slice_ieq(slice_of(reply->headers[i].name), name)) return reply->headers[i].value;
  return NULL;
}

static bool is_marked(struct ctx *cx, const struct nh_reply *reply, void *arg) {
  const struct looking *l = arg;
  const char *mark = guard_header(reply, GUARD_MARK_HEADER);
  return reply->status == 200 && (!l->token || guard_mark_read(cx, l->core, l->token, mark));
}

/* What somebody else's answer shows of itself. */
static const char *stranger(struct ctx *cx, const struct guard_ask *a, const struct guard_look *l) {
  const char *server = guard_header(&a->reply, "Server");
  server = server && text_is_plain(slice_of(server)) ? ctx_printf(cx, " (%.60s)", server) : "";
  if (l->location) return ctx_printf(cx, "it is answered with %d, which leads to %s%s", l->status, l->location, server);
  if (l->status != 200) return ctx_printf(cx, "it is answered with %d%s", l->status, server);
  return ctx_printf(cx, "something else%s answers there, not this server", server);
}

enum err guard_look(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                    struct guard_look *out) {
  struct looking l = {core, core->vault ? guard_mark_ask(cx, core) : NULL};
  const char *query = l.token ? ctx_printf(cx, "?" GUARD_MARK_QUERY "=%s", l.token) : "";
  struct nh_req rq = {.method = "GET", .url = ctx_printf(cx, "%s/healthz%s", url, query), .body_max = ANSWER_MAX};
  struct guard_ask a = {.rq = &rq, .timeout_us = timeout_us, .good = is_marked, .arg = &l};
  TRY(guard_ask(cx, core, db, &a));
  *out = (struct guard_look){.status = a.reply.status};
  if (a.found) return OK;
  const char *location = a.reply.status >= 300 && a.reply.status < 400 ? guard_header(&a.reply, "Location") : NULL;
  out->location = location && text_is_plain(slice_of(location)) ? ctx_printf(cx, "%.200s", location) : NULL;
  out->trouble = a.reply.status ? stranger(cx, &a, out) : a.trouble;
  return OK;
}
