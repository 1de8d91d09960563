/* Requests that are answered by asking somebody else over HTTP: a few threads that may wait, and a bounded queue.

   Threads: outbound_run from listener threads; what it runs is on a thread of its own and answers there. */
#ifndef POMONA_FACE_OUTBOUND_H
#define POMONA_FACE_OUTBOUND_H

#include "core/core.h"
#include "lib/http.h"

MUST_CHECK enum err outbound_start(struct ctx *cx, struct outbound **out, struct core *core);
void outbound_stop(struct outbound *o); /* after the listeners have drained; finishes what was begun */

/* Runs `run` as soon as a thread is free. E_UNAVAILABLE when too many wait already: then nothing is run. */
MUST_CHECK enum err outbound_run(struct http_req *rq, struct core *core,
                                 void (*run)(struct http_req *rq, struct core *core));

#endif
