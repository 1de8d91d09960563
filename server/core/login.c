#include "core/login_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { TOKEN_CHARS = 43, AGENT_MOST = 200, CHUNK = 150 };

/* ---- sessions ---- */

/* Of the cookie's token, and of no use to guess it: nobody has to keep it. */
static const char *csrf_of(struct ctx *cx, struct slice token) {
  uint8_t mac[SHA256_LEN];
  pki_hmac_sha256(mac, token, slice_of("pomona csrf"));
  return enc_base64url(cx, mac, sizeof mac);
}

static const char *agent_of(struct ctx *cx, const char *agent) {
  struct buf b = {0};
  if (agent) buf_add_plain(&b, slice_of(agent), AGENT_MOST);
  const char *text = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return text;
}

enum err login_by_cookie(struct ctx *cx, struct db *db, struct slice token, struct actor *out) {
  struct login_held held = {0};
  uint8_t digest[SHA256_LEN];
  int64_t now = clock_now_us();
  pki_sha256(digest, token);
  if (token.n == TOKEN_CHARS) TRY(login_sql_find(cx, db, slice_mem(digest, sizeof digest), &held));
  bool stands = held.login && held.ends_at > now && held.seen_at + LOGIN_IDLE_US > now &&
                held.ends_at <= now + LOGIN_LONGEST_US + LOGIN_AHEAD_US;
  enum role role;
  if (!stands || !role_named(held.role, &role)) return FAIL(cx, E_UNAUTHORIZED, "the session has ended: log in again");
  *out = (struct actor){.kind = ACTOR_ACCOUNT,
                        .role = role,
                        .name = held.name,
                        .account = held.account,
                        .login = held.login,
                        .csrf = csrf_of(cx, token),
                        .ends_at = held.ends_at,
                        .idle_ends_at = held.seen_at + LOGIN_IDLE_US};
  return OK;
}

enum err login_add(struct ctx *cx, struct db *db, int64_t account, const char *method, const struct login_ask *from,
                   struct actor *out, char **token) {
  int64_t now = clock_now_us();
  uint8_t digest[SHA256_LEN];
  struct login_row row = {.created_at = now,
                          .ends_at = now + LOGIN_LONGEST_US,
                          .method = ctx_strdup(cx, method),
                          .peer = ctx_strdup(cx, from->peer),
                          .agent = ctx_strdup(cx, agent_of(cx, from->agent))};
  *token = secret_token(cx);
  pki_sha256(digest, slice_of(*token));
  TRY(login_sql_add(cx, db, slice_mem(digest, sizeof digest), account, &row));
  return login_by_cookie(cx, db, slice_of(*token), out);
}

struct seen_row {
  int64_t login;
};

static enum err seen_job(struct ctx *cx, struct db *db, void *arg) {
  return login_sql_seen(cx, db, ((struct seen_row *)arg)->login, clock_now_us());
}

void login_seen(struct core *core, const struct actor *who) {
  if (who->idle_ends_at - LOGIN_IDLE_US > clock_now_us() - US_MINUTE) return;
  struct ctx *cx = ctx_new();
  struct seen_row *row = ctx_alloc(cx, sizeof *row);
  row->login = who->login;
  db_post_alone(core->store, cx, seen_job, row);
}

static enum err tidy_job(struct ctx *cx, struct db *db, void *arg) {
  return login_sql_tidy(cx, db, clock_now_us(), CHUNK, arg);
}

enum err login_chore(struct ctx *cx, struct core *core) {
  int64_t n = CHUNK;
  while (n == CHUNK) TRY(db_call(cx, core->store, tidy_job, &n));
  return OK;
}

/* ---- logging in ---- */

struct opening {
  struct core *core;
  const struct login_ask *ask;
  struct user_credentials held; /* by which the password was found right */
  struct slice made;            /* the same password at today's cost; p NULL: it costs as much already */
  struct actor *out;
  char **token;
};

static enum err wrong(struct ctx *cx) {
  ctx_clear_error(cx);
  return FAIL(cx, E_UNAUTHORIZED, "name, password or code is wrong");
}

/* E_NOT_FOUND: *held is of nobody. */
static enum err look_up(struct ctx *cx, struct core *core, const char *name, struct user_credentials *held) {
  struct db *db;
  *held = (struct user_credentials){0};
  TRY(db_reader(cx, core->store, &db));
  return user_credentials(cx, db, name, held);
}

/* The same work, whoever it is. *held: of an account that may log in by this password. E_UNAUTHORIZED. */
static enum err check_password(struct ctx *cx, struct core *core, const struct login_ask *ask,
                               struct user_credentials *held, bool *known) {
  bool is;
  enum err e = look_up(cx, core, ask->name, held);
  if (e != OK && e != E_NOT_FOUND) return e;
  *known = e == OK;
  ctx_clear_error(cx);
  TRY(password_is(cx, held->password, ask->password, &is));
  return is && !held->disabled ? OK : wrong(cx);
}

static enum err open_job(struct ctx *cx, struct db *db, void *arg) {
  struct opening *o = arg;
  struct user_credentials now;
  const char *method = "password";
  bool recovery;
  enum err e = user_credentials(cx, db, o->ask->name, &now);
  if (e != OK && e != E_NOT_FOUND) return e;
  bool same = e == OK && !now.disabled && now.password.p && now.password_at == o->held.password_at; /* since then */
  if (!same) return wrong(cx);
  if (now.has_totp && !o->ask->code.p) return FAIL(cx, E_SECOND_FACTOR, "a code of the second factor is asked for");
  if (now.has_totp) {
    e = second_factor(cx, db, o->core, now.account, o->ask->code, &recovery);
    if (e != OK) return e == E_UNAUTHORIZED ? wrong(cx) : e;
    method = recovery ? "recovery-code" : "totp";
  }
  if (o->made.p) TRY(user_keep_password(cx, db, now.account, o->made));
  return login_add(cx, db, now.account, method, o->ask, o->out, o->token);
}

/* Costs grow with the years; what a password was can be made anew only while it is told. */
static enum err make_anew(struct ctx *cx, struct opening *o) {
  bool goes_on = !o->held.has_totp || o->ask->code.p;
  return goes_on && password_is_cheap(o->held.password) ? password_make(cx, o->ask->password, &o->made) : OK;
}

enum err login_open(struct ctx *cx, struct core *core, const struct login_ask *ask, struct actor *out, char **token,
                    bool *known, int64_t *wait_us) {
  struct opening o = {.core = core, .ask = ask, .out = out, .token = token};
  *known = false;
  TRY(throttle_attempt(cx, core->throttle, ask->name, ask->peer, wait_us));
  enum err e = check_password(cx, core, ask, &o.held, known);
  if (e == OK) e = make_anew(cx, &o);
  if (e == OK) e = db_call(cx, core->store, open_job, &o);
  if (e != E_UNAUTHORIZED) throttle_forgive(core->throttle, ask->name, ask->peer);
  if (e == OK) throttle_forget(core->throttle, ask->name);
  return e;
}

enum err login_prove(struct ctx *cx, struct core *core, const struct login_ask *ask, int64_t *wait_us) {
  struct user_credentials held;
  bool known;
  TRY(throttle_attempt(cx, core->throttle, ask->name, ask->peer, wait_us));
  enum err e = check_password(cx, core, ask, &held, &known);
  if (e != E_UNAUTHORIZED) throttle_forgive(core->throttle, ask->name, ask->peer);
  if (e != E_UNAUTHORIZED) return e;
  ctx_clear_error(cx);
  return FAIL(cx, E_DENIED, "the password is wrong");
}
