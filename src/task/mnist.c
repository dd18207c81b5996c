#include "base/text.h"
#include "task/arrays.h"
#include "task/task.h"

#include <string.h>
#include <unistd.h>

/* Images of handwritten digits: task arrays with these keys,
 *
 *     file: FOLDER/mnist.npz, x: numbers, y: labels 10, scale: unit
 *
 * under the name and with the identity that its jobs have always had. */

struct mnist_config {
    char folder[ARRAYS_PATH];
    int64_t train, test;
    int choose;
};

enum choose { FIRST, DRAWN };
static const char *const choose_names[] = { [FIRST] = "first", [DRAWN] = "drawn", NULL };

static const struct field fields[] = {
    FIELD_CHARS(
        mnist_config, folder, PATH, NULL,
        "where mnist.npz lies, with x_train, y_train, x_test and y_test as bytes: `make data-mnist` makes it in "
        "data/mnist, and `python3 analysis/data.py mnist FOLDER` of the four IDX files"),
    FIELD_NUMBER(mnist_config, train, INT, "1000", "[1, 1e9]", "example", "training images"),
    FIELD_NUMBER(mnist_config, test, INT, "10000", "[1, 1e9]", "example", "test images: the first ones of t10k"),
    FIELD_CHOSEN(mnist_config, choose, CHOICE, "first", choose_names,
                 "training images: the first ones of the file, as Omnigrok takes them, or drawn from stream `split`"),
    FIELD_END,
};

static const struct task_common scaled = { .scale = TASK_SCALE_UNIT };

static int config_of(const struct mnist_config *c, struct arrays_config *out, struct err *e)
{
    *out = (struct arrays_config){ .names = "[x_train,y_train,x_test,y_test]",
                                   .x = "numbers",
                                   .y = "labels 10",
                                   .train = c->train,
                                   .test = c->test,
                                   .choose = c->choose == DRAWN ? ARRAYS_DRAWN : ARRAYS_FIRST };
    if (!text_print(out->file, sizeof out->file, "%s/mnist.npz", c->folder))
        return err_set(e, ERR_SPEC, "the path '%s/mnist.npz' is too long", text_shown(c->folder, 200));
    if (!access(out->file, F_OK)) return 0;
    return err_set(
        e, ERR_SPEC,
        "there is no '%s': `make data-mnist` fetches it, and `python3 analysis/data.py mnist %s` makes it of the "
        "IDX files there",
        out->file, text_shown(c->folder, 200));
}

static int shape(const void *config, struct task_shape *out, struct err *e)
{
    struct arrays_config c;
    const struct arrays *a;
    if (config_of(config, &c, e) || task_arrays.shape(&c, out, e) ||
        arrays_open(&(struct arrays_place){ { c.file, "", "", "" }, c.names }, &a, e))
        return -1;
    const struct arrays_array *x = &a->array[0];
    if (x->rank == 3) { /* grey pictures: [images, rows, columns] */
        out->image[0] = 1;
        out->image[1] = (int64_t)x->dim[1];
        out->image[2] = (int64_t)x->dim[2];
    }
    return 0;
}

static int digest(const void *config, struct id *out, struct err *e)
{
    struct arrays_config c;
    const struct arrays *a;
    struct id part[ARRAYS_ROLES];
    if (config_of(config, &c, e) || arrays_open(&(struct arrays_place){ { c.file, "", "", "" }, c.names }, &a, e))
        return -1;
    for (size_t i = 0; i < ARRAYS_ROLES; i++) {
        if (a->array[i].type != STORED_U8)
            return err_at(e, ERR_SPEC, c.file, NOWHERE, NULL, "array '%s' is of type %s; wanted: bytes, u1",
                          a->array[i].name, stored_name(a->array[i].type));
        part[i] = a->array[i].id;
    }
    *out = id_of(part, sizeof part);
    return 0;
}

static int build(const void *config, uint64_t seed, const struct task_split *given, struct arena *a,
                 struct task_data *out, struct err *e)
{
    struct arrays_config c;
    if (given && given->train) return err_set(e, ERR_SPEC, "task mnist takes no split: its files have one");
    return config_of(config, &c, e) || task_build(&task_arrays, &c, &scaled, NULL, seed, NULL, a, out, e) ? -1 : 0;
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
