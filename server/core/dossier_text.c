/* The dossier for people: as plain text, and as a page. */
#include "core/dossier.h"

#include "base/buf.h"
#include "base/enc.h"

#include <stdio.h>

#define TITLE "Request to move an Apple push certificate to another Apple Account"
#define INTRO                                                                                                          \
  "Apple's support for business and education moves a certificate when the organization proves that it owns it. Ask "  \
  "before the certificate expires, and have this at hand when you call."

static struct slice taken(struct ctx *cx, struct buf *b) {
  struct slice out = slice_mem(ctx_memdup(cx, b->p, b->n), b->n);
  buf_free(b);
  return out;
}

static char *when(struct ctx *cx, int64_t at) { return ctx_printf(cx, "%.10s", enc_time(cx, at)); }

/* ---- text ---- */

static void text_steps(struct ctx *cx, struct buf *b, const char *title, const struct dossier_step *all, size_t n) {
  buf_printf(b, "\n%s\n", title);
  for (size_t i = 0; i < n; i++)
    buf_printf(b, "  [%s] %-11s  %s%s%s\n", all[i].at ? "x" : " ", all[i].slug, all[i].text, all[i].at ? ", " : "",
               all[i].at ? when(cx, all[i].at) : "");
}

static void text_gaps(struct buf *b, const struct dossier *d) {
  if (!d->gaps) return;
  buf_printf(b, "\n%zu gap%s to fill\n", d->gaps, d->gaps == 1 ? "" : "s");
  for (size_t i = 0; i < DOSSIER_FACTS; i++)
    if (!d->facts[i].value) buf_printf(b, "  %s: `%s`\n", d->facts[i].name, d->facts[i].fill);
}

struct slice dossier_text(struct ctx *cx, const struct dossier *d) {
  struct buf b = {0};
  buf_printf(&b, "%s\n\n", TITLE);
  for (size_t i = 0; i < DOSSIER_FACTS; i++)
    buf_printf(&b, "%s\n    %s\n", d->facts[i].name, d->facts[i].value ? d->facts[i].value : "NOT KNOWN");
  text_gaps(&b, d);
  text_steps(cx, &b, "Checklist (--check NAME)", d->items, DOSSIER_ITEMS);
  text_steps(cx, &b, "How far the request is (--state NAME)", d->states, DOSSIER_STATES);
  buf_printf(&b, "\n%s\n", INTRO);
  return taken(cx, &b);
}

/* ---- HTML ---- */

static void add_escaped(struct buf *b, const char *text) {
  for (; *text; text++) switch (*text) {
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
      buf_add_char(b, *text);
    }
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"robots\" content=\"noindex\">\n"
    "<title>" TITLE "</title>\n<style>\n"
    "body{font:15px/1.5 -apple-system,system-ui,sans-serif;max-width:46em;margin:3em auto;padding:0 "
    "1.2em;color:#1c1c1e}\n"
    "h1{font-size:1.4em;line-height:1.25}h2{font-size:1.1em;margin:1.8em 0 .5em}\n"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4em .6em;"
    "border-top:1px solid #ccc}th{width:38%;font-weight:600}td{overflow-wrap:anywhere}\n"
    ".gap{color:#a3200d;font-weight:600}code{font-size:.9em}ul{list-style:none;padding:0}li{margin:.3em 0}\n"
    ".date{color:#555}@media print{body{margin:0;max-width:none}}\n"
    "</style></head><body>\n<h1>" TITLE "</h1>\n<p>" INTRO "</p>\n";

static void html_fact(struct buf *b, const struct dossier_fact *f) {
  buf_add_str(b, "<tr><th scope=\"row\">");
  add_escaped(b, f->name);
  buf_add_str(b, "</th><td>");
  if (f->value) add_escaped(b, f->value);
  if (!f->value) {
    buf_add_str(b, "<span class=\"gap\">Not known</span><br><code>");
    add_escaped(b, f->fill);
    buf_add_str(b, "</code>");
  }
  buf_add_str(b, "</td></tr>\n");
}

static void html_steps(struct ctx *cx, struct buf *b, const char *title, const struct dossier_step *all, size_t n) {
  buf_printf(b, "<h2>%s</h2>\n<ul>\n", title);
  for (size_t i = 0; i < n; i++) {
    buf_printf(b, "<li>%s ", all[i].at ? "&#9745;" : "&#9744;");
    add_escaped(b, all[i].text);
    if (all[i].at) buf_printf(b, " <span class=\"date\">%s</span>", when(cx, all[i].at));
    buf_add_str(b, "</li>\n");
  }
  buf_add_str(b, "</ul>\n");
}

struct slice dossier_html(struct ctx *cx, const struct dossier *d) {
  struct buf b = {0};
  buf_add_str(&b, head);
  buf_add_str(&b, "<table>\n");
  for (size_t i = 0; i < DOSSIER_FACTS; i++) html_fact(&b, &d->facts[i]);
  buf_add_str(&b, "</table>\n");
  html_steps(cx, &b, "Checklist", d->items, DOSSIER_ITEMS);
  html_steps(cx, &b, "How far the request is", d->states, DOSSIER_STATES);
  buf_add_str(&b, "</body></html>\n");
  return taken(cx, &b);
}
