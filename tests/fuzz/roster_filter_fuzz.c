/* Filters of lists, rules and requirements: whatever is asked for is understood or refused in a sentence, and what was
   understood can be matched with a device of which all is known and with one of which nothing is. */
#include "core/roster_int.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct roster_device *known, *unknown;

static enum err nowhere(struct ctx *cx, struct db *db, struct core *core, const char *field, const char *value,
                        int64_t **devices, size_t *n) {
  (void)db, (void)core, (void)field, (void)value;
  *devices = ctx_alloc(cx, sizeof **devices);
  **devices = 1;
  *n = 1;
  return OK;
}
static const struct roster_sets sets = {nowhere};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  struct roster_draft all = {.device = 1, .enrollment = 1, .last_seen = 1, .enabled = true}, none = {.device = 2};
  (void)argc, (void)argv;
  for (int f = 0; f < ROSTER_FIELDS; f++) {
    roster_draft_text(&all, (enum roster_field)f, slice_of("15.1 Some Text"));
    roster_draft_number(&all, (enum roster_field)f, 1000000);
    roster_draft_flag(&all, (enum roster_field)f, true);
  }
  known = roster_pack(&all);
  unknown = roster_pack(&none);
  roster_outside = &sets;
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ctx *cx = ctx_new();
  struct roster_filter *f;
  enum err e = roster_filter(cx, &f, slice_mem(data, size));
  if (e != OK && (e != E_INVALID || !*ctx_error_text(cx))) abort();
  if (e == OK && roster_ready(cx, NULL, NULL, f) != OK) abort();
  if (e == OK) {
    (void)roster_filter_steady(cx, f);
    (void)roster_filter_by_lists(f);
    (void)roster_match(f, known, 2000000);
    (void)roster_match(f, unknown, 2000000);
  }
  ctx_free(cx);
  return 0;
}
