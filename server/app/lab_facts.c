/* What simulated devices tell of themselves when they are asked. Made up, but of the shape that real ones give. */
#include "app/lab_device.h"

#include <stdlib.h>

/* ---- DeviceInformation ---- */
enum form { TEXT, WHOLE, REAL, YES, NO, OF_DEVICE };

static const char *udid(const struct lab_device *d) { return d->udid; }
static const char *serial(const struct lab_device *d) { return d->serial; }
static const char *name(const struct lab_device *d) { return d->name; }
static const char *product(const struct lab_device *d) { return d->platform->product; }
static const char *model(const struct lab_device *d) { return d->platform->model; }
static const char *model_name(const struct lab_device *d) { return d->platform->model_name; }
static const char *os_version(const struct lab_device *d) { return d->platform->os_version; }
static const char *build(const struct lab_device *d) { return d->platform->build; }

static const struct fact {
  const char *query;
  int platforms;
  enum form form;
  const char *value; /* of a text or number */
  const char *(*of)(const struct lab_device *d);
} facts[] = {
    {"UDID", ALL, OF_DEVICE, NULL, udid},
    {"SerialNumber", ALL, OF_DEVICE, NULL, serial},
    {"DeviceName", ALL, OF_DEVICE, NULL, name},
    {"ProductName", ALL, OF_DEVICE, NULL, product},
    {"Model", ALL, OF_DEVICE, NULL, model},
    {"ModelName", ALL, OF_DEVICE, NULL, model_name},
    {"OSVersion", ALL, OF_DEVICE, NULL, os_version},
    {"BuildVersion", ALL, OF_DEVICE, NULL, build},
    {"IsSupervised", ALL, YES, NULL, NULL},
    {"IsActivationLockEnabled", MAC | MOBILE | WATCH, NO, NULL, NULL},
    {"IsActivationLockSupported", MAC, YES, NULL, NULL},
    {"IsMDMLostModeEnabled", MOBILE, NO, NULL, NULL},
    {"IsDeviceLocatorServiceEnabled", MOBILE, NO, NULL, NULL},
    {"IsDoNotDisturbInEffect", MOBILE, NO, NULL, NULL},
    {"IsCloudBackupEnabled", MOBILE, NO, NULL, NULL},
    {"IsRoaming", PHONE, NO, NULL, NULL},
    {"DataRoamingEnabled", PHONE, NO, NULL, NULL},
    {"DeviceCapacity", ALL, REAL, "228.27", NULL},
    {"AvailableDeviceCapacity", ALL, REAL, "174.5", NULL},
    {"BatteryLevel", MOBILE | WATCH, REAL, "0.83", NULL},
    {"CellularTechnology", PHONE, WHOLE, "3", NULL},
    {"IsAppleSilicon", MAC, YES, NULL, NULL},
    {"SupportsLOMDevice", MAC, NO, NULL, NULL},
    {"HostName", MAC, TEXT, "lab-mac.local", NULL},
    {"LocalHostName", MAC, TEXT, "lab-mac", NULL},
    {"SoftwareUpdateDeviceID", ALL, OF_DEVICE, NULL, product},
    {"WiFiMAC", ALL, TEXT, "02:00:00:00:00:01", NULL},
    {"BluetoothMAC", ALL, TEXT, "02:00:00:00:00:02", NULL},
    {"TimeZone", MOBILE | TV, TEXT, "Europe/Berlin", NULL},
};

static void put_fact(struct pl *to, const struct lab_device *d, const struct fact *f) {
  int64_t whole = 0;
  switch (f->form) {
  case TEXT:
    pl_set_string(to, f->query, f->value);
    return;
  case OF_DEVICE:
    pl_set_string(to, f->query, f->of(d));
    return;
  case WHOLE:
    (void)slice_to_i64(slice_of(f->value), &whole);
    pl_set_int(to, f->query, whole);
    return;
  case REAL:
    pl_set_real(to, f->query, strtod(f->value, NULL));
    return;
  case YES:
  case NO:
    pl_set_bool(to, f->query, f->form == YES);
    return;
  }
}

/* A device in a User Enrollment does not tell which one it is. */
static bool tells(const struct lab_device *d, const struct fact *f) {
  bool names_it = f->of == udid || f->of == serial;
  return f->platforms & (int)d->platform->os && !(d->user_enrollment && names_it);
}

/* What a platform does not know is left out, without a word. */
void lab_put_device_information(struct ctx *cx, struct pl *report, const struct lab_device *d, struct pl *queries) {
  struct pl *answers = pl_new_dict(cx);
  for (size_t i = 0; i < pl_count(queries); i++) {
    struct slice query;
    if (!pl_string(pl_at(queries, i), &query)) continue;
    for (size_t k = 0; k < sizeof facts / sizeof *facts; k++)
      if (slice_is(query, facts[k].query) && tells(d, &facts[k])) put_fact(answers, d, &facts[k]);
  }
  pl_set(report, "QueryResponses", answers);
}

/* ---- SecurityInfo ---- */
static void put_mac_security(struct ctx *cx, struct pl *info) {
  struct pl *firewall = pl_new_dict(cx), *firmware = pl_new_dict(cx), *boot = pl_new_dict(cx);
  pl_set_bool(firewall, "FirewallEnabled", true);
  pl_set_bool(firewall, "BlockAllIncoming", false);
  pl_set_bool(firewall, "StealthMode", false);
  pl_set_bool(firmware, "PasswordExists", false);
  pl_set_bool(firmware, "ChangePending", false);
  pl_set_bool(firmware, "AllowOroms", false);
  pl_set_string(boot, "SecureBootLevel", "full");
  pl_set_string(boot, "ExternalBootLevel", "disallowed");
  pl_set_bool(info, "FDE_Enabled", true);
  pl_set_bool(info, "FDE_HasPersonalRecoveryKey", true);
  pl_set_bool(info, "FDE_HasInstitutionalRecoveryKey", false);
  pl_set_bool(info, "SystemIntegrityProtectionEnabled", true);
  pl_set_bool(info, "RemoteDesktopEnabled", false);
  pl_set_bool(info, "AuthenticatedRootVolumeEnabled", true);
  pl_set_bool(info, "IsRecoveryLockEnabled", false);
  pl_set(info, "FirewallSettings", firewall);
  pl_set(info, "FirmwarePasswordStatus", firmware);
  pl_set(info, "SecureBoot", boot);
}

static void put_mobile_security(struct pl *info) {
  pl_set_int(info, "HardwareEncryptionCaps", 3);
  pl_set_bool(info, "PasscodePresent", true);
  pl_set_bool(info, "PasscodeCompliant", true);
  pl_set_bool(info, "PasscodeCompliantWithProfiles", true);
  pl_set_int(info, "PasscodeLockGracePeriod", 0);
  pl_set_int(info, "PasscodeLockGracePeriodEnforced", 0);
}

void lab_put_security_info(struct ctx *cx, struct pl *report, const struct lab_device *d) {
  struct pl *info = pl_new_dict(cx), *management = pl_new_dict(cx);
  pl_set_bool(management, "IsUserEnrollment", d->user_enrollment);
  if (d->platform->os == MAC) {
    pl_set_bool(management, "EnrolledViaDEP", false);
    pl_set_bool(management, "UserApprovedEnrollment", true);
    put_mac_security(cx, info);
  } else {
    put_mobile_security(info);
  }
  pl_set(info, "ManagementStatus", management);
  pl_set(report, "SecurityInfo", info);
}

/* ---- lists ---- */
static struct pl *profile(struct ctx *cx, const char *identifier, const char *uuid, const char *title) {
  struct pl *p = pl_new_dict(cx);
  pl_set_string(p, "PayloadIdentifier", identifier);
  pl_set_string(p, "PayloadUUID", uuid);
  pl_set_string(p, "PayloadDisplayName", title);
  pl_set_int(p, "PayloadVersion", 1);
  pl_set_bool(p, "HasRemovalPasscode", false);
  pl_set_bool(p, "IsEncrypted", false);
  pl_set_bool(p, "IsManaged", true);
  pl_set(p, "PayloadContent", pl_new_array(cx));
  return p;
}

void lab_put_profiles(struct ctx *cx, struct pl *report, const struct lab_device *d) {
  struct pl *list = pl_new_array(cx);
  if (d->profile.identifier) pl_add(list, profile(cx, d->profile.identifier, d->profile.uuid, "Device Management"));
  for (const struct lab_installed *i = d->installed; i; i = i->next) {
    struct pl *p = profile(cx, i->identifier, i->uuid, i->name);
    pl_set_string(p, "PayloadOrganization", i->organization);
    pl_add(list, p);
  }
  pl_set(report, "ProfileList", list);
}

void lab_put_certificates(struct ctx *cx, struct pl *report, const struct lab_device *d) {
  struct pl *list = pl_new_array(cx);
  if (d->identity) {
    struct pl *c = pl_new_dict(cx);
    pl_set_string(c, "CommonName", pki_cert_cn(cx, d->identity));
    pl_set_bool(c, "IsIdentity", true);
    pl_set_data(c, "Data", pki_cert_der(d->identity));
    pl_add(list, c);
  }
  pl_set(report, "CertificateList", list);
}

static const struct {
  int platforms;
  const char *name, *identifier, *version;
  int64_t size;
} applications[] = {
    {MAC, "Safari", "com.apple.Safari", "18.6", 14680064},
    {MAC, "Numbers", "com.apple.iWork.Numbers", "14.4", 612368384},
    {MAC, "Lab Notes", "org.example.lab-notes", "2.1", 8388608},
    {MOBILE, "Keynote", "com.apple.Keynote", "14.4", 561774592},
    {MOBILE, "Lab Notes", "org.example.lab-notes", "2.1", 7340032},
    {TV, "Signage", "org.example.signage", "1.4", 31457280},
    {WATCH, "Lab Timer", "org.example.lab-timer", "1.0", 2097152},
};

void lab_put_applications(struct ctx *cx, struct pl *report, const struct lab_device *d) {
  struct pl *list = pl_new_array(cx);
  for (size_t i = 0; i < sizeof applications / sizeof *applications; i++) {
    if (!(applications[i].platforms & (int)d->platform->os)) continue;
    struct pl *a = pl_new_dict(cx);
    pl_set_string(a, "Name", applications[i].name);
    pl_set_string(a, "Identifier", applications[i].identifier);
    pl_set_string(a, "ShortVersion", applications[i].version);
    pl_set_string(a, "Version", applications[i].version);
    pl_set_int(a, "BundleSize", applications[i].size);
    pl_set_bool(a, "Installing", false);
    pl_add(list, a);
  }
  pl_set(report, "InstalledApplicationList", list);
}
