/* What APNs says, and what a connection to it came to grief of. */
#include "core/push_int.h"

#include "lib/json.h"

#include <stdio.h>
#include <string.h>

static const struct apns_reason reasons[] = {
#define APNS(status, name, who, act, text, remedy) {status, name, APNS_BY_##who, APNS_##act, text, remedy},
#include "core/apns_reason.def"
#undef APNS
};

static const struct apns_reason *find(int status, const char *name) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status && strcmp(reasons[i].name, name) == 0) return &reasons[i];
  return NULL;
}

const struct apns_reason *apns_reason(int status, const char *name) {
  const struct apns_reason *r = find(status, status == 200 ? "" : name);
  if (!r) r = find(status, "");
  if (!r) r = find(status / 100 * 100, "");
  return r ? r : find(400, "");
}

const struct apns_reason *apns_named(const char *name) {
  for (size_t i = 0; name[0] && i < sizeof reasons / sizeof *reasons; i++)
    if (strcmp(reasons[i].name, name) == 0) return &reasons[i];
  return NULL;
}

struct apns_said apns_said(struct ctx *cx, struct slice json) {
  struct apns_said said = {0};
  struct js *root;
  int64_t ms;
  if (!json.n) return said;
  if (js_parse(cx, json, &root) != OK) {
    ctx_clear_error(cx);
    return said;
  }
  const char *reason = js_str(root, "reason");
  if (reason && text_is_plain(slice_of(reason))) snprintf(said.reason, sizeof said.reason, "%s", reason);
  if (js_int(js_get(root, "timestamp"), &ms) && ms > 0 && ms < INT64_MAX / 1000) said.timestamp = ms * 1000;
  return said;
}

bool apns_alert_refuses(int alert) {
  return (alert >= 42 && alert <= 46) || alert == 48 || alert == 49 || alert == 116;
}

enum push_trouble apns_trouble(const struct h2 *c) {
  static const enum push_trouble troubles[] = {
      [H2_FINE] = PUSH_UP,         [H2_REFUSED] = PUSH_REFUSED, [H2_LATE] = PUSH_TIMEOUT, [H2_PROXY] = PUSH_PROXY,
      [H2_STRANGER] = PUSH_ISSUER, [H2_ALERT] = PUSH_ALERT,     [H2_BROKEN] = PUSH_HTTP2};
  bool other = h2_trouble(c) == H2_ALERT && !apns_alert_refuses(h2_alert(c));
  return other ? PUSH_HTTP2 : troubles[h2_trouble(c)];
}

static const char *const trouble_names[PUSH_TROUBLES] = {
    [PUSH_UP] = "",           [PUSH_NAME] = "name",     [PUSH_REFUSED] = "refused", [PUSH_TIMEOUT] = "timeout",
    [PUSH_PROXY] = "proxy",   [PUSH_ISSUER] = "issuer", [PUSH_ALERT] = "alert",     [PUSH_HTTP2] = "http2",
    [PUSH_SERVER] = "server",
};

const char *push_trouble_name(enum push_trouble t) { return trouble_names[t]; }

enum push_trouble push_trouble_of(const char *name) {
  for (int t = 0; t < PUSH_TROUBLES; t++)
    if (strcmp(trouble_names[t], name) == 0) return (enum push_trouble)t;
  return PUSH_HTTP2;
}

bool push_is_apple(const char *apns_url) {
  static const char apple[] = "https://api.push.apple.com";
  const char *rest = apns_url + strlen(apple);
  return strncmp(apns_url, apple, strlen(apple)) == 0 && (*rest == '\0' || *rest == ':' || *rest == '/');
}
