/* /api/v1/tls: the TLS certificate, who trusts it, and roots that are given to devices ahead of a change. */
#include "core/guard.h"
#include "core/keyring.h"
#include "face/api_int.h"

enum { PEM_MAX = 1 << 20 };

/* ---- what is ---- */

static enum err show_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct js *in_use, *staged, *urls;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(guard_tls_in_use(cx, db, &in_use));
  TRY(guard_staged(cx, db, &staged));
  TRY(guard_urls(cx, db, core, &urls));
  js_set_string(body, "public_url", core_conf(core)->public_url);
  js_set_string(body, "source", core_conf(core)->own_tls ? "own" : in_use ? "files" : "off");
  js_set(body, "certificate", in_use);
  js_set(body, "staged_roots", staged);
  js_set(body, "former_urls", urls);
  return OK;
}

static void show(struct http_req *rq, struct core *core) { api_answer(rq, core, show_into); }

/* ---- what would be ---- */

static enum err read_chain(struct http_req *rq, struct pki_cert ***chain, size_t *n) {
  TRY(pki_certs_parse_pem(http_cx(rq), chain, n, http_body(rq)));
  return *n ? OK : FAIL(http_cx(rq), E_INVALID, "there is no certificate in PEM in it");
}

static enum err count(struct http_req *rq, struct core *core, struct guard_trust *out) {
  struct ctx *cx = http_cx(rq);
  struct pki_cert **chain;
  struct db *db;
  size_t n;
  TRY(read_chain(rq, &chain, &n));
  TRY(db_reader(cx, core->store, &db));
  return guard_tls_count(cx, core, db, chain, n, out);
}

static void check(struct http_req *rq, struct core *core) {
  struct guard_trust t;
  enum err e = count(rq, core, &t);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_bool(body, "public", t.public);
  js_set_int(body, "devices", t.devices);
  js_set_int(body, "cut_off", t.cut_off);
  reply_json(rq, 200, body);
}

/* ---- staging ---- */

struct staging {
  const struct pki_cert *root;
  const char *by;
};

/* The last certificate of a chain is its root, or the CA that stands for it. */
static enum err find_root(struct http_req *rq, struct staging *s) {
  struct ctx *cx = http_cx(rq);
  struct pki_cert **chain;
  size_t n;
  TRY(read_chain(rq, &chain, &n));
  s->root = chain[n - 1];
  s->by = route_who(rq);
  if (!pki_cert_is_ca(s->root))
    return FAIL(cx, E_INVALID, "the last certificate in it (%s) is not of a CA: add the root to the file",
                pki_cert_subject(cx, s->root));
  return OK;
}

static enum err stage_job(struct ctx *cx, struct db *db, void *arg) {
  const struct staging *s = arg;
  return guard_stage(cx, db, s->root, s->by);
}

static void staged(struct http_req *rq, void *arg, enum err e) {
  const struct staging *s = arg;
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "subject", pki_cert_subject(http_cx(rq), s->root));
  reply_json(rq, 202, body);
}

static void stage(struct http_req *rq, struct core *core) {
  struct staging *s = ctx_alloc(http_cx(rq), sizeof *s);
  enum err e = find_root(rq, s);
  if (e == OK)
    route_write(rq, core, stage_job, s, staged);
  else
    reply_error(rq, e);
}

const struct route tls_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/tls",
     .run = show,
     .summary = "The TLS certificate, roots that are given to devices ahead, and former addresses that devices hold."},
    {.method = "POST",
     .pattern = "/api/v1/tls/check",
     .flags = ROUTE_LOOK,
     .body = "@application/x-pem-file",
     .run = check,
     .body_max = PEM_MAX,
     .summary = "How many enrolled devices would not trust a TLS certificate: PEM, leaf first, then its chain."},
    {.method = "POST",
     .pattern = "/api/v1/tls/stage",
     .body = "@application/x-pem-file",
     .run = stage,
     .body_max = PEM_MAX,
     .summary = "Gives a root (the last certificate of the PEM) to all enrolled devices, and to those that come, by "
                "InstallProfile, so that the TLS certificate may change to one that chains to it."},
    {.method = NULL},
};
