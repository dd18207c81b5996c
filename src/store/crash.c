#include "store/crash.h"
#include "disk/types.h"
#include "store/row.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process that crashes says so in the row of the job that it was training, with the last calls that it makes:
 * nobody else is to be blamed. */

enum { STACK = 1 << 16 };

static const struct {
    int number;
    const char *says;
} crash_signals[] = {
    { SIGSEGV, "its process died of SIGSEGV" }, { SIGABRT, "its process died of SIGABRT" },
    { SIGBUS, "its process died of SIGBUS" },   { SIGFPE, "its process died of SIGFPE" },
    { SIGILL, "its process died of SIGILL" },
};
enum { SIGNALS = ARRAY_LEN(crash_signals) };

static struct sigaction before[SIGNALS];
static struct store *volatile crashing;
static size_t deaths_at, next_deaths_at, error_at, error_size;

/* Only memory and pwrite: nothing here asks the library for more. */
static void say_so(struct store *s, const char *says)
{
    uint64_t deaths;
    char *image = s->own_image, *error = image + error_at;
    const size_t at = s->own_again ? next_deaths_at : deaths_at;
    size_t i = 0;
    memcpy(&deaths, image + at, sizeof deaths);
    deaths++;
    memcpy(image + at, &deaths, sizeof deaths);
    for (; says[i] && i + 1 < error_size; i++) error[i] = says[i];
    memset(error + i, 0, error_size - i);
    row_seal(&s->form, image);
    if (pwrite(s->disk.fd, image, s->form.bytes, (off_t)(s->table[TABLE_JOBS].raw.at + s->own_row * s->form.bytes)) <
        0)
        return; /* then it is one of those who died without a word */
}

static void on_crash(int number)
{
    struct store *s = crashing;
    crashing = NULL;
    for (size_t i = 0; i < SIGNALS; i++) {
        if (crash_signals[i].number != number) continue;
        if (s && s->own_row != NO_ROW && s->own_row == s->own_image_row) say_so(s, crash_signals[i].says);
        sigaction(number, &before[i], NULL);
    }
    raise(number); /* as it would have been without us, once this handler has returned */
}

void crash_watch(struct store *s)
{
    static char stack[STACK];
    const struct column *deaths = columns_find(s->form.column, "deaths"),
                        *next_deaths = columns_find(s->form.column, "next_deaths"),
                        *error = columns_find(s->form.column, "error");
    MUST(deaths && next_deaths && error); /* what is written to has all columns */
    const stack_t aside = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };
    deaths_at = deaths->offset;
    next_deaths_at = next_deaths->offset;
    error_at = error->offset;
    error_size = error->size;
    sigaltstack(&aside, NULL);
    crashing = s;
    for (size_t i = 0; i < SIGNALS; i++) sigaction(crash_signals[i].number, &action, &before[i]);
}

void crash_forget(void)
{
    if (!crashing) return;
    crashing = NULL;
    for (size_t i = 0; i < SIGNALS; i++) sigaction(crash_signals[i].number, &before[i], NULL);
}
