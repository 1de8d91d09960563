#include "core/payload_int.h"

#include <string.h>
#include <strings.h>

struct growth {
  struct ctx *cx;
  const int *lines;
  size_t lines_n, at;
  struct payload_node *parent, **tail;
};

static void grow(struct growth *g, struct payload_node *n);

static struct payload_node *new_node(struct growth *g, struct pl *pl) {
  struct payload_node *n = ctx_alloc(g->cx, sizeof *n);
  n->pl = pl;
  n->line = g->at < g->lines_n ? g->lines[g->at] : 0;
  g->at++;
  n->parent = g->parent;
  if (g->tail) {
    *g->tail = n;
    g->tail = &n->next;
  }
  return n;
}

static void grow_member(const char *key, struct pl *value, void *arg) {
  struct growth *g = arg;
  struct payload_node *n = new_node(g, value);
  n->key = key;
  grow(g, n);
}

static void grow(struct growth *g, struct payload_node *n) {
  struct growth outer = *g;
  g->parent = n;
  g->tail = &n->first;
  pl_each(n->pl, grow_member, g);
  for (size_t i = 0; pl_type(n->pl) == PL_ARRAY && i < pl_count(n->pl); i++) {
    struct payload_node *item = new_node(g, pl_at(n->pl, i));
    item->index = i;
    grow(g, item);
  }
  g->parent = outer.parent;
  g->tail = outer.tail;
}

struct payload_node *payload_tree(struct ctx *cx, struct pl *root, struct slice xml) {
  struct growth g = {.cx = cx};
  int *lines;
  pl_lines(cx, xml, &lines, &g.lines_n);
  g.lines = lines;
  struct payload_node *n = new_node(&g, root);
  grow(&g, n);
  return n;
}

enum pl_type payload_type_of(const struct payload_node *n) { return n ? pl_type(n->pl) : PL_NONE; }

struct payload_node *payload_member(const struct payload_node *dict, const char *key) {
  struct payload_node *n = dict ? dict->first : NULL;
  while (n && (!n->key || strcmp(n->key, key) != 0)) n = n->next;
  return n;
}

struct slice payload_string(const struct payload_node *dict, const char *key) {
  const struct payload_node *n = payload_member(dict, key);
  struct slice s = {0};
  if (n) (void)pl_string(n->pl, &s);
  return s;
}

size_t payload_count(const struct payload_node *container) {
  size_t count = 0;
  for (const struct payload_node *n = container ? container->first : NULL; n; n = n->next) count++;
  return count;
}

bool payload_flag(const struct payload_node *dict, const char *key) {
  const struct payload_node *n = payload_member(dict, key);
  bool flag = false;
  int64_t number = 0;
  if (!n) return false;
  return pl_bool(n->pl, &flag) ? flag : pl_int(n->pl, &number) && number != 0;
}

char *payload_path(struct ctx *cx, const struct payload_node *n) {
  if (!n || !n->parent) return ctx_strdup(cx, "");
  const char *before = payload_path(cx, n->parent);
  if (!n->key) return ctx_printf(cx, "%s[%zu]", before, n->index);
  return ctx_printf(cx, "%s%s%s", before, *before ? "." : "", payload_shown(cx, slice_of(n->key)));
}

const char *payload_number(struct ctx *cx, int64_t n) { return ctx_printf(cx, "%lld", (long long)n); }

const char *payload_shown(struct ctx *cx, struct slice text) {
  enum { MOST = 60 };
  bool cut = text.n > MOST;
  if (cut) text.n = MOST;
  while (cut && text.n > 0 && (text.p[text.n] & 0xC0) == 0x80) text.n--; /* not within a character */
  char *shown = ctx_printf(cx, "%.*s%s", (int)text.n, text.n ? text.p : "", cut ? "…" : "");
  if (text_is_plain(slice_of(shown))) return shown;
  for (char *p = shown; *p; p++)
    if ((unsigned char)*p < ' ' || (unsigned char)*p > '~') *p = '?';
  return shown;
}

const char *payload_type_name(enum pl_type type) {
  static const char *const names[] = {
      [PL_NONE] = "anything",   [PL_DICT] = "a dictionary", [PL_ARRAY] = "an array",
      [PL_STRING] = "a string", [PL_DATA] = "data",         [PL_INT] = "an integer",
      [PL_REAL] = "a real",     [PL_BOOL] = "a boolean",    [PL_DATE] = "a date",
  };
  return names[type];
}

/* ---- likeness ---- */

enum { LIKE_MOST = 63 };

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

/* How many characters must be put in, taken out or changed to make b of a, in any case; both have at most LIKE_MOST. */
static size_t distance(struct slice a, struct slice b) {
  size_t row[LIKE_MOST + 1];
  for (size_t j = 0; j <= b.n; j++) row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t change = corner + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
      size_t least = row[j - 1] < row[j] ? row[j - 1] : row[j];
      corner = row[j];
      row[j] = change <= least ? change : least + 1;
    }
  }
  return row[b.n];
}

/* A part of a longer name: "wifi" of "wifi.managed", "firewall" of "security.firewall". */
static bool is_part(struct slice text, struct slice of) {
  if (of.n <= text.n + 1) return false;
  struct slice front = slice_mem(of.p, text.n), back = slice_mem(of.p + of.n - text.n, text.n);
  return (slice_eq(front, text) && of.p[text.n] == '.') || (slice_eq(back, text) && back.p[-1] == '.');
}

const char *payload_nearest(struct slice text, const char *(*name)(size_t i, const void *arg), const void *arg,
                            size_t n) {
  const char *best = NULL;
  size_t least = text.n / 3 + 1;
  for (size_t i = 0; text.n > 0 && text.n <= LIKE_MOST && i < n; i++) {
    struct slice one = slice_of(name(i, arg));
    if (one.n == 0 || one.n > LIKE_MOST) continue;
    size_t d = is_part(text, one) ? 1 : distance(text, one);
    if (d < least || (d == least && best && one.n < strlen(best))) least = d, best = one.p;
  }
  return best;
}
