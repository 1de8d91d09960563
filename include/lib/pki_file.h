/* Files of keys and certificates, as people have them: PEM (PKCS #1, PKCS #8, SEC 1, also under a passphrase; text
   around it, lines of any system), DER, PKCS #12 (RFC 7292), certificates in PKCS #7.

   Who owns what: what was found lives in cx; keys are wiped with it. Any thread; a passphrase takes its time. */
#ifndef POMONA_LIB_PKI_FILE_H
#define POMONA_LIB_PKI_FILE_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/pki_cert.h"

enum { PKI_FILE_MOST = 256 * 1024, PKI_FILE_CERTS = 64, PKI_FILE_KEYS = 16 };

/* What opens what is locked. `work`: rounds of key derivation that may still be spent, over all files: a file names its
   own count, and a hostile one any. Each file takes from it. */
#define PKI_WORK_MOST INT64_C(5000000)
struct pki_opener {
  const char *passphrase; /* UTF-8; NULL: none. Without one, the empty one of PKCS #12 is tried. */
  int64_t work;
};

enum pki_lock {
  PKI_OPEN,
  PKI_LOCKED,      /* needs a passphrase; none was given */
  PKI_LOCK_WRONG,  /* the passphrase does not open it */
  PKI_LOCK_SLOW,   /* would take more work than is left */
  PKI_LOCK_FOREIGN /* its cipher or key derivation is not there */
};

struct pki_file {
  struct pki_cert *certs[PKI_FILE_CERTS];
  struct pki_key *keys[PKI_FILE_KEYS]; /* private ones */
  size_t certs_n, keys_n;
  struct slice csr;              /* DER of the first certificate request; p NULL: none */
  bool public_key, foreign_key;  /* a public key; a private one in a form of others (OpenSSH) */
  bool pkcs12, pkcs7, enveloped; /* PKCS #7: signed, or only certificates; enveloped: encrypted for a certificate */
  struct slice content;          /* what a signed PKCS #7 holds; p NULL: nothing */
  enum pki_lock lock;            /* the first that did not open; what is behind it was not looked at */
  const char *lock_detail;       /* PKI_LOCK_FOREIGN: the algorithm; PKI_LOCK_SLOW: the rounds */
};
/* Bytes that are nothing of all that are no error: then nothing was found. E_INVALID: a damaged part, said which;
   E_TOO_LARGE. */
MUST_CHECK enum err pki_file_read(struct ctx *cx, struct pki_file *out, struct slice bytes, struct pki_opener *opener);

#endif
