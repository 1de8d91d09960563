/* `pomona device set`: what operators know of devices, by hand and as a table. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/cmd_device.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/file.h"

#include <string.h>

enum { TABLE_MAX = 4 << 20 };

/* ---- a table ---- */

static void print_mistakes(struct ctx *cx, struct js *mistakes) {
  static const char *const headers[] = {"LINE", "WHAT IS WRONG", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(mistakes); i++) {
    const char *cells[] = {member_text(cx, js_at(mistakes, i), "line"), js_str(js_at(mistakes, i), "message")};
    table_add(t, cells);
  }
  table_print(t, stdout);
}

static enum err print_import(struct ctx *cx, struct js *answer, bool dry_run) {
  int64_t devices = 0, wrong = 0;
  if (!js_int(js_get(answer, "devices"), &devices) || !js_int(js_get(answer, "mistakes_total"), &wrong))
    return FAIL(cx, E_INTERNAL, "the server's answer is not understood");
  if (wrong) print_mistakes(cx, js_get(answer, "mistakes"));
  const char *what = dry_run ? "would be set; nothing was changed" : devices == 1 ? "is set" : "are set";
  printf("%lld device%s %s.\n", (long long)devices, devices == 1 ? "" : "s", what);
  if (!wrong) return OK;
  fflush(stdout);
  return FAIL(cx, E_INVALID, "%lld mistake%s in the table, which is refused as a whole", (long long)wrong,
              wrong == 1 ? "" : "s");
}

static enum err set_table(struct ctx *cx, struct args *a, const char *file) {
  struct client *c;
  struct slice text, bytes;
  struct js *answer;
  bool dry_run = args_has(a, "dry-run");
  if (a->n) return FAIL(cx, E_USAGE, "with --csv the table names the devices");
  if (args_has(a, "if-version")) return FAIL(cx, E_USAGE, "--if-version is of one device");
  TRY(file_read(cx, &text, strcmp(file, "-") ? file : "/dev/stdin", TABLE_MAX));
  TRY(client_open(cx, &c, a));
  const char *path = dry_run ? "/api/v1/devices/import?dry_run=yes" : "/api/v1/devices/import";
  TRY(client_bytes(cx, c, "POST", path, text, &bytes));
  TRY(js_parse(cx, bytes, &answer));
  if (args_has(a, "json")) return print_json(cx, answer), OK;
  return print_import(cx, answer, dry_run);
}

/* ---- one ---- */

enum err device_set_word(struct ctx *cx, const char *word, struct js *body) {
  static const char *const names[] = {"user", "email", "tag", "note"};
  struct slice rest = slice_of(word), name;
  bool is_pair = slice_cut(&rest, '=', &name) && name.n < strlen(word);
  for (size_t i = 0; is_pair && i < sizeof names / sizeof *names; i++)
    if (slice_is(name, names[i])) return js_set_string(body, names[i], rest.n ? rest.p : ""), OK;
  return FAIL(cx, E_USAGE, "%s: what can be set is user=…, email=…, tag=… and note=…; nothing behind = clears it",
              word);
}

static enum err read_words(struct ctx *cx, const struct args *a, struct js *body) {
  if (a->n < 2) return FAIL(cx, E_USAGE, "a device and what to set are needed: ID user=… email=… tag=… note=…");
  for (size_t i = 1; i < a->n; i++) TRY(device_set_word(cx, a->operands[i], body));
  return OK;
}

enum err cmd_device_set(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *body = js_object(cx), *answer;
  if (args_has(a, "csv")) return set_table(cx, a, args_value(a, "csv"));
  if (args_has(a, "filter")) return device_set_many(cx, a);
  if (args_has(a, "dry-run")) return FAIL(cx, E_USAGE, "--dry-run is for --csv and --filter");
  TRY(read_words(cx, a, body));
  TRY(client_open(cx, &c, a));
  const char *path = ctx_printf(cx, "/api/v1/devices/%s", enc_percent(cx, slice_of(a->operands[0])));
  TRY(client_call(cx, c, "PATCH", path, body, &answer));
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    printf("%s is at version %s.\n", plain(cx, js_str(answer, "id")), member_text(cx, answer, "version"));
  return OK;
}
