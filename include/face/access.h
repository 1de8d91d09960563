/* Who may ask what: the table of access.def. Any thread. */
#ifndef POMONA_FACE_ACCESS_H
#define POMONA_FACE_ACCESS_H

#include "core/account.h"

struct access_row {
  const char *prefix, *scope;
  enum role look, change;
};
/* Of a path, or of the pattern of a route. None that fits: a row for admins alone, of scope "". */
const struct access_row *access_row(struct slice path);
/* E_DENIED says what is needed. */
MUST_CHECK enum err access_check(struct ctx *cx, const struct actor *a, struct slice path, bool changes);
bool access_allows(const struct actor *a, struct slice path, bool changes); /* the same as a question */
/* "devices", "devices:read". */
bool access_scope_known(struct slice word);
char *access_scopes(struct ctx *cx); /* all of them, "accounts, commands, …" */

#endif
