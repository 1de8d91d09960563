/* Certificates for the tests of the network modules: a CA, a server for localhost, clients; fresh each time. */
#ifndef POMONA_TESTS_NET_CERTS_H
#define POMONA_TESTS_NET_CERTS_H

#include "base/clock.h"
#include "lib/pki_cert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pair {
  struct slice cert, key;
};

struct certs {
  struct pki_cert *ca;
  struct pki_key *ca_key;
  char ca_file[64]; /* removed by certs_free */
  struct pair server, client;
};

static inline void must(struct ctx *cx, enum err e) {
  if (e == OK) return;
  fprintf(stderr, "test set-up: %s\n", ctx_error_text(cx));
  abort();
}

/* Issued by cs->ca, or by itself when ca is false. ends: microseconds from now. */
static inline struct pair certs_issue(struct ctx *cx, const struct certs *cs, const char *cn, int kind, int64_t ends) {
  static const char *const hosts[] = {"localhost", "127.0.0.1", NULL};
  struct pki_key *key;
  struct pki_cert *cert;
  struct pair p;
  must(cx, pki_key_new_p256(cx, &key));
  struct pki_issue what = {.cn = cn,
                           .uid = kind == PKI_PUSH ? cn : NULL,
                           .subject_key = key,
                           .issuer = kind == PKI_CA ? NULL : cs->ca,
                           .issuer_key = kind == PKI_CA ? key : cs->ca_key,
                           .not_before = clock_now_us() - 30 * US_DAY,
                           .not_after = clock_now_us() + ends,
                           .hosts = kind == PKI_TLS_SERVER ? hosts : NULL};
  memcpy(&what.kind, &kind, sizeof what.kind);
  must(cx, pki_cert_issue(cx, &cert, &what));
  p.cert = pki_cert_pem(cx, cert);
  must(cx, pki_key_pem(cx, &p.key, key));
  return p;
}

static inline void certs_make(struct ctx *cx, struct certs *cs) {
  struct pair ca = certs_issue(cx, cs, "Pomona Test CA", PKI_CA, 30 * US_DAY);
  struct pki_cert **list;
  size_t n;
  must(cx, pki_certs_parse_pem(cx, &list, &n, ca.cert));
  must(cx, pki_key_parse(cx, &cs->ca_key, ca.key));
  cs->ca = list[0];
  snprintf(cs->ca_file, sizeof cs->ca_file, "/tmp/pomona-test-ca-XXXXXX");
  int fd = mkstemp(cs->ca_file);
  if (fd < 0 || write(fd, ca.cert.p, ca.cert.n) != (ssize_t)ca.cert.n) abort();
  close(fd);
  cs->server = certs_issue(cx, cs, "localhost", PKI_TLS_SERVER, US_DAY);
  cs->client = certs_issue(cx, cs, "com.apple.mgmt.External.test", PKI_PUSH, US_DAY);
}

static inline void certs_free(struct certs *cs) { unlink(cs->ca_file); }

#endif
