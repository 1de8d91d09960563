/* What answers look like by Apple's schema. */
#include "core/inventory_int.h"

#include <string.h>

static const struct inventory_shape shapes[] = {
#define ANSWER(type) {0, #type, INVENTORY_DICTIONARY},
#define KEY(depth, name, type) {depth, name, INVENTORY_##type},
#include "core/inventory.def"
#undef ANSWER
#undef KEY
    {0, NULL, INVENTORY_ANY},
};

const struct inventory_shape *inventory_shape_next(const struct inventory_shape *answer) {
  if (!answer) return shapes;
  do answer++;
  while (answer->depth > 0);
  return answer->name ? answer : NULL;
}

const struct inventory_shape *inventory_shape(const char *request_type) {
  const struct inventory_shape *s = NULL;
  while ((s = inventory_shape_next(s)))
    if (strcmp(s->name, request_type) == 0) return s;
  return NULL;
}

const struct inventory_shape *inventory_shape_child(const struct inventory_shape *parent,
                                                    const struct inventory_shape *before) {
  const struct inventory_shape *s = before ? before : parent;
  do s++;
  while (s->depth > parent->depth + 1);
  return s->depth == parent->depth + 1 ? s : NULL;
}

const struct inventory_shape *inventory_shape_key(const struct inventory_shape *parent, const char *name) {
  const struct inventory_shape *s = NULL;
  while (parent && (s = inventory_shape_child(parent, s)))
    if ((s->name[0] == name[0] && strcmp(s->name, name) == 0) || strcmp(s->name, "*") == 0) return s;
  return NULL;
}

bool inventory_is_secret(const char *key) {
  /* Of the rows that say so, and what answers hold that are not kept at all, should it come in another one. */
  static const char *const names[] = {"ActivationLockBypassCode",
                                      "BootstrapToken",
                                      "EncryptedNewRecoveryKey",
                                      "FDE_PersonalRecoveryKeyCMS",
                                      "NewPassword",
                                      "PIN",
                                      "Password",
                                      "PushToken",
                                      "UnlockToken",
                                      "UnusedRedemptionCode"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(key, names[i]) == 0) return true;
  return false;
}
