/* What offboard.c asks of its SQL. */
#ifndef POMONA_CORE_OFFBOARD_INT_H
#define POMONA_CORE_OFFBOARD_INT_H

#include "core/offboard.h"

struct offboard_device {
  int64_t device, enrollment;                                              /* enrollment: its own channel; 0: none */
  char *id, *serial_number, *name, *product, *imei, *meid, *topic, *facts; /* facts: of the inventory, JSON or NULL */
  bool enrolled, blocked;
  int64_t authenticated_at;
  /* of its offboarding; at 0: none */
  char *way, *by, *reason, *command, *status;      /* status: of the command; NULL: it has none */
  int64_t at, unlock_at, unlock_status, erased_at; /* erased_at: it acknowledged that */
  bool handed;
};
/* E_NOT_FOUND. */
MUST_CHECK enum err offboard_load(struct ctx *cx, struct db *db, const char *device_id, struct offboard_device *out);
MUST_CHECK enum err offboard_save(struct ctx *cx, struct db *db, const struct offboard_device *d);
MUST_CHECK enum err offboard_save_unlock(struct ctx *cx, struct db *db, const char *device_id, int status);

enum { OFFBOARD_GROUPS_MOST = 100 };
/* Names of the static groups that it is in. */
MUST_CHECK enum err offboard_groups(struct ctx *cx, struct db *db, int64_t device, struct js *names);
MUST_CHECK enum err offboard_leave_groups(struct ctx *cx, struct db *db, int64_t device);
/* Links that are made for it and still good. */
MUST_CHECK enum err offboard_links(struct ctx *cx, struct db *db, const struct offboard_device *d, int64_t *n);
MUST_CHECK enum err offboard_revoke_links(struct ctx *cx, struct db *db, const struct offboard_device *d,
                                          const char *by);

#endif
