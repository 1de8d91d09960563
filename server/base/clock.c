#include "base/clock.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static _Atomic int64_t shift_us;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifdef POMONA_TEST_HOOKS
static void read_environment(void) {
  int64_t seconds;
  if (slice_to_i64(slice_of(getenv("POMONA_CLOCK_SHIFT")), &seconds)) atomic_fetch_add(&shift_us, seconds * US_SECOND);
}
#else
static void read_environment(void) {}
#endif

static int64_t read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * US_SECOND + t.tv_nsec / 1000;
}

int64_t clock_now_us(void) {
  pthread_once(&once, read_environment);
  return read_clock(CLOCK_REALTIME) + atomic_load_explicit(&shift_us, memory_order_relaxed);
}

int64_t clock_mono_us(void) { return read_clock(CLOCK_MONOTONIC); }
void clock_shift(int64_t by_us) { atomic_store(&shift_us, by_us); }

int64_t clock_days_left(int64_t at, int64_t now) {
  return at > now ? (at - now + US_DAY - 1) / US_DAY : -((now - at) / US_DAY);
}

int64_t clock_backoff(int64_t failures) {
  static const int64_t steps[] = {5 * US_MINUTE, 30 * US_MINUTE, 2 * US_HOUR, 6 * US_HOUR, US_DAY};
  int64_t last = (int64_t)(sizeof steps / sizeof *steps) - 1;
  return steps[failures <= 1 ? 0 : failures - 1 < last ? failures - 1 : last];
}
