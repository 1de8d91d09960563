/* Passkeys: keys of a person's device or password manager by which the console is opened without a password (WebAuthn
   Level 2, discoverable credentials). Each is for one host name, and the device verifies its user each time: so one
   is both factors at once.

   A challenge is of 32 random bytes, good for five minutes and once, and kept in memory under a random id: registering
   binds it to the session, logging in to who holds the id. Threads: any; what changes something runs inside a job. */
#ifndef POMONA_CORE_PASSKEY_H
#define POMONA_CORE_PASSKEY_H

#include "core/login.h"
#include "lib/fido.h"

enum { PASSKEYS_MOST = 10 /* of an account */, PASSKEY_NAME_MOST = 64 /* bytes */, CHALLENGE_LEN = 32 };
#define CHALLENGE_US (5 * INT64_C(60000000))
enum { CHALLENGES_MOST = 4096, CHALLENGES_OF_PEER = 32 }; /* the newest takes the place of the oldest */

struct passkey {
  int64_t passkey, account, created_at, used_at; /* used_at 0: never */
  char *name;
  struct fido_credential credential;
};

/* ---- challenges (passkey_challenge.c) ---- */
struct challenges *challenges_new(void);
void challenges_free(struct challenges *c);

struct challenge {
  char *id; /* by which it is named; a secret, in cx */
  char *rp; /* RP id: the host name */
  uint8_t bytes[CHALLENGE_LEN];
};
/* origin: of the page that asks, as its browser tells it (RFC 6454, 6.2), already compared with Host; login: of the
   session for which a passkey is made, 0: to log in. E_CONFLICT: its host is an address, or the page came neither by
   TLS nor from this machine: browsers have no passkeys there. */
MUST_CHECK enum err challenge_new(struct ctx *cx, struct core *core, struct slice origin, int64_t login,
                                  const char *peer, struct challenge *out);

/* What the browser brings back, decoded. */
struct passkey_proof {
  const char *id;                           /* of the challenge */
  struct slice client_data;                 /* JSON (5.8.1), as the authenticator signed it */
  struct slice data;                        /* authenticator data */
  struct slice credential, user, signature; /* of a login */
};

/* ---- one's own ---- */
/* The account as authenticators know it (user handle): nothing that tells who it is. */
struct slice passkey_user(struct ctx *cx, int64_t account);
MUST_CHECK enum err passkey_list(struct ctx *cx, struct db *db, int64_t account, struct passkey **out,
                                 size_t *n); /* oldest first */
/* Uses the challenge up and looks at what was made; before passkey_add. E_INVALID; E_GONE: no such challenge of this
   session, or it is over. */
MUST_CHECK enum err passkey_read(struct ctx *cx, struct core *core, int64_t login, const struct passkey_proof *proof,
                                 struct fido_credential *out);
/* Inside jobs. name: 1 to PASSKEY_NAME_MOST bytes of plain text, E_INVALID. E_CONFLICT: it is held already, or there
   are PASSKEYS_MOST. */
MUST_CHECK enum err passkey_add(struct ctx *cx, struct db *db, int64_t account, const char *name,
                                const struct fido_credential *made, struct passkey *out);
MUST_CHECK enum err passkey_rename(struct ctx *cx, struct db *db, int64_t account, int64_t passkey, const char *name);
MUST_CHECK enum err passkey_remove(struct ctx *cx, struct db *db, int64_t account, int64_t passkey); /* E_NOT_FOUND */

/* ---- logging in ---- */
/* On a thread that may take its time; a job inside. Throttled as passwords are, but by the address alone:
   nobody guesses a signature, and who is kept from the password by others' attempts logs in by this. E_UNAUTHORIZED: in
   the same words whatever was wrong; E_THROTTLED. from->name becomes that of the account whose passkey was told, "" for
   none, whatever came of it. */
MUST_CHECK enum err passkey_log_in(struct ctx *cx, struct core *core, const struct passkey_proof *proof,
                                   struct login_ask *from, struct actor *out, char **token, int64_t *wait_us);

#endif
