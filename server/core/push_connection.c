/* Connections to APNs, one a topic: opened when they are wanted, kept, replaced when they end. A topic gets more of
   them when the peer takes too few pushes at a time on one; `conn` of the topic is then the one that was written to
   last. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "lib/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_PROBE US_MINUTE /* a connection that was silent for longer is probed with the next push */
#define EXPIRATION (7 * US_DAY)
enum { UNWRITTEN_MOST = 4096, PROBES = 10, RESENDS = 3, FAULTS = 8, OPEN_MOST = 8, BESIDE_MOST = 4 };

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- opening ---- */

static void retry_later(struct push *p, struct topic *t, const char *why) {
  t->retry_at = p->mono + push_backoff(p->tuning.backoff_first, p->tuning.backoff_most, ++t->failures);
  topic_drop_waiting(p, t);
  health_trouble(p, why);
  log_warn(NULL, "pushes wait", LOG_S("topic", t->name), LOG_S("reason", why), LOG_I("failures", t->failures));
}

/* It waits because the way to APNs is not open. */
static void way_shut(struct push *p, struct topic *t, struct link_trouble trouble) {
  link_down(p, t, &trouble);
  retry_later(p, t, trouble.text);
}

struct reserve {
  struct work w;
  int64_t wait_us;
  int most;
  char topic[];
};
static enum err reserve_fn(struct ctx *cx, struct db *db, struct work *w) {
  struct reserve *r = (struct reserve *)w;
  return push_reserve(cx, db, r->topic, r->most, clock_now_us(), &r->wait_us);
}
static void reserve_finish(struct push *p, struct work *w) {
  struct reserve *r = (struct reserve *)w;
  struct topic *t = topic_find(p, r->topic);
  t->connecting = CONNECT_IDLE;
  if (w->e != OK) {
    if (!t->conn) retry_later(p, t, ctx_error_text(w->job.cx));
  } else if (r->wait_us) {
    *(t->conn ? &t->widened_at : &t->retry_at) = p->mono + r->wait_us;
    log_info(NULL, "a new connection to APNs has to wait", LOG_S("topic", t->name), LOG_I("us", r->wait_us));
  } else if (!atomic_load(&p->quiet)) {
    t->connecting = CONNECT_RESOLVING;
    resolver_ask(p->resolver, t->name, p->proxy.host ? p->proxy.host : p->url.host,
                 p->proxy.host ? p->proxy.port : p->url.port);
  }
  work_free(w);
}

static size_t open_count(const struct push *p, const struct topic *t) {
  size_t n = 0;
  for (const struct conn *c = p->conns; c; c = c->next) n += c->topic == t;
  return n;
}

/* When a topic whose connections are full gets another; INT64_MAX: not at all. */
static int64_t wider_at(const struct push *p, const struct topic *t) {
  if (!t->full_since || open_count(p, t) >= BESIDE_MOST) return INT64_MAX;
  return later(t->full_since, t->widened_at) + p->tuning.full_for;
}

static bool wanted(const struct push *p, const struct topic *t) {
  bool first = !t->conn && (t->eager || topic_waiting(t));
  return topic_usable(p, t) && t->connecting == CONNECT_IDLE && (first || wider_at(p, t) <= p->mono) && p->url.host &&
         !atomic_load(&p->quiet) && open_count(p, t) < OPEN_MOST;
}

static void reserve(struct push *p, struct topic *t) {
  size_t n = strlen(t->name) + 1;
  struct reserve *r = mem_alloc(sizeof *r + n);
  memcpy(r->topic, t->name, n);
  r->most = p->tuning.connections_a_minute;
  t->widened_at = p->mono;
  t->connecting = CONNECT_RESERVING;
  work_post(p, &r->w, reserve_fn, reserve_finish);
}

static void refresh_health(struct push *p) {
  bool any = false;
  for (const struct topic *t = p->topics; t; t = t->next) any |= t->conn && t->conn->ready;
  health_connected(p, any);
}

/* A connection of the topic that takes pushes now, the one that was written to last before others. */
static struct conn *sender(const struct push *p, const struct topic *t) {
  if (t->conn && h2_room(t->conn->h2)) return t->conn;
  for (struct conn *c = p->conns; c; c = c->next)
    if (c->topic == t && h2_room(c->h2)) return c;
  return NULL;
}

/* Another of the topic takes its place, when there is one. False when it was not the one in use. */
static bool part_from(struct conn *c) {
  struct topic *t = c->topic;
  if (t->conn != c) return false;
  t->conn = NULL;
  for (struct conn *o = c->p->conns; o && !t->conn; o = o->next)
    if (o != c && o->topic == t && h2_usable(o->h2)) t->conn = o;
  refresh_health(c->p);
  return true;
}

void connection_retire(struct conn *c) {
  h2_shutdown(c->h2);
  (void)part_from(c);
}

void connections_retire(struct push *p, struct topic *t) {
  for (struct conn *c = p->conns; c; c = c->next)
    if (c->topic == t) connection_retire(c);
}

/* With pushes on it a connection must not be silent for long; without them it is kept, and a firewall on the way
 * reminded of it. */
static int64_t probe_at(const struct conn *c) {
  const struct push_tuning *tuning = &c->p->tuning;
  if (!c->ready) return INT64_MAX;
  return later(c->quiet_since, c->probed_at) + (h2_open_streams(c->h2) ? tuning->answer_probe : tuning->idle_probe);
}

/* APNs keeps its connections, but lets no push in on any of them. */
static void give_up_full(struct push *p, struct topic *t) {
  if (!t->full_since || t->in_flight || p->mono - t->full_since < p->tuning.answer_lost) return;
  for (struct conn *c = p->conns; c; c = c->next)
    if (c->topic == t && h2_usable(c->h2)) connection_retire(c);
  t->full_since = 0;
  way_shut(p, t, (struct link_trouble){PUSH_SERVER, .text = "APNs lets no pushes in", .of_answers = true});
}

void connections_tend(struct push *p) {
  for (struct topic *t = p->topics; t; t = t->next) {
    if (t->conn && (!t->tls || t->not_after <= p->now)) {
      log_warn(NULL, "a push certificate has ended", LOG_S("topic", t->name));
      health_trouble(p, "the push certificate has expired");
      connections_retire(p, t);
      topic_drop_waiting(p, t);
    }
    give_up_full(p, t);
    if (wanted(p, t) && p->mono >= t->retry_at) reserve(p, t);
  }
  for (struct conn *c = p->conns; c; c = c->next) {
    if (p->mono < probe_at(c)) continue;
    c->probed_at = p->mono;
    h2_ping(c->h2);
  }
}

/* ---- answers ---- */

/* What an answer means beyond its own push. */
struct told {
  struct push *p;
  struct conn *c;
  struct topic *t;
  const struct push_answer *a;
  int64_t retry_after;
};

static void told_topic(const struct told *o) {
  const char *text = apns_reason(o->a->status, o->a->reason)->text;
  link_refused(o->p, o->t, o->a->reason);
  if (o->t->stopped_until <= o->p->now) topic_stop(o->p, o->t, 0, ctx_printf(o->p->cx, "%s (%s)", text, o->a->reason));
}

static void told_server(const struct told *o) {
  struct topic *t = o->t;
  if (o->a->status != 503 && ++t->faults < FAULTS) return;
  if (o->a->status == 503 && !h2_usable(o->c->h2)) return; /* said before */
  t->faults = 0;
  const char *text = apns_reason(o->a->status, o->a->reason)->text;
  way_shut(o->p, t, (struct link_trouble){PUSH_SERVER, .text = text, .of_answers = true});
  if (o->p->mono + o->retry_after > t->retry_at) t->retry_at = o->p->mono + o->retry_after;
  if (o->a->status == 503) connection_retire(o->c);
}

static void told_ours(const struct told *o) {
  log_error(NULL, "APNs refused a push as wrong", LOG_I("status", o->a->status), LOG_S("reason", o->a->reason));
}

static void told_nothing(const struct told *o) { (void)o; }

/* At once; when that does not help, it waits as after an answer that is Apple's fault, for another connection. */
static void send_again(struct conn *c, struct item *i) {
  struct push *p = c->p;
  if (p->stop_by) {
    item_free(p, i);
  } else if (++i->resends > RESENDS) {
    const struct link_trouble trouble = {PUSH_HTTP2, .text = "APNs ends pushes without an answer", .of_answers = true};
    link_down(p, i->topic, &trouble);
    result_add(p, i);
    if (!h2_is_closed(c->h2)) connection_retire(c);
  } else {
    items_push_front(&i->topic->waiting[!i->first], i);
  }
}

static int64_t seconds(struct slice s) {
  int64_t n = 0;
  if (!slice_to_i64(s, &n) || n < 0) return 0;
  return (n > 3600 ? 3600 : n) * US_SECOND;
}

static void on_response(void *arg, void *tag, const struct h2_response *r) {
  static void (*const told[APNS_ACTS])(const struct told *) = {
      [APNS_FINE] = told_nothing, [APNS_TOKEN] = told_nothing, [APNS_GONE] = told_nothing, [APNS_TOPIC] = told_topic,
      [APNS_SLOW] = told_nothing, [APNS_SERVER] = told_server, [APNS_IDLE] = told_nothing, [APNS_OURS] = told_ours,
  };
  struct conn *c = arg;
  struct item *i = tag;
  i->conn = NULL;
  i->topic->in_flight--;
  enum apns_act act = result_read(c->p, i, r->status, r->body);
  if (r->status == 0 || act == APNS_IDLE) {
    c->lost |= r->status == 0;
    send_again(c, i);
    if (act == APNS_IDLE) connection_retire(c);
    return;
  }
  c->quiet_since = c->p->mono;
  c->answered = true;
  result_add(c->p, i);
  link_answered(c->p, c->topic, apns_reason(i->a.status, i->a.reason));
  told[act](&(struct told){c->p, c, c->topic, &i->a, seconds(r->retry_after)});
  if (act != APNS_SERVER) c->topic->failures = 0;
}

static void on_ready(void *arg) {
  struct conn *c = arg;
  c->ready = true;
  c->topic->eager = false;
  if (!c->topic->conn) c->topic->conn = c;
  link_ready(c->p, c->topic);
  refresh_health(c->p);
  log_info(NULL, "connected to APNs", LOG_S("topic", c->topic->name), LOG_S("host", c->p->url.host));
}

static void on_goaway(void *arg, uint32_t code, struct slice debug) {
  struct conn *c = arg;
  if (!part_from(c)) return;
  const struct apns_reason *known = apns_named(apns_said(c->p->cx, debug).reason);
  if (known && known->act == APNS_TOPIC) {
    link_refused(c->p, c->topic, known->name);
    topic_stop(c->p, c->topic, 0, ctx_printf(c->p->cx, "%s (%s)", known->text, known->name));
  } else if (!c->answered && !c->topic->conn) {
    const char *text = ctx_printf(c->p->cx, "APNs ended the connection (GOAWAY %" PRIu32 ")", code);
    way_shut(c->p, c->topic, (struct link_trouble){PUSH_HTTP2, .text = text});
  }
}

static void on_closed(void *arg, enum err e, const char *reason) {
  struct conn *c = arg;
  struct topic *t = c->topic;
  if (!part_from(c)) return;
  struct link_trouble trouble = {apns_trouble(c->h2),    reason,          h2_issuer(c->p->cx, c->h2),
                                 h2_proxy_status(c->h2), h2_alert(c->h2), c->lost};
  if (trouble.kind == PUSH_ALERT) {
    link_down(c->p, t, &trouble);
    topic_stop(c->p, t, 0, reason);
  } else if (t->conn) {
    log_info(NULL, "one of the connections to APNs ended", LOG_S("topic", t->name), LOG_S("reason", reason));
  } else if (c->answered && !c->lost && trouble.kind == PUSH_HTTP2) {
    retry_later(c->p, t, reason); /* nothing was asked of it: APNs may end what is idle */
  } else if (e != OK) {
    way_shut(c->p, t, trouble);
  }
}

void topic_connect_resolved(struct push *p, const char *topic, enum err e, const struct addr *a, const char *text) {
  struct topic *t = topic_find(p, topic);
  t->connecting = CONNECT_IDLE;
  if (!topic_usable(p, t) || atomic_load(&p->quiet) || !p->url.host) return;
  if (e != OK) {
    if (!t->conn) way_shut(p, t, (struct link_trouble){p->proxy.host ? PUSH_PROXY : PUSH_NAME, .text = text});
    return;
  }
  struct conn *c = mem_alloc(sizeof *c);
  *c = (struct conn){.p = p, .topic = t, .quiet_since = p->mono};
  struct slice address = slice_mem(&a->ss, a->n), none = {0};
  struct h2_conf conf = {.address = p->proxy.host ? none : address,
                         .proxy = {p->proxy.host ? address : none, p->proxy.authorization},
                         .host = p->url.host,
                         .port = p->url.port,
                         .tls = t->tls,
                         .cb = {on_ready, on_response, on_goaway, on_closed},
                         .arg = c,
                         .ping_us = p->tuning.ping_answer};
  if (h2_open(p->cx, &c->h2, &conf) != OK) {
    if (!t->conn)
      way_shut(p, t, (struct link_trouble){p->proxy.host ? PUSH_PROXY : PUSH_REFUSED, .text = ctx_error_text(p->cx)});
    ctx_clear_error(p->cx);
    free(c);
    return;
  }
  c->next = p->conns;
  p->conns = c;
  if (!t->conn) t->conn = c;
}

static bool of_conn(struct slice key, void *value, void *arg) {
  (void)key;
  struct item *i = value;
  if (i->conn != arg) return true;
  i->topic->in_flight--;
  free(i);
  return false;
}

static void conn_free(struct push *p, struct conn *c) {
  map_filter(p->items, of_conn, c); /* none, unless it is given up */
  (void)part_from(c);
  h2_free(c->h2);
  free(c);
}

void connections_reap(struct push *p, bool all) {
  for (struct conn **at = &p->conns; *at;) {
    struct conn *c = *at;
    bool lost = h2_open_streams(c->h2) && p->mono - c->quiet_since >= p->tuning.answer_lost;
    if (!all && !lost && !h2_is_closed(c->h2)) {
      at = &c->next;
      continue;
    }
    *at = c->next;
    if (part_from(c) && lost && !c->topic->conn)
      way_shut(p, c->topic,
               (struct link_trouble){PUSH_SERVER, .text = "APNs does not answer pushes", .of_answers = true});
    if (lost) queue_again(c->topic);
    conn_free(p, c);
  }
  refresh_health(p);
}

static bool mark_stuck(struct slice key, void *value, void *arg) {
  const struct item *i = value;
  const struct push *p = arg;
  (void)key;
  if (i->conn && p->mono - i->sent_mono >= p->tuning.answer_lost) i->conn->stuck = true;
  return true;
}

/* While others are answered the connection is not lost, but a push that never is would keep its device from being
 * pushed to again. */
void connections_check(struct push *p) {
  map_filter(p->items, mark_stuck, p);
  for (struct conn *c = p->conns; c; c = c->next)
    if (c->stuck && h2_usable(c->h2)) connection_retire(c);
}

/* ---- sending ---- */

static bool can_send(const struct push *p, const struct topic *t) {
  return topic_waiting(t) && topic_usable(p, t) && p->mono >= t->retry_at && (!t->stops || t->in_flight < PROBES) &&
         sender(p, t);
}

/* By what the peer allows, not by what we ask of one connection. */
static bool is_full(const struct push *p, const struct topic *t) {
  return t->conn && h2_is_narrow(t->conn->h2) && topic_waiting(t) && !t->stops && !sender(p, t);
}

/* Topics take turns, so that a long queue of one delays no other. */
static struct topic *next_sender(const struct push *p) {
  struct topic *first = p->served && p->served->next ? p->served->next : p->topics, *t = first;
  if (!first) return NULL;
  do {
    if (can_send(p, t)) return t;
    t = t->next ? t->next : p->topics;
  } while (t != first);
  return NULL;
}

/* As a string of JSON it stands for itself. */
static bool is_literal(const char *s) {
  while (*s >= ' ' && *s < 0x7f && *s != '"' && *s != '\\') s++;
  return !*s;
}

static struct slice payload(struct ctx *cx, const char *magic) {
  if (is_literal(magic)) return slice_of(ctx_printf(cx, "{\"mdm\":\"%s\"}", magic));
  struct js *o = js_object(cx);
  js_set_string(o, "mdm", magic);
  return js_text(cx, o, JS_COMPACT);
}

static bool submit(struct push *p, struct topic *t, struct item *i) {
  struct conn *c = t->conn = sender(p, t);
  char until[24];
  snprintf(until, sizeof until, "%" PRId64, (p->now + EXPIRATION) / US_SECOND);
  const struct h2_header headers[] = {{"apns-topic", t->name},
                                      {"apns-push-type", "mdm"},
                                      {"apns-priority", "10"},
                                      {"apns-expiration", until},
                                      {"apns-id", i->a.apns_id}};
  const char *path = ctx_printf(p->cx, "/3/device/%s", enc_hex(p->cx, i->a.token.p, i->a.token.n));
  if (h2_submit(p->cx, c->h2, path, headers, sizeof headers / sizeof *headers, payload(p->cx, i->magic), i) != OK) {
    ctx_clear_error(p->cx);
    return false;
  }
  if (p->mono - c->quiet_since > IDLE_PROBE) h2_ping(c->h2);
  if (h2_open_streams(c->h2) == 1) c->quiet_since = p->mono;
  i->conn = c;
  i->a.sent_at = p->now;
  i->sent_mono = p->mono;
  t->in_flight++;
  health_count(p, 1, 0, 0);
  return true;
}

void connections_send(struct push *p) {
  int64_t rate = p->rate.now;
  struct topic *t;
  if (atomic_load(&p->quiet)) return;
  while (p->unwritten < UNWRITTEN_MOST && (t = next_sender(p)) && push_pace_take(&p->pace, rate, p->mono)) {
    struct items *l = t->waiting[0].n ? &t->waiting[0] : &t->waiting[1];
    struct item *i = items_pop(l);
    p->served = t;
    if (submit(p, t, i)) continue;
    items_push_front(l, i);
    break;
  }
  for (t = p->topics; t; t = t->next) {
    if (!is_full(p, t))
      t->full_since = 0;
    else if (!t->full_since)
      t->full_since = p->mono;
  }
  for (struct conn *c = p->conns; c; c = c->next)
    if (!h2_is_closed(c->h2)) h2_io(c->h2, 0);
}

/* ---- time ---- */

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t topic_deadline(const struct push *p, const struct topic *t) {
  int64_t at = INT64_MAX;
  if (t->stopped_until > p->now) at = p->mono + t->stopped_until - p->now;
  if (t->conn && t->not_after > p->now) at = sooner(at, p->mono + (t->not_after - p->now));
  if (topic_usable(p, t) && t->retry_at > p->mono) at = sooner(at, t->retry_at);
  if (wider_at(p, t) > p->mono) at = sooner(at, wider_at(p, t));
  if (wanted(p, t)) at = sooner(at, later(t->retry_at, p->mono));
  if (can_send(p, t) && p->unwritten < UNWRITTEN_MOST && !atomic_load(&p->quiet))
    at = sooner(at, push_pace_at(&p->pace, p->rate.now));
  return at;
}

static int64_t conn_deadline(const struct conn *c) {
  int64_t at = h2_next_deadline(c->h2);
  if (h2_is_closed(c->h2)) return c->p->mono;
  if (!at) at = INT64_MAX;
  at = sooner(at, probe_at(c));
  return h2_open_streams(c->h2) ? sooner(at, c->quiet_since + c->p->tuning.answer_lost) : at;
}

int64_t connections_deadline(const struct push *p) {
  int64_t at = INT64_MAX;
  for (const struct topic *t = p->topics; t; t = t->next) at = sooner(at, topic_deadline(p, t));
  for (const struct conn *c = p->conns; c; c = c->next) at = sooner(at, conn_deadline(c));
  return at;
}
