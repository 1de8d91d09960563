/* The way to APNs as a topic finds it: what is known of it in memory, and its way into the database. */
#include "core/push_engine.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_GAP US_SECOND      /* between two writings of a topic */
#define SILENCE (15 * US_MINUTE) /* a push that was refused for now has gone again by then, unless none is wanted */
#define SAME_TROUBLE US_MINUTE   /* that was up for less than this was not up in between */

static void text_set(char *to, size_t room, const char *from) { snprintf(to, room, "%s", from ? from : ""); }

const char *link_host(const struct push *p) {
  return p->url.host ? ctx_printf(p->cx, "%s:%d", p->url.host, p->url.port) : "";
}

/* A trouble that lasts keeps its beginning; what another host refused does not speak of this one. */
bool link_load(struct push *p, struct topic *t) {
  struct link *l = &t->link;
  struct push_link row;
  bool found;
  *l = (struct link){.alert = -1};
  if (push_link_of(p->cx, p->db, t->name, &row, &found) != OK) {
    log_failure(LOG_ERROR, p->cx, "the state of the way to APNs cannot be read");
    ctx_clear_error(p->cx);
    return true;
  }
  if (!found) return true;
  bool same = row.pushcert == t->pushcert, here = strcmp(row.host, link_host(p)) == 0;
  l->known = true;
  l->up = row.up;
  l->since = row.since;
  l->kind = row.kind;
  l->proxy_status = row.proxy_status;
  l->alert = row.alert;
  l->refused_at = row.refused_at;
  text_set(l->text, sizeof l->text, row.text);
  text_set(l->issuer, sizeof l->issuer, row.issuer);
  text_set(l->refusal, sizeof l->refusal, same && here ? row.refusal : NULL);
  return same;
}

void link_renewed(struct topic *t) {
  t->link.refusal[0] = '\0';
  t->link.refused_at = 0;
  t->link.dirty = t->link.known;
}

static void link_up(struct push *p, struct topic *t) {
  struct link *l = &t->link;
  if (l->known && l->up) return;
  l->before = l->kind;
  l->before_since = l->since;
  l->up_mono = p->mono;
  l->known = l->up = l->dirty = true;
  l->since = p->now;
  l->kind = PUSH_UP;
  l->proxy_status = 0;
  l->alert = -1;
  l->text[0] = l->issuer[0] = '\0';
}

void link_ready(struct push *p, struct topic *t) {
  if (t->link.up || !t->link.of_answers) link_up(p, t);
}

static int64_t down_since(const struct push *p, const struct link *l, enum push_trouble kind) {
  if (l->known && !l->up) return l->since;
  bool again = l->up_mono && l->before == kind && p->mono - l->up_mono < SAME_TROUBLE;
  return again ? l->before_since : p->now;
}

void link_down(struct push *p, struct topic *t, const struct link_trouble *trouble) {
  struct link *l = &t->link;
  const char *issuer = trouble->issuer ? trouble->issuer : "";
  t->eager = true; /* its end is looked for, whether something is due or not */
  l->told_mono = p->mono;
  l->of_answers = trouble->of_answers;
  bool same = l->known && !l->up && l->kind == trouble->kind && strcmp(l->text, trouble->text) == 0;
  if (same) return;
  l->since = down_since(p, l, trouble->kind);
  l->known = l->dirty = true;
  l->up = false;
  l->kind = trouble->kind;
  l->proxy_status = trouble->proxy_status;
  l->alert = trouble->kind == PUSH_ALERT ? trouble->alert : -1;
  text_set(l->text, sizeof l->text, trouble->text);
  text_set(l->issuer, sizeof l->issuer, issuer);
}

void link_refused(struct push *p, struct topic *t, const char *reason) {
  struct link *l = &t->link;
  if (strcmp(l->refusal, reason) == 0) return;
  l->dirty = true;
  l->refused_at = !reason[0] ? 0 : l->refused_at ? l->refused_at : p->now;
  text_set(l->refusal, sizeof l->refusal, reason);
}

/* Who is told of a device was taken for who it is; a certificate that reaches the wrong devices only is not fine yet.
 */
void link_answered(struct push *p, struct topic *t, const struct apns_reason *r) {
  const struct apns_reason *refusal = apns_named(t->link.refusal);
  bool of_certificate = refusal ? refusal->act == APNS_TOPIC : true;
  if (r->act != APNS_SERVER) link_up(p, t);
  if (r->who == APNS_BY_NOBODY || (r->who == APNS_BY_DEVICE && of_certificate)) link_refused(p, t, "");
}

/* ---- into the database ---- */

struct link_work {
  struct work w;
  struct link link;
  int64_t pushcert;
  char *host;
  char topic[];
};

static enum err write_fn(struct ctx *cx, struct db *db, struct work *w) {
  struct link_work *k = (struct link_work *)w;
  struct link *l = &k->link;
  return push_link_write(cx, db,
                         &(struct push_link){.topic = k->topic,
                                             .up = l->up,
                                             .since = l->since,
                                             .kind = l->kind,
                                             .text = l->text,
                                             .issuer = l->issuer,
                                             .proxy_status = l->proxy_status,
                                             .alert = l->alert,
                                             .host = k->host,
                                             .refusal = l->refusal,
                                             .refused_at = l->refused_at,
                                             .pushcert = k->pushcert});
}

static void write_finish(struct push *p, struct work *w) {
  struct link_work *k = (struct link_work *)w;
  struct topic *t = topic_find(p, k->topic);
  if (t) {
    t->link.writing = false;
    if (w->e != OK) t->link.dirty = true;
  }
  free(k->host);
  work_free(w);
}

static bool to_write(const struct topic *t) { return t->link.dirty && t->link.known && !t->link.writing; }

static void write_link(struct push *p, struct topic *t) {
  size_t n = strlen(t->name) + 1;
  struct link_work *k = mem_alloc(sizeof *k + n);
  memcpy(k->topic, t->name, n);
  k->link = t->link;
  k->pushcert = t->pushcert;
  k->host = mem_strdup(link_host(p));
  t->link.dirty = false;
  t->link.writing = true;
  t->link.write_at = p->mono + WRITE_GAP;
  work_post(p, &k->w, write_fn, write_finish);
}

void links_flush(struct push *p) {
  for (struct topic *t = p->topics; t; t = t->next) {
    const struct link *l = &t->link;
    if (l->of_answers && !l->up && t->conn && t->conn->ready && p->mono - l->told_mono >= SILENCE) link_up(p, t);
    if (to_write(t) && p->mono >= l->write_at) write_link(p, t);
  }
}

int64_t links_deadline(const struct push *p) {
  int64_t at = INT64_MAX;
  for (const struct topic *t = p->topics; t; t = t->next)
    if (to_write(t) && t->link.write_at < at) at = t->link.write_at;
  return at;
}
