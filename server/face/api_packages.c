/* /api/v1/packages: files that Macs install. */
#include "base/enc.h"
#include "base/log.h"
#include "core/package.h"
#include "core/plan.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

/* ---- showing ---- */

static struct js *warnings_of(struct ctx *cx, const struct package *p) {
  struct js *list = js_array(cx);
  if (!p->is_signed)
    js_add_string(list, "It is not signed: macOS installs only what is, by a certificate that it trusts "
                        "(`productsign --sign \"Developer ID Installer: …\"`).");
  if (!p->is_product)
    js_add_string(list, "It is a component package: macOS installs only product archives this way "
                        "(`productbuild --package IN.pkg OUT.pkg`).");
  return list;
}

static struct js *package_json(struct ctx *cx, const struct package *p) {
  struct js *o = js_object(cx);
  js_set_string(o, "name", p->name);
  js_set_string(o, "identifier", p->identifier);
  js_set_string(o, "version", p->version);
  js_set_string(o, "title", p->title);
  js_set_int(o, "size", p->size);
  js_set_string(o, "sha256", enc_hex(cx, p->sha256, sizeof p->sha256));
  js_set_bool(o, "signed", p->is_signed);
  js_set_bool(o, "product", p->is_product);
  js_set_time(o, "added_at", p->added_at);
  js_set_string(o, "added_by", p->added_by);
  js_set_string(o, "trouble", p->trouble);
  js_set(o, "warnings", warnings_of(cx, p));
  return o;
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct js *list = js_array(cx);
  struct api_page page;
  struct package *all;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(package_list(cx, page.db, core, &(struct package_query){page.start, page.most}, &all, &n));
  for (size_t i = 0; i < n; i++) js_add(list, package_json(cx, &all[i]));
  api_page_end(body, "packages", list, &page, n ? all[n - 1].package : 0);
  return OK;
}

static void list(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

static enum err find(struct http_req *rq, struct core *core, struct package *out) {
  struct db *db;
  TRY(db_reader(http_cx(rq), core->store, &db));
  return package_find(http_cx(rq), db, core, api_param(rq, "name"), out);
}

static void show(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct package p;
  enum err e = find(rq, core, &p);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *o = package_json(cx, &p);
  if (route_actor(rq)->role >= ROLE_OPERATOR) js_set_string(o, "url", package_url(cx, core, &p));
  reply_json(rq, 200, o);
}

static void manifest(struct http_req *rq, struct core *core) {
  struct package p;
  struct pl *root;
  enum err e = find(rq, core, &p);
  if (e == OK) e = package_manifest(http_cx(rq), core, &p, &root);
  if (e == OK)
    reply_bytes(rq, 200, "application/xml", pl_xml(http_cx(rq), root));
  else
    reply_error(rq, e);
}

/* ---- adding ---- */

struct adding {
  struct core *core;
  struct package_upload *upload;
  const char *by;
  struct package_told told;
  bool added;
};

static bool take_part(struct http_req *rq, struct slice bytes, void *arg) {
  struct adding *a = arg;
  route_goes_on(rq);
  if (package_upload_part(http_cx(rq), a->upload, bytes) == OK) return true;
  log_failure(LOG_ERROR, http_cx(rq), "the upload of a package was cut off");
  return false;
}

static const char *query_text(struct http_req *rq, const char *name) {
  struct slice s = http_query(rq, name);
  return s.p ? ctx_memdup(http_cx(rq), s.p, s.n) : NULL;
}

/* Before the body: nobody sends gigabytes to learn that there is no room. */
static size_t begin(struct http_req *rq, struct core *core) {
  struct adding *a = ctx_alloc(http_cx(rq), sizeof *a);
  *a = (struct adding){.core = core,
                       .by = route_who(rq),
                       .told = {query_text(rq, "identifier"), query_text(rq, "version"), query_text(rq, "title")}};
  enum err e = package_upload_begin(http_cx(rq), core, &a->upload, route_param(rq, "name"), http_content_length(rq));
  if (e != OK) {
    reply_error(rq, e);
    return 0;
  }
  route_set_user(rq, a);
  http_stream_body(rq, take_part, a);
  return (size_t)http_content_length(rq);
}

static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  struct adding *a = arg;
  TRY(package_add(cx, db, a->core, a->upload, a->by, &a->added));
  return a->added ? plan_due(cx, db, a->core, 0) : OK;
}

/* On a thread that may wait for the disk. */
static void finish(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct adding *a = route_user(rq);
  enum err e = package_upload_end(cx, a->upload, &a->told);
  if (e == OK) e = db_call(cx, core->store, add_job, a);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *o = package_json(cx, package_uploaded(a->upload));
  js_set_string(o, "url", package_url(cx, core, package_uploaded(a->upload)));
  js_set_bool(o, "added", a->added);
  reply_json(rq, a->added ? 201 : 200, o);
}

static void add(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, finish);
  if (e != OK) reply_error(rq, e);
}

/* ---- removing ---- */

struct removing {
  struct core *core;
  const char *name, *by;
};

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct removing *r = arg;
  return package_remove(cx, db, r->core, r->name, r->by);
}

static void remove_one(struct http_req *rq, struct core *core) {
  struct removing *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct removing){core, api_param(rq, "name"), route_who(rq)};
  route_write(rq, core, remove_job, r, api_done);
}

const struct route packages_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/packages",
     .query = "cursor:int limit:int",
     .run = list,
     .summary = "Packages that Macs can be told to install; ?cursor=, ?limit=."},
    {.method = "GET",
     .pattern = "/api/v1/packages/:name",
     .run = show,
     .summary = "One package, with its URL: whoever knows that gets the file."},
    {.method = "GET",
     .pattern = "/api/v1/packages/:name/manifest",
     .run = manifest,
     .summary = "The Manifest of InstallEnterpriseApplication for it, as a property list."},
    {.method = "PUT",
     .pattern = "/api/v1/packages/:name",
     .query = "identifier:text version:text title:text",
     .body = "@application/octet-stream",
     .run = add,
     .early = begin,
     .summary = "Adds a package: the body is the file (a flat package, .pkg, at most 8 GiB), written to the disk as it "
                "comes. identifier, version and title count more than what the file tells of itself. 409: there is "
                "another file of this name."},
    {.method = "DELETE",
     .pattern = "/api/v1/packages/:name",
     .run = remove_one,
     .summary = "Removes a package and its file. 409 while a group gives it."},
    {.method = NULL},
};
