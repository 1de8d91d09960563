/* What the halves of Mdm-Signature share: the taken-apart message and the remembered signers.

   Only server/lib/pki_sign*.c may include this. */
#ifndef POMONA_LIB_PKI_SIGNATURE_INT_H
#define POMONA_LIB_PKI_SIGNATURE_INT_H

#include "lib/pki_cms.h"
#include "lib/pki_int.h"

/* ---- the walk (pki_signature_walk.c) ---- */
enum { SIGNATURE_DIGESTS = 4, SIGNATURE_DIGEST_MOST = 64 };

/* One row per digest that Mdm-Signature may use: everything either half knows about it. */
struct signature_digest {
  const char *name;
  int nid;
  size_t len;
  struct slice oid, rsa_oid,
      ecdsa_oid; /* the digest, and the signature algorithms that name it; contents of the OIDs */
};
extern const struct signature_digest signature_digests[SIGNATURE_DIGESTS];

/* A message as the walk took it apart; all slices point into it. */
struct signature_parts {
  const struct signature_digest *digest;
  bool ecdsa;                  /* else RSA, PKCS #1 v1.5 */
  struct slice certs;          /* what stands inside the certificates field: one certificate, or several */
  struct slice sid;            /* the signer's identifier, with its tag */
  struct slice attrs;          /* the signed attributes with their tag; empty when there are none */
  struct slice message_digest; /* of the signed attributes */
  struct slice signature;
};

/* False: not of the usual shape, which says nothing about its worth. True: one signer, known algorithms that fit each
   other, strict DER without a byte too many. No cryptography has been done. */
bool signature_walk(struct signature_parts *out, struct slice der);

/* ---- remembered signers (pki_signers.c) ---- */

/* What is remembered. The entry's name is the SHA-256 over certificates and signer identifier of a message in which
   OpenSSL found this signer, so the same bytes name the same signer again and need not be decoded. */
struct signer {
  EVP_PKEY *pkey;
  uint8_t cert_sha256[SHA256_LEN];
  size_t cert_at, cert_n; /* where the signer's certificate stands among the certificates */
  int64_t not_after;
  bool expired;
};

struct signer_name {
  uint8_t sha256[SHA256_LEN];
};
struct signer_name signer_name(const struct signature_parts *parts);

/* A signer whose chain was found good under `trust`, for a span that holds `now`. trust NULL: under any, at any time.
   On true out->pkey is a reference that the caller frees. */
bool signers_get(struct pki_signers *s, struct signer_name name, const struct pki_trust *trust, int64_t now,
                 struct signer *out);
/* Remembers it for from <= now < until; takes a reference of its own to the key. Pushes out the one unused for longest.
 */
struct signer_span {
  const struct pki_trust *trust;
  int64_t from, until;
};
void signers_put(struct pki_signers *s, struct signer_name name, const struct signer *signer, struct signer_span span);
/* The digest's method, looked up once: a look-up costs more than the rest of the walk. */
const EVP_MD *signers_md(const struct pki_signers *s, const struct signature_digest *d);

#endif
