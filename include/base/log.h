/* The log: one line an event, logfmt or JSON, on stderr, written by a thread of its own.

   Who owns what: values are copied. Any thread may call, before log_start (lines are then written at once) and after.
   A line never waits for the disk: when the ring is full it is dropped, and the number of dropped lines is logged
   later. Never log secrets, tokens in paths, or bodies. Values are escaped, so that no input can forge a line.

     log_info(cx, "device enrolled", LOG_S("id", id), LOG_I("generation", 3)); */
#ifndef POMONA_BASE_LOG_H
#define POMONA_BASE_LOG_H

#include "base/buf.h"
#include "base/ctx.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_kv {
  const char *key; /* NULL ends the list */
  struct slice s;
  int64_t i;
  bool is_int;
};
#define LOG_S(k, v) ((struct log_kv){.key = (k), .s = slice_of(v)})
#define LOG_N(k, v) ((struct log_kv){.key = (k), .s = (v)}) /* a slice */
#define LOG_I(k, v) ((struct log_kv){.key = (k), .i = (int64_t)(v), .is_int = true})

/* cx may be NULL; its trace id goes with the line. The list of struct log_kv ends with a NULL key. */
void log_emit(enum log_level level, const struct ctx *cx, const char *message, ...);
#define LOG_END ((struct log_kv){.key = NULL})
#define log_debug(cx, ...) (log_enabled(LOG_DEBUG) ? log_emit(LOG_DEBUG, (cx), __VA_ARGS__, LOG_END) : (void)0)
#define log_info(cx, ...) (log_enabled(LOG_INFO) ? log_emit(LOG_INFO, (cx), __VA_ARGS__, LOG_END) : (void)0)
#define log_warn(cx, ...) log_emit(LOG_WARN, (cx), __VA_ARGS__, LOG_END)
#define log_error(cx, ...) log_emit(LOG_ERROR, (cx), __VA_ARGS__, LOG_END)
/* The error that cx recorded, with its place, under `message`. */
void log_failure(enum log_level level, const struct ctx *cx, const char *message);

bool log_enabled(enum log_level level);
bool log_level_parse(const char *name, enum log_level *out); /* debug, info, warn, error */
void log_set(enum log_level level, bool json);
void log_start(void); /* starts the writing thread */
void log_stop(void);  /* writes what waits, ends the thread */

#endif
