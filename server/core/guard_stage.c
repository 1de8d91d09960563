/* Roots that are given to devices ahead, so that the TLS certificate may change later without cutting anybody off. */
#include "core/guard_int.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/enroll.h"
#include "core/event.h"
#include "core/push.h"
#include "core/queue.h"

#include <string.h>

enum { CHUNK = 150 };

enum err guard_stage(struct ctx *cx, struct db *db, const struct pki_cert *root, const char *by) {
  struct js *data = js_object(cx);
  TRY(guard_root_add(cx, db, root, by));
  js_set_string(data, "subject", pki_cert_subject(cx, root));
  js_set_string(data, "sha256", enc_hex(cx, pki_cert_sha256(root), SHA256_LEN));
  js_set_string(data, "by", by);
  return event_add(cx, db, "tls.root-staged", NULL, data);
}

/* ---- giving it ---- */

struct giving {
  struct core *core;
  struct slice hash;
  struct command command;
  int64_t after;
  bool more;
};

static enum err build(struct ctx *cx, struct core *core, const struct pki_cert *root, struct command *out) {
  struct slice profile;
  struct js *args = js_object(cx);
  TRY(enroll_render_root(cx, core, root, &profile));
  js_set_string(args, "Payload", enc_base64(cx, profile.p, profile.n));
  return command_build(cx, out, "InstallProfile", args, NULL);
}

static enum err give_one(struct ctx *cx, struct db *db, struct giving *g, int64_t command,
                         const struct guard_target *t) {
  TRY(queue_add(cx, db, g->core, command, &g->command, t->enrollment));
  TRY(guard_root_queued(cx, db, t, g->hash, g->command.uuid));
  return push_due(cx, db, g->core, t->enrollment, PUSH_COMMAND, 0, NULL, NULL);
}

static enum err give_job(struct ctx *cx, struct db *db, void *arg) {
  struct giving *g = arg;
  struct guard_target *rows;
  int64_t command;
  size_t n;
  TRY(guard_root_lacking(cx, db, g->hash, g->after, CHUNK, &rows, &n));
  g->more = n == CHUNK;
  if (n == 0) return OK;
  TRY(queue_command(cx, db, g->core, &g->command, "pomona", &command));
  for (size_t i = 0; i < n; i++) TRY(give_one(cx, db, g, command, &rows[i]));
  g->after = rows[n - 1].device;
  return OK;
}

static enum err give(struct ctx *cx, struct core *core, const struct pki_cert *root) {
  struct giving g = {.core = core, .hash = slice_mem(pki_cert_sha256(root), SHA256_LEN)};
  struct guard_target *some;
  struct db *db;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(guard_root_lacking(cx, db, g.hash, 0, 1, &some, &n));
  if (n == 0) return OK; /* a profile is signed for nobody */
  TRY(build(cx, core, root, &g.command));
  do TRY(db_call(cx, core->store, give_job, &g));
  while (g.more);
  return OK;
}

enum err guard_stage_chore(struct ctx *cx, struct core *core) {
  struct guard_root *roots;
  struct pki_cert *root;
  struct db *db;
  size_t n;
  TRY(db_reader(cx, core->store, &db));
  TRY(guard_roots(cx, db, &roots, &n));
  for (size_t i = 0; i < n; i++) {
    TRY(pki_cert_parse(cx, &root, roots[i].cert));
    TRY(give(cx, core, root));
  }
  return OK;
}

enum err guard_staged(struct ctx *cx, struct db *db, struct js **out) {
  struct guard_root *roots;
  size_t n;
  *out = js_array(cx);
  TRY(guard_roots(cx, db, &roots, &n));
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    struct pki_cert *root;
    TRY(pki_cert_parse(cx, &root, roots[i].cert));
    js_set_string(o, "subject", pki_cert_subject(cx, root));
    js_set_string(o, "sha256", enc_hex(cx, pki_cert_sha256(root), SHA256_LEN));
    js_set_time(o, "not_after", pki_cert_not_after(root));
    js_set_time(o, "staged_at", roots[i].staged_at);
    js_set_string(o, "staged_by", roots[i].staged_by);
    js_set_int(o, "given", roots[i].given);
    js_set_int(o, "waiting", roots[i].waiting);
    js_add(*out, o);
  }
  return OK;
}
