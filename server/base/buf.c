#include "base/buf.h"

#include "base/ctx.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct slice slice_of(const char *s) {
  return (struct slice){.p = s, .n = s ? strlen(s) : 0};
}
struct slice slice_mem(const void *p, size_t n) {
  return (struct slice){.p = p, .n = n};
}

bool slice_eq(struct slice a, struct slice b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
bool slice_is(struct slice a, const char *s) { return slice_eq(a, slice_of(s)); }
bool slice_ieq(struct slice a, const char *s) {
  return a.n == strlen(s) && (a.n == 0 || strncasecmp(a.p, s, a.n) == 0);
}

bool slice_starts(struct slice a, const char *prefix) {
  size_t n = strlen(prefix);
  return a.n >= n && memcmp(n ? a.p : prefix, prefix, n) == 0;
}

bool slice_istarts(struct slice a, const char *prefix) {
  size_t n = strlen(prefix);
  return a.n >= n && (n == 0 || strncasecmp(a.p, prefix, n) == 0);
}

bool slice_ends(struct slice a, const char *suffix) {
  size_t n = strlen(suffix);
  return a.n >= n && (n == 0 || memcmp(a.p + a.n - n, suffix, n) == 0);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct slice slice_trim(struct slice a) {
  while (a.n && is_space(a.p[0])) a.p++, a.n--;
  while (a.n && is_space(a.p[a.n - 1])) a.n--;
  return a;
}

bool slice_cut(struct slice *rest, char sep, struct slice *piece) {
  if (!rest->p) return false;
  const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
  if (!at) {
    *piece = *rest;
    *rest = (struct slice){0};
    return true;
  }
  *piece = slice_mem(rest->p, (size_t)(at - rest->p));
  rest->n -= piece->n + 1;
  rest->p = at + 1;
  return true;
}

bool slice_to_i64(struct slice a, int64_t *out) {
  bool negative = a.n && a.p[0] == '-';
  size_t i = negative ? 1 : 0;
  if (i == a.n || a.n > 20) return false;
  int64_t v = 0;
  for (; i < a.n; i++) {
    if (a.p[i] < '0' || a.p[i] > '9') return false;
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, a.p[i] - '0', &v)) return false;
  }
  if (!negative && __builtin_sub_overflow(0, v, &v)) return false;
  *out = v;
  return true;
}

static void grow(struct buf *b, size_t more) {
  if (more >= SIZE_MAX / 2 - b->n) abort();
  size_t need = b->n + more + 1;
  if (need <= b->cap) return;
  size_t cap = b->cap ? b->cap : 64;
  while (cap < need) cap *= 2;
  b->p = mem_realloc(b->p, cap);
  b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n) {
  grow(b, n);
  if (n) memcpy(b->p + b->n, p, n);
  b->n += n;
  b->p[b->n] = '\0';
}

void buf_add_slice(struct buf *b, struct slice s) { buf_add(b, s.p, s.n); }
void buf_add_str(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
void buf_add_char(struct buf *b, char c) { buf_add(b, &c, 1); }

void buf_vprintf(struct buf *b, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  if (n < 0) abort();
  grow(b, (size_t)n);
  vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
  va_end(again);
  b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  buf_vprintf(b, fmt, ap);
  va_end(ap);
}

struct slice buf_slice(const struct buf *b) {
  return slice_mem(b->p, b->n);
}

void buf_clear(struct buf *b) {
  b->n = 0;
  if (b->p) b->p[0] = '\0';
}

void buf_free(struct buf *b) {
  free(b->p);
  *b = (struct buf){0};
}

void buf_wipe(struct buf *b) {
  if (b->p) secret_wipe(b->p, b->cap);
  buf_free(b);
}

/* Length of the well-formed sequence at p, 0 when there is none; *code is its code point. */
static size_t utf8_step(const unsigned char *p, size_t n, uint32_t *code) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  if (p[0] < 0x80) return *code = p[0], 1;
  size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
  if (p[0] < 0xc2 || p[0] > 0xf4 || len > n) return 0;
  uint32_t c = p[0] & (0xffU >> (len + 1));
  for (size_t i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (p[i] & 0x3fU);
  }
  if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
  return *code = c, len;
}

/* What ends a line, or turns the order of letters around so that a text shows as another. */
static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool utf8_check(struct slice s, bool plain) {
  const unsigned char *p = (const unsigned char *)s.p;
  for (size_t i = 0; i < s.n;) {
    uint32_t c;
    size_t len = utf8_step(p + i, s.n - i, &c);
    if (len == 0 || c == 0) return false;
    if (plain && is_control(c)) return false;
    i += len;
  }
  return true;
}

bool utf8_valid(struct slice s) { return utf8_check(s, false); }
bool text_is_plain(struct slice s) { return utf8_check(s, true); }

bool text_is_segment(struct slice s) {
  return s.n > 0 && text_is_plain(s) && !memchr(s.p, '/', s.n) && !slice_is(s, ".") && !slice_is(s, "..");
}

void buf_add_plain(struct buf *b, struct slice s, size_t most) {
  const unsigned char *p = (const unsigned char *)s.p;
  for (size_t i = 0, len; i < s.n && i < most; i += len ? len : 1) {
    uint32_t c;
    len = utf8_step(p + i, s.n - i, &c);
    if (len > most - i) return;
    if (len && c && !is_control(c))
      buf_add(b, p + i, len);
    else
      buf_add_str(b, "\xEF\xBF\xBD");
  }
}
