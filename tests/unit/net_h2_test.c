/* The HTTP/2 client against our own server. */
#include "net_h2_rig.h"

/* ---- our server, with a behaviour ---- */
struct server {
  struct h2_server *s;
  struct tls_server *tls;
  enum { ANSWER, HOLD, GOAWAY, DROP } mode;
  int at; /* goaway, drop: at which request */
  atomic_int seen, wrong;
  atomic_bool release;
  int64_t held[MANY];
  int held_n;
  struct slice client_der;
};

static void answer(struct h2_server *s, int64_t id, const char *apns_id) {
  const struct h2_header h[] = {{"apns-id", apns_id}};
  h2_server_reply(s, id, 410, h, 1, slice_of("{\"reason\":\"Unregistered\"}"));
}

static bool as_sent(const struct server *t, const struct h2_server_req *rq) {
  const char *topic = rq->header(rq, "apns-topic");
  return strcmp(rq->method, "POST") == 0 && strcmp(rq->path, "/3/device/00") == 0 && topic && rq->header_n == 2 &&
         strcmp(topic, "com.apple.mgmt.External.test") == 0 && !rq->header(rq, "apns-priority") &&
         slice_is(rq->body, "{\"mdm\":\"magic\"}") && slice_eq(rq->peer_cert, t->client_der);
}

static void on_request(struct h2_server *s, const struct h2_server_req *rq, void *arg) {
  struct server *t = arg;
  int n = ++t->seen;
  if (!as_sent(t, rq)) t->wrong++;
  if (t->mode == HOLD) t->held[t->held_n++] = rq->id;
  if (t->mode == GOAWAY && n == t->at) h2_server_goaway(s, rq->connection, "{\"reason\":\"Shutdown\"}");
  if (t->mode == DROP && n == t->at) h2_server_drop(s, 0);
  if (t->mode == ANSWER || t->mode == GOAWAY) answer(s, rq->id, rq->header(rq, "apns-id"));
}

static void on_tick(struct h2_server *s, void *arg) {
  struct server *t = arg;
  if (!t->release) return;
  for (int i = 0; i < t->held_n; i++) answer(s, t->held[i], "late");
  t->held_n = 0;
}

static struct server *server_start(int mode, int at, uint32_t streams) {
  struct server *t = mem_alloc(sizeof *t);
  struct pki_cert **sent;
  size_t n;
  ctx_clear_error(cx);
  memcpy(&t->mode, &mode, sizeof t->mode);
  t->at = at;
  must(cx, pki_certs_parse_pem(cx, &sent, &n, cs.client.cert));
  t->client_der = pki_cert_der(sent[0]);
  must(cx, tls_server_new(cx, &t->tls, cs.server.cert, cs.server.key, true));
  must(cx, h2_server_start(cx, &t->s,
                           &(struct h2_server_conf){.listen = "127.0.0.1:0",
                                                    .tls = t->tls,
                                                    .max_streams = streams,
                                                    .request = on_request,
                                                    .tick = on_tick,
                                                    .arg = t}));
  return t;
}

static void server_stop(struct server *t) {
  h2_server_stop(t->s);
  tls_server_free(t->tls);
  free(t);
}

/* ---- opening ---- */
/* goal: a port where nobody listens is told with the address */
static void test_refused(void **state) {
  (void)state;
  char words[80];
  struct addr a;
  must(cx, addr_parse(cx, &a, "127.0.0.1:0"));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, so that the port is ours, but not listening */
  assert_int_equal(bind(fd, (struct sockaddr *)&a.ss, a.n), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a.ss, &a.n), 0);
  snprintf(words, sizeof words, "localhost:%d cannot be reached: Connection refused", addr_port(&a));
  expect_trouble(client_open(addr_port(&a), (struct wish){0}), H2_REFUSED, E_UNREACHABLE, words);
  close(fd);
}

/* goal: an untrusted issuer ends the connection before anything was sent, and is named */
static void test_untrusted(void **state) {
  (void)state;
  struct certs other = {0};
  certs_make(cx, &other);
  struct server *t = server_start(ANSWER, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){.ca_file = other.ca_file});
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->ready, 0);
  assert_string_equal(h2_issuer(cx, c->h2), "Pomona Test CA");
  expect_trouble(c, H2_STRANGER, E_UNREACHABLE, "issued by Pomona Test CA, which is not trusted");
  server_stop(t);
  certs_free(&other);
}

/* goal: a peer without ALPN h2 is refused clearly */
static void test_no_alpn(void **state) {
  (void)state;
  struct server *t = server_start(ANSWER, 0, 0);
  tls_server_drill(t->tls, TLS_REFUSE_NONE, true);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  expect_trouble(c, H2_STRANGER, E_UNREACHABLE, "does not speak HTTP/2 (ALPN)");
  server_stop(t);
}

/* goal: a revoked client certificate is reported as such, though TLS 1.3 tells only after the handshake */
static void test_revoked(void **state) {
  (void)state;
  struct server *t = server_start(ANSWER, 0, 0);
  tls_server_drill(t->tls, TLS_REFUSE_REVOKED, false);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->closed, 1);
  assert_int_equal(h2_alert(c->h2), 44);
  assert_int_equal(c->ready, 0);
  assert_int_equal(h2_server_connections(t->s), 0);
  expect_trouble(c, H2_ALERT, E_UNREACHABLE, "localhost refused our certificate: certificate revoked (TLS alert 44)");
  server_stop(t);
}

/* ---- with our server ---- */
/* goal: GOAWAY: what was processed is answered, the rest is known not to have been, and the text is handed on */
static void test_goaway(void **state) {
  (void)state;
  struct server *t = server_start(GOAWAY, 3, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 10);
  UNTIL(c, c->answers, 10);
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(c->of[i].status, i < 3 ? 410 : 0);
    assert_int_equal(c->of[i].unprocessed, i >= 3);
  }
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->goaways, 1);
  assert_string_equal(c->debug, "{\"reason\":\"Shutdown\"}");
  assert_int_equal(t->seen, 3);
  expect_end(c, E_UNAVAILABLE, "localhost closed the connection: GOAWAY NO_ERROR, {\"reason\":\"Shutdown\"}");
  server_stop(t);
}

/* goal: a lost connection reports every open request once, as unknown, then its end */
static void test_drop(void **state) {
  (void)state;
  struct server *t = server_start(DROP, 5, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 10);
  UNTIL(c, c->closed, 1);
  assert_int_equal(c->answers, 10);
  for (size_t i = 0; i < 10; i++) assert_false(c->of[i].status != 0 || c->of[i].unprocessed);
  assert_int_equal(c->goaways, 0);
  expect_end(c, E_UNREACHABLE, "localhost");
  server_stop(t);
}

/* goal: the peer's limit on streams is kept, and room comes back with the answers */
static void test_room(void **state) {
  (void)state;
  struct server *t = server_start(HOLD, 0, 5);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  assert_int_equal(h2_room(c->h2), 0);
  UNTIL(c, c->ready, 1);
  assert_int_equal(h2_room(c->h2), 5);
  post_all(c, 5);
  assert_int_equal(h2_room(c->h2), 0);
  assert_int_equal(h2_open_streams(c->h2), 5);
  assert_int_equal(post(c, 5, "/3/device/00"), E_UNAVAILABLE);
  UNTIL(c, t->seen, 5);
  t->release = true;
  h2_server_wake(t->s);
  UNTIL(c, c->answers, 5);
  assert_string_equal(c->of[4].apns_id, "late");
  assert_int_equal(h2_room(c->h2), 5);
  client_free(c);
  server_stop(t);
}

/* goal: shutting down lets open requests be answered, then ends in order */
static void test_shutdown(void **state) {
  (void)state;
  struct server *t = server_start(HOLD, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  post_all(c, 3);
  h2_shutdown(c->h2);
  assert_false(h2_usable(c->h2));
  UNTIL(c, t->seen, 3);
  assert_int_equal(c->closed, 0);
  t->release = true;
  h2_server_wake(t->s);
  UNTIL(c, c->answers, 3);
  assert_int_equal(c->of[2].status, 410);
  expect_end(c, OK, "closed");
  server_stop(t);
}

/* goal: a thousand requests at a time, more than the flow-control window holds, arrive as sent and get their own
 * answers */
static void test_many(void **state) {
  (void)state;
  char id[16];
  struct server *t = server_start(ANSWER, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  assert_int_equal(h2_room(c->h2), MANY);
  post_all(c, MANY);
  UNTIL(c, c->answers, MANY);
  for (size_t i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "id-%zu", i);
    assert_int_equal(c->of[i].status, 410);
    assert_string_equal(c->of[i].apns_id, id);
    assert_string_equal(c->of[i].body, "{\"reason\":\"Unregistered\"}");
  }
  assert_int_equal(t->seen, MANY);
  assert_int_equal(t->wrong, 0);
  assert_int_equal(h2_server_connections(t->s), 1);
  client_free(c);
  server_stop(t);
}

/* goal: a ping that is answered leaves no deadline behind */
static void test_ping(void **state) {
  (void)state;
  struct server *t = server_start(ANSWER, 0, 0);
  struct client *c = client_open(h2_server_port(t->s), (struct wish){0});
  UNTIL(c, c->ready, 1);
  h2_ping(c->h2);
  h2_io(c->h2, 0);
  UNTIL(c, h2_next_deadline(c->h2) == 0, 1);
  assert_true(h2_usable(c->h2));
  client_free(c);
  server_stop(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refused), cmocka_unit_test(test_untrusted), cmocka_unit_test(test_no_alpn),
      cmocka_unit_test(test_revoked), cmocka_unit_test(test_goaway),    cmocka_unit_test(test_drop),
      cmocka_unit_test(test_room),    cmocka_unit_test(test_shutdown),  cmocka_unit_test(test_many),
      cmocka_unit_test(test_ping),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
