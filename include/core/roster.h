/* The roster: the fleet in short, in memory, for lists, filters, rules of groups and requirements.

   Made of the database (what roster.def names), read when first asked for and then kept up: whoever changes something
   of a device says roster_changed in the same job; the row is read again before the next question. So the database is
   the truth and this only a way to find things fast: 100,000 devices are filtered in a few milliseconds. Who owns what:
   rows live as long as the view that they came from. Any thread. */
#ifndef POMONA_CORE_ROSTER_H
#define POMONA_CORE_ROSTER_H

#include "base/thread.h"
#include "core/core.h"
#include "lib/db.h"
#include "lib/json.h"

enum roster_type { ROSTER_TEXT, ROSTER_NUMBER, ROSTER_FLAG, ROSTER_VERSION, ROSTER_TIME };
enum roster_field {
#define FIELD(id, name, type, request, path, help) ROSTER_##id,
#include "core/roster.def"
#undef FIELD
  ROSTER_FIELDS
};
struct roster_row_of { /* a row of roster.def */
  const char *name;
  enum roster_type type;
  const char *request, *path; /* "": the server's own */
  const char *help;
};
extern const struct roster_row_of roster_fields[ROSTER_FIELDS];
const struct roster_row_of *roster_field_named(struct slice name, enum roster_field *field); /* NULL: none */

/* Empty; it is read when it is needed first. */
struct roster *roster_new(void);
void roster_free(struct roster *r);
/* The same with a thread of its own, that reads what changed before somebody asks: many devices at once, and all of
   them at the start. */
MUST_CHECK enum err roster_start(struct ctx *cx, struct roster **out, struct core *core);
void roster_quiesce(struct roster *r); /* when the server ends: who is in roster_wait is called, and its thread ends */
void roster_stop(struct roster *r);
/* Inside a job: something of this device changed, or it is gone; 0: of all of them. core->roster may be NULL. */
void roster_changed(struct db *db, struct core *core, int64_t device);
/* The same by a channel of the device. */
MUST_CHECK enum err roster_channel_changed(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment);
/* The channel was seen; of users' channels nothing is kept. Cheap. True: it is of a device that counts as former. */
bool roster_seen(struct core *core, int64_t device, int64_t enrollment, int64_t at);

/* When the device that came last did; 0: nobody knows without asking the database. Cheap, and waits for nothing. */
int64_t roster_last_seen(struct core *core);

/* ---- filters (roster_filter.c) ----

   platform=macos and (os>=14 or supervised=on) and not user="" laptop
   Fields are those of roster.def, and `group`, `app`, `profile` (is in the group; has the app or profile with this
   identifier). Operators: = != < <= > >= ~ (contains). Values: words, or "…" with \" and \\; flags on/off/unknown
   (yes/no/true/false too); a flag's name alone means on. A word alone is looked for in id, serial number, name, model,
   user, e-mail, tag and note. `and` may be left out; commas are `and` too. At most 4,000 bytes, depth 16, 100 terms. */
struct roster_filter;
/* E_INVALID names the place, what is wrong there and what is allowed. An empty text matches all. Lives with cx. */
MUST_CHECK enum err roster_filter(struct ctx *cx, struct roster_filter **out, struct slice text);
/* Without fields that change by themselves (last-seen, enrolled, inventory, verdict, compliance) and without `group`:
   what a group's rule or a requirement may be. E_INVALID names the field. */
MUST_CHECK enum err roster_filter_steady(struct ctx *cx, const struct roster_filter *f);
bool roster_filter_by_lists(const struct roster_filter *f); /* does it ask for apps or profiles? */

/* ---- asking ---- */

/* A row: 300 to 500 bytes, in one piece. */
struct roster_device {
  int64_t device, enrollment; /* their rows; enrollment: of its own channel */
  bool former;                /* another id with its serial number enrolled later */
  bool enabled;               /* its own channel is enrolled, whether it is served or not */
  _Atomic int64_t last_seen;  /* the only thing that changes in a row; 0: never */
  uint32_t size;              /* of the row in bytes */
  uint64_t known, on;         /* bits by field: there is a value; a flag is on */
  int64_t values[];           /* numbers of the known fields that are one, in their order; then where texts begin */
};
/* TEXT, and VERSION as it was told; NULL: not known. Borrowed from the view, or from the row that roster_one gave. */
const char *roster_text(const struct roster_device *d, enum roster_field f);
/* NUMBER in thousandths, FLAG 0 or 1, VERSION as platform_version, TIME; INT64_MIN: not known. */
int64_t roster_number(const struct roster_device *d, enum roster_field f);
/* Every field that is known but the id, by its name with "_" for "-": texts, booleans, numbers, times as RFC 3339. */
struct js *roster_json(struct ctx *cx, const struct roster_device *d);

/* What stands outside of the roster: members of groups, apps and profiles of devices; by modules to the right. NULL: no
   device has any. `key` is what stood behind the operator, prepared once per question. */
struct roster_sets {
  enum err (*find)(struct ctx *cx, struct db *db, struct core *core, const char *field, const char *value,
                   int64_t **devices, size_t *n); /* in ascending order; E_NOT_FOUND: there is no such group */
};
extern const struct roster_sets *roster_outside; /* set once, when the server is wired */

/* All devices at one moment, in the order of their rows. What it shows stays as it is (but for last_seen) until it is
   given back; others may look, and change, meanwhile. Look before you open rows on the reader: with some open it sees
   the past, and nothing that changed is read again. After a change of thousands at once it may be a second behind.
   The first look waits until all were read since the start, seconds for 100,000 devices (the roster's thread begins by
   itself); E_UNAVAILABLE: the server stops meanwhile. */
struct roster_view {
  const struct roster_device *const *devices;
  size_t n;
  struct roster_shot *shot; /* the roster's own */
};
MUST_CHECK enum err roster_look(struct ctx *cx, struct db *reader, struct core *core, struct roster_view *out);
/* For who must not wait in roster_look: false when nobody has to, and nothing is done. Else run is called once, on the
   roster's thread (it must not block), when the first look waits no more, whether all were read or that failed; w is
   the roster's until then. */
struct roster_wait {
  struct note note;
  void (*run)(struct roster_wait *w);
};
bool roster_wait(struct core *core, struct roster_wait *w);
void roster_unlook(struct core *core, struct roster_view *view);
/* Prepares a filter for a view (sets it names), once; E_NOT_FOUND: a group that there is not. Then match is pure. */
MUST_CHECK enum err roster_ready(struct ctx *cx, struct db *reader, struct core *core, struct roster_filter *f);
bool roster_match(const struct roster_filter *f, const struct roster_device *d, int64_t now);
/* Inside a job or on a reader's connection: one device as it is in this very transaction. *d is in cx. E_NOT_FOUND. */
MUST_CHECK enum err roster_one(struct ctx *cx, struct db *db, struct core *core, int64_t device,
                               const struct roster_device **d);

/* A page of the list. */
struct roster_query {
  const struct roster_filter *filter; /* NULL: all */
  enum roster_field sort;
  bool descending, former; /* former: also those whose serial number enrolled again */
  const char *cursor;      /* of the page before; NULL: the first */
  size_t skip, most;       /* so many rows behind the cursor are passed over: for who shows any part of a long list */
};
struct roster_page {
  const struct roster_device **devices; /* copies, in cx */
  size_t n, total;                      /* total: all that match */
  char *next;                           /* cursor; NULL: this is the last page */
};
/* A page begins behind the last row of the one before: a device whose sorted field did not change between is neither
   missed nor told twice, whatever else comes and goes. Devices that do not know the field come last. */
/* E_INVALID: a cursor that is none. */
MUST_CHECK enum err roster_list(struct ctx *cx, struct db *reader, struct core *core, const struct roster_query *q,
                                struct roster_page *out);

/* What changed of a device last (core/inventory.h), the newest first. Reader's connection. */
struct roster_change {
  int64_t at;
  char *what, *was, *is_now; /* the last two may be NULL */
};
MUST_CHECK enum err roster_changes(struct ctx *cx, struct db *db, int64_t device, int most, struct roster_change *out,
                                   size_t *n);

/* ---- what operators know of a device: its user, e-mail address, asset tag and note (roster_edit.c) ---- */

enum { ROSTER_EDITS = 4, ROSTER_IMPORT_MOST = 20000 };
extern const enum roster_field roster_edited[ROSTER_EDITS]; /* their fields, in the order of struct roster_edit */
struct roster_edit {
  int64_t device;
  const char *text[ROSTER_EDITS]; /* NULL: as it is; "": none */
};
/* E_INVALID: one is not plain text of at most 255 bytes (a note: 1,000), or the address is none. */
MUST_CHECK enum err roster_edit_check(struct ctx *cx, const struct roster_edit *e);
/* Inside a job. What is the same changes nothing. E_NOT_FOUND. */
MUST_CHECK enum err roster_edit(struct ctx *cx, struct db *db, struct core *core, const struct roster_edit *e);
/* The device with that id, or else (by_id false) with that serial number and no former one. *device stays as it is when
   there is none, or *several. Reader's connection. */
MUST_CHECK enum err roster_named(struct ctx *cx, struct db *db, const char *name, bool by_id, int64_t *device,
                                 bool *several);
/* Grows with each change of them. Reader's connection. E_NOT_FOUND. */
MUST_CHECK enum err roster_version(struct ctx *cx, struct db *db, int64_t device, int64_t *version);

/* A table (RFC 4180; with or without a byte order mark): a first line of names, `id` or `serial` and any of `user`,
   `email`, `tag`, `note`; then one device a line. A column that is not there stays as it is, an empty cell clears. */
struct roster_import {
  struct roster_edit *edits;
  size_t n;
  struct roster_mistake {
    int64_t line; /* of the text, from 1 */
    const char *text;
  } * mistakes; /* at most 100 are kept */
  size_t mistakes_n, mistakes_all;
};
/* Reader's connection. Nothing is changed. E_INVALID: it is no such table at all; lines that are wrong stand in
   mistakes. */
MUST_CHECK enum err roster_import_read(struct ctx *cx, struct db *reader, struct slice text, struct roster_import *out);

#endif
