#include "lib/pki_int.h"
#include "base/secret.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum err pki_fail_(struct ctx *cx, enum err e, const char *file, int line, const char *what) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
  ERR_clear_error();
  if (reason == NULL) return ctx_fail(cx, e, file, line, "%s", what);
  return ctx_fail(cx, e, file, line, "%s: %s", what, reason);
}

static void release_key(void *k) { pki_key_free(k); }

enum err pki_key_wrap(struct ctx *cx, struct pki_key **out, EVP_PKEY *pkey, bool is_private) {
  if (pkey == NULL) return PKI_FAIL(cx, E_INTERNAL, "no key");
  struct pki_key *k = mem_alloc(sizeof *k);
  k->pkey = pkey;
  k->is_private = is_private;
  atomic_init(&k->refs, 1);
  ctx_defer(cx, release_key, k);
  *out = k;
  return OK;
}

static void release_cert(void *c) { pki_cert_free(c); }

enum err pki_cert_wrap(struct ctx *cx, struct pki_cert **out, X509 *x) {
  if (x == NULL) return PKI_FAIL(cx, E_INTERNAL, "no certificate");
  unsigned char *der = NULL;
  int len = i2d_X509(x, &der);
  if (len < 0) {
    X509_free(x);
    return PKI_FAIL(cx, E_INTERNAL, "certificate cannot be encoded");
  }
  struct pki_cert *c = mem_alloc(sizeof *c);
  c->x = x;
  c->der = slice_mem(der, (size_t)len);
  pki_sha256(c->sha256, c->der);
  atomic_init(&c->refs, 1);
  /* Decodes the extensions now, so that nothing in x changes once threads share it. What is wrong with them is for
     those who rely on them (pki_trust_check) to refuse. */
  (void)X509_check_purpose(x, -1, 0);
  ERR_clear_error();
  ctx_defer(cx, release_cert, c);
  *out = c;
  return OK;
}

struct slice pki_take(struct ctx *cx, unsigned char *p, size_t len) {
  struct slice s = slice_mem(ctx_memdup(cx, p, len), len);
  OPENSSL_free(p);
  return s;
}

struct slice pki_take_bio(struct ctx *cx, BIO *b) {
  char *p = NULL;
  long n = BIO_get_mem_data(b, &p);
  struct slice s = slice_mem(ctx_memdup(cx, p, (size_t)n), (size_t)n);
  BIO_free(b);
  return s;
}

int64_t pki_time_us(const ASN1_TIME *t) {
  struct tm tm;
  if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) return INT64_MIN;
  return (int64_t)timegm(&tm) * 1000000;
}

/* ---- names ---- */

/* What `print` writes with flags that keep UTF-8 readable; escaped to ASCII when that is not plain text (malformed
   UTF-8 makes OpenSSL fail, C1 controls and NUL it lets through). */
static char *printed(struct ctx *cx, int (*print)(BIO *, const void *, unsigned long), const void *what) {
  static const unsigned long readable = ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
  static const unsigned long escaped = ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_UTF8_CONVERT;
  const unsigned long tries[] = {readable, escaped};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    BIO *b = BIO_new(BIO_s_mem());
    bool fine = b != NULL && print(b, what, tries[i]) >= 0;
    struct slice text = b != NULL ? pki_take_bio(cx, b) : (struct slice){0};
    if (fine && text_is_plain(text)) return ctx_memdup(cx, text.p, text.n);
  }
  ERR_clear_error();
  return ctx_strdup(cx, "(unreadable)");
}

static int print_name(BIO *b, const void *name, unsigned long flags) {
  return X509_NAME_print_ex(b, name, 0, (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_RFC2253) | flags);
}

/* A single value needs no quoting of what separates the parts of a name. */
static int print_value(BIO *b, const void *value, unsigned long flags) {
  return ASN1_STRING_print_ex(b, value, flags & ~(unsigned long)ASN1_STRFLGS_ESC_2253);
}

char *pki_name_text(struct ctx *cx, const X509_NAME *name) {
  return name != NULL ? printed(cx, print_name, name) : ctx_strdup(cx, "");
}

char *pki_name_part(struct ctx *cx, const X509_NAME *name, int nid) {
  int i = name != NULL ? X509_NAME_get_index_by_NID(name, nid, -1) : -1;
  if (i < 0) return ctx_strdup(cx, "");
  return printed(cx, print_value, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
}

static void release_stack(void *sk) { sk_X509_free(sk); }

STACK_OF(X509) * pki_stack(struct ctx *cx, struct pki_cert *const *certs, size_t n) {
  STACK_OF(X509) *sk = sk_X509_new_reserve(NULL, (int)n);
  if (sk == NULL) abort();
  ctx_defer(cx, release_stack, sk);
  for (size_t i = 0; i < n; i++) sk_X509_push(sk, certs[i]->x); /* cannot fail: room is reserved */
  return sk;
}
