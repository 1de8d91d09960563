#include "core/audit_int.h"

#include "base/clock.h"

enum { CHUNK = 150 };

struct forgetting {
  int64_t older_than, n;
};

static enum err forget_job(struct ctx *cx, struct db *db, void *arg) {
  struct forgetting *f = arg;
  return audit_sql_forget(cx, db, f->older_than, CHUNK, &f->n);
}

enum err audit_chore(struct ctx *cx, struct core *core) {
  struct forgetting f = {.older_than = clock_now_us() - core_conf(core)->history_us, .n = CHUNK};
  while (f.n == CHUNK) TRY(db_call(cx, core->store, forget_job, &f));
  return OK;
}
