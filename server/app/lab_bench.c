/* `pomona lab bench`: what the server costs, by load that comes over the wire. */
#include "app/lab_bench.h"
#include "app/lab_args.h"
#include "app/lab_load.h"
#include "app/lab_server.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 32, MANY = 64, ROWS_MOST = 32, DEVICES_MOST = 200000, ENROLL_S = 120 };
static const char enqueue_uuid[] = "bench-%08lld";

static volatile sig_atomic_t stop; /* Ctrl-C came */

static void on_signal(int number) {
  (void)number;
  stop = 1;
}

struct row {
  const char *name;
  size_t connections;
  struct lab_load_result r;
};

struct options {
  int64_t devices, seconds;
  const char *csv;
};

struct bench {
  const struct options *o;
  const char *dir;
  struct lab_apns *apns;
  struct lab_server *server;
  struct bench_fleet *fleet;
  const char *topic;
  struct row rows[ROWS_MOST];
  size_t n;
  int64_t rss_empty_kib, rss_kib;
  atomic_llong pushes; /* that devices heard */
};

/* ---- the work of a phase ---- */
struct work {
  struct bench *b;
  size_t first, n;                 /* devices first … first + n - 1 take part */
  size_t next;                     /* not begun by any connection */
  const enum bench_request *steps; /* of each device, in order; the same for all */
  size_t steps_n;
  bool own;                        /* connection i is device first + i */
  bool again;                      /* and goes on for ever */
  bool command;                    /* the answer to Idle must be a command */
  size_t device[MANY], step[MANY]; /* of each connection */
  bool busy[MANY];
};

static struct slice next_request(void *arg, size_t c) {
  struct work *w = arg;
  if (!w->busy[c]) {
    if (w->next == w->n) return (struct slice){0};
    w->device[c] = w->first + (w->own ? c : w->next);
    w->next += !w->again;
  }
  w->busy[c] = true;
  return buf_slice(&w->b->fleet->devices[w->device[c]].request[w->steps[w->step[c]]]);
}

static bool fine(void *arg, size_t c, int status, struct slice body) {
  struct work *w = arg;
  bool expects_command = w->command && w->steps[w->step[c]] == BENCH_IDLE;
  w->step[c] = (w->step[c] + 1) % w->steps_n;
  w->busy[c] = w->step[c] != 0;
  return status == 200 && (body.n > 0) == expects_command;
}

static void show_latency(int64_t us) {
  if (us)
    printf(" %8.2f", (double)us / 1000);
  else
    printf(" %8s", "-"); /* all in one call */
}

static void keep(struct bench *b, const char *name, size_t connections, const struct lab_load_result *r) {
  double seconds = (double)r->wall_us / US_SECOND, n = (double)r->requests;
  b->rows[b->n++] = (struct row){name, connections, *r};
  printf("  %-46s %4zu %9lld %8.0f", name, connections, (long long)r->requests, n / seconds);
  show_latency(r->p50_us);
  show_latency(r->p99_us);
  printf(" %8.1f\n", (double)(r->user_us + r->system_us) / n);
  fflush(stdout);
}

static enum err run_phase(struct ctx *cx, struct bench *b, const char *name, struct work *w, struct lab_load_conf p) {
  struct lab_load_result r = {0};
  w->b = b;
  p.request = p.request ? p.request : next_request;
  p.response = p.response ? p.response : fine;
  p.arg = p.arg ? p.arg : w;
  p.server = lab_server_pid(b->server);
  p.host = "localhost";
  p.stop = &stop;
  if (!p.duration_us) p.duration_us = b->o->seconds * US_SECOND;
  if (!p.address.n) TRY(addr_parse(cx, &p.address, ctx_printf(cx, "127.0.0.1:%d", lab_server_port(b->server))));
  TRY(lab_load(cx, &r, &p));
  if (stop) return FAIL(cx, E_UNAVAILABLE, "ended before all was measured");
  if (name && r.requests) keep(b, name, p.connections, &r);
  return OK;
}

static const enum bench_request enrolls[] = {BENCH_AUTHENTICATE, BENCH_TOKEN_UPDATE, BENCH_IDLE},
                                idles[] = {BENCH_IDLE}, updates[] = {BENCH_TOKEN_UPDATE},
                                cycles[] = {BENCH_IDLE, BENCH_REPORT};

/* ---- the server ---- */
static enum err start_server(struct ctx *cx, struct bench *b, const char *name, bool plain) {
  const char *dir = ctx_printf(cx, "%s/%s", b->dir, name), *ca = ctx_printf(cx, "%s/device-ca.pem", dir);
  TRY(file_make_folder(cx, dir));
  TRY(file_replace(cx, ca, pki_cert_pem(cx, b->fleet->ca)));
  const char *flags[] = {ctx_printf(cx, "--device-ca=%s", ca), "--wake-rate=1000000", "--open-enrollment=yes",
                         "--inventory-interval=never", NULL};
  struct lab_server_conf conf = {.dir = dir,
                                 .apns_url = ctx_printf(cx, "https://127.0.0.1:%d", lab_apns_port(b->apns)),
                                 .apns_ca = lab_apns_ca_file(b->apns),
                                 .flags = flags,
                                 .plain = plain};
  TRY(lab_server_start(cx, &b->server, &conf));
  b->rss_empty_kib = lab_rss_kib(lab_server_pid(b->server));
  return lab_server_pushcert(cx, b->server, b->topic);
}

static void stop_server(struct bench *b) {
  lab_server_stop(b->server);
  b->server = NULL;
  bench_fleet_free(b->fleet);
  b->fleet = NULL;
}

/* ---- mutual TLS ---- */

/* The root that the server's TLS certificate chains to, as devices learn it: from the profile. */
static enum err fetch_root(struct ctx *cx, const struct bench *b, const char **file) {
  struct nh *client;
  struct nh_reply reply;
  struct lab_profile profile;
  struct nh_conf conf = {.no_verify = true};
  struct nh_req rq = {.method = "GET", .url = ctx_printf(cx, "%s/enroll", lab_server_url(b->server))};
  TRY(nh_new(cx, &client, &conf));
  enum err e = nh_do(cx, client, &rq, &reply);
  nh_free(client);
  if (e != OK) return e;
  TRY(lab_profile_read(cx, &profile, reply.body));
  *file = ctx_printf(cx, "%s/root.pem", b->dir);
  return file_replace(cx, *file, profile.root_pem);
}

static enum err open_clients(struct ctx *cx, const struct bench *b, struct tls_client **tls) {
  const char *root;
  TRY(fetch_root(cx, b, &root));
  for (size_t i = 0; i < MANY; i++) {
    const struct lab_device *d = b->fleet->devices[i].d;
    struct tls_client_conf conf = {.ca_file = root, .cert_pem = d->identity_pem, .key_pem = d->key->pem};
    TRY(tls_client_new(cx, &tls[i], &conf));
  }
  return OK;
}

static enum err measure_tls(struct ctx *cx, struct bench *b, struct tls_client **tls) {
  struct work enroll = {.n = MANY, .steps = enrolls, .steps_n = 3, .own = true},
              idle = {.n = MANY, .steps = idles, .steps_n = 1, .own = true, .again = true}, fresh = idle;
  TRY(open_clients(cx, b, tls));
  TRY(run_phase(cx, b, NULL, &enroll,
                (struct lab_load_conf){.tls = tls, .connections = MANY, .duration_us = US_MINUTE}));
  TRY(run_phase(cx, b, "idle poll, mutual TLS", &idle, (struct lab_load_conf){.tls = tls, .connections = MANY}));
  return run_phase(cx, b, "idle poll, mutual TLS, new connection", &fresh,
                   (struct lab_load_conf){.tls = tls, .connections = 16, .fresh = true});
}

static enum err bench_tls(struct ctx *cx, struct bench *b) {
  struct tls_client *tls[MANY] = {0};
  TRY(bench_fleet_new(cx, &b->fleet, MANY, MANY, false, b->topic));
  enum err e = start_server(cx, b, "tls", false);
  if (e == OK) e = measure_tls(cx, b, tls);
  for (size_t i = 0; i < MANY; i++) tls_client_free(tls[i]);
  stop_server(b);
  return e;
}

/* ---- Mdm-Signature, over plain HTTP as behind a proxy ---- */
static enum err measure_enrollment(struct ctx *cx, struct bench *b) {
  struct work w = {.n = b->fleet->n, .steps = enrolls, .steps_n = 3};
  TRY(run_phase(cx, b, "enrollment: Authenticate, TokenUpdate, Idle", &w,
                (struct lab_load_conf){.connections = CONNECTIONS, .duration_us = ENROLL_S * US_SECOND}));
  if (w.next != w.n) return FAIL(cx, E_TIMEOUT, "%zu devices could not enroll within %d s", w.n, ENROLL_S);
  b->rss_kib = lab_rss_kib(lab_server_pid(b->server));
  return OK;
}

static enum err measure_polls(struct ctx *cx, struct bench *b) {
  size_t p256 = b->fleet->rsa;
  struct work rsa = {.n = CONNECTIONS, .steps = idles, .steps_n = 1, .own = true, .again = true}, ec = rsa, one = rsa,
              update = rsa;
  ec.first = one.first = update.first = p256;
  TRY(run_phase(cx, b, "idle poll, Mdm-Signature RSA-2048", &rsa, (struct lab_load_conf){.connections = CONNECTIONS}));
  TRY(run_phase(cx, b, "idle poll, Mdm-Signature P-256", &ec, (struct lab_load_conf){.connections = CONNECTIONS}));
  TRY(run_phase(cx, b, "idle poll, Mdm-Signature P-256, one connection", &one,
                (struct lab_load_conf){.connections = 1}));
  update.steps = updates;
  return run_phase(cx, b, "check-in: TokenUpdate, Mdm-Signature P-256", &update,
                   (struct lab_load_conf){.connections = CONNECTIONS});
}

/* ---- commands ---- */
static const char *command(struct ctx *cx, const char *uuid) {
  return ctx_printf(
      cx,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CommandUUID</key>"
      "<string>%s</string><key>Command</key><dict><key>RequestType</key><string>SecurityInfo</string></dict>"
      "</dict></plist>",
      uuid);
}

/* The ids from `from` on, separated by commas. */
static const char *ids(struct ctx *cx, const struct bench_fleet *f, size_t from, size_t n) {
  struct buf b = {0};
  for (size_t i = from; i < from + n; i++) buf_printf(&b, "%s%s", i > from ? "," : "", f->devices[i].d->udid);
  const char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

static enum err expect_ok(struct ctx *cx, const char *what, int status, struct slice answer) {
  if (status == 200) return OK;
  return FAIL(cx, E_INVALID, "%s was answered with %d: %.*s", what, status, answer.n < 300 ? (int)answer.n : 300,
              answer.p);
}

/* One command for all devices on P-256, by one call of the API; then each polls, is given it, and acknowledges. */
static enum err measure_cycles(struct ctx *cx, struct bench *b) {
  struct bench_fleet *f = b->fleet;
  size_t from = f->rsa, n = f->n - f->rsa;
  const char *path = ctx_printf(cx, "/v1/enqueue/%s?nopush=1", ids(cx, f, from, n));
  struct lab_load_result r = {.requests = (int64_t)n};
  struct slice answer;
  int status;
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  TRY(bench_fleet_reports(cx, f, from, uuid));
  int64_t start = clock_mono_us(), user, system;
  lab_cpu(lab_server_pid(b->server), &user, &system);
  TRY(lab_api_bytes(cx, b->server, "PUT", path, slice_of(command(cx, uuid)), &status, &answer));
  TRY(expect_ok(cx, "enqueue", status, answer));
  r.wall_us = clock_mono_us() - start;
  lab_cpu(lab_server_pid(b->server), &r.user_us, &r.system_us);
  r.user_us -= user;
  r.system_us -= system;
  keep(b, "enqueue, all devices in one call, per device", 1, &r);
  struct work w = {.first = from, .n = n, .steps = cycles, .steps_n = 2, .command = true};
  return run_phase(cx, b, "command: Idle, report, Mdm-Signature P-256", &w,
                   (struct lab_load_conf){.connections = CONNECTIONS, .duration_us = US_MINUTE});
}

/* One call of the API for each command. */
struct enqueue {
  struct bench *b;
  struct buf request[CONNECTIONS];
  int64_t next;
};

static struct slice next_enqueue(void *arg, size_t c) {
  struct enqueue *q = arg;
  struct buf *out = &q->request[c];
  struct bench_fleet *f = q->b->fleet;
  struct ctx *cx = ctx_new();
  int64_t i = q->next++;
  const char *body = command(cx, ctx_printf(cx, enqueue_uuid, (long long)i));
  buf_clear(out);
  buf_printf(out,
             "PUT /v1/enqueue/%s?nopush=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             f->devices[(size_t)i % f->n].d->udid, lab_server_token(q->b->server), strlen(body), body);
  ctx_free(cx);
  return buf_slice(out);
}

static bool enqueued(void *arg, size_t c, int status, struct slice body) {
  (void)arg, (void)c, (void)body;
  return status == 200;
}

static enum err measure_enqueue(struct ctx *cx, struct bench *b) {
  struct enqueue q = {.b = b};
  struct work unused = {0};
  struct lab_load_conf p = {.connections = CONNECTIONS, .request = next_enqueue, .response = enqueued, .arg = &q};
  TRY(addr_parse(cx, &p.address, lab_server_admin(b->server) + strlen("http://")));
  enum err e = run_phase(cx, b, "enqueue, one device a call", &unused, p);
  for (size_t i = 0; i < CONNECTIONS; i++) buf_free(&q.request[i]);
  return e;
}

/* ---- pushes ---- */
static void on_push(void *arg, struct slice token, struct slice magic) {
  struct bench *b = arg;
  (void)token, (void)magic;
  atomic_fetch_add(&b->pushes, 1);
}

static enum err listen_all(struct ctx *cx, struct bench *b, struct lab_push_port **port) {
  TRY(lab_push_open(cx, port, ctx_printf(cx, "127.0.0.1:%d", lab_apns_control_port(b->apns)), on_push, b));
  for (size_t i = 0; i < b->fleet->n; i++) {
    char hex[65];
    enc_hex_to(hex, b->fleet->devices[i].d->channels[0].token, 32);
    lab_push_listen(*port, hex, b->topic);
  }
  return OK;
}

/* All devices are woken by one call, until the stand-in has heard all. */
static enum err measure_pushes(struct ctx *cx, struct bench *b) {
  enum { PATIENCE_S = 30 };
  struct bench_fleet *f = b->fleet;
  struct lab_push_port *port = NULL;
  struct slice answer;
  int status;
  struct lab_load_result r = {.requests = (int64_t)f->n};
  int64_t user, system;
  TRY(listen_all(cx, b, &port));
  const char *path = ctx_printf(cx, "/v1/push/%s", ids(cx, f, 0, f->n));
  (void)usleep(2 * US_SECOND); /* pushes of before that the stand-in kept come now */
  long long heard = atomic_load(&b->pushes);
  int64_t start = clock_mono_us();
  lab_cpu(lab_server_pid(b->server), &user, &system);
  enum err e = lab_api_bytes(cx, b->server, "GET", path, (struct slice){0}, &status, &answer);
  while (e == OK && atomic_load(&b->pushes) - heard < (long long)f->n &&
         clock_mono_us() - start < PATIENCE_S * US_SECOND)
    (void)usleep(1000);
  r.wall_us = clock_mono_us() - start;
  lab_cpu(lab_server_pid(b->server), &r.user_us, &r.system_us);
  r.user_us -= user;
  r.system_us -= system;
  r.requests = atomic_load(&b->pushes) - heard;
  lab_push_close(port);
  if (e == OK) e = expect_ok(cx, "push", status, answer);
  if (e == OK) keep(b, "pushes, all devices in one call, per push", 1, &r);
  return e;
}

static enum err measure_signed(struct ctx *cx, struct bench *b) {
  TRY(measure_enrollment(cx, b));
  TRY(measure_polls(cx, b));
  TRY(measure_cycles(cx, b));
  TRY(measure_pushes(cx, b));
  return measure_enqueue(cx, b);
}

static enum err bench_signed(struct ctx *cx, struct bench *b) {
  TRY(bench_fleet_new(cx, &b->fleet, (size_t)b->o->devices, MANY, true, b->topic));
  enum err e = start_server(cx, b, "plain", true);
  if (e == OK) e = measure_signed(cx, b);
  stop_server(b);
  return e;
}

/* ---- all of it ---- */
static enum err write_csv(struct ctx *cx, const struct bench *b) {
  struct buf text = {0};
  buf_add_str(&text,
              "phase,connections,requests,requests_per_s,p50_us,p99_us,user_us_per_request,system_us_per_request\n");
  for (size_t i = 0; i < b->n; i++) {
    const struct lab_load_result *r = &b->rows[i].r;
    double n = (double)r->requests;
    buf_printf(&text, "\"%s\",%zu,%lld,%.0f,%lld,%lld,%.2f,%.2f\n", b->rows[i].name, b->rows[i].connections,
               (long long)r->requests, n * US_SECOND / (double)r->wall_us, (long long)r->p50_us, (long long)r->p99_us,
               (double)r->user_us / n, (double)r->system_us / n);
  }
  buf_printf(&text, "\"memory in use with %lld devices (KiB)\",,,%lld,,,,\n", (long long)b->o->devices,
             (long long)b->rss_kib);
  enum err e = file_replace(cx, b->o->csv, buf_slice(&text));
  buf_free(&text);
  return e;
}

static enum err measure(struct ctx *cx, struct bench *b) {
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  b->topic = ctx_printf(cx, "com.apple.mgmt.External.%s", uuid);
  struct lab_apns_conf apns = {.dir = ctx_printf(cx, "%s/apns", b->dir)};
  TRY(lab_apns_start(cx, &b->apns, &apns));
  printf("  %-46s %4s %9s %8s %8s %8s %8s\n", "", "conn", "requests", "per s", "p50 ms", "p99 ms", "CPU us");
  TRY(bench_tls(cx, b));
  TRY(bench_signed(cx, b));
  printf("\n  The server's memory: %.1f MiB with %lld devices, %.1f MiB when it starts.\n", (double)b->rss_kib / 1024,
         (long long)b->o->devices, (double)b->rss_empty_kib / 1024);
  return b->o->csv ? write_csv(cx, b) : OK;
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  struct bench b = {.o = options};
  (void)operands, (void)n;
  if (b.o->devices < 2 * MANY || b.o->devices > DEVICES_MOST)
    return FAIL(cx, E_USAGE, "--devices: between %d and %d", 2 * MANY, DEVICES_MOST);
  if (b.o->seconds < 1 || b.o->seconds > 600) return FAIL(cx, E_USAGE, "--seconds: between 1 and 600");
  TRY(lab_folder_new(cx, &b.dir));
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  enum err e = measure(cx, &b);
  lab_apns_stop(b.apns);
  lab_folder_remove(b.dir);
  return e;
}

#define AT(field) offsetof(struct options, field)
static const struct lab_option rows[] = {
    {"devices", "N", "enrolled devices (default: 10000)", LAB_NUMBER, AT(devices)},
    {"seconds", "N", "for each phase (default: 8)", LAB_NUMBER, AT(seconds)},
    {"csv", "FILE", "write the figures there, too", LAB_TEXT, AT(csv)},
    {0},
};

int lab_bench_main(int argc, char **argv) {
  static const struct lab_command command_row = {.name = "lab bench",
                                                 .operands = "",
                                                 .help = "Drives a server of its own with simulated devices and tells "
                                                         "what a request costs: how many a second, how long\n"
                                                         "they take, and the server's processor time (user and system) "
                                                         "for each. Client and server share this machine.",
                                                 .options = rows,
                                                 .run = run};
  struct options o = {.devices = 10000, .seconds = 8};
  return lab_run(&command_row, argc, argv, &o);
}
