#include "core/escrow_int.h"

#include "core/vault.h"

static const char *const kinds[] = {[ESCROW_PIN] = "pin", [ESCROW_BYPASS_CODE] = "bypass-code"};

enum err escrow_add(struct ctx *cx, struct db *db, struct core *core, int64_t device, enum escrow_kind kind,
                    struct slice value, const char *command) {
  uint8_t digest[32] = {0};
  struct escrow_row row = {.device = device, .kind = kinds[kind], .digest = slice_mem(digest, sizeof digest)};
  const char *about = ctx_printf(cx, "escrow.value %lld %s", (long long)device, row.kind);
  vault_mac(cx, core->vault, about, value, digest);
  TRY(vault_seal(cx, core->vault, about, value, &row.sealed));
  return escrow_row_add(cx, db, &row, command);
}
