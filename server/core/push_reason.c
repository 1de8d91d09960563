#include "core/push_int.h"

#include <string.h>

static const struct apns_reason reasons[] = {
#define APNS(status, name, fault, text) {status, name, APNS_##fault, text},
#include "core/apns_reason.def"
#undef APNS
};

static const struct apns_reason *find(int status, const char *name) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status && strcmp(reasons[i].name, name) == 0) return &reasons[i];
  return NULL;
}

const struct apns_reason *apns_reason(int status, const char *name) {
  const struct apns_reason *r = find(status, status == 200 ? "" : name);
  if (!r) r = find(status, "");
  if (!r) r = find(status / 100 * 100, "");
  return r ? r : find(400, "");
}
