/* The HTTP client, over libcurl: one easy handle, which keeps its connections from request to request. */
#include "lib/net_http.h"
#include "base/clock.h"
#include "lib/net_http_int.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_US (30 * US_SECOND)
enum { BODY_MAX = 16 << 20, HEADERS_MAX = 100 };

struct nh {
  CURL *curl;
  char *ca_file, *proxy;
  struct buf ca, cert, key; /* libcurl reads them at each new connection */
  int64_t timeout_us;
  bool no_verify;
  const atomic_bool *stop;
};

struct body { /* of the answer, while it comes in */
  struct buf b;
  size_t max;
  bool too_large;
};

struct head { /* of the answer */
  struct ctx *cx;
  struct nh_field *fields;
  size_t n;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) abort();
}

void nh_set_up(void) { pthread_once(&once, set_up); }

static struct buf copy_of(struct slice s) {
  struct buf b = {0};
  buf_add_slice(&b, s);
  return b;
}

enum err nh_new(struct ctx *cx, struct nh **out, const struct nh_conf *conf) {
  nh_set_up();
  CURL *curl = curl_easy_init();
  if (!curl) return FAIL(cx, E_INTERNAL, "the HTTP client cannot be set up");
  struct nh *c = mem_alloc(sizeof *c);
  *c = (struct nh){.curl = curl,
                   .ca_file = mem_strdup(conf->ca_file),
                   .proxy = mem_strdup(conf->proxy ? conf->proxy : ""),
                   .ca = copy_of(conf->ca_pem),
                   .cert = copy_of(conf->cert_pem),
                   .key = copy_of(conf->key_pem),
                   .timeout_us = conf->timeout_us ? conf->timeout_us : TIMEOUT_US,
                   .no_verify = conf->no_verify,
                   .stop = conf->stop};
  *out = c;
  return OK;
}

void nh_free(struct nh *c) {
  if (!c) return;
  curl_easy_cleanup(c->curl);
  free(c->ca_file);
  free(c->proxy);
  buf_free(&c->ca);
  buf_free(&c->cert);
  buf_wipe(&c->key);
  free(c);
}

static size_t on_body(char *p, size_t one, size_t n, void *arg) {
  struct body *body = arg;
  n *= one;
  body->too_large = n > body->max - body->b.n;
  if (body->too_large) return 0; /* ends the transfer */
  buf_add(&body->b, p, n);
  return n;
}

/* Those of the last answer count: one of a proxy, or a "100 Continue", comes before it. */
static size_t on_header(char *p, size_t one, size_t n, void *arg) {
  struct head *head = arg;
  struct slice line = slice_trim(slice_mem(p, one * n)), name;
  if (slice_istarts(line, "HTTP/")) head->n = 0;
  if (!memchr(line.p, ':', line.n) || head->n == HEADERS_MAX || !slice_cut(&line, ':', &name)) return one * n;
  line = slice_trim(line);
  head->fields[head->n++] =
      (struct nh_field){ctx_memdup(head->cx, name.p, name.n), ctx_memdup(head->cx, line.p ? line.p : "", line.n)};
  return one * n;
}

static void set_blob(CURL *curl, CURLoption option, const struct buf *b) {
  struct curl_blob blob = {.data = b->p, .len = b->n, .flags = CURL_BLOB_NOCOPY};
  if (b->n) curl_easy_setopt(curl, option, &blob);
}

static int on_progress(void *arg, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all, curl_off_t ul) {
  const struct nh *c = arg;
  (void)dl_all, (void)dl, (void)ul_all, (void)ul;
  return atomic_load(c->stop); /* true ends the transfer */
}

static void set_stop(struct nh *c) {
  if (!c->stop) return;
  curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
  curl_easy_setopt(c->curl, CURLOPT_QUICK_EXIT, 1L); /* a name look-up that hangs is left to itself */
}

/* Everything but the request. curl_easy_reset keeps the connections. */
static void set_connection(struct nh *c, int64_t timeout_us) {
  CURL *curl = c->curl;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, c->proxy); /* "" also turns the environment's off */
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_us / 1000) + 1);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "pomona");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, c->no_verify ? 0L : 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, c->no_verify ? 0L : 2L);
  if (c->ca.n) { /* instead of the store, not beside it */
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    set_blob(curl, CURLOPT_CAINFO_BLOB, &c->ca);
  } else if (c->ca_file) {
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
  }
  curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
  curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
  set_blob(curl, CURLOPT_SSLCERT_BLOB, &c->cert);
  set_blob(curl, CURLOPT_SSLKEY_BLOB, &c->key);
  set_stop(c);
}

/* The caller's headers, without those that libcurl would add on its own. */
static struct curl_slist *header_list(const char *const *headers) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  bool typed = false;
  for (; headers && *headers; headers++) {
    typed |= slice_istarts(slice_of(*headers), "content-type:");
    list = curl_slist_append(list, *headers);
  }
  return typed ? list : curl_slist_append(list, "Content-Type:");
}

static bool sends_body(const struct nh_req *rq) {
  return rq->body.p || strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0;
}

static void set_answer(CURL *curl, struct body *body, struct head *head) {
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, head);
}

static size_t on_upload(char *to, size_t one, size_t n, void *arg) {
  const struct nh_file *file = arg;
  ssize_t got = read(file->fd, to, one * n);
  return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void set_upload(struct nh *c, const struct nh_file *file) {
  curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (long)(c->timeout_us / US_SECOND) + 1);
  curl_easy_setopt(c->curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, on_upload);
  curl_easy_setopt(c->curl, CURLOPT_READDATA, file);
  curl_easy_setopt(c->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)file->n);
}

static void set_request(CURL *curl, const struct nh_req *rq, struct curl_slist *headers) {
  curl_easy_setopt(curl, CURLOPT_URL, rq->url);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* "..", as the name of something, is a name */
  if (!rq->file && sends_body(rq)) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, rq->body.p ? rq->body.p : "");
  }
  if (strcmp(rq->method, "HEAD") == 0) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, rq->method);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
}

static const struct {
  CURLcode code;
  enum err e;
  const char *what;
} failures[] = {
    {CURLE_URL_MALFORMAT, E_INVALID, "is not a URL"},
    {CURLE_UNSUPPORTED_PROTOCOL, E_UNREACHABLE, "does not speak HTTP"},
    {CURLE_COULDNT_RESOLVE_HOST, E_UNREACHABLE, "names a host that cannot be found"},
    {CURLE_COULDNT_RESOLVE_PROXY, E_UNREACHABLE, "cannot be reached: the proxy's name cannot be found"},
    {CURLE_COULDNT_CONNECT, E_UNREACHABLE, "cannot be reached"},
    {CURLE_SSL_CONNECT_ERROR, E_UNREACHABLE, "cannot be reached: TLS failed"},
    {CURLE_PEER_FAILED_VERIFICATION, E_UNREACHABLE, "shows a TLS certificate that is not accepted"},
    {CURLE_SSL_CACERT_BADFILE, E_INVALID, "cannot be checked: the CA file cannot be read"},
    {CURLE_SSL_CERTPROBLEM, E_INVALID, "cannot be asked: the client certificate or its key cannot be used"},
    {CURLE_GOT_NOTHING, E_UNREACHABLE, "closed the connection without an answer"},
    {CURLE_OPERATION_TIMEDOUT, E_TIMEOUT, "did not answer in time"},
    {CURLE_ABORTED_BY_CALLBACK, E_GONE, "is not asked any more"},
};

/* The URL as it may be shown: user information, path and query can hold secrets. */
static const char *shown_url(struct ctx *cx, const char *url) {
  const char *host = strstr(url, "://");
  host = host ? host + 3 : url;
  size_t n = strcspn(host, "/?#");
  const char *at = memchr(host, '@', n);
  if (at) n -= (size_t)(at + 1 - host);
  return ctx_printf(cx, "%.*s%.*s", (int)(host - url), url, (int)n, at ? at + 1 : host);
}

static enum err failure(struct ctx *cx, const struct nh_req *rq, CURLcode rc, const char *detail) {
  const char *url = shown_url(cx, rq->url);
  if (detail[0] == 0) detail = curl_easy_strerror(rc);
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
    if (failures[i].code == rc) return FAIL(cx, failures[i].e, "%s %s: %s", url, failures[i].what, detail);
  return FAIL(cx, E_UNREACHABLE, "%s cannot be asked: %s", url, detail);
}

static int64_t time_left(struct ctx *cx, const struct nh *c) {
  int64_t left = ctx_deadline(cx) ? ctx_deadline(cx) - clock_mono_us() : c->timeout_us;
  return left < c->timeout_us ? left : c->timeout_us;
}

static void take_reply(struct ctx *cx, CURL *curl, const struct body *body, const struct head *head,
                       struct nh_reply *out) {
  long status = 0;
  char *type = NULL;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  *out = (struct nh_reply){.status = (int)status,
                           .headers = head->fields,
                           .headers_n = head->n,
                           .body = slice_mem(ctx_memdup(cx, body->b.p, body->b.n), body->b.n),
                           .content_type = ctx_strdup(cx, type ? type : "")};
}

enum err nh_do(struct ctx *cx, struct nh *c, const struct nh_req *rq, struct nh_reply *out) {
  char detail[CURL_ERROR_SIZE] = "";
  struct body body = {.max = rq->body_max ? rq->body_max : BODY_MAX};
  struct head head = {.cx = cx, .fields = ctx_alloc(cx, HEADERS_MAX * sizeof *head.fields)};
  int64_t left = time_left(cx, c);
  if (!slice_istarts(slice_of(rq->url), "http://") && !slice_istarts(slice_of(rq->url), "https://"))
    return FAIL(cx, E_INVALID, "a URL must begin with http:// or https://");
  if (left <= 0) return FAIL(cx, E_TIMEOUT, "no time was left to ask %s", shown_url(cx, rq->url));
  struct curl_slist *headers = header_list(rq->headers);
  set_connection(c, left);
  set_request(c->curl, rq, headers);
  if (rq->file) set_upload(c, rq->file);
  set_answer(c->curl, &body, &head);
  curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, detail);
  CURLcode rc = curl_easy_perform(c->curl);
  enum err e = OK;
  if (body.too_large)
    e = FAIL(cx, E_TOO_LARGE, "the answer of %s is larger than %zu bytes", shown_url(cx, rq->url), body.max);
  else if (rc != CURLE_OK)
    e = failure(cx, rq, rc, detail);
  else
    take_reply(cx, c->curl, &body, &head, out);
  curl_easy_reset(c->curl); /* nothing of this frame stays behind in it */
  curl_slist_free_all(headers);
  buf_wipe(&body.b); /* answers hold tokens */
  return e;
}
