/* Requests to the admin's side, by their heads: target, Host, Origin, Cookie, If-Match, If-None-Match and parameters.
   Whatever is sent is refused as the client's mistake, nobody is taken for somebody, or its handler reads of it what
   stands there and nothing else.

   An input is the method, the target and lines of headers: "PATCH /api/v1/things?limit=5", "If-Match: ...". */
#include "base/log.h"
#include "core/core.h"
#include "face/api_int.h"
#include "lib/db.h"
#include "lib/http_int.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds) {
  if (!holds) abort();
}

static bool is_within(struct slice part, struct slice whole) {
  return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

/* ---- the handler: reads all that handlers read of a head ---- */

static void read_cookie(struct http_req *rq) {
  struct slice header = http_header(rq, "Cookie");
  struct route_proof proof = route_proof(rq);
  if (!proof.is_cookie || !proof.secret.p) return;
  insist(is_within(proof.secret, header) && !memchr(proof.secret.p, ';', proof.secret.n));
}

/* What was never given is refused; what is taken stands in the header as it is. */
static enum err read_version(struct http_req *rq) {
  struct slice header = slice_trim(http_header(rq, "If-Match"));
  int64_t version;
  TRY(api_if_match(rq, &version));
  if (version < 0) {
    insist(version == -1 && (!header.p || slice_is(header, "*")));
    return OK;
  }
  insist(header.n > 2 && header.p[0] == '"' && header.p[header.n - 1] == '"');
  insist(strtoll(header.p + 1, NULL, 10) == version);
  return OK;
}

static enum err read_query(struct http_req *rq) {
  int64_t cursor;
  int limit;
  bool sure = route_flag(rq, "dry_run");
  insist(!sure || http_query(rq, "dry_run").n > 0);
  TRY(api_cursor(rq, &cursor));
  TRY(api_limit(rq, &limit));
  insist(cursor >= 0 && limit > 0 && limit <= 1000);
  struct slice text = http_query(rq, "q");
  insist(!text.p || text.n <= http_query_raw(rq).n);
  return OK;
}

static void read_all(struct http_req *rq, struct core *core) {
  (void)core;
  read_cookie(rq);
  enum err e = read_version(rq);
  if (e == OK) e = read_query(rq);
  if (e != OK) {
    reply_error(rq, e);
    return;
  }
  api_etag_of(rq, 7, "a");
  struct js *body = js_object(http_cx(rq));
  js_set_string(body, "who", route_peer(rq));
  reply_json(rq, 200, body);
}

#define READS .query = "cursor:int limit:int dry_run:bool q:text", .flags = ROUTE_OPEN, .run = read_all
static const struct route rows[] = {
    {.method = "GET", .pattern = "/api/v1/things", READS},
    {.method = "GET,PATCH,DELETE", .pattern = "/api/v1/things/:id", READS},
    {.method = "GET,PATCH",
     .pattern = "/api/v1/own/:id",
     .query = "cursor:int",
     .run = read_all}, /* 401: nobody is known */
    {.method = NULL},
};

/* ---- the request, as the listener would make it ---- */

static const struct route *const tables[] = {rows, NULL};
static const char *const hosts[] = {"localhost", NULL};
static struct core core;
static struct core_conf conf;
static struct router router = {.listener = "admin", .core = &core, .tables = tables, .admin = true, .hosts = hosts};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  log_set(LOG_ERROR, false);
  atomic_init(&core.conf, &conf);
  struct ctx *cx = ctx_new();
  if (db_store_open(cx, &core.store, "file:admin-request-fuzz?mode=memory&cache=shared") != OK) abort();
  ctx_free(cx);
  return 0;
}

static void add_header(struct http_req *rq, struct slice line) {
  struct slice name;
  struct http_field *f = ctx_alloc(rq->cx, sizeof *f), **end = &rq->headers;
  if (!slice_cut(&line, ':', &name)) return;
  line = slice_trim(line);
  *f = (struct http_field){NULL, ctx_memdup(rq->cx, name.p, name.n), ctx_memdup(rq->cx, line.p ? line.p : "", line.n)};
  while (*end) end = &(*end)->next;
  *end = f;
}

static void read_head(struct http_req *rq, struct slice method, struct slice rest) {
  struct slice line;
  rq->method = ctx_memdup(rq->cx, method.p, method.n);
  while (slice_cut(&rest, '\n', &line)) add_header(rq, line);
  if (!http_header(rq, "Host").p) add_header(rq, slice_of("Host: localhost"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int statuses[] = {200, 304, 400, 401, 403, 404, 405, 413, 421};
  struct http_server server = {0};
  struct http_conn conn = {.server = &server, .peer = "127.0.0.1"};
  struct http_handler handler = router_handler(&router);
  struct slice rest = slice_mem(data, size), target, method;
  if (!slice_cut(&rest, '\n', &target) || !slice_cut(&target, ' ', &method) || !target.p) return 0;
  struct ctx *cx = ctx_new();
  struct http_req *rq = http_req_take(&conn, ctx_memdup(cx, target.p, target.n));
  bool known = false;
  read_head(rq, method, rest);
  (void)handler.head(rq, handler.arg);
  if (http_status(rq) == 0) handler.body(rq, handler.arg);
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) known |= http_status(rq) == statuses[i];
  insist(known);
  handler.end(rq, handler.arg);
  http_req_free(rq);
  ctx_free(cx);
  return 0;
}
