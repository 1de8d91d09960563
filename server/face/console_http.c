/* The console's files. Everything that it shows comes from /api/v1; nothing here is secret. */
#include "face/console.h"

#include "lib/zip.h"

#include <string.h>

/* Nothing but what is here: no other origin, no script or style inside a page, no frame around it. */
static void harden(struct http_req *rq) {
  http_set_header(rq, "Content-Security-Policy",
                  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'");
  http_set_header(rq, "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
}

bool console_is_there(void) { return console_assets[0].name != NULL; }

static const struct console_asset *named(struct slice name) {
  const struct console_asset *a = console_assets;
  while (a->name && !slice_is(name, a->name)) a++;
  return a->name ? a : NULL;
}

/* Accept-Encoding without "gzip", or with "gzip;q=0" (RFC 9110 12.5.3). */
static bool takes_gzip(struct http_req *rq) {
  struct slice rest = http_header(rq, "Accept-Encoding"), one, coding;
  while (slice_cut(&rest, ',', &one)) {
    one = slice_trim(one);
    slice_cut(&one, ';', &coding);
    if (!slice_ieq(slice_trim(coding), "gzip") && !slice_is(slice_trim(coding), "*")) continue;
    one = slice_trim(one);
    return !slice_is(one, "q=0") && !slice_starts(one, "q=0.0");
  }
  return false;
}

static void give(struct http_req *rq, int status, const struct console_asset *a, const char *cache) {
  struct slice body = slice_mem(a->gz, a->gz_n);
  http_set_header(rq, "Cache-Control", cache);
  http_set_header(rq, "Vary", "Accept-Encoding");
  http_set_header(rq, "ETag", a->etag);
  if (route_etag_held(http_header(rq, "If-None-Match"), a->etag)) {
    http_reply(rq, 304, NULL, (struct slice){0});
    return;
  }
  if (takes_gzip(rq)) {
    http_set_header(rq, "Content-Encoding", "gzip");
  } else if (zip_inflate(http_cx(rq), &body, body, a->n) != OK) {
    reply_error(rq, E_INTERNAL);
    return;
  }
  http_reply(rq, status, a->type, body);
}

static void start(struct http_req *rq, int status) {
  const struct console_asset *a = named(slice_of("index.html"));
  harden(rq);
  if (a)
    give(rq, status, a, "no-cache");
  else
    reply_error(rq, FAIL(http_cx(rq), E_NOT_FOUND,
                         "this program was built without the console (Node.js was missing); the API is at /api/v1"));
}

static void page(struct http_req *rq, struct core *core) {
  (void)core;
  start(rq, 200);
}

static void lost(struct http_req *rq, struct core *core) {
  (void)core;
  start(rq, 404);
}

static void asset(struct http_req *rq, struct core *core) {
  (void)core;
  const struct console_asset *a = named(route_param(rq, "name"));
  harden(rq);
  if (a && strcmp(a->name, "index.html") != 0)
    give(rq, 200, a, strcmp(a->name, "licences.txt") == 0 ? "no-cache" : "public, max-age=31536000, immutable");
  else
    reply_error(rq, FAIL(http_cx(rq), E_NOT_FOUND, "there is no such file"));
}

/* The pages of web/src/pages.ts: what stands behind them is the browser's business. */
#define PAGE(pattern_)                                                                                                 \
  { .method = "GET", .pattern = pattern_, .flags = ROUTE_OPEN | ROUTE_QUIET, .run = page }
const struct route console_routes[] = {
    PAGE("/"),
    PAGE("/account"),
    PAGE("/audit"),
    PAGE("/commands"),
    PAGE("/commands/:uuid"),
    PAGE("/devices"),
    PAGE("/devices/:id"),
    PAGE("/doctor"),
    PAGE("/enrollment"),
    PAGE("/groups"),
    PAGE("/groups/:name"),
    PAGE("/new-group"),
    PAGE("/packages"),
    PAGE("/profiles"),
    PAGE("/profiles/:identifier"),
    PAGE("/pushcert"),
    PAGE("/settings"),
    PAGE("/setup"),
    PAGE("/takeovers"),
    PAGE("/tokens"),
    PAGE("/users"),
    PAGE("/webhooks"),
    {.method = "GET", .pattern = "/assets/:name", .flags = ROUTE_OPEN | ROUTE_QUIET, .run = asset},
    {0},
};

const struct route console_lost = {.method = "GET", .pattern = "/", .flags = ROUTE_OPEN, .run = lost};
