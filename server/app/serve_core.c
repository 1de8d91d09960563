#include "app/serve_int.h"

#include "core/push.h"
#include "core/seen.h"

enum err serve_open_core(struct ctx *cx, struct server *s) {
  TRY(seen_start(cx, &s->core.seen, &s->core));
  enum err e = push_start(cx, &s->core.push, &s->core);
  if (e != OK) seen_stop(s->core.seen);
  return e;
}

void serve_close_core(struct server *s) {
  push_stop(s->core.push);
  seen_stop(s->core.seen);
}
