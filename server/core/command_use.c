/* What of the table a command uses: its row and the rows of its arguments, each once. */
#include "core/command_int.h"
#include "core/command_target.h"

#include <string.h>

/* More rows than that no command has; what it holds beyond them is not looked at. */
enum { USES_MAX = 200, DEPTH_MAX = 32 };

static struct command_use *find(struct command_uses *u, const struct command_arg *arg) {
  for (size_t i = 0; i < u->n; i++)
    if (u->uses[i].arg == arg) return &u->uses[i];
  return NULL;
}

/* A row that asks for nothing of its own needs no look. */
static bool says_something(const struct command_arg *a) {
  bool own = a->except || a->right || a->limits || a->withdrawn;
  for (int p = 0; p < PLATFORMS; p++)
    own = own || a->on[p].introduced || a->on[p].removed || a->on[p].right || a->on[p].limits;
  return own;
}

void command_use_row(const struct command_row *row, struct command_use *out) {
  *out = (struct command_use){.withdrawn = (row->flags & COMMAND_WITHDRAWN) != 0};
  for (int p = 0; p < PLATFORMS; p++) {
    out->on[p] = row->on[p];
    if (row->on[p].introduced) out->known |= 1u << p;
  }
}

void command_use_narrow(struct command_use *use, const struct command_arg *arg) {
  use->arg = arg;
  use->withdrawn = arg->withdrawn;
  for (int p = 0; p < PLATFORMS; p++)
    if (!command_narrow(&use->on[p], arg, (enum platform)p)) use->known &= ~(1u << p);
}

static void add(struct command_uses *u, const struct command_use *up, const struct command_arg *arg, char *path,
                struct command_use *out) {
  *out = *up;
  out->path = path;
  command_use_narrow(out, arg);
  if (says_something(arg) && u->n < USES_MAX && !find(u, arg)) u->uses[u->n++] = *out;
}

static void walk_dict(struct ctx *cx, struct command_uses *u, const struct command_use *up,
                      const struct command_arg *keys, struct pl *dict, int depth);

static void walk_array(struct ctx *cx, struct command_uses *u, const struct command_use *up, struct pl *array,
                       int depth);

static void walk_value(struct ctx *cx, struct command_uses *u, const struct command_use *use, struct pl *value,
                       int depth) {
  const struct command_arg *a = use->arg;
  struct command_use inner;
  struct slice text;
  if (depth > DEPTH_MAX || !a->args) return;
  if (a->type == ARG_DICTIONARY && pl_type(value) == PL_DICT) {
    walk_dict(cx, u, use, a->args, value, depth + 1);
  } else if (a->type == ARG_ARRAY && pl_type(value) == PL_ARRAY) {
    walk_array(cx, u, use, value, depth + 1);
  } else if (a->type == ARG_STRING && pl_string(value, &text)) {
    const struct command_arg *v = command_arg(a->args, text);
    if (v && !find(u, v)) add(u, use, v, ctx_printf(cx, "%s (%s)", use->path, v->name), &inner);
  }
}

static void walk_array(struct ctx *cx, struct command_uses *u, const struct command_use *up, struct pl *array,
                       int depth) {
  bool cases = command_has_cases(up->arg);
  for (size_t i = 0; i < pl_count(array); i++) {
    struct command_use inner;
    struct pl *value = pl_at(array, i);
    const struct command_arg *row = up->arg->args;
    if (cases) row = command_arg(up->arg->args, slice_of(pl_str(value, "Item")));
    if (!row) continue;
    char *path =
        cases ? ctx_printf(cx, "%s[%zu] (%s)", up->path, i, row->name) : ctx_printf(cx, "%s[%zu]", up->path, i);
    add(u, up, row, path, &inner);
    walk_value(cx, u, &inner, value, depth);
  }
}

static void walk_dict(struct ctx *cx, struct command_uses *u, const struct command_use *up,
                      const struct command_arg *keys, struct pl *dict, int depth) {
  for (const struct command_arg *a = keys; a && a->name; a++) {
    struct command_use inner;
    struct pl *value = pl_get(dict, a->name);
    if (!value) continue;
    add(u, up, a, up->path ? ctx_printf(cx, "%s.%s", up->path, a->name) : ctx_strdup(cx, a->name), &inner);
    walk_value(cx, u, &inner, value, depth);
  }
}

/* The row itself is the first of what is used. */
static struct command_use *begin(struct ctx *cx, struct command_uses *u) {
  u->uses = ctx_alloc(cx, USES_MAX * sizeof *u->uses);
  struct command_use *whole = &u->uses[u->n++];
  command_use_row(u->row, whole);
  return whole;
}

struct command_uses *command_uses_row(struct ctx *cx, const struct command_row *row) {
  struct command_uses *u = ctx_alloc(cx, sizeof *u);
  struct command *c = ctx_alloc(cx, sizeof *c);
  c->request_type = ctx_strdup(cx, row->request_type);
  c->flags = row->flags;
  *u = (struct command_uses){.command = c, .row = row};
  begin(cx, u);
  return u;
}

enum err command_uses(struct ctx *cx, const struct command *c, struct command_uses **out) {
  struct pl *root;
  struct command_uses *u = *out = ctx_alloc(cx, sizeof *u);
  *u = (struct command_uses){.command = c, .row = command_row(c->request_type)};
  if (!u->row) return OK;
  struct command_use *whole = begin(cx, u);
  TRY(pl_parse(cx, c->plist, &command_limits, &root));
  struct pl *command = pl_get(root, "Command");
  const char *identifier = pl_str(command, "Identifier");
  u->identifier = identifier ? ctx_strdup(cx, identifier) : NULL;
  struct command_use top = *whole; /* a copy: the list grows */
  walk_dict(cx, u, &top, u->row->args, command, 0);
  return OK;
}
