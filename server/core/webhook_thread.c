/* Start, stop, reload; pomona's own events become messages here. */
#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/webhook_int.h"

#include <stdlib.h>
#include <string.h>

enum { FEED_CHUNK = 40 };
#define FEED_EVERY US_SECOND
#define ELSE_EVERY US_MINUTE

struct webhook {
  struct core *core;
  pthread_t thread;
  pthread_mutex_t lock; /* of what stands below it */
  pthread_cond_t news;
  bool stopping, reload;
  struct hook *hooks;
  struct note *tests, **tests_tail;
  atomic_bool stop; /* ends a test that hangs */
};

/* ---- receivers ---- */

static struct hook *find(const struct webhook *w, const char *url) {
  for (struct hook *h = w->hooks; h; h = h->next)
    if (strcmp(h->url, url) == 0) return h;
  return NULL;
}

struct hook_job {
  const char *url;
  int64_t seq;
};

static enum err hook_job(struct ctx *cx, struct db *db, void *arg) {
  struct hook_job *j = arg;
  return webhook_hook_seq(cx, db, j->url, &j->seq);
}

static enum err open_hook(struct ctx *cx, struct webhook *w, const char *url) {
  struct hook_job j = {.url = url};
  TRY(db_call(cx, w->core->store, hook_job, &j));
  struct hook *h = mem_alloc(sizeof *h);
  *h = (struct hook){.core = w->core, .seq = j.seq, .url = mem_strdup(url)};
  hook_start(h);
  pthread_mutex_lock(&w->lock);
  h->next = w->hooks;
  w->hooks = h;
  pthread_mutex_unlock(&w->lock);
  log_info(cx, "webhook", LOG_I("webhook", h->seq), LOG_S("url", webhook_origin(cx, url)));
  return OK;
}

static bool is_among(const char *const *urls, size_t n, const char *url) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(urls[i], url) == 0) return true;
  return false;
}

/* Takes those that are not in the settings off the list. */
static struct hook *take_removed(struct webhook *w, const char *const *urls, size_t n) {
  struct hook *removed = NULL;
  pthread_mutex_lock(&w->lock);
  for (struct hook **at = &w->hooks, *h; (h = *at);) {
    if (is_among(urls, n, h->url)) {
      at = &h->next;
      continue;
    }
    *at = h->next;
    h->next = removed;
    removed = h;
  }
  pthread_mutex_unlock(&w->lock);
  return removed;
}

static void stop_all(struct hook *list) {
  for (struct hook *h = list, *next; h; h = next) {
    next = h->next;
    atomic_store(&h->stop, true); /* all at once: each takes a second */
  }
  for (struct hook *h = list, *next; h; h = next) {
    next = h->next;
    hook_stop(h);
  }
}

static bool is_open(const struct webhook *w, int64_t seq) {
  for (const struct hook *h = w->hooks; h; h = h->next)
    if (h->seq == seq) return true;
  return false;
}

static enum err abandon_removed(struct ctx *cx, struct webhook *w) {
  struct db *db;
  int64_t *hooks;
  size_t n;
  TRY(db_reader(cx, w->core->store, &db));
  TRY(webhook_with_due(cx, db, &hooks, &n));
  for (size_t i = 0; i < n; i++)
    if (!is_open(w, hooks[i]))
      TRY(webhook_abandon(cx, w->core, hooks[i], INT64_MAX, "the receiver was removed from the settings"));
  return OK;
}

/* As the settings have them now. */
static enum err reconcile(struct ctx *cx, struct webhook *w) {
  const char **urls;
  size_t n = webhook_urls(cx, w->core, &urls);
  stop_all(take_removed(w, urls, n));
  for (size_t i = 0; i < n; i++)
    if (!find(w, urls[i])) TRY(open_hook(cx, w, urls[i]));
  return abandon_removed(cx, w);
}

/* ---- pomona's own events ---- */

static enum err feed_one(struct ctx *cx, struct db *db, struct core *core, const struct own_event *e) {
  uint8_t id[8];
  secret_random(id, sizeof id);
  struct webhook_message m = {.event_id = enc_hex(cx, id, sizeof id), .at = e->at};
  TRY(webhook_render_own(cx, e->kind, e->enrollment, e->data, &m));
  return webhook_put(cx, db, core, &m);
}

struct feed {
  struct core *core;
  size_t n;
};

static enum err feed_job(struct ctx *cx, struct db *db, void *arg) {
  struct feed *f = arg;
  struct own_event *rows;
  TRY(webhook_feed_rows(cx, db, FEED_CHUNK, &rows, &f->n));
  for (size_t i = 0; i < f->n; i++) TRY(feed_one(cx, db, f->core, &rows[i]));
  return f->n ? webhook_feed_move(cx, db, rows[f->n - 1].seq) : OK;
}

static enum err feed_end_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return webhook_feed_end(cx, db);
}

static bool feeds(const struct webhook *w) { return webhook_wanted(w->core) && core_conf(w->core)->webhook_all; }

static enum err feed(struct ctx *cx, struct webhook *w) {
  struct db *db;
  bool waiting;
  struct feed f = {.core = w->core, .n = FEED_CHUNK};
  TRY(db_reader(cx, w->core->store, &db));
  TRY(webhook_feed_waiting(cx, db, &waiting));
  while (waiting && f.n == FEED_CHUNK) TRY(db_call(cx, w->core->store, feed_job, &f));
  return OK;
}

/* ---- the thread ---- */

static struct note *take_tests(struct webhook *w) {
  struct note *tests = w->tests;
  w->tests = NULL;
  w->tests_tail = &w->tests;
  return tests;
}

/* What there is to do now. False: the end. */
static bool await(struct webhook *w, bool *reload, struct note **tests) {
  int64_t until = clock_mono_us() + (feeds(w) ? FEED_EVERY : ELSE_EVERY);
  pthread_mutex_lock(&w->lock);
  while (!w->stopping && !w->reload && !w->tests && clock_mono_us() < until) cond_wait_until(&w->news, &w->lock, until);
  *reload = w->reload;
  w->reload = false;
  *tests = w->stopping ? NULL : take_tests(w);
  bool stopping = w->stopping;
  pthread_mutex_unlock(&w->lock);
  return !stopping;
}

static enum err step(struct ctx *cx, struct webhook *w, bool reload) {
  if (reload) TRY(reconcile(cx, w));
  if (feeds(w)) return feed(cx, w);
  return reload ? db_call(cx, w->core->store, feed_end_job, NULL) : OK;
}

static void run_tests(struct webhook *w, struct note *tests) {
  struct sender s = {.core = w->core, .stop = &w->stop};
  for (struct note *n = tests, *next; n; n = next) {
    next = n->next;
    webhook_run_test(&s, (struct webhook_test *)n);
  }
}

static void *run(void *arg) {
  struct webhook *w = arg;
  struct ctx *cx = ctx_new();
  bool reload, again = false;
  struct note *tests;
  while (await(w, &reload, &tests)) {
    run_tests(w, tests);
    again = step(cx, w, reload || again) != OK && (reload || again);
    if (ctx_error(cx) != OK) log_failure(LOG_WARN, cx, "webhooks wait: the database is not to be had");
    ctx_reset(cx);
  }
  ctx_free(cx);
  return NULL;
}

/* ---- from outside ---- */

enum err webhook_start(struct ctx *cx, struct webhook **out, struct core *core) {
  (void)cx;
  struct webhook *w = mem_alloc(sizeof *w);
  *w = (struct webhook){.core = core, .reload = true};
  w->tests_tail = &w->tests;
  pthread_mutex_init(&w->lock, NULL);
  cond_init(&w->news);
  w->thread = thread_start("webhooks", run, w);
  *out = w;
  return OK;
}

static void signal_news(struct webhook *w, bool *flag) {
  pthread_mutex_lock(&w->lock);
  *flag = true;
  pthread_cond_signal(&w->news);
  pthread_mutex_unlock(&w->lock);
}

void webhook_reload(struct webhook *w) { signal_news(w, &w->reload); }

void webhook_hint(struct webhook *w, int worker) {
  pthread_mutex_lock(&w->lock);
  for (struct hook *h = w->hooks; h; h = h->next) hook_told(h, worker);
  pthread_mutex_unlock(&w->lock);
}

void webhook_test(struct webhook *w, struct webhook_test *t) {
  t->note.next = NULL;
  pthread_mutex_lock(&w->lock);
  *w->tests_tail = &t->note;
  w->tests_tail = &t->note.next;
  pthread_cond_signal(&w->news);
  pthread_mutex_unlock(&w->lock);
}

void webhook_stop(struct webhook *w) {
  if (!w) return;
  atomic_store(&w->stop, true);
  signal_news(w, &w->stopping);
  thread_join(w->thread);
  stop_all(w->hooks);
  for (struct note *n = take_tests(w), *next; n; n = next) {
    struct webhook_test *t = (struct webhook_test *)n;
    next = n->next;
    t->done(t, FAIL(t->cx, E_UNAVAILABLE, "the server is being stopped"));
  }
  pthread_mutex_destroy(&w->lock);
  pthread_cond_destroy(&w->news);
  free(w);
}
