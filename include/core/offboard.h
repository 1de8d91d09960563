/* Offboarding: a device leaves for good, as one act. */
#ifndef POMONA_CORE_OFFBOARD_H
#define POMONA_CORE_OFFBOARD_H

#include "core/core.h"
#include "core/enroll.h"
#include "lib/db.h"
#include "lib/json.h"

/* Inside a job: has the device remove its enrollment profile (enroll_unenroll), queues that and wakes it. */
MUST_CHECK enum err offboard_unenroll(struct ctx *cx, struct db *db, struct core *core, const char *device_id,
                                      const char *by, struct enroll_leave *out);

enum offboard_way { OFFBOARD_UNENROLL, OFFBOARD_ERASE };

/* Apple is to be asked to lift Activation Lock by one of these bypass codes, one after the other until it answers 200:
   nobody can know which of them the lock was set with (Apple, "Creating and using bypass codes"). By the caller, who
   may wait. */
enum { OFFBOARD_CODES_MOST = 5 };
struct offboard_unlock {
  const char *topic, *serial_number, *product, *imei, *meid; /* imei, meid may be NULL */
  const char *codes[OFFBOARD_CODES_MOST];                    /* the one in force, then the newest */
  size_t codes_n;                                            /* 0: nothing is to be lifted */
};

/* Inside a job: takes the device out of all static groups, revokes links made for it, queues what ends it (EraseDevice,
   with a PIN for Macs; or the removal of its enrollment profile). What an operator must note before it is gone
   (recovery key, bypass codes, PIN, passwords) is in the report, each revealed with the reason. Again: nothing more is
   done or shown, the report tells how far it is; but when what ended it has failed it is done anew. E_CONFLICT names
   what would be missing later (no bypass code of a locked device), but for `anyway`; or that it leaves the other way.
   The report is the API's: step is "waiting", "handed-over", "failed" or "done", `next` says what to do. */
struct offboard {
  const char *device_id, *by, *reason;
  enum offboard_way way;
  bool anyway;
  struct js *report;             /* out */
  struct offboard_unlock unlock; /* out */
};
MUST_CHECK enum err offboard(struct ctx *cx, struct db *db, struct core *core, struct offboard *o);
/* Inside a job: what Apple answered to it (status 0: nothing); the report is told. */
MUST_CHECK enum err offboard_unlocked(struct ctx *cx, struct db *db, const struct offboard *o, int status);
/* Reader's connection: the report of how far it is; of a device that does not leave (step "none") what would be done,
   and what is missing. */
MUST_CHECK enum err offboard_look(struct ctx *cx, struct db *db, const char *device_id, struct js **report);

#endif
