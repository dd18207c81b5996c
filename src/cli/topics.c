#include "cli/topics.h"

#include <stddef.h>

/* Every example is planned by tests/e2e/reference.py, in a folder where the others lie beside it as NAME.yaml, and
 * files of weights and splits. */

#define GRID                                                                                                         \
    "grids:\n"                                                                                                       \
    "  - task: {kind: modular, expr: a + b, p: 13}\n"                                                                \
    "    model: {kind: embed_mlp, d_embed: 8, d_hidden: 8}\n"                                                        \
    "    training: {epochs: 100}\n"

const struct topic topics[] = {
    { .name = "grid",
      .text = "A grid is a product: every key holds one value, or a list of them, which is an axis.  A job is known "
              "by what\n"
              "it is, so that points of several grids that mean the same job are one job, trained once.\n",
      .example = GRID "    seed: [0, 1, 2]\n"
                      "    control: [dense, random]\n"
                      "    k: 0.5\n",
      .jobs = 6 },
    { .name = "blocks",
      .text = "tasks, models, training, controls and measures hold named blocks, and a grid picks them by name: one, "
              "or a\n"
              "list, which is an axis.  `use` builds a block on another, and only the keys that differ need be "
              "given.  A grid\n"
              "may also write a block in place, or change one: {use: small, d_hidden: 4}.\n",
      .example = "tasks: {add: {kind: modular, expr: a + b, p: 13}}\n"
                 "models:\n"
                 "  small: {kind: embed_mlp, d_embed: 8, d_hidden: 8}\n"
                 "  wide: {use: small, d_hidden: 16}\n"
                 "training: {short: {epochs: 100}}\n"
                 "grids:\n"
                 "  - {task: add, model: [small, wide, {use: small, d_hidden: 4}], training: short}\n",
      .jobs = 3 },
    { .name = "model",
      .text = "A kind of network with its keys, and what all kinds share.\n",
      .example = GRID "    model.tensors: [{W_E: {init: normal 0.02}}, {W_E: {init: normal 0.2}}]\n",
      .jobs = 2 },
    { .name = "tensors",
      .text = "A key of every model: a map from names of tensors, in which * and ? stand for letters as in a shell, "
              "to what "
              "these\n"
              "have of their own.  `tombola kinds embed_mlp` lists the names.  Of several patterns for one tensor "
              "the last "
              "one\n"
              "counts, key by key.  Two blocks that say the same in other words are one job.\n",
      .example = "models:\n"
                 "  plain: {kind: embed_mlp, d_embed: 8, d_hidden: 8}\n"
                 "  small: {use: plain, tensors: {\"*\": {init: uniform 1/sqrt(fan_in)}, W_E: {init: normal 0.02, "
                 "lr: 0.1}}}\n"
                 "  large: {use: plain, tensors: {\"*\": {init: times 8}, W_U: {decay: 0, prune: false}}}\n"
                 "grids:\n"
                 "  - task: {kind: modular, expr: a + b, p: 13}\n"
                 "    model: [plain, small, large]\n"
                 "    training: {epochs: 100}\n",
      .jobs = 3 },
    { .name = "net",
      .text = "A network of one's own: a list of operations, in the order in which numbers go through them.  An "
              "operation is a\n"
              "word, what it needs, and keys: dense 300 bias=no.  $NAME is a key of the block, of any name, and so "
              "may be an\n"
              "axis; arithmetic such as 4*$d is done when the file is read.  $classes, $symbols and $width are the "
              "task's.  The\n"
              "weights are called by their places, counted from 1 in each list: dense1.W, "
              "repeat1.2.residual1.attention1.Q;\n"
              "as=fc1 behind an operation gives it that name.  A weight is drawn from a stream of its name.  "
              "Matrices may be\n"
              "pruned, biases, gains and shifts not.\n",
      .example = "tasks: {add: {kind: modular, expr: a + b, p: 13, layout: [a, op, b, eq]}}\n"
                 "models:\n"
                 "  decoder:\n"
                 "    kind: net\n"
                 "    d: 16\n"
                 "    net: [embed $d, positions, {repeat: 2, net: [{residual: [attention heads=2]}, norm,\n"
                 "      {residual: [dense 4*$d, relu, dense $d]}, norm]}, at last, dense $classes]\n"
                 "training: {short: {epochs: 100}}\n"
                 "grids:\n"
                 "  - {task: add, model: decoder, training: short, model.d: [16, 32]}\n",
      .jobs = 2 },
    { .name = "dotted",
      .text =
          "model.d_hidden: a key with a dot reaches into the block that the grid has chosen, and replaces what that\n"
          "says.  A list is an axis (not of record and checkpoint, which are no part of what a job is).  A kind is "
          "not\n"
          "changed so: list several blocks.\n",
      .example = GRID "    model.d_hidden: [8, 16]\n"
                      "    training.lr: [1e-3, 1e-2]\n",
      .jobs = 4 },
    { .name = "range",
      .text = "{from: 0.1, to: 0.9, step: 0.2} stands for a list of numbers, of a plain key or a dotted one.  It is "
              "counted\n"
              "in exact decimals; `to` is among them if a step meets it.  Downwards, the step is negative.\n",
      .example = GRID "    control: random\n"
                      "    k: {from: 0.1, to: 0.9, step: 0.2}\n",
      .jobs = 5 },
    { .name = "zip",
      .text = "[KEY, KEY, ...]: these axes go together, first with first, second with second; they need equally many "
              "values.\n"
              "Several such groups: a list of lists.  No row of tied values may come twice.\n",
      .example = GRID "    seed: [0, 1]\n"
                      "    zip: [model.d_hidden, training.lr]\n"
                      "    model.d_hidden: [8, 16, 32]\n"
                      "    training.lr: [1e-2, 3e-3, 1e-3]\n",
      .jobs = 6 },
    { .name = "exclude",
      .text =
          "A list of maps: every point that has all values of one of them is left out.  Values are compared as the "
          "keys\n"
          "are typed (0.9 is 0.90), blocks by their names.  Each must match something, and something must be left.\n",
      .example = GRID "    seed: [0, 1, 2]\n"
                      "    model.d_hidden: [8, 16]\n"
                      "    exclude:\n"
                      "      - {seed: 2, model.d_hidden: 16}\n"
                      "      - {seed: 0}\n",
      .jobs = 3 },
    { .name = "include",
      .text = "Of a grid, a list of maps: each is a grid of its own, which is the grid with the keys of the map in "
              "the place of\n"
              "its own.  Every key that the map does not name stays, lists too, so that the entry has as many points "
              "as these\n"
              "make: here {seed: 9} makes 2, for both values of d_hidden.  A key that it names leaves its `zip`; "
              "`exclude` does\n"
              "not apply.  (In the matrix of a CI service the same word means another thing: there an entry adds "
              "keys to\n"
              "combinations that it fits, or is one combination alone.)\n"
              "\n"
              "At the top of a file, a list of sweep files, whose grids join this one's: see `file`.\n",
      .example = GRID "    seed: [0, 1]\n"
                      "    model.d_hidden: [4, 8]\n"
                      "    include:\n"
                      "      - {seed: 9}\n"
                      "      - {seed: 9, model.d_hidden: 16}\n"
                      "      - {training.lr: 0.5}\n",
      .jobs = 11 },
    { .name = "file",
      .text = "`include` joins the grids of other sweep files to this one's, which then may have none.  Paths start "
              "at the\n"
              "folder of the file that includes.  Blocks, record and checkpoint hold in their own file only, and no "
              "two grids\n"
              "may have one name.  Keys that begin with x- are not looked at: a place for anchors of YAML.\n",
      .example = "name: both\n"
                 "include: [named.yaml]\n" GRID "    name: here\n"
                 "    seed: 7\n",
      .jobs = 3 },
    { .name = "named",
      .text = "`name` of a grid is what status, SQL (the table grids) and --only call it; without one it is grid1, "
              "grid2, ...\n"
              "by its place in the file.\n",
      .example = GRID "    name: seeds\n"
                      "    seed: [0, 1]\n",
      .jobs = 2 },
    { .name = "seed",
      .text =
          "Every random stream of a job comes from its seed: the split, the initialisation, batches, random masks.\n"
          "What else jobs have in common is a setting: results are medians over the seeds of one.\n",
      .example = GRID "    seed: {from: 0, to: 9, step: 1}\n",
      .jobs = 10 },
    { .name = "t",
      .text =
          "mem and gen are the first evaluated epochs at which train and test accuracy exceed record.threshold, "
          "final is\n"
          "the last.  A number must be an epoch whose weights the dense network keeps: a checkpoint.  The dense "
          "parents\n"
          "are implied and trained once.  If a moment never comes, its tickets are skipped, which is no failure.\n"
          "A formula names any other: + - * / ^, min, max, ceil and floor of mem, gen, final and numbers; a fraction "
          "means\n"
          "the next epoch, and the dense network keeps its weights there.  What can lie before the evaluation that "
          "shows\n"
          "mem or gen (gen - 500) is refused; min(gen, 80) is 80 unless gen comes before.\n",
      .example = GRID "    control: ticket\n"
                      "    t: [50, mem, gen, final, gen + 20, 0.75 * final, \"min(gen, 80)\"]\n"
                      "    k: 0.5\n"
                      "    checkpoint: {every: 50}\n",
      .jobs = 8 },
    { .name = "k",
      .text = "A fraction of all weights that may be pruned, or of each tensor with `scope: tensor`.\n",
      .example = GRID "    control: ticket\n"
                      "    t: final\n"
                      "    k: [0.2, 0.5, 0.8]\n",
      .jobs = 4 },
    { .name = "search",
      .text = "k: {search: [low, high], step: s, until: gen} tries rates upwards and ends with the first whose job "
              "does not\n"
              "generalise (until: mem: memorise).  All rates are planned, and those that the search does not come to "
              "are skipped,\n"
              "which is an answer and no failure.  A search cannot be tied by `zip`.\n",
      .example = GRID "    control: ticket\n"
                      "    t: final\n"
                      "    k: {search: [0.5, 0.9], step: 0.1, until: mem}\n",
      .jobs = 6 },
    { .name = "scope",
      .text = "global compares the scores of all weights; tensor leaves the fraction 1 - k in every tensor.\n",
      .example = GRID "    control: ticket\n"
                      "    t: final\n"
                      "    k: 0.5\n"
                      "    scope: [global, tensor]\n",
      .jobs = 3 },
    { .name = "ties",
      .text = "Images with empty borders and biases of 0 have many equal scores.  The column k_removed of the store "
              "is what\n"
              "the mask removes, and a run warns where that is not k.\n",
      .example = GRID "    control: snip\n"
                      "    k: 0.5\n"
                      "    ties: [draw, keep, prune]\n",
      .jobs = 3 },
    { .name = "mirrors",
      .text =
          "A network that adds up what it is shown (embed_mlp, lists without `positions` or `flatten`) cannot tell "
          "(a, b)\n"
          "from (b, a): of `pairs: ordered` it sees the mirror images of test pairs in training, and a - b it cannot "
          "learn\n"
          "at all.\n",
      .example = GRID "    task.pairs: ordered\n"
                      "    mirrors: accept\n",
      .jobs = 1 },
    { .name = "parent",
      .text =
          "What the dense parents of a grid have of their own: {task: x, model: y, training: z}, each a name, a "
          "block "
          "or an\n"
          "axis; parent_task: x is the same. So a network is trained on with other data, or a ticket carried to "
          "another "
          "task.\n"
          "A job starts from all weights of its parent, which must then be the same tensors, or from some: `tensors` "
          "maps\n"
          "its names to the parent's (control continue and edge_popup).\n",
      .example = "tasks:\n"
                 "  add: {kind: modular, expr: a + b, p: 13}\n"
                 "  few: {use: add, train_fraction: 0.3}\n"
                 "models:\n"
                 "  small: {kind: embed_mlp, d_embed: 8, d_hidden: 8}\n"
                 "  wide: {use: small, d_hidden: 16}\n"
                 "training: {short: {epochs: 100}}\n"
                 "grids:\n"
                 "  - {task: few, model: small, training: short, control: continue, t: final, parent: {task: add}}\n"
                 "  - task: few\n"
                 "    model: small\n"
                 "    training: short\n"
                 "    control: continue\n"
                 "    t: final\n"
                 "    parent: {task: add, model: wide, tensors: {W_E: W_E, W_U: W_U}}\n",
      .jobs = 4 },
    { .name = "iterate",
      .text = "Every round is a job, shared with all that need it; each removes the same fraction of what is left.\n",
      .example = GRID "    control: ticket\n"
                      "    t: final\n"
                      "    k: 0.8\n"
                      "    iterate: 3\n",
      .jobs = 4 },
    { .name = "rewind",
      .text = "A number must be a checkpoint of the dense network, and not later than t.  Of a formula, as t has "
              "them, the dense\n"
              "network keeps the weights; where its moment is later than t, those at t are meant.\n",
      .example = GRID "    control: ticket\n"
                      "    t: final\n"
                      "    k: 0.8\n"
                      "    rewind: [0, 20, mem, 0.3 * final]\n"
                      "    checkpoint: {every: 20}\n",
      .jobs = 5 },
    { .name = "invert",
      .text = "The control that trains what the ticket of the same t and k removes, and drops what that keeps.\n",
      .example = GRID "    control: [ticket, invert]\n"
                      "    t: final\n"
                      "    k: 0.5\n",
      .jobs = 3 },
    { .name = "control",
      .text =
          "What a job is: one kind, or a list of them, as a grid names it; `tombola kinds control` has them all.\n",
      .example = GRID "    control: [dense, ticket, l1, l2, random, shuffle, reinit]\n"
                      "    t: final\n"
                      "    k: 0.5\n",
      .jobs = 7 },
    { .name = "controls",
      .text = "A control with keys of its own gets a name here, or an axis in a grid: control.norm_of: [vector, "
              "tensors].\n",
      .example = "controls:\n"
                 "  whole: {kind: l2}\n"
                 "  each: {kind: l2, norm_of: tensors}\n" GRID "    control: [whole, each]\n"
                 "    t: final\n"
                 "    k: 0.5\n",
      .jobs = 3 },
    { .name = "parent_training",
      .text =
          "Trains the dense parents otherwise than what is made from them; keys and kinds are those of `training`.\n",
      .example = GRID "    parent_training: {epochs: 200, weight_decay: 1}\n"
                      "    control: ticket\n"
                      "    t: final\n"
                      "    k: 0.5\n",
      .jobs = 2 },
    { .name = "parent_task",
      .text = "The dense parents' own task; what is made from them has that of the grid.\n",
      .example = GRID "    parent_task: {kind: modular, expr: a * b, p: 13}\n"
                      "    control: continue\n"
                      "    t: final\n",
      .jobs = 2 },
    { .name = "parent_model",
      .text = "The dense parents' own network: of the same tensors, or with parent_tensors.\n",
      .example = GRID "    parent_model: {kind: embed_mlp, d_embed: 8, d_hidden: 8, activation: gelu}\n"
                      "    control: ticket\n"
                      "    t: final\n"
                      "    k: 0.5\n",
      .jobs = 2 },
    { .name = "parent_tensors",
      .text = "The job's names to the parent's, of tensors that are of one shape; all others are as they are "
              "initialised.\n",
      .example = GRID "    parent_model: {kind: embed_mlp, d_embed: 8, d_hidden: 16}\n"
                      "    parent_tensors: {W_E: W_E, W_U: W_U}\n"
                      "    control: continue\n"
                      "    t: final\n",
      .jobs = 2 },
    { .name = "training",
      .text =
          "An optimiser is its kind (`optimizer`, adamw if it is left out), and has keys of its own besides these.\n",
      .example = "training:\n"
                 "  slow: {lr: 1e-3, weight_decay: 1, epochs: 100}\n"
                 "  batches: {optimizer: sgd, lr: 0.1, batch: 'min(512, 50 %)', epochs: 100}\n"
                 "grids:\n"
                 "  - task: {kind: modular, expr: a + b, p: 13}\n"
                 "    model: {kind: embed_mlp, d_embed: 8, d_hidden: 8}\n"
                 "    training: [slow, batches]\n",
      .jobs = 2 },
    { .name = "schedule",
      .text =
          "A factor on the learning rate, step by step. What follows one another: `warmup 10` from 0, `constant "
          "100`, "
          "`linear\n"
          "500 to 0`, `cosine 1000 to 0.1`; and on top of it `drop 0.1 at 80 epochs`, `drop 0.5 every 1000`. Lengths "
          "are in steps,\n"
          "or in epochs where that is said; `cosine to 0` goes on to the end of the job. A list of lists is an "
          "axis.\n",
      .example = GRID "    training.schedule: [[warmup 10], [warmup 10, cosine to 0.1], [drop 0.1 at 20 epochs]]\n",
      .jobs = 3 },
    { .name = "tasks",
      .text =
          "Keys that every task takes, beside those of its kind.  With `corrupt` a network that learns the rule gets "
          "these training\n"
          "examples wrong, and one that learns by heart does not: the parts clean, corrupted and restored (by their "
          "own "
          "labels) have\n"
          "curves of their own, series/part_accuracy, in SQL series with a `part`.  A task that is split from one "
          "set takes `train: "
          "N` "
          "in the place of\n"
          "train_fraction.\n",
      .example = GRID "    task.corrupt: [0, 0.1, 0.3]\n",
      .jobs = 3 },
    { .name = "arrays",
      .text =
          "Anybody's data: np.savez('own.npz', x=x, y=y) makes a file of it, whose examples are split by seed; with "
          "x_train, y_train,\n"
          "x_test and y_test they are not.  .npy, .safetensors, HDF5 and tables as CSV do, too.  What the numbers "
          "are "
          "`x` and `y` say:\n"
          "without a word numbers and labels.  A table's first row is its names if words stand there, beside which "
          "numbers\n"
          "may only count the columns (0, 1, label); all else in it must be finite numbers between commas.\n",
      .example = "tasks:\n"
                 "  own: {kind: arrays, file: own.npz, train_fraction: 0.8}\n"
                 "  table: {kind: arrays, file: own.csv, train: 20, scale: standard}\n"
                 "  columns: {kind: arrays, file: own.csv, names: [height, weight, age], y: numbers}\n"
                 "  pictures: {kind: arrays, file: pictures.npz, x: image 3 8 8, y: labels 10, scale: unit}\n"
                 "models: {mlp: {kind: dense_mlp, layers: 1, d_hidden: 8}}\n"
                 "training: {short: {epochs: 100}}\n"
                 "grids:\n"
                 "  - {task: [own, table, pictures], model: mlp, training: short, seed: [0, 1]}\n"
                 "  - {task: columns, model: mlp, training: {use: short, loss: mse}, record.loss_bound: 0.1}\n",
      .jobs = 7 },
    { .name = "draw",
      .text =
          "Data that are drawn, by the seed.  `y` is a formula of the inputs x: a number or a vector is a target, a "
          "comparison a\n"
          "label.  `where` draws vectors that it may name, and `teacher`, a list as of model net, answers in its "
          "place.  With `fresh`\n"
          "every step has new examples.  `hit`, which every task with targets takes, says which outputs are right, "
          "so that\n"
          "t_mem and t_gen are by accuracy.\n",
      .example =
          "tasks:\n"
          "  product: {kind: draw, x: normal 5, y: \"x[0]*x[1]*x[2]\", train: 200, hit: \"abs(y - target) < "
          "0.1\"}\n"
          "  direction: {kind: draw, x: uniform 20, where: {w: sphere 20}, y: \"dot(x, w) > 0\", fresh: true}\n"
          "  parity: {kind: draw, x: bits 40, y: \"product(x[0:3]) > 0\", classes: 2}\n"
          "  taught: {kind: draw, x: normal 5, teacher: [dense 100, tanh, dense 5]}\n"
          "models: {mlp: {kind: dense_mlp, layers: 1, d_hidden: 8}}\n"
          "training: {ce: {epochs: 100}, mse: {epochs: 100, loss: mse}}\n"
          "grids:\n"
          "  - {task: [direction, parity], model: mlp, training: ce}\n"
          "  - {task: [product, taught], model: mlp, training: mse, seed: [0, 1]}\n",
      .jobs = 6 },
    { .name = "record",
      .text = "For all grids of a file, or in a grid, key by key.  It changes nothing that is trained; but "
              "eval_every, threshold\n"
              "and loss_bound say when a network has memorised and generalised, and stop when a job is over for the "
              "grid.\n",
      .example = "record: {eval_every: 10, measures: [norms]}\n" GRID "    record: {threshold: 0.9}\n",
      .jobs = 1 },
    { .name = "stop",
      .text = "A key of `record`: the first of its rules that comes at an evaluation of the grid ends the job there, "
              "before its\n"
              "length.  gen + 2000 is a moment as t has them; train_loss < 1e-6 a condition; with `for 2000 epochs` "
              "it must have\n"
              "held at every evaluation for so long.  It is no part of what a job is: what comes is the beginning of "
              "the whole\n"
              "job, bit for bit; grids with other rules share it, and each has the results up to its own end (the "
              "table grids,\n"
              "with end and ended_by).  A job is trained on to all that its tickets need (t: final is the length), "
              "and goes on\n"
              "from its end if another grid or a later file asks for more.  A t_gen that had not come is not known "
              "then, which\n"
              "is not never.  A list is one set of rules, no axis; [] is none.\n",
      .example = "record: {stop: gen + 20}\n" GRID
                 "    record.stop: [test_accuracy > 0.9 for 30 epochs, train_loss < 1e-3]\n"
                 "    include:\n"
                 "      - {seed: 1, record.stop: []}\n",
      .jobs = 2 },
    { .name = "checkpoint",
      .text = "For all grids of a file, or in a grid, key by key.  Measures are computed at every checkpoint.\n",
      .example = "checkpoint: {every: 50}\n" GRID "    checkpoint: {at: [10, 20, 30, gen + 50]}\n",
      .jobs = 1 },
    { .name = "measures",
      .text = "record.measures names what is computed from the weights at each checkpoint: kinds, or entries of this "
              "section,\n"
              "which give a kind options, as often as one likes.  Each entry's results stand in measures/ENTRY/.  A "
              "program that\n"
              "was built without what a measure needs says so: `optional: true` does without it, and warns; else all "
              "jobs are\n"
              "trained, and the run ends with 3.  `tombola measure STORE SWEEP`, or run again, of a program that has "
              "it makes it\n"
              "up from the checkpoints, as it does what was asked for later.\n",
      .example = "measures:\n"
                 "  sparse: {kind: jaccard, k: 0.9}\n"
                 "  paths: {kind: graph, optional: true}\n"
                 "record: {measures: [norms, sparse, paths]}\n"
                 "checkpoint: {every: 50}\n" GRID,
      .jobs = 1 },
    { .name = "init",
      .text = "Start from the weights of a file instead of drawn ones: .npz, .safetensors or HDF5, as `tombola "
              "export` writes\n"
              "them, with an array TENSOR for each tensor (`tombola kinds MODEL` lists them; in HDF5 a dataset "
              "init/TENSOR).  What the\n"
              "file says is part of what a job is, where it lies is not.\n",
      .example = GRID "    init: {file: start.npz}\n",
      .jobs = 1 },
    { .name = "split",
      .text = "Train and test on given examples: arrays train_pairs and test_pairs of a file (in HDF5 datasets "
              "data/train_pairs and\n"
              "data/test_pairs), a row of symbols an example.  Labels that stand there, too (train_labels, "
              "test_labels, as "
              "`tombola export STORE JOB split` writes\n"
              "them), must be those of the task at the job's seed, or what they were before `corrupt`.\n",
      .example = GRID "    split: {file: split.npz}\n",
      .jobs = 1 },
    { .name = "mask",
      .text =
          "Train theta_0 (of the seed, or of `init`) under the mask of a file: for each tensor an array TENSOR of 1 "
          "(kept) and 0\n"
          "(removed), as `tombola export STORE JOB mask` writes them (in HDF5 a dataset mask/TENSOR); booleans do, "
          "too.  What a\n"
          "model never prunes must be 1.  The control is `masked`, which need not be named; k, t and others that "
          "make a mask do not\n"
          "go with it, and dense networks to compare with stand in another grid.  The column k_removed is what the "
          "mask removes.\n",
      .example = GRID "    mask: {file: mask.npz}\n",
      .jobs = 1 },
    { .name = NULL },
};
