/* Push certificates: which there are, and their import. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/file.h"
#include "base/secret.h"

#include <string.h>

enum { FILE_MOST = 1 << 20 };

static void print_pushcerts(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"TOPIC", "STATE", "ENDS", "DAYS LEFT", "SERIAL", "ENROLLMENTS", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *o = js_at(all, i);
    const char *cells[] = {js_str(o, "topic"),
                           js_str(o, "state"),
                           local_time(cx, js_str(o, "not_after")),
                           member_text(cx, o, "days_left"),
                           js_str(o, "serial_number"),
                           member_text(cx, o, "enrollments")};
    table_add(t, cells);
  }
  table_print(t, stdout);
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
    print_pushcerts(cx, js_get(answer, "pushcerts"));
  return OK;
}

/* {"files":[{"name","data"}]}: the server tells what is what. */
static enum err read_files(struct ctx *cx, const struct args *a, struct js **out) {
  struct js *files = js_array(cx);
  *out = js_object(cx);
  for (size_t i = 0; i < a->n; i++) {
    struct slice bytes;
    struct js *file = js_object(cx);
    TRY(file_read(cx, &bytes, a->operands[i], FILE_MOST));
    char *data = enc_base64(cx, bytes.p, bytes.n);
    js_set_string(file, "name", a->operands[i]);
    js_set_string(file, "data", secret_in(cx, data, strlen(data)));
    js_add(files, file);
  }
  js_set(*out, "files", files);
  return OK;
}

enum err cmd_pushcert_import(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body, *answer;
  TRY(read_files(cx, a, &body));
  TRY(client_open(cx, &c, a));
  const char *path = args_has(a, "new-topic") ? "/api/v1/pushcerts?new-topic=yes" : "/api/v1/pushcerts";
  TRY(client_call(cx, c, "PUT", path, body, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  printf("%s, valid until %s\n", plain(cx, js_str(answer, "topic")), local_time(cx, js_str(answer, "not_after")));
  return OK;
}
