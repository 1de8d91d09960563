#include "base/enc.h"

#include "base/clock.h"
#include "base/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";

void enc_hex_to(char *out, const void *p, size_t n) {
  const unsigned char *b = p;
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = hex_digits[b[i] >> 4];
    out[2 * i + 1] = hex_digits[b[i] & 15];
  }
  out[2 * n] = '\0';
}

char *enc_hex(struct ctx *cx, const void *p, size_t n) {
  char *out = ctx_alloc(cx, 2 * n + 1);
  enc_hex_to(out, p, n);
  return out;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dec_hex(struct slice s, void *out, size_t out_n) {
  unsigned char *b = out;
  if (s.n != 2 * out_n) return false;
  for (size_t i = 0; i < out_n; i++) {
    int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    b[i] = (unsigned char)(high << 4 | low);
  }
  return true;
}

/* Long multiplication: each hexadecimal digit moves all decimal ones (little-endian). */
char *enc_decimal(struct ctx *cx, const char *hex) {
  size_t room = strlen(hex) * 5 / 4 + 2, n = 1; /* a digit is 1.21 of the others */
  unsigned char *digits = ctx_alloc(cx, room);
  for (const char *h = hex; *h; h++) {
    int carry = hex_value(*h);
    if (carry < 0) return NULL;
    for (size_t i = 0; i < n; i++) {
      carry += digits[i] * 16;
      digits[i] = (unsigned char)(carry % 10);
      carry /= 10;
    }
    for (; carry; carry /= 10) digits[n++] = (unsigned char)(carry % 10);
  }
  char *out = ctx_alloc(cx, n + 1);
  for (size_t i = 0; i < n; i++) out[i] = (char)('0' + digits[n - 1 - i]);
  return *hex ? out : NULL;
}

static const char std64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *base64(struct ctx *cx, const void *p, size_t n, const char *alphabet, bool pad) {
  const unsigned char *b = p;
  char *out = ctx_alloc(cx, (n + 2) / 3 * 4 + 1), *o = out;
  for (size_t i = 0; i < n; i += 3) {
    size_t have = n - i < 3 ? n - i : 3;
    uint32_t v = (uint32_t)b[i] << 16 | (have > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (have > 2 ? b[i + 2] : 0);
    for (size_t k = 0; k < 4; k++) {
      if (k <= have)
        *o++ = alphabet[v >> (18 - 6 * k) & 63];
      else if (pad)
        *o++ = '=';
    }
  }
  return out;
}

char *enc_base64(struct ctx *cx, const void *p, size_t n) { return base64(cx, p, n, std64, true); }
char *enc_base64url(struct ctx *cx, const void *p, size_t n) { return base64(cx, p, n, url64, false); }

/* Value of each byte in both alphabets plus 1; 0 for bytes outside. */
static const unsigned char value64[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  ['I'] = 9,
    ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
    ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27,
    ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
    ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45,
    ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
    ['/'] = 64, ['-'] = 63, ['_'] = 64};

static bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

enum err dec_base64(struct ctx *cx, struct slice s, struct slice *out) {
  char *o = ctx_alloc(cx, s.n / 4 * 3 + 4);
  size_t n = 0, digits = 0, pads = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < s.n; i++) {
    unsigned v = value64[(unsigned char)s.p[i]];
    if (v && !pads) {
      bits = bits << 6 | (v - 1);
      if (++digits % 4 == 0) {
        o[n++] = (char)(bits >> 16);
        o[n++] = (char)(bits >> 8);
        o[n++] = (char)bits;
      }
    } else if (s.p[i] == '=') {
      pads++;
    } else if (!is_white(s.p[i])) {
      return FAIL(cx, E_INVALID, "not base64: byte %zu", i);
    }
  }
  size_t left = digits % 4;
  if (left == 1 || (pads && (left == 0 || left + pads != 4))) return FAIL(cx, E_INVALID, "not base64: wrong length");
  if (left >= 2) o[n++] = (char)(left == 2 ? bits >> 4 : bits >> 10);
  if (left == 3) o[n++] = (char)(bits >> 2);
  *out = slice_mem(o, n);
  return OK;
}

char *enc_percent(struct ctx *cx, struct slice s) {
  char *out = ctx_alloc(cx, s.n * 3 + 1), *o = out;
  for (size_t i = 0; i < s.n; i++) {
    unsigned char c = (unsigned char)s.p[i];
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("-._~", c));
    if (plain) {
      *o++ = (char)c;
    } else {
      *o++ = '%';
      *o++ = "0123456789ABCDEF"[c >> 4];
      *o++ = "0123456789ABCDEF"[c & 15];
    }
  }
  return out;
}

enum err dec_percent(struct ctx *cx, struct slice s, struct slice *out) {
  char *o = ctx_alloc(cx, s.n + 1);
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] != '%') {
      o[n++] = s.p[i];
      continue;
    }
    unsigned char byte;
    if (i + 2 >= s.n || !dec_hex(slice_mem(s.p + i + 1, 2), &byte, 1) || byte == 0)
      return FAIL(cx, E_INVALID, "malformed percent escape");
    o[n++] = (char)byte;
    i += 2;
  }
  *out = slice_mem(o, n);
  return OK;
}

void uuid_new(char out[UUID_LEN + 1]) {
  unsigned char b[16];
  secret_random(b, sizeof b);
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  for (size_t i = 0; i < sizeof b; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = hex_digits[b[i] >> 4];
    *out++ = hex_digits[b[i] & 15];
  }
  *out = '\0';
}

bool uuid_valid(struct slice s) {
  if (s.n != UUID_LEN) return false;
  for (size_t i = 0; i < s.n; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? s.p[i] != '-' : hex_value(s.p[i]) < 0) return false;
  }
  return true;
}

enum { TIME_TEXT = 40 };

char *enc_time(struct ctx *cx, int64_t us) {
  time_t s = (time_t)(us / US_SECOND);
  struct tm t;
  char *out = ctx_alloc(cx, TIME_TEXT);
  strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &t));
  return out;
}

/* "Z", "+01:00" or "-05:30" as seconds east of UTC. */
static bool dec_offset(const char *p, int *seconds) {
  int hours, minutes, used = 0;
  char sign;
  *seconds = 0;
  if (strcmp(p, "Z") == 0) return true;
  if (sscanf(p, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || p[used] || !strchr("+-", sign)) return false;
  *seconds = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
  return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

bool dec_time(struct slice s, int64_t *us) {
  char text[64];
  struct tm t = {0};
  int offset;
  if (s.n >= sizeof text || memchr(s.p ? s.p : "", '\0', s.n)) return false;
  snprintf(text, sizeof text, "%.*s", (int)s.n, s.p ? s.p : "");
  const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
  if (rest && *rest == '.') rest += 1 + strspn(rest + 1, "0123456789");
  if (!rest || !dec_offset(rest, &offset)) return false;
  *us = ((int64_t)timegm(&t) - offset) * US_SECOND;
  return true;
}

bool dec_date(struct slice s, int64_t *us) {
  char text[16];
  struct tm t = {0};
  if (s.n != 10 || memchr(s.p, '\0', s.n)) return false;
  snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
  const char *rest = strptime(text, "%Y-%m-%d", &t);
  int day = t.tm_mday;
  if (!rest || *rest) return false;
  *us = (int64_t)timegm(&t) * US_SECOND;
  return t.tm_mday == day; /* timegm makes the 3rd of March of a 31st of February */
}

char *enc_http_date(struct ctx *cx, int64_t us) {
  time_t s = (time_t)(us / US_SECOND);
  struct tm t;
  char *out = ctx_alloc(cx, TIME_TEXT);
  strftime(out, TIME_TEXT, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&s, &t));
  return out;
}

bool dec_http_date(struct slice s, int64_t *us) {
  char text[32];
  struct tm t = {0};
  if (s.n != strlen("Sun, 06 Nov 1994 08:49:37 GMT")) return false;
  snprintf(text, sizeof text, "%.*s", (int)s.n, s.p);
  const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &t);
  if (!rest || *rest) return false;
  *us = (int64_t)timegm(&t) * US_SECOND;
  return true;
}

char *enc_time_local(struct ctx *cx, int64_t us) {
  time_t s = (time_t)(us / US_SECOND);
  struct tm t;
  char *out = ctx_alloc(cx, TIME_TEXT);
  strftime(out, TIME_TEXT, "%Y-%m-%d %H:%M:%S %z", localtime_r(&s, &t));
  return out;
}

static const struct unit {
  char letter;
  const char *word;
  int64_t us;
} units[] = {
    {'w', NULL, 7 * US_DAY}, {'d', "d", US_DAY}, {'h', "h", US_HOUR}, {'m', "min", US_MINUTE}, {'s', "s", US_SECOND}};

char *enc_age(struct ctx *cx, int64_t us) {
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (units[i].word && us >= units[i].us * (units[i].us == US_SECOND ? 0 : 2))
      return ctx_printf(cx, "%" PRId64 " %s", us / units[i].us, units[i].word);
  return ctx_strdup(cx, "0 s");
}

bool dec_span(struct slice s, int64_t *us) {
  int64_t unit = US_SECOND, count;
  if (s.n && (s.p[s.n - 1] < '0' || s.p[s.n - 1] > '9')) {
    unit = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
      if (units[i].letter == s.p[s.n - 1]) unit = units[i].us;
    s.n--;
  }
  return unit && slice_to_i64(s, &count) && count > 0 && !__builtin_mul_overflow(count, unit, us);
}
