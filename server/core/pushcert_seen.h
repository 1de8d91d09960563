/* What a file that was handed in turns out to be: pushcert_file.c reads them, pushcert_seen.c names them. */
#ifndef POMONA_CORE_PUSHCERT_SEEN_H
#define POMONA_CORE_PUSHCERT_SEEN_H

#include "core/pushcert.h"
#include "lib/pki_file.h"

#define PUSHCERT_PORTAL "https://identity.apple.com/pushcert"

struct pushcert_seen {
  const char *name;          /* safe to print; "this" when it has none */
  struct slice bytes;        /* without what it was wrapped in */
  bool base64, smime, utf16; /* it was wrapped in that */
  struct pki_file in;
};

/* Takes off what a text may be wrapped in (UTF-16, base64 or hexadecimal without more, the head of an e-mail) and reads
   what is inside. E_INVALID: damaged, or locked and why; the text names the file. */
MUST_CHECK enum err pushcert_see(struct ctx *cx, struct pushcert_seen *out, const struct pushcert_file *file,
                                 struct pki_opener *opener);

/* A row of the table of wrong files. */
struct pushcert_kind {
  const char *slug;
  bool (*is)(struct ctx *cx, const struct pushcert_seen *s);
  const char *what, *todo; /* "NAME is WHAT: TODO" */
};
/* The first row that fits one of the files; the last row fits any. *which: the file. */
const struct pushcert_kind *pushcert_name(struct ctx *cx, const struct pushcert_seen *seen, size_t n, size_t *which);

/* The topic of an MDM push certificate; NULL: it is none. */
const char *pushcert_topic_of(struct ctx *cx, const struct pki_cert *c);

#endif
