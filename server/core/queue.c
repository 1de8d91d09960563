#include "core/queue_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/escrow.h"
#include "core/vault.h"
#include "lib/pki_crypto.h"

const char *queue_seal_name(struct ctx *cx, const char *uuid) { return ctx_printf(cx, "command.plist %s", uuid); }

enum err queue_command(struct ctx *cx, struct db *db, struct core *core, const struct command *c, const char *by,
                       int64_t *command) {
  uint8_t digest[SHA256_LEN] = {0};
  struct slice stored = {0}, sealed, fresh = slice_mem(digest, sizeof digest);
  pki_sha256(digest, c->plist);
  TRY(queue_command_find(cx, db, c->uuid, command, &stored));
  if (*command && !slice_eq(stored, fresh))
    return FAIL(cx, E_CONFLICT, "another command with the CommandUUID %s was queued before", c->uuid);
  if (*command) return OK;
  TRY(vault_seal(cx, core->vault, queue_seal_name(cx, c->uuid), c->plist, &sealed));
  return queue_command_add(cx, db, c, by, sealed, fresh, command);
}

static enum err keep_secret(struct ctx *cx, struct db *db, struct core *core, const struct command *c,
                            int64_t enrollment) {
  int64_t device;
  TRY(queue_device_of(cx, db, enrollment, &device));
  return escrow_add(cx, db, core, device, c->secret_kind, slice_of(c->secret), c->uuid);
}

/* A device that somebody locks to an Apple Account, and whose code nobody has, is lost. */
static enum err may_lock(struct ctx *cx, struct db *db, int64_t enrollment) {
  int64_t device;
  bool has;
  TRY(queue_device_of(cx, db, enrollment, &device));
  TRY(escrow_has_bypass_code(cx, db, device, &has));
  return has ? OK
             : FAIL(cx, E_CONFLICT,
                    "Activation Lock is not allowed before a bypass code of this enrollment is in escrow: send "
                    "ActivationLockBypassCode and wait for its answer");
}

enum err queue_add(struct ctx *cx, struct db *db, struct core *core, int64_t command, const struct command *c,
                   int64_t enrollment) {
  char *other = NULL;
  bool fresh;
  if (c->flags & COMMAND_SINGLE) TRY(queue_unsettled(cx, db, enrollment, c->request_type, command, &other));
  if (other) return FAIL(cx, E_CONFLICT, "%s %s is not settled yet", c->request_type, other);
  TRY(queue_target_add(cx, db, command, c, enrollment, &fresh));
  if (!fresh) return OK;
  if (c->allows_activation_lock) TRY(may_lock(cx, db, enrollment));
  if (c->secret) TRY(keep_secret(cx, db, core, c, enrollment));
  if (c->flags & COMMAND_OWN) TRY(queue_forget_own(cx, db, enrollment, c->collapse_key));
  return c->collapse_key ? queue_replace(cx, db, enrollment, c->collapse_key, command) : OK;
}

enum err queue_own_as(struct ctx *cx, struct db *db, struct core *core, const struct queue_own *own,
                      int64_t enrollment) {
  struct command c;
  int64_t command;
  TRY(command_build(cx, &c, own->request_type, own->args, NULL));
  c.collapse_key = own->collapse_key;
  if (own->is_question) c.flags |= COMMAND_OWN, c.expires_us = 0;
  TRY(queue_command(cx, db, core, &c, "pomona", &command));
  return queue_add(cx, db, core, command, &c, enrollment);
}

enum err queue_own(struct ctx *cx, struct db *db, struct core *core, const char *request_type, int64_t enrollment) {
  const struct queue_own own = {.request_type = request_type,
                                .collapse_key = ctx_printf(cx, "pomona.%s", request_type)};
  return queue_own_as(cx, db, core, &own, enrollment);
}

/* What does not open is no reason to fail: its channel would stand still for ever. */
enum err queue_next(struct ctx *cx, struct db *db, struct core *core, const struct queue_asker *who,
                    struct queue_item *out, bool *found) {
  struct queue_order order = {.patience = QUEUE_PATIENCE,
                              .barrier_since = clock_now_us() - core_conf(core)->await_timeout_us};
  struct queue_row row;
  TRY(queue_head(cx, db, who, &order, &row, found));
  if (!*found) return OK;
  *out = (struct queue_item){.target = row.target,
                             .command = row.command,
                             .uuid = row.uuid,
                             .request_type = row.request_type,
                             .recorded = row.recorded,
                             .deliveries = row.deliveries,
                             .renewal = row.renewal};
  enum err e = vault_unseal(cx, core->vault, queue_seal_name(cx, row.uuid), row.sealed, &out->plist);
  out->damaged = e == E_INVALID;
  if (!out->damaged) return e;
  out->plist = (struct slice){0};
  ctx_clear_error(cx);
  return OK;
}

enum err queue_damaged(struct ctx *cx, struct db *db, int64_t enrollment, const struct queue_item *item) {
  static const char errors[] = "[{\"domain\":\"pomona\",\"code\":1,\"text\":\"What is stored of this command cannot be "
                               "read any more: send it again.\"}]";
  bool known;
  log_error(cx, "a stored command does not open, its device gets the next one", LOG_S("command_uuid", item->uuid),
            LOG_S("request_type", item->request_type));
  return queue_settle(cx, db, enrollment, item->uuid, "Error", errors, &known);
}

enum err queue_barrier(struct ctx *cx, struct db *db, const struct core *core, int64_t enrollment, int64_t *at) {
  int64_t timeout = core_conf(core)->await_timeout_us;
  TRY(queue_held(cx, db, enrollment, clock_now_us() - timeout, at));
  if (*at) *at += timeout;
  return OK;
}

enum err queue_content(struct ctx *cx, struct db *db, struct core *core, int64_t enrollment, const char *uuid,
                       struct queue_content *out) {
  struct slice sealed;
  *out = (struct queue_content){0};
  TRY(queue_sealed(cx, db, enrollment, uuid, &sealed, &out->told));
  return vault_unseal(cx, core->vault, queue_seal_name(cx, uuid), sealed, &out->plist);
}
