/* What simulated devices are. */
#include "app/lab_device.h"
#include "base/enc.h"
#include "base/secret.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct lab_platform lab_platforms[] = {
    {"macos", MAC, "Lab Mac", "Mac16,10", "Mac16,10", "Mac mini", "15.6.1", "24G90", NULL},
    {"ios", PHONE, "Lab iPhone", "iPhone17,1", "MYW23", "iPhone 16 Pro", "18.6.2", "22G100", "00008140-"},
    {"ipados", IPAD, "Lab iPad", "iPad14,8", "MV273", "iPad Air (11-inch) (M2)", "18.6.2", "22G100", "00008112-"},
    {"tvos", TV, "Lab Apple TV", "AppleTV14,1", "MN893", "Apple TV 4K", "18.6", "22M84", "00008110-"},
    {"watchos", WATCH, "Lab Apple Watch", "Watch7,9", "MWWH3", "Apple Watch Series 10", "11.6.1", "22U90", "00008310-"},
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
  char uuid[UUID_LEN + 1], hex[17];
  uint8_t bytes[8];
  uuid_new(uuid);
  secret_random(bytes, sizeof bytes);
  enc_hex_to(hex, bytes, sizeof bytes);
  snprintf(out, room, "%s%s", platform->udid_prefix ? platform->udid_prefix : "", platform->udid_prefix ? hex : uuid);
  upper(out);
}

struct lab_device *lab_device_new(const struct lab_platform *platform, const char *udid, const char *serial,
                                  int64_t number) {
  struct lab_device *d = mem_alloc(sizeof *d);
  d->platform = platform;
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

static void forget_profiles(struct lab_device *d) {
  while (d->installed) {
    struct lab_installed *p = d->installed;
    d->installed = p->next;
    free(p->identifier);
    free(p->uuid);
    free(p->name);
    free(p->organization);
    free(p);
  }
}

void lab_device_forget(struct lab_device *d) {
  forget_profiles(d);
  buf_wipe(&d->unsent);
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
