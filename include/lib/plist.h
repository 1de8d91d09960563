/* Property lists: a bounding scan, then libplist; reading and building.

   Nothing reaches libplist that pl_parse has not scanned: libplist crashes on deep nesting, expands shared references
   of binary plists without end and is quadratic in entities. Who owns what: a struct pl root lives in cx (deferred
   free); nodes are borrowed from their root. One thread at a time. Format: XML plist (Apple's DTD 1.0) and binary plist
   (bplist00).

   Stricter than Apple's parser: UTF-8 only (a byte order mark is skipped); no DTD inside, no processing instruction, no
   UID, set or null; duplicate and empty keys, integers with leading zeros, years outside 1 to 9999, faulty base64 and
   characters that XML cannot carry are refused, whichever the format: keys and strings that come out of it are UTF-8
   without NUL. Comments and CDATA are fine in and between
   strings. */
#ifndef POMONA_LIB_PLIST_H
#define POMONA_LIB_PLIST_H

#include "base/buf.h"
#include "base/ctx.h"

struct pl; /* a node: dictionary, array, string, data, integer, real, boolean, date */

struct pl_limits {
  size_t bytes;    /* of the message */
  int depth;       /* containers in each other; 64 whatever stands here */
  size_t nodes;    /* values and keys; for a binary plist after expansion of shared references */
  size_t expanded; /* bytes of all strings and data after expansion (binary) */
  uint64_t keys;   /* sum of the squares of the sizes of dictionaries: libplist's chains can be made long on purpose; 0:
                      10 million */
};
extern const struct pl_limits pl_limits_checkin; /* 1 MiB, depth 64, 20 000 nodes, one dictionary of 3 000 keys */
extern const struct pl_limits pl_limits_report;  /* 16 MiB, depth 64, 400 000 nodes, one dictionary of 12 000 keys */

/* The scan alone. E_INVALID names what is wrong and where: nesting, too many entities or keys, UTF-8, truncated…
   E_TOO_LARGE when there are too many bytes or values, shared references of a binary list counted as often as they
   stand. */
MUST_CHECK enum err pl_scan(struct ctx *cx, struct slice bytes, const struct pl_limits *lim);
/* The same, and where an XML list is wrong, from 1; 0 when it is not, or it is another kind of file. */
struct pl_where {
  int line, column;  /* column: in bytes */
  const char *twice; /* the key that stands a second time in its dictionary there, as it is written; else NULL */
};
MUST_CHECK enum err pl_scan_where(struct ctx *cx, struct slice bytes, const struct pl_limits *lim,
                                  struct pl_where *where);
/* Scan and parse. The root may be of any type. */
MUST_CHECK enum err pl_parse(struct ctx *cx, struct slice bytes, const struct pl_limits *lim, struct pl **out);

/* Where the values of an XML list that pl_parse took stand: lines[i] is the line, from 1, of the i-th value in the
   order of the text (in dictionaries: of its key), containers before what is in them. *n is 0 for a binary list. In cx.
 */
void pl_lines(struct ctx *cx, struct slice xml, int **lines, size_t *n);

/* For what must be heard although it is no XML: CFPropertyList writes control characters into its XML, and devices tell
   names that hold them. A copy in which characters that XML cannot carry, bytes that are not UTF-8 and references to
   such characters are question marks (U+FFFD where it is as long), as are empty keys; *replaced of them. A binary list
   stays as it is. */
struct slice pl_wash(struct ctx *cx, struct slice bytes, size_t *replaced);

enum pl_type { PL_NONE, PL_DICT, PL_ARRAY, PL_STRING, PL_DATA, PL_INT, PL_REAL, PL_BOOL, PL_DATE };
enum pl_type pl_type(const struct pl *n); /* PL_NONE for NULL */

struct pl *pl_get(struct pl *dict, const char *key); /* NULL when absent or when dict is no dictionary */
size_t pl_count(struct pl *container);               /* of an array or dictionary, else 0 */
struct pl *pl_at(struct pl *array, size_t i);
/* Calls each(key, value, arg) in the order of the dictionary. The key lives with cx. */
void pl_each(struct pl *dict, void (*each)(const char *key, struct pl *value, void *arg), void *arg);

/* Values; each gives false (and leaves *out) when the node is absent or of another type. Borrowed from the root. */
bool pl_string(struct pl *n, struct slice *out);
bool pl_data(struct pl *n, struct slice *out);
bool pl_int(struct pl *n, int64_t *out); /* false too when it does not fit */
bool pl_bool(struct pl *n, bool *out);
bool pl_real(struct pl *n, double *out);
bool pl_date(struct pl *n, int64_t *us); /* microseconds since 1970 UTC */
/* Shorthand: the string under key, or NULL; NUL-terminated, borrowed. */
const char *pl_str(struct pl *dict, const char *key);

/* Building. A container is a root of its own until it is put into another one, which then owns it; it can still be
   filled through its pointer. A node that belongs to another root already is copied. Setting a key again frees the old
   value. In keys and strings, what XML cannot carry (control characters, bytes that are not UTF-8) becomes U+FFFD;
   whoever must refuse such text checks it first. Keys are not empty. Dates are kept within the years 1 to 9999; XML
   shows whole seconds. */
bool pl_carries(const char *text); /* as it is: nothing of it becomes U+FFFD */
struct pl *pl_new_dict(struct ctx *cx);
struct pl *pl_new_array(struct ctx *cx);
void pl_set_string(struct pl *dict, const char *key, const char *value);
void pl_set_data(struct pl *dict, const char *key, struct slice value);
void pl_set_int(struct pl *dict, const char *key, int64_t value);
void pl_set_bool(struct pl *dict, const char *key, bool value);
void pl_set_real(struct pl *dict, const char *key, double value);
void pl_set_date(struct pl *dict, const char *key, int64_t us);
void pl_set(struct pl *dict, const char *key, struct pl *value);
void pl_add_string(struct pl *array, const char *value);
void pl_add_data(struct pl *array, struct slice value);
void pl_add_int(struct pl *array, int64_t value);
void pl_add_bool(struct pl *array, bool value);
void pl_add_real(struct pl *array, double value);
void pl_add_date(struct pl *array, int64_t us);
void pl_add(struct pl *array, struct pl *value);
/* Serialised, in cx, NUL-terminated; root may be any node. */
/* Empties every string and data under one of these keys, at any depth. How many; names: NULL ends them. */
size_t pl_blank(struct pl *root, const char *const *names);
struct slice pl_xml(struct ctx *cx, struct pl *root);
struct slice pl_binary(struct ctx *cx, struct pl *root); /* for what we built: chosen texts can make this slow */

#endif
