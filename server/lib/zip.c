#include "lib/zip.h"

#include <limits.h>
#include <zlib.h>

enum { STEP = 64 * 1024 };

static void release(void *arg) { inflateEnd(arg); }

static enum err inflate_all(struct ctx *cx, z_stream *z, struct buf *out, size_t most) {
  static _Thread_local char step[STEP];
  for (int done = Z_OK; done != Z_STREAM_END;) {
    z->next_out = (Bytef *)step;
    z->avail_out = STEP;
    done = inflate(z, Z_NO_FLUSH);
    size_t n = STEP - z->avail_out;
    if (done != Z_OK && done != Z_STREAM_END) return FAIL(cx, E_INVALID, "compressed data is damaged or cut short");
    if (n > most - out->n) return FAIL(cx, E_TOO_LARGE, "compressed data is larger than %zu bytes", most);
    buf_add(out, step, n);
  }
  return OK;
}

enum err zip_inflate(struct ctx *cx, struct slice *out, struct slice packed, size_t most) {
  z_stream *z = ctx_alloc(cx, sizeof *z);
  struct buf all = {0};
  if (packed.n > INT_MAX) return FAIL(cx, E_TOO_LARGE, "too much compressed data");
  z->next_in = (Bytef *)(uintptr_t)packed.p;
  z->avail_in = (uInt)packed.n;
  if (inflateInit2(z, MAX_WBITS + 32) != Z_OK) return FAIL(cx, E_INTERNAL, "zlib does not start");
  ctx_defer(cx, release, z);
  enum err e = inflate_all(cx, z, &all, most);
  if (e == OK) *out = slice_mem(ctx_memdup(cx, all.p ? all.p : "", all.n), all.n);
  buf_free(&all);
  return e;
}
