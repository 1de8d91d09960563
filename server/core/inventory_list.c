/* What is installed, packed: hashes of names and versions, so that a plan compares a whole fleet by numbers. */
#include "core/inventory_int.h"

#include "base/enc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct inventory_list lists[] = {
    {"ProfileList", "ProfileList", "PayloadIdentifier", {"PayloadUUID"}, "profile", INVENTORY_PROFILES},
    {"InstalledApplicationList",
     "InstalledApplicationList",
     "Identifier",
     {"ShortVersion", "Version"},
     "app",
     INVENTORY_APPS},
    {"ManagedApplicationList", "ManagedApplicationList", NULL, {"Status"}, "managed app", INVENTORY_MANAGED_APPS},
    {"CertificateList", "CertificateList", "CommonName", {"Data"}, "certificate", -1},
    {"ProvisioningProfileList", "ProvisioningProfileList", "UUID", {"Name"}, "provisioning profile", -1},
    {"UserList", "Users", "UserName", {"UserGUID"}, "user", -1},
};

const struct inventory_list *inventory_list_of(const char *request_type) {
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    if (strcmp(lists[i].request_type, request_type) == 0) return &lists[i];
  return NULL;
}

/* Of an item in a packed list: name, version, status, little-endian. */
enum { NAME_LEN = 8, VERSION_LEN = 8, STATUS_LEN = 4, ITEM_LEN = NAME_LEN + VERSION_LEN + STATUS_LEN };

/* FNV-1a, and a last mixing step. Two names with one hash only concern the device that tells both of them, which may
   tell what it likes anyway. */
uint64_t inventory_hash(struct slice text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < text.n; i++) h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3u;
  h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
  h ^= h >> 32;
  return h ? h : 1;
}

static int by_name(const void *a, const void *b) {
  const struct inventory_item *x = a, *y = b;
  return (x->name > y->name) - (x->name < y->name);
}

/* ---- what an answer lists ---- */

enum { TEXT_MOST = 255, ENTRIES_MOST = 5000, LISTED_MOST = 256 << 10 };

/* "Managed" of a managed app. Source: Apple's schema, ManagedApplicationList. */
static const struct {
  const char *word;
  enum inventory_app_status status;
} statuses[] = {
    {"Failed", INVENTORY_APP_FAILED},
    {"Installing", INVENTORY_APP_WORKING},
    {"Managed", INVENTORY_APP_MANAGED},
    {"ManagementRejected", INVENTORY_APP_REJECTED},
    {"NeedsRedemption", INVENTORY_APP_WAITS_FOR_CODE},
    {"Prompting", INVENTORY_APP_WAITS_FOR_USER},
    {"PromptingForLogin", INVENTORY_APP_WAITS_FOR_LOGIN},
    {"PromptingForManagement", INVENTORY_APP_WAITS_FOR_USER},
    {"PromptingForUpdate", INVENTORY_APP_WAITS_FOR_USER},
    {"PromptingForUpdateLogin", INVENTORY_APP_WAITS_FOR_LOGIN},
    {"Queued", INVENTORY_APP_WORKING},
    {"Redeeming", INVENTORY_APP_WORKING},
    {"UpdateRejected", INVENTORY_APP_REJECTED},
    {"Updating", INVENTORY_APP_WORKING},
    {"UserRejected", INVENTORY_APP_REJECTED},
    {"ValidatingPurchase", INVENTORY_APP_WORKING},
    {"ValidatingUpdate", INVENTORY_APP_WORKING},
};

static uint32_t status_of(const char *word) {
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (strcmp(statuses[i].word, word) == 0) return statuses[i].status;
  return INVENTORY_APP_OTHER;
}

static const char *plain(struct ctx *cx, struct slice s) {
  struct buf b = {0};
  if (s.n <= TEXT_MOST && text_is_plain(s)) return ctx_memdup(cx, s.p, s.n);
  buf_add_plain(&b, s, TEXT_MOST);
  const char *out = ctx_memdup(cx, b.p, b.n);
  buf_free(&b);
  return out;
}

static const char *upper(struct ctx *cx, const char *s) {
  char *out = ctx_strdup(cx, s);
  for (char *c = out; *c; c++) *c = (char)toupper((unsigned char)*c);
  return out;
}

static void put_entry(const char *name, const char *version, struct inventory_entries *to) {
  struct inventory_entry *e = &to->entries[to->n++];
  e->name = name;
  e->version = version;
  e->item.name = inventory_hash(slice_of(name));
  e->item.version = *version ? inventory_hash(slice_of(version)) : 0;
}

/* A name that is empty or too long is no identifier. */
static void add(struct ctx *cx, const struct inventory_list *list, struct slice name, struct slice version,
                struct inventory_entries *to) {
  if (name.n == 0 || name.n > TEXT_MOST) return;
  to->cut = to->n == ENTRIES_MOST;
  if (to->cut) return;
  const char *text = plain(cx, version);
  put_entry(plain(cx, name), list->kind == INVENTORY_PROFILES ? upper(cx, text) : text, to);
  if (list->kind == INVENTORY_MANAGED_APPS) to->entries[to->n - 1].item.status = status_of(text);
}

static int by_name_and_version(const void *a, const void *b) {
  const struct inventory_entry *x = a, *y = b;
  int order = by_name(&x->item, &y->item);
  return order ? order : (x->item.version > y->item.version) - (x->item.version < y->item.version);
}

static void settle(struct inventory_entries *e) {
  size_t kept = 0;
  if (e->n) qsort(e->entries, e->n, sizeof *e->entries, by_name_and_version);
  for (size_t i = 0; i < e->n; i++)
    if (kept == 0 || e->entries[i].item.name != e->entries[kept - 1].item.name) e->entries[kept++] = e->entries[i];
  e->n = kept;
}

static void start(struct ctx *cx, size_t n, struct inventory_entries *out) {
  *out = (struct inventory_entries){0};
  out->entries = ctx_alloc(cx, (n < ENTRIES_MOST ? n : ENTRIES_MOST) * sizeof *out->entries);
}

/* ---- of a message ---- */

static struct slice told_value(struct ctx *cx, struct pl *item, const char *key) {
  struct slice s = {0};
  uint8_t hash[SHA256_LEN];
  struct pl *node = pl_get(item, key);
  if (pl_string(node, &s) || !pl_data(node, &s)) return s;
  if (s.n > INVENTORY_HASHED_MOST) return (struct slice){0};
  pki_sha256(hash, s);
  return slice_of(enc_hex(cx, hash, sizeof hash));
}

static struct slice told_version(struct ctx *cx, const struct inventory_list *list, struct pl *item) {
  struct slice s = told_value(cx, item, list->version[0]);
  return s.n == 0 && list->version[1] ? told_value(cx, item, list->version[1]) : s;
}

struct telling {
  struct ctx *cx;
  const struct inventory_list *list;
  struct inventory_entries *to;
};

static void add_told(const char *key, struct pl *item, void *arg) {
  struct telling *t = arg;
  add(t->cx, t->list, slice_of(key), told_version(t->cx, t->list, item), t->to);
}

void inventory_entries_told(struct ctx *cx, struct pl *message, const struct inventory_list *list,
                            struct inventory_entries *out) {
  struct pl *member = pl_get(message, list->member);
  struct telling t = {cx, list, out};
  start(cx, pl_count(member), out);
  if (!list->name) pl_each(member, add_told, &t);
  for (size_t i = 0; list->name && i < pl_count(member); i++) {
    struct pl *item = pl_at(member, i);
    add(cx, list, told_value(cx, item, list->name), told_version(cx, list, item), out);
  }
  settle(out);
}

/* ---- of what is stored ---- */

const char *inventory_entries_text(struct ctx *cx, const struct inventory_entries *in) {
  struct buf b = {0};
  if (in->cut) return NULL;
  for (size_t i = 0; i < in->n && b.n <= LISTED_MOST; i++) {
    buf_add_str(&b, in->entries[i].name);
    buf_add_char(&b, '\t');
    buf_add_str(&b, in->entries[i].version);
    buf_add_char(&b, '\n');
  }
  const char *text = b.n <= LISTED_MOST ? ctx_memdup(cx, b.p, b.n) : NULL;
  buf_free(&b);
  return text;
}

/* Names and versions hold no tab and no end of a line: text_is_plain. */
void inventory_entries_stored(struct ctx *cx, const char *text, struct inventory_entries *out) {
  struct slice rest = slice_of(text), line, name;
  size_t lines = 0;
  for (size_t i = 0; i < rest.n; i++) lines += text[i] == '\n';
  start(cx, lines, out);
  while (out->n < lines && slice_cut(&rest, '\n', &line) && slice_cut(&line, '\t', &name))
    put_entry(ctx_memdup(cx, name.p, name.n), ctx_memdup(cx, line.p, line.n), out);
}

/* ---- packed ---- */

static void put(char *at, uint64_t value, size_t n) {
  for (size_t i = 0; i < n; i++) at[i] = (char)(value >> 8 * i);
}

static uint64_t get(const char *at, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)(unsigned char)at[i] << 8 * i;
  return value;
}

struct slice inventory_pack(struct ctx *cx, const struct inventory_entries *in) {
  char *out = ctx_alloc(cx, in->n * ITEM_LEN + 1), *at = out;
  for (size_t i = 0; i < in->n; i++, at += ITEM_LEN) {
    const struct inventory_item *item = &in->entries[i].item;
    put(at, item->name, NAME_LEN);
    put(at + NAME_LEN, item->version, VERSION_LEN);
    put(at + NAME_LEN + VERSION_LEN, item->status, STATUS_LEN);
  }
  return slice_mem(out, (size_t)(at - out));
}

void inventory_unpack(struct ctx *cx, struct slice packed, struct inventory_items *out) {
  if (packed.n % ITEM_LEN) {
    *out = (struct inventory_items){.damaged = true};
    return;
  }
  struct inventory_item *items = ctx_alloc(cx, packed.n / ITEM_LEN * sizeof *items);
  out->n = packed.n / ITEM_LEN;
  out->items = items;
  for (size_t i = 0; i < out->n; i++) {
    const char *at = packed.p + i * ITEM_LEN;
    items[i] = (struct inventory_item){.name = get(at, NAME_LEN),
                                       .version = get(at + NAME_LEN, VERSION_LEN),
                                       .status = (uint32_t)get(at + NAME_LEN + VERSION_LEN, STATUS_LEN)};
  }
}

const struct inventory_item *inventory_find(const struct inventory_items *in, uint64_t name) {
  struct inventory_item key = {.name = name};
  return in->n ? bsearch(&key, in->items, in->n, sizeof key, by_name) : NULL;
}
