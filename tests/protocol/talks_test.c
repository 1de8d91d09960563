/* Every talk of this folder passes, on a database in memory and on disk. */
#include "talk.h"

#include "base/log.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct one {
  const char *file;
  bool on_disk;
};

static void test_talk(void **state) {
  const struct one *one = *state;
  talk_run(one->file, one->on_disk);
}

static int end_talk(void **state) {
  (void)state;
  talk_end();
  return 0;
}

/* In the environment: TALKS, only files whose name contains it; TALKS_IN, "memory" or "disk" only. */
int main(void) {
  glob_t found;
  const char *only = getenv("TALKS"), *in = getenv("TALKS_IN");
  if (glob(TALKS_FOLDER "/*.talk", 0, NULL, &found) != 0) return 1;
  struct CMUnitTest *tests = calloc(2 * found.gl_pathc, sizeof *tests);
  struct one *ones = calloc(2 * found.gl_pathc, sizeof *ones);
  size_t n = 0;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *file = found.gl_pathv[i], *name = strrchr(file, '/') + 1;
    for (int disk = 0; disk < 2; disk++) {
      if (only && !strstr(name, only)) continue;
      if (in && strcmp(in, disk ? "disk" : "memory") != 0) continue;
      char *title = malloc(strlen(name) + 32);
      sprintf(title, "talk %.*s %s", (int)(strlen(name) - strlen(".talk")), name, disk ? "on disk" : "in memory");
      ones[n] = (struct one){file, disk != 0};
      tests[n] = (struct CMUnitTest){
          .name = title, .test_func = test_talk, .teardown_func = end_talk, .initial_state = &ones[n]};
      n++;
    }
  }
  log_set(LOG_ERROR, false);
  int failed = _cmocka_run_group_tests("talks", tests, n, NULL, NULL);
  for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)tests[i].name);
  free(tests);
  free(ones);
  globfree(&found);
  return failed;
}
