#include "core/passkey_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "lib/json.h"

#include <string.h>

enum { CLIENT_DATA_MOST = 4096, USER_LEN = 8 };

/* ---- what a browser says of its page ---- */

/* 5.8.1 and 7.1, 7.2: for what it was made, on which page, and for which challenge. */
static enum err check_client_data(struct ctx *cx, const struct challenge_held *held, const char *type,
                                  struct slice text) {
  struct js *o;
  struct slice bytes;
  bool cross = false;
  if (text.n == 0 || text.n > CLIENT_DATA_MOST)
    return FAIL(cx, E_INVALID, "client data has at most %d bytes", CLIENT_DATA_MOST);
  TRY(js_parse(cx, text, &o));
  const char *of = js_str(o, "type"), *origin = js_str(o, "origin"), *told = js_str(o, "challenge");
  if (!of || strcmp(of, type) != 0) return FAIL(cx, E_INVALID, "client data is not of %s", type);
  if (!origin || strcmp(origin, held->origin) != 0) return FAIL(cx, E_INVALID, "client data is of another page");
  if (js_bool(js_get(o, "crossOrigin"), &cross) && cross)
    return FAIL(cx, E_INVALID, "client data is of a frame in another page");
  TRY(dec_base64(cx, slice_of(told ? told : ""), &bytes));
  bool same = bytes.n == CHALLENGE_LEN && secret_equal(bytes.p, held->bytes, CHALLENGE_LEN);
  return same ? OK : FAIL(cx, E_INVALID, "client data is for another challenge");
}

/* ---- one's own ---- */

struct slice passkey_user(struct ctx *cx, int64_t account) {
  uint8_t bytes[USER_LEN];
  for (int i = 0; i < USER_LEN; i++) bytes[i] = (uint8_t)((uint64_t)account >> (8 * (USER_LEN - 1 - i)));
  return slice_mem(ctx_memdup(cx, bytes, sizeof bytes), sizeof bytes);
}

enum err passkey_read(struct ctx *cx, struct core *core, int64_t login, const struct passkey_proof *proof,
                      struct fido_credential *out) {
  struct challenge_held held;
  TRY(challenge_take(cx, core, proof->id, login, &held));
  TRY(check_client_data(cx, &held, "webauthn.create", proof->client_data));
  return fido_read(cx, held.rp, proof->data, out);
}

static enum err check_name(struct ctx *cx, const char *name) {
  struct slice s = slice_of(name);
  bool good = s.n <= PASSKEY_NAME_MOST && slice_trim(s).n > 0 && text_is_plain(s);
  return good ? OK : FAIL(cx, E_INVALID, "the name of a passkey has 1 to %d bytes of plain text", PASSKEY_NAME_MOST);
}

enum err passkey_add(struct ctx *cx, struct db *db, int64_t account, const char *name,
                     const struct fido_credential *made, struct passkey *out) {
  struct passkey *all;
  size_t n;
  bool held;
  *out = (struct passkey){.account = account, .credential = *made, .created_at = clock_now_us()};
  out->name = ctx_strdup(cx, name);
  TRY(check_name(cx, name));
  TRY(passkey_sql_held(cx, db, made->id, &held));
  if (held) return FAIL(cx, E_CONFLICT, "this passkey is here already");
  TRY(passkey_list(cx, db, account, &all, &n));
  if (n >= PASSKEYS_MOST) return FAIL(cx, E_CONFLICT, "there are %d passkeys: remove one first", PASSKEYS_MOST);
  return passkey_sql_add(cx, db, out);
}

enum err passkey_rename(struct ctx *cx, struct db *db, int64_t account, int64_t passkey, const char *name) {
  int64_t n;
  TRY(check_name(cx, name));
  TRY(passkey_sql_rename(cx, db, account, passkey, name, &n));
  return n ? OK : FAIL(cx, E_NOT_FOUND, "there is no such passkey of yours");
}

/* ---- logging in ---- */

struct opening {
  const struct login_ask *from;
  struct passkey_owned held; /* by which the proof was found right */
  int64_t counter;           /* that came with it */
  struct actor *out;
  char **token;
};

static enum err wrong(struct ctx *cx) {
  ctx_clear_error(cx);
  return FAIL(cx, E_UNAUTHORIZED, "this passkey is not known here, or its proof is wrong");
}

/* 7.2, 21: one that counts and did not count on was copied. */
static bool counts_on(int64_t before, int64_t now) { return (before == 0 && now == 0) || now > before; }

static enum err open_job(struct ctx *cx, struct db *db, void *arg) {
  struct opening *o = arg;
  struct passkey_owned now;
  bool found;
  TRY(passkey_sql_find(cx, db, o->held.key.credential.id, &now, &found)); /* since it was looked at */
  if (!found || now.key.passkey != o->held.key.passkey || !counts_on(now.key.credential.counter, o->counter))
    return wrong(cx);
  TRY(passkey_sql_used(cx, db, now.key.passkey, o->counter, clock_now_us()));
  return login_add(cx, db, now.key.account, "passkey", o->from, o->out, o->token);
}

static enum err look_up(struct ctx *cx, struct core *core, struct slice credential, struct passkey_owned *held) {
  struct db *db;
  bool found;
  TRY(db_reader(cx, core->store, &db));
  return passkey_sql_find(cx, db, credential, held, &found);
}

/* *counter: what came with the proof. Any error but of the database: it is wrong. */
static enum err check_proof(struct ctx *cx, struct core *core, const struct passkey_proof *p,
                            const struct passkey_owned *owned, int64_t *counter) {
  struct challenge_held held;
  TRY(challenge_take(cx, core, p->id, 0, &held));
  TRY(check_client_data(cx, &held, "webauthn.get", p->client_data));
  if (!owned->owner) return FAIL(cx, E_DENIED, "the passkey is not known");
  if (!slice_eq(p->user, passkey_user(cx, owned->key.account))) return FAIL(cx, E_DENIED, "of another account");
  const struct fido_assertion a = {held.rp, p->data, p->client_data, p->signature};
  return fido_check(cx, &owned->key.credential, &a, counter);
}

enum err passkey_log_in(struct ctx *cx, struct core *core, const struct passkey_proof *proof, struct login_ask *from,
                        struct actor *out, char **token, int64_t *wait_us) {
  struct opening o = {.from = from, .out = out, .token = token};
  *wait_us = 0;
  from->name = "";
  TRY(look_up(cx, core, proof->credential, &o.held));
  if (o.held.owner) from->name = o.held.owner;
  TRY(throttle_attempt(cx, core->throttle, NULL, from->peer, wait_us));
  enum err e = check_proof(cx, core, proof, &o.held, &o.counter);
  e = e == OK ? db_call(cx, core->store, open_job, &o) : wrong(cx);
  if (e != E_UNAUTHORIZED) throttle_forgive(core->throttle, NULL, from->peer);
  if (e == OK) throttle_forget(core->throttle, from->name);
  return e;
}
