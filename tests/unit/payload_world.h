/* Profiles that are right, and edits that break them. */
#ifndef POMONA_TESTS_PAYLOAD_WORLD_H
#define POMONA_TESTS_PAYLOAD_WORLD_H

#include "core/payload.h"
#include "lib/pki_cms.h"
#include "plist_help.h"

static inline void ok(struct ctx *cx, enum err e) {
  if (e != OK) fail_msg("%s", ctx_error_text(cx));
}

/* The lines count: edits say in which one the finding stands. */
static const char good_profile[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                   "<plist version=\"1.0\">\n"
                                   "<dict><!-- profile -->\n"
                                   "<key>PayloadType</key><string>Configuration</string>\n"
                                   "<key>PayloadVersion</key><integer>1</integer><!-- profile -->\n"
                                   "<key>PayloadIdentifier</key><string>org.example.wifi</string>\n"
                                   "<key>PayloadUUID</key><string>11111111-2222-4333-8444-555555555500</string>\n"
                                   "<key>PayloadDisplayName</key><string>Wi-Fi</string>\n"
                                   "<key>PayloadContent</key>\n"
                                   "<array>\n"
                                   "<dict>\n"
                                   "<key>PayloadType</key><string>com.apple.wifi.managed</string>\n"
                                   "<key>PayloadIdentifier</key><string>org.example.wifi.1</string>\n"
                                   "<key>PayloadUUID</key><string>11111111-2222-4333-8444-555555555501</string>\n"
                                   "<key>PayloadVersion</key><integer>1</integer><!-- payload -->\n"
                                   "<key>SSID_STR</key><string>Example</string>\n"
                                   "</dict>\n"
                                   "</array>\n"
                                   "\n"
                                   "</dict></plist>\n";

struct edit {
  const char *profile, *from, *to, *id;
  int line;                /* 0: that of `from` */
  const char *from2, *to2; /* a second one, or NULL */
};

static inline struct slice edited_text(struct ctx *cx, const char *text, const char *from, const char *to) {
  const char *at = strstr(text, from);
  if (!at) fail_msg("\"%s\" does not stand in the profile", from);
  return slice_of(ctx_printf(cx, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
}

static inline void checked(struct ctx *cx, struct slice file, struct payload_check *c) {
  char *tight = malloc(file.n ? file.n : 1); /* so that the sanitizer sees a read past the end */
  memcpy(tight, file.p, file.n);
  ctx_defer(cx, free, tight);
  ok(cx, payload_check(cx, slice_mem(tight, file.n), c));
}

static inline const char *findings_text(struct ctx *cx, const struct payload_check *c) {
  const char *all = "";
  for (size_t i = 0; i < c->n; i++)
    all = ctx_printf(cx, "%s%d: %s: %s [%s]\n", all, c->findings[i].line, c->findings[i].key, c->findings[i].text,
                     c->findings[i].id);
  return all;
}

static inline void assert_no_finding(const struct payload_check *c) {
  if (c->n) fail_msg("%d: %s: %s", c->findings[0].line, c->findings[0].key, c->findings[0].text);
}

static inline void assert_finding(const struct payload_check *c, const char *id, int line) {
  for (size_t i = 0; i < c->n; i++)
    if (strcmp(c->findings[i].id, id) == 0) {
      if (c->findings[i].line != line) fail_msg("%s is told at line %d, not %d", id, c->findings[i].line, line);
      return;
    }
  fail_msg("no finding %s among %zu%s%s", id, c->n, c->n ? ", first: " : "", c->n ? c->findings[0].text : "");
}

static inline int line_of(const char *text, const char *at) {
  int line = 1;
  for (; text < at; text++) line += *text == '\n';
  return line;
}

/* After the edit that finding stands there, as the only error; else what was found instead is printed. */
static inline bool edit_is_told(struct ctx *cx, const char *good, const struct edit *e) {
  struct payload_check c;
  struct slice file = edited_text(cx, good, e->from, e->to);
  if (e->from2) file = edited_text(cx, file.p, e->from2, e->to2);
  checked(cx, file, &c);
  size_t others = 0, found = 0;
  int line = e->line ? e->line : line_of(good, strstr(good, e->from));
  for (size_t i = 0; i < c.n; i++) {
    bool is_it = strcmp(c.findings[i].id, e->id) == 0;
    found += is_it && c.findings[i].line == line;
    others += !is_it && c.findings[i].grade == PAYLOAD_ERROR;
  }
  bool told = found && !others;
  if (!told) print_error("%s: expected %s in line %d, found:\n%s", e->profile, e->id, line, findings_text(cx, &c));
  return told;
}

#endif
