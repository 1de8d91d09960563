/* Bytes: borrowed slices and a buffer that grows.

   Who owns what: a slice borrows; a buf owns its memory until buf_free. Any thread; one buf belongs to one thread. */
#ifndef POMONA_BASE_BUF_H
#define POMONA_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
  const char *p; /* not NUL-terminated in general; may be NULL when n is 0 */
  size_t n;
};

struct slice slice_of(const char *s); /* of a C string; NULL gives the empty slice */
struct slice slice_mem(const void *p, size_t n);
bool slice_eq(struct slice a, struct slice b); /* byte for byte */
bool slice_is(struct slice a, const char *s);
bool slice_ieq(struct slice a, const char *s); /* ASCII case-insensitive */
bool slice_starts(struct slice a, const char *prefix);
bool slice_istarts(struct slice a, const char *prefix); /* ASCII case-insensitive */
bool slice_ends(struct slice a, const char *suffix);
struct slice slice_trim(struct slice a); /* without white space at both ends */
/* Takes what stands before the first `sep` off the front of *rest (all of it when there is none).
   False when nothing was left. */
bool slice_cut(struct slice *rest, char sep, struct slice *piece);
bool slice_to_i64(struct slice a, int64_t *out); /* whole decimal number; false when it is not one */

struct buf {
  char *p; /* NUL-terminated whenever not NULL */
  size_t n, cap;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* At most `most` bytes of it; what is not plain text (text_is_plain) becomes U+FFFD. */
void buf_add_plain(struct buf *b, struct slice s, size_t most);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
struct slice buf_slice(const struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_free(struct buf *b);  /* leaves an empty buf that can be used again */
void buf_wipe(struct buf *b);  /* as buf_free, overwriting first: for secrets */

/* True when s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool utf8_valid(struct slice s);
/* As utf8_valid, and without control characters (C0, DEL, C1, ends of lines, overrides and isolates of direction): fit
   for ids and names in logs and tables. */
bool text_is_plain(struct slice s);
/* Plain, not empty, and may stand between two slashes of an URL, whoever makes that: "." and ".." are taken out of it
   by browsers, encoded, too (WHATWG URL, 4.1), and a "/" in it, encoded, is one for some proxies. */
bool text_is_segment(struct slice s);

#endif
