/* Profiles: versions, variables, PayloadUUIDs that name the content, signatures. */
#include "core_fixture.h"

#include "base/file.h"
#include "core/inventory.h"
#include "core/profile.h"
#include "lib/pki_cms.h"

#include <ctype.h>
#include <unistd.h>

/* ---- the world: a server with its keys, and devices ---- */

static char folder[] = "/tmp/pomona-profile-XXXXXX";
static const char *files[16];

static int open_world(void **state) {
  fixture_open(state);
  assert_non_null(mkdtemp(folder));
  fixture_keyring("mdm.example.org");
  must(profile_signing_open(fx.cx, &fx.core.signing, &fx.core, &fx.conf));
  return 0;
}

static int close_world(void **state) {
  for (size_t i = 0; files[i]; i++) unlink(files[i]);
  rmdir(folder);
  profile_signing_close(fx.core.signing);
  return fixture_close(state);
}

static int64_t row_of(const char *udid) {
  int64_t device;
  must(db_one_int(fx.cx, reader(), &device, "SELECT seq FROM device WHERE id = $1", DB_S(udid)));
  return device;
}

static const struct roster_device *device(const char *udid, const char *serial, const char *name) {
  struct enroll_proof p = new_identity(udid);
  enum enroll_refusal refusal;
  struct pl *m = message("Authenticate", udid);
  const struct roster_device *d;
  if (serial) pl_set_string(m, "SerialNumber", serial);
  if (name) pl_set_string(m, "DeviceName", name);
  must(check_in_with(p, m, &refusal));
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  must(roster_one(fx.cx, reader(), &fx.core, row_of(udid), &d));
  return d;
}

static struct slice file_of(const char *identifier, const char *uuid, const char *text) {
  struct pl *root = pl_new_dict(fx.cx), *content = pl_new_array(fx.cx), *payload = pl_new_dict(fx.cx);
  pl_set_string(root, "PayloadType", "Configuration");
  pl_set_int(root, "PayloadVersion", 1);
  pl_set_string(root, "PayloadIdentifier", identifier);
  pl_set_string(root, "PayloadUUID", uuid);
  pl_set_string(root, "PayloadDisplayName", "A profile");
  pl_set_string(payload, "PayloadType", "com.apple.webClip.managed");
  pl_set_string(payload, "PayloadIdentifier", "com.example.clip");
  pl_set_string(payload, "PayloadUUID", "5E6C0A0E-6AF3-4B36-9DAF-6C1A0B1B8D11");
  pl_set_string(payload, "Label", text);
  pl_add(content, payload);
  pl_set(root, "PayloadContent", content);
  return pl_xml(fx.cx, root);
}

#define UUID_1 "11111111-1111-4111-8111-111111111111"
#define UUID_2 "22222222-2222-4222-8222-222222222222"

struct adding {
  struct profile_given given;
  struct profile out;
  bool added;
};

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct adding *a = arg;
  return profile_add(cx, db, &fx.core, &a->given, &a->out, &a->added);
}

static enum err add_err(struct slice file, int64_t if_version, struct adding *out) {
  struct payload_check *check = ctx_alloc(fx.cx, sizeof *check);
  must(payload_check(fx.cx, file, check));
  *out = (struct adding){.given = {file, check, "test", if_version}};
  return in_job(add_job, out);
}

static struct adding add(struct slice file) {
  struct adding a;
  must(add_err(file, -1, &a));
  return a;
}

static struct profile_want wanted(int64_t profile) {
  struct profile_want w;
  must(profile_want(fx.cx, reader(), &fx.core, profile, &w));
  return w;
}

static struct pl *filled(int64_t profile, const struct roster_device *d) {
  struct slice xml;
  struct pl *root;
  must(profile_fill(fx.cx, reader(), &fx.core, &(struct profile_ask){.profile = profile, .device = d}, &xml));
  must(pl_parse(fx.cx, xml, &pl_limits_checkin, &root));
  return root;
}

static const char *label(struct pl *root) { return pl_str(pl_at(pl_get(root, "PayloadContent"), 0), "Label"); }

static uint64_t hash_of_uuid(struct pl *root) { return inventory_hash(slice_of(pl_str(root, "PayloadUUID"))); }

static struct slice signed_by_another(struct slice file) {
  struct pki_key *key;
  struct pki_cert *cert;
  struct slice der;
  must(pki_key_new_rsa(fx.cx, &key, 2048));
  struct pki_issue what = {.cn = "Somebody",
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 90 * US_DAY,
                           .kind = PKI_SIGNING};
  must(pki_cert_issue(fx.cx, &cert, &what));
  must(pki_cms_sign(fx.cx, &der, file, cert, key, NULL, 0));
  return der;
}

/* ---- what is refused ---- */

/* goal: what has no identifier that can name it in a URL and a table is not kept */
static void test_identifiers(void **state) {
  (void)state;
  static const char *const bad[] = {"", "a/b", "com.example\n", NULL};
  struct adding a;
  for (const char *const *id = bad; *id; id++) assert_int_equal(add_err(file_of(*id, UUID_1, "x"), -1, &a), E_INVALID);
  assert_int_equal(count("SELECT count(*) FROM profile"), 0);
}

/* goal: two signed files of one PayloadUUID could not be told apart on a device: the second is refused, whatever its
   case, and leaves nothing */
static void test_signed_twice(void **state) {
  (void)state;
  struct adding a;
  add(signed_by_another(file_of("com.example.signed", UUID_1, "one")));
  assert_int_equal(add_err(signed_by_another(file_of("com.example.signed", UUID_1, "two")), -1, &a), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), UUID_1));
  assert_int_equal(count("SELECT max(version) FROM profile"), 1);
  add(signed_by_another(file_of("com.example.signed", UUID_2, "two")));
  assert_int_equal(count("SELECT max(version) FROM profile"), 2);
}

/* goal: a change of a version that is no longer the newest is refused, also when there is none yet */
static void test_if_version(void **state) {
  (void)state;
  struct adding a;
  assert_int_equal(add_err(file_of("com.example.v", UUID_1, "a"), 1, &a), E_PRECONDITION);
  must(add_err(file_of("com.example.v", UUID_1, "a"), 0, &a));
  must(add_err(file_of("com.example.v", UUID_1, "b"), 1, &a));
  assert_int_equal(add_err(file_of("com.example.v", UUID_1, "c"), 1, &a), E_PRECONDITION);
  assert_int_equal(a.out.version, 0);
  assert_int_equal(count("SELECT version FROM profile WHERE identifier = 'com.example.v'"), 2);
}

/* goal: a variable without a value is a conflict that names it, and gives no version; so is a value that is too long */
static void test_no_value(void **state) {
  (void)state;
  char *name = ctx_alloc(fx.cx, 1002);
  memset(name, 'n', 1001);
  int64_t mail = add(file_of("com.example.mail", UUID_1, "for %Email%")).out.profile;
  int64_t clip = add(file_of("com.example.clip", UUID_1, "of %DeviceName%")).out.profile;
  const struct roster_device *d = device("NOVALUE", "C02NOVALUE01", name);
  struct profile_want w = wanted(mail), of_name = wanted(clip);
  struct slice out;
  assert_int_equal(profile_version(&w, d), 0);
  assert_string_equal(profile_lacks(&w, d), "Email");
  assert_int_equal(profile_render(fx.cx, reader(), &fx.core, mail, d, &out), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "%Email%"));
  ctx_clear_error(fx.cx);
  if (roster_text(d, ROSTER_NAME) && strlen(roster_text(d, ROSTER_NAME)) > 1000)
    assert_int_equal(profile_version(&of_name, d), 0);
}

/* goal: what is not there is not found, and an old version stays readable */
static void test_not_found(void **state) {
  (void)state;
  struct profile p;
  struct slice file;
  assert_int_equal(profile_find(fx.cx, reader(), "com.example.none", &p), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  int64_t profile = add(file_of("com.example.old", UUID_1, "first")).out.profile;
  add(file_of("com.example.old", UUID_1, "second"));
  assert_int_equal(profile_file(fx.cx, reader(), &fx.core, profile, 3, &file), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  must(profile_file(fx.cx, reader(), &fx.core, profile, 1, &file));
  assert_true(slice_eq(file, file_of("com.example.old", UUID_1, "first")));
  must(profile_file(fx.cx, reader(), &fx.core, profile, 0, &file));
  assert_true(slice_eq(file, file_of("com.example.old", UUID_1, "second")));
}

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) { return profile_remove(cx, db, arg, "test"); }

static enum err assign_job(struct ctx *cx, struct db *db, void *arg) {
  TRY(db_run(cx, db, "INSERT INTO fleet_group (name, version, created_at, created_by) VALUES ('Sales', 1, 0, 'test')"));
  return db_run(cx, db,
                "INSERT INTO assignment (fleet_group, kind, ref, row, position, users, options, created_at)"
                " VALUES (1, 'profile', 'com.example.given', $1, 0, 0, '{}', 0)",
                DB_I(*(int64_t *)arg));
}

/* goal: one that a group gives is not removed; a removed one is gone from lists, and comes back when it is added again
 */
static void test_remove(void **state) {
  (void)state;
  struct profile p, *list;
  size_t n;
  struct adding a = add(file_of("com.example.gone", UUID_1, "x"));
  must(in_job(remove_job, (void *)(uintptr_t) "com.example.gone"));
  assert_int_equal(in_job(remove_job, (void *)(uintptr_t) "com.example.gone"), E_NOT_FOUND);
  assert_int_equal(profile_find(fx.cx, reader(), "com.example.gone", &p), E_NOT_FOUND);
  ctx_clear_error(fx.cx);
  must(profile_list(fx.cx, reader(), a.out.profile - 1, 1, &list, &n));
  assert_true(n == 0 || strcmp(list[0].identifier, "com.example.gone") != 0);
  struct adding again = add(file_of("com.example.gone", UUID_1, "x"));
  assert_true(again.added);
  assert_int_equal(again.out.version, a.out.version);
  must(profile_find(fx.cx, reader(), "com.example.gone", &p));

  int64_t given = add(file_of("com.example.given", UUID_1, "x")).out.profile;
  must(in_job(assign_job, &given));
  assert_int_equal(in_job(remove_job, (void *)(uintptr_t) "com.example.given"), E_CONFLICT);
  assert_non_null(strstr(ctx_error_text(fx.cx), "Sales"));
}

/* ---- versions ---- */

/* goal: the same bytes again are no new version; what is stored is sealed */
static void test_same_again(void **state) {
  (void)state;
  struct adding a = add(file_of("com.example.same", UUID_1, "hunter2"));
  assert_true(a.added);
  struct adding b = add(file_of("com.example.same", UUID_1, "hunter2"));
  assert_false(b.added);
  assert_int_equal(b.out.version, 1);
  assert_int_equal(count("SELECT count(*) FROM profile_version WHERE instr(file_sealed, 'hunter2') > 0"), 0);
}

/* goal: the PayloadUUID that a device is given is of version 8 (RFC 9562), names the content, and is the one that
   profile_version tells */
static void test_uuid(void **state) {
  (void)state;
  const struct roster_device *d = device("UUIDS-1", "C02UUIDS0001", "One"),
                             *e = device("UUIDS-2", "C02UUIDS0002", "Two");
  int64_t plain = add(file_of("com.example.plain", UUID_1, "plain")).out.profile;
  int64_t named = add(file_of("com.example.named", UUID_1, "on %SerialNumber%")).out.profile;
  struct profile_want p = wanted(plain), v = wanted(named);
  struct pl *root = filled(plain, d);
  const char *uuid = pl_str(root, "PayloadUUID");
  assert_int_equal(uuid[14], '8');
  assert_non_null(strchr("89AB", uuid[19]));
  for (const char *c = uuid; *c; c++) assert_false(islower((unsigned char)*c));
  assert_true(p.constant != 0);
  assert_true(p.constant == hash_of_uuid(root));
  assert_true(profile_version(&p, e) == p.constant);

  assert_true(v.constant == 0);
  assert_true(profile_version(&v, d) == hash_of_uuid(filled(named, d)));
  assert_true(profile_version(&v, d) != profile_version(&v, e));
  uint64_t before = profile_version(&v, d);
  add(file_of("com.example.named", UUID_1, "at %SerialNumber%"));
  struct profile_want now = wanted(named);
  assert_true(profile_version(&now, d) != before);
}

/* goal: a value is text whatever it holds: markup, quotes, a variable's name, control characters */
static void test_hostile_values(void **state) {
  (void)state;
  static const char hostile[] = "</string><key>x</key>&amp; \"%SerialNumber%\"  100% ";
  const struct roster_device *d = device("HOSTILE", "C02HOSTILE01", hostile);
  int64_t profile = add(file_of("com.example.hostile", UUID_1, "[%DeviceName%] 50%% %C3%A4")).out.profile;
  struct pl *root = filled(profile, d);
  assert_int_equal(pl_count(pl_at(pl_get(root, "PayloadContent"), 0)), 4);
  assert_string_equal(label(root), ctx_printf(fx.cx, "[%s] 50%% %%C3%%A4", roster_text(d, ROSTER_NAME)));
  assert_string_equal(pl_str(root, "PayloadIdentifier"), "com.example.hostile");
}

/* goal: the server's own values are filled in; a certificate becomes data, and a change of a setting is another version
 */
static void test_own_values(void **state) {
  (void)state;
  const struct roster_device *d = device("OWN", "C02OWN000001", "Own");
  int64_t cert = add(file_of("com.example.escrow", UUID_1, "%EscrowCertificate%")).out.profile;
  int64_t url = add(file_of("com.example.url", UUID_1, "%ServerURL%/x by %Organization%")).out.profile;
  struct slice der;
  struct pl *payload = pl_at(pl_get(filled(cert, d), "PayloadContent"), 0);
  assert_true(pl_data(pl_get(payload, "Label"), &der));
  assert_true(slice_eq(der, pki_cert_der(keyring_escrow(fx.core.keyring))));
  assert_string_equal(label(filled(url, d)), "https://mdm.example.org/x by Example");
  struct profile_want before = wanted(url), own = wanted(cert);
  assert_true(before.constant != 0 && own.constant != 0);
  fx.conf.organization = "Another";
  struct profile_want after = wanted(url);
  assert_true(after.constant != before.constant);
  assert_true(after.constant == hash_of_uuid(filled(url, d)));
  fx.conf.organization = "Example";
}

/* goal: every variable that the check knows has a value somewhere */
static void test_all_variables(void **state) {
  (void)state;
  const struct roster_device *d = device("ALL", "C02ALL000001", "All");
  for (const struct payload_variable *v = payload_variables; v->name; v++) {
    int64_t profile = add(file_of("com.example.all", UUID_1, ctx_printf(fx.cx, "%%%s%%", v->name))).out.profile;
    struct profile_want w = wanted(profile);
    const char *lacks = profile_lacks(&w, d);
    if (lacks)
      assert_string_equal(lacks, v->name);
    else
      assert_true(profile_version(&w, d) == hash_of_uuid(filled(profile, d)));
  }
}

/* What the device tells of its profiles: one. */
static void tell_profiles(struct enroll_proof proof, const char *udid, const char *identifier, const char *uuid) {
  struct pl *m = pl_new_dict(fx.cx), *list = pl_new_array(fx.cx), *one = pl_new_dict(fx.cx);
  const char *command = ctx_printf(fx.cx, "list-%s", udid);
  enqueue(udid, "ProfileList", command);
  assert_string_equal(next_after(proof, udid, "Idle", NULL), command);
  pl_set_string(one, "PayloadIdentifier", identifier);
  pl_set_string(one, "PayloadUUID", uuid);
  pl_add(list, one);
  pl_set_string(m, "UDID", udid);
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", command);
  pl_set(m, "ProfileList", list);
  put_report_of(proof, m);
}

/* goal: it is told how many devices have which version, variables filled or not, and how many have none of them */
static void test_spread(void **state) {
  (void)state;
  struct enroll_proof a = enrolled("SPREAD-1"), b = enrolled("SPREAD-2"), c = enrolled("SPREAD-3");
  const struct roster_device *d;
  struct profile_spread spread;
  struct adding first = add(file_of("com.example.spread", UUID_1, "of %UDID%"));
  must(roster_one(fx.cx, reader(), &fx.core, row_of("SPREAD-1"), &d));
  const char *of_first = pl_str(filled(first.out.profile, d), "PayloadUUID");
  struct adding second = add(file_of("com.example.spread", UUID_1, "of all"));
  const char *of_second = pl_str(filled(second.out.profile, d), "PayloadUUID");
  tell_profiles(a, "SPREAD-1", "com.example.spread", of_first);
  tell_profiles(b, "SPREAD-2", "com.example.spread", of_second);
  tell_profiles(c, "SPREAD-3", "com.example.spread", of_first); /* that of another device */
  must(profile_spread(fx.cx, reader(), &fx.core, &second.out, 1, &spread));
  assert_int_equal(spread.devices[0], 1);
  assert_int_equal(spread.devices[1], 1);
  assert_int_equal(spread.others, 1);
}

/* goal: no profile takes the place of the enrollment, whatever its author insists on: a group that takes it away would
   unenroll its devices */
static void test_enrollment_profiles(void **state) {
  (void)state;
  static const char *const reserved[] = {"pomona.0123456789abcdef.enrollment", "Pomona.x.Enrollment",
                                         "pomona.trust.0123"};
  struct adding a;
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
    assert_int_equal(add_err(file_of(reserved[i], UUID_1, "x"), -1, &a), E_INVALID);
    assert_non_null(strstr(ctx_error_text(fx.cx), "take another one"));
    ctx_clear_error(fx.cx);
  }
  struct pl *root;
  must(pl_parse(fx.cx, file_of("com.example.other-mdm", UUID_1, "x"), &pl_limits_checkin, &root));
  pl_set_string(pl_at(pl_get(root, "PayloadContent"), 0), "PayloadType", "com.apple.mdm");
  assert_int_equal(add_err(pl_xml(fx.cx, root), -1, &a), E_INVALID);
  assert_non_null(strstr(ctx_error_text(fx.cx), "com.apple.mdm"));
  ctx_clear_error(fx.cx);
  (void)add(file_of("pomona.wifi", UUID_1, "x"));
}

/* goal: what stands below a key that names a secret is not shown either, nor keys of makers; switches are */
static void test_diff_secrets(void **state) {
  (void)state;
  static const char head[] = "<plist version=\"1.0\"><dict>", tail[] = "</dict></plist>";
  static const char *const secret[] = {
      "<key>Passwords</key><dict><key>admin</key><string>hush-hush</string></dict>",
      "<key>SharedSecrets</key><array><string>hush-hush</string></array>",
      "<key>VendorConfig</key><dict><key>WgQuickConfig</key><string>hush-hush</string></dict>",
      "<key>WPA-PSK</key><string>hush-hush</string>",
      "<key>api_key</key><string>hush-hush</string>",
      "<key>PrivateKey</key><string>hush-hush</string>",
  };
  struct js *changes;
  struct slice none = slice_of(ctx_printf(fx.cx, "%s%s", head, tail));
  for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
    must(profile_diff(fx.cx, none, slice_of(ctx_printf(fx.cx, "%s%s%s", head, secret[i], tail)), &changes));
    const char *text = js_text(fx.cx, changes, JS_COMPACT).p;
    assert_non_null(strstr(text, "(not shown)"));
    assert_null(strstr(text, "hush-hush"));
  }
  const char *plain =
      ctx_printf(fx.cx, "%s<key>allowPasswordAutoFill</key><false/><key>Label</key><string>hi</string>%s", head, tail);
  must(profile_diff(fx.cx, none, slice_of(plain), &changes));
  assert_string_equal(js_text(fx.cx, changes, JS_COMPACT).p,
                      "[{\"key\":\"Label\",\"was\":null,\"is\":\"hi\"},"
                      "{\"key\":\"allowPasswordAutoFill\",\"was\":null,\"is\":\"false\"}]");
}

/* goal: what differs is named by its payload and key; a password is not shown, though it differs */
static void test_diff(void **state) {
  (void)state;
  static const char was[] = "<plist version=\"1.0\"><dict><key>PayloadContent</key><array><dict><key>PayloadIdentifier"
                            "</key><string>p</string><key>Password</key><string>one</string><key>n</key><integer>1"
                            "</integer></dict></array></dict></plist>",
                    is[] = "<plist version=\"1.0\"><dict><key>PayloadContent</key><array><dict><key>PayloadIdentifier"
                           "</key><string>p</string><key>Password</key><string>two</string><key>n</key><integer>1"
                           "</integer><key>b</key><true/></dict></array></dict></plist>";
  struct js *changes;
  must(profile_diff(fx.cx, slice_of(was), slice_of(is), &changes));
  assert_string_equal(js_text(fx.cx, changes, JS_COMPACT).p,
                      "[{\"key\":\"PayloadContent[p].Password\",\"was\":\"(not shown)\",\"is\":\"(not shown)\"},"
                      "{\"key\":\"PayloadContent[p].b\",\"was\":null,\"is\":\"true\"}]");
  must(profile_diff(fx.cx, slice_of(was), slice_of(was), &changes));
  assert_int_equal(js_count(changes), 0);
  assert_int_equal(profile_diff(fx.cx, slice_of(was), slice_of("nothing"), &changes), E_INVALID);
  ctx_clear_error(fx.cx);
}

/* ---- signatures ---- */

/* goal: what came signed goes out byte for byte, and its version is its own PayloadUUID */
static void test_signed_goes_as_it_came(void **state) {
  (void)state;
  const struct roster_device *d = device("SIGNED", "C02SIGNED001", "Signed");
  struct slice der = signed_by_another(file_of("com.example.asis", "abcdefab-1111-4111-8111-111111111111", "%Email%")),
               out;
  int64_t profile = add(der).out.profile;
  struct profile_want w = wanted(profile);
  must(profile_render(fx.cx, reader(), &fx.core, profile, d, &out));
  assert_true(slice_eq(out, der));
  assert_true(profile_version(&w, d) == inventory_hash(slice_of("ABCDEFAB-1111-4111-8111-111111111111")));
}

/* goal: others are signed by the signing identity; one for all is signed once, one with variables for each device */
static void test_signature(void **state) {
  (void)state;
  const struct roster_device *d = device("SIGN-1", "C02SIGN00001", "One"), *e = device("SIGN-2", "C02SIGN00002", "Two");
  int64_t same = add(file_of("com.example.forall", UUID_1, "all")).out.profile;
  int64_t each = add(file_of("com.example.foreach", UUID_1, "%SerialNumber%")).out.profile;
  struct slice a, b, content;
  struct pki_cert *signer;
  must(profile_render(fx.cx, reader(), &fx.core, same, d, &a));
  must(profile_render(fx.cx, reader(), &fx.core, same, e, &b));
  assert_true(slice_eq(a, b));
  must(pki_cms_content(fx.cx, &content, &signer, a));
  assert_memory_equal(pki_cert_sha256(signer), pki_cert_sha256(keyring_signing(fx.core.keyring)), SHA256_LEN);
  must(profile_render(fx.cx, reader(), &fx.core, each, d, &a));
  must(profile_render(fx.cx, reader(), &fx.core, each, e, &b));
  assert_false(slice_eq(a, b));
}

static const char *write_file(const char *name, struct slice bytes) {
  size_t n = 0;
  const char *path = ctx_printf(fx.cx, "%s/%s", folder, name);
  must(file_replace(fx.cx, path, bytes));
  while (files[n] && strcmp(files[n], path) != 0) n++;
  files[n] = path;
  return path;
}

struct pair {
  struct pki_key *key;
  struct pki_cert *cert;
};

static struct pair issued(const char *cn, const struct pair *issuer, int64_t days) {
  struct pair p;
  must(pki_key_new_p256(fx.cx, &p.key));
  struct pki_issue what = {.cn = cn,
                           .subject_key = p.key,
                           .issuer = issuer ? issuer->cert : NULL,
                           .issuer_key = issuer ? issuer->key : p.key,
                           .not_before = clock_now_us() - 10 * US_DAY,
                           .not_after = clock_now_us() + days * US_DAY,
                           .kind = issuer ? PKI_SIGNING : PKI_CA};
  must(pki_cert_issue(fx.cx, &p.cert, &what));
  return p;
}

static const char *certs_file(const char *name, const struct pair *a, const struct pair *b) {
  struct slice first = pki_cert_pem(fx.cx, a->cert), second = b ? pki_cert_pem(fx.cx, b->cert) : (struct slice){0};
  return write_file(
      name, slice_of(ctx_printf(fx.cx, "%.*s%.*s", (int)first.n, first.p, (int)second.n, second.p ? second.p : "")));
}

static const char *key_file(const char *name, const struct pair *p) {
  struct slice pem;
  must(pki_key_pem(fx.cx, &pem, p->key));
  return write_file(name, pem);
}

static enum err reload(const char *cert, const char *key) {
  struct core_conf conf = fx.conf;
  conf.signing_cert = cert;
  conf.signing_key = key;
  ctx_clear_error(fx.cx);
  return profile_signing_reload(fx.cx, fx.core.signing, &fx.core, &conf);
}

static void assert_refused(const char *cert, const char *key, const char *says) {
  assert_int_equal(reload(cert, key), E_INVALID);
  if (!strstr(ctx_error_text(fx.cx), says)) fail_msg("\"%s\" does not say \"%s\"", ctx_error_text(fx.cx), says);
}

/* goal: files that cannot sign are refused with what is wrong, and the former signer stays */
static void test_signer_files(void **state) {
  (void)state;
  struct pair ca = issued("Some CA", NULL, 100), other = issued("Other CA", NULL, 100);
  struct pair signer = issued("Signer", &ca, 90), ended = issued("Signer", &ca, -1);
  const char *cert = certs_file("cert.pem", &signer, &ca), *key = key_file("key.pem", &signer);
  const struct pki_cert *now;
  assert_refused(cert, NULL, "go together");
  assert_refused(NULL, key, "go together");
  assert_refused("/nonexistent/cert.pem", key, "signing-cert");
  assert_refused(cert, "/nonexistent/key.pem", "signing-key");
  assert_refused(key, key, "no certificate");
  assert_refused(cert, cert, "signing-key");
  assert_refused(cert, key_file("other.pem", &other), "is not the key");
  assert_refused(certs_file("chain.pem", &signer, &other), key, "not issued");
  assert_refused(certs_file("ended.pem", &ended, &ca), key_file("ended-key.pem", &ended), "ended");
  must(profile_signer(fx.cx, &fx.core, &now));
  assert_memory_equal(pki_cert_sha256(now), pki_cert_sha256(keyring_signing(fx.core.keyring)), SHA256_LEN);
}

/* goal: a new signer signs from now on, what was kept is signed anew, and the change is remembered */
static void test_signer_changes(void **state) {
  (void)state;
  struct pair ca = issued("Some CA", NULL, 100), signer = issued("Signer", &ca, 90);
  const struct roster_device *d = device("CHANGE", "C02CHANGE001", "One");
  int64_t profile = add(file_of("com.example.change", UUID_1, "all")).out.profile;
  struct profile_signer_before before;
  struct slice out, content;
  struct pki_cert *by;
  must(profile_render(fx.cx, reader(), &fx.core, profile, d, &out));
  must(reload(certs_file("cert.pem", &signer, &ca), key_file("key.pem", &signer)));
  must(profile_render(fx.cx, reader(), &fx.core, profile, d, &out));
  must(pki_cms_content(fx.cx, &content, &by, out));
  assert_memory_equal(pki_cert_sha256(by), pki_cert_sha256(signer.cert), SHA256_LEN);
  must(profile_signer_before(fx.cx, reader(), &before));
  assert_non_null(strstr(before.subject, "Example Profile Signing"));
  assert_true(before.changed_at > 0 && before.profiles > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_identifiers),    cmocka_unit_test(test_signed_twice),
      cmocka_unit_test(test_if_version),     cmocka_unit_test(test_no_value),
      cmocka_unit_test(test_not_found),      cmocka_unit_test(test_remove),
      cmocka_unit_test(test_same_again),     cmocka_unit_test(test_uuid),
      cmocka_unit_test(test_hostile_values), cmocka_unit_test(test_own_values),
      cmocka_unit_test(test_all_variables),  cmocka_unit_test(test_spread),
      cmocka_unit_test(test_diff),           cmocka_unit_test(test_signed_goes_as_it_came),
      cmocka_unit_test(test_signature),      cmocka_unit_test(test_signer_files),
      cmocka_unit_test(test_signer_changes), cmocka_unit_test(test_enrollment_profiles),
      cmocka_unit_test(test_diff_secrets),
  };
  return cmocka_run_group_tests(tests, open_world, close_world);
}
