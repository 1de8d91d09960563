/* The inventory: what devices answered, merged by the rows of commands.def, with a history of what changed.

   Each channel has at most one stored answer a RequestType; answers of another shape than the schema's are kept raw and
   counted, never refused. Rules: "Inventory" of docs/behaviour.md. */
#ifndef POMONA_CORE_INVENTORY_H
#define POMONA_CORE_INVENTORY_H

#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"
#include "lib/plist.h"

/* An acknowledged answer, taken apart on the thread that received it: what the schema names, bounded. Also what of it
   is secret (recovery key's CMS, bypass code), which is never stored in it. */
struct inventory_answer;
/* Which command it answers only Macs say: it is known from the members of the message. replaced: characters of it that
   did not fit (pl_wash). */
MUST_CHECK enum err inventory_read(struct ctx *cx, struct pl *message, size_t replaced, struct inventory_answer **out);
/* Inside a job: applies it to the channel; request_type is that of the command. device: the channel's device, 0 when it
   is a user's. *changed: something is other than it was. */
MUST_CHECK enum err inventory_apply(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                    int64_t device, const char *request_type, const struct inventory_answer *a,
                                    bool *changed);

/* ---- what is known (reader's connection or a job) ---- */

struct inventory_stored {
  int64_t at, changed_at; /* taken last; it was other before */
  int64_t misfits;        /* values of another shape than the schema's, kept raw under "raw" */
  struct js *answer;
};
/* E_NOT_FOUND: it was never answered. */
MUST_CHECK enum err inventory_stored(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                     struct inventory_stored *out);
/* All answers of a channel, by name, without the answers themselves (answer NULL). */
struct inventory_info {
  char *request_type;
  struct inventory_stored stored;
};
MUST_CHECK enum err inventory_list(struct ctx *cx, struct db *db, int64_t enrollment, struct inventory_info **out,
                                   size_t *n);
/* When a device was asked for all and when it answered anything last; 0: never. */
MUST_CHECK enum err inventory_times(struct ctx *cx, struct db *db, int64_t device, int64_t *asked_at,
                                    int64_t *taken_at);
/* What changed on a device, newest first: those before `before` (0: all), at most `most`. */
struct inventory_past {
  int64_t seq, at;
  char *what, *was, *now; /* was NULL: it is new; now NULL: it is gone */
};
MUST_CHECK enum err inventory_history(struct ctx *cx, struct db *db, int64_t device, int64_t before, int most,
                                      struct inventory_past **out, size_t *n);
/* Values that did not fit, in all answers of all devices. */
MUST_CHECK enum err inventory_misfits(struct ctx *cx, struct db *db, int64_t *n);

/* What is installed, packed for the plan: sorted by name, each name once. */
struct inventory_item {
  uint64_t name;    /* inventory_hash of the identifier: of a profile its PayloadIdentifier, of an app its bundle's */
  uint64_t version; /* inventory_hash: of a profile of its PayloadUUID in upper case; of an app of its ShortVersion, or
                       where it has none its Version; 0: it told none, or it is a managed app */
  uint32_t status;  /* of a managed app: enum inventory_app_status; else 0 */
};
struct inventory_items {
  int64_t at; /* 0: it was never told in this enrollment, or cannot be read */
  const struct inventory_item *items;
  size_t n;
  bool damaged; /* what is stored cannot be read: as if it had not been told, until it is told again */
};
enum inventory_kind { INVENTORY_PROFILES, INVENTORY_APPS, INVENTORY_MANAGED_APPS, INVENTORY_KINDS };
enum inventory_app_status {
  INVENTORY_APP_OTHER, /* not installed, or installed by the user */
  INVENTORY_APP_MANAGED,
  INVENTORY_APP_WORKING,
  INVENTORY_APP_WAITS_FOR_USER,
  INVENTORY_APP_FAILED,
  INVENTORY_APP_WAITS_FOR_LOGIN,
  INVENTORY_APP_WAITS_FOR_CODE,
  INVENTORY_APP_REJECTED
};
uint64_t inventory_hash(struct slice text); /* never 0 */
/* NULL: it is not among them. */
const struct inventory_item *inventory_find(const struct inventory_items *in, uint64_t name);
MUST_CHECK enum err inventory_items(struct ctx *cx, struct db *db, int64_t enrollment, enum inventory_kind kind,
                                    struct inventory_items *out);
/* The same for all channels in the order of their numbers, one after the other: the plan of a whole fleet.

     TRY(inventory_scan_open(cx, db, 1 << INVENTORY_PROFILES, &s));
     for (; s.enrollment <= wanted; inventory_scan_next(&s)) … inventory_unpack(cx, s.packed, &items) …
     TRY(inventory_scan_close(&s)); */
struct inventory_scan {
  struct db_rows rows;
  struct ctx *cx, *own; /* own: what is read lives in it */
  size_t held;          /* bytes in own */
  int64_t enrollment;   /* of the row that stands now, the first one after opening; INT64_MAX past the end */
  enum inventory_kind kind;
  int64_t at;
  struct slice packed; /* until the next one */
};
/* kinds: bits 1 << kind. Close it whatever happens. */
MUST_CHECK enum err inventory_scan_open(struct ctx *cx, struct db *db, unsigned kinds, struct inventory_scan *s);
void inventory_scan_next(struct inventory_scan *s);
MUST_CHECK enum err inventory_scan_close(struct inventory_scan *s);
/* Sets items and n; where packed is damaged there are none, at is 0 and damaged is set. */
void inventory_unpack(struct ctx *cx, struct slice packed, struct inventory_items *out);

/* Whether what a command was acknowledged for is there (an app, a package by its inline manifest, a book, an update
   that is to be installed at once), by the last inventory. plist: of the command; told: what its answer named
   (queue_told), or NULL. */
struct inventory_effect {
  int64_t at; /* of the list that tells; 0: none does, or not yet */
  bool there;
  const char *what;   /* identifier */
  const char *status; /* of a managed app ("PromptingForLogin"); NULL: it is not in the list */
};
MUST_CHECK enum err inventory_effect(struct ctx *cx, struct db *db, int64_t enrollment, struct slice plist,
                                     const char *told, struct inventory_effect *out);

/* ---- asking ---- */

/* Inside a job: asks the channel for everything that its platform tells, again if `now` or when it is older than
   half of inventory-interval; by collapse keys, so that nothing is asked twice. What its system does not know is left
   out until that is another one. The caller wakes it. */
MUST_CHECK enum err inventory_ask(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, bool now);
/* Inside a job: asks for this one list soon; if it does not come by itself it is woken a minute later. Nothing when it
   is asked again by itself because it was answered with an error, or when the device's system does not know it. When a
   list may show something else than before only who waits for it knows (plan_look_at). */
MUST_CHECK enum err inventory_ask_for(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                      const char *request_type);
/* Inside a job: the channel is in force, for the first time or in a new generation: what is installed is not known any
   more, and all is asked for. The caller wakes it. */
MUST_CHECK enum err inventory_enrolled(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment);
/* Inside a job: the device of this channel, its own, turned out to be supervised: it can tell more. */
MUST_CHECK enum err inventory_supervised(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment);
/* Inside a job: what a device answered to a question of the server: after an error it is asked again, ever later. */
struct inventory_reply {
  const char *request_type, *status;
  const char *errors; /* JSON, or NULL */
};
MUST_CHECK enum err inventory_told(struct ctx *cx, struct db *db, int64_t enrollment,
                                   const struct inventory_reply *reply);
/* Inside a job: a command of this type was acknowledged: what it changes is asked for; what it changes later, half an
   hour after, too. */
MUST_CHECK enum err inventory_acted(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment,
                                    const char *request_type);
/* Asks whose inventory is older than inventory-interval, in small batches spread over it. */
MUST_CHECK enum err inventory_chore(struct ctx *cx, struct core *core);

#endif
