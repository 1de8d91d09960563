/* Preloaded into the server by tests. For test_durable.py it writes down, in the order of their happening, each write
   to the files of the database, each sync of them that is done, and each answer as it leaves.

   INTERPOSE_LOG names the log, INTERPOSE_SYNC_US makes each sync take that much longer. A record is a struct record and
   its n bytes. A write and an answer are written down before they happen and a sync after it, so that the log never
   shows more safety than there was.

   INTERPOSE_HOLD is the name of threads, ':' and a path: while there is a file, these threads do not come back from
   reading the database. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_SHOWN = 64 };

struct record {
  char kind; /* 'W'rite, 'S'ync, 'A'nswer */
  char pad[3];
  uint32_t port; /* of the peer that the answer is for */
  uint32_t n;
};

static int log_fd = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_log(void) {
  const char *path = getenv("INTERPOSE_LOG");
  if (path) log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (path && log_fd < 0) abort();
}

/* One system call a record: the kernel appends them one after the other. */
static void note(char kind, uint32_t port, const void *p, size_t n) {
  struct record r = {.kind = kind, .port = port, .n = (uint32_t)n};
  struct iovec parts[2] = {{&r, sizeof r}, {(void *)p, n}};
  int before = errno;
  if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof r + n)) abort();
  errno = before;
}

static int is_database(int fd) {
  char link[40], path[1024];
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  errno = before;
  if (n <= 0) return 0;
  path[n] = '\0';
  return strstr(path, "/pomona.db") != NULL;
}

static int is_logged(int fd) {
  pthread_once(&once, open_log);
  return log_fd >= 0 && is_database(fd);
}

static uint32_t peer_port(int fd) {
  struct sockaddr_storage ss = {0};
  socklen_t n = sizeof ss;
  if (getpeername(fd, (struct sockaddr *)&ss, &n) != 0) return 0;
  if (ss.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
  return ss.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&ss)->sin_port) : 0;
}

static void maybe_answer(int fd, const void *p, size_t n) {
  static const char start[] = "HTTP/1.1 ";
  if (n < sizeof start || memcmp(p, start, sizeof start - 1) != 0) return;
  pthread_once(&once, open_log);
  int before = errno;
  uint32_t port = log_fd >= 0 ? peer_port(fd) : 0;
  errno = before;
  if (port) note('A', port, p, n < ANSWER_SHOWN ? n : ANSWER_SHOWN);
}

static void maybe_answer_of(int fd, const struct iovec *v, size_t n) {
  if (n > 0 && v[0].iov_len > 0) maybe_answer(fd, v[0].iov_base, v[0].iov_len);
}

/* The next definition of the function that this is called in. */
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* ---- writes ---- */

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) {
  if (is_logged(fd)) note('W', 0, p, n);
  return NEXT(pwrite)(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) {
  if (is_logged(fd)) note('W', 0, p, n);
  return NEXT(pwrite64)(fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n) {
  if (is_logged(fd)) note('W', 0, p, n);
  maybe_answer(fd, p, n);
  return NEXT(write)(fd, p, n);
}

ssize_t writev(int fd, const struct iovec *v, int n) {
  maybe_answer_of(fd, v, (size_t)n);
  return NEXT(writev)(fd, v, n);
}

/* ---- reads ---- */

static int is_held(const char *thread, size_t n) {
  char name[16] = "";
  prctl(PR_GET_NAME, name);
  return strlen(name) == n && memcmp(name, thread, n) == 0;
}

static void maybe_hold(int fd) {
  const char *hold = getenv("INTERPOSE_HOLD"), *path = hold ? strchr(hold, ':') : NULL;
  int before = errno;
  if (path && is_held(hold, (size_t)(path - hold)) && is_database(fd))
    while (access(path + 1, F_OK) == 0) usleep(10000);
  errno = before;
}

ssize_t pread(int fd, void *p, size_t n, off_t at) {
  maybe_hold(fd);
  return NEXT(pread)(fd, p, n, at);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t at) {
  maybe_hold(fd);
  return NEXT(pread64)(fd, p, n, at);
}

/* ---- syncs ---- */

static int synced(int fd, int result) {
  const char *us = getenv("INTERPOSE_SYNC_US");
  long delay = us ? atol(us) : 0;
  if (!is_logged(fd) || result != 0) return result;
  struct timespec t = {delay / 1000000, delay % 1000000 * 1000};
  nanosleep(&t, NULL);
  note('S', 0, "", 0);
  return result;
}

int fdatasync(int fd) { return synced(fd, NEXT(fdatasync)(fd)); }
int fsync(int fd) { return synced(fd, NEXT(fsync)(fd)); }

/* ---- answers ---- */

ssize_t send(int fd, const void *p, size_t n, int flags) {
  maybe_answer(fd, p, n);
  return NEXT(send)(fd, p, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
  maybe_answer_of(fd, m->msg_iov, m->msg_iovlen);
  return NEXT(sendmsg)(fd, m, flags);
}
