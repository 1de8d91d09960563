/* Errors: one enumeration for all layers, made from err.def.

   Who owns what: values only. Any thread may call.
   A function that can fail returns `enum err`, marked MUST_CHECK; its outputs are defined only after OK.
   The failing site records text, file and line once, in the context: see ctx.h, FAIL(). */
#ifndef POMONA_BASE_ERR_H
#define POMONA_BASE_ERR_H

enum err {
#define ERR(name, http, slug, exit_status, text) name,
#include "base/err.def"
#undef ERR
  ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Hands an error of a callee on to the caller. */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    enum err try_err_ = (call);                                                                                        \
    if (try_err_ != OK) return try_err_;                                                                               \
  } while (0)

int err_http_status(enum err e);  /* HTTP status that tells a client of e */
const char *err_slug(enum err e); /* stable machine name, e.g. "not-found" */
int err_exit_status(enum err e);  /* exit status of a command that ends with e */
const char *err_text(enum err e); /* a safe sentence for people; static */

/* The error whose slug is `slug`, or E_INTERNAL. For clients that read an error over the wire. */
enum err err_from_slug(const char *slug);

#endif
