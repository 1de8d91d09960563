/* What the checks of the doctor share. A new check is a row in doctor.c and a function. */
#ifndef POMONA_CORE_DOCTOR_INT_H
#define POMONA_CORE_DOCTOR_INT_H

#include "core/doctor.h"
#include "core/push.h"
#include "lib/net_addr.h"

/* One check at work: what it finds becomes lines. Its cx is its own; db is NULL in checks that wait for the network. */
struct check {
  struct ctx *cx;
  const struct doctor *doctor;
  struct db *db;
  const char *name;
  struct doctor_line *lines;
  size_t n;
  struct shared *shared;
};

/* Read once, before the checks: the others find it there. */
enum { CERTS_MOST = 8 };
struct shared {
  struct url apns, public_url;
  bool apns_known, public_known; /* they are URLs */
  bool is_apple;                 /* apns-url is Apple's */
  struct probed_cert {
    char *topic;
    struct slice cert_pem, key_pem; /* p NULL: the key cannot be opened */
    struct push_probe said;
    bool asked;
  } certs[CERTS_MOST];
  size_t certs_n;
};

enum { NET_S = 6 }; /* a question over the network takes at most so long */

/* Adds a line under the check's name, or under `name`; fix may be NULL. */
void found(struct check *c, enum doctor_status status, const char *message, const char *fix);
void found_as(struct check *c, const char *name, enum doctor_status status, const char *message, const char *fix);
/* "1 device", "7 devices". */
const char *many(struct ctx *cx, int64_t n, const char *what);
/* The database said no: a line of its own. */
void not_read(struct check *c);

/* doctor_data.c */
void check_folder(struct check *c);
void check_database(struct check *c);
void check_disk(struct check *c);
void check_keys(struct check *c);
void check_webhooks(struct check *c);
void check_notices(struct check *c);
void check_domain(struct check *c);
void check_server(struct check *c);
/* doctor_push.c */
void check_pushcerts(struct check *c);
void check_topics(struct check *c);
void check_clock(struct check *c);
/* doctor_net.c: without the database */
void check_dns(struct check *c);
void check_apns_ways(struct check *c);
void check_probes(struct check *c);
void check_smtp(struct check *c);
/* doctor_self.c */
void check_tls(struct check *c);
void check_public_url(struct check *c);
void check_signature(struct check *c);
void check_given(struct check *c);
void check_ports(struct check *c);

/* doctor_profiles.c */
void check_profiles(struct check *c);
void check_packages(struct check *c);

/* doctor_sql.c */
struct doctor_topic {
  char *topic;
  int64_t devices;
  bool certificate; /* one that is in use */
};
MUST_CHECK enum err doctor_topics(struct ctx *cx, struct db *db, struct doctor_topic **out, size_t *n);
struct doctor_given {
  int64_t devices, unknown, unsigned_messages; /* unknown: what they were given is not known: they were migrated */
};
MUST_CHECK enum err doctor_given(struct ctx *cx, struct db *db, struct doctor_given *out);

#endif
