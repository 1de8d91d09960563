/* Simulated devices between runs: one property list a device, DIR/UDID.plist. */
#include "app/lab_device.h"
#include "base/enc.h"
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 16 << 20 };

static char *path_of(struct ctx *cx, const char *dir, const char *udid) {
  return ctx_printf(cx, "%s/%s.plist", dir, enc_percent(cx, slice_of(udid)));
}

static enum err read_profile(struct ctx *cx, struct lab_profile *out, struct pl *root) {
  struct slice pem;
  const struct {
    char **to;
    const char *key;
  } texts[] = {
      {&out->identifier, "PayloadIdentifier"}, {&out->uuid, "PayloadUUID"},     {&out->scep_url, "ScepURL"},
      {&out->scep_name, "ScepName"},           {&out->subject_cn, "SubjectCN"}, {&out->server_url, "ServerURL"},
      {&out->checkin_url, "CheckInURL"},       {&out->topic, "Topic"}};
  *out = (struct lab_profile){0};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    *texts[i].to = ctx_strdup(cx, pl_str(root, texts[i].key));
    if (!*texts[i].to) return FAIL(cx, E_INVALID, "a kept device lacks %s", texts[i].key);
  }
  if (pl_data(pl_get(root, "Root"), &pem)) out->root_pem = pem;
  (void)pl_data(pl_get(root, "Entry"), &out->entry);
  (void)pl_int(pl_get(root, "AccessRights"), &out->rights);
  (void)pl_bool(pl_get(root, "SignMessage"), &out->sign_message);
  (void)pl_bool(pl_get(root, "CheckOutWhenRemoved"), &out->check_out);
  return OK;
}

static void write_profile(struct pl *root, const struct lab_profile *p) {
  pl_set_string(root, "PayloadIdentifier", p->identifier);
  pl_set_string(root, "PayloadUUID", p->uuid);
  pl_set_string(root, "ScepURL", p->scep_url);
  pl_set_string(root, "ScepName", p->scep_name);
  pl_set_string(root, "SubjectCN", p->subject_cn);
  pl_set_string(root, "ServerURL", p->server_url);
  pl_set_string(root, "CheckInURL", p->checkin_url);
  pl_set_string(root, "Topic", p->topic);
  pl_set_bool(root, "SignMessage", p->sign_message);
  pl_set_bool(root, "CheckOutWhenRemoved", p->check_out);
  if (p->root_pem.n) pl_set_data(root, "Root", p->root_pem);
  if (p->entry.n) pl_set_data(root, "Entry", p->entry);
  pl_set_int(root, "AccessRights", p->rights);
}

static struct pl *things(struct ctx *cx, const struct lab_channel *c) {
  struct pl *list = pl_new_array(cx);
  for (int sort = 0; sort < LAB_SORTS; sort++)
    for (const struct lab_thing *t = lab_first(c, (enum lab_sort)sort); t; t = lab_next(t)) {
      struct pl *one = pl_new_dict(cx);
      pl_set_int(one, "Sort", sort);
      pl_set_string(one, "Name", t->name);
      pl_set_data(one, "Value", slice_mem(t->xml, t->n));
      pl_add(list, one);
    }
  return list;
}

static struct pl *channels(struct ctx *cx, const struct lab_device *d) {
  struct pl *list = pl_new_array(cx);
  for (size_t i = 0; i < d->channels_n; i++) {
    const struct lab_channel *c = &d->channels[i];
    struct pl *one = pl_new_dict(cx);
    pl_set_string(one, "UserID", c->user_id);
    pl_set_string(one, "UserShortName", c->short_name);
    pl_set_string(one, "UserLongName", c->long_name);
    pl_set_string(one, "PushMagic", c->magic);
    pl_set_data(one, "Token", slice_mem(c->token, sizeof c->token));
    pl_set(one, "Kept", things(cx, c));
    pl_add(list, one);
  }
  return list;
}

enum err lab_state_save(struct ctx *cx, const struct lab_device *d, const char *dir) {
  struct pl *root = pl_new_dict(cx);
  const char *path = path_of(cx, dir, d->udid);
  if (d->phase == LAB_GONE) (void)remove(path); /* what was kept is not true any more */
  if (d->phase != LAB_ENROLLED) return OK;      /* an enrollment that failed changes nothing */
  pl_set_string(root, "Platform", d->platform->word);
  pl_set_string(root, "UDID", d->udid);
  pl_set_string(root, "SerialNumber", d->serial);
  pl_set_string(root, "DeviceName", d->name);
  pl_set_string(root, "OSVersion", d->os_version);
  pl_set_string(root, "BuildVersion", d->build);
  pl_set_int(root, "Number", d->number);
  pl_set_bool(root, "Supervised", d->supervised);
  pl_set_bool(root, "Automated", d->automated);
  pl_set_bool(root, "Awaits", d->awaits);
  pl_set_bool(root, "UserEnrollment", d->user_enrollment);
  pl_set(root, "Channels", channels(cx, d));
  pl_set_data(root, "Key", d->key->pem);
  pl_set_data(root, "Identity", pki_cert_der(d->identity));
  write_profile(root, &d->profile);
  TRY(file_make_folder(cx, dir));
  return file_replace(cx, path, pl_xml(cx, root));
}

static enum err read_channel(struct ctx *cx, struct lab_channel *c, struct pl *one) {
  const char *id = pl_str(one, "UserID"), *name = pl_str(one, "UserShortName"), *whole = pl_str(one, "UserLongName"),
             *magic = pl_str(one, "PushMagic");
  struct slice token;
  if (!id || !name || !whole || !magic || !pl_data(pl_get(one, "Token"), &token) || token.n != sizeof c->token)
    return FAIL(cx, E_INVALID, "a channel of a kept device is incomplete");
  snprintf(c->user_id, sizeof c->user_id, "%s", id);
  snprintf(c->short_name, sizeof c->short_name, "%s", name);
  snprintf(c->long_name, sizeof c->long_name, "%s", whole);
  snprintf(c->magic, sizeof c->magic, "%s", magic);
  memcpy(c->token, token.p, sizeof c->token);
  return OK;
}

/* One that is not whole was kept by another version: the device has forgotten it. */
static void read_things(struct ctx *cx, struct lab_channel *c, struct pl *list) {
  for (size_t i = 0; i < pl_count(list); i++) {
    struct pl *one = pl_at(list, i), *value;
    const char *name = pl_str(one, "Name");
    struct slice xml;
    int64_t sort;
    if (name && pl_int(pl_get(one, "Sort"), &sort) && sort >= 0 && sort < LAB_SORTS &&
        pl_data(pl_get(one, "Value"), &xml) && pl_parse(cx, xml, &pl_limits_report, &value) == OK)
      lab_keep_xml(c, (enum lab_sort)sort, name, xml);
    ctx_clear_error(cx);
  }
}

static enum err read_channels(struct ctx *cx, struct lab_device *d, struct pl *list) {
  size_t n = pl_count(list);
  if (n < 1 || n > LAB_CHANNELS) return FAIL(cx, E_INVALID, "a kept device has no channels, or too many");
  for (size_t i = 0; i < n; i++) TRY(read_channel(cx, &d->channels[i], pl_at(list, i)));
  d->channels_n = n;
  return OK;
}

static void read_kind(struct lab_device *d, struct pl *root) {
  const char *version = pl_str(root, "OSVersion"), *build = pl_str(root, "BuildVersion");
  if (version) snprintf(d->os_version, sizeof d->os_version, "%s", version);
  if (build) snprintf(d->build, sizeof d->build, "%s", build);
  (void)pl_int(pl_get(root, "Number"), &d->number);
  (void)pl_bool(pl_get(root, "Supervised"), &d->supervised);
  (void)pl_bool(pl_get(root, "Automated"), &d->automated);
  (void)pl_bool(pl_get(root, "Awaits"), &d->awaits);
}

static enum err read_device(struct ctx *cx, struct lab_device *d, struct pl *root, struct lab_keys *keys) {
  struct slice key, der;
  struct lab_profile profile;
  struct pki_cert *identity;
  const char *name = pl_str(root, "DeviceName");
  if (!pl_data(pl_get(root, "Key"), &key) || !pl_data(pl_get(root, "Identity"), &der) || !name)
    return FAIL(cx, E_INVALID, "a kept device is incomplete");
  TRY(read_channels(cx, d, pl_get(root, "Channels")));
  TRY(lab_keys_add(cx, keys, key, &d->key));
  TRY(pki_cert_parse(cx, &identity, der));
  TRY(read_profile(cx, &profile, root));
  lab_device_adopt(d, &profile, identity);
  for (size_t i = 0; i < d->channels_n; i++)
    read_things(cx, &d->channels[i], pl_get(pl_at(pl_get(root, "Channels"), i), "Kept"));
  read_kind(d, root);
  (void)pl_bool(pl_get(root, "UserEnrollment"), &d->user_enrollment);
  snprintf(d->name, sizeof d->name, "%s", name);
  d->phase = LAB_ENROLLED;
  return OK;
}

static enum err load_one(struct ctx *cx, struct lab_device **out, struct lab_keys *keys, const char *path) {
  struct slice text;
  struct pl *root;
  TRY(file_read(cx, &text, path, FILE_MAX));
  TRY(pl_parse(cx, text, &pl_limits_report, &root));
  const char *word = pl_str(root, "Platform"), *udid = pl_str(root, "UDID"), *serial = pl_str(root, "SerialNumber");
  const struct lab_platform *platform = word ? lab_platform(word) : NULL;
  if (!platform || !udid || !serial) return FAIL(cx, E_INVALID, "%s holds no device", path);
  *out = lab_device_new(platform, udid, serial, 0);
  enum err e = read_device(cx, *out, root, keys);
  if (e != OK) lab_device_free(*out);
  return e;
}

enum err lab_state_load(struct ctx *cx, struct lab_device ***out, size_t *n, struct lab_keys *keys, const char *dir) {
  DIR *folder = opendir(dir);
  struct lab_device **all = NULL;
  size_t room = 0;
  enum err e = OK;
  *n = 0;
  for (struct dirent *entry; folder && e == OK && (entry = readdir(folder));) {
    if (!slice_ends(slice_of(entry->d_name), ".plist")) continue;
    if (*n == room) {
      struct lab_device **more = ctx_alloc(cx, (room = 2 * room + 16) * sizeof(struct lab_device *));
      if (*n) memcpy(more, all, *n * sizeof(struct lab_device *));
      all = more;
    }
    e = load_one(cx, &all[*n], keys, ctx_printf(cx, "%s/%s", dir, entry->d_name));
    *n += e == OK;
  }
  if (folder) closedir(folder);
  for (; e != OK && *n; --*n) lab_device_free(all[*n - 1]);
  *out = all;
  return e;
}
