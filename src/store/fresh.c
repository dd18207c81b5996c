#include "store/fresh.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/path.h"
#include "base/regular.h"
#include "base/text.h"
#include "par/par.h"
#include "store/holder.h"
#include "store/journal.h"
#include "store/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 20 };

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static size_t at_most(size_t wanted, size_t room, size_t used)
{
    const size_t left = room > used ? room - used : 0;
    return wanted < left ? wanted : left;
}

/* Of the host what there is room for. */
static void make_name(struct buf *out, const char *path, const char *pid)
{
    const size_t rest = strlen(".tmp..") + strlen(pid);
    size_t host = at_most(strlen(par_host()), NAME_MAX, strlen(name_in(path)) + rest);
    host = at_most(host, PATH_MAX - 1, strlen(path) + rest);
    buf_print(out, "%s.tmp.%.*s.%s", path, (int)host, par_host(), pid);
}

/* One that looks for leftovers may come between making and claiming it. */
static bool claim(struct fresh *f)
{
    if (lock_claim(f->fd) != LOCK_TAKEN && path_is_of(f->fd, buf_chars(&f->name))) return true;
    close(f->fd);
    f->fd = -1;
    errno = EEXIST;
    return false;
}

int fresh_begin(struct fresh *f, const char *path, struct err *e)
{
    char pid[32];
    *f = (struct fresh){ .fd = -1 };
    MUST(text_print(pid, sizeof pid, "%ld", (long)getpid()));
    make_name(&f->name, path, pid);
    for (int i = 0; i < ATTEMPTS; i++) {
        fresh_sweep(path);
        f->fd = regular_open(buf_chars(&f->name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, ERR_IO, NULL);
        if (f->fd >= 0 && claim(f)) return 0;
        if (errno != EEXIST) break;
    }
    return err_at(e, err_kind_or(errno, ERR_IO), path, NOWHERE, NULL, "cannot be created: %s", strerror(errno));
}

/* Where links are not to be had: by renaming, which replaces nothing where the kernel knows how. */
static int rename_fresh(const char *name, const char *path)
{
    if (!renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_NOREPLACE)) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    if (!access(path, F_OK)) {
        errno = EEXIST;
        return -1;
    }
    return rename(name, path);
}

/* A server that is asked twice says of its own link that it is there already. */
static int place(const struct fresh *f, const char *path)
{
    const char *name = buf_chars(&f->name);
    if (link(name, path) && !path_is_of(f->fd, path)) return errno == EEXIST ? -1 : rename_fresh(name, path);
    unlink(name);
    return 0;
}

int fresh_publish(struct fresh *f, const char *path, bool replace, struct err *e)
{
    struct stat st;
    const bool there = !replace && !lstat(path, &st);
    if (!there && journal_set_aside(path, e)) return -1;
    if (!there && !(replace ? rename(buf_chars(&f->name), path) : place(f, path))) return file_sync_folder(path, e);
    if (there || errno == EEXIST)
        return err_at(e, ERR_LOCKED, path, NOWHERE, NULL, "was made by another run at this moment; try again");
    return err_at(e, err_kind_of(errno), path, NOWHERE, NULL, "cannot be created: %s", strerror(errno));
}

void fresh_end(struct fresh *f)
{
    const char *name = buf_chars(&f->name);
    if (f->fd >= 0 && path_is_of(f->fd, name)) unlink(name);
    if (f->fd >= 0) close(f->fd);
    buf_release(&f->name);
}

/* ---- what was left ---- */

/* NAME.tmp.HOST.PID */
static bool is_for(const char *path, const char *name, bool *ours)
{
    const size_t length = strlen(name_in(path));
    if (strncmp(name, name_in(path), length) != 0 || strncmp(name + length, ".tmp.", strlen(".tmp.")) != 0)
        return false;
    const char *pid = strrchr(name, '.') + 1;
    if (pid < name + length + strlen(".tmp..") || !*pid || pid[strspn(pid, "0123456789")]) return false;
    struct buf own = { 0 };
    make_name(&own, path, pid);
    *ours = !strcmp(name_in(buf_chars(&own)), name);
    buf_release(&own);
    return true;
}

/* The second name of a store whose maker was killed between giving it its own and taking this one away is held by
 * whoever has the store. */
static bool is_left(int fd, const char *path, bool ours)
{
    struct stat st;
    if (path_is_of(fd, path)) return true;
    const enum lock_verdict verdict = lock_claim(fd);
    if (verdict == LOCK_TAKEN || fstat(fd, &st)) return false;
    return (ours && verdict == LOCK_GOT) || clock_unix() - (double)st.st_mtime > HOLDER_SILENCE;
}

static void look_at(const char *name, const char *path, bool ours)
{
    const int fd = regular_open(name, O_RDWR | O_NOFOLLOW, ERR_IO, NULL);
    if (fd < 0) return;
    if (is_left(fd, path, ours) && path_is_of(fd, name)) unlink(name);
    close(fd);
}

void fresh_sweep(const char *path)
{
    const int folder = (int)(name_in(path) - path);
    struct buf at = { 0 };
    bool ours;
    buf_print(&at, "%.*s.", folder, path);
    DIR *dir = opendir(buf_chars(&at));
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_for(path, entry->d_name, &ours)) continue;
        buf_clear(&at);
        buf_print(&at, "%.*s%s", folder, path, entry->d_name);
        look_at(buf_chars(&at), path, ours);
    }
    if (dir) closedir(dir);
    buf_release(&at);
}
