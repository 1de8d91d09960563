/* How a simulated device gets a package: manifest, pieces by Range, each part's digest. A package whose digests are
   other ones, or whose server breaks off, is not installed. */
#include "app/lab_task.h"
#include "base/enc.h"
#include "lib/net_http.h"
#include "lib/pki_crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 1 << 20, PIECE = 1 << 20, FIRST_PIECE = 1000, PARTS_MAX = 10000, DIGEST_MAX = 32 };

/* ---- the manifest ---- */
static struct pl *asset_of(struct pl *item) {
  struct pl *assets = pl_get(item, "assets");
  for (size_t i = 0; i < pl_count(assets); i++) {
    const char *kind = pl_str(pl_at(assets, i), "kind");
    if (kind && strcmp(kind, "software-package") == 0) return pl_at(assets, i);
  }
  return NULL;
}

enum err lab_manifest_read(struct ctx *cx, struct lab_app *out, struct pl *manifest) {
  struct pl *item = pl_at(pl_get(manifest, "items"), 0), *metadata = pl_get(item, "metadata");
  out->identifier = pl_str(metadata, "bundle-identifier");
  out->version = pl_str(metadata, "bundle-version");
  out->title = pl_str(metadata, "title");
  out->package = asset_of(item);
  if (!out->identifier || !*out->identifier || !out->version || !out->title)
    return FAIL(cx, E_INVALID, "The manifest lacks bundle-identifier, bundle-version or title.");
  if (!out->package || !pl_str(out->package, "url"))
    return FAIL(cx, E_INVALID, "The manifest names no software-package.");
  return OK;
}

/* ---- the wire ---- */
static enum err get(struct ctx *cx, const struct lab_device *d, const char *url, const char *range,
                    struct nh_reply *out) {
  struct nh_conf conf = lab_trust(d->way, url, d->profile.root_pem);
  struct nh *client;
  const char *const headers[] = {range, NULL};
  struct nh_req rq = {.method = "GET", .url = url, .headers = headers};
  TRY(nh_new(cx, &client, &conf));
  enum err e = nh_do(cx, client, &rq, out);
  nh_free(client);
  return e;
}

enum err lab_manifest_fetch(struct ctx *cx, struct pl **out, const struct lab_device *d, const char *url) {
  struct nh_reply reply;
  if (!d->way) return FAIL(cx, E_UNREACHABLE, "there is no way to %s", url);
  TRY(get(cx, d, url, NULL, &reply));
  if (reply.status != 200 || reply.body.n > MANIFEST_MAX)
    return FAIL(cx, E_REFUSED, "the manifest was answered with %d", reply.status);
  return pl_parse(cx, reply.body, &pl_limits_checkin, out);
}

/* ---- a package, part by part ---- */
struct digests { /* those of the manifest */
  struct pl *list;
  int64_t size; /* of each part but the last */
  bool md5;
};

struct fetch {
  struct ctx *cx;
  const struct lab_device *device;
  const char *url;
  int64_t at, total; /* bytes so far; of all, -1 before the first answer */
};

static enum err find_digests(struct ctx *cx, struct digests *out, struct pl *asset) {
  *out = (struct digests){.list = pl_get(asset, "sha256s")};
  out->md5 = !out->list;
  if (out->md5) out->list = pl_get(asset, "md5s");
  (void)pl_int(pl_get(asset, out->md5 ? "md5-size" : "sha256-size"), &out->size);
  if (pl_count(out->list) < 1 || pl_count(out->list) > PARTS_MAX || out->size < 1)
    return FAIL(cx, E_INVALID, "the manifest has no digests of the package");
  return OK;
}

static bool is_digest(struct pl *told, struct pki_digest *digest, bool md5) {
  uint8_t own[DIGEST_MAX];
  char hex[2 * DIGEST_MAX + 1];
  struct slice text;
  pki_digest_end(digest, own);
  enc_hex_to(hex, own, md5 ? 16 : 32);
  return pl_string(told, &text) && slice_ieq(text, hex);
}

static int64_t total_of(const struct nh_reply *reply) {
  for (size_t i = 0; i < reply->headers_n; i++) {
    const char *slash = strchr(reply->headers[i].value, '/');
    int64_t total;
    if (slice_istarts(slice_of(reply->headers[i].name), "content-range") && slash &&
        slice_to_i64(slice_of(slash + 1), &total))
      return total;
  }
  return -1;
}

/* The next bytes, `most` of them or fewer, as after a download that broke off. A fresh context each time, as packages
   are large. */
static enum err next_piece(struct fetch *f, struct pki_digest *digest, int64_t most) {
  struct ctx *cx = ctx_new();
  struct nh_reply reply;
  const char *range = ctx_printf(cx, "Range: bytes=%lld-%lld", (long long)f->at, (long long)(f->at + most - 1));
  enum err e = get(cx, f->device, f->url, range, &reply);
  if (e == OK && reply.status != 206)
    e = FAIL(cx, E_REFUSED, "a part of the package was answered with %d", reply.status);
  if (e == OK && (f->total = total_of(&reply)) < 0) e = FAIL(cx, E_INVALID, "the server does not tell the size");
  if (e == OK && (reply.body.n == 0 || (int64_t)reply.body.n > most)) e = FAIL(cx, E_INVALID, "a part of another size");
  if (e == OK) {
    pki_digest_add(digest, reply.body);
    f->at += (int64_t)reply.body.n;
  } else {
    e = FAIL(f->cx, e, "%s", ctx_error_text(cx));
  }
  ctx_free(cx);
  return e;
}

static enum err fetch_part(struct fetch *f, struct pki_digest *digest, int64_t size) {
  int64_t begin = f->at, end = f->at + size;
  while (f->at < end && (f->total < 0 || f->at < f->total)) {
    int64_t left = end - f->at, most = f->at == begin ? FIRST_PIECE : PIECE; /* each part breaks off once */
    TRY(next_piece(f, digest, left < most ? left : most));
  }
  return OK;
}

static enum err fetch_parts(struct fetch *f, struct pki_digest *digest, const struct digests *all) {
  for (size_t i = 0; i < pl_count(all->list); i++) {
    TRY(fetch_part(f, digest, all->size));
    if (!is_digest(pl_at(all->list, i), digest, all->md5))
      return FAIL(f->cx, E_INVALID, "part %zu of the package is not what the manifest says", i + 1);
  }
  return f->at == f->total ? OK : FAIL(f->cx, E_INVALID, "the package is longer than its digests");
}

static enum err fetch_package(struct ctx *cx, const struct lab_device *d, struct pl *asset) {
  struct digests digests;
  struct fetch f = {cx, d, pl_str(asset, "url"), 0, -1};
  TRY(find_digests(cx, &digests, asset));
  return fetch_parts(&f, pki_digest_new(cx, digests.md5 ? PKI_MD5 : PKI_SHA256), &digests);
}

/* The first app on the channel whose package is still to come; its name is copied. */
static struct pl *next_pending(struct ctx *cx, const struct lab_channel *c, const char **name) {
  for (const struct lab_thing *t = lab_first(c, LAB_APP); t; t = lab_next(t)) {
    struct pl *app = lab_read(cx, t);
    if (!pl_get(app, "Package")) continue;
    *name = ctx_strdup(cx, t->name);
    return app;
  }
  return NULL;
}

static struct pl *without_package(struct ctx *cx, struct pl *app) {
  static const char *const kept[] = {"Status",          "Name",    "Version",       "By",
                                     "ManagementFlags", "Managed", "Configuration", "Attributes"};
  struct pl *copy = pl_new_dict(cx);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    if (pl_get(app, kept[i])) pl_set(copy, kept[i], pl_get(app, kept[i]));
  return copy;
}

void lab_fetch_packages(struct ctx *cx, struct lab_device *d, struct lab_channel *c, const struct lab_way *way) {
  const char *name;
  for (struct pl *app; (app = next_pending(cx, c, &name));) {
    enum err e = fetch_package(cx, d, pl_get(app, "Package"));
    struct pl *kept = without_package(cx, app);
    if (e != OK) pl_set_string(kept, "Status", "Failed");
    if (way->tell)
      way->tell(way->tell_arg, d, c, e == OK ? "has the package" : "refuses the package",
                e == OK ? name : ctx_error_text(cx));
    ctx_clear_error(cx);
    lab_keep(cx, c, LAB_APP, name, kept);
  }
}
