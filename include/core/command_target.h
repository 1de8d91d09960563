/* Whether a device can do what it is asked: its platform, version, supervision, channel and access rights beside what
   the row of the command and of each argument asks for; and what will happen that an operator should know before. */
#ifndef POMONA_CORE_COMMAND_TARGET_H
#define POMONA_CORE_COMMAND_TARGET_H

#include "core/command.h"
#include "core/core.h"
#include "core/roster.h"
#include "lib/db.h"

enum known { NOT_KNOWN, KNOWN_NO, KNOWN_YES };

/* What is known of a channel, by the last answers of its device. */
struct command_target {
  enum platform platform;
  const char *product, *version; /* "iPad14,8", "18.6"; NULL: not told yet */
  bool user;                     /* a channel of one of its users */
  bool user_enrollment;
  int64_t rights;      /* AccessRights that its enrollment profile was given; 0: not known, or it has none (BYOD) */
  const char *profile; /* PayloadIdentifier of that profile; NULL: not known */
  enum known supervised, ade, shared_ipad, filevault, passcode, cellular, bootstrap_token, activation_lock,
      apple_silicon;
};
/* Reader's connection; the view is the caller's, looked at before; NULL: the device is read from the database.
 * E_NOT_FOUND. */
MUST_CHECK enum err command_target_load(struct ctx *cx, struct db *db, const struct roster_view *view,
                                        int64_t enrollment, struct command_target *out);
/* The same of a device that the caller has. */
MUST_CHECK enum err command_target_of(struct ctx *cx, struct db *db, const struct roster_device *d, int64_t enrollment,
                                      struct command_target *out);

/* Whether it may be asked a question that nobody put in words: false when it certainly cannot answer. Its platform is
   known. query: a value of the first argument, an array of them ("Queries"); NULL: the command itself. */
bool command_can(const struct command_row *row, const struct command_arg *query, const struct command_target *t);

/* What of the table a command uses: its row and the rows of its arguments. For any number of targets. */
struct command_uses;
MUST_CHECK enum err command_uses(struct ctx *cx, const struct command *c, struct command_uses **out);

/* The same of a command that has no arguments yet: as far as its row alone tells. */
struct command_uses *command_uses_row(struct ctx *cx, const struct command_row *row);

enum { COMMAND_WARNINGS = 8 };
struct command_fit {
  const char *refusal;                    /* it certainly cannot: why; NULL: it can, as far as is known */
  const char *warnings[COMMAND_WARNINGS]; /* what cannot be told, and what will happen */
  size_t n;
};
/* Texts are in cx. */
void command_fit(struct ctx *cx, const struct command_uses *uses, const struct command_target *t,
                 struct command_fit *out);
/* For the argument of a form: why this target takes no such key in what holds it; NULL: it does, as far as is known. */
const char *command_key_fit(struct ctx *cx, const struct command_reach *reach, const struct command_arg *key,
                            const struct command_target *t);

#endif
