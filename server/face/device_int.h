/* What the files about a device's proof share. */
#ifndef POMONA_FACE_DEVICE_INT_H
#define POMONA_FACE_DEVICE_INT_H

#include "lib/http.h"

/* What a proxy wrote of the client's certificate (proxy_header.c). */
struct proxy_header {
  struct slice value;                  /* of header:NAME */
  struct slice chain[HTTP_CHAIN_MOST]; /* of each Client-Cert-Chain; none beside another header than Client-Cert */
  size_t chain_n;
};
/* The certificates in it, DER, the client's own first. value is a byte sequence of one (RFC 9440), or URL-escaped PEM
   of it and, when the proxy hands them on, of those behind it. E_INVALID for anything else. */
MUST_CHECK enum err proxy_header_certs(struct ctx *cx, const struct proxy_header *h,
                                       struct slice ders[1 + HTTP_CHAIN_MOST], size_t *n);

#endif
