/* Which topic is meant, and its planned renewals: each so long, or on a day of each year. */
#include "base/clock.h"
#include "core/pushcert.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SETTLED_BEFORE_D = 30 }; /* an import so long before the day is the renewal that was planned for it */

static bool leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

bool pushcert_plan_day(const char *text) {
  static const int most[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t month, day;
  if (strlen(text) != 5 || text[2] != '-' || strspn(text, "0123456789-") != 5) return false;
  if (!slice_to_i64(slice_mem(text, 2), &month) || !slice_to_i64(slice_mem(text + 3, 2), &day)) return false;
  return month >= 1 && month <= 12 && day >= 1 && day <= most[month - 1];
}

/* Its beginning, UTC. */
static int64_t day_of(const char *on, int year) {
  int64_t month = 0, day = 0;
  (void)slice_to_i64(slice_mem(on, 2), &month);
  (void)slice_to_i64(slice_mem(on + 3, 2), &day);
  if (month == 2 && day == 29 && !leap(year)) day = 28;
  struct tm tm = {.tm_year = year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day};
  return (int64_t)timegm(&tm) * US_SECOND;
}

static int64_t next_day(const char *on, int64_t after) {
  time_t s = (time_t)(after / US_SECOND);
  struct tm tm;
  gmtime_r(&s, &tm);
  int64_t at = day_of(on, tm.tm_year + 1900);
  return at > after ? at : day_of(on, tm.tm_year + 1901);
}

int64_t pushcert_plan_next(const struct pushcert_record *r, const struct pushcert *in_use) {
  int64_t at = 0;
  if (r->plan_every_us) at = in_use->imported_at + r->plan_every_us;
  if (!at && r->plan_on) at = next_day(r->plan_on, in_use->imported_at + SETTLED_BEFORE_D * US_DAY);
  return at < in_use->not_after ? at : in_use->not_after;
}

enum err pushcert_topic_meant(struct ctx *cx, struct db *db, const char *named, const char **out) {
  struct pushcert *all, one;
  size_t n, in_use = 0;
  *out = named;
  if (named) return pushcert_find(cx, db, named, &one);
  TRY(pushcert_list(cx, db, &all, &n));
  for (size_t i = 0; i < n; i++)
    if (!all[i].superseded_at) *out = all[i].topic, in_use++;
  if (!in_use) return FAIL(cx, E_NOT_FOUND, "there is no push certificate yet: `pomona pushcert import FILE…`");
  return in_use == 1 ? OK
                     : FAIL(cx, E_INVALID, "there are push certificates of %zu topics: say which (--topic)", in_use);
}
