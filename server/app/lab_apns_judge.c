/* What Apple would say of a push: one row a reason, in the order in which they are looked for. */
#include "app/lab_apns_int.h"
#include "base/clock.h"
#include "base/enc.h"
#include "lib/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PATH "/3/device/"
enum { PAYLOAD_MAX = 4096, TOKEN_MAX = 200 };

/* ---- the table of reasons, shared with the server ---- */
static const struct {
  int status;
  const char *reason;
} reasons[] = {
#define APNS(status, reason, who, act, text, remedy) {status, reason},
#include "core/apns_reason.def"
#undef APNS
};
enum { REASONS = sizeof reasons / sizeof *reasons };

int lab_reason_status(const char *reason) {
  for (size_t i = 0; i < REASONS; i++)
    if (strcmp(reasons[i].reason, reason) == 0) return reasons[i].status;
  return 0;
}

const char *lab_status_reason(int status) {
  for (size_t i = 0; i < REASONS; i++)
    if (reasons[i].status == status) return reasons[i].reason;
  return "";
}

/* ---- taking a request apart ---- */
static const char *lower(struct ctx *cx, const char *s) {
  char *copy = ctx_strdup(cx, s);
  for (char *c = copy; *c; c++) *c = (char)tolower((unsigned char)*c);
  return copy;
}

static const char *header(const struct lab_push *p, const char *name) { return p->rq->header(p->rq, name); }

static bool number(const char *text, int64_t *out) {
  return text && slice_to_i64(slice_of(text), out) && *out >= 0 && *out < INT64_MAX / US_SECOND;
}

static const char *new_id(struct ctx *cx) {
  char *id = ctx_alloc(cx, UUID_LEN + 1);
  uuid_new(id);
  return id;
}

static const char *magic_of(struct ctx *cx, struct slice body) {
  struct js *root;
  if (body.n > PAYLOAD_MAX || js_parse(cx, body, &root) != OK || js_count(root) != 1) return NULL;
  const char *magic = js_str(root, "mdm");
  return magic && *magic && text_is_plain(slice_of(magic)) && !strchr(magic, ' ') ? magic : NULL;
}

void lab_push_parse(struct ctx *cx, struct lab_push *p, const struct h2_server_req *rq, const char *uid) {
  int64_t expires = 0;
  *p = (struct lab_push){.rq = rq, .uid = uid, .token = ""};
  if (slice_starts(slice_of(rq->path), PATH)) p->token = lower(cx, rq->path + strlen(PATH));
  p->topic = header(p, "apns-topic");
  p->magic = magic_of(cx, rq->body);
  p->apns_id = header(p, "apns-id") ? header(p, "apns-id") : new_id(cx);
  if (number(header(p, "apns-expiration"), &expires)) p->expires_us = expires * US_SECOND;
}

/* ---- what can be wrong with it ---- */
static bool not_post(const struct lab_push *p) { return strcmp(p->rq->method, "POST") != 0; }
static bool not_a_device(const struct lab_push *p) { return !slice_starts(slice_of(p->rq->path), PATH); }
static bool no_certificate(const struct lab_push *p) { return !p->uid; }
static bool no_push_certificate(const struct lab_push *p) { return !slice_starts(slice_of(p->uid), "com.apple.mgmt."); }
static bool no_topic(const struct lab_push *p) { return !p->topic || !*p->topic; }
static bool bad_topic(const struct lab_push *p) { return !slice_starts(slice_of(p->topic), "com.apple.mgmt."); }
static bool foreign_topic(const struct lab_push *p) { return strcmp(p->topic, p->uid) != 0; }
static bool no_token(const struct lab_push *p) { return !*p->token; }
static bool no_payload(const struct lab_push *p) { return p->rq->body.n == 0; }
static bool large_payload(const struct lab_push *p) { return p->rq->body.n > PAYLOAD_MAX; }
static bool other_payload(const struct lab_push *p) { return !p->magic; }

static bool header_twice(const struct lab_push *p) {
  for (size_t i = 0; i < p->rq->header_n; i++)
    for (size_t j = 0; j < i; j++)
      if (strncmp(p->rq->headers[i].name, "apns-", 5) == 0 &&
          strcmp(p->rq->headers[i].name, p->rq->headers[j].name) == 0)
        return true;
  return false;
}

/* Even number of hexadecimal digits, not all zero. */
static bool bad_token(const struct lab_push *p) {
  size_t n = strlen(p->token);
  return n % 2 || n < 16 || n > TOKEN_MAX || strspn(p->token, "0123456789abcdef") != n || strspn(p->token, "0") == n;
}

static bool bad_id(const struct lab_push *p) {
  return !uuid_valid(slice_of(p->apns_id)) || strpbrk(p->apns_id, "ABCDEF");
}

static bool bad_priority(const struct lab_push *p) {
  const char *s = header(p, "apns-priority");
  return s && strcmp(s, "10") != 0 && strcmp(s, "5") != 0 && strcmp(s, "1") != 0;
}

static bool bad_expiration(const struct lab_push *p) {
  int64_t ignored;
  const char *s = header(p, "apns-expiration");
  return s && !number(s, &ignored);
}

static bool bad_type(const struct lab_push *p) {
  const char *s = header(p, "apns-push-type");
  return !s || strcmp(s, "mdm") != 0;
}

static const struct {
  const char *reason;
  bool (*applies)(const struct lab_push *p);
} checks[] = {
    {"MethodNotAllowed", not_post},
    {"BadPath", not_a_device},
    {"MissingProviderToken", no_certificate},
    {"BadCertificate", no_push_certificate},
    {"DuplicateHeaders", header_twice},
    {"MissingTopic", no_topic},
    {"BadTopic", bad_topic},
    {"TopicDisallowed", foreign_topic},
    {"BadMessageId", bad_id},
    {"BadPriority", bad_priority},
    {"BadExpirationDate", bad_expiration},
    {"InvalidPushType", bad_type},
    {"MissingDeviceToken", no_token},
    {"BadDeviceToken", bad_token},
    {"PayloadEmpty", no_payload},
    {"PayloadTooLarge", large_payload},
    {"PayloadEmpty", other_payload},
};

struct lab_verdict lab_judge(const struct lab_push *p) {
  struct lab_verdict v = {.status = 200};
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    if (!checks[i].applies(p)) continue;
    v.status = lab_reason_status(checks[i].reason);
    snprintf(v.reason, sizeof v.reason, "%s", checks[i].reason);
    break;
  }
  return v;
}
