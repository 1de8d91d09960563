/* JSON (RFC 8259), over jansson. Before jansson sees a text it is bounded: 16 MiB, depth 64, 200 000 values, 10 000
   members of one object. Duplicate keys, NUL, invalid UTF-8 and numbers that do not fit int64_t or double are refused.

   What it holds may be a password or a token: its memory is wiped when it is given back.

   Who owns what: a root lives in cx (deferred release); nodes are borrowed. js_set and js_add take the value over; it
   stays readable through its own pointer, and may be put in several places (but never into itself). One thread at a
   time. */
#ifndef POMONA_LIB_JSON_H
#define POMONA_LIB_JSON_H

#include "base/buf.h"
#include "base/ctx.h"

struct js;

/* The root may be of any type. E_INVALID with line and column, never with a piece of the text; E_TOO_LARGE. */
MUST_CHECK enum err js_parse(struct ctx *cx, struct slice text, struct js **out);

struct js *js_get(struct js *object, const char *key); /* NULL when absent or no object */
size_t js_count(struct js *container);
struct js *js_at(struct js *array, size_t i);
/* The i-th member of an object, in the order of the text; NULL past the end. Counts from the first. */
struct js *js_member(struct js *object, size_t i, const char **key);
bool js_is_object(struct js *n);
bool js_is_array(struct js *n);
bool js_is_null(struct js *n);                          /* also for NULL */
const char *js_string(struct js *n);                    /* NULL when it is none */
const char *js_str(struct js *object, const char *key); /* the string under key, or NULL */
bool js_int(struct js *n, int64_t *out);
bool js_real(struct js *n, double *out); /* of integers too */
bool js_bool(struct js *n, bool *out);

struct js *js_object(struct ctx *cx);
struct js *js_array(struct ctx *cx);
/* A key that was set before gets the new value and keeps its place. In keys and strings, bytes that are not UTF-8 are
   replaced by U+FFFD. */
void js_set(struct js *object, const char *key, struct js *value);         /* NULL gives null */
void js_set_string(struct js *object, const char *key, const char *value); /* NULL gives null */
void js_set_int(struct js *object, const char *key, int64_t value);
void js_set_real(struct js *object, const char *key, double value); /* null when it is no finite number */
void js_set_bool(struct js *object, const char *key, bool value);
void js_set_null(struct js *object, const char *key);
void js_set_time(struct js *object, const char *key, int64_t us); /* RFC 3339; 0 gives null */
void js_add(struct js *array, struct js *value);                  /* NULL gives null */
void js_add_string(struct js *array, const char *value);

enum js_style { JS_COMPACT, JS_INDENT /* two spaces */, JS_TABS /* one tab, as NanoMDM prints */ };
/* NUL-terminated, keys in the order they were set, 15 digits of reals; the indented styles end with a line break. */
struct slice js_text(struct ctx *cx, struct js *n, enum js_style style);

#endif
