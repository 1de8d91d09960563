/* Private to conf*.c: how the texts of settings become values. */
#ifndef POMONA_APP_CONF_INT_H
#define POMONA_APP_CONF_INT_H

#include "app/conf.h"

enum conf_type {
  CONF_TEXT,
  CONF_SECRET,
  CONF_PATH,
  CONF_URL,
  CONF_PROXY,
  CONF_URLS, /* may be given several times; kept separated by spaces */
  CONF_NETWORKS,
  CONF_ADDRESS,
  CONF_WORD,
  CONF_WORDS,
  CONF_BOOL,
  CONF_COUNT,
  CONF_SPAN,
  CONF_DATE /* YYYY-MM-DD; kept as text */
};

size_t conf_row_count(void);
const struct conf_row *conf_row(struct slice name); /* NULL when unknown */
/* Checks text and puts its value into c; more: beside those that are there, of a setting that may be given several
   times. E_USAGE says what is wrong, without the name of the setting. */
MUST_CHECK enum err conf_set(struct ctx *cx, struct conf *c, const struct conf_row *row, struct slice text, bool more);

#endif
