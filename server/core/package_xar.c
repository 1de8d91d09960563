/* What a flat package tells of itself: a xar archive whose table of contents is XML compressed by zlib.

   Read by a scan of our own, not by libarchive: of the archive four elements are wanted and nothing is unpacked, while
   libarchive brings a reader of XML (libxml2) and of thirty other formats to files that strangers made. Facts: the
   archive's header is 28 bytes, big-endian: "xar!", size of the header, version 1, sizes of the table, compressed and
   not; the files' bytes stand behind it, each where its <data> says. */
#include "core/package_int.h"
#include "core/package_xml.h"

#include "lib/zip.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
  HEADER = 28,
  HEADER_MOST = 4096,
  TOC_PACKED_MOST = 8 << 20,
  TOC_MOST = 32 << 20,
  INNER_MOST = 4 << 20, /* Distribution, PackageInfo */
  FILES_MOST = 64       /* of those two */
};

/* A file of the archive that is of interest. */
struct entry {
  int64_t offset, length; /* in the heap; compressed */
  bool packed, product;   /* product: Distribution, else PackageInfo */
};

struct xar {
  struct ctx *cx;
  int fd;
  int64_t size, heap; /* of the file; where the heap begins in it */
  struct slice toc;
  struct entry entries[FILES_MOST];
  size_t n;
  struct entry now; /* the <file> that is being read */
  bool wanted;      /* its name is one of the two */
  struct package_inside *out;
};

static enum err read_at(struct xar *x, int64_t at, size_t n, struct slice *out) {
  char *p = ctx_alloc(x->cx, n + 1);
  if (at < 0 || at > x->size || (int64_t)n > x->size - at)
    return FAIL(x->cx, E_INVALID, "it is cut short, or says that it is larger than it is");
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(x->fd, p + done, n - done, (off_t)(at + (int64_t)done));
    if (got <= 0 && errno != EINTR) return FAIL(x->cx, E_STORAGE, "the file cannot be read: %s", strerror(errno));
    if (got > 0) done += (size_t)got;
  }
  *out = slice_mem(p, n);
  return OK;
}

static uint64_t big_endian(const char *p, int n) {
  uint64_t v = 0;
  while (n-- > 0) v = v << 8 | (uint8_t)*p++;
  return v;
}

static enum err read_toc(struct xar *x) {
  struct slice head, packed;
  if (x->size < HEADER) return FAIL(x->cx, E_INVALID, "it is no flat package (xar)");
  TRY(read_at(x, 0, HEADER, &head));
  uint64_t header = big_endian(head.p + 4, 2), version = big_endian(head.p + 6, 2);
  uint64_t length = big_endian(head.p + 8, 8), whole = big_endian(head.p + 16, 8);
  if (!slice_starts(head, "xar!") || version != 1)
    return FAIL(x->cx, E_INVALID, "it is no flat package (xar): a disk image or a zip file cannot be installed so");
  if (header < HEADER || header > HEADER_MOST || length > TOC_PACKED_MOST || whole > TOC_MOST)
    return FAIL(x->cx, E_INVALID, "its table of contents is larger than any package's");
  TRY(read_at(x, (int64_t)header, (size_t)length, &packed));
  TRY(zip_inflate(x->cx, &x->toc, packed, TOC_MOST));
  x->heap = (int64_t)(header + length);
  return OK;
}

/* ---- the table of contents ---- */

static int64_t whole_number(struct xar *x, const struct package_xml *xml) {
  const char *text = package_xml_text(x->cx, xml);
  int64_t n;
  return text && slice_to_i64(slice_of(text), &n) && n >= 0 ? n : -1;
}

static void end_file(struct xar *x) {
  bool fits = x->now.offset >= 0 && x->now.length > 0 && x->now.length <= INNER_MOST;
  if (x->wanted && fits && x->n < FILES_MOST) x->entries[x->n++] = x->now;
  x->wanted = false;
}

/* <file> stands in <file>: what belongs to which is told by the order in which they write it, name after data or before
   it, but always before the files below. */
static void closed_in_file(struct xar *x, const struct package_xml *xml) {
  const char *text = package_xml_at(xml, "*/file/name") ? package_xml_text(x->cx, xml) : NULL;
  if (package_xml_at(xml, "*/file/data/offset")) x->now.offset = whole_number(x, xml);
  if (package_xml_at(xml, "*/file/data/length")) x->now.length = whole_number(x, xml);
  if (!text) return;
  x->now.product = strcmp(text, "Distribution") == 0;
  x->wanted = x->now.product || strcmp(text, "PackageInfo") == 0;
}

static void opened(struct xar *x, const struct package_xml *xml) {
  if (package_xml_at(xml, "*/file")) {
    end_file(x);
    x->now = (struct entry){.offset = -1};
  } else if (package_xml_at(xml, "*/file/data/encoding")) {
    const char *style = package_xml_attribute(x->cx, xml, "style");
    x->now.packed = style && strcmp(style, "application/x-gzip") == 0; /* zlib's own form, whatever they call it */
  } else if (package_xml_at(xml, "xar/toc/signature") || package_xml_at(xml, "xar/toc/x-signature")) {
    x->out->is_signed = true;
  }
}

static enum err scan_toc(struct xar *x) {
  struct package_xml xml = {.rest = x->toc};
  while (package_xml_next(&xml)) {
    if (!xml.closes) opened(x, &xml);
    if (xml.closes && package_xml_at(&xml, "*/file")) end_file(x);
    if (xml.closes) closed_in_file(x, &xml);
  }
  return xml.bad ? FAIL(x->cx, E_INVALID, "its table of contents is damaged") : OK;
}

/* ---- Distribution and PackageInfo ---- */

static void first(char **to, char *value) {
  if (!*to) *to = value;
}

/* <product> says it for all; without one the first <pkg-ref> with a version does. */
static void take_product(struct xar *x, struct slice text) {
  struct package_xml xml = {.rest = text};
  char *id = NULL, *version = NULL;
  while (package_xml_next(&xml)) {
    if (xml.closes && package_xml_at(&xml, "*/title") && xml.depth == 2)
      first(&x->out->title, package_xml_text(x->cx, &xml));
    if (xml.closes) continue;
    if (package_xml_at(&xml, "*/product")) {
      first(&x->out->identifier, package_xml_attribute(x->cx, &xml, "id"));
      first(&x->out->version, package_xml_attribute(x->cx, &xml, "version"));
    } else if (package_xml_at(&xml, "*/pkg-ref") && !version) {
      id = package_xml_attribute(x->cx, &xml, "id");
      version = package_xml_attribute(x->cx, &xml, "version");
    }
  }
  if (version) first(&x->out->identifier, id);
  first(&x->out->version, version);
}

static void take_info(struct xar *x, struct slice text) {
  struct package_xml xml = {.rest = text};
  while (package_xml_next(&xml)) {
    if (xml.closes || !package_xml_at(&xml, "pkg-info")) continue;
    first(&x->out->identifier, package_xml_attribute(x->cx, &xml, "identifier"));
    first(&x->out->version, package_xml_attribute(x->cx, &xml, "version"));
  }
}

static enum err read_entry(struct xar *x, const struct entry *e) {
  struct slice bytes;
  if (e->offset > x->size - x->heap)
    return FAIL(x->cx, E_INVALID, "it is cut short, or says that it is larger than it is");
  TRY(read_at(x, x->heap + e->offset, (size_t)e->length, &bytes));
  if (e->packed) TRY(zip_inflate(x->cx, &bytes, bytes, INNER_MOST));
  (e->product ? take_product : take_info)(x, bytes);
  return OK;
}

enum err package_look_inside(struct ctx *cx, int fd, int64_t size, struct package_inside *out) {
  struct xar *x = ctx_alloc(cx, sizeof *x);
  *out = (struct package_inside){0};
  *x = (struct xar){.cx = cx, .fd = fd, .size = size, .out = out};
  TRY(read_toc(x));
  TRY(scan_toc(x));
  if (x->n == 0)
    return FAIL(cx, E_INVALID, "it holds neither a Distribution nor a PackageInfo: it is no installer package");
  for (int product = 1; product >= 0; product--)
    for (size_t i = 0; i < x->n; i++)
      if (x->entries[i].product == (product == 1)) TRY(read_entry(x, &x->entries[i]));
  for (size_t i = 0; i < x->n; i++) out->is_product |= x->entries[i].product;
  return OK;
}
