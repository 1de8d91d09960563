/* Routes: who is refused and how, which row answers, what the handlers get. Over a real listener. */
#include "store_world.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/login.h"
#include "core/user.h"
#include "face/router.h"
#include "lib/net_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAP = 1000 };

static struct {
  struct ctx *cx;
  struct nh *client;
  struct core core;
  struct core_conf conf;
  struct router admin_router, device_router;
  struct http_server *admin, *devices;
} t;

/* ---- what answers ---- */

static void say(struct http_req *rq, struct core *core) {
  (void)core;
  struct slice id = route_param(rq, "id"), rest = route_param(rq, "*");
  const char *text = ctx_printf(http_cx(rq), "%s id=%.*s rest=%.*s who=%s body=%zu", http_method(rq), (int)id.n,
                                id.p ? id.p : "", (int)rest.n, rest.p ? rest.p : "", route_who(rq), http_body(rq).n);
  http_reply(rq, 200, "text/plain", slice_of(text));
}

static void fail_inside(struct http_req *rq, struct core *core) {
  (void)core;
  reply_error(rq, FAIL(http_cx(rq), E_INTERNAL, "the password of the database is swordfish"));
}

static void fail_outside(struct http_req *rq, struct core *core) {
  (void)core;
  reply_error(rq, FAIL(http_cx(rq), E_CONFLICT, "that is taken"));
}

static void denied(struct http_req *rq, struct core *core) {
  (void)core;
  reply_error(rq, FAIL(http_cx(rq), E_DENIED, "not you"));
}

static void unauthorized(struct http_req *rq, struct core *core) {
  (void)core;
  reply_error(rq, FAIL(http_cx(rq), E_UNAUTHORIZED, "who are you"));
}

/* ---- a write: what it does stands in the path; the table "torn" refuses at the commit ---- */

struct doing {
  struct core *core;
  struct slice what;
  int left; /* jobs to come */
};

static enum err do_job(struct ctx *cx, struct db *db, void *arg) {
  struct doing *d = arg;
  if (slice_is(d->what, "refused")) return FAIL(cx, E_CONFLICT, "that is taken");
  d->left--;
  if (slice_is(d->what, "torn")) return db_run(cx, db, "INSERT INTO torn (whole) VALUES (1)");
  return db_run(cx, db, "INSERT INTO done (n) VALUES ($1)", DB_I(d->left));
}

static void done(struct http_req *rq, void *arg, enum err e) {
  struct doing *d = arg;
  http_set_header(rq, "X-Done", e == OK ? "yes" : "no");
  if (e != OK)
    reply_error(rq, e);
  else if (d->left > 0)
    route_write(rq, d->core, do_job, d, done);
  else
    reply_empty(rq, 204);
}

static void write_it(struct http_req *rq, struct core *core) {
  struct doing *d = ctx_alloc(http_cx(rq), sizeof *d);
  *d = (struct doing){.core = core, .what = route_param(rq, "what")};
  d->left = slice_is(d->what, "thrice") ? 3 : 1;
  route_write(rq, core, do_job, d, done);
}

static size_t early(struct http_req *rq, struct core *core) {
  (void)core;
  if (http_header(rq, "X-Refuse").p) reply_error(rq, FAIL(http_cx(rq), E_DENIED, "refused early"));
  return CAP;
}

/* Its bytes are taken as they come. */
static atomic_int parts;

static bool take_part(struct http_req *rq, struct slice bytes, void *arg) {
  (void)bytes, (void)arg;
  route_goes_on(rq);
  atomic_fetch_add(&parts, 1);
  return true;
}

static size_t begin_stream(struct http_req *rq, struct core *core) {
  (void)core;
  http_stream_body(rq, take_part, NULL);
  return CAP;
}

static const struct route routes[] = {
    {.method = "GET", .pattern = "/open", .flags = ROUTE_OPEN, .run = say},
    {.method = "GET", .pattern = "/things/:id", .run = say},
    {.method = "PUT,POST", .pattern = "/things/:id", .run = say, .body_max = CAP},
    {.method = "*", .pattern = "/v1/any/:id", .run = say},
    {.method = "GET", .pattern = "/files/*", .run = say},
    {.method = "PUT", .pattern = "/early", .run = say, .early = early},
    {.method = "PUT", .pattern = "/stream", .run = say, .early = begin_stream},
    {.method = "PUT", .pattern = "/write/:what", .run = write_it},
    {.method = "GET", .pattern = "/inside", .run = fail_inside},
    {.method = "GET", .pattern = "/outside", .run = fail_outside},
    {.method = "GET", .pattern = "/v1/outside", .run = fail_outside},
    {.method = "GET", .pattern = "/denied", .run = denied},
    {.method = "GET", .pattern = "/unauthorized", .flags = ROUTE_OPEN, .run = unauthorized},
    {.method = NULL},
};
static const struct route *const tables[] = {routes, NULL};
static const char *const hosts[] = {"localhost", "127.0.0.1", NULL};

static struct http_server *start(struct router *router) {
  struct http_conf conf = {.listen = "127.0.0.1:0",
                           .threads = 1,
                           .headers_max = 16 * 1024,
                           .headers_us = 10 * US_SECOND,
                           .body_us = 10 * US_SECOND,
                           .idle_us = 10 * US_SECOND,
                           .handler = router_handler(router)};
  struct http_server *s = NULL;
  if (http_start(t.cx, &s, &conf) != OK) fail_msg("%s", ctx_error_text(t.cx));
  return s;
}

static int setup(void **state) {
  (void)state;
  t.cx = ctx_new();
  log_set(LOG_ERROR, false);
  t.conf = (struct core_conf){.data = "/nonexistent", .api_key = "key"};
  atomic_store(&t.core.conf, &t.conf);
  if (store_open(t.cx, &t.core.store, NULL) != OK) return -1;
  t.admin_router =
      (struct router){.listener = "admin", .core = &t.core, .tables = tables, .admin = true, .hosts = hosts};
  t.device_router = (struct router){.listener = "devices", .core = &t.core, .tables = tables};
  t.admin = start(&t.admin_router);
  t.devices = start(&t.device_router);
  return nh_new(t.cx, &t.client, &(struct nh_conf){0}) == OK ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  nh_free(t.client);
  http_stop(t.admin);
  http_stop(t.devices);
  db_store_close(t.core.store);
  ctx_free(t.cx);
  return 0;
}

/* ---- asking ---- */

static struct nh_reply ask_as(struct http_server *s, const char *method, const char *path, const char *header,
                              size_t body) {
  const char *headers[] = {header, NULL};
  struct nh_req rq = {.method = method,
                      .url = ctx_printf(t.cx, "http://%s%s", http_address(s), path),
                      .headers = header ? headers : NULL};
  struct nh_reply reply;
  if (body) rq.body = slice_mem(ctx_alloc(t.cx, body), body);
  if (nh_do(t.cx, t.client, &rq, &reply) != OK) fail_msg("%s %s: %s", method, path, ctx_error_text(t.cx));
  return reply;
}

#define KEY "Authorization: Bearer key"
static struct nh_reply ask(const char *method, const char *path, size_t body) {
  return ask_as(t.admin, method, path, KEY, body);
}

static void holds(struct nh_reply r, int status, const char *text) {
  const char *body = ctx_printf(t.cx, "%.*s", (int)r.body.n, r.body.p ? r.body.p : "");
  if (r.status != status || !strstr(body, text)) fail_msg("%d \"%s\", not %d \"%s\"", r.status, body, status, text);
}

/* Goal: without the right token nothing but open routes answers, and nobody learns which paths there are. */
static void strangers_are_refused(void **state) {
  (void)state;
  static const char *const headers[] = {NULL,
                                        "Authorization: key",
                                        "Authorization: Bearer",
                                        "Authorization: Bearer kez",
                                        "Authorization: Bearer key2",
                                        "Authorization: Basic a2V5",
                                        "Authorization: Basic *",
                                        "Authorization: Digest key"};
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    holds(ask_as(t.admin, "GET", "/things/1", headers[i], 0), 401, "unauthorized");
    holds(ask_as(t.admin, "GET", "/nothing", headers[i], 0), 401, "unauthorized");
    holds(ask_as(t.admin, "GET", "/open", headers[i], 0), 200, "who= ");
  }
  holds(ask_as(t.admin, "GET", "/things/1", KEY, 0), 200, "who=api-key");
  holds(ask_as(t.admin, "GET", "/things/1", "Authorization: Basic YW55Ym9keTprZXk=", 0), 200, "who=api-key");
  holds(ask_as(t.admin, "GET", "/things/1", "authorization: bearer key", 0), 200, "who=api-key");
}

/* Goal: a name that is not ours in Host is refused before anything else (DNS rebinding). */
static void foreign_hosts_are_refused(void **state) {
  (void)state;
  static const char *const foreign[] = {
      "Host: evil.example",    "Host: 127.0.0.1.evil.example:80", "Host: 10.0.0.1",
      "Host: [::2]:1",         "Host: localhost:@evil.example",   "Host: localhost:1:1",
      "Host: localhost:1/evil"};
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
    holds(ask_as(t.admin, "GET", "/open", foreign[i], 0), 421, "misdirected");
  holds(ask_as(t.admin, "GET", "/open", "Host: LocalHost:1", 0), 200, "");
  t.admin_router.any_address = true;
  holds(ask_as(t.admin, "GET", "/open", "Host: 10.0.0.1:80", 0), 200, "");
  holds(ask_as(t.admin, "GET", "/open", "Host: [::2]:1", 0), 200, "");
  holds(ask_as(t.admin, "GET", "/open", "Host: evil.example", 0), 421, "");
}

/* Goal: devices never see a 401, a body, or a question for a token. */
static void devices_are_answered_without_words(void **state) {
  (void)state;
  static const struct {
    const char *method, *path;
    int status;
  } cases[] = {{"GET", "/nothing", 404}, {"DELETE", "/things/1", 405}, {"GET", "/inside", 503},
               {"GET", "/denied", 400},  {"GET", "/outside", 409},     {"GET", "/unauthorized", 400}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct nh_reply r = ask_as(t.devices, cases[i].method, cases[i].path, "Host: evil.example", 0);
    assert_int_equal(r.status, cases[i].status);
    assert_int_equal(r.body.n, 0);
  }
  holds(ask_as(t.devices, "GET", "/things/1", NULL, 0), 200, "id=1");
}

/* Goal: a path or method that no row knows, and a body over its cap, are refused by status. */
static void unknown_paths_and_methods_are_refused(void **state) {
  (void)state;
  static const char *const absent[] = {"/",          "/things", "/things/",    "/things/1/2",
                                       "/thingsx/1", "/files",  "/things/%00", "/things/%zz"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) holds(ask("GET", absent[i], 0), 404, "not-found");
  holds(ask("DELETE", "/things/1", 0), 405, "GET,PUT,POST");
  holds(ask("PUT", "/things/1", CAP + 1), 413, "");
  holds(ask("PUT", "/things/1", CAP), 200, "body=1000");
}

/* Goal: segments are decoded one by one, a star takes the rest, several methods share a row. */
static void the_right_row_answers(void **state) {
  (void)state;
  holds(ask("GET", "/things/a%2Fb+c", 0), 200, "GET id=a/b+c rest=");
  holds(ask("POST", "/things/x", 5), 200, "POST id=x rest= who=api-key body=5");
  holds(ask("DELETE", "/v1/any/y", 0), 200, "DELETE id=y");
  holds(ask("GET", "/files/a/b.txt", 0), 200, "rest=a/b.txt");
  holds(ask("GET", "/files/", 0), 200, "rest= ");
  assert_int_equal(ask("HEAD", "/things/1", 0).status, 200);
}

/* Goal: a handler can refuse before the body is read. */
static void early_refusals_come_early(void **state) {
  (void)state;
  holds(ask("PUT", "/early", 10), 200, "body=10");
  assert_int_equal(ask_as(t.devices, "PUT", "/early", "X-Refuse: 1", 10).status, 400);
}

/* Goal: our own faults stay in the log; what the client did is told, in the form of its API. */
static void errors_tell_what_they_may(void **state) {
  (void)state;
  struct nh_reply inside = ask("GET", "/inside", 0);
  holds(inside, 500, "\"code\":\"internal\"");
  assert_null(memmem(inside.body.p, inside.body.n, "swordfish", 9));
  holds(ask("GET", "/outside", 0), 409, "{\"error\":{\"code\":\"conflict\",\"message\":\"that is taken\",\"trace\":\"");
  holds(ask("GET", "/v1/outside", 0), 409, "{\n\t\"error\": \"that is taken\"\n}");
}

/* ---- writes and their record ---- */

/* What the writer changes, by the first letters of its tables, and where it commits. */
static struct {
  char text[64];
  size_t n;
} seen;

static void see(char c) {
  if (seen.n + 1 < sizeof seen.text) seen.text[seen.n++] = c;
}
static void see_row(void *arg, const char *table, int64_t row) {
  (void)arg;
  (void)row;
  see(table[0]);
}
static void see_commit(void *arg) {
  (void)arg;
  see('|');
}

static enum err tables_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "CREATE TABLE done (n INTEGER)"));
  TRY(db_run(cx, db, "CREATE TABLE whole (n INTEGER PRIMARY KEY)"));
  return db_run(cx, db, "CREATE TABLE torn (whole INTEGER REFERENCES whole DEFERRABLE INITIALLY DEFERRED)");
}

static int setup_writes(void **state) {
  static const struct db_watch watch = {.changed = see_row, .committed = see_commit};
  if (setup(state) != 0 || db_call(t.cx, t.core.store, tables_job, NULL) != OK) return -1;
  if (db_watch(t.cx, t.core.store, &watch) != OK) return -1;
  memset(&seen, 0, sizeof seen); /* the watch's own transaction */
  return 0;
}

static struct nh_reply write_of(const char *what) { return ask("PUT", ctx_printf(t.cx, "/write/%s", what), 0); }

static const char *said_done(const struct nh_reply *r) {
  const char *value = "nothing";
  int n = 0;
  for (size_t i = 0; i < r->headers_n; i++)
    if (strcasecmp(r->headers[i].name, "X-Done") == 0) value = r->headers[i].value, n++;
  return n < 2 ? value : "both";
}

static int64_t recorded(int status) {
  struct db *db;
  int64_t n = -1;
  if (db_reader(t.cx, t.core.store, &db) != OK ||
      db_one_int(t.cx, db, &n, "SELECT count(*) FROM audit WHERE status = $1", DB_I(status)) != OK)
    fail_msg("%s", ctx_error_text(t.cx));
  return n;
}

/* Goal: an act and its record are one transaction, of several the last one. */
static void an_act_is_recorded_with_what_it_did(void **state) {
  (void)state;
  struct nh_reply r = write_of("once");
  assert_int_equal(r.status, 204);
  assert_string_equal(said_done(&r), "yes");
  assert_string_equal(seen.text, "da|");
  assert_int_equal(write_of("thrice").status, 204);
  assert_string_equal(seen.text, "da|d|d|da|");
  assert_int_equal(recorded(204), 2);
}

/* Goal: what was refused is recorded as that. */
static void a_refused_act_is_recorded(void **state) {
  (void)state;
  holds(write_of("refused"), 409, "that is taken");
  assert_int_equal(recorded(409), 1);
  assert_string_equal(strchr(seen.text, 'a'), "a|");
}

/* Goal: when the transaction fails at last, neither the answer nor the record tells that it was done. */
static void what_was_not_committed_was_not_done(void **state) {
  (void)state;
  struct nh_reply r = write_of("torn");
  assert_int_equal(r.status, 503);
  assert_string_equal(said_done(&r), "no");
  assert_int_equal(recorded(204), 0);
  assert_int_equal(recorded(503), 1);
  assert_string_equal(seen.text, "taa|");
}

static enum err no_record_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "CREATE TRIGGER no_record BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END");
}

/* Goal: what cannot be recorded is not done. */
static void without_a_record_nothing_is_done(void **state) {
  (void)state;
  struct db *db;
  int64_t n = -1;
  assert_int_equal(db_call(t.cx, t.core.store, no_record_job, NULL), OK);
  struct nh_reply r = write_of("once");
  assert_true(r.status >= 400);
  assert_string_equal(said_done(&r), "no");
  assert_int_equal(db_reader(t.cx, t.core.store, &db), OK);
  assert_int_equal(db_one_int(t.cx, db, &n, "SELECT count(*) FROM done"), OK);
  assert_int_equal(n, 0);
}

/* ---- bodies that take their time ---- */

struct session {
  struct actor who;
  char *token;
};

static enum err session_job(struct ctx *cx, struct db *db, void *arg) {
  struct session *s = arg;
  struct user u;
  TRY(user_add(cx, db, "anna", ROLE_ADMIN, "test"));
  TRY(user_find(cx, db, "anna", &u));
  return login_add(cx, db, u.account, "password", &(struct login_ask){.name = "anna", .peer = "::1"}, &s->who,
                   &s->token);
}

static enum err end_job(struct ctx *cx, struct db *db, void *arg) {
  const struct session *s = arg;
  return login_end(cx, db, s->who.login, s->who.account);
}

static int begin_upload(const struct session *s) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)http_port(t.admin)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  const char *head = ctx_printf(t.cx,
                                "PUT /stream HTTP/1.1\r\nHost: localhost\r\nCookie: " LOGIN_COOKIE
                                "=%s\r\nX-CSRF-Token: %s\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
                                s->token, s->who.csrf);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail_msg("%s", strerror(errno));
  assert_int_equal(write(fd, head, strlen(head)), strlen(head));
  return fd;
}

static void send_part(int fd, int number) {
  assert_int_equal(write(fd, "x", 1), 1);
  while (atomic_load(&parts) < number) usleep(1000);
  db_settle(t.core.store);
}

static void answers(int fd, const char *status) {
  char told[64] = "";
  assert_true(recv(fd, told, sizeof told - 1, MSG_WAITALL) > 0);
  if (!strstr(told, status)) fail_msg("%s", told);
  close(fd);
}

/* Goal: a session does not end by itself while its upload comes, but when somebody ends it, the upload is refused. */
static void an_upload_is_a_use_of_its_session(void **state) {
  (void)state;
  struct session s;
  assert_int_equal(db_call(t.cx, t.core.store, session_job, &s), OK);
  for (int ended = 0; ended < 2; ended++) {
    atomic_store(&parts, 0);
    int fd = begin_upload(&s);
    for (int i = 1; i <= 3; i++) {
      clock_shift((3 * ended + i) * 50 * US_MINUTE);
      if (ended && i == 3) assert_int_equal(db_call(t.cx, t.core.store, end_job, &s), OK);
      send_part(fd, i);
    }
    answers(fd, ended ? " 401 " : " 200 ");
  }
  clock_shift(0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(strangers_are_refused),
      TEST(foreign_hosts_are_refused),
      TEST(devices_are_answered_without_words),
      TEST(unknown_paths_and_methods_are_refused),
      TEST(the_right_row_answers),
      TEST(early_refusals_come_early),
      TEST(errors_tell_what_they_may),
      TEST(an_upload_is_a_use_of_its_session),
      cmocka_unit_test_setup_teardown(an_act_is_recorded_with_what_it_did, setup_writes, teardown),
      cmocka_unit_test_setup_teardown(a_refused_act_is_recorded, setup_writes, teardown),
      cmocka_unit_test_setup_teardown(what_was_not_committed_was_not_done, setup_writes, teardown),
      cmocka_unit_test_setup_teardown(without_a_record_nothing_is_done, setup_writes, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
