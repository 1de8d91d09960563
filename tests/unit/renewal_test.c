#include "renewal_world.h"

/* A device that does not come is no failure: its renewal expires, and is begun anew. */
static void test_expires_and_is_retried(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  clock_shift(600 * US_DAY);
  chore();
  struct report *r = fetch(a, "A");
  clock_shift(607 * US_DAY + US_HOUR);
  chore();
  assert_int_equal(STATES("expired"), 1);
  assert_int_equal(STATES("waiting"), 1);
  assert_int_equal(EVENTS("renewal.halted"), 0);
  struct scep_reply reply;
  (void)identity_for(challenge_in(r->command), 1, &reply);
  assert_int_equal(reply.status, SCEP_FAILURE);
  (void)renew(a, "A");
  assert_int_equal(STATES("done"), 1);
}

/* Each issue voids the one before until one is seen; the sixth is refused, and so is any after the new one is in use.
 */
static void test_issues(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A"), issued[5];
  struct scep_reply reply;
  const char *command;
  must(start("A", &command));
  struct report *r = fetch(a, "A");
  assert_string_equal(r->command_uuid, command);
  const char *challenge = challenge_in(r->command);
  for (int i = 0; i < 5; i++) issued[i] = identity_for(challenge, i % 2, &reply);
  (void)identity_for(challenge, 1, &reply);
  assert_int_equal(reply.status, SCEP_FAILURE);
  assert_int_equal(token_update(issued[3], "A", "t"), ENROLL_VOIDED);
  assert_int_equal(token_update(a, "A", "t"), ENROLL_FINE);
  assert_int_equal(token_update(issued[4], "A", "t"), ENROLL_FINE);
  (void)identity_for(challenge, 0, &reply); /* even by the key that has it */
  assert_int_equal(reply.status, SCEP_FAILURE);
  assert_int_equal(token_update(issued[4], "A", "t"), ENROLL_FINE);
  assert_int_equal(STATES("done"), 1);
}

/* What it buys belongs to that device: no other can be spoken for with it. */
static void test_identity_of_another(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  (void)enroll_one("B");
  struct scep_reply reply;
  const char *command;
  must(start("A", &command));
  struct enroll_proof fresh = identity_for(challenge_in(fetch(a, "A")->command), 1, &reply);
  assert_int_equal(authenticate(fresh, "B", NULL), ENROLL_MISUSED);
  assert_int_equal(token_update(fresh, "B", "t"), ENROLL_MISUSED);
  assert_int_equal(STATES("done"), 0);
}

static enum err await_job(struct ctx *cx, struct db *db, void *on) {
  return db_run(cx, db, "UPDATE generation SET awaiting_configuration = $1", DB_I(*(int *)on));
}

/* Not while a device awaits its configuration, is blocked, went away, or is being renewed; not too early. */
static void test_obstacles(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  const char *command;
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal"), 0);
  clock_shift(600 * US_DAY);
  must(in_job(await_job, &(int){1}));
  chore();
  assert_int_equal(count("SELECT count(*) FROM renewal"), 0);
  assert_int_equal(start("A", &command), E_CONFLICT);
  must(in_job(await_job, &(int){0}));
  must(start("A", &command));
  assert_int_equal(start("A", &command), E_CONFLICT);
  assert_int_equal(start("B", &command), E_NOT_FOUND);
  (void)enrolled("C"); /* of a foreign CA */
  assert_int_equal(start("C", &command), E_CONFLICT);
  assert_int_equal(check_out(a, "A"), ENROLL_FINE);
  chore();
  assert_int_equal(STATES("cancelled"), 1);
  assert_int_equal(start("A", &command), E_CONFLICT);
}

/* Both identities count until the new one is seen, and 7 days more; then the old one is refused. Queue and generation
   stay, whether or not the device authenticates in between. */
static void test_overlap(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  struct scep_reply reply;
  const char *command;
  enqueue("A", "CertificateList", "1");
  assert_string_equal(next_after(a, "A", "Idle", NULL), "1");
  must(start("A", &command));
  struct report *r = put_report(a, "A", "Acknowledged", "1");
  assert_string_equal(r->command_uuid, command);
  struct enroll_proof fresh = identity_for(challenge_in(r->command), 1, &reply);
  enqueue("A", "SecurityInfo", "2");
  assert_string_equal(next_after(a, "A", "Acknowledged", command), "2");
  assert_int_equal(authenticate(fresh, "A", NULL), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) FROM identity WHERE ends_at IS NOT NULL"),
                   0); /* Authenticate proves little */
  assert_string_equal(next_after(fresh, "A", "Idle", NULL), "2");
  assert_int_equal(STATES("done"), 1);
  assert_int_equal(count("SELECT count(*) FROM generation"), 1);
  assert_string_equal(next_after(a, "A", "Idle", NULL), "2");
  clock_shift(6 * US_DAY);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  clock_shift(8 * US_DAY);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FORMER);
  assert_int_equal(put_report(a, "A", "Idle", NULL)->refusal, ENROLL_FORMER);
  assert_int_equal(authenticate(a, "A", NULL), ENROLL_FORMER);
  assert_int_equal(token_update(fresh, "A", "token"), ENROLL_FINE);
}

/* A poll by the new identity before the device could report: its renewal is done, and not handed out again. */
static void test_answer_lost(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  struct scep_reply reply;
  const char *command;
  must(start("A", &command));
  struct enroll_proof fresh = identity_for(challenge_in(fetch(a, "A")->command), 1, &reply);
  assert_string_equal(next_after(fresh, "A", "Idle", NULL), "");
  assert_int_equal(STATES("done"), 1);
  assert_int_equal(count("SELECT waiting FROM target"), 1);
  clock_shift(11 * US_MINUTE);
  chore();
  assert_int_equal(count("SELECT waiting FROM target"), 0);
  assert_string_equal(next_after(fresh, "A", "Acknowledged", command), ""); /* late, but it wins */
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Acknowledged'"), 1);
}

static struct slice without_new(struct pl *profile) {
  struct pl *scep = payload_of(profile, "com.apple.security.scep");
  pl_set_string(scep, "PayloadUUID", "-");
  pl_set_string(pl_get(scep, "PayloadContent"), "Challenge", "-");
  pl_set_string(payload_of(profile, "com.apple.mdm"), "IdentityCertificateUUID", "-");
  return pl_xml(fx.cx, profile);
}

/* The profile that arrives is the one that was given, whatever the settings are by now, by the same signer; only the
   SCEP payload's UUID and the challenge are new. It bears the UUID of its command each time. */
static void test_profile_is_the_same(void **state) {
  (void)state;
  struct enroll_session first;
  struct scep_reply reply;
  struct pki_cert *signers[2];
  struct slice xml;
  struct pl *before;
  const char *command;
  must(fetch_err(new_link(1, NULL), &first));
  must(pki_cms_content(fx.cx, &xml, &signers[0], first.profile));
  must(pl_parse(fx.cx, xml, &pl_limits_checkin, &before));
  struct enroll_proof a = identity_for(first.challenge, 0, &reply);
  assert_int_equal(authenticate(a, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  fx.conf.organization = "Another";
  fx.conf.sign_message = false;
  fx.conf.public_url = "https://elsewhere.example.org";
  fx.conf.own_tls = false;
  must(start("A", &command));
  struct report *r = fetch(a, "A");
  struct pl *after = profile_in(r->command, &signers[1]);
  assert_memory_equal(pki_cert_sha256(signers[0]), pki_cert_sha256(signers[1]), SHA256_LEN);
  struct pl *old_scep = payload_of(before, "com.apple.security.scep");
  struct pl *new_scep = payload_of(after, "com.apple.security.scep");
  assert_string_not_equal(pl_str(old_scep, "PayloadUUID"), pl_str(new_scep, "PayloadUUID"));
  assert_string_equal(pl_str(payload_of(after, "com.apple.mdm"), "IdentityCertificateUUID"),
                      pl_str(new_scep, "PayloadUUID"));
  assert_string_equal(without_new(before).p, without_new(after).p);
  assert_string_equal(fetch(a, "A")->command_uuid, command);
}

static enum err old_given_job(struct ctx *cx, struct db *db, void *given) {
  return db_run(cx, db, "UPDATE generation SET given = $1", DB_S(given));
}

/* What an older version gave lacks UUIDs: fresh ones. What cannot be rendered halts the waves. */
static void test_given_of_before(void **state) {
  (void)state;
  struct enroll_proof a = enroll_one("A");
  struct pki_cert *signer;
  const char *command;
  char *given =
      ctx_printf(fx.cx,
                 "{\"ServerURL\":\"%s/mdm\",\"CheckInURL\":\"%s/mdm\",\"Topic\":\"" TOPIC
                 "\",\"AccessRights\":8191,\"SignMessage\":true,\"PayloadIdentifier\":\"pomona.x.enrollment\","
                 "\"OwnRoot\":true}",
                 fx.conf.public_url, fx.conf.public_url);
  must(in_job(old_given_job, given));
  must(start("A", &command));
  struct pl *profile = profile_in(fetch(a, "A")->command, &signer);
  assert_string_equal(pl_str(profile, "PayloadIdentifier"), "pomona.x.enrollment");
  assert_true(uuid_valid(slice_of(pl_str(profile, "PayloadUUID"))));
  (void)enroll_one("B");
  must(in_job(old_given_job, ctx_printf(fx.cx, "{\"ServerURL\":\"%s/mdm\"}", fx.conf.public_url)));
  assert_int_equal(start("B", &command), E_CONFLICT);
  clock_shift(600 * US_DAY);
  chore();
  assert_int_equal(EVENTS("renewal.halted"), 1);
}

static enum err migrated_job(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE generation SET origin = 'migrated'");
}

struct original_work {
  struct enroll_original profile;
  int64_t devices;
};
static enum err original_job(struct ctx *cx, struct db *db, void *arg) {
  struct original_work *w = arg;
  return enroll_original_store(cx, db, &w->profile, "test", &w->devices);
}

static struct pl *add_payload(struct pl *profile, const char *type, const char *uuid) {
  struct pl *p = pl_new_dict(fx.cx);
  pl_set_string(p, "PayloadType", type);
  pl_set_string(p, "PayloadUUID", uuid);
  pl_add(pl_get(profile, "PayloadContent"), p);
  return p;
}

static struct pl *anothers_profile(bool with_mdm) {
  struct pl *profile = pl_new_dict(fx.cx);
  pl_set_string(profile, "PayloadIdentifier", "org.example.before");
  pl_set_string(profile, "PayloadUUID", "P");
  pl_set(profile, "PayloadContent", pl_new_array(fx.cx));
  pl_set_string(add_payload(profile, "com.apple.security.pkcs12", "I"), "Password", "hunter2");
  pl_set_data(add_payload(profile, "com.apple.security.root", "R"), "PayloadContent", slice_of("root"));
  if (!with_mdm) return profile;
  struct pl *mdm = add_payload(profile, "com.apple.mdm", "M");
  pl_set_string(mdm, "Topic", TOPIC);
  pl_set_string(mdm, "ServerURL", "https://mdm.example.org/mdm?tenant=1");
  pl_set_string(mdm, "IdentityCertificateUUID", "I");
  return profile;
}

/* What is no enrollment profile is refused. */
static void test_originals_that_enroll_nothing(void **state) {
  (void)state;
  struct enroll_original o;
  struct pl *lost = anothers_profile(true), *itself = anothers_profile(true);
  pl_set_string(payload_of(itself, "com.apple.mdm"), "IdentityCertificateUUID", "M");
  pl_set_string(payload_of(lost, "com.apple.mdm"), "IdentityCertificateUUID", "X");
  const struct slice bad[] = {slice_of(""),         slice_of("nonsense"),
                              slice_of("<plist/>"), pl_xml(fx.cx, anothers_profile(false)),
                              pl_xml(fx.cx, lost),  pl_xml(fx.cx, itself)};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(enroll_original_read(fx.cx, &fx.core, bad[i], &o), E_INVALID);
    ctx_clear_error(fx.cx);
  }
}

/* A migrated device is renewed once its original profile is known: from that one, with all its payloads but the one of
   the identity, whose secrets are not kept. */
static void test_migrated(void **state) {
  (void)state;
  struct enroll_proof m = enrolled("M");
  struct scep_reply reply;
  struct pki_cert *signer;
  struct slice der;
  const char *command;
  must(in_job(migrated_job, NULL));
  chore();
  assert_int_equal(start("M", &command), E_CONFLICT);
  struct original_work w = {0};
  must(pki_cms_sign(fx.cx, &der, pl_xml(fx.cx, anothers_profile(true)), keyring_signing(ring),
                    keyring_signing_key(ring), NULL, 0));
  must(enroll_original_read(fx.cx, &fx.core, der, &w.profile));
  assert_null(strstr(w.profile.plist.p, "hunter2"));
  must(in_job(original_job, &w));
  assert_int_equal(w.devices, 1);
  chore();
  assert_int_equal(STATES("waiting"), 1);
  struct report *r = fetch(m, "M");
  struct pl *profile = profile_in(r->command, &signer), *mdm = payload_of(profile, "com.apple.mdm");
  assert_string_equal(pl_str(profile, "PayloadIdentifier"), "org.example.before");
  assert_string_equal(pl_str(mdm, "ServerURL"), "https://mdm.example.org/mdm?tenant=1");
  assert_string_equal(pl_str(mdm, "IdentityCertificateUUID"),
                      pl_str(payload_of(profile, "com.apple.security.scep"), "PayloadUUID"));
  assert_string_equal(pl_str(payload_of(profile, "com.apple.security.root"), "PayloadUUID"), "R");
  assert_int_equal(pl_count(pl_get(profile, "PayloadContent")), 3);
  struct enroll_proof fresh = identity_for(challenge_in(r->command), 1, &reply);
  assert_int_equal(put_report(m, "M", "Acknowledged", r->command_uuid)->refusal, ENROLL_FINE);
  assert_int_equal(token_update(fresh, "M", "token"), ENROLL_FINE);
  assert_int_equal(STATES("done"), 1);
}

/* How it stands, for people. */
static void test_status(void **state) {
  (void)state;
  struct renewal_status s;
  struct renewal_row *rows;
  struct renewal_identity *identities;
  size_t n;
  struct enroll_proof a = enroll_one("A");
  (void)enroll_one("B");
  clock_shift(600 * US_DAY);
  must(renewal_status(fx.cx, reader(), &fx.core, &s));
  assert_int_equal(s.due, 2);
  assert_string_equal(s.stage, "canary");
  assert_null(s.halted);
  chore();
  (void)renew(a, "A");
  must(renewal_status(fx.cx, reader(), &fx.core, &s));
  assert_int_equal(s.due, 1);
  assert_int_equal(s.done, 1);
  assert_string_equal(s.stage, "few");
  must(renewal_list(fx.cx, reader(), 0, 10, &rows, &n));
  assert_int_equal(n, 1);
  assert_string_equal(rows[0].state, "done");
  must(renewal_identities(fx.cx, reader(), 0, 10, &identities, &n));
  assert_int_equal(n, 2);
  assert_true(identities[0].own && identities[0].seen_at && identities[0].not_after > identities[1].not_after);
  assert_string_equal(identities[0].renewal, "done");
  assert_null(identities[1].renewal);
}

#define T(f) cmocka_unit_test_setup_teardown(f, renewal_open_world, renewal_close_world)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_expires_and_is_retried),
      T(test_issues),
      T(test_identity_of_another),
      T(test_obstacles),
      T(test_overlap),
      T(test_answer_lost),
      T(test_profile_is_the_same),
      T(test_given_of_before),
      T(test_originals_that_enroll_nothing),
      T(test_migrated),
      T(test_status),
  };
  return cmocka_run_group_tests(tests, NULL, free_ring);
}
