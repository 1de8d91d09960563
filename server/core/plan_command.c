/* The command that a step of a plan is. */
#include "core/plan_int.h"

#include "base/enc.h"
#include "core/group_int.h"
#include "core/package.h"

#include <string.h>
#include <unistd.h>

/* Under a uuid of its own; command_parse gives it the flags of its row. */
static enum err from_plist(struct ctx *cx, const char *request_type, struct pl *body, struct command *out) {
  char uuid[UUID_LEN + 1];
  struct pl *root = pl_new_dict(cx);
  uuid_new(uuid);
  pl_set_string(body, "RequestType", request_type);
  pl_set_string(root, "CommandUUID", uuid);
  pl_set(root, "Command", body);
  return command_parse(cx, out, pl_xml(cx, root));
}

static enum err install_profile(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                                struct command *out) {
  struct slice file;
  struct pl *body = pl_new_dict(cx);
  TRY(profile_render(cx, m->db, m->core, s->wish->assignment->row, m->device, &file));
  pl_set_data(body, "Payload", file);
  return from_plist(cx, "InstallProfile", body, out);
}

static enum err install_package(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                                struct command *out) {
  struct package p;
  struct pl *manifest, *body = pl_new_dict(cx);
  bool managed = false;
  int fd;
  TRY(package_row(cx, m->db, m->core, s->wish->assignment->row, &p));
  TRY(package_open(cx, m->core, &p, &fd)); /* devices fetch it at once, and not again */
  close(fd);
  TRY(package_manifest(cx, m->core, &p, &manifest));
  pl_set(body, "Manifest", manifest);
  (void)js_bool(js_get(s->wish->assignment->options, "managed"), &managed);
  if (managed) pl_set_bool(body, "InstallAsManaged", true);
  return from_plist(cx, "InstallEnterpriseApplication", body, out);
}

/* Managed is what a plan wants: a Mac must be told so, and of an app that its user has installed every device. In a
   User Enrollment neither is known. Source: Apple's schema, InstallApplication. */
static void ask_managed(const struct plan_making *m, const struct plan_step *s, struct js *args) {
  const char *type = roster_text(m->device, ROSTER_ENROLLMENT_TYPE);
  bool mac = plan_platform(m->device) == PLATFORM_MACOS;
  if (type && slice_starts(slice_of(type), "User Enrollment")) return;
  if (mac && !js_get(args, "InstallAsManaged")) js_set_bool(args, "InstallAsManaged", true);
  if (s->take_over && !js_get(args, "ChangeManagementState")) js_set_string(args, "ChangeManagementState", "Managed");
}

static enum err install_app(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                            struct command *out) {
  struct js *args = js_object(cx), *options = s->wish->assignment->options;
  const char *key;
  int64_t store_id;
  for (size_t i = 0; js_member(options, i, &key); i++)
    if (strcmp(key, "identifier") != 0) js_set(args, key, js_get(options, key));
  if (!slice_to_i64(slice_of(s->wish->assignment->ref), &store_id))
    return FAIL(cx, E_CONFLICT, "%s is no iTunesStoreID", s->wish->assignment->ref);
  js_set_int(args, "iTunesStoreID", store_id);
  ask_managed(m, s, args);
  return command_build(cx, out, "InstallApplication", args, NULL);
}

static enum err run_command(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                            struct command *out) {
  (void)m;
  const struct group_assignment *a = s->wish->assignment;
  return command_build(cx, out, group_ref_command(cx, a->ref), a->options, NULL);
}

static enum err run_setting(struct ctx *cx, const struct plan_making *m, const struct plan_step *s,
                            struct command *out) {
  struct js *options = s->wish->assignment->options;
  if (s->wish->has_words) TRY(profile_words_fill(cx, m->core, options, m->device, &options));
  return command_build(cx, out, "Settings", group_ref_setting(cx, s->wish->assignment, options), NULL);
}

static enum err take_away(struct ctx *cx, const struct plan_thing *t, struct command *out) {
  struct js *args = js_object(cx);
  js_set_string(args, "Identifier", t->key);
  return command_build(cx, out, t->kind == GROUP_PROFILE ? "RemoveProfile" : "RemoveApplication", args, NULL);
}

enum err plan_command(struct ctx *cx, const struct plan_making *m, const struct plan_step *s, struct command *out) {
  static enum err (*const make[GROUP_KINDS])(struct ctx *, const struct plan_making *, const struct plan_step *,
                                             struct command *) = {[GROUP_PROFILE] = install_profile,
                                                                  [GROUP_PACKAGE] = install_package,
                                                                  [GROUP_APP] = install_app,
                                                                  [GROUP_COMMAND] = run_command,
                                                                  [GROUP_SETTING] = run_setting};
  const struct plan_thing *t = &m->world->things[s->thing];
  if (s->act == PLAN_REMOVE) return take_away(cx, t, out);
  if (!make[t->kind]) return FAIL(cx, E_INTERNAL, "nothing is sent for a %s", group_kind_word(t->kind));
  return make[t->kind](cx, m, s, out);
}
