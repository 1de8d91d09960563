/* Profiles on the desk: checked without a server, and templates to begin with. */
#include "app/cmd.h"
#include "app/table.h"
#include "base/file.h"
#include "core/payload.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tally {
  struct ctx *cx;
  struct js *all; /* of --json, or NULL */
  size_t files, errors, warnings;
};

static void print_check(struct ctx *cx, const char *path, const struct payload_check *c) {
  for (size_t i = 0; i < c->n; i++) {
    const struct payload_finding *f = &c->findings[i];
    printf("%s: %s%s%s%s [%s]\n", payload_place(cx, path, f->line),
           f->grade == PAYLOAD_ERROR ? "" : "warning: ", plain(cx, f->key), *f->key ? ": " : "", plain(cx, f->text),
           f->id);
  }
  if (c->n == 0) printf("%s: good\n", path);
}

static enum err check_one(struct tally *t, const char *path) {
  struct ctx *cx = ctx_new();
  struct slice file = {0};
  struct payload_check c = {0};
  enum err e = file_read(cx, &file, path, PAYLOAD_FILE_MOST + 1);
  if (e == OK) e = payload_check(cx, file, &c);
  if (e != OK) {
    e = FAIL(t->cx, e, "%s", ctx_error_text(cx));
    ctx_free(cx);
    return e;
  }
  t->files++;
  t->errors += c.errors;
  t->warnings += c.n - c.errors;
  if (t->all) {
    struct js *o = payload_json(t->cx, &c);
    js_set_string(o, "file", path);
    js_add(t->all, o);
  } else {
    print_check(cx, plain(cx, path), &c);
  }
  ctx_free(cx);
  return OK;
}

static int is_profile(const struct dirent *d) {
  return slice_ends(slice_of(d->d_name), ".mobileconfig") && d->d_name[0] != '.';
}

static enum err check_all(struct tally *t, const char *folder, struct dirent **names, int n) {
  enum err e = OK;
  for (int i = 0; i < n && e == OK; i++) e = check_one(t, ctx_printf(t->cx, "%s/%s", folder, names[i]->d_name));
  return e;
}

/* A file, or all profiles in a folder. */
static enum err check_path(struct tally *t, const char *path) {
  struct dirent **names;
  int n = scandir(path, &names, is_profile, alphasort);
  if (n < 0) return errno == ENOTDIR ? check_one(t, path) : FAIL(t->cx, E_NOT_FOUND, "%s: %s", path, strerror(errno));
  enum err e = n ? check_all(t, path, names, n) : FAIL(t->cx, E_NOT_FOUND, "%s: no file *.mobileconfig is in it", path);
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
  return e;
}

static const char *counted(struct ctx *cx, size_t n, const char *what) {
  return ctx_printf(cx, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

enum err cmd_profile_check(struct ctx *cx, struct args *a) {
  struct tally t = {.cx = cx, .all = args_has(a, "json") ? js_array(cx) : NULL};
  for (size_t i = 0; i < a->n; i++) TRY(check_path(&t, a->operands[i]));
  if (t.all)
    print_json(cx, t.all);
  else if (t.files > 1)
    printf("%s: %s, %s\n", counted(cx, t.files, "profile"), counted(cx, t.errors, "error"),
           counted(cx, t.warnings, "warning"));
  return t.errors ? FAIL(cx, E_INVALID, "%s in what was checked", counted(cx, t.errors, "error")) : OK;
}

/* ---- templates ---- */

enum err cmd_profile_template(struct ctx *cx, struct args *a) {
  struct payload_template *all, one;
  size_t n;
  if (a->n) {
    TRY(payload_template(cx, a->operands[0], &one));
    fwrite(one.file.p, 1, one.file.n, stdout);
    return OK;
  }
  payload_templates(cx, &all, &n);
  for (size_t i = 0; i < n; i++) args_column(stdout, all[i].name, all[i].about);
  return OK;
}
