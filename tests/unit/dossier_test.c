/* The dossier: what is known, what is missing and how to fill it, how far the request is; and no text breaks the page.
 */
#include "core_fixture.h"

#include "core/dossier.h"

static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }
static enum err change_job(struct ctx *cx, struct db *db, void *arg) {
  return dossier_change(cx, db, TOPIC, arg, "test");
}
static enum err change(struct dossier_change c) { return in_job(change_job, &c); }

static struct dossier dossier(void) {
  struct dossier d;
  must(dossier_read(fx.cx, reader(), TOPIC, &d));
  return d;
}

static const struct dossier_fact *fact(const struct dossier *d, const char *slug) {
  for (size_t i = 0; i < DOSSIER_FACTS; i++)
    if (strcmp(d->facts[i].slug, slug) == 0) return &d->facts[i];
  fail_msg("no fact %s", slug);
  return NULL;
}

/* What nobody told is a gap with its command; what the certificate tells is none. */
static void test_gaps(void **state) {
  (void)state;
  struct dossier d = dossier();
  assert_string_equal(d.state, "open");
  assert_int_equal(d.gaps, 7);
  assert_string_equal(fact(&d, "topic")->value, TOPIC);
  assert_non_null(strstr(fact(&d, "serial-number")->value, "decimal"));
  for (size_t i = 0; i < DOSSIER_FACTS; i++) {
    assert_true(d.facts[i].value || strncmp(d.facts[i].fill, "pomona pushcert ", 16) == 0);
    if (!d.facts[i].value) assert_non_null(strstr(dossier_text(fx.cx, &d).p, d.facts[i].fill));
    if (!d.facts[i].value) assert_non_null(strstr(dossier_html(fx.cx, &d).p, d.facts[i].fill));
  }
}

/* All gaps can be filled, and a text can be forgotten again. */
static void test_filled(void **state) {
  (void)state;
  must(in_job(record_job, &(struct pushcert_record){.topic = TOPIC,
                                                    .apple_account = "it@example.org",
                                                    .organization = "Example",
                                                    .address = "1 Street",
                                                    .web_site = "https://example.org",
                                                    .updated_at = 1,
                                                    .updated_by = "test"}));
  must(change((struct dossier_change){.target_account = "new@example.org", .created_by = "Someone", .contact = "C"}));
  struct dossier d = dossier();
  assert_int_equal(d.gaps, 0);
  assert_null(strstr(dossier_text(fx.cx, &d).p, "NOT KNOWN"));
  assert_string_equal(d.updated_by, "test");
  must(change((struct dossier_change){.contact = ""}));
  d = dossier();
  assert_int_equal(d.gaps, 1);
  assert_string_equal(fact(&d, "created-by")->value, "Someone");
}

/* A state keeps the time it was reached at; going back undoes what came after; a leap fills what lies between. */
static void test_states(void **state) {
  (void)state;
  must(change((struct dossier_change){.state = "asked"}));
  int64_t asked = dossier().states[0].at;
  assert_true(asked > 0);
  clock_shift(3 * US_DAY);
  must(change((struct dossier_change){.state = "approved"}));
  struct dossier d = dossier();
  assert_string_equal(d.state, "approved");
  assert_int_equal(d.states[0].at, asked);
  assert_true(d.states[1].at > asked);
  assert_int_equal(d.states[3].at, 0);
  must(change((struct dossier_change){.state = "asked"}));
  d = dossier();
  assert_string_equal(d.state, "asked");
  assert_int_equal(d.states[2].at, 0);
  must(change((struct dossier_change){.state = "open"}));
  assert_string_equal(dossier().state, "open");
}

/* Items are ticked and unticked, a second tick keeps the first time. */
static void test_checklist(void **state) {
  (void)state;
  must(change((struct dossier_change){.check = "names"}));
  int64_t at = dossier().items[0].at;
  clock_shift(US_DAY);
  must(change((struct dossier_change){.check = "names"}));
  assert_int_equal(dossier().items[0].at, at);
  must(change((struct dossier_change){.uncheck = "names"}));
  assert_int_equal(dossier().items[0].at, 0);
}

/* Nothing that is wrong is kept, nor a part of what came with it. */
static void test_refusals(void **state) {
  (void)state;
  char long_text[300];
  memset(long_text, 'x', sizeof long_text);
  long_text[sizeof long_text - 1] = '\0';
  struct dossier d;
  assert_int_equal(change((struct dossier_change){.contact = "C", .state = "lost"}), E_INVALID);
  assert_int_equal(change((struct dossier_change){.contact = "C", .check = "asked"}), E_INVALID);
  assert_int_equal(change((struct dossier_change){.contact = "C", .uncheck = ""}), E_INVALID);
  assert_int_equal(change((struct dossier_change){.contact = "a\nb"}), E_INVALID);
  assert_int_equal(change((struct dossier_change){.contact = long_text}), E_INVALID);
  assert_int_equal(dossier().gaps, 7);
  ctx_clear_error(fx.cx);
  assert_int_equal(dossier_read(fx.cx, reader(), "com.apple.mgmt.none", &d), E_NOT_FOUND);
}

/* No text can leave its place in the page. */
static void test_escaping(void **state) {
  (void)state;
  must(change((struct dossier_change){.contact = "<script>alert('1')</script>&\"", .created_by = "</td><b>"}));
  struct dossier d = dossier();
  const char *html = dossier_html(fx.cx, &d).p;
  assert_null(strstr(html, "<script"));
  assert_null(strstr(html, "</td><b>"));
  assert_non_null(strstr(html, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_gaps), T(test_filled), T(test_states), T(test_checklist), T(test_refusals), T(test_escaping),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
