/* Web addresses, hosts and e-mail addresses. */
#include "core/payload_int.h"

#include <string.h>

/* Apple's schema names the kind of a few texts; these are known besides. NULL: in any type of payload. */
static const struct {
  const char *type, *key, *kind;
} kinds[] = {
    {NULL, "EmailAddress", "email"},
    {NULL, "ProxyServer", "hostname"},
    {NULL, "ProxyPACURL", "url"},
    {"com.apple.mail.managed", "IncomingMailServerHostName", "hostname"},
    {"com.apple.mail.managed", "OutgoingMailServerHostName", "hostname"},
    {"com.apple.eas.account", "Host", "hostname"},
    {"com.apple.ews.account", "Host", "hostname"},
    {"com.apple.caldav.account", "CalDAVHostName", "hostname"},
    {"com.apple.carddav.account", "CardDAVHostName", "hostname"},
    {"com.apple.ldap.account", "LDAPAccountHostName", "hostname"},
    {"com.apple.vpn.managed", "RemoteAddress", "hostname"},
    {"com.apple.security.scep", "URL", "url"},
    {"com.apple.security.acme", "DirectoryURL", "https"},
    {"com.apple.dnsSettings.managed", "ServerURL", "https"},
};

const char *payload_kind(const char *type, const char *key) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].key, key) == 0 && (!kinds[i].type || strcmp(kinds[i].type, type) == 0)) return kinds[i].kind;
  return NULL;
}

static bool only(struct slice s, const char *others) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.p[i], small = (char)(c | 0x20);
    bool ok = (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
    if (!ok && !(c && strchr(others, c))) return false;
  }
  return s.n > 0;
}

static bool host_ok(struct slice s) {
  if (slice_starts(s, "[") && slice_ends(s, "]")) return only(slice_mem(s.p + 1, s.n - 2), ":.");
  bool address = s.n > 0 && memchr(s.p, ':', s.n); /* IPv6 */
  return s.n <= 253 && only(s, address ? ":." : "-._") && s.p[0] != '.' && s.p[0] != '-';
}

/* Of http:// and https:// the host is looked at; other schemes (tel:, an app's) lead anywhere but to a script. */
static bool url_ok(struct slice s) {
  const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
  bool web = slice_istarts(s, "http://") || slice_istarts(s, "https://");
  if (!colon || colon + 1 == s.p + s.n || memchr(s.p, ' ', s.n) || !text_is_plain(s)) return false;
  if (!web) return only(slice_mem(s.p, (size_t)(colon - s.p)), "+-.") && !slice_istarts(s, "javascript:");
  struct slice rest = slice_mem(colon + 3, s.n - (size_t)(colon + 3 - s.p)), host, port = {0};
  size_t end = 0;
  while (end < rest.n && !strchr("/?#", rest.p[end])) end++;
  host = rest = slice_mem(rest.p, end);
  const char *mark = host.n && *host.p != '[' ? memchr(host.p, ':', host.n) : NULL;
  if (mark) {
    host.n = (size_t)(mark - host.p);
    port = slice_mem(mark + 1, rest.n - host.n - 1);
  }
  int64_t number = 1;
  return host_ok(host) && (!port.p || (slice_to_i64(port, &number) && number > 0 && number < 65536));
}

static bool email_ok(struct slice s) {
  const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
  if (!at || at == s.p || memchr(s.p, ' ', s.n)) return false;
  return text_is_plain(s) && host_ok(slice_mem(at + 1, s.n - (size_t)(at + 1 - s.p)));
}

bool payload_kind_ok(const char *kind, struct slice text) {
  if (strcmp(kind, "hostname") == 0) return host_ok(text);
  if (strcmp(kind, "email") == 0) return email_ok(text);
  if (strcmp(kind, "https") == 0) return slice_istarts(text, "https://") && url_ok(text);
  return url_ok(text);
}
