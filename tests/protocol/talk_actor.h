/* What the two files about actors share. */
#ifndef POMONA_TESTS_TALK_ACTOR_H
#define POMONA_TESTS_TALK_ACTOR_H

#include "talk.h"

struct kind {
  const char *word;
  const char *id_key, *user_key; /* of its messages; user_key NULL: it has no user channels */
  const char *product, *os;
  bool unlock_token;
};
extern const struct kind talk_kinds[]; /* word NULL ends them */
struct pki_key *talk_key(void);
struct talk_actor *actor_get(const char *name); /* fails when there is none */

#endif
