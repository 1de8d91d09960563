/* What NanoMDM's paths share: ids in the path; pages by limit, and offset or cursor. */
#ifndef POMONA_FACE_API_NANO_INT_H
#define POMONA_FACE_API_NANO_INT_H

#include "face/router.h"

/* "ID,ID,…" of the path, at most 100,000, empty ones left out: E_TOO_LARGE, E_INVALID when there is none. */
MUST_CHECK enum err nano_ids(struct http_req *rq, const char *param, char ***out, size_t *n);

struct nano_page {
  int most;
  int64_t after, skip; /* the row that the cursor stands for; how many are passed over */
};
/* ?limit= (1 to 1000, 100 when absent), ?offset= or ?cursor=, not both. E_INVALID. */
MUST_CHECK enum err nano_page(struct http_req *rq, struct nano_page *out);
char *nano_cursor(struct ctx *cx, int64_t row);

#endif
