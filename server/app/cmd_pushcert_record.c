/* Who stands behind a topic: shown, told by options or asked for on the terminal; another address of the account. */
#include "app/cmd.h"
#include "app/cmd_pushcert.h"
#include "app/table.h"
#include "base/enc.h"

#include <stdio.h>
#include <string.h>

/* What people tell, in the order in which it is asked for. */
static const struct {
  const char *option, *member, *label, *ask;
} fields[] = {
    {"apple-account", "apple_account", "Apple Account", "Apple Account that the certificate was made with (address)"},
    {"account-kind", "account_kind", "kind of account",
     "What kind of account is it: personal, organization or managed"},
    {"second-factor", "second_factor", "second factor", "Which numbers and devices get its codes"},
    {"trusted-person-1", "trusted_person_1", "trusted person", "A person whose number gets the codes"},
    {"trusted-person-2", "trusted_person_2", "and", "Another person whose number gets them"},
    {"password-place", "password_place", "password is in", "Where its password is kept (the place, not the password)"},
    {"owner", "owner", "owner", "Who renews the certificate (name)"},
    {"owner-email", "owner_email", "", "Their mail address"},
    {"deputy", "deputy", "deputy", "Their deputy (name)"},
    {"deputy-email", "deputy_email", "", "The deputy's mail address"},
    {"organization", "organization", "organization", "Organization that owns the devices"},
    {"address", "address", "address", "Its address, in one line"},
    {"web-site", "web_site", "web site", "Its web site"},
    {"note", "note", "note", "A note"},
};
enum { FIELDS = sizeof fields / sizeof *fields, LINE_MOST = 4096 };

#define RECORD "/api/v1/pushcerts/record"

/* ---- shown ---- */

static void print_record(struct ctx *cx, struct js *r) {
  struct js *warnings = js_get(r, "warnings");
  const char *looks = js_str(r, "account_looks"), *confirmed = js_str(r, "confirmed_at");
  printf("%s\n", plain(cx, js_str(r, "topic")));
  for (size_t i = 0; i < FIELDS; i++) {
    const char *text = js_str(r, fields[i].member);
    if (!text && strcmp(fields[i].member, "account_kind") == 0 && looks)
      text = ctx_printf(cx, "not told; it looks like %s",
                        strcmp(looks, "personal") == 0 ? "a person's own" : "one of the organization");
    pushcert_field(cx, fields[i].label, text ? text : *fields[i].label ? "-" : NULL);
  }
  pushcert_field(cx, "two can sign in",
                 confirmed ? ctx_printf(cx, "confirmed %s by %s", local_time(cx, confirmed), js_str(r, "confirmed_by"))
                           : "never confirmed");
  for (size_t i = 0; i < js_count(warnings); i++)
    pushcert_field(cx, i ? "" : js_count(warnings) > 1 ? "warnings" : "warning", js_str(js_at(warnings, i), "text"));
}

static const char *path_of(struct ctx *cx, const char *topic) {
  return topic ? ctx_printf(cx, RECORD "?topic=%s", enc_percent(cx, slice_of(topic))) : RECORD;
}

static enum err write_record(struct ctx *cx, struct client *c, const char *topic, struct js *body, struct js **record) {
  struct js *answer;
  TRY(client_call(cx, c, "PUT", path_of(cx, topic), body, &answer));
  *record = js_get(answer, "record");
  return OK;
}

static enum err read_record(struct ctx *cx, struct client *c, const char *topic, struct js **record) {
  struct js *answer;
  TRY(client_call(cx, c, "GET", path_of(cx, topic), NULL, &answer));
  *record = js_get(answer, "record");
  return OK;
}

/* The members that options tell; "" clears one. */
static struct js *told(struct ctx *cx, const struct args *a) {
  struct js *body = js_object(cx);
  for (size_t i = 0; i < FIELDS; i++)
    if (args_has(a, fields[i].option)) js_set_string(body, fields[i].member, args_value(a, fields[i].option));
  if (args_has(a, "confirm")) js_set_bool(body, "confirm", true);
  return body;
}

enum err cmd_pushcert_record(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = told(cx, a), *record;
  const char *topic = args_value(a, "topic");
  TRY(client_open(cx, &c, a));
  if (js_count(body))
    TRY(write_record(cx, c, topic, body, &record));
  else
    TRY(read_record(cx, c, topic, &record));
  if (args_has(a, "json"))
    print_json(cx, record);
  else
    print_record(cx, record);
  return OK;
}

/* ---- asked for ---- */

/* One line from the terminal; false at its end. An empty one keeps what is there, "-" clears it. */
static bool ask(struct ctx *cx, size_t field, struct js *record, struct js *body) {
  char line[LINE_MOST];
  const char *is = js_str(record, fields[field].member);
  fprintf(stderr, "  %s [%s]: ", fields[field].ask, is ? plain(cx, is) : "");
  fflush(stderr);
  if (!fgets(line, sizeof line, stdin)) return false;
  struct slice text = slice_trim(slice_of(line));
  if (slice_is(text, "-"))
    js_set_null(body, fields[field].member);
  else if (text.n)
    js_set_string(body, fields[field].member, ctx_memdup(cx, text.p, text.n));
  return true;
}

/* Each answer is recorded at once, so that one that is not taken costs nothing but itself: it is asked for again. */
static enum err ask_and_write(struct ctx *cx, struct client *c, size_t field, struct js **record, bool *more) {
  struct js *body = js_object(cx), *seen = *record;
  *more = ask(cx, field, seen, body);
  if (js_count(body) == 0) return OK;
  js_set(body, "updated_at", js_get(seen, "updated_at"));
  enum err e = write_record(cx, c, js_str(seen, "topic"), body, record);
  if (e != E_INVALID) return e;
  fprintf(stderr, "  %s\n", ctx_error_text(cx));
  ctx_clear_error(cx);
  return ask_and_write(cx, c, field, record, more);
}

enum err pushcert_ask_record(struct ctx *cx, struct client *c, const char *topic) {
  struct js *record;
  bool more = true;
  TRY(read_record(cx, c, topic, &record));
  fputs("\nWho stands behind this certificate? It is printed in every warning about it. Enter keeps what stands in "
        "brackets,\n- clears it, Ctrl-D ends.\n",
        stderr);
  for (size_t i = 0; i < FIELDS && more; i++) TRY(ask_and_write(cx, c, i, &record, &more));
  if (!more) fputc('\n', stderr);
  return OK;
}

/* ---- another address ---- */

static void print_steps(struct ctx *cx, struct js *answer) {
  struct js *steps = js_get(answer, "steps");
  printf("%s is to become %s. It is noted; these are the steps:\n", plain(cx, js_str(answer, "from")),
         plain(cx, js_str(answer, "to")));
  for (size_t i = 0; i < js_count(steps); i++)
    pushcert_field(cx, ctx_printf(cx, "%zu.", i + 1), js_string(js_at(steps, i)));
}

enum err cmd_pushcert_account_change(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  bool done = args_has(a, "done");
  if (!args_has(a, "to")) return FAIL(cx, E_USAGE, "--to ADDRESS is missing: the new address of the Apple Account");
  js_set_string(body, "to", args_value(a, "to"));
  if (args_has(a, "topic")) js_set_string(body, "topic", args_value(a, "topic"));
  if (done) js_set_bool(body, "done", true);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", "/api/v1/pushcerts/account", body, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else if (done)
    print_record(cx, js_get(answer, "record"));
  else
    print_steps(cx, answer);
  return OK;
}
