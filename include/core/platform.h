/* Platforms: what Apple's schema calls an OS, which one a device runs, and its versions as numbers.

   No storage here. Source: Apple's published schema (docs/apple/catalogue.json). */
#ifndef POMONA_CORE_PLATFORM_H
#define POMONA_CORE_PLATFORM_H

#include "base/buf.h"

enum platform {
  PLATFORM_IOS,
  PLATFORM_MACOS,
  PLATFORM_TVOS,
  PLATFORM_VISIONOS,
  PLATFORM_WATCHOS,
  PLATFORMS,
  PLATFORM_UNKNOWN = -1
};

const char *platform_name(enum platform p); /* as Apple writes it: "iOS", "macOS" …; "an unknown platform" */
const char *platform_word(enum platform p); /* as people type it: "ios", "macos" …; "unknown" */
/* Of a ProductName ("Mac16,10", "iPhone17,1") or, where that is absent, a model; iPads run PLATFORM_IOS. NULL is fine.
 */
enum platform platform_of(const char *product);
enum platform platform_named(struct slice word); /* of a name or a word, in any case; "ipados" is iOS */

/* A version as one number that compares as versions do: "18.1" < "18.1.1" < "18.10"; each part at most 65535, at most
   four parts. -1: none ("", "n/a", text). */
int64_t platform_version(struct slice text);

#endif
