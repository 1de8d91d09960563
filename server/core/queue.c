#include "core/queue_int.h"

#include "core/vault.h"
#include "lib/pki_crypto.h"

/* A command handed out in this many sessions without a word is set aside, so that others pass. */
enum { PATIENCE = 3 };

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

enum err queue_add(struct ctx *cx, struct db *db, int64_t command, const struct command *c, int64_t enrollment,
                   char **other) {
  *other = NULL;
  if (c->flags & COMMAND_SINGLE) {
    TRY(queue_unsettled(cx, db, enrollment, c->request_type, command, other));
    if (*other) return FAIL(cx, E_CONFLICT, "%s %s is not settled yet", c->request_type, *other);
  }
  return queue_target_add(cx, db, command, enrollment, c->flags & COMMAND_JUMP ? 1 : 0);
}

enum err queue_next(struct ctx *cx, struct db *db, struct core *core, const struct queue_asker *who,
                    struct queue_item *out, bool *found) {
  struct queue_row row;
  TRY(queue_head(cx, db, who, PATIENCE, &row, found));
  if (!*found) return OK;
  *out = (struct queue_item){.target = row.target,
                             .command = row.command,
                             .uuid = row.uuid,
                             .request_type = row.request_type,
                             .recorded = row.recorded,
                             .deliveries = row.deliveries};
  return vault_unseal(cx, core->vault, queue_seal_name(cx, row.uuid), row.sealed, &out->plist);
}
