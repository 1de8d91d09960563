/* UserAuthenticate: may this network or mobile user of a Mac be managed? By default none is, by `user-auth =
   challenge-empty` all are, without a password. */
#include "core/checkin_int.h"

enum { DECLINED = 410 };

struct user_authenticate {
  bool responds; /* its second message */
};

enum err user_authenticate_read(struct ctx *cx, struct pl *message, struct checkin *c) {
  struct user_authenticate *u = c->state = ctx_alloc(cx, sizeof *u);
  *u = (struct user_authenticate){.responds = pl_get(message, "DigestResponse") != NULL};
  return checkin_for_user(cx, c);
}

enum err user_authenticate_apply(struct ctx *cx, struct db *db, struct checkin *c) {
  const struct user_authenticate *u = c->state;
  struct enroll_channel ch;
  bool heard;
  TRY(checkin_channel(cx, db, c, &ch, &heard));
  if (!heard) return OK;
  if (!core_conf(c->core)->user_auth_empty) return c->status = DECLINED, OK;
  if (u->responds) return OK;
  struct pl *answer = pl_new_dict(cx);
  pl_set_string(answer, "DigestChallenge", "");
  checkin_answer_plist(cx, c, answer);
  return OK;
}
