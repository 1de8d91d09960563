/* The ways out: name, TCP and TLS to Apple, the mail server. No database here: these run beside each other. */
#include "core/doctor_int.h"

#include "base/clock.h"
#include "lib/net_proxy.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char open_ports[] =
    "Allow TCP 443 or 2197 from this server to 17.0.0.0/8 (Apple's addresses), or set `proxy`.";

static const char inspected[] = "Exempt *.push.apple.com from TLS inspection: Apple demands our client certificate.";

void check_dns(struct check *c) {
  const struct shared *s = c->shared;
  const char *proxy = core_conf(c->doctor->core)->push_proxy;
  struct addr a;
  if (!s->apns_known) {
    found(c, DOCTOR_FAIL, "apns-url is no URL.", "Set it back: https://api.push.apple.com:443");
    return;
  }
  enum err e = addr_resolve_within(c->cx, &a, s->apns.host, s->apns.port, NET_S * US_SECOND, &c->doctor->core->ending);
  if (e == OK)
    found(c, DOCTOR_OK, ctx_printf(c->cx, "%s is %s.", s->apns.host, addr_host(c->cx, &a)), NULL);
  else
    found(c, proxy ? DOCTOR_WARN : DOCTOR_FAIL,
          ctx_printf(c->cx, "%s is not found: %s.%s", s->apns.host, ctx_error_text(c->cx),
                     proxy ? " The proxy may know it." : " No device can be woken."),
          "Mend the DNS of this machine or container (/etc/resolv.conf).");
  ctx_clear_error(c->cx);
}

/* ---- the ways to APNs ---- */

static const char *remedy(struct check *c, const struct push_probe *p, bool by_proxy) {
  switch (p->trouble) {
  case PUSH_ISSUER:
  case PUSH_HTTP2:
    return inspected;
  case PUSH_PROXY:
    return p->proxy_status == 407 ? "Give the proxy's user and password in `proxy` (http://USER:PASSWORD@HOST:PORT)."
                                  : "Let the proxy CONNECT to *.push.apple.com on 443 and 2197.";
  case PUSH_NAME:
    return by_proxy ? "Mend the name in `proxy`, or the DNS of this machine." : "Mend the DNS of this machine.";
  default:
    return c->shared->is_apple ? open_ports : "apns-url is not Apple's: start what listens there, or set it back.";
  }
}

/* *open: it leads to APNs. */
static void try_way(struct check *c, const struct core_conf *conf, int port, bool needed, bool *open) {
  const char *name = ctx_printf(c->cx, "APNs %d %s", port, conf->push_proxy ? "by proxy" : "directly");
  struct core core = {.store = NULL};
  struct push_probe p;
  struct slice none = {0};
  atomic_store(&core.conf, conf);
  enum err e = push_probe(c->cx, &core, NULL, none, none, port, NET_S * US_SECOND, &p);
  *open = e == OK && p.trouble == PUSH_UP;
  if (e != OK)
    found_as(c, name, DOCTOR_FAIL, ctx_printf(c->cx, "It cannot be tried: %s.", ctx_error_text(c->cx)),
             "Mend apns-url, apns-ca or proxy.");
  else if (*open && c->shared->is_apple && !strstr(p.issuer, "Apple"))
    found_as(c, name, DOCTOR_FAIL,
             ctx_printf(c->cx,
                        "The certificate there is by %s, not by Apple: something opens TLS on the way, and our client "
                        "certificate does not get through it.",
                        p.issuer),
             inspected);
  else if (*open)
    found_as(c, name, DOCTOR_OK,
             ctx_printf(c->cx, "The way is open%s%s.", p.issuer[0] ? "; its certificate is by " : "", p.issuer), NULL);
  else
    found_as(c, name, needed ? DOCTOR_FAIL : DOCTOR_WARN,
             ctx_printf(c->cx, "%s.%s", p.text, needed ? " Wake-ups wait until the way is open." : ""),
             remedy(c, &p, conf->push_proxy));
  ctx_clear_error(c->cx);
}

static bool way_open(const struct check *c) {
  for (size_t i = 0; i < c->n; i++)
    if (c->lines[i].status == DOCTOR_OK) return true;
  return false;
}

/* One way that is open is enough; that others are shut is then no more than worth a word. */
static void soften(struct check *c) {
  for (size_t i = 0; way_open(c) && i < c->n; i++)
    if (c->lines[i].status == DOCTOR_FAIL) c->lines[i].status = DOCTOR_WARN;
}

/* The proxy, where there is one, is the way that is used. */
static void by_proxy(struct check *c, const struct core_conf *conf, int port) {
  struct core_conf direct = *conf;
  bool open;
  direct.push_proxy = NULL;
  try_way(c, conf, port, true, &open);
  bool works = open;
  size_t first = c->n;
  try_way(c, &direct, port, false, &open);
  for (size_t i = first; works && i < c->n; i++)
    if (c->lines[i].status != DOCTOR_OK) c->lines[i].status = DOCTOR_SKIP; /* not needed */
}

void check_apns_ways(struct check *c) {
  static const int apple[] = {443, 2197};
  const struct core_conf *conf = core_conf(c->doctor->core);
  bool open;
  if (!c->shared->apns_known) {
    found(c, DOCTOR_SKIP, "apns-url is no URL.", NULL);
    return;
  }
  if (!c->shared->is_apple)
    found(c, DOCTOR_WARN,
          ctx_printf(c->cx, "apns-url is %s, which is not Apple's: no real device is woken by it.", conf->apns_url),
          "Set it back for real devices: https://api.push.apple.com:443");
  size_t before = c->n;
  if (conf->push_proxy) {
    by_proxy(c, conf, c->shared->apns.port);
    return;
  }
  if (!c->shared->is_apple) {
    try_way(c, conf, c->shared->apns.port, true, &open);
    return;
  }
  for (size_t i = 0; i < sizeof apple / sizeof *apple; i++)
    try_way(c, conf, apple[i], apple[i] == c->shared->apns.port, &open);
  /* The engine keeps to the port of apns-url. */
  if (c->lines[before + (c->shared->apns.port == apple[1])].status != DOCTOR_OK && way_open(c))
    found(c, DOCTOR_FAIL, "The other port is open.", "Set apns-url to that port.");
  else
    soften(c);
}

void check_probes(struct check *c) {
  struct shared *s = c->shared;
  for (size_t i = 0; i < s->certs_n; i++) {
    struct probed_cert *p = &s->certs[i];
    if (!p->key_pem.p || !s->apns_known) continue;
    enum err e = push_probe(c->cx, c->doctor->core, p->topic, p->cert_pem, p->key_pem, 0, NET_S * US_SECOND, &p->said);
    p->asked = e == OK;
    if (e != OK)
      found(c, DOCTOR_FAIL, ctx_printf(c->cx, "%s cannot be asked about: %s.", p->topic, ctx_error_text(c->cx)), NULL);
    else if (p->said.proof == PUSH_PROVEN)
      found(c, DOCTOR_OK, ctx_printf(c->cx, "%s: %s.", p->topic, p->said.text), NULL);
    else if (p->said.proof == PUSH_PROOF_REFUSED)
      found(c, DOCTOR_FAIL, ctx_printf(c->cx, "%s: %s. No device of this topic can be woken.", p->topic, p->said.text),
            "Look at its row in Apple's portal: if it shows a later date, download and import that certificate; if it "
            "was revoked, `pomona pushcert move` plans the way out.");
    else
      found(c, DOCTOR_SKIP, ctx_printf(c->cx, "%s: %s.", p->topic, p->said.text), NULL);
    ctx_clear_error(c->cx);
  }
  if (c->n == 0) found(c, DOCTOR_SKIP, "There is no certificate to ask about.", NULL);
}

/* ---- the mail server ---- */

static enum err await_connection(struct ctx *cx, int fd, const struct addr *a) {
  int error = 0;
  socklen_t n = sizeof error;
  if (connect(fd, (const struct sockaddr *)&a->ss, a->n) == 0) return OK;
  if (errno != EINPROGRESS) return FAIL(cx, E_UNREACHABLE, "%s", strerror(errno));
  if (poll(&(struct pollfd){fd, POLLOUT, 0}, 1, NET_S * 1000) != 1) return FAIL(cx, E_TIMEOUT, "no answer in time");
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) error = errno;
  return error ? FAIL(cx, E_UNREACHABLE, "%s", strerror(error)) : OK;
}

static enum err reach(struct check *c, const char *text) {
  struct url url;
  struct addr a;
  TRY(url_parse(c->cx, &url, text));
  TRY(addr_resolve_within(c->cx, &a, url.host, url.port, NET_S * US_SECOND, &c->doctor->core->ending));
  int fd = socket(a.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return FAIL(c->cx, E_UNREACHABLE, "%s", strerror(errno));
  enum err e = await_connection(c->cx, fd, &a);
  close(fd);
  return e;
}

/* The URL may hold a password: only its host is shown. */
static const char *host_of(struct check *c, const char *text) {
  const char *at = strrchr(text, '@'), *from = at ? at + 1 : strstr(text, "://");
  return from ? ctx_strdup(c->cx, at ? from : from + 3) : "it";
}

static const char *without_user(struct check *c, const char *text) {
  const char *end = strstr(text, "://"), *at = strrchr(text, '@');
  return end && at ? ctx_printf(c->cx, "%.*s%s", (int)(end + 3 - text), text, at + 1) : text;
}

void check_smtp(struct check *c) {
  const char *url = core_conf(c->doctor->core)->smtp_url;
  if (!url) {
    found(c, DOCTOR_SKIP, "No smtp-url is set.", NULL);
    return;
  }
  if (reach(c, without_user(c, url)) == OK)
    found(c, DOCTOR_OK, ctx_printf(c->cx, "%s can be reached.", host_of(c, url)), NULL);
  else
    found(c, DOCTOR_FAIL,
          ctx_printf(c->cx, "%s cannot be reached: %s. No notice is mailed.", host_of(c, url), ctx_error_text(c->cx)),
          "Mend smtp-url or the way to it.");
  ctx_clear_error(c->cx);
}
