/* The addresses that enrollments were given: devices keep theirs, whatever public-url becomes. */
#include "core/guard_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "core/fact.h"

#include <stdlib.h>
#include <string.h>

enum { URLS_MAX = 20, URL_MAX = 1024, PROBE_S = 10 };

static const char accepted[] = "guard.public-url";

/* An address that devices hold. */
struct held {
  char url[URL_MAX]; /* without the path of the MDM endpoint */
  int64_t devices;
};
struct held_urls {
  const char *now; /* public-url */
  struct held all[URLS_MAX];
  size_t n;
  int64_t others; /* devices that hold another one than public-url */
};

static void note(struct held_urls *h, struct slice url) {
  size_t i = 0;
  h->others++;
  while (i < h->n && !slice_is(url, h->all[i].url)) i++;
  if (i == URLS_MAX || url.n >= URL_MAX) return; /* counted all the same */
  if (i == h->n) memcpy(h->all[h->n++].url, url.p, url.n);
  h->all[i].devices++;
}

static enum err each_device(struct ctx *cx, const struct guard_device *d, void *arg) {
  struct held_urls *h = arg;
  struct js *given;
  if (!d->given || js_parse(cx, slice_of(d->given), &given) != OK) return ctx_clear_error(cx), OK;
  struct slice url = slice_of(js_str(given, "ServerURL"));
  if (slice_ends(url, "/mdm")) url.n -= strlen("/mdm");
  if (url.n && !slice_is(url, h->now)) note(h, url);
  return OK;
}

static enum err collect(struct ctx *cx, struct core *core, struct db *db, struct held_urls **out) {
  *out = ctx_alloc(cx, sizeof **out);
  **out = (struct held_urls){.now = core_conf(core)->public_url};
  return guard_each(cx, db, each_device, *out);
}

enum err guard_url(struct ctx *cx, struct core *core) {
  const struct core_conf *conf = core_conf(core);
  struct held_urls *held;
  struct db *db;
  char *known;
  TRY(db_reader(cx, core->store, &db));
  TRY(fact_read(cx, db, accepted, &known));
  if (known && strcmp(known, conf->public_url) == 0) return OK;
  TRY(collect(cx, core, db, &held));
  if (held->others && !conf->accept_cut_off)
    return FAIL(cx, E_CONFLICT,
                "public-url is %s now, but %lld enrolled devices keep connecting to %s%s: keep that address leading "
                "here (it will be watched) and start once with --accept-cut-off yes, or set public-url back",
                conf->public_url, (long long)held->others, held->all[0].url, held->n > 1 ? " and others" : "");
  if (held->others)
    log_warn(cx, "enrolled devices hold another address than public-url", LOG_I("devices", held->others));
  return guard_remember(cx, core, accepted, conf->public_url);
}

/* ---- probes ---- */

static const char *fact_of(struct ctx *cx, const char *url) { return ctx_printf(cx, "url.probe %s", url); }

enum err guard_url_probed(struct ctx *cx, struct db *db, const char *url, struct js **out) {
  char *text;
  *out = NULL;
  TRY(fact_read(cx, db, fact_of(cx, url), &text));
  if (text && js_parse(cx, slice_of(text), out) != OK) ctx_clear_error(cx);
  return OK;
}

struct probe {
  const char *url;
  int64_t devices; /* that hold it; -1: it is public-url, which not every network leads to from inside */
  struct guard_look look;
  bool alarming;
};

/* No answer at all from public-url is no news where it never led here from here. */
static bool alarms(const struct probe *p, struct js *before) {
  return p->look.trouble && (p->devices >= 0 || p->look.status || js_str(before, "ok_at"));
}

/* What was no news as public-url is one as soon as it is a former address. */
static bool was_told(struct js *before) {
  bool told = false, ok = true;
  if (js_bool(js_get(before, "told"), &told)) return told;
  (void)js_bool(js_get(before, "ok"), &ok);
  return !ok;
}

static enum err tell(struct ctx *cx, struct db *db, const struct probe *p) {
  struct js *data = js_object(cx);
  js_set_string(data, "url", p->url);
  if (p->devices >= 0) js_set_int(data, "devices", p->devices);
  if (p->look.trouble) js_set_string(data, "error", p->look.trouble);
  return event_add(cx, db, p->look.trouble ? "url.unreachable" : "url.reachable", NULL, data);
}

static enum err probed_job(struct ctx *cx, struct db *db, void *arg) {
  struct probe *p = arg;
  struct js *now = js_object(cx), *before;
  TRY(guard_url_probed(cx, db, p->url, &before));
  p->alarming = alarms(p, before);
  js_set_bool(now, "ok", !p->look.trouble);
  bool told = was_told(before), tells = p->look.trouble && (told || p->alarming);
  js_set_bool(now, "told", tells);
  js_set_time(now, "at", clock_now_us());
  js_set_string(now, "error", p->look.trouble);
  js_set_string(now, "ok_at", js_str(before, "ok_at"));
  if (!p->look.trouble) js_set_time(now, "ok_at", clock_now_us());
  js_set_int(now, "status", p->look.status);
  js_set_string(now, "location", p->look.location);
  TRY(fact_write(cx, db, fact_of(cx, p->url), js_text(cx, now, JS_COMPACT).p));
  return tells == told ? OK : tell(cx, db, p);
}

static enum err probe(struct ctx *cx, struct core *core, struct db *db, const char *url, int64_t devices) {
  struct probe p = {.url = url, .devices = devices};
  TRY(guard_look(cx, core, db, url, PROBE_S * US_SECOND, &p.look));
  TRY(db_call(cx, core->store, probed_job, &p));
  if (p.alarming)
    log_warn(cx,
             devices < 0 ? "public-url does not lead here" : "an address that enrolled devices hold does not lead here",
             LOG_S("url", url), LOG_I("devices", devices), LOG_S("error", p.look.trouble));
  return OK;
}

enum err guard_probe_chore(struct ctx *cx, struct core *core) {
  struct held_urls *held;
  struct db *db;
  TRY(db_reader(cx, core->store, &db));
  TRY(collect(cx, core, db, &held));
  for (size_t i = 0; i < held->n; i++) TRY(probe(cx, core, db, held->all[i].url, held->all[i].devices));
  return probe(cx, core, db, held->now, -1);
}

enum err guard_urls(struct ctx *cx, struct db *db, struct core *core, struct js **out) {
  struct held_urls *held;
  *out = js_array(cx);
  TRY(collect(cx, core, db, &held));
  for (size_t i = 0; i < held->n; i++) {
    struct js *o = js_object(cx), *last;
    TRY(guard_url_probed(cx, db, held->all[i].url, &last));
    js_set_string(o, "url", held->all[i].url);
    js_set_int(o, "devices", held->all[i].devices);
    js_set(o, "ok", js_get(last, "ok"));
    js_set_string(o, "at", js_str(last, "at"));
    js_set_string(o, "error", js_str(last, "error"));
    js_set_string(o, "ok_at", js_str(last, "ok_at"));
    js_add(*out, o);
  }
  return OK;
}
