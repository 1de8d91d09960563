/* Requests for push certificates, and who signs them. What is to be uploaded stands alone on stdout. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/file.h"

#include <string.h>
#include <unistd.h>

#define REQUESTS "/api/v1/pushcerts/requests"

/* ---- output ---- */

static enum err put(struct ctx *cx, const struct args *a, const char *text, const char *what) {
  const char *path = args_value(a, "out");
  if (!text) return FAIL(cx, E_INTERNAL, "the server sent no %s", what);
  if (!path) return printf("%s%s", text, slice_ends(slice_of(text), "\n") ? "" : "\n"), OK;
  TRY(file_replace(cx, path, slice_of(text)));
  fprintf(stderr, "The %s is in %s.\n", what, path);
  return OK;
}

static void print_steps(struct ctx *cx, const char *first, struct js *answer) {
  struct js *steps = js_get(answer, "steps");
  int n = 0;
  fputs("\nWhat to do next:\n", stderr);
  if (first) fprintf(stderr, "%2d. %s\n", ++n, first);
  for (size_t i = 0; i < js_count(steps); i++) fprintf(stderr, "%2d. %s\n", ++n, plain(cx, js_string(js_at(steps, i))));
}

/* ---- csr ---- */

static enum err list_requests(struct ctx *cx, struct client *c, const struct args *a) {
  static const char *const headers[] = {"ID", "FOR TOPIC", "MADE", "BY", "CERTIFICATE CAME", "PUBLIC KEY (SHA-256)",
                                        NULL};
  struct js *answer, *all;
  TRY(client_call(cx, c, "GET", REQUESTS, NULL, &answer));
  all = js_get(answer, "requests");
  if (args_has(a, "json")) return print_json(cx, all), OK;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *topic = js_str(o, "topic"), *key = js_str(o, "public_key_sha256");
    const char *cells[] = {
        member_text(cx, o, "id"), topic ? topic : "a new one",          local_time(cx, js_str(o, "created_at")),
        js_str(o, "created_by"),  local_time(cx, js_str(o, "used_at")), key ? ctx_printf(cx, "%.16s", key) : NULL};
    table_add(t, cells);
  }
  table_print(t, stdout);
  return OK;
}

enum err cmd_pushcert_csr(struct ctx *cx, struct args *a) {
  static const char *const texts[] = {"topic", "email", "cn"};
  struct client *c;
  struct js *body = js_object(cx), *answer;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "list")) return list_requests(cx, c, a);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (args_has(a, texts[i])) js_set_string(body, texts[i], args_value(a, texts[i]));
  if (args_has(a, "same-key")) js_set_bool(body, "same_key", true);
  if (args_has(a, "new-topic")) js_set_bool(body, "new_topic", true);
  TRY(client_call(cx, c, "POST", REQUESTS, body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  TRY(put(cx, a, js_str(answer, "csr"), "request"));
  const char *topic = js_str(answer, "topic");
  fprintf(stderr, "Request %s, %s%s; its key stays on the server.\n", member_text(cx, answer, "id"),
          topic ? "to renew " : "for a new certificate", topic ? plain(cx, topic) : "");
  print_steps(
      cx,
      "Have it signed: `pomona pushcert sign --out FILE` with an MDM vendor certificate of your own, or `pomona "
      "pushcert sign --mdmcert EMAIL`.",
      answer);
  return OK;
}

/* ---- sign ---- */

static enum err vendor(struct ctx *cx, struct client *c, const struct args *a) {
  struct js *body, *answer;
  if (a->n == 0) return FAIL(cx, E_USAGE, "--vendor needs FILE…: the vendor certificate, its key, and its chain");
  TRY(client_files(cx, a, a->operands, a->n, &body));
  TRY(client_call(cx, c, "PUT", "/api/v1/pushcerts/vendor", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s, valid until %s, its chain until %s\n", plain(cx, js_str(answer, "subject")),
         local_time(cx, js_str(answer, "not_after")), local_time(cx, js_str(answer, "chain_ends")));
  fputs("It signs requests from now on: `pomona pushcert sign --out FILE`.\n", stderr);
  return OK;
}

static enum err number(struct ctx *cx, const struct args *a, struct js *body) {
  const char *text = args_value(a, "request");
  int64_t id;
  if (!text) return OK;
  if (!slice_to_i64(slice_of(text), &id)) return FAIL(cx, E_USAGE, "--request %s is no number", text);
  js_set_int(body, "request", id);
  return OK;
}

static enum err mdmcert(struct ctx *cx, struct client *c, const struct args *a) {
  struct js *body = js_object(cx), *answer;
  js_set_string(body, "email", args_value(a, "mdmcert"));
  TRY(number(cx, a, body));
  TRY(client_call(cx, c, "POST", "/api/v1/pushcerts/mdmcert", body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("mdmcert.download signs request %s and sends it to %s.\n", member_text(cx, js_get(answer, "request"), "id"),
         plain(cx, js_str(answer, "email")));
  fputs(
      "Save the attachment of its mail (it ends in .plist.b64.p7) and open it: `pomona pushcert sign --mdmcert-answer "
      "FILE --out FILE`.\n",
      stderr);
  return OK;
}

static enum err signed_request(struct ctx *cx, struct client *c, const struct args *a, const char *path,
                               struct js *body) {
  struct js *answer;
  if (!args_has(a, "json") && !args_has(a, "out") && isatty(STDOUT_FILENO))
    return FAIL(cx, E_USAGE, "the signed request is long: give --out FILE, or send it to a file or pipe");
  TRY(client_call(cx, c, "POST", path, body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  TRY(put(cx, a, js_str(answer, "signed_request"), "signed request"));
  print_steps(cx, NULL, answer);
  return OK;
}

enum err cmd_pushcert_sign(struct ctx *cx, struct args *a) {
  const char *answer = args_value(a, "mdmcert-answer"), *csr = args_value(a, "csr");
  struct js *body = js_object(cx);
  struct client *c;
  TRY(client_open(cx, &c, a));
  if (args_has(a, "vendor")) return vendor(cx, c, a);
  if (a->n) return FAIL(cx, E_USAGE, "%s: files are given with --vendor, --csr or --mdmcert-answer", a->operands[0]);
  if (args_has(a, "mdmcert")) return mdmcert(cx, c, a);
  if (answer || csr) TRY(client_files(cx, a, answer ? &answer : &csr, 1, &body));
  TRY(number(cx, a, body));
  return signed_request(cx, c, a, answer ? "/api/v1/pushcerts/mdmcert-answer" : "/api/v1/pushcerts/sign", body);
}
