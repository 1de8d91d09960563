/* Requests for push certificates: keys made here, what Apple's portal wants to be uploaded, and who signs it: an own
   MDM vendor certificate, or mdmcert.download.

   Keys never leave: they wait, sealed, for the certificate with the same public key. Making keys takes a moment and
   opening files may take seconds: not on a listener's thread. Source: Apple's "Setting Up Push Notifications for Your
   MDM Customers"; mdmcert.download's published client. */
#ifndef POMONA_CORE_PUSHCERT_REQUEST_H
#define POMONA_CORE_PUSHCERT_REQUEST_H

#include "core/pushcert.h"

/* ---- keys and requests ---- */
struct pushcert_request {
  int64_t seq;
  const char *topic;           /* that it is to renew; NULL: a new one */
  int64_t created_at, used_at; /* used_at: its certificate was imported; 0: not yet */
  const char *created_by;
  uint8_t public_hash[32];
  struct slice csr; /* DER */
};
struct pushcert_want {
  const char *topic;      /* NULL: a new one */
  const char *cn, *email; /* of the subject; NULL: made of public-url, none */
  bool same_key;          /* of the topic's certificate in use */
};
struct pushcert_made {
  const char *topic;
  struct slice csr, key_pem; /* the key is wiped with cx */
  uint8_t public_hash[32];
};
/* db: any connection. E_INVALID, E_NOT_FOUND (no certificate whose key could be used). */
MUST_CHECK enum err pushcert_request_make(struct ctx *cx, struct db *db, struct core *core,
                                          const struct pushcert_want *want, struct pushcert_made *out);
/* Inside a job. A request with a key that is kept already takes the place of the former. */
MUST_CHECK enum err pushcert_request_store(struct ctx *cx, struct db *db, struct core *core,
                                           const struct pushcert_made *made, const char *by,
                                           struct pushcert_request *out);
/* All of them, newest first. */
MUST_CHECK enum err pushcert_requests(struct ctx *cx, struct db *db, struct pushcert_request **out, size_t *n);
/* seq 0: the newest whose certificate did not come yet. E_NOT_FOUND. */
MUST_CHECK enum err pushcert_request_find(struct ctx *cx, struct db *db, int64_t seq, struct pushcert_request *out);
char *pushcert_request_pem(struct ctx *cx, struct slice csr);
/* What to write into the field "Notes" of Apple's portal, and what is to be done there, in order. */
struct pushcert_portal {
  const char *note;
  const char *const *steps; /* NULL-terminated */
};
MUST_CHECK enum err pushcert_request_portal(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                            struct pushcert_portal *out);

/* ---- signing with an own vendor certificate ---- */
struct pushcert_vendor {
  int64_t seq;
  const char *subject;
  int64_t not_after, chain_ends; /* its end; the first end in its chain, itself included */
  int64_t imported_at;
  const char *imported_by;
  struct slice chain_pem, key_pem; /* leaf, intermediates, root */
  uint8_t hash[32];
};
/* A vendor certificate with its key and chain out of an upload: E_INVALID says what is missing, or wrong. */
MUST_CHECK enum err pushcert_vendor_check(struct ctx *cx, struct pushcert_vendor *out,
                                          const struct pushcert_upload *upload);
/* Inside a job. */
MUST_CHECK enum err pushcert_vendor_store(struct ctx *cx, struct db *db, struct core *core,
                                          const struct pushcert_vendor *v, const char *by);
/* All of them, newest first, without their keys; the first is in use. */
MUST_CHECK enum err pushcert_vendors(struct ctx *cx, struct db *db, struct pushcert_vendor **out, size_t *n);
/* A certificate request out of a file, PEM or DER, whose signature holds, with an RSA key of at least 2048 bits. */
MUST_CHECK enum err pushcert_csr_read(struct ctx *cx, struct slice *csr, const struct pushcert_file *file);
/* The text to upload at Apple's portal: base64 of the property list. E_NOT_FOUND: no vendor certificate; E_CONFLICT:
   it, or its chain, has ended. */
MUST_CHECK enum err pushcert_sign(struct ctx *cx, struct db *db, struct core *core, struct slice csr, struct slice *out,
                                  struct pushcert_vendor *by);

/* ---- signing by mdmcert.download ---- */
struct pushcert_exchange {
  int64_t seq, request;
  const char *email;
  struct slice cert, key_pem; /* DER; that the answer is encrypted for */
  struct slice body;          /* to be posted, JSON */
};
/* E_INVALID: no e-mail address; E_CONFLICT: mdmcert-api-key is not set. */
MUST_CHECK enum err pushcert_mdmcert_make(struct ctx *cx, struct core *core, const struct pushcert_request *r,
                                          const char *email, struct pushcert_exchange *out);
/* Inside a job, before the question goes out: its answer may come although ours got lost. */
MUST_CHECK enum err pushcert_mdmcert_store(struct ctx *cx, struct db *db, struct core *core,
                                           const struct pushcert_exchange *x);
/* What the service answered: OK when the signed request is on its way by mail, else its words, or what they mean. */
MUST_CHECK enum err pushcert_mdmcert_answered(struct ctx *cx, int status, struct slice body);
/* The mailed file, opened with any key that is kept. E_INVALID, with what it is. */
struct pushcert_opened {
  struct slice text; /* to upload */
  int64_t exchange, request;
};
MUST_CHECK enum err pushcert_mdmcert_open(struct ctx *cx, struct db *db, struct core *core,
                                          const struct pushcert_file *file, struct pushcert_opened *out);
/* Inside a job. */
MUST_CHECK enum err pushcert_mdmcert_opened(struct ctx *cx, struct db *db, int64_t exchange);

#endif
