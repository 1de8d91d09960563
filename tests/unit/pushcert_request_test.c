/* Requests for push certificates: what they say, which key they have, what is told to do with them, and what a service
   that signs may answer. */
#include "core/pushcert_request.h"
#include "core_fixture.h"
#include "lib/pki_cert.h"

struct storing {
  struct pushcert_made made;
  struct pushcert_request request;
};

static enum err store_job(struct ctx *cx, struct db *db, void *arg) {
  struct storing *s = arg;
  return pushcert_request_store(cx, db, &fx.core, &s->made, "tester", &s->request);
}

static struct storing *make(struct pushcert_want want) {
  struct storing *s = ctx_alloc(fx.cx, sizeof *s);
  must(pushcert_request_make(fx.cx, reader(), &fx.core, &want, &s->made));
  must(in_job(store_job, s));
  return s;
}

static void refused(struct pushcert_want want, enum err e, const char *says) {
  struct pushcert_made made;
  ctx_clear_error(fx.cx);
  assert_int_equal(pushcert_request_make(fx.cx, reader(), &fx.core, &want, &made), e);
  if (!strstr(ctx_error_text(fx.cx), says)) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(fx.cx), says);
  ctx_clear_error(fx.cx);
}

/* Goal: a request is signed by its own new key, has an own row, and the key is on disk only sealed. */
static void each_has_a_key(void **state) {
  (void)state;
  struct storing *a = make((struct pushcert_want){.topic = TOPIC}),
                 *b = make((struct pushcert_want){.cn = "Another", .email = "a@example.org"});
  struct pki_csr csr;
  must(pki_csr_parse(fx.cx, &csr, a->request.csr));
  assert_string_equal(csr.cn, "MDM push mdm.example.org");
  assert_true(pki_key_is_rsa(csr.key) && pki_key_bits(csr.key) == 2048);
  must(pki_csr_parse(fx.cx, &csr, b->request.csr));
  assert_string_equal(csr.cn, "Another");
  assert_memory_not_equal(a->request.public_hash, b->request.public_hash, 32);
  assert_string_equal(a->request.topic, TOPIC);
  assert_null(b->request.topic);
  assert_int_equal(count("SELECT count(*) FROM push_key"), 2);
  assert_int_equal(count("SELECT count(*) FROM push_key WHERE instr(CAST(key_sealed AS TEXT), 'PRIVATE') > 0"), 0);
  assert_true(
      slice_starts(slice_of(pushcert_request_pem(fx.cx, a->request.csr)), "-----BEGIN CERTIFICATE REQUEST-----\n"));
}

/* Goal: the newest that waits is found, and every one by its number. */
static void they_are_found(void **state) {
  (void)state;
  struct pushcert_request r, *all;
  size_t n;
  assert_int_equal(pushcert_request_find(fx.cx, reader(), 0, &r), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  struct storing *a = make((struct pushcert_want){0}), *b = make((struct pushcert_want){0});
  must(pushcert_request_find(fx.cx, reader(), 0, &r));
  assert_int_equal(r.seq, b->request.seq);
  must(pushcert_request_find(fx.cx, reader(), a->request.seq, &r));
  assert_true(slice_eq(r.csr, a->made.csr));
  must(pushcert_requests(fx.cx, reader(), &all, &n));
  assert_int_equal(n, 2);
  assert_int_equal(all[0].seq, b->request.seq);
  assert_int_equal(pushcert_request_find(fx.cx, reader(), 99, &r), E_NOT_FOUND);
}

/* Goal: with the same key the request fits the certificate in use, and a second one takes the first one's place. */
static void the_same_key(void **state) {
  (void)state;
  struct slice cert_pem, key_pem;
  struct pki_cert **certs;
  struct pki_csr csr;
  int64_t until;
  size_t n;
  struct storing *a = make((struct pushcert_want){.topic = TOPIC, .same_key = true});
  struct storing *b = make((struct pushcert_want){.topic = TOPIC, .same_key = true, .cn = "b"});
  must(pushcert_open(fx.cx, reader(), &fx.core, TOPIC, &cert_pem, &key_pem, &until));
  must(pki_certs_parse_pem(fx.cx, &certs, &n, cert_pem));
  must(pki_csr_parse(fx.cx, &csr, b->request.csr));
  assert_true(pki_cert_fits(certs[0], csr.key));
  assert_int_equal(a->request.seq, b->request.seq);
  assert_int_equal(count("SELECT count(*) FROM push_key"), 1);
}

/* Goal: what does not fit a subject, and a key that is not there, are refused in words. */
static void wrong_wishes(void **state) {
  (void)state;
  static const char *const none[] = {"", "x", "@x", "x@", "a@b@c", "a b@c", "a\n@b", "\xc3\xa4@x"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    refused((struct pushcert_want){.email = none[i]}, E_INVALID, "e-mail");
  char *name = memset(ctx_alloc(fx.cx, 66), 'n', 65);
  refused((struct pushcert_want){.cn = name}, E_INVALID, "common name");
  refused((struct pushcert_want){.cn = ""}, E_INVALID, "common name");
  refused((struct pushcert_want){.cn = "a\nb"}, E_INVALID, "common name");
  refused((struct pushcert_want){.same_key = true}, E_NOT_FOUND, "key");
  refused((struct pushcert_want){.same_key = true, .topic = "com.apple.mgmt.none"}, E_NOT_FOUND, "");
}

static bool some_step(const struct pushcert_portal *p, const char *what) {
  for (const char *const *s = p->steps; *s; s++)
    if (strstr(*s, what)) return true;
  return false;
}

static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }

/* Goal: the steps say Renew with row and account for a topic that there is, Create for a new one. */
static void steps_at_the_portal(void **state) {
  (void)state;
  struct pushcert_portal p;
  must(pushcert_request_portal(fx.cx, reader(), &fx.core, NULL, &p));
  assert_true(some_step(&p, "Create a Certificate") && !some_step(&p, "Renew,"));
  assert_non_null(strstr(p.note, "mdm.example.org"));
  must(pushcert_request_portal(fx.cx, reader(), &fx.core, TOPIC, &p));
  assert_true(some_step(&p, "never Create") && some_step(&p, "UID=" TOPIC) && some_step(&p, "not recorded"));
  struct pushcert_record r = {.topic = TOPIC,
                              .apple_account = "it@example.org",
                              .owner = "A",
                              .owner_email = "a@example.org",
                              .updated_by = "t",
                              .updated_at = clock_now_us()};
  must(in_job(record_job, &r));
  must(pushcert_request_portal(fx.cx, reader(), &fx.core, TOPIC, &p));
  assert_true(some_step(&p, "it@example.org"));
  assert_non_null(strstr(p.note, "owner A (a@example.org)"));
  assert_non_null(strstr(p.note, TOPIC));
}

/* Goal: what mdmcert.download, or something in its place, answers is told in words. */
static void answers_of_the_service(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    enum err e;
    const char *says;
  } rows[] = {
      {200, "{\"result\":\"success\"}", OK, ""},
      {200, "{\"result\":\"failure\",\"reason\":\"no such user\"}", E_CONFLICT, "no such user"},
      {403, "{\"result\":\"failure\",\"reason\":\"bad key\"}", E_CONFLICT, "bad key"},
      {200, "{\"result\":\"failure\",\"reason\":\"\\u001b[2J\"}", E_CONFLICT, "no reason that could be shown"},
      {200, "{\"result\":\"failure\"}", E_CONFLICT, "no reason that could be shown"},
      {200, "", E_UNREACHABLE, "is not mdmcert.download"},
      {200, "[]", E_UNREACHABLE, "is not mdmcert.download"},
      {200, "{\"result\":\"maybe\"}", E_UNREACHABLE, "is not mdmcert.download"},
      {301, "", E_UNREACHABLE, "moved"},
      {502, "<html>", E_UNREACHABLE, "out of order"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ctx_clear_error(fx.cx);
    assert_int_equal(pushcert_mdmcert_answered(fx.cx, rows[i].status, slice_of(rows[i].body)), rows[i].e);
    assert_non_null(strstr(ctx_error_text(fx.cx), rows[i].says));
  }
}

/* Goal: without a key for the service, or an address, nothing is made. */
static void the_service_needs_an_account(void **state) {
  (void)state;
  struct storing *s = make((struct pushcert_want){0});
  struct pushcert_exchange x;
  assert_int_equal(pushcert_mdmcert_make(fx.cx, &fx.core, &s->request, "a@example.org", &x), E_CONFLICT);
  ctx_clear_error(fx.cx);
  fx.conf.mdmcert_api_key = "key";
  assert_int_equal(pushcert_mdmcert_make(fx.cx, &fx.core, &s->request, "", &x), E_INVALID);
  ctx_clear_error(fx.cx);
  must(pushcert_mdmcert_make(fx.cx, &fx.core, &s->request, "a@example.org", &x));
  assert_non_null(memmem(x.body.p, x.body.n, "\"key\":\"key\"", 11));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_has_a_key, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(they_are_found, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(the_same_key, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(wrong_wishes, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(steps_at_the_portal, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(answers_of_the_service, fixture_open, fixture_close),
      cmocka_unit_test_setup_teardown(the_service_needs_an_account, fixture_open, fixture_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
