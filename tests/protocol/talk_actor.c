/* What devices are, and how they get in. */
#include "talk_actor.h"

#include "app/lab_device.h"
#include "base/enc.h"
#include "lib/pki_cms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct kind talk_kinds[] = {
    {"mac", "UDID", "UserID", "Mac14,2", "macOS", false},
    {"iphone", "UDID", NULL, "iPhone16,1", "iOS", true},
    {"ipad", "UDID", NULL, "iPad14,3", "iPadOS", true},
    {"shared-ipad", "UDID", "UserID", "iPad14,3", "iPadOS", false},
    {"appletv", "UDID", NULL, "AppleTV14,1", "tvOS", false},
    {"watch", "UDID", NULL, "Watch7,1", "watchOS", true},
    {"vision", "UDID", NULL, "RealityDevice14,1", "visionOS", true},
    {"byod", "EnrollmentID", "EnrollmentUserID", "Mac14,2", "macOS", false},
    {0},
};

static const struct kind *kind_of(const char *word) {
  for (const struct kind *k = talk_kinds; k->word; k++)
    if (strcmp(k->word, word) == 0) return k;
  return NULL;
}

bool actor_is_kind(const char *word) { return kind_of(word) != NULL; }

/* All devices have one key: only their certificates tell them apart. */
struct pki_key *talk_key(void) {
  static struct pki_key *key;
  if (!key) {
    struct pki_key *made;
    talk_must(pki_key_new_rsa(talk.cx, &made, 2048));
    key = pki_key_keep(made);
  }
  return key;
}

struct talk_actor *actor_find(const char *name) {
  for (size_t i = 0; i < talk.actors_n; i++)
    if (strcmp(talk.actors[i].name, name) == 0) return &talk.actors[i];
  return NULL;
}

struct talk_actor *actor_get(const char *name) {
  struct talk_actor *a = actor_find(name);
  if (!a) talk_fail("nobody is called %s", name);
  return a;
}

/* As NanoMDM normalises ids; the server's own idea of it is what is tested. */
const char *actor_channel(const struct talk_actor *a) {
  static const char all_f[] = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";
  if (!a->device) return a->id;
  return ctx_printf(talk.cx, "%s:%s", a->device->id, strcmp(a->id, all_f) == 0 ? a->short_name : a->id);
}

static void take_facts(struct talk_actor *a, const struct line *l, size_t from) {
  for (size_t i = from; i < l->n; i++) {
    char *equals = strchr(l->words[i], '=');
    if (!equals) talk_fail("KEY=VALUE, not %s", l->words[i]);
    struct slice key = slice_mem(l->words[i], (size_t)(equals - l->words[i]));
    if (slice_is(key, "id"))
      a->id = equals + 1;
    else if (slice_is(key, "serial"))
      a->serial = equals + 1;
    else if (slice_is(key, "short-name"))
      a->short_name = equals + 1;
    else if (slice_is(key, "long-name"))
      a->long_name = equals + 1;
    else
      talk_fail("an actor has id, serial, short-name and long-name, but no %s", l->words[i]);
  }
}

static struct talk_actor *add(const char *name, const struct kind *kind) {
  if (talk.actors_n == ACTORS_MAX || actor_find(name)) talk_fail("too many actors, or %s twice", name);
  struct talk_actor *a = &talk.actors[talk.actors_n++];
  *a = (struct talk_actor){.kind = kind};
  snprintf(a->name, sizeof a->name, "%s", name);
  return a;
}

void actor_new(const struct line *l) {
  if (l->n < 2) talk_fail("KIND NAME [id=…] [serial=…]");
  struct talk_actor *a = add(l->words[1], kind_of(l->words[0]));
  a->id = ctx_printf(talk.cx, "ID-%s", a->name);
  a->serial = strcmp(a->kind->word, "byod") == 0 ? NULL : ctx_printf(talk.cx, "SERIAL-%s", a->name);
  take_facts(a, l, 2);
}

void actor_user(const struct line *l) {
  if (l->n < 4 || strcmp(l->words[2], "of") != 0) talk_fail("user NAME of DEVICE [id=…] [short-name=…] [long-name=…]");
  struct talk_actor *device = actor_get(l->words[3]), *a = add(l->words[1], device->kind);
  bool shared = strcmp(device->kind->word, "shared-ipad") == 0;
  a->device = device;
  a->id = shared ? "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF" : ctx_printf(talk.cx, "USER-%s", a->name);
  a->short_name = a->name;
  a->long_name = ctx_printf(talk.cx, "The user %s", a->name);
  take_facts(a, l, 4);
}

/* ---- identities ---- */

static void hold(struct talk_actor *a, struct pki_cert *cert) {
  pki_cert_free(a->identity);
  a->identity = pki_cert_keep(cert);
  a->installs++;
}

/* By the SCEP payload of an enrollment profile. */
static void by_profile(struct talk_actor *a, struct slice bytes) {
  struct lab_profile profile;
  struct pki_cert *cert;
  talk_must(lab_profile_read(talk.cx, &profile, bytes));
  talk_must(lab_scep(talk.cx, &cert, &profile, talk.client, talk_key(), NULL));
  hold(a, cert);
}

/* As a device does it: the profile by its link, then SCEP. */
static void by_link(struct talk_actor *a, const char *path) {
  struct nh_req rq = {.method = "GET"};
  world_ask(talk.devices, &rq, path);
  talk.message = "link";
  if (talk.reply.status != 200) return;
  by_profile(a, talk.reply.body);
  talk.said = false;
}

/* The push token stays: the profile takes the place of its own. */
void actor_install(const struct line *l) {
  struct pl *root;
  struct slice profile;
  if (l->n != 2) talk_fail("install NAME");
  struct talk_actor *a = actor_get(l->words[1]);
  talk_must(pl_parse(talk.cx, talk.reply.body, &pl_limits_report, &root));
  if (!pl_data(pl_get(pl_get(root, "Command"), "Payload"), &profile)) talk_fail("that was no InstallProfile");
  by_profile(a, profile);
  a->installs--;
}

/* By a CA of others; NULL: by itself, which nobody knows. */
static void by_ca(struct talk_actor *a, const struct pki_cert *ca) {
  struct pki_cert *cert;
  struct pki_issue what = {.cn = a->id,
                           .subject_key = talk_key(),
                           .issuer = ca,
                           .issuer_key = talk_key(),
                           .not_before = clock_now_us() - US_DAY,
                           .not_after = clock_now_us() + 365 * US_DAY,
                           .kind = PKI_IDENTITY};
  talk_must(pki_cert_issue(talk.cx, &cert, &what));
  hold(a, cert);
}

static void by_new_link(struct talk_actor *a) {
  struct line l = {.words = {"link", "*"}, .n = 2};
  admin_link(&l);
  by_link(a, label_value("*"));
}

/* "identity NAME", by a new link; "identity NAME by LINK"; "identity NAME of OTHER", the other's; "identity NAME of
   stranger", of no accepted CA; "identity NAME of device-ca". A link that is refused leaves its answer to be looked at.
 */
void actor_identity(const struct line *l) {
  if (l->n != 2 && l->n != 4) talk_fail("identity NAME [by LINK | of NAME | of stranger | of device-ca]");
  struct talk_actor *a = actor_get(l->words[1]);
  if (l->n == 2)
    by_new_link(a);
  else if (strcmp(l->words[2], "by") == 0)
    by_link(a, label_value(l->words[3]) ? label_value(l->words[3]) : l->words[3]);
  else if (strcmp(l->words[3], "stranger") == 0)
    by_ca(a, NULL);
  else if (strcmp(l->words[3], "device-ca") == 0)
    by_ca(a, world_device_ca());
  else
    hold(a, actor_get(l->words[3])->identity);
}

static void say_well(const char *name, const char *message) {
  struct line l = {.words = {">", ctx_strdup(talk.cx, name), ctx_strdup(talk.cx, message)}, .n = 3};
  actor_say(&l);
  if (talk.reply.status != 200) talk_fail("%s of %s was answered %d", message, name, talk.reply.status);
  talk.said = false;
}

/* The whole way in of each; a user's is its TokenUpdate. */
void actor_enroll(const struct line *l) {
  for (size_t i = 1; i < l->n; i++) {
    struct talk_actor *a = actor_get(l->words[i]);
    if (!a->device) {
      by_new_link(a);
      say_well(a->name, "Authenticate");
    }
    say_well(a->name, "TokenUpdate");
  }
}
