#include "base/clock.h"
#include "lib/net_addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Goal: texts that are not a numeric address with a port are refused. */
static void refuses_bad_addresses(void **state) {
  (void)state;
  static const char *bad[] = {
      "",         "127.0.0.1",     "127.0.0.1:",    "127.0.0.1:x",   "127.0.0.1:65536", "127.0.0.1:-1",
      "[::1]",    "[::1:80",       "[::1]80",       "::1:80",        "localhost:80",    "[127.0.0.1]:80",
      "1.2.3:80", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:+80", "[]:80",           "127.0.0.1:000080"};
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct addr a;
    if (addr_parse(cx, &a, bad[i]) != E_INVALID) fail_msg("\"%s\" was taken", bad[i]);
  }
  ctx_free(cx);
}

/* Goal: URLs that a client could misread are refused, and their text, which may hold a token, is not repeated. */
static void refuses_bad_urls(void **state) {
  (void)state;
  static const char *bad[] = {"",
                              "example.org",
                              "ftp://example.org/",
                              "://example.org",
                              "https://",
                              "https:///path",
                              "https://user:secret@example.org/",
                              "https://exa mple.org/",
                              "https://example.org:0/",
                              "https://example.org:99999/",
                              "https://example.org:/",
                              "https://[::1/",
                              "https://[1.2.3.4]/",
                              "https://example.org/a b",
                              "https://example.org/a#b",
                              "https://example.org/a\nb",
                              "https://example.org?q=1",
                              "https://exämple.org/"};
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct url u;
    if (url_parse(cx, &u, bad[i]) != E_INVALID) fail_msg("\"%s\" was taken", bad[i]);
    assert_null(strstr(ctx_error_text(cx), "secret"));
    ctx_clear_error(cx);
  }
  ctx_free(cx);
}

/* Goal: an address that cannot be bound tells why. */
static void tells_why_it_cannot_listen(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  int fd = -1, second = -1;
  struct addr a;
  assert_int_equal(addr_listen(cx, &fd, &a, "127.0.0.1:0"), OK);
  assert_int_equal(addr_listen(cx, &second, &a, addr_text(cx, &a)), E_UNREACHABLE);
  assert_non_null(strstr(ctx_error_text(cx), "127.0.0.1:"));
  assert_int_equal(second, -1);
  close(fd);
  ctx_free(cx);
}

/* Goal: addresses survive parsing and printing, IPv4-mapped ones as IPv4. */
static void prints_what_it_parsed(void **state) {
  (void)state;
  static const struct {
    const char *in, *out, *host;
    int port;
    bool loopback, any;
  } rows[] = {
      {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", 80, true, false},
      {"127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", 1, true, false},
      {"0.0.0.0:65535", "0.0.0.0:65535", "0.0.0.0", 65535, false, true},
      {"192.0.2.7:443", "192.0.2.7:443", "192.0.2.7", 443, false, false},
      {"[::1]:80", "[::1]:80", "::1", 80, true, false},
      {"[::]:0", "[::]:0", "::", 0, false, true},
      {"[2001:DB8::1]:443", "[2001:db8::1]:443", "2001:db8::1", 443, false, false},
      {"[::ffff:127.0.0.1]:5", "127.0.0.1:5", "127.0.0.1", 5, true, false},
  };
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct addr a;
    assert_int_equal(addr_parse(cx, &a, rows[i].in), OK);
    assert_string_equal(addr_text(cx, &a), rows[i].out);
    assert_string_equal(addr_host(cx, &a), rows[i].host);
    assert_int_equal(addr_port(&a), rows[i].port);
    assert_int_equal(addr_is_loopback(&a), rows[i].loopback);
    assert_int_equal(addr_is_any(&a), rows[i].any);
  }
  ctx_free(cx);
}

/* Goal: port 0 gives a real port, and "[::]" takes IPv4 as well. */
static void listens_for_both_families(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  int fd = -1;
  struct addr bound, to;
  assert_int_equal(addr_listen(cx, &fd, &bound, "[::]:0"), OK);
  assert_true(addr_port(&bound) > 0);
  assert_int_equal(addr_parse(cx, &to, ctx_printf(cx, "127.0.0.1:%d", addr_port(&bound))), OK);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(c, (struct sockaddr *)&to.ss, to.n), 0);
  close(c);
  close(fd);
  ctx_free(cx);
}

/* Goal: a numeric host resolves to itself; a name that cannot exist is E_UNREACHABLE. */
static void resolves(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct addr a;
  assert_int_equal(addr_resolve(cx, &a, "127.0.0.1", 2197), OK);
  assert_string_equal(addr_text(cx, &a), "127.0.0.1:2197");
  assert_int_equal(addr_resolve(cx, &a, "no such name", 1), E_UNREACHABLE);
  ctx_free(cx);
}

/* Goal: a look-up with a deadline gives the same, and none is begun when it is all over. */
static void resolves_within(void **state) {
  (void)state;
  struct ctx *cx = ctx_new();
  struct addr a;
  atomic_bool stop = true;
  assert_int_equal(addr_resolve_within(cx, &a, "127.0.0.1", 1, US_MINUTE, &stop), E_GONE);
  ctx_clear_error(cx);
  atomic_store(&stop, false);
  assert_int_equal(addr_resolve_within(cx, &a, "no such name", 1, US_MINUTE, &stop), E_UNREACHABLE);
  assert_non_null(strstr(ctx_error_text(cx), "no such name"));
  assert_int_equal(addr_resolve_within(cx, &a, "127.0.0.1", 2197, US_MINUTE, NULL), OK);
  assert_string_equal(addr_text(cx, &a), "127.0.0.1:2197");
  ctx_free(cx);
}

/* Goal: URLs are taken apart, with the scheme's port and "/" filled in. */
static void takes_urls_apart(void **state) {
  (void)state;
  static const struct {
    const char *in, *scheme, *host, *path;
    int port;
  } rows[] = {
      {"https://mdm.example.org", "https", "mdm.example.org", "/", 443},
      {"HTTP://MDM.example.org/a/b?c=d", "http", "mdm.example.org", "/a/b?c=d", 80},
      {"https://[2001:db8::1]:8443/x", "https", "2001:db8::1", "/x", 8443},
      {"https://127.0.0.1:1/", "https", "127.0.0.1", "/", 1},
      {"smtp://mail", "smtp", "mail", "/", 587},
      {"smtps://mail/", "smtps", "mail", "/", 465},
  };
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct url u;
    assert_int_equal(url_parse(cx, &u, rows[i].in), OK);
    assert_string_equal(u.scheme, rows[i].scheme);
    assert_string_equal(u.host, rows[i].host);
    assert_string_equal(u.path, rows[i].path);
    assert_int_equal(u.port, rows[i].port);
  }
  ctx_free(cx);
}

static struct addr_ranges ranges(struct ctx *cx, const char *text) {
  struct addr_ranges r;
  if (addr_ranges_parse(cx, &r, slice_of(text)) != OK) fail_msg("%s", ctx_error_text(cx));
  return r;
}

/* Goal: lists of networks with anything but networks in them are refused. */
static void refuses_bad_networks(void **state) {
  (void)state;
  static const char *bad[] = {",",           "10.0.0.0/8,", "10.0.0.0/33", "10.0.0/8", "::/129",         "10.0.0.0/-1",
                              "10.0.0.0/8x", "proxy",       "10.0.0.0/",   "[::1]/8",  "1.2.3.4 5.6.7.8"};
  struct ctx *cx = ctx_new();
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct addr_ranges r;
    if (addr_ranges_parse(cx, &r, slice_of(bad[i])) != E_INVALID) fail_msg("\"%s\" was taken", bad[i]);
    ctx_clear_error(cx);
  }
  ctx_free(cx);
}

/* Goal: an address lies in a list when it lies in one of its networks, IPv4-mapped ones as IPv4. */
static void knows_its_networks(void **state) {
  (void)state;
  static const struct {
    const char *host;
    bool in;
  } rows[] = {{"10.1.2.3", true},     {"11.0.0.0", false},        {"192.0.2.7", true},  {"192.0.2.8", false},
              {"2001:db8::1", true},  {"2001:db9::1", false},     {"172.31.9.9", true}, {"172.32.0.1", false},
              {"::1", false},         {"::ffff:10.9.9.9", true},  {"not one", false},   {"", false},
              {"10.1.2.3:80", false}, {"::ffff:11.9.9.9", false}, {"10.1.2.3 ", false}};
  struct ctx *cx = ctx_new();
  struct addr_ranges r = ranges(cx, "10.0.0.0/8, 192.0.2.7,2001:db8::/32, 172.16.0.0/12");
  assert_int_equal(r.n, 4);
  for (size_t i = 0; i < COUNT(rows); i++)
    if (addr_ranges_have(&r, rows[i].host) != rows[i].in) fail_msg("%s", rows[i].host);
  assert_false(addr_ranges_have(NULL, "10.1.2.3"));
  ctx_free(cx);
}

/* Goal: X-Forwarded-For counts from proxies only, and from its right end; what cannot be read there leaves the peer. */
static void finds_where_a_request_came_from(void **state) {
  (void)state;
  static const struct {
    const char *peer, *first, *second, *want;
  } rows[] = {
      {"203.0.113.9", "192.0.2.1", NULL, "203.0.113.9"}, /* no proxy */
      {"10.0.0.1", NULL, NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1", NULL, "192.0.2.1"},
      {"10.0.0.1", "198.51.100.66, 192.0.2.1", NULL, "192.0.2.1"}, /* what the client claims stands to the left */
      {"10.0.0.1", "192.0.2.1, 10.0.0.2,10.0.0.3", NULL, "192.0.2.1"},
      {"10.0.0.1", "192.0.2.1", "10.0.0.2", "192.0.2.1"},
      {"10.0.0.1", "198.51.100.66", "192.0.2.1", "192.0.2.1"},
      {"10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3"}, /* a device inside */
      {"10.0.0.1", "garbage", NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1, unknown", NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1, unknown, 10.0.0.2", NULL, "10.0.0.1"},
      {"10.0.0.1", "garbage, 192.0.2.1", NULL, "192.0.2.1"},
      {"10.0.0.1", "", NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1,", NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1:4711", NULL, "192.0.2.1"},
      {"10.0.0.1", "[2001:DB8::5]:4711", NULL, "2001:db8::5"},
      {"10.0.0.1", "[2001:db8::5]", NULL, "2001:db8::5"},
      {"10.0.0.1", "2001:db8::5", NULL, "2001:db8::5"},
      {"10.0.0.1", "::ffff:192.0.2.1", NULL, "192.0.2.1"},
      {"10.0.0.1", "[192.0.2.1", NULL, "10.0.0.1"},
      {"10.0.0.1", "[2001:db8::5]x", NULL, "10.0.0.1"},
      {"10.0.0.1", "192.0.2.1; for=x", NULL, "10.0.0.1"},
      {"10.0.0.1", "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222", NULL, "10.0.0.1"},
  };
  struct ctx *cx = ctx_new();
  struct addr_ranges proxies = ranges(cx, "10.0.0.0/8");
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct slice lines[] = {slice_of(rows[i].first), slice_of(rows[i].second)};
    size_t n = rows[i].second ? 2 : rows[i].first ? 1 : 0;
    const char *got = addr_forwarded(cx, &proxies, rows[i].peer, lines, n);
    if (strcmp(got, rows[i].want) != 0) fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
    assert_string_equal(addr_forwarded(cx, NULL, rows[i].peer, lines, n), rows[i].peer);
  }
  ctx_free(cx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_bad_addresses),
      cmocka_unit_test(refuses_bad_urls),
      cmocka_unit_test(tells_why_it_cannot_listen),
      cmocka_unit_test(prints_what_it_parsed),
      cmocka_unit_test(listens_for_both_families),
      cmocka_unit_test(resolves),
      cmocka_unit_test(resolves_within),
      cmocka_unit_test(takes_urls_apart),
      cmocka_unit_test(refuses_bad_networks),
      cmocka_unit_test(knows_its_networks),
      cmocka_unit_test(finds_where_a_request_came_from),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
