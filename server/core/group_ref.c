/* What stands in an assignment: checked before it is kept, by what would be sent for it. */
#include "core/group_int.h"

#include "base/clock.h"
#include "core/command.h"
#include "core/package.h"
#include "core/profile.h"

#include <string.h>

enum { REF_MAX = 4000, OPTIONS_MAX = 64 << 10, IDENTIFIER_MAX = 255 };

static enum err no_options(struct ctx *cx, const struct group_assignment *a) {
  if (js_count(a->options) == 0) return OK;
  return FAIL(cx, E_INVALID, "a %s takes no options", group_kind_word(a->kind));
}

static enum err check_profile(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  struct profile p;
  (void)core;
  TRY(no_options(cx, a));
  TRY(profile_find(cx, db, a->ref, &p));
  if (p.removed_at) return FAIL(cx, E_NOT_FOUND, "the profile %s was removed: add it again first", a->ref);
  if (a->users && p.scope && strcmp(p.scope, "System") == 0)
    return FAIL(cx, E_INVALID, "the profile %s is of the scope System, it cannot be given to users", a->ref);
  a->row = p.profile;
  return OK;
}

char *group_ref_command(struct ctx *cx, const char *ref) {
  struct slice rest = slice_of(ref), type = {0};
  (void)slice_cut(&rest, ':', &type);
  return ctx_memdup(cx, type.p, type.n);
}

static enum err check_command(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  struct command built;
  char *type = group_ref_command(cx, a->ref);
  const struct command_row *row = command_row(type);
  (void)db, (void)core;
  if (row && row->flags & COMMAND_NO_GROUP)
    return FAIL(cx, E_INVALID, "%s is not for everyone who enrolls: a group does not send it", type);
  return command_build(cx, &built, type, a->options, NULL);
}

struct js *group_ref_setting(struct ctx *cx, const struct group_assignment *a, struct js *options) {
  struct js *args = js_object(cx), *items = js_array(cx), *item = js_object(cx);
  const char *key;
  js_set_string(item, "Item", a->ref);
  for (size_t i = 0; js_member(options, i, &key); i++) js_set(item, key, js_get(options, key));
  js_add(items, item);
  js_set(args, "Settings", items);
  return args;
}

/* A name that is made of itself would grow for ever. */
static enum err check_circle(struct ctx *cx, const struct group_assignment *a) {
  const char *text = js_str(a->options, a->ref);
  if (!text || !strstr(text, ctx_printf(cx, "%%%s%%", a->ref))) return OK;
  return FAIL(cx, E_INVALID, "%%%s%% is what this setting changes: it cannot stand in it", a->ref);
}

static enum err check_setting(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  struct command built;
  bool filled = false;
  (void)db, (void)core;
  if (js_get(a->options, "Item")) return FAIL(cx, E_INVALID, "Item is what the setting is called by, no option");
  if (js_count(a->options) == 0) return FAIL(cx, E_INVALID, "the setting %s has no value", a->ref);
  TRY(profile_words_check(cx, a->options, &filled));
  TRY(check_circle(cx, a));
  return command_build(cx, &built, "Settings", group_ref_setting(cx, a, a->options), NULL);
}

static enum err only_flags(struct ctx *cx, struct js *options, const char *const *names, size_t n) {
  const char *key;
  bool flag;
  for (size_t i = 0; js_member(options, i, &key); i++) {
    bool known = false;
    for (size_t k = 0; k < n; k++) known |= strcmp(names[k], key) == 0;
    if (!known)
      return FAIL(cx, E_INVALID, "a package has the options any_version, unverified and managed, no other ones");
    if (!js_bool(js_get(options, key), &flag)) return FAIL(cx, E_INVALID, "%s is neither true nor false", key);
  }
  return OK;
}

static enum err check_package(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  static const char *const names[] = {"any_version", "unverified", "managed"};
  struct package p;
  if (a->users) return FAIL(cx, E_INVALID, "packages are installed for the whole Mac, not for its users");
  TRY(only_flags(cx, a->options, names, 3));
  TRY(package_find(cx, db, core, a->ref, &p));
  a->row = p.package;
  return OK;
}

/* The arguments of its InstallApplication. */
static enum err check_app(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  struct command built;
  struct js *args = js_object(cx);
  const char *key, *identifier = js_str(a->options, "identifier");
  int64_t store_id;
  (void)db, (void)core;
  if (!slice_to_i64(slice_of(a->ref), &store_id) || store_id <= 0)
    return FAIL(cx, E_INVALID, "an app is called by its iTunesStoreID, the number in the address of its page");
  if (!identifier || !*identifier || strlen(identifier) > IDENTIFIER_MAX || !text_is_plain(slice_of(identifier)))
    return FAIL(cx, E_INVALID, "the app %s needs identifier=, its bundle identifier, by which it is found on devices",
                a->ref);
  for (size_t i = 0; js_member(a->options, i, &key); i++)
    if (strcmp(key, "identifier") != 0) js_set(args, key, js_get(a->options, key));
  js_set_int(args, "iTunesStoreID", store_id);
  return command_build(cx, &built, "InstallApplication", args, NULL);
}

static enum err check_requirement(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  struct roster_filter *f;
  (void)db, (void)core;
  TRY(no_options(cx, a));
  if (a->users) return FAIL(cx, E_INVALID, "a requirement is of the device, not of its users");
  enum err e = roster_filter(cx, &f, slice_of(a->ref));
  if (e == OK) e = roster_filter_steady(cx, f);
  if (e != E_INVALID) return e;
  /* The group's rule is a filter as well: it is said which. The text stands in this line and needs no mark beneath. */
  const char *said = ctx_error_text(cx), *wrong = ctx_memdup(cx, said, strcspn(said, "\n"));
  ctx_clear_error(cx);
  return FAIL(cx, e, "the requirement %s: %s", a->ref, wrong);
}

enum err group_ref_check(struct ctx *cx, struct db *db, struct core *core, struct group_assignment *a) {
  static enum err (*const checks[GROUP_KINDS])(struct ctx *, struct db *, struct core *, struct group_assignment *) = {
      [GROUP_PROFILE] = check_profile, [GROUP_COMMAND] = check_command, [GROUP_SETTING] = check_setting,
      [GROUP_PACKAGE] = check_package, [GROUP_APP] = check_app,         [GROUP_REQUIREMENT] = check_requirement};
  if (!a->ref || !*a->ref || strlen(a->ref) > REF_MAX || !text_is_plain(slice_of(a->ref)))
    return FAIL(cx, E_INVALID, "what is assigned has no name, or one that is no plain text of at most %d bytes",
                REF_MAX);
  if (!a->options) a->options = js_object(cx);
  if (!js_is_object(a->options)) return FAIL(cx, E_INVALID, "options of %s are no JSON object", a->ref);
  if (js_text(cx, a->options, JS_COMPACT).n > OPTIONS_MAX)
    return FAIL(cx, E_TOO_LARGE, "options of %s are longer than %d bytes", a->ref, OPTIONS_MAX);
  return checks[a->kind](cx, db, core, a);
}
