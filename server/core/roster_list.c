/* Pages of the list: the best rows behind a cursor, by one walk over the fleet. */
#include "base/clock.h"
#include "base/enc.h"
#include "core/roster_int.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 8, FETCHED = 320 };

/* What a row is sorted by. last-seen moves under us: it is read once. */
struct key {
  const struct roster_device *d;
  const char *text; /* NULL: not known, or a number */
  int64_t number;
  int64_t device;
  bool known;
};

struct page {
  const struct roster_query *q;
  struct key cursor;
  bool has_cursor;
  bool by_text;
  struct key *best; /* a heap, the last one of the page on top */
  size_t n;
};

static struct key key_of(const struct page *p, const struct roster_device *d) {
  struct key k = {.d = d, .device = d->device};
  if (p->by_text) {
    k.text = roster_text(d, p->q->sort);
    k.known = k.text != NULL;
  } else {
    k.number = roster_number(d, p->q->sort);
    k.known = k.number != INT64_MIN;
  }
  return k;
}

/* Below 0: a stands before b. Who does not know the field stands last, either way. */
static int compare(const struct page *p, const struct key *a, const struct key *b) {
  if (a->known != b->known) return a->known ? -1 : 1;
  int c = 0;
  if (a->known && p->by_text) c = roster_compare(a->text, b->text);
  if (a->known && p->by_text && c == 0) c = strcmp(a->text, b->text);
  if (a->known && !p->by_text) c = (a->number > b->number) - (a->number < b->number);
  if (p->q->descending) c = -c;
  return c ? c : (a->device > b->device) - (a->device < b->device);
}

/* ---- the heap ---- */

static void sift_up(struct page *p, size_t i) {
  while (i > 0 && compare(p, &p->best[i], &p->best[(i - 1) / 2]) > 0) {
    struct key k = p->best[i];
    p->best[i] = p->best[(i - 1) / 2];
    p->best[(i - 1) / 2] = k;
    i = (i - 1) / 2;
  }
}

static void sift_down(struct page *p, size_t i) {
  for (;;) {
    size_t last = i;
    for (size_t child = 2 * i + 1; child < p->n && child <= 2 * i + 2; child++)
      if (compare(p, &p->best[child], &p->best[last]) > 0) last = child;
    if (last == i) return;
    struct key k = p->best[i];
    p->best[i] = p->best[last];
    p->best[last] = k;
    i = last;
  }
}

static void offer(struct page *p, const struct key *k) {
  if (p->n < p->q->most) {
    p->best[p->n] = *k;
    sift_up(p, p->n++);
  } else if (compare(p, k, &p->best[0]) < 0) {
    p->best[0] = *k;
    sift_down(p, 0);
  }
}

/* The heap in the order of the page. */
static void sort_best(struct page *p) {
  size_t all = p->n;
  for (size_t i = all; i > 1; i--) {
    struct key k = p->best[0];
    p->best[0] = p->best[i - 1];
    p->best[i - 1] = k;
    p->n = i - 1;
    sift_down(p, 0);
  }
  p->n = all;
}

/* ---- cursors: field, device and value of a row, so that it need not be there any more ---- */

static char *cursor_of(struct ctx *cx, const struct page *p, const struct key *k) {
  const char *value = !k->known    ? ""
                      : p->by_text ? ctx_printf(cx, "=%s", k->text)
                                   : ctx_printf(cx, "=%lld", (long long)k->number);
  const char *text = ctx_printf(cx, "%s%s %lld %s", p->q->descending ? "-" : "", roster_fields[p->q->sort].name,
                                (long long)k->device, value);
  return enc_base64url(cx, text, strlen(text));
}

static enum err no_cursor(struct ctx *cx) {
  return FAIL(cx, E_INVALID, "this cursor is not of a list that is sorted this way: begin without one");
}

static enum err read_cursor(struct ctx *cx, struct page *p) {
  struct slice text, field, device;
  const struct roster_query *q = p->q;
  if (!q->cursor) return OK;
  if (dec_base64(cx, slice_of(q->cursor), &text) != OK) return ctx_clear_error(cx), no_cursor(cx);
  const char *sorted = ctx_printf(cx, "%s%s", q->descending ? "-" : "", roster_fields[q->sort].name);
  bool ok = utf8_valid(text) && slice_cut(&text, ' ', &field) && slice_is(field, sorted) &&
            slice_cut(&text, ' ', &device) && slice_to_i64(device, &p->cursor.device);
  if (!ok) return no_cursor(cx);
  p->has_cursor = true;
  p->cursor.known = text.n > 0;
  if (!p->cursor.known) return OK;
  struct slice value = slice_mem(text.p + 1, text.n - 1);
  p->cursor.text = ctx_memdup(cx, value.p, value.n);
  return p->by_text || slice_to_i64(value, &p->cursor.number) ? OK : no_cursor(cx);
}

/* ---- the walk ---- */

/* The rows lie here and there: memory is told some rows ahead which ones come. */
static void fetch(const struct roster_device *d) {
  for (size_t line = 0; line < FETCHED; line += 64) __builtin_prefetch((const char *)d + line);
}

static void walk(struct page *p, const struct roster_view *view, struct roster_page *out) {
  const struct roster_query *q = p->q;
  int64_t now = clock_now_us();
  for (size_t i = 0; i < view->n; i++) {
    const struct roster_device *d = view->devices[i];
    if (i + AHEAD < view->n) fetch(view->devices[i + AHEAD]);
    if ((d->former && !q->former) || (q->filter && !roster_match(q->filter, d, now))) continue;
    out->total++;
    struct key k = key_of(p, d);
    if (!p->has_cursor || compare(p, &k, &p->cursor) > 0) offer(p, &k);
  }
}

/* How many of them stand behind the cursor decides whether there is another page: one more than asked for is kept.
   What is passed over is kept as well, until the page is cut out. */
enum err roster_list(struct ctx *cx, struct db *reader, struct core *core, const struct roster_query *q,
                     struct roster_page *out) {
  struct roster_query more = *q;
  struct roster_view view;
  struct page p = {.q = &more, .by_text = roster_fields[q->sort].type == ROSTER_TEXT};
  *out = (struct roster_page){0};
  TRY(read_cursor(cx, &p));
  TRY(roster_look(cx, reader, core, &view));
  size_t skip = q->skip < view.n ? q->skip : view.n, most = q->most < view.n ? q->most : view.n;
  more.most = skip + most + 1;
  p.best = ctx_alloc(cx, more.most * sizeof *p.best);
  walk(&p, &view, out);
  sort_best(&p);
  size_t end = p.n < skip + most ? p.n : skip + most;
  out->n = end > skip ? end - skip : 0;
  out->devices = ctx_alloc(cx, out->n * sizeof(struct roster_device *) + 1);
  for (size_t i = 0; i < out->n; i++) out->devices[i] = roster_copy(cx, p.best[skip + i].d);
  if (out->n && p.n > end) out->next = cursor_of(cx, &p, &p.best[end - 1]);
  roster_unlook(core, &view);
  return OK;
}
