/* PUT /mdm: check-ins and the command channel, told apart by Content-Type (Apple, "Sending MDM commands to a device").
 */
#include "base/clock.h"
#include "base/log.h"
#include "core/checkin.h"
#include "core/guard.h"
#include "core/push.h"
#include "core/refused.h"
#include "core/report.h"
#include "face/device.h"

#include <string.h>

/* Of a request without a proof so much is read, to learn in whose name it comes. */
enum { CHECKIN_MAX = 1 << 20, REPORT_MAX = 16 << 20, UNPROVED_MAX = 1 << 16 };

static const char checkin_type[] = "application/x-apple-aspen-mdm-checkin";
static const char report_type[] = "application/x-apple-aspen-mdm";

enum kind { CHECKIN_MESSAGE, REPORT_MESSAGE, NEITHER };

/* The type without its parameters; devices leave it out on some reports. */
static enum kind kind_of(struct http_req *rq) {
  struct slice type = http_header(rq, "Content-Type"), bare = type;
  if (!type.p || type.n == 0) return slice_is(http_path(rq), "/checkin") ? CHECKIN_MESSAGE : REPORT_MESSAGE;
  (void)slice_cut(&type, ';', &bare);
  bare = slice_trim(bare);
  if (slice_ieq(bare, checkin_type)) return CHECKIN_MESSAGE;
  return slice_ieq(bare, report_type) && !slice_is(http_path(rq), "/checkin") ? REPORT_MESSAGE : NEITHER;
}

static size_t mdm_early(struct http_req *rq, struct core *core) {
  enum kind kind = kind_of(rq);
  size_t most = kind == CHECKIN_MESSAGE ? CHECKIN_MAX : REPORT_MAX;
  enum err e = kind == NEITHER
                   ? FAIL(http_cx(rq), E_MEDIA_TYPE, "the Content-Type is neither %s nor %s", checkin_type, report_type)
                   : OK;
  /* What is too large is told before who sent it is asked. */
  int64_t length = http_content_length(rq);
  if (e == OK && length <= (int64_t)most) e = device_proof_head(rq, core);
  if (e == E_REFUSED && length >= 0 && length <= UNPROVED_MAX) return ctx_clear_error(http_cx(rq)), UNPROVED_MAX;
  if (e != OK) reply_error(rq, e);
  return most;
}

/* ---- what is refused ---- */

/* proof NULL: none that holds. */
static void keep(struct http_req *rq, struct core *core, struct refused_claim claim, const struct enroll_proof *proof,
                 const char *reason) {
  claim.reason = reason;
  claim.address = route_peer(rq);
  if (proof) claim.hash = proof->hash, claim.cert = proof->cert;
  refused_note(core->refused, &claim);
}

static struct refused_claim claim_of_checkin(const struct checkin *c) {
  bool first = c->row && c->state && strcmp(c->row->message_type, "Authenticate") == 0;
  const struct enroll_facts *facts = first ? c->state : NULL;
  return (struct refused_claim){.id = c->ids.device,
                                .message_type = c->row ? c->row->message_type : NULL,
                                .serial_number = facts ? facts->serial_number : NULL};
}

static struct refused_claim claim_of_report(const struct report *r) {
  return (struct refused_claim){.id = r->ids.device, .message_type = "Report"};
}

/* The one answer that has a device remove its profile, as Apple words it. Never while the database is in trouble. */
static void unenroll(struct http_req *rq, struct core *core) {
  static const char body[] =
      "{\n \"code\": \"com.apple.unrecognized.device\",\n \"description\": \"enrolment unknown\"\n}";
  if (db_health(http_cx(rq), core->store) != OK)
    reply_error(rq, E_UNAVAILABLE);
  else
    http_reply(rq, 403, "application/json", slice_of(body));
}

static void refuse(struct http_req *rq, struct core *core, enum enroll_refusal refusal) {
  if (refusal == ENROLL_UNKNOWN && core_conf(core)->unenroll_unknown) refusal = ENROLL_UNENROLL;
  if (refusal == ENROLL_UNENROLL)
    unenroll(rq, core);
  else
    reply_error(rq, FAIL(http_cx(rq), E_REFUSED, "%s: %s", enroll_refusal_slug(refusal), enroll_refusal_text(refusal)));
}

/* Who asked is not known, or is not proved: whom it claims to be is kept all the same. */
static void unproved(struct http_req *rq, struct core *core, const struct enroll_proof *failed, enum err e) {
  struct ctx *cx = ctx_new();
  struct checkin c = {.core = core};
  struct report r = {.core = core};
  bool checks_in = kind_of(rq) == CHECKIN_MESSAGE;
  bool small = (e == E_REFUSED || e == E_INVALID) && http_body(rq).n <= UNPROVED_MAX;
  enum err read = !small ? e : checks_in ? checkin_read(cx, http_body(rq), &c) : report_read(cx, http_body(rq), &r);
  struct refused_claim claim = checks_in ? claim_of_checkin(&c) : claim_of_report(&r);
  if (failed->expired) claim.hash = failed->hash;
  if (read == OK) keep(rq, core, claim, NULL, device_doubt(rq, core, failed, e));
  ctx_free(cx);
  reply_error(rq, e);
}

/* What is wrong with the message is told; all else is our trouble: a contradiction in the database is nothing of the
 * device's. */
static void trouble(struct http_req *rq, struct core *core, struct refused_claim claim,
                    const struct enroll_proof *proof, enum err e) {
  bool theirs = e == E_INVALID || e == E_TOO_LARGE;
  if (!theirs && claim.id) keep(rq, core, claim, proof, "storage");
  reply_error(rq, theirs ? e : E_UNAVAILABLE);
}

/* ---- check-ins ---- */

static void checked_in(struct http_req *rq, void *arg, enum err e) {
  struct checkin *c = arg;
  push_felt(c->core, http_age_us(rq));
  bool fine = e == OK && c->refusal == ENROLL_FINE;
  if (fine && c->news)
    log_info(http_cx(rq), c->news, LOG_S("id", c->ids.id), LOG_S("type", c->ids.type), LOG_S("peer", route_peer(rq)));
  if (e == OK && !fine) keep(rq, c->core, claim_of_checkin(c), &c->proof, enroll_refusal_slug(c->refusal));
  if (e != OK)
    trouble(rq, c->core, claim_of_checkin(c), &c->proof, e);
  else if (!fine)
    refuse(rq, c->core, c->refusal);
  else
    http_reply(rq, c->status ? c->status : 200, c->answer_type, c->answer);
}

static void check_in(struct http_req *rq, struct core *core, const struct enroll_proof *proof) {
  struct checkin *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct checkin){.core = core, .proof = *proof};
  enum err e = checkin_read(http_cx(rq), http_body(rq), c);
  route_log(rq, "id", c->ids.id);
  if (e != OK)
    reply_error(rq, e);
  else
    route_write(rq, core, checkin_apply, c, checked_in);
}

/* ---- the command channel ---- */

static void reported(struct http_req *rq, void *arg, enum err e) {
  struct report *r = arg;
  push_felt(r->core, http_age_us(rq));
  bool fine = e == OK && r->refusal == ENROLL_FINE;
  if (e == OK && !fine) keep(rq, r->core, claim_of_report(r), &r->proof, enroll_refusal_slug(r->refusal));
  if (e != OK)
    trouble(rq, r->core, claim_of_report(r), &r->proof, e);
  else if (!fine)
    refuse(rq, r->core, r->refusal);
  else if (r->command.p)
    http_reply(rq, 200, "application/xml", r->command);
  else
    reply_empty(rq, 200);
}

static enum err poll(struct ctx *cx, struct core *core, struct report *r, bool *done) {
  struct db *reader;
  TRY(db_reader(cx, core->store, &reader));
  return report_poll(cx, reader, r, done);
}

static void report(struct http_req *rq, struct core *core, const struct enroll_proof *proof) {
  struct ctx *cx = http_cx(rq);
  struct report *r = ctx_alloc(cx, sizeof *r);
  bool done = false;
  *r = (struct report){.core = core, .proof = *proof, .now = clock_now_us()};
  enum err e = report_read(cx, http_body(rq), r);
  route_log(rq, "id", r->ids.id);
  if (e == OK) e = poll(cx, core, r, &done);
  if (e != OK || done)
    reported(rq, r, e);
  else
    route_write(rq, core, report_apply, r, reported);
}

/* This server's doctor asks by way of others whether a device's proof arrives as it was sent (core/guard.h). The answer
   is the one that unknown devices get, but for the mark. */
static bool is_doctor(struct http_req *rq, struct core *core, const struct enroll_proof *proof, enum err e) {
  struct slice token = http_query(rq, GUARD_MARK_QUERY);
  if (!token.p || !guard_mark_is_ours(http_cx(rq), core, token)) return false;
  const char *came = e == OK ? "proved" : e == E_INVALID ? "other-bytes" : device_doubt(rq, core, proof, e);
  const char *word = ctx_printf(http_cx(rq), "%s %s", came, device_brought(rq, core));
  http_set_header(rq, GUARD_MARK_HEADER, guard_mark_answer(http_cx(rq), core, token, word));
  reply_empty(rq, 400);
  return true;
}

static void mdm(struct http_req *rq, struct core *core) {
  struct enroll_proof proof;
  enum err e = device_proof(rq, core, &proof);
  if (http_query_raw(rq).p && is_doctor(rq, core, &proof, e)) return;
  if (e != OK)
    unproved(rq, core, &proof, e);
  else if (kind_of(rq) == CHECKIN_MESSAGE)
    check_in(rq, core, &proof);
  else
    report(rq, core, &proof);
}

const struct route mdm_routes[] = {
    {.method = "PUT", .pattern = "/mdm", .body_max = REPORT_MAX, .flags = ROUTE_QUIET, .run = mdm, .early = mdm_early},
    {.method = "PUT",
     .pattern = "/checkin",
     .body_max = CHECKIN_MAX,
     .flags = ROUTE_QUIET,
     .run = mdm,
     .early = mdm_early},
    {.method = NULL},
};
