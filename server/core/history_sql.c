#include "core/history_int.h"

#include <stddef.h>

const char *const history_steps[] = {
    "DELETE FROM target WHERE seq IN (SELECT t.seq FROM target t WHERE t.settled_at IS NOT NULL AND t.settled_at < $1 "
    "AND NOT EXISTS (SELECT 1 FROM command c JOIN enrollment e ON e.seq = t.enrollment JOIN device d ON d.seq = "
    "e.device "
    "JOIN generation g ON g.seq = d.generation WHERE c.seq = t.command AND c.request_type = 'EraseDevice' "
    "AND t.last_sent_at >= g.enrolled_at) "
    "AND NOT EXISTS (SELECT 1 FROM command c JOIN enrollment e ON e.seq = t.enrollment JOIN device d ON d.seq = "
    "e.device WHERE c.seq = t.command AND c.uuid = d.unenroll_command) LIMIT $2)",
    "DELETE FROM command WHERE seq IN (SELECT c.seq FROM command c WHERE c.created_at < $1 "
    "AND NOT EXISTS (SELECT 1 FROM target t WHERE t.command = c.seq) LIMIT $2)",
    "DELETE FROM event WHERE seq IN (SELECT v.seq FROM event v WHERE v.at < $1 "
    "AND v.seq <= coalesce((SELECT CAST(f.value AS BIGINT) FROM fact f WHERE f.name = 'webhook.event'), v.seq) "
    "LIMIT $2)",
    "DELETE FROM inventory_change WHERE seq IN (SELECT c.seq FROM inventory_change c WHERE c.at < $1 LIMIT $2)",
    "DELETE FROM refused WHERE seq IN (SELECT f.seq FROM refused f WHERE f.last_at < $1 LIMIT $2)",
    "DELETE FROM renewal WHERE seq IN (SELECT r.seq FROM renewal r WHERE r.ended_at IS NOT NULL AND r.ended_at < $1 "
    "LIMIT $2)",
    "DELETE FROM enroll_session WHERE seq IN (SELECT s.seq FROM enroll_session s WHERE s.issues = 0 AND s.expires_at < "
    "$1 "
    "AND NOT EXISTS (SELECT 1 FROM renewal r WHERE r.session = s.seq) "
    "AND NOT EXISTS (SELECT 1 FROM generation g WHERE g.session = s.seq) "
    "AND NOT EXISTS (SELECT 1 FROM identity i WHERE i.session = s.seq) LIMIT $2)",
    NULL,
};
