/** query/settings_table.h: the table settings. */
#ifndef TOMBOLA_QUERY_SETTINGS_TABLE_H
#define TOMBOLA_QUERY_SETTINGS_TABLE_H

#include "query/state.h"

void query_settings(struct query *q, struct query_table *out);
void query_settings_close(struct query *q);

#endif
