/* What changed, as messages of a stream. */
#include "base/map.h"
#include "core/feed_int.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MOST = 12, TEXT_MOST = 200 };

enum way { DEVICE, CHANNEL, TARGET, EVENT, LOGIN, ALL };
static const struct {
  const char *table;
  enum way way;
  const char *word;
} tables[] = {
#define FEED(table, way, word) {table, way, word},
#include "core/feed.def"
#undef FEED
};
enum { TABLES = sizeof tables / sizeof *tables };

int32_t feed_table(const char *name) {
  for (int32_t i = 0; i < TABLES; i++)
    if (strcmp(tables[i].table, name) == 0) return i;
  return -1;
}

bool feed_is_of_logins(int32_t table) { return tables[table].way == LOGIN; }

/* ---- messages ---- */

static struct slice message(struct ctx *cx, const char *event, int64_t id, struct slice data) {
  return slice_of(ctx_printf(cx, "id: %lld\nevent: %s\ndata: %.*s\n\n", (long long)id, event, (int)data.n, data.p));
}

struct slice feed_reset(struct ctx *cx, int64_t at) {
  return message(cx, "reset", at, slice_of("{}"));
}

/* What is more than a listener has room for would cut it off, again and again. */
static struct slice within(struct ctx *cx, struct slice text, int64_t at) {
  return text.n <= FEED_TEXT_MOST ? text : feed_reset(cx, at);
}

/* An id without data is remembered, and told to nobody: who is cut off before the first event misses nothing. */
struct slice feed_hello(struct ctx *cx, int64_t at) {
  return slice_of(ctx_printf(cx, "retry: 2000\nid: %lld\n\n", (long long)at));
}

/* A device's channel is named as the device, those of its users with more behind a colon. */
static void set_enrollment(struct ctx *cx, struct js *o, const char *enrollment) {
  if (!enrollment) return;
  js_set_string(o, "device", ctx_memdup(cx, enrollment, strcspn(enrollment, ":")));
  js_set_string(o, "enrollment", enrollment);
}

/* ---- events ---- */

static bool is_simple(struct js *value) {
  const char *text = js_string(value);
  return text ? strlen(text) <= TEXT_MOST : !js_is_null(value) && !js_is_object(value) && !js_is_array(value);
}

static void add_data(struct ctx *cx, struct js *o, const char *text) {
  static const char *const named[][2] = {{"command_uuid", "command"}, {"group", "group"}, {"profile", "profile"}};
  struct js *all, *data = js_object(cx), *value;
  const char *key;
  if (js_parse(cx, slice_of(text), &all) != OK) {
    ctx_clear_error(cx);
    return;
  }
  for (size_t i = 0; (value = js_member(all, i, &key)); i++)
    if (js_count(data) < MEMBERS_MOST && is_simple(value)) js_set(data, key, value);
  for (size_t i = 0; i < sizeof named / sizeof *named; i++)
    if (js_str(data, named[i][0])) js_set_string(o, named[i][1], js_str(data, named[i][0]));
  if (js_count(data)) js_set(o, "data", data);
}

static void add_events(struct ctx *cx, struct js *list, const struct feed_event *events, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct js *o = js_object(cx);
    js_set_string(o, "kind", events[i].kind);
    set_enrollment(cx, o, events[i].enrollment);
    add_data(cx, o, events[i].data);
    js_add(list, o);
  }
}

/* ---- hints ---- */

/* Of a channel: what changed of it. */
struct activity {
  struct js *words;
};

struct hints {
  struct ctx *cx;
  struct db *db;
  struct js *list;
  struct map *channels; /* by id */
  bool told[TABLES];    /* words that stand in the list */
};

static void add_word(struct js *words, const char *word) {
  for (size_t i = 0; i < js_count(words); i++)
    if (strcmp(js_string(js_at(words, i)), word) == 0) return;
  js_add_string(words, word);
}

static void add_activity(struct hints *h, const char *id, const char *word) {
  struct activity *a = map_get(h->channels, slice_of(id));
  if (!a) {
    struct js *o = js_object(h->cx), *data = js_object(h->cx);
    a = ctx_alloc(h->cx, sizeof *a);
    a->words = js_array(h->cx);
    js_set_string(o, "kind", "device.activity");
    set_enrollment(h->cx, o, id);
    js_set(data, "what", a->words);
    js_set(o, "data", data);
    js_add(h->list, o);
    map_put(h->channels, slice_of(id), a);
  }
  add_word(a->words, word);
}

static void add_subject(struct hints *h, int32_t table) {
  for (int32_t i = 0; i < TABLES; i++)
    if (h->told[i] && strcmp(tables[i].word, tables[table].word) == 0) return;
  h->told[table] = true;
  struct js *o = js_object(h->cx);
  js_set_string(o, "kind", ctx_printf(h->cx, "%s.changed", tables[table].word));
  js_add(h->list, o);
}

static void add_target(struct hints *h, const struct feed_target *t) {
  struct js *o = js_object(h->cx), *data = js_object(h->cx);
  if (!t->enrollment) return;
  js_set_string(o, "kind", "command.status");
  set_enrollment(h->cx, o, t->enrollment);
  js_set_string(o, "command", t->command);
  js_set_string(data, "status", t->status);
  js_set(o, "data", data);
  js_add(h->list, o);
}

static enum err add_hint(struct hints *h, const struct feed_hint *hint) {
  enum way way = tables[hint->table].way;
  struct feed_target target;
  char *id = NULL;
  if (way == TARGET) {
    TRY(feed_target(h->cx, h->db, hint->row, &target));
    add_target(h, &target);
  } else if (way == DEVICE || way == CHANNEL) {
    TRY((way == DEVICE ? feed_device : feed_channel)(h->cx, h->db, hint->row, &id));
    if (id) add_activity(h, id, tables[hint->table].word);
  } else if (way != EVENT) {
    add_subject(h, hint->table);
  }
  return OK;
}

static enum err add_hints(struct ctx *cx, struct db *db, struct js *list, const struct feed_hint *hints, size_t n) {
  struct hints h = {.cx = cx, .db = db, .list = list, .channels = map_new()};
  enum err e = OK;
  for (size_t i = 0; e == OK && i < n; i++) e = add_hint(&h, &hints[i]);
  map_free(h.channels, NULL);
  return e;
}

/* ---- batches ---- */

static int by_row(const void *a, const void *b) {
  const struct feed_hint *x = a, *y = b;
  if (x->table != y->table) return x->table < y->table ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Each row once, and each subject that is told whatever its row. */
static size_t unique(struct feed_hint *hints, size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    enum way way = tables[hints[i].table].way;
    if (way == EVENT || way == LOGIN || way == ALL) hints[i].row = 0;
  }
  if (n) qsort(hints, n, sizeof *hints, by_row);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || by_row(&hints[i], &hints[kept - 1]) != 0) hints[kept++] = hints[i];
  return kept;
}

enum err feed_batch(struct ctx *cx, struct db *db, struct feed_hint *hints, size_t n, int64_t *after,
                    struct slice *text) {
  struct feed_event *events;
  size_t events_n;
  struct js *list = js_array(cx);
  *text = (struct slice){0};
  n = unique(hints, n);
  TRY(feed_events(cx, db, *after, FEED_BATCH + 1, &events, &events_n));
  if (events_n + n > FEED_BATCH) {
    TRY(feed_last(cx, db, after));
    *text = feed_reset(cx, *after);
    return OK;
  }
  add_events(cx, list, events, events_n);
  TRY(add_hints(cx, db, list, hints, n));
  if (events_n) *after = events[events_n - 1].seq;
  if (js_count(list)) *text = within(cx, message(cx, "changes", *after, js_text(cx, list, JS_COMPACT)), *after);
  return OK;
}

enum err feed_catch_up(struct ctx *cx, struct db *db, int64_t after, int64_t until, struct slice *text) {
  struct feed_event *events;
  size_t n = FEED_BATCH;
  bool too_many;
  TRY(feed_missed(cx, db, after, FEED_MISSED, &too_many));
  *text = too_many ? feed_reset(cx, until) : slice_of("");
  while (!too_many && after < until && n == FEED_BATCH) {
    TRY(feed_events(cx, db, after, FEED_BATCH, &events, &n));
    while (n && events[n - 1].seq > until) n--;
    struct js *list = js_array(cx);
    add_events(cx, list, events, n);
    if (n == 0) break;
    after = events[n - 1].seq;
    struct slice more = message(cx, "changes", after, js_text(cx, list, JS_COMPACT));
    *text = slice_of(ctx_printf(cx, "%s%s", text->p, more.p));
  }
  *text = within(cx, *text, until);
  return OK;
}
