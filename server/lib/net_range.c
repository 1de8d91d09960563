#include "lib/net_addr.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, TEXT_MAX = 45 };

static bool is_mapped(const uint8_t b[16]) {
  static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
  return memcmp(b, prefix, sizeof prefix) == 0;
}

static bool read_address(struct slice text, uint8_t bytes[16], int *family) {
  char host[TEXT_MAX + 1] = "";
  if (text.n == 0 || text.n > TEXT_MAX) return false;
  memcpy(host, text.p, text.n);
  *family = memchr(text.p, ':', text.n) ? AF_INET6 : AF_INET;
  memset(bytes, 0, 16);
  return inet_pton(*family, host, bytes) == 1;
}

enum err addr_range_parse(struct ctx *cx, struct addr_range *out, struct slice text) {
  struct slice rest = text, address;
  int64_t bits;
  bool whole = !memchr(text.p, '/', text.n);
  *out = (struct addr_range){0};
  (void)slice_cut(&rest, '/', &address);
  if (!read_address(address, out->bytes, &out->family))
    return FAIL(cx, E_INVALID, "\"%.*s\" is no network like 10.0.0.0/8 or 2001:db8::/32", (int)text.n, text.p);
  int most = out->family == AF_INET ? V4_BITS : V6_BITS;
  if (whole) return out->bits = most, OK;
  if (!slice_to_i64(rest, &bits) || bits < 0 || bits > most)
    return FAIL(cx, E_INVALID, "\"%.*s\" is no network: the number after / is 0 to %d", (int)text.n, text.p, most);
  out->bits = (int)bits;
  return OK;
}

/* The same; an IPv4-mapped address is read as IPv4. */
static bool read_plain(struct slice text, uint8_t bytes[16], int *family) {
  if (!read_address(text, bytes, family)) return false;
  if (*family == AF_INET6 && is_mapped(bytes)) {
    memmove(bytes, bytes + 12, 4);
    *family = AF_INET;
  }
  return true;
}

bool addr_range_has(const struct addr_range *r, const char *host) {
  uint8_t bytes[16];
  int family;
  if (!read_plain(slice_of(host), bytes, &family)) return false;
  if (family != r->family) return false;
  int whole = r->bits / 8, rest = r->bits % 8;
  if (memcmp(bytes, r->bytes, (size_t)whole) != 0) return false;
  uint8_t mask = (uint8_t)(0xff << (8 - rest));
  return rest == 0 || ((bytes[whole] ^ r->bytes[whole]) & mask) == 0;
}

enum err addr_ranges_parse(struct ctx *cx, struct addr_ranges *out, struct slice text) {
  size_t most = 1;
  struct slice one;
  for (size_t i = 0; i < text.n; i++) most += text.p[i] == ',';
  *out = (struct addr_ranges){.range = ctx_alloc(cx, most * sizeof *out->range)};
  while (slice_cut(&text, ',', &one)) TRY(addr_range_parse(cx, &out->range[out->n++], slice_trim(one)));
  return OK;
}

bool addr_ranges_have(const struct addr_ranges *r, const char *host) {
  for (size_t i = 0; r && i < r->n; i++)
    if (addr_range_has(&r->range[i], host)) return true;
  return false;
}

/* ---- X-Forwarded-For ---- */

/* Without the brackets and the port that some proxies write. What is left need not be an address. */
static struct slice bare(struct slice s) {
  const char *colon = memchr(s.p, ':', s.n), *bracket = memchr(s.p, ']', s.n), *end = s.p + s.n;
  if (s.n && s.p[0] == '[' && bracket && (bracket + 1 == end || bracket[1] == ':'))
    return slice_mem(s.p + 1, (size_t)(bracket - s.p - 1));
  bool one_colon = colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1));
  return one_colon ? slice_mem(s.p, (size_t)(colon - s.p)) : s;
}

static char *read_entry(struct ctx *cx, struct slice text) {
  uint8_t bytes[16];
  int family;
  char out[TEXT_MAX + 1];
  if (!read_plain(bare(slice_trim(text)), bytes, &family) || !inet_ntop(family, bytes, out, sizeof out)) return NULL;
  return ctx_strdup(cx, out);
}

/* Takes what stands behind the last comma off the end of *rest. */
static struct slice cut_last(struct slice *rest) {
  const char *comma = memrchr(rest->p, ',', rest->n);
  const char *from = comma ? comma + 1 : rest->p;
  struct slice last = slice_mem(from, (size_t)(rest->p + rest->n - from));
  *rest = comma ? slice_mem(rest->p, (size_t)(comma - rest->p)) : (struct slice){0};
  return last;
}

const char *addr_forwarded(struct ctx *cx, const struct addr_ranges *proxies, const char *peer,
                           const struct slice *lines, size_t n) {
  const char *found = peer;
  while (n-- > 0)
    for (struct slice rest = lines[n]; rest.p;) {
      if (!addr_ranges_have(proxies, found)) return found;
      found = read_entry(cx, cut_last(&rest));
      if (!found) return peer;
    }
  return found;
}
