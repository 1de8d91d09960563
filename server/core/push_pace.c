/* The pace: wake-rate as a bucket, and less than it while devices are answered slowly. */
#include "core/push_int.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

enum { NS_SECOND = 1000000000, FLOOR = 10 };
#define SLOW (US_SECOND / 2)
#define QUICK (US_SECOND / 4)

/* ---- the bucket ---- */

bool push_pace_take(struct push_pace *p, int64_t rate, int64_t mono_us) {
  int64_t now = mono_us * 1000;
  if (rate <= 0) return true;
  if (p->paid_ns > now + NS_SECOND / 10) return false;
  if (p->paid_ns < now) p->paid_ns = now;
  p->paid_ns += NS_SECOND / rate;
  return true;
}

int64_t push_pace_at(const struct push_pace *p, int64_t rate) {
  return rate <= 0 ? 0 : (p->paid_ns - NS_SECOND / 10) / 1000 + 1;
}

/* ---- how long devices wait ---- */

/* Upper ends of the steps; what takes longer is counted in the last one. */
static const int64_t ends[LATENCY_STEPS] = {US_SECOND / 20, US_SECOND / 10, QUICK,         SLOW,
                                            US_SECOND,      2 * US_SECOND,  4 * US_SECOND, 8 * US_SECOND};

void push_felt(struct core *core, int64_t us) {
  size_t i = 0;
  while (i + 1 < LATENCY_STEPS && us > ends[i]) i++;
  atomic_fetch_add_explicit(&core->latencies[i], 1, memory_order_relaxed);
}

int64_t push_latency_take(struct core *core) {
  int64_t n[LATENCY_STEPS], all = 0, slowest = 0;
  for (size_t i = 0; i < LATENCY_STEPS; i++) all += n[i] = atomic_exchange(&core->latencies[i], 0);
  for (size_t i = LATENCY_STEPS; all && i-- > 0;)
    if ((slowest += n[i]) * 10 >= all) return ends[i];
  return 0;
}

void push_rate_adapt(struct push_rate *r, int64_t most, int64_t latency_us, int64_t mono_us) {
  int64_t least = most < FLOOR ? most : FLOOR;
  if (r->now == r->most || r->now > most) r->now = most; /* wake-rate was changed, or this is the first time */
  r->most = most;
  r->latency_us = latency_us;
  if (latency_us > SLOW && mono_us >= r->halved_at + 2 * US_SECOND) {
    r->now = r->now / 2 > least ? r->now / 2 : least;
    r->halved_at = mono_us;
  } else if (latency_us <= QUICK && r->now < most) {
    int64_t more = r->now + (most + 9) / 10;
    r->now = more < most ? more : most;
  }
}
