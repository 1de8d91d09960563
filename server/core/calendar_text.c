/* iCalendar as RFC 5545 wants it: CRLF, lines of at most 75 octets that cut no character, escaped texts. */
#include "core/calendar_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/notice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_MOST = 75 };
#define PORTAL "https://identity.apple.com/pushcert"

/* ---- lines ---- */

/* A line that goes on begins with a blank, which counts. */
static void add_line(struct buf *b, const char *line) {
  size_t n = strlen(line), room = LINE_MOST;
  while (n > room) {
    size_t cut = room;
    while (cut && ((unsigned char)line[cut] & 0xc0) == 0x80) cut--;
    buf_add(b, line, cut);
    buf_add_str(b, "\r\n ");
    line += cut;
    n -= cut;
    room = LINE_MOST - 1;
  }
  buf_add(b, line, n);
  buf_add_str(b, "\r\n");
}

static void add(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct buf *b, const char *fmt, ...) {
  struct buf line = {0};
  va_list ap;
  va_start(ap, fmt);
  buf_vprintf(&line, fmt, ap);
  va_end(ap);
  add_line(b, line.p);
  buf_free(&line);
}

/* What is not UTF-8 must not break the file: its bytes show as question marks. */
static char fit(unsigned char c, bool valid) {
  if (c < 0x20 || c == 0x7f) return ' ';
  return valid || c < 0x80 ? (char)c : '?';
}

/* TEXT (3.3.11). */
static char *text(struct ctx *cx, const char *s) {
  bool valid = utf8_valid(slice_of(s));
  struct buf b = {0};
  for (; *s; s++) {
    if (strchr("\\;,", *s)) buf_add_char(&b, '\\');
    if (*s == '\n')
      buf_add_str(&b, "\\n");
    else
      buf_add_char(&b, fit((unsigned char)*s, valid));
  }
  char *out = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return out;
}

/* A quoted value of a parameter: RFC 6868 has a way for the quotes in it. */
static char *quoted(struct ctx *cx, const char *s) {
  bool valid = utf8_valid(slice_of(s));
  struct buf b = {0};
  buf_add_char(&b, '"');
  for (; *s; s++) {
    if (*s == '"')
      buf_add_str(&b, "^'");
    else if (*s == '^')
      buf_add_str(&b, "^^");
    else
      buf_add_char(&b, fit((unsigned char)*s, valid));
  }
  buf_add_char(&b, '"');
  char *out = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return out;
}

static struct tm utc(int64_t us) {
  time_t s = (time_t)(us / US_SECOND);
  struct tm tm;
  gmtime_r(&s, &tm);
  return tm;
}

static char *stamp(struct ctx *cx, int64_t us) {
  char out[32];
  struct tm tm = utc(us);
  strftime(out, sizeof out, "%Y%m%dT%H%M%SZ", &tm);
  return ctx_strdup(cx, out);
}

/* ---- events ---- */

/* What is of a day is the whole day, wherever it is read; what ends at an instant is that instant. */
static void add_start(struct ctx *cx, struct buf *b, int64_t at) {
  char day[16];
  struct tm tm = utc(at);
  strftime(day, sizeof day, "%Y%m%d", &tm);
  if (at % US_DAY == 0) {
    add(b, "DTSTART;VALUE=DATE:%s", day);
    return;
  }
  add(b, "DTSTART:%s", stamp(cx, at));
  add(b, "DURATION:PT15M");
}

static void add_alarms(struct ctx *cx, struct buf *b, const struct calendar_event *e) {
  static const int days[] = {60, 30, 14, 7, 3, 1};
  for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
    add(b, "BEGIN:VALARM");
    add(b, "ACTION:DISPLAY");
    add(b, "TRIGGER:-P%dD", days[i]);
    add(b, "DESCRIPTION:%s", text(cx, ctx_printf(cx, "In %d day%s: %s", days[i], days[i] == 1 ? "" : "s", e->summary)));
    add(b, "END:VALARM");
  }
}

static void add_people(struct ctx *cx, struct buf *b, const char *organizer, const char *attendees) {
  struct js *all;
  if (!organizer || js_parse(cx, slice_of(attendees), &all) != OK || js_count(all) == 0) return;
  add(b, "ORGANIZER;CN=\"pomona\":mailto:%s", organizer);
  for (size_t i = 0; i < js_count(all); i++) {
    const char *name = js_str(js_at(all, i), "name"), *email = js_str(js_at(all, i), "email");
    add(b, "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;CN=%s:mailto:%s",
        quoted(cx, name ? name : email), email);
  }
}

static void add_event(struct ctx *cx, struct buf *b, const struct calendar_form *form, const struct calendar_event *e) {
  add(b, "BEGIN:VEVENT");
  add(b, "UID:%s", e->uid);
  add(b, "DTSTAMP:%s", stamp(cx, e->changed_at));
  add(b, "LAST-MODIFIED:%s", stamp(cx, e->changed_at));
  add(b, "SEQUENCE:%" PRId64, e->sequence);
  add_start(cx, b, e->at);
  add(b, "SUMMARY:%s", text(cx, e->summary));
  add(b, "DESCRIPTION:%s", text(cx, e->text));
  add(b, "STATUS:%s", e->cancelled ? "CANCELLED" : "CONFIRMED");
  add(b, "TRANSP:TRANSPARENT");
  if (e->topic) add(b, "URL:" PORTAL);
  add_people(cx, b, form->organizer, e->attendees);
  if (!e->cancelled) add_alarms(cx, b, e);
  add(b, "END:VEVENT");
}

struct slice calendar_render(struct ctx *cx, const struct calendar_form *form, const struct calendar_event *events,
                             size_t n) {
  static const char *const methods[] = {[CALENDAR_REQUEST] = "REQUEST", [CALENDAR_CANCEL] = "CANCEL"};
  struct buf b = {0};
  add(&b, "BEGIN:VCALENDAR");
  add(&b, "VERSION:2.0");
  add(&b, "PRODID:-//pomona//guardian//EN");
  add(&b, "CALSCALE:GREGORIAN");
  if (form->method) add(&b, "METHOD:%s", methods[form->method]);
  if (form->name) {
    add(&b, "NAME:%s", text(cx, form->name));
    add(&b, "X-WR-CALNAME:%s", text(cx, form->name));
    add(&b, "REFRESH-INTERVAL;VALUE=DURATION:PT12H");
    add(&b, "X-PUBLISHED-TTL:PT12H");
  }
  for (size_t i = 0; i < n; i++) add_event(cx, &b, form, &events[i]);
  add(&b, "END:VCALENDAR");
  struct slice out = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return out;
}
