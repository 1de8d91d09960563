/* The InstallProfile of a renewal: a placeholder in the queue, the real one at delivery. */
#include "core/renewal_int.h"

#include "base/secret.h"
#include "core/enroll.h"
#include "core/vault.h"
#include "lib/plist.h"

struct slice renewal_placeholder(struct ctx *cx, const char *uuid) {
  struct pl *root = pl_new_dict(cx), *command = pl_new_dict(cx);
  pl_set_string(root, "CommandUUID", uuid);
  pl_set_string(command, "RequestType", "InstallProfile");
  pl_set(root, "Command", command);
  return pl_xml(cx, root);
}

static struct slice install_profile(struct ctx *cx, const char *uuid, struct slice profile) {
  struct pl *root = pl_new_dict(cx), *command = pl_new_dict(cx);
  pl_set_string(root, "CommandUUID", uuid);
  pl_set_string(command, "RequestType", "InstallProfile");
  pl_set_data(command, "Payload", profile);
  pl_set(root, "Command", command);
  return pl_xml(cx, root);
}

const char *renewal_challenge_about(struct ctx *cx, const char *session_id) {
  return ctx_printf(cx, "renewal.challenge %s", session_id);
}

/* Rendered anew each time that it is handed out: the challenge stays in the vault until then. */
enum err renewal_render(struct ctx *cx, struct db *db, struct core *core, int64_t renewal, struct slice *plist) {
  struct renewal_parts parts;
  struct slice challenge, profile;
  TRY(renewal_load(cx, db, renewal, &parts));
  TRY(vault_unseal(cx, core->vault, renewal_challenge_about(cx, parts.session_id), parts.challenge_sealed, &challenge));
  const char *text = secret_in(cx, ctx_memdup(cx, challenge.p, challenge.n), challenge.n);
  TRY(enroll_render(cx, db, core, parts.given, text, &profile));
  *plist = install_profile(cx, parts.command, profile);
  return OK;
}
