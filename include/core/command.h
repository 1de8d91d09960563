/* Commands: what may be asked of a device, as rows of commands.def; building and checking their property lists.

   No storage here: see queue.h. Sources: Apple's published schema (docs/apple/catalogue.json). */
#ifndef POMONA_CORE_COMMAND_H
#define POMONA_CORE_COMMAND_H

#include "base/buf.h"
#include "base/ctx.h"
#include "core/escrow.h"
#include "core/platform.h"
#include "lib/json.h"

enum command_flag {
  COMMAND_ONCE = 1,        /* delivered one time: a lost answer is not repeated by itself */
  COMMAND_JUMP = 2,        /* jumps the queue */
  COMMAND_QUERY = 4,       /* asks only */
  COMMAND_SINGLE = 8,      /* one unsettled at a time per device (DeviceLock) */
  COMMAND_WITHDRAWN = 16,  /* gone from the schema of OS 27: "<= 26" */
  COMMAND_BARRIER = 32,    /* waits until what was queued before it is settled */
  COMMAND_DANGEROUS = 64,  /* an operator must say yes to it */
  COMMAND_EARLY = 128,     /* acknowledged before it is done */
  COMMAND_NO_GROUP = 1024, /* ends the management, or is the server's own business: no group sends it to all */
  COMMAND_PARTIAL = 256,   /* of a built one, never of a row: its arguments narrow the answer to a part of the whole */
  COMMAND_OWN = 512        /* of a built one, never of a row: a question of the server itself; the last settled one of
                              its collapse key is kept, and only its failure is an event */
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

/* What a platform asks for, beyond its version and an access right. On iOS the channels are those of Shared iPads:
   other iPads and iPhones have none but the device's. */
enum command_limit {
  ONLY_SUPERVISED = 1,
  ONLY_ADE = 2,        /* enrolled by Automated Device Enrollment */
  NEVER_UE = 4,        /* not in a User Enrollment */
  ONLY_DEVICE = 8,     /* on the device channel only */
  ONLY_USER = 16,      /* on user channels only */
  ONLY_SHARED = 32,    /* on Shared iPads only */
  NEVER_SHARED = 64,   /* not on Shared iPads */
  IGNORED_SHARED = 128 /* Shared iPads take no notice of it */
};

enum command_platforms { /* bits of enum platform */
                         ON_IOS = 1 << PLATFORM_IOS,
                         ON_MACOS = 1 << PLATFORM_MACOS,
                         ON_TVOS = 1 << PLATFORM_TVOS,
                         ON_VISIONOS = 1 << PLATFORM_VISIONOS,
                         ON_WATCHOS = 1 << PLATFORM_WATCHOS,
                         ON_ALL = (1 << PLATFORMS) - 1
};

/* On one platform. Versions are as Apple writes them ("17.0"); NULL: not said. */
struct command_support {
  const char *introduced, *deprecated, *removed;
  unsigned right;  /* bit of AccessRights; 0: none */
  unsigned limits; /* enum command_limit */
};

/* A key of a command, of a dictionary in it; or an element of an array, or a value of a string. */
struct command_arg {
  const char *name; /* NULL ends them; "" of an element of any kind; of a CASE what its member Item says */
  enum command_arg_type type;
  bool required;   /* of an element: at least one of them */
  bool six_digits; /* and nothing else */
  bool narrows;    /* the answer is only a part then */
  bool withdrawn;  /* gone from the schema of OS 27 */
  unsigned except; /* platforms that do not know it, of those that know what holds it */
  unsigned right, limits;
  const char *preset;        /* the value when it is absent; NULL: not said */
  const char *const *values; /* the only ones, NULL ends them; NULL: any */
  const struct command_arg
      *args; /* of a dictionary its keys, of an array its elements, of a string its values; NULL: any */
  struct command_support on[PLATFORMS]; /* what differs from what holds it */
};

/* What of the answer is inventory. */
enum command_answer {
  ANSWER_NONE,
  ANSWER_MERGE, /* a dictionary, merged into what is known */
  ANSWER_LIST   /* an array, or a dictionary by identifiers, that takes the place of the former one */
};

struct command_row {
  const char *request_type;
  unsigned flags;
  int64_t expires_us; /* default life of a queued one; 0: none */
  const char *what;   /* what it does, for people */
  enum command_answer answer;
  const char *member;                   /* of the answer that holds it; NULL with ANSWER_MERGE: the whole answer */
  const struct command_arg *args;       /* name NULL ends them; NULL: none */
  struct command_support on[PLATFORMS]; /* introduced NULL: that platform does not know it */
};

extern const struct command_row command_rows[];                  /* request_type NULL ends them */
const struct command_row *command_row(const char *request_type); /* NULL when unknown */

/* What an argument means, of its path ("EraseDevice.PIN": names only, elements of arrays left out); NULL: not said.
   command_help.def */
const char *command_help(const char *path);
const char *command_type_name(enum command_arg_type type); /* "string", "integer" … */
/* *s: what holds the key asks for on the platform; becomes what the key does. False: the platform does not know it. */
bool command_narrow(struct command_support *s, const struct command_arg *key, enum platform p);
/* An access right in words: "erase devices"; and limits: the one of that bit, "supervised", "not-user-enrollment" … */
const char *command_right_text(unsigned right);
const char *command_limit_name(unsigned limit);

/* What flags mean, for people; name NULL ends them. */
struct command_flag_row {
  unsigned flag;
  const char *name, *text;
};
extern const struct command_flag_row command_flags[];
/* What a key, or a command, asks for on every platform that knows it. */
struct command_reach {
  unsigned known; /* bits of platforms */
  struct command_support on[PLATFORMS];
};
struct command_reach command_reach_of_row(const struct command_row *row);
struct command_reach command_reach_of_key(const struct command_reach *up, const struct command_arg *a);
bool command_same_reach(const struct command_reach *a, const struct command_reach *b);
/* {"request_type","what","dangerous" and the other flags,"life_seconds","answer","platforms","arguments":[{"name",
   "help","type","required","default","format","one_of","platforms","arguments" …}]} */
struct js *command_row_json(struct ctx *cx, const struct command_row *row);

/* A command as it is queued. */
struct command {
  char *uuid, *request_type;
  struct slice plist; /* the bytes that devices get */
  unsigned flags;
  int64_t expires_us; /* life from now; 0: none */
  const char *secret; /* PIN or password that it sets on the device; NULL: none. Wiped with cx */
  enum escrow_kind secret_kind;
  bool allows_activation_lock; /* only for a device whose bypass code is in escrow */
  const char *collapse_key;    /* an unsettled one with the same key is replaced by it; NULL: none */
};

/* From a RequestType and an object of arguments (may be NULL): E_INVALID names the key that is unknown, missing or of
   another type or value by its path ("Settings[0].Enabled"), and what is allowed. Data is base64 text, a time RFC 3339;
   where no row says what is meant, {"$data": "base64"} and {"$date": "RFC 3339"}. uuid NULL makes one. */
MUST_CHECK enum err command_build(struct ctx *cx, struct command *out, const char *request_type, struct js *args,
                                  const char *uuid);
/* From a raw property list (as /v1/enqueue takes it): CommandUUID and Command/RequestType are demanded and bounded, any
   RequestType passes; the bytes are kept as they are. E_INVALID. */
MUST_CHECK enum err command_parse(struct ctx *cx, struct command *out, struct slice plist);
/* The same property list for people: PINs, passwords and tokens in it are blanked out. */
MUST_CHECK enum err command_shown(struct ctx *cx, struct slice plist, struct slice *out);
/* "Key=Value" words to an object, typed by the row: Key.Sub=Value into a dictionary, Key[0]=Value and Key[0].Sub=Value
   into an array (so do Key=a,b and a Key that is repeated), "[…]" and "{…}" are JSON where the row has arrays and
   dictionaries. Key=@file is the caller's business. E_USAGE. */
MUST_CHECK enum err command_args(struct ctx *cx, struct js **out, const struct command_row *row,
                                 const char *const *words, size_t n);
/* What such a key is; NULL when there is none. */
const struct command_arg *command_arg_at(const struct command_row *row, struct slice key);

#endif
