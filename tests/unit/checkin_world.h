/* What the tests of check-in messages say, and what they expect. */
#ifndef POMONA_TESTS_CHECKIN_WORLD_H
#define POMONA_TESTS_CHECKIN_WORLD_H

#include "core_fixture.h"

/* One message; what came of it stands in what is returned. */
static inline struct checkin *put(struct enroll_proof proof, struct slice body, enum err expected) {
  struct checkin *c = ctx_alloc(fx.cx, sizeof *c);
  *c = (struct checkin){.core = &fx.core, .proof = proof};
  ctx_clear_error(fx.cx);
  enum err e = checkin_read(fx.cx, body, c);
  if (e == OK) e = in_job(checkin_apply, c);
  if (e != expected) fail_msg("%s instead of %s: %s", err_slug(e), err_slug(expected), ctx_error_text(fx.cx));
  return c;
}

static inline struct checkin *say(struct enroll_proof proof, struct pl *m) { return put(proof, pl_xml(fx.cx, m), OK); }
static inline void refused_as_nonsense(struct enroll_proof proof, struct pl *m) {
  put(proof, pl_xml(fx.cx, m), E_INVALID);
}

static inline struct checkin *say_type(struct enroll_proof proof, const char *type) {
  return say(proof, message(type, "A"));
}

static inline void accepted_empty(const struct checkin *c) {
  assert_int_equal(c->refusal, ENROLL_FINE);
  assert_int_equal(c->status ? c->status : 200, 200);
  assert_null(c->answer.p);
}

static inline struct pl *answer_of(const struct checkin *c) {
  struct pl *root;
  assert_string_equal(c->answer_type, "application/xml");
  must(pl_parse(fx.cx, c->answer, &pl_limits_checkin, &root));
  return root;
}

static inline struct pl *of_user(struct pl *m) {
  pl_set_string(m, "UserID", "USER");
  pl_set_string(m, "UserShortName", "rosa");
  return m;
}

static inline struct pl *token_update_of(const char *udid, const char *token) {
  struct pl *m = message("TokenUpdate", udid);
  pl_set_data(m, "Token", slice_of(token));
  pl_set_string(m, "PushMagic", "magic");
  return m;
}

static inline enum err release_job(struct ctx *cx, struct db *db, void *arg) {
  return enroll_release(cx, db, arg, "test");
}
static inline void release(const char *id) { must(in_job(release_job, (void *)(uintptr_t)id)); }

/* Whole and well-formed, of each type. */
static inline struct pl *example(const char *type, const char *udid) {
  struct pl *m = strcmp(type, "TokenUpdate") == 0 ? token_update_of(udid, "new") : message(type, udid);
  pl_set_string(m, "TokenServiceType", "com.apple.maid");
  pl_set_string(m, "Endpoint", "status");
  pl_set_data(m, "Data", slice_of("{}"));
  pl_set_data(m, "BootstrapToken", slice_of("theirs"));
  return strcmp(type, "UserAuthenticate") == 0 ? of_user(m) : m;
}

static inline struct js *json_of(const struct checkin *c) {
  struct js *root;
  assert_string_equal(c->answer_type, "application/json");
  assert_int_equal(c->status, 200);
  must(js_parse(fx.cx, c->answer, &root));
  return root;
}

#endif
