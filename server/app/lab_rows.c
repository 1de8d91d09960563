/* Which commands a simulated device knows, and whether one is well formed: by the server's own table, for its platform,
   version, channel, enrollment, supervision and rights. */
#include "app/lab_task.h"

#include <string.h>

/* ---- the words of commands.def that matter to a device; see there ---- */
enum { PLATFORM_IOS, PLATFORM_MACOS, PLATFORM_TVOS, PLATFORM_VISIONOS, PLATFORM_WATCHOS, PLATFORMS };
enum {
  ON_IOS = 1 << PLATFORM_IOS,
  ON_MACOS = 1 << PLATFORM_MACOS,
  ON_TVOS = 1 << PLATFORM_TVOS,
  ON_VISIONOS = 1 << PLATFORM_VISIONOS,
  ON_WATCHOS = 1 << PLATFORM_WATCHOS,
  ON_ALL = (1 << PLATFORMS) - 1
};
enum {
  ONLY_SUPERVISED = 1,
  ONLY_ADE = 2,
  NEVER_UE = 4,
  ONLY_DEVICE = 8,
  ONLY_USER = 16,
  ONLY_SHARED = 32,
  NEVER_SHARED = 64,
  IGNORED_SHARED = 0
};
enum {
  COMMAND_WITHDRAWN = 1,
  COMMAND_ONCE = 0,
  COMMAND_JUMP = 0,
  COMMAND_QUERY = 0,
  COMMAND_SINGLE = 0,
  COMMAND_BARRIER = 0,
  COMMAND_DANGEROUS = 0,
  COMMAND_EARLY = 0,
  COMMAND_NO_GROUP = 0
};
enum {
  ARG_STRING = PL_STRING,
  ARG_INTEGER = PL_INT,
  ARG_REAL = PL_REAL,
  ARG_BOOLEAN = PL_BOOL,
  ARG_DATA = PL_DATA,
  ARG_DATE = PL_DATE,
  ARG_ARRAY = PL_ARRAY,
  ARG_DICTIONARY = PL_DICT,
  ARG_ANY = PL_NONE
};

struct support {
  const char *introduced, *removed;
  unsigned right, limits;
};

struct argument {
  const char *name; /* NULL ends them; "" of an element */
  enum pl_type type;
  bool required, six_digits, withdrawn, is_case;
  unsigned except, right, limits;
  const char *const *values;
  const struct argument *args;
  struct support on[PLATFORMS];
};

struct row {
  const char *request_type; /* NULL ends them */
  int flags;
  const struct argument *args;
  struct support on[PLATFORMS];
};

#define KEY(name_, type_, ...) {.name = name_, .type = (enum pl_type)ARG_##type_, __VA_ARGS__},
#define MAY(name_, type_, ...) KEY(#name_, type_, __VA_ARGS__)
#define MUST(name_, type_, ...) KEY(#name_, type_, .required = true, __VA_ARGS__)
#define EACH(type_, ...) KEY("", type_, __VA_ARGS__)
#define SOME(type_, ...) KEY("", type_, .required = true, __VA_ARGS__)
#define CASE(name_, ...) KEY(#name_, DICTIONARY, .is_case = true, __VA_ARGS__)
#define VALUE(name_, ...) KEY(#name_, STRING, __VA_ARGS__)
#define HOLDS(...) .args = (const struct argument[]){__VA_ARGS__{.name = NULL}},
#define ONE_OF(...) .values = (const char *const[]){__VA_ARGS__, NULL},
#define DEFAULT(value)
#define SIX_DIGITS .six_digits = true,
#define NARROWS
#define WITHDRAWN .withdrawn = true,
#define ONLY(platforms) .except = ON_ALL & ~(unsigned)(platforms),
#define NOT(platforms) .except = (platforms),
#define NOWHERE .except = ON_ALL,
#define RIGHT(bit) .right = (bit),
#define LIMITS(limits_) .limits = (limits_),
#define NEEDS(p, bit, limits_) .on[PLATFORM_##p].right = (bit), .on[PLATFORM_##p].limits = (limits_),
#define SINCE(p, version) .on[PLATFORM_##p].introduced = (version),
#define DEPRECATED(p, version)
#define REMOVED(p, version) .on[PLATFORM_##p].removed = (version),
#define ON(p, version, bit, limits_) SINCE(p, version) NEEDS(p, bit, limits_)
#define MERGE(member)
#define MERGE_ALL
#define LIST(member)
#define COMMAND(type, flags_, life, what, ...) {.request_type = #type, .flags = flags_, __VA_ARGS__},
static const struct row rows[] = {
#include "core/commands.def"
    {.request_type = NULL},
};

enum { WITHDRAWN_IN = 27 };

/* ---- who a device is to the table ---- */
static int platform_of(const struct lab_device *d) {
  switch (d->platform->os) {
  case MAC:
    return PLATFORM_MACOS;
  case TV:
    return PLATFORM_TVOS;
  case WATCH:
    return PLATFORM_WATCHOS;
  case VISION:
    return PLATFORM_VISIONOS;
  default:
    return PLATFORM_IOS;
  }
}

bool lab_is_supervised(const struct lab_device *d) {
  if (d->user_enrollment) return false;
  return d->supervised || d->automated || d->platform->os == SHARED ||
         d->platform->os == MAC; /* since macOS 11 whoever allowed the enrollment made the Mac supervised */
}

int64_t lab_version(const char *text) {
  int64_t version = 0, part = 0;
  int parts = 0;
  for (; *text && parts < 3; text++) {
    if (*text == '.') {
      version = version << 16 | part;
      part = 0;
      parts++;
    } else {
      part = part * 10 + (*text - '0');
    }
  }
  version = version << 16 | part;
  for (parts++; parts < 3; parts++) version <<= 16;
  return version;
}

int lab_generation(const struct lab_device *d) {
  static const int behind_ios[PLATFORMS] = {[PLATFORM_MACOS] = 3, [PLATFORM_VISIONOS] = 16, [PLATFORM_WATCHOS] = 7};
  int major = (int)(lab_version(d->os_version) >> 32);
  return major >= 26 ? major - 7 : major + behind_ios[platform_of(d)];
}

static bool at_least(const struct lab_device *d, const char *version) {
  return lab_version(d->os_version) >= lab_version(version);
}

static bool is_withdrawn(const struct lab_device *d) { return lab_version(d->os_version) >> 32 >= WITHDRAWN_IN; }

static bool on_channel(const struct lab_device *d, const struct lab_channel *c, unsigned limits) {
  bool is_user = c != d->channels, has_channels = d->platform->os & (MAC | SHARED);
  if (limits & ONLY_DEVICE && is_user) return false;
  return !(limits & ONLY_USER && has_channels && !is_user);
}

static bool in_enrollment(const struct lab_device *d, unsigned limits) {
  bool shared = d->platform->os == SHARED;
  if (limits & NEVER_UE && d->user_enrollment) return false;
  if (limits & ONLY_ADE && !d->automated) return false;
  return !(limits & ONLY_SHARED && !shared) && !(limits & NEVER_SHARED && shared);
}

static enum lab_verdict judge_limits(const struct lab_device *d, const struct lab_channel *c, unsigned limits,
                                     unsigned right) {
  int64_t rights = d->user_enrollment ? 0 : d->profile.rights;
  if (!on_channel(d, c, limits) || !in_enrollment(d, limits)) return LAB_FORBIDDEN;
  if (limits & ONLY_SUPERVISED && !lab_is_supervised(d)) return LAB_UNSUPERVISED;
  return rights && right & ~(uint64_t)rights ? LAB_RIGHTLESS : LAB_FITS;
}

static bool in_time(const struct lab_device *d, const struct support *s) {
  if (s->introduced && !at_least(d, s->introduced)) return false;
  return !(s->removed && at_least(d, s->removed));
}

static enum lab_verdict judge_argument(const struct lab_device *d, const struct lab_channel *c,
                                       const struct argument *a) {
  const struct support *s = &a->on[platform_of(d)];
  if (a->except & 1U << platform_of(d) || !in_time(d, s) || (a->withdrawn && is_withdrawn(d))) return LAB_FORBIDDEN;
  return judge_limits(d, c, a->limits | s->limits, s->right ? s->right : a->right);
}

static const struct row *find_row(const char *request_type) {
  for (const struct row *row = rows; row->request_type; row++)
    if (strcmp(row->request_type, request_type) == 0) return row;
  return NULL;
}

static const struct argument *find_argument(const struct argument *a, const char *name) {
  while (a && a->name && strcmp(a->name, name) != 0) a++;
  return a && a->name ? a : NULL;
}

/* ---- arguments ---- */
static bool is_of_type(struct pl *value, enum pl_type type) {
  enum pl_type its = pl_type(value);
  return type == PL_NONE || its == type || (type == PL_REAL && its == PL_INT);
}

static bool is_allowed(struct ctx *cx, struct pl *value, const struct argument *a) {
  struct slice text;
  int64_t number;
  if (pl_int(value, &number))
    text = slice_of(ctx_printf(cx, "%lld", (long long)number));
  else if (!pl_string(value, &text))
    return true;
  for (const char *const *one = a->values; one && *one; one++)
    if (slice_is(text, *one)) return true;
  return !a->values;
}

static bool is_six_digits(struct pl *value) {
  struct slice text;
  if (!pl_string(value, &text) || text.n != 6) return false;
  for (size_t i = 0; i < 6; i++)
    if (text.p[i] < '0' || text.p[i] > '9') return false;
  return true;
}

/* What is to be looked at: a dictionary or array and what it may hold. The depth is that of the table. */
struct look {
  struct ctx *cx;
  const struct lab_device *device;
  const struct lab_channel *channel;
};

static const char *wrong_in(const struct look *l, struct pl *dict, const struct argument *args);

static const char *wrong_element(const struct look *l, struct pl *array, const struct argument *each) {
  if (!each || each->is_case || !each->name) return NULL; /* cases are answered one by one */
  if (each->required && pl_count(array) == 0) return each->name;
  for (size_t i = 0; i < pl_count(array); i++) {
    struct pl *value = pl_at(array, i);
    if (!is_of_type(value, each->type) || !is_allowed(l->cx, value, each)) return ctx_printf(l->cx, "%zu", i);
    const char *wrong = each->type == PL_DICT ? wrong_in(l, value, each->args) : NULL;
    if (wrong) return ctx_printf(l->cx, "%zu.%s", i, wrong);
  }
  return NULL;
}

static const char *wrong_value(const struct look *l, struct pl *value, const struct argument *a) {
  const char *inside = NULL;
  if (!is_of_type(value, a->type) || !is_allowed(l->cx, value, a) || (a->six_digits && !is_six_digits(value)))
    return a->name;
  if (a->type == PL_DICT) inside = wrong_in(l, value, a->args);
  if (a->type == PL_ARRAY) inside = wrong_element(l, value, a->args);
  return inside ? ctx_printf(l->cx, "%s.%s", a->name, inside) : NULL;
}

/* The path of the first member that is missing or not as it must be; NULL when all is well. What the platform does not
   know it does not look at. */
static const char *wrong_in(const struct look *l, struct pl *dict, const struct argument *args) {
  for (const struct argument *a = args; a && a->name; a++) {
    struct pl *value = pl_get(dict, a->name);
    if (!*a->name || judge_argument(l->device, l->channel, a) == LAB_FORBIDDEN) continue;
    const char *wrong = value ? wrong_value(l, value, a) : a->required ? a->name : NULL;
    if (wrong) return wrong;
  }
  return NULL;
}

/* ---- for lab_answer.c and the deeds ---- */
enum lab_verdict lab_judge_command(struct lab_task *t, const char *request_type, const char **wrong) {
  const struct row *row = find_row(request_type);
  const struct support *s = row ? &row->on[platform_of(t->device)] : NULL;
  if (!s || !s->introduced || !in_time(t->device, s)) return LAB_FORBIDDEN;
  if (row->flags & COMMAND_WITHDRAWN && is_withdrawn(t->device)) return LAB_FORBIDDEN;
  enum lab_verdict verdict = judge_limits(t->device, t->channel, s->limits, s->right);
  if (verdict != LAB_FITS) return verdict;
  *wrong = wrong_in(&(struct look){t->cx, t->device, t->channel}, t->command, row->args);
  return *wrong ? LAB_WRONG : LAB_FITS;
}

bool lab_knows_query(const struct lab_device *d, const struct lab_channel *c, const char *query) {
  const struct argument *queries = find_argument(find_row("DeviceInformation")->args, "Queries");
  const struct argument *value = find_argument(queries->args->args, query);
  return value && judge_argument(d, c, value) == LAB_FITS;
}

enum lab_verdict lab_judge_setting(struct lab_task *t, struct pl *item, const char **wrong) {
  const char *name = pl_str(item, "Item");
  const struct argument *a =
      name ? find_argument(find_argument(find_row("Settings")->args, "Settings")->args, name) : NULL;
  if (!a) return LAB_FORBIDDEN;
  enum lab_verdict verdict = judge_argument(t->device, t->channel, a);
  if (verdict != LAB_FITS) return verdict;
  *wrong = wrong_in(&(struct look){t->cx, t->device, t->channel}, item, a->args);
  return *wrong ? LAB_WRONG : LAB_FITS;
}
