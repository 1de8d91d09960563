/* Who may use the admin listener: for now one administrator, by the token in DATA/admin.token or the setting api-key.
 */
#ifndef POMONA_CORE_ACCOUNT_H
#define POMONA_CORE_ACCOUNT_H

#include "core/core.h"

#define ACCOUNT_TOKEN_FILE "admin.token"

/* Makes DATA/admin.token (mode 0600) when it is absent. */
MUST_CHECK enum err account_prepare(struct ctx *cx, const char *data);
/* E_UNAUTHORIZED when token is neither. Constant time. *who: a name for the record ("admin", "api-key"); static. */
MUST_CHECK enum err account_check(struct ctx *cx, const struct core *core, struct slice token, const char **who);

#endif
