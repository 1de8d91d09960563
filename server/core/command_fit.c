/* What speaks against a command for one target, and what will happen there. */
#include "core/command_int.h"
#include "core/command_target.h"
#include "core/platform.h"

#include <string.h>

/* The first version of the schema that has lost what is withdrawn. */
static const char WITHDRAWN_IN[] = "27.0";

/* Devices with older systems are not to be expected: that a version is not known is no reason to warn for their sake.
 */
static const char *const oldest[PLATFORMS] = {"12.0", "10.14", "12.0", "1.1", "10.0"};

/* What is said of one use. */
struct said {
  const char *text; /* NULL: nothing */
  bool certain;
};

static struct said certainly(const char *text) { return (struct said){text, true}; }
static struct said perhaps(const char *text) { return (struct said){text, false}; }
static const struct said nothing = {NULL, false};
static struct said graver(struct said a, struct said b) { return !a.text || (b.certain && !a.certain) ? b : a; }

static void warn(struct command_fit *f, const char *text) {
  for (size_t i = 0; i < f->n; i++)
    if (strcmp(f->warnings[i], text) == 0) return;
  if (f->n < COMMAND_WARNINGS) f->warnings[f->n++] = text;
}

/* ---- what a row asks for ---- */

struct asked {
  struct ctx *cx;   /* NULL: the text is empty */
  const char *name; /* of what asks: "EraseDevice", "its argument PIN" */
  const struct command_use *use;
  const struct command_target *t;
};
#define WORDS(a, ...) ((a)->cx ? ctx_printf((a)->cx, __VA_ARGS__) : "")

static const char *platforms_text(struct ctx *cx, unsigned known) {
  const char *all = "";
  for (int p = 0; p < PLATFORMS; p++)
    if (known & 1u << p) all = ctx_printf(cx, "%s%s%s", all, *all ? ", " : "", platform_name((enum platform)p));
  return *all ? all : "no platform yet";
}

static struct said on_platform(const struct asked *a) {
  if (a->use->known & 1u << a->t->platform) return nothing;
  return certainly(WORDS(a, "%s is for %s, and this is %s", a->name, platforms_text(a->cx, a->use->known),
                         platform_name(a->t->platform)));
}

static struct said of_version(const struct asked *a) {
  const struct command_support *s = &a->use->on[a->t->platform];
  int64_t have = platform_version(slice_of(a->t->version)), since = platform_version(slice_of(s->introduced));
  const char *platform = platform_name(a->t->platform), *gone = a->use->withdrawn ? WITHDRAWN_IN : s->removed;
  if (have < 0 && since > platform_version(slice_of(oldest[a->t->platform])))
    return perhaps(
        WORDS(a, "%s needs %s %s, and it is not known which this device has", a->name, platform, s->introduced));
  if (have >= 0 && since > have)
    return certainly(
        WORDS(a, "%s needs %s %s, and this device has %s", a->name, platform, s->introduced, a->t->version));
  if (have < 0 || !gone || have < platform_version(slice_of(gone))) return nothing;
  return certainly(WORDS(a, "%s is gone since %s %s, and this device has %s", a->name, platform, gone, a->t->version));
}

/* Limits that a device meets or not. */
static struct said by_fact(const struct asked *a, enum known fact, bool want, const char *words) {
  if (fact == NOT_KNOWN && !want) return nothing;
  if (fact == NOT_KNOWN)
    return perhaps(WORDS(a, "%s is for %s, and it is not known whether this is one", a->name, words));
  if ((fact == KNOWN_YES) == want) return nothing;
  return certainly(
      WORDS(a, "%s is %sfor %s, and this is %s", a->name, want ? "" : "not ", words, want ? "none" : "one"));
}

static struct said on_channel(const struct asked *a, unsigned limits) {
  bool channels =
      a->t->platform == PLATFORM_MACOS || (a->t->platform == PLATFORM_IOS && a->t->shared_ipad == KNOWN_YES);
  if ((limits & ONLY_DEVICE) && a->t->user)
    return certainly(WORDS(a, "%s is for devices, and this is a user of one: name the device", a->name));
  if (channels && (limits & ONLY_USER) && !a->t->user)
    return certainly(WORDS(a, "%s is for users of a device: name one (DEVICE:USER)", a->name));
  return nothing;
}

static struct said within_limits(const struct asked *a) {
  unsigned limits = a->use->on[a->t->platform].limits;
  struct said s = on_channel(a, limits);
  enum known shared = a->t->shared_ipad;
  if (shared == NOT_KNOWN && !slice_starts(slice_of(a->t->product), "iPad")) shared = KNOWN_NO;
  if (limits & NEVER_UE)
    s = graver(s, by_fact(a, a->t->user_enrollment ? KNOWN_YES : KNOWN_NO, false, "User Enrollments"));
  if (limits & ONLY_SHARED) s = graver(s, by_fact(a, shared, true, "Shared iPads"));
  if (limits & NEVER_SHARED) s = graver(s, by_fact(a, shared, false, "Shared iPads"));
  if (limits & ONLY_ADE) s = graver(s, by_fact(a, a->t->ade, true, "devices that came by Automated Device Enrollment"));
  if (limits & ONLY_SUPERVISED) s = graver(s, by_fact(a, a->t->supervised, true, "supervised devices"));
  if (limits & IGNORED_SHARED && shared == KNOWN_YES)
    s = graver(s, perhaps(WORDS(a, "Shared iPads take no notice of %s", a->name)));
  return s;
}

static struct said by_right(const struct asked *a) {
  unsigned right = a->use->on[a->t->platform].right;
  if (!right || !a->t->rights || (a->t->rights & (int64_t)right)) return nothing;
  return certainly(WORDS(a, "%s needs the right to %s (%u), which its enrollment profile does not give", a->name,
                         command_right_text(right), right));
}

static struct said say(const struct asked *a) {
  static struct said (*const rules[])(const struct asked *a) = {on_platform, of_version, within_limits, by_right};
  struct said s = nothing;
  for (size_t i = 0; i < sizeof rules / sizeof *rules && !s.certain; i++) s = graver(s, rules[i](a));
  return s;
}

bool command_can(const struct command_row *row, const struct command_arg *query, const struct command_target *t) {
  struct command_use use;
  command_use_row(row, &use);
  if (query) {
    command_use_narrow(&use, row->args);
    command_use_narrow(&use, row->args->args);
    command_use_narrow(&use, query);
  }
  return !say(&(struct asked){.use = &use, .t = t}).certain;
}

/* A question that a device cannot answer is left out by it: that refuses nothing. */
static void check_uses(struct ctx *cx, const struct command_uses *u, const struct command_target *t,
                       struct command_fit *f) {
  for (size_t i = 0; i < u->n && !f->refusal; i++) {
    const struct command_use *use = &u->uses[i];
    struct asked a = {cx, use->path ? ctx_printf(cx, "its argument %s", use->path) : u->row->request_type, use, t};
    struct said s = say(&a);
    if (!s.text) continue;
    if (s.certain && !(use->path && u->row->flags & COMMAND_QUERY))
      f->refusal = s.text;
    else
      warn(f, s.text);
  }
}

/* ---- what will happen ---- */

struct happens {
  struct ctx *cx;
  const struct command_uses *u;
  const struct command_target *t;
  struct command_fit *f;
};

static bool is_ipad(const struct command_target *t) {
  return t->platform == PLATFORM_IOS && slice_starts(slice_of(t->product), "iPad");
}

static void restarts(const struct happens *h) {
  if (h->t->platform == PLATFORM_MACOS && h->t->filevault == KNOWN_YES)
    warn(h->f, "FileVault is on: when it starts again it waits for a person to unlock it, and is not reached before");
  if (h->t->platform == PLATFORM_MACOS && h->t->filevault == NOT_KNOWN)
    warn(h->f, "It is not known whether FileVault is on: if it is, it waits for a person to unlock it when it starts "
               "again, and is not reached before");
  if (is_ipad(h->t) && h->t->passcode != KNOWN_NO && h->t->cellular != KNOWN_YES)
    warn(h->f,
         h->t->passcode == KNOWN_YES
             ? "It has a passcode and no cellular network: when it starts again it joins no Wi-Fi until somebody "
               "enters the passcode, and is not reached before"
             : "If it has a passcode, it joins no Wi-Fi until somebody enters it when it starts again, and is not "
               "reached before");
}

static void shuts_down(const struct happens *h) {
  warn(h->f, "It stays off until somebody turns it on");
  restarts(h);
}

static void erases(const struct happens *h) {
  if (h->t->platform == PLATFORM_MACOS && h->t->bootstrap_token == KNOWN_NO)
    warn(h->f, "Its bootstrap token is missing: a Mac with Apple silicon or a T2 chip may then be unable to erase all "
               "content and settings, and does what ObliterationBehavior says; it may need macOS to be installed again "
               "by hand");
  if (h->t->platform == PLATFORM_MACOS && h->t->apple_silicon == KNOWN_NO && !h->u->command->secret)
    warn(h->f, "A Mac with an Intel processor may ask for a PIN of six digits to be erased, and the command has none");
  if (h->t->activation_lock == KNOWN_YES)
    warn(h->f, "Activation Lock is on: who sets it up again needs the bypass code (`pomona device escrow ID "
               "bypass-code`) or the password of the Apple Account");
}

static void locks(const struct happens *h) {
  if (h->t->platform == PLATFORM_MACOS && !h->u->command->secret)
    warn(h->f, "A Mac may refuse to lock without a PIN: `pomona device lock` makes one");
  if (h->t->platform == PLATFORM_MACOS && h->u->command->secret)
    warn(h->f,
         "It restarts and is not reached until somebody enters the PIN, which is in escrow (`pomona device escrow "
         "ID pin`)");
}

static void removes_profile(const struct happens *h) {
  bool own = h->u->identifier && h->t->profile && strcmp(h->u->identifier, h->t->profile) == 0;
  if (own && !h->t->user && !(h->u->command->flags & COMMAND_DANGEROUS) && !h->f->refusal)
    h->f->refusal = "that is its enrollment profile: `pomona device unenroll` has it leave";
  else if (own && !h->t->user)
    warn(h->f, "That is its enrollment profile: it leaves the management for good");
}

static void what_happens(const struct happens *h) {
  static const struct {
    const char *request_type;
    void (*tell)(const struct happens *h);
  } rows[] = {{"DeviceLock", locks},
              {"EraseDevice", erases},
              {"RemoveProfile", removes_profile},
              {"RestartDevice", restarts},
              {"ShutDownDevice", shuts_down}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(rows[i].request_type, h->u->row->request_type) == 0) rows[i].tell(h);
}

void command_fit(struct ctx *cx, const struct command_uses *uses, const struct command_target *t,
                 struct command_fit *out) {
  *out = (struct command_fit){0};
  if (!uses->row) return;
  if (t->platform == PLATFORM_UNKNOWN)
    warn(out, "It has not told yet what it is: whether it can do this is not known");
  else
    check_uses(cx, uses, t, out);
  what_happens(&(struct happens){cx, uses, t, out});
}

const char *command_key_fit(struct ctx *cx, const struct command_reach *reach, const struct command_arg *key,
                            const struct command_target *t) {
  struct command_use use = {.arg = key, .path = key->name, .known = reach->known, .withdrawn = key->withdrawn};
  memcpy(use.on, reach->on, sizeof use.on);
  struct asked a = {cx, ctx_printf(cx, "%s", *key->name ? key->name : "this"), &use, t};
  struct said s = t->platform == PLATFORM_UNKNOWN ? nothing : say(&a);
  return s.certain ? s.text : NULL;
}
