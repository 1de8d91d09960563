/* The tables of the admin listener and what both listeners share. Each is a face of its own: see face/router.h. */
#ifndef POMONA_FACE_API_H
#define POMONA_FACE_API_H

#include "face/router.h"

/* api_system.c: /healthz and /version for devices; these and /readyz for the admin */
extern const struct route system_device_routes[];
extern const struct route system_admin_routes[];
extern const struct route status_routes[];           /* api_status.c: /api/v1/status */
extern const struct route overview_routes[];         /* api_overview.c: /api/v1/overview, /api/v1/settings */
extern const struct route command_types_routes[];    /* api_command_types.c */
extern const struct route timeline_routes[];         /* api_timeline.c */
extern const struct route events_routes[];           /* api_events.c: /api/v1/events */
extern const struct route openapi_routes[];          /* api_openapi.c: /api/v1/openapi.json */
extern const struct route doctor_routes[];           /* api_doctor.c: /api/v1/doctor */
extern const struct route profile_check_routes[];    /* api_profile_check.c: /api/v1/profiles/check */
extern const struct route profiles_routes[];         /* api_profiles.c */
extern const struct route profile_give_routes[];     /* api_profile_give.c: install, uninstall */
extern const struct route packages_routes[];         /* api_packages.c */
extern const struct route devices_routes[];          /* api_devices.c */
extern const struct route device_show_routes[];      /* api_device_show.c */
extern const struct route device_many_routes[];      /* api_device_many.c: one act for many */
extern const struct route device_edit_routes[];      /* api_device_edit.c: user, e-mail, tag, note; as tables */
extern const struct route takeovers_routes[];        /* api_takeovers.c: who claims a device, accept, refuse */
extern const struct route device_export_routes[];    /* api_device_export.c */
extern const struct route device_acts_routes[];      /* api_device_acts.c: what is done with devices, /api/v1/refused */
extern const struct route inventory_routes[];        /* api_inventory.c: what devices answered, what changed */
extern const struct route escrow_routes[];           /* api_escrow.c: secrets of devices */
extern const struct route offboard_routes[];         /* api_offboard.c: a device leaves for good */
extern const struct route why_routes[];              /* api_why.c: why, and the two remedies that are its own */
extern const struct route commands_routes[];         /* api_commands.c */
extern const struct route groups_routes[];           /* api_groups.c: /api/v1/groups, plans */
extern const struct route links_routes[];            /* api_enroll.c: /api/v1/links, /api/v1/enroll-profile */
extern const struct route tls_routes[];              /* api_tls.c: /api/v1/tls */
extern const struct route guardian_routes[];         /* api_guardian.c: /api/v1/guardian, /api/v1/notices */
extern const struct route metrics_routes[];          /* metrics.c: /metrics */
extern const struct route pushcerts_routes[];        /* api_pushcerts.c */
extern const struct route calendar_routes[];         /* api_calendar.c: /api/v1/calendar, planned renewals */
extern const struct route recovery_routes[];         /* api_recovery.c: /api/v1/pushcerts/recovery and /move */
extern const struct route pushcert_import_routes[];  /* api_pushcert_import.c: import, rollback */
extern const struct route pushcert_request_routes[]; /* api_pushcert_requests.c: keys, CSRs, their signing */
extern const struct route pushcert_record_routes[];  /* api_pushcert_record.c: who stands behind a topic */
extern const struct route pushcert_dossier_routes[]; /* api_pushcert_dossier.c: for Apple's support */
extern const struct route identities_routes[];       /* api_identities.c: /api/v1/identities, /api/v1/renewals */
extern const struct route webhooks_routes[];         /* api_webhooks.c */
extern const struct route session_routes[];          /* api_session.c: logging in and out, setup, who asks */
extern const struct route me_routes[];               /* api_me.c: one's own password, second factor, sessions */
extern const struct route passkey_routes[];          /* api_passkeys.c: one's own passkeys, logging in by one */
extern const struct route users_routes[];            /* api_users.c: accounts, setup links, everybody's sessions */
extern const struct route tokens_routes[];           /* api_tokens.c: of programs */
extern const struct route audit_routes[];            /* api_audit.c: who did what */
extern const struct route nano_routes[];             /* api_nano.c: NanoMDM's /v1 */
extern const struct route nano_queue_routes[];       /* api_nano_queue.c: its /v1/queue */
extern const struct route nano_unlock_routes[];      /* api_nano_unlock.c: its /v1/escrowkeyunlock */
extern const struct route nano_enrollments_routes[]; /* api_nano_enrollments.c: its /v1/enrollments */
extern const struct route migration_routes[];        /* api_migration.c: NanoMDM's /migration */

#endif
