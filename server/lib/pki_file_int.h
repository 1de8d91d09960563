/* What the readers of files share: pki_file.c finds the parts, pki_unlock.c opens them. */
#ifndef POMONA_LIB_PKI_FILE_INT_H
#define POMONA_LIB_PKI_FILE_INT_H

#include "lib/pki_file.h"
#include "lib/pki_int.h"
#include <openssl/pkcs12.h>

struct pki_reader {
  struct ctx *cx;
  struct pki_file *out;
  struct pki_opener *opener;
  OSSL_LIB_CTX *old; /* OpenSSL with its old algorithms, made when something locked is met */
};

MUST_CHECK enum err pki_reader_add_cert(struct pki_reader *r, struct slice der);
/* The plain key of a PKCS #8; p8 stays the caller's. */
MUST_CHECK enum err pki_reader_add_pkcs8(struct pki_reader *r, const PKCS8_PRIV_KEY_INFO *p8);
MUST_CHECK enum err pki_reader_add_key(struct pki_reader *r, struct slice der);

/* These give OK and set out->lock where a lock holds. */
MUST_CHECK enum err pki_unlock_pkcs12(struct pki_reader *r, struct slice der);
MUST_CHECK enum err pki_unlock_pkcs8(struct pki_reader *r, const X509_SIG *sig);
MUST_CHECK enum err pki_unlock_pem(struct pki_reader *r,
                                   const struct pki_pem *block); /* RFC 1421: Proc-Type, DEK-Info */

#endif
