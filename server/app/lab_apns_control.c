/* The control port of the stand-in: devices listen for their pushes, tests script what is answered. See app/lab.h. */
#include "app/lab_apns_int.h"
#include "base/clock.h"
#include "lib/json.h"
#include "lib/net_addr.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 65536, OUT_MAX = 16 << 20, WORDS = 6 };

/* One line, being run. */
struct call {
  struct lab_apns *a;
  struct lab_control *from; /* NULL: a script */
  char *words[WORDS];       /* after the verb; NULL where missing */
  const char *text;         /* all after the verb */
  struct buf *out;
};

/* ---- verbs: each gives NULL or what is wrong ---- */
static bool number(const char *word, int64_t *out) {
  return word && slice_to_i64(slice_of(word), out) && *out >= 0 && *out < INT64_MAX / 1000;
}

static struct lab_token *token_of(const struct call *c) {
  for (char *p = c->words[0]; *p; p++) *p = (char)tolower((unsigned char)*p);
  return lab_token_get(c->a, c->words[0]);
}

static const char *do_listen(struct call *c) {
  if (!c->from || !c->words[1]) return "listen TOKEN TOPIC";
  struct lab_token *t = token_of(c);
  if (!t) return "too many tokens";
  free(t->topic);
  t->topic = mem_strdup(c->words[1]);
  t->gone_ms = 0;
  t->control = (size_t)(c->from - c->a->controls);
  t->generation = c->from->generation;
  lab_deliver(c->a, c->words[0], t);
  return NULL;
}

static const char *do_gone(struct call *c) {
  int64_t ms;
  if (!c->words[0] || !number(c->words[1], &ms) || ms == 0) return "gone TOKEN MS";
  struct lab_token *t = token_of(c);
  if (!t) return "too many tokens";
  t->gone_ms = ms;
  return NULL;
}

static const char *do_rule(struct call *c) {
  static const char usage[] = "rule TOKEN|* STATUS [REASON] [TIMESTAMP-MS] [TIMES]";
  int64_t status, timestamp = 0, times = -1;
  if (!number(c->words[1], &status) || (status != 0 && (status < 200 || status > 599))) return usage;
  if (c->words[3] && !number(c->words[3], &timestamp)) return usage;
  if (c->words[4] && (!number(c->words[4], &times) || times == 0)) return usage;
  const char *reason = c->words[2] ? c->words[2] : lab_status_reason((int)status);
  if (strlen(reason) >= LAB_REASON || strpbrk(reason, "\"\\")) return "that is no reason";
  struct lab_rule *rule = mem_alloc(sizeof *rule);
  for (char *p = c->words[0]; *p; p++) *p = (char)tolower((unsigned char)*p);
  rule->token = mem_strdup(c->words[0]);
  rule->verdict = (struct lab_verdict){.status = (int)status, .timestamp_ms = timestamp};
  snprintf(rule->verdict.reason, sizeof rule->verdict.reason, "%s", reason);
  rule->times = times;
  rule->next = c->a->rules;
  c->a->rules = rule;
  return NULL;
}

static const char *do_goaway(struct call *c) {
  free(c->a->goaway);
  c->a->goaway = mem_strdup(c->text);
  if (c->a->server) h2_server_wake(c->a->server);
  return NULL;
}

static const char *do_drop(struct call *c) {
  c->a->drop = true;
  if (c->a->server) h2_server_wake(c->a->server);
  return NULL;
}

static const char *do_delay(struct call *c) {
  int64_t ms;
  if (!number(c->words[0], &ms)) return "delay MS";
  c->a->delay_us = ms * 1000;
  return NULL;
}

static const char *do_date(struct call *c) {
  int64_t seconds;
  if (!c->words[0] || !slice_to_i64(slice_of(c->words[0]), &seconds)) return "date SECONDS";
  c->a->dated = true;
  c->a->date_shift_us = seconds * US_SECOND;
  return NULL;
}

static const char *do_tls(struct call *c) {
  static const struct {
    const char *word;
    enum tls_refusal refusal;
    bool no_alpn;
  } moods[] = {{"ok", TLS_REFUSE_NONE, false},
               {"expired", TLS_REFUSE_EXPIRED, false},
               {"revoked", TLS_REFUSE_REVOKED, false},
               {"unknown-ca", TLS_REFUSE_UNKNOWN_CA, false},
               {"no-alpn", TLS_REFUSE_NONE, true}};
  for (size_t i = 0; c->words[0] && i < sizeof moods / sizeof *moods; i++) {
    if (strcmp(c->words[0], moods[i].word) != 0) continue;
    tls_server_drill(c->a->tls, moods[i].refusal, moods[i].no_alpn);
    return NULL;
  }
  return "tls ok|expired|revoked|unknown-ca|no-alpn";
}

static const char *do_clear(struct call *c) {
  lab_rules_clear(c->a);
  c->a->delay_us = 0;
  c->a->dated = false;
  tls_server_drill(c->a->tls, TLS_REFUSE_NONE, false);
  return NULL;
}

/* ---- stats ---- */
static const char *next_text(const char *s) { return s + strlen(s) + 1; }

static void set_text(struct js *object, const char *key, const char *value) {
  js_set_string(object, key, utf8_valid(slice_of(value)) ? value : "(not UTF-8)");
}

static struct js *record_json(struct ctx *cx, const struct lab_record *r) {
  struct js *o = js_object(cx), *headers = js_object(cx);
  const char *end = r->text.p + r->text.n, *s = r->text.p;
  js_set_int(o, "connection", r->connection);
  js_set_string(o, "serial_number", r->serial);
  set_text(o, "method", s);
  set_text(o, "path", s = next_text(s));
  set_text(o, "body", s = next_text(s));
  for (s = next_text(s); s < end; s = next_text(next_text(s))) set_text(headers, s, next_text(s));
  js_set(o, "headers", headers);
  js_set_int(o, "status", r->verdict.status);
  js_set_string(o, "reason", r->verdict.reason);
  return o;
}

static struct js *counts_json(struct ctx *cx, const struct lab_apns *a) {
  struct js *o = js_object(cx);
  for (int i = 0; i < 600; i++)
    if (a->by_status[i]) js_set_int(o, ctx_printf(cx, "%d", i), a->by_status[i]);
  return o;
}

static const char *do_stats(struct call *c) {
  const struct lab_apns *a = c->a;
  struct ctx *cx = ctx_new();
  struct js *o = js_object(cx), *requests = js_array(cx);
  js_set_int(o, "connections", a->server ? h2_server_connections(a->server) : 0);
  js_set_int(o, "pushes", a->pushes);
  js_set_int(o, "delivered", a->delivered);
  js_set(o, "status", counts_json(cx, a));
  for (size_t i = a->ring_at > LAB_RING ? a->ring_at - LAB_RING : 0; i < a->ring_at; i++)
    js_add(requests, record_json(cx, &a->ring[i % LAB_RING]));
  js_set(o, "requests", requests);
  buf_add_slice(c->out, js_text(cx, o, JS_COMPACT));
  buf_add_char(c->out, '\n');
  ctx_free(cx);
  return NULL;
}

static const struct {
  const char *verb;
  const char *(*run)(struct call *c);
  bool quiet; /* gives its own answer, or none */
} verbs[] = {
    {"listen", do_listen, true},  {"gone", do_gone, false},  {"rule", do_rule, false}, {"clear", do_clear, false},
    {"goaway", do_goaway, false}, {"drop", do_drop, false},  {"date", do_date, false}, {"delay", do_delay, false},
    {"tls", do_tls, false},       {"stats", do_stats, true},
};

/* Cuts text, which is written to, into words; what is missing is left NULL. */
static void cut_words(char *text, char *words[WORDS]) {
  char *rest = text;
  for (size_t i = 0; i < WORDS; i++) words[i] = strtok_r(i ? NULL : text, " ", &rest);
}

bool lab_control_line(struct lab_apns *a, struct lab_control *from, struct slice line, struct buf *out) {
  struct slice rest = slice_trim(line), verb;
  struct buf text = {0}, words = {0};
  const char *wrong = "there is no such verb";
  bool quiet = false;
  slice_cut(&rest, ' ', &verb);
  buf_add_slice(&text, rest);
  buf_add_slice(&words, rest);
  buf_add_char(&words, 0);
  struct call c = {.a = a, .from = from, .text = text.p ? text.p : "", .out = out};
  cut_words(words.p, c.words);
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (slice_is(verb, verbs[i].verb)) wrong = verbs[i].run(&c), quiet = verbs[i].quiet;
  if (wrong)
    buf_printf(out, "error %s\n", wrong);
  else if (!quiet)
    buf_add_str(out, "ok\n");
  buf_free(&text);
  buf_free(&words);
  return !wrong;
}

/* ---- connections ---- */
static void control_close(struct lab_control *c) {
  close(c->fd);
  c->fd = -1;
  buf_free(&c->in);
  buf_free(&c->out);
}

static void control_accept(struct lab_apns *a) {
  int fd = accept4(a->control.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  for (size_t i = 0; fd >= 0 && i < LAB_CONTROLS; i++) {
    if (a->controls[i].fd >= 0) continue;
    a->controls[i] = (struct lab_control){.fd = fd, .generation = ++a->generations};
    return;
  }
  if (fd >= 0) close(fd);
}

/* Runs the whole lines that came in, and keeps the rest. */
static void run_input(struct lab_apns *a, struct lab_control *c) {
  struct slice rest = buf_slice(&c->in), line;
  while (rest.n && memchr(rest.p, '\n', rest.n) && slice_cut(&rest, '\n', &line))
    if (line.n) lab_control_line(a, c, line, &c->out);
  size_t done = c->in.n - rest.n;
  if (done) memmove(c->in.p, c->in.p + done, rest.n);
  c->in.n = rest.n;
}

static bool control_read(struct lab_apns *a, struct lab_control *c) {
  char bytes[16384];
  ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
  if (n <= 0) return false;
  buf_add(&c->in, bytes, (size_t)n);
  run_input(a, c);
  return c->in.n <= LINE_MAX_BYTES;
}

static bool control_write(struct lab_control *c) {
  ssize_t n = c->out.n ? send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
  if (n < 0) n = 0; /* full, or broken: then reading tells */
  if (n) memmove(c->out.p, c->out.p + n, c->out.n - (size_t)n);
  c->out.n -= (size_t)n;
  return c->out.n <= OUT_MAX;
}

static size_t fill_polls(struct lab_apns *a, struct pollfd *p, size_t *who) {
  size_t n = 0;
  p[n++] = (struct pollfd){.fd = a->control.wake.fd, .events = POLLIN};
  p[n++] = (struct pollfd){.fd = a->control.listener, .events = POLLIN};
  pthread_mutex_lock(&a->lock);
  for (size_t i = 0; i < LAB_CONTROLS; i++) {
    const struct lab_control *c = &a->controls[i];
    if (c->fd < 0) continue;
    who[n] = i;
    p[n++] = (struct pollfd){.fd = c->fd, .events = c->out.n ? POLLIN | POLLOUT : POLLIN};
  }
  pthread_mutex_unlock(&a->lock);
  return n;
}

static void *serve(void *arg) {
  struct lab_apns *a = arg;
  struct pollfd p[2 + LAB_CONTROLS];
  size_t who[2 + LAB_CONTROLS];
  while (!atomic_load(&a->control.stop)) {
    size_t n = fill_polls(a, p, who);
    if (poll(p, n, -1) < 0) continue;
    if (p[0].revents) (void)mailbox_take(&a->control.wake);
    pthread_mutex_lock(&a->lock);
    for (size_t i = 2; i < n; i++) {
      struct lab_control *c = &a->controls[who[i]];
      bool good = !(p[i].revents & ~POLLOUT) || control_read(a, c);
      if (!good || !control_write(c)) control_close(c);
    }
    if (p[1].revents) control_accept(a);
    pthread_mutex_unlock(&a->lock);
  }
  return NULL;
}

enum err lab_control_start(struct ctx *cx, struct lab_apns *a) {
  struct addr bound;
  TRY(addr_listen(cx, &a->control.listener, &bound, a->conf.control ? a->conf.control : "127.0.0.1:0"));
  a->control.port = addr_port(&bound);
  mailbox_init(&a->control.wake);
  a->control.thread = thread_start("lab-control", serve, a);
  return OK;
}

void lab_control_stop(struct lab_apns *a) {
  if (a->control.listener < 0) return;
  atomic_store(&a->control.stop, true);
  mailbox_ring(&a->control.wake);
  thread_join(a->control.thread);
  (void)mailbox_take(&a->control.wake);
  mailbox_close(&a->control.wake);
  close(a->control.listener);
  for (size_t i = 0; i < LAB_CONTROLS; i++)
    if (a->controls[i].fd >= 0) control_close(&a->controls[i]);
}
