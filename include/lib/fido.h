/* What an authenticator says (WebAuthn Level 2): a new credential, and proofs that it is held, over libfido2, of which
   only the checking is used: no device is opened. Sizes are bounded before libfido2 sees anything.

   Attestation is neither asked for nor looked at: whose make an authenticator is does not matter here. Who owns what:
   results live in cx. Any thread. */
#ifndef POMONA_LIB_FIDO_H
#define POMONA_LIB_FIDO_H

#include "base/buf.h"
#include "base/ctx.h"

enum { FIDO_ID_MOST = 1023, FIDO_DATA_MOST = 4096, FIDO_KEY_MOST = 259, FIDO_SIGNATURE_MOST = 512 };

/* COSE numbers (RFC 9053) of what is accepted, best first: ES256, EdDSA, RS256. */
enum { FIDO_ALGORITHMS = 3 };
extern const int fido_algorithms[FIDO_ALGORITHMS];

struct fido_credential {
  int64_t algorithm; /* one of fido_algorithms */
  struct slice id, key;
  int64_t counter; /* of its signatures; 0: it does not count */
};
/* data: authenticator data (6.1) of a registration for this RP id, with presence and verification of the user.
   E_INVALID. */
MUST_CHECK enum err fido_read(struct ctx *cx, const char *rp, struct slice data, struct fido_credential *out);

struct fido_assertion {
  const char *rp;
  struct slice data, client_data, signature;
};
/* Whether held made it, for this RP id, with presence and verification of the user; *counter: the new one, which the
   caller compares. E_DENIED. */
MUST_CHECK enum err fido_check(struct ctx *cx, const struct fido_credential *held, const struct fido_assertion *a,
                               int64_t *counter);

#endif
