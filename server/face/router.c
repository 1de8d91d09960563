#include "face/router_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "core/hangup.h"
#include "core/roster.h"
#include "face/access.h"
#include "face/outbound.h"
#include "lib/net_addr.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { FORWARDED_MAX = 16, ETAG_BYTES = 16 };

struct routed *router_state(struct http_req *rq) {
  return http_user(rq);
}
static struct routed *routed(struct http_req *rq) { return http_user(rq); }

/* ---- which row ---- */

static bool add_param(struct ctx *cx, struct routed *r, struct slice name, struct slice raw) {
  struct slice value;
  if (r->params == PARAMS_MAX || dec_percent(cx, raw, &value) != OK) return ctx_clear_error(cx), false;
  r->param[r->params].name = name;
  r->param[r->params++].value = value;
  return true;
}

/* Takes the first segment, without its slash, off a path. */
static struct slice segment(struct slice *path) {
  struct slice s = {path->p + 1, 0};
  while (s.n + 1 < path->n && s.p[s.n] != '/') s.n++;
  path->p += s.n + 1;
  path->n -= s.n + 1;
  return s;
}

static bool fits(struct ctx *cx, struct routed *r, const char *pattern, struct slice path) {
  struct slice want = slice_of(pattern);
  r->params = 0;
  while (want.n && path.n) {
    struct slice w = segment(&want);
    if (slice_is(w, "*")) return add_param(cx, r, w, slice_mem(path.p + 1, path.n - 1));
    struct slice s = segment(&path);
    bool named = w.n && w.p[0] == ':';
    if (named ? s.n == 0 || !add_param(cx, r, slice_mem(w.p + 1, w.n - 1), s) : !slice_eq(w, s)) return false;
  }
  return want.n == 0 && path.n == 0;
}

static bool lists_method(const char *methods, const char *method) {
  struct slice rest = slice_of(methods), one;
  while (slice_cut(&rest, ',', &one))
    if (slice_is(one, "*") || slice_is(one, method) || (slice_is(one, "GET") && strcmp(method, "HEAD") == 0))
      return true;
  return false;
}

/* *allowed: the methods of the rows whose path fits, NULL when there is none. */
static const struct route *find(struct http_req *rq, const struct router *router, struct routed *r,
                                const char **allowed) {
  struct ctx *cx = http_cx(rq);
  struct slice path = http_path(rq);
  *allowed = NULL;
  if (path.n == 0 || path.p[0] != '/') return NULL;
  for (const struct route *const *table = router->tables; *table; table++)
    for (const struct route *row = *table; row->method; row++) {
      if (!fits(cx, r, row->pattern, path)) continue;
      if (lists_method(row->method, http_method(rq))) return row;
      *allowed = *allowed ? ctx_printf(cx, "%s,%s", *allowed, row->method) : row->method;
    }
  return NULL;
}

/* Somebody's browser, at an address that is none of the API's: it would show an error as it is, and ask for a password
   of its own. */
static bool wants_page(struct http_req *rq) {
  struct slice path = http_path(rq);
  return strcmp(http_method(rq), "GET") == 0 && slice_istarts(http_header(rq, "Accept"), "text/html") &&
         !slice_starts(path, "/api/") && !slice_starts(path, "/v1/");
}

/* ---- what it asks with ---- */

static const struct {
  const char *word;
  bool yes;
} flags[] = {{"true", true}, {"yes", true}, {"1", true}, {"false", false}, {"no", false}, {"0", false}};

static bool flag_named(struct slice text, bool *yes) {
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (slice_is(text, flags[i].word)) return *yes = flags[i].yes, true;
  return false;
}

bool route_flag(struct http_req *rq, const char *name) {
  bool yes = false;
  return flag_named(http_query(rq, name), &yes) && yes;
}

/* What cannot be read must not be taken for absent, nor what is no clear word for no: "dry_run" least of all. */
static enum err check_value(struct http_req *rq, const struct route_word *w) {
  bool yes;
  const char *name = ctx_memdup(http_cx(rq), w->name.p, w->name.n);
  struct slice value = http_query(rq, name);
  if (!value.p) return FAIL(http_cx(rq), E_INVALID, "%s is not percent-encoded as it should be", name);
  if (!slice_is(w->type, "bool") || flag_named(value, &yes)) return OK;
  return FAIL(http_cx(rq), E_INVALID, "%s is neither true nor false", name);
}

/* A parameter that is misspelt must not be taken for absent. */
static enum err check_query(struct http_req *rq, const struct route *row) {
  struct ctx *cx = http_cx(rq);
  struct slice rest = http_query_raw(rq), one, name;
  struct route_word w;
  if (!rest.p || !slice_starts(slice_of(row->pattern), "/api/v1/")) return OK;
  while (slice_cut(&rest, '&', &one)) {
    if (one.n == 0) continue;
    slice_cut(&one, '=', &name);
    if (route_word_named(row->query, name, &w)) {
      TRY(check_value(rq, &w));
      continue;
    }
    return FAIL(cx, E_INVALID, "there is no parameter %.*s here; there is: %s",
                text_is_plain(name) && name.n < 100 ? (int)name.n : 0, name.p, route_word_names(cx, row->query));
  }
  return OK;
}

/* ---- the three moments of a request ---- */

static enum err admit(struct http_req *rq, struct routed *r) {
  struct ctx *cx = http_cx(rq);
  const char *allowed;
  if (r->router->admin && !router_host_allowed(cx, r->router, http_header(rq, "Host")))
    return FAIL(cx, E_MISDIRECTED, "the Host header names another server; see admin-listen and public-url");
  r->route = find(rq, r->router, r, &allowed);
  if (!r->route && !allowed && r->router->lost && wants_page(rq)) r->route = r->router->lost;
  bool open = !r->router->admin || (r->route && (r->route->flags & ROUTE_OPEN));
  if (!open) TRY(router_authenticate(rq, r));
  bool acts = router_changes(rq) || (r->route && r->route->flags & ROUTE_ACT);
  if (r->router->admin && acts) TRY(router_same_site(rq)); /* whoever asks: browsers keep what Basic was told, too */
  if (!open && r->route) TRY(access_check(cx, &r->actor, slice_of(r->route->pattern), router_changes(rq)));
  if (r->route) return r->router->admin ? check_query(rq, r->route) : OK;
  if (!allowed) return FAIL(cx, E_NOT_FOUND, "there is nothing at this path");
  http_set_header(rq, "Allow", allowed);
  return FAIL(cx, E_METHOD, "the method here is %s", allowed);
}

/* More lines than anyone sends are none that can be read: then it is the peer that counts. */
static const char *peer_of(struct http_req *rq, const struct core *core) {
  struct slice lines[FORWARDED_MAX];
  size_t n = http_headers(rq, "X-Forwarded-For", lines, FORWARDED_MAX);
  if (n > FORWARDED_MAX) n = 0;
  return addr_forwarded(http_cx(rq), core_conf(core)->trusted_proxies, http_peer(rq), lines, n);
}

/* Nothing is to be taken for a page by a browser, shown in the frame of another one or kept; what is a page, or may be
   kept, says so itself. */
static void harden(struct http_req *rq) {
  http_set_header(rq, "Cache-Control", "no-store");
  http_set_header(rq, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  http_set_header(rq, "Cross-Origin-Opener-Policy", "same-origin");
  http_set_header(rq, "Cross-Origin-Resource-Policy", "same-origin");
  http_set_header(rq, "Referrer-Policy", "no-referrer");
  http_set_header(rq, "X-Content-Type-Options", "nosniff");
  http_set_header(rq, "X-Frame-Options", "DENY");
}

static size_t head(struct http_req *rq, void *arg) {
  struct router *router = arg;
  struct routed *r = ctx_alloc(http_cx(rq), sizeof *r);
  r->router = router;
  r->actor.name = "";
  r->in_head = true;
  r->peer = peer_of(rq, router->core);
  http_set_user(rq, r);
  if (router->admin) harden(rq);
  enum err e = admit(rq, r);
  size_t most = 0;
  if (e == OK) most = r->route->early ? r->route->early(rq, router->core) : r->route->body_max;
  if (e == OK && http_status(rq) == 0 && http_content_length(rq) > (int64_t)most)
    e = FAIL(http_cx(rq), E_TOO_LARGE, "the body is larger than %zu bytes", most);
  if (e != OK)
    reply_error(rq, e);
  else
    r->in_head = false;
  return most;
}

struct fleet_wait {
  struct roster_wait wait;
  struct http_req *rq;
  struct core *core;
};

/* Whose session or token ended while the request waited is refused, and the record says who that was. */
static enum err still_known(struct http_req *rq) {
  struct routed *r = routed(rq);
  struct actor known = r->actor;
  if (known.kind == ACTOR_NONE) return OK;
  enum err e = router_authenticate(rq, r);
  if (e != OK) r->actor = known;
  return e;
}

static void after_waiting(struct http_req *rq, struct core *core) {
  enum err e = still_known(rq);
  if (e == OK)
    routed(rq)->waiting(rq, core);
  else
    reply_error(rq, e);
}

static void fleet_is_read(struct roster_wait *wait) {
  const struct fleet_wait *w = (struct fleet_wait *)wait; /* its first member */
  enum err e = outbound_run(w->rq, w->core, after_waiting);
  if (e != OK) reply_error(w->rq, e);
}

void route_fleet(struct http_req *rq, struct core *core, void (*run)(struct http_req *rq, struct core *core)) {
  struct fleet_wait *w = ctx_alloc(http_cx(rq), sizeof *w);
  *w = (struct fleet_wait){{.run = fleet_is_read}, rq, core};
  routed(rq)->waiting = run;
  if (!roster_wait(core, &w->wait)) run(rq, core);
}

void router_run(struct http_req *rq, struct core *core) {
  const struct route *route = routed(rq)->route;
  if (route->flags & ROUTE_FLEET)
    route_fleet(rq, core, route->run);
  else
    route->run(rq, core);
}

static void body(struct http_req *rq, void *arg) {
  struct router *router = arg;
  bool once = false;
  enum err e = http_content_length(rq) == 0 ? OK : still_known(rq); /* a body takes its time */
  if (e == OK) e = once_wanted(rq, &once);
  if (e == OK && !once) {
    router_run(rq, router->core);
    return;
  }
  if (e == OK) e = once_run(rq, router->core);
  if (e != OK) reply_error(rq, e);
}

/* A path as the log may show it: nothing of one that no row knows but its first segment, since a mistyped one may hold
 * a token. */
static char *shown_path(struct http_req *rq, const struct routed *r) {
  struct ctx *cx = http_cx(rq);
  struct slice path = http_path(rq);
  if (r->route && !(r->route->flags & ROUTE_SECRET)) return ctx_memdup(cx, path.p, path.n);
  size_t keep = r->route ? strcspn(r->route->pattern, ":*") : 0;
  if (!r->route)
    for (keep = path.n > 0; keep < path.n && path.p[keep] != '/';) keep++;
  return ctx_printf(cx, "%.*s%s", (int)keep, path.p, keep < path.n ? "…" : "");
}

static enum log_level level_of(const struct routed *r, int status) {
  if (status >= 400) return LOG_WARN;
  bool quiet = !r->router->admin || !r->route || (r->route->flags & ROUTE_QUIET);
  return quiet ? LOG_DEBUG : LOG_INFO;
}

static void end(struct http_req *rq, void *arg) {
  struct routed *r = routed(rq);
  struct router *router = arg;
  int status = http_status(rq);
  struct ctx *cx = http_cx(rq);
  if (!r || !log_enabled(level_of(r, status))) return;
  bool failed = status >= 400 && ctx_error(cx) != OK;
  struct log_kv extra = r->log_key && r->log_value ? LOG_S(r->log_key, r->log_value) : (struct log_kv){.key = "extra"};
  log_emit(level_of(r, status), cx, status ? "request" : "request given up by the client",
           LOG_S("listener", router->listener), LOG_S("method", http_method(rq)), LOG_S("path", shown_path(rq, r)),
           LOG_I("status", status), LOG_I("us", http_age_us(rq)), LOG_S("peer", r->peer),
           LOG_S("who", *r->actor.name ? r->actor.name : NULL), extra,
           LOG_S("error", failed ? err_slug(ctx_error(cx)) : NULL), LOG_S("detail", failed ? ctx_error_text(cx) : NULL),
           LOG_S("at", failed ? ctx_error_place(cx) : NULL), LOG_END);
}

/* A proxy's connections tell nothing of a device. */
static void hangup(const char *peer, int alert, void *arg) {
  const struct router *router = arg;
  if (!addr_ranges_have(core_conf(router->core)->trusted_proxies, peer))
    hangup_note(router->core->hangups, peer, alert);
}

struct http_handler router_handler(struct router *r) {
  return (struct http_handler){.head = head, .body = body, .end = end, .hangup = r->admin ? NULL : hangup, .arg = r};
}

/* ---- for handlers ---- */

struct slice route_param(struct http_req *rq, const char *name) {
  const struct routed *r = routed(rq);
  for (size_t i = 0; i < r->params; i++)
    if (slice_is(r->param[i].name, name)) return r->param[i].value;
  return (struct slice){0};
}

const struct actor *route_actor(struct http_req *rq) { return &routed(rq)->actor; }
const char *route_who(struct http_req *rq) { return routed(rq)->actor.name; }
const char *route_peer(struct http_req *rq) { return routed(rq)->peer; }
const struct router *route_router(struct http_req *rq) { return routed(rq)->router; }
const struct route *route_row(struct http_req *rq) { return routed(rq)->route; }

static bool drop_end(struct slice *s, const char *end) {
  size_t n = strlen(end);
  bool ends = s->n >= n && memcmp(s->p + s->n - n, end, n) == 0;
  if (ends) s->n -= n;
  return ends;
}

bool route_words(struct slice *list, struct route_word *out) {
  struct slice word;
  do {
    if (!slice_cut(list, ' ', &word)) return false;
  } while (word.n == 0);
  slice_cut(&word, ':', &out->name);
  out->required = drop_end(&word, "!");
  out->array = drop_end(&word, "[]");
  out->type = word;
  return true;
}

bool route_word_named(const char *list, struct slice name, struct route_word *out) {
  struct slice rest = slice_of(list);
  while (list && route_words(&rest, out))
    if (slice_eq(out->name, name)) return true;
  return false;
}

char *route_word_names(struct ctx *cx, const char *list) {
  struct slice rest = slice_of(list);
  struct route_word w;
  char *text = NULL;
  while (list && route_words(&rest, &w))
    text = ctx_printf(cx, "%s%s%.*s", text ? text : "", text ? ", " : "", (int)w.name.n, w.name.p);
  return text ? text : ctx_strdup(cx, "none");
}

void *route_user(struct http_req *rq) { return routed(rq)->user; }
void route_set_user(struct http_req *rq, void *user) { routed(rq)->user = user; }

void route_log(struct http_req *rq, const char *key, const char *value) {
  if (!value) return;
  routed(rq)->log_key = key;
  routed(rq)->log_value = ctx_strdup(http_cx(rq), value);
}

void route_proved(struct http_req *rq, const char *act, const struct actor *who, const char *detail) {
  routed(rq)->act = act;
  routed(rq)->actor = *who;
  routed(rq)->detail = detail;
}

/* One of the list, or "*". A weak one counts as well (RFC 9110, 13.1.2). */
bool route_etag_held(struct slice list, const char *etag) {
  struct slice one;
  while (slice_cut(&list, ',', &one)) {
    one = slice_trim(one);
    if (slice_starts(one, "W/")) one = slice_mem(one.p + 2, one.n - 2);
    if (slice_is(one, etag) || slice_is(one, "*")) return true;
  }
  return false;
}

void route_etag(struct http_req *rq, const char *tag) {
  routed(rq)->etag = tag;
  http_set_header(rq, "ETag", tag);
}

static bool of_nanomdm(struct http_req *rq) {
  return slice_starts(http_path(rq), "/v1/") || slice_is(http_path(rq), "/migration");
}

void reply_bytes(struct http_req *rq, int status, const char *type, struct slice bytes) {
  router_answer(rq, &(struct idempotency_answer){.status = status, .type = type, .body = bytes});
}

/* Whether the client holds this very answer (RFC 9110 13.1.2). An answer changes without an edit, too, as a device that
   was seen: what has a version has it before the digest of what is told. */
static bool is_held(struct http_req *rq, struct slice text) {
  uint8_t hash[SHA256_LEN];
  const char *version = routed(rq)->etag;
  bool reads = strcmp(http_method(rq), "GET") == 0 || strcmp(http_method(rq), "HEAD") == 0;
  if (!reads || !slice_starts(http_path(rq), "/api/v1/")) return false;
  pki_sha256(hash, text);
  const char *digest = enc_hex(http_cx(rq), hash, ETAG_BYTES);
  route_etag(rq, version ? ctx_printf(http_cx(rq), "%.*s.%s\"", (int)strlen(version) - 1, version, digest)
                         : ctx_printf(http_cx(rq), "\"%s\"", digest));
  return route_etag_held(http_header(rq, "If-None-Match"), routed(rq)->etag);
}

void reply_json(struct http_req *rq, int status, struct js *json) {
  struct slice text = js_text(http_cx(rq), json, of_nanomdm(rq) ? JS_TABS : JS_COMPACT);
  http_set_header(rq, "Cache-Control", "no-store");
  if (status == 200 && is_held(rq, text))
    reply_empty(rq, 304);
  else
    reply_bytes(rq, status, "application/json", text);
}

void reply_empty(struct http_req *rq, int status) { reply_bytes(rq, status, NULL, (struct slice){0}); }

/* What is the client's doing, or a trouble of others, may be told; the inside of our own faults is for the log. */
static const char *safe_message(struct ctx *cx, enum err e) {
  const char *text = ctx_error(cx) == e ? ctx_error_text(cx) : "";
  bool ours = e == E_INTERNAL || e == E_STORAGE;
  return *text && !ours ? text : err_text(e);
}

static struct js *error_body(struct http_req *rq, enum err e) {
  struct ctx *cx = http_cx(rq);
  struct js *body_ = js_object(cx);
  if (of_nanomdm(rq)) {
    js_set_string(body_, "error", safe_message(cx, e));
    return body_;
  }
  struct js *error = js_object(cx);
  js_set_string(error, "code", err_slug(e));
  js_set_string(error, "message", safe_message(cx, e));
  js_set_string(error, "trace", ctx_trace(cx));
  js_set(body_, "error", error);
  return body_;
}

/* A 401 or 403 could make a device unenroll; whatever our trouble is, it is to come again. */
static int device_status(int status) {
  if (status == 401 || status == 403) return 400;
  return status >= 500 ? 503 : status;
}

void reply_error(struct http_req *rq, enum err e) {
  bool admin = routed(rq)->router->admin;
  int status = admin ? err_http_status(e) : device_status(err_http_status(e));
  if (ctx_error(http_cx(rq)) == OK) (void)FAIL(http_cx(rq), e, "%s", err_text(e));
  if (status == 503) http_set_header(rq, "Retry-After", "60");
  if (status == 401 && admin && !router_is_console(rq))
    http_set_header(rq, "WWW-Authenticate", "Basic realm=\"pomona\", charset=\"UTF-8\"");
  if (admin)
    reply_json(rq, status, error_body(rq, e));
  else
    reply_empty(rq, status);
}
