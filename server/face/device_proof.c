#include "face/device.h"

#include "base/clock.h"
#include "core/enroll.h"
#include "lib/pki_cms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A body larger than this is read only after its signer was looked at. */
enum { PEEK_ABOVE = 65536 };

/* What was found out about the certificate of a TLS connection; kept with the connection, since chains are costly. */
struct conn_proof {
  const struct pki_trust *trust; /* that it was checked against: another one after a reload */
  enum err verdict;
  int64_t not_after;
  uint8_t hash[SHA256_LEN];
  char why[200];
};

static enum err check_cert(struct ctx *cx, struct slice der, struct conn_proof *p) {
  struct pki_cert *cert;
  TRY(pki_cert_parse(cx, &cert, der));
  memcpy(p->hash, pki_cert_sha256(cert), sizeof p->hash);
  p->not_after = pki_cert_not_after(cert);
  return pki_trust_check(cx, p->trust, cert, NULL, 0, clock_now_us());
}

static struct conn_proof *connection(struct http_req *rq, struct core *core, struct slice der) {
  struct ctx *cx = http_cx(rq);
  struct conn_proof *p = http_conn_get(rq);
  const struct pki_trust *trust = atomic_load(&core->trust);
  if (p && p->trust == trust) return p;
  p = mem_alloc(sizeof *p);
  p->trust = trust;
  p->verdict = check_cert(cx, der, p);
  snprintf(p->why, sizeof p->why, "%s", ctx_error_text(cx));
  ctx_clear_error(cx);
  http_conn_set(rq, p, free);
  return p;
}

static enum err by_connection(struct http_req *rq, struct core *core, struct slice der, struct enroll_proof *out) {
  struct ctx *cx = http_cx(rq);
  const struct conn_proof *p = connection(rq, core, der);
  if (p->verdict != OK) return FAIL(cx, E_REFUSED, "TLS client certificate: %s", p->why);
  if (p->not_after < clock_now_us()) return FAIL(cx, E_REFUSED, "the TLS client certificate has expired");
  memcpy(out->hash, p->hash, sizeof out->hash);
  out->cert = der;
  return OK;
}

static enum err by_signature(struct http_req *rq, struct core *core, struct slice header, struct enroll_proof *out) {
  struct ctx *cx = http_cx(rq);
  struct pki_signature sig;
  TRY(pki_signature_check(cx, &sig, core->signers, atomic_load(&core->trust), header, http_body(rq), clock_now_us()));
  if (sig.expired) return FAIL(cx, E_REFUSED, "the identity that signed has expired");
  memcpy(out->hash, sig.cert_sha256, sizeof out->hash);
  out->cert = sig.cert_der;
  return OK;
}

static struct slice signature_header(struct http_req *rq, const struct core_conf *conf) {
  return conf->identity_signature ? http_header(rq, "Mdm-Signature") : (struct slice){0};
}

static struct slice peer_cert(struct http_req *rq, const struct core_conf *conf) {
  return conf->identity_mtls && http_is_tls(rq) ? http_peer_cert(rq) : (struct slice){0};
}

enum err device_proof_head(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  const struct core_conf *conf = core_conf(core);
  struct slice header = signature_header(rq, conf), der = peer_cert(rq, conf);
  struct pki_signature sig;
  struct enroll_proof unused;
  int64_t length = http_content_length(rq);
  if (!header.p && !der.p) return FAIL(cx, E_REFUSED, "neither a TLS client certificate nor an Mdm-Signature");
  if (der.p) TRY(by_connection(rq, core, der, &unused));
  if (!header.p || (length >= 0 && length <= PEEK_ABOVE)) return OK;
  return pki_signature_peek(cx, &sig, core->signers, atomic_load(&core->trust), header, clock_now_us());
}

enum err device_proof(struct http_req *rq, struct core *core, struct enroll_proof *out) {
  struct ctx *cx = http_cx(rq);
  const struct core_conf *conf = core_conf(core);
  struct slice header = signature_header(rq, conf), der = peer_cert(rq, conf);
  struct enroll_proof other;
  *out = (struct enroll_proof){.address = http_peer(rq)};
  if (der.p) TRY(by_connection(rq, core, der, out));
  if (!header.p) return der.p ? OK : FAIL(cx, E_REFUSED, "neither a TLS client certificate nor an Mdm-Signature");
  TRY(by_signature(rq, core, header, der.p ? &other : out));
  if (der.p && memcmp(other.hash, out->hash, sizeof out->hash) != 0)
    return FAIL(cx, E_REFUSED, "the TLS client certificate and the signature are of different identities");
  return OK;
}
