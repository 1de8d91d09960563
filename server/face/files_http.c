/* Packages for devices: GET /files/TOKEN/NAME, with ranges (RFC 9110, 14), so that a download that broke off goes on.
 */
#include "base/enc.h"
#include "core/package.h"
#include "face/device.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct range {
  int64_t from, n;
};
enum asked { WHOLE, PART, NONE };

static bool number(struct slice s, int64_t *out) {
  bool digits = s.n > 0;
  for (size_t i = 0; i < s.n; i++) digits = digits && s.p[i] >= '0' && s.p[i] <= '9';
  if (!digits) return false;
  if (!slice_to_i64(s, out)) *out = INT64_MAX; /* more than any file has */
  return true;
}

/* Several ranges are answered by the whole, as is what is none (RFC 9110, 14.2). */
static enum asked read_range(struct slice header, int64_t size, struct range *out) {
  struct slice rest = slice_trim(header), unit, first;
  int64_t from, to = INT64_MAX;
  if (!slice_cut(&rest, '=', &unit) || !slice_ieq(slice_trim(unit), "bytes") || !rest.p) return WHOLE;
  rest = slice_trim(rest);
  if (memchr(rest.p, ',', rest.n) || !memchr(rest.p, '-', rest.n) || !slice_cut(&rest, '-', &first)) return WHOLE;
  bool suffix = first.n == 0, open = !rest.p || rest.n == 0;
  if (suffix) {
    if (open || !number(rest, &to)) return WHOLE;
    *out = (struct range){to < size ? size - to : 0, to < size ? to : size};
    return to > 0 ? PART : NONE;
  }
  if (!number(first, &from) || (!open && (!number(rest, &to) || to < from))) return WHOLE;
  if (from >= size) return NONE;
  *out = (struct range){from, (to < size ? to + 1 : size) - from};
  return PART;
}

static const char *etag_of(struct ctx *cx, const struct package *p) {
  return ctx_printf(cx, "\"%s\"", enc_hex(cx, p->sha256, sizeof p->sha256));
}

/* If-Range: the part is of use only of this very file. A date counts when it is exactly ours (RFC 9110, 13.1.5). */
static bool is_same(struct http_req *rq, const struct package *p, const char *etag) {
  struct slice wanted = slice_trim(http_header(rq, "If-Range"));
  return !wanted.p || slice_is(wanted, etag) || slice_is(wanted, enc_http_date(http_cx(rq), p->added_at));
}

static enum err find(struct http_req *rq, struct core *core, struct package *out) {
  struct ctx *cx = http_cx(rq);
  struct slice token = route_param(rq, "token"), name = route_param(rq, "name");
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(package_of_token(cx, db, core, ctx_memdup(cx, token.p, token.n), out));
  return slice_is(name, out->name) ? OK : FAIL(cx, E_NOT_FOUND, "the package of this token has another name");
}

static void set_headers(struct http_req *rq, const struct package *p, const char *etag) {
  http_set_header(rq, "ETag", etag);
  http_set_header(rq, "Last-Modified", enc_http_date(http_cx(rq), p->added_at));
  http_set_header(rq, "Accept-Ranges", "bytes");
  http_set_header(rq, "Cache-Control", "private, no-transform");
  http_set_header(rq, "X-Content-Type-Options", "nosniff");
}

static void send_part(struct http_req *rq, const struct package *p, int fd) {
  struct ctx *cx = http_cx(rq);
  const char *etag = etag_of(cx, p);
  struct slice header = http_header(rq, "Range");
  struct range part = {0, p->size};
  enum asked asked = header.p && is_same(rq, p, etag) ? read_range(header, p->size, &part) : WHOLE;
  struct http_file file = {.fd = fd, .n = p->size};
  set_headers(rq, p, etag);
  if (asked == NONE) {
    close(fd);
    http_set_header(rq, "Content-Range", ctx_printf(cx, "bytes */%" PRId64, p->size));
    reply_empty(rq, 416);
    return;
  }
  if (asked == PART) {
    file = (struct http_file){fd, part.from, part.n};
    http_set_header(
        rq, "Content-Range",
        ctx_printf(cx, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, part.from, part.from + part.n - 1, p->size));
  }
  http_reply_file(rq, asked == PART ? 206 : 200, "application/octet-stream", &file);
}

static void get_file(struct http_req *rq, struct core *core) {
  struct package p;
  int fd;
  enum err e = find(rq, core, &p);
  if (e == OK) e = package_open(http_cx(rq), core, &p, &fd);
  if (e == OK) {
    route_log(rq, "package", p.name);
    send_part(rq, &p, fd);
  } else {
    reply_error(rq, e);
  }
}

const struct route files_routes[] = {
    {.method = "GET", .pattern = "/files/:token/:name", .flags = ROUTE_SECRET, .run = get_file},
    {.method = NULL},
};
