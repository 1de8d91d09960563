/* S: what is known of the server itself. */
#include "core/why_load.h"

#include "base/enc.h"

#include <string.h>

static enum err load_tls(struct ctx *cx, struct db *db, struct why_tls *out) {
  struct js *in_use;
  TRY(guard_tls_in_use(cx, db, &in_use));
  struct js *former = js_get(in_use, "former");
  *out = (struct why_tls){.subject = js_str(in_use, "subject"),
                          .issuer = js_str(in_use, "issuer"),
                          .former_issuer = js_str(former, "issuer")};
  (void)dec_time(slice_of(js_str(in_use, "not_after")), &out->not_after);
  (void)dec_time(slice_of(js_str(in_use, "since")), &out->since);
  return OK;
}

enum err why_server_load(struct ctx *cx, struct db *db, struct core *core, struct why_server *out) {
  *out = (struct why_server){0};
  TRY(guard_clock_read(cx, db, &out->clock));
  TRY(load_tls(cx, db, &out->tls));
  TRY(push_links(cx, db, &out->links, &out->links_n));
  TRY(why_read_traffic(cx, db, core, out));
  if (db_health(cx, core->store) == OK) return OK;
  out->storage_since = db_trouble_since(core->store);
  out->storage_trouble = ctx_strdup(cx, ctx_error_text(cx));
  ctx_clear_error(cx);
  return OK;
}

/* ---- the way of one device to it ---- */

static enum err load_probe(struct ctx *cx, struct db *db, struct why_url *out) {
  struct js *last;
  bool ok = true;
  int64_t status = 0;
  TRY(guard_url_probed(cx, db, out->url, &last));
  (void)js_bool(js_get(last, "ok"), &ok);
  (void)js_int(js_get(last, "status"), &status);
  (void)dec_time(slice_of(js_str(last, "at")), &out->at);
  /* An address that no answer ever came from may only be one that leads nowhere from inside. */
  out->fails = !ok && (status || js_str(last, "ok_at") || !out->is_public);
  out->error = js_str(last, "error");
  return OK;
}

enum err why_url_load(struct ctx *cx, struct why_facts *f) {
  struct why_url *u = &f->url;
  struct js *given = NULL;
  const char *now = core_conf(f->core)->public_url;
  if (f->current.given && js_parse(cx, slice_of(f->current.given), &given) != OK) ctx_clear_error(cx);
  struct slice url = slice_of(js_str(given, "ServerURL"));
  if (slice_ends(url, "/mdm")) url.n -= strlen("/mdm");
  u->url = url.n ? ctx_memdup(cx, url.p, url.n) : now;
  u->is_public = strcmp(u->url, now) == 0;
  return load_probe(cx, f->db, u);
}

enum err why_hangup_load(struct ctx *cx, struct why_facts *f) {
  struct hangup *rows;
  size_t n = 0;
  const struct why_wake *w = &f->wake;
  bool woken = w->status == 200 && w->sent_at > f->enrollment.seen;
  bool fine;
  if (!f->enrollment.address || !woken) return OK;
  TRY(why_others_came(cx, f->db, f->enrollment.address, f->server->tls.since, &fine));
  if (fine) return OK;
  TRY(hangup_list(cx, f->db, f->enrollment.address, w->taken_at ? w->taken_at : w->sent_at, &rows, &n));
  if (n) f->hung_up_at = rows[0].last_at, f->hung_up_alert = rows[0].alert;
  return OK;
}
