/* What a file that was handed in turns out to be: pushcert_seen.c reads and names them, pushcert_pile.c puts
   them together. */
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

/* The file's name when it is safe to print. */
const char *pushcert_shown_name(struct ctx *cx, const char *name, const char *otherwise);

/* A row of the table of wrong files. */
struct pushcert_kind {
  const char *slug;
  bool (*is)(struct ctx *cx, const struct pushcert_seen *s);
  const char *what, *todo; /* "NAME is WHAT: what is to be done" */
};
/* The first row that fits one of the files; the last row fits any. *which: the file. */
const struct pushcert_kind *pushcert_name(struct ctx *cx, const struct pushcert_seen *seen, size_t n, size_t *which);

/* All that came in the files of an upload, each certificate once. */
enum { PUSHCERT_CERTS_MOST = 64, PUSHCERT_KEYS_MOST = 32, PUSHCERT_NOTES_MOST = 8, PUSHCERT_CHAIN_MOST = 8 };
struct pushcert_pile {
  const struct pushcert_upload *upload;
  struct pushcert_seen *seen; /* one a file */
  struct pki_cert *certs[PUSHCERT_CERTS_MOST];
  struct pki_key *keys[PUSHCERT_KEYS_MOST];
  size_t certs_n, keys_n;
  const char **notes; /* NULL-terminated */
  size_t notes_n;
};
MUST_CHECK enum err pushcert_pile(struct ctx *cx, struct pushcert_pile **out, const struct pushcert_upload *upload);
void pushcert_note(struct pushcert_pile *p, const char *text); /* borrowed; what is too much is dropped */
/* E_INVALID, naming the most telling file. */
MUST_CHECK enum err pushcert_fail_named(struct ctx *cx, const struct pushcert_pile *p);
/* The certificate, its issuer, that one's issuer …; as far as they came along. Returns how many. */
size_t pushcert_chain(const struct pushcert_pile *p, struct pki_cert *leaf,
                      struct pki_cert *chain[PUSHCERT_CHAIN_MOST]);
struct slice pushcert_chain_pem(struct ctx *cx, struct pki_cert *const *chain, size_t n);

/* The topic of an MDM push certificate; NULL: it is none. */
const char *pushcert_topic_of(struct ctx *cx, const struct pki_cert *c);

#endif
