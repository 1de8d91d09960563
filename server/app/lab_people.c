/* The people of a simulated device: accounts of a Mac, users of a Shared iPad, and Setup Assistant. */
#include "app/lab_task.h"
#include "base/enc.h"

#include <string.h>

enum { FIRST_UID = 501 };

/* ---- accounts: those with a channel, and those that a command has made (kept as LAB_USER) ---- */
static struct pl *account(struct lab_task *t, const char *name, const char *full_name, const char *guid,
                          bool logged_in) {
  struct pl *u = pl_new_dict(t->cx);
  pl_set_string(u, "UserName", name);
  pl_set_bool(u, "IsLoggedIn", logged_in);
  if (t->device->platform->os == MAC) {
    pl_set_string(u, "FullName", full_name);
    pl_set_string(u, "UserGUID", guid);
    pl_set_bool(u, "MobileAccount", false);
    pl_set_bool(u, "HasSecureToken", true);
  } else {
    pl_set_bool(u, "HasDataToSync", false);
    pl_set_int(u, "DataQuota", 8589934592);
    pl_set_int(u, "DataUsed", 268435456);
  }
  return u;
}

static bool is_deleted(struct lab_task *t, const char *name) {
  return lab_flag(t->cx, lab_own(t), ctx_printf(t->cx, "Deleted %s", name));
}

static struct pl *accounts(struct lab_task *t) {
  const struct lab_device *d = t->device;
  struct pl *list = pl_new_array(t->cx);
  for (size_t i = 1; i < d->channels_n; i++) {
    const struct lab_channel *c = &d->channels[i];
    if (!is_deleted(t, c->short_name)) pl_add(list, account(t, c->short_name, c->long_name, c->user_id, i == 1));
  }
  for (const struct lab_thing *u = lab_first(lab_own(t), LAB_USER); u; u = lab_next(u)) {
    struct pl *user = lab_read(t->cx, u);
    pl_add(list, account(t, u->name, pl_str(user, "FullName"), pl_str(user, "UserGUID"), false));
  }
  return list;
}

static struct pl *find(struct pl *list, const char *name) {
  for (size_t i = 0; i < pl_count(list); i++)
    if (strcmp(pl_str(pl_at(list, i), "UserName"), name) == 0) return pl_at(list, i);
  return NULL;
}

static bool is_logged_in(struct pl *user) {
  bool yes = false;
  return pl_bool(pl_get(user, "IsLoggedIn"), &yes) && yes;
}

void lab_user_list(struct lab_task *t) {
  struct pl *list = accounts(t);
  for (size_t i = 0; i < pl_count(list) && t->device->platform->os == MAC; i++)
    pl_set_int(pl_at(list, i), "UID", FIRST_UID + (int64_t)i);
  pl_set(t->report, "Users", list);
}

static void forget_user(struct lab_task *t, const char *name) {
  if (!lab_drop(lab_own(t), LAB_USER, name))
    lab_set_flag(t->cx, lab_own(t), ctx_printf(t->cx, "Deleted %s", name), true);
}

void lab_delete_user(struct lab_task *t) {
  const char *name = pl_str(t->command, "UserName");
  struct pl *list = accounts(t), *user = name ? find(list, name) : NULL;
  bool all = false;
  (void)pl_bool(pl_get(t->command, "DeleteAllUsers"), &all);
  if (!all && !user)
    lab_refuse(t, name ? LAB_NO_SUCH_USER : LAB_MALFORMED);
  else if (!all && is_logged_in(user))
    lab_refuse(t, LAB_USER_LOGGED_IN);
  else if (!all)
    forget_user(t, name);
  for (size_t i = 0; all && i < pl_count(list); i++)
    if (!is_logged_in(pl_at(list, i))) forget_user(t, pl_str(pl_at(list, i), "UserName"));
}

void lab_unlock_user_account(struct lab_task *t) {
  if (!find(accounts(t), pl_str(t->command, "UserName"))) lab_refuse(t, LAB_NO_SUCH_USER);
}

/* ---- Setup Assistant ---- */
void lab_account_configuration(struct lab_task *t) {
  struct pl *admins = pl_get(t->command, "AutoSetupAdminAccounts");
  if (!t->device->awaits) {
    lab_refuse_saying(t, LAB_NOT_PERMITTED, "Setup Assistant is over.");
    return;
  }
  for (size_t i = 0; i < pl_count(admins); i++) {
    const char *name = pl_str(pl_at(admins, i), "shortName"), *full_name = pl_str(pl_at(admins, i), "fullName");
    struct pl *user = pl_new_dict(t->cx);
    char guid[UUID_LEN + 1];
    uuid_new(guid);
    pl_set_string(user, "FullName", full_name ? full_name : name);
    pl_set_string(user, "UserGUID", guid);
    pl_set_bool(user, "AutoSetupAdmin", true);
    if (*name) lab_keep(t->cx, lab_own(t), LAB_USER, name, user);
  }
}

void lab_set_auto_admin_password(struct lab_task *t) {
  const char *guid = pl_str(t->command, "GUID");
  for (const struct lab_thing *u = lab_first(lab_own(t), LAB_USER); u; u = lab_next(u))
    if (strcmp(pl_str(lab_read(t->cx, u), "UserGUID"), guid) == 0) return;
  lab_refuse(t, LAB_NO_SUCH_USER);
}

void lab_device_configured(struct lab_task *t) { t->device->awaits = false; }
