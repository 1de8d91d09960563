#include "lib/plist_int.h"

#include <string.h>

/* The longest reference that names a character: "&#x10FFFF;". */
enum { REFERENCE_MOST = 10 };

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

/* Length of a reference to a character that XML cannot carry ("&#1;"); 0: it is none. */
static size_t bad_reference(const char *p, const char *end) {
  size_t room = (size_t)(end - p) < REFERENCE_MOST ? (size_t)(end - p) : REFERENCE_MOST;
  const char *to = memchr(p, ';', room);
  if (!to || to - p < 3 || p[1] != '#') return 0;
  int base = p[2] == 'x' ? 16 : 10;
  uint32_t number = 0;
  for (const char *c = p + (base == 16 ? 3 : 2); c < to; c++) { /* at most 7 digits: no overflow */
    if (digit_of(*c) >= base) return 0;
    number = number * (uint32_t)base + (uint32_t)digit_of(*c);
  }
  return pl_code_point_ok(number) ? 0 : (size_t)(to + 1 - p);
}

/* U+FFFE and U+FFFF are as long as the character that takes their place. */
static size_t replace(char *p, const char *end) {
  if (end - p >= 3 && memcmp(p, "\xEF\xBF", 2) == 0 && (unsigned char)p[2] >= 0xBE) return p[2] = (char)0xBD, 3;
  return *p = '?', 1;
}

/* The length of a key without a name at p; 0: there is none. */
static size_t empty_key(const char *p, const char *end) {
  static const char *const forms[] = {"<key></key>", "<key/>"};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (slice_starts(slice_mem(p, (size_t)(end - p)), forms[i])) return strlen(forms[i]);
  return 0;
}

/* A copy, in which keys without a name, which libplist does not take, have one. */
static struct slice name_keys(struct ctx *cx, struct slice bytes, size_t *replaced) {
  struct buf out = {0};
  const char *from = bytes.p, *end = bytes.p + bytes.n, *p = from;
  for (size_t n; (p = memmem(p, (size_t)(end - p), "<key", 4)); p += n ? n : 4) {
    n = empty_key(p, end);
    if (n == 0) continue;
    buf_add(&out, from, (size_t)(p - from));
    buf_add_str(&out, "<key>?</key>");
    from = p + n;
    ++*replaced;
  }
  buf_add(&out, from, (size_t)(end - from));
  struct slice copy = slice_mem(ctx_memdup(cx, out.p, out.n), out.n);
  buf_free(&out);
  return copy;
}

struct slice pl_wash(struct ctx *cx, struct slice bytes, size_t *replaced) {
  *replaced = 0;
  if (bytes.n == 0 || pl_is_binary(pl_without_bom(bytes))) return bytes;
  bytes = name_keys(cx, bytes, replaced);
  char *copy = (char *)(uintptr_t)bytes.p, *p = copy;
  const char *end = copy + bytes.n;
  while (p < end) {
    size_t n = pl_utf8_char(p, end), reference = *p == '&' ? bad_reference(p, end) : 0;
    if (n && !reference) {
      p += n;
      continue;
    }
    ++*replaced;
    if (reference) memset(p, '?', reference);
    p += reference ? reference : replace(p, end);
  }
  return slice_mem(copy, bytes.n);
}
