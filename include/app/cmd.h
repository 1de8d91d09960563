/* The subcommands' functions: main.c's table names them. Each prints its result on stdout and leaves its error in cx.
 */
#ifndef POMONA_APP_CMD_H
#define POMONA_APP_CMD_H

#include "app/args.h"

/* These work without a server: serve.c, cmd_conf.c, cmd_types.c, cmd_migrate.c */
MUST_CHECK enum err cmd_serve(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_init(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_conf(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_command_types(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_check(struct ctx *cx, struct args *a); /* cmd_profile_check.c */
MUST_CHECK enum err cmd_profile_template(struct ctx *cx, struct args *a);

MUST_CHECK enum err cmd_doctor(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_migrate_nanomdm(struct ctx *cx, struct args *a);

/* These speak to one: cmd_device_list.c, cmd_device_show.c, cmd_device_set.c, cmd_device.c */
MUST_CHECK enum err cmd_device_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_set(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_push(struct ctx *cx, struct args *a);
/* cmd_takeover.c */
MUST_CHECK enum err cmd_device_held(struct ctx *cx, struct args *a); /* device list --held */
MUST_CHECK enum err cmd_device_accept(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_refuse(struct ctx *cx, struct args *a);
/* cmd_device_acts.c */
MUST_CHECK enum err cmd_device_refused(struct ctx *cx, struct args *a); /* device list --unknown */
MUST_CHECK enum err cmd_device_block(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_unblock(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_unenroll(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_forget(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_release(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_adopt(struct ctx *cx, struct args *a);
/* cmd_escrow.c */
MUST_CHECK enum err cmd_device_escrow(struct ctx *cx, struct args *a);
/* cmd_offboard.c */
MUST_CHECK enum err cmd_device_offboard(struct ctx *cx, struct args *a);
/* cmd_inventory.c */
MUST_CHECK enum err cmd_device_inventory(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_changes(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_timeline(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_refresh(struct ctx *cx, struct args *a);
/* cmd_why.c */
MUST_CHECK enum err cmd_why(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_configured(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_grace(struct ctx *cx, struct args *a);
/* cmd_confirm.c */
MUST_CHECK enum err cmd_device_lock(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_erase(struct ctx *cx, struct args *a);
/* cmd_send.c */
MUST_CHECK enum err cmd_device_restart(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_rename(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_command_send(struct ctx *cx, struct args *a);
/* cmd_command.c */
MUST_CHECK enum err cmd_command_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_command_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_command_cancel(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_command_retry(struct ctx *cx, struct args *a);
/* cmd_identity.c */
MUST_CHECK enum err cmd_identity_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_identity_renewals(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_identity_profile(struct ctx *cx, struct args *a);
/* cmd_profiles.c */
MUST_CHECK enum err cmd_profile_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_diff(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_export(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_remove(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_install(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_profile_uninstall(struct ctx *cx, struct args *a);
/* cmd_package.c */
MUST_CHECK enum err cmd_package_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_package_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_package_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_package_remove(struct ctx *cx, struct args *a);
/* cmd_webhook.c */
MUST_CHECK enum err cmd_webhook_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_webhook_test(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_webhook_replay(struct ctx *cx, struct args *a);
/* cmd_guardian.c */
MUST_CHECK enum err cmd_pushcert_reminders(struct ctx *cx, struct args *a);
/* cmd_pushcert.c, cmd_pushcert_show.c, cmd_pushcert_record.c */
MUST_CHECK enum err cmd_pushcert_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_import(struct ctx *cx, struct args *a);
/* cmd_pushcert_request.c */
MUST_CHECK enum err cmd_pushcert_csr(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_sign(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_history(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_rollback(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_record(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_account_change(struct ctx *cx, struct args *a);
/* cmd_admin.c */
MUST_CHECK enum err cmd_enroll_link(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_enroll_links(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_enroll_revoke(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_enroll_profile(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_tls_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_tls_stage(struct ctx *cx, struct args *a);
/* cmd_calendar.c */
MUST_CHECK enum err cmd_pushcert_plan(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_calendar(struct ctx *cx, struct args *a);
/* The dates of topic (NULL: all) as an iCalendar file. */
struct client;
MUST_CHECK enum err cmd_calendar_save(struct ctx *cx, struct client *c, const char *topic, const char *file);
/* cmd_recovery.c */
MUST_CHECK enum err cmd_pushcert_recovery(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_move(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_move_start(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_move_links(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_move_end(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_pushcert_dossier(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_status(struct ctx *cx, struct args *a);

/* cmd_user.c */
MUST_CHECK enum err cmd_user_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_role(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_disable(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_enable(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_remove(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_setup_link(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_reset(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_user_sessions(struct ctx *cx, struct args *a);
/* cmd_token.c: tokens, and the record of acts */
MUST_CHECK enum err cmd_token_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_token_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_token_revoke(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_audit(struct ctx *cx, struct args *a);

/* cmd_group.c, cmd_group_show.c */
MUST_CHECK enum err cmd_group_list(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_show(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_set(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_remove(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_member_add(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_member_remove(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_assign(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_unassign(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_require(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_group_plan(struct ctx *cx, struct args *a);
MUST_CHECK enum err cmd_device_plan(struct ctx *cx, struct args *a);

#endif
