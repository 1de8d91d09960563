/* NanoMDM's /migration: check-in messages of devices that another server has, replayed by its operator (nano2nano,
 * llorne). */
#include "base/log.h"
#include "core/migrate.h"
#include "face/api_int.h"

enum { CHECKIN_MAX = 1 << 20 };

static void migrated(struct http_req *rq, void *arg, enum err e) {
  const struct checkin *c = arg;
  if (e == OK && c->news)
    log_info(http_cx(rq), c->news, LOG_S("id", c->ids.id), LOG_S("type", c->ids.type), LOG_S("by", route_who(rq)));
  if (e == OK)
    reply_empty(rq, 200);
  else
    reply_error(rq, e);
}

static void migration(struct http_req *rq, struct core *core) {
  struct checkin *c = ctx_alloc(http_cx(rq), sizeof *c);
  *c = (struct checkin){.core = core};
  enum err e = checkin_read(http_cx(rq), http_body(rq), c);
  route_log(rq, "id", c->ids.id);
  if (e == OK)
    route_write(rq, core, migrate_checkin, c, migrated);
  else
    reply_error(rq, e);
}

const struct route migration_routes[] = {
    {.method = "*",
     .flags = ROUTE_ACT,
     .pattern = "/migration",
     .run = migration,
     .body_max = CHECKIN_MAX,
     .summary =
         "NanoMDM: a check-in message of a device that moves here; 409 when the device is enrolled here already, "
         "404 when what has to come before it is missing."},
    {.method = NULL},
};
