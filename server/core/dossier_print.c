#include "core/dossier_int.h"

#include "base/enc.h"

enum { COLUMN = 32, WIDTH = 110 };

#define TITLE "Move of a push certificate to another Apple Account"
#define SERIALS "Apple's support asks for the serial number with 9 digits or with 16 characters."

/* ---- characters ---- */

/* One character of well-formed or any other UTF-8; *n: its bytes. Bytes that are none give U+FFFD. */
static uint32_t character(struct slice s, size_t *n) {
  uint8_t first = (uint8_t)s.p[0];
  *n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (*n > s.n || !utf8_valid(slice_mem(s.p, *n))) return *n = 1, first && first < 0x80 ? first : 0xFFFD;
  if (*n == 1) return first;
  uint32_t c = first & (0x7Fu >> *n);
  for (size_t i = 1; i < *n; i++) c = c << 6 | ((uint8_t)s.p[i] & 0x3F);
  return c;
}

/* What turns the direction of text, breaks lines, or is not to be seen: a reader would take it for another text. */
static bool hidden(uint32_t c) {
  static const uint32_t ranges[][2] = {{0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},      {0x61C, 0x61C},
                                       {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F},
                                       {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
  return false;
}

static void add_shown(struct buf *b, struct slice s) {
  for (size_t n; s.n; s = slice_mem(s.p + n, s.n - n)) {
    uint32_t c = character(s, &n);
    if (hidden(c))
      buf_printf(b, "[U+%04X]", (unsigned)c);
    else if (c == 0xFFFD)
      buf_add_str(b, "\xEF\xBF\xBD");
    else
      buf_add(b, s.p, n);
  }
}

static struct slice take(struct ctx *cx, struct buf *b) {
  struct slice s = slice_mem(ctx_memdup(cx, b->p, b->n), b->n);
  buf_free(b);
  return s;
}

static struct slice shown(struct ctx *cx, const char *text) {
  struct buf b = {0};
  add_shown(&b, slice_of(text));
  return take(cx, &b);
}

static const char *day(struct ctx *cx, const struct dossier_mark *m) {
  return ctx_printf(cx, "%.10s by %s", enc_time(cx, m->at), m->by);
}

/* ---- text ---- */

static size_t columns(struct slice s) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
  return n;
}

/* "  label          text", its further lines below its first. */
static void line(struct ctx *cx, struct buf *b, const char *label, const char *text) {
  struct slice rest = shown(cx, text), word;
  size_t at = COLUMN;
  buf_printf(b, "  %-*s", COLUMN - 2, label);
  for (bool first = true; slice_cut(&rest, ' ', &word); first = false) {
    size_t width = columns(word);
    if (!first && at + 1 + width > WIDTH) {
      buf_printf(b, "\n%*s", COLUMN, "");
      at = COLUMN;
    } else if (!first) {
      buf_add_char(b, ' ');
      at++;
    }
    buf_add(b, word.p, word.n);
    at += width;
  }
  buf_add_char(b, '\n');
}

/* A command stays in one line, to be copied. */
static void command(struct ctx *cx, struct buf *b, const char *label, const char *text) {
  buf_printf(b, "  %-*s", COLUMN - 2, label);
  buf_add_slice(b, shown(cx, text));
  buf_add_char(b, '\n');
}

static void text_facts(struct ctx *cx, struct buf *b, const struct dossier_page *p) {
  size_t gaps = 0;
  for (size_t i = 0; i < p->n; i++) {
    line(cx, b, p->facts[i].label, p->facts[i].value ? p->facts[i].value : "(not known)");
    gaps += !p->facts[i].value;
  }
  buf_printf(b, "  %s\n", SERIALS);
  if (gaps) buf_printf(b, "\nGaps, and what fills them\n");
  for (size_t i = 0; i < p->n; i++)
    if (!p->facts[i].value) command(cx, b, p->facts[i].label, p->facts[i].fill);
}

static void text_checklist(struct ctx *cx, struct buf *b, const struct dossier *d) {
  buf_printf(b, "\nChecklist (`pomona pushcert dossier --check ITEM`)\n");
  for (size_t i = 0; i < DOSSIER_ITEMS; i++) {
    const struct dossier_mark *m = &d->checklist[i];
    const char *label = ctx_printf(cx, "[%c] %s", m->at ? 'x' : ' ', dossier_items[i].slug);
    line(cx, b, label,
         m->at ? ctx_printf(cx, "%s Checked %s.", dossier_items[i].text, day(cx, m)) : dossier_items[i].text);
  }
}

static void text_state(struct ctx *cx, struct buf *b, const struct dossier_page *p) {
  buf_printf(b, "\nState: %s\n", dossier_states[dossier_state(&p->d)]);
  for (size_t i = 0; i < DOSSIER_STATES; i++)
    if (p->d.states[i].at) line(cx, b, dossier_states[i], day(cx, &p->d.states[i]));
  for (size_t i = 0; i < p->warnings_n; i++) line(cx, b, i ? "" : "warning", p->warnings[i]);
  line(cx, b, "next", p->next);
}

struct slice dossier_text(struct ctx *cx, const struct dossier_page *p) {
  struct buf b = {0};
  buf_printf(&b, TITLE "\nAs of %s\n\n", enc_time(cx, p->made_at));
  text_facts(cx, &b, p);
  text_checklist(cx, &b, &p->d);
  text_state(cx, &b, p);
  return take(cx, &b);
}

/* ---- HTML ---- */

static void escaped(struct ctx *cx, struct buf *b, const char *text) {
  struct slice s = shown(cx, text);
  for (size_t i = 0; i < s.n; i++) {
    switch (s.p[i]) {
    case '&':
      buf_add_str(b, "&amp;");
      break;
    case '<':
      buf_add_str(b, "&lt;");
      break;
    case '>':
      buf_add_str(b, "&gt;");
      break;
    case '"':
      buf_add_str(b, "&quot;");
      break;
    case '\'':
      buf_add_str(b, "&#39;");
      break;
    default:
      buf_add_char(b, s.p[i]);
    }
  }
}

/* An element without attributes; bdi keeps the direction of a text from what stands around it. */
static void element(struct ctx *cx, struct buf *b, const char *name, const char *text) {
  buf_printf(b, "<%s><bdi>", name);
  escaped(cx, b, text);
  buf_printf(b, "</bdi></%s>", name);
}

static void row(struct ctx *cx, struct buf *b, const char *label, const char *text, bool gap) {
  buf_printf(b, "<tr%s>", gap ? " class=\"gap\"" : "");
  element(cx, b, "th", label);
  element(cx, b, "td", text);
  buf_add_str(b, "</tr>\n");
}

static void html_facts(struct ctx *cx, struct buf *b, const struct dossier_page *p) {
  buf_add_str(b, "<table>\n");
  for (size_t i = 0; i < p->n; i++) {
    const struct dossier_fact *f = &p->facts[i];
    row(cx, b, f->label, f->value ? f->value : "not known", !f->value);
  }
  buf_add_str(b, "</table>\n<p class=\"note\">" SERIALS "</p>\n");
}

static void html_gaps(struct ctx *cx, struct buf *b, const struct dossier_page *p) {
  size_t gaps = 0;
  for (size_t i = 0; i < p->n; i++) {
    const struct dossier_fact *f = &p->facts[i];
    if (f->value) continue;
    if (!gaps++) buf_add_str(b, "<h3>Gaps, and what fills them</h3><table>\n");
    buf_add_str(b, "<tr>");
    element(cx, b, "th", f->label);
    buf_add_str(b, "<td>");
    element(cx, b, "code", f->fill);
    buf_add_str(b, "</td></tr>\n");
  }
  if (gaps) buf_add_str(b, "</table>\n");
}

static void html_checklist(struct ctx *cx, struct buf *b, const struct dossier *d) {
  buf_add_str(b, "<h3>Checklist</h3><table>\n");
  for (size_t i = 0; i < DOSSIER_ITEMS; i++) {
    const struct dossier_mark *m = &d->checklist[i];
    buf_printf(b, "<tr><td class=\"box\">%s</td>", m->at ? "&#9745;" : "&#9744;");
    element(cx, b, "td", dossier_items[i].text);
    element(cx, b, "td", m->at ? day(cx, m) : "");
    buf_add_str(b, "</tr>\n");
  }
  buf_add_str(b, "</table>\n");
}

static void html_state(struct ctx *cx, struct buf *b, const struct dossier_page *p) {
  buf_printf(b, "<h3>State: %s</h3><table>\n", dossier_states[dossier_state(&p->d)]);
  for (size_t i = 0; i < DOSSIER_STATES; i++)
    if (p->d.states[i].at) row(cx, b, dossier_states[i], day(cx, &p->d.states[i]), false);
  for (size_t i = 0; i < p->warnings_n; i++) row(cx, b, "warning", p->warnings[i], true);
  row(cx, b, "next", p->next, false);
  buf_add_str(b, "</table>\n");
}

/* The second half is for those who do it, not for Apple: on paper it begins a page of its own. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">"
    "<title>" TITLE "</title><style>"
    "body{font:15px/1.45 system-ui,sans-serif;max-width:52em;margin:2em auto;padding:0 1.2em;color:#1c1c1e;"
    "background:#fff}h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}h3{font-size:1em;margin:1.5em 0 .3em}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35em .8em .35em 0;"
    "border-bottom:1px solid #ccc;overflow-wrap:anywhere}th{width:15em;font-weight:600}td.box{width:1.4em}"
    ".gap td{color:#a00000}.note{color:#555;font-size:.9em}code{font-size:.95em}"
    "@page{margin:18mm}@media print{body{margin:0;max-width:none;font-size:11pt}h2{break-before:page}"
    "tr{break-inside:avoid}}"
    "</style></head><body>\n<h1>" TITLE "</h1>\n";

struct slice dossier_html(struct ctx *cx, const struct dossier_page *p) {
  struct buf b = {0};
  buf_add_str(&b, head);
  buf_printf(&b, "<p class=\"note\">As of %s</p>\n", enc_time(cx, p->made_at));
  html_facts(cx, &b, p);
  buf_add_str(&b, "<h2>For our own use</h2>\n");
  html_state(cx, &b, p);
  html_gaps(cx, &b, p);
  html_checklist(cx, &b, &p->d);
  buf_add_str(&b, "</body></html>\n");
  return take(cx, &b);
}
