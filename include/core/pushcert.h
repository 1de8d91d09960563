/* Push certificates: import, the topic guard, and what the push thread signs its connections with.

   Facts: a certificate's topic is the UID of its subject (0.9.2342.19200300.100.1.1) and starts with "com.apple.mgmt.".
 */
#ifndef POMONA_CORE_PUSHCERT_H
#define POMONA_CORE_PUSHCERT_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

struct pushcert {
  int64_t seq;
  char *topic, *serial_number, *subject, *issuer;
  int64_t not_before, not_after, imported_at, superseded_at;
  char *imported_by;
  char *apple_id, *owner, *note; /* of its topic's record; NULL when not recorded */
  int64_t probed_at, proven_at;  /* Apple was asked about it last; took it last */
  char *proof, *proof_text;      /* "proven", "refused", "unreachable"; NULL: never asked */
  int64_t enrollments;           /* that listen on its topic; counted by pushcert_list only */
};

/* What someone hands in: at most PUSHCERT_FILES_MOST files of PUSHCERT_FILE_MOST bytes each, in any order and form: PEM
   (glued together, with Windows line ends, text around it), DER, PKCS #12, keys under a passphrase. */
enum { PUSHCERT_FILES_MOST = 16, PUSHCERT_FILE_MOST = 256 * 1024 };
struct pushcert_file {
  const char *name; /* for people; NULL: none */
  struct slice bytes;
};
struct pushcert_upload {
  const struct pushcert_file *files;
  size_t n;
  const char *passphrase; /* of what is encrypted; NULL: none was given */
  /* Where keys are looked for when none comes along: those made here, and those of former certificates. NULL: nowhere.
   */
  struct db *db;
  struct core *core;
};

/* A certificate with its key, fit to be stored. In cx; the key is wiped with it. */
struct pushcert_pair {
  struct slice cert_pem, key_pem; /* the leaf first, then what came along of its chain */
  struct pushcert about;
  uint8_t hash[32], public_hash[32]; /* of the certificate; of its SubjectPublicKeyInfo */
  const char *const *notes;          /* what was mended, and what should be known: sentences; NULL-terminated */
};
/* Makes one of an upload, or says which file is what, and what to do: E_INVALID, E_TOO_LARGE. May take seconds
   (passphrases are made slow on purpose): not on a listener's thread. */
MUST_CHECK enum err pushcert_check(struct ctx *cx, struct pushcert_pair *out, const struct pushcert_upload *upload);
/* The same of one text in PEM that holds its key. */
MUST_CHECK enum err pushcert_check_pem(struct ctx *cx, struct pushcert_pair *out, struct slice pem);

/* What is let through in spite of a guard: a topic that no enrolled device listens on while others have theirs; a
   certificate that ends before the one in use. */
enum { PUSHCERT_NEW_TOPIC = 1, PUSHCERT_ANYWAY = 2 };
/* On any connection: may this pair be stored? E_CONFLICT tells, in several lines, what would happen, what probably has
   happened, and what to do. */
MUST_CHECK enum err pushcert_guard(struct ctx *cx, struct db *db, const struct pushcert_pair *pair, unsigned allow);
/* Inside a job. Stores a checked pair, when the guard lets it; the former one of its topic is superseded. The caller
   tells the push thread (push_changed). The same certificate again is OK. E_CONFLICT: nothing changes. */
MUST_CHECK enum err pushcert_store(struct ctx *cx, struct db *db, struct core *core, const struct pushcert_pair *pair,
                                   const char *by, unsigned allow);

/* The former certificate that is meant by a serial number (hexadecimal or decimal; NULL: the last one that is still
   valid) and a topic (NULL: any with the serial number, else the only one). E_NOT_FOUND; E_CONFLICT: in use already, or
   ended; E_INVALID: which topic? */
MUST_CHECK enum err pushcert_former(struct ctx *cx, struct db *db, const char *topic, const char *serial_number,
                                    struct pushcert *out);
/* Inside a job, then push_changed. A former certificate is in use again: E_CONFLICT when it cannot be any more. */
MUST_CHECK enum err pushcert_rollback(struct ctx *cx, struct db *db, const struct pushcert *former, const char *by);
/* The same for a topic that has no former one: it has no certificate any more. E_CONFLICT: an enrollment has the topic,
   or there is no other certificate. */
MUST_CHECK enum err pushcert_withdraw(struct ctx *cx, struct db *db, const char *topic, const char *by);

/* The one in use for topic: E_NOT_FOUND. */
MUST_CHECK enum err pushcert_find(struct ctx *cx, struct db *db, const char *topic, struct pushcert *out);
/* All of them, newest first; n may be 0. */
MUST_CHECK enum err pushcert_list(struct ctx *cx, struct db *db, struct pushcert **out, size_t *n);
/* The topic that new enrollments get, of those that have a certificate in use that has not expired: the one that was
   taken last by consent (PUSHCERT_NEW_TOPIC), else that of the newest certificate. A renewal of another topic does not
   change it. E_NOT_FOUND. */
MUST_CHECK enum err pushcert_topic(struct ctx *cx, struct db *db, char **out);
/* The topic that a person means: the one named, which there has to be a certificate of; NULL: the only one in use.
   E_NOT_FOUND; E_INVALID: there are several. */
MUST_CHECK enum err pushcert_topic_meant(struct ctx *cx, struct db *db, const char *named, const char **out);
/* Certificate and key as PEM of the one in use for topic, for the connection to APNs. */
MUST_CHECK enum err pushcert_open(struct ctx *cx, struct db *db, struct core *core, const char *topic,
                                  struct slice *cert_pem, struct slice *key_pem, int64_t *not_after);

/* The same of any that is stored. */
MUST_CHECK enum err pushcert_open_one(struct ctx *cx, struct db *db, struct core *core, const struct pushcert *c,
                                      struct slice *cert_pem, struct slice *key_pem);
/* Enrollments that have this topic, enabled or not, and those that are about to. */
MUST_CHECK enum err pushcert_used(struct ctx *cx, struct db *db, const char *topic, int64_t *enrollments);

/* ---- the record of a topic: who stands behind it ---- */
struct pushcert_record {
  const char *topic;
  /* Texts; NULL: not told. account_kind: "personal", "organization", "managed". */
  const char *apple_account, *account_kind, *second_factor, *trusted_person_1, *trusted_person_2, *password_place;
  const char *owner, *owner_email, *deputy, *deputy_email, *organization, *address, *web_site, *note;
  int64_t confirmed_at; /* that two people can still sign in; 0: never */
  const char *confirmed_by;
  int64_t plan_every_us; /* planned renewals: 0: none */
  const char *plan_on;   /* "MM-DD"; NULL: none */
  int64_t updated_at;    /* 0: nothing was recorded */
  const char *updated_by;
};
/* Never E_NOT_FOUND: a topic without a record has an empty one. */
MUST_CHECK enum err pushcert_record_read(struct ctx *cx, struct db *db, const char *topic, struct pushcert_record *out);
/* Inside a job. */
MUST_CHECK enum err pushcert_record_write(struct ctx *cx, struct db *db, const struct pushcert_record *r);
/* When the next planned renewal is due; 0: none is planned. Every so long counts from the import of the certificate in
   use. A day of the year is the first such day more than 30 days after that import (one shortly before the day was the
   renewal of that day); 29 February is the 28th in other years. Never after the end of the certificate; one that is
   overdue stays where it was. */
int64_t pushcert_plan_next(const struct pushcert_record *r, const struct pushcert *in_use);
/* Is it a day of the year, "MM-DD"? */
bool pushcert_plan_day(const char *text);

/* What kind of account it is: as told, else guessed from the address and the names of the people (*guessed); NULL: no
   account is recorded. A guess never says "managed". */
const char *pushcert_account_kind(const struct pushcert_record *r, bool *guessed);
/* What is wrong or dangerous with a record, and what to do: account-missing, account-personal,
   account-federation-risk, second-factor-missing, trusted-people-missing, password-place-missing, owner-missing,
   deputy-missing, unconfirmed. */
struct pushcert_warning {
  const char *slug, *text;
};
MUST_CHECK enum err pushcert_record_warnings(struct ctx *cx, const struct pushcert_record *r,
                                             struct pushcert_warning **out, size_t *n);
/* How to renew, as part of a sentence: "sign in at … with the Apple Account …, press Renew …". serial_number and
   apple_account may be NULL. In cx. */
const char *pushcert_steps(struct ctx *cx, const char *topic, const char *serial_number, const char *apple_account);
/* What to do next with a certificate, as part of a sentence; "" for a superseded one. In cx. */
const char *pushcert_next(struct ctx *cx, const struct pushcert *c, const struct pushcert_record *record, int64_t now);
/* What may be done with the row of a topic in Apple's portal: `used` as pushcert_used counts; do new enrollments get
   it? In cx. */
const char *pushcert_row_advice(struct ctx *cx, const char *topic, int64_t used, bool new_enrollments);
/* A serial number in both of its forms: "1F (decimal 31)". In cx. */
const char *pushcert_serials(struct ctx *cx, const char *serial_number);
/* For warnings: "Apple Account it@example.org, owner A (a@example.org), deputy B" or what is missing. In cx. */
const char *pushcert_people(struct ctx *cx, const struct pushcert_record *r);

/* Inside a job: what was done with a topic. detail may be NULL. */
MUST_CHECK enum err pushcert_history_add(struct ctx *cx, struct db *db, const char *topic, int64_t pushcert,
                                         const char *act, const char *by, struct js *detail);
/* What was done, oldest first; of all topics when topic is NULL. At most 10,000, the newest of them. */
struct pushcert_act {
  int64_t at, pushcert; /* pushcert: its seq; 0: none */
  char *topic, *act, *by, *serial_number;
  struct js *detail;
};
MUST_CHECK enum err pushcert_acts(struct ctx *cx, struct db *db, const char *topic, struct pushcert_act **out,
                                  size_t *n);
/* SHA-256 of a certificate's SubjectPublicKeyInfo, hexadecimal: tells keys apart. */
MUST_CHECK enum err pushcert_fingerprint(struct ctx *cx, struct db *db, const struct pushcert *c, const char **out);
/* Inside a job: what a probe said of a certificate (its seq); proof: "proven", "refused", "unreachable". A change of it
   is in the history, and an event pushcert.probed; "unreachable" does not undo "refused". */
MUST_CHECK enum err pushcert_proved(struct ctx *cx, struct db *db, int64_t pushcert, const char *proof,
                                    const char *text);

/* "ok", "expiring" (30 days), "revoked" (Apple refuses it), "expired", "superseded" */
const char *pushcert_state(const struct pushcert *c, int64_t now);

#endif
