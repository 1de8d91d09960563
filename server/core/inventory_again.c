/* Questions that a device answered with an error: asked again, ever later; not at all where its system does not know
   the command. */
#include "core/inventory_int.h"

#include "base/clock.h"

#include <string.h>

/* After so many errors it is asked again alone; then with all others, once every inventory-interval, and for a plan
   daily. */
enum { ALONE_TIMES = 4 };

/* What devices answer to a command that their system does not have. Source: docs/apple (errors of MDM). */
static const struct {
  const char *domain;
  int64_t code;
} unknown[] = {{"MCMDMErrorDomain", 12021}};

static bool is_unknown(struct js *error) {
  const char *domain = js_str(error, "domain");
  int64_t code;
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    if (domain && strcmp(domain, unknown[i].domain) == 0 && js_int(js_get(error, "code"), &code) &&
        code == unknown[i].code)
      return true;
  return false;
}

static bool says_unknown(struct ctx *cx, const char *errors) {
  struct js *list, *error;
  if (!errors) return false;
  if (js_parse(cx, slice_of(errors), &list) != OK) return ctx_clear_error(cx), false;
  for (size_t i = 0; (error = js_at(list, i)); i++)
    if (is_unknown(error)) return true;
  return false;
}

static enum err failed(struct ctx *cx, struct db *db, const struct inventory_who *w,
                       const struct inventory_reply *reply) {
  int64_t now = clock_now_us();
  struct inventory_failed f;
  TRY(inventory_failed_find(cx, db, w->enrollment, reply->request_type, &f));
  f.times++;
  f.next_at = now + clock_backoff(f.times);
  f.unknown_to = says_unknown(cx, reply->errors) ? w->os : NULL;
  TRY(inventory_failed_put(cx, db, w->enrollment, reply->request_type, &f));
  if (f.unknown_to || f.times > ALONE_TIMES) return OK;
  return inventory_later_put(cx, db, w->enrollment, reply->request_type, f.next_at);
}

enum err inventory_told(struct ctx *cx, struct db *db, int64_t enrollment, const struct inventory_reply *reply) {
  struct inventory_who w;
  if (strcmp(reply->status, "NotNow") == 0) return OK; /* it waits, and is offered again */
  if (strcmp(reply->status, "Acknowledged") == 0) return inventory_failed_drop(cx, db, enrollment, reply->request_type);
  TRY(inventory_who(cx, db, enrollment, &w));
  return w.enrollment ? failed(cx, db, &w, reply) : OK;
}

enum err inventory_may_ask(struct ctx *cx, struct db *db, const struct inventory_who *w, const char *request_type,
                           bool now, bool *may) {
  struct inventory_failed f;
  TRY(inventory_failed_find(cx, db, w->enrollment, request_type, &f));
  bool knows = !f.unknown_to || strcmp(f.unknown_to, w->os) != 0;
  int64_t at = clock_now_us();
  bool due = f.next_at <= at || f.next_at > at + INVENTORY_FARTHEST;
  *may = knows && (now || f.unknown_to || due);
  return OK;
}
