/* The half of num/loss.h that knows no precision. */
#include "num/loss.h"

const char *const loss_name[] = { [LOSS_CROSS_ENTROPY] = "cross_entropy",
                                  [LOSS_MSE] = "mse",
                                  [LOSS_HINGE] = "hinge",
                                  [LOSS_BINARY_CROSS_ENTROPY] = "binary_cross_entropy",
                                  [LOSSES] = NULL };

const char *const loss_precision_name[] = { [LOSS_DOUBLE] = "double", [LOSS_FLOAT32] = "float32", NULL };

int loss_check(const struct loss *loss, size_t outputs, bool regression, struct err *e)
{
    const char *name = loss_name[loss->kind];
    if (loss->kind == LOSS_CROSS_ENTROPY && outputs == 1)
        return err_set(e, ERR_SPEC,
                       "loss cross_entropy needs two outputs or more, and this network has one; "
                       "allowed: hinge, binary_cross_entropy, mse");
    if (loss->kind != LOSS_MSE && regression)
        return err_set(e, ERR_SPEC, "loss %s needs labels, and this task has numbers to predict; allowed: mse", name);
    if ((loss->kind == LOSS_HINGE || loss->kind == LOSS_BINARY_CROSS_ENTROPY) && outputs != 1)
        return err_set(e, ERR_SPEC, "loss %s needs one output, and this network has %zu; allowed: cross_entropy, mse",
                       name, outputs);
    if (loss->precision == LOSS_FLOAT32 && (loss->kind == LOSS_MSE || loss->kind == LOSS_HINGE))
        return err_set(e, ERR_SPEC,
                       "loss_precision float32 goes with cross_entropy and binary_cross_entropy; "
                       "loss %s has no exponentials",
                       name);
    return 0;
}
