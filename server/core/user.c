/* Accounts, and the links by which they get a password. */
#include "core/user_int.h"

#include "base/clock.h"
#include "base/secret.h"
#include "lib/pki_crypto.h"

#include <string.h>

static enum err one(struct ctx *cx, struct db *db, const char *name, int64_t account, struct user *out) {
  struct user *found;
  size_t n;
  TRY(user_sql_list(cx, db, name, account, &found, &n));
  if (n == 0) return FAIL(cx, E_NOT_FOUND, "there is no account of this name");
  *out = found[0];
  return OK;
}

enum err user_find(struct ctx *cx, struct db *db, const char *name, struct user *out) {
  return one(cx, db, name, 0, out);
}

enum err user_by_row(struct ctx *cx, struct db *db, int64_t account, struct user *out) {
  return one(cx, db, NULL, account, out);
}

enum err user_list(struct ctx *cx, struct db *db, struct user **out, size_t *n) {
  return user_sql_list(cx, db, NULL, 0, out, n);
}

enum err user_any(struct ctx *cx, struct db *db, bool *any) {
  int64_t n;
  TRY(user_sql_can_log_in(cx, db, &n));
  *any = n > 0;
  return OK;
}

enum err user_credentials(struct ctx *cx, struct db *db, const char *name, struct user_credentials *out) {
  bool found;
  TRY(user_sql_credentials(cx, db, name, out, &found));
  return found ? OK : FAIL(cx, E_NOT_FOUND, "there is no account of this name");
}

/* ---- changes ---- */

enum err user_add(struct ctx *cx, struct db *db, const char *name, enum role role, const char *by) {
  struct user same;
  TRY(account_name_check(cx, name));
  enum err e = user_find(cx, db, name, &same);
  if (e == OK) return FAIL(cx, E_CONFLICT, "there is an account %s already", name);
  if (e != E_NOT_FOUND) return e;
  ctx_clear_error(cx);
  return user_sql_add(cx, db, name, role, by, clock_now_us());
}

/* Who has only the command line left is locked out of the console. */
static enum err check_last_admin(struct ctx *cx, struct db *db, const struct user *u) {
  int64_t others;
  if (u->role != ROLE_ADMIN || u->disabled_at || !u->has_password) return OK;
  TRY(user_sql_other_admins(cx, db, u->account, &others));
  return others ? OK : FAIL(cx, E_CONFLICT, "%s is the last admin who can log in: make another one first", u->name);
}

static enum err check_version(struct ctx *cx, const struct user *u, int64_t version) {
  return version < 0 || version == u->version
             ? OK
             : FAIL(cx, E_PRECONDITION, "the account was changed meanwhile: look at it again");
}

enum err user_change(struct ctx *cx, struct db *db, const char *name, const struct user_change *change) {
  struct user u;
  TRY(user_find(cx, db, name, &u));
  TRY(check_version(cx, &u, change->version));
  enum role role = change->role ? *change->role : u.role;
  bool disabled = change->disabled ? *change->disabled : u.disabled_at != 0;
  int64_t disabled_at = !disabled ? 0 : u.disabled_at ? u.disabled_at : clock_now_us();
  bool less = role < u.role || (disabled && !u.disabled_at);
  if (less) TRY(check_last_admin(cx, db, &u));
  if (less) TRY(user_sql_end_logins(cx, db, u.account));
  return user_sql_change(cx, db, u.account, role, disabled_at);
}

enum err user_remove(struct ctx *cx, struct db *db, const char *name, int64_t version) {
  struct user u;
  TRY(user_find(cx, db, name, &u));
  TRY(check_version(cx, &u, version));
  TRY(check_last_admin(cx, db, &u));
  return user_sql_remove(cx, db, u.account);
}

enum err user_set_password(struct ctx *cx, struct db *db, int64_t account, struct slice made) {
  return user_sql_set_password(cx, db, account, made, clock_now_us());
}

enum err user_keep_password(struct ctx *cx, struct db *db, int64_t account, struct slice made) {
  return user_sql_keep_password(cx, db, account, made);
}

/* ---- links ---- */

static const char *const purposes[] = {[SETUP_FIRST] = "first", [SETUP_INVITE] = "invite", [SETUP_RESET] = "reset"};
const char *setup_word(enum setup_purpose p) { return purposes[p]; }

static enum setup_purpose purpose_of(const char *word) {
  enum setup_purpose p = SETUP_FIRST;
  while (p < SETUP_RESET && strcmp(word, purposes[p]) != 0) p++;
  return p;
}

static enum err nobody_yet(struct ctx *cx, struct db *db) {
  bool any;
  TRY(user_any(cx, db, &any));
  return any ? FAIL(cx, E_CONFLICT, "somebody can log in already: name the account that the link is for") : OK;
}

static enum err link_for(struct ctx *cx, struct db *db, const char *name, bool reset, struct setup *out) {
  struct user u;
  *out = (struct setup){.purpose = reset ? SETUP_RESET : SETUP_INVITE, .expires_at = clock_now_us() + SETUP_US};
  if (!name) return out->purpose = SETUP_FIRST, nobody_yet(cx, db);
  TRY(user_find(cx, db, name, &u));
  if (u.disabled_at) return FAIL(cx, E_CONFLICT, "%s is disabled", name);
  if (u.has_password && !reset)
    return FAIL(cx, E_CONFLICT, "%s has a password already: reset it, and the second factor with it", name);
  out->account = u.account;
  return OK;
}

enum err setup_new(struct ctx *cx, struct db *db, const char *name, bool reset, const char *by, char **token) {
  struct setup link;
  uint8_t digest[SHA256_LEN];
  TRY(link_for(cx, db, name, reset, &link));
  TRY(setup_sql_drop(cx, db, link.account));
  *token = secret_token(cx);
  pki_sha256(digest, slice_of(*token));
  return setup_sql_add(cx, db, slice_mem(digest, sizeof digest), &link, by, clock_now_us());
}

enum err setup_look(struct ctx *cx, struct db *db, struct slice token, struct setup *out) {
  struct setup_row row;
  uint8_t digest[SHA256_LEN];
  int64_t now = clock_now_us();
  bool found, any;
  pki_sha256(digest, token);
  TRY(setup_sql_find(cx, db, slice_mem(digest, sizeof digest), &row, &found));
  TRY(user_any(cx, db, &any));
  *out = row.link;
  out->purpose = found ? purpose_of(row.purpose) : SETUP_FIRST;
  out->role = ROLE_ADMIN;
  bool stands = found && !row.used_at && !row.disabled_at && row.link.expires_at > now &&
                row.link.expires_at <= now + SETUP_US + US_HOUR; /* else it was made by a wrong clock */
  if (stands && out->purpose == SETUP_FIRST) stands = !any;
  if (stands && out->purpose != SETUP_FIRST) stands = role_named(row.role, &out->role);
  return stands ? OK
                : FAIL(cx, E_NOT_FOUND,
                       "this link is not good any more: it was used, is over, or a newer one was made; "
                       "`pomona user setup-link` makes another one");
}

/* The first one: the account comes with its link. */
static enum err make_first(struct ctx *cx, struct db *db, const char *name, int64_t *account) {
  struct user u;
  TRY(user_add(cx, db, name, ROLE_ADMIN, "setup"));
  TRY(user_find(cx, db, name, &u));
  *account = u.account;
  return OK;
}

enum err setup_use(struct ctx *cx, struct db *db, struct slice token, const char *name, struct slice made,
                   int64_t *account) {
  struct setup link;
  uint8_t digest[SHA256_LEN];
  pki_sha256(digest, token);
  TRY(setup_look(cx, db, token, &link));
  *account = link.account;
  if (link.purpose == SETUP_FIRST) TRY(make_first(cx, db, name ? name : "", account));
  if (link.purpose == SETUP_RESET) TRY(totp_remove(cx, db, *account));
  if (link.purpose == SETUP_RESET) TRY(user_sql_drop_passkeys(cx, db, *account));
  TRY(user_sql_end_logins(cx, db, *account));
  TRY(user_set_password(cx, db, *account, made));
  return setup_sql_used(cx, db, slice_mem(digest, sizeof digest), clock_now_us());
}
