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
  int line;       /* in the list, from 1; 0: of the whole, or of a binary list */
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
  char **variables;   /* names of payload_variables that stand in it, each once; NULL ends them */
  bool supervised;    /* one of its payloads needs supervision */
};
enum { PAYLOAD_FILE_MOST = 4 << 20 };
/* The whole file (XML or binary property list, or CMS around one; at most 4 MiB). An error only when this could not be
   done at all: what is wrong with the file is a finding. All in cx. */
MUST_CHECK enum err payload_check(struct ctx *cx, struct slice file, struct payload_check *out);
/* What was found, as the API and --json tell it: identifier, uuid, name, scope, platforms, types, variables,
   supervised, signed, signer, errors, findings[] of grade, id, line (null: of the whole), key, text. */
struct js *payload_json(struct ctx *cx, const struct payload_check *check);
/* Where a finding is, for people: "wifi.mobileconfig:30", or the file alone for one of the whole. file NULL: it has no
   name. */
const char *payload_place(struct ctx *cx, const char *file, int line);

/* ---- templates: profiles to begin with (payload_template.c) ---- */
struct payload_template {
  char *name;        /* "wifi" */
  char *about;       /* a sentence: the first line of its first comment */
  struct slice file; /* static */
};
/* By name; all in cx. */
void payload_templates(struct ctx *cx, struct payload_template **out, size_t *n);
/* E_NOT_FOUND. */
MUST_CHECK enum err payload_template(struct ctx *cx, const char *name, struct payload_template *out);

/* ---- variables: %Name% in texts of a profile, filled for each device ---- */
struct payload_variable {
  const char *name, *help;
  bool is_data; /* stands alone in a <string>, which filling turns into <data> */
};
/* A row without a name ends them. */
extern const struct payload_variable payload_variables[];
const struct payload_variable *payload_variable(struct slice name); /* NULL: there is none of this name */

/* Texts are read piece by piece, by the check and by who fills them. %% is a percent sign; a '%' before what begins no
   name, and %XX of web addresses, are text. */
enum payload_piece_kind {
  PAYLOAD_TEXT,
  PAYLOAD_VARIABLE,
  PAYLOAD_UNKNOWN, /* %Name% of no variable; text: the name */
  PAYLOAD_UNCLOSED /* %Name without an end; text: with its '%', to be left as it is */
};
struct payload_piece {
  enum payload_piece_kind kind;
  struct slice text;                       /* borrowed from what is read */
  const struct payload_variable *variable; /* of PAYLOAD_VARIABLE */
};
/* Takes the next piece off *rest; false when nothing is left. */
bool payload_piece(struct slice *rest, struct payload_piece *out);
/* Of a text that is no profile's, but is filled like one: E_INVALID names a variable that there is none of, or data. */
MUST_CHECK enum err payload_text_check(struct ctx *cx, struct slice text);

#endif
