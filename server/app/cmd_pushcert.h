/* What the commands about push certificates share. */
#ifndef POMONA_APP_CMD_PUSHCERT_H
#define POMONA_APP_CMD_PUSHCERT_H

#include "app/client.h"

/* "  name          text", wrapped; nothing when text is NULL or empty. */
void pushcert_field(struct ctx *cx, const char *name, const char *text);
/* Everything about one certificate as the API tells it: cmd_pushcert_show.c. */
void pushcert_print(struct ctx *cx, struct js *o);
/* ?topic= and other words of a query; "" when none is asked for. */
const char *pushcert_query(struct ctx *cx, const struct args *a, const char *const *options);
/* Asks on the terminal who stands behind the topic, and records it: cmd_pushcert_record.c. */
MUST_CHECK enum err pushcert_ask_record(struct ctx *cx, struct client *c, const char *topic);

#endif
