/* What devices tell of their secrets: bypass codes, and recovery keys, encrypted for the escrow certificate. */
#include "core/escrow_int.h"

#include "core/event.h"
#include "core/keyring.h"

enum { CODE_MOST = 255, MESSAGE_MOST = 16 << 10, GROUPS = 6, GROUP = 4 };

/* ---- reading ---- */

static struct slice data_of(struct pl *dict, const char *key) {
  struct slice s;
  return pl_data(pl_get(dict, key), &s) && s.n > 0 ? s : (struct slice){0};
}

void escrow_read(struct pl *message, struct escrow_told *out) {
  struct slice code = {0};
  bool fits = pl_string(pl_get(message, "ActivationLockBypassCode"), &code) && code.n > 0 && code.n <= CODE_MOST;
  *out = (struct escrow_told){.recovery_key = data_of(pl_get(message, "SecurityInfo"), "FDE_PersonalRecoveryKeyCMS")};
  if (fits && text_is_plain(code)) out->bypass_code = code;
  struct slice rotated = data_of(pl_get(message, "RotateResult"), "EncryptedNewRecoveryKey");
  if (rotated.p) out->recovery_key = rotated;
}

/* ---- recovery keys ---- */

/* XXXX-XXXX-XXXX-XXXX-XXXX-XXXX, upper case letters and digits; white space and NULs behind it do not count. */
static struct slice recovery_key(struct slice plain) {
  enum { LEN = GROUPS * (GROUP + 1) - 1 };
  struct slice s = plain;
  while (s.n && (s.p[s.n - 1] == 0 || s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ')) s.n--;
  bool fits = s.n == LEN;
  for (size_t i = 0; i < s.n && fits; i++) {
    char c = s.p[i];
    fits = i % (GROUP + 1) == GROUP ? c == '-' : (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }
  return fits ? s : (struct slice){0};
}

/* NULL, or why it is none. The reasons are ours: what OpenSSL says of a hostile message helps nobody. */
static const char *open_key(struct ctx *cx, struct core *core, struct slice message, struct slice *key) {
  struct slice plain;
  if (message.n > MESSAGE_MOST) return "too large for a recovery key";
  enum err e = keyring_escrow_open(cx, core->keyring, message, &plain);
  ctx_clear_error(cx);
  if (e == E_REFUSED) return "escrowed for another certificate";
  if (e != OK) return "damaged, or encrypted by a cipher that is not known here";
  *key = recovery_key(plain);
  return key->p ? NULL : "it opens, but holds no recovery key";
}

static enum err tell_unread(struct ctx *cx, struct db *db, int64_t device, const char *why) {
  char *id;
  struct js *data = js_object(cx);
  TRY(escrow_device_id(cx, db, device, &id));
  js_set_string(data, "kind", escrow_word(ESCROW_RECOVERY_KEY));
  js_set_string(data, "why", why);
  return event_add(cx, db, "escrow.unread", id, data);
}

/* The former key is not ended by one that does not open: it may be the same. */
static enum err keep_unread(struct ctx *cx, struct db *db, struct core *core, struct escrow_value *v, bool *fresh) {
  v->kind = ESCROW_UNREAD_KEY;
  if (v->value.n > MESSAGE_MOST) v->value = (struct slice){0};
  TRY(escrow_keep(cx, db, core, v, fresh));
  return *fresh ? tell_unread(cx, db, v->device, v->note) : OK;
}

static enum err keep_recovery_key(struct ctx *cx, struct db *db, struct core *core, struct escrow_value *v,
                                  bool *fresh) {
  struct slice key;
  v->note = open_key(cx, core, v->value, &key);
  if (v->note) return keep_unread(cx, db, core, v, fresh);
  v->value = key;
  TRY(escrow_keep(cx, db, core, v, fresh));
  return escrow_end(cx, db, v->device, ESCROW_UNREAD_KEY);
}

enum err escrow_tell(struct ctx *cx, struct db *db, struct core *core, int64_t device, const struct escrow_told *told,
                     const char *command, bool *changed) {
  struct escrow_value code = {
      .device = device, .kind = ESCROW_BYPASS_CODE, .value = told->bypass_code, .command = command};
  struct escrow_value key = {
      .device = device, .kind = ESCROW_RECOVERY_KEY, .value = told->recovery_key, .command = command};
  bool new_code = false, new_key = false;
  if (told->bypass_code.p) TRY(escrow_keep(cx, db, core, &code, &new_code));
  if (told->recovery_key.p) TRY(keep_recovery_key(cx, db, core, &key, &new_key));
  *changed = new_code || new_key;
  return OK;
}
