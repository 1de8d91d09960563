/* A mixed fleet: which kinds of devices there are, and how many of each. */
#include "app/lab_device.h"

enum { STRIDE = 37 }; /* has no divisor in common with 100: each hundred devices holds every share */

static const struct kind {
  int of_100;
  const char *platform;
  bool user_enrollment;
  int users;
} kinds[] = {
    {28, "macos", false, 1},      {2, "macos", false, 0}, {28, "ios", false, 0},    {12, "ipados", false, 0},
    {8, "shared-ipad", false, 2}, {6, "tvos", false, 0},  {4, "watchos", false, 0}, {4, "visionos", false, 0},
    {5, "ios", true, 0},          {3, "macos", true, 1},
};

static const struct kind *kind_at(size_t i) {
  int at = (int)(i % 100 * STRIDE % 100);
  const struct kind *k = kinds;
  for (; at >= k->of_100; k++) at -= k->of_100;
  return k;
}

struct lab_device *lab_mixed_device(size_t i) {
  const struct kind *k = kind_at(i);
  struct lab_device *d = lab_device_new(lab_platform(k->platform), NULL, NULL, (int64_t)i + 1);
  if (k->user_enrollment) lab_device_enroll_for_user(d);
  for (int n = 0; n < k->users; n++) lab_device_add_user(d);
  d->supervised = !k->user_enrollment;
  d->proof = i % 2 ? LAB_PROOF_SIGNATURE : LAB_PROOF_MTLS;
  return d;
}
