/* Topics: which certificate each has, and whether pushes of it go. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "core/pushcert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of the last hour, or of the last devices when they are more than this. */
enum { WINDOW = 4096, REFUSED_OF_LEAST = 10, STEP = 200 };
static char fine_mark, refused_mark, unknown_mark; /* unknown: refused by BadDeviceToken */

struct topic *topic_find(const struct push *p, const char *name) {
  for (struct topic *t = p->topics; t; t = t->next)
    if (strcmp(t->name, name) == 0) return t;
  return NULL;
}

bool topic_usable(const struct push *p, const struct topic *t) {
  /* A stop of longer than stops are is of a clock that was set back since. */
  bool stopped = t->stopped_until > p->now && t->stopped_until <= p->now + p->tuning.stop_most;
  return t->tls && t->not_after > p->now && !stopped;
}

size_t topic_waiting(const struct topic *t) { return t->waiting[0].n + t->waiting[1].n; }

void topic_drop_waiting(struct push *p, struct topic *t) {
  struct item *i;
  for (int k = 0; k < 2; k++)
    while ((i = items_pop(&t->waiting[k]))) item_free(p, i);
  queue_again(t);
}

/* ---- loading ---- */

static struct topic *topic_new(struct push *p, const char *name) {
  struct topic *t = mem_alloc(sizeof *t);
  t->name = mem_strdup(name);
  t->answered = map_new();
  for (int k = 0; k < 2; k++) t->waiting[k].tail = &t->waiting[k].head;
  t->next = p->topics;
  p->topics = t;
  return t;
}

struct revive {
  struct work w;
  int64_t n;
  char topic[];
};
static enum err revive_fn(struct ctx *cx, struct db *db, struct work *w) {
  struct revive *r = (struct revive *)w;
  return push_revive(cx, db, r->topic, clock_now_us(), STEP, &r->n);
}
static void revive_finish(struct push *p, struct work *w) {
  struct revive *r = (struct revive *)w;
  struct topic *t = topic_find(p, r->topic);
  if (t) queue_again(t);
  if (w->e == OK && r->n == STEP)
    work_again(p, w);
  else
    work_free(w);
}
/* A new certificate may reach devices that the former one did not. */
static void revive(struct push *p, const char *topic) {
  size_t n = strlen(topic) + 1;
  struct revive *r = mem_alloc(sizeof *r + n);
  memcpy(r->topic, topic, n);
  work_post(p, &r->w, revive_fn, revive_finish);
}

static void window_reset(struct push *p, struct topic *t) {
  map_free(t->answered, NULL);
  t->answered = map_new();
  t->refused = t->unknown = 0;
  t->answered_from = p->mono;
}

/* ---- what is written of a stop ---- */

struct stop {
  struct work w;
  struct push_stop_note note;
  char *topic;
  bool alarm;
  int64_t *refused; /* whose tokens are not dead after all */
  size_t n, at;
};

static enum err stop_alarm(struct ctx *cx, struct db *db, const struct stop *s) {
  struct js *data = js_object(cx);
  js_set_string(data, "topic", s->topic);
  js_set_string(data, "reason", s->note.text);
  js_set_time(data, "until", s->note.until);
  return event_add(cx, db, "push.stopped", NULL, data);
}

static enum err stop_fn(struct ctx *cx, struct db *db, struct work *w) {
  struct stop *s = (struct stop *)w;
  if (s->at == 0) TRY(push_stop_write(cx, db, s->topic, &s->note));
  if (s->at == 0 && s->alarm) TRY(stop_alarm(cx, db, s));
  for (size_t i = s->at; i < s->n && i < s->at + STEP; i++) TRY(push_spare(cx, db, s->refused[i], clock_now_us()));
  return OK;
}

static void stop_finish(struct push *p, struct work *w) {
  struct stop *s = (struct stop *)w;
  s->at += STEP;
  if (w->e == OK && s->at < s->n) {
    work_again(p, w);
    return;
  }
  free(s->note.host);
  free(s->note.text);
  free(s->topic);
  free(s->refused);
  work_free(w);
}

static struct stop *stop_new(const struct push *p, const struct topic *t, int64_t until, const char *why) {
  struct stop *s = mem_alloc(sizeof *s);
  s->note = (struct push_stop_note){until, t->pushcert, mem_strdup(link_host(p)), mem_strdup(why)};
  s->topic = mem_strdup(t->name);
  return s;
}

static void forget_stop(struct push *p, const struct topic *t) {
  work_post(p, &stop_new(p, t, 0, "")->w, stop_fn, stop_finish);
}

/* ---- one topic ---- */

static enum err make_tls(struct push *p, struct topic *t, const char *ca) {
  struct tls_client_conf conf = {.ca_file = ca, .alpn_h2 = true};
  int64_t not_after;
  TRY(pushcert_open(p->cx, p->db, p->core, t->name, &conf.cert_pem, &conf.key_pem, &not_after));
  return tls_client_new(p->cx, &t->tls, &conf);
}

/* Refusals that were met on another way to APNs, or are longer ago than stops last by a clock that was set back, say
 * nothing. */
static bool still_stopped(struct push *p, const struct push_stop_note *stop, const struct pushcert *cert, bool moved) {
  bool in_time = stop->until > p->now && stop->until <= p->now + p->tuning.stop_most;
  return in_time && stop->pushcert == cert->seq && !moved && strcmp(stop->host, link_host(p)) == 0;
}

static void topic_load(struct push *p, struct topic *t, const struct pushcert *cert, const char *made_of) {
  struct push_stop_note stop = {0};
  bool renewed = t->pushcert != 0 && t->pushcert != cert->seq, moved = t->made_of && strcmp(t->made_of, made_of) != 0;
  tls_client_free(t->tls);
  free(t->made_of);
  t->tls = NULL;
  t->made_of = mem_strdup(made_of);
  t->pushcert = cert->seq;
  if (renewed)
    link_renewed(t);
  else if (!t->link.known)
    renewed = !link_load(p, t);
  if (moved) link_refused(p, t, "");
  t->not_after = cert->not_after;
  connections_retire(p, t);
  if (make_tls(p, t, core_conf(p->core)->apns_ca) != OK || push_stop_read(p->cx, p->db, t->name, &stop) != OK) {
    log_failure(LOG_ERROR, p->cx, "no pushes for a topic");
    health_trouble(p, ctx_error_text(p->cx));
    ctx_clear_error(p->cx);
  }
  bool stopped = still_stopped(p, &stop, cert, moved);
  if (stop.until > p->now && stop.pushcert == cert->seq && !stopped) forget_stop(p, t);
  t->stopped_until = stopped ? stop.until : 0;
  t->stops = stopped;
  t->failures = t->faults = 0;
  t->retry_at = 0;
  t->eager = true;
  if (stopped) health_trouble(p, stop.text);
  window_reset(p, t);
  queue_again(t);
  if (renewed) revive(p, t->name);
}

static void load_url(struct push *p, const struct core_conf *conf) {
  const char *text = ctx_printf(p->cx, "%s %s", conf->apns_url, conf->push_proxy ? conf->push_proxy : "");
  if (p->url_text && strcmp(p->url_text, text) == 0) return;
  free(p->url_text);
  p->url_text = mem_strdup(text);
  ctx_reset(p->conf_cx);
  p->proxy = (struct proxy){0};
  if (url_parse(p->conf_cx, &p->url, conf->apns_url) == OK &&
      (!conf->push_proxy || proxy_parse(p->conf_cx, &p->proxy, conf->push_proxy) == OK))
    return;
  p->url = (struct url){0};
  health_trouble(p, ctx_error_text(p->conf_cx));
}

void topics_load(struct push *p) {
  struct pushcert *certs;
  size_t n;
  const struct core_conf *conf = core_conf(p->core);
  load_url(p, conf);
  if (pushcert_list(p->cx, p->db, &certs, &n) != OK) {
    log_failure(LOG_ERROR, p->cx, "push certificates cannot be read");
    return;
  }
  const char *made_of = ctx_printf(p->cx, "%s %s", p->url_text, conf->apns_ca ? conf->apns_ca : "");
  for (struct topic *t = p->topics; t; t = t->next) t->listed = false;
  for (size_t i = 0; i < n; i++) {
    struct topic *t = certs[i].superseded_at ? NULL : topic_find(p, certs[i].topic);
    if (certs[i].superseded_at) continue;
    if (!t) t = topic_new(p, certs[i].topic);
    t->listed = true;
    bool withdrawn = t->not_after == 0; /* and gone back to; or it is new here */
    if (withdrawn || t->pushcert != certs[i].seq || !t->tls || strcmp(t->made_of, made_of) != 0)
      topic_load(p, t, &certs[i], made_of);
  }
  for (struct topic *t = p->topics; t; t = t->next)
    if (!t->listed) t->not_after = 0;
}

void topics_free(struct push *p) {
  while (p->topics) {
    struct topic *t = p->topics;
    p->topics = t->next;
    topic_drop_waiting(p, t);
    map_free(t->answered, NULL);
    tls_client_free(t->tls);
    free(t->made_of);
    free(t->name);
    free(t);
  }
}

/* ---- stopping ---- */

static bool collect(struct slice key, void *value, void *arg) {
  struct stop *s = arg;
  if (value != &fine_mark) memcpy(&s->refused[s->n++], key.p, sizeof *s->refused);
  return true;
}

void topic_stop(struct push *p, struct topic *t, int64_t span_us, const char *why) {
  int64_t span = p->tuning.stop_first;
  for (int i = 0; i < t->stops && span < p->tuning.stop_most; i++) span *= 2;
  t->stopped_until = p->now + (span_us ? span_us : span < p->tuning.stop_most ? span : p->tuning.stop_most);
  struct stop *s = stop_new(p, t, t->stopped_until, why);
  s->alarm = t->stops++ == 0;
  s->refused = mem_alloc((t->refused + 1) * sizeof *s->refused);
  map_filter(t->answered, collect, s);
  window_reset(p, t);
  topic_drop_waiting(p, t);
  health_trouble(p, why);
  log_warn(NULL, "pushes stopped", LOG_S("topic", t->name), LOG_S("reason", why));
  work_post(p, &s->w, stop_fn, stop_finish);
}

static char *mark_of(const struct push_answer *a, enum push_verdict v) {
  if (v != PUSH_DEAD) return &fine_mark;
  return strcmp(a->reason, "BadDeviceToken") == 0 ? &unknown_mark : &refused_mark;
}

void topic_answer(struct push *p, struct topic *t, const struct push_answer *a, enum push_verdict v) {
  struct slice key = slice_mem(&a->enrollment, sizeof a->enrollment);
  if (v == PUSH_TAKEN) t->stops = t->faults = 0;
  if (v != PUSH_TAKEN && v != PUSH_DEAD) return;
  if (p->mono - t->answered_from > US_HOUR || map_count(t->answered) >= WINDOW) window_reset(p, t);
  char *mark = mark_of(a, v), *before = map_put(t->answered, key, mark);
  t->refused += (mark != &fine_mark) - (size_t)(before && before != &fine_mark);
  t->unknown += (mark == &unknown_mark) - (size_t)(before == &unknown_mark);
}

static void judge(struct push *p, struct topic *t) {
  size_t n = map_count(t->answered);
  if (n < REFUSED_OF_LEAST || t->refused * 2 < n) return;
  if (t->unknown * 2 >= n) link_refused(p, t, "BadDeviceToken");
  topic_stop(
      p, t, p->tuning.stop_most,
      ctx_printf(p->cx,
                 "APNs refused the tokens of %zu of the last %zu devices of the topic %s: pushes to it are stopped "
                 "and no token is given up; check that the certificate is the renewed one and that apns-url is "
                 "Apple's production service",
                 t->refused, n, t->name));
}

void topics_judge(struct push *p) {
  for (struct topic *t = p->topics; t; t = t->next) judge(p, t);
}
