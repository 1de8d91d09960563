/* Time. Wall time decides dates, monotonic time decides deadlines. Any thread.

   Tests shift wall time by clock_shift (in process) or by POMONA_CLOCK_SHIFT, seconds (for a binary that was built with
   POMONA_TEST_HOOKS; read once at start), so that expiry can be shown without waiting. */
#ifndef POMONA_BASE_CLOCK_H
#define POMONA_BASE_CLOCK_H

#include <stdint.h>

#define US_SECOND INT64_C(1000000)
#define US_MINUTE (60 * US_SECOND)
#define US_HOUR (60 * US_MINUTE)
#define US_DAY (24 * US_HOUR)

int64_t clock_now_us(void);  /* microseconds since 1970 UTC, shifted */
int64_t clock_mono_us(void); /* monotonic microseconds, never shifted */
/* Days from `now` to `at`, for people: begun ones count ahead, ended ones after it (negative). */
int64_t clock_days_left(int64_t at, int64_t now);
/* How long what failed so many times in a row waits until it is tried again: 5 min, 30 min, 2 h, 6 h, then a day. */
int64_t clock_backoff(int64_t failures);
void clock_shift(int64_t by_us); /* from now on, clock_now_us is `by_us` ahead of the machine's clock */

#endif
