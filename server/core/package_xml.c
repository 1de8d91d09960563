#include "core/package_xml.h"

#include <string.h>

enum { TEXT_MOST = 255, RAW_MOST = 4096 };

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool fail(struct package_xml *x) {
  x->bad = true;
  return false;
}

/* Takes what stands before `end`, and `end`, off the front. */
static bool take_until(struct slice *rest, const char *end, struct slice *out) {
  size_t n = strlen(end);
  const char *at = rest->n ? memmem(rest->p, rest->n, end, n) : NULL;
  if (!at) return false;
  *out = slice_mem(rest->p, (size_t)(at - rest->p));
  *rest = slice_mem(at + n, rest->n - out->n - n);
  return true;
}

/* A comment, a processing instruction, CDATA (whose text nobody here wants), a doctype without a subset. */
static bool skip_odd(struct package_xml *x, bool *odd) {
  struct slice skipped;
  *odd = true;
  if (slice_starts(x->rest, "!--")) return take_until(&x->rest, "-->", &skipped);
  if (slice_starts(x->rest, "![CDATA[")) return take_until(&x->rest, "]]>", &skipped);
  if (slice_starts(x->rest, "?")) return take_until(&x->rest, "?>", &skipped);
  if (slice_starts(x->rest, "!")) return take_until(&x->rest, ">", &skipped) && !memchr(skipped.p, '[', skipped.n);
  *odd = false;
  return true;
}

/* The tag's own '>' is not one that stands in quotes. */
static bool take_tag(struct package_xml *x, struct slice *tag) {
  char quote = '\0';
  for (size_t i = 0; i < x->rest.n; i++) {
    char c = x->rest.p[i];
    if (quote ? c == quote : c == '"' || c == '\'')
      quote = quote ? '\0' : c;
    else if (!quote && c == '>') {
      *tag = slice_mem(x->rest.p, i);
      x->rest = slice_mem(x->rest.p + i + 1, x->rest.n - i - 1);
      return true;
    }
  }
  return false;
}

static bool open_element(struct package_xml *x, struct slice tag) {
  size_t n = 0;
  x->alone = slice_ends(tag, "/");
  if (x->alone) tag.n--;
  while (n < tag.n && !is_space(tag.p[n])) n++;
  if (n == 0 || x->depth == PACKAGE_XML_DEPTH) return fail(x);
  x->open[x->depth++] = slice_mem(tag.p, n);
  x->attributes = slice_mem(tag.p + n, tag.n - n);
  x->closes = false;
  x->pop = x->alone;
  return true;
}

static bool close_element(struct package_xml *x, struct slice tag) {
  struct slice name = slice_trim(slice_mem(tag.p + 1, tag.n - 1));
  if (x->depth == 0 || !slice_eq(name, x->open[x->depth - 1])) return fail(x);
  x->closes = x->pop = true;
  return true;
}

bool package_xml_next(struct package_xml *x) {
  struct slice tag;
  bool odd = true;
  if (x->pop) x->depth--;
  x->pop = false;
  while (odd) {
    if (!take_until(&x->rest, "<", &x->text)) return x->depth > 0 ? fail(x) : false;
    if (!skip_odd(x, &odd)) return fail(x);
  }
  if (!take_tag(x, &tag)) return fail(x);
  return slice_starts(tag, "/") ? close_element(x, tag) : open_element(x, tag);
}

bool package_xml_at(const struct package_xml *x, const char *path) {
  struct slice rest = slice_of(path), names[PACKAGE_XML_DEPTH];
  int n = 0;
  while (n < PACKAGE_XML_DEPTH && slice_cut(&rest, '/', &names[n])) n++;
  bool anywhere = n > 0 && slice_is(names[0], "*");
  if (anywhere ? x->depth < n - 1 : x->depth != n) return false;
  for (int i = 1; i <= n - anywhere; i++)
    if (!slice_eq(names[n - i], x->open[x->depth - i])) return false;
  return true;
}

/* ---- texts ---- */

static void add_utf8(struct buf *b, uint32_t c) {
  if (c < 0x80) {
    buf_add_char(b, (char)c);
  } else if (c < 0x800) {
    buf_add_char(b, (char)(0xc0 | c >> 6));
    buf_add_char(b, (char)(0x80 | (c & 0x3f)));
  } else {
    if (c > 0xffff) buf_add_char(b, (char)(0xf0 | c >> 18));
    buf_add_char(b, c > 0xffff ? (char)(0x80 | (c >> 12 & 0x3f)) : (char)(0xe0 | c >> 12));
    buf_add_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
    buf_add_char(b, (char)(0x80 | (c & 0x3f)));
  }
}

static bool number(struct slice digits, uint32_t *out) {
  uint32_t base = slice_starts(digits, "x") ? 16 : 10, c = 0;
  size_t i = base == 16;
  if (digits.n == i || digits.n > 8) return false;
  for (; i < digits.n; i++) {
    const char *all = "0123456789abcdef", *at = memchr(all, digits.p[i] | (digits.p[i] > '9' ? 0x20 : 0), base);
    if (!at) return false;
    c = c * base + (uint32_t)(at - all);
  }
  *out = c;
  return c > 0 && c <= 0x10ffff;
}

static bool add_entity(struct buf *b, struct slice name) {
  static const struct {
    const char *name;
    char c;
  } five[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  uint32_t c;
  for (size_t i = 0; i < sizeof five / sizeof *five; i++)
    if (slice_is(name, five[i].name)) return buf_add_char(b, five[i].c), true;
  if (!slice_starts(name, "#") || !number(slice_mem(name.p + 1, name.n - 1), &c)) return false;
  add_utf8(b, c);
  return true;
}

static bool decode(struct buf *b, struct slice raw) {
  while (raw.n) {
    const char *mark = memchr(raw.p, '&', raw.n);
    size_t n = mark ? (size_t)(mark - raw.p) : raw.n;
    struct slice name;
    buf_add(b, raw.p, n);
    if (!mark) return true;
    raw = slice_mem(raw.p + n + 1, raw.n - n - 1);
    if (!take_until(&raw, ";", &name) || !add_entity(b, name)) return false;
  }
  return true;
}

static char *decoded(struct ctx *cx, struct slice raw) {
  struct buf b = {0};
  char *out = NULL;
  raw = slice_trim(raw);
  if (raw.n && raw.n <= RAW_MOST && decode(&b, raw)) {
    struct slice text = slice_trim(buf_slice(&b));
    if (text.n && text.n <= TEXT_MOST && text_is_plain(text)) out = ctx_memdup(cx, text.p, text.n);
  }
  buf_free(&b);
  return out;
}

char *package_xml_text(struct ctx *cx, const struct package_xml *x) { return decoded(cx, x->text); }

char *package_xml_attribute(struct ctx *cx, const struct package_xml *x, const char *name) {
  struct slice rest = x->attributes, key, value;
  while (take_until(&rest, "=", &key)) {
    rest = slice_trim(rest);
    const char *quote = slice_starts(rest, "\"") ? "\"" : slice_starts(rest, "'") ? "'" : NULL;
    if (!quote) return NULL;
    rest = slice_mem(rest.p + 1, rest.n - 1);
    if (!take_until(&rest, quote, &value)) return NULL;
    if (slice_is(slice_trim(key), name)) return decoded(cx, value);
  }
  return NULL;
}
