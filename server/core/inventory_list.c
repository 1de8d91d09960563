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

enum { TEXT_MOST = 255, ENTRIES_MOST = 5000 };

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

/* A name that is empty or too long is no identifier. */
static void add(struct ctx *cx, const struct inventory_list *list, struct slice name, struct slice version,
                struct inventory_entries *to) {
  if (name.n == 0 || name.n > TEXT_MOST || to->n == ENTRIES_MOST) return;
  struct inventory_entry *e = &to->entries[to->n++];
  e->name = plain(cx, name);
  e->version = plain(cx, version);
  if (list->kind == INVENTORY_PROFILES) e->version = upper(cx, e->version);
  e->item.name = inventory_hash(slice_of(e->name));
  e->item.version = *e->version ? inventory_hash(slice_of(e->version)) : 0;
  if (list->kind == INVENTORY_MANAGED_APPS) e->item.status = status_of(e->version);
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

static struct slice stored_value(struct js *item, const char *key) {
  struct js *v = js_get(item, key);
  return slice_of(js_is_object(v) ? js_str(v, "sha256") : js_string(v));
}

static struct slice stored_version(const struct inventory_list *list, struct js *item) {
  struct slice s = stored_value(item, list->version[0]);
  return s.n == 0 && list->version[1] ? stored_value(item, list->version[1]) : s;
}

void inventory_entries_stored(struct ctx *cx, struct js *answer, const struct inventory_list *list,
                              struct inventory_entries *out) {
  struct js *member = js_get(answer, list->member), *item;
  size_t n = js_count(member);
  start(cx, n, out);
  for (size_t i = 0; i < n; i++) {
    const char *key = NULL;
    item = list->name ? js_at(member, i) : js_member(member, i, &key);
    add(cx, list, list->name ? stored_value(item, list->name) : slice_of(key), stored_version(list, item), out);
  }
  settle(out);
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
