/* `migrate nanomdm DIR`: another server's devices into DATA, while no server runs on it. */
#include "app/cmd.h"
#include "app/serve_int.h"
#include "app/table.h"
#include "base/enc.h"
#include "base/secret.h"
#include "core/migrate.h"
#include "core/vault.h"
#include "lib/db.h"

#include <inttypes.h>
#include <unistd.h>

struct run {
  struct server s;
  const char *folder;
  bool dry;
  struct migrate_report report;
  enum err e; /* of the migration */
};

/* ---- the report ---- */

/* A row of the report: what it counts, for machines and for people. */
static const struct {
  const char *key, *text;
  size_t at;
} counts[] = {
#define COUNT(key, text)                                                                                               \
  { #key, text, offsetof(struct migrate_report, key) }
    COUNT(devices, "devices"),
    COUNT(users, "channels of users"),
    COUNT(checked_out, "of these had checked out"),
    COUNT(bound, "devices with their certificate"),
    COUNT(expected, "devices with the hash of their certificate"),
    COUNT(open, "devices whose first contact binds their certificate"),
    COUNT(unlock_tokens, "unlock tokens"),
    COUNT(bootstrap_tokens, "bootstrap tokens"),
    COUNT(commands, "waiting commands"),
    COUNT(push_certificates, "push certificates"),
    COUNT(present, "devices that are enrolled here already: untouched"),
    COUNT(answered, "answered commands: they stay behind"),
#undef COUNT
};
enum { COUNTS = sizeof counts / sizeof *counts };

static int64_t count_of(const struct migrate_report *r, int i) {
  return *(const int64_t *)((const char *)r + counts[i].at);
}

static int64_t number(struct js *n) {
  int64_t i = 0;
  (void)js_int(n, &i);
  return i;
}

/* What the operator does next, as sentences. */
static struct js *next_steps(struct ctx *cx, const struct run *r) {
  const struct core_conf *conf = core_conf(&r->s.core);
  struct js *all = js_array(cx);
  const char *name;
  js_add_string(all,
                ctx_printf(cx,
                           "Devices keep the URL of their profile: public-url has to be that one (it is %s), with its "
                           "path /mdm, when the name is pointed at this server. Stop NanoMDM first.",
                           conf->public_url));
  for (size_t i = 0; js_member(r->report.issuers, i, &name); i++)
    js_add_string(all, ctx_printf(cx,
                                  "The CA \"%s\" issued the certificates of %" PRId64
                                  " devices: its certificate has to stand in a file of device-ca.",
                                  name, number(js_get(r->report.issuers, name))));
  for (size_t i = 0; js_member(r->report.topics, i, &name); i++)
    js_add_string(all, ctx_printf(cx,
                                  "%" PRId64 " channels listen on %s, for which there is no push certificate here: "
                                  "`pomona pushcert import` its certificate and key (renewed, never a new one).",
                                  number(js_get(r->report.topics, name)), name));
  if (r->report.open)
    js_add_string(all,
                  ctx_printf(cx,
                             "%" PRId64 " devices came without their certificate: the first one of a device-ca that "
                             "speaks for such a device within %s (migration-window) is bound to it. Wake them "
                             "with `pomona push`.",
                             r->report.open, enc_age(cx, conf->migration_window_us)));
  js_add_string(all,
                "Identities of migrated devices are renewed only after their original enrollment profile was given.");
  return all;
}

static struct js *report_json(struct ctx *cx, const struct run *r) {
  struct js *o = js_object(cx);
  js_set_bool(o, "dry_run", r->dry);
  for (int i = 0; i < COUNTS; i++) js_set_int(o, counts[i].key, count_of(&r->report, i));
  js_set(o, "issuers", r->report.issuers);
  js_set(o, "topics_without_push_certificate", r->report.topics);
  js_set(o, "left_out", r->report.left_out);
  js_set_int(o, "left_out_more", r->report.left_out_more);
  js_set(o, "next", next_steps(cx, r));
  return o;
}

static void print_left_out(struct ctx *cx, const struct migrate_report *r) {
  static const char *const headers[] = {"LEFT OUT", "WHY", NULL};
  size_t n = js_count(r->left_out);
  if (n == 0) return;
  struct table *t = table_new(cx, headers);
  for (size_t i = 0; i < n; i++) {
    struct js *note = js_at(r->left_out, i);
    const char *cells[] = {js_str(note, "path"), js_str(note, "reason")};
    table_add(t, cells);
  }
  putchar('\n');
  table_print(t, stdout);
  if (r->left_out_more) printf("… and %" PRId64 " more\n", r->left_out_more);
}

static void print_report(struct ctx *cx, const struct run *r) {
  struct js *next = next_steps(cx, r);
  puts(r->dry ? "Nothing was changed. This would come over:" : "This came over:");
  for (int i = 0; i < COUNTS; i++)
    if (count_of(&r->report, i) || i == 0) printf("%8" PRId64 "  %s\n", count_of(&r->report, i), counts[i].text);
  print_left_out(cx, &r->report);
  puts("\nNext:");
  for (size_t i = 0; i < js_count(next); i++) printf("- %s\n", plain(cx, js_string(js_at(next, i))));
}

/* ---- doing it ---- */

/* A dry run is a job that fails at its end: everything that it wrote is undone. */
static enum err migrate_job(struct ctx *cx, struct db *db, void *arg) {
  struct run *r = arg;
  r->e = migrate_nanomdm(cx, db, &r->s.core, r->folder, &r->report);
  if (r->e != OK) return r->e;
  return r->dry ? E_GONE : OK;
}

static enum err in_store(struct ctx *cx, struct run *r) {
  r->e = E_STORAGE;
  enum err e = db_call(cx, r->s.core.store, migrate_job, r);
  return r->dry && r->e == OK ? OK : e;
}

static enum err in_folder(struct ctx *cx, struct run *r) {
  TRY(serve_open_store(cx, &r->s));
  enum err e = in_store(cx, r);
  serve_close_store(&r->s);
  return e;
}

static enum err in_data(struct ctx *cx, struct run *r) {
  TRY(serve_open_folder(cx, &r->s));
  enum err e = in_folder(cx, r);
  serve_close_folder(&r->s);
  return e;
}

/* A dry run where there is no database yet makes none. */
static enum err in_memory(struct ctx *cx, struct run *r) {
  uint8_t key[32];
  secret_random(key, sizeof key);
  TRY(db_store_open(cx, &r->s.core.store, ":memory:"));
  r->s.core.vault = vault_new(key);
  enum err e = in_store(cx, r);
  serve_close_store(&r->s);
  return e;
}

static enum err run(struct ctx *cx, struct run *r) {
  bool there = access(conf_path(cx, r->s.conf, "pomona.db"), F_OK) == 0;
  TRY(serve_open_settings(cx, &r->s));
  enum err e = r->dry && !there ? in_memory(cx, r) : in_data(cx, r);
  if (e == OK && !args_has(r->s.args, "json"))
    print_report(cx, r);
  else if (e == OK)
    print_json(cx, report_json(cx, r));
  serve_close_settings(&r->s);
  return e;
}

enum err cmd_migrate_nanomdm(struct ctx *cx, struct args *a) {
  struct run r = {.s = {.args = a, .conf = a->conf}, .folder = a->operands[0], .dry = args_has(a, "dry-run")};
  TRY(run(cx, &r));
  const struct migrate_report *got = &r.report;
  if (got->devices || got->users || got->push_certificates || got->present) return OK;
  return FAIL(cx, E_INVALID,
              "nothing in %s could be taken over: it has to be the folder that NanoMDM's -storage-dsn named "
              "(dbkv by default)",
              r.folder);
}
