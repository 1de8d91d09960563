#include "lib/pki_int.h"
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/* A store is shared by threads: OpenSSL locks it. */
struct pki_trust {
  X509_STORE *store;
};

enum {
  DEPTH_MOST = 8,        /* CAs in a chain */
  DIGEST_BITS_LEAST = 60 /* SHA-1 counts 63: old device CAs sign with it. MD5 counts 39. */
};

enum err pki_trust_new(struct ctx *cx, struct pki_trust **out, struct pki_cert *const *certs, size_t n) {
  struct pki_trust *t = mem_alloc(sizeof *t);
  t->store = X509_STORE_new();
  if (t->store == NULL) abort();
  for (size_t i = 0; i < n; i++)
    if (X509_STORE_add_cert(t->store, certs[i]->x) != 1) { /* the same one twice is no error */
      pki_trust_free(t);
      return PKI_FAIL(cx, E_INTERNAL, "a trusted certificate cannot be added");
    }
  *out = t;
  return OK;
}

void pki_trust_free(struct pki_trust *t) {
  if (t == NULL) return;
  X509_STORE_free(t->store);
  free(t);
}

/* Goes on when the leaf itself has ended, so that anything else that is wrong still shows. */
static int forgive_ended_leaf(int ok, X509_STORE_CTX *c) {
  bool ended = X509_STORE_CTX_get_error(c) == X509_V_ERR_CERT_HAS_EXPIRED && X509_STORE_CTX_get_error_depth(c) == 0;
  if (ok || !ended) return ok;
  *(bool *)X509_STORE_CTX_get_app_data(c) = true;
  return 1;
}

static void release_store_ctx(void *c) { X509_STORE_CTX_free(c); }

static X509_STORE_CTX *check_new(struct ctx *cx, const struct pki_trust *t, const struct pki_cert *leaf,
                                 STACK_OF(X509) * extra, int64_t now) {
  X509_STORE_CTX *c = X509_STORE_CTX_new();
  if (c == NULL || X509_STORE_CTX_init(c, t->store, leaf->x, extra) != 1) abort();
  ctx_defer(cx, release_store_ctx, c);
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(c);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_depth(param, DEPTH_MOST);
  /* Any level above 0 refuses SHA-1; what is too weak even for us, check_strength refuses. */
  X509_VERIFY_PARAM_set_auth_level(param, 0);
  X509_VERIFY_PARAM_set_time(param, (time_t)(now / 1000000));
  return c;
}

static enum err refuse(struct ctx *cx, const X509 *which, const char *why) {
  const char *name = which != NULL ? pki_name_text(cx, X509_get_subject_name(which)) : "?";
  ERR_clear_error();
  return FAIL(cx, E_REFUSED, "identity is not accepted: %s (%s)", why, name);
}

/* Everything below the anchor, whose own signature proves nothing. */
static enum err check_strength(struct ctx *cx, X509_STORE_CTX *c) {
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c);
  for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
    X509 *x = sk_X509_value(chain, i);
    int bits = 0;
    if (X509_get_signature_info(x, NULL, NULL, &bits, NULL) != 1 || bits < DIGEST_BITS_LEAST)
      return refuse(cx, x, "signed with a broken digest");
  }
  return OK;
}

/* What a chain does not say: that the certificate is an identity of a client at all. */
static enum err check_leaf(struct ctx *cx, const struct pki_cert *leaf) {
  uint32_t flags = X509_get_extension_flags(leaf->x);
  if (flags & EXFLAG_INVALID) return refuse(cx, leaf->x, "malformed extensions");
  if (pki_cert_is_ca(leaf)) return refuse(cx, leaf->x, "this is the certificate of a CA");
  if ((flags & EXFLAG_XKUSAGE) && !(X509_get_extended_key_usage(leaf->x) & (XKU_SSL_CLIENT | XKU_ANYEKU)))
    return refuse(cx, leaf->x, "its extended key usage does not allow client authentication");
  return OK;
}

/* Builds and judges the chain. *ended: the leaf has ended, which is forgiven here. */
static enum err build(struct ctx *cx, X509_STORE_CTX *c, const struct pki_cert *leaf, bool *ended) {
  *ended = false;
  X509_STORE_CTX_set_app_data(c, ended);
  X509_STORE_CTX_set_verify_cb(c, forgive_ended_leaf);
  TRY(check_leaf(cx, leaf));
  if (X509_verify_cert(c) != 1)
    return refuse(cx, X509_STORE_CTX_get_current_cert(c), X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
  return check_strength(cx, c);
}

enum err pki_trust_check(struct ctx *cx, const struct pki_trust *t, const struct pki_cert *leaf,
                         struct pki_cert *const *extra, size_t extra_n, int64_t now) {
  bool ended;
  if (extra_n > PKI_EXTRA_MOST)
    return FAIL(cx, E_REFUSED, "identity is not accepted: %zu certificates came with it", extra_n);
  TRY(build(cx, check_new(cx, t, leaf, pki_stack(cx, extra, extra_n), now), leaf, &ended));
  if (ended) return FAIL(cx, E_GONE, "identity has expired (%s)", pki_cert_subject(cx, leaf));
  return OK;
}

/* What stands between both ends of the chain: the leaf, and the CA that is trusted. Of that the store may have it, too.
 */
static struct slice between(struct ctx *cx, X509_STORE_CTX *c) {
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(c);
  struct buf all = {0};
  for (int i = 1; i + 1 < sk_X509_num(chain); i++) {
    unsigned char *der = NULL;
    int n = i2d_X509(sk_X509_value(chain, i), &der);
    if (n < 0) abort();
    buf_add(&all, der, (size_t)n);
    OPENSSL_free(der);
  }
  struct slice out = all.n ? slice_mem(ctx_memdup(cx, all.p, all.n), all.n) : (struct slice){0};
  buf_free(&all);
  return out;
}

struct slice pki_trust_issuers(struct ctx *cx, const struct pki_trust *t, const struct pki_cert *leaf,
                               struct slice extra, int64_t now) {
  struct pki_cert *certs[PKI_EXTRA_MOST];
  size_t n;
  bool ended;
  if (pki_certs_parse_der(cx, certs, &n, PKI_EXTRA_MOST, extra) != OK) return ctx_clear_error(cx), (struct slice){0};
  X509_STORE_CTX *c = check_new(cx, t, leaf, pki_stack(cx, certs, n), now);
  if (build(cx, c, leaf, &ended) != OK) return ctx_clear_error(cx), (struct slice){0};
  return between(cx, c);
}
