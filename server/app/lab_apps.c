/* Apps and books on a simulated device. An app is not there when its command is acknowledged: each time the device is
   asked for its apps, an installation goes one step further; a package is fetched when the session has ended
   (lab_package.c). */
#include "app/lab_task.h"

#include <string.h>

/* ---- what is there from the beginning ---- */
static const struct software {
  int platforms;
  const char *name, *identifier, *version;
  int64_t size;
} software[] = {
    {MAC, "Safari", "com.apple.Safari", "18.6", 14680064},
    {MAC, "Mail", "com.apple.mail", "16.0", 24117248},
    {MAC, "Numbers", "com.apple.iWork.Numbers", "14.4", 612368384},
    {MAC, "Xcode", "com.apple.dt.Xcode", "16.4", 3221225472},
    {MAC, "Lab Notes", "org.example.lab-notes", "2.1", 8388608},
    {MAC, "Lab Browser", "org.example.lab-browser", "128.3.1", 367001600},
    {MOBILE, "Keynote", "com.apple.Keynote", "14.4", 561774592},
    {MOBILE, "Lab Notes", "org.example.lab-notes", "2.1", 7340032},
    {PHONE | IPAD | SHARED, "Lab Reader", "org.example.lab-reader", "5.0.2", 48234496},
    {SHARED, "Lab School", "org.example.lab-school", "3.3", 91226112},
    {TV, "Signage", "org.example.signage", "1.4", 31457280},
    {TV, "Lab Video", "org.example.lab-video", "9.1", 67108864},
    {WATCH, "Lab Timer", "org.example.lab-timer", "1.0", 2097152},
    {VISION, "Lab Space", "org.example.lab-space", "1.2", 167772160},
};

static const struct software *find_software(const struct lab_device *d, const char *identifier) {
  for (size_t i = 0; i < sizeof software / sizeof *software; i++)
    if (software[i].platforms & (int)d->platform->os && strcmp(software[i].identifier, identifier) == 0)
      return &software[i];
  return NULL;
}

/* ---- an app on its way: a dictionary of Status, Name, Version, Managed, ManagementFlags, Configuration, Attributes,
   and Package as long as that is to be fetched ---- */
static const struct {
  const char *from, *to;
} steps[] = {
    {"Queued", "Installing"},  {"Installing", "Managed"}, {"ValidatingUpdate", "Updating"},     {"Updating", "Managed"},
    {"NeedsRedemption", NULL}, {"Redeeming", "Queued"},   {"PromptingForManagement", "Managed"}};

static bool is_installed(struct pl *app) { return strcmp(pl_str(app, "Status"), "Managed") == 0; }

static bool is_managed(struct pl *app) {
  bool yes = false;
  return pl_bool(pl_get(app, "Managed"), &yes) && yes;
}

/* One step further, unless somebody must do something first, or a package is still to come. */
static void advance(struct lab_task *t, const char *identifier, struct pl *app) {
  const char *status = pl_str(app, "Status");
  if (pl_get(app, "Package") || lab_is_late(t->device, pl_str(app, "By"), status)) return;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i].to && strcmp(status, steps[i].from) == 0) {
      pl_set_string(app, "Status", steps[i].to);
      lab_keep(t->cx, t->channel, LAB_APP, identifier, app);
      return;
    }
}

static bool wants(struct lab_task *t, const char *identifier) {
  struct pl *only = pl_get(t->command, "Identifiers");
  if (pl_count(only) == 0) return true;
  for (size_t i = 0; i < pl_count(only); i++) {
    struct slice one;
    if (pl_string(pl_at(only, i), &one) && slice_is(one, identifier)) return true;
  }
  return false;
}

static bool flag(struct pl *dict, const char *key) {
  bool value = false;
  return pl_bool(pl_get(dict, key), &value) && value;
}

/* ---- installing ---- */
static void begin(struct lab_task *t, const struct lab_app *wish) {
  struct pl *app = pl_new_dict(t->cx), *before = lab_have(t->cx, t->channel, LAB_APP, wish->identifier);
  const char *late = lab_late_state(t->device, t->out->request_type);
  int64_t flags = 0;
  (void)pl_int(pl_get(t->command, "ManagementFlags"), &flags);
  pl_set_string(app, "Status", late ? late : before && is_installed(before) ? "ValidatingUpdate" : wish->status);
  pl_set_string(app, "Name", wish->title);
  pl_set_string(app, "Version", wish->version);
  pl_set_string(app, "By", t->out->request_type);
  pl_set_int(app, "ManagementFlags", flags);
  /* Apps of a Mac are managed only when the command says so. */
  pl_set_bool(app, "Managed", t->device->platform->os != MAC || flag(t->command, "InstallAsManaged"));
  if (pl_get(t->command, "Configuration")) pl_set(app, "Configuration", pl_get(t->command, "Configuration"));
  if (pl_get(t->command, "Attributes")) pl_set(app, "Attributes", pl_get(t->command, "Attributes"));
  if (wish->package) pl_set(app, "Package", wish->package);
  lab_keep(t->cx, t->channel, LAB_APP, wish->identifier, app);
}

static void reject(struct lab_task *t, enum lab_fault fault, const char *reason) {
  pl_set_string(t->report, "RejectionReason", reason);
  lab_refuse(t, fault);
}

/* A user's own app is taken over when the command says so: at once on a supervised device, else somebody is asked. */
static bool take_over(struct lab_task *t, struct lab_app *wish) {
  if (!pl_str(t->command, "ChangeManagementState")) {
    reject(t, LAB_APP_INSTALLED, "AppAlreadyInstalled");
    return false;
  }
  wish->status = lab_is_supervised(t->device) ? "Managed" : "PromptingForManagement";
  return true;
}

static const char *store_name(struct lab_task *t) {
  const char *identifier = pl_str(t->command, "Identifier");
  int64_t id = 0;
  if (identifier) return identifier;
  return pl_int(pl_get(t->command, "iTunesStoreID"), &id)
             ? ctx_printf(t->cx, "com.example.store.app%lld", (long long)id)
             : NULL;
}

static void install_by_manifest(struct lab_task *t, struct pl *manifest) {
  struct lab_app wish = {.status = "Queued"};
  if (lab_manifest_read(t->cx, &wish, manifest) != OK) {
    lab_refuse_saying(t, LAB_MANIFEST, ctx_error_text(t->cx));
    ctx_clear_error(t->cx);
    return;
  }
  begin(t, &wish);
  if (strcmp(t->out->request_type, "InstallApplication") != 0) return;
  pl_set_string(t->report, "Identifier", wish.identifier);
  pl_set_string(t->report, "State", "Queued");
}

void lab_install_application(struct lab_task *t) {
  const char *url = pl_str(t->command, "ManifestURL"), *identifier = store_name(t);
  struct pl *manifest = NULL;
  if (url) {
    if (lab_manifest_fetch(t->cx, &manifest, t->device, url) != OK) ctx_clear_error(t->cx);
    install_by_manifest(t, manifest);
    return;
  }
  if (!identifier) {
    lab_refuse_saying(t, LAB_MALFORMED, "iTunesStoreID, Identifier or ManifestURL is missing.");
    return;
  }
  const struct software *own = find_software(t->device, identifier);
  struct pl *before = lab_have(t->cx, t->channel, LAB_APP, identifier);
  struct lab_app wish = {identifier, own ? own->name : identifier, own ? own->version : "1.0", "Queued", NULL};
  if (before && !is_installed(before)) {
    reject(t, LAB_APP_INSTALLED, "AppAlreadyQueued");
    return;
  }
  if (!before && own && !take_over(t, &wish)) return;
  begin(t, &wish);
  pl_set_string(t->report, "Identifier", identifier);
  pl_set(t->report, "State", pl_get(lab_have(t->cx, t->channel, LAB_APP, identifier), "Status"));
}

void lab_install_enterprise_application(struct lab_task *t) {
  struct pl *manifest = pl_get(t->command, "Manifest");
  const char *url = pl_str(t->command, "ManifestURL");
  if (!manifest && url && lab_manifest_fetch(t->cx, &manifest, t->device, url) != OK) ctx_clear_error(t->cx);
  install_by_manifest(t, manifest);
}

void lab_apply_redemption_code(struct lab_task *t) {
  const char *identifier = pl_str(t->command, "Identifier");
  struct pl *app = lab_have(t->cx, t->channel, LAB_APP, identifier);
  if (!app || strcmp(pl_str(app, "Status"), "NeedsRedemption") != 0) {
    lab_refuse(t, LAB_APP_NOT_MANAGED);
    return;
  }
  pl_set_string(app, "Status", "Redeeming");
  lab_keep(t->cx, t->channel, LAB_APP, identifier, app);
}

void lab_remove_application(struct lab_task *t) {
  struct pl *app = lab_have(t->cx, t->channel, LAB_APP, pl_str(t->command, "Identifier"));
  if (app && is_managed(app))
    (void)lab_drop(t->channel, LAB_APP, pl_str(t->command, "Identifier"));
  else
    lab_refuse(t, LAB_APP_NOT_MANAGED);
}

/* ---- lists ---- */

/* Beside what all platforms tell. */
static void put_mobile(struct pl *a, const struct lab_device *d) {
  static const char *const no[] = {"DeviceBasedVPP", "BetaApp", "AdHocCodeSigned"};
  if (d->platform->os == MAC) return;
  for (size_t i = 0; i < sizeof no / sizeof *no; i++) pl_set_bool(a, no[i], false);
  pl_set_int(a, "DynamicSize", 1048576);
  pl_set_bool(a, "IsValidated", true);
  pl_set_bool(a, "AppStoreVendable", true);
  if (d->platform->os & MOBILE && lab_generation(d) >= 16) pl_set_bool(a, "IsAppClip", false);
}

static struct pl *entry(struct lab_task *t, const struct software *s) {
  struct pl *a = pl_new_dict(t->cx);
  pl_set_string(a, "Identifier", s->identifier);
  pl_set_string(a, "Name", s->name);
  pl_set_string(a, "ShortVersion", s->version);
  pl_set_string(a, "Version", s->version);
  pl_set_int(a, "BundleSize", s->size);
  pl_set_int(a, "ExternalVersionIdentifier", 0);
  pl_set_bool(a, "HasUpdateAvailable", false);
  put_mobile(a, t->device);
  return a;
}

/* Only the members that the command lists; the identifier always. */
static struct pl *narrowed(struct lab_task *t, struct pl *whole) {
  struct pl *items = pl_get(t->command, "Items"), *part = pl_new_dict(t->cx);
  if (pl_count(items) == 0) return whole;
  pl_set(part, "Identifier", pl_get(whole, "Identifier"));
  for (size_t i = 0; i < pl_count(items); i++) {
    struct slice name;
    if (!pl_string(pl_at(items, i), &name)) continue;
    const char *key = ctx_memdup(t->cx, name.p, name.n);
    if (*key && pl_get(whole, key)) pl_set(part, key, pl_get(whole, key));
  }
  return part;
}

static void add_app(struct lab_task *t, struct pl *list, const char *identifier, struct pl *app) {
  const struct software *own = find_software(t->device, identifier);
  const struct software s = {0, pl_str(app, "Name"), identifier, pl_str(app, "Version"), own ? own->size : 4194304};
  struct pl *a = entry(t, &s);
  pl_set_bool(a, "Installing", !is_installed(app));
  pl_add(list, narrowed(t, a));
}

static void add_own_software(struct lab_task *t, struct pl *list) {
  for (size_t i = 0; i < sizeof software / sizeof *software; i++) {
    const struct software *s = &software[i];
    if (!(s->platforms & (int)t->device->platform->os) || !wants(t, s->identifier) ||
        lab_have(t->cx, t->channel, LAB_APP, s->identifier))
      continue;
    struct pl *a = entry(t, s);
    pl_set_bool(a, "Installing", false);
    pl_add(list, narrowed(t, a));
  }
}

/* In a User Enrollment only the managed ones are told. */
void lab_application_list(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  bool managed_only = t->device->user_enrollment || flag(t->command, "ManagedAppsOnly");
  if (!managed_only) add_own_software(t, list);
  for (const struct lab_thing *a = lab_first(t->channel, LAB_APP); a; a = lab_next(a)) {
    struct pl *app = lab_read(t->cx, a);
    const char *status = pl_str(app, "Status");
    bool failed = strcmp(status, "Failed") == 0, waits = strcmp(status, "Queued") == 0;
    if (wants(t, a->name) && !failed && !waits && (!managed_only || is_managed(app))) add_app(t, list, a->name, app);
    advance(t, a->name, app);
  }
  pl_set(t->report, "InstalledApplicationList", list);
}

static struct pl *managed_entry(struct lab_task *t, struct pl *app) {
  struct pl *m = pl_new_dict(t->cx);
  bool mac = t->device->platform->os == MAC;
  pl_set(m, "Status", pl_get(app, "Status"));
  pl_set(m, "ManagementFlags", pl_get(app, "ManagementFlags"));
  pl_set_bool(m, "HasConfiguration", pl_get(app, "Configuration") != NULL);
  pl_set_int(m, "ExternalVersionIdentifier", 0);
  if (!mac || t->channel != t->device->channels) pl_set_bool(m, "HasFeedback", false);
  if (!mac) pl_set_bool(m, "IsValidated", true);
  return m;
}

/* Each one that is managed and asked for. */
static void each_managed(struct lab_task *t,
                         void (*each)(struct lab_task *t, const char *name, struct pl *app, struct pl *to),
                         struct pl *to) {
  for (const struct lab_thing *a = lab_first(t->channel, LAB_APP); a; a = lab_next(a)) {
    struct pl *app = lab_read(t->cx, a);
    if (is_managed(app) && wants(t, a->name)) each(t, a->name, app, to);
  }
}

static void add_managed(struct lab_task *t, const char *name, struct pl *app, struct pl *to) {
  pl_set(to, name, managed_entry(t, app));
}

void lab_managed_application_list(struct lab_task *t) {
  struct pl *apps = pl_new_dict(t->cx);
  each_managed(t, add_managed, apps);
  for (const struct lab_thing *a = lab_first(t->channel, LAB_APP); a; a = lab_next(a))
    advance(t, a->name, lab_read(t->cx, a));
  pl_set(t->report, "ManagedApplicationList", apps);
}

static void add_of(struct lab_task *t, const char *name, struct pl *value, const char *key, struct pl *to) {
  struct pl *one = pl_new_dict(t->cx);
  pl_set_string(one, "Identifier", name);
  if (value) pl_set(one, key, value);
  pl_add(to, one);
}
static void add_attributes(struct lab_task *t, const char *name, struct pl *app, struct pl *to) {
  add_of(t, name, pl_get(app, "Attributes"), "Attributes", to);
}
static void add_configuration(struct lab_task *t, const char *name, struct pl *app, struct pl *to) {
  add_of(t, name, pl_get(app, "Configuration"), "Configuration", to);
}
static void add_feedback(struct lab_task *t, const char *name, struct pl *app, struct pl *to) {
  (void)app; /* the lab's apps say nothing */
  add_of(t, name, NULL, "Feedback", to);
}

void lab_managed_application_attributes(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  each_managed(t, add_attributes, list);
  pl_set(t->report, "ApplicationAttributes", list);
}

void lab_managed_application_configuration(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  each_managed(t, add_configuration, list);
  pl_set(t->report, "ApplicationConfigurations", list);
}

void lab_managed_application_feedback(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  each_managed(t, add_feedback, list);
  pl_set(t->report, "ManagedApplicationFeedback", list);
}

/* By a setting: ApplicationConfiguration and ApplicationAttributes. False: no such app is managed. */
bool lab_app_set(struct lab_task *t, const char *identifier, const char *key, struct pl *value) {
  struct pl *app = lab_have(t->cx, t->channel, LAB_APP, identifier);
  if (!app || !is_managed(app)) return false;
  pl_set(app, key, value ? value : pl_new_dict(t->cx));
  lab_keep(t->cx, t->channel, LAB_APP, identifier, app);
  return true;
}

/* ---- books ---- */
static const char *book_name(struct lab_task *t) {
  const char *own = pl_str(t->command, "PersistentID"), *text = pl_str(t->command, "iTunesStoreID");
  int64_t id = 0;
  if (own || text) return own ? own : text;
  return pl_int(pl_get(t->command, "iTunesStoreID"), &id) ? ctx_printf(t->cx, "%lld", (long long)id) : NULL;
}

void lab_install_media(struct lab_task *t) {
  static const char *const told[] = {"PersistentID", "Kind", "Version", "Author", "Title"};
  static const char *const repeated[] = {"iTunesStoreID", "MediaURL", "PersistentID", "MediaType"};
  struct pl *book = pl_new_dict(t->cx);
  const char *name = book_name(t);
  if (!name) {
    lab_refuse_saying(t, LAB_MALFORMED, "iTunesStoreID or PersistentID is missing.");
    return;
  }
  for (size_t i = 0; i < sizeof told / sizeof *told; i++)
    if (pl_get(t->command, told[i])) pl_set(book, told[i], pl_get(t->command, told[i]));
  pl_set_int(book, "iTunesStoreID", 0);
  if (pl_get(t->command, "iTunesStoreID")) pl_set(book, "iTunesStoreID", pl_get(t->command, "iTunesStoreID"));
  pl_set_string(book, "State", "Managed");
  lab_keep(t->cx, t->channel, LAB_BOOK, name, book);
  for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
    if (pl_get(t->command, repeated[i]) && (t->device->platform->os != MAC || i == 0 || i == 3))
      pl_set(t->report, repeated[i], pl_get(t->command, repeated[i]));
  pl_set_string(t->report, "State", "Queued");
}

void lab_remove_media(struct lab_task *t) {
  const char *name = book_name(t);
  if (!name || !lab_drop(t->channel, LAB_BOOK, name)) lab_refuse(t, LAB_APP_NOT_MANAGED);
}

void lab_managed_media_list(struct lab_task *t) {
  struct pl *list = pl_new_array(t->cx);
  for (const struct lab_thing *b = lab_first(t->channel, LAB_BOOK); b; b = lab_next(b))
    pl_add(list, lab_read(t->cx, b));
  pl_set(t->report, "Books", list);
}
