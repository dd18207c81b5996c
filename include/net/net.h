/** net/net.h: model net: a network that is written as a list. */
#ifndef TOMBOLA_NET_NET_H
#define TOMBOLA_NET_NET_H

#include "model/plain.h"

struct net_config {
    const char *net; /* canonical text, of base/intern.h */
    unsigned off;    /* net/plan.h: rules that are not used; 0 */
};

plain_network net_plain;
dual_network net_dual;

#endif
