/* What devices say: messages with the keys that each kind of device puts in, changed as the talk wants. */
#include "talk_actor.h"

#include "base/enc.h"
#include "core/enroll.h"
#include "core/push_int.h"
#include "lib/pki_cms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"

enum { FIELDS_MAX = 40 };

struct field {
  const char *key;
  struct pl *value;
};
struct message {
  struct field fields[FIELDS_MAX];
  size_t n;
};

/* ---- keys and values ---- */

static void drop(struct message *m, struct slice key) {
  for (size_t i = 0; i < m->n; i++)
    if (slice_is(key, m->fields[i].key)) m->fields[i--] = m->fields[--m->n];
}

static void put(struct message *m, const char *key, struct pl *value) {
  drop(m, slice_of(key));
  if (m->n == FIELDS_MAX) talk_fail("too many keys");
  m->fields[m->n++] = (struct field){key, value};
}

static char *many(int64_t n) {
  char *text = ctx_alloc(talk.cx, (size_t)n + 1);
  memset(text, 'x', (size_t)n);
  return text;
}

static struct pl *nested(int64_t depth) {
  struct pl *array = pl_new_array(talk.cx);
  if (depth > 100) talk_fail("nest: is for 100 at most");
  if (depth > 1) pl_add(array, nested(depth - 1));
  return array;
}

/* A node of its own, taken out of a dictionary, since only containers are made alone. */
static struct pl *node_of(const char *word) {
  struct pl *box = pl_new_dict(talk.cx);
  int64_t n;
  struct slice rest = slice_of(word), type;
  bool typed = slice_cut(&rest, ':', &type) && rest.p && type.n + 1 <= strlen(word);
  if (typed && slice_is(type, "data"))
    pl_set_data(box, "v", rest);
  else if (typed && slice_is(type, "int") && slice_to_i64(rest, &n))
    pl_set_int(box, "v", n);
  else if (typed && slice_is(type, "bool"))
    pl_set_bool(box, "v", slice_is(rest, "yes"));
  else if (typed && slice_is(type, "nest") && slice_to_i64(rest, &n))
    return nested(n);
  else if (typed && slice_is(type, "long") && slice_to_i64(rest, &n))
    pl_set_string(box, "v", many(n));
  else if (typed && slice_is(type, "bytes") && slice_to_i64(rest, &n))
    pl_set_data(box, "v", slice_mem(many(n), (size_t)n));
  else
    pl_set_string(box, "v", word);
  return pl_get(box, "v");
}

static void put_text(struct message *m, const char *key, const char *value) {
  if (value) put(m, key, node_of(value));
}

static void put_data(struct message *m, const char *key, const char *value) {
  struct pl *box = pl_new_dict(talk.cx);
  pl_set_data(box, "v", slice_of(value));
  put(m, key, pl_get(box, "v"));
}

/* ---- what each message holds by itself ---- */

static void add_ids(struct message *m, const struct talk_actor *a) {
  const struct talk_actor *device = a->device ? a->device : a;
  put_text(m, device->kind->id_key, device->id);
  if (!a->device) return;
  put_text(m, device->kind->user_key, a->id);
  put_text(m, "UserShortName", a->short_name);
  put_text(m, "UserLongName", a->long_name);
}

static void authenticate(struct message *m, const struct talk_actor *a) {
  put_text(m, "Topic", TOPIC);
  put_text(m, "DeviceName", ctx_printf(talk.cx, "The %s", a->name));
  put_text(m, "Model", a->kind->product);
  put_text(m, "ModelName", a->kind->word);
  put_text(m, "ProductName", a->kind->product);
  put_text(m, "OSVersion", "26.0");
  put_text(m, "BuildVersion", "25A1");
  put_text(m, "SerialNumber", a->serial);
}

static void token_update(struct message *m, const struct talk_actor *a) {
  put_text(m, "Topic", TOPIC);
  put_data(m, "Token", ctx_printf(talk.cx, "token of %s %u", a->name, a->installs));
  put_text(m, "PushMagic", ctx_printf(talk.cx, "magic of %s %u", a->name, a->installs));
  if (a->kind->unlock_token && !a->device) put_data(m, "UnlockToken", ctx_printf(talk.cx, "unlock %s", a->name));
}

static void set_bootstrap(struct message *m, const struct talk_actor *a) {
  put_data(m, "BootstrapToken", ctx_printf(talk.cx, "bootstrap of %s", a->name));
}

static void declarative(struct message *m, const struct talk_actor *a) {
  (void)a;
  put_text(m, "Endpoint", "tokens");
}

static void get_token(struct message *m, const struct talk_actor *a) {
  (void)a;
  put_text(m, "TokenServiceType", "com.apple.maid");
}

static const struct {
  const char *type;
  void (*fill)(struct message *m, const struct talk_actor *a); /* NULL: nothing but ids */
} checkins[] = {
    {"Authenticate", authenticate},
    {"TokenUpdate", token_update},
    {"CheckOut", NULL},
    {"UserAuthenticate", NULL},
    {"SetBootstrapToken", set_bootstrap},
    {"GetBootstrapToken", NULL},
    {"DeclarativeManagement", declarative},
    {"GetToken", get_token},
    {"ReturnToService", NULL},
};

/* ---- what the talk changes ---- */

struct saying {
  struct message m;
  const struct talk_actor *actor, *signer;
  bool checkin, moves, without_proof, mangled, binary;
  const char *raw, *content_type, *method, *path;
  int64_t huge;
};

/* "Key=Value", "Key=data:…", "Key=int:…", "Key=bool:yes", "Key=long:300", "Key=bytes:300", "Key=nest:9"; "-Key" leaves
 * one out. */
static bool take_key(struct message *m, const char *word) {
  const char *equals = strchr(word, '=');
  if (word[0] == '-') return drop(m, slice_of(word + 1)), true;
  if (!equals) return false;
  put(m, ctx_memdup(talk.cx, word, (size_t)(equals - word)), node_of(equals + 1));
  return true;
}

/* "as NAME" signs with another's identity. */
static size_t take_option(struct saying *s, const struct line *l, size_t i) {
  const char *word = l->words[i], *next = i + 1 < l->n ? l->words[i + 1] : NULL;
  if (strcmp(word, "as") == 0 && next) return s->signer = actor_get(next), 2;
  if (strcmp(word, "unsigned") == 0) return s->without_proof = true, 1;
  if (strcmp(word, "mangled") == 0) return s->mangled = true, 1;
  if (strcmp(word, "binary") == 0) return s->binary = true, 1;
  if (strcmp(word, "huge") == 0 && next) return s->huge = atoll(next), 2;
  if (strcmp(word, "type") == 0 && next) return s->content_type = next, 2;
  if (strcmp(word, "method") == 0 && next) return s->method = next, 2;
  if (strcmp(word, "path") == 0 && next) return s->path = next, 2;
  if (strcmp(word, "raw") == 0 && next) return s->raw = l->rest[i + 1], l->n - i;
  if (take_key(&s->m, word)) return 1;
  talk_fail("\"%s\" is no option of a message", word);
}

static bool begin_checkin(struct saying *s, const char *type) {
  for (size_t i = 0; i < sizeof checkins / sizeof *checkins; i++) {
    if (strcmp(checkins[i].type, type) != 0) continue;
    s->checkin = true;
    put_text(&s->m, "MessageType", type);
    if (checkins[i].fill) checkins[i].fill(&s->m, s->actor);
    return true;
  }
  return false;
}

/* A report: its status, and the label of the command that it is about. */
static size_t begin_report(struct saying *s, const struct line *l) {
  put_text(&s->m, "Status", l->words[2]);
  const char *uuid = l->n > 3 ? label_value(l->words[3]) : NULL;
  if (!uuid) return 3;
  put_text(&s->m, "CommandUUID", uuid);
  return 4;
}

/* ---- sending ---- */

static struct slice body_of(const struct saying *s) {
  struct pl *root = pl_new_dict(talk.cx);
  if (s->huge) {
    char *zeros = ctx_alloc(talk.cx, (size_t)s->huge);
    return slice_mem(memset(zeros, ' ', (size_t)s->huge), (size_t)s->huge);
  }
  if (s->raw) return slice_of(s->raw);
  for (size_t i = 0; i < s->m.n; i++) pl_set(root, s->m.fields[i].key, s->m.fields[i].value);
  return s->binary ? pl_binary(talk.cx, root) : pl_xml(talk.cx, root);
}

static const char *signature_of(const struct saying *s, struct slice body) {
  const struct talk_actor *by = s->signer->device ? s->signer->device : s->signer;
  struct slice der;
  if (s->without_proof || !by->identity) return NULL;
  talk_must(pki_cms_sign_detached(talk.cx, &der, body, by->identity, talk_key()));
  return ctx_printf(talk.cx, "Mdm-Signature: %s", enc_base64(talk.cx, der.p, der.n));
}

static void send_it(const struct saying *s) {
  struct slice body = body_of(s);
  const char *usual = s->checkin ? "application/x-apple-aspen-mdm-checkin" : "application/x-apple-aspen-mdm";
  const char *signature = signature_of(s, body);
  const char *headers[] = {ctx_printf(talk.cx, "Content-Type: %s", s->content_type ? s->content_type : usual),
                           signature, NULL};
  if (s->mangled) body = slice_of(ctx_printf(talk.cx, "%.*s\n", (int)body.n, body.p));
  struct nh_req rq = {.method = s->method ? s->method : "PUT", .headers = headers, .body = body};
  if (s->moves)
    admin_hear(body);
  else
    world_ask(talk.devices, &rq, s->path ? s->path : "/mdm");
}

static void say(const struct line *l, bool moves) {
  if (l->n < 3) talk_fail("> NAME MESSAGE [LABEL] [as NAME] [KEY=VALUE…]");
  struct saying s = {.actor = actor_get(l->words[1]), .moves = moves};
  s.signer = s.actor;
  add_ids(&s.m, s.actor);
  size_t i = begin_checkin(&s, l->words[2]) ? 3 : begin_report(&s, l);
  while (i < l->n) i += take_option(&s, l, i);
  send_it(&s);
  talk.message = moves ? "migration" : ctx_strdup(talk.cx, l->words[2]);
}

void actor_say(const struct line *l) { say(l, false); }
void actor_move(const struct line *l) { say(l, true); }

/* ---- what APNs says ---- */

struct apns {
  const char *id;
  bool taken;
};

static enum err apns_job(struct ctx *cx, struct db *db, void *arg) {
  const struct apns *said = arg;
  struct push_hour tally = {0};
  struct wake w;
  int64_t enrollment, now = clock_now_us();
  char *id;
  bool save;
  TRY(enroll_lookup(cx, db, said->id, &enrollment, &id));
  TRY(push_row(cx, db, enrollment, &w));
  struct push_answer a = {.enrollment = enrollment,
                          .sent_at = now,
                          .answered_at = now,
                          .token = w.token_now,
                          .status = said->taken ? 200 : 410,
                          .timestamp = said->taken ? 0 : now};
  memcpy(a.apns_id, w.apns_id, sizeof a.apns_id);
  if (!said->taken) snprintf(a.reason, sizeof a.reason, "Unregistered");
  (void)push_settle(cx, &w, &a, &save, &tally);
  return save ? push_row_save(cx, db, &w) : FAIL(cx, E_NOT_FOUND, "no push to it is due");
}

void actor_apns(const struct line *l) {
  if (l->n != 3) talk_fail("apns NAME taken | unregistered");
  struct apns said = {.id = actor_channel(actor_get(l->words[1])), .taken = strcmp(l->words[2], "taken") == 0};
  talk_must(world_job(apns_job, &said));
}
