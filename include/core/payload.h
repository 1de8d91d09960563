/* Configuration profiles against Apple's schema: what payload types there are, their keys, types, values, platforms.

   The tables are made from docs/apple/catalogue.json when the program is built. No storage here. */
#ifndef POMONA_CORE_PAYLOAD_H
#define POMONA_CORE_PAYLOAD_H

#include "base/ctx.h"
#include "core/platform.h"
#include "lib/json.h"
#include "lib/plist.h"

enum payload_grade { PAYLOAD_ERROR, PAYLOAD_WARNING };
struct payload_finding {
  enum payload_grade grade;
  const char *id; /* stable slug of the sentence: a row of core/payload.def */
  int line;       /* in the file, from 1; 0: of the whole, or of a binary list */
  char *key;      /* "PayloadContent[1].SSID_STR"; "" of the whole */
  char *text;     /* a sentence: what is wrong and what is allowed */
};
struct payload_check {
  struct payload_finding *findings; /* errors first, then by line */
  size_t n, errors;
  struct pl *profile;                                    /* NULL when it could not be read */
  struct slice plist;                                    /* what is inside a signed file, else the file */
  bool is_signed;                                        /* CMS */
  char *signer;                                          /* subject of who signed it; NULL */
  char *identifier, *uuid, *name, *organization, *scope; /* of the profile; scope "System" or "User"; NULL: none */
  unsigned platforms; /* bits 1 << enum platform on which all its payloads are known; 0: none */
  char **types;       /* PayloadTypes, each once; NULL ends them */
  char **variables;   /* names that stand as %Name% in it, each once; NULL ends them */
  bool supervised;    /* one of its payloads needs supervision */
};
/* The whole file (XML or binary property list, or CMS around one; at most 4 MiB). An error only when this could not be
   done at all: what is wrong with the file is a finding. All in cx. */
MUST_CHECK enum err payload_check(struct ctx *cx, struct slice file, struct payload_check *out);
/* Names that may stand as %Name% in profiles, with what they are; NULL ends them. %% is a percent sign. */
struct payload_variable {
  const char *name, *help;
};
extern const struct payload_variable payload_variables[];

#endif
