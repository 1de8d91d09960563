/* The database: connections, statements, rows, and the one writer with group commit.

   Statements are SQL literals with $1, $2 … placeholders in the subset that SQLite and PostgreSQL share; a connection
   prepares each once and finds it again by the address of the literal, so pass literals (static text), never built
   strings. Who owns what: struct db belongs to one thread at a time. Values given are borrowed for the call; values
   read by db_text and db_blob are copied into cx. Threads: db_reader gives the calling thread a read-only connection of
   its own. Writes are jobs for the writer. Times are integer microseconds UTC. */
#ifndef POMONA_LIB_DB_H
#define POMONA_LIB_DB_H

#include "base/buf.h"
#include "base/ctx.h"
#include "base/thread.h"

struct db;       /* one connection */
struct db_store; /* the database: its readers and its writer */

/* ---- values and statements ---- */

struct db_val {
  int type; /* 's' text, 'b' blob, 'i' integer, 'n' NULL, 0 end of the list */
  struct slice s;
  int64_t i;
};
static inline struct db_val db_val_of(int type, struct slice s) {
  return (struct db_val){.type = s.p ? type : 'n', .s = s};
}
#define DB_S(v) db_val_of('s', slice_of(v)) /* C string, NULL is NULL */
#define DB_T(v) db_val_of('s', (v))         /* text slice, p NULL is NULL */
#define DB_B(v) db_val_of('b', (v))         /* blob slice, p NULL is NULL */
#define DB_I(v) ((struct db_val){.type = 'i', .i = (int64_t)(v)})
#define DB_NULL_IF(cond, val) ((cond) ? (struct db_val){.type = 'n'} : (val))
#define DB_END ((struct db_val){.type = 0})

/* Runs a statement that gives no rows (or whose rows do not matter). changed may be NULL: number of rows it touched. */
MUST_CHECK enum err db_run_(struct ctx *cx, struct db *db, int64_t *changed, const char *sql, ...);
#define db_run(cx, db, ...) db_run_((cx), (db), NULL, __VA_ARGS__, DB_END)
#define db_run_n(cx, db, changed, ...) db_run_((cx), (db), (changed), __VA_ARGS__, DB_END)

/* A cursor over a statement's rows. Always end it with db_close, before the same statement is opened again.

     struct db_rows r;
     TRY(db_open_rows(cx, db, &r, "SELECT id FROM device WHERE seq > $1", DB_I(after)));
     while (db_next(&r)) … db_text(&r, 0) …
     TRY(db_close(&r));        // also reports what went wrong in db_next */
struct db_rows {
  struct ctx *cx;
  struct db *db;
  void *stmt;
  enum err e;
};
MUST_CHECK enum err db_open_rows_(struct ctx *cx, struct db *db, struct db_rows *r, const char *sql, ...);
#define db_open_rows(cx, db, r, ...) db_open_rows_((cx), (db), (r), __VA_ARGS__, DB_END)
bool db_next(struct db_rows *r);
MUST_CHECK enum err db_close(struct db_rows *r);

bool db_is_null(struct db_rows *r, int col);
int64_t db_int(struct db_rows *r, int col);       /* 0 for NULL */
char *db_text(struct db_rows *r, int col);        /* copied into cx; NULL for NULL */
struct slice db_blob(struct db_rows *r, int col); /* copied into cx; p NULL for NULL */

/* Rows are open on this connection: until they are closed it sees the database as it was when they were opened. */
bool db_sees_past(const struct db *db);

/* A single number: E_NOT_FOUND when there is no row. */
MUST_CHECK enum err db_one_int_(struct ctx *cx, struct db *db, int64_t *out, const char *sql, ...);
#define db_one_int(cx, db, out, ...) db_one_int_((cx), (db), (out), __VA_ARGS__, DB_END)

/* ---- the store ---- */

/* Opens (creates, migrates) the database at path; ":memory:" for tests: then all readers share the writer's memory.
   E_STORAGE when it cannot be opened or written, E_CONFLICT when it is newer than this program. */
MUST_CHECK enum err db_store_open(struct ctx *cx, struct db_store **out, const char *path);
/* For who only looks, beside a server or without one: nothing is created or migrated, and writes are E_DENIED.
   E_CONFLICT when its schema is not this program's. */
MUST_CHECK enum err db_store_open_read(struct ctx *cx, struct db_store **out, const char *path);
/* What SQLite finds wrong in the file, NULL when nothing; looks for at most max_us: *whole tells whether that was
   enough. */
MUST_CHECK enum err db_quick_check(struct ctx *cx, struct db *db, int64_t max_us, char **trouble, bool *whole);
void db_store_close(struct db_store *st); /* finishes every posted job first */

/* The calling thread's read connection: opened on first use, closed with the store. */
MUST_CHECK enum err db_reader(struct ctx *cx, struct db_store *st, struct db **out);

/* A write. The writer runs fn in a SAVEPOINT of its own, many jobs in one transaction, and calls done after that
   transaction is on disk (or has failed). When fn returns an error, what it wrote is undone and the others stand.
   Jobs stay below 5 ms. The job's memory stays the caller's until done was called. */
struct db_job {
  struct note note; /* used by the writer */
  struct ctx *cx;   /* handed over until done */
  enum err (*fn)(struct ctx *cx, struct db *db, void *arg);
  void (*done)(struct db_job *job, enum err e); /* on the writer's thread; must not block */
  void *arg;
};
void db_post(struct db_store *st, struct db_job *job);
/* One that nobody waits for: cx is freed after it, and what goes wrong is logged. arg lives in cx. */
void db_post_alone(struct db_store *st, struct ctx *cx, enum err (*fn)(struct ctx *cx, struct db *db, void *arg),
                   void *arg);

/* The same, and waits. Never on a listener's thread. */
MUST_CHECK enum err db_call(struct ctx *cx, struct db_store *st,
                            enum err (*fn)(struct ctx *cx, struct db *db, void *arg), void *arg);

/* Calls after(arg) when the job that is running now has been committed: for hints to other threads.
   Only inside a job's fn; dropped when the job fails. arg lives in the job's cx. */
void db_after_commit(struct db *db, void (*after)(void *arg), void *arg);

/* Watching: which rows of which tables the writer changes. Both are called on its thread and must not block; changed
   for each row (table lives for the call), before it is known whether that lasts; committed when a transaction is on
   disk. Costs nothing while nobody watches. */
struct db_watch {
  void (*changed)(void *arg, const char *table, int64_t row);
  void (*committed)(void *arg);
  void *arg;
};
/* From now on; NULL: not any more, and the former one is free when this returns. One at a time. Waits, as db_call. */
MUST_CHECK enum err db_watch(struct ctx *cx, struct db_store *st, const struct db_watch *w);

/* Waits until no job is left, those that others post when they are done included. Never on a listener's thread. */
void db_settle(struct db_store *st);

/* The error of the last commit that failed, if the writer is in trouble now; E_STORAGE with text, else OK. */
MUST_CHECK enum err db_health(struct ctx *cx, struct db_store *st);
int64_t db_trouble_since(struct db_store *st); /* 0: there is none */

/* Writes something harmless, to see whether it can be written again. Waits, as db_call. */
MUST_CHECK enum err db_probe(struct ctx *cx, struct db_store *st);

/* ---- migrations (db_migrate.c) ---- */
struct db_migration {
  int number;       /* 1, 2, … without a gap */
  const char *name; /* of the file, e.g. "0001_initial" */
  const char *sql;
};
extern const struct db_migration db_migrations[]; /* made by the build from server/lib/schema; number 0 ends it */
int db_schema_newest(void);

#endif
