/* What is timed: networks, and the tasks that they learn. */
#ifndef TESTS_BENCH_SETTINGS_H
#define TESTS_BENCH_SETTINGS_H

#include "model/model.h"
#include "task/task.h"
#include "train/train.h"

static const struct setting {
    const char *name;
    const struct model_kind *model;
    const char *network;
    const struct task_kind *task;
    const char *data;
    const struct optimizer_kind *optimizer;
    const char *step;
    enum loss_kind loss;
    int64_t batch;
    bool ticket;        /* for tickets alone */
    const char *beside; /* of a list: the network written by hand that it is timed beside, or itself */
} settings[] = {
    { "embed_mlp", &REAL_NAME(model_embed_mlp), "d_embed=500 d_hidden=48", &task_modular,
      "expr=a+b p=67 pairs=unordered train_fraction=0.4", &REAL_NAME(optimizer_adamw),
      "weight_decay=1 betas=[0.9,0.98]", LOSS_CROSS_ENTROPY, 0, false, NULL },
    { "transformer", &REAL_NAME(model_transformer), "d_model=128 d_mlp=128", &task_modular,
      "expr=a+b p=67 pairs=unordered train_fraction=0.4", &REAL_NAME(optimizer_adamw),
      "weight_decay=1 betas=[0.9,0.98]", LOSS_CROSS_ENTROPY, 0, false, NULL },
    { "nanda", &REAL_NAME(model_transformer),
      "d_model=128 heads=4 d_mlp=512 equals=true positional=true biases=true equals_logit=true", &task_modular,
      "expr=a+b p=113 pairs=ordered train_fraction=0.3", &REAL_NAME(optimizer_adamw),
      "weight_decay=1 betas=[0.9,0.98]", LOSS_CROSS_ENTROPY, 0, false, NULL },
    { "parity", &REAL_NAME(model_dense_mlp), "d_hidden=1000 output_bias=false", &task_parity, "",
      &REAL_NAME(optimizer_sgd), "lr=0.1 weight_decay=0.01", LOSS_HINGE, 32, false, NULL },
    { "dense_mlp", &REAL_NAME(model_dense_mlp), "d_hidden=200 layers=3", &task_parity,
      "n=784 n_train=1000 n_test=1000", &REAL_NAME(optimizer_adamw), "weight_decay=0.01", LOSS_BINARY_CROSS_ENTROPY,
      0, false, NULL },
    { "lstm", &REAL_NAME(model_lstm), "", &task_sentiment,
      "neutral=960 length=500 shortest=500 longest=500 n_train=50 n_test=50", &REAL_NAME(optimizer_adamw),
      "weight_decay=1e-3", LOSS_BINARY_CROSS_ENTROPY, 0, false, NULL },
    { "lstm_padded", &REAL_NAME(model_lstm), "", &task_sentiment,
      "neutral=960 length=500 shortest=20 longest=120 n_train=50 n_test=50", &REAL_NAME(optimizer_adamw),
      "weight_decay=1e-3", LOSS_BINARY_CROSS_ENTROPY, 0, false, NULL },
    { "embed_mlp_128", &REAL_NAME(model_embed_mlp), "d_embed=128 d_hidden=48", &task_modular,
      "expr=a+b p=67 pairs=unordered train_fraction=0.4", &REAL_NAME(optimizer_adamw),
      "weight_decay=1 betas=[0.9,0.98]", LOSS_CROSS_ENTROPY, 0, true, NULL },
#define LIST(name_, list, of, data_, loss_, batch_, beside_)                                                         \
    {                                                                                                                \
        .name = name_, .model = &REAL_NAME(model_net), .network = list, .task = &task_##of, .data = data_,           \
        .optimizer = &REAL_NAME(optimizer_adamw), .step = "weight_decay=1 betas=[0.9,0.98]", .loss = LOSS_##loss_,   \
        .batch = batch_, .beside = beside_                                                                           \
    }
#define DECODER                                                                                                      \
    "[embed 128, positions, {repeat: 2, net: [{residual: [attention heads=4]}, norm, {residual: [dense 512 "         \
    "bias=no, "                                                                                                      \
    "relu, dense 128 bias=no]}, norm]}, at last, dense $classes bias=no]"
#define QUOTIENTS "expr=a/b p=97 pairs=ordered train_fraction=0.5 layout=[a,op,b,eq]"
    LIST("list_embed_mlp",
         "[embed 500, {sum: [[at 0], [at 1]]}, dense 48 bias=no, relu, dense 500 bias=no, dense $classes bias=no]",
         modular, "expr=a+b p=67 pairs=unordered train_fraction=0.4", CROSS_ENTROPY, 0, "embed_mlp"),
    LIST("list_transformer",
         "[embed 128, {residual: [attention]}, {residual: [dense 128 bias=no, relu, dense 128 bias=no]}, at last, "
         "dense $classes bias=no]",
         modular, "expr=a+b p=67 pairs=unordered train_fraction=0.4", CROSS_ENTROPY, 0, "transformer"),
    LIST("list_nanda",
         "[embed 128, positions, {residual: [attention heads=4]}, {residual: [dense 512, relu, dense 128]}, at last, "
         "dense $classes bias=no]",
         modular, "expr=a+b p=113 pairs=ordered train_fraction=0.3 layout=[a,b,eq]", CROSS_ENTROPY, 0, "nanda"),
    LIST("list_dense_mlp", "[dense 200, relu, dense 200, relu, dense 200, relu, dense 1]", parity,
         "n=784 n_train=1000 n_test=1000", BINARY_CROSS_ENTROPY, 0, "dense_mlp"),
    LIST("list_decoder", DECODER, modular, QUOTIENTS, CROSS_ENTROPY, 0, "list_decoder"),
    LIST("list_decoder_512", DECODER, modular, QUOTIENTS, CROSS_ENTROPY, 512, "list_decoder_512"),
    LIST("list_decoder_32", DECODER, modular, QUOTIENTS, CROSS_ENTROPY, 32, "list_decoder_32"),
};

#endif
