/* What goes wrong with simulated devices on purpose: --fail, --trouble, --late. */
#include "app/lab_task.h"

#include <stdio.h>
#include <string.h>

/* ---- reading the options ---- */

/* The next of a list "A=B,C=D"; false at its end. */
static bool next_pair(struct slice *rest, struct slice *left, struct slice *right) {
  struct slice one;
  if (rest->n == 0 || !slice_cut(rest, ',', &one)) return false;
  *right = (struct slice){0};
  if (slice_cut(&one, '=', left)) *right = one;
  return true;
}

static bool copy(char *to, size_t room, struct slice text) {
  snprintf(to, room, "%.*s", (int)text.n, text.n ? text.p : "");
  return text.n > 0 && text.n < room;
}

static enum err read_fail(struct ctx *cx, struct lab_failure *f, struct slice type, struct slice what) {
  struct slice domain, code;
  int64_t number, times = 0;
  bool whole = copy(f->request_type, sizeof f->request_type, type) && slice_cut(&what, ':', &domain) &&
               copy(f->domain, sizeof f->domain, domain) && slice_cut(&what, 'x', &code) && slice_to_i64(code, &number);
  if (!whole || (what.n && (!slice_to_i64(what, &times) || times < 1)))
    return FAIL(cx, E_USAGE, "--fail: TYPE=DOMAIN:CODE or TYPE=DOMAIN:CODExTIMES, several of them with commas");
  f->code = number;
  f->times = times;
  return OK;
}

static enum err read_fails(struct ctx *cx, struct lab_trouble *out, const char *text) {
  struct slice rest = slice_of(text), type, what;
  while (next_pair(&rest, &type, &what)) {
    if (out->failures_n == LAB_FAILURES) return FAIL(cx, E_USAGE, "--fail: at most %d", LAB_FAILURES);
    TRY(read_fail(cx, &out->failures[out->failures_n++], type, what));
  }
  return OK;
}

static enum err read_late(struct ctx *cx, struct lab_trouble *out, const char *text) {
  struct slice rest = slice_of(text), type, state;
  while (next_pair(&rest, &type, &state)) {
    struct lab_delay *l = &out->late[out->late_n];
    if (out->late_n == LAB_FAILURES) return FAIL(cx, E_USAGE, "--late: at most %d", LAB_FAILURES);
    if ((!slice_is(type, "InstallApplication") && !slice_is(type, "InstallEnterpriseApplication")) ||
        !copy(l->request_type, sizeof l->request_type, type) || !copy(l->state, sizeof l->state, state))
      return FAIL(cx, E_USAGE, "--late: InstallApplication=STATE or InstallEnterpriseApplication=STATE");
    out->late_n++;
  }
  return OK;
}

enum err lab_trouble_read(struct ctx *cx, struct lab_trouble *out, const struct lab_trouble_words *words) {
  *out = (struct lab_trouble){.percent = words->percent, .seed = (uint64_t)words->seed};
  if (words->percent > 100) return FAIL(cx, E_USAGE, "--trouble: a share between 0 and 100");
  if (words->fail) TRY(read_fails(cx, out, words->fail));
  return words->late ? read_late(cx, out, words->late) : OK;
}

/* ---- --fail and --late ---- */
struct pl *lab_fails(struct lab_task *t) {
  const struct lab_trouble *all = t->device->trouble;
  for (size_t i = 0; all && i < all->failures_n; i++) {
    const struct lab_failure *f = &all->failures[i];
    int64_t *so_far = &t->channel->luck.failed[i];
    if (strcmp(f->request_type, t->out->request_type) != 0 || (f->times && *so_far >= f->times)) continue;
    ++*so_far;
    struct pl *chain = pl_new_array(t->cx), *e = pl_new_dict(t->cx);
    pl_set_int(e, "ErrorCode", f->code);
    pl_set_string(e, "ErrorDomain", f->domain);
    pl_set_string(e, "LocalizedDescription", "This device was told to fail.");
    pl_add(chain, e);
    return chain;
  }
  return NULL;
}

const char *lab_late_state(const struct lab_device *d, const char *request_type) {
  for (size_t i = 0; d->trouble && i < d->trouble->late_n; i++)
    if (strcmp(d->trouble->late[i].request_type, request_type) == 0) return d->trouble->late[i].state;
  return NULL;
}

bool lab_is_late(const struct lab_device *d, const char *request_type, const char *state) {
  const char *late = lab_late_state(d, request_type);
  return late && strcmp(late, state) == 0;
}

/* ---- --trouble ---- */
static uint64_t mix(uint64_t x) { /* splitmix64 */
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

static uint64_t hash(uint64_t h, const char *text) {
  for (; text && *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3ULL;
  return h;
}

/* What a command is about, whatever its UUID: what is asked again is told by it. */
static uint64_t subject(struct lab_task *t) {
  static const char *const keys[] = {"Identifier", "UserName", "ManifestURL", "PersistentID", "UUID"};
  struct slice payload;
  struct pl *profile;
  struct pki_cert *signer;
  int64_t id = 0;
  uint64_t h = hash(0xcbf29ce484222325ULL, t->out->request_type);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) h = hash(h, pl_str(t->command, keys[i]));
  if (pl_int(pl_get(t->command, "iTunesStoreID"), &id)) h = mix(h ^ (uint64_t)id);
  if (pl_data(pl_get(t->command, "Payload"), &payload)) {
    if (lab_profile_open(t->cx, &profile, &signer, payload) == OK) h = hash(h, pl_str(profile, "PayloadIdentifier"));
    ctx_clear_error(t->cx);
  }
  return h | 1; /* 0: a free place */
}

static bool spare(struct lab_luck *luck, uint64_t about) {
  for (size_t i = 0; i < LAB_SPARED; i++)
    if (luck->spared[i] == about) {
      luck->spared[i] = 0;
      return true;
    }
  return false;
}

enum lab_fortune lab_draw(struct lab_task *t) {
  const struct lab_trouble *trouble = t->device->trouble;
  struct lab_luck *luck = &t->channel->luck;
  if (!trouble || !trouble->percent) return LAB_ALL_RIGHT;
  uint64_t about = subject(t);
  if (spare(luck, about)) return LAB_ALL_RIGHT;
  size_t channel = (size_t)(t->channel - t->device->channels);
  uint64_t draw = mix(trouble->seed ^ mix((uint64_t)t->device->number * LAB_CHANNELS + channel) ^ mix(++luck->answers));
  if (draw % 100 >= (uint64_t)trouble->percent) return LAB_ALL_RIGHT;
  luck->spared[luck->next++ % LAB_SPARED] = about;
  return draw >> 63 ? LAB_PUTS_OFF : LAB_BREAKS;
}
