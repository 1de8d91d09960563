/* NanoMDM's list of enrollments, as its pending API gives it: pages that stay the same while devices come and go. */
#include "base/enc.h"
#include "base/map.h"
#include "base/secret.h"
#include "core/enroll.h"
#include "face/api_int.h"
#include "face/api_nano_int.h"
#include "lib/pki_cert.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT = 100, LIMIT_MAX = 1000, CHUNK = 500, FILTER_MAX = 100000 };

/* ---- pages ---- */

/* Opaque to clients; a number, so that a page can start there whatever was deleted meanwhile. */
char *nano_cursor(struct ctx *cx, int64_t row) { return ctx_printf(cx, "%lld", (long long)row); }

static enum err number(struct http_req *rq, const char *name, int64_t least, int64_t *out) {
  struct slice text = http_query(rq, name);
  if (text.n == 0) return OK;
  if (slice_to_i64(text, out) && *out >= least) return OK;
  return FAIL(http_cx(rq), E_INVALID, "%s is no number from %d on", name, (int)least);
}

enum err nano_page(struct http_req *rq, struct nano_page *out) {
  int64_t limit = LIMIT;
  *out = (struct nano_page){0};
  if (http_query(rq, "offset").n && http_query(rq, "cursor").n)
    return FAIL(http_cx(rq), E_INVALID, "offset and cursor exclude each other");
  TRY(number(rq, "limit", 1, &limit));
  TRY(number(rq, "offset", 0, &out->skip));
  TRY(number(rq, "cursor", 0, &out->after));
  out->most = (int)(limit < LIMIT_MAX ? limit : LIMIT_MAX);
  return OK;
}

/* ---- the filter ---- */

struct filter {
  struct js *ids;                                 /* an array, or NULL */
  struct map *serials, *user_short_names, *types; /* NULL: any */
  bool by_enabled, enabled;
  bool with_cert, with_unlock_token;
};

static void filter_free(struct filter *f) {
  map_free(f->serials, NULL);
  map_free(f->user_short_names, NULL);
  map_free(f->types, NULL);
}

static enum err take_list(struct ctx *cx, struct js *object, const char *key, struct js **out) {
  struct js *list = js_get(object, key);
  *out = NULL;
  if (js_is_null(list)) return OK;
  if (!js_is_array(list) || js_count(list) > FILTER_MAX) return FAIL(cx, E_INVALID, "%s is no list", key);
  for (size_t i = 0; i < js_count(list); i++)
    if (!js_string(js_at(list, i))) return FAIL(cx, E_INVALID, "%s holds something that is no string", key);
  *out = js_count(list) ? list : NULL;
  return OK;
}

static enum err take_set(struct ctx *cx, struct js *object, const char *key, struct map **out) {
  struct js *list;
  TRY(take_list(cx, object, key, &list));
  if (list) *out = map_new();
  for (size_t i = 0; i < js_count(list); i++) map_put(*out, slice_of(js_string(js_at(list, i))), list);
  return OK;
}

static enum err read_filter(struct http_req *rq, struct filter *f) {
  struct ctx *cx = http_cx(rq);
  struct js *body;
  TRY(api_object(rq, &body));
  struct js *filter = js_get(body, "filter"), *options = js_get(body, "options");
  TRY(take_list(cx, filter, "ids", &f->ids));
  TRY(take_set(cx, filter, "serials", &f->serials));
  TRY(take_set(cx, filter, "user_short_names", &f->user_short_names));
  TRY(take_set(cx, filter, "types", &f->types));
  f->by_enabled = !js_is_null(js_get(filter, "enabled"));
  TRY(api_bool(cx, filter, "enabled", &f->enabled));
  TRY(api_bool(cx, options, "include_device_cert", &f->with_cert));
  return api_bool(cx, options, "include_unlock_token", &f->with_unlock_token);
}

static bool among(const struct map *set, const char *value) { return !set || (value && map_get(set, slice_of(value))); }

static bool passes(const struct filter *f, const struct enroll_info *i) {
  return (!f->by_enabled || f->enabled == i->enabled) && among(f->types, i->type) &&
         among(f->serials, i->serial_number) && among(f->user_short_names, i->user_short_name);
}

/* ---- one enrollment ---- */

static enum err add_secrets(struct ctx *cx, struct db *db, struct core *core, const struct filter *f,
                            const struct enroll_info *i, struct js *device) {
  struct enroll_secrets s;
  struct pki_cert *cert;
  if (!f->with_cert && !f->with_unlock_token) return OK;
  TRY(enroll_secrets(cx, db, core, i->device, &s));
  if (f->with_cert && s.cert.n) {
    TRY(pki_cert_parse(cx, &cert, s.cert));
    js_set_string(device, "device_cert", pki_cert_pem(cx, cert).p);
  }
  if (f->with_unlock_token && s.unlock_token.n) {
    char *text = enc_base64(cx, s.unlock_token.p, s.unlock_token.n);
    js_set_string(device, "unlock_token", secret_in(cx, text, strlen(text)));
  }
  return OK;
}

static enum err add_enrollment(struct ctx *cx, struct db *db, struct core *core, const struct filter *f,
                               const struct enroll_info *i, struct js *list) {
  struct js *o = js_object(cx), *device = js_object(cx);
  js_set_string(o, "id", i->id);
  js_set_string(o, "type", i->type);
  js_set_string(device, "serial_number", i->serial_number ? i->serial_number : "");
  TRY(add_secrets(cx, db, core, f, i, device));
  js_set(o, "device", device);
  if (i->user_short_name || i->user_long_name) {
    struct js *user = js_object(cx);
    js_set_string(user, "user_short_name", i->user_short_name ? i->user_short_name : "");
    js_set_string(user, "user_long_name", i->user_long_name ? i->user_long_name : "");
    js_set(o, "user", user);
  }
  js_set_bool(o, "enabled", i->enabled);
  js_set_int(o, "token_update_tally", i->token_update_tally);
  js_set_time(o, "last_seen", i->last_seen ? i->last_seen : i->token_at);
  js_add(list, o);
  return OK;
}

/* ---- the list ---- */

struct query {
  struct db *db;
  struct core *core;
  struct filter filter;
  struct nano_page page;
  struct js *list;
  int64_t last, passed; /* the row that the page ends with; how many fitted so far */
  bool more;
};

static enum err take_row(struct ctx *cx, struct query *q, const struct enroll_info *i) {
  if (!passes(&q->filter, i) || q->passed++ < q->page.skip) return OK;
  if (js_count(q->list) == (size_t)q->page.most) return q->more = true, OK;
  q->last = i->enrollment;
  return add_enrollment(cx, q->db, q->core, &q->filter, i, q->list);
}

static enum err all_rows(struct ctx *cx, struct query *q) {
  struct enroll_info *rows;
  int64_t after = q->page.after;
  for (size_t n = CHUNK; n == CHUNK && !q->more;) {
    TRY(enroll_list(cx, q->db, 0, after, CHUNK, &rows, &n));
    for (size_t i = 0; i < n && !q->more; i++) TRY(take_row(cx, q, &rows[i]));
    if (n) after = rows[n - 1].enrollment;
  }
  return OK;
}

static int by_number(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

/* By ids, nothing else is read. */
static enum err named_rows(struct ctx *cx, struct query *q) {
  size_t n = js_count(q->filter.ids), found = 0;
  int64_t *seqs = ctx_alloc(cx, (n + 1) * sizeof *seqs);
  for (size_t i = 0; i < n; i++) {
    char *id;
    const char *name = js_string(js_at(q->filter.ids, i));
    enum err e = enroll_lookup(cx, q->db, name, &seqs[found], &id);
    if (e != OK && e != E_NOT_FOUND && e != E_CONFLICT) return e;
    if (e == OK && strcmp(id, name) == 0 && seqs[found] > q->page.after) found++; /* no serial number */
    ctx_clear_error(cx);
  }
  qsort(seqs, found, sizeof *seqs, by_number);
  for (size_t i = 0; i < found && !q->more; i++) {
    struct enroll_info *row;
    size_t one;
    if (i && seqs[i] == seqs[i - 1]) continue;
    TRY(enroll_list(cx, q->db, seqs[i], 0, 1, &row, &one));
    if (one) TRY(take_row(cx, q, row));
  }
  return OK;
}

static enum err run_query(struct http_req *rq, struct query *q) {
  struct ctx *cx = http_cx(rq);
  TRY(read_filter(rq, &q->filter));
  TRY(nano_page(rq, &q->page));
  TRY(db_reader(cx, q->core->store, &q->db));
  q->list = js_array(cx);
  return q->filter.ids ? named_rows(cx, q) : all_rows(cx, q);
}

static void query(struct http_req *rq, struct core *core) {
  struct query q = {.core = core};
  enum err e = run_query(rq, &q);
  filter_free(&q.filter);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  struct js *body = js_object(http_cx(rq));
  js_set(body, "enrollments", q.list);
  if (q.more) js_set_string(body, "next_cursor", nano_cursor(http_cx(rq), q.last));
  reply_json(rq, 200, body);
}

const struct route nano_enrollments_routes[] = {
    {.method = "POST",
     .pattern = "/v1/enrollments/query",
     .body = "filter:object options:object",
     .run = query,
     .body_max = API_BODY_MAX,
     .summary = "NanoMDM: enrollments that fit `filter` (ids, serials, user_short_names, types, enabled), with "
                "`options` (include_device_cert, include_unlock_token); ?limit= (100), ?offset= or ?cursor=."},
    {.method = NULL},
};
