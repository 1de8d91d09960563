#include "core_fixture.h"

#include "base/file.h"
#include "core/migrate.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder as NanoMDM's filekv writes it, made for one test. */

#define HOUR_AGO "1795000000000000"
static char root[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

enum { NOBODY = 65534 };

static int open_folder(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)ftw;
  return type == FTW_D ? chmod(path, 0755) : 0;
}

static int world(void **state) {
  int r = fixture_open(state);
  fx.conf.migration_window_us = 30 * US_DAY;
  snprintf(root, sizeof root, "/tmp/pomona-migrate-XXXXXX");
  assert_non_null(mkdtemp(root));
  return r;
}

static int world_end(void **state) {
  nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return fixture_close(state);
}

static const char *in_root(const char *path) { return ctx_printf(fx.cx, "%s/%s", root, path); }

/* Where a key lies: BUCKET/ab/cd/KEY, by what it is sorted by. */
static const char *place(const char *bucket, const char *key) {
  static const char prefix[] = "com.apple.mgmt.External.";
  const char *by = strncmp(key, prefix, strlen(prefix)) == 0 ? key + strlen(prefix) : key;
  const char *folder = ctx_printf(fx.cx, "%s/%s/%.2s/%.2s", root, bucket, by, by + 2);
  must(file_make_folder(fx.cx, folder));
  return ctx_printf(fx.cx, "%s/%s", folder, key);
}

static void put(const char *bucket, const char *key, struct slice value) {
  FILE *f = fopen(place(bucket, key), "w");
  assert_non_null(f);
  assert_int_equal(fwrite(value.p, 1, value.n, f), value.n);
  assert_int_equal(fclose(f), 0);
}

static void put_text(const char *bucket, const char *id, const char *name, const char *value) {
  put(bucket, ctx_printf(fx.cx, "%s.%s", id, name), slice_of(value));
}

static struct pl *token_message(const char *udid, const char *user) {
  struct pl *m = message("TokenUpdate", udid);
  if (user) pl_set_string(m, "UserID", user);
  pl_set_data(m, "Token", slice_of("token"));
  pl_set_string(m, "PushMagic", "magic");
  return m;
}

static void put_enrollment(const char *id, const char *type) {
  put_text("enrollments", id, "type", type);
  put_text("enrollments", id, "topic", TOPIC);
  put_text("enrollments", id, "token", "token");
  put_text("enrollments", id, "push_magic", "magic");
  put_text("enrollments", id, "tok_tal", "7");
  put_text("enrollments", id, "enrolled_at", HOUR_AGO);
  put_text("enrollments", id, "last_seen_at", HOUR_AGO);
}

/* A device with everything but a certificate. */
static void put_device(const char *udid) {
  struct pl *auth = message("Authenticate", udid);
  pl_set_string(auth, "SerialNumber", "S1");
  put("devices", ctx_printf(fx.cx, "%s.auth", udid), pl_xml(fx.cx, auth));
  put("devices", ctx_printf(fx.cx, "%s.tok_upd", udid), pl_xml(fx.cx, token_message(udid, NULL)));
  put_text("devices", udid, "serial", "S1");
  put_text("devices", udid, "bstoken", "bootstrap");
  put_text("enrollments", udid, "unl_tok", "unlock");
  put_enrollment(udid, "Device");
}

static void put_user(const char *udid, const char *user) {
  const char *id = ctx_printf(fx.cx, "%s:%s", udid, user);
  put("users", ctx_printf(fx.cx, "%s.tok_upd", id), pl_xml(fx.cx, token_message(udid, user)));
  put_text("users", id, "device_ch", udid);
  put_text("enrollments", udid, ctx_printf(fx.cx, "user_ch.%s", id), "1");
  put_enrollment(id, "User");
}

static void put_hash(const char *udid, const uint8_t hash[32]) {
  put_text("cert_auth", udid, "cert_hash", enc_hex(fx.cx, hash, 32));
  put_text("cert_auth", enc_hex(fx.cx, hash, 32), "hash_cert", udid);
}

static void put_cert(const char *udid, const struct enroll_proof *p) {
  put("devices", ctx_printf(fx.cx, "%s.cert", udid), p->cert);
  put_hash(udid, p->hash);
}

static void put_command(const char *uuid) {
  struct command c;
  must(command_build(fx.cx, &c, "ProfileList", NULL, uuid));
  put("queue", ctx_printf(fx.cx, "%s.raw", uuid), c.plist);
  put_text("queue", uuid, "req_type", "ProfileList");
}

static void put_queue(const char *id, const char *const *uuids) {
  put_text("queue", id, "queuekey.queue.first", uuids[0]);
  for (; *uuids; uuids++) {
    put_command(*uuids);
    if (uuids[1]) put_text("queue", id, ctx_printf(fx.cx, "%s.queueitem.next", *uuids), uuids[1]);
  }
}

/* ---- what came of it ---- */

static struct migrate_report report;

static enum err migrate_job(struct ctx *cx, struct db *db, void *arg) {
  return migrate_nanomdm(cx, db, &fx.core, arg, &report);
}

static enum err migrate_from(const char *path) { return in_job(migrate_job, ctx_strdup(fx.cx, path)); }
static void migrate(void) { must(migrate_from(root)); }

/* The reason why it did not come over, by the end of its path; NULL: it is not in the report. */
static const char *why(const char *path_end) {
  for (size_t i = 0; i < js_count(report.left_out); i++) {
    struct js *note = js_at(report.left_out, i);
    if (slice_ends(slice_of(js_str(note, "path")), path_end)) return js_str(note, "reason");
  }
  return NULL;
}

static void assert_left_out(const char *path_end, const char *reason) {
  const char *told = why(path_end);
  if (!told || !strstr(told, reason)) fail_msg("%s: told %s, not %s", path_end, told ? told : "nothing", reason);
}

static int64_t channels(void) { return count("SELECT count(*) FROM enrollment"); }

/* ---- no such folder ---- */

/* What is no folder of NanoMDM's is said to be none, or gives nothing. */
static void test_no_folder(void **state) {
  (void)state;
  assert_int_equal(migrate_from(in_root("missing")), E_NOT_FOUND);
  must(file_create(fx.cx, in_root("file"), slice_of("x")));
  assert_int_equal(migrate_from(in_root("file")), E_INVALID);
  migrate();
  assert_int_equal(report.devices + report.users + report.push_certificates, 0);
}

/* ---- hostile ---- */

/* No link is followed, on any level; DIR itself may be one. */
static void test_links(void **state) {
  (void)state;
  put_device("AAAA");
  put_device("BBBB");
  put_text("elsewhere", "LINK", "topic", "stolen");
  const char *name = place("enrollments", "AAAA.topic"), *shard = in_root("enrollments/BB");
  must(file_create(fx.cx, in_root("secret"), slice_of("stolen")));
  assert_int_equal(unlink(name), 0);
  assert_int_equal(symlink(in_root("secret"), name), 0);
  assert_int_equal(rename(shard, in_root("moved")), 0);
  assert_int_equal(symlink(in_root("moved"), shard), 0);
  assert_int_equal(symlink(in_root("elsewhere"), in_root("queue")), 0);
  const char *door = ctx_printf(fx.cx, "%s-link", root);
  assert_int_equal(symlink(root, door), 0);
  enum err e = migrate_from(door);
  unlink(door);
  must(e);
  assert_left_out("AAAA.topic", "symbolic link");
  assert_non_null(why("enrollments/BB"));
  assert_non_null(why("queue"));
  assert_int_equal(report.devices, 2);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE topic LIKE '%stolen%'"), 0);
}

/* Pipes, folders and huge files in the place of files are left alone, and nothing waits for them. */
static void test_no_ordinary_files(void **state) {
  (void)state;
  put_device("AAAA");
  const char *pipe = place("enrollments", "AAAA.unl_tok"), *folder = place("devices", "AAAA.bstoken");
  const char *huge = place("enrollments", "AAAA.token");
  assert_int_equal(unlink(pipe) + mkfifo(pipe, 0600), 0);
  assert_int_equal(unlink(folder) + mkdir(folder, 0700), 0);
  assert_int_equal(truncate(huge, (1 << 20) + 1), 0);
  must(file_make_folder(fx.cx, in_root("devices/AA/AA/deep/deeper/deepest")));
  must(file_create(fx.cx, in_root("devices/file"), slice_of("x")));
  must(file_create(fx.cx, in_root("devices/ZZ"), slice_of("x")));
  migrate();
  assert_left_out("AAAA.unl_tok", "no ordinary file");
  assert_left_out("AAAA.bstoken", "no ordinary file");
  assert_left_out("AAAA.token", "larger");
  assert_left_out("devices/AA/AA/deep", "not its own");
  assert_left_out("devices/file", "no folder of NanoMDM's");
  assert_non_null(why("devices/ZZ"));
  assert_int_equal(report.devices, 1);
  assert_int_equal(report.unlock_tokens + report.bootstrap_tokens, 0);
}

/* Names that would be another's id, or lead elsewhere, bring nothing. */
static void test_names(void **state) {
  (void)state;
  static const char *const bad[] = {"AAAA\nforged", "AAA..AA", "AAAA,BBBB", "AA\\AA", "AAAA\xff", "...AAA"};
  char longest[230];
  memset(longest, 'L', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) put_enrollment(bad[i], "Device");
  put_enrollment(longest, "Device"); /* the longest that a file system takes */
  put_device("AAAA");
  must(file_replace(fx.cx, ctx_printf(fx.cx, "%s/enrollments/AA/AA/BBBB.topic", root), slice_of(TOPIC)));
  put("devices", "CCCC.auth", pl_xml(fx.cx, message("Authenticate", "AAAA")));
  put("devices", "CCCC.tok_upd", pl_xml(fx.cx, token_message("AAAA", NULL)));
  migrate();
  for (size_t i = 0; i + 2 < sizeof bad / sizeof *bad; i++) assert_left_out(bad[i], "no id");
  assert_left_out("BBBB.topic", "not its own");
  assert_left_out("CCCC.auth", "another id");
  assert_left_out("CCCC.tok_upd", "another id");
  assert_int_equal(count("SELECT count(*) FROM device WHERE id NOT IN ('AAAA') AND id NOT LIKE 'LLL%'"), 0);
  assert_int_equal(count("SELECT count(*) FROM device WHERE id = 'AAAA' AND serial_number = 'S1'"), 1);
}

/* A queue may lead in a circle, out of the folder, or to what is no command. */
static void test_hostile_queue(void **state) {
  (void)state;
  static const char *const circle[] = {"C111", "C222", NULL};
  put_device("AAAA");
  put_device("BBBB");
  put_device("CCCC");
  put_device("DDDD");
  put_queue("AAAA", circle);
  put_text("queue", "AAAA", "C222.queueitem.next", "C111");
  put_text("queue", "BBBB", "queuekey.queue.first", "../../../../etc/passwd");
  char *much = ctx_alloc(fx.cx, 4097);
  memset(much, 'x', 4096);
  put_text("queue", "CCCC", "queuekey.queue.first", much);
  put_text("queue", "DDDD", "queuekey.queue.first", "C333");
  put_text("queue", "C333", "raw", "no property list");
  migrate();
  assert_left_out("AAAA.C222.queueitem.next", "earlier command");
  assert_left_out("BBBB.queuekey.queue.first", "names no command");
  assert_left_out("CCCC.queuekey.queue.first", "names no command");
  assert_non_null(why("C333.raw"));
  assert_int_equal(report.commands, 2);
  assert_int_equal(report.devices, 4);
}

/* Tokens of absurd size, and more users than a device has, stay behind; their device comes. */
static void test_too_much(void **state) {
  (void)state;
  char *much = ctx_alloc(fx.cx, 20001);
  memset(much, 'x', 20000);
  put_device("AAAA");
  put_text("devices", "AAAA", "bstoken", much);
  put_text("enrollments", "AAAA", "unl_tok", much);
  put_text("enrollments", "AAAA", "tok_tal", much);
  for (int i = 0; i < 1002; i++) {
    const char *id = ctx_printf(fx.cx, "AAAA:U%d", i);
    put("users", ctx_printf(fx.cx, "%s.tok_upd", id), pl_xml(fx.cx, token_message("AAAA", id + strlen("AAAA:"))));
  }
  put_device("BBBB");
  migrate();
  assert_left_out("AAAA.bstoken", "BootstrapToken");
  assert_left_out("AAAA.unl_tok", "too large");
  assert_left_out("AAAA:U999", "users of one device");
  assert_int_equal(report.devices, 2);
  assert_int_equal(report.users, 1000);
  assert_int_equal(report.unlock_tokens + report.bootstrap_tokens, 2);
}

/* Files that may not be read are told, and the others come. Root may read everything, so somebody else does it. */
static void test_unreadable(void **state) {
  (void)state;
  bool is_root = geteuid() == 0;
  put_device("AAAA");
  assert_int_equal(chmod(place("devices", "AAAA.bstoken"), 0), 0);
  assert_int_equal(nftw(root, open_folder, 16, FTW_PHYS), 0);
  if (is_root) assert_int_equal(seteuid(NOBODY), 0);
  migrate();
  if (is_root) assert_int_equal(seteuid(0), 0);
  assert_non_null(why("AAAA.bstoken"));
  assert_int_equal(report.devices, 1);
}

/* ---- torn ---- */

/* A file of zero length, whichever it is, is told; what it held is taken from elsewhere when it stands there. */
static void test_torn(void **state) {
  (void)state;
  static const struct {
    const char *bucket, *name;
  } files[] = {{"devices", "auth"},
               {"devices", "tok_upd"},
               {"devices", "serial"},
               {"devices", "bstoken"},
               {"enrollments", "type"},
               {"enrollments", "topic"},
               {"enrollments", "token"},
               {"enrollments", "push_magic"},
               {"enrollments", "tok_tal"},
               {"enrollments", "enrolled_at"},
               {"enrollments", "last_seen_at"},
               {"enrollments", "unl_tok"}};
  enum { FILES = sizeof files / sizeof *files };
  for (int i = 0; i < FILES; i++) {
    const char *id = ctx_printf(fx.cx, "%04d", i);
    put_device(id);
    put_text(files[i].bucket, id, files[i].name, "");
  }
  migrate();
  for (int i = 0; i < FILES; i++) assert_left_out(ctx_printf(fx.cx, "%04d.%s", i, files[i].name), "empty");
  assert_int_equal(js_count(report.left_out), FILES);
  assert_int_equal(report.devices, FILES);
  assert_int_equal(count("SELECT count(*) FROM enrollment e JOIN device d ON d.seq = e.device WHERE e.token = "
                         "CAST('token' AS BLOB) AND e.push_magic = 'magic' AND e.enabled = 1 AND e.type = 'Device' AND "
                         "e.topic = '" TOPIC "' AND d.serial_number = 'S1'"),
                   FILES);
}

/* What nothing replaces stays behind: its token, its magic; a user whose device does. */
static void test_torn_beyond_repair(void **state) {
  (void)state;
  put_device("AAAA");
  put_user("AAAA", "U1");
  put_text("devices", "AAAA", "tok_upd", "");
  put_text("enrollments", "AAAA", "push_magic", "");
  put_device("BBBB");
  put_text("devices", "BBBB", "auth", "<plist><di");
  migrate();
  assert_left_out("AAAA", "neither its TokenUpdate nor its token is whole");
  assert_left_out("AAAA:U1", "its device did not come over");
  assert_non_null(why("BBBB.auth"));
  assert_int_equal(report.devices, 1);
  assert_int_equal(channels(), 1);
}

/* An installation that was broken off there is not one here. */
static void test_never_finished(void **state) {
  (void)state;
  put("devices", "AAAA.auth", pl_xml(fx.cx, message("Authenticate", "AAAA")));
  put_text("enrollments", "AAAA", "disabled", "1");
  migrate();
  assert_left_out("AAAA", "never finished");
  assert_int_equal(count("SELECT count(*) FROM device"), 0);
}

/* ---- what comes over ---- */

/* Channels come with their history; who had left has left here, too. */
static void test_channels(void **state) {
  (void)state;
  put_device("AAAA");
  put_user("AAAA", "U1");
  put_device("BBBB");
  put_user("BBBB", "U1"); /* NanoMDM leaves users enabled when their device goes */
  put_text("enrollments", "BBBB", "disabled", "1");
  migrate();
  assert_int_equal(js_count(report.left_out), 0);
  assert_int_equal(report.devices, 2);
  assert_int_equal(report.users, 2);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE enabled = 1"), 2);
  assert_int_equal(report.checked_out, 1);
  assert_int_equal(report.unlock_tokens, 2);
  assert_int_equal(report.bootstrap_tokens, 2);
  assert_int_equal(
      count("SELECT count(*) FROM enrollment WHERE token_update_tally = 7 AND enabled = 1 AND last_seen = " HOUR_AGO
            " AND created_at = " HOUR_AGO),
      2);
  assert_int_equal(count("SELECT count(*) FROM device WHERE id = 'BBBB' AND checked_out_at IS NOT NULL"), 1);
}

/* With its certificate a device is the one it was: no other is taken in its name, the window matters no more. */
static void test_certificate(void **state) {
  (void)state;
  struct enroll_proof mine = new_identity("mine"), other = new_identity("other");
  put_device("AAAA");
  put_cert("AAAA", &mine);
  migrate();
  assert_int_equal(report.bound, 1);
  assert_int_equal(put_report(other, "AAAA", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  clock_shift(20 * US_DAY);
  assert_string_equal(next_after(mine, "AAAA", "Idle", NULL), "");
}

/* With its hash alone, the certificate of that hash is bound when it comes, and no other, at any time. */
static void test_hash(void **state) {
  (void)state;
  struct enroll_proof mine = new_identity("mine"), former = new_identity("former");
  put_device("AAAA");
  put("devices", "AAAA.cert", former.cert); /* of a former enrollment: another hash counts */
  put_hash("AAAA", mine.hash);
  migrate();
  assert_int_equal(report.expected, 1);
  assert_int_equal(put_report(former, "AAAA", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  clock_shift(100 * US_DAY);
  assert_int_equal(put_report(new_identity("third"), "AAAA", "Idle", NULL)->refusal, ENROLL_UNBOUND);
  assert_string_equal(next_after(mine, "AAAA", "Idle", NULL), "");
  assert_int_equal(count("SELECT count(*) FROM generation WHERE identity IS NOT NULL"), 1);
}

/* A certificate that is another device's, here or there, binds nothing. */
static void test_certificate_of_another(void **state) {
  (void)state;
  struct enroll_proof theirs = enrolled("HERE"), shared = new_identity("shared");
  put_device("AAAA");
  put_cert("AAAA", &theirs);
  put_device("BBBB");
  put_cert("BBBB", &shared);
  put_device("CCCC");
  put_cert("CCCC", &shared); /* now said to be CCCC's */
  put("devices", "BBBB.cert", slice_of("no certificate"));
  migrate();
  assert_left_out("AAAA.cert", "belongs to HERE");
  assert_left_out("BBBB.cert", "no certificate");
  assert_left_out("BBBB.cert_hash", "another device's");
  assert_int_equal(report.open, 2);
  assert_int_equal(report.bound, 1);
  assert_int_equal(put_report(theirs, "AAAA", "Idle", NULL)->refusal, ENROLL_MISUSED);
  assert_string_equal(next_after(shared, "CCCC", "Idle", NULL), "");
}

/* Waiting commands keep their order; those put off wait on; answered ones stay behind. */
static void test_queue(void **state) {
  (void)state;
  static const char *const uuids[] = {"C333", "C111", "C222", NULL};
  struct enroll_proof mine = new_identity("mine");
  put_device("AAAA");
  put_cert("AAAA", &mine);
  put_queue("AAAA", uuids);
  put_text("queue", "AAAA", "C111.queueitem.status", "NotNow");
  put_command("C000");
  put_text("queue", "AAAA", "C000.queueitem.status", "Acknowledged");
  migrate();
  assert_int_equal(report.commands, 3);
  assert_int_equal(report.answered, 1);
  assert_int_equal(count("SELECT count(*) FROM wake WHERE due_at IS NOT NULL"), 1);
  assert_string_equal(next_after(mine, "AAAA", "Idle", NULL), "C333");
  assert_string_equal(next_after(mine, "AAAA", "Acknowledged", "C333"), "C111");
  assert_string_equal(next_after(mine, "AAAA", "Acknowledged", "C111"), "C222");
  assert_string_equal(next_after(mine, "AAAA", "Acknowledged", "C222"), "");
}

/* Twice is once; and what has come here since is not touched by a third time. */
static void test_again(void **state) {
  (void)state;
  static const char *const uuids[] = {"C111", NULL};
  static const char rows[] =
      "SELECT count(*) FROM (SELECT id FROM device UNION ALL SELECT id FROM enrollment UNION ALL "
      "SELECT seq FROM generation UNION ALL SELECT hash FROM identity UNION ALL SELECT seq FROM "
      "target UNION ALL SELECT seq FROM event UNION ALL SELECT hash FROM pushcert)";
  struct enroll_proof mine = new_identity("mine");
  put_device("AAAA");
  put_user("AAAA", "U1");
  put_cert("AAAA", &mine);
  put_queue("AAAA", uuids);
  migrate();
  int64_t n = count(rows);
  migrate();
  assert_int_equal(count(rows), n);
  assert_int_equal(report.devices, 1);
  assert_int_equal(token_update(mine, "AAAA", "newer"), ENROLL_FINE);
  assert_string_equal(next_after(mine, "AAAA", "Idle", NULL), "C111");
  assert_string_equal(next_after(mine, "AAAA", "Acknowledged", "C111"), "");
  migrate();
  assert_int_equal(report.present, 1);
  assert_int_equal(report.devices + report.users + report.commands, 0);
  assert_int_equal(count("SELECT count(*) FROM enrollment WHERE token = CAST('newer' AS BLOB)"), 1);
  assert_string_equal(next_after(mine, "AAAA", "Idle", NULL), "");
}

/* ---- push certificates ---- */

static void put_pair(const char *name, const char *topic, int64_t ends, bool own_key) {
  struct pki_key *key, *other;
  struct pki_cert *cert;
  struct slice pem;
  must(pki_key_new_rsa(fx.cx, &key, 2048));
  must(pki_key_new_rsa(fx.cx, &other, 2048));
  struct pki_issue what = {.cn = "APSP:test",
                           .uid = topic,
                           .subject_key = key,
                           .issuer_key = key,
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = ends,
                           .kind = PKI_PUSH};
  must(pki_cert_issue(fx.cx, &cert, &what));
  must(pki_key_pem(fx.cx, &pem, own_key ? key : other));
  put("push_cert", ctx_printf(fx.cx, "%s.pem", name), pki_cert_pem(fx.cx, cert));
  put("push_cert", ctx_printf(fx.cx, "%s.key", name), pem);
}

/* Only what pushes can be sent with comes over, and nothing older than what is here. */
static void test_push_certificates(void **state) {
  (void)state;
  static const char p[] = "com.apple.mgmt.External.";
  int64_t now = clock_now_us();
#define NAMED(x) ctx_printf(fx.cx, "%s%s", p, x)
  put_pair(NAMED("good"), NAMED("good"), now + 30 * US_DAY, true);
  put_pair(NAMED("ended"), NAMED("ended"), now - US_HOUR, true);
  put_pair(NAMED("alien"), NAMED("other"), now + 30 * US_DAY, true);
  put_pair(NAMED("false"), NAMED("false"), now + 30 * US_DAY, false);
  put_pair(TOPIC, TOPIC, now + 30 * US_DAY, true); /* the one here is good for a year */
  put_pair(NAMED("keyless"), NAMED("keyless"), now + 30 * US_DAY, true);
  assert_int_equal(unlink(place("push_cert", NAMED("keyless.key"))), 0);
  migrate();
  assert_int_equal(report.push_certificates, 1);
  assert_left_out("ended.pem", "expired");
  assert_left_out("alien.pem", "is for the topic");
  assert_left_out("false.pem", "another certificate");
  assert_left_out("keyless.pem", "private key");
  assert_left_out(TOPIC ".pem", "newer");
  assert_int_equal(count("SELECT count(*) FROM pushcert WHERE superseded_at IS NULL"), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world, world_end)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(test_no_folder),
      T(test_links),
      T(test_no_ordinary_files),
      T(test_names),
      T(test_hostile_queue),
      T(test_unreadable),
      T(test_too_much),
      T(test_torn),
      T(test_torn_beyond_repair),
      T(test_never_finished),
      T(test_channels),
      T(test_certificate),
      T(test_hash),
      T(test_certificate_of_another),
      T(test_queue),
      T(test_again),
      T(test_push_certificates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
