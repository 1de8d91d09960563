#include "core/ddm_int.h"

#include "base/enc.h"
#include "lib/json.h"
#include "lib/pki_crypto.h"

#include <string.h>

enum { REPORT_MAX = 1 << 20 };

struct ddm_row {
  const char *endpoint; /* ends in a slash: something follows it */
  bool reports;
  enum err (*answer)(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *q,
                     struct ddm_answer *out);
};

/* ---- the set: it is empty ---- */

static struct js *no_declarations(struct ctx *cx) {
  static const char *const kinds[] = {"Activations", "Assets", "Configurations", "Management"};
  struct js *all = js_object(cx);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) js_set(all, kinds[i], js_array(cx));
  return all;
}

/* Made of what it stands for, so that it changes with it and never else. */
static const char *token_of(struct ctx *cx, struct js *declarations) {
  uint8_t hash[SHA256_LEN];
  pki_sha256(hash, js_text(cx, declarations, JS_COMPACT));
  return enc_hex(cx, hash, sizeof hash);
}

static enum err answer_tokens(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *q,
                              struct ddm_answer *out) {
  (void)q;
  int64_t since;
  struct js *root = js_object(cx), *tokens = js_object(cx);
  TRY(ddm_since(cx, db, enrollment, &since));
  js_set_string(tokens, "DeclarationsToken", token_of(cx, no_declarations(cx)));
  js_set_string(tokens, "Timestamp", enc_time(cx, since));
  js_set(root, "SyncTokens", tokens);
  out->json = js_text(cx, root, JS_COMPACT);
  return OK;
}

static enum err answer_items(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *q,
                             struct ddm_answer *out) {
  (void)db, (void)enrollment, (void)q;
  struct js *root = js_object(cx), *declarations = no_declarations(cx);
  js_set(root, "Declarations", declarations);
  js_set_string(root, "DeclarationsToken", token_of(cx, declarations));
  out->json = js_text(cx, root, JS_COMPACT);
  return OK;
}

static enum err answer_declaration(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *q,
                                   struct ddm_answer *out) {
  (void)cx, (void)db, (void)enrollment, (void)q;
  out->status = 404;
  return OK;
}

/* ---- what devices report ---- */

static enum err answer_status(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *q,
                              struct ddm_answer *out) {
  (void)out;
  return enrollment ? ddm_status_put(cx, db, enrollment, q->report) : OK;
}

static enum err check_report(struct ctx *cx, struct slice data) {
  struct js *report;
  if (data.n > REPORT_MAX) return FAIL(cx, E_TOO_LARGE, "a status report has more than %d bytes", REPORT_MAX);
  TRY(js_parse(cx, data, &report));
  return js_is_object(report) ? OK : FAIL(cx, E_INVALID, "a status report is no JSON object");
}

/* ---- all ---- */

static const struct ddm_row rows[] = {
    {"tokens", false, answer_tokens},
    {"declaration-items", false, answer_items},
    {"declaration/activation/", false, answer_declaration},
    {"declaration/asset/", false, answer_declaration},
    {"declaration/configuration/", false, answer_declaration},
    {"declaration/management/", false, answer_declaration},
    {"status", true, answer_status},
};

/* Identifiers may hold slashes: what follows the kind is one. */
static bool fits(const struct ddm_row *row, const char *endpoint) {
  size_t n = strlen(row->endpoint);
  if (row->endpoint[n - 1] != '/') return strcmp(row->endpoint, endpoint) == 0;
  return strncmp(row->endpoint, endpoint, n) == 0 && endpoint[n];
}

enum err ddm_read(struct ctx *cx, const char *endpoint, struct slice data, struct ddm_question *out) {
  *out = (struct ddm_question){0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (fits(&rows[i], endpoint)) out->row = &rows[i];
  if (!out->row) return FAIL(cx, E_INVALID, "unknown Endpoint");
  if (!out->row->reports) return OK;
  out->report = data;
  return check_report(cx, data);
}

enum err ddm_ask(struct ctx *cx, struct db *db, int64_t enrollment, const struct ddm_question *question,
                 struct ddm_answer *out) {
  *out = (struct ddm_answer){.status = 200};
  return question->row->answer(cx, db, enrollment, question, out);
}
