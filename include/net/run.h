/** net/run.h: a graph at work on whole data sets, chunk by chunk: forward, the loss and backward of a chunk while its
 * numbers are near. */
#ifndef TOMBOLA_NET_RUN_H
#define TOMBOLA_NET_RUN_H

#include "base/arena.h"
#include "num/layout.h"
#include "num/loss.h"
#include "num/real.h"

#define net_open     REAL_NAME(net_open)
#define net_prepare  REAL_NAME(net_prepare)
#define net_forward  REAL_NAME(net_forward)
#define net_backward REAL_NAME(net_backward)
#define net_learn    REAL_NAME(net_learn)

struct net;
struct model_step;

/** The functions of struct model_kind; config is a struct net_config. */
struct net *net_open(const void *config, const struct layout *layout, const struct task_shape *shape,
                     size_t max_batch, struct arena *a);
void net_prepare(struct net *net, const real *theta);
void net_forward(struct net *net, const struct dataset *d, real *logits);
void net_backward(struct net *net, const struct dataset *d, const real *dlogits, real *gradient);
struct loss_value net_learn(struct net *net, const struct dataset *d, const struct loss *loss,
                            const struct model_step *step, real *logits, real *gradient);

#endif
