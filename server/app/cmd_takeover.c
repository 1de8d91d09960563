/* Who claims an enrolled device: `pomona device list --held`, `device accept`, `device refuse`. */
#include "app/client.h"
#include "app/cmd.h"
#include "app/table.h"
#include "base/enc.h"

static void print_held(struct ctx *cx, struct js *all) {
  static const char *const headers[] = {"ID", "SINCE", "ADDRESS", "LINK", "LINK BY", "WAITS FOR", NULL};
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < js_count(all); i++) {
    struct js *h = js_at(all, i);
    const char *cells[] = {js_str(h, "id"),      local_time(cx, js_str(h, "since")),
                           js_str(h, "address"), member_text(cx, h, "link"),
                           js_str(h, "link_by"), js_str(h, "waits_for")};
    table_add(t, cells);
  }
  table_print(t, stdout);
  fputs("If it is yours: `pomona device accept ID`; if not: `pomona device refuse ID`.\n", stderr);
}

enum err cmd_device_held(struct ctx *cx, struct args *a) {
  struct client *c;
  struct js *answer;
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "GET", "/api/v1/takeovers", NULL, &answer));
  struct js *all = js_get(answer, "takeovers");
  if (args_has(a, "json"))
    print_json(cx, all);
  else if (js_count(all) == 0)
    fputs("Nobody claims a device that another identity holds.\n", stderr);
  else
    print_held(cx, all);
  return OK;
}

static enum err say(struct ctx *cx, struct args *a, const char *word, struct js **answer) {
  struct client *c;
  const char *path = ctx_printf(cx, "/api/v1/devices/%s/%s", enc_percent(cx, slice_of(a->operands[0])), word);
  TRY(client_open(cx, &c, a));
  TRY(client_call(cx, c, "POST", path, NULL, answer));
  if (args_has(a, "json")) print_json(cx, *answer);
  return OK;
}

enum err cmd_device_accept(struct ctx *cx, struct args *a) {
  struct js *answer;
  bool now;
  TRY(say(cx, a, "accept", &answer));
  if (args_has(a, "json")) return OK;
  const char *when = js_bool(js_get(answer, "in_force"), &now) && now ? "now" : "as soon as it sends its push token";
  printf("%s belongs to the identity that claims it, %s.\n", plain(cx, js_str(answer, "id")), when);
  return OK;
}

enum err cmd_device_refuse(struct ctx *cx, struct args *a) {
  struct js *answer;
  TRY(say(cx, a, "refuse", &answer));
  if (!args_has(a, "json"))
    printf("%s stays with whom it has; who claimed it is refused for good, and the link is revoked.\n",
           plain(cx, js_str(answer, "id")));
  return OK;
}
