#include "base/rng.h"
#include "task/idx.h"
#include "task/task.h"

#include <stddef.h>
#include <string.h>

/* Images of handwritten digits, or whatever else comes in the four files of the MNIST distribution (Fashion-MNIST,
 * KMNIST).  A pixel is a number from 0 to 1. */

enum { PATH_BYTES = 400 };

struct mnist_config {
    char folder[PATH_BYTES];
    int64_t train, test;
    int choose;
};

enum choose { FIRST, DRAWN };
static const char *const choose_names[] = { "first", "drawn", NULL };

static const struct field fields[] = {
    FIELD_CHARS(
        mnist_config, folder, PATH, NULL,
        "where train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte "
        "lie, each gzipped (.gz) or not; `make data-mnist` fetches them into data/mnist"),
    FIELD_NUMBER(mnist_config, train, INT, "1000", "[1, 1e9]", "example", "training images"),
    FIELD_NUMBER(mnist_config, test, INT, "10000", "[1, 1e9]", "example", "test images: the first ones of t10k"),
    FIELD_CHOSEN(mnist_config, choose, CHOICE, "first", choose_names,
                 "training images: the first ones of the file, as Omnigrok takes them, or drawn from stream `split`"),
    FIELD_END,
};

enum half { TRAIN, TEST };

/* One half of the distribution: images [n, rows, columns] and labels [n]. */
struct images {
    struct idx image, label;
};

static int read_images(const struct mnist_config *c, enum half half, struct arena *a, struct images *out,
                       struct err *e)
{
    static const char *const stem[] = { [TRAIN] = "train", [TEST] = "t10k" };
    struct buf path = { 0 };
    buf_print(&path, "%s/%s-images-idx3-ubyte", c->folder, stem[half]);
    int rc = idx_read(buf_chars(&path), 3, a, &out->image, e);
    buf_clear(&path);
    buf_print(&path, "%s/%s-labels-idx1-ubyte", c->folder, stem[half]);
    if (!rc) rc = idx_read(buf_chars(&path), 1, a, &out->label, e);
    if (!rc && out->image.dim[0] != out->label.dim[0])
        rc = err_set(e, ERR_SPEC, "'%s' labels %zu images, and there are %zu", buf_chars(&path), out->label.dim[0],
                     out->image.dim[0]);
    buf_release(&path);
    return rc;
}

static int read_both(const struct mnist_config *c, struct arena *a, struct images out[2], struct err *e)
{
    if (read_images(c, TRAIN, a, &out[TRAIN], e) || read_images(c, TEST, a, &out[TEST], e)) return -1;
    for (size_t i = 1; i < IDX_RANK; i++)
        if (out[TRAIN].image.dim[i] != out[TEST].image.dim[i])
            return err_set(e, ERR_SPEC, "the training and the test images in '%s' differ in size", c->folder);
    return 0;
}

enum { CLASSES = 10 };

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    const struct mnist_config *c = config;
    struct images both[2];
    if (read_both(c, NULL, both, e)) return -1;
    if ((size_t)c->train > both[TRAIN].label.size)
        return err_set(e, ERR_SPEC, "train is %lld; '%s' has %zu training images", (long long)c->train, c->folder,
                       both[TRAIN].label.size);
    if ((size_t)c->test > both[TEST].label.size)
        return err_set(e, ERR_SPEC, "test is %lld; '%s' has %zu test images", (long long)c->test, c->folder,
                       both[TEST].label.size);
    *out =
        (struct task_shape){ .n_train = (size_t)c->train,
                             .n_test = (size_t)c->test,
                             .width = both[TRAIN].image.dim[1] * both[TRAIN].image.dim[2],
                             .classes = CLASSES,
                             .image = { 1, (int64_t)both[TRAIN].image.dim[1], (int64_t)both[TRAIN].image.dim[2] } };
    return 0;
}

static int digest(const void *config, struct id *out, struct err *e)
{
    struct arena a = { 0 };
    struct images both[2];
    const int rc = read_both(config, &a, both, e);
    if (!rc) {
        const struct idx *all[] = { &both[TRAIN].image, &both[TRAIN].label, &both[TEST].image, &both[TEST].label };
        struct id part[ARRAY_LEN(all)];
        for (size_t i = 0; i < ARRAY_LEN(all); i++) part[i] = id_of(all[i]->byte, all[i]->size);
        *out = id_of(part, sizeof part);
    }
    arena_release(&a);
    return rc;
}

/* The images at `order`, or the first n if that is NULL. */
static int take(const struct images *from, const uint32_t *order, size_t n, struct arena *a, struct dataset *out,
                struct err *e)
{
    const size_t width = from->image.size / from->image.dim[0];
    double *x = ARENA_NEW(a, n * width, double);
    int32_t *label = ARENA_NEW(a, n, int32_t);
    for (size_t i = 0; i < n; i++) {
        const size_t at = order ? order[i] : i;
        label[i] = from->label.byte[at];
        if (label[i] >= CLASSES)
            return err_set(e, ERR_SPEC, "image %zu has the label %d; allowed: 0 to %d", at, label[i], CLASSES - 1);
        for (size_t j = 0; j < width; j++) x[i * width + j] = from->image.byte[at * width + j] / 255.0;
    }
    *out = (struct dataset){ .n = n, .width = width, .x = x, .label = label };
    return 0;
}

static const uint32_t *draw(uint64_t seed, size_t n, struct arena *a)
{
    uint32_t *order = ARENA_NEW(a, n, uint32_t);
    struct rng r = rng_open(seed, "split");
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    rng_shuffle(&r, order, n);
    return order;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    const struct mnist_config *c = config;
    struct images both[2];
    struct arena files = { 0 };
    if (given && given->train) return err_set(e, ERR_SPEC, "task mnist takes no split: its files have one");
    *out = (struct task_data){ .classes = CLASSES };
    int rc = read_both(c, &files, both, e);
    if (!rc) {
        const uint32_t *order = c->choose == DRAWN ? draw(seed, both[TRAIN].label.size, &files) : NULL;
        rc = take(&both[TRAIN], order, (size_t)c->train, a, &out->train, e) ||
                     take(&both[TEST], NULL, (size_t)c->test, a, &out->test, e)
                 ? -1
                 : 0;
    }
    arena_release(&files);
    return rc;
}

const struct task_kind task_mnist = {
    .kind = { .name = "mnist",
              .summary = "images of handwritten digits; networks that begin with large weights grok them",
              .source = "LeCun, Cortes, Burges; grokking: Liu et al., Omnigrok (arXiv 2210.01117), section 3",
              .fields = fields,
              .config_size = sizeof(struct mnist_config) },
    .shape = shape,
    .digest = digest,
    .build = build,
};
