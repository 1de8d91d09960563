/* Tables for people: aligned columns, nothing that a terminal would obey. */
#ifndef POMONA_APP_TABLE_H
#define POMONA_APP_TABLE_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/json.h"

#include <stdio.h>

enum { TABLE_COLUMNS = 16 };
struct table; /* in cx */

struct table *table_new(struct ctx *cx, const char *const *headers); /* NULL ends them */
void table_add(struct table *t, const char *const *cells);           /* one a column; NULL and "" show as "-" */
void table_print(const struct table *t, FILE *to);

/* How many columns of a terminal UTF-8 takes: characters, not bytes. */
size_t text_width(struct slice s);
/* A text without control characters, for a terminal. In cx. */
const char *plain(struct ctx *cx, const char *text);
/* Prints a text of some lines in lines of at most 100 columns, each after `indent` blanks. */
void print_text(struct ctx *cx, const char *text, int indent);
/* A time of the API (RFC 3339) as local time; "-" when never. In cx. */
const char *local_time(struct ctx *cx, const char *rfc3339);
/* Prints JSON, indented, with a newline. */
void print_json(struct ctx *cx, struct js *n);
/* The member `key` as text for people, whatever its type; NULL when absent or null. In cx. */
const char *member_text(struct ctx *cx, struct js *object, const char *key);

#endif
