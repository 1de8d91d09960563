/* What else a simulated device does when it is told: lost mode, lock, restart, updates of its system, and questions
   that need no state. */
#include "app/lab_task.h"
#include "base/clock.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

/* ---- lost mode ---- */
#define LOST "IsMDMLostModeEnabled"

static bool is_lost(struct lab_task *t) {
  bool lost = lab_flag(t->cx, lab_own(t), LOST);
  if (!lost) lab_refuse(t, LAB_NOT_IN_LOST_MODE);
  return lost;
}

void lab_enable_lost_mode(struct lab_task *t) {
  if (pl_str(t->command, "Message") || pl_str(t->command, "PhoneNumber"))
    lab_set_flag(t->cx, lab_own(t), LOST, true);
  else
    lab_refuse(t, LAB_NO_LOST_MODE_TEXT);
}

void lab_disable_lost_mode(struct lab_task *t) {
  if (is_lost(t)) lab_set_flag(t->cx, lab_own(t), LOST, false);
}

void lab_play_lost_mode_sound(struct lab_task *t) { (void)is_lost(t); }

/* Somewhere on the Atlantic, each device elsewhere. */
void lab_device_location(struct lab_task *t) {
  static const struct {
    const char *key;
    double value;
  } rest[] = {{"HorizontalAccuracy", 12.5}, {"VerticalAccuracy", 8}, {"Altitude", 3.5}, {"Speed", 0}, {"Course", 180}};
  if (!is_lost(t)) return;
  pl_set_real(t->report, "Latitude", 30 + (double)(lab_number_of(t->device, 20) % 1000) / 100);
  pl_set_real(t->report, "Longitude", -40 - (double)(lab_number_of(t->device, 21) % 1000) / 100);
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) pl_set_real(t->report, rest[i].key, rest[i].value);
  pl_set_string(t->report, "Timestamp", enc_time(t->cx, clock_now_us()));
}

/* ---- power ---- */
void lab_restart(struct lab_task *t) {
  t->out->effect = LAB_RESTARTS;
  (void)lab_drop(lab_own(t), LAB_FACT, "FirmwareChangePending");
}
void lab_shut_down(struct lab_task *t) { t->out->effect = LAB_SHUTS_DOWN; }
void lab_erase(struct lab_task *t) { t->out->effect = LAB_ERASES; }

void lab_device_lock(struct lab_task *t) {
  bool has_text = pl_get(t->command, "Message") || pl_get(t->command, "PhoneNumber");
  if (t->device->platform->os & (PHONE | IPAD) && has_text) pl_set_string(t->report, "MessageResult", "Success");
}

/* ---- updates of the system, up to OS 26: there is always the one whose last part is one higher, until it is there
 * ---- */
static const char *next_version(struct lab_task *t) {
  const char *version = t->device->os_version, *dot = strrchr(version, '.');
  int64_t last = 0;
  if (lab_flag(t->cx, lab_own(t), "Updated")) return NULL;
  if (!dot || strchr(version, '.') == dot) return ctx_printf(t->cx, "%s.1", version);
  (void)slice_to_i64(slice_of(dot + 1), &last);
  return ctx_printf(t->cx, "%.*s.%lld", (int)(dot - version), version, (long long)last + 1);
}

static const char *product_key(struct lab_task *t, const char *version) {
  return t->device->platform->os == MAC ? ctx_printf(t->cx, "MSU_UPDATE_%s_patch_%s", t->device->build, version)
                                        : ctx_printf(t->cx, "OSUpdate%s", version);
}

static struct pl *update_entry(struct lab_task *t, const char *version) {
  static const char *const no_mac[] = {"IsConfigDataUpdate", "IsFirmwareUpdate", "IsMajorOSUpdate"};
  struct pl *u = pl_new_dict(t->cx);
  bool mac = t->device->platform->os == MAC;
  pl_set_string(u, "ProductKey", product_key(t, version));
  pl_set_string(u, "HumanReadableName", ctx_printf(t->cx, "Update %s", version));
  pl_set_string(u, "Version", version);
  pl_set_string(u, "Build", ctx_printf(t->cx, "%s1", t->device->build));
  pl_set_int(u, "DownloadSize", 1610612736);
  pl_set_bool(u, "IsCritical", false);
  pl_set_bool(u, "RestartRequired", true);
  pl_set_bool(u, "AllowsInstallLater", true);
  if (lab_generation(t->device) >= 16) pl_set_bool(u, "IsSecurityResponse", false);
  if (!mac) {
    pl_set_string(u, "ProductName", "iOS");
    pl_set_int(u, "InstallSize", 2147483648);
    return u;
  }
  pl_set_string(u, "HumanReadableNameLocale", "en-US");
  pl_set_string(u, "MetadataURL", "https://updates.example.org/metadata");
  pl_set(u, "AppIdentifiersToClose", pl_new_array(t->cx));
  pl_set_bool(u, "RequiresBootstrapToken", !t->device->platform->intel);
  for (size_t i = 0; i < sizeof no_mac / sizeof *no_mac; i++) pl_set_bool(u, no_mac[i], false);
  return u;
}

void lab_available_updates(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  const char *version = next_version(t);
  if (version) pl_add(list, update_entry(t, version));
  pl_set(t->report, "AvailableOSUpdates", list);
}

/* True when it names the update by key or version, or nothing at all. */
static bool names_it(struct pl *wish, const char *key, const char *version) {
  const char *its_key = pl_str(wish, "ProductKey"), *its_version = pl_str(wish, "ProductVersion");
  return (!its_key || strcmp(its_key, key) == 0) && (!its_version || strcmp(its_version, version) == 0);
}

static struct pl *schedule(struct lab_task *t, struct pl *wish) {
  const char *action = pl_str(wish, "InstallAction"), *version = next_version(t);
  const char *key = version ? product_key(t, version) : "";
  struct pl *result = pl_new_dict(t->cx);
  bool known = version && names_it(wish, key, version);
  if (known) lab_set_count(t->cx, lab_own(t), "UpdateSteps", 2);
  pl_set_string(result, "ProductKey", pl_str(wish, "ProductKey") ? pl_str(wish, "ProductKey") : key);
  pl_set_string(result, "InstallAction",
                !known                                      ? "Error"
                : !action || strcmp(action, "Default") == 0 ? "InstallASAP"
                                                            : action);
  pl_set_string(result, "Status", known ? "Downloading" : "Idle");
  if (!known) pl_set(result, "ErrorChain", lab_error_chain(t->cx, LAB_NO_SUCH_UPDATE, NULL));
  return result;
}

void lab_schedule_update(struct lab_task *t) {
  struct pl *wishes = pl_get(t->command, "Updates"), *results = pl_new_array(t->cx);
  for (size_t i = 0; i < pl_count(wishes); i++) pl_add(results, schedule(t, pl_at(wishes, i)));
  pl_set(t->report, "UpdateResults", results);
}

static void finish_update(struct lab_task *t, const char *version) {
  struct lab_device *d = t->device;
  snprintf(d->os_version, sizeof d->os_version, "%s", version);
  (void)lab_drop(lab_own(t), LAB_FACT, "UpdateSteps");
  lab_set_flag(t->cx, lab_own(t), "Updated", true);
}

/* Each time somebody asks it goes one step further; then the device runs the new version. */
void lab_update_status(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx), *one = pl_new_dict(t->cx);
  const char *version = next_version(t);
  int64_t steps = lab_count(t->cx, lab_own(t), "UpdateSteps");
  if (steps && version) {
    pl_set_string(one, "ProductKey", product_key(t, version));
    pl_set_bool(one, "IsDownloaded", steps == 1);
    pl_set_real(one, "DownloadPercentComplete", steps == 1 ? 1 : 0.4);
    pl_set_string(one, "Status", steps == 1 ? "Installing" : "Downloading");
    pl_add(list, one);
    if (steps == 1)
      finish_update(t, version);
    else
      lab_set_count(t->cx, lab_own(t), "UpdateSteps", steps - 1);
  }
  pl_set(t->report, "OSUpdateStatus", list);
}

void lab_update_scan(struct lab_task *t) { pl_set_bool(t->report, "ScanInitiated", true); }

/* ---- questions whose answer is always the same ---- */
void lab_content_caching(struct lab_task *t) {
  struct pl *s = pl_new_dict(t->cx);
  pl_set_bool(s, "Activated", false);
  pl_set_bool(s, "Active", false);
  pl_set_string(s, "CacheStatus", "OK");
  pl_set_string(s, "StartupStatus", "FAILED");
  pl_set_int(s, "CacheUsed", 0);
  pl_set_int(s, "RegistrationStatus", 0);
  pl_set(t->report, "StatusResponse", s);
}

void lab_lom_setup(struct lab_task *t) {
  struct pl *primary = pl_new_array(t->cx);
  unsigned long long n = lab_number_of(t->device, 22);
  pl_add_string(primary, ctx_printf(t->cx, "fe80::%llx:%llx", n >> 16 & 0xffff, n & 0xffff));
  pl_set(t->report, "PrimaryIPv6AddressList", primary);
  pl_set(t->report, "SecondaryIPv6AddressList", pl_new_array(t->cx));
  pl_set_int(t->report, "LOMProtocolVersion", 1);
}

void lab_lom_request(struct lab_task *t) {
  struct pl *wishes = pl_get(t->command, "RequestList"), *list = pl_new_array(t->cx);
  for (size_t i = 0; i < pl_count(wishes); i++) {
    struct pl *one = pl_new_dict(t->cx);
    pl_set_bool(one, "DeviceRequestSuccess", true);
    pl_set(one, "DeviceRequestUUID", pl_get(pl_at(wishes, i), "DeviceRequestUUID"));
    pl_add(list, one);
  }
  pl_set(t->report, "ResponseList", list);
}

static struct pl *extension(struct lab_task *t) {
  struct pl *e = pl_new_dict(t->cx);
  pl_set_string(e, "Identifier", "org.example.lab-notes.share");
  pl_set_string(e, "ExtensionPoint", "com.apple.share-services");
  pl_set_string(e, "DisplayName", "Lab Notes");
  return e;
}

static void put_extensions(struct lab_task *t, struct pl *one) {
  struct pl *list = pl_new_array(t->cx);
  pl_add(list, one);
  pl_set(t->report, "Extensions", list);
}

void lab_extension_mappings(struct lab_task *t) { put_extensions(t, extension(t)); }

void lab_extensions(struct lab_task *t) {
  struct pl *e = extension(t);
  pl_set_string(e, "Path", "/Applications/Lab Notes.app/Contents/PlugIns/Share.appex");
  pl_set_string(e, "Version", "2.1");
  pl_set_string(e, "UserElection", "Default");
  put_extensions(t, e);
}

void lab_invite_to_program(struct lab_task *t) {
  bool safe = slice_istarts(slice_of(pl_str(t->command, "InvitationURL")), "https://");
  pl_set_string(t->report, "InvitationResult", safe ? "Acknowledged" : "InvalidInvitationURL");
}

void lab_request_mirroring(struct lab_task *t) { pl_set_string(t->report, "MirroringResult", "Prompting"); }

void lab_refresh_cellular_plans(struct lab_task *t) {
  if (t->device->platform->os != PHONE) lab_refuse(t, LAB_NO_HARDWARE);
}
