/* The mail client against a mail server on loopback that stops answering. */
#include "base/clock.h"
#include "base/thread.h"
#include "lib/net_mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cmocka.h>

static struct {
  int listener, port;
  bool takes;               /* the message is answered; nothing is after it, not even the farewell */
  atomic_bool *stop_at_end; /* becomes true when the message is there */
  struct buf said;
} server;

/* One line of a client's; false: it went away. */
static bool line_of(int fd, char *line, size_t room) {
  size_t n = 0;
  while (n + 1 < room && recv(fd, line + n, 1, 0) == 1)
    if (line[n++] == '\n') break;
  line[n] = '\0';
  buf_add_str(&server.said, line);
  return n > 0;
}

static void say(int fd, const char *text) { (void)!send(fd, text, strlen(text), MSG_NOSIGNAL); }

static void *serve_one(void *arg) {
  char line[1000];
  bool data = false, silent = false;
  int fd = accept(server.listener, NULL, NULL);
  (void)arg;
  say(fd, "220 here\r\n");
  while (line_of(fd, line, sizeof line)) {
    bool ends = data && strcmp(line, ".\r\n") == 0;
    if (ends && server.stop_at_end) atomic_store(server.stop_at_end, true);
    if (silent || (data && !ends) || (ends && !server.takes)) {
      silent |= ends;
      continue;
    }
    say(fd, strncmp(line, "DATA", 4) == 0 ? "354 go on\r\n" : "250 fine\r\n");
    silent = ends;
    data = strncmp(line, "DATA", 4) == 0;
  }
  close(fd);
  return NULL;
}

static enum err send_to(bool takes, atomic_bool *stop, int64_t timeout_us) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof a;
  struct ctx *cx = ctx_new();
  server.takes = takes;
  server.stop_at_end = stop;
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(server.listener, (struct sockaddr *)&a, sizeof a), 0);
  assert_int_equal(listen(server.listener, 1), 0);
  assert_int_equal(getsockname(server.listener, (struct sockaddr *)&a, &n), 0);
  pthread_t thread = thread_start("smtp", serve_one, NULL);
  struct net_mail m = {.url = ctx_printf(cx, "smtp://127.0.0.1:%d", ntohs(a.sin_port)),
                       .from = "a@example.org",
                       .to = "b@example.org",
                       .message = slice_of("Subject: s\r\n\r\n.dot\r\n"),
                       .timeout_us = timeout_us,
                       .stop = stop};
  enum err e = net_mail_send(cx, &m);
  thread_join(thread);
  close(server.listener);
  ctx_free(cx);
  return e;
}

static int forget(void **state) {
  (void)state;
  buf_free(&server.said);
  return 0;
}

/* What the server took was sent whole, with its dots stuffed, although it bids no farewell. */
static void taken(void **state) {
  (void)state;
  assert_int_equal(send_to(true, NULL, US_SECOND), OK);
  assert_non_null(strstr(server.said.p, "Subject: s\r\n\r\n..dot\r\n.\r\n"));
}

/* A server that says nothing after the message is left, and no farewell waited for: libcurl's patience is minutes. */
static void silent_at_the_end(void **state) {
  (void)state;
  assert_int_equal(send_to(false, NULL, US_SECOND), E_TIMEOUT);
}

/* The end of the server does not wait for it either. */
static void stopped_at_the_end(void **state) {
  static atomic_bool stop;
  (void)state;
  assert_int_equal(send_to(false, &stop, 600 * US_SECOND), E_GONE);
}

int main(void) {
  alarm(60); /* ends what would wait for minutes */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(taken, forget),
      cmocka_unit_test_teardown(silent_at_the_end, forget),
      cmocka_unit_test_teardown(stopped_at_the_end, forget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
