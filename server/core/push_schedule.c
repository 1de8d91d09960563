#include "core/push_int.h"

#include "base/clock.h"
#include "base/secret.h"

#include <string.h>

/* Spans from one push to the next; the last one repeats. */
static const int64_t usual[] = {5 * US_MINUTE, 30 * US_MINUTE, 2 * US_HOUR, 6 * US_HOUR, US_DAY};
/* The first of them is sent 5 s after the TokenUpdate, so these are 30 s and 2 min after it. */
static const int64_t enrolled[] = {25 * US_SECOND, 90 * US_SECOND};
enum { USUAL = sizeof usual / sizeof *usual, ENROLLED = sizeof enrolled / sizeof *enrolled };

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

bool push_why_goes_first(const char *name) { return whys[push_why_of(name)].first; }

int64_t push_after(enum push_why why, int attempts, int64_t absent_us) {
  int i = attempts < 1 ? 0 : attempts - 1;
  if (why == PUSH_ENROLLED && i < ENROLLED) return enrolled[i];
  if (why == PUSH_ENROLLED) i -= ENROLLED;
  if (i < USUAL - 1) return usual[i];
  return absent_us > 30 * US_DAY ? 7 * US_DAY : usual[USUAL - 1];
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

/* ---- pace ---- */

enum { NS_SECOND = 1000000000 };

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
