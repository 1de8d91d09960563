#include "base/err.h"

#include <string.h>

static const struct row {
  int http, exit_status;
  const char *slug, *text;
} rows[ERR_COUNT] = {
#define ERR(name, http_, slug_, exit_, text_) [name] = {http_, exit_, slug_, text_},
#include "base/err.def"
#undef ERR
};

int err_http_status(enum err e) { return rows[e].http; }
const char *err_slug(enum err e) { return rows[e].slug; }
int err_exit_status(enum err e) { return rows[e].exit_status; }
const char *err_text(enum err e) { return rows[e].text; }

enum err err_from_slug(const char *slug) {
  for (int e = 0; slug && e < ERR_COUNT; e++)
    if (strcmp(rows[e].slug, slug) == 0) return (enum err)e;
  return E_INTERNAL;
}
