/* Accounts of people: names, roles, passwords (scrypt, RFC 7914), TOTP (RFC 6238) with recovery codes, and the one-use
   links by which a password is set. No account exists, and no password, until somebody used such a link.

   Names: account_name_check. Passwords: at least 12 characters, at most 1,024 bytes of UTF-8, not the name, not one of
   the most used. The last admin who can log in cannot be removed, disabled or made less. */
#ifndef POMONA_CORE_USER_H
#define POMONA_CORE_USER_H

#include "core/account.h"

enum { PASSWORD_LEAST = 12 /* characters */, PASSWORD_MOST = 1024 /* bytes */, RECOVERY_CODES = 10 };

struct user {
  int64_t account, version; /* version: grows with each edit, not with log-ins */
  char *name;
  enum role role;
  bool has_password, has_totp;
  int64_t created_at, disabled_at, last_login_at; /* 0: not */
  char *created_by;
  int recovery_codes, passkeys; /* left; held */
};
/* Reader's connection. E_NOT_FOUND. */
MUST_CHECK enum err user_find(struct ctx *cx, struct db *db, const char *name, struct user *out);
MUST_CHECK enum err user_by_row(struct ctx *cx, struct db *db, int64_t account, struct user *out);
MUST_CHECK enum err user_list(struct ctx *cx, struct db *db, struct user **out, size_t *n); /* by name, at most 1,000 */
MUST_CHECK enum err user_any(struct ctx *cx, struct db *db, bool *any);                     /* can anybody log in? */

/* ---- changes, inside a job ---- */
/* E_INVALID; E_CONFLICT: the name is taken. Nobody can log in with it before a link of setup_new was used. */
MUST_CHECK enum err user_add(struct ctx *cx, struct db *db, const char *name, enum role role, const char *by);
/* version: of which the change is made, -1: of any (E_PRECONDITION). Who is disabled or made less loses its sessions.
 */
struct user_change {
  int64_t version;
  const enum role *role; /* NULL: as it is */
  const bool *disabled;
};
MUST_CHECK enum err user_change(struct ctx *cx, struct db *db, const char *name, const struct user_change *change);
MUST_CHECK enum err user_remove(struct ctx *cx, struct db *db, const char *name, int64_t version);

/* ---- links that set a password ---- */
enum setup_purpose { SETUP_FIRST, SETUP_INVITE, SETUP_RESET };
const char *setup_word(enum setup_purpose p); /* "first" … */
#define SETUP_US (60 * INT64_C(60000000))     /* how long a link is good */
struct setup {
  enum setup_purpose purpose;
  char *name; /* NULL: the one who uses it chooses */
  enum role role;
  int64_t expires_at, account; /* account 0: SETUP_FIRST */
};
/* Inside a job. name NULL: for the first account, an admin; E_CONFLICT when anybody can log in already. Else for an
   account without a password, or, reset, with one: then the second factor and passkeys go with its use. E_CONFLICT. A
   link made before for the same is void. *token is in cx, wiped with it. */
MUST_CHECK enum err setup_new(struct ctx *cx, struct db *db, const char *name, bool reset, const char *by,
                              char **token);
/* Reader's connection. E_NOT_FOUND: no such link, used, over, or of an account that is disabled. */
MUST_CHECK enum err setup_look(struct ctx *cx, struct db *db, struct slice token, struct setup *out);

/* ---- passwords: the scrypt is for a thread that may take its time; the rest inside a job ---- */
MUST_CHECK enum err password_check_rules(struct ctx *cx, const char *name, struct slice text); /* E_INVALID says why */
MUST_CHECK enum err password_make(struct ctx *cx, struct slice text, struct slice *made); /* cost, salt and digest */
/* held p NULL (no such account): takes as long, and is false. */
MUST_CHECK enum err password_is(struct ctx *cx, struct slice held, struct slice text, bool *is);
bool password_is_cheap(struct slice held); /* it was made at less cost than others are now: it is to be made anew */
/* Uses the link; *account is who may log in now. name: of the first account, else ignored. */
MUST_CHECK enum err setup_use(struct ctx *cx, struct db *db, struct slice token, const char *name, struct slice made,
                              int64_t *account);
MUST_CHECK enum err user_set_password(struct ctx *cx, struct db *db, int64_t account, struct slice made);
/* The same password, made anew: it is as old as it was, and nothing else changes. */
MUST_CHECK enum err user_keep_password(struct ctx *cx, struct db *db, int64_t account, struct slice made);
/* Reader's connection. What a login is measured by. E_NOT_FOUND. */
struct user_credentials {
  int64_t account;
  struct slice password; /* p NULL: none was set */
  int64_t password_at;   /* when it was set */
  bool disabled, has_totp;
};
MUST_CHECK enum err user_credentials(struct ctx *cx, struct db *db, const char *name, struct user_credentials *out);

/* ---- the second factor, inside a job ---- */
/* A new key, not counting until a code of it was told; *uri: otpauth://totp/… (Key URI Format). E_CONFLICT: one counts
   already. */
MUST_CHECK enum err totp_begin(struct ctx *cx, struct db *db, struct core *core, int64_t account, char **secret,
                               char **uri);
/* With the first code: it counts from now on. codes: RECOVERY_CODES new ones, in cx, wiped with it. E_INVALID: the code
   is wrong; E_CONFLICT: none was begun, or it counts already. */
MUST_CHECK enum err totp_confirm(struct ctx *cx, struct db *db, struct core *core, int64_t account, struct slice code,
                                 char ***codes);
MUST_CHECK enum err totp_remove(struct ctx *cx, struct db *db,
                                int64_t account); /* recovery codes, too; fine when none */
/* Those before are void. E_CONFLICT: there is no second factor. */
MUST_CHECK enum err recovery_codes_new(struct ctx *cx, struct db *db, struct core *core, int64_t account,
                                       char ***codes);
/* A code of the present 30 seconds, those before or after, not one that was accepted before; or a recovery code, which
   is used up. Blanks and dashes in it do not count. E_UNAUTHORIZED. */
MUST_CHECK enum err second_factor(struct ctx *cx, struct db *db, struct core *core, int64_t account, struct slice code,
                                  bool *recovery);

#endif
