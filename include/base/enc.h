/* Encodings: hexadecimal, base64 (RFC 4648), percent, UUIDs, RFC 3339 times.

   Who owns what: results live in cx. Any thread. */
#ifndef POMONA_BASE_ENC_H
#define POMONA_BASE_ENC_H

#include "base/buf.h"
#include "base/ctx.h"

char *enc_hex(struct ctx *cx, const void *p, size_t n); /* lower case */
void enc_hex_to(char *out, const void *p, size_t n);    /* out holds 2n+1 bytes */
/* A number of any length as people read it in other places: "1F" is "31". NULL when it is no hexadecimal number. */
char *enc_decimal(struct ctx *cx, const char *hex);
bool dec_hex(struct slice s, void *out, size_t out_n); /* exactly out_n bytes, either case */

char *enc_base64(struct ctx *cx, const void *p, size_t n);    /* padded, one line */
char *enc_base64url(struct ctx *cx, const void *p, size_t n); /* RFC 4648 section 5, no padding */
/* Accepts both alphabets, white space anywhere, missing padding. E_INVALID for anything else. */
MUST_CHECK enum err dec_base64(struct ctx *cx, struct slice s, struct slice *out);

char *enc_percent(struct ctx *cx, struct slice s); /* all but RFC 3986 unreserved */
/* %XX only; '+' stays '+'. A malformed escape or %00 is E_INVALID. */
MUST_CHECK enum err dec_percent(struct ctx *cx, struct slice s, struct slice *out);

#define UUID_LEN 36
void uuid_new(char out[UUID_LEN + 1]); /* version 4, lower case */
bool uuid_valid(struct slice s);       /* 8-4-4-4-12 hexadecimal digits, either case */

/* Times are microseconds since 1970 UTC. */
char *enc_time(struct ctx *cx, int64_t us); /* RFC 3339, UTC, whole seconds: 2026-11-22T15:00:00Z */
/* RFC 3339: "2026-11-22T15:00:00Z", also with a fraction (dropped) or an offset. False when it is no such time. */
bool dec_time(struct slice s, int64_t *us);
bool dec_date(struct slice s, int64_t *us);      /* "2026-11-22": its beginning, UTC. False when there is no such day */
char *enc_http_date(struct ctx *cx, int64_t us);
bool dec_http_date(struct slice s, int64_t *us); /* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), no other form */
char *enc_time_local(struct ctx *cx, int64_t us); /* 2026-11-22 16:00:00 +0100 */
char *enc_age(struct ctx *cx, int64_t us);        /* a span for people: "3 s", "5 min", "2 h", "4 d" */
/* "90", "90s", "15m", "24h", "7d", "2w" to microseconds. False when it is none of these or not above 0. */
bool dec_span(struct slice s, int64_t *us);

#endif
