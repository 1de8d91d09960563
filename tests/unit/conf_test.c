/* Settings: what is refused and where it says the fault is, which source wins, what a reload may change. */
#include "app/conf.h"
#include "base/clock.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
  struct ctx *cx;
  char folder[64];
} t;

static int setup(void **state) {
  (void)state;
  t.cx = ctx_new();
  strcpy(t.folder, "/tmp/pomona-conf-XXXXXX");
  if (!mkdtemp(t.folder)) return -1;
  setenv("POMONA_DATA", t.folder, 1);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  static const char *const names[] = {"pomona.conf", "other.conf", "value"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(ctx_printf(t.cx, "%s/%s", t.folder, names[i]));
  rmdir(t.folder);
  ctx_free(t.cx);
  unsetenv("POMONA_DATA");
  return 0;
}

static char *put(const char *name, const char *text) {
  char *path = ctx_printf(t.cx, "%s/%s", t.folder, name);
  assert_int_equal(file_replace(t.cx, path, slice_of(text)), OK);
  return path;
}

static void release(void *conf) { conf_free(conf); }

/* One flag at most; name NULL: none. */
static enum err load(struct conf **out, const char *name, const char *value) {
  struct conf_flag flag = {name, value};
  enum err e = conf_load(t.cx, out, &flag, name ? 1 : 0);
  if (e == OK) ctx_defer(t.cx, release, *out);
  return e;
}

static struct conf *loaded(const char *name, const char *value) {
  struct conf *c = NULL;
  if (load(&c, name, value) != OK) fail_msg("%s", ctx_error_text(t.cx));
  return c;
}

static void refused(const char *name, const char *value, const char *because) {
  struct conf *c;
  enum err e = load(&c, name, value);
  if (e != E_USAGE || !strstr(ctx_error_text(t.cx), because))
    fail_msg("%s: \"%s\", not \"%s\"", err_slug(e), ctx_error_text(t.cx), because);
  ctx_clear_error(t.cx);
}

/* Goal: a bad value on the command line is an error that names its flag. */
static void bad_flags_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *name, *value;
  } cases[] = {
      {"nonsense", "1"},          {"wake-rate", "0"},
      {"wake-rate", "many"},      {"wake-rate", "9999999"},
      {"tls", "perhaps"},         {"listen", "localhost"},
      {"listen", "127.0.0.1"},    {"public-url", "ftp://a"},
      {"public-url", "https://"}, {"identity-validity", "0d"},
      {"identity-validity", ""},  {"identity", "mtls,magic"},
      {"log-level", "loud"},      {"organization", "a\x01\x62"},
      {"log-format", "xml"},      {"api-key", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refused(cases[i].name, cases[i].value, ctx_printf(t.cx, "--%s: ", cases[i].name));
  refused("database", "postgresql://x", "PostgreSQL is not supported yet");
  refused("database", "oracle", "not sqlite");
  refused("tls-cert", "a.pem", "belong together");
}

/* Goal: what is wrong in a file is named by file and line. */
static void bad_files_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *because;
  } cases[] = {
      {"# fine\nnonsense = 1\n", "pomona.conf:2: nonsense: there is no such setting"},
      {"\n\nwake-rate\n", "pomona.conf:3: this line is not"},
      {"wake-rate = 1\nwake-rate = 2\n", "pomona.conf:2: wake-rate stands here for the second time"},
      {"wake-rate =\n", "pomona.conf:1: wake-rate has no value"},
      {"wake-rate = x\n", "pomona.conf:1: wake-rate: \"x\" is no number"},
      {"config = /x\n", "pomona.conf:1: config: there is no such setting"},
      {"\x01 = 1\n", "pomona.conf:1: (unprintable)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put("pomona.conf", cases[i].text);
    refused(NULL, NULL, cases[i].because);
  }
}

/* Goal: the file in DATA cannot move DATA; a file that --config names may. */
static void only_a_named_file_moves_data(void **state) {
  (void)state;
  put("pomona.conf", "data = /elsewhere\n");
  refused(NULL, NULL, "data cannot be set in the file that lies in it");
  put("pomona.conf", ctx_printf(t.cx, "data = %s/.\n", t.folder));
  assert_string_equal(loaded(NULL, NULL)->data, t.folder);
  unsetenv("POMONA_DATA");
  char *path = put("other.conf", "data = /elsewhere\n");
  assert_string_equal(loaded("config", path)->data, "/elsewhere");
  refused("config", "/nonexistent/pomona.conf", "cannot read /nonexistent/pomona.conf");
  refused("config", t.folder, "is a folder");
}

/* Goal: variables that are unknown, doubled or unreadable are named. */
static void bad_variables_are_refused(void **state) {
  (void)state;
  setenv("POMONA_PUBLIC_ULR", "https://a", 1);
  refused(NULL, NULL, "environment POMONA_PUBLIC_ULR: there is no such setting");
  unsetenv("POMONA_PUBLIC_ULR");
  setenv("POMONA_API_KEY", "a", 1);
  setenv("POMONA_API_KEY_FILE", "/b", 1);
  refused(NULL, NULL, "both POMONA_API_KEY and POMONA_API_KEY_FILE");
  unsetenv("POMONA_API_KEY");
  refused(NULL, NULL, "environment POMONA_API_KEY_FILE: cannot read /b");
  setenv("POMONA_API_KEY_FILE", put("value", " \n"), 1);
  refused(NULL, NULL, "is empty");
  unsetenv("POMONA_API_KEY_FILE");
  setenv("POMONA_WAKE_RATE", "x", 1);
  refused(NULL, NULL, "environment POMONA_WAKE_RATE: ");
  unsetenv("POMONA_WAKE_RATE");
}

/* Goal: a flag beats the environment, the environment the file, the file the default. */
static void the_stronger_source_wins(void **state) {
  (void)state;
  assert_int_equal(loaded(NULL, NULL)->wake_rate, 500);
  put("pomona.conf", "wake-rate = 1 \r\n  # a comment\n\nopen-enrollment=yes");
  struct conf *c = loaded(NULL, NULL);
  assert_int_equal(c->wake_rate, 1);
  assert_true(c->open_enrollment);
  setenv("POMONA_WAKE_RATE_FILE", put("value", "2\n"), 1);
  assert_int_equal(loaded(NULL, NULL)->wake_rate, 2);
  assert_int_equal(loaded("wake-rate", "3")->wake_rate, 3);
  unsetenv("POMONA_WAKE_RATE_FILE");
  setenv("POMONA_WAKE_RATE", "", 1);
  assert_int_equal(loaded(NULL, NULL)->wake_rate, 1);
  unsetenv("POMONA_WAKE_RATE");
}

/* Goal: what is printed can be read back and says the same, but for secrets, which are not in it. */
static void print_is_read_back(void **state) {
  (void)state;
  setenv("POMONA_API_KEY", "hush", 1);
  struct conf *first = loaded("identity-validity", "36h");
  struct slice text = conf_print(t.cx, first);
  unsetenv("POMONA_API_KEY");
  assert_null(memmem(text.p, text.n, "hush", 4));
  put("pomona.conf", text.p);
  struct conf *second = loaded(NULL, NULL);
  assert_null(second->api_key);
  assert_true(second->identity_validity == 36 * US_HOUR);
  for (const struct conf_row *row = conf_rows; row->name; row++) {
    const char *a = conf_value(t.cx, first, row, false), *b = conf_value(t.cx, second, row, false);
    if (strcmp(row->name, "api-key") != 0 && !slice_eq(slice_of(a), slice_of(b)))
      fail_msg("%s: %s, %s", row->name, a, b);
  }
}

/* Goal: several receivers of events may be given by flags, lines, one variable or the file that it names; all are
 * printed so that they are read back, and a stronger source stands alone. */
static void receivers_may_be_several(void **state) {
  (void)state;
  static const char both[] = "https://a.example/x https://b.example/y?z=1";
  struct conf_flag flags[] = {{"webhook-url", "https://a.example/x"}, {"webhook-url", "https://b.example/y?z=1"}};
  struct conf *c;
  assert_int_equal(conf_load(t.cx, &c, flags, 2), OK);
  ctx_defer(t.cx, release, c);
  assert_string_equal(c->webhook_url, both);
  put("pomona.conf", conf_print(t.cx, c).p);
  assert_string_equal(loaded(NULL, NULL)->webhook_url, both);
  put("pomona.conf", "webhook-url = https://a.example/x\nwebhook-url = https://b.example/y?z=1\n");
  assert_string_equal(loaded(NULL, NULL)->webhook_url, both);
  setenv("POMONA_WEBHOOK_URL", "https://c.example  https://d.example", 1);
  assert_string_equal(loaded(NULL, NULL)->webhook_url, "https://c.example https://d.example");
  setenv("POMONA_WEBHOOK_URL", "https://c.example nonsense", 1);
  refused(NULL, NULL, "POMONA_WEBHOOK_URL");
  unsetenv("POMONA_WEBHOOK_URL");
  setenv("POMONA_WEBHOOK_URL_FILE", put("value", "https://c.example\nhttps://d.example\n"), 1);
  assert_string_equal(loaded(NULL, NULL)->webhook_url, "https://c.example https://d.example");
  unsetenv("POMONA_WEBHOOK_URL_FILE");
  assert_string_equal(loaded("webhook-url", "https://e.example")->webhook_url, "https://e.example");
}

/* Goal: a reload is told which settings it cannot change, and keeps them. */
static void a_reload_keeps_what_needs_a_restart(void **state) {
  (void)state;
  struct conf *running = loaded("listen", "127.0.0.1:1");
  put("pomona.conf", "listen = 127.0.0.1:2\nwake-rate = 9\ntls = off\n");
  struct conf *fresh = loaded(NULL, NULL);
  assert_string_equal(conf_frozen(t.cx, running, fresh), "listen, tls");
  conf_keep_frozen(fresh, running);
  assert_string_equal(fresh->listen, "127.0.0.1:1");
  assert_true(fresh->tls);
  assert_int_equal(fresh->wake_rate, 9);
  assert_string_equal(conf_frozen(t.cx, running, fresh), "");
}

/* Goal: core sees the settings as it needs them: proofs, the text of all device CAs, whose TLS it is. */
static void core_gets_its_settings(void **state) {
  (void)state;
  struct core_conf core;
  struct conf *c = loaded("identity", "signature");
  assert_int_equal(conf_core(t.cx, c, &core), OK);
  assert_true(core.identity_signature && !core.identity_mtls && core.own_tls && core.sign_message);
  assert_null(core.device_ca_pem);
  c = loaded("device-ca", ctx_printf(t.cx, "%s, %s", put("value", "one"), put("other.conf", "two")));
  assert_int_equal(conf_core(t.cx, c, &core), OK);
  assert_string_equal(core.device_ca_pem, "one\ntwo\n");
  c = loaded("device-ca", "/nonexistent.pem");
  assert_int_equal(conf_core(t.cx, c, &core), E_NOT_FOUND);
  assert_string_equal(loaded("public-url", "https://mdm.example.org/")->public_url, "https://mdm.example.org");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(bad_flags_are_refused),        TEST(bad_files_are_refused),
      TEST(only_a_named_file_moves_data), TEST(bad_variables_are_refused),
      TEST(the_stronger_source_wins),     TEST(print_is_read_back),
      TEST(receivers_may_be_several),     TEST(a_reload_keeps_what_needs_a_restart),
      TEST(core_gets_its_settings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
