#include "cli/deadline.h"
#include "base/clock.h"
#include "base/err.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool deadline_parse_span(const char *text, double *seconds)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char *end;
    double value = strtod(text, &end), scale = *end ? 0 : 1;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (end[0] == units[i].unit && !end[1]) scale = units[i].seconds;
    *seconds = value * scale;
    return end != text && scale > 0 && isfinite(value) && value >= 0;
}

bool deadline_parse_slurm(const char *text, double *seconds)
{
    int used = 0;
    double days = 0, part[3] = { 0, 0, 0 };
    text += strspn(text, " \t\n");
    if (!strncmp(text, "UNLIMITED", strlen("UNLIMITED"))) {
        *seconds = INFINITY;
        return true;
    }
    if (sscanf(text, "%8lf-%n", &days, &used) == 1 && used)
        text += used;
    else
        days = 0;
    int count = 0;
    for (; count < 3 && isdigit((unsigned char)*text); count++) {
        char *end;
        part[count] = (double)strtoul(text, &end, 10);
        text = *end == ':' ? end + 1 : end;
    }
    if (count < 2 || text[strspn(text, " \t\n")]) return false;
    *seconds = count == 2 ? 60 * part[0] + part[1] : 3600 * part[0] + 60 * part[1] + part[2];
    *seconds += 86400 * days;
    return true;
}

bool deadline_of_slurm(double *seconds)
{
    const char *job = getenv("SLURM_JOB_ID"), *end = getenv("SLURM_JOB_END_TIME");
    *seconds = INFINITY;
    if (!job || !*job) return true;
    if (end && deadline_parse_span(end, seconds)) {
        *seconds -= clock_unix();
        return true;
    }
    char answer[64] = "";
    FILE *squeue = popen("timeout 10 squeue -h -j \"$SLURM_JOB_ID\" -o %L 2>/dev/null", "r");
    if (squeue && !fgets(answer, sizeof answer, squeue)) answer[0] = '\0';
    if (squeue) pclose(squeue);
    return deadline_parse_slurm(answer, seconds);
}
