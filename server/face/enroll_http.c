/* How a device comes in: a link gives the enrollment profile; /trust gives the own TLS CA. */
#include "base/enc.h"
#include "core/enroll.h"
#include "face/device.h"

static const char profile_type[] = "application/x-apple-aspen-config";

static void no_store(struct http_req *rq) {
  http_set_header(rq, "Cache-Control", "no-store");
  http_set_header(rq, "X-Content-Type-Options", "nosniff");
  http_set_header(rq, "Referrer-Policy", "no-referrer");
}

/* ---- the page for people ---- */

static const char page[] =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">"
    "<title>Enroll this device</title><style>"
    "body{font:17px/1.5 -apple-system,system-ui,sans-serif;max-width:34em;margin:12vh auto;padding:0 "
    "1.2em;color:#1c1c1e;background:#fff}"
    "a.b{display:inline-block;background:#0a6640;color:#fff;padding:.7em 1.4em;border-radius:.6em;text-decoration:none}"
    "li{margin:.3em 0}small{color:#555}"
    "@media(prefers-color-scheme:dark){body{color:#f2f2f7;background:#1c1c1e}small{color:#aaa}}"
    "</style></head><body><h1>Enroll this device</h1>"
    "<p>This adds the device to the management of your organization.</p>"
    "<p><a class=\"b\" href=\"?install\">Download the profile</a></p>"
    "<ol><li>On an iPhone, iPad or Apple Vision Pro open this page in Safari: other browsers cannot install it.</li>"
    "<li>Allow the download.</li>"
    "<li>Open Settings (on a Mac: System Settings, General, Device Management), choose the downloaded profile and "
    "install it.</li></ol>"
    "<p><small>The link is used up when the device has its identity, not when this page is opened.</small></p>"
    "</body></html>";

static const char gone_page[] = "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"
                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                                "<title>Link not valid</title><body style=\"font:17px/1.5 "
                                "system-ui;max-width:34em;margin:12vh auto;padding:0 1.2em\">"
                                "<h1>This link is not valid any more</h1><p>Ask whoever sent it for a new one.</p>";

static bool is_browser(struct http_req *rq) {
  struct slice accept = http_header(rq, "Accept"), one;
  while (slice_cut(&accept, ',', &one))
    if (slice_istarts(slice_trim(one), "text/html")) return true;
  return false;
}

static void show(struct http_req *rq, int status, const char *html) {
  http_set_header(rq, "Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  http_reply(rq, status, "text/html; charset=utf-8", slice_of(html));
}

static void fail(struct http_req *rq, enum err e) {
  bool closed = e == E_NOT_FOUND || e == E_GONE;
  if (closed && is_browser(rq))
    show(rq, err_http_status(e), gone_page);
  else
    reply_error(rq, e);
}

/* ---- the profile ---- */

struct fetch {
  const char *token; /* NULL: without a link */
  struct enroll_session session;
};

static enum err store_session(struct ctx *cx, struct db *db, void *arg) {
  struct fetch *f = arg;
  return enroll_session_store(cx, db, f->token, &f->session);
}

static void stored(struct http_req *rq, void *arg, enum err e) {
  struct fetch *f = arg;
  if (e != OK) {
    fail(rq, e);
    return;
  }
  http_set_header(rq, "Content-Disposition", "attachment; filename=\"enroll.mobileconfig\"");
  http_reply(rq, 200, profile_type, f->session.profile);
}

static enum err make_session(struct ctx *cx, struct core *core, struct fetch *f) {
  struct db *reader;
  TRY(db_reader(cx, core->store, &reader));
  return enroll_session_make(cx, reader, core, f->token, &f->session);
}

static void send_profile(struct http_req *rq, struct core *core, const char *token) {
  struct fetch *f = ctx_alloc(http_cx(rq), sizeof *f);
  f->token = token;
  enum err e = make_session(http_cx(rq), core, f);
  if (e != OK)
    fail(rq, e);
  else
    route_write(rq, core, store_session, f, stored);
}

static bool wants_profile(struct http_req *rq) { return !is_browser(rq) || slice_is(http_query_raw(rq), "install"); }

static enum err check_link(struct ctx *cx, struct core *core, const char *token) {
  struct db *reader;
  TRY(db_reader(cx, core->store, &reader));
  return enroll_link_check(cx, reader, token);
}

static void enroll_by_link(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct slice param = route_param(rq, "token");
  const char *token = ctx_memdup(cx, param.p, param.n);
  no_store(rq);
  enum err e = check_link(cx, core, token);
  if (e != OK)
    fail(rq, e);
  else if (slice_is(slice_of(http_method(rq)), "HEAD"))
    http_reply(rq, 200, profile_type, (struct slice){0}); /* a look spends nothing */
  else if (wants_profile(rq))
    send_profile(rq, core, token);
  else
    show(rq, 200, page);
}

static void enroll_open(struct http_req *rq, struct core *core) {
  no_store(rq);
  if (!core_conf(core)->open_enrollment)
    fail(rq, FAIL(http_cx(rq), E_NOT_FOUND, "enrollment without a link is off"));
  else if (slice_is(slice_of(http_method(rq)), "HEAD"))
    http_reply(rq, 200, profile_type, (struct slice){0});
  else if (wants_profile(rq))
    send_profile(rq, core, NULL);
  else
    show(rq, 200, page);
}

static void trust(struct http_req *rq, struct core *core) {
  struct slice der;
  enum err e = enroll_render_trust(http_cx(rq), core, &der);
  if (e != OK) {
    fail(rq, e);
    return;
  }
  http_set_header(rq, "Content-Disposition", "attachment; filename=\"trust.mobileconfig\"");
  http_reply(rq, 200, profile_type, der);
}

const struct route enroll_routes[] = {
    {.method = "GET", .pattern = "/enroll/:token", .flags = ROUTE_SECRET, .run = enroll_by_link},
    {.method = "GET", .pattern = "/enroll", .run = enroll_open},
    {.method = "GET", .pattern = "/trust", .run = trust},
    {.method = NULL},
};
