#include "base/clock.h"
#include "core/enroll.h"
#include "face/device.h"
#include "face/device_int.h"
#include "lib/net_addr.h"
#include "lib/pki_cms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body larger than this is read only after its signer was looked at. */
enum { PEEK_ABOVE = 65536 };
/* How long a verdict on a certificate holds: a CA may end while a connection stands. */
#define VERDICT_SPAN (5 * US_MINUTE)

/* ---- certificates that came with the connection, or in a proxy's header ---- */

/* What was found out about a certificate; kept with the connection, since chains are costly. */
struct verdict {
  const struct pki_trust *trust; /* that it was checked against: another one after a reload */
  uint8_t key[SHA256_LEN];       /* of what the proxy wrote */
  enum err e;
  int64_t until, not_after;
  uint8_t hash[SHA256_LEN];
  struct slice cert, extra; /* right behind this struct */
  char why[200];
};

struct conn_proofs {
  struct verdict *tls, *header;
};

static void free_proofs(void *arg) {
  struct conn_proofs *p = arg;
  free(p->tls);
  free(p->header);
  free(p);
}

static struct conn_proofs *proofs_of(struct http_req *rq) {
  struct conn_proofs *p = http_conn_get(rq);
  if (p) return p;
  p = mem_alloc(sizeof *p);
  http_conn_set(rq, p, free_proofs);
  return p;
}

static bool holds(const struct verdict *v, const struct pki_trust *trust) {
  return v && v->trust == trust && clock_now_us() < v->until;
}

static enum err check_chain(struct ctx *cx, struct verdict *v, const struct slice *ders, size_t n) {
  struct pki_cert *certs[1 + HTTP_CHAIN_MOST];
  for (size_t i = 0; i < n; i++) TRY(pki_cert_parse(cx, &certs[i], ders[i]));
  memcpy(v->hash, pki_cert_sha256(certs[0]), sizeof v->hash);
  v->not_after = pki_cert_not_after(certs[0]);
  return pki_trust_check(cx, v->trust, certs[0], certs + 1, n - 1, clock_now_us());
}

/* ders: the client's own first. */
static struct verdict *verdict_new(struct ctx *cx, const struct pki_trust *trust, const struct slice *ders, size_t n) {
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++) bytes += ders[i].n;
  struct verdict *v = mem_alloc(sizeof *v + bytes);
  char *at = (char *)(v + 1);
  v->cert = slice_mem(at, ders[0].n);
  v->extra = slice_mem(at + ders[0].n, bytes - ders[0].n);
  for (size_t i = 0; i < n; at += ders[i++].n) memcpy(at, ders[i].p, ders[i].n);
  v->trust = trust;
  v->until = clock_now_us() + VERDICT_SPAN;
  v->e = check_chain(cx, v, ders, n);
  if (v->e == OK && v->not_after < v->until) v->until = v->not_after;
  snprintf(v->why, sizeof v->why, "%s", ctx_error_text(cx));
  ctx_clear_error(cx);
  return v;
}

static void replace(struct verdict **slot, struct verdict *v) {
  free(*slot);
  *slot = v;
}

static const struct verdict *of_connection(struct http_req *rq, const struct pki_trust *trust, struct slice der) {
  struct conn_proofs *p = proofs_of(rq);
  struct slice ders[1 + HTTP_CHAIN_MOST] = {der};
  size_t n;
  if (holds(p->tls, trust)) return p->tls;
  const struct slice *chain = http_peer_chain(rq, &n);
  if (n) memcpy(ders + 1, chain, n * sizeof *chain);
  replace(&p->tls, verdict_new(http_cx(rq), trust, ders, n + 1));
  return p->tls;
}

static void key_of(uint8_t out[SHA256_LEN], const struct proxy_header *h) {
  struct buf all = {0};
  buf_add_slice(&all, h->value);
  for (size_t i = 0; i < h->chain_n; i++) {
    buf_add_char(&all, '\n');
    buf_add_slice(&all, h->chain[i]);
  }
  pki_sha256(out, buf_slice(&all));
  buf_free(&all);
}

/* A proxy's connection carries many devices: only the one that came last is remembered. */
static enum err of_header(struct http_req *rq, const struct pki_trust *trust, const struct proxy_header *h,
                          const struct verdict **out) {
  struct conn_proofs *p = proofs_of(rq);
  struct slice ders[1 + HTTP_CHAIN_MOST];
  uint8_t key[SHA256_LEN];
  size_t n;
  key_of(key, h);
  if (!holds(p->header, trust) || memcmp(p->header->key, key, sizeof key) != 0) {
    TRY(proxy_header_certs(http_cx(rq), h, ders, &n));
    replace(&p->header, verdict_new(http_cx(rq), trust, ders, n));
    memcpy(p->header->key, key, sizeof key);
  }
  *out = p->header;
  return OK;
}

/* ---- what a request brings ---- */

/* Each may be absent: its p is NULL. */
struct brought {
  struct slice cert, signature;
  struct proxy_header header;
};

static enum err find_header(struct http_req *rq, const struct core_conf *conf, struct proxy_header *h) {
  struct slice value[2] = {{0}};
  if (!conf->identity_header || !addr_ranges_have(conf->trusted_proxies, http_peer(rq))) return OK;
  /* A client's own header beside the proxy's: whose is which, nobody can tell. */
  if (http_headers(rq, conf->identity_header, value, 2) > 1)
    return FAIL(http_cx(rq), E_INVALID, "the header %s came several times", conf->identity_header);
  if (slice_trim(value[0]).n == 0) return OK; /* proxies send it empty when there is no certificate */
  h->value = value[0];
  if (!slice_ieq(slice_of(conf->identity_header), "Client-Cert")) return OK;
  h->chain_n = http_headers(rq, "Client-Cert-Chain", h->chain, HTTP_CHAIN_MOST);
  return h->chain_n <= HTTP_CHAIN_MOST ? OK : FAIL(http_cx(rq), E_INVALID, "too many headers Client-Cert-Chain");
}

static enum err find_proofs(struct http_req *rq, const struct core_conf *conf, struct brought *b) {
  *b = (struct brought){0};
  if (conf->identity_mtls && http_is_tls(rq)) b->cert = http_peer_cert(rq);
  if (conf->identity_signature) b->signature = http_header(rq, "Mdm-Signature");
  TRY(find_header(rq, conf, &b->header));
  if (b->cert.p || b->signature.p || b->header.value.p) return OK;
  return FAIL(http_cx(rq), E_REFUSED, "no proof of identity: neither a certificate nor an Mdm-Signature");
}

/* ---- what each of them proves ---- */

/* Ended ones are served their renewal for a while, or as long as an operator says. */
static enum err check_grace(struct ctx *cx, struct core *core, const struct enroll_proof *proof, int64_t not_after) {
  struct db *db;
  bool graced;
  if (!proof->expired || clock_now_us() < not_after + core_conf(core)->identity_grace_us) return OK;
  TRY(db_reader(cx, core->store, &db));
  TRY(enroll_graced(cx, db, proof->hash, &graced));
  return graced ? OK : FAIL(cx, E_REFUSED, "the identity ended longer ago than identity-grace");
}

static enum err by_verdict(struct ctx *cx, struct core *core, const struct verdict *v, const char *what,
                           struct enroll_proof *out) {
  if (v->e != OK && v->e != E_GONE) return FAIL(cx, E_REFUSED, "%s: %s", what, v->why);
  *out = (struct enroll_proof){.cert = v->cert, .extra = v->extra, .expired = v->e == E_GONE};
  memcpy(out->hash, v->hash, sizeof out->hash);
  return check_grace(cx, core, out, v->not_after);
}

static enum err by_connection(struct http_req *rq, struct core *core, struct slice der, struct enroll_proof *out) {
  const struct verdict *v = of_connection(rq, atomic_load(&core->trust), der);
  return by_verdict(http_cx(rq), core, v, "TLS client certificate", out);
}

static enum err by_header(struct http_req *rq, struct core *core, const struct proxy_header *h,
                          struct enroll_proof *out) {
  const struct verdict *v;
  TRY(of_header(rq, atomic_load(&core->trust), h, &v));
  return by_verdict(http_cx(rq), core, v, "certificate in the proxy's header", out);
}

static enum err by_signature(struct http_req *rq, struct core *core, struct slice header, struct enroll_proof *out) {
  struct ctx *cx = http_cx(rq);
  struct pki_signature sig;
  TRY(pki_signature_check(cx, &sig, core->signers, atomic_load(&core->trust), header, http_body(rq), clock_now_us()));
  *out = (struct enroll_proof){.cert = sig.cert_der, .extra = sig.certs_der, .expired = sig.expired};
  memcpy(out->hash, sig.cert_sha256, sizeof out->hash);
  return check_grace(cx, core, out, sig.not_after);
}

/* ---- together ---- */

static enum err agree(struct ctx *cx, struct enroll_proof *out, const struct enroll_proof *one) {
  if (out->cert.p && memcmp(out->hash, one->hash, sizeof out->hash) != 0)
    return FAIL(cx, E_REFUSED, "the certificate and the signature, or two certificates, are of different identities");
  *out = *one;
  return OK;
}

/* All but the signature, which needs the body. When it fails, out is what the failing one proves. */
static enum err by_certs(struct http_req *rq, struct core *core, const struct brought *b, struct enroll_proof *out) {
  struct enroll_proof one;
  *out = (struct enroll_proof){0};
  if (b->cert.p) TRY(by_connection(rq, core, b->cert, out));
  if (!b->header.value.p) return OK;
  one = (struct enroll_proof){0};
  enum err e = by_header(rq, core, &b->header, &one);
  if (e == OK) e = agree(http_cx(rq), out, &one);
  if (e != OK) *out = one;
  return e;
}

enum err device_proof_head(struct http_req *rq, struct core *core) {
  struct brought b;
  struct enroll_proof unused;
  struct pki_signature sig;
  int64_t length = http_content_length(rq);
  TRY(find_proofs(rq, core_conf(core), &b));
  TRY(by_certs(rq, core, &b, &unused));
  if (!b.signature.p || (length >= 0 && length <= PEEK_ABOVE)) return OK;
  return pki_signature_peek(http_cx(rq), &sig, core->signers, atomic_load(&core->trust), b.signature, clock_now_us());
}

enum err device_proof(struct http_req *rq, struct core *core, struct enroll_proof *out) {
  struct brought b;
  struct enroll_proof one = {0};
  enum err e = OK;
  *out = one;
  TRY(find_proofs(rq, core_conf(core), &b));
  TRY(by_certs(rq, core, &b, out));
  if (b.signature.p) e = by_signature(rq, core, b.signature, &one);
  if (b.signature.p && e == OK) e = agree(http_cx(rq), out, &one);
  if (e != OK) *out = one;
  out->address = route_peer(rq);
  out->agent = http_header(rq, "User-Agent");
  return e;
}

const char *device_doubt(struct http_req *rq, struct core *core, const struct enroll_proof *failed, enum err e) {
  struct brought b;
  if (failed->expired) return "expired";
  bool untrusted = e == E_REFUSED && !failed->cert.p && find_proofs(rq, core_conf(core), &b) == OK;
  return untrusted ? "foreign-ca" : "no-proof";
}

const char *device_brought(struct http_req *rq, struct core *core) {
  struct brought b;
  if (find_proofs(rq, core_conf(core), &b) != OK) return ctx_clear_error(http_cx(rq)), "nothing";
  const char *parts[] = {b.cert.p ? "+certificate" : "", b.signature.p ? "+signature" : "",
                         b.header.value.p ? "+header" : ""};
  return ctx_printf(http_cx(rq), "%s%s%s", parts[0], parts[1], parts[2]) + 1;
}
