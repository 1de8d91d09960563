/* What simulated devices are. */
#include "app/lab_device.h"
#include "base/enc.h"
#include "base/secret.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEX_ID = 40 }; /* digits of an id in hex */

const struct lab_platform lab_platforms[] = {
    {"macos", MAC, "Lab Mac", "Mac16,10", "Mac16,10", "Mac mini", "15.6.1", "24G90", LAB_UDID_UUID, "",
     LAB_TELLS_SYSTEM | LAB_TELLS_NAMES, false},
    {"macos-intel", MAC, "Lab Intel Mac", "Macmini8,1", "Macmini8,1", "Mac mini", "15.6.1", "24G90", LAB_UDID_UUID, "",
     LAB_TELLS_SYSTEM | LAB_TELLS_NAMES, true},
    {"ios", PHONE, "Lab iPhone", "iPhone17,1", "MYW23", "iPhone 16 Pro", "18.6.2", "22G100", LAB_UDID_SHORT,
     "00008140-", LAB_TELLS_SYSTEM | LAB_TELLS_CELLULAR, false},
    {"ipados", IPAD, "Lab iPad", "iPad14,8", "MV273", "iPad Air (11-inch) (M2)", "18.6.2", "22G100", LAB_UDID_SHORT,
     "00008112-", LAB_TELLS_SYSTEM, false},
    {"shared-ipad", SHARED, "Lab Shared iPad", "iPad11,6", "MYL92", "iPad (8th generation)", "18.6.2", "22G100",
     LAB_UDID_HEX, "", LAB_TELLS_SYSTEM, false},
    {"tvos", TV, "Lab Apple TV", "AppleTV14,1", "MN893", "Apple TV 4K", "18.6", "22M84", LAB_UDID_SHORT, "00008110-", 0,
     false},
    {"watchos", WATCH, "Lab Apple Watch", "Watch7,9", "MWWH3", "Apple Watch Series 10", "11.6.1", "22U90",
     LAB_UDID_SHORT, "00008310-", LAB_TELLS_SYSTEM, false},
    {"visionos", VISION, "Lab Vision", "RealityDevice14,1", "MQL83", "Apple Vision Pro", "2.6", "22O785",
     LAB_UDID_SHORT, "00008132-", LAB_TELLS_SYSTEM, false},
    {0},
};

const struct lab_platform *lab_platform(const char *word) {
  for (const struct lab_platform *p = lab_platforms; p->word; p++)
    if (strcmp(p->word, word) == 0) return p;
  return NULL;
}

/* n characters out of those that Apple uses in serial numbers. */
static void random_serial(char *out, size_t n) {
  static const char alphabet[] = "0123456789CDFGHJKLMNPQRTVWXY";
  uint8_t bytes[16];
  secret_random(bytes, n);
  for (size_t i = 0; i < n; i++) out[i] = alphabet[bytes[i] % (sizeof alphabet - 1)];
  out[n] = 0;
}

static void upper(char *s) {
  for (; *s; s++) *s = (char)toupper((unsigned char)*s);
}

static void random_udid(char *out, size_t room, const struct lab_platform *platform) {
  char uuid[UUID_LEN + 1], hex[HEX_ID + 1];
  uint8_t bytes[HEX_ID / 2];
  uuid_new(uuid);
  secret_random(bytes, sizeof bytes);
  enc_hex_to(hex, bytes, sizeof bytes);
  if (platform->udid_form == LAB_UDID_HEX) {
    snprintf(out, room, "%s", hex);
  } else if (platform->udid_form == LAB_UDID_UUID) {
    snprintf(out, room, "%s", uuid);
    upper(out);
  } else {
    snprintf(out, room, "%s%.16s", platform->udid_prefix, hex);
    upper(out);
  }
}

struct lab_device *lab_device_new(const struct lab_platform *platform, const char *udid, const char *serial,
                                  int64_t number) {
  struct lab_device *d = mem_alloc(sizeof *d);
  d->platform = platform;
  d->number = number;
  snprintf(d->os_version, sizeof d->os_version, "%s", platform->os_version);
  snprintf(d->build, sizeof d->build, "%s", platform->build);
  d->channels_n = 1;
  random_udid(d->udid, sizeof d->udid, platform);
  random_serial(d->serial, 10);
  if (udid) snprintf(d->udid, sizeof d->udid, "%s", udid);
  if (serial) snprintf(d->serial, sizeof d->serial, "%s", serial);
  if (number)
    snprintf(d->name, sizeof d->name, "%s %lld", platform->name, (long long)number);
  else
    snprintf(d->name, sizeof d->name, "%s", platform->name);
  return d;
}

static void random_hex_id(char *out) {
  uint8_t bytes[HEX_ID / 2];
  secret_random(bytes, sizeof bytes);
  enc_hex_to(out, bytes, sizeof bytes);
}

void lab_device_enroll_for_user(struct lab_device *d) {
  d->user_enrollment = true;
  random_hex_id(d->udid);
}

/* A Shared iPad names its users by their accounts; the id says nothing. */
void lab_device_add_user(struct lab_device *d) {
  static const char nobody[] = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";
  size_t n = d->channels_n;
  if (n == LAB_CHANNELS) return;
  struct lab_channel *c = &d->channels[d->channels_n++];
  if (d->platform->os == SHARED) {
    snprintf(c->user_id, sizeof c->user_id, "%s", nobody);
    snprintf(c->short_name, sizeof c->short_name, "pupil.%zu@%.12s.example", n, d->serial);
    snprintf(c->long_name, sizeof c->long_name, "Pupil %zu", n);
  } else {
    if (d->user_enrollment) {
      random_hex_id(c->user_id);
    } else {
      uuid_new(c->user_id);
      upper(c->user_id);
    }
    snprintf(c->short_name, sizeof c->short_name, "user%zu", n);
    snprintf(c->long_name, sizeof c->long_name, "Lab User %zu", n);
  }
}

void lab_id(char out[LAB_ID_MAX], const struct lab_device *d, const struct lab_channel *c) {
  if (c == d->channels)
    snprintf(out, LAB_ID_MAX, "%s", d->udid);
  else
    snprintf(out, LAB_ID_MAX, "%s:%s", d->udid, d->platform->os == SHARED ? c->short_name : c->user_id);
}

void lab_device_forget(struct lab_device *d) {
  for (size_t i = 0; i < d->channels_n; i++) {
    lab_drop_all(&d->channels[i]);
    buf_wipe(&d->channels[i].unsent.body);
  }
  ctx_free(d->cx);
  d->cx = NULL;
  d->identity = NULL;
  d->identity_pem = (struct slice){0};
  d->profile = (struct lab_profile){0};
  d->phase = LAB_NEW;
}

void lab_device_free(struct lab_device *d) {
  if (!d) return;
  lab_device_forget(d);
  free(d);
}
