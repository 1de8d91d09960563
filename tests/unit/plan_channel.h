/* One channel and a plan of one thing, which is decided upon: what is wanted, had, given and begun is set by hand. */
#ifndef POMONA_TESTS_PLAN_CHANNEL_H
#define POMONA_TESTS_PLAN_CHANNEL_H

#include "core_fixture.h"

#include "core/plan_int.h"
#include "core/roster_int.h"

enum { ROW = 7 }; /* of the only thing's plan_thing */

/* A world of one group with one wish, and a Mac in it. */
static struct {
  struct plan_world world;
  struct plan_thing thing;
  struct plan_wish wish;
  struct plan_group group;
  struct group_assignment assignment;
  struct group stored;
  size_t by_row[ROW + 1];
  struct roster_draft draft;
  struct roster_device *device;
  struct plan_channel channel;
  struct inventory_item profile, app;
  struct plan_given given;
  struct plan_item item;
  bool member;
  struct plan_room room;
  struct plan_decision decision;
  struct ctx *cx;
} t;

static inline void begin(enum group_kind kind, const char *key) {
  if (t.cx) ctx_free(t.cx);
  free(t.device);
  memset(&t, 0, sizeof t);
  t.cx = ctx_new();
  t.member = true;
  t.draft.device = t.draft.enrollment = 1;
  roster_draft_text(&t.draft, ROSTER_PLATFORM, slice_of("macos"));
  roster_draft_text(&t.draft, ROSTER_STATE, slice_of("enrolled"));
  roster_draft_number(&t.draft, ROSTER_ENROLLED, 1000);
  roster_draft_number(&t.draft, ROSTER_INVENTORY, 5000);
  t.assignment = (struct group_assignment){.kind = kind, .ref = (char *)key, .created_at = 500};
  t.thing = (struct plan_thing){.kind = kind, .key = (char *)key, .name = inventory_hash(slice_of(key)), .row = ROW};
  t.wish = (struct plan_wish){.assignment = &t.assignment};
  t.wish.profile.constant = 11;
  t.group = (struct plan_group){.group = &t.stored, .wishes_n = 1};
  t.by_row[ROW] = 1;
  t.world = (struct plan_world){.things = &t.thing,
                                .things_n = 1,
                                .wishes = &t.wish,
                                .wishes_n = 1,
                                .groups = &t.group,
                                .groups_n = 1,
                                .now = 10000,
                                .by_row = t.by_row,
                                .by_row_n = ROW + 1};
  t.channel = (struct plan_channel){.enrollment = 1, .member = &t.member, .platform = PLATFORM_MACOS, .facts_at = 5000};
  for (int k = 0; k < INVENTORY_KINDS; k++) t.channel.lists[k].at = 5000;
  t.profile = (struct inventory_item){.name = t.thing.name, .version = 11};
  t.app = (struct inventory_item){.name = t.thing.name, .version = 3, .status = INVENTORY_APP_MANAGED};
}

static inline int end(void **state) {
  (void)state;
  if (t.cx) ctx_free(t.cx);
  free(t.device);
  t.cx = NULL;
  t.device = NULL;
  return 0;
}

static inline void has_profile(uint64_t version) {
  t.profile.version = version;
  t.channel.lists[INVENTORY_PROFILES].items = &t.profile;
  t.channel.lists[INVENTORY_PROFILES].n = 1;
}

static inline void has_app(enum inventory_kind list, enum inventory_app_status status) {
  t.app.status = status;
  t.channel.lists[list].items = &t.app;
  t.channel.lists[list].n = 1;
}

static inline void was_given(uint64_t version, int64_t at) {
  t.given = (struct plan_given){ROW, version, at};
  t.channel.given = &t.given;
  t.channel.given_n = 1;
}

static inline void was_begun(enum plan_act act, enum plan_phase phase, int64_t since) {
  t.item = (struct plan_item){
      .item = 1, .enrollment = 1, .thing = ROW, .act = act, .phase = phase, .since = since, .tries = 1};
  t.item.want = act == PLAN_REMOVE || act == PLAN_RUN ? 0 : 11;
  t.channel.items = &t.item;
  t.channel.items_n = 1;
}

/* The only step; NULL: none. */
static inline const struct plan_step *decide(void) {
  free(t.device);
  t.device = roster_pack(&t.draft);
  t.channel.device = t.device;
  plan_room(t.cx, &t.world, &t.room);
  plan_decide(t.cx, &t.world, &t.channel, &t.room, true, &t.decision);
  assert_true(t.decision.n <= 1);
  return t.decision.n ? t.decision.steps : NULL;
}

static inline void expect(enum plan_todo todo, enum plan_act act, enum plan_state state) {
  const struct plan_step *s = decide();
  assert_non_null(s);
  assert_int_equal(s->todo, todo);
  assert_int_equal(s->act, act);
  assert_int_equal(t.decision.state, state);
}

#endif
