/* Devices of another server: check-in messages replayed without their devices (NanoMDM's /migration), and NanoMDM's
   file storage. A migrated device is in force at once; its certificate is bound when it came along, else its first
   contact within migration-window binds it.

   Until its device has made a request here, the same may be told again, and changes nothing. Everything here runs
   inside a job. */
#ifndef POMONA_CORE_MIGRATE_H
#define POMONA_CORE_MIGRATE_H

#include "core/checkin.h"

/* Authenticate, TokenUpdate (of devices and users), SetBootstrapToken, CheckOut, as a device would have sent them, told
   by an operator; other messages are accepted and change nothing. E_CONFLICT: the device is in force here and would
   lose its place. E_NOT_FOUND: what has to come before it is missing. checkin->news says what was new. */
MUST_CHECK enum err migrate_checkin(struct ctx *cx, struct db *db, void *checkin);

/* What came over from a folder, and what did not. The lists live in the cx of migrate_nanomdm. */
struct migrate_report {
  int64_t devices, users;        /* channels that are here now, for the first time or told again */
  int64_t checked_out;           /* of them: had left */
  int64_t present;               /* devices that are enrolled here already: nothing of them was touched */
  int64_t bound, expected, open; /* devices: their certificate is known; only its hash; nothing of it */
  int64_t unlock_tokens, bootstrap_tokens, commands, push_certificates;
  int64_t answered;      /* commands with an answer: they stay behind */
  struct js *left_out;   /* [{"path","reason"}], in the order of reading */
  int64_t left_out_more; /* beyond those in the list */
  struct js *issuers;    /* {name of the CA: devices} of the certificates */
  struct js *topics;     /* {topic: channels} that no push certificate here serves */
};

/* Inside one job, all or nothing: reads NanoMDM's filekv folder. No link below it is followed, nothing outside of it is
   opened, what is no ordinary file is left alone; what cannot be used is reported. E_NOT_FOUND, E_DENIED, E_INVALID: it
   is no such folder. */
MUST_CHECK enum err migrate_nanomdm(struct ctx *cx, struct db *db, struct core *core, const char *path,
                                    struct migrate_report *out);

#endif
