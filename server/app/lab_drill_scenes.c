/* The scenes of the drills: what happens outside, what the operator sees, what mends it. */
#include "app/lab_apns_int.h"
#include "app/lab_drill.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"

#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

/* Long enough for the import and its probe, short enough to wait for. */
enum { SHORT_LIFE_S = 6, CONFLICT = 409 };

static enum err reaches(struct ctx *cx, struct drill *d, int i) {
  TRY(drill_asks(cx, d, i));
  return drill_answers(cx, d, i);
}

static enum err renews(struct ctx *cx, struct drill *d) {
  drill_remedy("renew the certificate: Renew, not Create, with the same Apple Account; and import it");
  return drill_imports(cx, d, d->topic, 0, "", NULL);
}

/* ---- the certificate ends ---- */

/* A short-lived certificate of the same topic is put in use; the command that waits was queued after its end. */
static enum err lets_expire(struct ctx *cx, struct drill *d) {
  drill_happens("nobody renews the push certificate; in %d seconds it ends", SHORT_LIFE_S);
  TRY(drill_imports(cx, d, d->topic, SHORT_LIFE_S, "?anyway=1", NULL));
  const struct timespec life = {.tv_sec = SHORT_LIFE_S + 1};
  nanosleep(&life, NULL);
  TRY(drill_asks(cx, d, 0));
  return drill_verdict(cx, d, 0, "pushcert-expired");
}

static enum err expired(struct ctx *cx, struct drill *d) {
  int status;
  TRY(lets_expire(cx, d));
  TRY(drill_shows(cx, d, &status, (const char *const[]){"status", NULL}));
  TRY(drill_shows(cx, d, &status, (const char *const[]){"enroll", "link", NULL}));
  if (status == 0) return FAIL(cx, E_INVALID, "a link was made that no device could use");
  TRY(renews(cx, d));
  TRY(drill_answers(cx, d, 0));
  return drill_verdict(cx, d, 0, "fine");
}

static enum err renewed_late(struct ctx *cx, struct drill *d) {
  TRY(lets_expire(cx, d));
  drill_happens("device 3 is gone for good meanwhile");
  drill_vanishes(d, 2);
  TRY(renews(cx, d));
  TRY(drill_answers(cx, d, 0));
  TRY(drill_recovers(cx, d, 2));
  drill_remedy("who does not come back gets a link that lets nobody else in");
  return DRILL_SHOWS(cx, d, "pushcert", "recovery", "--links");
}

/* ---- the wrong certificate ---- */

static const char *another_topic(struct ctx *cx) {
  char uuid[UUID_LEN + 1];
  uuid_new(uuid);
  return ctx_printf(cx, "com.apple.mgmt.External.%s", uuid);
}

/* The guard holds it back, by the command line as by the API. */
static enum err is_refused(struct ctx *cx, struct drill *d, const char *topic) {
  const char *file = ctx_printf(cx, "%s/other.pem", d->dir);
  struct slice pem;
  int status;
  TRY(lab_pushcert_make(cx, &pem, &(struct lab_pushcert){.topic = topic}));
  TRY(file_replace(cx, file, pem));
  TRY(drill_shows(cx, d, &status, (const char *const[]){"pushcert", "import", "--yes", file, NULL}));
  if (status != 1) return FAIL(cx, E_INVALID, "the certificate was not refused for its topic (%d)", status);
  drill_happens("nothing has changed: the devices are reached as before");
  return reaches(cx, d, 0);
}

static enum err wrong_account(struct ctx *cx, struct drill *d) {
  drill_happens("the certificate is renewed under another Apple Account: it has another topic");
  TRY(is_refused(cx, d, another_topic(cx)));
  drill_happens("Apple says of the token of device 2 that it is of another topic");
  TRY(drill_apple(cx, d, "rule * 400 DeviceTokenNotForTopic"));
  TRY(drill_asks(cx, d, 1));
  TRY(drill_verdict(cx, d, 1, "pushcert-wrong-topic"));
  TRY(drill_apple(cx, d, "clear"));
  TRY(renews(cx, d));
  return drill_answers(cx, d, 1);
}

static enum err created_anew(struct ctx *cx, struct drill *d) {
  const char *topic = another_topic(cx);
  drill_happens("somebody presses Create instead of Renew: the new certificate has another topic");
  TRY(is_refused(cx, d, topic));
  drill_remedy("it may stand beside the old one, for devices that enroll from now on");
  TRY(drill_imports(cx, d, topic, 0, "?new-topic=1", NULL));
  TRY(DRILL_SHOWS(cx, d, "pushcert", "show"));
  TRY(reaches(cx, d, 0));
  drill_remedy("if the old topic is lost, its devices move, one by one");
  TRY(DRILL_SHOWS(cx, d, "pushcert", "move", "start", "--topic", d->topic, "--reason", "created anew"));
  TRY(DRILL_SHOWS(cx, d, "pushcert", "move", "links", "--topic", d->topic));
  TRY(drill_enrolls(cx, d, 2, true));
  TRY(reaches(cx, d, 2));
  return DRILL_SHOWS(cx, d, "pushcert", "move", "show", "--topic", d->topic);
}

static enum err revoked(struct ctx *cx, struct drill *d) {
  drill_happens("somebody presses Revoke in Apple's portal, or Renew without an import");
  TRY(drill_apple(cx, d, "tls revoked"));
  TRY(drill_apple(cx, d, "drop"));
  TRY(drill_asks(cx, d, 0));
  TRY(drill_verdict(cx, d, 0, "pushcert-revoked"));
  int status;
  TRY(drill_shows(cx, d, &status, (const char *const[]){"status", NULL}));
  TRY(drill_apple(cx, d, "tls ok"));
  TRY(renews(cx, d));
  return drill_answers(cx, d, 0);
}

static enum err reassigned(struct ctx *cx, struct drill *d) {
  drill_happens("nobody can sign in to the Apple Account any more: Apple moves the certificate to another one");
  TRY(DRILL_SHOWS(cx, d, "pushcert", "record", "--apple-account", "former@example.org", "--owner", "A. Owner",
                  "--owner-email", "owner@example.org", "--organization", "Example"));
  drill_remedy("collect what Apple's support asks for");
  TRY(DRILL_SHOWS(cx, d, "pushcert", "dossier", "--target-account", "mdm@example.org", "--state", "asked"));
  TRY(DRILL_SHOWS(cx, d, "pushcert", "account", "change", "--to", "mdm@example.org", "--done"));
  drill_remedy("renew under the new account: the topic stays, so no device notices");
  TRY(drill_imports(cx, d, d->topic, 0, "", NULL));
  TRY(DRILL_SHOWS(cx, d, "pushcert", "dossier", "--state", "done"));
  TRY(DRILL_SHOWS(cx, d, "pushcert", "history"));
  return reaches(cx, d, 0);
}

/* ---- the way to Apple ---- */

static enum err unreachable(struct ctx *cx, struct drill *d) {
  drill_happens("a firewall shuts the way to Apple's push service");
  drill_apple_stops(d);
  TRY(drill_asks(cx, d, 0));
  TRY(drill_verdict(cx, d, 0, "apns-unreachable"));
  drill_remedy("open it again");
  TRY(drill_apple_starts(cx, d, NULL));
  return drill_answers(cx, d, 0);
}

static enum err intercepted(struct ctx *cx, struct drill *d) {
  drill_happens("a TLS inspector answers in Apple's place, with a certificate of its own");
  drill_apple_stops(d);
  TRY(drill_apple_starts(cx, d, ctx_printf(cx, "%s/inspector", d->dir)));
  TRY(drill_asks(cx, d, 0));
  TRY(drill_verdict(cx, d, 0, "apns-intercepted"));
  drill_remedy("exempt Apple's push service from the inspection");
  drill_apple_stops(d);
  TRY(drill_apple_starts(cx, d, NULL));
  return drill_answers(cx, d, 0);
}

/* ---- the server's own side ---- */

static enum err other_certificate(struct ctx *cx, struct drill *d, const char **cert, const char **key) {
  struct slice cert_pem, key_pem;
  const char *dir = ctx_printf(cx, "%s/other-ca", d->dir);
  *cert = ctx_printf(cx, "--tls-cert=%s/tls.pem", dir);
  *key = ctx_printf(cx, "--tls-key=%s/tls.key", dir);
  TRY(lab_certs_server(cx, dir, NULL, &cert_pem, &key_pem));
  TRY(file_replace(cx, strchr(*cert, '=') + 1, cert_pem));
  return file_replace(cx, strchr(*key, '=') + 1, key_pem);
}

static enum err server_cert(struct ctx *cx, struct drill *d) {
  const char *cert, *key;
  TRY(other_certificate(cx, d, &cert, &key));
  drill_happens("the server gets a TLS certificate by a CA that the devices were not given");
  drill_server_stops(d);
  if (drill_server_starts(cx, d, (const char *const[]){cert, key, NULL}) == OK)
    return FAIL(cx, E_INVALID, "the server started with a certificate that cuts all devices off");
  printf("  │ %s\n", ctx_error_text(cx));
  ctx_clear_error(cx);
  drill_happens("somebody insists");
  TRY(drill_server_starts(cx, d, (const char *const[]){cert, key, "--accept-cut-off=yes", NULL}));
  TRY(drill_asks(cx, d, 0));
  TRY(drill_verdict(cx, d, 0, "server-certificate-untrusted"));
  drill_remedy("put the former certificate back");
  drill_server_stops(d);
  TRY(drill_server_starts(cx, d, (const char *const[]){"--accept-cut-off=yes", NULL}));
  return drill_answers(cx, d, 0);
}

static enum err device_wiped(struct ctx *cx, struct drill *d) {
  char token[2 * sizeof d->device[0]->channels[0].token + 1];
  enc_hex_to(token, d->device[0]->channels[0].token, sizeof d->device[0]->channels[0].token);
  drill_happens("somebody erases device 1; it does not say so, but Apple knows its token to be gone");
  drill_vanishes(d, 0);
  TRY(drill_apple(cx, d, "gone %s %lld", token, (long long)(clock_now_us() / 1000)));
  TRY(drill_asks(cx, d, 0));
  TRY(drill_verdict(cx, d, 0, "token-gone"));
  drill_remedy("enroll it again, with a link made for it");
  TRY(drill_enrolls(cx, d, 0, true));
  return reaches(cx, d, 0);
}

static enum err copies(struct ctx *cx, const char *from, const char *to) {
  extern char **environ;
  char *argv[] = {ctx_strdup(cx, "cp"), ctx_strdup(cx, "-a"), ctx_strdup(cx, from), ctx_strdup(cx, to), NULL};
  pid_t pid;
  int status = 0;
  if (posix_spawnp(&pid, "cp", NULL, NULL, argv, environ) != 0) return FAIL(cx, E_INTERNAL, "cannot run cp");
  while (waitpid(pid, &status, 0) < 0) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? OK : FAIL(cx, E_STORAGE, "cannot copy %s", from);
}

static enum err restored_backup(struct ctx *cx, struct drill *d) {
  const char *data = ctx_strdup(cx, lab_server_data(d->server)), *backup = ctx_printf(cx, "%s/backup", d->dir);
  drill_happens("a backup is made");
  drill_server_stops(d);
  TRY(copies(cx, data, backup));
  TRY(drill_server_starts(cx, d, NULL));
  drill_happens("after it, a new device enrolls in the place of device 3");
  drill_vanishes(d, 2);
  *d->id[2] = '\0';
  d->poll_us = US_SECOND; /* a server that does not know it does not wake it */
  TRY(drill_enrolls(cx, d, 2, false));
  TRY(reaches(cx, d, 2));
  drill_happens("the disk breaks, and the backup is restored");
  drill_server_stops(d);
  lab_folder_remove(data);
  TRY(copies(cx, backup, data));
  TRY(drill_server_starts(cx, d, NULL));
  TRY(drill_verdict(cx, d, 2, "unknown-device"));
  TRY(DRILL_SHOWS(cx, d, "device", "list", "--unknown"));
  drill_remedy("adopt it: it proves itself with an identity of this server");
  TRY(DRILL_SHOWS(cx, d, "device", "adopt", d->id[2]));
  return reaches(cx, d, 2);
}

const struct drill_scene drill_scenes[] = {
    {"expired", "the push certificate ends, and is renewed", expired},
    {"renewed-late", "it is renewed after its end; not every device comes back", renewed_late},
    {"wrong-account", "it is renewed under another Apple Account", wrong_account},
    {"created-anew", "a new one is made instead of a renewal", created_anew},
    {"revoked", "it is revoked, or renewed and not imported", revoked},
    {"reassigned", "it moves to another Apple Account", reassigned},
    {"unreachable", "there is no way to Apple's push service", unreachable},
    {"intercepted", "somebody opens the TLS connection to Apple", intercepted},
    {"server-cert", "the server gets a certificate that devices do not trust", server_cert},
    {"device-wiped", "a device is erased without a word", device_wiped},
    {"restored-backup", "the database is older than some of its devices", restored_backup},
    {0},
};
