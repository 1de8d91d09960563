/* DeclarativeManagement: what core/ddm answers. */
#include "core/checkin_int.h"

#include "core/ddm.h"

enum err declarative_management_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct ddm_question *q = c->state = ctx_alloc(cx, sizeof *q);
  struct slice data = {0};
  const char *endpoint = pl_str(message, "Endpoint");
  struct pl *node = pl_get(message, "Data");
  if (!endpoint) return FAIL(cx, E_INVALID, "Endpoint is missing");
  if (node && !pl_data(node, &data)) return FAIL(cx, E_INVALID, "Data is not data");
  return ddm_read(cx, endpoint, data, q);
}

enum err declarative_management_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  struct enroll_channel ch;
  struct ddm_answer answer;
  bool heard;
  TRY(checkin_channel(cx, db, c, &ch, &heard));
  if (!heard) return OK;
  /* The channel's row is of the enrollment in force: what a coming one reports is not of that. */
  TRY(ddm_ask(cx, db, ch.contested ? 0 : ch.enrollment, c->state, &answer));
  c->status = answer.status;
  c->answer = answer.json;
  if (answer.json.p) c->answer_type = "application/json";
  return OK;
}
