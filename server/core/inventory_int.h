/* What the parts of the inventory share. */
#ifndef POMONA_CORE_INVENTORY_INT_H
#define POMONA_CORE_INVENTORY_INT_H

#include "core/command_target.h"
#include "core/enroll.h"
#include "core/inventory.h"
#include "core/platform.h"
#include "lib/pki_crypto.h"

/* ---- what answers look like (inventory_shape.c; rows of inventory.def) ---- */

enum inventory_type {
  INVENTORY_STRING,
  INVENTORY_INTEGER,
  INVENTORY_REAL,
  INVENTORY_BOOLEAN,
  INVENTORY_DATA,
  INVENTORY_DATE,
  INVENTORY_ARRAY,
  INVENTORY_DICTIONARY,
  INVENTORY_ANY,
  INVENTORY_SECRET
};
struct inventory_shape {
  int depth; /* 0: a RequestType; its keys follow, until the next one of depth 0 */
  const char *name;
  enum inventory_type type;
};
/* The answers that are kept, one after the other: NULL gives the first; NULL after the last. */
const struct inventory_shape *inventory_shape_next(const struct inventory_shape *answer);
const struct inventory_shape *inventory_shape(const char *request_type); /* NULL: it is not kept */
/* The keys of one, one after the other: NULL gives the first; NULL after the last. */
const struct inventory_shape *inventory_shape_child(const struct inventory_shape *parent,
                                                    const struct inventory_shape *before);
/* The key of that name, "[]" for the items of an array; NULL when the schema does not say, or parent is NULL. */
const struct inventory_shape *inventory_shape_key(const struct inventory_shape *parent, const char *name);
bool inventory_is_secret(const char *key); /* wherever it stands */

/* ---- an answer as JSON (inventory_json.c) ----

   Of the message only what the shape names on top; within that also what the schema does not know yet. Data is its size
   and SHA-256. What does not fit stands under "raw" ([{"at","value"}], the first 20), lists that are too long are cut
   and stand under "truncated" ([{"at","told","kept"}]). Always an object that js_parse takes. */
enum { INVENTORY_HASHED_MOST = 64 << 10 }; /* bytes of data that are told by their SHA-256, others by their size */
struct inventory_text {
  struct slice json;
  int64_t misfits;
  bool broken; /* a key on top was missing or of another type: a list was not told */
};
void inventory_to_json(struct ctx *cx, struct pl *message, const struct inventory_shape *answer,
                       struct inventory_text *out);

/* ---- lists (inventory_list.c) ---- */

/* An answer that lists things which come and go. */
struct inventory_list {
  const char *request_type, *member;
  const char *name;       /* key of an item; NULL: member is a dictionary, and its keys are the names */
  const char *version[2]; /* keys of an item, the first that is there; or NULL */
  const char *what;       /* "profile", "app" … */
  int kind;               /* enum inventory_kind, or -1: no plan needs it */
};
const struct inventory_list *inventory_list_of(const char *request_type); /* NULL: it is none */

struct inventory_entry {
  struct inventory_item item;
  const char *name, *version; /* fit for tables; version "" when it told none */
};
struct inventory_entries { /* sorted as packed lists, each name once */
  struct inventory_entry *entries;
  size_t n;
  bool cut; /* there are more */
};
/* Of a message; E of nothing: what does not fit is left out. */
void inventory_entries_told(struct ctx *cx, struct pl *message, const struct inventory_list *list,
                            struct inventory_entries *out);
/* A line for each, name, tab, version: what the next answer is compared with. NULL: they are cut, or too long to be
   kept. And back. */
const char *inventory_entries_text(struct ctx *cx, const struct inventory_entries *in);
void inventory_entries_stored(struct ctx *cx, const char *text, struct inventory_entries *out);
/* Sorted and without repeats; the array is changed. */
struct slice inventory_pack(struct ctx *cx, const struct inventory_entries *in);

/* ---- what changed ---- */

enum { INVENTORY_CHANGES_MOST = 50 }; /* of one answer */
struct inventory_change {
  const char *what, *was, *now; /* was NULL: it is new; now NULL: it is gone */
};
struct inventory_changes {
  struct inventory_change rows[INVENTORY_CHANGES_MOST];
  size_t n, total; /* total: also those that have no room */
};
void inventory_changed(struct inventory_changes *to, const char *what, const char *was, const char *now);
/* Sorted lists against each other. */
void inventory_compare(struct ctx *cx, const struct inventory_list *list, const struct inventory_entries *was,
                       const struct inventory_entries *now, struct inventory_changes *to);

/* ---- facts (inventory_facts.c) ---- */

/* What DeviceInformation tells of the row of the device itself: X(ID, name as in roster.def, key, column). */
#define INVENTORY_OF_DEVICE(X)                                                                                         \
  X(NAME, "name", "DeviceName", device_name)                                                                           \
  X(MODEL, "model", "Model", model)                                                                                    \
  X(MODEL_NAME, "model", "ModelName", model_name)                                                                      \
  X(PRODUCT, "product", "ProductName", product_name)                                                                   \
  X(OS, "os", "OSVersion", os_version)                                                                                 \
  X(BUILD, "build", "BuildVersion", build_version)
enum inventory_column {
#define COLUMN(id, name, key, column) INVENTORY_##id,
  INVENTORY_OF_DEVICE(COLUMN)
#undef COLUMN
      INVENTORY_COLUMNS
};
struct inventory_facts {
  struct js *facts; /* of roster.def with this RequestType: {"filevault": true …}; NULL: none */
  const char *columns[INVENTORY_COLUMNS];
};
void inventory_facts_told(struct ctx *cx, struct pl *message, const char *request_type, struct inventory_facts *out);
/* Inside a job: keeps them. */
MUST_CHECK enum err inventory_facts_apply(struct ctx *cx, struct db *db, int64_t device,
                                          const struct inventory_facts *told, struct inventory_changes *changes);

/* ---- statements (inventory_sql.c) ---- */

MUST_CHECK enum err inventory_list_put(struct ctx *cx, struct db *db, int64_t enrollment, enum inventory_kind kind,
                                       int64_t at, struct slice packed);

struct inventory_row { /* of inventory_answer */
  int64_t at;          /* 0: there is none */
  int64_t changed_at, misfits;
  struct slice digest, answer;
  const char *listed; /* inventory_entries_text; NULL: none */
};
/* Without the answer itself and what it lists, which may be large. */
MUST_CHECK enum err inventory_row_find(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                       struct inventory_row *out);
MUST_CHECK enum err inventory_row_answer(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                         struct slice *answer);
MUST_CHECK enum err inventory_row_listed(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                         const char **listed);
MUST_CHECK enum err inventory_row_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                      const struct inventory_row *row);
MUST_CHECK enum err inventory_row_again(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                        int64_t at);

MUST_CHECK enum err inventory_facts_find(struct ctx *cx, struct db *db, int64_t device, char **facts);
MUST_CHECK enum err inventory_facts_put(struct ctx *cx, struct db *db, int64_t device, struct slice facts);
MUST_CHECK enum err inventory_taken(struct ctx *cx, struct db *db, int64_t device, int64_t at);
MUST_CHECK enum err inventory_columns_find(struct ctx *cx, struct db *db, int64_t device,
                                           const char *columns[INVENTORY_COLUMNS]);
MUST_CHECK enum err inventory_columns_put(struct ctx *cx, struct db *db, int64_t device,
                                          const char *const columns[INVENTORY_COLUMNS]);

/* ---- asking (inventory_ask.c) ---- */

/* Collapse keys of what is asked for the inventory begin with it. */
#define INVENTORY_KEY "pomona.inventory."
/* No question waits longer for its time: what is to be asked later than that stands there since the clock was ahead. */
#define INVENTORY_FARTHEST US_DAY

struct inventory_who {
  int64_t device, enrollment; /* enrollment 0: there is no such channel, or it is not in force */
  const char *os;             /* "18.1"; "": not known */
  /* For command_can. One of which it is not known counts as not supervised and as no Shared iPad: others answer Error
     to what is for those. */
  struct command_target can;
};
MUST_CHECK enum err inventory_who(struct ctx *cx, struct db *db, int64_t enrollment, struct inventory_who *out);
MUST_CHECK enum err inventory_forget_lists(struct ctx *cx, struct db *db, int64_t enrollment);
MUST_CHECK enum err inventory_asked(struct ctx *cx, struct db *db, int64_t device, int64_t at);
struct inventory_due {
  int64_t device, asked_at, seen;
};
/* Devices that can be reached and were asked last before then, the longest ago first. */
MUST_CHECK enum err inventory_due(struct ctx *cx, struct db *db, int64_t before, int64_t most,
                                  struct inventory_due **out, size_t *n);
MUST_CHECK enum err inventory_count(struct ctx *cx, struct db *db, int64_t *devices);

struct inventory_later {
  int64_t enrollment;
  const char *request_type;
};
MUST_CHECK enum err inventory_later_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                        int64_t at);
MUST_CHECK enum err inventory_later_due(struct ctx *cx, struct db *db, int64_t now, int64_t most,
                                        struct inventory_later **out, size_t *n);
MUST_CHECK enum err inventory_later_drop(struct ctx *cx, struct db *db, const struct inventory_later *l);

/* ---- asking again (inventory_again.c) ---- */

/* *may: the device may know the command, and, but when it is `now`, no error has it wait. */
MUST_CHECK enum err inventory_may_ask(struct ctx *cx, struct db *db, const struct inventory_who *w,
                                      const char *request_type, bool now, bool *may);

struct inventory_failed { /* times 0: there is none */
  int64_t times, next_at;
  const char *unknown_to; /* version; NULL: it knows the command */
};
MUST_CHECK enum err inventory_failed_find(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                          struct inventory_failed *out);
MUST_CHECK enum err inventory_failed_put(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type,
                                         const struct inventory_failed *f);
MUST_CHECK enum err inventory_failed_drop(struct ctx *cx, struct db *db, int64_t enrollment, const char *request_type);
/* All of a channel: it enrolled anew. */
MUST_CHECK enum err inventory_failed_forget(struct ctx *cx, struct db *db, int64_t enrollment);

/* ---- apps and changes ---- */

MUST_CHECK enum err inventory_app_add(struct ctx *cx, struct db *db, int64_t device, const char *identifier);
MUST_CHECK enum err inventory_app_drop(struct ctx *cx, struct db *db, int64_t device, const char *identifier);
MUST_CHECK enum err inventory_apps(struct ctx *cx, struct db *db, int64_t device, const char ***names, size_t *n);
MUST_CHECK enum err inventory_enrollment_id(struct ctx *cx, struct db *db, int64_t enrollment, char **id);
/* The newest are kept, so many that one device fills nothing. */
MUST_CHECK enum err inventory_change_add(struct ctx *cx, struct db *db, int64_t device, int64_t at,
                                         const struct inventory_change *c);
MUST_CHECK enum err inventory_change_bound(struct ctx *cx, struct db *db, int64_t device);

#endif
