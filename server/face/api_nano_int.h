/* What NanoMDM's lists share: pages by limit, and offset or cursor. */
#ifndef POMONA_FACE_API_NANO_INT_H
#define POMONA_FACE_API_NANO_INT_H

#include "face/router.h"

struct nano_page {
  int most;
  int64_t after, skip; /* the row that the cursor stands for; how many are passed over */
};
/* ?limit= (1 to 1000, 100 when absent), ?offset= or ?cursor=, not both. E_INVALID. */
MUST_CHECK enum err nano_page(struct http_req *rq, struct nano_page *out);
char *nano_cursor(struct ctx *cx, int64_t row);

#endif
