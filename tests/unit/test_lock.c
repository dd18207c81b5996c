/* store/lock: one writer; a lock is broken only when its holder is provably dead. */
#include "lock_fixture.h"

#include "base/clock.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void taken_and_released(void **state)
{
    (void)state;
    struct lock *l;
    struct holder h;
    struct err e = { 0 };
    char pid[32], want[128];
    take(&l);
    get_record(&h);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_string_equal(h.pid, pid);
    assert_true(h.run == lock_run(l));
    snprintf(want, sizeof want, "is in use by another run: pid %s on host", pid);
    refused(want);
    refused("wait or stop it");
    snprintf(h.heartbeat, sizeof h.heartbeat, "2001-01-01T00:00:00Z");
    put_record(&h);
    assert_int_equal(lock_beat(l, &e), 0);
    get_record(&h);
    assert_true(holder_silence(&h) < 60);
    drop(l);
    get_record(&h);
    assert_true(h.run == 0 && !h.pid[0]);
    take(&l);
    drop(l);
}

static void the_dead_lose_it(void **state)
{
    (void)state;
    struct lock *l;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = { 0 };
        if (lock_take(&l, store, &e) || write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    refused("is in use by another run");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct holder h;
    get_record(&h);
    assert_int_equal(atol(h.pid), pid);
    take(&l);
    assert_true(lock_past(l)->unclean);
    drop(l);
    close(ready[0]);
    close(ready[1]);
}

/* The record of another host, whose last sign of life is so long ago. */
static void elsewhere(const char *host, const char *space, int seconds)
{
    struct holder h;
    char text[32];
    holder_self(&h, 4711);
    if (host) snprintf(h.host, sizeof h.host, "%s", host);
    if (space) snprintf(h.space, sizeof h.space, "%s", space);
    snprintf(h.heartbeat, sizeof h.heartbeat, "%s", clock_iso(clock_unix() - seconds, text));
    put_record(&h);
}

static void proofs_of_death(void **state)
{
    (void)state;
    struct lock *l;
    FORGE(pid, "999999999"); /* no such process */
    take(&l);
    drop(l);
    FORGE(start, "1"); /* the pid was reused */
    take(&l);
    drop(l);
    FORGE(boot, "00000000-0000-0000-0000-000000000000"); /* before a reboot */
    take(&l);
    drop(l);
    FORGE(slurm, ""); /* it lives, and has another file: this one is a copy */
    take(&l);
    drop(l);
    static const char *const unknown[][2] = {
        { "some-other-host", NULL }, { NULL, "pid:[1]" }, /* a container: its pids mean nothing here */
    };
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) { /* silent for long, where nobody can look */
        elsewhere(unknown[i][0], unknown[i][1], 0);
        refused("is in use by another run");
        elsewhere(unknown[i][0], unknown[i][1], HOLDER_SILENCE - 60);
        refused("last sign of life 14 min");
        elsewhere(unknown[i][0], unknown[i][1], 60 - HOLDER_SILENCE); /* a clock that is ahead */
        refused("is in use by another run");
        elsewhere(unknown[i][0], unknown[i][1], HOLDER_SILENCE + 60);
        take(&l);
        drop(l);
        elsewhere(unknown[i][0], unknown[i][1], -HOLDER_SILENCE - 60);
        take(&l);
        drop(l);
    }
}

/* Whoever a damaged record named finds his number gone; what he has left is not known. */
static void a_damaged_record(void **state)
{
    (void)state;
    static const off_t places[] = { 8, 20, 600, 2800, HOLDER_BYTES - 1 };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct lock *l;
        elsewhere("some-other-host", NULL, 0);
        const int fd = open(store, O_RDWR);
        assert_int_equal(pwrite(fd, "#", 1, HOLDER_BYTES + places[i]), 1);
        struct err e = { 0 };
        assert_int_equal(lock_check(fd, HOLDER_BYTES, store, 4711, &e), i == 0 ? -1 : 0);
        take(&l);
        assert_true(lock_past(l)->unclean && lock_past(l)->since < 10);
        e.kind = ERR_NONE;
        assert_int_equal(lock_check(fd, HOLDER_BYTES, store, 4711, &e), -1);
        assert_int_equal(e.kind, ERR_LOCKED);
        close(fd);
        drop(l);
        struct holder h;
        get_record(&h);
        assert_true(h.run == 0);
    }
}

/* What a stranger has written is shown on a terminal, and need not end. */
static void a_strange_record(void **state)
{
    (void)state;
    struct holder h;
    holder_self(&h, 4711);
    memset(h.host, 'h', sizeof h.host);
    memset(h.since, '\033', sizeof h.since);
    put_record(&h);
    refused("since ????");
    forget_record();
}

static void slurm_restarts(void **state)
{
    (void)state;
    struct lock *l;
    setenv("SLURM_JOB_ID", "4711", 1);
    FORGE(host, "first-node");
    refused("Slurm job 4711"); /* the same run of the job: another step may hold it */
    setenv("SLURM_RESTART_COUNT", "1", 1);
    take(&l); /* requeued: Slurm has ended the run before */
    drop(l);
    FORGE(host, "first-node");
    setenv("SLURM_JOB_ID", "4712", 1);
    refused("Slurm job 4711");
    forget_record();
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

/* The batch script counts its launches: the next one need not wait for the last one's silence. */
static void launches_of_a_slurm_job(void **state)
{
    (void)state;
    struct lock *l;
    setenv("SLURM_JOB_ID", "4711", 1);
    setenv("TOMBOLA_LAUNCH", "2", 1);
    FORGE(host, "first-node");
    refused("Slurm job 4711");
    setenv("TOMBOLA_LAUNCH", "3", 1);
    take(&l);
    drop(l);
    unsetenv("SLURM_JOB_ID");
    unsetenv("TOMBOLA_LAUNCH");
}

/* What a squeue of our own says about the holder's job. */
static void slurm_is_asked(void **state)
{
    static const struct {
        const char *script;
        bool ended;
    } cases[] = {
        { "echo RUNNING", false },
        { "echo COMPLETING", false },
        { "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", false },
        { "exit 127", false },
        { "true", true },
        { "echo PENDING", true },
        { "[ $3 = 4711 ] && echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", true },
    };
    char path[320], search[1 << 14];
    struct lock *l;
    snprintf(path, sizeof path, "%s", file_in(state, "squeue"));
    snprintf(search, sizeof search, "%s:%s", (const char *)*state, getenv("PATH"));
    setenv("PATH", search, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FILE *script = fopen(path, "w");
        assert_non_null(script);
        fprintf(script, "#!/bin/sh\n%s\n", cases[i].script);
        fclose(script);
        assert_int_equal(chmod(path, 0755), 0);
        setenv("SLURM_JOB_ID", "4711", 1);
        FORGE(host, "first-node");
        setenv("SLURM_JOB_ID", "4712", 1);
        if (cases[i].ended) {
            take(&l);
            drop(l);
        } else
            refused("Slurm job 4711");
        forget_record();
    }
    unsetenv("SLURM_JOB_ID");
}

static void a_lost_lock_is_noticed(void **state)
{
    (void)state;
    struct lock *l;
    struct holder h;
    struct err e = { 0 };
    take(&l);
    const int fd = open(store, O_RDONLY);
    assert_int_equal(lock_beat(l, &e), 0);
    assert_int_equal(lock_check(fd, HOLDER_BYTES, store, lock_run(l), &e), 0);
    forget_record();
    lost(l, ERR_LOCKED, "taken over by another run");
    assert_int_equal(lock_check(fd, HOLDER_BYTES, store, lock_run(l), &e), -1);
    assert_int_equal(e.kind, ERR_LOCKED);
    FORGE(host, "of another");
    lost(l, ERR_LOCKED, "taken over by another run");
    lock_disown(l);
    drop(l); /* which leaves the other's alone */
    get_record(&h);
    assert_true(h.run == 4711 && h.launcher[0] != '?');
    forget_record();
    close(fd);
}

/* What a dead run has left to verify passes from lock to lock until it has been done. */
static void doubts_are_handed_on(void **state)
{
    (void)state;
    struct lock *l;
    struct holder h;
    FORGE(pid, "999999999");
    take(&l);
    assert_true(lock_past(l)->unclean);
    const double since = lock_past(l)->since;
    assert_true(since < (double)time(NULL) - LOCK_DOUBT + 60 && since > (double)time(NULL) - LOCK_DOUBT - 60);
    lock_release(l);
    get_record(&h);
    assert_true(h.run != 0 && atof(h.verify) > since - 2 && atof(h.verify) < since + 2);
    take(&l);
    assert_true(lock_past(l)->unclean && lock_past(l)->since < since + 2);
    drop(l);
    get_record(&h);
    assert_true(h.run == 0);
}

static void launchers(void **state)
{
    struct lock *l;
    struct holder h;
    char folder[256];
    snprintf(folder, sizeof folder, "%s", file_in(state, "session"));
    setenv("PMIX_SERVER_TMPDIR", folder, 1);
    FORGE(pid, "999999999");
    take(&l);
    assert_true(lock_past(l)->launcher_lives); /* it has tidied up */
    lock_verified(l);
    assert_false(lock_past(l)->unclean);
    drop(l);
    FORGE(pid, "999999999");
    assert_int_equal(mkdir(folder, 0700), 0);
    take(&l);
    assert_false(lock_past(l)->launcher_lives); /* it was killed, too */
    lock_disown(l);
    get_record(&h);
    assert_string_equal(h.launcher, "?");
    drop(l);
    rmdir(folder);
    unsetenv("PMIX_SERVER_TMPDIR");
}

/* Many processes find the same dead lock at the same moment: one gets it. */
static void a_race(void **state)
{
    (void)state;
    enum { RACERS = 12, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        int winners = 0, status, go[2], end[2];
        FORGE(pid, "999999999");
        assert_int_equal(pipe(go) || pipe(end), 0);
        for (int i = 0; i < RACERS; i++)
            if (fork() == 0) {
                struct lock *l;
                struct err e = { 0 };
                char byte;
                alarm(60); /* were there two winners, both would wait */
                close(go[1]);
                close(end[1]);
                if (!freopen("/dev/null", "w", stderr) || read(go[0], &byte, 1) != 0) _exit(2);
                int rc = lock_take(&l, store, &e);
                if (!rc && read(end[0], &byte, 1) != 0) _exit(2); /* alive while the others look */
                _exit(rc == 0 ? 0 : e.kind == ERR_LOCKED ? 1 : 3);
            }
        close(go[0]);
        close(go[1]);
        close(end[0]);
        for (int i = 0; i < RACERS; i++) {
            if (i == RACERS - 1) close(end[1]);
            wait(&status);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
            winners += WEXITSTATUS(status) == 0;
        }
        assert_int_equal(winners, 1);
        forget_record();
    }
}

static void seen_by_others(void **state)
{
    (void)state;
    struct lock *l;
    struct lock_seen seen = { .pid = "" };
    struct holder h;
    char pid[32];
    assert_false(lock_look(&seen, store));
    take(&l);
    assert_true(lock_look(&seen, store));
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_string_equal(seen.pid, pid);
    assert_true(seen.since[0] && seen.host[0] && seen.silence > -1 && seen.silence < 60);
    drop(l);
    assert_false(lock_look(&seen, store));
    FORGE(start, "1"); /* another process had this pid before us */
    assert_false(lock_look(&seen, store));
    elsewhere("some-other-host", NULL, 60);
    assert_true(lock_look(&seen, store));
    assert_string_equal(seen.host, "some-other-host");
    get_record(&h);
    assert_true(h.run == 4711); /* to look breaks nothing */
    forget_record();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_and_released),
        cmocka_unit_test(the_dead_lose_it),
        cmocka_unit_test(proofs_of_death),
        cmocka_unit_test(slurm_restarts),
        cmocka_unit_test(slurm_is_asked),
        cmocka_unit_test(a_lost_lock_is_noticed),
        cmocka_unit_test(a_race),
        cmocka_unit_test(a_damaged_record),
        cmocka_unit_test(a_strange_record),
        cmocka_unit_test(seen_by_others),
        cmocka_unit_test(launches_of_a_slurm_job),
        cmocka_unit_test(doubts_are_handed_on),
        cmocka_unit_test(launchers),
    };
    return cmocka_run_group_tests_name("lock", tests, setup_store, folder_teardown);
}
