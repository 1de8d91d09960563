/* Certificates that pki_cert_issue does not make: CAs that may issue CAs, other digests, odd extensions. Who includes
   this defines NOW, microseconds. */
#ifndef POMONA_TESTS_PKI_ODD_H
#define POMONA_TESTS_PKI_ODD_H

#include "base/clock.h"
#include "lib/pki_cert.h"
#include "lib/pki_int.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct odd {
  const char *cn;
  const struct pki_key *key, *by_key;
  const struct pki_cert *by; /* NULL: self-signed */
  const EVP_MD *md;
  const char *eku, *constraints; /* in OpenSSL's configuration language, NULL: no such extension */
  int64_t not_after;
};

static inline void extension(X509 *x, int nid, const char *value) {
  if (value == NULL) return;
  X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  assert_int_equal(X509_add_ext(x, e, -1), 1);
  X509_EXTENSION_free(e);
}

static inline struct pki_cert *odd(struct ctx *cx, struct odd o) {
  X509 *x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, (const uint8_t *)o.cn, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(o.by != NULL ? o.by->x : x));
  X509_set_pubkey(x, o.key->pkey);
  ASN1_TIME_set(X509_getm_notBefore(x), (NOW - 5 * US_DAY) / US_SECOND);
  ASN1_TIME_set(X509_getm_notAfter(x), (o.not_after != 0 ? o.not_after : NOW + 5 * US_DAY) / US_SECOND);
  extension(x, NID_ext_key_usage, o.eku);
  extension(x, NID_basic_constraints, o.constraints);
  assert_true(X509_sign(x, o.by_key->pkey, o.md != NULL ? o.md : EVP_sha256()) > 0);
  struct pki_cert *c;
  assert_int_equal(pki_cert_wrap(cx, &c, x), OK);
  return c;
}

#endif
