/* Escrow: secrets of devices, the certificate that recovery keys are encrypted for, who saw what and why. */
#include "core_fixture.h"

#include "core/escrow.h"
#include "core/filevault.h"
#include "lib/pki_cms.h"

#include <openssl/cms.h>

#define KEY "ABCD-1234-EFGH-5678-IJKL-9012"
#define OTHER_KEY "ZZZZ-1234-EFGH-5678-IJKL-0000"

static int setup(void **state) {
  fixture_open(state);
  fixture_keyring("mdm.example.org");
  return 0;
}

static void reopen_keyring(void) {
  keyring_close(fx.core.keyring);
  fx.core.keyring = NULL;
  fixture_keyring("mdm.example.org");
}

static struct slice sealed_for(const struct pki_cert *cert, const char *text, const char *cipher) {
  struct slice der;
  must(pki_cms_seal(fx.cx, &der, slice_of(text), cert, cipher));
  return der;
}

static struct slice sealed(const char *text) {
  return sealed_for(keyring_escrow(fx.core.keyring), text, "aes-256-cbc");
}

/* As programs that stream write it: constructed, of indefinite length. */
static struct slice streamed(const char *text, const EVP_CIPHER *cipher) {
  struct slice cert = pki_cert_der(keyring_escrow(fx.core.keyring));
  const unsigned char *p = (const unsigned char *)cert.p;
  X509 *x = d2i_X509(NULL, &p, (long)cert.n);
  STACK_OF(X509) *to = sk_X509_new_null();
  sk_X509_push(to, x);
  BIO *in = BIO_new_mem_buf(text, -1), *out = BIO_new(BIO_s_mem());
  CMS_ContentInfo *cms = CMS_encrypt(to, in, cipher, CMS_BINARY | CMS_STREAM);
  assert_int_equal(i2d_CMS_bio_stream(out, cms, in, CMS_BINARY | CMS_STREAM), 1);
  char *data;
  long n = BIO_get_mem_data(out, &data);
  struct slice ber = slice_mem(ctx_memdup(fx.cx, data, (size_t)n), (size_t)n);
  CMS_ContentInfo_free(cms);
  sk_X509_pop_free(to, X509_free);
  BIO_free(in);
  BIO_free(out);
  assert_int_equal((unsigned char)ber.p[1], 0x80);
  return ber;
}

/* ---- what devices tell ---- */

struct told {
  struct escrow_told told;
  const char *command;
  int64_t device;
  bool changed;
};

static enum err tell_job(struct ctx *cx, struct db *db, void *arg) {
  struct told *t = arg;
  return escrow_tell(cx, db, &fx.core, t->device, &t->told, t->command, &t->changed);
}

static int64_t device_of(const char *id) {
  int64_t seq;
  must(db_one_int(fx.cx, reader(), &seq, "SELECT seq FROM device WHERE id = $1", DB_S(id)));
  return seq;
}

static bool tell_key(struct slice message) {
  struct told *t = ctx_alloc(fx.cx, sizeof *t);
  *t = (struct told){.told.recovery_key = message, .command = "c", .device = device_of("A")};
  must(in_job(tell_job, t));
  return t->changed;
}

struct asked {
  struct escrow_ask ask;
  struct escrow_revealed out;
};

static enum err reveal_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return escrow_reveal(cx, db, &fx.core, &a->ask, &a->out);
}

static enum err reveal(enum escrow_kind kind, int64_t seq, const char *reason, struct asked *a) {
  *a = (struct asked){.ask = {.device = device_of("A"), .kind = kind, .seq = seq, .by = "tester", .reason = reason}};
  return in_job(reveal_job, a);
}

static const char *held(enum escrow_kind kind) {
  struct asked *a = ctx_alloc(fx.cx, sizeof *a);
  enum err e = reveal(kind, 0, "a test", a);
  if (e == E_NOT_FOUND) return NULL;
  must(e);
  return ctx_memdup(fx.cx, a->out.value.p, a->out.value.n);
}

static bool in_force(enum escrow_kind kind) {
  bool holds;
  must(escrow_holds(fx.cx, reader(), device_of("A"), kind, &holds));
  return holds;
}

/* ---- the certificate ---- */

/* The escrow certificate is made once, RSA, for 20 years, and its key is not in the database in the clear. */
static void test_certificate(void **state) {
  (void)state;
  const struct pki_cert *cert = keyring_escrow(fx.core.keyring);
  assert_true(pki_cert_key_is_rsa(cert));
  assert_int_equal(pki_cert_key_bits(cert), 2048);
  assert_true(pki_cert_not_after(cert) - clock_now_us() > 19 * 365 * US_DAY);
  assert_false(pki_cert_is_ca(cert));
  struct slice before = slice_mem(ctx_memdup(fx.cx, pki_cert_der(cert).p, pki_cert_der(cert).n), pki_cert_der(cert).n);
  reopen_keyring();
  assert_true(slice_eq(before, pki_cert_der(keyring_escrow(fx.core.keyring))));
  assert_int_equal(count("SELECT count(*) FROM keyring WHERE instr(key_sealed, 'PRIVATE KEY')"), 0);
}

/* In its last year it makes room for another one, and what was encrypted for it still opens. */
static void test_former_certificate(void **state) {
  (void)state;
  (void)enrolled("A");
  struct slice old = sealed(KEY);
  struct slice before = slice_mem(ctx_memdup(fx.cx, pki_cert_der(keyring_escrow(fx.core.keyring)).p,
                                             pki_cert_der(keyring_escrow(fx.core.keyring)).n),
                                  pki_cert_der(keyring_escrow(fx.core.keyring)).n);
  clock_shift((19 * 365 + 10) * US_DAY);
  reopen_keyring();
  assert_false(slice_eq(before, pki_cert_der(keyring_escrow(fx.core.keyring))));
  assert_true(tell_key(old));
  assert_string_equal(held(ESCROW_RECOVERY_KEY), KEY);
  reopen_keyring();
  assert_true(tell_key(sealed(OTHER_KEY)));
  assert_int_equal(count("SELECT count(*) FROM keyring WHERE name LIKE 'escrow%'"), 2);
}

/* ---- recovery keys ---- */

/* What is for another certificate, damaged, too large or no key is kept with the reason, told once, and never refused;
   a key that was readable stays. */
static void test_unreadable_keys(void **state) {
  (void)state;
  static const char *const no_keys[] = {"",
                                        "secret",
                                        "ABCD-1234-EFGH-5678-IJKL",
                                        KEY "-ABCD",
                                        "abcd-1234-efgh-5678-ijkl-9012",
                                        "ABCD 1234 EFGH 5678 IJKL 9012",
                                        "ABCD-1234-EFGH-5678-IJKL-901\xc3"};
  struct pki_key *key;
  struct pki_cert *stranger;
  (void)enrolled("A");
  assert_true(tell_key(sealed(KEY)));
  must(pki_key_new_rsa(fx.cx, &key, 2048));
  struct pki_issue what = {
      .cn = "Another MDM", .subject_key = key, .issuer_key = key, .not_after = INT64_MAX / 4, .kind = PKI_ENCRYPTION};
  must(pki_cert_issue(fx.cx, &stranger, &what));
  struct slice foreign = sealed_for(stranger, KEY, "aes-256-cbc");
  assert_true(tell_key(foreign));
  assert_false(tell_key(foreign));
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE note = 'escrowed for another certificate'"), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'escrow.unread'"), 1);
  for (size_t i = 0; i < sizeof no_keys / sizeof *no_keys; i++) (void)tell_key(sealed(no_keys[i]));
  (void)tell_key(slice_of("no CMS at all"));
  char *large = ctx_alloc(fx.cx, 20 << 10);
  memset(large, 'A', 20 << 10);
  (void)tell_key(slice_mem(large, 20 << 10));
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE kind = 'recovery-key'"), 1);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE kind = 'unread-recovery-key' AND ended_at IS NULL"), 1);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE note IS NULL AND kind = 'unread-recovery-key'"), 0);
  assert_int_equal(count("SELECT max(length(value_sealed)) < 17000 FROM escrow"), 1);
  assert_true(in_force(ESCROW_RECOVERY_KEY));
  assert_string_equal(held(ESCROW_RECOVERY_KEY), KEY);
}

/* Whatever stands in a message, it neither ends the server nor becomes a key that was not meant. */
static void test_edited_messages(void **state) {
  (void)state;
  (void)enrolled("A");
  struct slice good = sealed_for(keyring_escrow(fx.core.keyring), KEY, "aes-128-cbc");
  for (size_t at = 0; at < good.n; at += 19) {
    char *tight = malloc(good.n); /* of its own, so that reading past the end is seen */
    memcpy(tight, good.p, good.n);
    tight[at] = (char)(tight[at] ^ (1 << at % 8));
    (void)tell_key(slice_mem(tight, good.n));
    (void)tell_key(slice_mem(tight, at));
    free(tight);
  }
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE note IS NULL AND kind <> 'recovery-key'"), 0);
  const char *key = held(ESCROW_RECOVERY_KEY);
  assert_true(!key || strlen(key) == strlen(KEY));
}

/* 3DES, AES, and indefinite lengths open; a key that the device tells again is the same; another one ends it, and what
   did not open. */
static void test_keys_open(void **state) {
  (void)state;
  (void)enrolled("A");
  const struct pki_cert *cert = keyring_escrow(fx.core.keyring);
  (void)tell_key(slice_of("no CMS at all"));
  assert_true(tell_key(sealed_for(cert, KEY, "des-ede3-cbc")));
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE ended_at IS NULL"), 1);
  assert_false(tell_key(sealed_for(cert, KEY, "aes-128-cbc")));
  assert_false(tell_key(sealed_for(cert, KEY "\n", "aes-256-cbc")));
  assert_false(tell_key(streamed(KEY, EVP_des_ede3_cbc())));
  assert_true(tell_key(streamed(OTHER_KEY, EVP_aes_256_cbc())));
  assert_string_equal(held(ESCROW_RECOVERY_KEY), OTHER_KEY);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE kind = 'recovery-key'"), 2);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE kind = 'recovery-key' AND ended_at IS NULL"), 1);
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE instr(value_sealed, 'ABCD-1234') > 0"), 0);
}

/* ---- what commands set ---- */

static void set_password(const char *type, const char *password, const char *uuid) {
  struct enqueue q = {.id = "A"};
  struct js *args = js_object(fx.cx);
  js_set_string(args, "NewPassword", password);
  must(command_build(fx.cx, &q.command, type, args, uuid));
  must(in_job(enqueue_job, &q));
}

/* A password is in escrow with the queueing, and in force when the Mac has acknowledged it: then the former one is not.
 */
static void test_passwords(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  set_password("SetRecoveryLock", "first word", "1");
  assert_false(in_force(ESCROW_RECOVERY_LOCK));
  assert_string_equal(held(ESCROW_RECOVERY_LOCK), "first word");
  assert_string_equal(next_after(p, "A", "Idle", NULL), "1");
  (void)next_after(p, "A", "Acknowledged", "1");
  assert_true(in_force(ESCROW_RECOVERY_LOCK));
  set_password("SetRecoveryLock", "second word", "2");
  assert_string_equal(held(ESCROW_RECOVERY_LOCK), "first word");
  assert_string_equal(next_after(p, "A", "Idle", NULL), "2");
  (void)next_after(p, "A", "Error", "2");
  assert_string_equal(held(ESCROW_RECOVERY_LOCK), "first word");
  set_password("SetRecoveryLock", "", "3");
  (void)next_after(p, "A", "Idle", NULL);
  (void)next_after(p, "A", "Acknowledged", "3");
  assert_string_equal(held(ESCROW_RECOVERY_LOCK), "");
  assert_int_equal(count("SELECT count(*) FROM escrow WHERE note = 'cleared' AND ended_at IS NULL"), 1);
  set_password("SetFirmwarePassword", "firm word", "4");
  assert_string_equal(held(ESCROW_FIRMWARE_PASSWORD), "firm word");
  assert_int_equal(count("SELECT count(*) FROM command WHERE instr(plist_sealed, 'word') > 0"), 0);
}

/* What people are shown of a command holds no secret; one without secrets is shown byte for byte. */
static void test_shown_commands(void **state) {
  (void)state;
  struct command c;
  struct slice shown;
  struct js *args = js_object(fx.cx), *unlock = js_object(fx.cx);
  js_set_string(args, "KeyType", "personal");
  js_set_string(unlock, "Password", KEY);
  js_set(args, "FileVaultUnlock", unlock);
  must(command_build(fx.cx, &c, "RotateFileVaultKey", args, "1"));
  must(command_shown(fx.cx, c.plist, &shown));
  assert_null(memmem(shown.p, shown.n, KEY, strlen(KEY)));
  assert_non_null(memmem(shown.p, shown.n, "personal", 8));
  struct js *profile = js_object(fx.cx);
  js_set_string(profile, "Payload", enc_base64(fx.cx, KEY, strlen(KEY)));
  must(command_build(fx.cx, &c, "InstallProfile", profile, "3"));
  must(command_shown(fx.cx, c.plist, &shown));
  assert_null(strstr(shown.p, enc_base64(fx.cx, KEY, strlen(KEY))));
  must(command_build(fx.cx, &c, "SecurityInfo", NULL, "2"));
  must(command_shown(fx.cx, c.plist, &shown));
  assert_true(slice_eq(shown, c.plist));
}

static enum err allow_activation_lock(const char *uuid, bool yes) {
  static const char plist[] =
      "<plist version=\"1.0\"><dict><key>CommandUUID</key><string>%s</string><key>Command</key><dict>"
      "<key>RequestType</key><string>Settings</string><key>Settings</key><array><dict><key>Item</key>"
      "<string>MDMOptions</string><key>MDMOptions</key><dict><key>ActivationLockAllowedWhileSupervised</key>%s</dict>"
      "</dict></array></dict></dict></plist>";
  struct enqueue q = {.id = "A"};
  const char *text = ctx_printf(fx.cx, plist, uuid, yes ? "<true/>" : "<false/>");
  must(command_parse(fx.cx, &q.command, slice_of(text)));
  return in_job(enqueue_job, &q);
}

/* Activation Lock is allowed only when a bypass code of this enrollment is in escrow, however the command came in. */
static void test_activation_lock(void **state) {
  (void)state;
  struct enroll_proof p = enrolled("A");
  assert_int_equal(allow_activation_lock("1", true), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "ActivationLockBypassCode"));
  assert_int_equal(allow_activation_lock("2", false), OK);
  struct told t = {.told.bypass_code = slice_of("AAAAA-BBBBB"), .command = "c", .device = device_of("A")};
  must(in_job(tell_job, &t));
  assert_int_equal(allow_activation_lock("3", true), OK);
  assert_int_equal(authenticate(p, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, "A", "token"), ENROLL_FINE);
  assert_int_equal(allow_activation_lock("4", true), E_CONFLICT);
  must(in_job(tell_job, &t));
  assert_int_equal(allow_activation_lock("4", true), OK);
}

/* ---- revealing ---- */

/* Without a reason nothing is shown, nor what there is not, nor what another device has. */
static void test_reveal_refused(void **state) {
  (void)state;
  static const char *const bad[] = {NULL, "", "  ", "ab", "line\nbreak", "bell\a", "\xff\xfe\xfd\xfc"};
  struct asked a;
  (void)enrolled("A");
  (void)enrolled("B");
  assert_true(tell_key(sealed(KEY)));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(reveal(ESCROW_RECOVERY_KEY, 0, bad[i], &a), E_INVALID);
  char *longest = ctx_alloc(fx.cx, 502);
  memset(longest, 'x', 501);
  longest[501] = 0;
  assert_int_equal(reveal(ESCROW_RECOVERY_KEY, 0, longest, &a), E_INVALID);
  assert_int_equal(reveal(ESCROW_PIN, 0, "a reason", &a), E_NOT_FOUND);
  assert_int_equal(reveal(ESCROW_BOOTSTRAP_TOKEN, 0, "a reason", &a), E_NOT_FOUND);
  assert_int_equal(reveal(ESCROW_RECOVERY_KEY, 4711, "a reason", &a), E_NOT_FOUND);
  a = (struct asked){
      .ask = {.device = device_of("B"), .kind = ESCROW_RECOVERY_KEY, .seq = 1, .by = "x", .reason = "a reason"}};
  assert_int_equal(in_job(reveal_job, &a), E_NOT_FOUND);
  assert_int_equal(count("SELECT count(*) FROM escrow_reveal"), 0);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'escrow.revealed'"), 0);
}

/* What is shown is recorded: who, when, why; the event does not hold it. */
static void test_reveal(void **state) {
  (void)state;
  struct asked a;
  struct escrow_entry *list;
  size_t n;
  (void)enrolled("A");
  (void)tell_key(sealed(KEY));
  (void)tell_key(sealed(OTHER_KEY));
  must(reveal(ESCROW_RECOVERY_KEY, 0, "user forgot the password", &a));
  assert_true(slice_is(a.out.value, OTHER_KEY));
  assert_true(a.out.in_force);
  must(reveal(ESCROW_RECOVERY_KEY, 1, "an old disk", &a));
  assert_true(slice_is(a.out.value, KEY));
  assert_false(a.out.in_force);
  must(escrow_list(fx.cx, reader(), device_of("A"), &list, &n));
  assert_int_equal(n, 2);
  assert_string_equal(list[0].state, "in-force");
  assert_string_equal(list[1].state, "former");
  assert_string_equal(list[1].revealed_reason, "an old disk");
  assert_string_equal(list[1].revealed_by, "tester");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'escrow.revealed' AND data LIKE '%forgot%'"), 1);
  assert_int_equal(count("SELECT count(*) FROM event WHERE data LIKE '%IJKL%'"), 0);
}

static enum err rotate_job(struct ctx *cx, struct db *db, void *arg) {
  return filevault_rotate(cx, db, &fx.core, "A", "tester", arg);
}

static enum err facts_job(struct ctx *cx, struct db *db, void *arg) {
  const char *const *facts = arg;
  TRY(db_run(cx, db, "UPDATE device SET product_name = $1, os_version = $2", DB_S(facts[0]), DB_S(facts[1])));
  return db_run(cx, db, "UPDATE generation SET given = $1", DB_S(facts[2]));
}

/* A key is not replaced where the version or the access rights do not allow it, and why is said. */
static void test_rotation_refused(void **state) {
  (void)state;
  static const struct {
    const char *facts[3], *why_not;
  } macs[] = {{{"Mac16,10", "15.1", "{\"AccessRights\":3}"}, "needs the right to lock the device"},
              {{"Mac16,10", "10.8", "{\"AccessRights\":8191}"}, "needs macOS 10.9"},
              {{"Mac16,10", "15.1", "{\"AccessRights\":8191}"}, NULL}};
  (void)enrolled("A");
  (void)tell_key(sealed(KEY));
  for (size_t i = 0; i < sizeof macs / sizeof *macs; i++) {
    struct filevault_rotation r;
    must(in_job(facts_job, (void *)macs[i].facts));
    must(in_job(rotate_job, &r));
    assert_int_equal(r.command != NULL, macs[i].why_not == NULL);
    assert_int_equal(count("SELECT count(*) FROM command WHERE request_type = 'RotateFileVaultKey'"),
                     r.command != NULL);
    if (macs[i].why_not) assert_non_null(strstr(r.why_not, macs[i].why_not));
  }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_close)
#define WITHOUT_KEYS(f) cmocka_unit_test_setup_teardown(f, fixture_open, fixture_close)
  const struct CMUnitTest tests[] = {
      T(test_certificate),
      T(test_former_certificate),
      T(test_unreadable_keys),
      T(test_edited_messages),
      T(test_keys_open),
      WITHOUT_KEYS(test_passwords),
      WITHOUT_KEYS(test_shown_commands),
      WITHOUT_KEYS(test_activation_lock),
      T(test_reveal_refused),
      T(test_reveal),
      T(test_rotation_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
