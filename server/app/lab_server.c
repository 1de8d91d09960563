#include "app/lab_server.h"
#include "app/lab.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/thread.h"
#include "lib/net_addr.h"
#include "lib/net_http.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_S = 20, TRIES = 3, TOKEN_MAX = 4096, FLAGS_MOST = 32, LAST_WORDS = 1024 };

struct lab_server {
  struct ctx *cx; /* holds the texts */
  const char *url, *admin, *data, *token, *log_path;
  int port;
  pid_t pid;
  struct nh *client;
  /* the log, read by a thread of its own */
  int log_fd;
  FILE *log;
  pthread_t reader;
  pthread_mutex_t lock;
  pthread_cond_t news;
  bool ready, ended;
  char last[LAST_WORDS];
};

/* ---- the child ---- */

/* What POMONA_… says is for the user's own server, but for what the test programs understand. */
static bool for_own_server(const char *setting) {
  static const char *const both[] = {"POMONA_CLOCK_SHIFT=", "POMONA_TEST_"};
  for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
    if (strncmp(setting, both[i], strlen(both[i])) == 0) return false;
  return strncmp(setting, "POMONA_", 7) == 0;
}

static char **environment(struct ctx *cx) {
  extern char **environ;
  size_t n = 0, k = 0;
  while (environ[n]) n++;
  char **own = ctx_alloc(cx, (n + 1) * sizeof(char *));
  for (size_t i = 0; i < n; i++)
    if (!for_own_server(environ[i])) own[k++] = environ[i];
  return own;
}

static enum err arguments(struct ctx *cx, char ***out, const struct lab_server *s, const struct lab_server_conf *conf) {
  char **argv = ctx_alloc(cx, FLAGS_MOST * sizeof(char *));
  size_t n = 0;
  argv[n++] = ctx_strdup(cx, "pomona");
  argv[n++] = ctx_strdup(cx, "serve");
  argv[n++] = ctx_printf(cx, "--data=%s", s->data);
  argv[n++] = ctx_printf(cx, "--listen=127.0.0.1:%d", s->port);
  argv[n++] = ctx_printf(cx, "--public-url=%s", s->url);
  argv[n++] = ctx_strdup(cx, "--admin-listen=127.0.0.1:0");
  if (conf->apns_url) argv[n++] = ctx_printf(cx, "--apns-url=%s", conf->apns_url);
  if (conf->apns_ca) argv[n++] = ctx_printf(cx, "--apns-ca=%s", conf->apns_ca);
  if (conf->plain) argv[n++] = ctx_strdup(cx, "--tls=off");
  for (const char *const *f = conf->flags; f && *f; f++) {
    if (n + 1 >= FLAGS_MOST) return FAIL(cx, E_INTERNAL, "too many settings");
    argv[n++] = ctx_strdup(cx, *f);
  }
  *out = argv;
  return OK;
}

/* In the child: only what may be done between fork and exec where there are threads. */
static void become_server(int log_fd, char **argv, char **envp) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0); /* Ctrl-C is for the parent, who ends the server when its turn has come */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  execve("/proc/self/exe", argv, envp);
  _exit(127);
}

static enum err spawn(struct ctx *cx, struct lab_server *s, const struct lab_server_conf *conf) {
  char **argv = NULL, **envp = environment(cx);
  int ends[2];
  TRY(arguments(cx, &argv, s, conf));
  if (pipe2(ends, O_CLOEXEC) != 0) return FAIL(cx, E_INTERNAL, "cannot make a pipe");
  s->pid = fork();
  if (s->pid == 0) become_server(ends[1], argv, envp);
  close(ends[1]);
  s->log_fd = ends[0];
  if (s->pid < 0) close(ends[0]);
  return s->pid < 0 ? FAIL(cx, E_INTERNAL, "cannot start a process") : OK;
}

/* ---- its log ---- */
static void note_admin(struct lab_server *s, const char *line) {
  const char *address = strstr(line, "listener=admin address=");
  if (!address) return;
  address += strlen("listener=admin address=");
  s->admin = ctx_printf(s->cx, "http://%.*s", (int)strcspn(address, " \n"), address);
}

static void *read_log(void *arg) {
  struct lab_server *s = arg;
  FILE *in = fdopen(s->log_fd, "r");
  char *line = NULL;
  size_t room = 0;
  while (in && getline(&line, &room, in) > 0) {
    if (s->log) fputs(line, s->log);
    if (s->log) fflush(s->log);
    pthread_mutex_lock(&s->lock);
    if (!s->ready) note_admin(s, line);
    if (strstr(line, " msg=ready ")) s->ready = true;
    snprintf(s->last, sizeof s->last, "%.*s", (int)strcspn(line, "\n"), line);
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
  }
  free(line);
  if (in) fclose(in);
  pthread_mutex_lock(&s->lock);
  s->ended = true;
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

static bool wait_ready(struct lab_server *s) {
  int64_t until = clock_mono_us() + READY_S * US_SECOND;
  bool in_time = true;
  pthread_mutex_lock(&s->lock);
  while (!s->ready && !s->ended && in_time) in_time = cond_wait_until(&s->news, &s->lock, until);
  bool ready = s->ready && !s->ended;
  pthread_mutex_unlock(&s->lock);
  return ready;
}

static void reap(struct lab_server *s) {
  if (s->pid <= 0) return;
  kill(s->pid, SIGTERM);
  while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) continue;
  thread_join(s->reader);
  s->pid = 0;
}

/* ---- start ---- */

/* A port that was free a moment ago: the server must know it before it binds it. */
static enum err free_port(struct ctx *cx, int *port) {
  struct addr bound;
  int fd;
  TRY(addr_listen(cx, &fd, &bound, "127.0.0.1:0"));
  *port = addr_port(&bound);
  close(fd);
  return OK;
}

static enum err start_once(struct ctx *cx, struct lab_server *s, const struct lab_server_conf *conf) {
  s->port = conf->port;
  if (!s->port) TRY(free_port(cx, &s->port));
  s->url = ctx_printf(s->cx, "%s://localhost:%d", conf->plain ? "http" : "https", s->port);
  s->ready = s->ended = false;
  TRY(spawn(cx, s, conf));
  s->reader = thread_start("lab-log", read_log, s);
  if (wait_ready(s)) return OK;
  reap(s);
  return FAIL(cx, E_UNAVAILABLE, "the server did not start: %s", s->last);
}

static enum err read_token(struct ctx *cx, struct lab_server *s) {
  struct slice text;
  TRY(file_read(cx, &text, ctx_printf(cx, "%s/admin.token", s->data), TOKEN_MAX));
  text = slice_trim(text);
  s->token = ctx_memdup(s->cx, text.p, text.n);
  return OK;
}

static enum err start(struct ctx *cx, struct lab_server *s, const struct lab_server_conf *conf) {
  struct nh_conf client = {0};
  enum err e = E_UNAVAILABLE;
  for (int i = 0; i < TRIES && e == E_UNAVAILABLE; i++) {
    ctx_clear_error(cx);
    e = start_once(cx, s, conf); /* somebody else may have taken the port */
  }
  if (e == OK) e = read_token(cx, s);
  return e == OK ? nh_new(cx, &s->client, &client) : e;
}

enum err lab_server_start(struct ctx *cx, struct lab_server **out, const struct lab_server_conf *conf) {
  struct lab_server *s = mem_alloc(sizeof *s);
  s->cx = ctx_new();
  s->data = ctx_printf(s->cx, "%s/data", conf->dir);
  s->log_path = ctx_printf(s->cx, "%s/server.log", conf->dir);
  s->log = fopen(s->log_path, "ae");
  pthread_mutex_init(&s->lock, NULL);
  cond_init(&s->news);
  enum err e = start(cx, s, conf);
  if (e != OK) {
    lab_server_stop(s);
    return e;
  }
  *out = s;
  return OK;
}

void lab_server_stop(struct lab_server *s) {
  if (!s) return;
  reap(s);
  nh_free(s->client);
  if (s->log) fclose(s->log);
  pthread_mutex_destroy(&s->lock);
  pthread_cond_destroy(&s->news);
  ctx_free(s->cx);
  free(s);
}

const char *lab_server_url(const struct lab_server *s) { return s->url; }
const char *lab_server_admin(const struct lab_server *s) { return s->admin; }
const char *lab_server_data(const struct lab_server *s) { return s->data; }
const char *lab_server_token(const struct lab_server *s) { return s->token; }
const char *lab_server_log(const struct lab_server *s) { return s->log_path; }
int lab_server_port(const struct lab_server *s) { return s->port; }
pid_t lab_server_pid(const struct lab_server *s) { return s->pid; }

bool lab_server_alive(struct lab_server *s) {
  pthread_mutex_lock(&s->lock);
  bool alive = !s->ended;
  pthread_mutex_unlock(&s->lock);
  return alive;
}

/* ---- the API ---- */
enum err lab_api_bytes(struct ctx *cx, struct lab_server *s, const char *method, const char *path, struct slice body,
                       int *status, struct slice *out) {
  const char *headers[] = {ctx_printf(cx, "Authorization: Bearer %s", s->token), "Content-Type: application/json",
                           NULL};
  struct nh_req rq = {
      .method = method, .url = ctx_printf(cx, "%s%s", s->admin, path), .headers = headers, .body = body};
  struct nh_reply reply;
  TRY(nh_do(cx, s->client, &rq, &reply));
  *status = reply.status;
  *out = reply.body;
  return OK;
}

enum err lab_api(struct ctx *cx, struct lab_server *s, const char *method, const char *path, struct js *body,
                 struct js **out) {
  int status;
  struct slice answer;
  TRY(lab_api_bytes(cx, s, method, path, body ? js_text(cx, body, JS_COMPACT) : (struct slice){0}, &status, &answer));
  if (status < 200 || status > 299)
    return FAIL(cx, E_REFUSED, "%s %s was answered with %d: %.*s", method, path, status, (int)answer.n, answer.p);
  return js_parse(cx, answer, out);
}

enum err lab_server_pushcert(struct ctx *cx, struct lab_server *s, const char *topic) {
  struct slice pem, answer;
  int status;
  TRY(lab_pushcert_make(cx, &pem, &(struct lab_pushcert){.topic = topic}));
  TRY(lab_api_bytes(cx, s, "PUT", "/v1/pushcert", pem, &status, &answer));
  if (status == 200) return OK;
  return FAIL(cx, E_REFUSED, "the push certificate was answered with %d: %.*s", status, (int)answer.n, answer.p);
}

enum err lab_server_link(struct ctx *cx, struct lab_server *s, int64_t uses, const char **url) {
  struct js *wish = js_object(cx), *link;
  js_set_int(wish, "uses", uses);
  TRY(lab_api(cx, s, "POST", "/api/v1/links", wish, &link));
  *url = js_str(link, "url");
  return *url ? OK : FAIL(cx, E_INVALID, "the API gave no link");
}

/* ---- folders ---- */
enum err lab_folder_new(struct ctx *cx, const char **out) {
  const char *tmp = getenv("TMPDIR");
  char *path = ctx_printf(cx, "%s/pomona-lab-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!mkdtemp(path)) return FAIL(cx, E_STORAGE, "cannot make a folder in %s", tmp && *tmp ? tmp : "/tmp");
  *out = path;
  return OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

void lab_folder_remove(const char *path) {
  enum { DESCRIPTORS = 16 };
  if (path) (void)nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
