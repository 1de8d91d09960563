/* What arguments of commands mean: a sentence for people, by the end of their path. */
#include "core/command.h"

#include <string.h>

static const struct {
  const char *key, *text;
} helps[] = {
#define HELP(key_, text_) {key_, text_},
#include "core/command_help.def"
};

static bool ends_with(const char *path, size_t n, const char *key, size_t m) {
  return m <= n && memcmp(path + n - m, key, m) == 0 && (m == n || path[n - m - 1] == '.');
}

const char *command_help(const char *path) {
  const char *text = NULL;
  size_t n = strlen(path), longest = 0;
  for (size_t i = 0; i < sizeof helps / sizeof *helps; i++) {
    size_t m = strlen(helps[i].key);
    if (m <= longest || !ends_with(path, n, helps[i].key, m)) continue;
    longest = m;
    text = helps[i].text;
  }
  return text;
}
