#include "core/account_int.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { TOKEN_MAX = 4096 };

static const char *const roles[] = {"", "viewer", "operator", "admin"};

const char *role_word(enum role r) { return roles[r]; }

bool role_named(const char *word, enum role *r) {
  for (int i = ROLE_VIEWER; i <= ROLE_ADMIN; i++)
    if (word && strcmp(word, roles[i]) == 0) return *r = (enum role)i, true;
  return false;
}

const char *actor_word(enum actor_kind k) {
  static const char *const words[] = {"none", "account", "token", "admin-token", "api-key"};
  return words[k];
}

enum err account_name_check(struct ctx *cx, const char *name) {
  size_t n = strlen(name);
  if (n < 1 || n > ACCOUNT_NAME_MOST || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-@") != n ||
      !text_is_segment(slice_of(name)))
    return FAIL(cx, E_INVALID, "a name is 1 to %d of a-z, 0-9 and . _ - @, and not . or ..", ACCOUNT_NAME_MOST);
  bool admin = strcmp(name, "admin") == 0;
  if (!admin && strcmp(name, "api-key") != 0) return OK;
  return FAIL(cx, E_INVALID,
              "\"%s\" is what the record of acts calls who has %s: take a name of your own, such as alex", name,
              admin ? "DATA/" ACCOUNT_TOKEN_FILE : "the setting api-key");
}

/* ---- the token of the data folder ---- */

static char *token_path(struct ctx *cx, const char *data) { return ctx_printf(cx, "%s/" ACCOUNT_TOKEN_FILE, data); }

enum err account_prepare(struct ctx *cx, const char *data) {
  struct slice old;
  enum err e = file_read(cx, &old, token_path(cx, data), TOKEN_MAX);
  if (e == OK && slice_trim(old).n == 0)
    return FAIL(cx, E_INVALID, "%s is empty; remove it to get a new one", token_path(cx, data));
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  char *text = ctx_printf(cx, "%s\n", secret_token(cx));
  return file_create(cx, token_path(cx, data), slice_of(secret_in(cx, text, strlen(text))));
}

/* By their digests, so that not even the length of the right one shows. */
static bool same(struct slice a, struct slice b) {
  uint8_t x[SHA256_LEN], y[SHA256_LEN];
  pki_sha256(x, a);
  pki_sha256(y, b);
  return secret_equal(x, y, SHA256_LEN);
}

/* The file is read each time, so that replacing it replaces the token at once. */
static bool is_admin_token(struct ctx *cx, const char *data, struct slice token) {
  struct slice text;
  if (file_read(cx, &text, token_path(cx, data), TOKEN_MAX) != OK) return ctx_clear_error(cx), false;
  text = slice_trim(text);
  return text.n > 0 && same(text, token);
}

/* ---- tokens of programs ---- */

struct use {
  int64_t token;
};

static enum err used_job(struct ctx *cx, struct db *db, void *arg) {
  return account_sql_token_used(cx, db, ((struct use *)arg)->token, clock_now_us());
}

static void note_use(struct core *core, const struct account_token *t, int64_t now) {
  if (t->used_at > now - US_MINUTE) return;
  struct ctx *cx = ctx_new();
  struct use *use = ctx_alloc(cx, sizeof *use);
  use->token = t->token;
  db_post_alone(core->store, cx, used_job, use);
}

static enum err by_row(struct ctx *cx, struct core *core, struct slice token, struct actor *out) {
  struct account_token t;
  struct db *db;
  uint8_t digest[SHA256_LEN];
  int64_t now = clock_now_us();
  pki_sha256(digest, token);
  TRY(db_reader(cx, core->store, &db));
  TRY(account_sql_token(cx, db, slice_mem(digest, sizeof digest), &t));
  bool stands = t.token && !t.revoked_at && (!t.expires_at || t.expires_at > now);
  if (!stands || !role_named(t.role, &out->role)) return FAIL(cx, E_UNAUTHORIZED, "the token is not accepted");
  note_use(core, &t, now);
  out->kind = ACTOR_TOKEN;
  out->name = ctx_printf(cx, "token:%s", t.name);
  out->scopes = t.scopes;
  out->ends_at = t.expires_at;
  return OK;
}

enum err account_by_token(struct ctx *cx, struct core *core, struct slice token, struct actor *out) {
  const struct core_conf *conf = core_conf(core);
  bool admin = is_admin_token(cx, conf->data, token);
  bool key = conf->api_key && same(slice_of(conf->api_key), token);
  *out = (struct actor){.name = ""};
  if (!admin && !key) return by_row(cx, core, token, out);
  *out = (struct actor){
      .kind = admin ? ACTOR_ADMIN_TOKEN : ACTOR_API_KEY, .role = ROLE_ADMIN, .name = admin ? "admin" : "api-key"};
  return OK;
}
