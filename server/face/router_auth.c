/* Who asks. */
#include "face/access.h"
#include "face/router_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/login.h"
#include "lib/net_addr.h"

#include <string.h>

bool router_changes(struct http_req *rq) {
  return strcmp(http_method(rq), "GET") != 0 && strcmp(http_method(rq), "HEAD") != 0;
}

/* Without ":PORT", which links that we make take over. */
static struct slice without_port(struct slice host) {
  size_t end = host.n;
  while (end && host.p[end - 1] >= '0' && host.p[end - 1] <= '9') end--;
  if (end && host.p[end - 1] == ':') host.n = end - 1;
  return host;
}

bool router_host_allowed(struct ctx *cx, const struct router *r, struct slice host) {
  host = without_port(host);
  for (const char *const *name = r->hosts; *name; name++)
    if (slice_ieq(host, *name)) return true;
  struct addr a;
  bool numeric = r->any_address && addr_parse(cx, &a, ctx_printf(cx, "%.*s:0", (int)host.n, host.p)) == OK;
  ctx_clear_error(cx);
  return numeric;
}

/* ---- by token ---- */

/* The token of "Bearer TOKEN", or the password of "Basic base64(USER:PASSWORD)". */
static bool credentials(struct ctx *cx, struct slice header, struct slice *token) {
  struct slice rest = header, scheme;
  if (!slice_cut(&rest, ' ', &scheme)) return false;
  *token = slice_trim(rest);
  if (slice_ieq(scheme, "Bearer")) return true;
  if (!slice_ieq(scheme, "Basic") || dec_base64(cx, *token, token) != OK) return ctx_clear_error(cx), false;
  struct slice user;
  secret_in(cx, (void *)(uintptr_t)token->p, token->n);
  return slice_cut(token, ':', &user);
}

static enum err by_header(struct http_req *rq, struct routed *r, struct slice header) {
  struct ctx *cx = http_cx(rq);
  struct slice token;
  if (!credentials(cx, header, &token))
    return FAIL(cx, E_UNAUTHORIZED, "the Authorization header is neither Bearer nor Basic");
  return account_by_token(cx, r->router->core, token, &r->actor);
}

/* ---- by cookie ---- */

bool route_is_tls(struct http_req *rq) {
  const struct core *core = route_router(rq)->core;
  if (http_is_tls(rq)) return true;
  return slice_ieq(http_header(rq, "X-Forwarded-Proto"), "https") &&
         addr_ranges_have(core_conf(core)->trusted_proxies, http_peer(rq));
}

const char *route_cookie_name(struct http_req *rq) { return route_is_tls(rq) ? "__Host-" LOGIN_COOKIE : LOGIN_COOKIE; }

/* RFC 6265, 4.2.1. */
static struct slice cookie(struct http_req *rq) {
  struct slice rest = http_header(rq, "Cookie"), one, name;
  while (slice_cut(&rest, ';', &one)) {
    one = slice_trim(one);
    if (slice_cut(&one, '=', &name) && slice_is(name, route_cookie_name(rq)) && one.p) return one;
  }
  return (struct slice){0};
}

/* Its scheme does not matter: the browser tells of the way to a proxy, we of the way from there. */
static bool is_own_origin(struct http_req *rq, struct slice origin) {
  struct slice host = http_header(rq, "Host");
  const char *at = origin.n > 3 ? memmem(origin.p, origin.n, "://", 3) : NULL;
  return at && slice_eq(slice_mem(at + 3, origin.n - (size_t)(at + 3 - origin.p)), host);
}

enum err router_same_site(struct http_req *rq) {
  struct slice origin = http_header(rq, "Origin"), site = http_header(rq, "Sec-Fetch-Site");
  if (origin.p && !is_own_origin(rq, origin))
    return FAIL(http_cx(rq), E_DENIED,
                "the page that asks is of another origin than this Host; "
                "a proxy before the console must pass Host on");
  if (site.p && !slice_is(site, "same-origin") && !slice_is(site, "none"))
    return FAIL(http_cx(rq), E_DENIED, "the page that asks is of another site");
  return OK;
}

static enum err check_csrf(struct http_req *rq, const struct actor *a) {
  struct slice told = http_header(rq, "X-CSRF-Token");
  size_t n = strlen(a->csrf);
  if (told.n != n || !secret_equal(told.p, a->csrf, n))
    return FAIL(http_cx(rq), E_DENIED, "X-CSRF-Token is missing, or of another session");
  return OK;
}

/* What a page asks by itself while nobody touches it says so; the stream is never anything else. */
static bool is_by_itself(struct http_req *rq, const struct routed *r) {
  return http_header(rq, "X-By-Itself").p || (r->route && r->route->flags & ROUTE_QUIET);
}

static enum err by_cookie(struct http_req *rq, struct routed *r, struct slice token) {
  struct ctx *cx = http_cx(rq);
  struct core *core = r->router->core;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(login_by_cookie(cx, db, token, &r->actor));
  if (!is_by_itself(rq, r)) login_seen(core, &r->actor);
  return router_changes(rq) ? check_csrf(rq, &r->actor) : OK;
}

void route_goes_on(struct http_req *rq) {
  struct routed *r = router_state(rq);
  int64_t now = clock_now_us();
  if (!r->actor.login || r->actor.idle_ends_at - LOGIN_IDLE_US > now - US_MINUTE) return;
  login_seen(r->router->core, &r->actor);
  r->actor.idle_ends_at = now + LOGIN_IDLE_US;
}

enum err router_authenticate(struct http_req *rq, struct routed *r) {
  struct slice header = http_header(rq, "Authorization"), token = cookie(rq);
  if (header.p) return by_header(rq, r, header);
  if (token.p) return by_cookie(rq, r, token);
  return FAIL(http_cx(rq), E_UNAUTHORIZED, "no Authorization header, and nobody is logged in");
}

struct route_proof route_proof(struct http_req *rq) {
  struct slice header = http_header(rq, "Authorization"), token = {0};
  if (header.p)
    return (struct route_proof){.secret = credentials(http_cx(rq), header, &token) ? token : (struct slice){0}};
  return (struct route_proof){.secret = cookie(rq), .is_cookie = true};
}

enum err route_proof_holds(struct ctx *cx, struct db *db, struct core *core, const struct route_proof *p,
                           const char *path) {
  struct actor who;
  TRY(p->is_cookie ? login_by_cookie(cx, db, p->secret, &who) : account_by_token(cx, core, p->secret, &who));
  return access_check(cx, &who, slice_of(path), false);
}

bool router_is_console(struct http_req *rq) {
  static const char *const tells[] = {"Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-CSRF-Token"};
  for (size_t i = 0; i < sizeof tells / sizeof *tells; i++)
    if (http_header(rq, tells[i]).p) return true;
  return false;
}
