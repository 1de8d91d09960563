#include "lib/plist_int.h"

#include <stdlib.h>
#include <string.h>

struct walk {
  const char *p, *end;
  int line;
};

/* To `to`, counting lines on the way. */
static void go(struct walk *w, const char *to) {
  for (; w->p < to; w->p++) w->line += *w->p == '\n';
}

static bool ahead(const struct walk *w, const char *text) {
  return slice_starts(slice_mem(w->p, (size_t)(w->end - w->p)), text);
}

static void go_past(struct walk *w, const char *mark) {
  const char *at = memmem(w->p, (size_t)(w->end - w->p), mark, strlen(mark));
  go(w, at ? at + strlen(mark) : w->end);
}

/* To the next tag: its name, behind which the walk goes on, and whether it closes an element. False at the end. */
static bool next_tag(struct walk *w, struct slice *name, bool *closes) {
  static const char *const skipped[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}};
  for (;;) {
    const char *at = memchr(w->p, '<', (size_t)(w->end - w->p));
    go(w, at ? at : w->end);
    if (!at) return false;
    size_t i = 0, n = sizeof skipped / sizeof *skipped;
    while (i < n && !ahead(w, skipped[i][0])) i++;
    if (i < n) {
      go_past(w, skipped[i][1]);
      continue;
    }
    *closes = ahead(w, "</");
    const char *from = w->p += *closes ? 2 : 1;
    while (w->p < w->end && *w->p >= 'a' && *w->p <= 'z') w->p++;
    *name = slice_mem(from, (size_t)(w->p - from));
    return true;
  }
}

void pl_lines(struct ctx *cx, struct slice xml, int **lines, size_t *n) {
  struct walk w = {xml.p, xml.p + xml.n, 1};
  struct buf found = {0};
  struct slice name;
  bool closes;
  int key = 0;
  while (!pl_is_binary(xml) && next_tag(&w, &name, &closes)) {
    if (closes || slice_is(name, "plist")) continue;
    if (slice_is(name, "key")) {
      key = w.line;
      continue;
    }
    int line = key ? key : w.line;
    buf_add(&found, &line, sizeof line);
    key = 0;
  }
  *n = found.n / sizeof **lines;
  *lines = ctx_memdup(cx, found.p, found.n);
  buf_free(&found);
}

/* ---- the key that stands twice ---- */

struct dicts {
  struct slice *keys; /* of the dictionaries that are open, innermost last, as they are written */
  size_t n, from[PL_DEPTH_MAX], depth;
  size_t work; /* keys compared so far */
};
enum { WORK_MOST = 10000000 };

/* Is the tag at w an element without contents? */
static bool is_empty(struct walk *w) {
  const char *end = memchr(w->p, '>', (size_t)(w->end - w->p));
  return end && end > w->p && end[-1] == '/';
}

/* The text of the <key> at w. */
static struct slice key_text(struct walk *w) {
  const char *from = memchr(w->p, '>', (size_t)(w->end - w->p));
  from = from ? from + 1 : w->end;
  const char *to = memchr(from, '<', (size_t)(w->end - from));
  return slice_mem(from, (size_t)((to ? to : w->end) - from));
}

static bool had_before(struct dicts *d, struct slice key) {
  size_t from = d->depth ? d->from[d->depth - 1] : 0;
  d->work += d->n - from;
  for (size_t i = from; i < d->n; i++)
    if (slice_eq(d->keys[i], key)) return true;
  d->keys[d->n++] = key;
  return false;
}

/* In bytes that end with a dictionary where one does. False when none is found: two may be written differently,
   or there are too many to look. */
static bool find_twice(struct ctx *cx, struct slice bytes, size_t most, struct pl_where *where) {
  struct walk w = {bytes.p, bytes.p + bytes.n, 1};
  struct dicts d = {.keys = mem_alloc((most + 1) * sizeof *d.keys)};
  struct slice name;
  bool closes, found = false;
  while (!found && d.n < most && d.work < WORK_MOST && next_tag(&w, &name, &closes)) {
    bool dict = slice_is(name, "dict");
    if (dict && closes && d.depth > 0)
      d.n = d.from[--d.depth];
    else if (dict && !closes && !is_empty(&w) && d.depth < PL_DEPTH_MAX)
      d.from[d.depth++] = d.n;
    else if (slice_is(name, "key") && !closes && had_before(&d, key_text(&w)))
      found = true;
  }
  if (found) {
    struct slice key = key_text(&w);
    *where = (struct pl_where){w.line, 1, ctx_memdup(cx, key.p, key.n)};
  }
  free(d.keys);
  return found;
}

enum err pl_scan_where(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, struct pl_where *where) {
  size_t at = SIZE_MAX;
  enum err e = pl_scan_at(cx, bytes, lim, &at);
  *where = (struct pl_where){0};
  if (e == OK || at > bytes.n) return e;
  struct walk w = {bytes.p, bytes.p + bytes.n, 1};
  go(&w, bytes.p + at);
  if (ahead(&w, "</dict") && find_twice(cx, slice_mem(bytes.p, at), lim->nodes, where)) return e;
  const char *begin = w.p;
  while (begin > bytes.p && begin[-1] != '\n') begin--;
  *where = (struct pl_where){w.line, (int)(w.p - begin) + 1, NULL};
  return e;
}
