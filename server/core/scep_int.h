/* What scep.c asks of its SQL. */
#ifndef POMONA_CORE_SCEP_INT_H
#define POMONA_CORE_SCEP_INT_H

#include "core/scep.h"

struct scep_session {
  int64_t seq; /* 0: there is none */
  char *id, *device, *given;
  bool renews, link_open; /* link_open: its link (if any) may still be used */
  /* of a renewal that the server began: what it is for, whether that may still be issued, whether it is in use */
  int64_t generation;
  bool renewal_open, seen;
  int64_t link, expires_at, issues_max, issues;
  struct slice key_hash; /* p NULL: not redeemed */
};
MUST_CHECK enum err scep_session_by_challenge(struct ctx *cx, struct db *db, const uint8_t hash[32],
                                              struct scep_session *out);
MUST_CHECK enum err scep_session_redeem(struct ctx *cx, struct db *db, const struct scep_session *s,
                                        const uint8_t key_hash[32], bool spend_link);
/* The certificate last issued in a session that is not voided: p NULL when there is none. */
MUST_CHECK enum err scep_issued_in(struct ctx *cx, struct db *db, int64_t session, struct slice *cert);
/* The certificate that the device of this identity got in this transaction after it: p NULL when there is none. Clients
   derive the transaction from their key: with the same key, enrollment and renewals are of one name. */
MUST_CHECK enum err scep_issued_for(struct ctx *cx, struct db *db, const uint8_t renewed[32],
                                    const char *transaction_id, struct slice *cert);
/* Voids what was issued in the session and never used: never bound, or (of a renewal, where it is bound from the start)
 * never seen. */
MUST_CHECK enum err scep_void(struct ctx *cx, struct db *db, const struct scep_session *s);

/* The identity that signs a RenewalReq. */
struct scep_renewed {
  bool known, voided,
      current; /* current: it counts for its device now; one that is not bound would multiply its link's uses */
  char *device_id;
  int64_t session, generation;
  int64_t lately; /* identities of the device made within a day */
};
MUST_CHECK enum err scep_renewed_load(struct ctx *cx, struct db *db, const uint8_t hash[32], struct scep_renewed *out);
/* A session that renews old, for its device. */
MUST_CHECK enum err scep_renew_session(struct ctx *cx, struct db *db, const struct scep_renewed *old, const char *id,
                                       const uint8_t challenge_hash[32], int64_t expires_at, int64_t *seq);

#endif
