/* Apple's schema of payloads, as tables that tools/payload_tables.c makes from docs/apple/catalogue.json.

   Rows are found by index, and hold their names, so that the pages of the tables are shared by all who run the program.
   Index 0 of each table is none. Payloads that Apple describes in several forms (com.apple.MCX) are one type with the
   keys of all forms. Private to payload*.c and the maker of the tables. */
#ifndef POMONA_CORE_PAYLOAD_TABLE_H
#define POMONA_CORE_PAYLOAD_TABLE_H

#include "core/platform.h"
#include "lib/plist.h"

#define PAYLOAD_OPEN 1e300 /* a range without an end */

/* Where something is known. */
struct payload_support {
  struct payload_on {
    bool known, supervised;                        /* supervised: needs supervision */
    bool device, user;                             /* channels */
    bool single;                                   /* at most one payload of the type */
    char introduced[8], deprecated[8], removed[8]; /* versions; "": not, or from the beginning */
  } on[PLATFORMS];
};
struct payload_range {
  double least, most;
};
/* One key. The keys of a dictionary stand one after the other, up to a row with an empty name; an array has one row for
   all its items. "ANY" stands for every name. */
struct payload_key {
  char name[52];
  unsigned char type; /* enum pl_type; PL_NONE: any */
  bool required;
  uint16_t keys;    /* of a dictionary or array: its first in payload_keys */
  uint16_t values;  /* the first allowed one in payload_values, up to a NULL */
  uint16_t format;  /* regular expression, in payload_values */
  uint16_t kind;    /* what a text is ("url", "hostname"), in payload_values */
  uint16_t range;   /* of a number */
  uint16_t repeats; /* of how many items an array may have */
  uint16_t support;
};
struct payload_type {
  char name[48], title[56];
  uint16_t keys, support;
};

extern const struct payload_type payload_types[]; /* a row without a name ends it; no none in front */
extern const struct payload_key payload_keys[];
extern const struct payload_support payload_supports[];
extern const struct payload_range payload_ranges[];
extern const char *const payload_values[];

#endif
