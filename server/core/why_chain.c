/* Every link from the command to its answer, in the order in which things happen. */
#include "core/why_chain.h"

#include "base/enc.h"

#include <string.h>

static const char ok[] = "ok", waits[] = "wait", trouble[] = "trouble", none[] = "none";

static struct why_link enrollment(struct ctx *cx, const struct why_facts *f) {
  const struct why_device *d = &f->device;
  struct why_link l = {"enrollment", ok, f->current.enrolled_at, ""};
  if (!d->seq) return (struct why_link){"enrollment", none, 0, "not known here"};
  if (d->blocked_at) return (struct why_link){"enrollment", trouble, d->blocked_at, "blocked"};
  if (d->out_at) return (struct why_link){"enrollment", trouble, d->out_at, "checked out"};
  if (!f->enrollment.enabled)
    return (struct why_link){"enrollment", d->pending ? waits : trouble, f->pending.authenticated_at, "not finished"};
  l.detail =
      ctx_printf(cx, "%s%s%s", f->enrollment.type, d->serial ? ", serial number " : "", d->serial ? d->serial : "");
  return l;
}

static struct why_link identity(struct ctx *cx, const struct why_facts *f) {
  int64_t end = f->current.not_after;
  (void)cx;
  if (!end) return (struct why_link){"identity", none, 0, "not known yet"};
  return (struct why_link){"identity", end > f->now ? ok : trouble, end,
                           end > f->now ? "valid until then" : "ended then"};
}

static struct why_link command(struct ctx *cx, const struct why_facts *f) {
  const struct why_command *c = &f->command;
  if (!c->target) return (struct why_link){"command", none, 0, "nothing waits"};
  return (struct why_link){"command", ok, c->queued_at, ctx_printf(cx, "%s %s queued by %s", c->type, c->uuid, c->by)};
}

static struct why_link certificate(struct ctx *cx, const struct why_facts *f) {
  const struct why_topic *t = f->topic;
  bool good = t->found && !t->key_trouble && t->cert.not_after > f->now;
  if (!t->name) return (struct why_link){"certificate", none, 0, "no topic yet"};
  const char *what = !t->found        ? "none for"
                     : t->key_trouble ? "its key cannot be read:"
                     : good           ? "valid until then:"
                                      : "ended then:";
  return (struct why_link){"certificate", good ? ok : trouble, t->found ? t->cert.not_after : 0,
                           ctx_printf(cx, "%s %s", what, t->name)};
}

static struct why_link apns(struct ctx *cx, const struct why_facts *f) {
  const struct why_topic *t = f->topic;
  if (!t->link_known) return (struct why_link){"apns", none, 0, "not tried yet"};
  return (struct why_link){"apns", t->link.up ? ok : trouble, t->link.since,
                           t->link.up ? ctx_printf(cx, "connected to %s", t->link.host) : t->link.text};
}

static struct why_link wake_up(struct ctx *cx, const struct why_facts *f) {
  const struct why_wake *w = &f->wake;
  if (w->due_at && !w->answered_at) return (struct why_link){"wake-up", waits, w->due_at, "due then, not sent yet"};
  if (!w->sent_at) return (struct why_link){"wake-up", none, 0, "none was due"};
  if (w->status != 200)
    return (struct why_link){"wake-up", trouble, w->sent_at,
                             ctx_printf(cx, "APNs answered %d %s", w->status, w->reason ? w->reason : "")};
  const char *times = w->taken > 1 ? ctx_printf(cx, ", %lld times since it was seen", (long long)w->taken) : "";
  const char *next = w->due_at > f->now ? ctx_printf(cx, "; again in %s", enc_age(cx, w->due_at - f->now)) : "";
  return (struct why_link){"wake-up", ok, w->sent_at, ctx_printf(cx, "taken by Apple%s%s", times, next)};
}

static struct why_link connection(struct ctx *cx, const struct why_facts *f) {
  const struct why_enrollment *e = &f->enrollment;
  const struct refused_row *r = f->refused_n ? f->refused : NULL;
  if (r && r->last_at > e->seen)
    return (struct why_link){"connection", trouble, r->last_at,
                             ctx_printf(cx, "refused (%s) from %s", r->reason, r->address)};
  if (!e->seen) return (struct why_link){"connection", waits, 0, "it has not come yet"};
  return (struct why_link){"connection", why_came(f) ? ok : waits, e->seen,
                           ctx_printf(cx, "last came from %s", e->address ? e->address : "?")};
}

static struct why_link delivery(struct ctx *cx, const struct why_facts *f) {
  const struct why_command *c = &f->command;
  if (!c->target) return (struct why_link){"delivery", none, 0, ""};
  if (!c->deliveries) return (struct why_link){"delivery", c->waiting ? waits : none, 0, "never handed over"};
  return (struct why_link){"delivery", ok, c->last_sent_at,
                           c->deliveries == 1 ? "handed over"
                                              : ctx_printf(cx, "handed over, %lld times", (long long)c->deliveries)};
}

static struct why_link answer(struct ctx *cx, const struct why_facts *f) {
  const struct why_command *c = &f->command;
  if (!c->target) return (struct why_link){"answer", none, 0, ""};
  if (c->notnow_at && c->waiting)
    return (struct why_link){"answer", waits, c->notnow_at,
                             ctx_printf(cx, "NotNow, %lld times", (long long)c->notnows)};
  if (c->waiting) return (struct why_link){"answer", waits, 0, c->status};
  return (struct why_link){"answer", strcmp(c->status, "Acknowledged") == 0 ? ok : trouble, c->settled_at, c->status};
}

void why_chain(struct ctx *cx, const struct why_facts *f, struct why *out) {
  static struct why_link (*const links[])(struct ctx *, const struct why_facts *) = {
      enrollment, identity, command, certificate, apns, wake_up, connection, delivery, answer};
  out->chain_n = sizeof links / sizeof *links;
  out->chain = ctx_alloc(cx, out->chain_n * sizeof *out->chain);
  for (size_t i = 0; i < out->chain_n; i++) out->chain[i] = links[i](cx, f);
}
