/* The chain of links that why shows with its verdict. */
#ifndef POMONA_CORE_WHY_CHAIN_H
#define POMONA_CORE_WHY_CHAIN_H

#include "core/why_int.h"

/* Fills the chain of out. */
void why_chain(struct ctx *cx, const struct why_facts *f, struct why *out);

#endif
