/* What any request means for who may be a device, before it is looked at. */
#include "core/checkin.h"

enum err checkin_admit(struct ctx *cx, struct db *db, struct core *core, const struct enroll_ids *ids,
                       const struct enroll_proof *proof, struct enroll_channel *out) {
  TRY(enroll_find(cx, db, ids, proof, out));
  if (!out->first_contact) return OK;
  TRY(enroll_contact(cx, db, core, ids, proof, out));
  return enroll_find(cx, db, ids, proof, out);
}
