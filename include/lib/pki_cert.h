/* Keys, certificates, requests and trust, over OpenSSL (X.509: RFC 5280; PKCS #10: RFC 2986).

   Who owns what: objects made with cx are released with it; pki_*_keep gives one that outlives it, freed by pki_*_free.
   Certificates, keys and trust stores are immutable: any thread may read them. Times are microseconds UTC. */
#ifndef POMONA_LIB_PKI_CERT_H
#define POMONA_LIB_PKI_CERT_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/pki_crypto.h"

struct pki_key; /* private or public key */
struct pki_cert;
struct pki_trust; /* accepted CAs */

/* ---- keys ---- */
MUST_CHECK enum err pki_key_new_rsa(struct ctx *cx, struct pki_key **out, int bits);
MUST_CHECK enum err pki_key_new_p256(struct ctx *cx, struct pki_key **out);
/* PEM (PKCS #1, PKCS #8, SEC 1), unencrypted. E_INVALID says when it is encrypted, a public key, or something else. */
MUST_CHECK enum err pki_key_parse(struct ctx *cx, struct pki_key **out, struct slice pem);
MUST_CHECK enum err pki_key_pem(struct ctx *cx, struct slice *out,
                                const struct pki_key *k); /* PKCS #8, wiped with cx */
/* RSASSA-PKCS1-v1_5 (or ECDSA) with SHA-256 over data. */
MUST_CHECK enum err pki_key_sign(struct ctx *cx, struct slice *signature, const struct pki_key *k, struct slice data);
/* Does the private half belong to the public one? It signs something, unless it has more than 8192 bits: such a key is
   not worth the time. */
bool pki_key_works(struct ctx *cx, const struct pki_key *k);
struct pki_key *pki_key_keep(struct pki_key *k); /* another reference, without cx */
void pki_key_free(struct pki_key *k);
bool pki_key_is_rsa(const struct pki_key *k);
int pki_key_bits(const struct pki_key *k);
void pki_key_sha256(const struct pki_key *k,
                    uint8_t out[SHA256_LEN]); /* of the SubjectPublicKeyInfo, as pki_cert_key_sha256 */

/* ---- certificates ---- */
MUST_CHECK enum err pki_cert_parse(struct ctx *cx, struct pki_cert **out,
                                   struct slice der); /* exactly one, no trailing bytes */
/* All certificates of a PEM text, in order; other blocks are skipped. *n may be 0. */
MUST_CHECK enum err pki_certs_parse_pem(struct ctx *cx, struct pki_cert ***out, size_t *n, struct slice pem);
/* Certificates in DER, one right after the other: at most `most`, into out. E_INVALID. */
MUST_CHECK enum err pki_certs_parse_der(struct ctx *cx, struct pki_cert **out, size_t *n, size_t most,
                                        struct slice ders);
/* Tells certificates of one issuer by its name and key id, without the cost of pki_cert_parse; of one that names no key
   id, or is no certificate, its own digest. */
void pki_cert_issuer_sha256(struct slice der, uint8_t out[SHA256_LEN]);
struct pki_cert *pki_cert_keep(struct pki_cert *c);
void pki_cert_free(struct pki_cert *c);
struct slice pki_cert_der(const struct pki_cert *c); /* lives with c */
struct slice pki_cert_pem(struct ctx *cx, const struct pki_cert *c);
const uint8_t *pki_cert_sha256(const struct pki_cert *c);                    /* of the DER, 32 bytes, lives with c */
void pki_cert_key_sha256(const struct pki_cert *c, uint8_t out[SHA256_LEN]); /* of the SubjectPublicKeyInfo */
char *pki_cert_subject(struct ctx *cx, const struct pki_cert *c);            /* RFC 2253, UTF-8, safe to print */
char *pki_cert_issuer(struct ctx *cx, const struct pki_cert *c);
char *pki_cert_serial(struct ctx *cx, const struct pki_cert *c); /* hexadecimal, upper case */
char *pki_cert_cn(struct ctx *cx, const struct pki_cert *c);     /* common name, "" when none */
char *pki_cert_uid(struct ctx *cx,
                   const struct pki_cert *c); /* subject UID (0.9.2342.19200300.100.1.1), "" when none */
char *pki_cert_san_uri(struct ctx *cx, const struct pki_cert *c,
                       const char *prefix);                           /* first URI that starts so, or NULL */
bool pki_cert_names_host(const struct pki_cert *c, const char *host); /* SAN dNSName or iPAddress; wildcards as usual */
int64_t pki_cert_not_before(const struct pki_cert *c);
int64_t pki_cert_not_after(const struct pki_cert *c);
bool pki_cert_is_ca(const struct pki_cert *c);
bool pki_cert_is_server(const struct pki_cert *c); /* it says that it is for TLS servers */
/* Was c issued (its names, key ids and signature say so) by this one? A self-signed one by itself. */
bool pki_cert_issued(const struct pki_cert *issuer, const struct pki_cert *c);
int pki_cert_key_bits(const struct pki_cert *c);
bool pki_cert_key_is_rsa(const struct pki_cert *c);
/* Digest of its signature: "SHA256", "SHA1" …; "" when the algorithm has none of its own. Static. */
const char *pki_cert_digest(const struct pki_cert *c);
bool pki_cert_fits(const struct pki_cert *c, const struct pki_key *k); /* same public key */

/* What a new certificate says. Public key: `subject_key`. Self-signed when issuer is NULL. */
struct pki_issue {
  const char *cn, *organization; /* at most 64 characters each; organization may be NULL */
  const char *uid;               /* subject UID; NULL none (the lab's push certificates) */
  const struct pki_key *subject_key;
  const struct pki_cert *issuer;
  const struct pki_key *issuer_key;
  int64_t not_before, not_after;
  enum {
    PKI_CA,
    PKI_TLS_CA,
    PKI_TLS_SERVER,
    PKI_IDENTITY,
    PKI_SIGNING,
    PKI_PUSH,
    PKI_ENCRYPTION          /* others encrypt for it */
  } kind;                   /* basic constraints, key usage, EKU */
  const char *const *hosts; /* PKI_TLS_SERVER: SANs; PKI_TLS_CA: permitted names (critical), the only ones it can
                               certify. DNS names or addresses, at least one; NULL-terminated */
  const char *san_uri;      /* PKI_IDENTITY; may be NULL */
};
MUST_CHECK enum err pki_cert_issue(struct ctx *cx, struct pki_cert **out,
                                   const struct pki_issue *what); /* serial: 127 random bits */

/* ---- trust ---- */
/* Roots and intermediates may be mixed; each of them is an anchor (partial chain). Outlives cx; freed by
 * pki_trust_free. */
MUST_CHECK enum err pki_trust_new(struct ctx *cx, struct pki_trust **out, struct pki_cert *const *certs, size_t n);
void pki_trust_free(struct pki_trust *t);
enum { PKI_EXTRA_MOST = 16 }; /* certificates that come with an identity: the search for a chain is quadratic in them */
/* Chain of an identity at `now`: OK; E_REFUSED with the reason. EKU, if present, must allow clientAuth. `extra`
   certificates (at most PKI_EXTRA_MOST) help to build the chain. A CA that has ended refuses; a CA is no identity;
   SHA-1 is taken, MD5 is not. When the only fault is that the leaf itself has ended, the result is E_GONE. */
MUST_CHECK enum err pki_trust_check(struct ctx *cx, const struct pki_trust *t, const struct pki_cert *leaf,
                                    struct pki_cert *const *extra, size_t extra_n, int64_t now);
/* Which of `extra` (DER, one after the other) stand between the identity and an accepted CA, in the same form; p NULL
   when none does, or when the identity is not accepted. In cx. */
struct slice pki_trust_issuers(struct ctx *cx, const struct pki_trust *t, const struct pki_cert *leaf,
                               struct slice extra, int64_t now);

/* Does a server's chain (leaf first, at most 16) lead to this anchor, which may be any certificate of it? NULL: to one
   of the system's store, as devices have one of their own. */
bool pki_chain_reaches(struct ctx *cx, struct pki_cert *const *chain, size_t n, const struct pki_cert *anchor,
                       int64_t now);

/* ---- certificate requests ---- */
struct pki_csr {
  struct pki_key *key; /* its public key; the request's signature has been checked */
  char *cn;            /* "" when none */
  char *challenge;     /* challengePassword, or NULL; wiped with cx */
};
/* At most 16 KiB. The key is RSA (up to 8192 bits) or EC; whether it is strong enough is the caller's to say. The
   challenge is plain text, at most 255 bytes of UTF-8. */
MUST_CHECK enum err pki_csr_parse(struct ctx *cx, struct pki_csr *out, struct slice der);
/* One with a subject of several parts; organization and email may be NULL. At most 64 characters each, email 255. */
struct pki_csr_subject {
  const char *cn, *organization, *email;
};
MUST_CHECK enum err pki_csr_named(struct ctx *cx, struct slice *der, const struct pki_key *k,
                                  const struct pki_csr_subject *subject);
MUST_CHECK enum err pki_csr_new(struct ctx *cx, struct slice *der, const struct pki_key *k, const char *cn,
                                const char *challenge);

#endif
