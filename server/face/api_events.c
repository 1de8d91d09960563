/* /api/v1/events: what changes, as it happens (server-sent events; HTML, 9.2). */
#include "base/secret.h"
#include "core/feed.h"
#include "face/api_int.h"

#include <stdlib.h>
#include <string.h>

struct follower {
  struct core *core;
  struct http_stream *stream;
  struct route_proof proof; /* may end while the stream goes on */
  char secret[];
};

static bool send_to(void *arg, struct slice bytes) { return http_stream_send(((struct follower *)arg)->stream, bytes); }

static bool still_may(struct ctx *cx, struct db *db, void *arg) {
  const struct follower *f = arg;
  return route_proof_holds(cx, db, f->core, &f->proof, "/api/v1/events") == OK;
}

static void end_of(void *arg) {
  struct follower *f = arg;
  http_stream_end(f->stream);
  secret_wipe(f->secret, f->proof.secret.n);
  free(f);
}

/* What a browser that lost the connection saw last; -1: nothing. A page that begins anew says it in the query. */
static enum err last_seen(struct http_req *rq, int64_t *after) {
  struct slice last = http_header(rq, "Last-Event-ID");
  if (!last.p) last = http_query(rq, "after");
  *after = -1;
  if (last.n == 0) return OK;
  bool ok = slice_to_i64(last, after) && *after >= 0;
  return ok ? OK : FAIL(http_cx(rq), E_INVALID, "Last-Event-ID, or ?after=, is no number of an event");
}

/* A proxy that holds answers back until they are complete is told not to (nginx). */
static void follow(struct http_req *rq, struct core *core, int64_t after, int place) {
  struct route_proof proof = route_proof(rq);
  struct follower *f = mem_alloc(sizeof *f + proof.secret.n);
  f->core = core;
  f->proof = proof;
  if (proof.secret.n) memcpy(f->secret, proof.secret.p, proof.secret.n);
  f->proof.secret.p = f->secret;
  http_set_header(rq, "X-Accel-Buffering", "no");
  f->stream = http_reply_stream(rq, "text/event-stream");
  feed_join(core->feed, &(struct feed_listener){send_to, still_may, end_of, f, place}, after);
}

static void events(struct http_req *rq, struct core *core) {
  int64_t after;
  int place = -1;
  enum err e = last_seen(rq, &after);
  if (e == OK) e = feed_reserve(http_cx(rq), core->feed, route_actor(rq)->name, &place);
  if (e == OK)
    follow(rq, core, after, place);
  else
    reply_error(rq, e);
}

const struct route events_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/events",
     .flags = ROUTE_QUIET,
     .query = "after:int",
     .run = events,
     .summary =
         "What changes, as it happens: server-sent events (text/event-stream). `event: changes` has an array of "
         "{kind, device, enrollment, command, group, profile, data} with what is known, `event: reset` says: "
         "read all again. Resumes behind the header Last-Event-ID, or ?after=; at most 64 listen at a time, 8 of one "
         "person or token."},
    {.method = NULL},
};
