/* Settings of a simulated device: each item has a result of its own, and what it set is told from then on. */
#include "app/lab_task.h"

#include <stdio.h>
#include <string.h>

/* Items whose members are kept as they are, each as the fact of a query of DeviceInformation (or of SecurityInfo). */
static const struct {
  const char *item, *member, *fact;
} plain[] = {
    {"AppAnalytics", "Enabled", "AppAnalyticsEnabled"},
    {"Bluetooth", "Enabled", "BluetoothEnabled"},
    {"DataRoaming", "Enabled", "DataRoamingEnabled"},
    {"DiagnosticSubmission", "Enabled", "DiagnosticSubmissionEnabled"},
    {"HostName", "HostName", "HostName"},
    {"MaximumResidentUsers", "MaximumResidentUsers", "MaximumResidentUsers"},
    {"MDMOptions", "MDMOptions", "MDMOptions"},
    {"OrganizationInfo", "OrganizationInfo", "OrganizationInfo"},
    {"PasscodeLockGracePeriod", "PasscodeLockGracePeriod", "PasscodeLockGracePeriod"},
    {"PersonalHotspot", "Enabled", "PersonalHotspotEnabled"},
    {"SharedDeviceConfiguration", "ManagedAppleIDDefaultDomains", "ManagedAppleIDDefaultDomains"},
    {"SharedDeviceConfiguration", "OnlineAuthenticationGracePeriod", "OnlineAuthenticationGracePeriod"},
    {"SharedDeviceConfiguration", "QuotaSize", "QuotaSize"},
    {"SharedDeviceConfiguration", "ResidentUsers", "ResidentUsers"},
    {"SharedDeviceConfiguration", "SkipLanguageAndLocaleSetupForNewUsers", "SkipLanguageAndLocaleSetupForNewUsers"},
    {"SharedDeviceConfiguration", "TemporarySessionOnly", "TemporarySessionOnly"},
    {"SharedDeviceConfiguration", "TemporarySessionTimeout", "TemporarySessionTimeout"},
    {"SharedDeviceConfiguration", "UserSessionTimeout", "UserSessionTimeout"},
    {"TimeZone", "TimeZone", "TimeZone"},
    {"VoiceRoaming", "Enabled", "VoiceRoamingEnabled"},
    {"Wallpaper", "Where", "WallpaperWhere"},
};

static bool set_plain(struct lab_task *t, struct pl *item, const char *name) {
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    struct pl *value = pl_get(item, plain[i].member);
    if (strcmp(plain[i].item, name) == 0 && value) lab_set_fact(t->cx, lab_own(t), plain[i].fact, value);
  }
  return true;
}

/* Without the dictionary it is forgotten. */
static bool set_organization(struct lab_task *t, struct pl *item) {
  if (!pl_get(item, "OrganizationInfo")) (void)lab_drop(lab_own(t), LAB_FACT, "OrganizationInfo");
  return set_plain(t, item, "OrganizationInfo");
}

static bool set_name(struct lab_task *t, struct pl *item) {
  snprintf(t->device->name, sizeof t->device->name, "%s", pl_str(item, "DeviceName"));
  return true;
}

static bool set_configuration(struct lab_task *t, struct pl *item) {
  return lab_app_set(t, pl_str(item, "Identifier"), "Configuration", pl_get(item, "Configuration"));
}

static bool set_attributes(struct lab_task *t, struct pl *item) {
  return lab_app_set(t, pl_str(item, "Identifier"), "Attributes", pl_get(item, "Attributes"));
}

static bool set_update_settings(struct lab_task *t, struct pl *item) {
  struct pl *settings = pl_new_dict(t->cx);
  pl_set(settings, "RecommendationsCadence", pl_get(item, "RecommendationCadence"));
  lab_set_fact(t->cx, lab_own(t), "SoftwareUpdateSettings", settings);
  return true;
}

struct merge { /* members of an item into what is kept */
  struct pl *to;
};

static void take_member(const char *key, struct pl *value, void *arg) {
  struct merge *m = arg;
  if (strcmp(key, "Item") != 0) pl_set(m->to, key, value);
}

static bool set_accessibility(struct lab_task *t, struct pl *item) {
  struct pl *kept = lab_fact(t->cx, lab_own(t), "AccessibilitySettings");
  struct merge m = {kept ? kept : pl_new_dict(t->cx)};
  pl_each(item, take_member, &m);
  lab_set_fact(t->cx, lab_own(t), "AccessibilitySettings", m.to);
  return true;
}

static bool set_shared(struct lab_task *t, struct pl *item) {
  struct pl *policy = pl_get(item, "PasscodePolicy");
  static const char *const of_policy[] = {"PasscodeLockGracePeriod", "AutoLockTime"};
  for (size_t i = 0; i < sizeof of_policy / sizeof *of_policy; i++)
    if (pl_get(policy, of_policy[i])) lab_set_fact(t->cx, lab_own(t), of_policy[i], pl_get(policy, of_policy[i]));
  return set_plain(t, item, "SharedDeviceConfiguration");
}

/* Those that are not plain. False: the app that it names is not managed. */
static const struct {
  const char *item;
  bool (*set)(struct lab_task *t, struct pl *item);
} special[] = {
    {"AccessibilitySettings", set_accessibility},    {"ApplicationAttributes", set_attributes},
    {"ApplicationConfiguration", set_configuration}, {"DeviceName", set_name},
    {"OrganizationInfo", set_organization},          {"SharedDeviceConfiguration", set_shared},
    {"SoftwareUpdateSettings", set_update_settings},
};

static bool set(struct lab_task *t, struct pl *item, const char *name) {
  for (size_t i = 0; i < sizeof special / sizeof *special; i++)
    if (strcmp(special[i].item, name) == 0) return special[i].set(t, item);
  return set_plain(t, item, name);
}

static const struct {
  enum lab_verdict verdict;
  enum lab_fault fault;
} refusals[] = {{LAB_FORBIDDEN, LAB_UNKNOWN_SETTING},
                {LAB_UNSUPERVISED, LAB_NOT_SUPERVISED},
                {LAB_RIGHTLESS, LAB_NO_RIGHT},
                {LAB_WRONG, LAB_MALFORMED}};

static struct pl *result_of(struct lab_task *t, struct pl *item) {
  const char *name = pl_str(item, "Item"), *wrong = NULL;
  struct pl *result = pl_new_dict(t->cx), *chain = NULL;
  enum lab_verdict verdict = lab_judge_setting(t, item, &wrong);
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (refusals[i].verdict == verdict) chain = lab_error_chain(t->cx, refusals[i].fault, NULL);
  if (verdict == LAB_FITS && !set(t, item, name)) chain = lab_error_chain(t->cx, LAB_APP_NOT_MANAGED, NULL);
  pl_set_string(result, "Item", name ? name : "");
  pl_set_string(result, "Status", !chain ? "Acknowledged" : verdict == LAB_WRONG ? "CommandFormatError" : "Error");
  if (chain) pl_set(result, "ErrorChain", chain);
  if (pl_str(item, "Identifier")) pl_set_string(result, "Identifier", pl_str(item, "Identifier"));
  return result;
}

void lab_settings(struct lab_task *t) {
  struct pl *list = pl_get(t->command, "Settings"), *results = pl_new_array(t->cx);
  for (size_t i = 0; i < pl_count(list); i++) pl_add(results, result_of(t, pl_at(list, i)));
  pl_set(t->report, "Settings", results);
}
