/* Simulated devices: what they keep of the commands they were given, and tell of it; and what goes wrong on purpose. */
#include "app/lab_device.h"
#include "base/clock.h"
#include "lib/pki_cms.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a device and what it is asked ---- */
struct world {
  struct ctx *cx;
  struct lab_device *d;
};

static struct world world(const char *platform) {
  struct world w = {ctx_new(), lab_device_new(lab_platform(platform), "U-1", "SERIAL1", 7)};
  w.d->cx = ctx_new();
  w.d->profile =
      (struct lab_profile){.identifier = ctx_strdup(w.d->cx, "test.enrollment"), .uuid = ctx_strdup(w.d->cx, "E-1")};
  w.d->phase = LAB_ENROLLED;
  w.d->supervised = true;
  return w;
}

static void end(struct world *w) {
  lab_device_free(w->d);
  ctx_free(w->cx);
}

static struct pl *dict(struct world *w, const char *key, const char *value) {
  struct pl *d = pl_new_dict(w->cx);
  pl_set_string(d, key, value);
  return d;
}

/* The answer to a command on a channel; arguments may be NULL. */
static struct pl *ask_on(struct world *w, size_t channel, const char *type, struct pl *arguments, const char *status) {
  struct pl *command = arguments ? arguments : pl_new_dict(w->cx), *root = pl_new_dict(w->cx), *report;
  struct lab_report r;
  pl_set_string(command, "RequestType", type);
  pl_set_string(root, "CommandUUID", "c");
  pl_set(root, "Command", command);
  assert_int_equal(lab_answer(w->cx, w->d, &w->d->channels[channel], pl_xml(w->cx, root), &r), OK);
  assert_int_equal(pl_parse(w->cx, r.body, &pl_limits_report, &report), OK);
  if (strcmp(r.status, status) != 0) fail_msg("%s: %s, not %s\n%s", type, r.status, status, r.body.p);
  return report;
}

static struct pl *ask(struct world *w, const char *type, struct pl *arguments) {
  return ask_on(w, 0, type, arguments, "Acknowledged");
}

static int64_t refused(struct world *w, const char *type, struct pl *arguments, const char *status) {
  int64_t code = 0;
  struct pl *chain = pl_get(ask_on(w, 0, type, arguments, status), "ErrorChain");
  assert_true(pl_int(pl_get(pl_at(chain, 0), "ErrorCode"), &code));
  return code;
}

static bool yes(struct pl *d, const char *key) {
  bool value = false;
  if (!pl_bool(pl_get(d, key), &value)) fail_msg("%s is not told", key);
  return value;
}

/* ---- profiles ---- */
static struct pl *payload(struct world *w, const char *type, const char *uuid) {
  struct pl *p = dict(w, "PayloadType", type);
  pl_set_string(p, "PayloadUUID", uuid);
  pl_set_string(p, "PayloadIdentifier", ctx_printf(w->cx, "test.%s", uuid));
  pl_set_int(p, "PayloadVersion", 1);
  return p;
}

/* InstallProfile of one with up to two payloads. */
static struct pl *profile(struct world *w, const char *identifier, struct pl *one, struct pl *two) {
  struct pl *p = dict(w, "PayloadIdentifier", identifier), *content = pl_new_array(w->cx),
            *arguments = pl_new_dict(w->cx);
  pl_set_string(p, "PayloadUUID", "11111111-2222-4333-8444-555555555555");
  if (one) pl_add(content, one);
  if (two) pl_add(content, two);
  pl_set(p, "PayloadContent", content);
  pl_set_data(arguments, "Payload", pl_xml(w->cx, p));
  return arguments;
}

static struct pl *security(struct world *w) { return pl_get(ask(w, "SecurityInfo", NULL), "SecurityInfo"); }

/* A passcode policy makes a passcode, and its removal does not take it away; ClearPasscode does, with the right token.
 */
static void test_passcode(void **state) {
  (void)state;
  struct world w = world("ios");
  struct slice token;
  struct pl *wrong = pl_new_dict(w.cx), *right = pl_new_dict(w.cx);
  assert_false(yes(security(&w), "PasscodePresent"));
  assert_true(yes(security(&w), "PasscodeCompliant"));
  ask(&w, "InstallProfile",
      profile(&w, "test.passcode", payload(&w, "com.apple.mobiledevice.passwordpolicy", "P-1"), NULL));
  assert_true(yes(security(&w), "PasscodePresent"));
  pl_set_data(wrong, "UnlockToken", slice_of("x"));
  assert_int_equal(refused(&w, "ClearPasscode", wrong, "Error"), 5013);
  lab_unlock_token(w.cx, &token, &w.d->channels[0]);
  pl_set_data(right, "UnlockToken", token);
  ask(&w, "ClearPasscode", right);
  assert_false(yes(security(&w), "PasscodePresent"));
  assert_false(yes(security(&w), "PasscodeCompliantWithProfiles"));
  ask(&w, "RemoveProfile", dict(&w, "Identifier", "test.passcode"));
  assert_true(yes(security(&w), "PasscodeCompliantWithProfiles"));
  end(&w);
}

/* Firewall and restrictions are as the profiles on the device say, and no longer. */
static void test_firewall_and_restrictions(void **state) {
  (void)state;
  struct world mac = world("macos"), phone = world("ios");
  struct pl *firewall = payload(&mac, "com.apple.security.firewall", "P-1"),
            *restrictions = payload(&phone, "com.apple.applicationaccess", "P-2");
  pl_set_bool(firewall, "EnableFirewall", true);
  pl_set_bool(restrictions, "allowCamera", false);
  assert_false(yes(pl_get(security(&mac), "FirewallSettings"), "FirewallEnabled"));
  ask(&mac, "InstallProfile", profile(&mac, "test.firewall", firewall, NULL));
  assert_true(yes(pl_get(security(&mac), "FirewallSettings"), "FirewallEnabled"));
  assert_true(lab_take_profile(mac.d->channels, "test.firewall"));
  assert_false(lab_take_profile(mac.d->channels, "test.firewall"));
  assert_false(yes(pl_get(security(&mac), "FirewallSettings"), "FirewallEnabled"));
  ask(&phone, "InstallProfile", profile(&phone, "test.restrictions", restrictions, NULL));
  struct pl *told = pl_get(pl_get(ask(&phone, "Restrictions", NULL), "GlobalRestrictions"), "restrictedBool");
  assert_false(yes(pl_get(told, "allowCamera"), "value"));
  assert_int_equal(pl_count(told), 1);
  end(&mac);
  end(&phone);
}

/* ProfileList tells payloads; those of a user's channel are the user's. */
static void test_profile_list(void **state) {
  (void)state;
  struct world w = world("macos");
  lab_device_add_user(w.d);
  ask(&w, "InstallProfile", profile(&w, "test.a", payload(&w, "com.apple.webClip.managed", "P-1"), NULL));
  ask_on(&w, 1, "InstallProfile", profile(&w, "test.b", NULL, NULL), "Acknowledged");
  struct pl *device = pl_get(ask(&w, "ProfileList", NULL), "ProfileList"),
            *user = pl_get(ask_on(&w, 1, "ProfileList", NULL, "Acknowledged"), "ProfileList");
  assert_int_equal(pl_count(device), 2);
  assert_string_equal(pl_str(pl_at(device, 0), "PayloadIdentifier"), "test.enrollment");
  assert_string_equal(pl_str(pl_at(pl_get(pl_at(device, 1), "PayloadContent"), 0), "PayloadType"),
                      "com.apple.webClip.managed");
  assert_int_equal(pl_count(user), 1);
  assert_string_equal(pl_str(pl_at(user, 0), "PayloadIdentifier"), "test.b");
  end(&w);
}

/* ---- FileVault ---- */
struct escrow {
  struct pki_key *key;
  struct pki_cert *cert;
};

static struct escrow escrow(struct world *w) {
  struct escrow e;
  assert_int_equal(pki_key_new_rsa(w->cx, &e.key, 2048), OK);
  struct pki_issue what = {.cn = "Escrow",
                           .subject_key = e.key,
                           .issuer_key = e.key,
                           .not_before = 0,
                           .not_after = clock_now_us() + US_DAY,
                           .kind = PKI_SIGNING};
  assert_int_equal(pki_cert_issue(w->cx, &e.cert, &what), OK);
  return e;
}

static const char *opened(struct world *w, struct pl *d, const char *key, const struct escrow *e) {
  struct slice cms, plain;
  if (!pl_data(pl_get(d, key), &cms)) fail_msg("%s is not told", key);
  if (pki_cms_open(w->cx, &plain, cms, e->cert, e->key) != OK) fail_msg("%s", ctx_error_text(w->cx));
  return ctx_memdup(w->cx, plain.p, plain.n);
}

/* A profile turns FileVault on, and its key comes sealed for the escrow certificate; a rotation, unlocked by that key,
 * gives another. */
static void test_filevault(void **state) {
  (void)state;
  struct world w = world("macos");
  struct escrow e = escrow(&w), reply = escrow(&w);
  struct pl *vault = payload(&w, "com.apple.MCX.FileVault2", "P-1"),
            *keep = payload(&w, "com.apple.security.FDERecoveryKeyEscrow", "P-2"),
            *cert = payload(&w, "com.apple.security.pkcs1", "P-3"), *rotate = dict(&w, "KeyType", "personal");
  pl_set_string(vault, "Enable", "On");
  pl_set_string(keep, "EncryptCertPayloadUUID", "P-3");
  pl_set_data(cert, "PayloadContent", pki_cert_der(e.cert));
  assert_false(yes(security(&w), "FDE_Enabled"));
  ask(&w, "InstallProfile", profile(&w, "test.vault", vault, NULL));
  assert_true(yes(security(&w), "FDE_HasPersonalRecoveryKey"));
  assert_null(pl_get(security(&w), "FDE_PersonalRecoveryKeyCMS"));
  assert_int_equal(refused(&w, "InstallProfile", profile(&w, "test.escrow", keep, NULL), "Error"), 4001);
  ask(&w, "InstallProfile", profile(&w, "test.escrow", keep, cert));
  const char *key = opened(&w, security(&w), "FDE_PersonalRecoveryKeyCMS", &e);
  assert_int_equal(strlen(key), 29);
  pl_set(rotate, "FileVaultUnlock", dict(&w, "Password", "another"));
  pl_set_data(rotate, "ReplyEncryptionCertificate", pki_cert_der(reply.cert));
  assert_int_equal(refused(&w, "RotateFileVaultKey", rotate, "Error"), 12007);
  pl_set(rotate, "FileVaultUnlock", dict(&w, "Password", key));
  const char *fresh =
      opened(&w, pl_get(ask(&w, "RotateFileVaultKey", rotate), "RotateResult"), "EncryptedNewRecoveryKey", &reply);
  assert_string_not_equal(fresh, key);
  assert_string_equal(opened(&w, security(&w), "FDE_PersonalRecoveryKeyCMS", &e), fresh);
  assert_int_equal(pl_count(pl_get(ask(&w, "CertificateList", NULL), "CertificateList")), 1);
  end(&w);
}

/* ---- passwords and codes ---- */

/* A password is changed by whoever knows the current one; the kinds of Macs have one each. */
static void test_passwords(void **state) {
  (void)state;
  struct world silicon = world("macos"), intel = world("macos-intel");
  struct pl *again = dict(&silicon, "NewPassword", "b");
  ask(&silicon, "SetRecoveryLock", dict(&silicon, "NewPassword", "a"));
  assert_true(yes(security(&silicon), "IsRecoveryLockEnabled"));
  assert_int_equal(refused(&silicon, "SetRecoveryLock", again, "Error"), 12007);
  assert_true(yes(ask(&silicon, "VerifyRecoveryLock", dict(&silicon, "Password", "a")), "PasswordVerified"));
  assert_false(yes(ask(&silicon, "VerifyRecoveryLock", dict(&silicon, "Password", "b")), "PasswordVerified"));
  assert_int_equal(refused(&silicon, "SetFirmwarePassword", dict(&silicon, "NewPassword", "a"), "Error"), 12021);
  assert_int_equal(refused(&intel, "SetRecoveryLock", dict(&intel, "NewPassword", "a"), "Error"), 12021);
  ask(&intel, "SetFirmwarePassword", dict(&intel, "NewPassword", "a"));
  assert_true(yes(pl_get(security(&intel), "FirmwarePasswordStatus"), "ChangePending"));
  ask(&intel, "RestartDevice", NULL);
  assert_false(yes(pl_get(security(&intel), "FirmwarePasswordStatus"), "ChangePending"));
  end(&silicon);
  end(&intel);
}

/* The bypass code stays the same until it is cleared; an unsupervised device has none. */
static void test_bypass_code(void **state) {
  (void)state;
  struct world w = world("ios");
  const char *code = pl_str(ask(&w, "ActivationLockBypassCode", NULL), "ActivationLockBypassCode");
  assert_int_equal(strlen(code), 31);
  assert_string_equal(pl_str(ask(&w, "ActivationLockBypassCode", NULL), "ActivationLockBypassCode"), code);
  ask(&w, "ClearActivationLockBypassCode", NULL);
  assert_int_equal(refused(&w, "ActivationLockBypassCode", NULL, "Error"), 12007);
  w.d->supervised = false;
  assert_int_equal(refused(&w, "ActivationLockBypassCode", NULL, "Error"), 29000);
  end(&w);
}

/* ---- apps ---- */
static const char *status_of(struct world *w, const char *app) {
  return pl_str(pl_get(pl_get(ask(w, "ManagedApplicationList", NULL), "ManagedApplicationList"), app), "Status");
}

/* An app of the store comes step by step; what was never managed cannot be removed, and an own one is taken over only
 * when that is said. */
static void test_apps(void **state) {
  (void)state;
  struct world w = world("ios");
  struct pl *own = dict(&w, "Identifier", "com.apple.Keynote");
  assert_string_equal(pl_str(ask(&w, "InstallApplication", dict(&w, "Identifier", "test.app")), "State"), "Queued");
  assert_int_equal(refused(&w, "InstallApplication", dict(&w, "Identifier", "test.app"), "Error"), 12025);
  assert_string_equal(status_of(&w, "test.app"), "Queued");
  assert_string_equal(status_of(&w, "test.app"), "Installing");
  assert_string_equal(status_of(&w, "test.app"), "Managed");
  assert_int_equal(pl_count(pl_get(ask(&w, "InstalledApplicationList", NULL), "InstalledApplicationList")), 4);
  assert_int_equal(refused(&w, "RemoveApplication", own, "Error"), 12029);
  assert_string_equal(pl_str(ask_on(&w, 0, "InstallApplication", own, "Error"), "RejectionReason"),
                      "AppAlreadyInstalled");
  pl_set_string(own, "ChangeManagementState", "Managed");
  ask(&w, "InstallApplication", own);
  assert_string_equal(status_of(&w, "com.apple.Keynote"), "Managed");
  ask(&w, "RemoveApplication", dict(&w, "Identifier", "test.app"));
  assert_null(status_of(&w, "test.app"));
  end(&w);
}

/* A manifest that names no package is refused at once; with --late an app stops where it is told to. */
static void test_manifests_and_late_apps(void **state) {
  (void)state;
  struct world mac = world("macos"), phone = world("ios");
  struct lab_trouble late;
  struct pl *arguments = pl_new_dict(mac.cx);
  pl_set(arguments, "Manifest", pl_new_dict(mac.cx));
  assert_int_equal(refused(&mac, "InstallEnterpriseApplication", arguments, "Error"), 12024);
  assert_int_equal(
      lab_trouble_read(phone.cx, &late, &(struct lab_trouble_words){.late = "InstallApplication=PromptingForLogin"}),
      OK);
  phone.d->trouble = &late;
  ask(&phone, "InstallApplication", dict(&phone, "Identifier", "test.app"));
  for (int i = 0; i < 3; i++) assert_string_equal(status_of(&phone, "test.app"), "PromptingForLogin");
  end(&mac);
  end(&phone);
}

/* ---- the rest ---- */

/* A device is located when it is lost, and only then. */
static void test_lost_mode(void **state) {
  (void)state;
  struct world w = world("ios");
  assert_int_equal(refused(&w, "DeviceLocation", NULL, "Error"), 12078);
  assert_int_equal(refused(&w, "EnableLostMode", NULL, "Error"), 12066);
  ask(&w, "EnableLostMode", dict(&w, "Message", "Lost"));
  assert_int_equal(pl_type(pl_get(ask(&w, "DeviceLocation", NULL), "Latitude")), PL_REAL);
  ask(&w, "DisableLostMode", NULL);
  assert_int_equal(refused(&w, "PlayLostModeSound", NULL, "Error"), 12078);
  end(&w);
}

/* An update goes step by step until the device runs it; systems of 2026 know no such commands. */
static void test_updates(void **state) {
  (void)state;
  struct world w = world("ios");
  struct pl *arguments = pl_new_dict(w.cx), *list = pl_new_array(w.cx);
  pl_add(list, dict(&w, "InstallAction", "InstallASAP"));
  pl_set(arguments, "Updates", list);
  assert_int_equal(pl_count(pl_get(ask(&w, "OSUpdateStatus", NULL), "OSUpdateStatus")), 0);
  assert_int_equal(pl_count(pl_get(ask(&w, "AvailableOSUpdates", NULL), "AvailableOSUpdates")), 1);
  ask(&w, "ScheduleOSUpdate", arguments);
  for (int i = 0; i < 2; i++) assert_int_equal(pl_count(pl_get(ask(&w, "OSUpdateStatus", NULL), "OSUpdateStatus")), 1);
  assert_string_equal(w.d->os_version, "18.6.3");
  assert_int_equal(pl_count(pl_get(ask(&w, "AvailableOSUpdates", NULL), "AvailableOSUpdates")), 0);
  strcpy(w.d->os_version, "27.0");
  assert_int_equal(refused(&w, "AvailableOSUpdates", NULL, "Error"), 12021);
  end(&w);
}

/* Nested arguments are looked at, and named by their path. */
static void test_nested_arguments(void **state) {
  (void)state;
  static const struct {
    const char *type, *text, *path;
  } cases[] = {
      {"DeviceInformation", "<dict><key>Queries</key><array><integer>1</integer></array></dict>", "Queries.0"},
      {"DeviceLock", "<dict><key>PIN</key><string>12345</string></dict>", "PIN"},
      {"RotateFileVaultKey",
       "<dict><key>KeyType</key><string>personal</string><key>FileVaultUnlock</key><dict><key>Password</key><true/></"
       "dict></dict>",
       "FileVaultUnlock.Password"},
      {"ScheduleOSUpdate",
       "<dict><key>Updates</key><array><dict><key>InstallAction</key><string>Now</string></dict></array></dict>",
       "Updates.0.InstallAction"},
      {"InstallApplication", "<dict><key>ManagementFlags</key><integer>2</integer></dict>", "ManagementFlags"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct world w = world("macos");
    struct pl *arguments;
    assert_int_equal(
        pl_parse(w.cx, slice_of(ctx_printf(w.cx, "<plist>%s</plist>", cases[i].text)), &pl_limits_checkin, &arguments),
        OK);
    struct pl *report = ask_on(&w, 0, cases[i].type, arguments, "CommandFormatError");
    const char *text = pl_str(pl_at(pl_get(report, "ErrorChain"), 0), "USEnglishDescription");
    if (!strstr(text, ctx_printf(w.cx, "key %s is", cases[i].path))) fail_msg("%s: %s", cases[i].path, text);
    end(&w);
  }
}

/* A right that the enrollment profile did not ask for is not there. */
static void test_rights(void **state) {
  (void)state;
  struct world w = world("macos");
  struct pl *arguments = pl_new_dict(w.cx), *queries = pl_new_array(w.cx);
  pl_add_string(queries, "UDID");
  pl_add_string(queries, "OSVersion");
  pl_set(arguments, "Queries", queries);
  w.d->profile.rights = 8191 & ~(8 | 16);
  assert_int_equal(refused(&w, "EraseDevice", NULL, "Error"), 12000);
  assert_int_equal(pl_count(pl_get(ask(&w, "DeviceInformation", arguments), "QueryResponses")), 1);
  end(&w);
}

/* Settings are told from then on, on that device only. */
static void test_settings(void **state) {
  (void)state;
  struct world w = world("ios");
  struct pl *arguments = pl_new_dict(w.cx), *list = pl_new_array(w.cx), *zone = dict(&w, "Item", "TimeZone"),
            *queries = pl_new_array(w.cx), *question = pl_new_dict(w.cx);
  pl_set_string(zone, "TimeZone", "Asia/Tokyo");
  pl_add(list, zone);
  pl_set(arguments, "Settings", list);
  assert_string_equal(pl_str(pl_at(pl_get(ask(&w, "Settings", arguments), "Settings"), 0), "Status"), "Acknowledged");
  pl_add_string(queries, "TimeZone");
  pl_set(question, "Queries", queries);
  assert_string_equal(pl_str(pl_get(ask(&w, "DeviceInformation", question), "QueryResponses"), "TimeZone"),
                      "Asia/Tokyo");
  end(&w);
}

/* What a device did is there when it comes back from a folder. */
static void test_kept(void **state) {
  (void)state;
  struct world w = world("ios");
  char folder[] = "/tmp/lab-answer-XXXXXX";
  struct lab_keys *keys;
  struct lab_device **back;
  size_t n;
  struct escrow e = escrow(&w);
  assert_non_null(mkdtemp(folder));
  assert_int_equal(lab_keys_open(w.cx, &keys, NULL, 1), OK);
  w.d->key = lab_keys_at(keys, 0);
  struct lab_profile p = {"test.enrollment",
                          "E-1",
                          "https://a/scep",
                          "n",
                          "cn",
                          NULL,
                          {0},
                          "https://a",
                          "https://a",
                          "t",
                          {0},
                          {0},
                          8191,
                          true,
                          true};
  lab_device_adopt(w.d, &p, e.cert);
  w.d->phase = LAB_ENROLLED;
  ask(&w, "InstallProfile",
      profile(&w, "test.passcode", payload(&w, "com.apple.mobiledevice.passwordpolicy", "P-1"), NULL));
  ask(&w, "InstallApplication", dict(&w, "Identifier", "test.app"));
  assert_int_equal(lab_state_save(w.cx, w.d, folder), OK);
  lab_device_free(w.d);
  assert_int_equal(lab_state_load(w.cx, &back, &n, keys, folder), OK);
  assert_int_equal(n, 1);
  w.d = back[0];
  assert_true(w.d->supervised);
  assert_int_equal(w.d->profile.rights, 8191);
  assert_true(yes(security(&w), "PasscodePresent"));
  assert_string_equal(status_of(&w, "test.app"), "Queued");
  assert_int_equal(pl_count(pl_get(ask(&w, "ProfileList", NULL), "ProfileList")), 2);
  lab_keys_close(keys);
  assert_int_equal(unlink(ctx_printf(w.cx, "%s/U-1.plist", folder)), 0);
  assert_int_equal(rmdir(folder), 0);
  end(&w);
}

/* ---- troubles ---- */

/* Wrong words of the options are named. */
static void test_wrong_troubles(void **state) {
  (void)state;
  static const struct lab_trouble_words cases[] = {
      {.fail = "RestartDevice"},
      {.fail = "RestartDevice=A"},
      {.fail = "RestartDevice=A:b"},
      {.fail = "=A:1"},
      {.fail = "RestartDevice=A:1x0"},
      {.fail = "A=B:1,A"},
      {.late = "InstallProfile=Queued"},
      {.late = "InstallApplication"},
      {.percent = 101},
      {.fail = "A=B:1,A=B:1,A=B:1,A=B:1,A=B:1,A=B:1,A=B:1,A=B:1,A=B:1"},
  };
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lab_trouble t;
    assert_int_equal(lab_trouble_read(cx, &t, &cases[i]), E_USAGE);
    assert_true(*ctx_error_text(cx));
    ctx_clear_error(cx);
  }
  ctx_free(cx);
}

/* --fail refuses so many, and others not at all. */
static void test_fail(void **state) {
  (void)state;
  struct world w = world("macos");
  struct lab_trouble t;
  assert_int_equal(
      lab_trouble_read(w.cx, &t, &(struct lab_trouble_words){.fail = "SecurityInfo=Some.Domain:-7x2,UserList=D:1"}),
      OK);
  w.d->trouble = &t;
  for (int i = 0; i < 2; i++) assert_int_equal(refused(&w, "SecurityInfo", NULL, "Error"), -7);
  ask(&w, "SecurityInfo", NULL);
  ask(&w, "ProfileList", NULL);
  for (int i = 0; i < 5; i++) assert_int_equal(refused(&w, "UserList", NULL, "Error"), 1);
  end(&w);
}

enum { ASKED = 1000, TENTH_LEAST = 60, TENTH_MOST = 140 };

/* How many of ASKED commands, each about another user, go wrong the first time; the second all are well. */
static size_t misfortunes(int64_t seed, uint64_t *which) {
  struct world w = world("macos");
  struct lab_trouble t;
  size_t wrong = 0;
  *which = 0;
  assert_int_equal(lab_trouble_read(w.cx, &t, &(struct lab_trouble_words){.percent = 10, .seed = seed}), OK);
  w.d->trouble = &t;
  lab_device_add_user(w.d);
  for (int i = 0; i < ASKED; i++) {
    const char *command = ctx_printf(w.cx,
                                     "<plist><dict><key>CommandUUID</key><string>c</string><key>Command</"
                                     "key><dict><key>RequestType</key><string>RemoveProfile"
                                     "</string><key>Identifier</key><string>p%d</string></dict></dict></plist>",
                                     i);
    struct lab_report r;
    assert_int_equal(lab_answer(w.cx, w.d, w.d->channels, slice_of(command), &r), OK);
    bool unlucky = strcmp(r.status, "NotNow") == 0 || strstr(r.body.p, "12011");
    wrong += unlucky;
    *which = *which * 31 + unlucky;
    if (!unlucky) continue;
    assert_int_equal(lab_answer(w.cx, w.d, w.d->channels, slice_of(command), &r), OK);
    assert_non_null(strstr(r.body.p, "12075"));
  }
  end(&w);
  return wrong;
}

/* --trouble 10 is a tenth, the same for the same seed, and over when it is asked again. */
static void test_trouble(void **state) {
  (void)state;
  uint64_t first, again, other;
  size_t n = misfortunes(1, &first);
  assert_in_range(n, TENTH_LEAST, TENTH_MOST);
  assert_int_equal(misfortunes(1, &again), n);
  assert_true(first == again);
  assert_in_range(misfortunes(2, &other), TENTH_LEAST, TENTH_MOST);
  assert_true(first != other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_passcode),
      cmocka_unit_test(test_firewall_and_restrictions),
      cmocka_unit_test(test_profile_list),
      cmocka_unit_test(test_filevault),
      cmocka_unit_test(test_passwords),
      cmocka_unit_test(test_bypass_code),
      cmocka_unit_test(test_apps),
      cmocka_unit_test(test_manifests_and_late_apps),
      cmocka_unit_test(test_lost_mode),
      cmocka_unit_test(test_updates),
      cmocka_unit_test(test_nested_arguments),
      cmocka_unit_test(test_rights),
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_kept),
      cmocka_unit_test(test_wrong_troubles),
      cmocka_unit_test(test_fail),
      cmocka_unit_test(test_trouble),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
