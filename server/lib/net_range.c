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

bool addr_range_has(const struct addr_range *r, const char *host) {
  uint8_t bytes[16];
  int family;
  if (!read_address(slice_of(host), bytes, &family)) return false;
  if (family == AF_INET6 && is_mapped(bytes)) {
    memmove(bytes, bytes + 12, 4);
    family = AF_INET;
  }
  if (family != r->family) return false;
  int whole = r->bits / 8, rest = r->bits % 8;
  if (memcmp(bytes, r->bytes, (size_t)whole) != 0) return false;
  uint8_t mask = (uint8_t)(0xff << (8 - rest));
  return rest == 0 || ((bytes[whole] ^ r->bytes[whole]) & mask) == 0;
}
