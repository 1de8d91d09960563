/* What simulated devices tell of themselves: DeviceInformation. Made up, but of the shape that real ones give, and the
   same each time; what a command has set is told instead. Which platform knows a query says commands.def. */
#include "app/lab_task.h"

#include <stdlib.h>
#include <string.h>

/* ---- one of its own for each device: digits that its serial number gives ---- */
unsigned long long lab_number_of(const struct lab_device *d, unsigned salt) {
  unsigned long long n = salt;
  for (const char *s = d->serial; *s; s++) n = (n * 31 + (unsigned char)*s) % 10000000000000ULL;
  return n;
}

const char *lab_imei(struct ctx *cx, const struct lab_device *d) {
  const char *digits = ctx_printf(cx, "35%013llu", lab_number_of(d, 0));
  return ctx_printf(cx, "%.2s %.6s %.6s %s", digits, digits + 2, digits + 8, digits + 14);
}

const char *lab_meid(struct ctx *cx, const struct lab_device *d) {
  return ctx_printf(cx, "%.14s", ctx_printf(cx, "35%013llu", lab_number_of(d, 0)));
}

static const char *mac_address(struct ctx *cx, const struct lab_device *d, unsigned salt) {
  unsigned long long n = lab_number_of(d, salt);
  return ctx_printf(cx, "02:%02llx:%02llx:%02llx:%02llx:%02llx", n >> 32 & 255, n >> 24 & 255, n >> 16 & 255,
                    n >> 8 & 255, n & 255);
}

/* ---- texts of a device ---- */
struct asked { /* whom, and on which channel */
  struct ctx *cx;
  const struct lab_device *device;
  const struct lab_channel *channel;
};

static const char *udid(const struct asked *a) { return a->device->udid; }
static const char *serial(const struct asked *a) { return a->device->serial; }
static const char *name(const struct asked *a) { return a->device->name; }
static const char *product(const struct asked *a) { return a->device->platform->product; }
static const char *model(const struct asked *a) { return a->device->platform->model; }
static const char *model_name(const struct asked *a) { return a->device->platform->model_name; }
static const char *model_number(const struct asked *a) { return ctx_printf(a->cx, "%sLL/A", model(a)); }
static const char *os_version(const struct asked *a) { return a->device->os_version; }
static const char *build(const struct asked *a) { return a->device->build; }
static const char *imei(const struct asked *a) { return lab_imei(a->cx, a->device); }
static const char *meid(const struct asked *a) { return lab_meid(a->cx, a->device); }
static const char *wifi(const struct asked *a) { return mac_address(a->cx, a->device, 1); }
static const char *bluetooth(const struct asked *a) { return mac_address(a->cx, a->device, 2); }
static const char *ethernet(const struct asked *a) { return mac_address(a->cx, a->device, 3); }
static const char *iccid(const struct asked *a) {
  return ctx_printf(a->cx, "89490200%012llu", lab_number_of(a->device, 4) % 1000000000000ULL);
}
static const char *phone_number(const struct asked *a) {
  return ctx_printf(a->cx, "+4930%07llu", lab_number_of(a->device, 5) % 10000000);
}
static const char *opaque(const struct asked *a) { /* an id that says nothing */
  return ctx_printf(a->cx, "%016llX%016llX", lab_number_of(a->device, 6), lab_number_of(a->device, 7));
}
static const char *provisioning_udid(const struct asked *a) {
  return ctx_printf(a->cx, "00008112-%016llX", lab_number_of(a->device, 8));
}
static const char *local_host_name(const struct asked *a) { return ctx_printf(a->cx, "lab-mac-%s", a->device->serial); }
static const char *host_name(const struct asked *a) { return ctx_printf(a->cx, "%s.local", local_host_name(a)); }

/* ---- what takes more than a text ---- */
static struct pl *kept_dict(const struct asked *a, const char *fact) {
  struct pl *kept = lab_fact(a->cx, &a->device->channels[0], fact);
  return kept ? kept : pl_new_dict(a->cx);
}

static struct pl *mdm_options(const struct asked *a) {
  struct pl *o = kept_dict(a, "MDMOptions");
  if (!pl_get(o, "ActivationLockAllowedWhileSupervised") && !(a->device->platform->os & (WATCH | VISION)))
    pl_set_bool(o, "ActivationLockAllowedWhileSupervised", false);
  if (a->device->platform->os == MAC) pl_set_bool(o, "BootstrapTokenAllowed", true);
  return o;
}

static struct pl *active_users(const struct asked *a) {
  struct pl *list = pl_new_array(a->cx);
  for (size_t i = 1; i < a->device->channels_n; i++) pl_add_string(list, a->device->channels[i].user_id);
  return list;
}

static struct pl *admin_accounts(const struct asked *a) {
  struct pl *list = pl_new_array(a->cx);
  const struct lab_channel *own = &a->device->channels[0];
  for (const struct lab_thing *t = lab_first(own, LAB_USER); t; t = lab_next(t)) {
    struct pl *user = lab_read(a->cx, t), *one = pl_new_dict(a->cx);
    if (!pl_get(user, "AutoSetupAdmin")) continue;
    pl_set_string(one, "GUID", pl_str(user, "UserGUID"));
    pl_set_string(one, "shortName", t->name);
    pl_add(list, one);
  }
  return list;
}

static struct pl *update_settings(const struct asked *a) {
  static const char *const on[] = {"IsDefaultCatalog", "PerformPeriodicCheck", "AutoCheckEnabled",
                                   "BackgroundDownloadEnabled", "AutomaticSecurityUpdatesEnabled"};
  struct pl *o = pl_new_dict(a->cx);
  for (size_t i = 0; i < sizeof on / sizeof *on; i++) pl_set_bool(o, on[i], true);
  pl_set_bool(o, "AutomaticAppInstallationEnabled", false);
  pl_set_bool(o, "AutomaticOSInstallationEnabled", false);
  pl_set_date(o, "PreviousScanDate", LAB_LONG_AGO);
  return o;
}

static struct pl *recommendations(const struct asked *a) {
  struct pl *o = kept_dict(a, "SoftwareUpdateSettings");
  if (!pl_count(o)) pl_set_int(o, "RecommendationsCadence", 0);
  return o;
}

static struct pl *accessibility(const struct asked *a) {
  static const char *const off[] = {"BoldTextEnabled",
                                    "IncreaseContrastEnabled",
                                    "ReduceMotionEnabled",
                                    "ReduceTransparencyEnabled",
                                    "TouchAccommodationsEnabled",
                                    "VoiceOverEnabled",
                                    "ZoomEnabled"};
  struct pl *o = kept_dict(a, "AccessibilitySettings");
  bool watch = a->device->platform->os == WATCH;
  for (size_t i = 0; i < sizeof off / sizeof *off; i++)
    if (!pl_get(o, off[i]) && !(watch && strcmp(off[i], "IncreaseContrastEnabled") == 0)) pl_set_bool(o, off[i], false);
  if (watch && !pl_get(o, "GrayscaleEnabled")) pl_set_bool(o, "GrayscaleEnabled", false);
  if (!pl_get(o, "TextSize")) pl_set_int(o, "TextSize", 4);
  return o;
}

static struct pl *subscriptions(const struct asked *a) {
  struct pl *list = pl_new_array(a->cx), *s = pl_new_dict(a->cx);
  static const char *const same[][2] = {{"CarrierSettingsVersion", "61.0"},
                                        {"CurrentCarrierNetwork", "Lab Mobile"},
                                        {"CurrentMCC", "262"},
                                        {"CurrentMNC", "98"},
                                        {"Label", "Primary"},
                                        {"LabelID", "1"},
                                        {"Slot", "CTSubscriptionSlotOne"},
                                        {"SubscriberCarrierNetwork", "Lab Mobile"}};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) pl_set_string(s, same[i][0], same[i][1]);
  pl_set_string(s, "ICCID", iccid(a));
  pl_set_string(s, "IMEI", imei(a));
  pl_set_string(s, "MEID", meid(a));
  pl_set_string(s, "PhoneNumber", phone_number(a));
  pl_set_string(s, "EID", ctx_printf(a->cx, "8904%028llu", lab_number_of(a->device, 9)));
  pl_set_bool(s, "IsDataPreferred", true);
  pl_set_bool(s, "IsVoicePreferred", true);
  pl_set_bool(s, "IsRoaming", false);
  pl_add(list, s);
  return list;
}

/* Told only once they have been set. */
static struct pl *organization(const struct asked *a) {
  return lab_fact(a->cx, &a->device->channels[0], "OrganizationInfo");
}
static struct pl *domains(const struct asked *a) {
  struct pl *set = lab_fact(a->cx, &a->device->channels[0], "ManagedAppleIDDefaultDomains");
  return set ? set : pl_new_array(a->cx);
}

/* ---- yes or no ---- */
static bool supervised(const struct asked *a) { return lab_is_supervised(a->device); }
static bool awaits(const struct asked *a) { return a->device->awaits; }
static bool shared(const struct asked *a) { return a->device->platform->os == SHARED; }
static bool silicon(const struct asked *a) { return !a->device->platform->intel; }
static bool intel(const struct asked *a) { return a->device->platform->intel; }

/* ---- the queries ---- */
enum form { TEXT, WHOLE, REAL, YES, NO, OF_DEVICE, WHETHER, MADE, DATE, TOKEN };

static const struct fact {
  const char *query;
  int platforms; /* of those that know the query: which have what it asks for */
  enum form form;
  const char *value; /* of a text or number */
  union {
    const char *(*text)(const struct asked *a);
    bool (*whether)(const struct asked *a);
    struct pl *(*make)(const struct asked *a);
  } of;
} facts[] = {
    {"UDID", ALL, OF_DEVICE, NULL, {.text = udid}},
    {"ProvisioningUDID", MAC, OF_DEVICE, NULL, {.text = provisioning_udid}},
    {"OrganizationInfo", ALL, MADE, NULL, {.make = organization}},
    {"MDMOptions", ALL, MADE, NULL, {.make = mdm_options}},
    {"LastCloudBackupDate", ALL, DATE, NULL, {NULL}},
    {"AwaitingConfiguration", ALL, WHETHER, NULL, {.whether = awaits}},
    {"iTunesStoreAccountIsActive", ALL, YES, NULL, {NULL}},
    {"iTunesStoreAccountHash", ALL, OF_DEVICE, NULL, {.text = opaque}},
    {"DeviceName", ALL, OF_DEVICE, NULL, {.text = name}},
    {"OSVersion", ALL, OF_DEVICE, NULL, {.text = os_version}},
    {"BuildVersion", ALL, OF_DEVICE, NULL, {.text = build}},
    {"SupplementalOSVersionExtra", ALL, TEXT, "", {NULL}},
    {"SupplementalBuildVersion", ALL, OF_DEVICE, NULL, {.text = build}},
    {"ModelName", ALL, OF_DEVICE, NULL, {.text = model_name}},
    {"Model", ALL, OF_DEVICE, NULL, {.text = model}},
    {"ModelNumber", ALL, OF_DEVICE, NULL, {.text = model_number}},
    {"IsAppleSilicon", MAC, WHETHER, NULL, {.whether = silicon}},
    {"ProductName", ALL, OF_DEVICE, NULL, {.text = product}},
    {"SerialNumber", ALL, OF_DEVICE, NULL, {.text = serial}},
    {"DeviceCapacity", ALL, REAL, "228.27", {NULL}},
    {"AvailableDeviceCapacity", ALL, REAL, "174.5", {NULL}},
    {"IMEI", PHONE, OF_DEVICE, NULL, {.text = imei}},
    {"MEID", PHONE, OF_DEVICE, NULL, {.text = meid}},
    {"ModemFirmwareVersion", PHONE, TEXT, "1.60.02", {NULL}},
    {"CellularTechnology", MOBILE, WHOLE, "0", {NULL}},
    {"BatteryLevel", MOBILE | WATCH, REAL, "0.83", {NULL}}, /* the lab's Macs stand on desks */
    {"HasBattery", MAC, NO, NULL, {NULL}},
    {"IsSupervised", ALL, WHETHER, NULL, {.whether = supervised}},
    {"IsMultiUser", MOBILE, WHETHER, NULL, {.whether = shared}},
    {"IsDeviceLocatorServiceEnabled", ALL, NO, NULL, {NULL}},
    {"IsActivationLockEnabled", ALL, NO, NULL, {NULL}},
    {"IsActivationLockSupported", MAC, YES, NULL, {NULL}},
    {"IsDoNotDisturbInEffect", ALL, NO, NULL, {NULL}},
    {"SupportsLOMDevice", MAC, YES, NULL, {NULL}},
    {"DeviceID", TV, OF_DEVICE, NULL, {.text = wifi}},
    {"EASDeviceIdentifier", ALL, OF_DEVICE, NULL, {.text = opaque}},
    {"IsCloudBackupEnabled", ALL, YES, NULL, {NULL}},
    {"ActiveManagedUsers", MAC, MADE, NULL, {.make = active_users}},
    {"OSUpdateSettings", MAC, MADE, NULL, {.make = update_settings}},
    {"LocalHostName", MAC, OF_DEVICE, NULL, {.text = local_host_name}},
    {"HostName", MAC, OF_DEVICE, NULL, {.text = host_name}},
    {"AutoSetupAdminAccounts", MAC, MADE, NULL, {.make = admin_accounts}},
    {"SystemIntegrityProtectionEnabled", MAC, YES, NULL, {NULL}},
    {"IsMDMLostModeEnabled", ALL, NO, NULL, {NULL}},
    {"MaximumResidentUsers", SHARED, WHOLE, "10", {NULL}},
    {"EstimatedResidentUsers", SHARED, WHOLE, "8", {NULL}},
    {"QuotaSize", SHARED, WHOLE, "8192", {NULL}},
    {"ResidentUsers", SHARED, WHOLE, "8", {NULL}},
    {"UserSessionTimeout", SHARED, WHOLE, "0", {NULL}},
    {"TemporarySessionTimeout", SHARED, WHOLE, "0", {NULL}},
    {"TemporarySessionOnly", SHARED, NO, NULL, {NULL}},
    {"ManagedAppleIDDefaultDomains", SHARED, MADE, NULL, {.make = domains}},
    {"OnlineAuthenticationGracePeriod", SHARED, WHOLE, "0", {NULL}},
    {"SkipLanguageAndLocaleSetupForNewUsers", SHARED, NO, NULL, {NULL}},
    {"PushToken", ALL, TOKEN, NULL, {NULL}},
    {"DiagnosticSubmissionEnabled", ALL, NO, NULL, {NULL}},
    {"AppAnalyticsEnabled", ALL, NO, NULL, {NULL}},
    {"TimeZone", ALL, TEXT, "Europe/Berlin", {NULL}},
    {"ICCID", PHONE, OF_DEVICE, NULL, {.text = iccid}},
    {"BluetoothMAC", ALL, OF_DEVICE, NULL, {.text = bluetooth}},
    {"WiFiMAC", ALL, OF_DEVICE, NULL, {.text = wifi}},
    {"EthernetMAC", MAC, OF_DEVICE, NULL, {.text = ethernet}},
    {"CurrentCarrierNetwork", PHONE, TEXT, "Lab Mobile", {NULL}},
    {"SubscriberCarrierNetwork", PHONE, TEXT, "Lab Mobile", {NULL}},
    {"CarrierSettingsVersion", PHONE, TEXT, "61.0", {NULL}},
    {"PhoneNumber", PHONE, OF_DEVICE, NULL, {.text = phone_number}},
    {"DataRoamingEnabled", PHONE, NO, NULL, {NULL}},
    {"VoiceRoamingEnabled", PHONE, NO, NULL, {NULL}},
    {"PersonalHotspotEnabled", PHONE, NO, NULL, {NULL}},
    {"IsNetworkTethered", MOBILE, NO, NULL, {NULL}},
    {"IsRoaming", PHONE, NO, NULL, {NULL}},
    {"SubscriberMCC", PHONE, TEXT, "262", {NULL}},
    {"SubscriberMNC", PHONE, TEXT, "98", {NULL}},
    {"CurrentMCC", PHONE, TEXT, "262", {NULL}},
    {"CurrentMNC", PHONE, TEXT, "98", {NULL}},
    {"ServiceSubscriptions", PHONE, MADE, NULL, {.make = subscriptions}},
    {"PINRequiredForEraseDevice", MAC, WHETHER, NULL, {.whether = intel}},
    {"PINRequiredForDeviceLock", MAC, YES, NULL, {NULL}},
    {"SupportsiOSAppInstalls", MAC, WHETHER, NULL, {.whether = silicon}},
    {"SoftwareUpdateDeviceID", ALL, OF_DEVICE, NULL, {.text = product}},
    {"SoftwareUpdateSettings", MOBILE, MADE, NULL, {.make = recommendations}},
    {"AccessibilitySettings", ALL, MADE, NULL, {.make = accessibility}},
    {"EACSPreflight", MAC, TEXT, "success", {NULL}},
};

static void put_fact(struct pl *to, const struct asked *a, const struct fact *f) {
  int64_t whole = 0;
  struct pl *made;
  switch (f->form) {
  case TEXT:
    pl_set_string(to, f->query, f->value);
    return;
  case OF_DEVICE:
    pl_set_string(to, f->query, f->of.text(a));
    return;
  case WHOLE:
    (void)slice_to_i64(slice_of(f->value), &whole);
    pl_set_int(to, f->query, whole);
    return;
  case REAL:
    pl_set_real(to, f->query, strtod(f->value, NULL));
    return;
  case DATE:
    pl_set_date(to, f->query, LAB_LONG_AGO);
    return;
  case TOKEN:
    pl_set_data(to, f->query, slice_mem(a->channel->token, sizeof a->channel->token));
    return;
  case MADE:
    made = f->of.make(a);
    if (made) pl_set(to, f->query, made);
    return;
  case WHETHER:
    pl_set_bool(to, f->query, f->of.whether(a));
    return;
  case YES:
  case NO:
    pl_set_bool(to, f->query, f->form == YES);
    return;
  }
}

/* What a command has set is told as it was set. */
static void tell(struct pl *to, const struct asked *a, const struct fact *f) {
  struct pl *kept = f->form == MADE ? NULL : lab_fact(a->cx, &a->device->channels[0], f->query);
  if (kept)
    pl_set(to, f->query, kept);
  else
    put_fact(to, a, f);
}

/* What a device does not know, or has no right to tell, is left out without a word. */
void lab_device_information(struct lab_task *t) {
  struct pl *answers = pl_new_dict(t->cx), *queries = pl_get(t->command, "Queries");
  const struct asked a = {t->cx, t->device, t->channel};
  for (size_t i = 0; i < pl_count(queries); i++) {
    struct slice query;
    if (!pl_string(pl_at(queries, i), &query)) continue;
    for (size_t k = 0; k < sizeof facts / sizeof *facts; k++)
      if (slice_is(query, facts[k].query) && facts[k].platforms & (int)t->device->platform->os &&
          lab_knows_query(t->device, t->channel, facts[k].query))
        tell(answers, &a, &facts[k]);
  }
  pl_set(t->report, "QueryResponses", answers);
}
