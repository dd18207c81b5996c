#include "base/field.h"
#include "base/file.h"
#include "base/number.h"
#include "base/output.h"
#include "base/text.h"
#include "base/vec.h"
#include "cli/cli.h"
#include "cli/export_named.h"
#include "cli/exports.h"
#include "cli/find.h"
#include "disk/archive.h"
#include "job/data.h"
#include "job/recording.h"
#include "job/registry.h"
#include "job/replay.h"
#include "job/teacher.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A job of a store, and the arrays of it that are asked for. */
struct export
{
    struct store *store;
    struct store_row row;
    uint32_t at; /* which row of /jobs it is */
    const struct store_family *family;
    const char *names; /* job/naming.h; "" */
    struct arena arena;
    struct archive_array *array;
    size_t count;
};
#define EXPORT_MAX ((size_t)4 << 30) /* bytes of one array */

static struct archive_array *add(struct export *x, const char *name, enum column_type type)
{
    struct archive_array *a = VEC_MORE_IN(&x->arena, x->array, x->count);
    a->name = name;
    a->type = type;
    return a;
}

/* ---- what can be exported ---- */

/* A part of an array as it stands in the store. */
static int read_part(struct export *x, size_t array, size_t part, void **out, struct err *e)
{
    const size_t bytes = store_part_bytes(&x->family->array[array]);
    *out = arena_alloc(&x->arena, bytes);
    return store_get(x->store, &x->row, array, part, *out, bytes, e);
}

/* One array a tensor, each a piece of the flat vector. */
static int add_tensors(struct export *x, enum column_type type, const char *flat, struct err *e)
{
    struct store_tensor *tensor;
    struct naming naming;
    size_t count, place;
    if (store_read_tensors(x->store, (size_t)x->row.family, &x->arena, &tensor, &count, e)) return -1;
    const char **known = ARENA_NEW(&x->arena, count + 1, const char *);
    for (size_t i = 0; i < count; i++) known[i] = tensor[i].name;
    if (naming_read(&naming, x->names, known, &x->arena, e)) return -1;
    for (size_t i = 0; i < count; i++) {
        const struct naming_array *named = naming_find(&naming, tensor[i].name, &place);
        if (named && place > 0) continue;
        struct archive_array *a = add(x, tensor[i].name, type);
        if (named) {
            if (export_named(a, named, tensor, count, type, flat, &x->arena, e)) return -1;
            continue;
        }
        a->rank = tensor[i].rank;
        memcpy(a->dim, tensor[i].dim, sizeof a->dim);
        a->data = flat + tensor[i].offset * column_size(type, 0);
    }
    return 0;
}

static int no_weights(struct export *x, const char *t, struct err *e)
{
    struct buf list = { 0 };
    exports_epochs(x->store, &x->row, &list);
    err_set(e, ERR_SPEC, "the job has no weights at '%s'; it has those at %s %s", t, store_unit(x->row.length_unit),
            list.length ? buf_chars(&list) : "(none)");
    buf_release(&list);
    return -1;
}

/* Of an array with a slot a checkpoint, the last two at t_mem and t_gen.  t: an epoch, mem, gen, or final. */
static int find_slot(struct export *x, size_t array, const char *t, size_t *out, struct err *e)
{
    const size_t slots = array == SIZE_MAX ? 0 : x->family->array[array].parts;
    const bool mem = !strcmp(t, "mem"), gen = !strcmp(t, "gen"), final = !strcmp(t, "final");
    int64_t epoch = final ? exports_final(&x->row) : mem ? x->row.t_mem : gen ? x->row.t_gen : -1;
    if (!final && !mem && !gen && (!number_int(t, &epoch) || epoch < 0))
        return err_set(e, ERR_SPEC, "'@%s'; allowed: an epoch, mem, gen, final", t);
    for (size_t slot = 0; slot < slots; slot++)
        if (epoch >= 0 && exports_epoch(x->store, &x->row, slot) == epoch &&
            store_has(x->store, &x->row, array, slot)) {
            *out = slot;
            return 0;
        }
    return no_weights(x, t, e);
}

static int add_checkpoint(struct export *x, const char *path, const char *t, struct err *e)
{
    const size_t array = store_array_find(x->store, (size_t)x->row.family, path);
    size_t slot;
    void *flat;
    return find_slot(x, array, t, &slot, e) || read_part(x, array, slot, &flat, e)
               ? -1
               : add_tensors(x, x->family->array[array].type, flat, e);
}

/* A mask that is trained is another at each checkpoint. */
static int add_mask(struct export *x, const char *t, struct err *e)
{
    const size_t array = store_array_find(x->store, (size_t)x->row.family, "masks");
    void *flat;
    if (array != SIZE_MAX && x->family->array[array].parts) return add_checkpoint(x, "masks", t, e);
    if (array == SIZE_MAX || !store_has(x->store, &x->row, array, 0))
        return err_set(e, ERR_SPEC, "the job trains without a mask");
    return read_part(x, array, 0, &flat, e) ? -1 : add_tensors(x, COLUMN_U8, flat, e);
}

/* The epochs of a series, or of the slots of measures, as the first array. */
static int add_epochs(struct export *x, size_t count, bool slots, struct err *e)
{
    struct archive_array *a = add(x, "epoch", COLUMN_I64);
    int64_t *epoch = ARENA_NEW(&x->arena, count, int64_t);
    a->rank = 1;
    a->dim[0] = count;
    a->data = epoch;
    if (!slots) return store_read_constant(x->store, (size_t)x->row.family, "epoch", epoch, count * sizeof *epoch, e);
    for (size_t i = 0; i < count; i++) epoch[i] = exports_epoch(x->store, &x->row, i);
    return 0;
}

/* All parts of an array, one above the other; what was not written is NaN. */
static int add_parts(struct export *x, size_t array, const char *name, struct err *e)
{
    const struct store_array *from = &x->family->array[array];
    const size_t bytes = store_part_bytes(from), parts = from->parts ? from->parts : 1;
    if (bytes && parts > EXPORT_MAX / bytes)
        return err_set(e, ERR_SPEC, "'%s' takes more than %zu GB; export its weights one by one", from->path,
                       EXPORT_MAX >> 30);
    char *data = arena_array(&x->arena, parts, bytes);
    memset(data, 0xff, parts * bytes); /* all bits set: NaN in either precision */
    for (size_t i = 0; i < parts; i++)
        if (store_has(x->store, &x->row, array, i) &&
            store_get(x->store, &x->row, array, i, data + i * bytes, bytes, e))
            return -1;
    struct archive_array *a = add(x, name, from->type);
    if (from->parts) a->dim[a->rank++] = parts;
    for (size_t i = 0; i < from->rank; i++) a->dim[a->rank++] = from->dim[i];
    a->data = data;
    return 0;
}

/* Every array whose path is `what`, or lies below it. */
static int add_below(struct export *x, const char *what, struct err *e)
{
    const size_t length = strlen(what);
    for (size_t i = 0; i < x->family->arrays; i++) {
        const struct store_array *a = &x->family->array[i];
        const char *slash = strrchr(a->path, '/');
        if (strncmp(a->path, what, length) || (a->path[length] && a->path[length] != '/')) continue;
        if (!x->count && add_epochs(x, a->parts ? a->parts : a->dim[0], a->parts != 0, e)) return -1;
        if (add_parts(x, i, slash ? slash + 1 : a->path, e)) return -1;
    }
    if (x->count) return 0;
    struct buf list = { 0 };
    for (size_t i = 0; i < x->family->arrays; i++)
        if (strchr(x->family->array[i].path, '/')) buf_print(&list, ", %s", x->family->array[i].path);
    err_set(e, ERR_SPEC,
            "the job has no '%s'; it has weights[@EPOCH|@mem|@gen|@final], logits and gradients likewise, mask, "
            "split, data%s",
            what, text_shown(buf_chars(&list), 500));
    buf_release(&list);
    return -1;
}

/* Examples as a split gives them: symbols, or numbers that are whole. */
static const int32_t *add_examples(struct export *x, const char *name, const struct dataset *d)
{
    const size_t count = d->n * d->width;
    int32_t *token = ARENA_NEW(&x->arena, count, int32_t);
    int64_t *wide = ARENA_NEW(&x->arena, count, int64_t);
    for (size_t i = 0; i < count; i++) {
        token[i] = d->token ? d->token[i] : (int32_t)d->x[i];
        wide[i] = token[i];
    }
    struct archive_array *a = add(x, name, COLUMN_I64);
    a->rank = 2;
    a->dim[0] = d->n;
    a->dim[1] = d->width;
    a->data = wide;
    return token;
}

static void add_labels(struct export *x, const char *name, const struct dataset *d)
{
    int64_t *wide = ARENA_NEW(&x->arena, d->n, int64_t);
    for (size_t i = 0; i < d->n; i++) wide[i] = d->label[i];
    struct archive_array *a = add(x, name, COLUMN_I64);
    a->rank = 1;
    a->dim[0] = d->n;
    a->data = wide;
}

/* What `split: {file}` takes.  The data are built again, and the task is asked whether it would take them. */
static int add_split(struct export *x, struct err *e)
{
    struct job_spec spec;
    struct job_data data;
    struct task_data again;
    if (job_spec_read(&spec, x->store, x->at, x->row.id, e)) return -1;
    const struct task_kind *task = registry_task(spec.task->name);
    if (task_is_regression(task, spec.task_config))
        return err_set(e, ERR_SPEC, "task %s takes no split", spec.task->name);
    if (job_data_build(&data, &spec, NULL, &x->arena, e)) return -1;
    const struct dataset *train = &data.set.train, *test = &data.set.test;
    if (!train->token && !train->x) return err_set(e, ERR_SPEC, "task %s takes no split", spec.task->name);
    const struct task_split split = { .train = add_examples(x, "train_pairs", train),
                                      .test = add_examples(x, "test_pairs", test),
                                      .n_train = train->n,
                                      .n_test = test->n,
                                      .width = train->width };
    add_labels(x, "train_labels", train);
    add_labels(x, "test_labels", test);
    return task_build(task, spec.task_config, &spec.common, &teacher_nets, spec.seed, &split, &x->arena, &again, e);
}

/* x and y of one set, as task arrays reads them. */
static void add_set(struct export *x, const char *of_x, const char *of_y, const struct dataset *d, size_t outputs)
{
    double *numbers = ARENA_NEW(&x->arena, d->n * d->width, double);
    for (size_t i = 0; i < d->n * d->width && !d->token; i++)
        numbers[i] = dataset_number(d, i / d->width, i % d->width);
    if (d->token)
        add_examples(x, of_x, d);
    else
        *add(x, of_x, COLUMN_F64) = (struct archive_array){
            .name = of_x, .type = COLUMN_F64, .rank = 2, .dim = { d->n, d->width }, .data = numbers
        };
    if (d->label)
        add_labels(x, of_y, d);
    else
        *add(x, of_y, COLUMN_F64) = (struct archive_array){
            .name = of_y, .type = COLUMN_F64, .rank = 2, .dim = { d->n, outputs }, .data = d->target
        };
}

static int add_data(struct export *x, struct err *e)
{
    struct job_spec spec;
    struct job_data data;
    if (job_spec_read(&spec, x->store, x->at, x->row.id, e)) return -1;
    if (spec_is_nothing(&spec)) return err_set(e, ERR_SPEC, "task nothing has no data");
    if (job_data_build(&data, &spec, NULL, &x->arena, e)) return -1;
    const size_t outputs = (size_t)data.set.classes;
    add_set(x, "x_train", "y_train", &data.set.train, outputs);
    add_set(x, "x_test", "y_test", &data.set.test, outputs);
    return 0;
}

/* ---- what is computed again ---- */

/* The weights that the network has at t, in double: those that a trained mask removes are 0. */
static int read_network(struct export *x, size_t n, const char *t, double *theta, struct err *e)
{
    size_t slot;
    void *flat, *mask = NULL;
    const size_t masks = store_array_find(x->store, (size_t)x->row.family, "masks");
    if (find_slot(x, ARRAY_CHECKPOINTS, t, &slot, e) || read_part(x, ARRAY_CHECKPOINTS, slot, &flat, e)) return -1;
    if (x->family->array[ARRAY_CHECKPOINTS].dim[0] != n)
        return err_set(e, ERR_JOB, "the job has another number of weights than its model");
    if (masks != SIZE_MAX && x->family->array[masks].parts && read_part(x, masks, slot, &mask, e)) return -1;
    for (size_t i = 0; i < n; i++)
        theta[i] = mask && !((const uint8_t *)mask)[i]                      ? 0
                   : x->family->array[ARRAY_CHECKPOINTS].type == COLUMN_F64 ? ((const double *)flat)[i]
                                                                            : (double)((const float *)flat)[i];
    return 0;
}

static void add_logits(struct export *x, const struct job_spec *spec, struct job_data *data, const double *theta,
                       bool test)
{
    const size_t n = test ? data->set.test.n : data->set.train.n, outputs = replay_outputs(spec, data);
    double *logits = ARENA_NEW(&x->arena, n * outputs, double);
    replay_logits(spec, data, theta, test, logits, &x->arena);
    struct archive_array *a = add(x, test ? "test_logits" : "train_logits", COLUMN_F64);
    a->rank = 2;
    a->dim[0] = n;
    a->dim[1] = outputs;
    a->data = logits;
}

static int add_replayed(struct export *x, bool gradients, const char *t, struct err *e)
{
    struct job_spec spec;
    struct job_data data;
    if (job_spec_read(&spec, x->store, x->at, x->row.id, e)) return -1;
    if (spec_is_nothing(&spec)) return err_set(e, ERR_SPEC, "task nothing has no network");
    if (job_data_build(&data, &spec, NULL, &x->arena, e)) return -1;
    const size_t n = data.layout.n;
    double *theta = ARENA_NEW(&x->arena, n, double), *gradient = ARENA_NEW(&x->arena, n, double);
    if (read_network(x, n, t, theta, e)) return -1;
    if (!gradients) {
        add_logits(x, &spec, &data, theta, false);
        add_logits(x, &spec, &data, theta, true);
        return 0;
    }
    replay_gradient(&spec, &data, theta, gradient, &x->arena);
    return add_tensors(x, COLUMN_F64, (const char *)gradient, e);
}

/* What nobody has stored, and nobody can make again from what is. */
static int refuse_scores(const struct export *x, struct err *e)
{
    if (x->row.parent[0])
        return err_set(e, ERR_SPEC,
                       "scores are not stored; a mask made from a parent has its weights' sizes for scores: `tombola "
                       "export STORE %.8s weights@%lld`",
                       x->row.parent, (long long)x->row.t);
    return err_set(e, ERR_SPEC,
                   "scores are not stored, nor are the weights that they were made of, of which a mask "
                   "removed some; what they led to is `mask`");
}

static int refuse_optimiser(struct err *e)
{
    return err_set(e, ERR_SPEC,
                   "the state of an optimiser is kept only for an unfinished job to go on, and cannot be "
                   "exported; there are weights and gradients at the checkpoints");
}

static int collect(struct export *x, const char *what, struct err *e)
{
    if (!strcmp(what, "split")) return add_split(x, e);
    if (!strcmp(what, "data")) return add_data(x, e);
    if (!strcmp(what, "mask")) return add_mask(x, "final", e);
    if (!strncmp(what, "mask@", 5)) return add_mask(x, what + 5, e);
    if (!strcmp(what, "weights")) return add_checkpoint(x, "checkpoints", "final", e);
    if (!strncmp(what, "weights@", 8)) return add_checkpoint(x, "checkpoints", what + 8, e);
    if (!strcmp(what, "logits") || !strcmp(what, "gradients")) return add_replayed(x, what[0] == 'g', "final", e);
    if (!strncmp(what, "logits@", 7)) return add_replayed(x, false, what + 7, e);
    if (!strncmp(what, "gradients@", 10)) return add_replayed(x, true, what + 10, e);
    if (!strncmp(what, "scores", 6)) return refuse_scores(x, e);
    if (!strncmp(what, "optimi", 6)) return refuse_optimiser(e);
    return add_below(x, what, e);
}

/* ---- the file ---- */

/* One array for a format that holds one: the tensors in a row, or what stands beside its epochs. */
static int write_npy(struct buf *out, struct export *x, struct err *e)
{
    struct archive_array one = x->array[x->count - 1];
    const bool beside_epochs = !strcmp(x->array[0].name, "epoch");
    if (beside_epochs && x->count > 2)
        return err_set(e, ERR_SPEC, "an .npy file holds one array, and this is %zu; name one, or take .npz",
                       x->count - 1);
    if (!strncmp(x->array[0].name, "train_", 6))
        return err_set(e, ERR_SPEC, "an .npy file holds one array, and %s two; take .npz",
                       strcmp(x->array[0].name, "train_logits") ? "a split is" : "logits are");
    if (!beside_epochs) {
        one = x->array[0];
        one.rank = 1;
        one.dim[0] = 0;
        for (size_t i = 0; i < x->count; i++) one.dim[0] += archive_size(&x->array[i]);
    }
    archive_npy(out, &one);
    return 0;
}

static int print(struct buf *out, struct export *x, const char *path, struct err *e)
{
    static const struct {
        const char *ending;
        void (*print)(struct buf *, const struct archive_array *, size_t);
    } format[] = { { ".csv", archive_csv }, { ".npz", archive_npz }, { ".safetensors", archive_safetensors } };
    const char *ending = path ? strrchr(path, '.') : ".csv";
    if (ending && !strcmp(ending, ".npy")) return write_npy(out, x, e);
    for (size_t i = 0; ending && i < ARRAY_LEN(format); i++)
        if (!strcmp(ending, format[i].ending)) {
            format[i].print(out, x->array, x->count);
            return 0;
        }
    return err_set(e, ERR_SPEC, "'%s': the ending says the format; allowed: .npy, .npz, .safetensors, .csv", path);
}

/* What stdout does not take is said at the very end. */
static int write_out(const struct buf *text, const char *path, struct err *e)
{
    if (path) return file_write(path, text->bytes, text->length, e);
    output_bytes(text->bytes, text->length);
    return 0;
}

static int find_row(struct export *x, const char *prefix, struct err *e)
{
    const size_t rows = store_rows(x->store);
    struct store_row *row = ARENA_NEW(&x->arena, rows, struct store_row);
    size_t at = 0;
    if (store_read_rows(x->store, row, NULL, NULL, e) || find_job(row, rows, prefix, &at, e)) return -1;
    x->row = row[at];
    x->at = (uint32_t)at;
    x->family = store_family(x->store, (size_t)x->row.family);
    return family_check(x->family, e);
}

/* *stays is false if a run has put another training in the place of what was read. */
static int read_job(const struct cli *c, const char *path, struct buf *out, bool *stays, struct err *e)
{
    struct export x = { .names = cli_value(c, "names") ? cli_value(c, "names") : "" };
    *stays = true;
    int rc = store_open_read(&x.store, c->arg[0], e) || find_row(&x, c->arg[1], e) ? -1 : 0;
    if (!rc && !c->arg[2])
        exports_list(x.store, &x.row, true, out);
    else if (!rc)
        rc = collect(&x, c->arg[2], e) || print(out, &x, path, e) ? -1 : 0;
    if (x.family) *stays = store_stays(x.store, x.at, &x.row);
    if (x.store) store_close(x.store);
    arena_release(&x.arena);
    return rc;
}

static int run_export(const struct cli *c)
{
    struct err e;
    struct buf out = { 0 };
    const char *path = cli_value(c, "output");
    bool stays = false;
    int rc = 0;
    for (int tries = 0; tries < CLI_TRIES && !stays; tries++) {
        e = (struct err){ 0 };
        buf_clear(&out);
        rc = read_job(c, path, &out, &stays, &e);
    }
    if (!rc) rc = c->arg[2] ? write_out(&out, path, &e) : write_out(&out, NULL, &e);
    buf_release(&out);
    return rc ? cli_fail(&e) : 0;
}

static const struct cli_option options[] = {
    { "names", "FILE",
      "a YAML file {ARRAY: TENSOR}: what tensors are called in another program; the same as of `init`" },
    { "output", "FILE", "its ending says the format: .npy, .npz, .safetensors or .csv (default: CSV to stdout)" },
    { .name = NULL },
};

const struct command command_export = {
    .name = "export",
    .args = "STORE JOB [WHAT] [--output F] [--names F]",
    .summary = "weights, logits, gradients, mask, split, curves or measures as a file",
    .min_args = 2,
    .max_args = 3,
    .options = options,
    .help =
        "Without WHAT, a list of what there is.  WHAT is one of\n"
        "    weights, weights@2000, weights@mem, weights@gen   an array for every tensor\n"
        "    mask                                              the same, 1 = kept; mask@2000, ... if it is trained\n"
        "    logits@gen                                        train_logits, test_logits: [examples, outputs], the "
        "examples\n"
        "                                                      as in `split`; computed again, in double\n"
        "    gradients@gen                                     of the training loss by each tensor, in double\n"
        "    series, series/test_loss                          curves, with their epochs\n"
        "    measures/norms, measures/norms/l2                 [checkpoints, values], with their epochs\n"
        "    split                                             train_pairs and test_pairs, as `split: {file: FILE}` "
        "takes\n"
        "                                                      them, and their labels; built again from what the job "
        "is\n"
        "    data                                              x_train, y_train, x_test and y_test, as task arrays "
        "reads them;\n"
        "                                                      likewise\n"
        "Neither scores of pruning nor the state of an optimiser is kept.\n"
        "JOB is an id or the beginning of one.  .safetensors opens in PyTorch (safetensors.torch.load_file),\n"
        ".npz in NumPy; a sweep starts from either by `init: {file: FILE}`.  An .npy file of weights or of a\n"
        "mask is the flat vector.\n"
        "    tombola export results/quick.h5 3f2a weights@gen --output w.safetensors\n",
    .run = run_export,
};
