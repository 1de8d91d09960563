/* Push certificates: which there are, what was done with them, and going back to a former one. */
#include "app/cmd.h"
#include "app/cmd_pushcert.h"
#include "app/table.h"
#include "base/enc.h"

#include <string.h>

enum { INDENT = 18, WIDTH = 118 };

void pushcert_field(struct ctx *cx, const char *name, const char *text) {
  struct slice rest = slice_of(plain(cx, text)), word;
  int column = INDENT;
  if (!rest.n) return;
  printf("  %-*s", INDENT - 2, name);
  while (slice_cut(&rest, ' ', &word)) {
    int width = (int)text_width(word);
    if (column > INDENT && column + 1 + width > WIDTH) column = printf("\n%*s", INDENT, "") - 1;
    if (column > INDENT) column += printf(" ");
    fwrite(word.p, 1, word.n, stdout);
    column += width;
  }
  fputc('\n', stdout);
}

const char *pushcert_query(struct ctx *cx, const struct args *a, const char *const *options) {
  const char *out = "";
  for (; *options; options++) {
    const char *value = args_value(a, *options);
    if (!value) continue;
    const char *text = *value ? enc_percent(cx, slice_of(value)) : "1";
    out = ctx_printf(cx, "%s%s%s=%s", out, *out ? "&" : "?", *options, text);
  }
  return out;
}

/* ---- one ---- */

static bool is(const char *text, const char *what) { return text && strcmp(text, what) == 0; }

static const char *serials(struct ctx *cx, struct js *o) {
  return ctx_printf(cx, "%s (decimal %s)", js_str(o, "serial_number"), js_str(o, "serial_number_decimal"));
}

static const char *standing(struct ctx *cx, struct js *o) {
  const char *state = js_str(o, "state"), *ends = local_time(cx, js_str(o, "not_after"));
  if (is(state, "expired")) return ctx_printf(cx, "EXPIRED on %s", ends);
  if (is(state, "superseded")) return ctx_printf(cx, "superseded; ends %s", ends);
  return ctx_printf(cx, "%s, %s days left: ends %s", is(state, "revoked") ? "REVOKED: Apple refuses it" : state,
                    member_text(cx, o, "days_left"), ends);
}

static const char *proof(struct ctx *cx, struct js *o) {
  const char *said = js_str(o, "proof"), *text = js_str(o, "proof_text"), *proven = js_str(o, "proven_at");
  const char *last = proven ? ctx_printf(cx, "; it took the certificate on %s", local_time(cx, proven)) : "";
  if (!said) return "was not asked yet";
  if (is(said, "proven")) return ctx_printf(cx, "takes it (asked %s)", local_time(cx, js_str(o, "probed_at")));
  if (is(said, "refused"))
    return ctx_printf(cx, "REFUSES it (asked %s): %s%s", local_time(cx, js_str(o, "probed_at")), text, last);
  return ctx_printf(cx, "unproven: could not be asked on %s: %s%s", local_time(cx, js_str(o, "probed_at")), text, last);
}

static const char *listeners(struct ctx *cx, struct js *o) {
  bool newest = false;
  const char *n = member_text(cx, o, "enrollments");
  (void)js_bool(js_get(o, "new_enrollments"), &newest);
  return ctx_printf(cx, "%s enrollment%s; devices that enroll from now on get %s", n, is(n, "1") ? "" : "s",
                    newest ? "this topic" : "another topic");
}

/* What is only missing is named in one line; `pomona pushcert record` tells all of each. */
static void print_warnings(struct ctx *cx, struct js *warnings) {
  const char *missing = NULL, *label = "warning";
  for (size_t i = 0; i < js_count(warnings); i++) {
    struct slice slug = slice_of(js_str(js_at(warnings, i), "slug"));
    if (slice_ends(slug, "-missing")) {
      const char *what = ctx_memdup(cx, slug.p, slug.n - strlen("-missing"));
      missing = missing ? ctx_printf(cx, "%s, %s", missing, what) : what;
      continue;
    }
    pushcert_field(cx, label, js_str(js_at(warnings, i), "text"));
    label = "";
  }
  if (missing) pushcert_field(cx, "not recorded", ctx_printf(cx, "%s: `pomona pushcert record`", missing));
}

void pushcert_print(struct ctx *cx, struct js *o) {
  struct js *warnings = js_get(o, "warnings");
  const char *planned = js_str(o, "planned_at");
  printf("%s\n", plain(cx, js_str(o, "topic")));
  pushcert_field(cx, "state", standing(cx, o));
  pushcert_field(cx, "serial number", serials(cx, o));
  pushcert_field(cx, "Apple", proof(cx, o));
  pushcert_field(cx, "listening", listeners(cx, o));
  pushcert_field(cx, "people", js_str(o, "people"));
  pushcert_field(cx, "note", js_str(o, "note"));
  pushcert_field(cx, "imported",
                 ctx_printf(cx, "%s by %s", local_time(cx, js_str(o, "imported_at")), js_str(o, "imported_by")));
  pushcert_field(cx, "planned renewal", planned ? local_time(cx, planned) : NULL);
  pushcert_field(cx, "next", js_str(o, "next"));
  pushcert_field(cx, "in the portal", js_str(o, "portal"));
  print_warnings(cx, warnings);
}

/* ---- all ---- */

static void print_all(struct ctx *cx, struct js *all) {
  size_t shown = 0, former = 0;
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    if (is(js_str(o, "state"), "superseded")) {
      former++;
      continue;
    }
    if (shown++) fputc('\n', stdout);
    pushcert_print(cx, o);
  }
  if (former) printf("%s%zu former: `pomona pushcert history`\n", shown ? "\n" : "", former);
}

enum err cmd_pushcert_show(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/pushcerts", NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, js_get(answer, "pushcerts"));
  else if (js_count(js_get(answer, "pushcerts")) == 0)
    fputs("No push certificate yet; `pomona pushcert import FILE…` takes one in.\n", stderr);
  else
    print_all(cx, js_get(answer, "pushcerts"));
  return OK;
}

/* ---- history ---- */

static void print_certificate(struct ctx *cx, struct js *o) {
  printf("\n  %s\n", serials(cx, o));
  pushcert_field(cx, "  state", js_str(o, "state"));
  pushcert_field(
      cx, "  valid",
      ctx_printf(cx, "%s to %s", local_time(cx, js_str(o, "not_before")), local_time(cx, js_str(o, "not_after"))));
  pushcert_field(cx, "  imported",
                 ctx_printf(cx, "%s by %s", local_time(cx, js_str(o, "imported_at")), js_str(o, "imported_by")));
  pushcert_field(cx, "  subject", js_str(o, "subject"));
  pushcert_field(cx, "  issuer", js_str(o, "issuer"));
  pushcert_field(cx, "  key (SHA-256)", js_str(o, "key_sha256"));
  pushcert_field(cx, "  Apple", proof(cx, o));
}

/* What is worth telling of an act: what Apple said, from which address to which, else one of its members. */
static const char *detail(struct ctx *cx, struct js *act) {
  static const struct {
    const char *member, *label;
  } tells[] = {{"reason", ""}, {"state", ""}, {"every", "every "}, {"on", "on "}, {"apple_account", "Apple Account "}};
  struct js *d = js_get(act, "detail");
  const char *from = js_str(d, "from"), *to = js_str(d, "to"), *said = js_str(d, "proof");
  if (said) return ctx_printf(cx, "%s: %s", said, js_str(d, "text") ? js_str(d, "text") : "");
  if (from || to) return ctx_printf(cx, "%s to %s", from ? from : "none", to ? to : "none");
  for (size_t i = 0; i < sizeof tells / sizeof *tells; i++)
    if (js_str(d, tells[i].member)) return ctx_printf(cx, "%s%s", tells[i].label, js_str(d, tells[i].member));
  return NULL;
}

static void print_acts(struct ctx *cx, struct js *acts) {
  static const char *const headers[] = {"WHEN", "WHAT", "BY", "SERIAL", "DETAIL", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(acts); i++) {
    struct js *o = js_at(acts, i);
    const char *cells[] = {local_time(cx, js_str(o, "at")), js_str(o, "act"), js_str(o, "by"),
                           js_str(o, "serial_number"), detail(cx, o)};
    table_add(t, cells);
  }
  fputc('\n', stdout);
  table_print(t, stdout);
}

static void print_history(struct ctx *cx, struct js *topics) {
  for (size_t i = 0; i < js_count(topics); i++) {
    struct js *o = js_at(topics, i), *certs = js_get(o, "certificates");
    printf("%s%s\n", i ? "\n" : "", plain(cx, js_str(o, "topic")));
    pushcert_field(cx, "in the portal", js_str(o, "portal"));
    for (size_t k = 0; k < js_count(certs); k++) print_certificate(cx, js_at(certs, k));
    print_acts(cx, js_get(o, "acts"));
  }
}

enum err cmd_pushcert_history(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  const char *query = a->n ? ctx_printf(cx, "?topic=%s", enc_percent(cx, slice_of(a->operands[0]))) : "";
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", ctx_printf(cx, "/api/v1/pushcerts/history%s", query), NULL, &answer));
  if (args_has(a, "json"))
    print_json(cx, js_get(answer, "topics"));
  else
    print_history(cx, js_get(answer, "topics"));
  return OK;
}

/* ---- going back ---- */

enum err cmd_pushcert_rollback(struct ctx *cx, struct args *a) {
  static const char *const words[] = {"anyway", NULL};
  struct client *c;
  struct js *body = js_object(cx), *answer;
  if (a->n) js_set_string(body, "serial_number", a->operands[0]);
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/pushcerts/rollback%s", pushcert_query(cx, a, words));
  TRY(client_call(cx, c, "POST", path, body, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else if (js_str(answer, "withdrawn"))
    printf("%s has no certificate any more; devices that enroll get the newest other topic\n",
           plain(cx, js_str(answer, "topic")));
  else
    pushcert_print(cx, answer);
  return OK;
}
