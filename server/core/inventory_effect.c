/* Accepted is not done: what the inventory says of an app that a device took on. */
#include "core/inventory_int.h"

#include <string.h>

static const struct pl_limits limits = {.bytes = 4 << 20, .depth = 64, .nodes = 100000, .expanded = 8 << 20};

static struct js *entry_named(struct js *list, const char *name) {
  struct js *item;
  if (js_is_object(list)) return js_get(list, name);
  for (size_t i = 0; (item = js_at(list, i)); i++) {
    const char *identifier = js_str(item, "Identifier");
    if (identifier && strcmp(identifier, name) == 0) return item;
  }
  return NULL;
}

/* Of a manifest that stands in the command. */
static const char *in_manifest(struct pl *command) {
  struct pl *item = pl_at(pl_get(pl_get(command, "Manifest"), "items"), 0);
  return pl_str(pl_get(item, "metadata"), "bundle-identifier");
}

static enum err look(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                     struct inventory_effect *out) {
  struct inventory_stored s;
  enum err e = inventory_stored(cx, db, enrollment, request_type, &s);
  if (e == E_NOT_FOUND || e == E_INVALID) return ctx_clear_error(cx), OK;
  TRY(e);
  struct js *entry = entry_named(js_get(s.answer, request_type), out->what);
  out->at = s.at;
  out->status = js_str(entry, "Status");
  bool managed = out->status && strcmp(out->status, "Managed") == 0;
  out->there = entry && (managed || !out->status);
  return OK;
}

enum err inventory_effect(struct ctx *cx, struct db *db, int64_t enrollment, struct slice plist, const char *told,
                          struct inventory_effect *out) {
  struct pl *root;
  *out = (struct inventory_effect){0};
  TRY(pl_parse(cx, plist, &limits, &root));
  struct pl *command = pl_get(root, "Command");
  const char *type = pl_str(command, "RequestType"), *given = pl_str(command, "Identifier");
  bool app = type && strcmp(type, "InstallApplication") == 0;
  bool package = type && strcmp(type, "InstallEnterpriseApplication") == 0;
  out->what = app ? (given ? given : told) : package ? in_manifest(command) : NULL;
  if (!out->what) return OK;
  return look(cx, db, enrollment, app ? "ManagedApplicationList" : "InstalledApplicationList", out);
}
