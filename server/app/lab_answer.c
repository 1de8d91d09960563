/* How a simulated device answers commands: by the server's own table, and honestly where the protocol says how. */
#include "app/lab_task.h"

#include <string.h>

/* ---- errors ---- */
static const struct {
  const char *domain;
  int code;
  const char *text;
} faults[] = {
    [LAB_MALFORMED] = {"MCMDMErrorDomain", 12008, "The MDM request is invalid."},
    [LAB_UNKNOWN_COMMAND] = {"MCMDMErrorDomain", 12021, "The request type is not valid for this device."},
    [LAB_NO_RIGHT] = {"MCMDMErrorDomain", 12000, "The access rights do not allow this."},
    [LAB_NOT_SUPERVISED] = {"MCChaperoneErrorDomain", 29000, "The device is not supervised."},
    [LAB_NOT_PERMITTED] = {"MCMDMErrorDomain", 12007, "This is not authorised now."},
    [LAB_PROFILE_MALFORMED] = {"MCProfileErrorDomain", 1000, "The profile is malformed."},
    [LAB_PROFILE_NOT_INSTALLED] = {"MCMDMErrorDomain", 12075, "The profile is not installed."},
    [LAB_INSTALL_FAILED] = {"MCInstallationErrorDomain", 4001, "The profile could not be installed."},
    [LAB_WRONG_TOKEN] = {"MCPasscodeErrorDomain", 5013, "The passcode could not be cleared: wrong unlock token."},
    [LAB_MANIFEST] = {"MCMDMErrorDomain", 12024, "The manifest is not valid."},
    [LAB_APP_INSTALLED] = {"MCMDMErrorDomain", 12025, "The app is installed already."},
    [LAB_APP_NOT_MANAGED] = {"MCMDMErrorDomain", 12029, "The app is not managed."},
    [LAB_NO_LOST_MODE_TEXT] = {"MCMDMErrorDomain", 12066, "Lost mode needs a message or a phone number."},
    [LAB_NOT_IN_LOST_MODE] = {"MCMDMErrorDomain", 12078, "The device is not in lost mode."},
    [LAB_NO_SUCH_USER] = {"MCMDMErrorDomain", 12071, "There is no such user."},
    [LAB_USER_LOGGED_IN] = {"MCMDMErrorDomain", 12072, "The user is logged in."},
    [LAB_NO_SUCH_UPDATE] = {"MCMDMErrorDomain", 12050, "There is no such update."},
    [LAB_UNKNOWN_SETTING] = {"MCSettingsErrorDomain", 28000, "The setting is unknown to this device."},
    [LAB_NO_HARDWARE] = {"MCMDMErrorDomain", 12021, "This device's hardware has no such thing."},
    [LAB_BAD_LUCK] = {"MCMDMErrorDomain", 12011, "The device could not do it this time."},
};

struct pl *lab_error_chain(struct ctx *cx, enum lab_fault fault, const char *text) {
  struct pl *chain = pl_new_array(cx), *e = pl_new_dict(cx);
  if (!text) text = faults[fault].text;
  pl_set_int(e, "ErrorCode", faults[fault].code);
  pl_set_string(e, "ErrorDomain", faults[fault].domain);
  pl_set_string(e, "LocalizedDescription", text);
  pl_set_string(e, "USEnglishDescription", text);
  pl_add(chain, e);
  return chain;
}

void lab_refuse_saying(struct lab_task *t, enum lab_fault fault, const char *text) {
  pl_set(t->report, "ErrorChain", lab_error_chain(t->cx, fault, text));
  t->out->status = fault == LAB_MALFORMED ? "CommandFormatError" : "Error";
}

void lab_refuse(struct lab_task *t, enum lab_fault fault) { lab_refuse_saying(t, fault, NULL); }

/* ---- what is never put off ---- */
static bool may_put_off(const struct lab_task *t) {
  static const struct {
    const char *request_type;
    int platforms;
  } never[] = {
#define LAB_NEVER_NOT_NOW(type, platforms) {#type, platforms},
#include "app/lab_commands.def"
#undef LAB_NEVER_NOT_NOW
  };
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (strcmp(never[i].request_type, t->out->request_type) == 0)
      return !(never[i].platforms & (int)t->device->platform->os);
  return true;
}

/* ---- what is done ---- */
static const struct {
  const char *request_type;
  lab_deed *run;
} deeds[] = {
    /* all others are acknowledged, and that is all */
    {"AccountConfiguration", lab_account_configuration},
    {"ActivationLockBypassCode", lab_bypass_code},
    {"ActiveNSExtensions", lab_extensions},
    {"ApplyRedemptionCode", lab_apply_redemption_code},
    {"AvailableOSUpdates", lab_available_updates},
    {"CertificateList", lab_certificate_list},
    {"ClearActivationLockBypassCode", lab_clear_bypass_code},
    {"ClearPasscode", lab_clear_passcode},
    {"ContentCachingInformation", lab_content_caching},
    {"DeleteUser", lab_delete_user},
    {"DeviceConfigured", lab_device_configured},
    {"DeviceInformation", lab_device_information},
    {"DeviceLocation", lab_device_location},
    {"DeviceLock", lab_device_lock},
    {"DisableLostMode", lab_disable_lost_mode},
    {"DisableRemoteDesktop", lab_disable_remote_desktop},
    {"EnableLostMode", lab_enable_lost_mode},
    {"EnableRemoteDesktop", lab_enable_remote_desktop},
    {"EraseDevice", lab_erase},
    {"InstallApplication", lab_install_application},
    {"InstallEnterpriseApplication", lab_install_enterprise_application},
    {"InstallMedia", lab_install_media},
    {"InstallProfile", lab_install_profile},
    {"InstallProvisioningProfile", lab_install_provisioning_profile},
    {"InstalledApplicationList", lab_application_list},
    {"InviteToProgram", lab_invite_to_program},
    {"LOMDeviceRequest", lab_lom_request},
    {"LOMSetupRequest", lab_lom_setup},
    {"ManagedApplicationAttributes", lab_managed_application_attributes},
    {"ManagedApplicationConfiguration", lab_managed_application_configuration},
    {"ManagedApplicationFeedback", lab_managed_application_feedback},
    {"ManagedApplicationList", lab_managed_application_list},
    {"ManagedMediaList", lab_managed_media_list},
    {"NSExtensionMappings", lab_extension_mappings},
    {"OSUpdateStatus", lab_update_status},
    {"PlayLostModeSound", lab_play_lost_mode_sound},
    {"ProfileList", lab_profile_list},
    {"ProvisioningProfileList", lab_provisioning_profile_list},
    {"RefreshCellularPlans", lab_refresh_cellular_plans},
    {"RemoveApplication", lab_remove_application},
    {"RemoveMedia", lab_remove_media},
    {"RemoveProfile", lab_remove_profile},
    {"RemoveProvisioningProfile", lab_remove_provisioning_profile},
    {"RequestMirroring", lab_request_mirroring},
    {"RequestUnlockToken", lab_request_unlock_token},
    {"RestartDevice", lab_restart},
    {"Restrictions", lab_restrictions},
    {"RotateFileVaultKey", lab_rotate_filevault_key},
    {"ScheduleOSUpdate", lab_schedule_update},
    {"ScheduleOSUpdateScan", lab_update_scan},
    {"SecurityInfo", lab_security_info},
    {"SetAutoAdminPassword", lab_set_auto_admin_password},
    {"SetFirmwarePassword", lab_set_firmware_password},
    {"SetRecoveryLock", lab_set_recovery_lock},
    {"Settings", lab_settings},
    {"ShutDownDevice", lab_shut_down},
    {"UnlockUserAccount", lab_unlock_user_account},
    {"UserList", lab_user_list},
    {"VerifyFirmwarePassword", lab_verify_firmware_password},
    {"VerifyRecoveryLock", lab_verify_recovery_lock},
};

static void execute(struct lab_task *t) {
  t->out->status = "Acknowledged";
  for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
    if (strcmp(deeds[i].request_type, t->out->request_type) == 0) deeds[i].run(t);
  t->device->acknowledged += strcmp(t->out->status, "Acknowledged") == 0;
}

/* ---- the answer ---- */

/* True when it is put off, or goes wrong on purpose. */
static bool gets_nowhere(struct lab_task *t) {
  struct pl *failure = lab_fails(t);
  if (failure) {
    pl_set(t->report, "ErrorChain", failure);
    t->out->status = "Error";
    return true;
  }
  bool later = may_put_off(t);
  if (t->channel->not_now > 0 && later) {
    t->channel->not_now--;
    t->out->status = "NotNow";
    return true;
  }
  enum lab_fortune fortune = lab_draw(t);
  if (fortune == LAB_PUTS_OFF && later)
    t->out->status = "NotNow";
  else if (fortune != LAB_ALL_RIGHT)
    lab_refuse(t, LAB_BAD_LUCK);
  return fortune != LAB_ALL_RIGHT;
}

static void decide(struct lab_task *t) {
  const char *wrong = NULL;
  if (!*t->out->request_type) {
    lab_refuse(t, LAB_MALFORMED);
    return;
  }
  switch (lab_judge_command(t, t->out->request_type, &wrong)) {
  case LAB_FORBIDDEN:
    lab_refuse(t, LAB_UNKNOWN_COMMAND);
    return;
  case LAB_UNSUPERVISED:
    lab_refuse(t, LAB_NOT_SUPERVISED);
    return;
  case LAB_RIGHTLESS:
    lab_refuse(t, LAB_NO_RIGHT);
    return;
  case LAB_WRONG:
    lab_refuse_saying(t, LAB_MALFORMED, ctx_printf(t->cx, "The key %s is missing or wrong.", wrong));
    return;
  case LAB_FITS:
    if (!gets_nowhere(t)) execute(t);
    return;
  }
}

static struct pl *report_new(struct ctx *cx, const struct lab_device *d, const struct lab_channel *c,
                             const struct lab_report *of) {
  struct pl *report = pl_new_dict(cx);
  const char *type = of->request_type;
  pl_set_string(report, "CommandUUID", of->uuid);
  lab_put_ids(report, d, c);
  if (*type && d->platform->os == MAC) pl_set_string(report, "RequestType", type); /* as Macs do */
  return report;
}

enum err lab_answer(struct ctx *cx, struct lab_device *d, struct lab_channel *c, struct slice command,
                    struct lab_report *out) {
  struct pl *root;
  *out = (struct lab_report){0};
  TRY(pl_parse(cx, command, &pl_limits_report, &root));
  const char *uuid = pl_str(root, "CommandUUID"), *type = pl_str(pl_get(root, "Command"), "RequestType");
  if (!uuid) return FAIL(cx, E_INVALID, "a command without CommandUUID");
  out->uuid = ctx_strdup(cx, uuid);
  out->request_type = type ? ctx_strdup(cx, type) : "";
  if (d->swallow && type && strcmp(d->swallow, type) == 0) return OK;
  struct lab_task t = {cx, d, c, pl_get(root, "Command"), report_new(cx, d, c, out), out};
  decide(&t);
  if (d->vanishes && out->effect == LAB_ERASES) {
    out->status = NULL;
    return OK;
  }
  pl_set_string(t.report, "Status", out->status);
  out->body = pl_xml(cx, t.report);
  return OK;
}
