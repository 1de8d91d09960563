/* Chains of server certificates: what those who know an anchor make of one. */
#include "lib/pki_int.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

enum { DEPTH_MOST = 8 };

static X509_STORE *store_of(const struct pki_cert *anchor) {
  X509_STORE *store = X509_STORE_new();
  if (store == NULL) abort();
  bool ok = anchor ? X509_STORE_add_cert(store, anchor->x) == 1 : X509_STORE_set_default_paths(store) == 1;
  if (!ok) ERR_clear_error();
  return store;
}

bool pki_chain_reaches(struct ctx *cx, struct pki_cert *const *chain, size_t n, const struct pki_cert *anchor,
                       int64_t now) {
  if (n == 0 || n > PKI_EXTRA_MOST) return false;
  X509_STORE *store = store_of(anchor);
  X509_STORE_CTX *c = X509_STORE_CTX_new();
  if (c == NULL || X509_STORE_CTX_init(c, store, chain[0]->x, pki_stack(cx, chain + 1, n - 1)) != 1) abort();
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(c);
  if (anchor) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_depth(param, DEPTH_MOST);
  X509_VERIFY_PARAM_set_time(param, (time_t)(now / 1000000));
  bool reaches = X509_verify_cert(c) == 1;
  ERR_clear_error();
  X509_STORE_CTX_free(c);
  X509_STORE_free(store);
  return reaches;
}
