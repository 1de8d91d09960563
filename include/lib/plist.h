/* Property lists: a bounding scan, then libplist; reading and building.

   Nothing reaches libplist that pl_parse has not scanned: libplist crashes on deep nesting, expands shared references of
   binary plists without end and is quadratic in entities.
   Who owns what: a struct pl root lives in cx (deferred free); nodes are borrowed from their root. One thread at a time.
   Format: XML plist (Apple's DTD 1.0) and binary plist (bplist00). */
#ifndef POMONA_LIB_PLIST_H
#define POMONA_LIB_PLIST_H

#include "base/buf.h"
#include "base/ctx.h"

struct pl; /* a node: dictionary, array, string, data, integer, real, boolean, date */

struct pl_limits {
  size_t bytes;     /* of the message */
  int depth;        /* containers in each other */
  size_t nodes;     /* values and keys; for a binary plist after expansion of shared references */
  size_t expanded;  /* bytes of all strings and data after expansion (binary) */
};
extern const struct pl_limits pl_limits_checkin; /* 1 MiB, depth 64, 20 000 nodes */
extern const struct pl_limits pl_limits_report;  /* 16 MiB, depth 64, 400 000 nodes */

/* The scan alone. E_INVALID names what is wrong: not a plist, nesting, entities, UTF-8, NUL, truncated, shared references…
   E_TOO_LARGE when a limit is passed. */
MUST_CHECK enum err pl_scan(struct ctx *cx, struct slice bytes, const struct pl_limits *lim);
/* Scan and parse. The root may be of any type. */
MUST_CHECK enum err pl_parse(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, struct pl **out);

enum pl_type { PL_NONE, PL_DICT, PL_ARRAY, PL_STRING, PL_DATA, PL_INT, PL_REAL, PL_BOOL, PL_DATE };
enum pl_type pl_type(const struct pl *n); /* PL_NONE for NULL */

struct pl *pl_get(struct pl *dict, const char *key);          /* NULL when absent or when dict is no dictionary */
size_t pl_count(struct pl *container);                        /* of an array or dictionary, else 0 */
struct pl *pl_at(struct pl *array, size_t i);
/* Calls each(key, value, arg) in the order of the dictionary. */
void pl_each(struct pl *dict, void (*each)(const char *key, struct pl *value, void *arg), void *arg);

/* Values; each gives false (and leaves *out) when the node is absent or of another type. Borrowed from the root. */
bool pl_string(struct pl *n, struct slice *out);
bool pl_data(struct pl *n, struct slice *out);
bool pl_int(struct pl *n, int64_t *out);
bool pl_bool(struct pl *n, bool *out);
bool pl_real(struct pl *n, double *out);
bool pl_date(struct pl *n, int64_t *us);                      /* microseconds since 1970 UTC */
/* Shorthand: the string under key, or NULL; NUL-terminated, borrowed. */
const char *pl_str(struct pl *dict, const char *key);

/* Building. A container is a root of its own until it is put into another one, which then owns it. */
struct pl *pl_new_dict(struct ctx *cx);
struct pl *pl_new_array(struct ctx *cx);
void pl_set_string(struct pl *dict, const char *key, const char *value); /* value valid UTF-8 */
void pl_set_data(struct pl *dict, const char *key, struct slice value);
void pl_set_int(struct pl *dict, const char *key, int64_t value);
void pl_set_bool(struct pl *dict, const char *key, bool value);
void pl_set_date(struct pl *dict, const char *key, int64_t us);
void pl_set(struct pl *dict, const char *key, struct pl *value);
void pl_add_string(struct pl *array, const char *value);
void pl_add_data(struct pl *array, struct slice value);
void pl_add(struct pl *array, struct pl *value);
struct slice pl_xml(struct ctx *cx, struct pl *root);         /* serialised, in cx */
struct slice pl_binary(struct ctx *cx, struct pl *root);

#endif
