/* What operators know of devices: by hand, and as tables. */
#include "core/roster_int.h"

#include "base/map.h"

#include <string.h>

enum { TEXT_MAX = 255, NOTE_MAX = 1000, COLUMNS_MAX = 64, MISTAKES_MAX = 100 };

const enum roster_field roster_edited[ROSTER_EDITS] = {ROSTER_USER, ROSTER_EMAIL, ROSTER_TAG, ROSTER_NOTE};

static bool is_address(struct slice s) {
  const char *at = memchr(s.p, '@', s.n);
  return at && at > s.p && at + 1 < s.p + s.n && !memchr(s.p, ' ', s.n) &&
         !memchr(at + 1, '@', (size_t)(s.p + s.n - at - 1));
}

/* What is wrong with that text; NULL: nothing. */
static const char *mistake_in(struct ctx *cx, enum roster_field f, const char *text) {
  size_t most = f == ROSTER_NOTE ? NOTE_MAX : TEXT_MAX;
  struct slice s = slice_of(text);
  const char *name = roster_fields[f].name;
  if (s.n > most) return ctx_printf(cx, "%s has more than %zu bytes", name, most);
  if (!text_is_plain(s)) return ctx_printf(cx, "%s is no plain text on one line", name);
  if (f == ROSTER_EMAIL && s.n && !is_address(s))
    return ctx_printf(cx, "email is no address: it has one @ and no blanks");
  return NULL;
}

static const char *mistake_of(struct ctx *cx, const struct roster_edit *e) {
  const char *what = NULL;
  for (int i = 0; i < ROSTER_EDITS && !what; i++)
    if (e->text[i]) what = mistake_in(cx, roster_edited[i], e->text[i]);
  return what;
}

enum err roster_edit_check(struct ctx *cx, const struct roster_edit *e) {
  const char *what = mistake_of(cx, e);
  return what ? FAIL(cx, E_INVALID, "%s", what) : OK;
}

/* ---- tables: cells ---- */

struct table {
  struct ctx *cx;
  struct db *db;
  struct slice text;
  size_t at;
  char separator;
  int64_t line, began; /* that stands now, and where its row began */
  char *room;          /* for the next cell; a cell is never longer than what it is read from */
  const char *cells[COLUMNS_MAX];
  size_t n;
  bool open; /* a quotation mark was not closed */
  /* what the first row says */
  int columns[COLUMNS_MAX]; /* which text; or one of these two */
  size_t columns_n;
  bool by_id;
  struct map *seen; /* device: the line where it stood */
  struct roster_import *out;
};
enum { NAMES_IT = -1, NOT_OURS = -2 };

static bool at_end(const struct table *t) { return t->at == t->text.n; }
static char here(const struct table *t) { return at_end(t) ? '\0' : t->text.p[t->at]; }
static bool at_line_end(const struct table *t) { return at_end(t) || here(t) == '\n' || here(t) == '\r'; }

/* What stands in "", where "" is one of them; then it stands behind the closing one. */
static size_t quoted(struct table *t, char *cell) {
  size_t n = 0;
  for (t->at++; !at_end(t); t->at++) {
    if (here(t) == '\n') t->line++;
    if (here(t) == '"' && (t->at + 1 == t->text.n || t->text.p[t->at + 1] != '"')) return t->at++, n;
    if (here(t) == '"') t->at++;
    cell[n++] = here(t);
  }
  t->open = true;
  return n;
}

static void take_cell(struct table *t) {
  char *cell = t->room;
  size_t n = here(t) == '"' ? quoted(t, cell) : 0;
  while (!at_line_end(t) && here(t) != t->separator) cell[n++] = t->text.p[t->at++];
  cell[n] = '\0';
  t->room += n + 1;
  if (t->n < COLUMNS_MAX) t->cells[t->n++] = cell;
}

static void end_line(struct table *t) {
  if (here(t) == '\r') t->at++;
  if (here(t) == '\n') t->at++;
  t->line++;
}

/* False: there are no more. Empty lines are passed over. */
static bool take_row(struct table *t) {
  while (!at_end(t) && at_line_end(t)) end_line(t);
  if (at_end(t)) return false;
  t->n = 0;
  t->began = t->line;
  for (take_cell(t); here(t) == t->separator && !at_end(t); take_cell(t)) t->at++;
  end_line(t);
  return true;
}

/* ---- tables: what they say ---- */

static void mistake(struct table *t, const char *text) {
  struct roster_import *o = t->out;
  if (o->mistakes_n < MISTAKES_MAX) o->mistakes[o->mistakes_n++] = (struct roster_mistake){t->began, text};
  o->mistakes_all++;
}

static int column_of(const char *cell) {
  enum roster_field f;
  struct slice name = slice_trim(slice_of(cell));
  if (slice_ieq(name, "serial_number") || slice_ieq(name, "serial number")) name = slice_of("serial");
  if (!roster_field_named(name, &f)) return NOT_OURS;
  for (int i = 0; i < ROSTER_EDITS; i++)
    if (roster_edited[i] == f) return i;
  return f == ROSTER_ID || f == ROSTER_SERIAL ? NAMES_IT : NOT_OURS;
}

static enum err read_names(struct table *t) {
  int name = 0, edits = 0;
  if (!take_row(t) || t->open) return FAIL(t->cx, E_INVALID, "the table has no first line with names");
  t->columns_n = t->n;
  for (size_t i = 0; i < t->n; i++) {
    t->columns[i] = column_of(t->cells[i]);
    if (t->columns[i] == NAMES_IT) name++, t->by_id = slice_ieq(slice_trim(slice_of(t->cells[i])), "id");
    edits += t->columns[i] >= 0;
    for (size_t k = 0; k < i; k++)
      if (t->columns[i] >= 0 && t->columns[i] == t->columns[k])
        return FAIL(t->cx, E_INVALID, "line 1: two columns are named %s", t->cells[i]);
  }
  if (name != 1)
    return FAIL(t->cx, E_INVALID, "line 1: the names need %s column `id` or `serial`, which tells the device",
                name ? "only one" : "a");
  return edits ? OK : FAIL(t->cx, E_INVALID, "line 1: no column is named user, email, tag or note");
}

static enum err find_device(struct table *t, const char *name, int64_t *device) {
  bool several;
  *device = 0;
  if (!*name) return mistake(t, t->by_id ? "the id is missing" : "the serial number is missing"), OK;
  TRY(roster_named(t->cx, t->db, name, t->by_id, device, &several));
  const char *what = t->by_id ? "id" : "serial number";
  if (several) mistake(t, ctx_printf(t->cx, "several devices have the serial number %s: name it by its id", name));
  if (!*device && !several) mistake(t, ctx_printf(t->cx, "there is no device with the %s %s", what, name));
  return OK;
}

static bool is_again(struct table *t, int64_t device) {
  struct slice key = slice_mem(&device, sizeof device);
  intptr_t line = (intptr_t)map_get(t->seen, key);
  if (line) mistake(t, ctx_printf(t->cx, "this device stands in line %lld already", (long long)line));
  if (!line) map_put(t->seen, key, (void *)(intptr_t)t->began);
  return line != 0;
}

/* `device list --csv` puts a ' before what a spreadsheet would take for a formula. */
static struct slice without_guard(struct slice s) {
  bool guarded = s.n > 1 && s.p[0] == '\'' && strchr("=+-@", s.p[1]);
  return guarded ? slice_mem(s.p + 1, s.n - 1) : s;
}

static enum err read_line(struct table *t) {
  struct roster_edit e = {0};
  const char *name = "";
  if (t->open) return mistake(t, "a quotation mark is never closed"), OK;
  if (t->n != t->columns_n)
    return mistake(t, ctx_printf(t->cx, "%zu cells, where the first line has %zu names", t->n, t->columns_n)), OK;
  for (size_t i = 0; i < t->n; i++) {
    struct slice cell = without_guard(slice_trim(slice_of(t->cells[i])));
    const char *text = ctx_memdup(t->cx, cell.p, cell.n);
    if (t->columns[i] == NAMES_IT) name = text;
    if (t->columns[i] >= 0) e.text[t->columns[i]] = text;
  }
  const char *what = mistake_of(t->cx, &e);
  if (!text_is_plain(slice_of(name))) what = "the device is not named in plain text";
  if (what) return mistake(t, what), OK;
  TRY(find_device(t, name, &e.device));
  if (e.device && !is_again(t, e.device)) t->out->edits[t->out->n++] = e;
  return OK;
}

static size_t lines_of(struct slice text) {
  size_t n = 1;
  for (size_t i = 0; i < text.n; i++) n += text.p[i] == '\n' || text.p[i] == '\r';
  return n;
}

/* Lines that are wrong cost as much as those that are right. */
static enum err read_lines(struct table *t) {
  while (take_row(t)) {
    if (t->out->n + t->out->mistakes_all >= ROSTER_IMPORT_MOST)
      return FAIL(t->cx, E_TOO_LARGE, "a table has at most %d devices", ROSTER_IMPORT_MOST);
    TRY(read_line(t));
  }
  return OK;
}

/* Some programs write semicolons where others write commas. */
static char separator_of(struct slice text) {
  for (size_t i = 0; i < text.n && text.p[i] != '\n' && text.p[i] != '\r'; i++)
    if (text.p[i] == ',' || text.p[i] == ';') return text.p[i];
  return ',';
}

enum err roster_import_read(struct ctx *cx, struct db *reader, struct slice text, struct roster_import *out) {
  *out = (struct roster_import){0};
  if (slice_starts(text, "\xEF\xBB\xBF")) text = slice_mem(text.p + 3, text.n - 3);
  if (!utf8_valid(text)) return FAIL(cx, E_INVALID, "the table is not UTF-8");
  if (text.n && memchr(text.p, 0, text.n)) return FAIL(cx, E_INVALID, "the table holds a NUL byte");
  struct table t = {.cx = cx, .db = reader, .text = text, .separator = separator_of(text), .line = 1, .out = out};
  t.room = ctx_alloc(cx, text.n + 2);
  out->edits =
      ctx_alloc(cx, (lines_of(text) < ROSTER_IMPORT_MOST ? lines_of(text) : ROSTER_IMPORT_MOST) * sizeof *out->edits);
  out->mistakes = ctx_alloc(cx, MISTAKES_MAX * sizeof *out->mistakes);
  TRY(read_names(&t));
  t.seen = map_new();
  enum err e = read_lines(&t);
  map_free(t.seen, NULL);
  return e;
}
