/* `pomona lab device`: simulated devices from links. */
#include "app/lab_device.h"
#include "app/lab_args.h"
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MOST = 200000, POLL_S = 5 };

struct options {
  int64_t count, connections, poll, notnow, users, renew;
  const char *platform, *os, *udid, *serial, *ca, *keys, *proof, *apns_control, *state, *swallow, *stop_after;
  const char *return_link, *ledger, *remove_profile;
  bool mix, user_enrollment, supervised, await, vanish, offline, checkout, reenroll, once, hands, verbose;
  struct lab_trouble_words trouble;
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
  FILE *ledger;
  struct lab_trouble trouble;
  struct lab_fleet_conf conf;
};

/* ---- what is told ---- */

/* A line of the ledger: what was done, by whom, and of which command. */
static void note(void *arg, const char *what, const char *id, const struct lab_report *report) {
  FILE *to = arg;
  if (report)
    fprintf(to, "%s %s %s %s %s\n", what, id, report->uuid, report->request_type,
            report->status ? report->status : "Swallowed");
  else
    fprintf(to, "%s %s\n", what, id);
}

/* A line per event with -v; without it what went wrong, and on stdout the id of each channel that is enrolled. */
static void tell(void *arg, const struct lab_device *d, const struct lab_channel *c, const char *what,
                 const char *detail) {
  const struct options *o = arg;
  char id[LAB_ID_MAX];
  lab_id(id, d, c);
  bool trouble = strcmp(what, "failed") == 0 || strcmp(what, "cannot enroll") == 0;
  if (o->verbose || trouble)
    fprintf(stderr, "%s (%s) %s%s%s\n", id, d->name, what, detail ? ": " : "", detail ? detail : "");
  if (strcmp(what, "enrolled") == 0) {
    printf("%s\n", id);
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

/* What cannot be together. */
static enum err check_kind(struct ctx *cx, const struct run *r) {
  const struct options *o = r->o;
  bool has_users = r->platform->os & (MAC | SHARED), enrolls_users = r->platform->os & (MAC | PHONE | IPAD);
  if (o->mix && (o->udid || o->serial || o->users || o->user_enrollment || o->supervised || o->os))
    return FAIL(cx, E_USAGE, "--mix says itself what the devices are");
  if (o->users && (!has_users || o->users >= LAB_CHANNELS))
    return FAIL(cx, E_USAGE, "--users: at most %d, of macos and shared-ipad", LAB_CHANNELS - 1);
  if (o->user_enrollment && !enrolls_users) return FAIL(cx, E_USAGE, "--user-enrollment: of macos, ios and ipados");
  if (o->user_enrollment && (o->supervised || o->await))
    return FAIL(cx, E_USAGE, "--user-enrollment: such devices are neither supervised nor set up by it");
  if (o->user_enrollment && (o->udid || o->serial))
    return FAIL(cx, E_USAGE, "--user-enrollment: such devices tell neither UDID nor serial number");
  return OK;
}

static bool is_version(const char *text) {
  bool digit = false;
  for (; *text; text++) {
    bool is = *text >= '0' && *text <= '9';
    if (!is && (*text != '.' || !digit)) return false;
    digit = is;
  }
  return digit;
}

static enum err check(struct ctx *cx, struct run *r) {
  const struct options *o = r->o;
  r->platform = lab_platform(o->platform);
  if (!r->platform)
    return FAIL(cx, E_USAGE,
                "--platform: \"%s\" is none of macos, macos-intel, ios, ipados, shared-ipad, tvos, watchos, visionos",
                o->platform);
  TRY(find_proof(cx, &r->proof, o->proof));
  TRY(check_kind(cx, r));
  TRY(lab_trouble_read(cx, &r->trouble, &o->trouble));
  if (o->os && (strlen(o->os) > 15 || !is_version(o->os))) return FAIL(cx, E_USAGE, "--os: a version, such as 18.6.2");
  if (o->count < 1 || o->count > COUNT_MOST) return FAIL(cx, E_USAGE, "--count: between 1 and %d", COUNT_MOST);
  if ((o->udid || o->serial) && o->count > 1) return FAIL(cx, E_USAGE, "--udid and --serial are for one device");
  if (o->udid && (strlen(o->udid) > 64 || !*o->udid)) return FAIL(cx, E_USAGE, "--udid: at most 64 characters");
  if (o->serial && (strlen(o->serial) > 15 || !*o->serial)) return FAIL(cx, E_USAGE, "--serial: at most 15 characters");
  if (o->stop_after && strcmp(o->stop_after, "authenticate") != 0 && strcmp(o->stop_after, "enroll") != 0)
    return FAIL(cx, E_USAGE, "--stop-after: authenticate or enroll");
  if (o->remove_profile && !o->state)
    return FAIL(cx, E_USAGE, "--remove-profile is for devices that come back: it needs --state");
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
  r->conf.return_link = o->return_link;
  r->conf.renew_after = o->renew;
  r->conf.way.note = r->ledger ? note : NULL;
  r->conf.way.note_arg = r->ledger;
}

/* ---- the run ---- */
static void add(struct run *r, struct lab_fleet *f, struct lab_device *d, const char *link) {
  if (!r->o->mix) d->proof = r->proof;
  for (size_t i = 0; i < d->channels_n; i++) d->channels[i].not_now = r->o->notnow;
  if (r->o->await) d->awaits = d->automated = true;
  d->trouble = &r->trouble;
  if (r->o->remove_profile) (void)lab_take_profile(d->channels, r->o->remove_profile);
  d->vanishes = r->o->vanish;
  d->swallow = r->o->swallow;
  lab_fleet_add(f, d, link);
}

static enum err add_kept(struct ctx *cx, struct run *r, struct lab_fleet *f, size_t *n) {
  struct lab_device **kept;
  TRY(lab_state_load(cx, &kept, n, r->keys, r->o->state));
  for (size_t i = 0; i < *n; i++) add(r, f, kept[i], r->o->reenroll ? r->links[i % r->links_n] : NULL);
  return OK;
}

static struct lab_device *make(const struct run *r, size_t i) {
  if (r->o->mix) return lab_mixed_device(i);
  struct lab_device *d = lab_device_new(r->platform, r->o->udid, r->o->serial, (int64_t)i + 1);
  if (r->o->user_enrollment) lab_device_enroll_for_user(d);
  for (int64_t n = 0; n < r->o->users; n++) lab_device_add_user(d);
  d->supervised = r->o->supervised;
  if (r->o->os) snprintf(d->os_version, sizeof d->os_version, "%s", r->o->os);
  return d;
}

static enum err add_all(struct ctx *cx, struct run *r, struct lab_fleet *f) {
  size_t kept = 0;
  if (r->o->state) TRY(add_kept(cx, r, f, &kept));
  if (r->o->reenroll || !r->links_n) return kept ? OK : FAIL(cx, E_NOT_FOUND, "no device is kept in %s", r->o->state);
  for (size_t i = 0; i < (size_t)r->o->count; i++) {
    struct lab_device *d = make(r, kept + i);
    d->key = lab_keys_at(r->keys, i);
    add(r, f, d, r->links[i % r->links_n]);
  }
  return OK;
}

/* ---- what a hand does at the devices: lines on stdin ---- */

/* "remove-profile IDENTIFIER [N]" is answered by "removed N". */
static void take_line(struct lab_fleet *f, struct slice line) {
  struct slice verb, identifier;
  char name[256];
  int64_t most = COUNT_MOST;
  bool fits = slice_cut(&line, ' ', &verb) && slice_is(verb, "remove-profile") && slice_cut(&line, ' ', &identifier) &&
              identifier.n > 0 && identifier.n < sizeof name &&
              (line.n == 0 || (slice_to_i64(line, &most) && most > 0));
  if (fits) {
    snprintf(name, sizeof name, "%.*s", (int)identifier.n, identifier.p);
    printf("removed %zu\n", lab_fleet_take_profile(f, name, (size_t)most));
  } else {
    puts("error: remove-profile IDENTIFIER [N]");
  }
  fflush(stdout);
}

/* What has come so far; at the end of stdin nobody listens any more. */
static void listen(struct lab_fleet *f, struct buf *in, bool *open) {
  char piece[4096];
  struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
  while (*open && poll(&fd, 1, 0) > 0) {
    ssize_t n = read(STDIN_FILENO, piece, sizeof piece);
    *open = n > 0 && in->n < sizeof piece;
    if (n > 0) buf_add(in, piece, (size_t)n);
  }
  for (char *end; in->n && (end = memchr(in->p, '\n', in->n));) {
    struct buf rest = {0};
    take_line(f, slice_mem(in->p, (size_t)(end - in->p)));
    buf_add(&rest, end + 1, in->n - (size_t)(end + 1 - in->p));
    buf_free(in);
    *in = rest;
  }
}

/* Until all devices are done, or a signal. */
static void watch(struct lab_fleet *f, const sigset_t *ends, bool quiet, bool hands) {
  const struct timespec tick = {.tv_nsec = 100000000};
  struct buf in = {0};
  for (;;) {
    struct lab_fleet_counts c = lab_fleet_counts(f);
    if (!quiet) progress(f, false);
    if (hands) listen(f, &in, &hands);
    if (c.done == c.devices || sigtimedwait(ends, NULL, &tick) > 0) break;
  }
  buf_free(&in);
}

static void last(struct ctx *cx, struct lab_device *d, void *arg) {
  const struct run *r = arg;
  enum err e = r->o->checkout ? lab_leave(cx, d, &r->conf.way) : OK;
  if (e == OK && r->o->state) e = lab_state_save(cx, d, r->o->state);
  if (e != OK) tell((void *)(uintptr_t)r->o, d, d->channels, "failed", ctx_error_text(cx));
}

static enum err drive(struct ctx *cx, struct run *r, const sigset_t *ends) {
  struct lab_fleet *f;
  bool quiet = r->o->verbose || r->o->count < 10;
  TRY(lab_fleet_start(cx, &f, &r->conf));
  enum err e = add_all(cx, r, f);
  if (e == OK) watch(f, ends, quiet, r->o->hands);
  if (e == OK && !quiet) progress(f, true);
  size_t failed = lab_fleet_counts(f).failed;
  lab_fleet_stop(f, e == OK ? last : NULL, r);
  if (e == OK && failed) e = FAIL(cx, E_REFUSED, "%zu could not enroll", failed);
  return e == E_REFUSED ? E_INVALID : e;
}

static enum err open_ledger(struct ctx *cx, struct run *r) {
  if (!r->o->ledger) return OK;
  r->ledger = fopen(r->o->ledger, "we");
  if (!r->ledger) return FAIL(cx, E_STORAGE, "%s: %s", r->o->ledger, strerror(errno));
  setvbuf(r->ledger, NULL, _IOLBF, 0); /* whoever reads it along sees whole lines */
  return OK;
}

static enum err run(struct ctx *cx, void *options, const char *const *operands, size_t n) {
  struct run r = {.o = options, .links = operands, .links_n = n};
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread: all inherit it */
  TRY(check(cx, &r));
  TRY(open_ledger(cx, &r));
  configure(&r);
  for (size_t i = 0; i < n; i++)
    if (lab_trusts_blindly(&r.conf.way, operands[i])) {
      fputs("warning: whoever answers on this machine is trusted for the first fetch; --ca FILE checks\n", stderr);
      break;
    }
  TRY(lab_keys_open(cx, &r.keys, r.o->keys, n ? (size_t)r.o->count : 1));
  enum err e = drive(cx, &r, &ends);
  lab_keys_close(r.keys);
  if (r.ledger && fclose(r.ledger) != 0 && e == OK) e = FAIL(cx, E_STORAGE, "the ledger could not be written");
  return e;
}

#define AT(field) offsetof(struct options, field)
static const struct lab_option rows[] = {
    {"count", "N", "so many devices; they share a few keys (default: 1)", LAB_NUMBER, AT(count)},
    {"platform", "NAME", "macos, macos-intel, ios, ipados, shared-ipad, tvos, watchos or visionos (default: macos)",
     LAB_TEXT, AT(platform)},
    {"os", "VERSION", "the version of its system (default: one of 2025)", LAB_TEXT, AT(os)},
    {"supervised", NULL, "they are supervised, as Macs and Shared iPads always are", LAB_FLAG, AT(supervised)},
    {"mix", NULL, "devices of all kinds, half of them with mutual TLS, half signing", LAB_FLAG, AT(mix)},
    {"users", "N", "users with a channel of their own, on each Mac or Shared iPad", LAB_NUMBER, AT(users)},
    {"user-enrollment", NULL, "they enroll for their users (BYOD)", LAB_FLAG, AT(user_enrollment)},
    {"await", NULL, "they are set up by Automated Device Enrollment, and wait to be configured", LAB_FLAG, AT(await)},
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
    {"fail", "TYPE=DOMAIN:CODE[xN]", "answer commands of this type with this error, the first N (several: with commas)",
     LAB_TEXT, AT(trouble.fail)},
    {"trouble", "PERCENT", "so many of a hundred answers are NotNow or an error; asked again all is well", LAB_NUMBER,
     AT(trouble.percent)},
    {"seed", "N", "another one: other answers are those of --trouble", LAB_NUMBER, AT(trouble.seed)},
    {"late", "TYPE=STATE", "installations by InstallApplication or InstallEnterpriseApplication stop at this state",
     LAB_TEXT, AT(trouble.late)},
    {"remove-profile", "IDENTIFIER", "a hand has taken this profile away from those that come back", LAB_TEXT,
     AT(remove_profile)},
    {"hands", NULL, "read from stdin what hands do at the devices: remove-profile IDENTIFIER [N]", LAB_FLAG, AT(hands)},
    {"swallow", "TYPE", "take commands of this RequestType and never answer them", LAB_TEXT, AT(swallow)},
    {"renew", "N", "after N acknowledged commands renew the identity by themselves (SCEP RenewalReq), once", LAB_NUMBER,
     AT(renew)},
    {"return", "LINK", "when erased come back by this link", LAB_TEXT, AT(return_link)},
    {"vanish", NULL, "when erased do so without an answer", LAB_FLAG, AT(vanish)},
    {"ledger", "FILE", "write down there each command, report, erasure and renewal", LAB_TEXT, AT(ledger)},
    {"offline", NULL, "after the enrollment do not come any more", LAB_FLAG, AT(offline)},
    {"stop-after", "STEP", "authenticate: break the installation off there; enroll: end when enrolled", LAB_TEXT,
     AT(stop_after)},
    {"once", NULL, "end after the first acknowledged command", LAB_FLAG, AT(once)},
    {"checkout", NULL, "check out at the end", LAB_FLAG, AT(checkout)},
    {"verbose", NULL, "(-v) a line for each event", LAB_FLAG, AT(verbose)},
    {0},
};

int lab_device_main(int argc, char **argv) {
  static const struct lab_command command = {
      .name = "lab device",
      .operands = "LINK…",
      .help = "Simulated devices: they enroll from links, wait for pushes, "
              "poll, and answer by their platform until Ctrl-C.\n"
              "The id of each that is enrolled goes to stdout; those of its users, too.",
      .most = -1,
      .options = rows,
      .run = run};
  struct options o = {.count = 1, .platform = "macos", .proof = "device"};
  return lab_run(&command, argc, argv, &o);
}
