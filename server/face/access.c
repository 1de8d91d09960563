#include "face/access.h"

#include <string.h>

static const struct access_row rows[] = {
#define ACCESS(prefix, scope, look, change) {prefix, scope, look, change},
#include "face/access.def"
#undef ACCESS
};
enum { ROWS = sizeof rows / sizeof *rows };

static bool fits(const struct access_row *row, struct slice path) {
  size_t n = strlen(row->prefix);
  return slice_starts(path, row->prefix) && (path.n == n || path.p[n] == '/');
}

const struct access_row *access_row(struct slice path) {
  static const struct access_row others = {"", "", ROLE_ADMIN, ROLE_ADMIN};
  const struct access_row *found = &others;
  for (size_t i = 0; i < ROWS; i++)
    if (fits(&rows[i], path) && strlen(rows[i].prefix) > strlen(found->prefix)) found = &rows[i];
  return found;
}

static bool has_scope(const char *scopes, const char *scope, bool changes) {
  struct slice rest = slice_of(scopes), word, name;
  while (slice_cut(&rest, ' ', &word)) {
    if (!slice_cut(&word, ':', &name)) continue;
    if (slice_is(name, scope) && (!word.p || (!changes && slice_is(word, "read")))) return true;
  }
  return false;
}

/* What is each token's own business needs no scope. */
static bool in_scope(const struct actor *a, const struct access_row *row, bool changes) {
  return !a->scopes || strcmp(row->scope, "own") == 0 || has_scope(a->scopes, row->scope, changes);
}

bool access_allows(const struct actor *a, struct slice path, bool changes) {
  const struct access_row *row = access_row(path);
  return a->role >= (changes ? row->change : row->look) && in_scope(a, row, changes);
}

enum err access_check(struct ctx *cx, const struct actor *a, struct slice path, bool changes) {
  const struct access_row *row = access_row(path);
  enum role least = changes ? row->change : row->look;
  if (access_allows(a, path, changes)) return OK;
  if (a->role < least)
    return FAIL(cx, E_DENIED, "this needs the role %s; %s is %s", role_word(least), a->name, role_word(a->role));
  return FAIL(cx, E_DENIED, "this needs the scope %s%s; %s has %s", *row->scope ? row->scope : "of an unscoped token",
              *row->scope && !changes ? ":read" : "", a->name, a->scopes);
}

bool access_scope_known(struct slice word) {
  struct slice name;
  if (!slice_cut(&word, ':', &name) || (word.p && !slice_is(word, "read"))) return false;
  for (size_t i = 0; i < ROWS; i++)
    if (slice_is(name, rows[i].scope)) return strcmp(rows[i].scope, "own") != 0;
  return false;
}

char *access_scopes(struct ctx *cx) {
  char *all = ctx_strdup(cx, "");
  for (size_t i = 0; i < ROWS; i++) {
    bool first = strcmp(rows[i].scope, "own") != 0;
    for (size_t k = 0; k < i; k++) first = first && strcmp(rows[k].scope, rows[i].scope) != 0;
    if (first) all = ctx_printf(cx, "%s%s%s", all, *all ? ", " : "", rows[i].scope);
  }
  return all;
}
