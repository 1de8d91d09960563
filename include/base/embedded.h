/* Files that the build carries into the program: CMakeLists.txt turns each into a constant.
   Who owns what: static and read-only, valid for ever. Threads: any. */
#ifndef POMONA_BASE_EMBEDDED_H
#define POMONA_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
  const char *name; /* of the file, without its folder: "enroll.mobileconfig" */
  const char *text; /* its bytes, ended by a NUL that n does not count */
  size_t n;
};

/* profiles/ *.mobileconfig by name; a row whose name is NULL ends it */
extern const struct embedded embedded_profiles[];
/* profiles/templates/ *.mobileconfig in the same way: what people begin with */
extern const struct embedded embedded_templates[];

#endif
