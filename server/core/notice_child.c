/* The child that runs notify-command: forked before there are threads, so that nothing of a running server is copied
   into what it starts. One request at a time over a socket: four texts, each ended by NUL; the answer is an int. */
#include "core/notice.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 64 * 1024, RUN_S = 30, ANSWER_S = RUN_S + 10, SLICE_MS = 200, KILLED = -1, NOT_RUN = -2 };

struct notify_child {
  pthread_mutex_t lock;
  pid_t pid;
  int fd;
  bool dead; /* its end was told */
};

/* ---- the child ---- */

extern char **environ;

/* The server's own settings can hold secrets: they stay here. */
static char **environment(char *const add[3]) {
  size_t n = 0, kept = 0;
  while (environ[n]) n++;
  char **all = mem_alloc((n + 4) * sizeof *all);
  for (size_t i = 0; i < n; i++)
    if (strncmp(environ[i], "POMONA_", strlen("POMONA_")) != 0) all[kept++] = environ[i];
  for (size_t i = 0; i < 3; i++) all[kept++] = add[i];
  return all;
}

static int text_file(const char *text) {
  int fd = memfd_create("notice", MFD_CLOEXEC);
  if (fd < 0) return -1;
  size_t n = strlen(text);
  if (write(fd, text, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0) return fd;
  close(fd);
  return -1;
}

/* In a process of its own, after the fork of the child, which has one thread. */
static void become_command(const char *command, const char *text, char *const add[3]) {
  sigset_t none;
  int in = text_file(text);
  if (in < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) _exit(126);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  setpgid(0, 0);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve("/bin/sh", (char *const[]){"sh", "-c", (char *)command, NULL}, environment(add));
  _exit(127);
}

/* Its exit status, 128 and the signal that ended it, or KILLED when it took too long or the server went away. */
static int await(pid_t pid, int server) {
  int status, pidfd = pidfd_open(pid, 0);
  int64_t until = clock_mono_us() + RUN_S * US_SECOND;
  struct pollfd fds[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = server, .events = POLLRDHUP}};
  bool ended = false, gone = false;
  while (pidfd >= 0 && !ended && !gone) {
    int64_t left = (until - clock_mono_us()) / 1000;
    if (left <= 0 || (poll(fds, 2, (int)left) < 0 && errno != EINTR)) break;
    ended = fds[0].revents != 0;
    gone = fds[1].revents != 0;
  }
  if (!ended) kill(-pid, SIGKILL); /* and what it has started: a group of its own */
  if (!ended) kill(pid, SIGKILL);
  if (pidfd >= 0) close(pidfd);
  if (waitpid(pid, &status, 0) != pid || !ended) return KILLED;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_request(const char *command, const char *request, size_t n, int server) {
  static const char *const names[3] = {"POMONA_SUBJECT", "POMONA_STEP", "POMONA_TITLE"};
  char *add[3];
  const char *p = request, *end = request + n;
  for (size_t i = 0; i < 3; i++) {
    size_t len = strnlen(p, (size_t)(end - p)), room = strlen(names[i]) + len + 2;
    add[i] = mem_alloc(room);
    snprintf(add[i], room, "%s=%s", names[i], p);
    p += len + 1;
    if (p >= end) return NOT_RUN;
  }
  pid_t pid = fork();
  if (pid == 0) become_command(command, p, add);
  for (size_t i = 0; i < 3; i++) free(add[i]);
  return pid < 0 ? NOT_RUN : await(pid, server);
}

/* Ends with the server: then its end of the socket is closed. */
static _Noreturn void serve(const char *command, int fd) {
  char *request = mem_alloc(REQUEST_MAX + 1);
  prctl(PR_SET_NAME, "pomona-notify");
  for (;;) {
    ssize_t n = recv(fd, request, REQUEST_MAX, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(0);
    request[n] = '\0';
    int status = run_request(command, request, (size_t)n, fd);
    if (send(fd, &status, sizeof status, MSG_NOSIGNAL) != sizeof status) _exit(0);
  }
}

enum err notify_child_start(struct ctx *cx, struct notify_child **out, const char *command) {
  int pair[2];
  *out = NULL;
  if (!command || !*command) return OK;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return FAIL(cx, E_INTERNAL, "no socket for notify-command: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    close(pair[0]);
    serve(command, pair[1]);
  }
  close(pair[1]);
  if (pid < 0) {
    close(pair[0]);
    return FAIL(cx, E_INTERNAL, "no process for notify-command: %s", strerror(errno));
  }
  struct notify_child *c = mem_alloc(sizeof *c);
  *c = (struct notify_child){.pid = pid, .fd = pair[0]};
  pthread_mutex_init(&c->lock, NULL);
  *out = c;
  return OK;
}

/* ---- the server ---- */

void notify_child_stop(struct notify_child *c) {
  if (!c) return;
  close(c->fd);
  waitpid(c->pid, NULL, 0);
  pthread_mutex_destroy(&c->lock);
  free(c);
}

static void mourn(struct notify_child *c) {
  if (!c->dead)
    log_error(NULL, "the process that runs notify-command has died; a restart of the server makes a new one");
  c->dead = true;
}

bool notify_child_alive(struct notify_child *c) {
  struct pollfd fd = {.events = POLLRDHUP};
  if (!c) return true;
  pthread_mutex_lock(&c->lock);
  fd.fd = c->fd;
  if (poll(&fd, 1, 0) > 0) mourn(c);
  bool alive = !c->dead;
  pthread_mutex_unlock(&c->lock);
  return alive;
}

static enum err gone(struct ctx *cx, struct notify_child *c) {
  mourn(c);
  return FAIL(cx, E_UNAVAILABLE, "the process that runs notify-command has died: restart the server");
}

/* In short waits, so that a server that ends does not wait for a command. */
static enum err await_answer(struct ctx *cx, struct notify_child *c, const atomic_bool *stop, int *status) {
  int64_t until = clock_mono_us() + ANSWER_S * US_SECOND;
  struct pollfd fd = {.fd = c->fd, .events = POLLIN};
  while (clock_mono_us() < until) {
    if (stop && atomic_load(stop)) return FAIL(cx, E_GONE, "notify-command is not waited for any more");
    if (poll(&fd, 1, SLICE_MS) <= 0) continue;
    return recv(c->fd, status, sizeof *status, 0) == sizeof *status ? OK : gone(cx, c);
  }
  return gone(cx, c);
}

static enum err ask(struct ctx *cx, struct notify_child *c, struct slice request, const atomic_bool *stop) {
  int status;
  if (c->dead || send(c->fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n) return gone(cx, c);
  enum err e = await_answer(cx, c, stop, &status);
  if (e != OK) {
    c->dead = true; /* a late answer would be taken for the next one's */
    return e;
  }
  if (status == 0) return OK;
  if (status == KILLED) return FAIL(cx, E_TIMEOUT, "notify-command took longer than %d s and was killed", RUN_S);
  if (status == NOT_RUN) return FAIL(cx, E_CONFLICT, "notify-command could not be started");
  return FAIL(cx, E_CONFLICT, "notify-command ended with status %d", status);
}

enum err notify_child_run(struct ctx *cx, struct notify_child *c, const struct notice *n, const atomic_bool *stop) {
  struct buf b = {0};
  buf_add(&b, n->subject, strlen(n->subject) + 1);
  buf_add(&b, n->step, strlen(n->step) + 1);
  buf_add(&b, n->title, strlen(n->title) + 1);
  buf_add(&b, n->text, strlen(n->text) + 1);
  enum err e = OK;
  if (b.n > REQUEST_MAX) e = FAIL(cx, E_TOO_LARGE, "the notice is too long for notify-command");
  pthread_mutex_lock(&c->lock);
  if (e == OK) e = ask(cx, c, buf_slice(&b), stop);
  pthread_mutex_unlock(&c->lock);
  buf_free(&b);
  return e;
}
