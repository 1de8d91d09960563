/* Does an address lead to this server, as devices that were given it see it? */
#include "core/guard_int.h"

#include "core/fact.h"
#include "core/keyring.h"
#include "lib/net_http.h"

enum { ANSWER_MAX = 4096, WAYS = 3 };

/* What devices may have been given: the own TLS CA, staged roots; and the chain of the TLS certificate itself, whose
   root they may have got by other means. Whether they did is for guard_tls. */
static enum err known_roots(struct ctx *cx, struct core *core, struct db *db, struct slice *pem) {
  const struct pki_cert *own = keyring_tls_ca(core->keyring);
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

static enum err ask(struct ctx *cx, const struct nh_conf *way, const char *url) {
  struct nh *client;
  struct nh_reply reply;
  struct nh_req rq = {.method = "GET", .url = url, .body_max = ANSWER_MAX};
  TRY(nh_new(cx, &client, way));
  enum err e = nh_do(cx, client, &rq, &reply);
  nh_free(client);
  if (e != OK) return e;
  return reply.status == 200 ? OK : FAIL(cx, E_UNREACHABLE, "it is answered with %d", reply.status);
}

enum err guard_reach(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t timeout_us,
                     const char **trouble) {
  const char *proxy = core_conf(core)->proxy;
  struct nh_conf ways[WAYS] = {{0}, {0}, {.proxy = proxy}};
  *trouble = NULL;
  TRY(known_roots(cx, core, db, &ways[0].ca_pem));
  for (size_t i = 0; i < (proxy ? WAYS : WAYS - 1); i++) {
    ways[i].timeout_us = timeout_us;
    ways[i].stop = &core->ending;
    enum err e = ask(cx, &ways[i], url);
    if (e == E_GONE) return e; /* the shutdown says nothing of that address */
    if (e == OK) return *trouble = NULL, OK;
    *trouble = ctx_printf(cx, "%s: %s", url, ctx_error_text(cx));
    ctx_clear_error(cx);
  }
  return OK;
}
