/* What the two scans of property lists and the builder share. Private to plist*.c.

   The scans answer one question: will libplist stay cheap with these bytes, and read from them what any other reader
   would? */
#ifndef POMONA_LIB_PLIST_INT_H
#define POMONA_LIB_PLIST_INT_H

#include "lib/plist.h"
#include <stdint.h>

#define PL_DEPTH_MAX 64 /* whatever a limit says: the recursion in libplist's plist_free is what this bounds */

/* pl_scan; when an XML list is refused, *at is the byte where it was; else left alone or nothing of worth. */
MUST_CHECK enum err pl_scan_at(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, size_t *at);
MUST_CHECK enum err pl_scan_binary(struct ctx *cx, struct slice bytes, const struct pl_limits *lim);

bool pl_is_binary(struct slice bytes);
struct slice pl_without_bom(struct slice bytes); /* libplist does not skip one */

/* Seconds between 1970 and 2001, where the dates of property lists begin, and the years 1 to 9999 on their scale. */
#define PL_EPOCH INT64_C(978307200)
#define PL_DATE_MIN INT64_C(-63114076800)
#define PL_DATE_MAX INT64_C(252455615999)

/* ---- characters ---- */
/* A character that XML 1.0 can carry: no NUL, no surrogate, no control character but tab, line feed, carriage return.
 */
bool pl_code_point_ok(uint32_t c);
size_t pl_utf8_put(char out[4], uint32_t c);
/* Length of the well-formed, allowed UTF-8 character at p < end; 0 when there is none. */
size_t pl_utf8_char(const char *p, const char *end);

/* ---- keys of dictionaries ---- */
/* Keys are remembered by a 64-bit hash of their text: equal keys are always found, and a sender who looks for different
   keys with one hash gains the refusal of his own message. */
struct pl_keys {
  uint64_t *hashes; /* of the dictionaries that are open, innermost last; on the heap, freed by the scan */
  size_t n, cap;
  uint64_t work; /* sum of the squares of the sizes of closed dictionaries */
};
#define PL_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t pl_hash(uint64_t h, const char *p, size_t n);
void pl_keys_add(struct pl_keys *k, uint64_t hash);
/* Takes off the keys from number `from` on, which are those of one dictionary. E_INVALID when two are equal, and
   when there are so many (pl_limits.keys) that looking them up becomes slow. */
MUST_CHECK enum err pl_keys_close(struct ctx *cx, struct pl_keys *k, size_t from, const struct pl_limits *lim);

#endif
