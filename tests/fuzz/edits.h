/* Fuzz inputs as edits of a message that is valid: signatures and nested lengths are beyond what blind mutation can
   guess.

   An edit is four bytes: where (two, little-endian), what to do, and a value. Flat edits change bytes; DER edits change
   elements, and all lengths around them are made right again. Only fuzz targets include this. */
#ifndef POMONA_FUZZ_EDITS_H
#define POMONA_FUZZ_EDITS_H

#include "base/buf.h"
#include "base/ctx.h"
#include <string.h>

enum { EDIT_LEN = 4 };

static inline size_t edit_where(const uint8_t *edit) { return edit[0] | (size_t)edit[1] << 8; }

/* ---- bytes ---- */
static inline struct slice flat_edit(struct ctx *cx, struct slice in, const uint8_t *edit) {
  char *p = ctx_alloc(cx, in.n + 1);
  size_t at = in.n > 0 ? edit_where(edit) % in.n : 0, n = in.n;
  memcpy(p, in.p, n);
  if (edit[2] % 4 == 0 || n == 0) {
    memmove(p + at + 1, p + at, n++ - at);
    p[at] = (char)edit[3];
  } else if (edit[2] % 4 == 1) {
    memmove(p + at, p + at + 1, --n - at);
  } else {
    p[at] = (char)(edit[2] % 4 == 2 ? edit[3] : p[at] ^ edit[3]);
  }
  return slice_mem(p, n);
}

/* ---- DER elements ---- */
enum der_op { DER_TAG, DER_DELETE, DER_TWICE, DER_BYTE, DER_APPEND, DER_CUT, DER_EMPTY, DER_NEST, DER_OPS };

static inline void der_put(struct buf *out, uint8_t tag, struct slice body) {
  buf_add_char(out, (char)tag);
  if (body.n < 0x80) {
    buf_add_char(out, (char)body.n);
  } else if (body.n < 0x100) {
    buf_add_char(out, (char)0x81);
    buf_add_char(out, (char)body.n);
  } else {
    buf_add_char(out, (char)0x82);
    buf_add_char(out, (char)(body.n >> 8));
    buf_add_char(out, (char)body.n);
  }
  buf_add_slice(out, body);
}

/* One element of definite length below 64 KiB. */
static inline bool der_get(struct slice *in, uint8_t *tag, struct slice *body) {
  const uint8_t *p = (const uint8_t *)in->p;
  if (in->n < 2) return false;
  size_t head = 2, len = p[1];
  *tag = p[0];
  if (len > 0x80) {
    head += len & 0x7f;
    if (head > 4 || head > in->n) return false;
    len = head == 3 ? p[2] : (size_t)p[2] << 8 | p[3];
  }
  if (len == 0x80 || len > in->n - head) return false;
  *body = slice_mem(in->p + head, len);
  *in = slice_mem(in->p + head + len, in->n - head - len);
  return true;
}

/* The element that the edit is about, body already copied. */
static inline void der_edit_one(struct buf *out, uint8_t tag, struct buf *body, const uint8_t *edit) {
  struct buf inner = {0};
  switch (edit[2] % DER_OPS) {
  case DER_TAG:
    tag = edit[3];
    break;
  case DER_DELETE:
    return;
  case DER_TWICE:
    der_put(out, tag, buf_slice(body));
    break;
  case DER_BYTE:
    if (body->n > 0) body->p[edit[3] % body->n] ^= (char)(1 << edit[3] % 8);
    break;
  case DER_APPEND:
    buf_add_char(body, (char)edit[3]);
    break;
  case DER_CUT:
    if (body->n > 0) body->n--;
    break;
  case DER_EMPTY:
    body->n = 0;
    break;
  default:
    der_put(&inner, edit[3], buf_slice(body));
    buf_clear(body);
    buf_add_slice(body, buf_slice(&inner));
    buf_free(&inner);
  }
  der_put(out, tag, buf_slice(body));
}

/* Copies elements; *at counts down to the one that the edit is about. */
static inline void der_copy(struct buf *out, struct slice in, size_t *at, const uint8_t *edit) {
  uint8_t tag;
  struct slice body;
  while (der_get(&in, &tag, &body)) {
    struct buf copy = {0};
    bool hit = (*at)-- == 0;
    if (tag & 0x20)
      der_copy(&copy, body, at, edit);
    else
      buf_add_slice(&copy, body);
    if (hit)
      der_edit_one(out, tag, &copy, edit);
    else
      der_put(out, tag, buf_slice(&copy));
    buf_free(&copy);
  }
  buf_add_slice(out, in);
}

enum { DER_ELEMENTS = 192 }; /* about as many as the messages have */

static inline struct slice der_edit(struct ctx *cx, struct slice in, const uint8_t *edit) {
  struct buf out = {0};
  size_t at = edit_where(edit) % DER_ELEMENTS;
  der_copy(&out, in, &at, edit);
  struct slice s = slice_mem(ctx_memdup(cx, out.p, out.n), out.n);
  buf_free(&out);
  return s;
}

/* `good` with the edits done, in cx. The high bit of what to do chooses the kind. */
static inline struct slice edited(struct ctx *cx, struct slice good, const uint8_t *edits, size_t n) {
  enum { MOST = 16 };
  for (size_t i = 0; i < MOST && n >= EDIT_LEN; i++, edits += EDIT_LEN, n -= EDIT_LEN)
    good = edits[2] & 0x80 ? flat_edit(cx, good, edits) : der_edit(cx, good, edits);
  return good;
}

#endif
