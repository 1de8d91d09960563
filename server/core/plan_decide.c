/* What is to be done for one channel: pure, so that the chore, the preview and the sweep over the fleet decide alike.
 */
#include "core/plan_int.h"

#include "base/clock.h"

#include <string.h>

/* Until something that a device acknowledged before it is done counts as failed. */
#define PATIENCE (2 * US_HOUR)
/* What a rule gives that asks for what is installed is not taken away before. */
#define STAYS US_HOUR

/* How things are, as far as the device has told. */
enum truth {
  IS_SO,
  LACKS,   /* it is not there */
  OTHER,   /* it is there, in another version */
  UNKNOWN, /* the list that would tell has not come */
  DAMAGED, /* it has come, and cannot be read any more */
  AT_WORK, /* the device is at it, or waits for somebody */
  STUCK,   /* the device is at it, and goes on only when somebody helps: nothing is sent */
  BROKEN,  /* the device says that it failed */
  CANNOT   /* something of ours is missing: nothing is sent */
};
struct found {
  enum truth truth;
  enum inventory_kind list; /* that tells; INVENTORY_KINDS: none does */
  bool by_facts;            /* DeviceInformation tells */
  uint64_t fields;          /* answers that tell these fields, as bits */
  bool early;               /* acknowledged before it is done */
  bool take_over;           /* it is there, its user's own */
  int64_t at;               /* when it told last */
  uint64_t want;
  const char *why;
};

/* From the start of the waiting: soon, then later and later. */
int64_t plan_look_at(int64_t since, int64_t now) {
  if (since > now) since = now;
  static const int64_t after[] = {2 * US_MINUTE, 10 * US_MINUTE, 30 * US_MINUTE, PATIENCE, 6 * US_HOUR};
  for (size_t i = 0; i < sizeof after / sizeof *after; i++)
    if (since + after[i] > now) return since + after[i];
  return now + US_DAY;
}

bool plan_is_due(int64_t at, int64_t now) { return at <= now || at > now + PLAN_FARTHEST; }

/* A clock that went back has left times behind that lie ahead of it: they are earlier than those that do not. */
static bool is_later(int64_t a, int64_t b, int64_t now) { return (a > now) == (b > now) ? a > b : b > now; }

static bool is_within(int64_t since, int64_t span, int64_t now) { return since <= now && now < since + span; }

enum platform plan_platform(const struct roster_device *d) {
  const char *word = roster_text(d, ROSTER_PLATFORM);
  return word ? platform_named(slice_of(word)) : PLATFORM_UNKNOWN;
}

bool plan_applies(const struct plan_wish *wish, const struct plan_channel *ch, int64_t now, const char **why) {
  enum platform p = ch->platform;
  *why = NULL;
  if (wish->assignment->users != ch->is_user) return false;
  if (p != PLATFORM_UNKNOWN && wish->platforms && !(wish->platforms & 1u << p)) *why = "it is for another platform";
  int64_t enrolled = roster_number(ch->device, ROSTER_ENROLLED);
  bool late = wish->assignment->kind == GROUP_COMMAND && is_later(wish->assignment->created_at, enrolled, now);
  if (late) *why = "it enrolled before this was assigned";
  return !*why;
}

/* ---- how things are ---- */

static struct found in_list(const struct plan_channel *ch, enum inventory_kind kind, uint64_t name,
                            const struct inventory_item **item) {
  const struct inventory_items *list = &ch->lists[kind];
  *item = list->at ? inventory_find(list, name) : NULL;
  enum truth untold = list->damaged ? DAMAGED : UNKNOWN;
  return (struct found){.truth = !list->at ? untold : *item ? IS_SO : LACKS, .list = kind, .at = list->at};
}

static struct found look_profile(struct ctx *cx, const struct plan_wish *wish, const struct plan_thing *t,
                                 const struct plan_channel *ch, bool words) {
  const struct inventory_item *item;
  struct found f = in_list(ch, INVENTORY_PROFILES, t->name, &item);
  f.want = wish->profile.constant ? wish->profile.constant : profile_version(&wish->profile, ch->device);
  if (f.want == 0) {
    const char *name = words ? profile_lacks(&wish->profile, ch->device) : NULL;
    f.truth = CANNOT;
    f.why = name ? ctx_printf(cx, "%%%s%% has no value for this device", name) : "a variable has no value";
    return f;
  }
  if (f.truth == IS_SO && item->version != f.want) f.truth = OTHER;
  return f;
}

/* By what ManagedApplicationList says of it. */
static const struct {
  enum truth truth;
  const char *why;
} app_states[] = {[INVENTORY_APP_OTHER] = {LACKS, NULL},
                  [INVENTORY_APP_MANAGED] = {IS_SO, NULL},
                  [INVENTORY_APP_WORKING] = {AT_WORK, "the device is at it"},
                  [INVENTORY_APP_WAITS_FOR_USER] = {AT_WORK, "it waits for somebody at the device to agree"},
                  [INVENTORY_APP_WAITS_FOR_LOGIN] = {STUCK, "somebody must sign in to the App Store on the device"},
                  [INVENTORY_APP_WAITS_FOR_CODE] = {STUCK, "it waits for a redemption code (ApplyRedemptionCode)"},
                  [INVENTORY_APP_REJECTED] = {BROKEN, "somebody at the device said no"},
                  [INVENTORY_APP_FAILED] = {BROKEN, "the device says that installing it failed"}};

static struct found look_app(const struct plan_thing *t, const struct plan_channel *ch) {
  const struct inventory_item *item;
  struct found f = in_list(ch, INVENTORY_MANAGED_APPS, t->name, &item);
  f.early = true;
  if (f.truth == IS_SO) {
    f.truth = app_states[item->status].truth;
    f.why = app_states[item->status].why;
  }
  f.take_over = f.truth == LACKS && inventory_find(&ch->lists[INVENTORY_APPS], t->name);
  return f;
}

/* One that updated itself since it was given is not given again. */
static struct found look_package(const struct plan_wish *wish, const struct plan_thing *t,
                                 const struct plan_channel *ch, const struct plan_given *given, int64_t now) {
  const struct inventory_item *item;
  struct found f = in_list(ch, INVENTORY_APPS, t->name, &item);
  f.want = wish->version;
  f.early = true;
  if (wish->unverified) return (struct found){.truth = LACKS, .list = INVENTORY_KINDS, .want = wish->version};
  if (f.truth != IS_SO || wish->any_version || item->version == wish->version) return f;
  if (!given || given->version != wish->version || is_later(given->at, f.at, now)) f.truth = OTHER;
  return f;
}

/* A value that was set once stays so for all that is known, where no fact tells. */
static void judge_setting(struct found *f, const struct plan_given *given, const struct plan_item *item, bool told,
                          bool is_so) {
  if (!given || given->version != f->want) return;
  if (told)
    f->truth = is_so ? IS_SO : LACKS;
  else if (!item)
    f->truth = IS_SO;
}

/* With the values of its variables it is another one. */
static struct found look_setting(struct ctx *cx, const struct plan_world *w, const struct plan_wish *wish,
                                 const struct plan_channel *ch, const struct plan_given *given,
                                 const struct plan_item *item) {
  struct found f = {
      .list = INVENTORY_KINDS, .want = wish->version, .by_facts = wish->has_fact, .truth = LACKS, .at = ch->facts_at};
  struct js *options = wish->assignment->options;
  if (!ch->facts_at && !ch->is_user) { /* many need supervision, which is not known yet */
    f.truth = UNKNOWN;
    f.by_facts = true;
    return f;
  }
  if (wish->has_words && profile_words_fill(cx, w->core, options, ch->device, &options) != OK) {
    f.truth = CANNOT;
    f.why = ctx_strdup(cx, ctx_error_text(cx));
    ctx_clear_error(cx);
    return f;
  }
  if (wish->has_words) f.want = inventory_hash(js_text(cx, options, JS_COMPACT));
  const char *is = wish->has_fact ? roster_text(ch->device, wish->fact) : NULL;
  bool told = wish->has_fact && given && is_later(f.at, given->at, w->now);
  judge_setting(&f, given, item, told, is && strcmp(is, js_str(options, wish->value)) == 0);
  return f;
}

static struct found look_requirement(struct ctx *cx, const struct plan_wish *wish, const struct plan_channel *ch,
                                     int64_t now, bool words) {
  struct found f = {.list = INVENTORY_KINDS, .truth = IS_SO, .fields = wish->fields};
  if (roster_match(wish->filter, ch->device, now)) return f;
  bool known = roster_number(ch->device, ROSTER_INVENTORY) > 0 && !plan_facts_missing(wish->fields, ch->device);
  f.truth = known ? CANNOT : UNKNOWN;
  if (known) f.why = words ? plan_facts(cx, wish->fields, ch->device) : "a requirement is not met";
  return f;
}

static struct found look(struct ctx *cx, const struct plan_world *w, const struct plan_channel *ch,
                         const struct plan_wish *wish, const struct plan_given *given, const struct plan_item *item,
                         bool words) {
  const struct plan_thing *t = &w->things[wish->thing];
  if (wish->broken) return (struct found){.truth = CANNOT, .list = INVENTORY_KINDS, .why = wish->broken};
  switch (t->kind) {
  case GROUP_PROFILE:
    return look_profile(cx, wish, t, ch, words);
  case GROUP_APP:
    return look_app(t, ch);
  case GROUP_PACKAGE: {
    struct found f = look_package(wish, t, ch, given, w->now);
    if (wish->unverified && given && given->version == wish->version && !item) f.truth = IS_SO;
    return f;
  }
  case GROUP_SETTING:
    return look_setting(cx, w, wish, ch, given, item);
  case GROUP_REQUIREMENT:
    return look_requirement(cx, wish, ch, w->now, words);
  default:
    return (struct found){.truth = given && !item ? IS_SO : LACKS, .list = INVENTORY_KINDS};
  }
}

/* ---- what is wanted ---- */

static enum plan_act act_of(enum group_kind kind, enum truth truth) {
  if (kind == GROUP_REQUIREMENT) return PLAN_REQUIRE;
  if (kind == GROUP_COMMAND || kind == GROUP_SETTING) return PLAN_RUN;
  return truth == OTHER ? PLAN_REPLACE : PLAN_INSTALL;
}

static void wait(struct plan_step *s, enum plan_phase phase, const char *why) {
  s->phase = phase;
  s->why = why;
  s->todo = PLAN_WRITE;
}

static void fail(struct plan_step *s, const char *why, int64_t tries, int64_t next_at) {
  wait(s, PLAN_FAILED, why);
  s->tries = tries;
  s->next_at = next_at;
}

static void send(struct plan_step *s, int64_t tries) {
  s->todo = PLAN_SEND;
  s->phase = PLAN_SENT;
  s->tries = tries;
  s->next_at = 0;
}

static void ask(struct plan_step *s, const struct found *f) {
  s->ask = f->list;
  s->ask_facts = f->by_facts;
}

/* What would tell is asked for when this waiting begins, and again as long as it lasts. */
static void look_again(struct plan_step *s, const struct found *f, int64_t now) {
  const struct plan_item *i = s->item;
  bool same = i && i->phase == s->phase && i->act == s->act;
  s->next_at = same && !plan_is_due(i->next_at, now) ? i->next_at : plan_look_at(same ? i->since : now, now);
  if (!same || plan_is_due(i->next_at, now)) ask(s, f);
}

/* Nothing is done before the list has come. Without tries it is gone by at once, also after a failure. */
static void await_list(struct plan_step *s, const struct found *f, int64_t now) {
  if (f->truth == DAMAGED)
    wait(s, PLAN_FAILED, "what the device told before cannot be read any more: it is asked again");
  else
    wait(s, PLAN_WAITING, "its inventory has not come yet");
  look_again(s, f, now);
}

/* Acknowledged: what tells has not been told since, or shows that it is not so (yet). */
static void judge(struct plan_step *s, const struct found *f, int64_t now) {
  const struct plan_item *item = s->item;
  bool told = is_later(f->at, item->since, now), late = !f->early || !is_within(item->since, PATIENCE, f->at);
  if (told && f->truth == BROKEN) {
    fail(s, f->why, item->tries, now + clock_backoff(item->tries));
  } else if (told && late) {
    fail(s, s->act == PLAN_REMOVE ? "acknowledged, but still there" : "acknowledged, but not there", item->tries,
         now + clock_backoff(item->tries));
  } else {
    wait(s, PLAN_ACKNOWLEDGED, told ? "the device has taken it on, its list does not show it yet" : NULL);
    look_again(s, f, now);
  }
}

/* It is not as it should be, and was begun before. */
static void go_on(struct plan_step *s, const struct found *f, int64_t now) {
  const struct plan_item *item = s->item;
  s->phase = item->phase;
  s->tries = item->tries;
  s->next_at = item->next_at;
  s->why = item->why;
  if (item->phase != PLAN_FAILED) s->why = NULL;
  if (item->want != s->want || (item->act == PLAN_REMOVE) != (s->act == PLAN_REMOVE)) {
    send(s, 1);
  } else if (item->phase == PLAN_WAITING) {
    send(s, item->tries + 1);
  } else if (item->phase == PLAN_SENT && item->lost && item->handed_out) {
    fail(s, "it was handed out and then cancelled: it may have been done, and is not sent again", item->tries, 0);
  } else if (item->phase == PLAN_SENT && item->lost) {
    fail(s, "its command was cancelled or has expired", item->tries, now + clock_backoff(item->tries));
  } else if (item->phase == PLAN_ACKNOWLEDGED) {
    judge(s, f, now);
  } else if (item->phase == PLAN_FAILED && (item->tries == 0 || (item->next_at && plan_is_due(item->next_at, now)))) {
    send(s, item->tries + 1);
  }
}

static void at_work(struct plan_step *s, const struct found *f, int64_t now) {
  wait(s, f->truth == STUCK ? PLAN_FAILED : PLAN_ACKNOWLEDGED, f->why);
  s->tries = s->item ? s->item->tries : 1;
  look_again(s, f, now);
}

/* What is not met is asked for again after something was done (next_at is now then), and later and later. */
static void demand(struct plan_step *s, const struct found *f, int64_t now) {
  const struct plan_item *i = s->item;
  wait(s, f->truth == UNKNOWN ? PLAN_WAITING : PLAN_FAILED,
       f->truth == UNKNOWN ? "its inventory has not come yet" : f->why);
  s->tries = i ? i->tries : 0;
  s->next_at = i ? i->next_at : 0;
  if (!plan_is_due(s->next_at, now)) return;
  if (i || f->truth == UNKNOWN) s->ask_fields = f->fields;
  s->next_at = now + clock_backoff(++s->tries);
}

/* It was to be removed meanwhile: that it was there before says nothing. */
static bool is_stale(const struct plan_item *item, const struct found *f, int64_t now) {
  bool removing = item && (item->act == PLAN_REMOVE || item->phase == PLAN_WAITING);
  return f->truth == IS_SO && f->list != INVENTORY_KINDS && removing && !is_later(f->at, item->since, now);
}

static void want(struct ctx *cx, const struct plan_world *w, const struct plan_channel *ch, struct plan_step *s,
                 bool words) {
  struct found f = look(cx, w, ch, s->wish, s->given, s->item, words);
  if (is_stale(s->item, &f, w->now)) f.truth = UNKNOWN;
  s->want = f.want;
  s->act = act_of(w->things[s->thing].kind, f.truth);
  s->take_over = f.take_over;
  if (s->act == PLAN_REQUIRE && f.truth != IS_SO) {
    demand(s, &f, w->now);
    return;
  }
  switch (f.truth) {
  case IS_SO:
    s->act = PLAN_NOTHING;
    s->todo = s->item ? PLAN_DROP : PLAN_KEEP;
    break;
  case UNKNOWN:
  case DAMAGED:
    await_list(s, &f, w->now);
    break;
  case CANNOT:
    fail(s, f.why, 0, 0);
    break;
  case AT_WORK:
  case STUCK:
    at_work(s, &f, w->now);
    break;
  default:
    if (s->item)
      go_on(s, &f, w->now);
    else
      send(s, 1);
  }
}

/* ---- what is not wanted any more ---- */

/* Only a list that was told since says what became of it: it may have been installed or removed after the former one.
 */
static bool is_told(const struct plan_step *s, const struct found *f, int64_t now) {
  return is_later(f->at, s->given->at, now) && (!s->item || is_later(f->at, s->item->since, now));
}

/* A rule that ends by what it gives ("not profile=X" gives X) would go round and round. Until when it waits; 0: it does
   not. */
static int64_t stays_until(const struct plan_world *w, const struct plan_step *s) {
  if (!is_within(s->given->at, STAYS, w->now)) return 0;
  for (size_t i = 0; i < w->wishes_n; i++)
    if (w->wishes[i].thing == s->thing && w->groups[w->wishes[i].group].by_lists) return s->given->at + STAYS;
  return 0;
}

/* An app that the device has taken on comes after its acknowledgement: it is waited for, to be taken away then. */
static bool may_come(const struct plan_step *s, const struct found *f, const struct inventory_item *item, int64_t now) {
  const struct plan_item *i = s->item;
  if (!f->early) return false;
  enum truth is = item ? app_states[item->status].truth : LACKS;
  if (is == AT_WORK || is == STUCK) return true;
  bool taken_on = i && i->phase == (i->act == PLAN_REMOVE ? PLAN_WAITING : PLAN_ACKNOWLEDGED);
  return taken_on && is_within(i->since, PATIENCE, now);
}

/* Only what was given is taken away, and only what there is. A command that was done stays so, also for who comes back.
 */
static void unwant(const struct plan_world *w, const struct plan_channel *ch, struct plan_step *s) {
  static const enum inventory_kind lists[GROUP_KINDS] = {
      [GROUP_PROFILE] = INVENTORY_PROFILES, [GROUP_PACKAGE] = INVENTORY_MANAGED_APPS,
      [GROUP_APP] = INVENTORY_MANAGED_APPS, [GROUP_COMMAND] = INVENTORY_KINDS,
      [GROUP_SETTING] = INVENTORY_KINDS,    [GROUP_REQUIREMENT] = INVENTORY_KINDS};
  const struct plan_thing *t = &w->things[s->thing];
  const struct inventory_item *item = NULL;
  s->act = PLAN_NOTHING;
  s->todo = PLAN_DROP;
  s->forget = t->kind != GROUP_COMMAND || (s->item && !s->item->handed_out);
  if (!s->given || lists[t->kind] == INVENTORY_KINDS) return;
  struct found f = in_list(ch, lists[t->kind], t->name, &item);
  f.early = t->kind != GROUP_PROFILE;
  bool began = s->item && s->item->act != PLAN_REMOVE;
  bool removing = s->item && !began && s->item->phase != PLAN_WAITING && s->item->tries > 0;
  bool there = f.truth == IS_SO && (t->kind == GROUP_PROFILE || item->status == INVENTORY_APP_MANAGED);
  bool coming = (began && s->item->phase == PLAN_SENT) || may_come(s, &f, item, w->now);
  if (is_told(s, &f, w->now) && !there && !coming) return;
  s->forget = false;
  s->act = PLAN_REMOVE;
  if (!there) {
    await_list(s, &f, w->now);
  } else if (!removing && (s->next_at = stays_until(w, s)) != 0) {
    wait(s, PLAN_WAITING, "it was given less than an hour ago by a rule that asks for what is installed");
  } else if (s->item && !began) {
    go_on(s, &f, w->now);
    s->todo = s->todo == PLAN_DROP ? PLAN_KEEP : s->todo;
  } else {
    send(s, 1);
  }
}

/* ---- all of a channel ---- */

void plan_room(struct ctx *cx, const struct plan_world *w, struct plan_room *out) {
  size_t n = w->things_n + 1;
  *out = (struct plan_room){.wanted = ctx_alloc(cx, n * sizeof *out->wanted),
                            .given = ctx_alloc(cx, n * sizeof *out->given),
                            .items = ctx_alloc(cx, n * sizeof *out->items),
                            .steps = ctx_alloc(cx, n * sizeof *out->steps)};
}

static void clear(struct plan_room *room, size_t n) {
  memset(room->wanted, 0, n * sizeof *room->wanted);
  memset(room->given, 0, n * sizeof *room->given);
  memset(room->items, 0, n * sizeof *room->items);
}

/* What groups want of the channel; the first group by name counts. True when something concerns it at all. */
static bool collect(const struct plan_world *w, const struct plan_channel *ch, struct plan_room *room) {
  const char *why;
  bool wanted = false;
  for (size_t g = 0; g < w->groups_n; g++) {
    if (!ch->member[g]) continue;
    for (size_t i = 0; i < w->groups[g].wishes_n; i++) {
      const struct plan_wish *wish = &w->wishes[w->groups[g].first + i];
      if (room->wanted[wish->thing] || !plan_applies(wish, ch, w->now, &why)) continue;
      room->wanted[wish->thing] = wish;
      wanted = true;
    }
  }
  return wanted;
}

static size_t thing_of(const struct plan_world *w, int64_t row) {
  return row > 0 && (size_t)row < w->by_row_n ? w->by_row[row] : 0;
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

bool plan_step_changes(const struct plan_step *s) {
  if (s->todo == PLAN_SEND) return true;
  if (s->todo == PLAN_DROP) return s->item || (s->forget && s->given);
  if (s->todo == PLAN_KEEP) return false;
  const struct plan_item *i = s->item;
  return !i || i->phase != s->phase || i->act != s->act || i->want != s->want || i->next_at != s->next_at ||
         i->tries != s->tries || !same_text(i->why, s->why);
}

/* In the order of sending: commands at enrollment, what is removed, then profiles, settings, packages, apps. */
static int rank(const struct plan_world *w, const struct plan_step *s) {
  static const int ranks[GROUP_KINDS] = {[GROUP_COMMAND] = 0, [GROUP_PROFILE] = 2, [GROUP_SETTING] = 3,
                                         [GROUP_PACKAGE] = 4, [GROUP_APP] = 5,     [GROUP_REQUIREMENT] = 6};
  return s->act == PLAN_REMOVE ? 1 : ranks[w->things[s->thing].kind];
}

static bool stands_after(const struct plan_world *w, const struct plan_step *a, const struct plan_step *b) {
  int x = rank(w, a), y = rank(w, b);
  if (x != y) return x > y;
  return a->wish && b->wish && a->wish > b->wish;
}

static void put_in_order(const struct plan_world *w, struct plan_step *steps, size_t n) {
  for (size_t i = 1; i < n; i++)
    for (size_t k = i; k > 0 && stands_after(w, &steps[k - 1], &steps[k]); k--) {
      struct plan_step swap = steps[k];
      steps[k] = steps[k - 1];
      steps[k - 1] = swap;
    }
}

/* Not more at once than a bounded number; the others wait. Who waits in Setup Assistant is not held back. */
static void hold_back(const struct plan_channel *ch, struct plan_decision *d) {
  int flying = 0;
  for (size_t i = 0; i < d->n; i++)
    flying += d->steps[i].todo != PLAN_SEND && d->steps[i].act != PLAN_NOTHING && d->steps[i].phase == PLAN_SENT;
  for (size_t i = 0; i < d->n; i++) {
    struct plan_step *s = &d->steps[i];
    if (s->todo != PLAN_SEND || ch->awaits || flying++ < PLAN_IN_FLIGHT) continue;
    wait(s, PLAN_WAITING, "it waits for its turn");
    s->tries--;
  }
}

bool plan_is_failing(enum plan_phase phase, int64_t tries, const char *why) {
  return phase == PLAN_FAILED || (phase == PLAN_SENT && tries > 1 && why);
}

void plan_sum_up(struct ctx *cx, const struct plan_world *w, bool words, struct plan_decision *d) {
  d->state = d->wanted ? PLAN_COMPLIANT : PLAN_NONE;
  d->why = NULL;
  d->due_at = 0;
  for (size_t i = 0; i < d->n; i++) {
    const struct plan_step *s = &d->steps[i];
    d->changes |= plan_step_changes(s);
    if (s->act == PLAN_NOTHING) continue;
    if (s->next_at && (!d->due_at || s->next_at < d->due_at)) d->due_at = s->next_at;
    if (!plan_is_failing(s->phase, s->tries, s->why)) {
      if (d->state != PLAN_FAILING) d->state = PLAN_WORKING;
    } else if (d->state != PLAN_FAILING) {
      d->state = PLAN_FAILING;
      d->why = words ? plan_why(cx, &w->things[s->thing], s->why) : s->why;
    }
  }
}

void plan_decide(struct ctx *cx, const struct plan_world *w, const struct plan_channel *ch, struct plan_room *room,
                 bool words, struct plan_decision *out) {
  *out = (struct plan_decision){.steps = room->steps};
  clear(room, w->things_n);
  out->wanted = collect(w, ch, room);
  for (size_t i = 0; i < ch->given_n; i++) {
    size_t t = thing_of(w, ch->given[i].thing);
    if (t) room->given[t - 1] = &ch->given[i];
  }
  for (size_t i = 0; i < ch->items_n; i++) {
    size_t t = thing_of(w, ch->items[i].thing);
    if (t) room->items[t - 1] = &ch->items[i];
  }
  for (size_t t = 0; t < w->things_n; t++) {
    struct plan_step s = {
        .thing = t, .wish = room->wanted[t], .given = room->given[t], .item = room->items[t], .ask = INVENTORY_KINDS};
    if (s.wish)
      want(cx, w, ch, &s, words);
    else if (s.given || s.item)
      unwant(w, ch, &s);
    else
      continue;
    out->steps[out->n++] = s;
  }
  if (words) put_in_order(w, out->steps, out->n);
  hold_back(ch, out);
  plan_sum_up(cx, w, words, out);
}
