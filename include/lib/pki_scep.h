/* SCEP messages (RFC 8894): what is inside a PKIMessage, and how a CertRep is made. No HTTP, no storage, no policy.

   Who owns what: everything parsed lives in cx. Any thread. */
#ifndef POMONA_LIB_PKI_SCEP_H
#define POMONA_LIB_PKI_SCEP_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/pki_cert.h"

enum scep_type {
  SCEP_CERTREP = 3,
  SCEP_RENEWALREQ = 17,
  SCEP_PKCSREQ = 19,
  SCEP_CERTPOLL = 20,
  SCEP_GETCERT = 21,
  SCEP_GETCRL = 22
};
enum scep_status { SCEP_SUCCESS = 0, SCEP_FAILURE = 2, SCEP_PENDING = 3 };
enum scep_fail {
  SCEP_BADALG = 0,
  SCEP_BADMESSAGECHECK = 1,
  SCEP_BADREQUEST = 2,
  SCEP_BADTIME = 3,
  SCEP_BADCERTID = 4,
  SCEP_NOFAIL = -1
};

/* The CA as devices know it: one RSA certificate that signs, issues and decrypts. */
struct scep_ca {
  const struct pki_cert *cert;
  const struct pki_key *key;
  bool legacy; /* accept SHA-1 and single DES (`scep-legacy`) */
};

struct scep_request {
  enum scep_type type;
  char *transaction_id; /* printable, at most 255 characters */
  struct slice sender_nonce;
  struct pki_cert *signer; /* self-signed, or the identity to renew; its signature over the message has been checked */
  bool signer_self_issued; /* signed by itself: a new device, nobody vouches for it */
  struct pki_csr csr;      /* of PKCSREQ and RENEWALREQ */
  struct slice csr_der;
  const char *digest; /* "sha256" …: what the answer is signed with */
  const char *cipher; /* "aes-128-cbc", "aes-256-cbc", "des-ede3-cbc", "des-cbc": what the answer is encrypted with */
};

/* Parses, verifies and decrypts a message of at most 64 KiB. SHA-1 and single DES need ca->legacy; MD5 is never
   accepted. The signer's chain, the key's strength, and whether signer and CSR have one key (RFC 8894 wants it of
   PKCSREQ) are the caller's to judge. On failure *fail says what a CertRep would say; when *out holds transaction_id
   and signer (then not proven), a failure CertRep can be made, otherwise (garbage) the answer is HTTP 400. Everything
   that keeps an envelope from opening is one error. */
MUST_CHECK enum err scep_parse(struct ctx *cx, struct scep_request *out, enum scep_fail *fail, const struct scep_ca *ca,
                               struct slice der);
/* CertRep with the issued certificate, encrypted to the request's signer. */
MUST_CHECK enum err scep_reply_success(struct ctx *cx, struct slice *der, const struct scep_ca *ca,
                                       const struct scep_request *rq, const struct pki_cert *issued);
MUST_CHECK enum err scep_reply_failure(struct ctx *cx, struct slice *der, const struct scep_ca *ca,
                                       const struct scep_request *rq, enum scep_fail fail);

/* The client's half, for the lab and for tests. `cert` is self-signed over `key` for PKCSREQ, the old identity for
 * RENEWALREQ. */
MUST_CHECK enum err scep_request_make(struct ctx *cx, struct slice *der, enum scep_type type, const struct pki_cert *ca,
                                      const struct pki_cert *cert, const struct pki_key *key, struct slice csr_der,
                                      const char *transaction_id);
/* The answer, which must be signed by `ca`, belong to transaction_id, and open with `cert` and `key`, which signed the
 * request. */
struct scep_reply {
  enum scep_status status;
  enum scep_fail fail;
  struct pki_cert *issued; /* when SCEP_SUCCESS */
};
MUST_CHECK enum err scep_reply_parse(struct ctx *cx, struct scep_reply *out, struct slice der,
                                     const struct pki_cert *ca, const struct pki_cert *cert, const struct pki_key *key,
                                     const char *transaction_id);

#endif
