/* Logging in, and the sessions that it opens. A session ends 12 hours after its login and 60 minutes after its last
   request, at a log-out, when it is revoked, and when its account is disabled, made less or gets another password.

   Throttling: wrong attempts on one name, or from one address (IPv6: its /64), cost a wait that doubles from the sixth
   on (1 s … 15 min); the same for names that do not exist. Kept in memory. */
#ifndef POMONA_CORE_LOGIN_H
#define POMONA_CORE_LOGIN_H

#include "core/user.h"

#define LOGIN_COOKIE "pomona-session" /* over TLS: "__Host-" before it */
#define LOGIN_IDLE_US (60 * INT64_C(60000000))
#define LOGIN_LONGEST_US (12 * INT64_C(3600000000))

struct login_ask {
  const char *name, *peer, *agent;
  struct slice password, code; /* code p NULL: none was told */
};
struct login_done {
  struct actor actor;
  char *token; /* for the cookie; in cx, wiped with it */
  int64_t ends_at, idle_ends_at;
};
/* On a thread that may take its time; jobs inside. E_UNAUTHORIZED: in the same words whatever was wrong; E_SECOND_FACTOR:
   the password is right, and a code is asked for; E_THROTTLED: not now, *wait_us. */
MUST_CHECK enum err login_open(struct ctx *cx, struct core *core, const struct login_ask *ask, struct login_done *out,
                               int64_t *wait_us);
/* Inside a job: a session for who has proved itself otherwise (a setup link, a passkey). */
MUST_CHECK enum err login_add(struct ctx *cx, struct db *db, int64_t account, const char *method,
                              const struct login_ask *from, struct login_done *out);
/* Reader's connection: who holds this cookie. E_UNAUTHORIZED. */
MUST_CHECK enum err login_by_cookie(struct ctx *cx, struct db *db, struct core *core, struct slice token,
                                    struct login_done *out);
/* It asked for something: its idle end moves; written at most once a minute. */
void login_seen(struct core *core, const struct actor *a);

struct login_row {
  int64_t login, created_at, seen_at, ends_at;
  char *account, *method, *peer, *agent;
};
/* Reader's connection; those that have not ended, newest first. account 0: of all. */
MUST_CHECK enum err login_list(struct ctx *cx, struct db *db, int64_t account, struct login_row **out, size_t *n);
/* Inside a job. account: of whom it must be, 0: of anybody. E_NOT_FOUND. */
MUST_CHECK enum err login_end(struct ctx *cx, struct db *db, int64_t login, int64_t account);
MUST_CHECK enum err login_end_all(struct ctx *cx, struct db *db, int64_t account, int64_t but_login);

#endif
