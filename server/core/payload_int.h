/* The check of a profile: the list as a tree that knows lines and names, and what its parts share. Private to
   payload*.c.

   Who owns what: everything lives in the context of the check. */
#ifndef POMONA_CORE_PAYLOAD_INT_H
#define POMONA_CORE_PAYLOAD_INT_H

#include "core/payload.h"
#include "core/payload_table.h"

enum payload_say {
#define SAY(name, grade, slug, text) SAY_##name,
#include "core/payload.def"
#undef SAY
  SAY_COUNT
};

/* A value of the list. */
struct payload_node {
  struct pl *pl;
  const char *key; /* in a dictionary; NULL: in an array, or the root */
  size_t index;    /* in an array */
  int line;        /* 0: not known */
  struct payload_node *parent, *first, *next;
};
/* The list and all in it. xml: what it was read from. */
struct payload_node *payload_tree(struct ctx *cx, struct pl *root, struct slice xml);
struct payload_node *payload_member(const struct payload_node *dict, const char *key); /* NULL */
size_t payload_count(const struct payload_node *container);
/* The text under key; p NULL when there is none. */
struct slice payload_string(const struct payload_node *dict, const char *key);
enum pl_type payload_type_of(const struct payload_node *n);          /* PL_NONE for NULL */
bool payload_flag(const struct payload_node *dict, const char *key); /* true, or a number that is not 0 */
char *payload_path(struct ctx *cx, const struct payload_node *n);    /* "PayloadContent[1].SSID_STR"; "" of the root */
const char *payload_shown(struct ctx *cx, struct slice text);        /* safe to print, at most 60 characters */
const char *payload_type_name(enum pl_type type);                    /* "a text", "an array" … */
/* That of names (n of them) which is most like text, in any case; NULL when none is like it. */
const char *payload_nearest(struct slice text, const char *(*name)(size_t i, const void *arg), const void *arg,
                            size_t n);

/* One check. */
struct payload_run {
  struct ctx *cx;
  struct payload_check *out;
  size_t room; /* of out->findings */
  struct payload_node *root;
  const struct payload_node **payloads; /* the dictionaries in PayloadContent */
  const struct payload_type **types;    /* of each; NULL: not one of Apple's */
  struct slice *uuids;                  /* of each, as soon as references are looked at */
  size_t payloads_n;
};
/* A finding at n; texts (NULL ends them) stand for the {} of the sentence. Of more than PAYLOAD_FINDINGS of one grade
   the rest is not kept. */
enum { PAYLOAD_FINDINGS = 500 };
void payload_say(struct payload_run *r, enum payload_say what, const struct payload_node *n, const char *const *texts);
/* Would another one be kept? Asked before what takes time to say. */
bool payload_room(const struct payload_run *r, enum payload_say what);
#define SAY_AT(r, what, n, ...) payload_say((r), SAY_##what, (n), (const char *const[]){__VA_ARGS__})

const char *payload_number(struct ctx *cx, int64_t n);

/* The parts, in the order they are run. */
void payload_check_envelope(struct payload_run *r); /* finds payloads, too */
void payload_check_variables(struct payload_run *r);
void payload_check_types(struct payload_run *r);    /* finds types and platforms */
void payload_check_keys(struct payload_run *r);     /* against the tables */
void payload_check_refs(struct payload_run *r);     /* payloads that name another one; certificates */
void payload_check_together(struct payload_run *r); /* what only makes sense together */

bool payload_has_variable(struct slice text); /* some device's text, which is not known here */
/* The variable that alone is the text and stands for data, or NULL. */
const struct payload_variable *payload_data_variable(struct slice text);
/* Is a text of this kind ("url", "https", "hostname", "email") well formed? */
bool payload_kind_ok(const char *kind, struct slice text);
/* The kind of the texts under this key in payloads of this type; NULL: any text. */
const char *payload_kind(const char *type, const char *key);
/* "iOS, macOS": platforms of the bits. */
const char *payload_platforms(struct ctx *cx, unsigned bits);
unsigned payload_known_on(const struct payload_support *s);
/* Tells when all devices of the profile do without it, or are to: n is the key, or the payload's PayloadType. */
void payload_check_age(struct payload_run *r, const struct payload_support *s, const struct payload_node *n,
                       const char *name);

#endif
