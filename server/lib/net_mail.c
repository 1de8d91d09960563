/* Mail by SMTP, over libcurl. */
#include "lib/net_mail.h"
#include "base/clock.h"
#include "lib/net_http_int.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_US (30 * US_SECOND)
#define FAREWELL_US (2 * US_SECOND) /* libcurl waits for the answer to QUIT, too */

struct sending {
  const struct net_mail *m;
  size_t sent;
  int64_t timeout_us, until; /* until: monotonic, with the farewell */
  char refusal[256];         /* the server's last line that begins with 4 or 5 */
};

static size_t on_read(char *to, size_t one, size_t n, void *arg) {
  struct sending *s = arg;
  size_t left = s->m->message.n - s->sent;
  n = one * n < left ? one * n : left;
  if (n) memcpy(to, s->m->message.p + s->sent, n);
  s->sent += n;
  return n;
}

static size_t on_line(char *p, size_t one, size_t n, void *arg) {
  struct sending *s = arg;
  struct slice line = slice_trim(slice_mem(p, one * n));
  if (!slice_starts(line, "4") && !slice_starts(line, "5")) return one * n;
  snprintf(s->refusal, sizeof s->refusal, "%.*s", (int)(line.n < 200 ? line.n : 200), line.p);
  for (char *c = s->refusal; *c; c++)
    if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f) *c = '?';
  return one * n;
}

static int on_progress(void *arg, curl_off_t dl_all, curl_off_t dl, curl_off_t ul_all, curl_off_t ul) {
  const struct sending *s = arg;
  (void)dl_all, (void)dl, (void)ul_all, (void)ul;
  /* true ends the transfer */
  return clock_mono_us() > s->until || (s->m->stop && atomic_load(s->m->stop));
}

/* Has the URL a name or a password? E_USAGE when it is no URL of a mail server. */
static enum err look_at_url(struct ctx *cx, const char *url, bool *password) {
  char *user = NULL;
  CURLU *u = curl_url();
  bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
            (slice_istarts(slice_of(url), "smtp://") || slice_istarts(slice_of(url), "smtps://"));
  *password = ok && curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;
  curl_free(user);
  curl_url_cleanup(u);
  return ok ? OK : FAIL(cx, E_USAGE, "smtp-url is no smtps://HOST[:PORT] or smtp://HOST[:PORT] address");
}

static void set_up(CURL *curl, struct sending *s, bool password, struct curl_slist *to) {
  const struct net_mail *m = s->m;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_URL, m->url);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(s->timeout_us / 1000) + 1);
  /* The farewell is said while the callback below can still end it, not when nobody looks any more. */
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(password ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (m->ca_file) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, m->ca_file);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, m->from);
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, s);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->message.n);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_line);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, s);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a name look-up that hangs is left to itself */
}

static const struct {
  CURLcode code;
  enum err e;
  const char *what;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, E_UNREACHABLE, "the mail server's name cannot be found"},
    {CURLE_COULDNT_CONNECT, E_UNREACHABLE, "the mail server cannot be reached"},
    {CURLE_WEIRD_SERVER_REPLY, E_UNREACHABLE, "what answers does not speak SMTP, or refuses everybody"},
    {CURLE_SSL_CONNECT_ERROR, E_UNREACHABLE, "TLS with the mail server failed (smtps:// is for port 465)"},
    {CURLE_PEER_FAILED_VERIFICATION, E_UNREACHABLE, "the mail server's TLS certificate is not accepted (see smtp-ca)"},
    {CURLE_SSL_CACERT_BADFILE, E_USAGE, "the file smtp-ca cannot be read"},
    {CURLE_USE_SSL_FAILED, E_REFUSED, "the mail server offers no STARTTLS, and no password is sent without it"},
    {CURLE_LOGIN_DENIED, E_DENIED, "the mail server does not accept the name and password of smtp-url"},
    {CURLE_OPERATION_TIMEDOUT, E_TIMEOUT, "the mail server did not answer in time"},
    {CURLE_ABORTED_BY_CALLBACK, E_GONE, "the mail server is not asked any more"},
};

static enum err failure(struct ctx *cx, CURLcode rc, const struct sending *s, const char *detail) {
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
    if (failures[i].code == rc)
      return FAIL(cx, failures[i].e, "%s: %s", failures[i].what, *detail ? detail : curl_easy_strerror(rc));
  if (s->refusal[0]) return FAIL(cx, E_REFUSED, "the mail server refused it: %s", s->refusal);
  return FAIL(cx, E_UNREACHABLE, "the mail was not sent: %s", *detail ? detail : curl_easy_strerror(rc));
}

enum err net_mail_send(struct ctx *cx, const struct net_mail *m) {
  char detail[CURL_ERROR_SIZE] = "";
  struct sending s = {.m = m, .timeout_us = m->timeout_us ? m->timeout_us : TIMEOUT_US};
  bool password;
  nh_set_up();
  TRY(look_at_url(cx, m->url, &password));
  CURL *curl = curl_easy_init();
  struct curl_slist *to = curl_slist_append(NULL, m->to);
  if (!curl || !to) {
    curl_easy_cleanup(curl);
    curl_slist_free_all(to);
    return FAIL(cx, E_INTERNAL, "the mail client cannot be set up");
  }
  s.until = clock_mono_us() + s.timeout_us + FAREWELL_US;
  set_up(curl, &s, password, to);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  CURLcode rc = curl_easy_perform(curl);
  enum err e = rc == CURLE_OK ? OK : failure(cx, rc, &s, detail);
  curl_easy_cleanup(curl);
  curl_slist_free_all(to);
  return e;
}
