/* Enrollment links, the state of the server. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- enroll ---- */

/* The link stands alone on stdout, so that scripts and pipes get nothing else. */
enum err cmd_enroll_link(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  const char *uses = args_value(a, "uses");
  int64_t n = 1;
  if (uses && !slice_to_i64(slice_of(uses), &n)) return FAIL(cx, E_USAGE, "--uses %s is no number", uses);
  js_set_int(body, "uses", n);
  if (args_has(a, "ttl")) js_set_string(body, "ttl", args_value(a, "ttl"));
  if (args_has(a, "device")) js_set_string(body, "device", args_value(a, "device"));
  if (args_has(a, "anyway")) js_set_bool(body, "anyway", true);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/links", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s\n", plain(cx, js_str(answer, "url")));
  fprintf(stderr, "good for %" PRId64 " device%s until %s; open it in Safari on the device\n", n, n == 1 ? "" : "s",
          local_time(cx, js_str(answer, "expires_at")));
  return OK;
}

enum err cmd_enroll_links(struct ctx *cx, struct args *a) {
  static const char *const headers[] = {"NUMBER", "STATE", "USES", "FOR", "UNTIL", "MADE", "BY", NULL};
  struct table *t = table_new(cx, headers);
  struct client *c;
  struct js *all;
  TRY(client_open(cx, &c, a));
  TRY(client_pages(cx, c, "/api/v1/links?", "links", 0, &all));
  if (args_has(a, "json")) return print_json(cx, all), OK;
  if (js_count(all) == 0) return fputs("No links; `pomona enroll link` makes one.\n", stderr), OK;
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *uses = ctx_printf(cx, "%s of %s", member_text(cx, o, "uses"), member_text(cx, o, "uses_max"));
    const char *cells[] = {member_text(cx, o, "link"),
                           js_str(o, "state"),
                           uses,
                           js_str(o, "device") ? js_str(o, "device") : "any device",
                           local_time(cx, js_str(o, "expires_at")),
                           local_time(cx, js_str(o, "created_at")),
                           js_str(o, "created_by")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

enum err cmd_enroll_revoke(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice nothing;
  int64_t link;
  if (!slice_to_i64(slice_of(a->operands[0]), &link))
    return FAIL(cx, E_USAGE, "%s is no number of a link: `pomona enroll links` lists them", a->operands[0]);
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "DELETE", ctx_printf(cx, "/api/v1/links/%" PRId64, link), (struct slice){0}, &nothing));
  printf("Link %" PRId64 " is revoked: nobody comes in by it any more.\n", link);
  return OK;
}

enum err cmd_enroll_profile(struct ctx *cx, struct args *a) {
  struct client *c;
  struct slice profile;
  const char *path = args_value(a, "out");
  if (!path && isatty(STDOUT_FILENO))
    return FAIL(cx, E_USAGE, "the profile is binary: give --out FILE, or send it to a file or pipe");
  TRY(client_open(cx, &c, a));
  TRY(client_bytes(cx, c, "GET", "/api/v1/enroll-profile", (struct slice){0}, &profile));
  if (path) return file_replace(cx, path, profile);
  fwrite(profile.p, 1, profile.n, stdout);
  return OK;
}

/* ---- status ---- */

static void print_checks(struct ctx *cx, struct js *checks) {
  for (size_t i = 0; i < js_count(checks); i++) {
    struct js *o = js_at(checks, i);
    const char *message = js_str(o, "message");
    printf("%-18s %s%s%s\n", js_str(o, "name"), js_str(o, "status"), message && *message ? ": " : "",
           message ? plain(cx, message) : "");
  }
}

/* The way to Apple for one topic, when something is the matter with it. */
static void print_link(struct ctx *cx, struct js *o) {
  const char *text = js_str(o, "text"), *refusal = js_str(o, "refusal");
  if (text)
    printf("%-18s %s: no way to Apple since %s: %s\n", "", plain(cx, js_str(o, "topic")), js_str(o, "since"),
           plain(cx, text));
  if (refusal)
    printf("%-18s %s: Apple takes no push since %s: %s\n", "", plain(cx, js_str(o, "topic")), js_str(o, "refused_at"),
           plain(cx, refusal));
}

static void print_push(struct ctx *cx, struct js *push) {
  bool connected = false;
  (void)js_bool(js_get(push, "connected"), &connected);
  const char *trouble = js_str(push, "trouble");
  printf("%-18s %s %s%s%s\n", "APNs", connected ? "connected to" : "not connected to", plain(cx, js_str(push, "host")),
         trouble ? ": " : "", trouble ? plain(cx, trouble) : "");
  if (js_str(push, "warning")) printf("%-18s %s\n", "", plain(cx, js_str(push, "warning")));
  struct js *links = js_get(push, "links");
  for (size_t i = 0; i < js_count(links); i++) print_link(cx, js_at(links, i));
}

static void print_banner(struct ctx *cx, struct js *banner) {
  for (size_t i = 0; i < js_count(banner); i++) {
    struct js *o = js_at(banner, i);
    print_text(cx, ctx_printf(cx, "! %s", js_str(o, "title")), 0);
    print_text(cx, js_str(o, "text"), 2);
    print_text(cx, ctx_printf(cx, "What to do: %s", js_str(o, "fix")), 2);
    putchar('\n');
  }
}

/* Nothing where no group gives anything. */
static void print_compliance(struct ctx *cx, struct js *counts) {
  static const char *const states[] = {"compliant", "working", "failing"};
  int64_t all = 0, n;
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (js_int(js_get(counts, states[i]), &n)) all += n;
  if (all == 0) return;
  printf("%-18s ", "groups");
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    printf("%s%s %s", i ? ", " : "", member_text(cx, counts, states[i]), states[i]);
  bool failing = js_int(js_get(counts, "failing"), &n) && n;
  puts(failing ? ": `pomona device list compliance=failing`" : "");
}

/* Of the page that the console shows first: what `status` does not tell by itself. */
static int64_t number(struct js *o, const char *key) {
  int64_t n = 0;
  (void)js_int(js_get(o, key), &n);
  return n;
}

static void print_waiting(struct ctx *cx, struct js *commands) {
  struct js *types = js_get(commands, "by_request_type");
  printf("%-18s %s", "commands waiting", member_text(cx, commands, "waiting"));
  for (size_t i = 0; i < js_count(types) && i < 4; i++)
    printf("%s%s %s", i ? ", " : ": ", member_text(cx, js_at(types, i), "waiting"),
           plain(cx, js_str(js_at(types, i), "request_type")));
  puts(js_count(types) > 4 ? " …" : "");
}

static void print_wakeups(struct ctx *cx, struct js *hours) {
  static const char *const steps[] = {"due", "pushed", "accepted", "connected", "answered"};
  enum { STEPS = sizeof steps / sizeof *steps, HOURS = 24 };
  int64_t sums[STEPS] = {0}, at, from = clock_now_us() - HOURS * US_HOUR;
  for (size_t i = 0; i < js_count(hours); i++)
    for (int s = 0; s < STEPS; s++)
      if (dec_time(slice_of(js_str(js_at(hours, i), "at")), &at) && at >= from)
        sums[s] += number(js_at(hours, i), steps[s]);
  const char *text = "";
  for (int s = 0; s < STEPS; s++)
    text = ctx_printf(cx, "%s%s%lld %s", text, s ? " > " : "", (long long)sums[s], steps[s]);
  if (sums[0]) printf("%-18s %s\n", "woken in 24 h", text);
}

static void print_page(struct ctx *cx, struct js *page) {
  struct js *devices = js_get(page, "devices"), *verdicts = js_get(page, "verdicts");
  printf("%-18s %s, %s seen within a day\n", "devices", member_text(cx, devices, "total"),
         member_text(cx, devices, "seen_within_day"));
  for (size_t i = 0; i < js_count(verdicts); i++)
    printf("%-18s %s: %s\n", i ? "" : "verdicts", plain(cx, js_str(js_at(verdicts, i), "verdict")),
           member_text(cx, js_at(verdicts, i), "devices"));
  print_waiting(cx, js_get(page, "commands"));
  print_wakeups(cx, js_get(js_get(page, "wakeups"), "hours"));
  size_t held = js_count(js_get(page, "takeovers")), wrong = js_count(js_get(js_get(page, "doctor"), "checks"));
  if (held) printf("%-18s %zu: `pomona device list --held`\n", "held takeovers", held);
  if (number(js_get(page, "webhooks"), "dead"))
    printf("%-18s %s: `pomona webhook list --dead`\n", "dead letters",
           member_text(cx, js_get(page, "webhooks"), "dead"));
  if (wrong) printf("%-18s %zu things to look at: `pomona doctor`\n", "doctor", wrong);
}

static void print_status(struct ctx *cx, struct js *s, struct js *page) {
  struct js *certs = js_get(s, "pushcerts");
  print_banner(cx, js_get(s, "banner"));
  printf("%-18s %s, %s\n", "pomona", js_str(s, "version"), plain(cx, js_str(s, "public_url")));
  print_checks(cx, js_get(s, "checks"));
  print_push(cx, js_get(s, "push"));
  if (js_count(certs) == 0) printf("%-18s none: `pomona pushcert import FILE…`\n", "push certificate");
  for (size_t i = 0; i < js_count(certs); i++) {
    struct js *o = js_at(certs, i);
    printf("%-18s %s %s, %s days left\n", "push certificate", plain(cx, js_str(o, "topic")), js_str(o, "state"),
           member_text(cx, o, "days_left"));
  }
  printf("%-18s %s\n", "enrollments", member_text(cx, s, "enrollments"));
  print_page(cx, page);
  print_compliance(cx, js_get(s, "compliance"));
}

enum err cmd_status(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer, *page = NULL;
  bool ready = false;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/status", NULL, &answer));
  if (!args_has(a, "json")) TRY(client_call(cx, c, "GET", "/api/v1/overview", NULL, &page));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    print_status(cx, answer, page);
  (void)js_bool(js_get(answer, "ready"), &ready);
  return ready ? OK : FAIL(cx, E_UNAVAILABLE, "the server is not ready");
}
