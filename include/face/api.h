/* The tables of the admin listener and what both listeners share. Each is a face of its own: see face/router.h. */
#ifndef POMONA_FACE_API_H
#define POMONA_FACE_API_H

#include "face/router.h"

/* api_system.c: /healthz and /version for devices; these, /readyz and /api/v1/status for the admin */
extern const struct route system_device_routes[];
extern const struct route system_admin_routes[];

#endif
