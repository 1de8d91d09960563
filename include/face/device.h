/* What devices reach: the MDM endpoint, SCEP, enrollment. Tables for the router of the devices' listener. */
#ifndef POMONA_FACE_DEVICE_H
#define POMONA_FACE_DEVICE_H

#include "face/router.h"

extern const struct route mdm_routes[];           /* mdm_http.c: PUT /mdm, PUT /checkin */
extern const struct route scep_routes[];          /* scep_http.c: GET, POST /scep */
extern const struct route authproxy_routes[];     /* authproxy.c: /authproxy/… */
extern const struct route calendar_http_routes[]; /* calendar_http.c: GET /calendar/SECRET.ics */
extern const struct route enroll_routes[];        /* enroll_http.c: GET /enroll/TOKEN, /enroll, /trust */
extern const struct route files_routes[];         /* files_http.c: GET /files/TOKEN/NAME */

/* device_proof.c: who sends this request, by TLS client certificate, Mdm-Signature, or the header in which one of
   trusted-proxies hands the certificate on (`identity`). From anyone else that header is as if it were not there.

   head: before the body is read; with a large body announced, the signer is looked at first. body: the whole proof.
   An identity that ended within identity-grace is accepted, with out->expired. E_REFUSED: no proof, an untrusted one,
   one that ended before, or two that disagree; E_INVALID: a signature over other bytes, a header that is malformed. */
struct enroll_proof;
MUST_CHECK enum err device_proof_head(struct http_req *rq, struct core *core);
MUST_CHECK enum err device_proof(struct http_req *rq, struct core *core, struct enroll_proof *out);
/* After device_proof failed with e: why, as core/refused.h names it; failed is what it gave: expired, the certificate
   is of an accepted CA but ended too long ago. */
const char *device_doubt(struct http_req *rq, struct core *core, const struct enroll_proof *failed, enum err e);

/* Which proofs came, whatever they are worth: "certificate", "signature", "header" with "+" between them; "nothing". */
const char *device_brought(struct http_req *rq, struct core *core);

#endif
