/* Packages as somebody may upload them: it ends, and what is read of one is plain text. The first byte: 0 to 127: the
   rest is the file; else it is the table of contents, which is packed as it must be, with a heap behind it. */
#include "base/buf.h"
#include "core/package_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(struct buf *b, uint64_t n, int bytes) {
  while (bytes--) buf_add_char(b, (char)(n >> 8 * bytes));
}

static uint32_t adler32_of(const uint8_t *p, size_t n) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < n; i++) {
    a = (a + p[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

/* RFC 1950 around one stored block of RFC 1951. */
static void add_packed(struct buf *b, const uint8_t *p, size_t n) {
  put(b, 0x780101, 3);
  put(b, (n & 0xFF) << 8 | n >> 8, 2);
  put(b, ~((n & 0xFF) << 8 | n >> 8) & 0xFFFF, 2);
  buf_add(b, p, n);
  put(b, adler32_of(p, n), 4);
}

static void add_archive(struct buf *b, const uint8_t *toc, size_t n) {
  struct buf packed = {0}, inside = {0};
  static const char info[] = "<pkg-info identifier=\"com.example.part\" version=\"1\"/>";
  add_packed(&packed, toc, n);
  buf_add_str(b, "xar!");
  put(b, 28, 2);
  put(b, 1, 2);
  put(b, packed.n, 8);
  put(b, n, 8);
  put(b, 1, 4);
  buf_add(b, packed.p, packed.n);
  add_packed(&inside, (const uint8_t *)info, sizeof info - 1);
  buf_add(b, inside.p, inside.n);
  buf_free(&packed);
  buf_free(&inside);
}

static bool is_fine(const char *text) { return !text || utf8_valid(slice_of(text)); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { TOC_MOST = 60000 };
  struct package_inside inside;
  struct buf file = {0};
  if (size < 2) return 0;
  if (data[0] < 128)
    buf_add(&file, data + 1, size - 1);
  else
    add_archive(&file, data + 1, size - 1 > TOC_MOST ? TOC_MOST : size - 1);
  int fd = memfd_create("package", 0);
  if (fd < 0 || write(fd, file.p, file.n) != (ssize_t)file.n) abort();
  struct ctx *cx = ctx_new();
  enum err e = package_look_inside(cx, fd, (int64_t)file.n, &inside);
  if (e != OK && (e != E_INVALID || !*ctx_error_text(cx))) abort();
  if (e == OK && !(is_fine(inside.identifier) && is_fine(inside.version) && is_fine(inside.title))) abort();
  ctx_free(cx);
  close(fd);
  buf_free(&file);
  return 0;
}
