/* NanoMDM's /v1/escrowkeyunlock: lifts Activation Lock by a bypass code, at Apple's service, with the topic's push
   certificate. Source: Apple, "Use the Escrow Key Unlock web service". */
#include "base/enc.h"
#include "core/offboard.h"
#include "core/pushcert.h"
#include "face/api_int.h"
#include "face/outbound.h"

#include <string.h>

static const struct {
  const char *name;
  bool required;
  bool in_query; /* of Apple's URL; else in its form */
  bool ours;     /* not handed on */
} fields[] = {
    {"topic", true, false, true},    {"serial", true, true, false}, {"productType", true, true, false},
    {"imei", false, true, false},    {"imei2", false, true, false}, {"meid", false, true, false},
    {"orgName", true, false, false}, {"guid", true, false, false},  {"escrowKey", true, false, false},
};
enum { FIELDS = sizeof fields / sizeof *fields };

struct unlock {
  const char *values[FIELDS]; /* NULL: absent */
  struct slice cert_pem, key_pem;
};

/* ---- the form ---- */

/* application/x-www-form-urlencoded: here '+' is a space. */
static enum err form_value(struct ctx *cx, struct slice raw, const char **out) {
  char *text = ctx_memdup(cx, raw.p ? raw.p : "", raw.n);
  struct slice plain;
  for (size_t i = 0; i < raw.n; i++)
    if (text[i] == '+') text[i] = ' ';
  TRY(dec_percent(cx, slice_mem(text, raw.n), &plain));
  if (!text_is_plain(plain)) return FAIL(cx, E_INVALID, "the form holds what is no plain text");
  *out = ctx_memdup(cx, plain.p, plain.n);
  return OK;
}

static enum err take_pairs(struct ctx *cx, struct unlock *u, struct slice form) {
  struct slice pair, key;
  while (slice_cut(&form, '&', &pair)) {
    struct slice value = pair;
    if (!slice_cut(&value, '=', &key)) continue;
    for (int i = 0; i < FIELDS; i++)
      if (slice_is(key, fields[i].name)) TRY(form_value(cx, value, &u->values[i]));
  }
  return OK;
}

static enum err read_form(struct http_req *rq, struct core *core, struct unlock *u) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  int64_t unused;
  TRY(take_pairs(cx, u, http_query_raw(rq)));
  TRY(take_pairs(cx, u, http_body(rq)));
  for (int i = 0; i < FIELDS; i++)
    if (fields[i].required && (!u->values[i] || !*u->values[i]))
      return FAIL(cx, E_INVALID, "missing %s", fields[i].name);
  TRY(db_reader(cx, core->store, &db));
  return pushcert_open(cx, db, core, u->values[0], &u->cert_pem, &u->key_pem, &unused);
}

/* ---- Apple's service ---- */

static void add_field(struct ctx *cx, struct buf *b, const char *name, const char *value) {
  buf_printf(b, "%s%s=%s", b->n ? "&" : "", name, enc_percent(cx, slice_of(value)));
}

static enum err ask_apple(struct http_req *rq, struct core *core, const struct unlock *u, struct nh_reply *reply) {
  static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
  struct ctx *cx = http_cx(rq);
  struct buf query = {0}, form = {0};
  for (int i = 0; i < FIELDS; i++)
    if (u->values[i] && !fields[i].ours)
      add_field(cx, fields[i].in_query ? &query : &form, fields[i].name, u->values[i]);
  struct nh_req out = {.method = "POST",
                       .url = ctx_printf(cx, "%s/deviceservicesworkers/escrowKeyUnlock?%s",
                                         core_conf(core)->escrow_key_unlock_url, query.p),
                       .headers = headers,
                       .body = buf_slice(&form)};
  struct nh_conf conf = {.ca_file = core_conf(core)->apns_ca,
                         .cert_pem = u->cert_pem,
                         .key_pem = u->key_pem,
                         .proxy = core_conf(core)->proxy};
  enum err e = outbound_ask(rq, core, conf, &out, reply);
  buf_free(&query);
  buf_wipe(&form);
  return e;
}

enum err api_unlock(struct http_req *rq, struct core *core, const struct offboard_unlock *lock, const char *code,
                    int *status) {
  struct ctx *cx = http_cx(rq);
  struct db *db;
  struct nh_reply reply;
  int64_t unused;
  char guid[UUID_LEN + 1];
  uuid_new(guid);
  const char *organization = core_conf(core)->organization;
  struct unlock u = {.values = {lock->topic, lock->serial_number, lock->product, lock->imei, NULL, lock->meid,
                                organization, guid, code}};
  TRY(db_reader(cx, core->store, &db));
  TRY(pushcert_open(cx, db, core, lock->topic, &u.cert_pem, &u.key_pem, &unused));
  TRY(ask_apple(rq, core, &u, &reply));
  *status = reply.status;
  return OK;
}

static void unlock_at_apple(struct http_req *rq, struct core *core) {
  struct nh_reply reply;
  enum err e = ask_apple(rq, core, route_user(rq), &reply);
  if (e == OK)
    outbound_hand_back(rq, &reply);
  else
    reply_error(rq, e);
}

static void unlock(struct http_req *rq, struct core *core) {
  struct unlock *u = ctx_alloc(http_cx(rq), sizeof *u);
  *u = (struct unlock){0};
  enum err e = read_form(rq, core, u);
  if (e == OK) {
    route_set_user(rq, u);
    e = outbound_run(rq, core, unlock_at_apple);
  }
  if (e != OK) reply_error(rq, e);
}

const struct route nano_unlock_routes[] = {
    {.method = "*",
     .flags = ROUTE_ACT,
     .pattern = "/v1/escrowkeyunlock",
     .run = unlock,
     .body_max = API_BODY_MAX,
     .summary = "NanoMDM: lifts Activation Lock at Apple's service. Form: topic, serial, productType, escrowKey, "
                "orgName, guid, and imei, imei2, meid where there are any."},
    {.method = NULL},
};
