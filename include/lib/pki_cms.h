/* CMS (RFC 5652): signed profiles, and the Mdm-Signature header of devices.

   Threads: a signer cache is shared by all listener threads and locks itself. */
#ifndef POMONA_LIB_PKI_CMS_H
#define POMONA_LIB_PKI_CMS_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/pki_cert.h"

/* Attached SignedData in DER over content, SHA-256, with the signer's certificate and the chain. */
MUST_CHECK enum err pki_cms_sign(struct ctx *cx, struct slice *der, struct slice content, const struct pki_cert *cert,
                                 const struct pki_key *key, struct pki_cert *const *chain, size_t chain_n);
/* Detached, as a device makes it for Mdm-Signature (base64 is the caller's). */
MUST_CHECK enum err pki_cms_sign_detached(struct ctx *cx, struct slice *der, struct slice content,
                                          const struct pki_cert *cert, const struct pki_key *key);
/* The content of an attached SignedData in DER (at most 16 MiB), after its only signature was verified with the
   certificate that comes along; whether that signer is to be trusted is the caller's to say. Content and signer live in
   cx. E_INVALID. */
MUST_CHECK enum err pki_cms_content(struct ctx *cx, struct slice *content, struct pki_cert **signer, struct slice der);

/* What an EnvelopedData in DER (at most 1 MiB) holds, when it is for cert, whose key this is; also by the ciphers of
   old (single DES, RC2), where OpenSSL's provider of them is installed. In cx, wiped with it. E_REFUSED: for somebody
   else; E_INVALID: no such thing, damaged, or a cipher that is not there. */
MUST_CHECK enum err pki_cms_open(struct ctx *cx, struct slice *content, struct slice der, const struct pki_cert *cert,
                                 const struct pki_key *key);

/* EnvelopedData over content for cert (RSA), as Macs make it; cipher as OpenSSL names it: "des-ede3-cbc",
   "aes-256-cbc" … */
MUST_CHECK enum err pki_cms_seal(struct ctx *cx, struct slice *der, struct slice content, const struct pki_cert *cert,
                                 const char *cipher);

/* ---- Mdm-Signature ---- */
struct pki_signers; /* remembered signers: key, chain verdict, expiry, by SHA-256 of the certificate; bounded */
struct pki_signers *pki_signers_new(size_t most);
void pki_signers_free(struct pki_signers *s);
void pki_signers_forget(struct pki_signers *s); /* after a change of the trusted CAs */

struct pki_signature {
  struct slice cert_der;  /* of the signer, in cx */
  struct slice certs_der; /* all that came with the signature, the signer's too, one after the other; in cx */
  uint8_t cert_sha256[SHA256_LEN];
  int64_t not_after;
  bool expired; /* the only fault of the chain: see rules about identity-grace */
};
/* `header` is the base64 (at most 16 KiB) of a detached SignedData over exactly `body`, SHA-256/384/512 or SHA-1 (old
   devices), RSA of at least 2048 bits or ECDSA, one signer, its certificate embedded. The chain is checked against
   trust at `now`, OpenSSL's CMS on first sight of a certificate; later a strict walk of the DER with the remembered
   key; anything unusual goes back to OpenSSL. A chain's verdict is remembered until its leaf ends, or for 5 minutes
   where the chain ends before. No verdict is remembered by signature. cert_der lives in cx. E_INVALID: not such a
   thing, or other bytes were signed; E_REFUSED: signer not trusted, or its key too weak. An expired leaf is no error:
   see `expired`. */
MUST_CHECK enum err pki_signature_check(struct ctx *cx, struct pki_signature *out, struct pki_signers *s,
                                        const struct pki_trust *trust, struct slice header, struct slice body,
                                        int64_t now);
/* Only the signer and its chain, before the body has been read. The signature itself is still unproven. */
MUST_CHECK enum err pki_signature_peek(struct ctx *cx, struct pki_signature *out, struct pki_signers *s,
                                       const struct pki_trust *trust, struct slice header, int64_t now);
/* The two halves alone, for the fuzzer that sets them against each other; header already decoded. Neither asks about
   trust or time. E_NOT_FOUND from the walk: no opinion (signer not remembered, or not of the usual shape); OK and
   E_INVALID from it are what OpenSSL would say too. */
MUST_CHECK enum err pki_signature_check_openssl(struct ctx *cx, struct slice der, struct slice body,
                                                struct pki_cert **signer);
MUST_CHECK enum err pki_signature_check_walk(struct ctx *cx, struct slice der, struct slice body,
                                             struct pki_signers *s);

#endif
