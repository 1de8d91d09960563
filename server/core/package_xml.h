/* The little XML that packages hold (table of contents, Distribution, PackageInfo), read tag by tag without keeping
   anything: no DTD, no entities but the five and numbers, names and depth bounded. Private to package*.c. */
#ifndef POMONA_CORE_PACKAGE_XML_H
#define POMONA_CORE_PACKAGE_XML_H

#include "base/buf.h"
#include "base/ctx.h"

enum { PACKAGE_XML_DEPTH = 64 };
struct package_xml {
  struct slice rest;                    /* what is to be read */
  int depth;                            /* elements that are open, the one of `tag` among them */
  struct slice open[PACKAGE_XML_DEPTH]; /* their names */
  struct slice attributes;              /* of the element that was opened last */
  struct slice text;                    /* that came before the tag, raw */
  bool closes, bad;                     /* the tag ends its element, which is still open[depth - 1] */
  bool pop, alone;
};
/* The next tag; false at the end, or when it is not well formed (bad). */
bool package_xml_next(struct package_xml *x);
/* Is the element that was just met this one, below these ones? "xar/toc/file/name"; "*" at the front stands for any. */
bool package_xml_at(const struct package_xml *x, const char *path);
/* Decoded, without white space at both ends, at most 255 bytes of plain text; NULL: there is none, or it is unfit. */
char *package_xml_attribute(struct ctx *cx, const struct package_xml *x, const char *name);
char *package_xml_text(struct ctx *cx, const struct package_xml *x);

#endif
