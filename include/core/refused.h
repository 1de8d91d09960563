/* Requests that claimed the id of a device and were refused: why a device knocks in vain, and whom `device adopt` may
   let in. Bounded: 10,000 ids and four certificates of each; what came without a proof goes first (never more than
   1,000 such ids), then what is oldest.

   A refusal costs no write of its own: notes gather in memory and are written within a second; losing them costs a
   number. Threads: refused_note from any; a thread of its own writes. */
#ifndef POMONA_CORE_REFUSED_H
#define POMONA_CORE_REFUSED_H

#include "core/core.h"
#include "lib/db.h"

MUST_CHECK enum err refused_start(struct ctx *cx, struct refused **out, struct core *core);
void refused_stop(struct refused *r); /* after the listeners: writes what is left; NULL is fine */

/* One refused request. Everything is copied; what is too long for a device's word is left out. */
struct refused_claim {
  const char *id;            /* of the device that it claims to be */
  const uint8_t *hash;       /* of its certificate; NULL: it came without a proof that holds */
  struct slice cert;         /* DER, when an accepted CA issued it; p NULL otherwise */
  const char *reason;        /* slug: enroll_refusal_slug, or "expired", "foreign-ca", "no-proof", "storage" */
  const char *message_type;  /* "Authenticate" …; "Report" on the command channel */
  const char *serial_number; /* that it claims; NULL: none */
  const char *address;
};
void refused_note(struct refused *r, const struct refused_claim *claim); /* r NULL: nothing is kept */
/* Writes what has gathered now, and waits for it: never on a listener's thread. What could not be written is kept. */
MUST_CHECK enum err refused_flush(struct ctx *cx, struct refused *r);

struct refused_row {
  int64_t seq;
  char *id, *reason, *message_type, *serial_number, *address;
  struct slice hash, cert; /* p NULL: none */
  int64_t first_at, last_at, count;
  bool known; /* there is a device with this id */
};
/* By pages, newest claim first: `before` is the last_at of the page's last row before, 0 at first (no two notes share
   one). id: only of this one, or NULL. */
MUST_CHECK enum err refused_list(struct ctx *cx, struct db *db, const char *id, int64_t before, int most,
                                 struct refused_row **out, size_t *n);
/* Inside a job: it was let in, or an operator has seen enough of it. */
MUST_CHECK enum err refused_forget(struct ctx *cx, struct db *db, const char *id);

#endif
