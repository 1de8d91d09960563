/* The last page: many who look at once cost as much as one. */
#include "core/overview.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define AGE_MOST US_SECOND

struct overview_kept {
  pthread_mutex_t lock;
  int64_t made_at; /* monotonic */
  char *text;
};

struct overview_kept *overview_new(void) {
  struct overview_kept *k = mem_alloc(sizeof *k);
  pthread_mutex_init(&k->lock, NULL);
  return k;
}

void overview_free(struct overview_kept *k) {
  if (!k) return;
  pthread_mutex_destroy(&k->lock);
  free(k->text);
  free(k);
}

typedef enum err make_page(struct ctx *cx, struct core *core, struct js *page);

static enum err anew(struct ctx *cx, struct core *core, struct overview_kept *k, make_page *make, struct js **out) {
  int64_t now = clock_mono_us();
  *out = js_object(cx);
  TRY(make(cx, core, *out));
  free(k->text);
  k->text = mem_strdup(js_text(cx, *out, JS_COMPACT).p);
  k->made_at = now;
  return OK;
}

enum err overview_of(struct ctx *cx, struct core *core, make_page *make, struct js **out) {
  struct overview_kept *k = core->overview;
  if (!k) {
    *out = js_object(cx);
    return make(cx, core, *out);
  }
  pthread_mutex_lock(&k->lock);
  bool fresh = k->text && clock_mono_us() - k->made_at < AGE_MOST;
  enum err e = fresh ? js_parse(cx, slice_of(k->text), out) : anew(cx, core, k, make, out);
  pthread_mutex_unlock(&k->lock);
  return e;
}
