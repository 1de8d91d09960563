/* What the adapters of libcurl share. */
#ifndef POMONA_LIB_NET_HTTP_INT_H
#define POMONA_LIB_NET_HTTP_INT_H

void nh_set_up(void); /* before libcurl is used; any thread, any number of times */

#endif
