/* `pomona lab device`: simulated devices from links. */
#include "app/lab_device.h"
#include "app/lab_args.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MOST = 200000, POLL_S = 5 };

struct options {
  int64_t count, connections, poll, notnow;
  const char *platform, *udid, *serial, *ca, *keys, *proof, *apns_control, *state, *swallow, *stop_after;
  bool offline, checkout, reenroll, once, verbose;
};

static const struct {
  const char *word;
  enum lab_proof proof;
} proofs[] = {{"device", LAB_PROOF_DEVICE}, {"mtls", LAB_PROOF_MTLS}, {"signature", LAB_PROOF_SIGNATURE}};

struct run {
  const struct options *o;
  const char *const *links;
  size_t links_n;
  const struct lab_platform *platform;
  struct lab_keys *keys;
  enum lab_proof proof;
  struct lab_fleet_conf conf;
};

/* ---- what is told ---- */

/* A line per event with -v; without it what went wrong, and on stdout the id of each device that is enrolled. */
static void tell(void *arg, const struct lab_device *d, const char *what, const char *detail) {
  const struct options *o = arg;
  bool trouble = strcmp(what, "failed") == 0 || strcmp(what, "cannot enroll") == 0;
  if (o->verbose || trouble)
    fprintf(stderr, "%s (%s) %s%s%s\n", d->udid, d->name, what, detail ? ": " : "", detail ? detail : "");
  if (strcmp(what, "enrolled") == 0) {
    printf("%s\n", d->udid);
    fflush(stdout);
  }
}

static void progress(struct lab_fleet *f, bool last) {
  struct lab_fleet_counts c = lab_fleet_counts(f);
  if (!isatty(STDERR_FILENO) && !last) return;
  fprintf(stderr, "%s%zu of %zu devices enrolled, %zu failed, %lld sessions, %lld commands%s", last ? "" : "\r",
          c.enrolled, c.devices, c.failed, (long long)c.sessions, (long long)c.commands, last ? "\n" : "");
}

/* ---- options ---- */
static enum err find_proof(struct ctx *cx, enum lab_proof *out, const char *word) {
  for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++)
    if (strcmp(proofs[i].word, word) == 0) {
      *out = proofs[i].proof;
      return OK;
    }
  return FAIL(cx, E_USAGE, "--proof: \"%s\" is none of device, mtls, signature", word);
}

static enum err check(struct ctx *cx, struct run *r) {
  const struct options *o = r->o;
  r->platform = lab_platform(o->platform);
  if (!r->platform)
    return FAIL(cx, E_USAGE, "--platform: \"%s\" is none of macos, ios, ipados, tvos, watchos", o->platform);
  TRY(find_proof(cx, &r->proof, o->proof));
  if (o->count < 1 || o->count > COUNT_MOST) return FAIL(cx, E_USAGE, "--count: between 1 and %d", COUNT_MOST);
  if ((o->udid || o->serial) && o->count > 1) return FAIL(cx, E_USAGE, "--udid and --serial are for one device");
  if (o->udid && (strlen(o->udid) > 64 || !*o->udid)) return FAIL(cx, E_USAGE, "--udid: at most 64 characters");
  if (o->serial && (strlen(o->serial) > 15 || !*o->serial)) return FAIL(cx, E_USAGE, "--serial: at most 15 characters");
  if (o->stop_after && strcmp(o->stop_after, "authenticate") != 0 && strcmp(o->stop_after, "enroll") != 0)
    return FAIL(cx, E_USAGE, "--stop-after: authenticate or enroll");
  if (o->reenroll && (!o->state || !r->links_n)) return FAIL(cx, E_USAGE, "--reenroll needs --state and a link");
  if (!o->state && !r->links_n) return FAIL(cx, E_USAGE, "a link is missing: see `pomona enroll link`");
  return OK;
}

static void configure(struct run *r) {
  const struct options *o = r->o;
  r->conf.way.ca_file = o->ca;
  r->conf.way.only_authenticate = o->stop_after && strcmp(o->stop_after, "authenticate") == 0;
  r->conf.way.tell = tell;
  r->conf.way.tell_arg = (void *)(uintptr_t)o;
  r->conf.apns_control = o->apns_control;
  r->conf.poll_us = o->poll ? o->poll * US_SECOND : o->apns_control ? 0 : POLL_S * US_SECOND;
  r->conf.workers = (unsigned)(o->connections < 512 ? o->connections : 512);
  r->conf.offline = o->offline;
  r->conf.once = o->once;
  r->conf.only_enroll = o->stop_after != NULL;
}

/* ---- the run ---- */
static void add(struct run *r, struct lab_fleet *f, struct lab_device *d, const char *link) {
  d->proof = r->proof;
  d->not_now = r->o->notnow;
  d->swallow = r->o->swallow;
  lab_fleet_add(f, d, link);
}

static enum err add_kept(struct ctx *cx, struct run *r, struct lab_fleet *f, size_t *n) {
  struct lab_device **kept;
  TRY(lab_state_load(cx, &kept, n, r->keys, r->o->state));
  for (size_t i = 0; i < *n; i++) add(r, f, kept[i], r->o->reenroll ? r->links[i % r->links_n] : NULL);
  return OK;
}

static enum err add_all(struct ctx *cx, struct run *r, struct lab_fleet *f) {
  size_t kept = 0;
  if (r->o->state) TRY(add_kept(cx, r, f, &kept));
  if (r->o->reenroll || !r->links_n) return kept ? OK : FAIL(cx, E_NOT_FOUND, "no device is kept in %s", r->o->state);
  for (size_t i = 0; i < (size_t)r->o->count; i++) {
    struct lab_device *d = lab_device_new(r->platform, r->o->udid, r->o->serial, (int64_t)(kept + i + 1));
    d->key = lab_keys_at(r->keys, i);
    add(r, f, d, r->links[i % r->links_n]);
  }
  return OK;
}

/* Until all devices are done, or a signal. */
static void watch(struct lab_fleet *f, const sigset_t *ends, bool quiet) {
  const struct timespec tick = {.tv_nsec = 100000000};
  for (;;) {
    struct lab_fleet_counts c = lab_fleet_counts(f);
    if (!quiet) progress(f, false);
    if (c.done == c.devices || sigtimedwait(ends, NULL, &tick) > 0) return;
  }
}

static void last(struct ctx *cx, struct lab_device *d, void *arg) {
  const struct run *r = arg;
  enum err e = r->o->checkout ? lab_leave(cx, d, &r->conf.way) : OK;
  if (e == OK && r->o->state) e = lab_state_save(cx, d, r->o->state);
  if (e != OK) tell((void *)(uintptr_t)r->o, d, "failed", ctx_error_text(cx));
}

static enum err drive(struct ctx *cx, struct run *r, const sigset_t *ends) {
  struct lab_fleet *f;
  bool quiet = r->o->verbose || r->o->count < 10;
  TRY(lab_fleet_start(cx, &f, &r->conf));
  enum err e = add_all(cx, r, f);
  if (e == OK) watch(f, ends, quiet);
  if (e == OK && !quiet) progress(f, true);
  size_t failed = lab_fleet_counts(f).failed;
  lab_fleet_stop(f, e == OK ? last : NULL, r);
  if (e == OK && failed) e = FAIL(cx, E_REFUSED, "%zu could not enroll", failed);
  return e == E_REFUSED ? E_INVALID : e;
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  struct run r = {.o = options, .links = operands, .links_n = n};
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread: all inherit it */
  TRY(check(cx, &r));
  configure(&r);
  for (size_t i = 0; i < n; i++)
    if (lab_trusts_blindly(&r.conf.way, operands[i])) {
      fputs("warning: whoever answers on this machine is trusted for the first fetch; --ca FILE checks\n", stderr);
      break;
    }
  TRY(lab_keys_open(cx, &r.keys, r.o->keys, n ? (size_t)r.o->count : 1));
  enum err e = drive(cx, &r, &ends);
  lab_keys_close(r.keys);
  return e;
}

#define AT(field) offsetof(struct options, field)
static const struct lab_option rows[] = {
    {"count", "N", "so many devices; they share a few keys (default: 1)", LAB_NUMBER, AT(count)},
    {"platform", "NAME", "macos, ios, ipados, tvos or watchos (default: macos)", LAB_TEXT, AT(platform)},
    {"udid", "TEXT", "of the one device (default: made up)", LAB_TEXT, AT(udid)},
    {"serial", "TEXT", "of the one device (default: made up)", LAB_TEXT, AT(serial)},
    {"ca", "FILE", "PEM to check the server with at the first fetch; later the root of the profile counts", LAB_TEXT,
     AT(ca)},
    {"proof", "WHICH", "mtls, signature, or device: as real ones, by what the profile says (default)", LAB_TEXT,
     AT(proof)},
    {"apns-control", "HOST:PORT", "the control port of `pomona lab apns`: devices wait for their pushes", LAB_TEXT,
     AT(apns_control)},
    {"poll", "SECONDS", "come by themselves so often (default: 5 without --apns-control)", LAB_NUMBER, AT(poll)},
    {"state", "DIR", "keep devices here between runs; those that are there come back", LAB_TEXT, AT(state)},
    {"reenroll", NULL, "those that are there enroll anew from the link", LAB_FLAG, AT(reenroll)},
    {"keys", "FILE", "PEM file of the keys that devices share; made when it is missing", LAB_TEXT, AT(keys)},
    {"connections", "N", "at a time (default: 16)", LAB_NUMBER, AT(connections)},
    {"notnow", "N", "answer NotNow to the first N commands that the platform may put off", LAB_NUMBER, AT(notnow)},
    {"swallow", "TYPE", "take commands of this RequestType and never answer them", LAB_TEXT, AT(swallow)},
    {"offline", NULL, "after the enrollment do not come any more", LAB_FLAG, AT(offline)},
    {"stop-after", "STEP", "authenticate: break the installation off there; enroll: end when enrolled", LAB_TEXT,
     AT(stop_after)},
    {"once", NULL, "end after the first acknowledged command", LAB_FLAG, AT(once)},
    {"checkout", NULL, "check out at the end", LAB_FLAG, AT(checkout)},
    {"verbose", NULL, "(-v) a line for each event", LAB_FLAG, AT(verbose)},
    {0},
};

int lab_device_main(int argc, char **argv) {
  static const struct lab_command command = {.name = "lab device",
                                             .operands = "LINK…",
                                             .help = "Simulated devices: they enroll from links, wait for pushes, "
                                                     "poll, and answer by their platform until Ctrl-C.\n"
                                                     "The id of each that is enrolled goes to stdout.",
                                             .most = -1,
                                             .options = rows,
                                             .run = run};
  struct options o = {.count = 1, .platform = "macos", .proof = "device"};
  return lab_run(&command, argc, argv, &o);
}
