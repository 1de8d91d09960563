/* Our own keys: the device CA (issues identities, decrypts SCEP), the TLS CA and certificate, the identity that signs
   profiles, the certificate that Macs encrypt FileVault recovery keys for.

   Made on the first start and kept, sealed, in the database. Who owns what: everything returned lives as long as the
   ring. Any thread may read; keyring_renew_tls is for the one thread that watches dates. Facts: rules "Two CAs". */
#ifndef POMONA_CORE_KEYRING_H
#define POMONA_CORE_KEYRING_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/pki_cert.h"

/* Loads the keys, and makes those that are missing: device CA RSA 3072, 20 years; TLS CA P-256 with critical name
   constraints on `host`, and its certificate, 397 days; signing identity RSA 2048, 10 years, self-signed; escrow
   certificate RSA 2048, 20 years, self-signed: one that has less than a year left makes room for a new one, and is
   kept. */
MUST_CHECK enum err keyring_open(struct ctx *cx, struct keyring **out, struct core *core, const char *host);
/* The same without making anything: what is missing is NULL. For who only looks. */
MUST_CHECK enum err keyring_read(struct ctx *cx, struct keyring **out, struct core *core, struct db *db);
void keyring_close(struct keyring *k);

/* A uuid that is this server's for ever: identifiers of its profiles are made from it. */
const char *keyring_server_id(const struct keyring *k);
const struct pki_cert *keyring_device_ca(const struct keyring *k);
const struct pki_key *keyring_device_ca_key(const struct keyring *k);
const struct pki_cert *keyring_signing(const struct keyring *k);
const struct pki_key *keyring_signing_key(const struct keyring *k);
const struct pki_cert *keyring_tls_ca(const struct keyring *k);
/* What recovery keys are to be encrypted for: EncryptCertPayloadUUID of FileVault escrow, ReplyEncryptionCertificate.
 */
const struct pki_cert *keyring_escrow(const struct keyring *k);
/* Opens an EnvelopedData for the escrow certificate or a former one, as pki_cms_open. E_REFUSED: for somebody else. */
MUST_CHECK enum err keyring_escrow_open(struct ctx *cx, const struct keyring *k, struct slice der,
                                        struct slice *content);
/* The own TLS certificate with its key as PEM, for the listener; in cx. */
MUST_CHECK enum err keyring_tls_pem(struct ctx *cx, const struct keyring *k, struct slice *cert_pem,
                                    struct slice *key_pem);
/* Makes a new TLS certificate when the present one ends within 30 days or does not name host; *renewed says so. A host
   that the TLS CA's name constraints forbid: E_CONFLICT with what to do. */
MUST_CHECK enum err keyring_renew_tls(struct ctx *cx, struct keyring *k, struct core *core, const char *host,
                                      bool *renewed);

#endif
