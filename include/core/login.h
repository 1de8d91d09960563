/* Logging in, and the sessions that it opens. A session ends 12 hours after its login and 60 minutes after its last
   request, at a log-out, when it is revoked, and when its account is disabled, made less or gets another password.

   Throttling: wrong attempts on one name, or from one address (IPv6: its /64), cost a wait that doubles from the sixth
   on (1 s … 15 min); the same for names that do not exist. Kept in memory; forgotten an hour after the last one, a
   name's also when somebody logs in with it. */
#ifndef POMONA_CORE_LOGIN_H
#define POMONA_CORE_LOGIN_H

#include "core/user.h"

#define LOGIN_COOKIE "pomona-session" /* over TLS: "__Host-" before it */
#define LOGIN_IDLE_US (60 * INT64_C(60000000))
#define LOGIN_LONGEST_US (12 * INT64_C(3600000000))
#define LOGIN_AHEAD_US                                                                                                 \
  LOGIN_IDLE_US            /* one that began later than this from now began by a wrong clock, and has ended            \
                            */
enum { LOGINS_MOST = 50 }; /* of an account at a time; the oldest one ends */

struct login_ask {
  const char *name, *peer, *agent; /* agent may be NULL */
  struct slice password, code;     /* code p NULL: none was told */
};
/* On a thread that may take its time; jobs inside. E_UNAUTHORIZED: in the same words whatever was wrong;
   E_SECOND_FACTOR: the password is right, and a code is asked for; E_THROTTLED: not now, *wait_us. *known: the name is
   of an account, whatever came of it. *token: for the cookie; in cx, wiped with it. */
MUST_CHECK enum err login_open(struct ctx *cx, struct core *core, const struct login_ask *ask, struct actor *out,
                               char **token, bool *known, int64_t *wait_us);
/* The same for one who is logged in and proves it once more, by the password alone: E_DENIED, E_THROTTLED. */
MUST_CHECK enum err login_prove(struct ctx *cx, struct core *core, const struct login_ask *ask, int64_t *wait_us);
/* Inside a job: a session for who has proved itself otherwise (a setup link, a passkey). */
MUST_CHECK enum err login_add(struct ctx *cx, struct db *db, int64_t account, const char *method,
                              const struct login_ask *from, struct actor *out, char **token);
/* Reader's connection: who holds this cookie. E_UNAUTHORIZED. */
MUST_CHECK enum err login_by_cookie(struct ctx *cx, struct db *db, struct slice token, struct actor *out);
/* Inside a job of something that was asked for a while ago: that session did not end meanwhile. E_UNAUTHORIZED. */
MUST_CHECK enum err login_stands(struct ctx *cx, struct db *db, int64_t login);
/* It asked for something: its idle end moves; written at most once a minute. */
void login_seen(struct core *core, const struct actor *who);

struct login_row {
  int64_t login, created_at, seen_at, ends_at;
  char *account, *method, *peer, *agent;
};
/* Reader's connection; those that have not ended, newest first, at most 1,000. account 0: of all. */
MUST_CHECK enum err login_list(struct ctx *cx, struct db *db, int64_t account, struct login_row **out, size_t *n);
/* Inside a job. account: of whom it must be, 0: of anybody. E_NOT_FOUND. */
MUST_CHECK enum err login_end(struct ctx *cx, struct db *db, int64_t login, int64_t account);
MUST_CHECK enum err login_end_all(struct ctx *cx, struct db *db, int64_t account, int64_t but_login);
/* Forgets sessions that have ended, and links that set passwords a day after. */
MUST_CHECK enum err login_chore(struct ctx *cx, struct core *core);

/* ---- throttling (login_throttle.c); any thread, never waits ---- */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);
/* Counts an attempt as wrong until throttle_forgive or throttle_forget; E_THROTTLED: none may be made now, *wait_us.
   name NULL, here and in throttle_forgive: by the address alone. */
MUST_CHECK enum err throttle_attempt(struct ctx *cx, struct throttle *t, const char *name, const char *peer,
                                     int64_t *wait_us);
void throttle_forgive(struct throttle *t, const char *name, const char *peer); /* the last one was not wrong */
void throttle_forget(struct throttle *t, const char *name);                    /* all of this name */

#endif
