/* A library to be preloaded into a command, with all of its processes: it counts the calls that change a file of one
   folder or bring it to the disk, and at the Nth of them kills the process, or lets the call fail, or does half of
   it.

     FAULT_UNDER=FOLDER  the folder, by its real path: calls on files below it are counted, all others go through
     FAULT_STATE=FILE    a struct state, zeros at first, not in the folder: all processes share it, it outlives them
     FAULT_AT=N          the call with this number, or the first one after it that the fault can befall; 0: none
     FAULT_KIND=kill     SIGKILL before the call
                stop     SIGSTOP before the call: who waits for that can kill whom it likes, and knows when
                tear     half of its bytes, then SIGKILL
                short    half of its bytes, as its result says
                error    it fails with FAULT_ERRNO, a number
     FAULT_ATOMIC=N      writes of at most so many bytes are not torn: a kill never tears one inside a page
     FAULT_STICKY=1      so do all later ones that can, in all processes; without it: once, in one process
     FAULT_READS=1       count the calls that read instead
     FAULT_OWN=1         every process counts for itself
     FAULT_LOG=FILE      a line for each call: number, process, name, what can befall it, bytes, path

   What can befall a call, besides a kill and EIO: B it has bytes, so it can be torn and short; R it needs room, so
   ENOSPC and EDQUOT; W it can wait, so EINTR.  What goes through the buffers of stdio counts when it is put there,
   and again when it is flushed.

   Once the constructor has run, a wrapper makes nothing but system calls before the call that it stands for: it may
   be called from a signal handler, and between vfork and exec. */
#include "shim.h"
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

struct shim_real shim_real;
struct shim_set shim_set;

static unsigned long number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

static void find_real(void)
{
    int kept = errno;
#define FIND(name)                                                                                                   \
    if (!shim_real.name) *(void **)&shim_real.name = dlsym(RTLD_NEXT, #name);
    CALLS(FIND)
    errno = kept;
}

/* The shared page; without one nothing is counted. */
static struct state *map_state(const char *path)
{
    if (!path) return NULL;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return NULL;
    void *at = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    return at == MAP_FAILED ? NULL : at;
}

static enum kind kind_of(const char *word)
{
    static const char *const words[] = {
        [KILL] = "kill", [STOP] = "stop", [TEAR] = "tear", [SHORT] = "short", [ERROR] = "error"
    };
    for (int i = KILL; word && i <= ERROR; i++)
        if (strcmp(word, words[i]) == 0) return (enum kind)i;
    return COUNT;
}

/* Other libraries' constructors may call before this one's. */
void shim_prepare(void)
{
    if (shim_set.ready) return;
    find_real();
    int kept = errno;
    shim_set.under = getenv("FAULT_UNDER");
    shim_set.under_length = shim_set.under ? strlen(shim_set.under) : 0;
    shim_set.log = getenv("FAULT_LOG");
    shim_set.at = number("FAULT_AT");
    shim_set.kind = kind_of(getenv("FAULT_KIND"));
    shim_set.error = (int)number("FAULT_ERRNO");
    shim_set.atomic = number("FAULT_ATOMIC");
    shim_set.sticky = number("FAULT_STICKY");
    shim_set.reads = number("FAULT_READS");
    shim_set.own = number("FAULT_OWN");
    shim_set.shared = shim_set.under_length ? map_state(getenv("FAULT_STATE")) : NULL;
    errno = kept;
    shim_set.ready = true;
}

__attribute__((constructor)) static void begin(void)
{
    shim_prepare();
}

_Noreturn void shim_end(void)
{
    for (;;) syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
}

static bool inside(const char *path)
{
    const size_t n = shim_set.under_length;
    return strncmp(path, shim_set.under, n) == 0 && (path[n] == '/' || !path[n]);
}

static bool path_of(int fd, char path[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n > 0;
}

/* Where a path leads to, whose last part need not exist yet.  follow: also if that is a link. */
static bool leads_to(int folder, const char *name, bool follow, char path[PATH_MAX])
{
    size_t length = strlen(name), at;
    while (length > 1 && name[length - 1] == '/') length--;
    for (at = length; at > 0 && name[at - 1] != '/';) at--;
    char parent[PATH_MAX] = ".";
    if (length >= sizeof parent) return false;
    if (at) memcpy(parent, name, at);
    int whole = follow ? (int)syscall(SYS_openat, folder, name, O_PATH | O_CLOEXEC, 0) : -1;
    int fd = whole >= 0 ? whole : (int)syscall(SYS_openat, folder, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    bool found = fd >= 0 && path_of(fd, path);
    if (fd >= 0) syscall(SYS_close, fd);
    if (!found || whole >= 0) return found;
    const size_t n = strlen(path);
    if (n + 1 + length - at >= PATH_MAX) return false;
    path[n] = '/';
    memcpy(path + n + 1, name + at, length - at);
    path[n + 1 + length - at] = 0;
    return true;
}

static void note(unsigned long n, const char *name, unsigned traits, size_t bytes, const char *path)
{
    char line[PATH_MAX + 128];
    int length =
        snprintf(line, sizeof line, "%lu %ld %s -%s%s%s %zu %s\n", n, syscall(SYS_getpid), name,
                 traits & BYTES ? "B" : "", traits & ROOM ? "R" : "", traits & WAITS ? "W" : "", bytes, path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, shim_set.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, length);
    syscall(SYS_close, fd);
}

static bool can_befall(unsigned traits, size_t bytes)
{
    switch (shim_set.kind) {
    case TEAR: return traits & BYTES && bytes > shim_set.atomic;
    case SHORT: return traits & BYTES;
    case ERROR:
        if (shim_set.error == ENOSPC || shim_set.error == EDQUOT) return traits & ROOM;
        return shim_set.error != EINTR || traits & WAITS;
    default: return shim_set.kind != COUNT;
    }
}

/* The one call of all, or of this process's, that a fault befalls once. */
static bool is_first(void)
{
    unsigned long none = 0;
    if (!atomic_compare_exchange_strong(shim_set.own ? &shim_set.alone.fired : &shim_set.shared->fired, &none, 1))
        return false;
    if (shim_set.own) atomic_fetch_add(&shim_set.shared->fired, 1);
    return true;
}

/* Count a call on a file below the folder; what shall become of it. */
static enum deed befall(const char *name, unsigned traits, size_t bytes, const char *path)
{
    unsigned long n = atomic_fetch_add(&shim_set.shared->calls, 1) + 1;
    if (shim_set.own) n = atomic_fetch_add(&shim_set.alone.calls, 1) + 1;
    if (bytes < 2) traits &= ~(unsigned)BYTES;
    if (shim_set.log) note(n, name, traits, bytes, path);
    if (!shim_set.at || n < shim_set.at || !can_befall(traits, bytes)) return PASS;
    if (shim_set.sticky)
        atomic_fetch_add(&shim_set.shared->fired, 1);
    else if (!is_first())
        return PASS;
    if (shim_set.kind == KILL) shim_end();
    if (shim_set.kind == STOP) syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGSTOP);
    if (shim_set.kind == STOP) return PASS;
    return shim_set.kind == TEAR ? HALF_AND_DIE : shim_set.kind == SHORT ? PART : FAIL;
}

static bool wanted(unsigned traits)
{
    return shim_set.shared && !(traits & READS) == !shim_set.reads;
}

enum deed shim_on_fd(const char *name, unsigned traits, int fd, size_t bytes)
{
    char path[PATH_MAX];
    int kept = errno;
    shim_prepare();
    enum deed deed = PASS;
    if (wanted(traits) && fd >= 0 && path_of(fd, path) && inside(path)) deed = befall(name, traits, bytes, path);
    errno = deed == FAIL ? shim_set.error : kept;
    return deed;
}

enum deed shim_on_path(const char *name, unsigned traits, int folder, const char *at, bool follow)
{
    char path[PATH_MAX];
    int kept = errno;
    shim_prepare();
    enum deed deed = PASS;
    if (wanted(traits) && at && leads_to(folder, at, follow, path) && inside(path))
        deed = befall(name, traits, 0, path);
    errno = deed == FAIL ? shim_set.error : kept;
    return deed;
}

/* Of a call on two paths: the one that lies in the folder, the new one if both do. */
enum deed shim_on_two(const char *name, unsigned traits, int from, const char *old, int to, const char *fresh)
{
    char path[PATH_MAX];
    int kept = errno;
    shim_prepare();
    bool second = wanted(traits) && fresh && leads_to(to, fresh, false, path) && inside(path);
    errno = kept;
    return second ? shim_on_path(name, traits, to, fresh, false) : shim_on_path(name, traits, from, old, false);
}

bool shim_makes(int flags)
{
    return flags & (O_CREAT | O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

bool shim_opens(const char *name, int folder, const char *path, int flags)
{
    shim_prepare();
    return !shim_makes(flags) || shim_on_path(name, ROOM | WAITS, folder, path, !(flags & O_EXCL)) != FAIL;
}
