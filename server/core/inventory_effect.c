/* Accepted is not done: what the inventory says of what a device took on: an app, a package, a book, an update. */
#include "core/inventory_int.h"

#include <inttypes.h>
#include <string.h>

static const struct pl_limits limits = {.bytes = 4 << 20, .depth = 64, .nodes = 100000, .expanded = 8 << 20};

/* What a command asks for, and the list that tells of it. */
struct sought {
  const char *list, *member; /* of the answer */
  const char *key;           /* that names an entry; NULL: entries stand by name */
  const char *what;
  const char *status; /* member of an entry that must say "Managed"; NULL: it is enough that it is listed */
  bool gone;          /* done is what is listed no more */
};

/* ---- what was asked for ---- */

static bool seek_app(struct ctx *cx, struct pl *command, const char *told, struct sought *out) {
  const char *given = pl_str(command, "Identifier");
  (void)cx;
  *out = (struct sought){.list = "ManagedApplicationList",
                         .member = "ManagedApplicationList",
                         .status = "Status",
                         .what = given ? given : told};
  return out->what != NULL;
}

/* Of a manifest that stands in the command; what an address leads to is not known. */
static bool seek_package(struct ctx *cx, struct pl *command, const char *told, struct sought *out) {
  struct pl *item = pl_at(pl_get(pl_get(command, "Manifest"), "items"), 0);
  (void)cx, (void)told;
  *out = (struct sought){.list = "InstalledApplicationList",
                         .member = "InstalledApplicationList",
                         .key = "Identifier",
                         .what = pl_str(pl_get(item, "metadata"), "bundle-identifier")};
  return out->what != NULL;
}

static bool seek_book(struct ctx *cx, struct pl *command, const char *told, struct sought *out) {
  int64_t number;
  (void)told;
  *out = (struct sought){.list = "ManagedMediaList",
                         .member = "Books",
                         .key = "PersistentID",
                         .status = "State",
                         .what = pl_str(command, "PersistentID")};
  if (out->what || !pl_int(pl_get(command, "iTunesStoreID"), &number)) return out->what != NULL;
  out->key = "iTunesStoreID";
  out->what = ctx_printf(cx, "%" PRId64, number);
  return true;
}

/* Only what is to be installed at once; the first one. */
static bool seek_update(struct ctx *cx, struct pl *command, const char *told, struct sought *out) {
  static const char *const at_once[] = {"Default", "InstallASAP", "InstallForceRestart"};
  struct pl *update = pl_at(pl_get(command, "Updates"), 0);
  const char *action = pl_str(update, "InstallAction"), *version = pl_str(update, "ProductVersion");
  bool now = false;
  (void)cx, (void)told;
  for (size_t i = 0; action && i < sizeof at_once / sizeof *at_once; i++) now |= strcmp(action, at_once[i]) == 0;
  *out = (struct sought){.list = "AvailableOSUpdates",
                         .member = "AvailableOSUpdates",
                         .key = version ? "Version" : "ProductKey",
                         .what = version ? version : pl_str(update, "ProductKey"),
                         .gone = true};
  return now && out->what;
}

static const struct {
  const char *request_type;
  bool (*seek)(struct ctx *cx, struct pl *command, const char *told, struct sought *out);
} kinds[] = {{"InstallApplication", seek_app},
             {"InstallEnterpriseApplication", seek_package},
             {"InstallMedia", seek_book},
             {"ScheduleOSUpdate", seek_update}};

static bool seek(struct ctx *cx, struct pl *command, const char *told, struct sought *out) {
  const char *type = pl_str(command, "RequestType");
  for (size_t i = 0; type && i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].request_type, type) == 0) return kinds[i].seek(cx, command, told, out);
  return false;
}

/* ---- what is told of it ---- */

static bool is_named(struct ctx *cx, struct js *value, const char *name) {
  int64_t number;
  const char *text = js_int(value, &number) ? ctx_printf(cx, "%" PRId64, number) : js_string(value);
  return text && strcmp(text, name) == 0;
}

static struct js *entry_of(struct ctx *cx, struct js *list, const struct sought *w) {
  struct js *item;
  if (!w->key) return js_get(list, w->what);
  for (size_t i = 0; (item = js_at(list, i)); i++)
    if (is_named(cx, js_get(item, w->key), w->what)) return item;
  return NULL;
}

static enum err look(struct ctx *cx, struct db *db, int64_t enrollment, const struct sought *w,
                     struct inventory_effect *out) {
  struct inventory_stored s;
  enum err e = inventory_stored(cx, db, enrollment, w->list, &s);
  if (e == E_NOT_FOUND || e == E_INVALID) return ctx_clear_error(cx), OK;
  TRY(e);
  struct js *entry = entry_of(cx, js_get(s.answer, w->member), w);
  out->at = s.at;
  out->status = w->gone ? "it is still offered" : w->status ? js_str(entry, w->status) : NULL;
  bool managed = !w->status || !out->status || strcmp(out->status, "Managed") == 0;
  out->there = w->gone ? !entry : entry && managed;
  return OK;
}

enum err inventory_effect(struct ctx *cx, struct db *db, int64_t enrollment, struct slice plist, const char *told,
                          struct inventory_effect *out) {
  struct pl *root;
  struct sought w;
  *out = (struct inventory_effect){0};
  TRY(pl_parse(cx, plist, &limits, &root));
  if (!seek(cx, pl_get(root, "Command"), told, &w)) return OK;
  out->what = w.what;
  return look(cx, db, enrollment, &w, out);
}
