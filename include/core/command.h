/* Commands: what may be asked of a device, as rows of commands.def; building and checking their property lists.

   No storage here: see queue.h. Sources: Apple's published schema (docs/apple/catalogue.json). */
#ifndef POMONA_CORE_COMMAND_H
#define POMONA_CORE_COMMAND_H

#include "base/buf.h"
#include "base/ctx.h"
#include "lib/json.h"

enum command_flag {
  COMMAND_ONCE = 1,       /* delivered one time: a lost answer is not repeated by itself */
  COMMAND_JUMP = 2,       /* jumps the queue */
  COMMAND_QUERY = 4,      /* asks only */
  COMMAND_SINGLE = 8,     /* one unsettled at a time per device (DeviceLock) */
  COMMAND_WITHDRAWN = 16, /* gone from the newest schema */
  COMMAND_BARRIER = 32    /* waits until what was queued before it is settled */
};

enum command_arg_type {
  ARG_STRING,
  ARG_INTEGER,
  ARG_REAL,
  ARG_BOOLEAN,
  ARG_DATA,
  ARG_DATE,
  ARG_ARRAY,
  ARG_DICTIONARY,
  ARG_ANY
};

struct command_arg {
  const char *name;
  enum command_arg_type type;
  bool required;
};

struct command_row {
  const char *request_type;
  unsigned flags;
  int64_t expires_us;             /* default life of a queued one; 0: none */
  const struct command_arg *args; /* name NULL ends them */
};

extern const struct command_row command_rows[];                  /* request_type NULL ends them */
const struct command_row *command_row(const char *request_type); /* NULL when unknown */

/* A command as it is queued. */
struct command {
  char *uuid, *request_type;
  struct slice plist; /* the bytes that devices get */
  unsigned flags;
  int64_t expires_us;       /* life from now; 0: none */
  const char *pin;          /* that it sets on the device; NULL: none. Secret */
  const char *collapse_key; /* an unsettled one with the same key is replaced by it; NULL: none */
};

/* From a RequestType and an object of arguments (may be NULL): E_INVALID names the key that is unknown, missing or of
   another type, and what is allowed. uuid NULL makes one. */
MUST_CHECK enum err command_build(struct ctx *cx, struct command *out, const char *request_type, struct js *args,
                                  const char *uuid);
/* From a raw property list (as /v1/enqueue takes it): CommandUUID and Command/RequestType are demanded and bounded, any
   RequestType passes; the bytes are kept as they are. E_INVALID. */
MUST_CHECK enum err command_parse(struct ctx *cx, struct command *out, struct slice plist);
/* "Key=Value" words (Key.Sub=Value for nested ones, Key=@file is the caller's business) to an object, typed by the row.
 */
MUST_CHECK enum err command_args(struct ctx *cx, struct js **out, const struct command_row *row,
                                 const char *const *words, size_t n);

#endif
