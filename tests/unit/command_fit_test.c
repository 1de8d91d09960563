/* Whether a device can do what it is asked, and what its operator is told. */
#include "core/command_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
  *state = ctx_new();
  return 0;
}

static int teardown(void **state) {
  ctx_free(*state);
  return 0;
}

enum {
  MAC,
  MAC_USER,
  INTEL,
  LOCKED_MAC,
  OLD_MAC,
  NEW_MAC,
  PHONE,
  FREE_PHONE,
  OLD_PHONE,
  NEW_PHONE,
  BYOD,
  IPAD,
  CELL_IPAD,
  SHARED,
  SHARED_USER,
  TV,
  WATCH,
  VISION,
  WEAK,
  NOBODY,
  SOMEBODY_S_PHONE,
  FRESH_PHONE,
  FRESH_MAC_USER
};
static const struct command_target targets[] = {
    [MAC] = {PLATFORM_MACOS, "Mac16,10", "15.6", .rights = 8191, .profile = "com.old.mdm", .supervised = KNOWN_YES,
             .ade = KNOWN_YES, .filevault = KNOWN_NO, .bootstrap_token = KNOWN_YES, .apple_silicon = KNOWN_YES},
    [MAC_USER] = {PLATFORM_MACOS, "Mac16,10", "15.6", .user = true, .rights = 8191, .profile = "com.old.mdm"},
    [INTEL] = {PLATFORM_MACOS, "iMac19,1", "14.0", .supervised = KNOWN_NO, .ade = KNOWN_NO, .apple_silicon = KNOWN_NO,
               .bootstrap_token = KNOWN_NO, .activation_lock = KNOWN_YES},
    [LOCKED_MAC] = {PLATFORM_MACOS, "Mac16,10", "15.6", .filevault = KNOWN_YES},
    [OLD_MAC] = {PLATFORM_MACOS, "iMac19,1", "10.13.4"},
    [NEW_MAC] = {PLATFORM_MACOS, "Mac17,1", "27.0", .supervised = KNOWN_YES},
    [PHONE] = {PLATFORM_IOS, "iPhone17,1", "18.6", .rights = 8191, .supervised = KNOWN_YES, .ade = KNOWN_YES,
               .shared_ipad = KNOWN_NO, .passcode = KNOWN_YES, .cellular = KNOWN_YES},
    [FREE_PHONE] = {PLATFORM_IOS, "iPhone17,1", "18.6", .supervised = KNOWN_NO, .ade = KNOWN_NO},
    [OLD_PHONE] = {PLATFORM_IOS, "iPhone10,1", "16.7.10", .supervised = KNOWN_YES},
    [NEW_PHONE] = {PLATFORM_IOS, "iPhone18,1", "27.0.1", .supervised = KNOWN_YES},
    [BYOD] = {PLATFORM_IOS, "iPhone17,1", "18.6", .user_enrollment = true, .supervised = KNOWN_NO},
    [IPAD] = {PLATFORM_IOS, "iPad14,8", "18.6", .supervised = KNOWN_YES, .shared_ipad = KNOWN_NO, .passcode = KNOWN_YES,
              .cellular = KNOWN_NO},
    [CELL_IPAD] = {PLATFORM_IOS, "iPad14,9", "18.6", .supervised = KNOWN_YES, .passcode = KNOWN_YES,
                   .cellular = KNOWN_YES},
    [SHARED] = {PLATFORM_IOS, "iPad11,6", "18.6", .supervised = KNOWN_YES, .ade = KNOWN_YES, .shared_ipad = KNOWN_YES},
    [SHARED_USER] = {PLATFORM_IOS, "iPad11,6", "18.6", .user = true, .supervised = KNOWN_YES, .ade = KNOWN_YES,
                     .shared_ipad = KNOWN_YES},
    [TV] = {PLATFORM_TVOS, "AppleTV14,1", "18.6", .supervised = KNOWN_YES},
    [WATCH] = {PLATFORM_WATCHOS, "Watch7,9", "11.6"},
    [VISION] = {PLATFORM_VISIONOS, "RealityDevice14,1", "1.3"},
    [WEAK] = {PLATFORM_IOS, "iPhone17,1", "18.6", .rights = 1 + 16, .supervised = KNOWN_YES},
    [NOBODY] = {.platform = PLATFORM_UNKNOWN},
    [SOMEBODY_S_PHONE] = {PLATFORM_IOS, "iPhone17,1", NULL},
    [FRESH_PHONE] = {PLATFORM_IOS, "iPhone17,1", "18.6", .supervised = KNOWN_NO},
    [FRESH_MAC_USER] = {PLATFORM_MACOS, "Mac16,10", NULL, .user = true},
};

/* ' for " in arguments. */
static void fit(struct ctx *cx, const char *type, const char *args, int target, struct command_fit *out) {
  struct command *c = ctx_alloc(cx, sizeof *c);
  struct command_uses *uses;
  struct js *json;
  char *text = ctx_strdup(cx, args);
  for (char *p = text; *p; p++)
    if (*p == '\'') *p = '"';
  if (js_parse(cx, slice_of(text), &json) != OK || command_build(cx, c, type, json, NULL) != OK)
    fail_msg("%s %s: %s", type, args, ctx_error_text(cx));
  assert_int_equal(command_uses(cx, c, &uses), OK);
  command_fit(cx, uses, &targets[target], out);
}

static const struct row {
  const char *type, *args;
  int target;
  const char *says; /* a part of the refusal, or of a warning; "": nothing at all is said */
} refused[] =
    {
        /* platform */
        {"RestartDevice", "{}", WATCH, "RestartDevice is for iOS, macOS, tvOS, and this is watchOS"},
        {"DeviceLock", "{}", TV, "DeviceLock is for iOS, macOS, visionOS, watchOS, and this is tvOS"},
        {"SetFirmwarePassword", "{'NewPassword':'x'}", PHONE, "is for macOS, and this is iOS"},
        {"EraseDevice", "{'PIN':'123456'}", PHONE, "its argument PIN is for macOS, and this is iOS"},
        {"RestartDevice", "{'NotifyUser':true}", PHONE, "its argument NotifyUser is for macOS"},
        {"Settings", "{'Settings':[{'Item':'HostName','HostName':'x'}]}", PHONE,
         "its argument Settings[0] (HostName) is for macOS"},
        {"Settings", "{'Settings':[{'Item':'HostName','HostName':'x'},{'Item':'Bluetooth','Enabled':true}]}", TV,
         "Settings[0] (HostName)"},
        {"Settings", "{'Settings':[{'Item':'AccessibilitySettings','GrayscaleEnabled':true}]}", WATCH,
         "GrayscaleEnabled is for no platform yet"},
        /* what is certain, before what is not known */
        {"DeviceConfigured", "{}", FRESH_PHONE, "is for supervised devices, and this is none"},
        {"VerifyRecoveryLock", "{'Password':'x'}", FRESH_MAC_USER, "is for devices, and this is a user of one"},
        /* version */
        {"DeviceLock", "{}", VISION, "DeviceLock needs visionOS 2.0, and this device has 1.3"},
        {"EraseDevice", "{'ReturnToService':{'Enabled':true}}", OLD_PHONE,
         "its argument ReturnToService needs iOS 17.0, and this device has 16.7.10"},
        {"EraseDevice", "{'ReturnToService':{'Enabled':true,'BootstrapToken':'aGk='}}", PHONE,
         "its argument ReturnToService.BootstrapToken needs iOS 26.0"},
        {"TriggerEnhancedLogCollection", "{'AppleCareToken':'x'}", PHONE, "needs iOS 27.0"},
        {"SetRecoveryLock", "{'NewPassword':'x'}", OLD_MAC, "needs macOS 11.5, and this device has 10.13.4"},
        {"InstallEnterpriseApplication", "{'Manifest':{}}", OLD_MAC, "needs macOS 10.13.6"},
        {"ScheduleOSUpdate", "{'Updates':[{'InstallAction':'Default'}]}", NEW_PHONE,
         "ScheduleOSUpdate is gone since iOS 27.0, and this device has 27.0.1"},
        {"ScheduleOSUpdateScan", "{}", NEW_MAC, "is gone since macOS 27.0"},
        {"Settings", "{'Settings':[{'Item':'SoftwareUpdateSettings','RecommendationCadence':1}]}", NEW_PHONE,
         "(SoftwareUpdateSettings) is gone since iOS 27.0"},
        /* supervision, Automated Device Enrollment, Shared iPad */
        {"RestartDevice", "{}", FREE_PHONE, "is for supervised devices, and this is none"},
        {"ActivationLockBypassCode", "{}", FREE_PHONE, "is for supervised devices"},
        {"EnableRemoteDesktop", "{}", INTEL, "is for supervised devices"},
        {"Settings", "{'Settings':[{'Item':'Bluetooth','Enabled':true}]}", FREE_PHONE,
         "Settings[0] (Bluetooth) is for supervised devices"},
        {"AccountConfiguration", "{}", INTEL, "Automated Device Enrollment, and this is none"},
        {"DeviceConfigured", "{}", FREE_PHONE, "Automated Device Enrollment, and this is none"},
        {"UserList", "{}", PHONE, "is for Shared iPads, and this is none"},
        {"LogOutUser", "{}", IPAD, "is for Shared iPads"},
        {"LogOutUser", "{}", FREE_PHONE, "is for Shared iPads"},
        {"ClearPasscode", "{'UnlockToken':'aGk='}", SHARED, "is not for Shared iPads, and this is one"},
        {"EraseDevice", "{'DisallowProximitySetup':true}", SHARED, "DisallowProximitySetup is not for Shared iPads"},
        /* User Enrollment */
        {"EraseDevice", "{}", BYOD, "is not for User Enrollments, and this is one"},
        {"Restrictions", "{}", BYOD, "is not for User Enrollments"},
        {"InstallApplication", "{'iTunesStoreID':1,'ChangeManagementState':'Managed'}", BYOD,
         "ChangeManagementState is not for User Enrollments"},
        /* channel */
        {"RestartDevice", "{}", MAC_USER, "is for devices, and this is a user of one: name the device"},
        {"ActiveNSExtensions", "{}", MAC, "is for users of a device"},
        {"UserConfigured", "{}", SHARED, "is for users of a device"},
        {"DeviceConfigured", "{}", SHARED_USER, "name the device"},
        {"Settings", "{'Settings':[{'Item':'ApplicationConfiguration','Identifier':'x'}]}", MAC_USER,
         "Settings[0] (ApplicationConfiguration) is for devices"},
        /* rights */
        {"EraseDevice", "{}", WEAK,
         "needs the right to erase the device (8), which its enrollment profile does not give"},
        {"InstallProfile", "{'Payload':'aGk='}", WEAK,
         "needs the right to install and remove configuration profiles (2)"},
        {"Settings", "{'Settings':[{'Item':'VoiceRoaming','Enabled':true}]}", WEAK,
         "needs the right to change settings (2048)"},
        /* its own enrollment profile */
        {"RemoveProfile", "{'Identifier':'com.old.mdm'}", MAC, "`pomona device unenroll`"},
},
  warned[] =
      {
          {"RestartDevice", "{}", LOCKED_MAC, "FileVault is on"},
          {"ShutDownDevice", "{}", LOCKED_MAC, "FileVault is on"},
          {"ShutDownDevice", "{}", MAC, "stays off until somebody"},
          {"RestartDevice", "{}", NEW_MAC, "not known whether FileVault"},
          {"RestartDevice", "{}", IPAD, "a passcode and no cellular network"},
          {"RestartDevice", "{}", SHARED, "If it has a passcode"},
          {"EraseDevice", "{}", INTEL, "bootstrap token is missing"},
          {"EraseDevice", "{}", INTEL, "may ask for a PIN"},
          {"EraseDevice", "{}", INTEL, "Activation Lock is on"},
          {"DeviceLock", "{}", MAC, "may refuse to lock without a PIN"},
          {"DeviceLock", "{'PIN':'123456'}", MAC, "until somebody enters the PIN"},
          {"RemoveProfile", "{'Identifier':'com.old.mdm'}", MAC, "unenroll"},
          {"RestartDevice", "{}", NOBODY, "not told yet what it is"},
          {"RestartDevice", "{}", SOMEBODY_S_PHONE, "it is not known whether this is one"},
          {"EraseDevice", "{'ReturnToService':{'Enabled':true}}", SOMEBODY_S_PHONE,
           "ReturnToService needs iOS 17.0, and it is not known which"},
          {"DeviceInformation", "{'Queries':['IMEI','OSVersion']}", MAC,
           "Queries[0] (IMEI) is for iOS, and this is macOS"},
          {"DeviceInformation", "{'Queries':['SoftwareUpdateSettings']}", NEW_PHONE, "is gone since iOS 27.0"},
          {"DeviceInformation", "{'Queries':['WiFiMAC']}", WEAK, "query network information (32)"},
          {"InstalledApplicationList", "{'Items':['Name']}", MAC, "Items is for iOS"},
          {"DeviceLock", "{'Message':'x'}", SHARED, "Shared iPads take no notice of its argument Message"},
},
  fine[] = {
      {"RestartDevice", "{}", MAC, ""},
      {"RestartDevice", "{'NotifyUser':true}", MAC, ""},
      {"RestartDevice", "{}", PHONE, ""},
      {"RestartDevice", "{}", CELL_IPAD, ""},
      {"RestartDevice", "{}", TV, ""},
      {"EraseDevice", "{'PIN':'123456'}", MAC, ""},
      {"EraseDevice", "{'ReturnToService':{'Enabled':true}}", PHONE, ""},
      {"DeviceLock", "{}", BYOD, ""},
      {"DeviceLock", "{}", WATCH, ""},
      {"DeviceInformation", "{'Queries':['OSVersion','UDID']}", WEAK, ""},
      {"DeviceInformation", "{'Queries':['OSVersion']}", SOMEBODY_S_PHONE, ""},
      {"InviteToProgram", "{'ProgramID':'com.apple.cloudvpp','InvitationURL':'u'}", PHONE, ""},
      {"UserConfigured", "{}", SHARED_USER, ""},
      {"LogOutUser", "{}", SHARED, ""},
      {"AvailableOSUpdates", "{}", PHONE, ""},
      {"AccountConfiguration", "{}", MAC, ""},
      {"RemoveProfile", "{'Identifier':'com.example'}", MAC, ""},
      {"RemoveProfile", "{'Identifier':'com.old.mdm'}", MAC_USER, ""},
      {"ActiveNSExtensions", "{}", MAC_USER, ""},
};
#define EACH(table, i) for (size_t i = 0; i < sizeof table / sizeof *table; i++)

static bool warns_of(const struct command_fit *f, const char *text) {
  for (size_t i = 0; i < f->n; i++)
    if (strstr(f->warnings[i], text)) return true;
  return f->refusal && strstr(f->refusal, text);
}

/* Goal: what a device certainly cannot do is refused, with the reason. */
static void what_cannot_be_done_is_refused(void **state) {
  struct command_fit f;
  EACH(refused, i) {
    const struct row *r = &refused[i];
    fit(*state, r->type, r->args, r->target, &f);
    if (!f.refusal || !strstr(f.refusal, r->says))
      fail_msg("%s %s: \"%s\", not \"%s\"", r->type, r->args, f.refusal ? f.refusal : "nothing", r->says);
  }
}

/* Goal: what is not known, and what will happen, is told; it refuses nothing. */
static void operators_are_warned(void **state) {
  struct command_fit f;
  EACH(warned, i) {
    const struct row *r = &warned[i];
    fit(*state, r->type, r->args, r->target, &f);
    if (!warns_of(&f, r->says))
      fail_msg("%s %s: %zu warnings, \"%s\", refusal \"%s\"", r->type, r->args, f.n, f.n ? f.warnings[0] : "",
               f.refusal ? f.refusal : "");
  }
}

/* Goal: nothing is said where nothing is to be said. */
static void what_can_be_done_is_not_talked_about(void **state) {
  struct command_fit f;
  EACH(fine, i) {
    const struct row *r = &fine[i];
    fit(*state, r->type, r->args, r->target, &f);
    if (f.refusal || f.n) fail_msg("%s %s: \"%s\"", r->type, r->args, f.refusal ? f.refusal : f.warnings[0]);
  }
}

/* Goal: of a command that the table does not have nothing is known, and nothing is said. */
static void unknown_commands_pass(void **state) {
  struct ctx *cx = *state;
  struct command c;
  struct command_uses *uses;
  struct command_fit f;
  static const char text[] = "<plist version=\"1.0\"><dict><key>CommandUUID</key><string>u</string><key>Command</key>"
                             "<dict><key>RequestType</key><string>BrandNew</string></dict></dict></plist>";
  assert_int_equal(command_parse(cx, &c, slice_of(text)), OK);
  assert_int_equal(command_uses(cx, &c, &uses), OK);
  EACH(targets, i) {
    command_fit(cx, uses, &targets[i], &f);
    assert_null(f.refusal);
    assert_int_equal(f.n, 0);
  }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
  const struct CMUnitTest tests[] = {TEST(what_cannot_be_done_is_refused), TEST(operators_are_warned),
                                     TEST(what_can_be_done_is_not_talked_about), TEST(unknown_commands_pass)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
