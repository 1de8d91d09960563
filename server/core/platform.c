#include "core/platform.h"

#include <string.h>

static const char *const names[PLATFORMS] = {"iOS", "macOS", "tvOS", "visionOS", "watchOS"};
static const char *const words[PLATFORMS] = {"ios", "macos", "tvos", "visionos", "watchos"};

const char *platform_name(enum platform p) { return p >= 0 && p < PLATFORMS ? names[p] : "an unknown platform"; }
const char *platform_word(enum platform p) { return p >= 0 && p < PLATFORMS ? words[p] : "unknown"; }

enum platform platform_named(struct slice word) {
  for (int p = 0; p < PLATFORMS; p++)
    if (slice_ieq(word, words[p])) return (enum platform)p;
  return slice_ieq(word, "ipados") ? PLATFORM_IOS : PLATFORM_UNKNOWN;
}

enum platform platform_of(const char *product) {
  static const struct {
    const char *prefix;
    enum platform platform;
  } rows[] = {{"Mac", PLATFORM_MACOS},          {"iMac", PLATFORM_MACOS},    {"VirtualMac", PLATFORM_MACOS},
              {"Xserve", PLATFORM_MACOS},       {"iPhone", PLATFORM_IOS},    {"iPad", PLATFORM_IOS},
              {"iPod", PLATFORM_IOS},           {"AppleTV", PLATFORM_TVOS},  {"RealityDevice", PLATFORM_VISIONOS},
              {"Watch", PLATFORM_WATCHOS},      {"Apple TV", PLATFORM_TVOS}, {"Apple Vision", PLATFORM_VISIONOS},
              {"Apple Watch", PLATFORM_WATCHOS}};
  struct slice s = slice_of(product);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (slice_starts(s, rows[i].prefix)) return rows[i].platform;
  return PLATFORM_UNKNOWN;
}

enum { PART_BITS = 16, PARTS = 4 };

int64_t platform_version(struct slice text) {
  int64_t version = 0, part;
  struct slice rest = text, piece;
  int n = 0;
  if (text.n && text.p[text.n - 1] == '.') return -1;
  for (; slice_cut(&rest, '.', &piece); n++) {
    bool digits = piece.n > 0 && piece.n <= 5 && piece.p[0] >= '0' && piece.p[0] <= '9';
    if (n == PARTS || !digits || !slice_to_i64(piece, &part)) return -1;
    if (part > (n == 0 ? INT16_MAX : UINT16_MAX)) return -1; /* the number keeps its sign */
    version |= part << (PART_BITS * (PARTS - 1 - n));
  }
  return n ? version : -1;
}
