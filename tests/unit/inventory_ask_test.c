/* What devices are asked for by itself, and when. */
#include "core_fixture.h"

#include "core/inventory_int.h"

static int64_t shifted; /* of the clock */

static int up(void **state) {
  int failed = fixture_open(state);
  shifted = 0;
  fx.conf.inventory_interval_us = US_DAY;
  return failed;
}

/* One that says what it is when it comes. */
static struct enroll_proof enrolls(const char *udid, const char *product, const char *os) {
  enum enroll_refusal refusal;
  struct enroll_proof p = new_identity(udid);
  struct pl *m = message("Authenticate", udid);
  pl_set_string(m, "ProductName", product);
  if (os) pl_set_string(m, "OSVersion", os);
  must(check_in_with(p, m, &refusal));
  assert_int_equal(token_update(p, udid, "token"), ENROLL_FINE);
  return p;
}

static int64_t waits(const char *id, const char *request_type) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n,
                  "SELECT count(*) FROM target t JOIN command c ON c.seq = t.command JOIN enrollment e ON e.seq = "
                  "t.enrollment WHERE e.id = $1 AND t.waiting = 1 AND c.request_type = $2",
                  DB_S(id), DB_S(request_type)));
  return n;
}

static int64_t all_waiting(const char *id) {
  int64_t n;
  must(db_one_int(fx.cx, reader(), &n,
                  "SELECT count(*) FROM target t JOIN enrollment e ON e.seq = t.enrollment WHERE e.id = $1 "
                  "AND t.waiting = 1",
                  DB_S(id)));
  return n;
}

/* What polls taught. */
static void write_seen(void) {
  seen_stop(fx.core.seen);
  must(seen_start(fx.cx, &fx.core.seen, &fx.core));
}

/* Everything that waits is acknowledged, with an empty answer. */
static void answers_all(struct enroll_proof p, const char *udid) {
  const char *uuid = next_after(p, udid, "Idle", NULL);
  for (int i = 0; *uuid && i < 50; i++) uuid = next_after(p, udid, "Acknowledged", uuid);
  assert_string_equal(uuid, "");
  write_seen();
}

static void chore(void) {
  ctx_clear_error(fx.cx);
  must(inventory_chore(fx.cx, &fx.core));
}

/* Goal: nobody is asked when it is never to be done. */
static void never(void **state) {
  (void)state;
  fx.conf.inventory_interval_us = 0;
  (void)enrolls("A", "iPhone17,1", "18.1");
  chore();
  assert_int_equal(all_waiting("A"), 0);
}

/* Goal: a device that does not say what it is (Apple TVs do not) is asked for that, and then for all. */
static void unknown_platform(void **state) {
  struct enroll_proof a = enrolled("A");
  struct pl *m = pl_new_dict(fx.cx), *r = pl_new_dict(fx.cx);
  (void)state;
  assert_int_equal(all_waiting("A"), 1);
  struct report *asked = put_report(a, "A", "Idle", NULL);
  assert_non_null(strstr(asked->command.p, "<string>ProductName</string>"));
  assert_null(strstr(asked->command.p, "<string>HostName</string>"));
  pl_set_string(r, "ProductName", "AppleTV14,1");
  pl_set_string(r, "OSVersion", "18.1");
  pl_set(m, "QueryResponses", r);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", asked->command_uuid);
  (void)put_report_of(a, m);
  assert_int_equal(waits("A", "DeviceInformation"), 1);
  assert_int_equal(waits("A", "ProfileList"), 1);
  assert_int_equal(waits("A", "UserList"), 0);
}

/* Goal: an iPhone is asked for what iPhones tell: nothing of Macs, nothing that wants supervision; each once. */
static void iphone(void **state) {
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  struct slice q;
  (void)state;
  assert_int_equal(waits("A", "DeviceInformation"), 1);
  assert_int_equal(waits("A", "ProfileList"), 1);
  assert_int_equal(waits("A", "Restrictions"), 1);
  assert_int_equal(waits("A", "UserList"), 0);
  assert_int_equal(waits("A", "AvailableOSUpdates"), 0);
  int64_t before = all_waiting("A");
  assert_int_equal(token_update(a, "A", "token2"), ENROLL_FINE);
  assert_int_equal(all_waiting("A"), before);
  q = put_report(a, "A", "Idle", NULL)->command;
  assert_non_null(strstr(q.p, "<string>IMEI</string>"));
  assert_null(strstr(q.p, "<string>HostName</string>"));
  assert_null(strstr(q.p, "<string>PushToken</string>"));
  assert_null(strstr(q.p, "<string>QuotaSize</string>"));         /* of Shared iPads */
  assert_null(strstr(q.p, "<string>SIMCarrierNetwork</string>")); /* gone since iOS 5 */
}

/* Goal: a Mac is asked as Macs are; one of OS 27 no more for what was withdrawn; an old one not for what came later. */
static void macs(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "Mac16,10", "15.1"), c = enrolls("C", "Mac16,10", "10.14");
  (void)enrolls("B", "Mac16,10", "27.0");
  assert_int_equal(waits("A", "AvailableOSUpdates"), 1);
  assert_int_equal(waits("B", "AvailableOSUpdates"), 0);
  assert_int_equal(waits("A", "ManagedApplicationList"), 1);
  assert_int_equal(waits("C", "ManagedApplicationList"), 0);
  assert_int_equal(waits("A", "Restrictions"), 0);
  assert_non_null(strstr(put_report(a, "A", "Idle", NULL)->command.p, "<string>IsAppleSilicon</string>"));
  assert_null(strstr(put_report(c, "C", "Idle", NULL)->command.p, "<string>IsAppleSilicon</string>"));
}

static enum err give_rights(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  TRY(db_run(cx, db, "UPDATE generation SET given = '{\"AccessRights\":17}'"));
  return inventory_ask(cx, db, &fx.core, count("SELECT seq FROM enrollment"), true);
}

/* Goal: what the access rights do not allow is not asked for. */
static void rights(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers_all(a, "A");
  must(in_job(give_rights, NULL));
  assert_int_equal(waits("A", "ProfileList"), 1);     /* 1 */
  assert_int_equal(waits("A", "SecurityInfo"), 0);    /* 1024 */
  assert_int_equal(waits("A", "CertificateList"), 1); /* 1 */
  struct slice q = put_report(a, "A", "Idle", NULL)->command;
  assert_non_null(strstr(q.p, "<string>IMEI</string>")); /* 16 */
  assert_null(strstr(q.p, "<string>WiFiMAC</string>"));  /* 32 */
}

/* Goal: one that turns out to be supervised is asked for what only those tell. */
static void turns_out_supervised(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  struct pl *m = pl_new_dict(fx.cx), *r = pl_new_dict(fx.cx);
  const char *uuid = next_after(a, "A", "Idle", NULL);
  pl_set_bool(r, "IsSupervised", true);
  pl_set(m, "QueryResponses", r);
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", uuid);
  (void)put_report_of(a, m);
  assert_int_equal(waits("A", "AvailableOSUpdates"), 1);
  assert_int_equal(waits("A", "SecurityInfo"), 1);
}

/* Goal: asked again after the interval, with a push that waits for it to come by itself; what it answered before goes.
   One that did not come is not asked again. */
static void again(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  (void)enrolls("B", "iPhone17,1", "18.1");
  answers_all(a, "A");
  int64_t rows = count("SELECT count(*) FROM target");
  chore();
  assert_int_equal(all_waiting("A"), 0);
  clock_shift(US_DAY + US_HOUR);
  int64_t of_b = all_waiting("B");
  for (int i = 0; i < 3; i++) chore();
  assert_true(all_waiting("A") > 5);
  assert_int_equal(all_waiting("B"), of_b);
  assert_int_equal(count("SELECT count(*) AS n FROM target"), rows);
  assert_int_equal(count("SELECT count(*) FROM wake w JOIN enrollment e ON e.seq = w.enrollment WHERE e.id = 'A' "
                         "AND w.due_at > w.seen_at + 3600000000"),
                   1);
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Cancelled'"), 0);
}

static enum err all_due(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE inventory SET asked_at = 0");
}

/* Goal: a fleet is asked in small parts. */
static void spread(void **state) {
  (void)state;
  for (int i = 0; i < 30; i++) (void)enrolls(ctx_printf(fx.cx, "D%d", i), "iPhone17,1", "18.1");
  must(in_job(all_due, NULL));
  fx.conf.inventory_interval_us = US_HOUR;
  chore();
  assert_int_equal(count("SELECT count(*) FROM inventory WHERE asked_at > 0"), 25);
}

/* Goal: a profile may switch on FileVault or the firewall: SecurityInfo is asked for, too. */
static void acted_by_profile(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "Mac16,10", "15.6.1");
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  struct js *args;
  answers_all(a, "A");
  must(js_parse(fx.cx, slice_of("{\"Payload\":\"PHBsaXN0Lz4=\"}"), &args));
  q->id = "A";
  must(command_build(fx.cx, &q->command, "InstallProfile", args, "PROFILE"));
  must(in_job(enqueue_job, q));
  assert_string_equal(next_after(a, "A", "Idle", NULL), "PROFILE");
  assert_string_not_equal(next_after(a, "A", "Acknowledged", "PROFILE"), "");
  assert_int_equal(waits("A", "ProfileList"), 1);
  assert_int_equal(waits("A", "SecurityInfo"), 1);
  assert_int_equal(all_waiting("A"), 2);
}

/* Goal: a command that changes a list has it asked for; of an app, which comes later, again half an hour after. */
static void acted(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  struct enqueue *q = ctx_alloc(fx.cx, sizeof *q);
  struct js *args;
  answers_all(a, "A");
  must(js_parse(fx.cx, slice_of("{\"iTunesStoreID\":361309726}"), &args));
  q->id = "A";
  must(command_build(fx.cx, &q->command, "InstallApplication", args, "APP"));
  must(in_job(enqueue_job, q));
  assert_string_equal(next_after(a, "A", "Idle", NULL), "APP");
  const char *uuid = next_after(a, "A", "Acknowledged", "APP");
  assert_int_equal(waits("A", "ManagedApplicationList"), 1);
  assert_string_equal(next_after(a, "A", "Acknowledged", uuid), "");
  chore();
  assert_int_equal(all_waiting("A"), 0);
  clock_shift(32 * US_MINUTE);
  chore();
  assert_int_equal(waits("A", "ManagedApplicationList"), 1);
  assert_int_equal(all_waiting("A"), 1);
  assert_int_equal(count("SELECT count(*) FROM inventory_later"), 0);
}

/* Goal: what was installed is not known any more when a device enrolls anew; its answers and facts stay. */
static void enrolled_anew(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  struct pl *m = pl_new_dict(fx.cx);
  enqueue("A", "ProfileList", "P");
  const char *uuid = next_after(a, "A", "Idle", NULL);
  while (strcmp(uuid, "P") != 0) uuid = next_after(a, "A", "Acknowledged", uuid);
  pl_set(m, "ProfileList", pl_new_array(fx.cx));
  pl_set_string(m, "UDID", "A");
  pl_set_string(m, "Status", "Acknowledged");
  pl_set_string(m, "CommandUUID", uuid);
  (void)put_report_of(a, m);
  assert_int_equal(count("SELECT count(*) FROM inventory_list"), 1);
  assert_int_equal(authenticate(a, "A", NULL), ENROLL_FINE);
  assert_int_equal(token_update(a, "A", "token"), ENROLL_FINE);
  assert_int_equal(count("SELECT count(*) AS n FROM inventory_list"), 0);
  assert_true(count("SELECT count(*) FROM inventory_answer WHERE request_type = 'ProfileList'") == 1);
  assert_int_equal(waits("A", "ProfileList"), 1);
}

/* ---- what goes wrong ---- */

static void later(int64_t us) { clock_shift(shifted += us); }

/* The next question of this type is answered so, all others are acknowledged. */
static void answers(struct enroll_proof p, const char *udid, const char *request_type, const char *status, int code) {
  const char *uuid = next_after(p, udid, "Idle", NULL);
  for (int i = 0; *uuid && i < 50; i++) {
    struct pl *m = pl_new_dict(fx.cx), *chain = pl_new_array(fx.cx), *error = pl_new_dict(fx.cx);
    int64_t is_it;
    must(db_one_int(fx.cx, reader(), &is_it, "SELECT count(*) FROM command WHERE uuid = $1 AND request_type = $2",
                    DB_S(uuid), DB_S(request_type)));
    pl_set_string(m, "UDID", udid);
    pl_set_string(m, "CommandUUID", uuid);
    pl_set_string(m, "Status", is_it ? status : "Acknowledged");
    pl_set_string(error, "ErrorDomain", "MCMDMErrorDomain");
    pl_set_int(error, "ErrorCode", code);
    pl_add(chain, error);
    if (is_it && code) pl_set(m, "ErrorChain", chain);
    const char *next = put_report_of(p, m)->command_uuid;
    uuid = next ? next : "";
  }
  assert_string_equal(uuid, "");
  write_seen();
}

/* Whether it waits after so long, and not a moment before. */
static void asked_after(const char *id, const char *request_type, int64_t us) {
  later(us - US_SECOND);
  chore();
  assert_int_equal(waits(id, request_type), 0);
  later(2 * US_SECOND);
  chore();
  assert_int_equal(waits(id, request_type), 1);
}

/* Goal: what was answered with an error is asked again, ever later, alone and with a push; the fifth time with all
   others; once answered all begins anew. */
static void again_after_errors(void **state) {
  static const int64_t waits_for[] = {5 * US_MINUTE, 30 * US_MINUTE, 2 * US_HOUR, 6 * US_HOUR};
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers(a, "A", "SecurityInfo", "Error", 12);
  for (int i = 0; i < 4; i++) {
    asked_after("A", "SecurityInfo", waits_for[i]);
    assert_int_equal(all_waiting("A"), 1);
    assert_int_equal(count("SELECT count(*) FROM wake"), 1);
    answers(a, "A", "SecurityInfo", i % 2 ? "Error" : "CommandFormatError", i % 2 ? 12 : 0);
  }
  later(10 * US_HOUR);
  chore();
  assert_int_equal(all_waiting("A"), 0);
  later(10 * US_HOUR);
  chore();
  assert_int_equal(waits("A", "SecurityInfo"), 1);
  assert_true(all_waiting("A") > 5);
  answers(a, "A", "none", "Error", 0);
  assert_int_equal(count("SELECT count(*) FROM inventory_failed"), 0);
}

/* Goal: where the clock was ahead by months, devices are asked as ever when it is right again, and what is to be asked
   again is not put off by months. */
static void clock_back(void **state) {
  (void)state;
  later(90 * US_DAY);
  struct enroll_proof a = enrolls("A", "Mac16,10", "15.1");
  answers(a, "A", "CertificateList", "Error", 12);
  assert_int_equal(all_waiting("A"), 0);
  later(-90 * US_DAY);
  chore();
  assert_true(waits("A", "CertificateList") == 1 && waits("A", "DeviceInformation") == 1);
  answers_all(a, "A");
  chore();
  assert_int_equal(all_waiting("A"), 0);
}

static enum err ask_for(struct ctx *cx, struct db *db, void *arg) {
  return inventory_ask_for(cx, db, &fx.core, count("SELECT seq FROM enrollment"), arg);
}
static enum err refresh(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return inventory_ask(cx, db, &fx.core, count("SELECT seq FROM enrollment"), true);
}

/* Goal: a plan that wants to know does not ask a device again and again for what it answers with an error; an operator
   may. */
static void plans_wait(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers(a, "A", "ProfileList", "Error", 12);
  must(in_job(ask_for, "ProfileList"));
  assert_int_equal(waits("A", "ProfileList"), 0);
  must(in_job(refresh, NULL));
  assert_int_equal(waits("A", "ProfileList"), 1);
  answers(a, "A", "none", "Error", 0);
  must(in_job(ask_for, "ProfileList"));
  assert_int_equal(waits("A", "ProfileList"), 1);
}

static enum err updated(struct ctx *cx, struct db *db, void *arg) {
  (void)arg;
  return db_run(cx, db, "UPDATE device SET os_version = '18.2'");
}

/* Goal: a command that a device does not know is not sent to it again, by whatever, before its system is another. */
static void unknown_command(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers(a, "A", "CertificateList", "Error", 12021);
  for (int i = 0; i < 3; i++) {
    later(US_DAY + US_HOUR);
    chore();
    must(in_job(ask_for, "CertificateList"));
    must(in_job(refresh, NULL));
    assert_int_equal(waits("A", "CertificateList"), 0);
    assert_int_equal(waits("A", "ProfileList"), 1);
    answers_all(a, "A");
  }
  must(in_job(updated, NULL));
  later(US_DAY + US_HOUR);
  chore();
  assert_int_equal(waits("A", "CertificateList"), 1);
}

static enum err expire(struct ctx *cx, struct db *db, void *arg) {
  int64_t n;
  (void)arg;
  return queue_expire(cx, db, clock_now_us(), 100, &n);
}

/* Goal: what is put off is offered until it is answered, and no question expires while its device is away. */
static void waits_for_ever(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers(a, "A", "SecurityInfo", "NotNow", 0);
  assert_int_equal(waits("A", "SecurityInfo"), 1);
  later(60 * US_DAY);
  must(in_job(expire, NULL));
  assert_int_equal(waits("A", "SecurityInfo"), 1);
  assert_int_equal(count("SELECT count(*) FROM target WHERE status = 'Expired'"), 0);
  answers_all(a, "A");
  assert_int_equal(waits("A", "SecurityInfo"), 0);
}

/* Goal: of settled questions the last of each kind is kept, whoever asked; what an operator sent stays. */
static void last_of_each(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers_all(a, "A");
  int64_t rows = count("SELECT count(*) FROM target");
  enqueue("A", "ProfileList", "HAND");
  answers_all(a, "A");
  for (int i = 0; i < 60; i++) {
    must(in_job(ask_for, "ProfileList"));
    answers_all(a, "A");
  }
  assert_int_equal(count("SELECT count(*) FROM target"), rows + 1);
  assert_int_equal(count("SELECT count(*) FROM command"), rows + 1);
  assert_int_equal(count("SELECT count(*) FROM command WHERE uuid = 'HAND'"), 1);
}

/* Goal: the server's own questions are no events, but for those that fail; an operator's are. */
static void silent(void **state) {
  (void)state;
  struct enroll_proof a = enrolls("A", "iPhone17,1", "18.1");
  answers(a, "A", "SecurityInfo", "NotNow", 0);
  answers_all(a, "A");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 0);
  enqueue("A", "ProfileList", "HAND");
  answers_all(a, "A");
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 1);
  must(in_job(refresh, NULL));
  answers(a, "A", "SecurityInfo", "Error", 12);
  assert_int_equal(count("SELECT count(*) FROM event WHERE kind = 'command.status'"), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, fixture_close)
      TEST(never),      TEST(unknown_platform),     TEST(iphone),         TEST(macs),
      TEST(rights),     TEST(turns_out_supervised), TEST(again),          TEST(spread),
      TEST(acted),      TEST(acted_by_profile),     TEST(enrolled_anew),  TEST(again_after_errors),
      TEST(plans_wait), TEST(unknown_command),      TEST(waits_for_ever), TEST(last_of_each),
      TEST(silent),     TEST(clock_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
