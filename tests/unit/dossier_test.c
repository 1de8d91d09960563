/* The dossier for Apple's support: its gaps, its states, and that no text in it becomes anything but text. */
#include "core_fixture.h"

#include "core/dossier.h"

#define OTHER "com.apple.mgmt.External.99999999-2222-3333-4444-555555555555"

static enum err write_job(struct ctx *cx, struct db *db, void *arg) { return dossier_write(cx, db, arg); }
static enum err record_job(struct ctx *cx, struct db *db, void *arg) { return pushcert_record_write(cx, db, arg); }

static struct dossier_page *page_of(const char *topic) {
  struct dossier_page *p = ctx_alloc(fx.cx, sizeof *p);
  must(dossier_page(fx.cx, reader(), &fx.core, topic, p));
  return p;
}

enum form { TEXT, HTML, FORMS };

static const char *printed(const struct dossier_page *p, enum form form) {
  return (form == HTML ? dossier_html : dossier_text)(fx.cx, p).p;
}

static const struct dossier_fact *fact(const struct dossier_page *p, const char *name) {
  for (size_t i = 0; i < p->n; i++)
    if (strcmp(p->facts[i].name, name) == 0) return &p->facts[i];
  fail_msg("there is no fact %s", name);
  return NULL;
}

static size_t gaps(const struct dossier_page *p) {
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++) n += !p->facts[i].value;
  return n;
}

static void assert_holds(const char *text, const char *word) {
  if (!strstr(text, word)) fail_msg("\"%s\" is not in: %s", word, text);
}

static void assert_lacks(const char *text, const char *word) {
  if (strstr(text, word)) fail_msg("\"%s\" is in: %s", word, text);
}

static struct pushcert_record whole_record(void) {
  return (struct pushcert_record){.topic = TOPIC,
                                  .apple_account = "old@example.org",
                                  .organization = "Example",
                                  .address = "1 Example Street",
                                  .web_site = "https://example.org",
                                  .updated_at = clock_now_us(),
                                  .updated_by = "admin"};
}

static struct dossier whole(void) {
  struct dossier d = {.topic = TOPIC,
                      .target_account = "mdm@example.org",
                      .created_by = "Ada Example",
                      .contact = "Ben Example, ben@example.org",
                      .updated_at = clock_now_us(),
                      .updated_by = "admin"};
  assert_true(dossier_enter(&d, DOSSIER_OPEN, 1, "ada"));
  return d;
}

/* Goal: what nobody told is a gap with the command that fills it, in each form; what the server knows is none. */
static void gaps_are_named(void **state) {
  (void)state;
  static const char *const commands[][2] = {
      {"organization", "pomona pushcert record --organization NAME"},
      {"address", "pomona pushcert record --address ADDRESS"},
      {"web_site", "pomona pushcert record --web-site URL"},
      {"created_by", "pomona pushcert dossier --created-by NAME"},
      {"current_account", "pomona pushcert record --apple-account ADDRESS"},
      {"target_account", "pomona pushcert dossier --target-account ADDRESS"},
      {"contact", "pomona pushcert dossier --contact 'NAME, TELEPHONE, MAIL'"},
  };
  struct dossier_page *p = page_of(TOPIC);
  assert_int_equal(gaps(p), sizeof commands / sizeof *commands);
  for (size_t i = 0; i < gaps(p); i++) {
    assert_null(fact(p, commands[i][0])->value);
    assert_string_equal(fact(p, commands[i][0])->fill, commands[i][1]);
    assert_holds(printed(p, TEXT), commands[i][1]);
  }
  assert_holds(printed(p, HTML), "--contact &#39;NAME, TELEPHONE, MAIL&#39;");
  assert_string_equal(fact(p, "topic")->value, TOPIC);
  struct dossier_page *none = ctx_alloc(fx.cx, sizeof *none);
  assert_int_equal(dossier_page(fx.cx, reader(), &fx.core, OTHER, none), E_NOT_FOUND);
}

/* Goal: a whole dossier has no gap and every fact, with the serial number in both forms. */
static void facts_are_whole(void **state) {
  (void)state;
  struct pushcert_record r = whole_record();
  struct dossier d = whole();
  struct pushcert c;
  enrolled("A");
  enrolled("B");
  must(in_job(record_job, &r));
  must(in_job(write_job, &d));
  must(in_job(write_job, &d));
  must(pushcert_find(fx.cx, reader(), TOPIC, &c));
  struct dossier_page *p = page_of(TOPIC);
  assert_int_equal(gaps(p), 0);
  assert_int_equal(p->warnings_n, 0);
  const char *want[] = {r.organization,
                        r.address,
                        r.web_site,
                        r.apple_account,
                        d.target_account,
                        d.created_by,
                        d.contact,
                        TOPIC,
                        c.serial_number,
                        enc_decimal(fx.cx, c.serial_number),
                        enc_time(fx.cx, c.not_after),
                        "UID=" TOPIC,
                        "https://mdm.example.org"};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    for (enum form k = TEXT; k < FORMS; k++) assert_holds(printed(p, k), want[i]);
  assert_string_equal(fact(p, "devices")->value, "2");
  assert_lacks(printed(p, TEXT), "Gaps");
  assert_lacks(printed(p, HTML), "Gaps");
}

/* Goal: each state is told with its day and who noted it, and says what comes next; an earlier one forgets the later
   ones, and open begins anew. */
static void states_follow(void **state) {
  (void)state;
  struct dossier d = whole();
  static const char *const next[DOSSIER_STATES] = {"--state asked`", "--state called-back`", "--state approved`",
                                                   "--state done`", "The topic stays"};
  for (size_t i = 0; i < DOSSIER_STATES; i++) {
    (void)dossier_enter(&d, (enum dossier_state)i, (int64_t)(i + 1) * US_DAY, "ben");
    if (i == 0) d.checklist[1] = (struct dossier_mark){US_DAY, "eve"};
    must(in_job(write_job, &d));
    struct dossier_page *p = page_of(TOPIC);
    assert_int_equal(dossier_state(&p->d), i);
    assert_holds(p->next, next[i]);
    for (enum form k = TEXT; k < FORMS; k++) {
      assert_holds(printed(p, k), ctx_printf(fx.cx, "State: %s", dossier_states[i]));
      assert_holds(printed(p, k), ctx_printf(fx.cx, "1970-01-%02zu by ben", i + 2));
      assert_holds(printed(p, k), "1970-01-02 by eve");
    }
  }
  assert_false(dossier_enter(&d, DOSSIER_DONE, 99 * US_DAY, "eve"));
  assert_int_equal(d.states[DOSSIER_DONE].at, 5 * US_DAY);
  assert_true(dossier_enter(&d, DOSSIER_ASKED, 6 * US_DAY, "ben"));
  assert_int_equal(dossier_state(&d), DOSSIER_ASKED);
  assert_int_equal(d.states[DOSSIER_APPROVED].at, 0);
  assert_int_equal(d.checklist[1].at, US_DAY);
  assert_true(dossier_enter(&d, DOSSIER_OPEN, 7 * US_DAY, "ben"));
  assert_int_equal(dossier_state(&d), DOSSIER_OPEN);
  assert_int_equal(d.checklist[1].at, 0);
  assert_int_equal(d.states[DOSSIER_ASKED].at, 0);
}

/* Goal: at the end it says how the record gets to know the new account, whatever it knows of the old one. */
static void done_names_the_rest(void **state) {
  (void)state;
  struct pushcert_record r = whole_record();
  struct dossier d = whole();
  (void)dossier_enter(&d, DOSSIER_DONE, 2, "ben");
  must(in_job(write_job, &d));
  assert_holds(page_of(TOPIC)->next, "`pomona pushcert record --apple-account mdm@example.org`. Then renew");
  must(in_job(record_job, &r));
  assert_holds(page_of(TOPIC)->next, "`pomona pushcert account change --to mdm@example.org --done`. Then renew");
  assert_holds(page_of(TOPIC)->next, "with the Apple Account mdm@example.org");
  r.apple_account = "MDM@example.org";
  must(in_job(record_job, &r));
  struct dossier_page *p = page_of(TOPIC);
  assert_holds(p->next, "Renew the certificate under it");
  assert_lacks(p->next, "account change");
  assert_int_equal(p->warnings_n, 0);
}

/* Goal: with several topics each command names its own. */
static void commands_name_the_topic(void **state) {
  (void)state;
  assert_lacks(page_of(TOPIC)->next, "--topic");
  import_pushcert(OTHER);
  struct dossier_page *p = page_of(TOPIC);
  assert_string_equal(fact(p, "contact")->fill,
                      "pomona pushcert dossier --contact 'NAME, TELEPHONE, MAIL' --topic " TOPIC);
  assert_holds(p->next, "--state asked --topic " TOPIC "`");
}

/* Goal: a target that is somebody's own, Managed or the account it is in already is warned of; a late start, too. */
static void warnings(void **state) {
  (void)state;
  struct pushcert_record r = whole_record();
  static const struct {
    const char *target, *kind, *warning;
  } rows[] = {
      {"mdm@example.org", NULL, NULL},
      {"ada.example@example.org", NULL, "a person's own"},
      {"mdm@gmail.com", NULL, "a person's own"},
      {"mdm@example.appleid.com", NULL, "Managed Apple Account"},
      {"mdm@EXAMPLE.org", "managed", "Managed Apple Account"},
      {"mdm@example.net", "managed", NULL},
      {"OLD@example.org", NULL, "already"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct dossier d = whole();
    d.target_account = rows[i].target;
    r.account_kind = rows[i].kind;
    must(in_job(write_job, &d));
    must(in_job(record_job, &r));
    struct dossier_page *p = page_of(TOPIC);
    assert_int_equal(p->warnings_n, rows[i].warning ? 1 : 0);
    if (rows[i].warning) assert_holds(p->warnings[0], rows[i].warning);
  }
  r.apple_account = "old@example.org";
  struct dossier d = whole();
  must(in_job(write_job, &d));
  clock_shift(352 * US_DAY);
  assert_holds(page_of(TOPIC)->warnings[0], "The certificate ends on");
  clock_shift(366 * US_DAY);
  assert_holds(page_of(TOPIC)->warnings[0], "The certificate ended on");
  clock_shift(350 * US_DAY);
  assert_int_equal(page_of(TOPIC)->warnings_n, 0);
}

/* Goal: markup stays text, and characters that turn, hide or break it are named; letters of all scripts stay. */
static void texts_stay_texts(void **state) {
  (void)state;
  static const struct {
    const char *in, *text, *html;
  } rows[] = {
      {"<script>alert(1)</script>", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
      {"\" onload='x' & &lt;", "\" onload='x' & &lt;", "&quot; onload=&#39;x&#39; &amp; &amp;lt;"},
      {"abc\xE2\x80\xAE"
       "cba",
       "abc[U+202E]cba", "abc[U+202E]cba"},
      {"a\xE2\x81\xA6"
       "b\xE2\x80\x8F"
       "c\xD8\x9C"
       "d\xEF\xBB\xBF"
       "e\xF3\xA0\x81\x81",
       "a[U+2066]b[U+200F]c[U+061C]d[U+FEFF]e[U+E0041]", "a[U+2066]b[U+200F]c[U+061C]d[U+FEFF]e[U+E0041]"},
      {"a\033[2Jb\nc\x7F\xC2\x9B"
       "d",
       "a[U+001B][2Jb[U+000A]c[U+007F][U+009B]d", "a[U+001B][2Jb[U+000A]c[U+007F][U+009B]d"},
      {"a\xFF\xC3", "a\xEF\xBF\xBD\xEF\xBF\xBD", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"\xD7\xA9\xD7\x9C \xE6\x97\xA5 \xC3\xBC \xF0\x9F\x8D\x8E",
       "\xD7\xA9\xD7\x9C \xE6\x97\xA5 \xC3\xBC \xF0\x9F\x8D\x8E",
       "<bdi>\xD7\xA9\xD7\x9C \xE6\x97\xA5 \xC3\xBC \xF0\x9F\x8D\x8E</bdi>"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct dossier_page *p = page_of(TOPIC);
    for (size_t k = 0; k < p->n; k++) p->facts[k].value = rows[i].in;
    p->facts[0].value = NULL;
    p->facts[0].fill = rows[i].in;
    p->warnings[p->warnings_n++] = rows[i].in;
    p->next = rows[i].in;
    p->d.states[DOSSIER_ASKED] = p->d.checklist[0] = (struct dossier_mark){1, rows[i].in};
    for (enum form k = TEXT; k < FORMS; k++) {
      assert_holds(printed(p, k), k == HTML ? rows[i].html : rows[i].text);
      if (k == HTML || strcmp(rows[i].in, rows[i].text) != 0)
        assert_int_equal(strstr(printed(p, k), rows[i].in) != NULL, strstr(rows[i].html, rows[i].in) != NULL);
    }
  }
}

/* Goal: the page stands alone: nothing in it asks for anything, runs or leads away. */
static void page_stands_alone(void **state) {
  (void)state;
  struct dossier d = whole();
  must(in_job(write_job, &d));
  const char *html = printed(page_of(TOPIC), HTML);
  static const char *const never[] = {"<script", "<img", "<link", "<a ", "src=", "href=", "url(", "@import"};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) assert_lacks(html, never[i]);
  assert_holds(html, "default-src 'none'");
  assert_holds(html, "@media print");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
  const struct CMUnitTest tests[] = {TEST(gaps_are_named),      TEST(facts_are_whole),  TEST(states_follow),
                                     TEST(done_names_the_rest), TEST(warnings),         TEST(commands_name_the_topic),
                                     TEST(texts_stay_texts),    TEST(page_stands_alone)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
