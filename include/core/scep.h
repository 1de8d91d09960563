/* SCEP (RFC 8894): which request gets a certificate, and what it says. Messages: lib/pki_scep.h; HTTP: face.

   Policy: subject, SAN, EKU and constraints are ours, whatever the request asks for; RSA of 2048 bits at least;
   notBefore one day back; never beyond the CA's end. A challenge belongs to one session and is good for one key: the
   same key gets the same certificate. */
#ifndef POMONA_CORE_SCEP_H
#define POMONA_CORE_SCEP_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/pki_scep.h"

/* One PKIMessage on its way through: scep_begin on the thread that received it (parses, decrypts, signs the certificate
   and the CertRep ahead: the writer has no time for RSA), then scep_commit as a job, then scep_finish. All memory is
   the request's cx. */
struct scep_work {
  struct core *core;
  const char *address;
  struct scep_request request;
  enum scep_fail fail; /* what the CertRep will say; SCEP_NOFAIL: a certificate */
  const char *why;     /* of a failure, for the log */
  char *session_id;
  struct pki_cert *issued;
  struct slice reply; /* the CertRep with it, made ahead; p NULL when another certificate is answered */
};
/* E_INVALID: garbage that no CertRep can answer. OK: commit when work->fail is SCEP_NOFAIL, then finish. */
MUST_CHECK enum err scep_begin(struct ctx *cx, struct core *core, struct db *reader, struct slice message,
                               struct scep_work *out);
MUST_CHECK enum err scep_commit(struct ctx *cx, struct db *db, void *work);
MUST_CHECK enum err scep_finish(struct ctx *cx, struct scep_work *work, struct slice *reply);
/* The CA's certificate as GetCACert gives it, DER. */
struct slice scep_ca_der(const struct core *core);
/* What GetCACaps answers. */
const char *scep_capabilities(const struct core *core);

#endif
