/* Inside the bench: its devices with all they say signed beforehand (lab_bench_fleet.c), and what is measured
   (lab_bench.c).

   Who owns what: the fleet owns its requests until bench_fleet_free. */
#ifndef POMONA_APP_LAB_BENCH_H
#define POMONA_APP_LAB_BENCH_H

#include "app/lab_device.h"

enum bench_request { BENCH_AUTHENTICATE, BENCH_TOKEN_UPDATE, BENCH_IDLE, BENCH_REPORT, BENCH_REQUESTS };

struct bench_device {
  struct lab_device *d;
  struct buf request[BENCH_REQUESTS]; /* whole HTTP requests */
};

struct bench_fleet {
  struct pki_cert *ca; /* of the devices' identities; in the cx of bench_fleet_new */
  struct pki_key *ca_key;
  const char *topic;
  struct lab_keys *keys;
  struct bench_device *devices;
  size_t n, rsa; /* the first `rsa` have RSA keys, the others P-256 */
  bool sign;     /* requests carry Mdm-Signature */
};

/* n devices with identities and signed check-ins and polls. */
MUST_CHECK enum err bench_fleet_new(struct ctx *cx, struct bench_fleet **out, size_t n, size_t rsa, bool sign,
                                    const char *topic);
/* The acknowledgement of one command by every device from `from` on. */
MUST_CHECK enum err bench_fleet_reports(struct ctx *cx, struct bench_fleet *f, size_t from, const char *command_uuid);
void bench_fleet_free(struct bench_fleet *f);

#endif
