/* What the files of plans share: the world that plans are made in, and one decision.

   A world is what the groups say, prepared once; a channel is what is known of one channel; deciding is pure. */
#ifndef POMONA_CORE_PLAN_INT_H
#define POMONA_CORE_PLAN_INT_H

#include "base/clock.h"
#include "core/command.h"
#include "core/inventory.h"
#include "core/plan.h"
#include "core/profile.h"

/* ---- the world ---- */

/* What plans are about: a profile, an app … */
struct plan_thing {
  enum group_kind kind;
  char *key;     /* of a profile its identifier, of app and package the bundle identifier, else the ref */
  uint64_t name; /* inventory_hash of key */
  int64_t row;   /* plan_thing; 0: it is in no plan yet */
};
/* An assignment as plans use it. */
struct plan_wish {
  size_t thing, group; /* numbers in the world */
  const struct group_assignment *assignment;
  const char *broken;           /* why it cannot be given; NULL: it can */
  unsigned platforms;           /* bits 1 << enum platform that it fits */
  uint64_t version;             /* of a package or setting */
  bool any_version, unverified; /* of a package */
  bool has_words;               /* of a setting: variables stand in it */
  bool has_fact;                /* of a setting: the fact that shows it, and how it should be */
  enum roster_field fact;
  const char *value; /* name of the member that it should be */
  struct profile_want profile;
  struct roster_filter *filter; /* of a requirement */
  uint64_t fields;              /* that it names */
};
struct plan_group {
  const struct group *group;
  struct roster_filter *rule; /* NULL: static */
  bool by_lists;              /* it asks for apps or profiles: what it gives may end it */
  const int64_t *members;     /* ascending */
  size_t members_n;
  size_t first, wishes_n; /* of world->wishes */
};
struct plan_world {
  struct plan_thing *things;
  size_t things_n, things_room;
  struct plan_wish *wishes; /* of the first group, then of the second … */
  size_t wishes_n;
  struct plan_group *groups; /* by name */
  size_t groups_n;
  bool users; /* some wish is for users' channels */
  int64_t now;
  const struct core *core; /* whose values stand for some variables */
  struct map *by_name;     /* kind and key to 1 + number */
  size_t *by_row;          /* number of the thing of a row, 1 + it; 0: none */
  size_t by_row_n;
};
/* groups (of group_all, maybe one of them changed); db: reader's or inside a job. */
struct plan_source {
  const struct group *groups;
  size_t n;
  const struct group *changed; /* of groups: its static members are these, not the stored ones. NULL: none */
  const int64_t *members;
  size_t members_n;
};
MUST_CHECK enum err plan_world(struct ctx *cx, struct db *db, struct core *core, const struct plan_source *from,
                               struct plan_world *out);
MUST_CHECK enum err plan_world_now(struct ctx *cx, struct db *db, struct core *core, struct plan_world *out);
bool plan_is_member(const struct plan_world *w, size_t group, const struct roster_device *d);
/* It is enrolled, and no other id with its serial number enrolled later: only such have a plan. */
bool plan_in_force(const struct roster_device *d);

/* ---- one channel ---- */

/* What a channel was given for its groups; packed PLAN_GIVEN_SIZE bytes each. */
struct plan_given {
  int64_t thing; /* row of plan_thing */
  uint64_t version;
  int64_t at; /* sent last */
};
struct slice plan_pack(struct ctx *cx, const struct plan_given *given, size_t n);
/* *given has room for packed.n / PLAN_GIVEN_SIZE. */
enum { PLAN_GIVEN_SIZE = 24 };
size_t plan_unpack(struct slice packed, struct plan_given *given);

enum plan_act { PLAN_NOTHING, PLAN_INSTALL, PLAN_REPLACE, PLAN_REMOVE, PLAN_RUN, PLAN_REQUIRE, PLAN_ACTS };
enum plan_phase { PLAN_WAITING, PLAN_SENT, PLAN_ACKNOWLEDGED, PLAN_FAILED, PLAN_PHASES };
const char *plan_act_word(enum plan_act a);
const char *plan_phase_word(enum plan_phase p);
bool plan_state_named(const char *word, enum plan_state *s);
/* What a device said when it refused, for people: of an ErrorChain as JSON, or NULL. */
const char *plan_device_words(struct ctx *cx, const char *errors);
bool plan_act_named(const char *word, enum plan_act *a);
bool plan_phase_named(const char *word, enum plan_phase *p);

struct plan_item {                 /* a row of plan_item */
  int64_t item, enrollment, thing; /* rows */
  enum plan_act act;
  enum plan_phase phase;
  uint64_t want;
  char *command;   /* uuid; NULL */
  bool lost;       /* sent, but the command was cancelled or has expired */
  bool handed_out; /* the device has had its command, which is for once: it is not sent again */
  bool unverified; /* its acknowledgement is enough: nothing else tells */
  int64_t tries, since;
  int64_t next_at; /* 0 of what has failed after some tries: never */
  char *why;
  char *channel; /* its id; only plan_sql_items tells it */
};
struct plan_channel {
  int64_t enrollment;
  bool is_user;
  const struct roster_device *device;
  enum platform platform; /* plan_platform of it */
  int64_t facts_at;       /* when its DeviceInformation came last; 0: never */
  const bool *member;     /* by group */
  struct inventory_items lists[INVENTORY_KINDS];
  const struct plan_given *given;
  size_t given_n;
  const struct plan_item *items;
  size_t items_n;
  bool awaits; /* in Setup Assistant: nothing is held back */
};

/* ---- a decision ---- */

enum plan_todo {
  PLAN_KEEP,  /* nothing changes */
  PLAN_SEND,  /* its command is queued, item and given are written */
  PLAN_WRITE, /* the item is written as it stands here */
  PLAN_DROP   /* the item goes, its command is withdrawn; forget: what was given, too */
};
struct plan_step {
  size_t thing;
  const struct plan_wish *wish; /* NULL: not wanted any more */
  enum plan_act act;
  enum plan_phase phase;
  enum plan_todo todo;
  const struct plan_item *item;   /* as it was; NULL: none */
  const struct plan_given *given; /* as it was; NULL: none */
  bool forget;
  enum inventory_kind ask; /* INVENTORY_KINDS: none. A list that is to be asked for */
  bool ask_facts;          /* DeviceInformation */
  uint64_t ask_fields;     /* what tells these fields, as bits; of a requirement */
  bool take_over;          /* of an app that its user has installed */
  uint64_t want;
  int64_t tries, next_at;
  const char *why; /* NULL: nothing to say */
};
struct plan_decision {
  struct plan_step *steps; /* in the order of sending; room for things_n of the world */
  size_t n;
  bool wanted;  /* some group gives it something, or demands something */
  bool changes; /* some step changes something stored */
  enum plan_state state;
  const char *why;
  int64_t due_at; /* 0: not by the time */
};
enum { PLAN_IN_FLIGHT = 16 }; /* commands of a plan that a channel has at once */
/* Room for deciding: made once for a world and reused; one thread. */
struct plan_room {
  const struct plan_wish **wanted; /* by thing */
  const struct plan_given **given;
  const struct plan_item **items;
  struct plan_step *steps;
};
void plan_room(struct ctx *cx, const struct plan_world *w, struct plan_room *out);
/* What is to be done. out->steps is room->steps. Texts are made in cx when `words`; else why is short and static. */
void plan_decide(struct ctx *cx, const struct plan_world *w, const struct plan_channel *ch, struct plan_room *room,
                 bool words, struct plan_decision *out);
/* State, why and due_at of a decision anew, after its steps were changed. */
void plan_sum_up(struct ctx *cx, const struct plan_world *w, bool words, struct plan_decision *d);
/* Of one wish for the channel: does it apply at all? *why: what does not fit. */
bool plan_applies(const struct plan_wish *wish, const struct plan_channel *ch, int64_t now, const char **why);
/* The fields that a filter names, as bits; what they are: "filevault is off, os is 14.1"; whether an answer that tells
   one of them is missing. */
uint64_t plan_fields(const char *filter);
char *plan_facts(struct ctx *cx, uint64_t fields, const struct roster_device *d);
bool plan_facts_missing(uint64_t fields, const struct roster_device *d);
enum platform plan_platform(const struct roster_device *d);
/* When what tells is to be asked for again, that was awaited since then: it was answered, and does not show yet what is
   waited for. When a question may be put again that a device refused to answer is for the inventory to say
   (inventory_ask_for), whoever wants to know. */
int64_t plan_look_at(int64_t since, int64_t now);
/* Nothing waits longer: what is due later than that stands there since the clock was ahead, and is due. */
#define PLAN_FARTHEST US_DAY
bool plan_is_due(int64_t at, int64_t now);

/* It has failed, or did and is being tried once more. */
bool plan_is_failing(enum plan_phase phase, int64_t tries, const char *why);
/* "profile com.example.wifi: …" */
const char *plan_why(struct ctx *cx, const struct plan_thing *t, const char *why);
/* Would the step change anything that is stored? */
bool plan_step_changes(const struct plan_step *s);

/* ---- plan_command.c ---- */
struct plan_making {
  struct db *db;
  struct core *core;
  const struct plan_world *world;
  const struct roster_device *device;
};
/* The command that sends a step. E_CONFLICT, E_INVALID, E_NOT_FOUND: why it cannot be made. E_UNAVAILABLE: not yet. */
MUST_CHECK enum err plan_command(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                                 struct command *out);

/* ---- plan_bring.c, plan_sweep.c: what the chore does ---- */
#define PLAN_SWEEP "plan.sweep" /* the fact that a change of groups waits to be looked at */
MUST_CHECK enum err plan_bring(struct ctx *cx, struct core *core);
MUST_CHECK enum err plan_sweep(struct ctx *cx, struct core *core);

/* ---- plan_fleet.c ---- */

/* Visits every channel of enrolled devices. */
struct plan_fleet {
  struct db *db;                                              /* a reader's */
  bool users;                                                 /* users' channels, too */
  bool items;                                                 /* with their items */
  bool (*concerns)(const struct roster_device *d, void *arg); /* NULL: all do */
  /* at: of the device in the view. ch->member is not set; its lists live in scratch for this call. */
  enum err (*visit)(struct ctx *scratch, struct plan_channel *ch, size_t at, void *arg);
  void *arg;
};
/* Look at the view before. */
MUST_CHECK enum err plan_fleet(struct ctx *cx, const struct roster_view *view, const struct plan_fleet *f);

/* ---- plan_sql.c ---- */

struct plan_row {
  int64_t device;
  enum plan_state state;
  char *why;
  int64_t since, due_at, edition, configured;
  bool there;
};
MUST_CHECK enum err plan_sql_read(struct ctx *cx, struct db *db, int64_t device, struct plan_row *out);
MUST_CHECK enum err plan_sql_due(struct ctx *cx, struct db *db, int64_t device, int64_t at);
/* The same of those whose serial number this one has now. */
MUST_CHECK enum err plan_sql_due_former(struct ctx *cx, struct db *db, int64_t device, int64_t at);
/* Requirements that the device does not meet: what tells is asked for again from then on, anew. */
MUST_CHECK enum err plan_sql_demand(struct ctx *cx, struct db *db, int64_t device, int64_t at);
/* The same, only when something of it waits for what devices tell. */
MUST_CHECK enum err plan_sql_heard(struct ctx *cx, struct db *db, int64_t device, int64_t at);
/* Are there groups, or plans of former ones? */
MUST_CHECK enum err plan_sql_any(struct ctx *cx, struct db *db, bool *any);
/* Those that are due (plan_is_due), at most `most`. */
MUST_CHECK enum err plan_sql_due_list(struct ctx *cx, struct db *db, int64_t now, int most, int64_t **devices,
                                      size_t *n);
MUST_CHECK enum err plan_sql_write(struct ctx *cx, struct db *db, const struct plan_row *row);
MUST_CHECK enum err plan_sql_things(struct ctx *cx, struct db *db, struct plan_thing **out, size_t *n);
MUST_CHECK enum err plan_sql_thing(struct ctx *cx, struct db *db, enum group_kind kind, const char *key, int64_t *row);
MUST_CHECK enum err plan_sql_items(struct ctx *cx, struct db *db, int64_t device, struct plan_item **out, size_t *n);
MUST_CHECK enum err plan_sql_item_put(struct ctx *cx, struct db *db, int64_t device, const struct plan_item *item);
MUST_CHECK enum err plan_sql_item_drop(struct ctx *cx, struct db *db, int64_t item);
MUST_CHECK enum err plan_sql_given(struct ctx *cx, struct db *db, int64_t enrollment, struct slice *packed);
MUST_CHECK enum err plan_sql_give(struct ctx *cx, struct db *db, int64_t enrollment, struct slice packed);
/* The item that this command is of, with its kind and device; *found false: none. */
struct plan_commanded {
  struct plan_item item;
  enum group_kind kind;
  char *key;
  int64_t device;
};
MUST_CHECK enum err plan_sql_command(struct ctx *cx, struct db *db, int64_t enrollment, const char *uuid,
                                     struct plan_commanded *out, bool *found);
/* Of a device that is not in force now: what it was given stays known, if it comes back as it was. */
MUST_CHECK enum err plan_sql_items_drop(struct ctx *cx, struct db *db, int64_t device);
/* That of a former generation. */
MUST_CHECK enum err plan_sql_forget(struct ctx *cx, struct db *db, int64_t device);
/* Channels of a device that are in force: its own first. */
struct plan_way {
  int64_t enrollment, device;
  bool is_user;
};
MUST_CHECK enum err plan_sql_ways(struct ctx *cx, struct db *db, int64_t device, struct plan_way **out, size_t *n);
/* Those of all devices, in the order of their numbers; users: also users' channels. */
MUST_CHECK enum err plan_sql_all_ways(struct ctx *cx, struct db *db, bool users, struct plan_way **out, size_t *n);
/* Devices that have users' channels, ascending, each as often as it has. */
MUST_CHECK enum err plan_sql_with_users(struct ctx *cx, struct db *db, int64_t **devices, size_t *n);
/* Devices that have the app with this bundle identifier, ascending. */
MUST_CHECK enum err plan_sql_with_app(struct ctx *cx, struct db *db, const char *identifier, int64_t **devices,
                                      size_t *n);
/* The generation in force of the device; 0: none, or it is blocked, leaving or gone, or another id with
   its serial number enrolled later. */
struct plan_force {
  int64_t generation, enrolled_at;
  bool awaits; /* in Setup Assistant */
};
MUST_CHECK enum err plan_sql_generation(struct ctx *cx, struct db *db, int64_t device, struct plan_force *out);
/* When the channel's DeviceInformation came last; 0: never. */
MUST_CHECK enum err plan_sql_facts_at(struct ctx *cx, struct db *db, int64_t enrollment, int64_t *at);
/* All items in the order of their channels; item.enrollment INT64_MAX: past the end. What is
   read lives in two contexts by turns: a text lives through the next megabyte of rows. */
struct plan_item_scan {
  struct db_rows rows;
  struct ctx *own[2]; /* by turns */
  int turn;
  size_t held;
  struct plan_item item;
};
MUST_CHECK enum err plan_sql_scan_open(struct ctx *cx, struct db *db, struct plan_item_scan *s);
void plan_sql_scan_next(struct plan_item_scan *s);
MUST_CHECK enum err plan_sql_scan_close(struct ctx *cx, struct plan_item_scan *s);
/* The same of what channels were given; packed lives until the next one. */
struct plan_given_scan {
  struct db_rows rows;
  struct ctx *own;
  size_t held;
  int64_t enrollment;
  struct slice packed;
};
MUST_CHECK enum err plan_sql_givens_open(struct ctx *cx, struct db *db, struct plan_given_scan *s);
void plan_sql_givens_next(struct plan_given_scan *s);
MUST_CHECK enum err plan_sql_givens_close(struct ctx *cx, struct plan_given_scan *s);

#endif
