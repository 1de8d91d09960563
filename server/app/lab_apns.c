/* The stand-in for APNs: answers pushes as Apple does, or as its rules say, and passes them on to devices. */
#include "app/lab_apns_int.h"
#include "app/lab_args.h"
#include "base/clock.h"
#include "base/file.h"
#include "lib/pki_cert.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SCRIPT_MAX = 1 << 20 };

/* ---- tokens ---- */
struct lab_token *lab_token_get(struct lab_apns *a, const char *token) {
  struct lab_token *t = map_get(a->tokens, slice_of(token));
  if (t || map_count(a->tokens) >= LAB_TOKENS) return t;
  t = mem_alloc(sizeof *t);
  t->control = LAB_CONTROLS;
  map_put(a->tokens, slice_of(token), t);
  return t;
}

static void token_forget_push(struct lab_token *t) {
  free(t->magic);
  t->magic = NULL;
}

static void token_free(void *p) {
  struct lab_token *t = p;
  free(t->topic);
  free(t->magic);
  free(t);
}

void lab_deliver(struct lab_apns *a, const char *token, struct lab_token *t) {
  struct lab_control *c = t->control < LAB_CONTROLS ? &a->controls[t->control] : NULL;
  bool listens = c && c->fd >= 0 && c->generation == t->generation;
  if (!t->magic || t->expires_us < clock_now_us()) listens = false;
  if (!listens) return;
  if (c->out.n == 0) mailbox_ring(&a->control.wake);
  buf_printf(&c->out, "push %s %s %s\n", token, t->magic, t->apns_id);
  token_forget_push(t);
  a->delivered++;
}

/* Only the latest push of a token is kept. One without an expiration is for who listens now. */
static void accept_push(struct lab_apns *a, const struct lab_push *p, struct lab_token *t) {
  token_forget_push(t);
  t->magic = mem_strdup(p->magic);
  snprintf(t->apns_id, sizeof t->apns_id, "%s", p->apns_id);
  t->expires_us = p->expires_us ? p->expires_us : INT64_MAX;
  lab_deliver(a, p->token, t);
  if (!p->expires_us) token_forget_push(t);
}

/* ---- rules ---- */
static void rule_remove(struct lab_rule **at) {
  struct lab_rule *rule = *at;
  *at = rule->next;
  free(rule->token);
  free(rule);
}

void lab_rules_clear(struct lab_apns *a) {
  while (a->rules) rule_remove(&a->rules);
}

/* Uses up one time of the newest rule that fits. */
static bool rule_applies(struct lab_apns *a, const char *token, struct lab_verdict *v) {
  for (struct lab_rule **at = &a->rules; *at; at = &(*at)->next) {
    struct lab_rule *rule = *at;
    if (strcmp(rule->token, "*") != 0 && strcmp(rule->token, token) != 0) continue;
    *v = rule->verdict;
    if (rule->times > 0 && --rule->times == 0) rule_remove(at);
    return v->status != 200;
  }
  return false;
}

static struct lab_verdict verdict(int status, const char *reason, int64_t timestamp_ms) {
  struct lab_verdict v = {.status = status, .timestamp_ms = timestamp_ms};
  snprintf(v.reason, sizeof v.reason, "%s", reason);
  return v;
}

static struct lab_verdict decide(struct lab_apns *a, const struct lab_push *p) {
  struct lab_verdict v = lab_judge(p), ruled;
  if (rule_applies(a, p->token, &ruled)) return ruled;
  if (v.status != 200) return v;
  struct lab_token *t = lab_token_get(a, p->token);
  if (!t) return verdict(503, "ServiceUnavailable", 0);
  if (t->gone_ms) return verdict(410, "Unregistered", t->gone_ms);
  if (t->topic && strcmp(t->topic, p->topic) != 0) return verdict(400, "DeviceTokenNotForTopic", 0);
  accept_push(a, p, t);
  return v;
}

/* ---- answers ---- */
static void http_date(const struct lab_apns *a, char out[40]) {
  time_t t = (time_t)((clock_now_us() + a->date_shift_us) / US_SECOND);
  struct tm tm;
  strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
}

static void answer(struct lab_apns *a, int64_t id, const struct lab_verdict *v, const char *apns_id) {
  char date[40];
  struct h2_header headers[3] = {{"apns-id", apns_id}};
  size_t n = 1;
  if (a->dated) http_date(a, date), headers[n++] = (struct h2_header){"date", date};
  if (v->status != 200) headers[n++] = (struct h2_header){"content-type", "application/json"};
  struct buf body = {0};
  if (v->status == 0) return; /* a rule: say nothing */
  if (v->status != 200) buf_printf(&body, "{\"reason\":\"%s\"", v->reason);
  if (v->status == 410)
    buf_printf(&body, ",\"timestamp\":%lld", (long long)(v->timestamp_ms ? v->timestamp_ms : clock_now_us() / 1000));
  if (v->status != 200) buf_add_char(&body, '}');
  h2_server_reply(a->server, id, v->status, headers, n, buf_slice(&body));
  buf_free(&body);
}

static void answer_later(struct lab_apns *a, int64_t id, const struct lab_verdict *v, const char *apns_id) {
  struct lab_late *late = mem_alloc(sizeof *late);
  *late = (struct lab_late){.next = a->late, .id = id, .due_us = clock_mono_us() + a->delay_us, .verdict = *v};
  snprintf(late->apns_id, sizeof late->apns_id, "%s", apns_id);
  a->late = late;
}

/* Answers what is due at now, or with INT64_MAX forgets everything. */
static void answer_due(struct lab_apns *a, int64_t now) {
  for (struct lab_late **at = &a->late; *at;) {
    struct lab_late *late = *at;
    if (late->due_us > now) {
      at = &late->next;
      continue;
    }
    *at = late->next;
    if (now != INT64_MAX) answer(a, late->id, &late->verdict, late->apns_id);
    free(late);
  }
}

/* ---- requests ---- */
static void keep_text(struct buf *b, const char *s) { buf_add(b, s, strlen(s) + 1); }

static void record(struct lab_apns *a, const struct lab_push *p, const struct lab_verdict *v) {
  struct lab_record *r = &a->ring[a->ring_at++ % LAB_RING];
  buf_clear(&r->text);
  r->connection = p->rq->connection;
  snprintf(r->serial, sizeof r->serial, "%s",
           p->uid ? a->cache[(size_t)p->rq->connection % LAB_CACHED].serial : ""); /* uid_of has just read it */
  r->verdict = *v;
  keep_text(&r->text, p->rq->method);
  keep_text(&r->text, p->rq->path);
  keep_text(&r->text, p->rq->body.n ? ctx_memdup(a->cx, p->rq->body.p, p->rq->body.n) : "");
  for (size_t i = 0; i < p->rq->header_n; i++) {
    keep_text(&r->text, p->rq->headers[i].name);
    keep_text(&r->text, p->rq->headers[i].value);
  }
  a->pushes++;
  a->by_status[v->status]++;
  if (!a->conf.verbose) return;
  printf("push token=%s topic=%s apns-id=%s status=%d reason=%s\n", p->token, p->topic ? p->topic : "", p->apns_id,
         v->status, v->reason);
  fflush(stdout);
}

/* Subject UID of the connection's certificate; NULL without one, "" when it has none or cannot be read. */
static const char *uid_of(struct lab_apns *a, const struct h2_server_req *rq) {
  struct pki_cert *cert;
  size_t at = (size_t)rq->connection % LAB_CACHED;
  if (!rq->peer_cert.p) return NULL;
  if (a->cache[at].connection == rq->connection) return a->cache[at].uid;
  bool good = pki_cert_parse(a->cx, &cert, rq->peer_cert) == OK;
  free(a->cache[at].uid);
  a->cache[at].connection = rq->connection;
  a->cache[at].uid = mem_strdup(good ? pki_cert_uid(a->cx, cert) : "");
  snprintf(a->cache[at].serial, sizeof a->cache[at].serial, "%s", good ? pki_cert_serial(a->cx, cert) : "");
  return a->cache[at].uid;
}

static bool every(int64_t period, int64_t count) { return period && count % period == 0; }

static void on_request(struct h2_server *s, const struct h2_server_req *rq, void *arg) {
  struct lab_apns *a = arg;
  struct lab_push p;
  pthread_mutex_lock(&a->lock);
  ctx_reset(a->cx);
  lab_push_parse(a->cx, &p, rq, uid_of(a, rq));
  struct lab_verdict v = decide(a, &p);
  record(a, &p, &v);
  if (every(a->conf.drop_after, a->pushes))
    h2_server_drop(s, rq->connection);
  else if (a->delay_us)
    answer_later(a, rq->id, &v, p.apns_id);
  else
    answer(a, rq->id, &v, p.apns_id);
  if (every(a->conf.goaway_after, a->pushes)) h2_server_goaway(s, rq->connection, "{\"reason\":\"Shutdown\"}");
  pthread_mutex_unlock(&a->lock);
}

static void on_tick(struct h2_server *s, void *arg) {
  struct lab_apns *a = arg;
  pthread_mutex_lock(&a->lock);
  answer_due(a, clock_mono_us());
  if (a->goaway) h2_server_goaway(s, 0, a->goaway);
  if (a->drop) h2_server_drop(s, 0);
  free(a->goaway);
  a->goaway = NULL;
  a->drop = false;
  pthread_mutex_unlock(&a->lock);
}

/* ---- start and end ---- */
static enum err run_lines(struct ctx *cx, struct lab_apns *a, struct slice text, const char *whence) {
  struct slice line;
  struct buf out = {0};
  enum err e = OK;
  while (e == OK && slice_cut(&text, '\n', &line)) {
    line = slice_trim(line);
    buf_clear(&out);
    if (line.n && line.p[0] != '#' && !lab_control_line(a, NULL, line, &out))
      e = FAIL(cx, E_USAGE, "%s: %.*s: %s", whence, (int)line.n, line.p, slice_trim(buf_slice(&out)).p);
  }
  buf_free(&out);
  return e;
}

/* "TOKEN=410:Unregistered:TIMESTAMP,…" says the same as lines "rule TOKEN 410 Unregistered TIMESTAMP". */
static enum err run_rules(struct ctx *cx, struct lab_apns *a, const char *rules) {
  struct slice rest = slice_of(rules), rule;
  while (slice_cut(&rest, ',', &rule)) {
    char *line = ctx_printf(cx, "rule %.*s", (int)rule.n, rule.p);
    for (char *c = line; *c; c++)
      if (*c == '=' || *c == ':') *c = ' ';
    TRY(run_lines(cx, a, slice_of(line), "--status"));
  }
  return OK;
}

static enum err start_script(struct ctx *cx, struct lab_apns *a, const struct lab_apns_conf *conf) {
  struct slice text;
  if (conf->rules) TRY(run_rules(cx, a, conf->rules));
  if (!conf->script) return OK;
  TRY(file_read(cx, &text, conf->script, SCRIPT_MAX));
  return run_lines(cx, a, text, conf->script);
}

static enum err start_server(struct ctx *cx, struct lab_apns *a, const struct lab_apns_conf *conf) {
  struct slice cert, key;
  if (conf->max_streams > INT32_MAX) return FAIL(cx, E_USAGE, "that many streams are not possible");
  TRY(lab_certs_server(cx, conf->dir, conf->hosts, &cert, &key));
  TRY(tls_server_new(cx, &a->tls, cert, key, true));
  TRY(start_script(cx, a, conf));
  TRY(lab_control_start(cx, a));
  struct h2_server_conf server = {.listen = conf->listen ? conf->listen : "127.0.0.1:0",
                                  .tls = a->tls,
                                  .max_streams = (uint32_t)conf->max_streams,
                                  .request = on_request,
                                  .tick = on_tick,
                                  .arg = a};
  pthread_mutex_lock(&a->lock); /* the first request has to wait until a->server is set */
  enum err e = h2_server_start(cx, &a->server, &server);
  pthread_mutex_unlock(&a->lock);
  return e;
}

enum err lab_apns_start(struct ctx *cx, struct lab_apns **out, const struct lab_apns_conf *conf) {
  struct lab_apns *a = mem_alloc(sizeof *a);
  a->conf = *conf;
  a->delay_us = conf->delay_ms * 1000;
  pthread_mutex_init(&a->lock, NULL);
  a->cx = ctx_new();
  a->tokens = map_new();
  a->control.listener = -1;
  for (size_t i = 0; i < LAB_CONTROLS; i++) a->controls[i].fd = -1;
  struct buf path = {0};
  buf_printf(&path, "%s/" LAB_CA_FILE, conf->dir);
  a->ca_file = path.p;
  enum err e = start_server(cx, a, conf);
  if (e != OK) {
    lab_apns_stop(a);
    return e;
  }
  *out = a;
  return OK;
}

void lab_apns_stop(struct lab_apns *a) {
  if (!a) return;
  h2_server_stop(a->server);
  lab_control_stop(a);
  tls_server_free(a->tls);
  answer_due(a, INT64_MAX);
  lab_rules_clear(a);
  map_free(a->tokens, token_free);
  for (size_t i = 0; i < LAB_CACHED; i++) free(a->cache[i].uid);
  for (size_t i = 0; i < LAB_RING; i++) buf_free(&a->ring[i].text);
  ctx_free(a->cx);
  pthread_mutex_destroy(&a->lock);
  free(a->goaway);
  free(a->ca_file);
  free(a);
}

enum err lab_apns_say(struct ctx *cx, struct lab_apns *a, const char *line) {
  struct buf out = {0};
  pthread_mutex_lock(&a->lock);
  bool good = lab_control_line(a, NULL, slice_of(line), &out);
  pthread_mutex_unlock(&a->lock);
  enum err e = good ? OK : FAIL(cx, E_INVALID, "\"%s\": %.*s", line, (int)out.n, out.p);
  buf_free(&out);
  return e;
}

int lab_apns_port(const struct lab_apns *a) { return h2_server_port(a->server); }

int lab_apns_control_port(const struct lab_apns *a) { return a->control.port; }

const char *lab_apns_ca_file(const struct lab_apns *a) { return a->ca_file; }

/* ---- the subcommand ---- */
static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  (void)operands, (void)n;
  struct lab_apns *a = NULL;
  sigset_t ends;
  int which;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread: all inherit it */
  TRY(lab_apns_start(cx, &a, options));
  printf("apns=https://127.0.0.1:%d control=127.0.0.1:%d ca=%s\n", lab_apns_port(a), lab_apns_control_port(a),
         lab_apns_ca_file(a));
  fflush(stdout);
  sigwait(&ends, &which);
  lab_apns_stop(a);
  return OK;
}

#define AT(field) offsetof(struct lab_apns_conf, field)
static const struct lab_option options[] = {
    {"dir", "DIR", "where its CA is kept: " LAB_CA_FILE ", for the setting apns-ca (default: pomona-lab)", LAB_TEXT,
     AT(dir)},
    {"listen", "ADDRESS", "where pushes come in (default: 127.0.0.1:0)", LAB_TEXT, AT(listen)},
    {"control", "ADDRESS", "the port for devices and scripts (default: 127.0.0.1:0)", LAB_TEXT, AT(control)},
    {"hosts", "NAMES", "names of its certificate beside localhost, separated by commas", LAB_TEXT, AT(hosts)},
    {"status", "RULES", "answer pushes so: TOKEN=STATUS[:REASON[:TIMESTAMP-MS]], TOKEN may be *; separated by commas",
     LAB_TEXT, AT(rules)},
    {"script", "FILE", "lines of the control port to begin with", LAB_TEXT, AT(script)},
    {"max-streams", "N", "requests at a time on one connection (default: 1000)", LAB_NUMBER, AT(max_streams)},
    {"delay", "MS", "wait before each answer", LAB_NUMBER, AT(delay_ms)},
    {"goaway-after", "N", "GOAWAY after every N requests", LAB_NUMBER, AT(goaway_after)},
    {"drop-after", "N", "cut the connection at every N requests", LAB_NUMBER, AT(drop_after)},
    {"verbose", NULL, "a line on stdout for each push", LAB_FLAG, AT(verbose)},
    {0},
};

int lab_apns_main(int argc, char **argv) {
  static const struct lab_command command = {.name = "lab apns",
                                             .operands = "",
                                             .help = "A stand-in for Apple's push service; ends on SIGINT and SIGTERM.",
                                             .options = options,
                                             .run = run};
  return lab_run(&command, argc, argv, &(struct lab_apns_conf){.dir = "pomona-lab"});
}
