/* `pomona lab up`: the whole loop on one machine, told as it happens. */
#include "app/lab_args.h"
#include "app/lab_device.h"
#include "app/lab_server.h"
#include "base/clock.h"
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, LIMIT_EXE = 4096 };

/* ---- the cast ---- */
static const struct {
  const char *platform, *system, *how;
  enum lab_proof proof;
} cast[] = {
    {"macos", "macOS", "mutual TLS", LAB_PROOF_MTLS},
    {"ios", "iOS", "signed messages", LAB_PROOF_SIGNATURE},
    {"tvos", "tvOS", "both", LAB_PROOF_DEVICE},
};
enum { DEVICES = sizeof cast / sizeof *cast };

/* The way of a command: what a device tells (see lab_tell), and how it is told here. */
enum step { QUEUED, WOKEN, CONNECTED, ACKNOWLEDGED, STEPS };
static const struct {
  const char *what, *name, *detail, *missing;
} steps[STEPS] = {
    {NULL, "queued", "RestartDevice, by POST /api/v1/commands", "the command was not queued"},
    {"is woken", "woken", "by a push that came through APNs", "no push reached the device"},
    {"connects", "connected", "polls the server for commands", "the device did not connect"},
    {"Acknowledged", "acknowledged", "and the server has it on disk", "the device did not acknowledge"},
};

struct options {
  bool once, supervised;
  struct lab_trouble_words trouble;
};

struct up {
  const struct options *o;
  struct lab_trouble trouble_wanted;
  sigset_t signals;
  const char *dir, *exe;
  struct lab_apns *apns;
  struct lab_server *server;
  struct lab_keys *keys;
  struct lab_fleet *fleet;
  struct lab_device *devices[DEVICES]; /* the fleet's */
  int64_t until;                       /* of our patience */
  pthread_mutex_t lock;
  pthread_cond_t news;
  int64_t enrolled_at[DEVICES], step_at[STEPS]; /* 0: not yet */
  char trouble[256];                            /* why a device could not enroll */
  bool restarting, live;
};

static bool bold(void) { return isatty(STDOUT_FILENO); }

static void heading(const char *text) { printf("\n%s%s%s\n", bold() ? "\033[1m" : "", text, bold() ? "\033[0m" : ""); }

/* ---- what devices tell ---- */
static const struct {
  const char *what, *before, *after; /* the detail stands between */
} phrases[] = {
    {"is woken", "is woken by a push", ""},
    {"connects", "connects", ""},
    {"is given", "is given ", ""},
    {"Acknowledged", "acknowledges ", ""},
    {"NotNow", "answers NotNow to ", ""},
    {"Error", "answers ", " with an error"},
    {"CommandFormatError", "finds ", " malformed"},
    {"unenrolled", "has unenrolled: ", ""},
    {"failed", "has trouble: ", ""},
};

/* Later, when somebody plays with it: a line per event. */
static void tell_live(const struct lab_device *d, const char *what, const char *detail) {
  char clock[16];
  time_t now = time(NULL);
  struct tm tm;
  strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
  const char *before = what, *after = "";
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
    if (strcmp(phrases[i].what, what) == 0) before = phrases[i].before, after = phrases[i].after;
  printf("  %s  %-14s %s%s%s\n", clock, d->name, before, detail ? detail : "", after);
  fflush(stdout);
}

static void note_enrollment(struct up *u, const struct lab_device *d, const char *what, const char *detail) {
  for (size_t i = 0; i < DEVICES; i++)
    if (u->devices[i] == d && strcmp(what, "enrolled") == 0) u->enrolled_at[i] = clock_mono_us();
  if (strcmp(what, "cannot enroll") == 0) snprintf(u->trouble, sizeof u->trouble, "%s: %s", d->name, detail);
}

/* A step counts when those before it have happened: a push that came for the enrollment is not the command's; nor is
 * the answer to what the server asks by itself. */
static void note_step(struct up *u, const struct lab_device *d, const char *what, const char *detail) {
  if (d != u->devices[0] || (strcmp(what, steps[ACKNOWLEDGED].what) == 0 && strcmp(detail, "RestartDevice") != 0))
    return;
  for (int i = WOKEN; i < STEPS; i++)
    if (strcmp(steps[i].what, what) == 0 && !u->step_at[i] && u->step_at[i - 1]) u->step_at[i] = clock_mono_us();
}

static void on_tell(void *arg, const struct lab_device *d, const struct lab_channel *c, const char *what,
                    const char *detail) {
  struct up *u = arg;
  (void)c;
  pthread_mutex_lock(&u->lock);
  note_enrollment(u, d, what, detail);
  if (u->restarting) note_step(u, d, what, detail);
  if (u->live) tell_live(d, what, detail);
  pthread_cond_broadcast(&u->news);
  pthread_mutex_unlock(&u->lock);
}

/* Signals stay pending until somebody looks. */
static bool interrupted(void) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

/* Waits for news, a moment at most: a signal comes in between. False when Ctrl-C or our patience ended it. Under the
 * lock. */
static bool wait_for_news(struct up *u) {
  if (interrupted()) return false;
  (void)cond_wait_until(&u->news, &u->lock, clock_mono_us() + US_SECOND / 10);
  return clock_mono_us() < u->until;
}

/* ---- setting up ---- */
static enum err set_up(struct ctx *cx, struct up *u) {
  struct lab_apns_conf apns = {.dir = ctx_printf(cx, "%s/apns", u->dir)};
  TRY(lab_apns_start(cx, &u->apns, &apns));
  struct lab_server_conf server = {.dir = u->dir,
                                   .apns_url = ctx_printf(cx, "https://127.0.0.1:%d", lab_apns_port(u->apns)),
                                   .apns_ca = lab_apns_ca_file(u->apns)};
  TRY(lab_server_start(cx, &u->server, &server));
  TRY(lab_server_pushcert(cx, u->server, NULL));
  TRY(lab_keys_open(cx, &u->keys, NULL, DEVICES));
  struct lab_fleet_conf fleet = {
      .way = {.tell = on_tell, .tell_arg = u},
      .apns_control = ctx_printf(cx, "127.0.0.1:%d", lab_apns_control_port(u->apns)),
      .workers = DEVICES,
  };
  return lab_fleet_start(cx, &u->fleet, &fleet);
}

static void show_parts(const struct up *u) {
  heading("A server, a stand-in for Apple's push service, and three devices");
  printf("  devices' side   %s\n", lab_server_url(u->server));
  printf("  admin's side    %s\n", lab_server_admin(u->server));
  printf("  APNs            https://127.0.0.1:%d (its control port is 127.0.0.1:%d)\n", lab_apns_port(u->apns),
         lab_apns_control_port(u->apns));
  printf("  folder          %s (removed at the end)\n", u->dir);
  fflush(stdout);
}

/* ---- enrolling ---- */
static enum err add_devices(struct ctx *cx, struct up *u) {
  for (size_t i = 0; i < DEVICES; i++) {
    const char *link;
    TRY(lab_server_link(cx, u->server, 1, &link));
    struct lab_device *d = lab_device_new(lab_platform(cast[i].platform), NULL, NULL, 0);
    d->key = lab_keys_at(u->keys, i);
    d->proof = cast[i].proof;
    d->supervised = u->o->supervised;
    d->trouble = &u->trouble_wanted;
    pthread_mutex_lock(&u->lock);
    u->devices[i] = d; /* those before it tell already */
    pthread_mutex_unlock(&u->lock);
    lab_fleet_add(u->fleet, d, link);
  }
  return OK;
}

static void show_enrolled(const struct up *u, size_t i, int64_t after_us) {
  char system[32];
  snprintf(system, sizeof system, "%s %s", cast[i].system, u->devices[i]->os_version);
  printf("  %-13s %-13s %-16s enrolled after %.2f s\n", u->devices[i]->name, system, cast[i].how,
         (double)after_us / US_SECOND);
}

static enum err enroll(struct ctx *cx, struct up *u) {
  heading("Each device enrolls from a link: profile, identity by SCEP, Authenticate, TokenUpdate");
  int64_t start = clock_mono_us();
  size_t shown = 0;
  bool more = true;
  TRY(add_devices(cx, u));
  pthread_mutex_lock(&u->lock);
  while (shown < DEVICES && more && !*u->trouble) {
    for (; shown < DEVICES && u->enrolled_at[shown]; shown++) show_enrolled(u, shown, u->enrolled_at[shown] - start);
    fflush(stdout);
    more = shown == DEVICES || wait_for_news(u);
  }
  pthread_mutex_unlock(&u->lock);
  if (*u->trouble) return FAIL(cx, E_INVALID, "%s", u->trouble);
  return more ? OK : FAIL(cx, E_TIMEOUT, "%s did not enroll", u->devices[shown]->name);
}

/* ---- the restart ---- */
static enum err queue_restart(struct ctx *cx, struct up *u, const char **uuid) {
  struct js *wish = js_object(cx), *ids = js_array(cx), *answer;
  js_add_string(ids, u->devices[0]->udid);
  js_set(wish, "ids", ids);
  js_set_string(wish, "request_type", "RestartDevice");
  pthread_mutex_lock(&u->lock);
  u->restarting = true;
  u->step_at[QUEUED] = clock_mono_us(); /* before: the push may overtake the answer */
  pthread_mutex_unlock(&u->lock);
  TRY(lab_api(cx, u->server, "POST", "/api/v1/commands", wish, &answer));
  *uuid = js_str(answer, "command_uuid");
  return *uuid ? OK : FAIL(cx, E_INVALID, "the API named no command");
}

static enum err server_says(struct ctx *cx, struct up *u, const char *uuid, const char **status) {
  struct js *answer;
  TRY(lab_api(cx, u->server, "GET", ctx_printf(cx, "/api/v1/commands/%s", uuid), NULL, &answer));
  *status = js_str(js_at(js_get(answer, "targets"), 0), "status");
  return *status ? OK : FAIL(cx, E_INVALID, "the API gave no status");
}

/* Shows steps as they happen. Gives the first that did not. */
static int watch_steps(struct up *u) {
  int shown = 0;
  bool more = true;
  pthread_mutex_lock(&u->lock);
  while (shown < STEPS && more) {
    for (; shown < STEPS && u->step_at[shown]; shown++)
      printf("  %5.0f ms  %-13s %s\n", (double)(u->step_at[shown] - u->step_at[QUEUED]) / 1000, steps[shown].name,
             steps[shown].detail);
    fflush(stdout);
    more = shown == STEPS || wait_for_news(u);
  }
  pthread_mutex_unlock(&u->lock);
  return shown;
}

static enum err restart(struct ctx *cx, struct up *u) {
  const char *uuid, *status;
  heading(ctx_printf(cx, "%s is asked to restart", u->devices[0]->name));
  TRY(queue_restart(cx, u, &uuid));
  int step = watch_steps(u);
  if (step < STEPS) return FAIL(cx, E_TIMEOUT, "%s", steps[step].missing);
  TRY(server_says(cx, u, uuid, &status));
  if (strcmp(status, "Acknowledged") != 0)
    return FAIL(cx, E_INVALID, "the device acknowledged, but the server says %s", status);
  return OK;
}

/* ---- what to try ---- */
static enum err show_console(struct ctx *cx, struct up *u) {
  struct js *link;
  TRY(lab_api(cx, u->server, "POST", "/api/v1/users/setup-link", js_object(cx), &link));
  heading("It works. The console, by a link that makes you an account once");
  printf("  %s\n", js_str(link, "url"));
  return OK;
}

static void show_commands(const struct up *u) {
  const char *admin = lab_server_admin(u->server), *data = lab_server_data(u->server), *mac = u->devices[0]->udid,
             *phone = u->devices[1]->udid;
  heading("To try in another terminal");
  const char *const cli[] = {"device list", "status", "pushcert show", NULL};
  for (const char *const *c = cli; *c; c++) printf("  %s %s --data %s --server %s\n", u->exe, *c, data, admin);
  printf("  %s command send %s DeviceInformation Queries=DeviceName,OSVersion --wait 10 --data %s --server %s\n",
         u->exe, phone, data, admin);
  printf("  %s command send %s RestartDevice --wait 10 --data %s --server %s\n", u->exe, mac, data, admin);
  printf("  curl -H \"Authorization: Bearer $(cat %s/admin.token)\" %s/api/v1/devices\n", data, admin);
  printf("  curl -u \"nanomdm:$(cat %s/admin.token)\" %s/v1/push/%s\n", data, admin, mac);
  printf("\n  One more device, with a link of its own:\n");
  printf("  %s lab device --platform ipados --apns-control 127.0.0.1:%d -v \\\n    \"$(%s enroll link --data %s "
         "--server %s)\"\n",
         u->exe, lab_apns_control_port(u->apns), u->exe, data, admin);
  heading("What the devices do from now on (Ctrl-C ends all of it)");
  fflush(stdout);
}

static void stay(struct up *u) {
  pthread_mutex_lock(&u->lock);
  u->live = true;
  pthread_mutex_unlock(&u->lock);
  while (lab_server_alive(u->server)) {
    const struct timespec tick = {.tv_nsec = 200000000};
    if (sigtimedwait(&u->signals, NULL, &tick) > 0) break;
  }
}

/* ---- all of it ---- */
static enum err play(struct ctx *cx, struct up *u) {
  TRY(set_up(cx, u));
  show_parts(u);
  TRY(enroll(cx, u));
  TRY(restart(cx, u));
  if (u->o->once) {
    heading("It works: queued, woken, connected, acknowledged");
    return OK;
  }
  TRY(show_console(cx, u));
  show_commands(u);
  stay(u);
  return lab_server_alive(u->server) ? OK : FAIL(cx, E_UNAVAILABLE, "the server has ended by itself");
}

static void clean_up(struct up *u, bool keep_log) {
  pthread_mutex_lock(&u->lock);
  u->live = false;
  pthread_mutex_unlock(&u->lock);
  lab_fleet_stop(u->fleet, NULL, NULL);
  lab_server_stop(u->server);
  lab_apns_stop(u->apns);
  lab_keys_close(u->keys);
  if (keep_log)
    fprintf(stderr, "what the server logged is in %s/server.log\n", u->dir);
  else
    lab_folder_remove(u->dir);
}

static const char *own_path(struct ctx *cx) {
  char path[LIMIT_EXE];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  return n > 0 ? ctx_memdup(cx, path, (size_t)n) : "pomona";
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  struct up u = {.o = options, .exe = own_path(cx), .until = clock_mono_us() + PATIENCE_S * US_SECOND};
  (void)operands, (void)n;
  TRY(lab_trouble_read(cx, &u.trouble_wanted, &u.o->trouble));
  sigemptyset(&u.signals);
  sigaddset(&u.signals, SIGINT);
  sigaddset(&u.signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &u.signals, NULL); /* before any thread: all inherit it */
  pthread_mutex_init(&u.lock, NULL);
  cond_init(&u.news);
  TRY(lab_folder_new(cx, &u.dir));
  enum err e = play(cx, &u);
  bool ended = e != OK && interrupted();
  clean_up(&u, e != OK && !ended && u.server);
  if (ended) {
    ctx_clear_error(cx);
    e = FAIL(cx, E_UNAVAILABLE, "ended before the show was over");
  }
  pthread_mutex_destroy(&u.lock);
  pthread_cond_destroy(&u.news);
  return e;
}

#define AT(field) offsetof(struct options, field)
static const struct lab_option rows[] = {
    {"once", NULL, "end after the acknowledged restart; 1 when it does not come within 60 s", LAB_FLAG, AT(once)},
    {"supervised", NULL, "the iPhone and the Apple TV are supervised", LAB_FLAG, AT(supervised)},
    {"fail", "TYPE=DOMAIN:CODE[xN]", "answer commands of this type with this error, the first N (several: with commas)",
     LAB_TEXT, AT(trouble.fail)},
    {"trouble", "PERCENT", "so many of a hundred answers are NotNow or an error; asked again all is well", LAB_NUMBER,
     AT(trouble.percent)},
    {"late", "TYPE=STATE", "installations by InstallApplication or InstallEnterpriseApplication stop at this state",
     LAB_TEXT, AT(trouble.late)},
    {0}};

int lab_up_main(int argc, char **argv) {
  static const struct lab_command command = {
      .name = "lab up",
      .operands = "",
      .help =
          "A server, a stand-in for APNs and three simulated devices, here and now: enrolls, restarts one, shows each\n"
          "step, then stays until Ctrl-C. Nothing is kept, nothing leaves this machine.",
      .options = rows,
      .run = run};
  struct options o = {0};
  return lab_run(&command, argc, argv, &o);
}
