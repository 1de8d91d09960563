/* What the SCEP files share: algorithms, attribute names, the envelope.

   PKCS #7 rather than CMS calls of OpenSSL: SCEP is older than CMS and its clients send what PKCS #7 knows (version 0
   envelopes, signers by issuer and serial), the PKCS #7 structures are open, so that the content-encryption key can be
   reached, which single DES needs (see scep_unseal), and its decoder forgives what old clients get wrong.
   Only server/lib/pki_scep*.c and their test may include this. */
#ifndef POMONA_LIB_PKI_SCEP_INT_H
#define POMONA_LIB_PKI_SCEP_INT_H

#include "lib/pki_int.h"
#include "lib/pki_scep.h"
#include <openssl/pkcs7.h>

/* ---- algorithms ---- */
struct scep_digest {
  const char *name;
  int nid;
  const EVP_MD *(*md)(void);
  bool legacy;
};
struct scep_cipher {
  const char *name;
  int nid;
  const EVP_CIPHER *(*evp)(void);
  size_t key_len;
  bool legacy;
};
const struct scep_digest *scep_digest_by_nid(int nid); /* NULL: not accepted, not even as legacy */
const struct scep_digest *scep_digest_by_name(const char *name);
const struct scep_cipher *scep_cipher_by_nid(int nid);
const struct scep_cipher *scep_cipher_by_name(const char *name);

/* ---- attributes: 2.16.840.1.113733.1.9.N, N as here ---- */
enum scep_attr {
  SCEP_ATTR_TYPE = 2,
  SCEP_ATTR_STATUS = 3,
  SCEP_ATTR_FAIL = 4,
  SCEP_ATTR_SENDER_NONCE = 5,
  SCEP_ATTR_RECIPIENT_NONCE = 6,
  SCEP_ATTR_TRANSACTION = 7,
};
ASN1_OBJECT *scep_attr_oid(enum scep_attr a); /* the caller's */
bool scep_attr_is(const ASN1_OBJECT *oid, enum scep_attr a);

/* ---- the envelope ---- */

/* EnvelopedData in DER for `to`, whose key must be RSA. */
MUST_CHECK enum err scep_seal(struct ctx *cx, struct slice *der, struct slice plain, const struct pki_cert *to,
                              const struct scep_cipher *cipher);

/* Which cipher an envelope uses, before anything is decrypted. */
struct scep_envelope {
  PKCS7 *p7;
  const struct scep_cipher *cipher; /* NULL: unknown */
};
MUST_CHECK enum err scep_envelope_open(struct ctx *cx, struct scep_envelope *out, struct slice der);
/* One error for whatever fails. The plain text is wiped with cx. */
MUST_CHECK enum err scep_unseal(struct ctx *cx, struct slice *plain, const struct scep_envelope *env,
                                const struct pki_cert *cert, const struct pki_key *key);

/* ---- the message ---- */
enum { SCEP_NONCE_LEN = 16 };

/* A message to be signed. */
struct scep_draft {
  const struct pki_cert *cert;
  const struct pki_key *key;
  const struct scep_digest *digest;
  enum scep_type type;
  const char *transaction_id;
  struct slice recipient_nonce; /* empty: none */
  const char *status, *fail;    /* NULL: none */
  struct slice content;
};
MUST_CHECK enum err scep_sign(struct ctx *cx, struct slice *der, const struct scep_draft *d);

/* SignedData without a signer, which only carries the certificate. */
MUST_CHECK enum err scep_degenerate(struct ctx *cx, struct slice *der, const struct pki_cert *cert);

MUST_CHECK enum err scep_p7_decode(struct ctx *cx, PKCS7 **out, struct slice der, int nid);
MUST_CHECK enum err scep_p7_encode(struct ctx *cx, struct slice *der, PKCS7 *p7);
void scep_p7_release(void *p7); /* for ctx_defer */

/* scep_request_make with a choice of digest and cipher, as old clients choose: d->content is the request in the clear.
 */
MUST_CHECK enum err scep_request_draft(struct ctx *cx, struct slice *der, const struct scep_draft *d,
                                       const struct pki_cert *ca, const struct scep_cipher *cipher);

#endif
