#include "core/escrow_int.h"

#include "core/event.h"
#include "core/vault.h"

#include <string.h>

enum { REASON_LEAST = 3, REASON_MOST = 500, PER_COMMAND = 4 };

static const struct kind {
  const char *word;
  bool told;   /* by the device, so that it is in force; else by the command that sets it */
  bool single; /* another one takes its place */
  bool binary;
} kinds[ESCROW_ALL_KINDS] = {
    [ESCROW_PIN] = {.word = "pin"},
    [ESCROW_BYPASS_CODE] = {.word = "bypass-code", .told = true, .single = true},
    [ESCROW_RECOVERY_KEY] = {.word = "recovery-key", .told = true, .single = true},
    [ESCROW_UNREAD_KEY] = {.word = "unread-recovery-key", .told = true, .single = true, .binary = true},
    [ESCROW_RECOVERY_LOCK] = {.word = "recovery-lock", .single = true},
    [ESCROW_FIRMWARE_PASSWORD] = {.word = "firmware-password", .single = true},
    [ESCROW_BOOTSTRAP_TOKEN] = {.word = "bootstrap-token", .told = true, .binary = true},
    [ESCROW_UNLOCK_TOKEN] = {.word = "unlock-token", .told = true, .binary = true},
};

const char *escrow_word(enum escrow_kind k) { return kinds[k].word; }
bool escrow_is_binary(enum escrow_kind k) { return kinds[k].binary; }

bool escrow_named(const char *word, enum escrow_kind *k) {
  for (int i = 0; i < ESCROW_ALL_KINDS; i++) {
    if (strcmp(kinds[i].word, word) != 0) continue;
    *k = (enum escrow_kind)i;
    return true;
  }
  return false;
}

const char *escrow_words(struct ctx *cx) {
  const char *all = kinds[0].word;
  for (int i = 1; i < ESCROW_ALL_KINDS; i++) all = ctx_printf(cx, "%s, %s", all, kinds[i].word);
  return all;
}

/* ---- taking in ---- */

static const char *about_value(struct ctx *cx, int64_t device, enum escrow_kind kind) {
  return ctx_printf(cx, "escrow.value %lld %s", (long long)device, kinds[kind].word);
}

enum err escrow_keep(struct ctx *cx, struct db *db, struct core *core, const struct escrow_value *v, bool *fresh) {
  uint8_t digest[32] = {0};
  int64_t seq;
  struct escrow_row row = {.device = v->device,
                           .kind = kinds[v->kind].word,
                           .digest = slice_mem(digest, sizeof digest),
                           .command = v->command,
                           .note = v->note,
                           .told = kinds[v->kind].told};
  const char *about = about_value(cx, v->device, v->kind);
  vault_mac(cx, core->vault, about, v->value, digest);
  TRY(vault_seal(cx, core->vault, about, v->value, &row.sealed));
  TRY(escrow_row_add(cx, db, &row, &seq, fresh));
  return row.told && kinds[v->kind].single ? escrow_row_end(cx, db, v->device, row.kind, seq) : OK;
}

enum err escrow_add(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum escrow_kind kind,
                    struct slice value, const char *command) {
  struct escrow_value v = {
      .device = device, .kind = kind, .value = value, .command = command, .note = value.n ? NULL : "cleared"};
  bool fresh;
  return escrow_keep(cx, db, core, &v, &fresh);
}

enum err escrow_acknowledged(struct ctx *cx, struct db *db, int64_t device, const char *command,
                             const char *request_type) {
  int64_t seqs[PER_COMMAND];
  char *words[PER_COMMAND];
  size_t n;
  enum escrow_kind kind;
  if (strcmp(request_type, "ClearActivationLockBypassCode") == 0) return escrow_end(cx, db, device, ESCROW_BYPASS_CODE);
  TRY(escrow_rows_of(cx, db, device, command, seqs, words, PER_COMMAND, &n));
  for (size_t i = 0; i < n; i++) {
    if (!escrow_named(words[i], &kind) || kinds[kind].told) continue;
    TRY(escrow_row_confirm(cx, db, seqs[i]));
    if (kinds[kind].single) TRY(escrow_row_end(cx, db, device, words[i], seqs[i]));
  }
  return OK;
}

enum err escrow_end(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind) {
  return escrow_row_end(cx, db, device, kinds[kind].word, 0);
}

/* ---- revealing ---- */

enum err escrow_check_reason(struct ctx *cx, const char *reason) {
  struct slice s = slice_trim(slice_of(reason));
  if (s.n < REASON_LEAST || s.n > REASON_MOST || !text_is_plain(s))
    return FAIL(cx, E_INVALID, "a reason is needed, for the record: from %d to %d bytes of plain text on one line",
                REASON_LEAST, REASON_MOST);
  return OK;
}

static enum err find(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind, int64_t seq,
                     struct escrow_found *out) {
  if (kind >= ESCROW_KINDS) return escrow_find_token(cx, db, device, kind, out);
  return escrow_find(cx, db, device, kinds[kind].word, seq, out);
}

static enum err open_found(struct ctx *cx, struct core *core, int64_t device, enum escrow_kind kind,
                           const struct escrow_found *f, struct slice *value) {
  const char *about = about_value(cx, device, kind);
  if (kind == ESCROW_BOOTSTRAP_TOKEN) about = ctx_printf(cx, "generation.bootstrap_token %lld", (long long)f->seq);
  if (kind == ESCROW_UNLOCK_TOKEN) about = ctx_printf(cx, "generation.unlock_token %lld", (long long)f->seq);
  if (vault_unseal(cx, core->vault, about, f->sealed, value) == OK) return OK;
  ctx_clear_error(cx);
  return FAIL(cx, E_STORAGE, "what is stored of the %s does not open: other secret key, or damaged", kinds[kind].word);
}

static enum err tell_revealed(struct ctx *cx, struct db *db, const struct escrow_ask *ask, int64_t seq) {
  char *id;
  struct js *data = js_object(cx);
  TRY(escrow_device_id(cx, db, ask->device, &id));
  js_set_string(data, "kind", kinds[ask->kind].word);
  if (seq) js_set_int(data, "number", seq);
  js_set_string(data, "by", ask->by);
  js_set_string(data, "reason", ask->reason);
  return event_add(cx, db, "escrow.revealed", id, data);
}

enum err escrow_reveal(struct ctx *cx, struct db *db, struct core *core, const struct escrow_ask *ask,
                       struct escrow_revealed *out) {
  struct escrow_found f;
  *out = (struct escrow_revealed){0};
  TRY(escrow_check_reason(cx, ask->reason));
  TRY(find(cx, db, ask->device, ask->kind, ask->seq, &f));
  if (f.seq == 0)
    return FAIL(cx, E_NOT_FOUND, "no %s of this device is in escrow%s", kinds[ask->kind].word,
                ask->seq ? " with this number" : "");
  TRY(open_found(cx, core, ask->device, ask->kind, &f, &out->value));
  out->seq = ask->kind < ESCROW_KINDS ? f.seq : 0;
  out->in_force = f.in_force;
  out->at = f.at;
  out->note = f.note;
  TRY(escrow_record(cx, db, ask, out->seq, &out->reveal));
  return tell_revealed(cx, db, ask, out->seq);
}

enum err escrow_holds(struct ctx *cx, struct db *db, int64_t device, enum escrow_kind kind, bool *holds) {
  struct escrow_found f;
  TRY(find(cx, db, device, kind, 0, &f));
  *holds = f.seq != 0 && f.in_force;
  return OK;
}

enum err escrow_use(struct ctx *cx, struct db *db, struct core *core, const struct escrow_ask *ask,
                    struct slice *value) {
  struct escrow_found f;
  TRY(find(cx, db, ask->device, ask->kind, ask->seq, &f));
  if (f.seq == 0 || (ask->seq == 0 && !f.in_force))
    return FAIL(cx, E_NOT_FOUND, "no %s in force is in escrow", kinds[ask->kind].word);
  return open_found(cx, core, ask->device, ask->kind, &f, value);
}
