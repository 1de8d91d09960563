/* Requests that are answered by asking somebody else over HTTP, or that take their time otherwise: a few threads that
   may wait, and a bounded queue.

   Threads: outbound_run from listener threads; what it runs is on a thread of its own and answers there. */
#ifndef POMONA_FACE_OUTBOUND_H
#define POMONA_FACE_OUTBOUND_H

#include "core/core.h"
#include "lib/http.h"
#include "lib/net_http.h"

/* name: of its threads. */
MUST_CHECK enum err outbound_start(struct ctx *cx, struct outbound **out, struct core *core, const char *name,
                                   int threads);
void outbound_stop(struct outbound *o); /* after the listeners; what waits is run, and asks nobody any more */

/* Runs `run` as soon as a thread is free. E_UNAVAILABLE when too many wait already: then nothing is run. All that the
   request asks of others, waiting included, takes 30 seconds at most. */
MUST_CHECK enum err outbound_run(struct http_req *rq, struct core *core,
                                 void (*run)(struct http_req *rq, struct core *core));
/* The same on other threads than core->outbound: passwords take time and memory, what devices ask for takes as long as
   another server likes, and neither must hold up anybody else. */
MUST_CHECK enum err outbound_run_on(struct http_req *rq, struct outbound *o,
                                    void (*run)(struct http_req *rq, struct core *core));
/* For `run`: one question, by a connection of its own; E_UNAVAILABLE when the server ends meanwhile. */
MUST_CHECK enum err outbound_ask(struct http_req *rq, struct core *core, struct nh_conf conf, const struct nh_req *out,
                                 struct nh_reply *reply);
/* Answers with what the other one answered: its status, headers (but those of one hop) and body. */
void outbound_hand_back(struct http_req *rq, const struct nh_reply *reply);

#endif
