/* What the rows of check-in messages share. */
#ifndef POMONA_CORE_CHECKIN_INT_H
#define POMONA_CORE_CHECKIN_INT_H

#include "core/checkin.h"

#define CHECKIN(type, prefix, when)                                                                                    \
  MUST_CHECK enum err prefix##_read(struct ctx *cx, struct pl *message, struct checkin *c);                            \
  MUST_CHECK enum err prefix##_apply(struct ctx *cx, struct db *db, struct checkin *c);
#include "core/checkin.def"
#undef CHECKIN

/* What the sender may speak for; c->refusal is set. False in *heard: nothing is told and nothing kept, which is
   answered 200 and empty or by c->refusal: refused, provisional, or gone by its CheckOut. */
MUST_CHECK enum err checkin_channel(struct ctx *cx, struct db *db, struct checkin *c, struct enroll_channel *ch,
                                    bool *heard);
/* E_INVALID when a user's channel sends what only devices send, or the other way round. */
MUST_CHECK enum err checkin_for_device(struct ctx *cx, const struct checkin *c);
MUST_CHECK enum err checkin_for_user(struct ctx *cx, const struct checkin *c);
/* The flag of that name; -1: absent. */
int checkin_awaiting(struct pl *message);
void checkin_answer_plist(struct ctx *cx, struct checkin *c, struct pl *root);

enum { CHECKIN_UNLOCK_MAX = 16384 }; /* bytes of an unlock token */

/* What SetBootstrapToken and GetBootstrapToken say. */
struct checkin_bootstrap {
  struct slice token; /* n 0: none any more */
  int awaiting;       /* -1: absent */
};
MUST_CHECK enum err checkin_keep_bootstrap_token(struct ctx *cx, struct db *db, struct core *core, int64_t generation,
                                                 struct slice token);

/* checkin_in_force without telling anybody of it: the TokenUpdate that brought it about is told by itself. */
MUST_CHECK enum err checkin_begin(struct ctx *cx, struct db *db, struct core *core, int64_t device, const char *reason);

/* ---- checkin_sql.c ---- */

/* What the channels of a device said last in their TokenUpdates, of those that can be reached; its own first. */
struct checkin_token {
  struct enroll_ids ids;
  const char *topic, *push_magic;
  struct slice token;
  int64_t tally;
};
MUST_CHECK enum err checkin_tokens(struct ctx *cx, struct db *db, int64_t device, struct checkin_token **out,
                                   size_t *n);

MUST_CHECK enum err checkin_tally(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *tally);
/* The generations that this channel's identity speaks for: the one in force, a pending one, both or none. */
struct checkin_generations {
  int64_t seq[2];
  int n;
};
MUST_CHECK enum err checkin_generations(struct ctx *cx, struct db *db, const struct enroll_channel *ch,
                                        struct checkin_generations *out);
/* sealed.p NULL: there is none any more. */
MUST_CHECK enum err checkin_put_bootstrap_token(struct ctx *cx, struct db *db, int64_t generation, struct slice sealed);
/* Of the device's generation in force; p NULL: none. */
MUST_CHECK enum err checkin_get_bootstrap_token(struct ctx *cx, struct db *db, int64_t device, int64_t *generation,
                                                struct slice *sealed);
/* Does it wait in Setup Assistant, by its generation in force? */
MUST_CHECK enum err checkin_awaits(struct ctx *cx, struct db *db, int64_t device, bool *awaits);
/* Was it asked for its bypass code since its generation came into force? */
MUST_CHECK enum err checkin_asked_bypass_code(struct ctx *cx, struct db *db, int64_t enrollment, bool *asked);
MUST_CHECK enum err checkin_set_awaiting(struct ctx *cx, struct db *db, int64_t generation, int awaiting);

#endif
