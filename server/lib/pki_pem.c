#include "base/enc.h"
#include "lib/pki_int.h"
#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

/* Where `what` stands in s, or NULL. */
static const char *find(struct slice s, const char *what) {
  return s.n > 0 ? memmem(s.p, s.n, what, strlen(what)) : NULL;
}

static struct slice from(struct slice s, const char *p) { return slice_mem(p, (size_t)(s.p + s.n - p)); }

/* What stands before `until`, which is taken off as well. */
static bool take(struct slice *rest, const char *until, struct slice *piece) {
  const char *p = find(*rest, until);
  if (p == NULL) return false;
  *piece = slice_mem(rest->p, (size_t)(p - rest->p));
  *rest = from(*rest, p + strlen(until));
  return true;
}

/* Lines do not matter, so that files glued together without a newline, or written on Windows, are read as well. */
bool pki_pem_next(struct slice *rest, struct pki_pem *out) {
  struct slice skipped, end_label;
  *out = (struct pki_pem){0};
  if (!take(rest, BEGIN, &skipped)) return false;
  struct slice after = *rest;
  out->whole = take(&after, DASHES, &out->label) && take(&after, END, &out->body) && take(&after, DASHES, &end_label) &&
               slice_eq(out->label, end_label) && find(out->body, BEGIN) == NULL;
  /* After a broken block the search goes on behind its BEGIN, so that the next whole one is still found. */
  if (out->whole) *rest = after;
  return true;
}

bool pki_pem_encrypted(const struct pki_pem *b) {
  return slice_is(b->label, "ENCRYPTED PRIVATE KEY") || find(b->body, "ENCRYPTED") != NULL;
}
