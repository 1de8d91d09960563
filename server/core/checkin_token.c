/* Tokens that devices leave here and ask for: the bootstrap token of a Mac; GetToken and ReturnToService, for which
   nothing is configured. */
#include "core/checkin_int.h"

#include "core/vault.h"

enum { BOOTSTRAP_MAX = 16384, SERVICE_MAX = 255 };
enum { NOT_CONFIGURED = 400 };

/* ---- the bootstrap token ---- */

static const char *about(struct ctx *cx, int64_t generation) {
  return ctx_printf(cx, "generation.bootstrap_token %lld", (long long)generation);
}

enum err set_bootstrap_token_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct checkin_bootstrap *b = c->state = ctx_alloc(cx, sizeof *b);
  struct pl *token = pl_get(message, "BootstrapToken");
  *b = (struct checkin_bootstrap){.awaiting = checkin_awaiting(message)};
  if (token && (!pl_data(token, &b->token) || b->token.n > BOOTSTRAP_MAX))
    return FAIL(cx, E_INVALID, "BootstrapToken is not data of at most %d bytes", BOOTSTRAP_MAX);
  return checkin_for_device(cx, c);
}

enum err get_bootstrap_token_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct checkin_bootstrap *b = c->state = ctx_alloc(cx, sizeof *b);
  *b = (struct checkin_bootstrap){.awaiting = checkin_awaiting(message)};
  return checkin_for_device(cx, c);
}

enum err checkin_keep_bootstrap_token(struct ctx *cx, struct db *db, struct core *core, int64_t generation,
                                      struct slice token) {
  struct slice sealed = {0};
  if (token.n) TRY(vault_seal(cx, core->vault, about(cx, generation), token, &sealed));
  return checkin_put_bootstrap_token(cx, db, generation, sealed);
}

static enum err keep_awaiting(struct ctx *cx, struct db *db, const struct checkin_generations *of, int awaiting) {
  for (int i = 0; awaiting >= 0 && i < of->n; i++) TRY(checkin_set_awaiting(cx, db, of->seq[i], awaiting));
  return OK;
}

/* While an installation is under way that may still be broken off, the token belongs to the former enrollment and to
   the coming one, when both are of this identity. */
enum err set_bootstrap_token_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  const struct checkin_bootstrap *b = c->state;
  struct enroll_channel ch;
  struct checkin_generations of;
  bool heard;
  TRY(checkin_channel(cx, db, c, &ch, &heard));
  if (!heard && !ch.provisional) return OK;
  TRY(checkin_generations(cx, db, &ch, &of));
  for (int i = 0; i < of.n; i++) TRY(checkin_keep_bootstrap_token(cx, db, c->core, of.seq[i], b->token));
  return keep_awaiting(cx, db, &of, b->awaiting);
}

/* Only of the enrollment in force, and to its own identity. None: empty, as NanoMDM answers. */
enum err get_bootstrap_token_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  const struct checkin_bootstrap *b = c->state;
  struct enroll_channel ch;
  struct checkin_generations of;
  struct slice sealed, token;
  int64_t generation;
  bool heard;
  TRY(checkin_channel(cx, db, c, &ch, &heard));
  if (!heard || !ch.current) return OK;
  TRY(checkin_generations(cx, db, &ch, &of));
  TRY(keep_awaiting(cx, db, &of, b->awaiting));
  TRY(checkin_get_bootstrap_token(cx, db, ch.device, &generation, &sealed));
  if (!sealed.p) return OK;
  if (vault_unseal(cx, c->core->vault, about(cx, generation), sealed, &token) != OK) {
    ctx_clear_error(cx);
    return FAIL(cx, E_STORAGE, "the stored bootstrap token does not open: other secret key, or damaged");
  }
  struct pl *answer = pl_new_dict(cx);
  pl_set_data(answer, "BootstrapToken", token);
  checkin_answer_plist(cx, c, answer);
  return OK;
}

/* ---- what nothing is configured for ---- */

/* No error, since that would undo what the message proves: that the device is alive. */
static enum err not_configured(struct ctx *cx, struct db *db, struct checkin *c, const char *news) {
  struct enroll_channel ch;
  bool heard;
  TRY(checkin_channel(cx, db, c, &ch, &heard));
  if (!heard) return OK;
  c->status = NOT_CONFIGURED;
  c->news = news;
  return OK;
}

enum err get_token_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  const char *service = pl_str(message, "TokenServiceType");
  (void)c;
  if (service && service[0] && slice_of(service).n <= SERVICE_MAX && text_is_plain(slice_of(service))) return OK;
  return FAIL(cx, E_INVALID, "TokenServiceType is missing or not 1 to %d bytes of plain text", SERVICE_MAX);
}

enum err get_token_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  return not_configured(cx, db, c, "device asked for the token of a service that is not configured");
}

enum err return_to_service_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  (void)message;
  return checkin_for_device(cx, c);
}

enum err return_to_service_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  return not_configured(cx, db, c, "device asked for its return to service, which is not configured");
}
