/* The rule of choice, and the chain. */
#include "core/why_chain.h"

#include "base/enc.h"

#include <string.h>

/* ---- the table ---- */

const struct why_row why_rows[] = {
#define VERDICT(number, slug, sure, group, holds, scope, cause, sees, remedy, drill)                                   \
  {number, slug, WHY_##sure, WHY_##group, WHY_##scope, holds, cause, remedy},
#include "core/verdict.def"
#undef VERDICT
};
const size_t why_rows_n = sizeof why_rows / sizeof *why_rows;

/* ---- the rule of choice ---- */

bool why_came(const struct why_facts *f) {
  const struct why_command *c = &f->command;
  if (c->target && !c->waiting) return true;
  if (c->target) return f->enrollment.seen > c->queued_at;
  return f->wake.sent_at <= f->enrollment.seen;
}

/* It came, was woken again, and did not come. */
static bool is_awaited(const struct why_facts *f) {
  const struct why_wake *w = &f->wake;
  return w->sent_at > f->enrollment.seen || (w->due_at && w->due_at <= f->now);
}

static const struct why_row *first(struct ctx *cx, const struct why_facts *f, const struct why_row *rows, size_t n,
                                   enum why_group group, struct why_words *words) {
  for (size_t i = 0; i < n; i++)
    if (rows[i].group == group && rows[i].holds(cx, f, words)) return &rows[i];
  return NULL;
}

const struct why_row *why_choose(struct ctx *cx, const struct why_facts *f, const struct why_row *rows, size_t n,
                                 struct why_words *words) {
  bool came = why_came(f);
  const struct why_row *row = first(cx, f, rows, n, WHY_ADMITTED, words);
  if (!row && !came) row = first(cx, f, rows, n, WHY_COMING, words);
  if (!row && came) row = first(cx, f, rows, n, WHY_CAME, words);
  bool settled = f->command.target && !f->command.waiting;
  if (!row && came && !settled && is_awaited(f)) row = first(cx, f, rows, n, WHY_COMING, words);
  return row ? row : first(cx, f, rows, n, WHY_FINE, words);
}

/* ---- the answer ---- */

static void others(struct ctx *cx, const struct why_facts *f, const struct why_row *chosen, struct why *out) {
  struct why_words words;
  out->also = ctx_alloc(cx, why_rows_n * sizeof *out->also);
  for (size_t i = 0; i < why_rows_n; i++) {
    const struct why_row *row = &why_rows[i];
    if (row != chosen && row->group != WHY_FINE && row->holds(cx, f, &words)) out->also[out->also_n++] = row->slug;
  }
}

enum err why_device(struct ctx *cx, struct db *db, struct core *core, const char *id, const char *command_uuid,
                    struct why *out) {
  struct why_shared shared;
  struct why_facts f;
  struct why_words words = {0};
  TRY(why_shared_load(cx, db, core, &shared));
  TRY(why_facts_load(cx, &shared, id, command_uuid, &f));
  const struct why_row *row = why_choose(cx, &f, why_rows, why_rows_n, &words);
  if (!row) return FAIL(cx, E_INTERNAL, "no verdict holds, not even that all is fine");
  *out = (struct why){.id = f.id,
                      .command_uuid = f.command.uuid,
                      .request_type = f.command.type,
                      .slug = row->slug,
                      .message = words.message,
                      .fix = words.fix};
  others(cx, &f, row, out);
  why_chain(cx, &f, out);
  return OK;
}
