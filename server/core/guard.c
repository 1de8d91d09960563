#include "core/guard_int.h"

#include "core/fact.h"

enum { PAGE = 500 };

/* A context a page, so that a large fleet needs no more memory than a small one. */
static enum err one_page(struct ctx *cx, struct db *db, int64_t *after, bool *more,
                         enum err (*each)(struct ctx *cx, const struct guard_device *d, void *arg), void *arg) {
  struct guard_device *rows;
  size_t n;
  TRY(guard_devices_page(cx, db, *after, PAGE, &rows, &n));
  for (size_t i = 0; i < n; i++) TRY(each(cx, &rows[i], arg));
  if (n) *after = rows[n - 1].device;
  *more = n == PAGE;
  return OK;
}

enum err guard_each(struct ctx *cx, struct db *db,
                    enum err (*each)(struct ctx *cx, const struct guard_device *d, void *arg), void *arg) {
  struct ctx *page = ctx_new();
  enum err e = OK;
  int64_t after = 0;
  for (bool more = true; more && e == OK; ctx_reset(page)) {
    e = one_page(page, db, &after, &more, each, arg);
    if (e != OK) (void)FAIL(cx, e, "%s", ctx_error_text(page));
  }
  ctx_free(page);
  return e;
}

struct remembered {
  const char *name, *value;
};

static enum err remember_job(struct ctx *cx, struct db *db, void *arg) {
  const struct remembered *r = arg;
  return fact_write(cx, db, r->name, r->value);
}

enum err guard_remember(struct ctx *cx, struct core *core, const char *name, const char *value) {
  struct remembered r = {name, value};
  return db_call(cx, core->store, remember_job, &r);
}
