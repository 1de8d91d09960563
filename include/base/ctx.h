/* The context of one unit of work: a request, a job, a command of the CLI.

   It carries an arena (memory that lives until ctx_reset or ctx_free), deferred releases (run in reverse order at the
   same moment), a deadline, a trace id and the first error with its place.
   Who owns what: what a function taking `cx` returns lives until ctx_free(cx). Deferred functions own their argument.
   Threads: a context belongs to one thread at a time; handing it over (a job for the writer) hands over everything in
   it. Allocation never fails: on exhaustion the process aborts, since every input is capped before it is read. */
#ifndef POMONA_BASE_CTX_H
#define POMONA_BASE_CTX_H

#include "base/err.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct ctx;

struct ctx *ctx_new(void);
void ctx_free(struct ctx *cx);  /* NULL is fine */
void ctx_reset(struct ctx *cx); /* as free and new, keeping one block of memory: for loops; a new trace id */

void *ctx_alloc(struct ctx *cx, size_t n);                 /* n zeroed bytes, aligned for any type */
void *ctx_memdup(struct ctx *cx, const void *p, size_t n); /* n may be 0; a NUL byte follows the copy */
char *ctx_strdup(struct ctx *cx, const char *s);           /* NULL gives NULL */
char *ctx_printf(struct ctx *cx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctx_defer(struct ctx *cx, void (*release)(void *), void *arg); /* run once at reset or free, last in first out */

/* 16 hexadecimal digits, unique enough to find a request in the log. Lives as long as cx. */
const char *ctx_trace(const struct ctx *cx);

/* Absolute deadline in monotonic microseconds (clock_mono_us); 0 is none. */
void ctx_set_deadline(struct ctx *cx, int64_t mono_us);
int64_t ctx_deadline(const struct ctx *cx);

/* Records e with a text for the operator, of any length, lines separated by \n; only the first since the last
 * ctx_clear_error is kept. Returns e. */
enum err ctx_fail(struct ctx *cx, enum err e, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
#ifdef __clang_analyzer__ /* which cannot see that ctx_fail gives back e */
#define FAIL(cx, e, ...) (ctx_fail((cx), (e), __FILE__, __LINE__, __VA_ARGS__), (e))
#else
#define FAIL(cx, e, ...) ctx_fail((cx), (e), __FILE__, __LINE__, __VA_ARGS__)
#endif

enum err ctx_error(const struct ctx *cx);          /* OK when none was recorded */
const char *ctx_error_text(const struct ctx *cx);  /* "" when none; never holds secrets */
const char *ctx_error_place(const struct ctx *cx); /* "file.c:12", "" when none */
void ctx_clear_error(struct ctx *cx);              /* after an error that the caller expected and dealt with */

/* Allocation that outlives a context; aborts on exhaustion. Free with free(). */
void *mem_alloc(size_t n); /* zeroed */
void *mem_realloc(void *p, size_t n);
char *mem_strdup(const char *s); /* NULL gives NULL */

#endif
