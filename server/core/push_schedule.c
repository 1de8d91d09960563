#include "core/push_int.h"

#include "base/clock.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

/* The first of them is sent 5 s after the TokenUpdate, so these are 30 s and 2 min after it. */
static const int64_t enrolled[] = {25 * US_SECOND, 90 * US_SECOND};
enum { ENROLLED = sizeof enrolled / sizeof *enrolled };

static const struct {
  const char *name;
  int64_t gap;
  bool first;
} whys[] = {
    [PUSH_ASKED] = {"asked", US_SECOND, true},
    [PUSH_COMMAND] = {"command", US_MINUTE, false},
    [PUSH_ENROLLED] = {"enrolled", 0, false},
    [PUSH_LATER] = {"later", US_MINUTE, false},
};

const char *push_why_name(enum push_why why) { return whys[why].name; }
int64_t push_gap(enum push_why why) { return whys[why].gap; }

enum push_why push_why_of(const char *name) {
  for (int i = 0; name && i < PUSH_LATER; i++)
    if (strcmp(whys[i].name, name) == 0) return (enum push_why)i;
  return PUSH_LATER;
}

bool push_why_goes_first(enum push_why why) { return whys[why].first; }

int64_t push_after(enum push_why why, int attempts, int64_t absent_us) {
  int i = attempts < 1 ? 0 : attempts - 1;
  if (why == PUSH_ENROLLED && i < ENROLLED) return enrolled[i];
  if (why == PUSH_ENROLLED) i -= ENROLLED;
  int64_t usual = clock_backoff(i + 1);
  return usual == US_DAY && absent_us > 30 * US_DAY ? 7 * US_DAY : usual;
}

int64_t push_backoff(int64_t first, int64_t most, int failures) {
  int64_t span = first;
  uint32_t chance;
  for (int i = 1; i < failures && span < most; i++) span *= 2;
  if (span > most) span = most;
  secret_random(&chance, sizeof chance);
  return span / 2 + (int64_t)((double)span * chance / UINT32_MAX);
}

int64_t push_retry(enum apns_act act, int64_t failing_us) {
  static const struct {
    int64_t least, most;
  } bounds[APNS_ACTS] = {
      [APNS_SLOW] = {US_MINUTE, US_HOUR},
      [APNS_SERVER] = {2 * US_SECOND, 10 * US_MINUTE},
      [APNS_IDLE] = {2 * US_SECOND, 10 * US_MINUTE},
      [APNS_OURS] = {US_HOUR, US_DAY},
  };
  int64_t span = failing_us;
  if (span > bounds[act].most) span = bounds[act].most;
  if (span < bounds[act].least) span = bounds[act].least;
  return push_backoff(span, span, 1);
}

/* ---- how long a device takes to come ---- */

enum { DELAYS = 20, DELAYS_LEAST = 5, DELAY = 4 };
#define USUAL_UNKNOWN (5 * US_MINUTE)

struct slice push_delays_add(struct ctx *cx, struct slice delays, int64_t delay_us) {
  uint64_t ms = delay_us < 0 ? 0 : (uint64_t)delay_us / 1000;
  uint32_t v = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
  size_t kept = delays.n / DELAY < DELAYS ? delays.n / DELAY : DELAYS - 1;
  uint8_t *p = ctx_alloc(cx, (kept + 1) * DELAY);
  if (kept) memcpy(p, delays.p + delays.n - kept * DELAY, kept * DELAY);
  for (int i = 0; i < DELAY; i++) p[kept * DELAY + (size_t)i] = (uint8_t)(v >> (8 * (DELAY - 1 - i)));
  return slice_mem(p, (kept + 1) * DELAY);
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

int64_t push_delays_usual(struct slice delays) {
  uint32_t ms[DELAYS];
  size_t n = delays.n / DELAY < DELAYS ? delays.n / DELAY : DELAYS;
  if (n < DELAYS_LEAST) return USUAL_UNKNOWN;
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = (const uint8_t *)delays.p + i * DELAY;
    ms[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
  }
  qsort(ms, n, sizeof *ms, by_size);
  return (int64_t)ms[(n * 95 + 99) / 100 - 1] * 1000;
}
