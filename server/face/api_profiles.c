/* /api/v1/profiles: kept in versions, looked at, changed, removed. Giving them to devices: api_profile_give.c. */
#include "base/enc.h"
#include "base/secret.h"
#include "core/plan.h"
#include "core/profile.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <inttypes.h>
#include <string.h>

enum { FILES_MOST = 200, UPLOAD_MOST = 32 << 20 };

static const char profile_type[] = "application/x-apple-aspen-config";

/* ---- showing ---- */

static struct js *words(struct ctx *cx, const char *text) {
  struct js *list = js_array(cx);
  struct slice rest = slice_of(text), word;
  while (slice_cut(&rest, ' ', &word))
    if (word.n) js_add_string(list, ctx_memdup(cx, word.p, word.n));
  return list;
}

static struct js *platforms(struct ctx *cx, unsigned bits) {
  struct js *list = js_array(cx);
  for (int p = 0; p < PLATFORMS; p++)
    if (bits & (1U << p)) js_add_string(list, platform_word((enum platform)p));
  return list;
}

static struct js *profile_json(struct ctx *cx, const struct profile *p) {
  struct js *o = js_object(cx);
  js_set_string(o, "identifier", p->identifier);
  js_set_string(o, "name", p->name);
  js_set_int(o, "version", p->version);
  js_set_string(o, "organization", p->organization);
  js_set_string(o, "scope", p->scope);
  js_set(o, "types", words(cx, p->types));
  js_set(o, "variables", words(cx, p->variables));
  js_set(o, "platforms", platforms(cx, p->platforms));
  js_set_bool(o, "supervised", p->supervised);
  js_set_bool(o, "signed", p->is_signed);
  js_set_time(o, "added_at", p->added_at);
  js_set_string(o, "added_by", p->added_by);
  return o;
}

static enum err add_groups(struct ctx *cx, struct db *db, const struct profile *p, struct js *o) {
  struct js *groups;
  TRY(profile_groups(cx, db, p->profile, &groups));
  js_set(o, "groups", groups);
  return OK;
}

/* Channels that have a version of it, and those of them that have the newest. */
static void set_spread(struct js *o, const struct profile *p, const struct profile_spread *s) {
  int64_t all = s->others;
  for (int64_t v = 0; v < p->version; v++) all += s->devices[v];
  js_set_int(o, "devices", all);
  js_set_int(o, "devices_newest", s->devices[p->version - 1]);
}

static enum err list_into(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct js *list = js_array(cx);
  bool counted = slice_is(http_query(rq, "devices"), "yes");
  struct profile_spread *spread = NULL;
  struct api_page page;
  struct profile *all;
  size_t n;
  TRY(api_page(rq, core, &page));
  TRY(profile_list(cx, page.db, page.start, page.most, &all, &n));
  if (counted) {
    spread = ctx_alloc(cx, (n + 1) * sizeof *spread);
    TRY(profile_spread(cx, page.db, core, all, n, spread));
  }
  for (size_t i = 0; i < n; i++) {
    struct js *o = profile_json(cx, &all[i]);
    TRY(add_groups(cx, page.db, &all[i], o));
    if (counted) set_spread(o, &all[i], &spread[i]);
    js_add(list, o);
  }
  api_page_end(body, "profiles", list, &page, n ? all[n - 1].profile : 0);
  return OK;
}

static void list_elsewhere(struct http_req *rq, struct core *core) { api_answer(rq, core, list_into); }

static void list_counted(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, list_elsewhere);
  if (e != OK) reply_error(rq, e);
}

/* With ?devices=yes the lists of a whole fleet are read for it. */
static void list(struct http_req *rq, struct core *core) {
  if (http_query(rq, "devices").p)
    route_fleet(rq, core, list_counted);
  else
    list_elsewhere(rq, core);
}

/* ?name=: a version; 0 when it is not asked for. */
static enum err query_version(struct http_req *rq, const char *name, int64_t *out) {
  struct slice text = http_query(rq, name);
  *out = 0;
  return !text.p || (slice_to_i64(text, out) && *out > 0)
             ? OK
             : FAIL(http_cx(rq), E_INVALID, "%s is no number of a version", name);
}

enum err api_profile(struct http_req *rq, struct core *core, struct db **db, struct profile *out) {
  TRY(db_reader(http_cx(rq), core->store, db));
  return profile_find(http_cx(rq), *db, api_param(rq, "identifier"), out);
}

static enum err add_versions(struct ctx *cx, struct db *db, struct core *core, const struct profile *p, struct js *o) {
  struct js *list = js_array(cx);
  struct profile_spread spread;
  struct profile *all;
  size_t n;
  TRY(profile_versions(cx, db, p->profile, &all, &n));
  TRY(profile_spread(cx, db, core, p, 1, &spread));
  for (size_t i = 0; i < n; i++) {
    struct js *v = js_object(cx);
    js_set_int(v, "version", all[i].version);
    js_set_time(v, "added_at", all[i].added_at);
    js_set_string(v, "added_by", all[i].added_by);
    js_set_bool(v, "signed", all[i].is_signed);
    js_set_int(v, "devices", spread.devices[all[i].version - 1]);
    js_add(list, v);
  }
  js_set(o, "versions", list);
  js_set_int(o, "other_devices", spread.others);
  return OK;
}

static struct js *payloads(struct ctx *cx, struct pl *profile) {
  struct js *list = js_array(cx);
  struct pl *content = pl_get(profile, "PayloadContent");
  for (size_t i = 0; i < pl_count(content); i++) {
    struct js *o = js_object(cx);
    struct pl *payload = pl_at(content, i);
    js_set_string(o, "type", pl_str(payload, "PayloadType"));
    js_set_string(o, "identifier", pl_str(payload, "PayloadIdentifier"));
    js_set_string(o, "name", pl_str(payload, "PayloadDisplayName"));
    js_add(list, o);
  }
  return list;
}

static enum err describe(struct http_req *rq, struct core *core, struct js **out) {
  struct ctx *cx = http_cx(rq);
  struct payload_check check;
  struct profile p;
  struct slice file;
  struct db *db;
  int64_t version;
  TRY(query_version(rq, "version", &version));
  TRY(api_profile(rq, core, &db, &p));
  TRY(profile_file(cx, db, core, p.profile, version, &file));
  TRY(payload_check(cx, file, &check));
  *out = profile_json(cx, &p);
  TRY(add_groups(cx, db, &p, *out));
  js_set(*out, "payloads", payloads(cx, check.profile));
  js_set_string(*out, "signer", check.signer);
  api_etag(rq, p.version);
  return add_versions(cx, db, core, &p, *out);
}

static void show_elsewhere(struct http_req *rq, struct core *core) {
  struct js *o;
  enum err e = describe(rq, core, &o);
  if (e == OK)
    reply_json(rq, 200, o);
  else
    reply_error(rq, e);
}

/* The lists of a whole fleet are read for it. */
static void show(struct http_req *rq, struct core *core) {
  enum err e = outbound_run(rq, core, show_elsewhere);
  if (e != OK) reply_error(rq, e);
}

static enum err read_diff(struct http_req *rq, struct core *core, struct js *body) {
  struct ctx *cx = http_cx(rq);
  struct profile p;
  struct slice was, is;
  struct js *changes;
  struct db *db;
  int64_t from, to;
  TRY(query_version(rq, "from", &from));
  TRY(query_version(rq, "to", &to));
  TRY(api_profile(rq, core, &db, &p));
  if (!to) to = p.version;
  if (!from) from = to > 1 ? to - 1 : 1;
  TRY(profile_file(cx, db, core, p.profile, from, &was));
  TRY(profile_file(cx, db, core, p.profile, to, &is));
  TRY(profile_diff(cx, was, is, &changes));
  js_set_string(body, "identifier", p.identifier);
  js_set_int(body, "from", from);
  js_set_int(body, "to", to);
  js_set(body, "changes", changes);
  return OK;
}

static void show_diff(struct http_req *rq, struct core *core) { api_answer(rq, core, read_diff); }

/* ---- the file ---- */

static enum err read_file(struct http_req *rq, struct core *core, struct slice *out) {
  struct ctx *cx = http_cx(rq);
  struct slice device = http_query(rq, "device");
  struct profile p;
  const struct roster_device *d;
  struct db *db;
  int64_t version;
  TRY(query_version(rq, "version", &version));
  TRY(api_profile(rq, core, &db, &p));
  if (!device.p) return profile_file(cx, db, core, p.profile, version, out);
  TRY(api_profile_device(cx, db, core, ctx_memdup(cx, device.p, device.n), &d));
  bool newest = version == 0 || version == p.version;
  if (newest && !route_flag(rq, "unsigned")) return profile_render(cx, db, core, p.profile, d, out);
  return profile_fill(cx, db, core, &(struct profile_ask){p.profile, version, d}, out);
}

static void get_file(struct http_req *rq, struct core *core) {
  struct slice file;
  enum err e = read_file(rq, core, &file);
  if (e == OK)
    reply_bytes(rq, 200, profile_type, file);
  else
    reply_error(rq, e);
}

/* ---- adding ---- */

struct one_file {
  const char *name;
  struct profile_given given;
  struct profile out;
  bool added;
};

struct adding {
  struct core *core;
  struct one_file *files;
  size_t n;
  const char *identifier; /* that it must have; NULL: any */
  bool anyway;
};

static enum err take_file(struct ctx *cx, struct js *o, struct one_file *out) {
  const char *data = NULL;
  TRY(api_string(cx, o, "name", &out->name));
  TRY(api_string(cx, o, "data", &data));
  if (!data || dec_base64(cx, slice_of(data), &out->given.file) != OK) {
    ctx_clear_error(cx);
    return FAIL(cx, E_INVALID, "the data of each file is its contents in base64");
  }
  secret_in(cx, (void *)(uintptr_t)out->given.file.p, out->given.file.n);
  return OK;
}

static enum err take_files(struct http_req *rq, struct adding *a, int64_t *if_version) {
  struct ctx *cx = http_cx(rq);
  struct js *o;
  TRY(api_object(rq, &o));
  TRY(api_bool(cx, o, "anyway", &a->anyway));
  TRY(api_int(cx, o, "if_version", if_version));
  struct js *list = js_get(o, "files");
  a->n = js_count(list);
  if (!js_is_array(list) || a->n == 0 || a->n > FILES_MOST)
    return FAIL(cx, E_INVALID, "files is a list of 1 to %d {\"name\",\"data\"}", FILES_MOST);
  a->files = ctx_alloc(cx, a->n * sizeof *a->files);
  for (size_t i = 0; i < a->n; i++) TRY(take_file(cx, js_at(list, i), &a->files[i]));
  return OK;
}

static enum err take_body(struct http_req *rq, struct adding *a) {
  struct ctx *cx = http_cx(rq);
  int64_t if_version = -1;
  a->anyway = route_flag(rq, "anyway");
  TRY(api_if_match(rq, &if_version));
  if (slice_istarts(http_header(rq, "Content-Type"), "application/json")) {
    TRY(take_files(rq, a, &if_version));
  } else {
    a->n = 1;
    a->files = ctx_alloc(cx, sizeof *a->files);
    a->files->given.file = http_body(rq);
  }
  for (size_t i = 0; i < a->n; i++) {
    a->files[i].given.by = route_who(rq);
    a->files[i].given.if_version = if_version;
  }
  return OK;
}

static enum err check_all(struct ctx *cx, const struct adding *a, bool *refused) {
  *refused = false;
  for (size_t i = 0; i < a->n; i++) {
    struct payload_check *check = ctx_alloc(cx, sizeof *check);
    TRY(payload_check(cx, a->files[i].given.file, check));
    a->files[i].given.check = check;
    *refused |= !check->profile || (check->errors && !a->anyway);
    const char *id = check->identifier ? check->identifier : "";
    if (a->identifier && strcmp(id, a->identifier) != 0)
      return FAIL(cx, E_INVALID, "the file is the profile \"%s\", not %s", text_is_plain(slice_of(id)) ? id : "?",
                  a->identifier);
  }
  return OK;
}

static struct js *file_json(struct ctx *cx, const struct one_file *f) {
  struct js *o = payload_json(cx, f->given.check);
  js_set_string(o, "file", f->name);
  if (f->out.profile) js_set_int(o, "version", f->out.version);
  if (f->out.profile) js_set_bool(o, "added", f->added);
  return o;
}

static struct js *files_json(struct ctx *cx, const struct adding *a) {
  struct js *list = js_array(cx);
  for (size_t i = 0; i < a->n; i++) js_add(list, file_json(cx, &a->files[i]));
  return list;
}

/* A line for each mistake, as a compiler tells them. */
static const char *mistakes(struct ctx *cx, const struct adding *a) {
  struct buf b = {0};
  buf_add_str(&b, "nothing was added, for Apple's schema knows no such profile:");
  for (size_t i = 0; i < a->n; i++) {
    const struct payload_check *c = a->files[i].given.check;
    for (size_t k = 0; k < c->n; k++) {
      const struct payload_finding *f = &c->findings[k];
      if (f->grade != PAYLOAD_ERROR) continue;
      buf_printf(&b, "\n  %s: %s%s%s", payload_place(cx, a->files[i].name, f->line), f->key, *f->key ? ": " : "",
                 f->text);
    }
  }
  const char *text = ctx_strdup(cx, b.p);
  buf_free(&b);
  return text;
}

static void refuse(struct http_req *rq, const struct adding *a) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx), *error = js_object(cx);
  const char *text = mistakes(cx, a);
  (void)FAIL(cx, E_INVALID, "a profile with mistakes");
  js_set_string(error, "code", err_slug(E_INVALID));
  js_set_string(error, "message", text);
  js_set_string(error, "trace", ctx_trace(cx));
  js_set(body, "error", error);
  js_set(body, "files", files_json(cx, a));
  reply_json(rq, 400, body);
}

/* All of them or none. */
static enum err add_job(struct ctx *cx, struct db *db, void *arg) {
  const struct adding *a = arg;
  for (size_t i = 0; i < a->n; i++) {
    struct one_file *f = &a->files[i];
    enum err e = profile_add(cx, db, a->core, &f->given, &f->out, &f->added);
    if (e == OK) continue;
    const char *why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return f->name ? FAIL(cx, e, "%s: %s", f->name, why) : FAIL(cx, e, "%s", why);
  }
  return plan_due(cx, db, a->core, 0);
}

static void answer_added(struct http_req *rq, const struct adding *a) {
  struct ctx *cx = http_cx(rq);
  struct js *body = js_object(cx);
  bool any = false;
  for (size_t i = 0; i < a->n; i++) any |= a->files[i].added;
  if (a->identifier) api_etag(rq, a->files[0].out.version);
  js_set(body, "profiles", files_json(cx, a));
  reply_json(rq, any ? 201 : 200, body);
}

static void add_elsewhere(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct adding *a = route_user(rq);
  bool refused = false;
  enum err e = take_body(rq, a);
  if (e == OK) e = check_all(cx, a, &refused);
  if (e == OK)
    route_log(rq, "profile", a->n == 1 ? a->files->given.check->identifier : api_of(cx, "add", a->n, "profile"));
  if (e == OK && refused) {
    refuse(rq, a);
    return;
  }
  if (e == OK) e = db_call(cx, core->store, add_job, a);
  if (e == OK)
    answer_added(rq, a);
  else
    reply_error(rq, e);
}

static void start_adding(struct http_req *rq, struct core *core, const char *identifier) {
  struct adding *a = ctx_alloc(http_cx(rq), sizeof *a);
  *a = (struct adding){.core = core, .identifier = identifier};
  route_set_user(rq, a);
  enum err e = outbound_run(rq, core, add_elsewhere);
  if (e != OK) reply_error(rq, e);
}

static void add(struct http_req *rq, struct core *core) { start_adding(rq, core, NULL); }
static void change(struct http_req *rq, struct core *core) { start_adding(rq, core, api_param(rq, "identifier")); }

/* ---- removing ---- */

struct removing {
  const char *identifier, *by;
  int64_t if_version;
};

static enum err remove_job(struct ctx *cx, struct db *db, void *arg) {
  const struct removing *r = arg;
  struct profile p;
  TRY(profile_find(cx, db, r->identifier, &p));
  TRY(api_same_version(cx, r->if_version, p.version));
  return profile_remove(cx, db, r->identifier, r->by);
}

static void remove_one(struct http_req *rq, struct core *core) {
  struct removing *r = ctx_alloc(http_cx(rq), sizeof *r);
  *r = (struct removing){.identifier = api_param(rq, "identifier"), .by = route_who(rq)};
  enum err e = api_if_match(rq, &r->if_version);
  if (e == OK)
    route_write(rq, core, remove_job, r, api_done);
  else
    reply_error(rq, e);
}

const struct route profiles_routes[] = {
    {.method = "GET",
     .pattern = "/api/v1/profiles",
     .query = "devices:text cursor:int limit:int",
     .run = list,
     .summary = "Profiles that are kept, in their newest version, with the groups that give each; ?devices=yes: how "
                "many devices have it, and its newest version; ?cursor=, ?limit=."},
    {.method = "POST",
     .pattern = "/api/v1/profiles",
     .flags = ROUTE_FILE | ROUTE_VERSIONED,
     .query = "anyway:bool",
     .body = "files:object[] anyway:bool if_version:int",
     .body_max = UPLOAD_MOST,
     .run = add,
     .summary = "Adds profiles, or new versions of them, all or none: one file as it is, or {\"files\":[{\"name\","
                "\"data\": base64}],\"anyway\",\"if_version\"} as application/json. 400 with findings by file (line, "
                "key, text) when one has mistakes; anyway keeps it all the same. if_version, or If-Match: the newest "
                "must be that one (412)."},
    {.method = "GET",
     .pattern = "/api/v1/profiles/:identifier",
     .flags = ROUTE_VERSIONED | ROUTE_FLEET,
     .query = "version:int",
     .run = show,
     .summary = "One profile: its payloads (of ?version=), variables, platforms, versions and how many devices have "
                "each, groups that give it."},
    {.method = "PUT",
     .pattern = "/api/v1/profiles/:identifier",
     .flags = ROUTE_VERSIONED,
     .query = "anyway:bool",
     .body = "@application/x-apple-aspen-config",
     .body_max = PAYLOAD_FILE_MOST,
     .run = change,
     .summary = "A new version of this profile: the body is the file."},
    {.method = "DELETE",
     .pattern = "/api/v1/profiles/:identifier",
     .flags = ROUTE_VERSIONED,
     .run = remove_one,
     .summary = "Removes a profile from what is kept; devices keep it. 409 while a group gives it."},
    {.method = "GET",
     .pattern = "/api/v1/profiles/:identifier/file",
     .query = "version:int device:text unsigned:bool",
     .run = get_file,
     .summary =
         "The file as it was given; with ?device=ID as that device would get it, filled and signed (?unsigned=true: "
         "filled only, and so are versions but the newest)."},
    {.method = "GET",
     .pattern = "/api/v1/profiles/:identifier/diff",
     .query = "from:int to:int",
     .run = show_diff,
     .summary = "What differs between two versions (the newest and the one before), by key; passwords are not shown."},
    {.method = NULL},
};
