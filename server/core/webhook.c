#include "core/webhook_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/secret.h"
#include "core/event.h"
#include "core/vault.h"

#include <string.h>

/* Most that may wait for one receiver; the oldest then become dead. */
enum { BACKLOG_MAX = 1000000, DONE_DAYS = 7 };

bool webhook_wanted(const struct core *core) { return core_conf(core)->webhook_urls != NULL; }

size_t webhook_urls(struct ctx *cx, const struct core *core, const char ***out) {
  const char *urls = core_conf(core)->webhook_urls;
  struct slice rest = slice_of(urls), one;
  size_t n = 0;
  *out = ctx_alloc(cx, (rest.n / 2 + 1) * sizeof **out);
  while (slice_cut(&rest, ' ', &one))
    if (one.n) (*out)[n++] = ctx_memdup(cx, one.p, one.n);
  return n;
}

char *webhook_shown(struct ctx *cx, const char *url) {
  size_t n = strcspn(url, "?");
  return ctx_printf(cx, "%.*s%s", (int)n, url, url[n] ? "?…" : "");
}

char *webhook_origin(struct ctx *cx, const char *url) {
  const char *host = strstr(url, "://");
  size_t n = (size_t)(host ? host + 3 - url : 0);
  n += strcspn(url + n, "/?#");
  return ctx_printf(cx, "%.*s%s", (int)n, url, url[n] && strcmp(url + n, "/") != 0 ? "/…" : "");
}

/* Kept in rows: it must not change from one start to the next (FNV-1a). */
int webhook_worker_of(const char *enrollment) {
  uint32_t h = 2166136261u;
  for (const char *p = enrollment; *p; p++) h = (h ^ (uint8_t)*p) * 16777619u;
  return (int)(h >> 16) % WEBHOOK_WORKERS;
}

/* ---- telling ---- */

struct hint {
  struct webhook *webhook;
  int worker;
};

static void give_hint(void *arg) {
  const struct hint *h = arg;
  webhook_hint(h->webhook, h->worker);
}

static void hint(struct ctx *cx, struct db *db, struct core *core, const char *enrollment) {
  if (!core->webhook) return;
  struct hint *h = ctx_alloc(cx, sizeof *h);
  *h = (struct hint){core->webhook, webhook_worker_of(enrollment)};
  db_after_commit(db, give_hint, h);
}

static const char *about(struct ctx *cx, const struct webhook_message *m) {
  return ctx_printf(cx, "webhook_message.payload %s", m->event_id);
}

enum err webhook_put(struct ctx *cx, struct db *db, struct core *core, struct webhook_message *m) {
  const char **urls;
  struct slice sealed = {0};
  size_t n = webhook_urls(cx, core, &urls);
  if (n == 0) return OK;
  if (m->payload.p) TRY(vault_seal(cx, core->vault, about(cx, m), m->payload, &sealed));
  TRY(webhook_message_add(cx, db, m, sealed));
  for (size_t i = 0; i < n; i++) {
    int64_t hook;
    TRY(webhook_hook_seq(cx, db, urls[i], &hook));
    TRY(webhook_delivery_add(cx, db, m, hook));
  }
  hint(cx, db, core, m->enrollment);
  return OK;
}

static const char *new_event_id(struct ctx *cx, bool micromdm) {
  if (!micromdm) return ctx_trace(cx); /* the same stands in the log */
  char *id = ctx_alloc(cx, UUID_LEN + 1);
  uuid_new(id);
  return id;
}

/* What a device sends may hold what only escrow should: such members are told empty. */
static const char *const secrets[] = {"ActivationLockBypassCode", "BootstrapToken", "UnlockToken", NULL};

static enum err without_secrets(struct ctx *cx, struct slice *body) {
  struct pl *message;
  bool any = false;
  for (const char *const *s = secrets; *s; s++) any = any || memmem(body->p, body->n, *s, strlen(*s));
  if (!any) return OK;
  TRY(pl_parse(cx, *body, &pl_limits_report, &message));
  if (pl_blank(message, secrets)) *body = pl_xml(cx, message);
  return OK;
}

enum err webhook_event(struct ctx *cx, struct db *db, struct core *core, const struct webhook_event *e) {
  bool micromdm = core_conf(core)->webhook_micromdm;
  if (!webhook_wanted(core)) return OK;
  struct webhook_message m = {.event_id = new_event_id(cx, micromdm), .at = clock_now_us()};
  if (!webhook_render(cx, e, micromdm, &m)) return OK;
  if (!core_conf(core)->webhook_secrets) TRY(without_secrets(cx, &m.payload));
  return webhook_put(cx, db, core, &m);
}

enum err webhook_tell_dead(struct ctx *cx, struct db *db, int64_t hook, const char *why) {
  bool told;
  TRY(webhook_hook_dead_told(cx, db, hook, &told));
  if (told) return OK;
  struct js *data = js_object(cx);
  js_set_int(data, "webhook", hook);
  js_set_string(data, "reason", why);
  log_warn(cx, "a webhook receiver loses messages", LOG_I("webhook", hook), LOG_S("reason", why));
  return event_add(cx, db, "webhook.dead", NULL, data);
}

/* ---- replay ---- */

/* A removed receiver gets nothing any more. */
static bool is_here(const int64_t *hooks, size_t n, int64_t hook) {
  for (size_t i = 0; i < n; i++)
    if (hooks[i] == hook) return true;
  return false;
}

static enum err configured(struct ctx *cx, struct db *db, struct core *core, int64_t **hooks, size_t *n) {
  const char **urls;
  *n = webhook_urls(cx, core, &urls);
  *hooks = ctx_alloc(cx, (*n + 1) * sizeof **hooks);
  for (size_t i = 0; i < *n; i++) TRY(webhook_hook_seq(cx, db, urls[i], &(*hooks)[i]));
  return OK;
}

static void hint_all(struct ctx *cx, struct db *db, struct core *core) {
  for (int i = 0; core->webhook && i < WEBHOOK_WORKERS; i++) {
    struct hint *h = ctx_alloc(cx, sizeof *h);
    *h = (struct hint){core->webhook, i};
    db_after_commit(db, give_hint, h);
  }
}

enum err webhook_replay(struct ctx *cx, struct db *db, struct webhook_replay *r) {
  int64_t *here;
  struct delivery rows[WEBHOOK_CHUNK];
  size_t here_n, n;
  TRY(configured(cx, db, r->core, &here, &here_n));
  if (r->until == 0) TRY(webhook_replay_range(cx, db, r));
  TRY(webhook_replay_rows(cx, db, r, rows, &n));
  for (size_t i = 0; i < n; i++) {
    if (!is_here(here, here_n, rows[i].hook)) continue;
    TRY(webhook_requeue(cx, db, rows[i].seq));
    r->n++;
  }
  if (n) hint_all(cx, db, r->core);
  return OK;
}

/* ---- what is kept ---- */

struct ended {
  const char *state;
  int64_t before, n;
};

static enum err delete_job(struct ctx *cx, struct db *db, void *arg) {
  struct ended *e = arg;
  return webhook_delete_ended(cx, db, e->state, e->before, &e->n);
}

static enum err delete_ended(struct ctx *cx, struct core *core, const char *state, int64_t before) {
  struct ended e = {.state = state, .before = before, .n = WEBHOOK_CHUNK};
  while (e.n == WEBHOOK_CHUNK) TRY(db_call(cx, core->store, delete_job, &e));
  return OK;
}

struct surplus {
  int64_t hook, n;
  const char *why;
};

static enum err give_up_job(struct ctx *cx, struct db *db, void *arg) {
  struct surplus *s = arg;
  int64_t n, most = s->n < WEBHOOK_CHUNK ? s->n : WEBHOOK_CHUNK;
  TRY(webhook_give_up(cx, db, s->hook, (int)most, s->why, &n));
  s->n = n < most ? 0 : s->n - n;
  return n ? webhook_tell_dead(cx, db, s->hook, s->why) : OK;
}

enum err webhook_abandon(struct ctx *cx, struct core *core, int64_t hook, int64_t n, const char *why) {
  struct surplus s = {.hook = hook, .n = n, .why = why};
  while (s.n > 0) TRY(db_call(cx, core->store, give_up_job, &s));
  return OK;
}

enum err webhook_bound(struct ctx *cx, struct core *core, int64_t most) {
  int64_t *hooks, waiting;
  size_t n;
  struct db *db;
  TRY(db_reader(cx, core->store, &db)); /* counting takes its time: not as a job */
  TRY(webhook_with_due(cx, db, &hooks, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(webhook_due_count(cx, db, hooks[i], &waiting));
    TRY(webhook_abandon(cx, core, hooks[i], waiting - most, "too many messages waited for this receiver"));
  }
  return OK;
}

enum err webhook_tidy(struct ctx *cx, struct core *core) {
  int64_t now = clock_now_us();
  TRY(delete_ended(cx, core, "done", now - DONE_DAYS * US_DAY));
  TRY(delete_ended(cx, core, "dead", now - core_conf(core)->history_us));
  return webhook_bound(cx, core, BACKLOG_MAX);
}
