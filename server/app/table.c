#include "app/table.h"

#include "base/enc.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 100 }; /* columns of a text */

struct row {
  struct row *next;
  const char *cells[TABLE_COLUMNS];
};

struct table {
  struct ctx *cx;
  size_t columns;
  size_t widths[TABLE_COLUMNS];
  struct row head, *last;
};

size_t text_width(struct slice s) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
  return n;
}

static size_t width(const char *s) { return text_width(slice_of(s)); }

const char *plain(struct ctx *cx, const char *text) {
  if (!text || text_is_plain(slice_of(text))) return text;
  char *copy = ctx_strdup(cx, text);
  for (unsigned char *p = (unsigned char *)copy; *p; p++)
    if (*p < ' ' || *p >= 0x7F) *p = '?';
  return copy;
}

static void fill(struct table *t, struct row *row, const char *const *cells) {
  for (size_t i = 0; i < t->columns; i++) {
    row->cells[i] = cells[i] && *cells[i] ? plain(t->cx, cells[i]) : "-";
    size_t w = width(row->cells[i]);
    if (w > t->widths[i]) t->widths[i] = w;
  }
}

struct table *table_new(struct ctx *cx, const char *const *headers) {
  struct table *t = ctx_alloc(cx, sizeof *t);
  t->cx = cx;
  while (headers[t->columns] && t->columns < TABLE_COLUMNS) t->columns++;
  t->last = &t->head;
  fill(t, &t->head, headers);
  return t;
}

void table_add(struct table *t, const char *const *cells) {
  struct row *row = ctx_alloc(t->cx, sizeof *row);
  fill(t, row, cells);
  t->last = t->last->next = row;
}

static void print_row(const struct table *t, const struct row *row, FILE *to) {
  for (size_t i = 0; i < t->columns; i++) {
    int gap = i + 1 < t->columns ? (int)(t->widths[i] - width(row->cells[i])) + 2 : 0;
    fprintf(to, "%s%*s", row->cells[i], gap, "");
  }
  fputc('\n', to);
}

void table_print(const struct table *t, FILE *to) {
  bool bold = isatty(fileno(to));
  if (bold) fputs("\033[1m", to);
  print_row(t, &t->head, to);
  if (bold) fputs("\033[0m", to);
  for (const struct row *row = t->head.next; row; row = row->next) print_row(t, row, to);
}

const char *local_time(struct ctx *cx, const char *rfc3339) {
  int64_t us;
  if (!rfc3339) return "-";
  return dec_time(slice_of(rfc3339), &us) ? enc_time_local(cx, us) : plain(cx, rfc3339);
}

void print_json(struct ctx *cx, struct js *n) {
  struct slice text = js_text(cx, n, JS_INDENT);
  fwrite(text.p, 1, text.n, stdout);
  if (!slice_ends(text, "\n")) fputc('\n', stdout);
}

const char *member_text(struct ctx *cx, struct js *object, const char *key) {
  struct js *n = js_get(object, key);
  int64_t i, us;
  bool b;
  if (js_string(n))
    return dec_time(slice_of(js_string(n)), &us) ? local_time(cx, js_string(n)) : plain(cx, js_string(n));
  if (js_bool(n, &b)) return b ? "yes" : "no";
  return js_int(n, &i) ? ctx_printf(cx, "%" PRId64, i) : NULL;
}

void print_text(struct ctx *cx, const char *text, int indent) {
  struct slice lines = slice_of(text), line, word;
  while (slice_cut(&lines, '\n', &line)) {
    size_t column = LINE;
    struct slice words = slice_of(plain(cx, ctx_memdup(cx, line.p, line.n)));
    for (bool first = true; slice_cut(&words, ' ', &word); first = false) {
      bool begin = column + 1 + text_width(word) > LINE;
      if (begin) column = (size_t)indent;
      if (begin)
        printf("%s%*s", first ? "" : "\n", indent, "");
      else
        column += (size_t)printf(" ");
      fwrite(word.p, 1, word.n, stdout);
      column += text_width(word);
    }
    putchar('\n');
  }
}
