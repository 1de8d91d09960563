/* What the parts of the database adapter share. */
#ifndef POMONA_LIB_DB_INT_H
#define POMONA_LIB_DB_INT_H

#include "lib/db.h"

struct db_after {
  struct db_after *next;
  void (*run)(void *arg);
  void *arg;
};

enum db_mode { DB_WRITE, DB_READ, DB_READ_ONLY /* the file is not even opened for writing */ };

/* ---- db_sqlite.c: one connection ---- */
MUST_CHECK enum err db_connect(struct ctx *cx, struct db **out, const char *path, enum db_mode mode);
void db_disconnect(struct db *db);
/* Any number of statements in one text, without rows: schema files. */
MUST_CHECK enum err db_script(struct ctx *cx, struct db *db, const char *sql);
/* False when SQLite has rolled the transaction back by itself (full disk, I/O error). */
bool db_in_transaction(const struct db *db);
int64_t db_changes(struct db *db); /* rows that were ever changed on this connection */
void db_set_watch(struct db *db, const struct db_watch *w);
void db_tell_commit(struct db *db);
/* What the running job wants done after its commit; the slot is the connection's. */
struct db_after **db_after_list(struct db *db);

/* ---- db_migrate.c ---- */
MUST_CHECK enum err db_migrate(struct ctx *cx, struct db *db);

/* ---- db_writer.c ---- */
struct db_writer;
struct db_writer *db_writer_start(struct db *db);
void db_writer_stop(struct db_writer *w); /* after the last job */
void db_writer_post(struct db_writer *w, struct db_job *job);
void db_writer_settle(struct db_writer *w);
MUST_CHECK enum err db_writer_health(struct ctx *cx, struct db_writer *w);
int64_t db_writer_trouble_since(struct db_writer *w);

#endif
