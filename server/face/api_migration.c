/* NanoMDM's /migration: check-in messages of devices that another server has, replayed by its operator (nano2nano,
 * llorne). */
#include "base/log.h"
#include "core/migrate.h"
#include "face/api_int.h"

enum { CHECKIN_MAX = 1 << 20 };

struct moving {
  struct checkin c;
  struct http_req *rq;
};

static void tell(void *arg) {
  const struct moving *m = arg;
  log_info(http_cx(m->rq), m->c.news, LOG_S("id", m->c.ids.id), LOG_S("type", m->c.ids.type),
           LOG_S("by", route_who(m->rq)));
}

static enum err migrate_job(struct ctx *cx, struct db *db, void *arg) {
  struct moving *m = arg;
  TRY(migrate_checkin(cx, db, &m->c));
  if (m->c.news) db_after_commit(db, tell, m);
  return OK;
}

static void migrated(struct http_req *rq, void *arg, enum err e) {
  (void)arg;
  if (e == OK)
    reply_empty(rq, 200);
  else
    reply_error(rq, e);
}

static void migration(struct http_req *rq, struct core *core) {
  struct moving *m = ctx_alloc(http_cx(rq), sizeof *m);
  *m = (struct moving){.c.core = core, .rq = rq};
  enum err e = checkin_read(http_cx(rq), http_body(rq), &m->c);
  route_log(rq, "id", m->c.ids.id);
  if (e == OK)
    route_write(rq, core, migrate_job, m, migrated);
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
