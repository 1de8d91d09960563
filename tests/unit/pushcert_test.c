/* Push certificates: what is refused and why, the topic guard, and what becomes of those that are stored. */
#include "store_world.h"

#include "base/clock.h"
#include "core/pushcert.h"
#include "core/vault.h"
#include "lib/pki_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"
#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static const char encrypted_key[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIBvTBXBgkqhkiG9w0BBQ0w\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char request[] = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBvTBXBgkqhkiG9w0BBQ0w\n"
                              "-----END CERTIFICATE REQUEST-----\n";

struct world {
  struct ctx *cx;
  struct core core;
  struct pki_key *key, *other_key;
};

struct made {
  const char *cert, *key;
};

static const char *text(struct ctx *cx, struct slice s) { return ctx_memdup(cx, s.p, s.n); }

static struct made make(struct world *w, const char *uid, int64_t from, int64_t to) {
  struct pki_cert *cert;
  struct slice key;
  struct pki_issue issue = {.cn = "APSP:test",
                            .uid = uid,
                            .subject_key = w->key,
                            .issuer_key = w->key,
                            .not_before = clock_now_us() + from,
                            .not_after = clock_now_us() + to,
                            .kind = PKI_PUSH};
  assert_int_equal(pki_cert_issue(w->cx, &cert, &issue), OK);
  assert_int_equal(pki_key_pem(w->cx, &key, w->key), OK);
  return (struct made){text(w->cx, pki_cert_pem(w->cx, cert)), text(w->cx, key)};
}

static struct made good(struct world *w, const char *topic) { return make(w, topic, -US_DAY, 300 * US_DAY); }

static void refused(struct world *w, const char *pem, const char *says) {
  struct pushcert_pair pair;
  assert_int_equal(pushcert_check_pem(w->cx, &pair, slice_of(pem)), E_INVALID);
  if (!strstr(ctx_error_text(w->cx), says)) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(w->cx), says);
  ctx_clear_error(w->cx);
}

#define JOIN(w, ...) join((w)->cx, __VA_ARGS__, NULL)
static const char *join(struct ctx *cx, const char *first, ...) {
  const char *all = first, *next;
  va_list ap;
  va_start(ap, first);
  while ((next = va_arg(ap, const char *))) all = ctx_printf(cx, "%s%s", all, next);
  va_end(ap);
  return all;
}

/* Goal: each usual mistake is told apart and says what to do. */
static void mistakes_are_named(void **state) {
  struct world *w = *state;
  struct made m = good(w, TOPIC);
  struct slice other;
  assert_int_equal(pki_key_pem(w->cx, &other, w->other_key), OK);
  refused(w, "", "empty");
  refused(w, "hello", "no certificate in any form");
  refused(w, JOIN(w, request, m.key), "damaged");
  refused(w, request, "CERTIFICATE REQUEST\" is damaged");
  refused(w, m.key, "APNs tokens"); /* Apple makes push certificates for RSA keys only */
  refused(w, m.cert, "certificate without its private key");
  refused(w, JOIN(w, m.cert, encrypted_key), "encrypted");
  refused(w, JOIN(w, m.cert, text(w->cx, other)), "belongs to another certificate");
  struct made plain = make(w, NULL, -US_DAY, US_DAY), wrong = make(w, "com.apple.other", -US_DAY, US_DAY);
  refused(w, JOIN(w, plain.cert, plain.key), "not an MDM push certificate");
  refused(w, JOIN(w, wrong.cert, wrong.key), "not an MDM push certificate");
  struct made old = make(w, TOPIC, -US_DAY, -US_MINUTE), early = make(w, TOPIC, US_DAY, 2 * US_DAY);
  refused(w, JOIN(w, old.cert, old.key), "expired on");
  refused(w, JOIN(w, early.cert, early.key), "not valid before");
}

/* Goal: input is bounded before it is parsed. */
static void huge_is_refused(void **state) {
  struct world *w = *state;
  struct pushcert_pair pair;
  size_t n = 1 << 20;
  char *much = memset(ctx_alloc(w->cx, n), '-', n);
  assert_int_equal(pushcert_check_pem(w->cx, &pair, slice_mem(much, n)), E_TOO_LARGE);
}

/* Goal: certificate, key and chain may come in any order and glued together; the leaf is the one that fits the key. */
static void any_order_is_taken(void **state) {
  struct world *w = *state;
  struct made m = good(w, TOPIC);
  struct pki_cert *ca;
  struct pki_issue issue = {.cn = "CA",
                            .subject_key = w->other_key,
                            .issuer_key = w->other_key,
                            .not_before = 0,
                            .not_after = clock_now_us() + US_DAY,
                            .kind = PKI_CA};
  assert_int_equal(pki_cert_issue(w->cx, &ca, &issue), OK);
  const char *chain = text(w->cx, pki_cert_pem(w->cx, ca));
  const char *glued = slice_ends(slice_of(m.cert), "\n") ? ctx_memdup(w->cx, m.cert, strlen(m.cert) - 1) : m.cert;
  const char *texts[] = {JOIN(w, m.cert, m.key), JOIN(w, m.key, m.cert), JOIN(w, glued, m.key),
                         JOIN(w, chain, m.key, m.cert), JOIN(w, "Bag Attributes\n", m.cert, chain, "\r\n", m.key)};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct pushcert_pair pair;
    assert_int_equal(pushcert_check_pem(w->cx, &pair, slice_of(texts[i])), OK);
    assert_string_equal(pair.about.topic, TOPIC);
    assert_true(slice_starts(pair.cert_pem, m.cert));
    assert_true(pair.about.not_after > clock_now_us());
    assert_true(slice_eq(pair.key_pem, slice_of(m.key)));
  }
}

/* ---- stored ---- */

struct store {
  struct world *w;
  struct pushcert_pair pair;
  bool new_topic;
  char *text;
};

static enum err store_job(struct ctx *cx, struct db *db, void *arg) {
  struct store *s = arg;
  enum err e = pushcert_store(cx, db, &s->w->core, &s->pair, "tester", s->new_topic ? PUSHCERT_NEW_TOPIC : 0);
  s->text = ctx_strdup(s->w->cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return e;
}

static enum err store(struct world *w, struct made m, bool new_topic, char **why) {
  struct store s = {.w = w, .new_topic = new_topic};
  assert_int_equal(pushcert_check_pem(w->cx, &s.pair, slice_of(JOIN(w, m.cert, m.key))), OK);
  enum err e = db_call(w->cx, w->core.store, store_job, &s);
  if (why) *why = s.text;
  return e;
}

static enum err enroll_job(struct ctx *cx, struct db *db, void *topic) {
  TRY(db_run(cx, db, "INSERT INTO device (id, created_at) VALUES ($1, 0)", DB_S("D")));
  return db_run(cx, db,
                "INSERT INTO enrollment (id, device, type, enabled, topic, token, push_magic, created_at)"
                " SELECT 'D', seq, 'Device', 1, $1, $2, 'M', 0 FROM device",
                DB_S(topic), DB_B(slice_of("T")));
}

static struct db *reader(struct world *w) {
  struct db *db;
  assert_int_equal(db_reader(w->cx, w->core.store, &db), OK);
  return db;
}

static int64_t count(struct world *w, const char *kind) {
  int64_t n = 0;
  assert_int_equal(db_one_int(w->cx, reader(w), &n, "SELECT count(*) FROM event WHERE kind = $1", DB_S(kind)), OK);
  return n;
}

/* Goal: a certificate of another topic than the enrolled devices' is refused, and nothing changes, unless it is wanted.
 */
static void topic_is_guarded(void **state) {
  struct world *w = *state;
  char *why;
  struct pushcert found;
  assert_int_equal(db_call(w->cx, w->core.store, enroll_job, (void *)(uintptr_t)TOPIC), OK);
  assert_int_equal(store(w, good(w, OTHER), false, &why), E_CONFLICT);
  assert_non_null(strstr(why, TOPIC));
  assert_non_null(strstr(why, OTHER));
  assert_int_equal(pushcert_find(w->cx, reader(w), OTHER, &found), E_NOT_FOUND);
  ctx_clear_error(w->cx);
  assert_int_equal(count(w, "pushcert.imported"), 0);
  assert_int_equal(store(w, good(w, TOPIC), false, NULL), OK);
  assert_int_equal(store(w, good(w, OTHER), true, NULL), OK);
  assert_int_equal(count(w, "pushcert.imported"), 2);
}

/* Goal: a renewal takes over, the former stays in the history, and what is opened is what was put in. */
static void renewal_supersedes(void **state) {
  struct world *w = *state;
  struct made first = make(w, TOPIC, -US_DAY, 10 * US_DAY), second = good(w, TOPIC);
  struct pushcert *list, found;
  size_t n;
  struct slice cert, key;
  int64_t until;
  char *topic;
  assert_int_equal(store(w, first, false, NULL), OK);
  assert_int_equal(store(w, first, false, NULL), OK);
  assert_int_equal(pushcert_find(w->cx, reader(w), TOPIC, &found), OK);
  assert_string_equal(pushcert_state(&found, clock_now_us()), "expiring");
  assert_int_equal(store(w, second, false, NULL), OK);
  assert_int_equal(pushcert_list(w->cx, reader(w), &list, &n), OK);
  assert_int_equal(n, 2);
  assert_string_equal(pushcert_state(&list[0], clock_now_us()), "ok");
  assert_string_equal(pushcert_state(&list[1], clock_now_us()), "superseded");
  assert_string_equal(pushcert_state(&list[0], list[0].not_after), "expired");
  assert_int_equal(pushcert_topic(w->cx, reader(w), &topic), OK);
  assert_string_equal(topic, TOPIC);
  assert_int_equal(pushcert_open(w->cx, reader(w), &w->core, TOPIC, &cert, &key, &until), OK);
  assert_true(slice_is(cert, second.cert));
  assert_true(slice_is(key, second.key));
  assert_int_equal(until, list[0].not_after);
  assert_int_equal(count(w, "pushcert.imported"), 2);
}

/* Goal: without a certificate there is no topic; with another secret key the text says what to do. */
static void nothing_to_open(void **state) {
  struct world *w = *state;
  struct slice cert, key;
  int64_t until;
  char *topic;
  struct pushcert *list;
  size_t n;
  assert_int_equal(pushcert_topic(w->cx, reader(w), &topic), E_NOT_FOUND);
  ctx_clear_error(w->cx);
  assert_int_equal(pushcert_list(w->cx, reader(w), &list, &n), OK);
  assert_int_equal(n, 0);
  assert_int_equal(pushcert_open(w->cx, reader(w), &w->core, TOPIC, &cert, &key, &until), E_NOT_FOUND);
  ctx_clear_error(w->cx);
  assert_int_equal(store(w, good(w, TOPIC), false, NULL), OK);
  vault_close(w->core.vault);
  w->core.vault = vault_new((const uint8_t *)"another key of thirty-two bytes!");
  assert_int_equal(pushcert_open(w->cx, reader(w), &w->core, TOPIC, &cert, &key, &until), E_INVALID);
  assert_non_null(strstr(ctx_error_text(w->cx), "secret key"));
}

static int setup(void **state) {
  struct world *w = mem_alloc(sizeof *w);
  w->cx = ctx_new();
  w->core.vault = vault_new((const uint8_t *)"a key that has thirty-two bytes!");
  *state = w;
  if (pki_key_new_p256(w->cx, &w->key) != OK || pki_key_new_p256(w->cx, &w->other_key) != OK) return 1;
  return store_open(w->cx, &w->core.store, NULL) == OK ? 0 : 1;
}

static int teardown(void **state) {
  struct world *w = *state;
  db_store_close(w->core.store);
  vault_close(w->core.vault);
  ctx_free(w->cx);
  free(w);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(mistakes_are_named, setup, teardown),
      cmocka_unit_test_setup_teardown(huge_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(topic_is_guarded, setup, teardown),
      cmocka_unit_test_setup_teardown(nothing_to_open, setup, teardown),
      cmocka_unit_test_setup_teardown(any_order_is_taken, setup, teardown),
      cmocka_unit_test_setup_teardown(renewal_supersedes, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
