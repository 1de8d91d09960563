/* Verdict 44: a renewal that the device answers with an error. */
#include "renewal_world.h"
#include "why_world.h"

static struct enroll_proof a;

static void a_lives(void) {
  a = enroll_one("A");
  comes(a, "A");
}

static void its_renewal_fails(void) {
  const char *command;
  must(start("A", &command));
  struct report *r = fetch(a, "A");
  struct pl *m = pl_new_dict(fx.cx), *chain = pl_new_array(fx.cx), *entry = pl_new_dict(fx.cx);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Error");
  pl_set_string(m, "CommandUUID", r->command_uuid);
  pl_set_string(entry, "ErrorDomain", "MCInstallationErrorDomain");
  pl_set_int(entry, "ErrorCode", 4008);
  pl_set_string(entry, "USEnglishDescription", "The profile could not be installed.");
  pl_add(chain, entry);
  pl_set(m, "ErrorChain", chain);
  pass(US_SECOND);
  (void)put_report_of(a, m);
}

static void it_is_begun_anew(void) {
  const char *command;
  must(in_job(resume_job, NULL));
  must(start("A", &command));
  a = renew(a, "A");
  comes(a, "A");
}

static void it_enrolls_by_a_link(void) {
  pass(US_MINUTE);
  a = enroll_one("A");
  comes(a, "A");
}

static void its_new_identity_is_never_seen(void) {
  const char *command;
  must(start("A", &command));
  struct report *r = fetch(a, "A");
  answers(a, "A", "Acknowledged", r->command_uuid);
  pass(25 * US_HOUR);
  comes(a, "A");
}

static const struct why_scenario scenarios[] = {
    {"renewal", 44, "A", NULL, NULL, a_lives, its_renewal_fails, it_is_begun_anew,
     "the device answered Error: The profile could not be installed."},
    {"renewal, enrolled anew", 44, "A", NULL, NULL, a_lives, its_renewal_fails, it_enrolls_by_a_link, "--device A"},
    {"renewal, not seen", 44, "A", NULL, NULL, a_lives, its_new_identity_is_never_seen, it_enrolls_by_a_link,
     "its new identity was never seen"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static int up(void **state) {
  void *scenario = *state; /* the worlds do not keep it */
  log_set(LOG_ERROR, false);
  if (renewal_open_world(state) != 0) return -1;
  *state = scenario;
  must(refused_start(fx.cx, &fx.core.refused, &fx.core));
  return 0;
}

static int down(void **state) {
  refused_stop(fx.core.refused);
  return renewal_close_world(state);
}

int main(void) {
  struct CMUnitTest tests[SCENARIOS];
  for (int i = 0; i < SCENARIOS; i++)
    tests[i] = (struct CMUnitTest){scenarios[i].name, play_state, up, down, (void *)(uintptr_t)&scenarios[i]};
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
