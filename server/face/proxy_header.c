/* The client's certificate as proxies hand it on: RFC 9440 (byte sequences: RFC 8941, 3.3.5), or URL-escaped PEM as
   nginx writes it ($ssl_client_escaped_cert). */
#include "base/enc.h"
#include "face/device_int.h"
#include "lib/pki_cert.h"

#include <ctype.h>
#include <string.h>

/* ":BASE64:". Of base64 only the one alphabet counts, without anything between its characters. */
static enum err byte_sequence(struct ctx *cx, struct slice text, struct slice *der) {
  struct slice s = slice_trim(text);
  if (s.n < 3 || s.p[0] != ':' || s.p[s.n - 1] != ':')
    return FAIL(cx, E_INVALID, "the proxy's header holds no byte sequence like :AbCd:");
  s = slice_mem(s.p + 1, s.n - 2);
  for (size_t i = 0; i < s.n; i++)
    if (!isalnum((unsigned char)s.p[i]) && !memchr("+/=", s.p[i], 3))
      return FAIL(cx, E_INVALID, "the byte sequence in the proxy's header is no base64");
  return dec_base64(cx, s, der);
}

static enum err add(struct ctx *cx, struct slice *ders, size_t *n, struct slice der) {
  if (*n > HTTP_CHAIN_MOST)
    return FAIL(cx, E_INVALID, "the proxy hands on more than %d certificates behind the client's", HTTP_CHAIN_MOST);
  ders[(*n)++] = der;
  return OK;
}

static enum err escaped_pem(struct ctx *cx, struct slice text, struct slice *ders, size_t *n) {
  struct slice pem;
  struct pki_cert **certs;
  size_t found;
  TRY(dec_percent(cx, text, &pem));
  TRY(pki_certs_parse_pem(cx, &certs, &found, pem));
  if (found == 0) return FAIL(cx, E_INVALID, "the proxy's header is neither a byte sequence nor URL-escaped PEM");
  for (size_t i = 0; i < found; i++) TRY(add(cx, ders, n, pki_cert_der(certs[i])));
  return OK;
}

static enum err chain_of(struct ctx *cx, struct slice list, struct slice *ders, size_t *n) {
  struct slice one, der;
  while (slice_cut(&list, ',', &one)) {
    TRY(byte_sequence(cx, one, &der));
    TRY(add(cx, ders, n, der));
  }
  return OK;
}

enum err proxy_header_certs(struct ctx *cx, const struct proxy_header *h, struct slice ders[1 + HTTP_CHAIN_MOST],
                            size_t *n) {
  *n = 0;
  if (!slice_starts(slice_trim(h->value), ":")) return escaped_pem(cx, h->value, ders, n);
  TRY(byte_sequence(cx, h->value, &ders[(*n)++]));
  for (size_t i = 0; i < h->chain_n; i++) TRY(chain_of(cx, h->chain[i], ders, n));
  return OK;
}
