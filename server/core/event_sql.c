#include "core/event.h"

#include "base/clock.h"

enum err event_add(struct ctx *cx, struct db *db, const char *kind, const char *enrollment, struct js *data) {
  struct slice text = data ? js_text(cx, data, JS_COMPACT) : slice_of("{}");
  return db_run(cx, db, "INSERT INTO event (at, kind, enrollment, data) VALUES ($1, $2, $3, $4)", DB_I(clock_now_us()),
                DB_S(kind), DB_S(enrollment), DB_T(text));
}
