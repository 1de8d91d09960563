/* `pomona device show`: one device, for people to read. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/enc.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LABEL = 22, LABEL_MOST = 50, SHOWN = 8, LINES = 64 };

/* What is printed: the device, and the lines under a heading, which wait for each other so that their values stand in
   one column; a heading without lines is left out. */
struct page {
  struct ctx *cx;
  struct js *device, *fields;
  const char *heading;
  struct {
    const char *label, *value;
  } lines[LINES];
  size_t n;
};

static size_t width_of(const char *label) { return text_width(slice_of(label)); }

static void print_lines(struct page *p) {
  bool bold = isatty(STDOUT_FILENO);
  size_t column = LABEL;
  if (p->n) printf("\n%s%s%s\n", bold ? "\033[1m" : "", p->heading, bold ? "\033[0m" : "");
  for (size_t i = 0; i < p->n; i++) {
    size_t wanted = width_of(p->lines[i].label) + 2;
    if (wanted > column && wanted <= LABEL_MOST) column = wanted;
  }
  for (size_t i = 0; i < p->n; i++) {
    size_t width = width_of(p->lines[i].label);
    printf("  %s%*s%s\n", p->lines[i].label, (int)(width < column ? column - width : 2), "", p->lines[i].value);
  }
  p->n = 0;
}

static void begin(struct page *p, const char *heading) {
  print_lines(p);
  p->heading = heading;
}

/* Nothing when the value is not known. */
static void line(struct page *p, const char *label, const char *value) {
  if (!value || !*value || p->n == LINES) return;
  p->lines[p->n].label = plain(p->cx, label);
  p->lines[p->n++].value = plain(p->cx, value);
}

/* ---- values ---- */

static const char *field(struct page *p, const char *key) { return member_text(p->cx, p->fields, key); }

/* "on" and "off" read better than yes and no. */
static const char *flag(struct page *p, const char *key) {
  bool on;
  return js_bool(js_get(p->fields, key), &on) ? (on ? "on" : "off") : NULL;
}

static const char *when(struct page *p, struct js *object, const char *key) {
  const char *text = js_str(object, key);
  int64_t us, ago;
  if (!text || !dec_time(slice_of(text), &us)) return NULL;
  ago = clock_now_us() - us;
  const char *span = enc_age(p->cx, ago < 0 ? -ago : ago);
  return ctx_printf(p->cx, ago < 0 ? "%s (in %s)" : "%s (%s ago)", local_time(p->cx, text), span);
}

static const char *join(struct ctx *cx, const char *a, const char *b) {
  if (!a || !*a) return b;
  return b && *b ? ctx_printf(cx, "%s, %s", a, b) : a;
}

static const char *storage(struct page *p) {
  double all, left;
  if (!js_real(js_get(p->fields, "capacity"), &all) || all < 0) return NULL;
  if (!js_real(js_get(p->fields, "free_space"), &left)) return ctx_printf(p->cx, "%.0f GB", all);
  return ctx_printf(p->cx, "%.0f of %.0f GB are free", left, all);
}

static const char *battery(struct page *p) {
  double charge;
  return js_real(js_get(p->fields, "battery"), &charge) && charge >= 0 ? ctx_printf(p->cx, "%.0f %%", charge * 100)
                                                                       : NULL;
}

static const char *system_of(struct page *p) {
  static const struct {
    const char *word, *name;
  } names[] = {{"ios", "iOS"}, {"macos", "macOS"}, {"tvos", "tvOS"}, {"visionos", "visionOS"}, {"watchos", "watchOS"}};
  const char *word = js_str(p->fields, "platform"), *version = js_str(p->device, "os_version");
  const char *build = js_str(p->device, "build_version"), *name = "";
  for (size_t i = 0; word && i < sizeof names / sizeof *names; i++)
    if (strcmp(word, names[i].word) == 0) name = names[i].name;
  if (!version) return *name ? name : NULL;
  return ctx_printf(p->cx, "%s%s%s%s%s%s", name, *name ? " " : "", version, build ? " (" : "", build ? build : "",
                    build ? ")" : "");
}

/* ---- parts ---- */

static void print_head(struct page *p) {
  const char *name = js_str(p->device, "name"), *id = js_str(p->device, "id");
  bool bold = isatty(STDOUT_FILENO), former;
  printf("%s%s%s\n", bold ? "\033[1m" : "", plain(p->cx, name ? name : id), bold ? "\033[0m" : "");
  const char *what = join(p->cx, js_str(p->device, "product_name"), system_of(p));
  const char *text = join(p->cx, what, js_str(p->device, "serial_number"));
  if (text && *text) printf("%s\n", plain(p->cx, text));
  if (js_bool(js_get(p->device, "former"), &former) && former)
    puts("Another id with its serial number enrolled after it: lists leave this one out until it is heard of again.");
  begin(p, "Enrollment");
  line(p, "id", id);
  line(p, "type", js_str(p->device, "type"));
  line(p, "of the device", js_str(p->device, "device"));
  line(p, "state", js_str(p->device, "state"));
  line(p, "enrolled", when(p, p->device, "enrolled_at"));
  line(p, "checked out", when(p, p->device, "checked_out_at"));
  line(
      p, "last seen",
      join(p->cx, when(p, p->device, "last_seen"),
           js_str(p->device, "last_address") ? ctx_printf(p->cx, "from %s", js_str(p->device, "last_address")) : NULL));
  struct js *push = js_get(p->device, "push");
  line(p, "push", join(p->cx, js_str(push, "state"), js_str(push, "reason")));
  line(p, "topic", js_str(p->device, "topic"));
  line(p, "identity ends", when(p, p->device, "identity_not_after"));
  line(p, "inventory of", when(p, p->fields, "inventory"));
  line(p, "verdict", js_str(p->fields, "verdict"));
}

static void print_takeover(struct page *p) {
  struct js *t = js_get(p->device, "takeover");
  begin(p, "Something else claims to be this device");
  if (!js_is_object(t)) return;
  line(p, "since", when(p, t, "since"));
  line(p, "from", js_str(t, "address"));
  line(p, "waits for", js_str(t, "waits_for"));
  line(p, "what to do", ctx_printf(p->cx, "`pomona device accept %s` or `refuse`", js_str(p->device, "id")));
}

static void print_assigned(struct page *p) {
  begin(p, "Assigned");
  line(p, "user", field(p, "user"));
  line(p, "e-mail", field(p, "email"));
  line(p, "asset tag", field(p, "tag"));
  line(p, "note", field(p, "note"));
  if (p->n) line(p, "version", member_text(p->cx, p->device, "version"));
}

static void print_flags(struct page *p) {
  static const struct {
    const char *key, *label;
  } rows[] = {{"supervised", "supervised"},
              {"ade", "automated enrollment"},
              {"user_approved", "approved by a user"},
              {"awaiting_configuration", "in Setup Assistant"},
              {"filevault", "FileVault"},
              {"passcode", "passcode"},
              {"passcode_compliant", "passcode as it must be"},
              {"firewall", "firewall"},
              {"sip", "SIP"},
              {"recovery_lock", "recovery lock"},
              {"firmware_password", "firmware password"},
              {"remote_desktop", "Remote Desktop"},
              {"activation_lock", "Activation Lock"},
              {"lost_mode", "lost mode"},
              {"shared_ipad", "Shared iPad"}};
  begin(p, "Security");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) line(p, rows[i].label, flag(p, rows[i].key));
  line(p, "secure boot", field(p, "secure_boot"));
}

static void print_hardware(struct page *p) {
  begin(p, "Device");
  line(p, "model", js_str(p->device, "model"));
  line(p, "host name", field(p, "hostname"));
  line(p, "storage", storage(p));
  line(p, "battery", battery(p));
  line(p, "Wi-Fi", field(p, "wifi_mac"));
  line(p, "Ethernet", field(p, "ethernet_mac"));
  line(p, "IMEI", field(p, "imei"));
  line(p, "phone number", field(p, "phone"));
  struct js *installed = js_get(p->device, "installed");
  line(p, "apps", member_text(p->cx, installed, "apps"));
  line(p, "managed apps", member_text(p->cx, installed, "managed_apps"));
  line(p, "profiles", member_text(p->cx, installed, "profiles"));
}

static void print_plan(struct page *p) {
  struct js *plan = js_get(p->device, "plan"), *groups = js_get(plan, "groups"), *items = js_get(plan, "items");
  const char *names = NULL;
  begin(p, "Groups");
  for (size_t i = 0; i < js_count(groups); i++) names = join(p->cx, names, js_string(js_at(groups, i)));
  if (!names) return;
  line(p, "member of", names);
  line(p, "compliance", join(p->cx, js_str(plan, "state"), js_str(plan, "why")));
  for (size_t i = 0; i < js_count(items) && i < SHOWN; i++) {
    struct js *item = js_at(items, i);
    const char *what = ctx_printf(p->cx, "%s %s", js_str(item, "kind"), js_str(item, "ref"));
    line(p, js_str(item, "state"), join(p->cx, what, js_str(item, "why")));
  }
}

static void print_users(struct page *p) {
  struct js *list = js_get(p->device, "users");
  begin(p, "Users");
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *u = js_at(list, i);
    const char *name = js_str(u, "short_name") ? js_str(u, "short_name") : js_str(u, "long_name");
    const char *seen = when(p, u, "last_seen");
    line(p, name ? name : "without a name",
         ctx_printf(p->cx, "%s; %s", js_str(u, "id"), seen ? ctx_printf(p->cx, "last seen %s", seen) : "never seen"));
  }
}

static void print_escrow(struct page *p) {
  struct js *list = js_get(p->device, "escrow");
  begin(p, "In escrow");
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *e = js_at(list, i);
    const char *at = when(p, e, "at");
    const char *by = js_str(e, "revealed_by");
    line(p, js_str(e, "kind"), join(p->cx, at ? at : "held", by ? ctx_printf(p->cx, "revealed to %s", by) : NULL));
  }
}

static void print_waiting(struct page *p) {
  struct js *list = js_get(p->device, "waiting");
  begin(p, "Waiting for it");
  for (size_t i = 0; i < js_count(list) && i < SHOWN; i++) {
    struct js *w = js_at(list, i);
    line(p, js_str(w, "status"), ctx_printf(p->cx, "%s, %s", js_str(w, "request_type"), when(p, w, "queued_at")));
  }
  if (js_count(list) > SHOWN)
    line(p, "…", ctx_printf(p->cx, "`pomona command list %s` shows all", js_str(p->device, "id")));
}

static void print_namesakes(struct page *p) {
  struct js *list = js_get(p->device, "same_serial_number");
  begin(p, "Others with its serial number (which is only what they say)");
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *o = js_at(list, i);
    bool former = false;
    if (!js_bool(js_get(o, "former"), &former)) former = false;
    const char *seen = when(p, o, "last_seen");
    line(p, former ? "former" : "heard of, too",
         ctx_printf(p->cx, "%s, %s, %s", js_str(o, "id"), js_str(o, "state"),
                    seen ? ctx_printf(p->cx, "last seen %s", seen) : "never seen"));
  }
}

static void print_history(struct page *p) {
  struct js *list = js_get(p->device, "history");
  begin(p, "Enrolled before");
  for (size_t i = 1; i < js_count(list) && i <= SHOWN; i++) {
    struct js *h = js_at(list, i);
    const char *from = js_str(h, "enrolled_at") ? js_str(h, "enrolled_at") : js_str(h, "authenticated_at");
    const char *to = js_str(h, "ended_at");
    line(p, local_time(p->cx, from), to ? ctx_printf(p->cx, "until %s", local_time(p->cx, to)) : "not ended");
  }
}

static void print_misfits(struct page *p) {
  struct js *list = js_get(p->device, "misfits");
  begin(p, "Does not fit Apple's schema");
  for (size_t i = 0; i < js_count(list); i++) {
    struct js *o = js_at(list, i);
    const char *type = js_str(o, "request_type"), *n = member_text(p->cx, o, "misfits");
    line(p, type,
         ctx_printf(p->cx, "%s value%s of another shape, kept raw: `pomona device inventory %s %s`", n,
                    strcmp(n, "1") == 0 ? "" : "s", js_str(p->device, "id"), type));
  }
}

static void print_changes(struct page *p) {
  struct js *list = js_get(p->device, "changes");
  begin(p, "Changed last");
  for (size_t i = 0; i < js_count(list) && i < SHOWN; i++) {
    struct js *c = js_at(list, i);
    const char *was = js_str(c, "was"), *now = js_str(c, "now");
    line(p, js_str(c, "what"),
         ctx_printf(p->cx, "%s → %s, %s", was ? was : "nothing", now ? now : "nothing", when(p, c, "at")));
  }
}

enum err cmd_device_show(struct ctx *cx, struct args *a) {
  static void (*const parts[])(struct page *) = {
      print_head,   print_takeover, print_assigned, print_flags,   print_hardware,  print_plan,   print_users,
      print_escrow, print_waiting,  print_changes,  print_misfits, print_namesakes, print_history};
  struct client *c;
  struct page p = {.cx = cx};
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/devices/%s", enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_call(cx, c, "GET", path, NULL, &p.device));
  if (args_has(a, "json")) return print_json(cx, p.device), OK;
  p.fields = js_get(p.device, "fields");
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) parts[i](&p);
  print_lines(&p);
  return OK;
}
