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

struct slice pl_wash(struct ctx *cx, struct slice bytes, size_t *replaced) {
  *replaced = 0;
  if (pl_is_binary(pl_without_bom(bytes))) return bytes;
  char *copy = ctx_memdup(cx, bytes.p, bytes.n), *p = copy;
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
