/* /metrics: Prometheus' text format, version 0.0.4. */
#include "base/clock.h"
#include "core/guardian.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/push.h"
#include "core/pushcert.h"
#include "core/queue_list.h"
#include "core/webhook.h"
#include "face/api_int.h"

#include <inttypes.h>
#include <string.h>

struct page {
  struct ctx *cx;
  struct db *db;
  struct core *core;
  struct buf text;
  const char *name; /* of the metric that samples belong to */
  int64_t now;
};

struct label {
  const char *name, *value; /* name NULL: none */
};

static void family(struct page *p, const char *name, const char *type, const char *help) {
  p->name = name;
  buf_printf(&p->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_label(struct buf *b, struct label l, char before) {
  if (!l.name) return;
  buf_printf(b, "%c%s=\"", before, l.name);
  for (const char *c = l.value; *c; c++) {
    if (*c == '\n')
      buf_add_str(b, "\\n");
    else if (*c == '"' || *c == '\\')
      buf_printf(b, "\\%c", *c);
    else
      buf_add_char(b, *c);
  }
  buf_add_char(b, '"');
}

static void sample(struct page *p, struct label a, struct label b, double value) {
  buf_add_str(&p->text, p->name);
  add_label(&p->text, a, '{');
  add_label(&p->text, b, ',');
  buf_printf(&p->text, "%s %.15g\n", a.name ? "}" : "", value);
}

static const struct label none = {NULL, NULL};

static void one(struct page *p, const char *name, const char *type, const char *help, double value) {
  family(p, name, type, help);
  sample(p, none, none, value);
}

/* ---- what there is to tell ---- */

static enum err build(struct page *p) {
  family(p, "pomona_build_info", "gauge", "The version that runs.");
  sample(p, (struct label){"version", POMONA_VERSION}, none, 1);
  return OK;
}

static enum err dates(struct page *p) {
  struct guardian_date *all;
  size_t n;
  TRY(guardian_dates(p->cx, p->db, p->core, &all, &n));
  family(p, "pomona_guardian_days_left", "gauge", "Days until something that the service needs ends, or is due.");
  for (size_t i = 0; i < n; i++)
    sample(p, (struct label){"kind", all[i].kind}, (struct label){"subject", all[i].subject},
           (double)(all[i].at - p->now) / (double)US_DAY);
  family(p, "pomona_guardian_date_seconds", "gauge", "When that is, in seconds since 1970 UTC.");
  for (size_t i = 0; i < n; i++)
    sample(p, (struct label){"kind", all[i].kind}, (struct label){"subject", all[i].subject},
           (double)(all[i].at / US_SECOND));
  return OK;
}

static enum err warnings(struct page *p) {
  struct js *banner;
  TRY(guardian_banner(p->cx, p->db, p->core, &banner));
  one(p, "pomona_warnings", "gauge", "Things that everybody must know now: those on top of pomona status.",
      (double)js_count(banner));
  return OK;
}

static enum err inventory(struct page *p) {
  int64_t misfits;
  TRY(inventory_misfits(p->cx, p->db, &misfits));
  one(p, "pomona_inventory_misfits", "gauge", "Values in the last answers of devices that do not fit Apple's schema.",
      (double)misfits);
  return OK;
}

static enum err pushcerts(struct page *p) {
  struct pushcert *all;
  size_t n;
  TRY(pushcert_list(p->cx, p->db, &all, &n));
  family(p, "pomona_pushcert_days_left", "gauge", "Days until a push certificate in use ends.");
  for (size_t i = 0; i < n; i++)
    if (!all[i].superseded_at)
      sample(p, (struct label){"topic", all[i].topic}, (struct label){"serial_number", all[i].serial_number},
             (double)(all[i].not_after - p->now) / (double)US_DAY);
  family(p, "pomona_pushcert_enrollments", "gauge", "Enabled channels that listen on the topic of a push certificate.");
  for (size_t i = 0; i < n; i++)
    if (!all[i].superseded_at) sample(p, (struct label){"topic", all[i].topic}, none, (double)all[i].enrollments);
  family(p, "pomona_pushcert_proven", "gauge",
         "1: Apple took it when it was asked last; 0: it did not, or was not asked.");
  for (size_t i = 0; i < n; i++)
    if (!all[i].superseded_at)
      sample(p, (struct label){"topic", all[i].topic}, (struct label){"serial_number", all[i].serial_number},
             all[i].proof && strcmp(all[i].proof, "proven") == 0);
  return OK;
}

static enum err pushes(struct page *p) {
  struct push_health h;
  struct push_link *links;
  size_t n;
  TRY(push_links(p->cx, p->db, &links, &n));
  family(p, "pomona_apns_link_up", "gauge", "1: the way to APNs is open for the topic.");
  for (size_t i = 0; i < n; i++) sample(p, (struct label){"topic", links[i].topic}, none, links[i].up);
  if (!p->core->push) return OK;
  push_health(p->core->push, &h);
  one(p, "pomona_push_connected", "gauge", "1: connected to APNs.", h.connected);
  one(p, "pomona_push_sent_total", "counter", "Pushes sent since the start.", (double)h.sent);
  one(p, "pomona_push_answered_total", "counter", "Pushes that APNs answered.", (double)h.answered);
  one(p, "pomona_push_failed_total", "counter", "Pushes that APNs refused or that were lost.", (double)h.failed);
  one(p, "pomona_push_due", "gauge", "Wake-ups that are due now.", (double)h.due);
  one(p, "pomona_push_rate", "gauge",
      "Pushes a second at most, now: less than wake-rate when devices are slow to be served.", (double)h.rate);
  return OK;
}

static enum err counts(struct page *p) {
  struct guardian_counts c;
  struct queue_totals totals;
  TRY(guardian_counts(p->cx, p->db, &c));
  TRY(queue_totals(p->cx, p->db, &totals));
  family(p, "pomona_devices", "gauge", "Devices by their state.");
  for (size_t i = 0; i < GUARDIAN_DEVICE_STATES; i++)
    sample(p, (struct label){"state", guardian_device_states[i]}, none, (double)c.devices[i]);
  one(p, "pomona_enrollments", "gauge", "Enabled channels: devices and their users.", (double)totals.enrollments);
  one(p, "pomona_commands_waiting", "gauge", "Commands that are not settled.", (double)totals.waiting);
  one(p, "pomona_tokens_dead", "gauge", "Push tokens that APNs does not take any more.", (double)c.dead_tokens);
  one(p, "pomona_refused_ids", "gauge", "Ids in whose name requests were refused, as far as they are kept.",
      (double)c.refused_ids);
  one(p, "pomona_refused_requests", "gauge", "Refused requests of those.", (double)c.refused_requests);
  one(p, "pomona_notices_waiting", "gauge", "Notices that have not reached a recipient and are tried again.",
      (double)c.notices_waiting);
  one(p, "pomona_notices_given_up", "gauge", "Notices that never reached a recipient.", (double)c.notices_given_up);
  return OK;
}

/* Who may read this may not see the path of a receiver, which may be a secret: those of one host are counted together.
 */
static void by_host(struct page *p, const struct webhook_info *all, size_t n, bool dead) {
  for (size_t i = 0; i < n; i++) {
    const char *host = webhook_origin(p->cx, all[i].url);
    int64_t sum = 0;
    bool told = false;
    for (size_t k = 0; k < n; k++) {
      if (strcmp(webhook_origin(p->cx, all[k].url), host) != 0) continue;
      told = told || k < i;
      sum += dead ? all[k].dead : all[k].due;
    }
    if (!told) sample(p, (struct label){"url", host}, none, (double)sum);
  }
}

static enum err webhooks(struct page *p) {
  struct webhook_info *all;
  size_t n;
  TRY(webhook_list(p->cx, p->db, p->core, &all, &n));
  family(p, "pomona_webhook_waiting", "gauge", "Messages that wait for a receiver of webhooks.");
  by_host(p, all, n, false);
  family(p, "pomona_webhook_dead", "gauge", "Messages that were given up.");
  by_host(p, all, n, true);
  return OK;
}

static enum err plans(struct page *p) {
  int64_t counts[PLAN_STATES];
  TRY(plan_counts(p->cx, p->db, counts));
  family(p, "pomona_devices_by_compliance", "gauge", "Devices by how they stand with what their groups say.");
  for (int s = PLAN_COMPLIANT; s < PLAN_STATES; s++)
    sample(p, (struct label){"compliance", plan_state_word((enum plan_state)s)}, none, (double)counts[s]);
  return OK;
}

/* What is measured besides is a row here. */
static enum err (*const parts[])(struct page *p) = {build,  dates,  warnings, inventory, pushcerts,
                                                    pushes, counts, plans,    webhooks};

static enum err fill(struct page *p) {
  TRY(db_reader(p->cx, p->core->store, &p->db));
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) TRY(parts[i](p));
  return OK;
}

static void metrics(struct http_req *rq, struct core *core) {
  struct page p = {.cx = http_cx(rq), .core = core, .now = clock_now_us()};
  enum err e = fill(&p);
  struct slice text = slice_mem(ctx_memdup(p.cx, p.text.p ? p.text.p : "", p.text.n), p.text.n);
  buf_free(&p.text);
  if (e == OK)
    http_reply(rq, 200, "text/plain; version=0.0.4; charset=utf-8", text);
  else
    reply_error(rq, e);
}

const struct route metrics_routes[] = {
    {.method = "GET",
     .pattern = "/metrics",
     .flags = ROUTE_QUIET,
     .run = metrics,
     .summary = "Figures for Prometheus, in its text format."},
    {.method = NULL},
};
