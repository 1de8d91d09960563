/* The rows of the command table for programs: what `pomona command types --json` prints, and forms are made of. */
#include "base/clock.h"
#include "core/command_int.h"

#include <string.h>

enum { LIMIT_BITS = 8 };

const struct command_flag_row command_flags[] = {
    {COMMAND_DANGEROUS, "dangerous", "asks for --yes"},
    {COMMAND_ONCE, "once", "handed over one time: a lost answer is not repeated by itself"},
    {COMMAND_JUMP, "jump", "goes before others that wait"},
    {COMMAND_SINGLE, "single", "one at a time per device"},
    {COMMAND_BARRIER, "barrier", "waits until what was queued before it is settled"},
    {COMMAND_QUERY, "query", "only asks"},
    {COMMAND_EARLY, "early", "acknowledged before it is done"},
    {COMMAND_WITHDRAWN, "withdrawn", "withdrawn by Apple: up to OS 26 only"},
    {COMMAND_NO_GROUP, "no_group", "not for everyone who enrolls: no group sends it"},
    {0, NULL, NULL},
};

struct command_reach command_reach_of_row(const struct command_row *row) {
  struct command_reach r = {0};
  for (int p = 0; p < PLATFORMS; p++) {
    r.on[p] = row->on[p];
    if (row->on[p].introduced) r.known |= 1u << p;
  }
  return r;
}

struct command_reach command_reach_of_key(const struct command_reach *up, const struct command_arg *a) {
  struct command_reach r = *up;
  for (int p = 0; p < PLATFORMS; p++)
    if (!command_narrow(&r.on[p], a, (enum platform)p)) r.known &= ~(1u << p);
  return r;
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static bool same_support(const struct command_support *a, const struct command_support *b) {
  return same_text(a->introduced, b->introduced) && same_text(a->deprecated, b->deprecated) &&
         same_text(a->removed, b->removed) && a->right == b->right && a->limits == b->limits;
}

bool command_same_reach(const struct command_reach *a, const struct command_reach *b) {
  bool same = a->known == b->known;
  for (int p = 0; p < PLATFORMS; p++) same = same && (!(a->known & 1u << p) || same_support(&a->on[p], &b->on[p]));
  return same;
}

static struct js *support_json(struct ctx *cx, const struct command_support *s) {
  struct js *o = js_object(cx), *limits = js_array(cx);
  js_set_string(o, "introduced", s->introduced);
  if (s->deprecated) js_set_string(o, "deprecated", s->deprecated);
  if (s->removed) js_set_string(o, "removed", s->removed);
  js_set_int(o, "access_right", (int64_t)s->right);
  for (int i = 0; i < LIMIT_BITS; i++)
    if (s->limits & 1u << i) js_add_string(limits, command_limit_name(1u << i));
  js_set(o, "limits", limits);
  return o;
}

static struct js *reach_json(struct ctx *cx, const struct command_reach *r) {
  struct js *o = js_object(cx);
  for (int p = 0; p < PLATFORMS; p++)
    if (r->known & 1u << p) js_set(o, platform_word((enum platform)p), support_json(cx, &r->on[p]));
  return o;
}

/* What an array holds, or a string may be, has a name of its own: for a program they are no arguments. */
static const char *list_name(const struct command_arg *of) {
  if (of->type == ARG_STRING) return "values";
  if (of->type != ARG_ARRAY) return "arguments";
  return *of->args->name ? "kinds" : "elements";
}

static struct js *args_json(struct ctx *cx, const struct command_arg *list, const struct command_reach *up,
                            const char *path);

/* path: of what holds it, from the RequestType. */
static struct js *arg_json(struct ctx *cx, const struct command_arg *a, const struct command_reach *up,
                           const char *path) {
  struct js *o = js_object(cx), *values = js_array(cx);
  struct command_reach own = command_reach_of_key(up, a);
  const char *here = *a->name ? ctx_printf(cx, "%s.%s", path, a->name) : path;
  const char *help = *a->name ? command_help(here) : NULL;
  if (*a->name) js_set_string(o, "name", a->name);
  if (help) js_set_string(o, "help", help);
  js_set_string(o, "type", command_type_name(a->type));
  js_set_bool(o, "required", a->required);
  if (a->preset) js_set_string(o, "default", a->preset);
  if (a->six_digits) js_set_string(o, "format", "six digits");
  if (a->withdrawn) js_set_bool(o, "withdrawn", true);
  if (a->narrows) js_set_bool(o, "narrows", true);
  for (size_t i = 0; a->values && a->values[i]; i++) js_add_string(values, a->values[i]);
  if (a->values) js_set(o, "one_of", values);
  if (!command_same_reach(&own, up)) js_set(o, "platforms", reach_json(cx, &own));
  if (a->args) js_set(o, list_name(a), args_json(cx, a->args, &own, here));
  return o;
}

static struct js *args_json(struct ctx *cx, const struct command_arg *list, const struct command_reach *up,
                            const char *path) {
  struct js *all = js_array(cx);
  for (const struct command_arg *a = list; a && a->name; a++) js_add(all, arg_json(cx, a, up, path));
  return all;
}

struct js *command_row_json(struct ctx *cx, const struct command_row *row) {
  static const char *const answers[] = {"none", "merge", "list"};
  struct js *o = js_object(cx), *answer = js_object(cx);
  struct command_reach r = command_reach_of_row(row);
  js_set_string(o, "request_type", row->request_type);
  js_set_string(o, "what", row->what);
  for (const struct command_flag_row *f = command_flags; f->name; f++)
    js_set_bool(o, f->name, (row->flags & f->flag) != 0);
  if (row->expires_us)
    js_set_int(o, "life_seconds", row->expires_us / US_SECOND);
  else
    js_set_null(o, "life_seconds");
  js_set_string(answer, "kind", answers[row->answer]);
  js_set_string(answer, "member", row->member);
  js_set(o, "answer", answer);
  js_set(o, "platforms", reach_json(cx, &r));
  js_set(o, "arguments", args_json(cx, row->args, &r, row->request_type));
  return o;
}
