#include "core/recovery_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "core/push.h"
#include "core/pushcert.h"

enum { CHUNK = 100 };

/* ---- beginning ---- */

/* Since when nothing could be sent with it; 0: something could. */
static int64_t dark_since(const struct recovery_former *f, bool stopped) {
  if (f->not_after <= f->superseded_at) return f->not_after;
  if (f->refused_at) return f->refused_at;
  if (f->down_since) return f->down_since;
  return stopped ? f->superseded_at : 0;
}

static enum err tell(struct ctx *cx, struct db *db, const char *topic, int64_t since) {
  struct js *data = js_object(cx);
  js_set_string(data, "topic", topic);
  js_set_time(data, "dark_since", since);
  return event_add(cx, db, "pushcert.recovery-started", NULL, data);
}

enum err recovery_start(struct ctx *cx, struct db *db, const char *topic) {
  struct recovery_former former;
  struct pushcert in_use;
  bool stopped, begun;
  TRY(recovery_former(cx, db, topic, &former));
  if (!former.seq) return OK;
  TRY(push_was_stopped(cx, db, topic, former.seq, &stopped));
  TRY(recovery_begun(cx, db, topic, former.superseded_at, &begun));
  int64_t since = dark_since(&former, stopped);
  if (begun || !since) return OK;
  TRY(pushcert_find(cx, db, topic, &in_use));
  TRY(recovery_add(cx, db, topic, in_use.seq, since, clock_now_us()));
  return tell(cx, db, topic, since);
}

/* ---- waking ---- */

struct waking {
  struct core *core;
  bool more;
};

/* A user's channel only when something waits for it: that the device lives is seen on its own. */
static enum err wake_one(struct ctx *cx, struct db *db, struct core *core, const struct recovery_waking *r,
                         const struct recovery_channel *c) {
  bool came = c->last_seen >= r->started_at;
  if (c->own) TRY(recovery_add_device(cx, db, r->seq, c));
  if (came || (!c->own && !c->due)) return OK;
  return push_due(cx, db, core, c->enrollment, PUSH_COMMAND, 0, NULL, NULL);
}

static enum err wake_job(struct ctx *cx, struct db *db, void *arg) {
  struct waking *w = arg;
  struct recovery_waking r;
  struct recovery_channel *rows;
  size_t n;
  TRY(recovery_waking(cx, db, &r));
  w->more = r.seq != 0;
  if (!r.seq) return OK;
  TRY(recovery_channels(cx, db, r.topic, r.reached, CHUNK, &rows, &n));
  for (size_t i = 0; i < n; i++) TRY(wake_one(cx, db, w->core, &r, &rows[i]));
  if (n < CHUNK) log_info(cx, "all devices of a renewed topic are being woken", LOG_S("topic", r.topic));
  return recovery_reached(cx, db, r.seq, n < CHUNK ? 0 : rows[n - 1].enrollment);
}

/* ---- following ---- */

struct following {
  struct recovery_return *rows;
  size_t n;
};

static enum err follow_job(struct ctx *cx, struct db *db, void *arg) {
  const struct following *f = arg;
  for (size_t i = 0; i < f->n; i++) TRY(recovery_mark_back(cx, db, &f->rows[i]));
  return OK;
}

static enum err follow(struct ctx *cx, struct core *core, struct db *db) {
  struct following f = {.n = CHUNK};
  while (f.n == CHUNK) {
    TRY(recovery_returns(cx, db, CHUNK, &f.rows, &f.n));
    if (f.n) TRY(db_call(cx, core->store, follow_job, &f));
  }
  return OK;
}

enum err recovery_chore(struct ctx *cx, struct core *core) {
  struct waking w = {.core = core};
  struct recovery_waking r;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(recovery_waking(cx, db, &r));
  w.more = r.seq != 0;
  while (w.more && !atomic_load(&core->ending)) TRY(db_call(cx, core->store, wake_job, &w));
  return follow(cx, core, db);
}
