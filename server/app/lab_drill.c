/* `pomona lab drill`: the cast, and what a scene may do with it. */
#include "app/lab_drill.h"
#include "app/lab_args.h"
#include "base/clock.h"
#include "base/enc.h"

#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than a minute: so long the next wake-up waits when one was sent just before the trouble began. */
enum { PATIENCE_S = 150, WORDS_MOST = 24, LOOK_MS = 100 };

static bool bold(void) { return isatty(STDOUT_FILENO); }

__attribute__((format(printf, 2, 0))) static void say(const char *mark, const char *format, va_list args) {
  printf("\n%s%s ", bold() ? "\033[1m" : "", mark);
  vprintf(format, args);
  printf("%s\n", bold() ? "\033[0m" : "");
  fflush(stdout);
}

void drill_happens(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("What happens:", format, args);
  va_end(args);
}

void drill_remedy(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("What to do:", format, args);
  va_end(args);
}

static void pause_a_moment(void) {
  const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000};
  nanosleep(&moment, NULL);
}

/* ---- what the operator sees ---- */

static void print_indented(int fd) {
  FILE *in = fdopen(fd, "r");
  char *line = NULL;
  size_t room = 0;
  while (in && getline(&line, &room, in) > 0) printf("  │ %.*s\n", (int)strcspn(line, "\n"), line);
  free(line);
  if (in) fclose(in);
  fflush(stdout);
}

static enum err spawn_cli(struct ctx *cx, char *const *argv, int *out, pid_t *pid) {
  extern char **environ;
  posix_spawn_file_actions_t actions;
  int ends[2];
  *out = -1;
  *pid = -1;
  if (pipe(ends) != 0) return FAIL(cx, E_INTERNAL, "cannot make a pipe");
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  int failed = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  *out = ends[0];
  if (failed) close(ends[0]);
  return failed ? FAIL(cx, E_INTERNAL, "cannot start a process") : OK;
}

enum err drill_shows(struct ctx *cx, struct drill *d, int *status, const char *const *words) {
  char *argv[WORDS_MOST + 4];
  size_t n = 0;
  int out, ended = 0;
  pid_t pid;
  printf("\n  $ pomona");
  argv[n++] = ctx_strdup(cx, "pomona");
  for (; *words && n < WORDS_MOST; words++) {
    printf(strchr(*words, ' ') ? " \"%s\"" : " %s", *words);
    argv[n++] = ctx_strdup(cx, *words);
  }
  printf("\n");
  fflush(stdout);
  argv[n++] = ctx_printf(cx, "--data=%s", lab_server_data(d->server));
  argv[n++] = ctx_printf(cx, "--server=%s", lab_server_admin(d->server));
  argv[n] = NULL;
  TRY(spawn_cli(cx, argv, &out, &pid));
  print_indented(out);
  while (waitpid(pid, &ended, 0) < 0) continue;
  int exit_status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
  if (status) *status = exit_status;
  return status || exit_status == 0 ? OK : FAIL(cx, E_INVALID, "`pomona %s` ended with %d", argv[1], exit_status);
}

/* ---- the stand-in ---- */

enum err drill_apple(struct ctx *cx, struct drill *d, const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  return lab_apns_say(cx, d->apns, line);
}

void drill_apple_stops(struct drill *d) {
  lab_apns_stop(d->apns);
  d->apns = NULL;
}

enum err drill_apple_starts(struct ctx *cx, struct drill *d, const char *dir) {
  struct lab_apns_conf conf = d->apns_conf;
  if (dir) conf.dir = dir;
  return lab_apns_start(cx, &d->apns, &conf);
}

/* ---- the server ---- */

void drill_server_stops(struct drill *d) {
  lab_server_stop(d->server);
  d->server = NULL;
}

enum err drill_server_starts(struct ctx *cx, struct drill *d, const char *const *flags) {
  struct lab_server_conf conf = d->server_conf;
  conf.flags = flags;
  return lab_server_start(cx, &d->server, &conf);
}

/* ---- devices ---- */

static void on_tell(void *arg, const struct lab_device *d, const struct lab_channel *c, const char *what,
                    const char *detail) {
  (void)arg, (void)c;
  if (strcmp(what, "enrolled") == 0 || strcmp(what, "cannot enroll") == 0)
    printf("  %s: %s%s%s\n", d->name, what, detail ? " " : "", detail ? detail : "");
  fflush(stdout);
}

static enum err wait_enrolled(struct ctx *cx, struct drill *d, int i) {
  int64_t until = clock_mono_us() + PATIENCE_S * US_SECOND;
  while (clock_mono_us() < until) {
    struct lab_fleet_counts counts = lab_fleet_counts(d->fleet[i]);
    if (counts.enrolled) return OK;
    if (counts.failed) break;
    pause_a_moment();
  }
  return FAIL(cx, E_TIMEOUT, "%s did not enroll", d->device[i]->name);
}

static enum err link_for(struct ctx *cx, struct drill *d, const char *id, const char **url) {
  struct js *wish = js_object(cx), *link;
  if (id) js_set_string(wish, "device", id);
  TRY(lab_api(cx, d->server, "POST", "/api/v1/links", wish, &link));
  *url = js_str(link, "url");
  return *url ? OK : FAIL(cx, E_INVALID, "the API gave no link");
}

enum err drill_enrolls(struct ctx *cx, struct drill *d, int i, bool for_it_alone) {
  struct lab_fleet_conf fleet = {.way = {.tell = on_tell},
                                 .apns_control = ctx_printf(cx, "127.0.0.1:%d", lab_apns_control_port(d->apns)),
                                 .poll_us = d->poll_us,
                                 .workers = 1};
  const char *link, *serial = d->device[i] ? ctx_strdup(cx, d->device[i]->serial) : NULL;
  TRY(link_for(cx, d, for_it_alone ? d->id[i] : NULL, &link));
  drill_vanishes(d, i);
  TRY(lab_fleet_start(cx, &d->fleet[i], &fleet));
  d->device[i] = lab_device_new(lab_platform("macos"), *d->id[i] ? d->id[i] : NULL, serial, i + 1);
  d->device[i]->key = lab_keys_at(d->keys, (size_t)i);
  lab_id(d->id[i], d->device[i], d->device[i]->channels);
  lab_fleet_add(d->fleet[i], d->device[i], link);
  return wait_enrolled(cx, d, i);
}

void drill_vanishes(struct drill *d, int i) {
  lab_fleet_stop(d->fleet[i], NULL, NULL);
  d->fleet[i] = NULL;
  d->device[i] = NULL;
}

/* ---- commands and verdicts ---- */

enum err drill_asks(struct ctx *cx, struct drill *d, int i) {
  struct js *wish = js_object(cx), *ids = js_array(cx), *answer;
  js_add_string(ids, d->id[i]);
  js_set(wish, "ids", ids);
  js_set_string(wish, "request_type", "SecurityInfo");
  TRY(lab_api(cx, d->server, "POST", "/api/v1/commands", wish, &answer));
  d->waiting[i] = js_str(answer, "command_uuid");
  printf("\n  a command is queued for device %d\n", i + 1);
  return d->waiting[i] ? OK : FAIL(cx, E_INVALID, "the API named no command");
}

/* Reads `key` of a path until it is `wanted`; what it was at the last is *found. */
static enum err wait_for(struct ctx *cx, struct drill *d, const char *path, const char *(*read)(struct js *answer),
                         const char *wanted, const char **found) {
  int64_t begun = clock_mono_us(), until = begun + PATIENCE_S * US_SECOND;
  *found = "";
  while (clock_mono_us() < until) {
    struct js *answer = NULL;
    struct slice text;
    int status;
    TRY(lab_api_bytes(cx, d->server, "GET", path, (struct slice){0}, &status, &text));
    if (status == 200) TRY(js_parse(cx, text, &answer));
    *found = answer ? read(answer) : ctx_printf(cx, "HTTP status %d", status);
    if (*found && strcmp(*found, wanted) == 0) {
      printf("  after %.1f s: %s\n", (double)(clock_mono_us() - begun) / US_SECOND, wanted);
      fflush(stdout);
      return OK;
    }
    pause_a_moment();
  }
  return E_TIMEOUT;
}

static const char *read_status(struct js *answer) { return js_str(js_at(js_get(answer, "targets"), 0), "status"); }
static const char *read_verdict(struct js *answer) { return js_str(answer, "verdict"); }

enum err drill_answers(struct ctx *cx, struct drill *d, int i) {
  const char *found;
  enum err e =
      wait_for(cx, d, ctx_printf(cx, "/api/v1/commands/%s", d->waiting[i]), read_status, "Acknowledged", &found);
  return e == E_TIMEOUT ? FAIL(cx, e, "device %d has not answered, its command is %s", i + 1, found ? found : "unknown")
                        : e;
}

enum err drill_verdict(struct ctx *cx, struct drill *d, int i, const char *slug) {
  const char *found, *path = ctx_printf(cx, "/api/v1/devices/%s/why", d->id[i]);
  enum err e = wait_for(cx, d, path, read_verdict, slug, &found);
  if (e == E_TIMEOUT)
    return FAIL(cx, e, "the verdict of device %d should be %s, it is %s", i + 1, slug, found ? found : "none");
  TRY(e);
  return DRILL_SHOWS(cx, d, "why", d->id[i]);
}

/* ---- certificates ---- */

static const char *const counted[DRILL_DEVICES + 1] = {"none is back", "1 is back", "2 are back", "3 are back"};

static const char *read_recovery(struct js *answer) {
  struct js *r = js_get(answer, "recovery");
  int64_t back = 0;
  bool waking = true;
  (void)js_bool(js_get(r, "waking"), &waking);
  (void)js_int(js_get(r, "back"), &back);
  return waking || back < 0 || back > DRILL_DEVICES ? "being woken" : counted[back];
}

enum err drill_recovers(struct ctx *cx, struct drill *d, int n) {
  const char *found;
  enum err e = wait_for(cx, d, "/api/v1/pushcerts/recovery", read_recovery, counted[n], &found);
  if (e == E_TIMEOUT) return FAIL(cx, e, "%s, not %s", found, counted[n]);
  TRY(e);
  return DRILL_SHOWS(cx, d, "pushcert", "recovery");
}

enum err drill_imports(struct ctx *cx, struct drill *d, const char *topic, int64_t seconds, const char *query,
                       int *status) {
  struct slice pem, answer;
  int got;
  TRY(lab_pushcert_make(cx, &pem, &(struct lab_pushcert){.topic = topic, .seconds = seconds}));
  TRY(lab_api_bytes(cx, d->server, "PUT", ctx_printf(cx, "/api/v1/pushcerts%s", query), pem, &got, &answer));
  if (status) *status = got;
  if (status || got == 200) return OK;
  return FAIL(cx, E_REFUSED, "the import was answered with %d: %.*s", got, (int)answer.n, answer.p);
}

/* ---- the cast ---- */

static const char *topic_in_use(struct js *certs) { return js_str(js_at(js_get(certs, "pushcerts"), 0), "topic"); }

static enum err set_up(struct ctx *cx, struct drill *d) {
  struct js *certs;
  d->apns_conf.dir = ctx_printf(cx, "%s/apns", d->dir);
  TRY(lab_apns_start(cx, &d->apns, &d->apns_conf));
  d->apns_conf.listen = ctx_printf(cx, "127.0.0.1:%d", lab_apns_port(d->apns));
  d->apns_conf.control = ctx_printf(cx, "127.0.0.1:%d", lab_apns_control_port(d->apns));
  d->server_conf = (struct lab_server_conf){.dir = d->dir,
                                            .apns_url = ctx_printf(cx, "https://127.0.0.1:%d", lab_apns_port(d->apns)),
                                            .apns_ca = ctx_strdup(cx, lab_apns_ca_file(d->apns))};
  TRY(lab_server_start(cx, &d->server, &d->server_conf));
  d->server_conf.port = lab_server_port(d->server);
  TRY(lab_keys_open(cx, &d->keys, NULL, DRILL_DEVICES));
  TRY(drill_imports(cx, d, NULL, 0, "", NULL));
  TRY(lab_api(cx, d->server, "GET", "/api/v1/pushcerts", NULL, &certs));
  d->topic = topic_in_use(certs);
  for (int i = 0; i < DRILL_DEVICES; i++) TRY(drill_enrolls(cx, d, i, false));
  return OK;
}

static void clean_up(struct drill *d, bool keep) {
  for (int i = 0; i < DRILL_DEVICES; i++) drill_vanishes(d, i);
  lab_server_stop(d->server);
  lab_apns_stop(d->apns);
  lab_keys_close(d->keys);
  if (keep)
    fprintf(stderr, "what the server logged is in %s/server.log\n", d->dir);
  else
    lab_folder_remove(d->dir);
}

static enum err play(struct ctx *cx, const struct drill_scene *scene) {
  struct drill d = {0};
  printf("Drill %s: %s\n\nA server, a stand-in for Apple's push service, and %d Macs:\n", scene->name, scene->story,
         DRILL_DEVICES);
  TRY(lab_folder_new(cx, &d.dir));
  enum err e = set_up(cx, &d);
  if (e == OK) e = scene->play(cx, &d);
  clean_up(&d, e != OK);
  if (e == OK) printf("\nThe drill is over: the trouble was seen, named and mended.\n");
  return e;
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  (void)options;
  sigset_t set;
  for (const struct drill_scene *s = drill_scenes; n == 0 && s->name; s++) printf("%-16s %s\n", s->name, s->story);
  if (n == 0) return OK;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread: all inherit it */
  for (const struct drill_scene *s = drill_scenes; s->name; s++)
    if (strcmp(s->name, operands[0]) == 0) return play(cx, s);
  return FAIL(cx, E_USAGE, "there is no drill \"%s\"; `pomona lab drill` lists them", operands[0]);
}

int lab_drill_main(int argc, char **argv) {
  static const struct lab_option none[] = {{0}};
  static const struct lab_command command = {
      .name = "lab drill",
      .operands = "[NAME]",
      .help =
          "Plays a trouble against a server of its own, with a stand-in that refuses as Apple would, shows what an\n"
          "operator sees at each step, and mends it. Without NAME it lists the drills.",
      .least = 0,
      .most = 1,
      .options = none,
      .run = run};
  return lab_run(&command, argc, argv, NULL);
}
