/* What the pki_* adapters share: the objects behind pki_cert.h's opaque names, and OpenSSL's error queue as text.

   Who owns what: a key or certificate counts its references and dies with the last; the OpenSSL object inside is its
   own. Everything reachable from a certificate (DER, digest, X509 with its extensions already decoded) is never written
   after it was made, so any thread may read it without a lock. Only server/lib/pki_*.c may include this. */
#ifndef POMONA_LIB_PKI_INT_H
#define POMONA_LIB_PKI_INT_H

#include "lib/pki_cert.h"
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>

struct pki_key {
  EVP_PKEY *pkey;
  atomic_int refs;
  bool is_private;
};

struct pki_cert {
  X509 *x;
  struct slice der;           /* own memory */
  uint8_t sha256[SHA256_LEN]; /* of der */
  atomic_int refs;
};

/* Records e as FAIL does: "what: the newest reason in OpenSSL's queue of this thread". The queue is empty afterwards.
 */
#ifdef __clang_analyzer__ /* as in base/ctx.h */
#define PKI_FAIL(cx, e, what) (pki_fail_((cx), (e), __FILE__, __LINE__, (what)), (e))
#else
#define PKI_FAIL(cx, e, what) pki_fail_((cx), (e), __FILE__, __LINE__, (what))
#endif
enum err pki_fail_(struct ctx *cx, enum err e, const char *file, int line, const char *what);

/* An object of cx around pkey or x; the reference passed in is taken, also on failure (NULL gives E_INTERNAL with
   OpenSSL's reason, so that a constructor can be nested in the call). */
MUST_CHECK enum err pki_key_wrap(struct ctx *cx, struct pki_key **out, EVP_PKEY *pkey, bool is_private);
MUST_CHECK enum err pki_cert_wrap(struct ctx *cx, struct pki_cert **out, X509 *x);

/* A copy of what OpenSSL allocated and `len` bytes long, in cx; frees the original. */
struct slice pki_take(struct ctx *cx, unsigned char *p, size_t len);

/* What was written to a memory BIO, copied to cx; frees the BIO. */
struct slice pki_take_bio(struct ctx *cx, BIO *b);

/* A library context that knows the old algorithms (RC2, single DES) too, where they are installed: one for the process.
 */
OSSL_LIB_CTX *pki_old_library(void);

/* ---- PEM ---- */
#define PKI_PEM_MOST ((size_t)1 << 20) /* of a PEM text: some hundred certificates */
struct pki_pem {
  struct slice label; /* "CERTIFICATE" */
  struct slice body;  /* the base64, in the text; older encrypted keys have header lines before it */
  bool whole;         /* it has the END line that belongs to it; body and label are defined only then */
};
/* Takes the next block off the front of *rest. False when there is none. */
bool pki_pem_next(struct slice *rest, struct pki_pem *out);
bool pki_pem_encrypted(const struct pki_pem *b); /* a private key under a passphrase */

/* X.509 times. */
int64_t pki_time_us(const ASN1_TIME *t); /* INT64_MIN when it is not a time */

/* Text of a string as RFC 2253 wants it: UTF-8, control characters escaped; `name` may be NULL. */
char *pki_name_text(struct ctx *cx, const X509_NAME *name);
/* The first value of attribute `nid` of name as safe UTF-8; "" when none. */
char *pki_name_part(struct ctx *cx, const X509_NAME *name, int nid);

/* The certificates as a STACK_OF(X509) that borrows them, freed with cx. */
STACK_OF(X509) * pki_stack(struct ctx *cx, struct pki_cert *const *certs, size_t n);

#endif
