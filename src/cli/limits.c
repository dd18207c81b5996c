#include "cli/limits.h"
#include "base/log.h"
#include "cli/deadline.h"

#include <math.h>

double limits_span(const struct cli *c, const char *option, double standard, struct err *e)
{
    const char *text = cli_value(c, option);
    double seconds = standard;
    if (text && !deadline_parse_span(text, &seconds))
        err_set(e, ERR_SPEC, "--%s is '%s'; allowed: seconds, or a number with s, m, h or d", option, text);
    return seconds;
}

/* Seconds that Slurm leaves us. */
static double slurm_left(double margin)
{
    double left;
    if (!deadline_of_slurm(&left)) {
        log_warn("Slurm does not say when this job ends; --time-left can, or else it ends like a kill");
        return INFINITY;
    }
    if (left <= margin)
        log_warn("the Slurm job ends in %.0f s, and a margin of %.0f s is kept: nothing is trained; see --margin",
                 left, margin);
    return left - margin;
}

double limits_left(const struct cli *c, struct err *e)
{
    const double margin = limits_span(c, "margin", 60, e), left = limits_span(c, "time-left", INFINITY, e);
    return e->kind || cli_value(c, "time-left") ? left : slurm_left(margin);
}
