/* How simulated devices hear their pushes: one connection to the stand-in's control port for all of them. */
#include "app/lab_device.h"
#include "base/clock.h"
#include "base/thread.h"
#include "lib/net_addr.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 500, PIECE = 16384 };

struct lab_push_port {
  struct addr address;
  void (*on_push)(void *arg, struct slice token, struct slice magic);
  void *arg;
  pthread_t thread;
  struct mailbox wake; /* rung when there is something to send, or to end */
  atomic_bool ends;
  pthread_mutex_t lock;
  struct buf lines; /* all "listen" lines so far: sent again on a new connection */
  size_t sent;      /* of them, on this connection */
  struct buf in;    /* the thread's */
};

static int dial(const struct lab_push_port *p) {
  int fd = socket(p->address.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (const struct sockaddr *)&p->address.ss, p->address.n) == 0) return fd;
  close(fd);
  return -1;
}

/* "push TOKEN MAGIC APNS-ID" */
static void take_line(struct lab_push_port *p, struct slice line) {
  struct slice verb, token, magic;
  if (slice_cut(&line, ' ', &verb) && slice_is(verb, "push") && slice_cut(&line, ' ', &token) &&
      slice_cut(&line, ' ', &magic))
    p->on_push(p->arg, token, magic);
}

static void take_lines(struct lab_push_port *p) {
  const char *end;
  size_t at = 0;
  while (at < p->in.n && (end = memchr(p->in.p + at, '\n', p->in.n - at))) {
    take_line(p, slice_trim(slice_mem(p->in.p + at, (size_t)(end - p->in.p) - at)));
    at = (size_t)(end - p->in.p) + 1;
  }
  struct buf rest = {0};
  buf_add(&rest, p->in.p + at, p->in.n - at);
  buf_free(&p->in);
  p->in = rest;
}

static bool receive(struct lab_push_port *p, int fd) {
  char piece[PIECE];
  ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  buf_add(&p->in, piece, (size_t)n);
  take_lines(p);
  return true;
}

/* What of the lines is not sent yet; the lock is held only to copy a piece. */
static bool send_some(struct lab_push_port *p, int fd) {
  char piece[PIECE];
  pthread_mutex_lock(&p->lock);
  size_t n = p->lines.n - p->sent;
  n = n < sizeof piece ? n : sizeof piece;
  if (n) memcpy(piece, p->lines.p + p->sent, n);
  pthread_mutex_unlock(&p->lock);
  if (n == 0) return true;
  ssize_t put = send(fd, piece, n, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (put < 0) return errno == EAGAIN || errno == EINTR;
  p->sent += (size_t)put;
  return true;
}

static bool all_sent(struct lab_push_port *p) {
  pthread_mutex_lock(&p->lock);
  bool all = p->sent == p->lines.n;
  pthread_mutex_unlock(&p->lock);
  return all;
}

/* Until the connection is lost, or all ends. */
static void serve(struct lab_push_port *p, int fd) {
  bool alive = true;
  while (alive && !p->ends) {
    short wants = (short)(all_sent(p) ? POLLIN : POLLIN | POLLOUT);
    struct pollfd fds[] = {{.fd = fd, .events = wants}, {.fd = p->wake.fd, .events = POLLIN}};
    (void)poll(fds, 2, -1);
    if (fds[1].revents) (void)mailbox_take(&p->wake);
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) alive = receive(p, fd);
    if (alive) alive = send_some(p, fd);
  }
}

static void *run(void *arg) {
  struct lab_push_port *p = arg;
  while (!p->ends) {
    int fd = dial(p);
    p->sent = 0;
    buf_clear(&p->in);
    if (fd >= 0) {
      serve(p, fd);
      close(fd);
    } else { /* try again soon, or at once when all ends */
      struct pollfd wake = {.fd = p->wake.fd, .events = POLLIN};
      (void)poll(&wake, 1, RETRY_MS);
    }
  }
  return NULL;
}

enum err lab_push_open(struct ctx *cx, struct lab_push_port **out, const char *address,
                       void (*on_push)(void *arg, struct slice token, struct slice magic), void *arg) {
  struct addr at;
  TRY(addr_parse(cx, &at, address));
  struct lab_push_port *p = mem_alloc(sizeof *p);
  p->address = at;
  p->on_push = on_push;
  p->arg = arg;
  pthread_mutex_init(&p->lock, NULL);
  mailbox_init(&p->wake);
  int fd = dial(p); /* so that a wrong address is told at once */
  if (fd >= 0) close(fd);
  if (fd >= 0) p->thread = thread_start("lab-push", run, p);
  *out = p;
  if (fd >= 0) return OK;
  mailbox_close(&p->wake);
  pthread_mutex_destroy(&p->lock);
  free(p);
  return FAIL(cx, E_UNREACHABLE, "nobody listens at the control port %s", address);
}

void lab_push_listen(struct lab_push_port *p, const char *token_hex, const char *topic) {
  pthread_mutex_lock(&p->lock);
  buf_printf(&p->lines, "listen %s %s\n", token_hex, topic);
  pthread_mutex_unlock(&p->lock);
  mailbox_ring(&p->wake);
}

void lab_push_close(struct lab_push_port *p) {
  if (!p) return;
  p->ends = true;
  mailbox_ring(&p->wake);
  thread_join(p->thread);
  mailbox_close(&p->wake);
  pthread_mutex_destroy(&p->lock);
  buf_free(&p->lines);
  buf_free(&p->in);
  free(p);
}
