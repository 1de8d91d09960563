#include "lib/plist_int.h"

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

/* To the next opening tag; its name, behind which the walk goes on. False at the end. */
static bool next_tag(struct walk *w, struct slice *name) {
  static const char *const skipped[][2] = {
      {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}, {"</", ">"}};
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
    const char *from = ++w->p;
    while (w->p < w->end && *w->p >= 'a' && *w->p <= 'z') w->p++;
    *name = slice_mem(from, (size_t)(w->p - from));
    return true;
  }
}

void pl_lines(struct ctx *cx, struct slice xml, int **lines, size_t *n) {
  struct walk w = {xml.p, xml.p + xml.n, 1};
  struct buf found = {0};
  struct slice name;
  int key = 0;
  while (!pl_is_binary(xml) && next_tag(&w, &name)) {
    if (slice_is(name, "plist")) continue;
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

enum err pl_scan_where(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, struct pl_where *where) {
  size_t at = SIZE_MAX;
  enum err e = pl_scan_at(cx, bytes, lim, &at);
  *where = (struct pl_where){0};
  if (e == OK || at > bytes.n) return e;
  struct walk w = {bytes.p, bytes.p + bytes.n, 1};
  go(&w, bytes.p + at);
  const char *begin = w.p;
  while (begin > bytes.p && begin[-1] != '\n') begin--;
  *where = (struct pl_where){w.line, (int)(w.p - begin) + 1};
  return e;
}
