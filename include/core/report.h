/* The command channel: a device is idle or reports on a command, and gets its next one.

   report_read parses on the thread that received the message; report_poll answers most idle polls there, without a
   write; everything else is report_apply, as a job. All memory is the request's cx. */
#ifndef POMONA_CORE_REPORT_H
#define POMONA_CORE_REPORT_H

#include "core/enroll.h"
#include "core/escrow.h"
#include "core/inventory.h"

struct report {
  struct core *core;
  struct enroll_proof proof;
  struct enroll_ids ids;
  struct slice body;         /* as it came */
  const char *status, *uuid; /* uuid NULL with Idle */
  bool idle;
  const char *errors;         /* JSON of the ErrorChain, or NULL */
  const char *setting_errors; /* of the first item of Settings that was not taken; NULL: all were */
  struct escrow_told secrets; /* of itself, and below: in DeviceInformation and SecurityInfo */
  struct enroll_told told;
  const char *app;                    /* identifier that it names at the top; NULL: none */
  struct inventory_answer *inventory; /* NULL: it acknowledges nothing */
  int64_t now;
  enum enroll_refusal refusal; /* not ENROLL_FINE is answered 400 */
  struct slice command;        /* the plist to hand out; p NULL: none, the session ends */
  const char *command_uuid;    /* of it, for the log */
};

/* E_INVALID. proof, core and now are the caller's to set. */
MUST_CHECK enum err report_read(struct ctx *cx, struct slice body, struct report *out);
/* *done: answered without a write; else report_apply decides. */
MUST_CHECK enum err report_poll(struct ctx *cx, struct db *reader, struct report *r, bool *done);
MUST_CHECK enum err report_apply(struct ctx *cx, struct db *db, void *report);

#endif
