/* A notice as a message (RFC 5322, MIME: RFC 2045, 2047). */
#include "core/notice_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "lib/net_addr.h"
#include "lib/pki_crypto.h"

#include <string.h>
#include <time.h>

enum { ENCODED_BYTES = 42 /* of an encoded word, at most 75 characters in all */, LINE = 76, BASE64_LINE = 76 };

static const char *host_of(struct ctx *cx, const struct core_conf *conf) {
  struct url u;
  if (url_parse(cx, &u, conf->public_url) == OK) return u.host;
  ctx_clear_error(cx);
  return "localhost";
}

enum err notice_sender(struct ctx *cx, const struct core_conf *conf, const char **out) {
  *out = conf->mail_from ? conf->mail_from : ctx_printf(cx, "pomona@%s", host_of(cx, conf));
  if (notice_is_address(slice_of(*out))) return OK;
  return FAIL(cx, E_INVALID, "mail-from (%s) is no plain mail address like mdm@example.org", *out);
}

/* ---- headers ---- */

static bool is_ascii(const char *s) {
  for (; *s; s++)
    if ((unsigned char)*s >= 0x7f || *s < ' ') return false;
  return true;
}

/* Where a word of at most ENCODED_BYTES may end: not within a letter. */
static size_t word_end(const char *s) {
  size_t n = strlen(s);
  if (n <= ENCODED_BYTES) return n;
  for (n = ENCODED_BYTES; n > 1 && ((unsigned char)s[n] & 0xc0) == 0x80;) n--;
  return n;
}

static void add_text(struct ctx *cx, struct buf *b, const char *name, const char *text) {
  buf_printf(b, "%s: ", name);
  if (is_ascii(text)) buf_add_str(b, text);
  for (const char *p = is_ascii(text) ? "" : text; *p;) {
    size_t n = word_end(p);
    buf_printf(b, "%s=?utf-8?B?%s?=", p == text ? "" : "\r\n ", enc_base64(cx, p, n));
    p += n;
  }
  buf_add_str(b, "\r\n");
}

/* Names of days and months in English, whatever the locale. */
static void add_date(struct buf *b, int64_t at) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t s = (time_t)(at / US_SECOND);
  struct tm t;
  gmtime_r(&s, &t);
  buf_printf(b, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * (size_t)t.tm_wday, t.tm_mday,
             months + 3 * (size_t)t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* The same for every attempt, so that a mail that was sent twice shows once. */
static void add_message_id(struct ctx *cx, struct buf *b, const struct notice_delivery *d, const char *host) {
  uint8_t hash[SHA256_LEN];
  const char *what = ctx_printf(cx, "%s\n%s\n%lld\n%s", d->subject, d->step, (long long)d->created_at, d->recipient);
  pki_sha256(hash, slice_of(what));
  buf_printf(b, "Message-ID: <%s@%s>\r\n", enc_hex(cx, hash, 16), host);
}

static void add_headers(struct ctx *cx, struct buf *b, const struct core_conf *conf, const struct notice_delivery *d,
                        const char *from) {
  add_date(b, d->created_at);
  buf_printf(b, "From: pomona <%s>\r\nTo: <%s>\r\n", from, d->recipient + strlen(NOTICE_MAILTO));
  add_text(cx, b, "Subject", d->title);
  add_message_id(cx, b, d, host_of(cx, conf));
  buf_add_str(b, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
}

/* ---- bodies ---- */

/* Quoted-printable (RFC 2045 section 6.7): lines of at most 76 characters, CRLF between them. */
static void add_quoted(struct buf *b, const char *text) {
  size_t column = 0;
  for (const char *p = text; *p; p++) {
    unsigned char c = (unsigned char)*p;
    bool last = p[1] == '\0' || p[1] == '\n' || p[1] == '\r';
    if (c == '\r') continue;
    if (c == '\n') {
      buf_add_str(b, "\r\n");
      column = 0;
      continue;
    }
    bool plain = (c > ' ' && c < 0x7f && c != '=') || (c == ' ' && !last);
    if (column + (plain ? 1 : 3) >= LINE) {
      buf_add_str(b, "=\r\n");
      column = 0;
    }
    if (plain)
      buf_add_char(b, (char)c);
    else
      buf_printf(b, "=%02X", c);
    column += plain ? 1 : 3;
  }
  if (column) buf_add_str(b, "\r\n");
}

static void add_plain(struct buf *b, const char *text) {
  buf_add_str(b, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
  add_quoted(b, text);
}

/* "REQUEST" of an invitation; "PUBLISH" where it does not say. */
static const char *method_of(const char *calendar) {
  return strstr(calendar, "\nMETHOD:REQUEST") ? "REQUEST" : strstr(calendar, "\nMETHOD:CANCEL") ? "CANCEL" : "PUBLISH";
}

static void add_calendar(struct ctx *cx, struct buf *b, const char *calendar) {
  const char *text = enc_base64(cx, calendar, strlen(calendar));
  buf_printf(b,
             "Content-Type: text/calendar; charset=utf-8; method=%s; name=\"invite.ics\"\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\n",
             method_of(calendar));
  for (; *text; text += strnlen(text, BASE64_LINE)) buf_printf(b, "%.*s\r\n", BASE64_LINE, text);
}

enum err notice_message(struct ctx *cx, const struct core_conf *conf, const struct notice_delivery *d,
                        struct slice *out) {
  static const char boundary[] = "=_pomona_part"; /* neither encoding can make "=_" */
  struct buf b = {0};
  const char *from;
  TRY(notice_sender(cx, conf, &from));
  add_headers(cx, &b, conf, d, from);
  if (!d->attachment) {
    add_plain(&b, d->text);
  } else {
    buf_printf(&b, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary);
    add_plain(&b, d->text);
    buf_printf(&b, "--%s\r\n", boundary);
    add_calendar(cx, &b, d->attachment);
    buf_printf(&b, "--%s--\r\n", boundary);
  }
  *out = slice_mem(ctx_memdup(cx, b.p, b.n), b.n);
  buf_free(&b);
  return OK;
}
