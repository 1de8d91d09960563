/* GET /calendar/SECRET.ics on the devices' listener, since calendar programs reach nothing else: whoever knows the
   address reads the dates. */
#include "base/enc.h"
#include "core/calendar.h"
#include "face/device.h"
#include "lib/pki_crypto.h"

enum { ETAG_BYTES = 12 };

static enum err read_feed(struct http_req *rq, struct core *core, struct calendar_text *out) {
  struct ctx *cx = http_cx(rq);
  struct slice name = route_param(rq, "secret");
  struct db *db;
  if (!slice_ends(name, ".ics")) return FAIL(cx, E_NOT_FOUND, "there is no such calendar");
  TRY(db_reader(cx, core->store, &db));
  TRY(calendar_check(cx, db, slice_mem(name.p, name.n - 4)));
  return calendar_text(cx, db, core, NULL, out);
}

static char *etag_of(struct ctx *cx, struct slice text) {
  uint8_t hash[SHA256_LEN];
  pki_sha256(hash, text);
  return ctx_printf(cx, "\"%s\"", enc_hex(cx, hash, ETAG_BYTES));
}

/* Seconds: the header has no more. */
static bool is_fresh(struct http_req *rq, const char *etag, int64_t changed_at) {
  struct slice tags = http_header(rq, "If-None-Match"), since = http_header(rq, "If-Modified-Since");
  int64_t at;
  if (tags.p) return route_etag_held(tags, etag);
  return dec_http_date(since, &at) && changed_at < at + 1000000;
}

static void show(struct http_req *rq, struct core *core) {
  struct ctx *cx = http_cx(rq);
  struct calendar_text feed;
  enum err e = read_feed(rq, core, &feed);
  http_set_header(rq, "X-Content-Type-Options", "nosniff");
  http_set_header(rq, "Referrer-Policy", "no-referrer");
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  const char *etag = etag_of(cx, feed.text);
  http_set_header(rq, "Cache-Control", "private, no-cache");
  http_set_header(rq, "ETag", etag);
  if (feed.changed_at) http_set_header(rq, "Last-Modified", enc_http_date(cx, feed.changed_at));
  if (is_fresh(rq, etag, feed.changed_at))
    reply_empty(rq, 304);
  else
    http_reply(rq, 200, "text/calendar; charset=utf-8", feed.text);
}

const struct route calendar_http_routes[] = {
    {.method = "GET", .pattern = "/calendar/:secret", .flags = ROUTE_SECRET, .run = show},
    {.method = NULL},
};
