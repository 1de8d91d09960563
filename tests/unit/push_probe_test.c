/* Probes: what Apple says of a certificate, and what the way to it says instead. */
#include "push_world.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct push_probe ask_on(struct world *w, const char *topic, int port, int64_t timeout_us) {
  struct push_probe said;
  struct db *db;
  struct slice cert, key;
  int64_t not_after;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  assert_int_equal(pushcert_open(w->cx, db, &w->core, TOPIC, &cert, &key, &not_after), OK);
  if (!topic) cert.p = NULL;
  assert_int_equal(push_probe(w->cx, &w->core, topic, cert, key, port, timeout_us, &said), OK);
  return said;
}
static struct push_probe ask(struct world *w) { return ask_on(w, TOPIC, 0, PATIENCE); }

static void expect(struct push_probe said, enum push_proof proof, enum push_trouble trouble, const char *words) {
  if (said.proof != proof || said.trouble != trouble || !strstr(said.text, words))
    fail_msg("proof %d, trouble %s: %s", said.proof, push_trouble_name(said.trouble), said.text);
}

/* ---- nobody there ---- */

/* goal: nobody who listens, a name that is none, a peer that says nothing: each is told apart, none is a refusal */
static void no_way(void **state) {
  struct world *w = *state;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &(socklen_t){sizeof a}), 0);
  expect(ask_on(w, TOPIC, ntohs(a.sin_port), PATIENCE), PUSH_UNREACHABLE, PUSH_REFUSED, "Connection refused");
  assert_int_equal(listen(fd, 1), 0);
  expect(ask_on(w, TOPIC, ntohs(a.sin_port), US_SECOND / 10), PUSH_UNREACHABLE, PUSH_TIMEOUT, "in time");
  close(fd);
  w->conf.apns_url = "https://no-such-name.invalid";
  expect(ask(w), PUSH_UNREACHABLE, PUSH_NAME, "no-such-name.invalid");
}

/* goal: somebody else's certificate is told with its issuer, and neither our certificate nor a push goes there */
static void stranger(void **state) {
  struct world *w = *state;
  struct pki_key *key;
  struct pki_cert *cert;
  assert_int_equal(pki_key_new_p256(w->cx, &key), OK);
  struct pki_issue issue = {.cn = "Corp Inspector CA",
                            .subject_key = key,
                            .issuer_key = key,
                            .not_before = clock_now_us() - US_DAY,
                            .not_after = clock_now_us() + US_DAY,
                            .kind = PKI_CA};
  assert_int_equal(pki_cert_issue(w->cx, &cert, &issue), OK);
  struct slice pem = pki_cert_pem(w->cx, cert);
  FILE *f = fopen(w->ca_file, "w");
  assert_int_equal(fwrite(pem.p, 1, pem.n, f), pem.n);
  fclose(f);
  struct push_probe said = ask(w);
  expect(said, PUSH_UNREACHABLE, PUSH_ISSUER, "not trusted");
  assert_string_equal(said.issuer, "127.0.0.1");
  assert_int_equal(requests(w), 0);
  assert_int_equal(h2_server_connections(w->apns.server), 0);
}

/* goal: a peer without HTTP/2 is somebody else, too */
static void without_http2(void **state) {
  struct world *w = *state;
  tls_server_drill(w->apns.tls, TLS_REFUSE_NONE, true);
  struct push_probe said = ask(w);
  expect(said, PUSH_UNREACHABLE, PUSH_ISSUER, "does not speak HTTP/2");
  assert_string_equal(said.issuer, "127.0.0.1");
}

/* ---- Apple's word ---- */

/* goal: an alert about the certificate is a refusal, with its number */
static void refused_in_tls(void **state) {
  struct world *w = *state;
  tls_server_drill(w->apns.tls, TLS_REFUSE_REVOKED, false);
  struct push_probe said = ask(w);
  expect(said, PUSH_PROOF_REFUSED, PUSH_ALERT, "certificate revoked");
  assert_int_equal(said.alert, 44);
}

static const struct answer {
  int status;
  const char *reason;
  enum push_proof proof;
  enum push_trouble trouble;
} answers[] = {
    {403, "BadCertificate", PUSH_PROOF_REFUSED, PUSH_UP},
    {403, "BadCertificateEnvironment", PUSH_PROOF_REFUSED, PUSH_UP},
    {403, "Forbidden", PUSH_PROOF_REFUSED, PUSH_UP},
    {400, "BadTopic", PUSH_PROOF_REFUSED, PUSH_UP},
    {400, "TopicDisallowed", PUSH_PROOF_REFUSED, PUSH_UP},
    {400, "BadDeviceToken", PUSH_PROVEN, PUSH_UP},
    {410, "Unregistered", PUSH_PROVEN, PUSH_UP},
    {400, "DeviceTokenNotForTopic", PUSH_PROVEN, PUSH_UP},
    {200, "", PUSH_PROVEN, PUSH_UP},
    {403, "MissingProviderToken", PUSH_UNREACHABLE, PUSH_ISSUER},
    {503, "ServiceUnavailable", PUSH_UNREACHABLE, PUSH_SERVER},
    {500, "", PUSH_UNREACHABLE, PUSH_SERVER},
    {403, "SomethingNew", PUSH_UNREACHABLE, PUSH_UP},
    {410, "", PUSH_UNREACHABLE, PUSH_UP},
    {400, "BadPriority", PUSH_UNREACHABLE, PUSH_UP},
    {302, "", PUSH_UNREACHABLE, PUSH_UP},
};
static const struct answer *next_answer; /* set while nobody asks */

static void answer_next(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  static const struct h2_header date = {"date", "Sun, 06 Nov 1994 08:49:37 GMT"};
  struct ctx *cx = ctx_new();
  (void)w;
  const char *body = next_answer->reason[0] ? ctx_printf(cx, "{\"reason\":\"%s\"}", next_answer->reason) : "";
  h2_server_reply(s, rq->id, next_answer->status, &date, 1, slice_of(body));
  ctx_free(cx);
}

/* goal: what proves a certificate, what refuses it, and what says nothing of it; the push asks about no device */
static void words(void **state) {
  struct world *w = *state;
  w->apns.answer = answer_next;
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    next_answer = &answers[i];
    struct push_probe said = ask(w);
    expect(said, answers[i].proof, answers[i].trouble, answers[i].reason);
    assert_int_equal(said.status, answers[i].status);
    assert_int_equal(said.date, 784111777 * US_SECOND);
    assert_string_equal(said.reason, said.proof == PUSH_PROOF_REFUSED ? answers[i].reason : "");
  }
  assert_string_equal(w->apns.last[0], "POST");
  assert_string_equal(w->apns.last[1], "/3/device/0000000000000000000000000000000000000000000000000000000000000000");
  assert_string_equal(w->apns.last[3], TOPIC);
  assert_string_equal(w->apns.last[6], "0"); /* nothing is kept of it */
}

static void answer_goaway(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  h2_server_goaway(s, rq->connection, "{\"reason\":\"BadCertificate\"}");
}

/* goal: a GOAWAY that names the certificate is Apple's word as well */
static void goaway(void **state) {
  struct world *w = *state;
  w->apns.answer = answer_goaway;
  expect(ask(w), PUSH_PROOF_REFUSED, PUSH_UP, "BadCertificate");
}

static void answer_cut(struct world *w, struct h2_server *s, const struct h2_server_req *rq) {
  (void)w;
  h2_server_drop(s, rq->connection);
}

/* goal: an end without a reason, and no answer at all, say nothing of the certificate */
static void no_words(void **state) {
  struct world *w = *state;
  w->apns.answer = answer_cut;
  expect(ask(w), PUSH_UNREACHABLE, PUSH_HTTP2, "");
  w->apns.answer = answer_held;
  expect(ask_on(w, TOPIC, 0, US_SECOND / 2), PUSH_UNREACHABLE, PUSH_TIMEOUT, "in time");
}

/* goal: without a certificate only the way is tried: no push goes */
static void way_only(void **state) {
  struct world *w = *state;
  struct push_probe said = ask_on(w, NULL, 0, PATIENCE);
  expect(said, PUSH_UNREACHABLE, PUSH_UP, "open");
  assert_string_equal(said.issuer, "127.0.0.1");
  assert_int_equal(requests(w), 0);
}

/* goal: a server that ends waits for no probe, and nothing is said of the certificate */
static void ending(void **state) {
  struct world *w = *state;
  struct push_probe said;
  atomic_store(&w->core.ending, true);
  assert_int_equal(push_probe(w->cx, &w->core, TOPIC, slice_of(""), slice_of(""), 0, PATIENCE, &said), E_INVALID);
  ctx_clear_error(w->cx);
  assert_int_equal(push_probe(w->cx, &w->core, TOPIC, (struct slice){0}, (struct slice){0}, 0, PATIENCE, &said),
                   E_GONE);
}

/* ---- the chore ---- */

static void chore(struct world *w) {
  struct ctx *cx = ctx_new();
  enum err e = push_probe_chore(cx, &w->core);
  if (e != OK) fail_msg("%s", ctx_error_text(cx));
  ctx_free(cx);
}

/* goal: each certificate in use is asked about once a day, one at a time; sooner when Apple did not take it */
static void daily(void **state) {
  struct world *w = *state;
  const struct answer refused = {403, "BadCertificate", PUSH_PROOF_REFUSED, PUSH_UP},
                      proven = {400, "BadDeviceToken", PUSH_PROVEN, PUSH_UP};
  w->apns.answer = answer_next;
  chore(w);
  assert_int_equal(requests(w), 0); /* a server that pushes nothing asks nothing */
  push_up(w);
  import(w, OTHER, 300);
  import(w, OTHER, 301); /* in the other's place */
  next_answer = &refused;
  for (int i = 0; i < 4; i++) chore(w);
  assert_int_equal(requests(w), 2);
  assert_int_equal(number(w, "SELECT count(*) FROM pushcert WHERE proof = 'refused' AND superseded_at IS NULL"), 2);
  next_answer = &proven;
  clock_shift(2 * US_HOUR);
  for (int i = 0; i < 4; i++) chore(w);
  assert_int_equal(requests(w), 4);
  assert_int_equal(number(w, "SELECT count(*) FROM pushcert WHERE proof = 'proven' AND proven_at IS NOT NULL"), 2);
  clock_shift(4 * US_HOUR);
  chore(w);
  assert_int_equal(requests(w), 4);
  clock_shift(27 * US_HOUR);
  chore(w);
  assert_int_equal(requests(w), 5);
  clock_shift(302 * US_DAY);
  for (int i = 0; i < 4; i++) chore(w);
  assert_int_equal(requests(w), 5); /* Apple is not asked about what has ended */
  clock_shift(0);
}

/* goal: a key that cannot be read is told of in the row, and other certificates have their turn */
static void key_unreadable(void **state) {
  struct world *w = *state;
  push_up(w);
  import(w, OTHER, 300);
  run_sql(w, "UPDATE pushcert SET key_sealed = $1 WHERE topic = $2", DB_B(slice_of("x")), DB_S(OTHER));
  for (int i = 0; i < 3; i++) chore(w);
  assert_int_equal(requests(w), 1);
  assert_int_equal(number(w, "SELECT count(*) FROM pushcert WHERE proof = 'unreachable'"), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(no_way, world_up, world_down),
      cmocka_unit_test_setup_teardown(stranger, world_up, world_down),
      cmocka_unit_test_setup_teardown(without_http2, world_up, world_down),
      cmocka_unit_test_setup_teardown(refused_in_tls, world_up, world_down),
      cmocka_unit_test_setup_teardown(words, world_up, world_down),
      cmocka_unit_test_setup_teardown(goaway, world_up, world_down),
      cmocka_unit_test_setup_teardown(no_words, world_up, world_down),
      cmocka_unit_test_setup_teardown(way_only, world_up, world_down),
      cmocka_unit_test_setup_teardown(ending, world_up, world_down),
      cmocka_unit_test_setup_teardown(daily, world_up, world_down),
      cmocka_unit_test_setup_teardown(key_unreadable, world_up, world_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
