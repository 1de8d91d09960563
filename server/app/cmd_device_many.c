/* One act for many devices: `device block`, `device unblock` and `device set --filter`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/cmd_device.h"
#include "app/table.h"

#include <string.h>

static const char PATH[] = "/api/v1/devices/many";

static const struct words {
  const char *act, *would, *is;
} words[] = {{"block", "would be blocked", "blocked"},
             {"unblock", "would be served again", "served again"},
             {"set", "would be set", "set"}};

static const struct words *words_of(const char *act) {
  const struct words *w = words;
  while (strcmp(w->act, act) != 0) w++;
  return w;
}

static enum err number(struct ctx *cx, struct js *answer, const char *key, int64_t *out) {
  return js_int(js_get(answer, key), out) ? OK : FAIL(cx, E_INTERNAL, "the server's answer is not understood");
}

static enum err print_devices(struct ctx *cx, struct js *answer, const char *what) {
  int64_t devices, unchanged, refused;
  struct js *refusals = js_get(answer, "refusals");
  TRY(number(cx, answer, "devices", &devices));
  TRY(number(cx, answer, "unchanged", &unchanged));
  TRY(number(cx, answer, "refused", &refused));
  for (size_t i = 0; i < js_count(refusals); i++)
    fprintf(stderr, "pomona: %s\n", plain(cx, js_str(js_at(refusals, i), "message")));
  printf("%lld device%s %s", (long long)devices, devices == 1 ? "" : "s", what);
  if (unchanged) printf("; %lld %s so already", (long long)unchanged, unchanged == 1 ? "is" : "are");
  if (refused) printf("; %lld %s", (long long)refused, refused == 1 ? "name is of none" : "names are of none");
  puts(".");
  return OK;
}

/* The number that was shown is the one that is confirmed: what matches more devices meanwhile is refused. */
static enum err carry_out(struct ctx *cx, const struct args *a, struct js *body, const struct words *w) {
  struct client *c;
  struct js *answer;
  int64_t devices;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", ctx_printf(cx, "%s/plan", PATH), body, &answer));
  TRY(number(cx, answer, "devices", &devices));
  bool go = args_has(a, "yes") && !args_has(a, "dry-run");
  if (go) {
    js_set_int(body, "confirm", devices);
    TRY(client_call(cx, c, "POST", PATH, body, &answer));
  }
  if (args_has(a, "json"))
    print_json(cx, answer);
  else
    TRY(print_devices(cx, answer, go ? ctx_printf(cx, "%s %s", devices == 1 ? "is" : "are", w->is) : w->would));
  if (go || args_has(a, "dry-run")) return OK;
  fflush(stdout);
  return FAIL(cx, E_USAGE, "nothing was changed: say --yes to have it done");
}

enum err device_act_many(struct ctx *cx, struct args *a, const char *act) {
  struct js *body = js_object(cx), *ids = js_array(cx);
  if ((a->n > 0) == args_has(a, "filter")) return FAIL(cx, E_USAGE, "devices, or --filter, are needed: ID…");
  for (size_t i = 0; i < a->n; i++) js_add_string(ids, a->operands[i]);
  js_set_string(body, "act", act);
  if (a->n)
    js_set(body, "ids", ids);
  else
    js_set_string(body, "filter", args_value(a, "filter"));
  return carry_out(cx, a, body, words_of(act));
}

enum err device_set_many(struct ctx *cx, struct args *a) {
  struct js *body = js_object(cx);
  if (args_has(a, "if-version")) return FAIL(cx, E_USAGE, "--if-version is of one device");
  if (a->n == 0) return FAIL(cx, E_USAGE, "what to set is needed: user=… email=… tag=… note=…");
  for (size_t i = 0; i < a->n; i++) TRY(device_set_word(cx, a->operands[i], body));
  js_set_string(body, "act", "set");
  js_set_string(body, "filter", args_value(a, "filter"));
  return carry_out(cx, a, body, words_of("set"));
}
