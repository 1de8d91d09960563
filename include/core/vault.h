/* Secrets at rest: sealed by AES-256-GCM under the key of `secret-key`, which is kept outside the database.

   Who owns what: plain texts live in cx and are wiped with it. Any thread. */
#ifndef POMONA_CORE_VAULT_H
#define POMONA_CORE_VAULT_H

#include "base/buf.h"
#include "base/ctx.h"

struct vault;

/* Reads the key file (64 hexadecimal digits), or makes it (mode 0600) when `create` and it is absent.
   E_DENIED when others may read it, E_INVALID when it holds no key, E_NOT_FOUND. */
MUST_CHECK enum err vault_open(struct ctx *cx, struct vault **out, const char *path, bool create);
struct vault *vault_new(const uint8_t key[32]); /* tests */
void vault_close(struct vault *v);

/* about: table, column and key of the row, e.g. "generation.unlock_token 42": a sealed value only opens where it was
 * put. */
MUST_CHECK enum err vault_seal(struct ctx *cx, struct vault *v, const char *about, struct slice plain,
                               struct slice *sealed);
MUST_CHECK enum err vault_unseal(struct ctx *cx, struct vault *v, const char *about, struct slice sealed,
                                 struct slice *plain);

/* A fingerprint of a secret under the vault's key: tells whether two are the same, and is of no use to guess one.
   about as above. */
void vault_mac(struct ctx *cx, struct vault *v, const char *about, struct slice plain, uint8_t out[32]);

#endif
