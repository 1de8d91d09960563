/* What the server does by itself from time to time: rows of chores.c, each with its interval. They run
   one after the other on a thread, those that ask others over the network on a second one, notices on a third.

   A chore must not hold the writer for more than 5 ms a job: long work goes in chunks. One that fails is logged and
   tried again at its next time. */
#ifndef POMONA_CORE_CHORES_H
#define POMONA_CORE_CHORES_H

#include "core/core.h"

struct chores;
MUST_CHECK enum err chores_start(struct ctx *cx, struct chores **out, struct core *core);
void chores_stop(struct chores *c);
/* Each of them once, now, on the caller's thread: where no thread does it. */
void chores_run(struct core *core);

#endif
