/* Packages as rows: finding them, their URLs and manifests. */
#include "core/package_int.h"

#include "base/enc.h"
#include "base/log.h"
#include "core/event.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MD5_LEN = 16 };

char *package_folder(struct ctx *cx, const struct core *core) {
  return ctx_printf(cx, "%s/files", core_conf(core)->data);
}

const char *package_token_about(struct ctx *cx, const char *file) { return ctx_printf(cx, "package.token %s", file); }

void package_unlink(const struct core *core, const char *file) {
  struct ctx *cx = ctx_new();
  char *path = ctx_printf(cx, "%s/%s", package_folder(cx, core), file);
  if (unlink(path) != 0 && errno != ENOENT)
    log_warn(cx, "the file of a package was not removed", LOG_S("path", path), LOG_S("why", strerror(errno)));
  ctx_free(cx);
}

/* ---- finding ---- */

static enum err complete(struct ctx *cx, struct core *core, const struct package_stored *s, struct package *out) {
  struct slice token;
  *out = s->p;
  TRY(vault_unseal(cx, core->vault, package_token_about(cx, s->file), s->token_sealed, &token));
  out->token = ctx_memdup(cx, token.p, token.n);
  out->path = ctx_printf(cx, "%s/%s", package_folder(cx, core), s->file);
  return OK;
}

enum err package_find(struct ctx *cx, struct db *db, struct core *core, const char *name, struct package *out) {
  struct package_stored s;
  bool found;
  TRY(package_sql_name(cx, db, name, &s, &found));
  return found ? complete(cx, core, &s, out) : FAIL(cx, E_NOT_FOUND, "there is no package %s", name);
}

enum err package_row(struct ctx *cx, struct db *db, struct core *core, int64_t package, struct package *out) {
  struct package_stored s;
  bool found;
  TRY(package_sql_row(cx, db, package, &s, &found));
  return found ? complete(cx, core, &s, out) : FAIL(cx, E_NOT_FOUND, "there is no such package");
}

enum err package_list(struct ctx *cx, struct db *db, struct core *core, const struct package_query *q,
                      struct package **out, size_t *n) {
  struct package_stored *all;
  TRY(package_sql_list(cx, db, q, &all, n));
  *out = ctx_alloc(cx, (*n + 1) * sizeof **out);
  for (size_t i = 0; i < *n; i++) TRY(complete(cx, core, &all[i], &(*out)[i]));
  return OK;
}

/* By its digest: how long the search takes tells nothing of a token. */
enum err package_of_token(struct ctx *cx, struct db *db, struct core *core, const char *token, struct package *out) {
  struct package_stored s;
  uint8_t hash[SHA256_LEN];
  bool found;
  pki_sha256(hash, slice_of(token));
  TRY(package_sql_token(cx, db, slice_mem(hash, sizeof hash), &s, &found));
  return found ? complete(cx, core, &s, out) : FAIL(cx, E_NOT_FOUND, "no package has this token");
}

/* ---- what devices are told ---- */

const char *package_url(struct ctx *cx, const struct core *core, const struct package *p) {
  return ctx_printf(cx, "%s/files/%s/%s", core_conf(core)->public_url, p->token, enc_percent(cx, slice_of(p->name)));
}

static struct pl *digests(struct ctx *cx, const struct package *p, size_t from, size_t n) {
  struct pl *list = pl_new_array(cx);
  for (size_t at = from; at + n <= p->parts.n; at += PACKAGE_PART) pl_add_string(list, enc_hex(cx, p->parts.p + at, n));
  return list;
}

/* Older systems know MD5 only; where both stand, SHA-256 counts (Apple, ManifestURL). */
static struct pl *asset_of(struct ctx *cx, const struct core *core, const struct package *p) {
  struct pl *asset = pl_new_dict(cx);
  pl_set_string(asset, "kind", "software-package");
  pl_set_int(asset, "md5-size", p->part_size);
  pl_set(asset, "md5s", digests(cx, p, 0, MD5_LEN));
  pl_set_int(asset, "sha256-size", p->part_size);
  pl_set(asset, "sha256s", digests(cx, p, MD5_LEN, PACKAGE_SHA256));
  pl_set_string(asset, "url", package_url(cx, core, p));
  return asset;
}

static struct pl *metadata_of(struct ctx *cx, const struct package *p) {
  struct pl *metadata = pl_new_dict(cx);
  pl_set_string(metadata, "bundle-identifier", p->identifier);
  pl_set_string(metadata, "bundle-version", p->version);
  pl_set_string(metadata, "kind", "software");
  pl_set_int(metadata, "sizeInBytes", p->size);
  pl_set_string(metadata, "title", p->title);
  return metadata;
}

enum err package_manifest(struct ctx *cx, struct core *core, const struct package *p, struct pl **out) {
  struct pl *root = pl_new_dict(cx), *items = pl_new_array(cx), *item = pl_new_dict(cx), *assets = pl_new_array(cx);
  if (p->trouble) return FAIL(cx, E_UNAVAILABLE, "package %s cannot be served: %s", p->name, p->trouble);
  pl_add(assets, asset_of(cx, core, p));
  pl_set(item, "assets", assets);
  pl_set(item, "metadata", metadata_of(cx, p));
  pl_add(items, item);
  pl_set(root, "items", items);
  *out = root;
  return OK;
}

/* ---- removing ---- */

struct gone {
  const struct core *core;
  const char *file;
};

static void unlink_gone(void *arg) {
  const struct gone *g = arg;
  package_unlink(g->core, g->file);
}

enum err package_remove(struct ctx *cx, struct db *db, struct core *core, const char *name, const char *by) {
  struct package_stored s;
  struct gone *g = ctx_alloc(cx, sizeof *g);
  struct js *data = js_object(cx);
  char *groups;
  bool found;
  TRY(package_sql_name(cx, db, name, &s, &found));
  if (!found) return FAIL(cx, E_NOT_FOUND, "there is no package %s", name);
  TRY(package_sql_groups(cx, db, s.p.package, &groups));
  if (groups) return FAIL(cx, E_CONFLICT, "%s is given by %s: take it out of there first", name, groups);
  TRY(package_sql_remove(cx, db, s.p.package));
  *g = (struct gone){core, s.file};
  db_after_commit(db, unlink_gone, g);
  js_set_string(data, "package", name);
  js_set_string(data, "by", by);
  return event_add(cx, db, "package.removed", NULL, data);
}
