/* How safe a simulated device says it is, and its secrets: SecurityInfo, FileVault, passcode, passwords. What profiles
   ask for is in force as soon as they are installed: whoever sits before the device does as he is told. */
#include "app/lab_task.h"
#include "base/secret.h"
#include "lib/pki_cms.h"

#include <string.h>

#define USER_PASSWORD "lab" /* of whoever sits before the Mac */

/* ---- FileVault ---- */

/* Six groups of four, as a Mac shows it. */
static const char *new_recovery_key(struct ctx *cx) {
  static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  uint8_t random[24];
  char key[30];
  secret_random(random, sizeof random);
  for (size_t i = 0, at = 0; i < sizeof random; i++) {
    if (i && i % 4 == 0) key[at++] = '-';
    key[at++] = alphabet[random[i] % (sizeof alphabet - 1)];
    key[at] = 0;
  }
  return ctx_strdup(cx, key);
}

/* A profile turns it on; its removal does not turn it off. */
void lab_obey_filevault(struct ctx *cx, struct lab_channel *own) {
  struct pl *wish = lab_payload_in_force(cx, own, "com.apple.MCX.FileVault2");
  const char *enable = pl_str(wish, "Enable");
  bool with_key = true;
  if (!enable || strcmp(enable, "On") != 0 || lab_flag(cx, own, "FDE_Enabled")) return;
  (void)pl_bool(pl_get(wish, "UseRecoveryKey"), &with_key);
  lab_set_flag(cx, own, "FDE_Enabled", true);
  if (with_key) lab_set_text(cx, own, "RecoveryKey", new_recovery_key(cx));
}

static enum err envelop(struct ctx *cx, struct slice *der, const char *key, struct slice certificate) {
  struct pki_cert *cert;
  TRY(pki_cert_parse(cx, &cert, certificate));
  return pki_cms_seal(cx, der, slice_of(key), cert, "aes-256-cbc");
}

static void put_filevault(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];
  const char *key = lab_text(cx, own, "RecoveryKey");
  struct pl *escrow = lab_payload_in_force(cx, own, "com.apple.security.FDERecoveryKeyEscrow");
  struct slice certificate, der;
  pl_set_bool(info, "FDE_Enabled", lab_flag(cx, own, "FDE_Enabled"));
  pl_set_bool(info, "FDE_HasPersonalRecoveryKey", key != NULL);
  pl_set_bool(info, "FDE_HasInstitutionalRecoveryKey", false);
  if (!key || !pl_data(pl_get(escrow, LAB_ESCROW_CERTIFICATE), &certificate)) return;
  if (envelop(cx, &der, key, certificate) == OK) {
    const char *note = pl_str(escrow, "DeviceKey");
    pl_set_data(info, "FDE_PersonalRecoveryKeyCMS", der);
    pl_set_string(info, "FDE_PersonalRecoveryKeyDeviceKey", note ? note : d->serial);
  }
  ctx_clear_error(cx);
}

void lab_rotate_filevault_key(struct lab_task *t) {
  const char *type = pl_str(t->command, "KeyType"), *key = lab_text(t->cx, lab_own(t), "RecoveryKey"),
             *password = pl_str(pl_get(t->command, "FileVaultUnlock"), "Password");
  struct pl *result = pl_new_dict(t->cx);
  struct slice certificate, der;
  bool unlocks = password && (strcmp(password, USER_PASSWORD) == 0 || (key && strcmp(password, key) == 0));
  if (!lab_flag(t->cx, lab_own(t), "FDE_Enabled") || !unlocks || strcmp(type, "personal") != 0) {
    lab_refuse_saying(t, LAB_NOT_PERMITTED,
                      "The FileVault key was not changed: it is off, or this does not unlock it.");
    return;
  }
  const char *fresh = new_recovery_key(t->cx);
  bool escrowed = pl_data(pl_get(t->command, "ReplyEncryptionCertificate"), &certificate);
  if (escrowed && envelop(t->cx, &der, fresh, certificate) != OK) {
    ctx_clear_error(t->cx);
    lab_refuse_saying(t, LAB_MALFORMED, "ReplyEncryptionCertificate is no certificate of an RSA key.");
    return;
  }
  lab_set_text(t->cx, lab_own(t), "RecoveryKey", fresh);
  if (escrowed) pl_set_data(result, "EncryptedNewRecoveryKey", der);
  pl_set(t->report, "RotateResult", result);
}

/* ---- SecurityInfo ---- */
static bool asked_for(struct pl *payload, const char *key) {
  bool value = false;
  return pl_bool(pl_get(payload, key), &value) && value;
}

static void put_firewall(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];

  struct pl *wish = lab_payload_in_force(cx, own, "com.apple.security.firewall"), *state = pl_new_dict(cx);
  pl_set_bool(state, "FirewallEnabled", asked_for(wish, "EnableFirewall"));
  pl_set_bool(state, "BlockAllIncoming", asked_for(wish, "BlockAllIncoming"));
  pl_set_bool(state, "StealthMode", asked_for(wish, "EnableStealthMode"));
  pl_set_bool(state, "LoggingEnabled", false);
  pl_set_string(state, "LoggingOption", "throttled");
  if (!d->user_enrollment) pl_set(state, "Applications", pl_new_array(cx));
  pl_set(info, "FirewallSettings", state);
}

static void put_boot(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];
  struct pl *firmware = pl_new_dict(cx), *boot = pl_new_dict(cx);
  bool intel = d->platform->intel;
  pl_set_bool(firmware, "PasswordExists", lab_text(cx, own, "FirmwarePassword") != NULL);
  pl_set_bool(firmware, "ChangePending", lab_flag(cx, own, "FirmwareChangePending"));
  pl_set_bool(firmware, "AllowOroms", lab_flag(cx, own, "AllowOroms"));
  pl_set_string(boot, "SecureBootLevel", "full");
  pl_set_string(boot, "ExternalBootLevel", intel ? "disallowed" : "not supported");
  if (!intel) pl_set(boot, "ReducedSecurity", pl_new_array(cx)); /* nothing is */
  pl_set(info, "FirmwarePasswordStatus", firmware);
  pl_set(info, "SecureBoot", boot);
}

static void put_bootstrap(struct pl *info, const struct lab_device *d) {
  bool silicon = !d->platform->intel;
  pl_set_string(info, "BootstrapTokenAllowedForAuthentication", silicon ? "allowed" : "not supported");
  pl_set_bool(info, "BootstrapTokenRequiredForSoftwareUpdate", silicon);
  pl_set_bool(info, "BootstrapTokenRequiredForKernelExtensionApproval", silicon);
}

static void put_mac(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];
  put_filevault(cx, info, d);
  put_firewall(cx, info, d);
  put_boot(cx, info, d);
  put_bootstrap(info, d);
  pl_set_bool(info, "SystemIntegrityProtectionEnabled", true);
  pl_set_bool(info, "AuthenticatedRootVolumeEnabled", true);
  pl_set_bool(info, "RemoteDesktopEnabled", lab_flag(cx, own, "RemoteDesktopEnabled"));
  if (!d->platform->intel) pl_set_bool(info, "IsRecoveryLockEnabled", lab_text(cx, own, "RecoveryLock") != NULL);
}

/* What a User Enrollment does not tell is left out. */
static void put_mac_byod(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];
  put_firewall(cx, info, d);
  put_boot(cx, info, d);
  pl_set_bool(info, "FDE_Enabled", lab_flag(cx, own, "FDE_Enabled"));
  pl_set_bool(info, "SystemIntegrityProtectionEnabled", true);
  pl_set_bool(info, "AuthenticatedRootVolumeEnabled", true);
}

/* With a policy whoever holds the device has set a passcode that complies. */
void lab_obey_passcode(struct ctx *cx, struct lab_channel *own) {
  if (lab_payload_in_force(cx, own, LAB_PASSCODE_PAYLOAD)) lab_set_flag(cx, own, "PasscodePresent", true);
}

static void put_passcode(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  const struct lab_channel *own = &d->channels[0];
  struct pl *policy = lab_payload_in_force(cx, own, LAB_PASSCODE_PAYLOAD);
  bool present = lab_flag(cx, own, "PasscodePresent"), complies = present || !policy;
  int64_t grace = lab_count(cx, own, "PasscodeLockGracePeriod"), minutes = 0;
  bool enforced = pl_int(pl_get(policy, "maxGracePeriod"), &minutes);
  pl_set_int(info, "HardwareEncryptionCaps", 3);
  pl_set_bool(info, "PasscodeCompliant", complies);
  if (d->user_enrollment) return;
  pl_set_bool(info, "PasscodePresent", present);
  pl_set_bool(info, "PasscodeCompliantWithProfiles", complies);
  pl_set_int(info, "PasscodeLockGracePeriod", grace);
  pl_set_int(info, "PasscodeLockGracePeriodEnforced", enforced ? 60 * minutes : grace);
  if (d->platform->os == SHARED) pl_set_int(info, "AutoLockTime", lab_count(cx, own, "AutoLockTime"));
}

static void put_management(struct ctx *cx, struct pl *info, const struct lab_device *d) {
  struct pl *m = pl_new_dict(cx);
  pl_set_bool(m, "IsUserEnrollment", d->user_enrollment);
  if (d->platform->os == MAC) {
    pl_set_bool(m, "EnrolledViaDEP", d->automated);
    pl_set_bool(m, "UserApprovedEnrollment", true);
    pl_set_bool(m, "IsActivationLockManageable", lab_is_supervised(d));
  }
  pl_set(info, "ManagementStatus", m);
}

void lab_security_info(struct lab_task *t) {
  struct pl *info = pl_new_dict(t->cx);
  const struct lab_device *d = t->device;
  bool is_user = t->channel != d->channels; /* only a Mac's is asked: it tells how the Mac is managed, no more */
  if (d->platform->os != MAC)
    put_passcode(t->cx, info, d);
  else if (!is_user && d->user_enrollment)
    put_mac_byod(t->cx, info, d);
  else if (!is_user)
    put_mac(t->cx, info, d);
  put_management(t->cx, info, d);
  pl_set(t->report, "SecurityInfo", info);
}

/* ---- passcode ---- */
void lab_clear_passcode(struct lab_task *t) {
  struct slice token, own;
  lab_unlock_token(t->cx, &own, lab_own(t));
  if (pl_data(pl_get(t->command, "UnlockToken"), &token) && slice_eq(token, own))
    lab_set_flag(t->cx, lab_own(t), "PasscodePresent", false);
  else
    lab_refuse(t, LAB_WRONG_TOKEN);
}

void lab_request_unlock_token(struct lab_task *t) {
  struct slice token;
  lab_unlock_token(t->cx, &token, lab_own(t));
  pl_set_data(t->report, "UnlockToken", token);
}

/* ---- Activation Lock: 16 bytes in base 32, dashed ---- */
static const char *bypass_code(struct ctx *cx) {
  static const char alphabet[] = "0123456789ACDEFGHJKLMNPQRTUVWXYZ";
  static const size_t dash_after[] = {5, 10, 14, 18, 22};
  uint8_t random[26];
  char code[32];
  size_t n = 0;
  secret_random(random, sizeof random);
  for (size_t i = 0, dash = 0; i < sizeof random; i++) {
    if (dash < sizeof dash_after / sizeof *dash_after && i == dash_after[dash]) {
      code[n++] = '-';
      dash++;
    }
    /* the last two stand for 128 - 25 * 5 bits: three, and padding */
    code[n++] = alphabet[random[i] % (i == 25 ? 8 : 32) * (i == 25 ? 4 : 1)];
  }
  code[n] = 0;
  return ctx_strdup(cx, code);
}

void lab_bypass_code(struct lab_task *t) {
  const char *code = lab_text(t->cx, lab_own(t), "BypassCode");
  if (!code) {
    code = bypass_code(t->cx);
    lab_set_text(t->cx, lab_own(t), "BypassCode", code);
  }
  if (*code)
    pl_set_string(t->report, "ActivationLockBypassCode", code);
  else
    lab_refuse_saying(t, LAB_NOT_PERMITTED, "There is no bypass code any more.");
}

void lab_clear_bypass_code(struct lab_task *t) { lab_set_text(t->cx, lab_own(t), "BypassCode", ""); }

/* ---- passwords of the firmware (Intel) and of recoveryOS (Apple silicon) ---- */
static bool has_hardware(struct lab_task *t, bool intel) {
  if (t->device->platform->intel != intel) lab_refuse(t, LAB_NO_HARDWARE);
  return t->device->platform->intel == intel;
}

/* True when `kept` is what the command says is its value now. */
static bool says_password(struct lab_task *t, const char *kept, const char *key) {
  const char *password = lab_text(t->cx, lab_own(t), kept), *said = pl_str(t->command, key);
  return password ? said && strcmp(password, said) == 0 : !said || !*said;
}

static bool change_password(struct lab_task *t, const char *kept) {
  const char *fresh = pl_str(t->command, "NewPassword");
  if (!says_password(t, kept, "CurrentPassword")) {
    lab_refuse_saying(t, LAB_NOT_PERMITTED, "The current password is another one.");
    return false;
  }
  if (*fresh)
    lab_set_text(t->cx, lab_own(t), kept, fresh);
  else
    (void)lab_drop(lab_own(t), LAB_FACT, kept);
  return true;
}

static struct pl *verdict(struct ctx *cx, const char *key, bool yes) {
  struct pl *dict = pl_new_dict(cx);
  pl_set_bool(dict, key, yes);
  return dict;
}

void lab_set_firmware_password(struct lab_task *t) {
  bool oroms = false;
  if (!has_hardware(t, true) || !change_password(t, "FirmwarePassword")) return;
  (void)pl_bool(pl_get(t->command, "AllowOroms"), &oroms);
  lab_set_flag(t->cx, lab_own(t), "AllowOroms", oroms);
  lab_set_flag(t->cx, lab_own(t), "FirmwareChangePending", true);
  pl_set(t->report, "SetFirmwarePassword", verdict(t->cx, "PasswordChanged", true));
}

void lab_verify_firmware_password(struct lab_task *t) {
  if (has_hardware(t, true))
    pl_set(t->report, "VerifyFirmwarePassword",
           verdict(t->cx, "PasswordVerified", says_password(t, "FirmwarePassword", "Password")));
}

void lab_set_recovery_lock(struct lab_task *t) {
  if (has_hardware(t, false)) (void)change_password(t, "RecoveryLock");
}

void lab_verify_recovery_lock(struct lab_task *t) {
  if (has_hardware(t, false)) pl_set_bool(t->report, "PasswordVerified", says_password(t, "RecoveryLock", "Password"));
}

/* ---- remote desktop ---- */
void lab_enable_remote_desktop(struct lab_task *t) { lab_set_flag(t->cx, lab_own(t), "RemoteDesktopEnabled", true); }
void lab_disable_remote_desktop(struct lab_task *t) { lab_set_flag(t->cx, lab_own(t), "RemoteDesktopEnabled", false); }
