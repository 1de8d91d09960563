/* The stand-in for APNs, over the wire: what it refuses as Apple does, what it passes on, how tests script it. */
#include "app/lab.h"
#include "base/clock.h"
#include "lib/json.h"
#include "lib/net_addr.h"
#include "lib/net_h2.h"
#include "lib/pki_cert.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"
#define TOKEN "aabbccddeeff00112233445566778899"
#define ID "9d8a1a6c-5a3e-4b1e-9a55-0d6e3f1a7b11"
#define PAYLOAD "{\"mdm\":\"Magic-1\"}"

static struct ctx *cx;
static char dir[64];
static struct slice push_pem;

static void must(enum err e) {
  if (e == OK) return;
  fprintf(stderr, "set-up: %s\n", ctx_error_text(cx));
  abort();
}

/* ---- the provider: one connection, one push at a time ---- */
struct provider {
  struct tls_client *tls;
  struct h2 *h2;
  int status; /* of the last answer; -1: none yet */
  bool unprocessed, closed;
  char body[256], apns_id[64], reason[640];
};

static void on_response(void *arg, void *tag, const struct h2_response *r) {
  struct provider *p = arg;
  (void)tag;
  p->status = r->status;
  p->unprocessed = r->unprocessed;
  snprintf(p->body, sizeof p->body, "%.*s", (int)r->body.n, r->body.p ? r->body.p : "");
  snprintf(p->apns_id, sizeof p->apns_id, "%.*s", (int)r->apns_id.n, r->apns_id.p);
}

static void on_closed(void *arg, enum err e, const char *reason) {
  struct provider *p = arg;
  (void)e;
  p->closed = true;
  snprintf(p->reason, sizeof p->reason, "%s", reason);
}

/* pem: client certificate and key; p NULL: none. */
static struct provider *provider_open(const struct lab_apns *a, struct slice pem) {
  struct provider *p = mem_alloc(sizeof *p);
  struct addr address;
  ctx_clear_error(cx);
  must(addr_parse(cx, &address, ctx_printf(cx, "127.0.0.1:%d", lab_apns_port(a))));
  must(tls_client_new(
      cx, &p->tls,
      &(struct tls_client_conf){.ca_file = lab_apns_ca_file(a), .cert_pem = pem, .key_pem = pem, .alpn_h2 = true}));
  must(h2_open(cx, &p->h2,
               &(struct h2_conf){.address = slice_mem(&address.ss, address.n),
                                 .host = "localhost",
                                 .port = lab_apns_port(a),
                                 .tls = p->tls,
                                 .cb = {.response = on_response, .closed = on_closed},
                                 .arg = p}));
  return p;
}

static void provider_close(struct provider *p) {
  h2_free(p->h2);
  tls_client_free(p->tls);
  free(p);
}

static void step(struct provider *p) {
  struct pollfd f = {.fd = h2_fd(p->h2), .events = h2_events(p->h2)};
  poll(&f, 1, 20);
  h2_io(p->h2, f.revents);
}

#define UNTIL(p, condition)                                                                                            \
  do {                                                                                                                 \
    int64_t give_up_ = clock_mono_us() + 20 * US_SECOND;                                                               \
    while (!(condition) && clock_mono_us() < give_up_) step(p);                                                        \
    assert_true(condition);                                                                                            \
  } while (0)

struct request { /* NULL: as it should be; "" of a header: left out */
  const char *path, *topic, *type, *priority, *expiration, *id, *body, *twice;
};

static void send_push(struct provider *p, struct request r) {
  const struct h2_header all[] = {{"apns-topic", r.topic ? r.topic : TOPIC},
                                  {"apns-push-type", r.type ? r.type : "mdm"},
                                  {"apns-priority", r.priority ? r.priority : "10"},
                                  {"apns-expiration", r.expiration ? r.expiration : "4102444800"},
                                  {"apns-id", r.id ? r.id : ID},
                                  {r.twice ? r.twice : "", "again"}};
  struct h2_header headers[6];
  size_t n = 0;
  for (size_t i = 0; i < 6; i++)
    if (*all[i].name && *all[i].value) headers[n++] = all[i];
  UNTIL(p, h2_usable(p->h2));
  p->status = -1;
  must(h2_submit(cx, p->h2, r.path ? r.path : "/3/device/" TOKEN, headers, n, slice_of(r.body ? r.body : PAYLOAD),
                 NULL));
  h2_io(p->h2, 0);
}

static int push(struct provider *p, struct request r) {
  send_push(p, r);
  UNTIL(p, p->status != -1);
  return p->status;
}

/* ---- the control port ---- */
static int control_open(const struct lab_apns *a) {
  struct addr address;
  must(addr_parse(cx, &address, ctx_printf(cx, "127.0.0.1:%d", lab_apns_control_port(a))));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address.ss, address.n), 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){20, 0}, sizeof(struct timeval));
  return fd;
}

static void say(int fd, const char *line) {
  const char *text = ctx_printf(cx, "%s\n", line);
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char *hear(int fd) {
  struct buf b = {0};
  char c;
  while (recv(fd, &c, 1, 0) == 1 && c != '\n') buf_add_char(&b, c);
  char *line = ctx_strdup(cx, b.p ? b.p : "");
  buf_free(&b);
  return line;
}

static void tell(int fd, const char *line) {
  say(fd, line);
  assert_string_equal(hear(fd), "ok");
}

static struct lab_apns *start(struct lab_apns_conf conf) {
  struct lab_apns *a;
  conf.dir = dir;
  ctx_clear_error(cx);
  must(lab_apns_start(cx, &a, &conf));
  return a;
}

/* ---- the provider's mistakes ---- */
/* goal: each mistake is answered with Apple's status and reason */
static void test_mistakes(void **state) {
  (void)state;
  char *large = ctx_alloc(cx, 5000);
  memset(large, 'x', 4999);
  const struct {
    struct request r;
    int status;
    const char *reason;
  } cases[] = {
      {{.path = "/4/device/" TOKEN}, 404, "BadPath"},
      {{.twice = "apns-priority"}, 400, "DuplicateHeaders"},
      {{.topic = ""}, 400, "MissingTopic"},
      {{.topic = "com.example.app"}, 400, "BadTopic"},
      {{.topic = "com.apple.mgmt.External.other"}, 400, "TopicDisallowed"},
      {{.id = "9D8A1A6C-5A3E-4B1E-9A55-0D6E3F1A7B11"}, 400, "BadMessageId"},
      {{.id = "1"}, 400, "BadMessageId"},
      {{.priority = "7"}, 400, "BadPriority"},
      {{.expiration = "soon"}, 400, "BadExpirationDate"},
      {{.type = "alert"}, 400, "InvalidPushType"},
      {{.type = ""}, 400, "InvalidPushType"},
      {{.path = "/3/device/"}, 400, "MissingDeviceToken"},
      {{.path = "/3/device/00000000000000000000000000000000"}, 400, "BadDeviceToken"},
      {{.path = "/3/device/" TOKEN "a"}, 400, "BadDeviceToken"},
      {{.path = "/3/device/" TOKEN "xy"}, 400, "BadDeviceToken"},
      {{.body = ""}, 400, "PayloadEmpty"},
      {{.body = large}, 413, "PayloadTooLarge"},
      {{.body = "{\"aps\":{}}"}, 400, "PayloadEmpty"},
      {{.body = "{\"mdm\":\"a\",\"aps\":{}}"}, 400, "PayloadEmpty"},
  };
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(push(p, cases[i].r), cases[i].status);
    assert_string_equal(p->body, ctx_printf(cx, "{\"reason\":\"%s\"}", cases[i].reason));
  }
  assert_int_equal(push(p, (struct request){0}), 200);
  assert_string_equal(p->body, "");
  assert_string_equal(p->apns_id, ID);
  assert_int_equal(push(p, (struct request){.id = "", .priority = "", .expiration = ""}), 200);
  assert_int_equal(strlen(p->apns_id), 36);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: without a push certificate nothing is taken; an expired one is refused by TLS */
static void test_certificates(void **state) {
  (void)state;
  struct slice expired;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, (struct slice){0});
  assert_int_equal(push(p, (struct request){0}), 403);
  assert_string_equal(p->body, "{\"reason\":\"MissingProviderToken\"}");
  provider_close(p);
  must(lab_pushcert_make(cx, &expired, &(struct lab_pushcert){.topic = TOPIC, .expired = true}));
  p = provider_open(a, expired);
  UNTIL(p, p->closed);
  assert_int_equal(h2_alert(p->h2), 45);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: wrong control lines are told so, and change nothing */
static void test_wrong_lines(void **state) {
  (void)state;
  static const char *const lines[] = {"nonsense",
                                      "rule",
                                      "rule * 42",
                                      "rule * 410 Unregistered soon",
                                      "delay",
                                      "rule * 410 Unregistered 1 0",
                                      "rule * 410 a\"b",
                                      "gone " TOKEN,
                                      "tls maybe",
                                      "listen " TOKEN,
                                      "gone " TOKEN " 0",
                                      "delay -1"};
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    say(fd, lines[i]);
    assert_memory_equal(hear(fd), "error ", 6);
  }
  assert_int_equal(push(p, (struct request){0}), 200);
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: wrong settings are refused before anything serves */
static void test_wrong_settings(void **state) {
  (void)state;
  struct lab_apns *a;
  ctx_clear_error(cx);
  assert_int_equal(lab_apns_start(cx, &a, &(struct lab_apns_conf){.dir = dir, .rules = "*=410:Unregistered,a=x"}),
                   E_USAGE);
  assert_non_null(strstr(ctx_error_text(cx), "--status: rule a x"));
  ctx_clear_error(cx);
  assert_int_equal(lab_apns_start(cx, &a, &(struct lab_apns_conf){.dir = dir, .listen = "nowhere"}), E_INVALID);
  assert_int_equal(lab_apns_start(cx, &a, &(struct lab_apns_conf){.dir = dir, .script = "/nonexistent"}), E_NOT_FOUND);
}

/* ---- devices ---- */
/* goal: a device that listens gets its push; one that comes later gets the latest, once; other tokens' pushes are not
 * its */
static void test_delivery(void **state) {
  (void)state;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  say(fd, "listen AABBCCDDEEFF00112233445566778899 " TOPIC); /* case does not matter */
  tell(fd, "delay 0");
  assert_int_equal(push(p, (struct request){.path = "/3/device/0011223344556677"}), 200);
  assert_int_equal(push(p, (struct request){0}), 200);
  assert_string_equal(hear(fd), "push " TOKEN " Magic-1 " ID);
  close(fd);

  fd = control_open(a);
  say(fd, "listen 0011223344556677 " TOPIC); /* kept from before */
  assert_string_equal(hear(fd), "push 0011223344556677 Magic-1 " ID);
  assert_int_equal(push(p, (struct request){.body = "{\"mdm\":\"Magic-2\"}"}), 200);
  assert_int_equal(push(p, (struct request){.body = "{\"mdm\":\"Magic-3\"}"}), 200);
  say(fd, "listen " TOKEN " " TOPIC);
  assert_string_equal(hear(fd), "push " TOKEN " Magic-3 " ID);
  say(fd, "listen " TOKEN " " TOPIC); /* nothing is left */
  tell(fd, "delay 0");
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: what must not be kept is not: no expiration, or one that has passed */
static void test_not_kept(void **state) {
  (void)state;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  assert_int_equal(push(p, (struct request){.expiration = "0"}), 200);
  say(fd, "listen " TOKEN " " TOPIC);
  assert_int_equal(push(p, (struct request){.path = "/3/device/0011223344556677", .expiration = "1000000000"}), 200);
  say(fd, "listen 0011223344556677 " TOPIC);
  tell(fd, "delay 0"); /* the first answer: nothing was pushed */
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: a device that is gone answers 410 with its time until it listens again; a foreign topic is told apart */
static void test_gone(void **state) {
  (void)state;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  tell(fd, "gone " TOKEN " 1700000000123");
  assert_int_equal(push(p, (struct request){0}), 410);
  assert_string_equal(p->body, "{\"reason\":\"Unregistered\",\"timestamp\":1700000000123}");
  say(fd, "listen " TOKEN " com.apple.mgmt.External.other");
  tell(fd, "delay 0");
  assert_int_equal(push(p, (struct request){0}), 400);
  assert_string_equal(p->body, "{\"reason\":\"DeviceTokenNotForTopic\"}");
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* ---- scripts ---- */
/* goal: rules: the newest that fits counts, as often as it says; 200 is an exception; clear ends all */
static void test_rules(void **state) {
  (void)state;
  struct lab_apns *a = start((struct lab_apns_conf){.rules = TOKEN "=410:ExpiredToken:5,0011223344556677=429"});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  assert_int_equal(push(p, (struct request){0}), 410);
  assert_string_equal(p->body, "{\"reason\":\"ExpiredToken\",\"timestamp\":5}");
  assert_int_equal(push(p, (struct request){.path = "/3/device/0011223344556677"}), 429);
  assert_int_equal(push(p, (struct request){.path = "/3/device/2222222222222222"}), 200);
  tell(fd, "rule * 503 Shutdown 0 2");
  assert_int_equal(push(p, (struct request){0}), 503);
  assert_int_equal(push(p, (struct request){0}), 503);
  assert_string_equal(p->body, "{\"reason\":\"Shutdown\"}");
  assert_int_equal(push(p, (struct request){0}), 410);
  tell(fd, "rule " TOKEN " 200");
  assert_int_equal(push(p, (struct request){0}), 200);
  tell(fd, "rule * 500 Something-new");
  assert_int_equal(push(p, (struct request){0}), 500);
  tell(fd, "clear");
  assert_int_equal(push(p, (struct request){0}), 200);
  tell(fd, "rule * 0");
  send_push(p, (struct request){0});
  tell(fd, "drop");
  UNTIL(p, p->closed);
  assert_int_equal(p->status, 0); /* it was never answered */
  assert_false(p->unprocessed);
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: GOAWAY and refusals by TLS come when they are asked for */
static void test_goaway_and_tls(void **state) {
  (void)state;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  assert_int_equal(push(p, (struct request){0}), 200);
  tell(fd, "goaway {\"reason\":\"Shutdown\"} now");
  UNTIL(p, p->closed);
  assert_non_null(strstr(p->reason, "GOAWAY NO_ERROR, {\"reason\":\"Shutdown\"} now"));
  provider_close(p);
  tell(fd, "tls revoked");
  p = provider_open(a, push_pem);
  UNTIL(p, p->closed);
  assert_int_equal(h2_alert(p->h2), 44);
  provider_close(p);
  tell(fd, "tls no-alpn");
  p = provider_open(a, push_pem);
  UNTIL(p, p->closed);
  assert_non_null(strstr(p->reason, "does not speak HTTP/2"));
  provider_close(p);
  tell(fd, "tls ok");
  p = provider_open(a, push_pem);
  assert_int_equal(push(p, (struct request){0}), 200);
  provider_close(p);
  close(fd);
  lab_apns_stop(a);
}

/* goal: the start's switches: GOAWAY and cut at every so many requests, delay, streams */
static void test_switches(void **state) {
  (void)state;
  struct lab_apns *a =
      start((struct lab_apns_conf){.goaway_after = 2, .drop_after = 3, .max_streams = 7, .delay_ms = 1});
  struct provider *p = provider_open(a, push_pem);
  assert_int_equal(push(p, (struct request){0}), 200);
  assert_int_equal(h2_room(p->h2), 7);
  assert_int_equal(push(p, (struct request){0}), 200);
  UNTIL(p, p->closed);
  assert_non_null(strstr(p->reason, "GOAWAY"));
  provider_close(p);
  p = provider_open(a, push_pem);
  assert_int_equal(push(p, (struct request){0}), 0); /* the third */
  UNTIL(p, p->closed);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: stats tell what came in, to the header */
static void test_stats(void **state) {
  (void)state;
  struct js *root;
  struct lab_apns *a = start((struct lab_apns_conf){0});
  struct provider *p = provider_open(a, push_pem);
  int fd = control_open(a);
  for (int i = 0; i < 105; i++)
    assert_int_equal(push(p, (struct request){.priority = i == 104 ? "7" : NULL}), i == 104 ? 400 : 200);
  say(fd, "stats");
  must(js_parse(cx, slice_of(hear(fd)), &root));
  int64_t n;
  assert_true(js_int(js_get(root, "pushes"), &n) && n == 105);
  assert_true(js_int(js_get(root, "connections"), &n) && n == 1);
  assert_true(js_int(js_get(js_get(root, "status"), "200"), &n) && n == 104);
  struct js *requests = js_get(root, "requests"), *last = js_at(requests, 99);
  assert_int_equal(js_count(requests), 100);
  assert_string_equal(js_str(last, "reason"), "BadPriority");
  assert_string_equal(js_str(last, "path"), "/3/device/" TOKEN);
  assert_string_equal(js_str(last, "body"), PAYLOAD);
  assert_string_equal(js_str(js_get(last, "headers"), "apns-priority"), "7");
  close(fd);
  provider_close(p);
  lab_apns_stop(a);
}

/* goal: a restarted stand-in has the same CA, so that whoever trusts it still does */
static void test_restart(void **state) {
  (void)state;
  char before[8192] = "", after[8192] = "";
  struct lab_apns *a = start((struct lab_apns_conf){0});
  FILE *f = fopen(lab_apns_ca_file(a), "r");
  assert_true(fread(before, 1, sizeof before - 1, f) > 0);
  fclose(f);
  lab_apns_stop(a);
  a = start((struct lab_apns_conf){0});
  f = fopen(lab_apns_ca_file(a), "r");
  assert_true(fread(after, 1, sizeof after - 1, f) > 0);
  fclose(f);
  lab_apns_stop(a);
  assert_string_equal(before, after);
}

/* ---- push certificates ---- */
/* goal: a test push certificate has the shape of Apple's: topic as UID, RSA 2048, its key, its time */
static void test_pushcert(void **state) {
  (void)state;
  struct pki_cert **certs;
  struct pki_key *key;
  struct slice pem;
  size_t n;
  assert_int_equal(lab_pushcert_make(cx, &pem, &(struct lab_pushcert){.topic = "com.example"}), E_USAGE);
  ctx_clear_error(cx);
  must(pki_certs_parse_pem(cx, &certs, &n, push_pem));
  must(pki_key_parse(cx, &key, push_pem));
  assert_int_equal(n, 1);
  assert_true(pki_cert_fits(certs[0], key));
  assert_string_equal(pki_cert_uid(cx, certs[0]), TOPIC);
  assert_string_equal(pki_cert_cn(cx, certs[0]), "APSP:11111111-2222-4333-8444-555555555555");
  assert_true(pki_cert_key_is_rsa(certs[0]) && pki_cert_key_bits(certs[0]) == 2048);
  int64_t left = pki_cert_not_after(certs[0]) - clock_now_us();
  assert_true(left > 364 * US_DAY && left <= 365 * US_DAY);
  must(lab_pushcert_make(cx, &pem, &(struct lab_pushcert){.expired = true, .days = 10}));
  must(pki_certs_parse_pem(cx, &certs, &n, pem));
  assert_true(pki_cert_not_after(certs[0]) < clock_now_us());
  assert_memory_equal(pki_cert_uid(cx, certs[0]), "com.apple.mgmt.External.", 24);
}

static int set_up(void **state) {
  (void)state;
  cx = ctx_new();
  snprintf(dir, sizeof dir, "/tmp/pomona-test-lab-XXXXXX");
  must(lab_pushcert_make(cx, &push_pem, &(struct lab_pushcert){.topic = TOPIC}));
  return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  unlink(ctx_printf(cx, "%s/apns-ca.pem", dir));
  unlink(ctx_printf(cx, "%s/apns-ca.key", dir));
  ctx_free(cx);
  return rmdir(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mistakes),       cmocka_unit_test(test_certificates), cmocka_unit_test(test_wrong_lines),
      cmocka_unit_test(test_wrong_settings), cmocka_unit_test(test_delivery),     cmocka_unit_test(test_not_kept),
      cmocka_unit_test(test_gone),           cmocka_unit_test(test_rules),        cmocka_unit_test(test_goaway_and_tls),
      cmocka_unit_test(test_switches),       cmocka_unit_test(test_stats),        cmocka_unit_test(test_restart),
      cmocka_unit_test(test_pushcert),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
