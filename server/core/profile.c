/* Profiles as they are kept: versions of files. */
#include "core/profile_int.h"

#include "base/clock.h"
#include "core/event.h"
#include "core/vault.h"

#include <inttypes.h>
#include <string.h>

enum { IDENTIFIER_MOST = 255, NAME_MOST = 1000 };

const char *profile_about(struct ctx *cx, int64_t profile, int64_t version) {
  return ctx_printf(cx, "profile_version.file %" PRId64 " %" PRId64, profile, version);
}

enum err profile_open(struct ctx *cx, struct db *db, struct core *core, const struct profile_row *r,
                      struct slice *file) {
  struct slice sealed;
  TRY(profile_sql_sealed(cx, db, r->seq, &sealed));
  return vault_unseal(cx, core->vault, profile_about(cx, r->p.profile, r->p.version), sealed, file);
}

enum err profile_file(struct ctx *cx, struct db *db, struct core *core, int64_t profile, int64_t version,
                      struct slice *file) {
  struct profile_row r;
  TRY(profile_sql_version(cx, db, profile, version, &r));
  return profile_open(cx, db, core, &r, file);
}

enum err profile_find(struct ctx *cx, struct db *db, const char *identifier, struct profile *out) {
  struct profile_row r;
  bool found;
  TRY(profile_sql_find(cx, db, identifier, false, &r, &found));
  if (!found) return FAIL(cx, E_NOT_FOUND, "there is no profile %s", identifier);
  *out = r.p;
  return OK;
}

/* ---- adding ---- */

/* Whoever installs such a one replaces the enrollment, and a group that takes it away ends that of all its devices: so
   not even `anyway`. */
static enum err check_enrollment(struct ctx *cx, const struct payload_check *check) {
  struct slice s = slice_of(check->identifier);
  static const char end[] = ".enrollment";
  size_t n = sizeof end - 1;
  bool ours = slice_istarts(s, "pomona.") && s.n > n && slice_ieq(slice_mem(s.p + s.n - n, n), end);
  for (char *const *type = check->types; type && *type; type++)
    if (strcmp(*type, "com.apple.mdm") == 0)
      return FAIL(cx, E_INVALID,
                  "%s has a payload of type com.apple.mdm: it would enroll devices anew, and whoever "
                  "takes it away would unenroll them",
                  check->identifier);
  if (!ours && !slice_istarts(s, "pomona.trust.")) return OK;
  return FAIL(cx, E_INVALID,
              "%s is an identifier of the server's own profiles, which devices need to be managed: take "
              "another one",
              check->identifier);
}

static enum err check_identifier(struct ctx *cx, const char *identifier) {
  struct slice s = slice_of(identifier);
  if (s.n == 0) return FAIL(cx, E_INVALID, "it has no PayloadIdentifier, by which profiles are told apart");
  if (s.n > IDENTIFIER_MOST || !text_is_segment(s))
    return FAIL(cx, E_INVALID,
                "its PayloadIdentifier is longer than %d bytes, holds \"/\" or what cannot be shown, or is . or ..",
                IDENTIFIER_MOST);
  return OK;
}

static char *words_of(struct ctx *cx, char *const *list) {
  struct buf b = {0};
  for (; list && *list; list++) buf_printf(&b, "%s%s", b.n ? " " : "", *list);
  char *words = ctx_strdup(cx, b.p ? b.p : "");
  buf_free(&b);
  return words;
}

static char *short_name(struct ctx *cx, const char *name, const char *otherwise) {
  struct slice s = slice_of(name && *name ? name : otherwise);
  if (s.n > NAME_MOST) s.n = NAME_MOST;
  return ctx_memdup(cx, s.p, s.n);
}

static struct profile_row row_of(struct ctx *cx, struct core *core, const struct profile_given *given) {
  const struct payload_check *check = given->check;
  uint8_t *digest = ctx_alloc(cx, PROFILE_DIGEST);
  vault_mac(cx, core->vault, "profile_version.digest", given->file, digest);
  return (struct profile_row){.p = {.identifier = check->identifier,
                                    .name = short_name(cx, check->name, check->identifier),
                                    .organization = check->organization,
                                    .scope = check->scope,
                                    .added_at = clock_now_us(),
                                    .added_by = ctx_strdup(cx, given->by),
                                    .types = words_of(cx, check->types),
                                    .variables = check->is_signed ? "" : words_of(cx, check->variables),
                                    .platforms = check->platforms,
                                    .is_signed = check->is_signed,
                                    .supervised = check->supervised},
                              .uuid = check->uuid ? check->uuid : "",
                              .digest = slice_mem(digest, PROFILE_DIGEST)};
}

/* A device tells the version of a signed one by nothing but its PayloadUUID. */
static enum err check_uuid(struct ctx *cx, struct db *db, const struct profile_row *r) {
  char *other;
  if (!r->p.is_signed) return OK;
  if (!*r->uuid)
    return FAIL(cx, E_INVALID, "it is signed and has no PayloadUUID, by which its versions are told apart");
  TRY(profile_sql_same_uuid(cx, db, r->uuid, r->digest, &other));
  if (!other) return OK;
  return FAIL(cx, E_CONFLICT,
              "it is signed, and its PayloadUUID %s is that of another file of %s that is kept here: devices could not "
              "tell which of the two they have. Give each version a PayloadUUID of its own before it is signed, or add "
              "it unsigned: then the server makes one",
              r->uuid, other);
}

static enum err tell(struct ctx *cx, struct db *db, const char *kind, const struct profile *p, const char *by) {
  struct js *data = js_object(cx);
  js_set_string(data, "profile", p->identifier);
  js_set_int(data, "version", p->version);
  js_set_string(data, "by", by);
  return event_add(cx, db, kind, NULL, data);
}

static enum err store(struct ctx *cx, struct db *db, struct core *core, const struct profile_given *given,
                      struct profile_row *r) {
  struct slice sealed;
  TRY(profile_sql_save(cx, db, r));
  TRY(vault_seal(cx, core->vault, profile_about(cx, r->p.profile, r->p.version), given->file, &sealed));
  TRY(profile_sql_add_version(cx, db, r, sealed));
  return tell(cx, db, "profile.added", &r->p, given->by);
}

static enum err check_version(struct ctx *cx, const struct profile_given *given, const struct profile_row *before,
                              bool found) {
  int64_t newest = found && !before->p.removed_at ? before->p.version : 0;
  if (given->if_version < 0 || given->if_version == newest) return OK;
  return FAIL(cx, E_PRECONDITION, "%s was changed meanwhile: its newest version is %" PRId64 ", not %" PRId64 "%s",
              given->check->identifier, newest, given->if_version, newest ? "" : " (0: there is none)");
}

enum err profile_add(struct ctx *cx, struct db *db, struct core *core, const struct profile_given *given,
                     struct profile *out, bool *added) {
  struct profile_row before;
  bool found;
  TRY(check_identifier(cx, given->check->identifier));
  TRY(check_enrollment(cx, given->check));
  struct profile_row r = row_of(cx, core, given);
  TRY(profile_sql_find(cx, db, given->check->identifier, true, &before, &found));
  TRY(check_version(cx, given, &before, found));
  bool same = found && slice_eq(before.digest, r.digest);
  *added = !same || before.p.removed_at;
  if (same) {
    *out = before.p;
    out->removed_at = 0;
    if (!*added) return OK;
    TRY(profile_sql_back(cx, db, before.p.profile));
    return tell(cx, db, "profile.added", out, given->by);
  }
  TRY(check_uuid(cx, db, &r));
  r.p.profile = found ? before.p.profile : 0;
  r.p.version = found ? before.p.version + 1 : 1;
  TRY(store(cx, db, core, given, &r));
  *out = r.p;
  return OK;
}

/* "group A, B and 3 more" */
static const char *first_names(struct ctx *cx, struct js *groups) {
  enum { NAMED = 5 };
  size_t n = js_count(groups);
  const char *text = ctx_printf(cx, "group %s", js_string(js_at(groups, 0)));
  for (size_t i = 1; i < n && i < NAMED; i++) text = ctx_printf(cx, "%s, %s", text, js_string(js_at(groups, i)));
  return n > NAMED ? ctx_printf(cx, "%s and %zu more", text, n - NAMED) : text;
}

enum err profile_remove(struct ctx *cx, struct db *db, const char *identifier, const char *by) {
  struct profile p;
  struct js *groups;
  TRY(profile_find(cx, db, identifier, &p));
  TRY(profile_groups(cx, db, p.profile, &groups));
  if (js_count(groups))
    return FAIL(cx, E_CONFLICT,
                "%s is given by %s: take it out of there first (then devices lose it, which had it from there only)",
                identifier, first_names(cx, groups));
  TRY(profile_sql_gone(cx, db, p.profile, by));
  return tell(cx, db, "profile.removed", &p, by);
}
