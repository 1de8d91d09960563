/* The world of scep_world.h with renewals: what they ask before they begin, and devices that are renewed. */
#ifndef POMONA_TESTS_RENEWAL_WORLD_H
#define POMONA_TESTS_RENEWAL_WORLD_H

#include "scep_world.h"

#include "core/renewal.h"
#include "lib/http.h"
#include "lib/pki_cms.h"

/* A server that answers as /scep does: what the renewals ask before they begin. */
static struct {
  struct http_server *http;
  int status;
} self;

static inline size_t self_head(struct http_req *rq, void *arg) {
  (void)rq, (void)arg;
  return 1;
}
static inline void self_body(struct http_req *rq, void *arg) {
  (void)arg;
  http_reply(rq, self.status, NULL, slice_of("Renewal\n"));
}
static inline void self_end(struct http_req *rq, void *arg) { (void)rq, (void)arg; }

/* ---- devices ---- */

static struct requester keys[2];

static inline struct enroll_proof identity_for(const char *challenge, int key, struct scep_reply *reply) {
  keys[key].transaction = ctx_printf(fx.cx, "T-%s", challenge);
  *reply = send(&keys[key], challenge);
  return reply->status == SCEP_SUCCESS ? proof_of(reply->issued) : (struct enroll_proof){0};
}

static inline void new_keys(void) {
  for (int i = 0; i < 2; i++) keys[i] = new_requester();
}

static inline struct enroll_proof enroll_one(const char *udid) {
  struct scep_reply reply;
  struct enroll_proof p = identity_for(challenge_of(new_link(1, NULL)), 0, &reply);
  assert_int_equal(authenticate(p, udid, NULL), ENROLL_FINE);
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  return p;
}

static inline void chore(void) {
  ctx_clear_error(fx.cx);
  must(renewal_chore(fx.cx, &fx.core));
}

struct asked {
  const char *device;
  char *command;
};
static inline enum err start_job(struct ctx *cx, struct db *db, void *arg) {
  struct asked *a = arg;
  return renewal_start(cx, db, &fx.core, a->device, "test", &a->command);
}
static inline enum err start(const char *device, const char **command) {
  struct asked a = {.device = device};
  enum err e = in_job(start_job, &a);
  *command = a.command;
  return e;
}
static inline enum err resume_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return renewal_resume(cx, db, "test");
}

/* What InstallProfile brought: the profile, verified. */
static inline struct pl *profile_in(struct slice command, struct pki_cert **signer) {
  struct pl *root, *profile;
  struct slice payload, xml;
  must(pl_parse(fx.cx, command, &pl_limits_report, &root));
  assert_string_equal(pl_str(pl_get(root, "Command"), "RequestType"), "InstallProfile");
  assert_true(pl_data(pl_get(pl_get(root, "Command"), "Payload"), &payload));
  must(pki_cms_content(fx.cx, &xml, signer, payload));
  must(pl_parse(fx.cx, xml, &pl_limits_checkin, &profile));
  return profile;
}

static inline struct pl *payload_of(struct pl *profile, const char *type) {
  struct pl *all = pl_get(profile, "PayloadContent");
  for (size_t i = 0; i < pl_count(all); i++)
    if (strcmp(pl_str(pl_at(all, i), "PayloadType"), type) == 0) return pl_at(all, i);
  fail_msg("no payload %s", type);
  return NULL;
}

static inline const char *challenge_in(struct slice command) {
  struct pki_cert *signer;
  struct pl *scep = payload_of(profile_in(command, &signer), "com.apple.security.scep");
  return ctx_strdup(fx.cx, pl_str(pl_get(scep, "PayloadContent"), "Challenge"));
}

/* The device polls and is given its renewal. */
static inline struct report *fetch(struct enroll_proof p, const char *udid) {
  struct report *r = put_report(p, udid, "Idle", NULL);
  assert_non_null(r->command_uuid);
  return r;
}

/* From the poll to the first request by the new identity. */
static inline struct enroll_proof renew(struct enroll_proof p, const char *udid) {
  struct report *r = fetch(p, udid);
  struct scep_reply reply;
  struct enroll_proof fresh = identity_for(challenge_in(r->command), 1, &reply);
  assert_int_equal(reply.status, SCEP_SUCCESS);
  assert_int_equal(put_report(p, udid, "Acknowledged", r->command_uuid)->refusal, ENROLL_FINE);
  assert_int_equal(token_update(fresh, udid, "token"), ENROLL_FINE);
  return fresh;
}

#define STATES(state) count("SELECT count(*) FROM renewal WHERE state = '" state "'")
#define EVENTS(kind) count("SELECT count(*) FROM event WHERE kind = '" kind "'")

/* ---- the world ---- */

static inline int renewal_open_world(void **state) {
  scep_open(state);
  struct http_conf conf = {.listen = "127.0.0.1:0",
                           .threads = 1,
                           .headers_max = 16384,
                           .headers_us = 15 * US_SECOND,
                           .body_us = 15 * US_SECOND,
                           .idle_us = 15 * US_SECOND,
                           .handler = {self_head, self_body, self_end, NULL}};
  must(http_start(fx.cx, &self.http, &conf));
  self.status = 200;
  new_keys();
  fx.conf.public_url = ctx_printf(fx.cx, "http://127.0.0.1:%d", http_port(self.http));
  fx.conf.identity_renew_before_us = 180 * US_DAY;
  fx.conf.identity_grace_us = 365 * US_DAY;
  return 0;
}

static inline int renewal_close_world(void **state) {
  http_stop(self.http);
  return scep_close(state);
}

#endif
