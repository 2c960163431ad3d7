/* train_loop.c: a training loop written by hand. A small network learns to read digits that the library draws itself, so no
 * files are needed. This is what tn_trainer_run does inside, less its checkpoints and early stopping.
 *
 *     dataset -> loader -> batches -> tn_run("step") -> loss            one epoch: every training sample once
 *                          batches -> tn_run("score") -> accuracy       on digits that were not trained on */
#include <stdio.h>

#include <tarn/tarn.h>

enum { BATCH = 50, EPOCHS = 5, TRAIN = 4000, TEST = 1000 };

/* Batches of pictures as the network wants them: f32, from 0..255 to about -0.4..2.8. */
static tn_loader *batches(tn_context *context, int64_t count, uint64_t seed)
{
    static const double mean = 0.13, deviation = 0.31;
    tn_dataset *digits = tn_dataset_digits(context, TN_OPT(tn_digits_opt, .count = count, .seed = seed));
    tn_transform pictures = {.field = "x", .scale = 1.0 / 255, .channels = 1, .mean = &mean, .std = &deviation};
    tn_dataset *kept =
        digits ? tn_dataset_cache(context, digits, 0) : NULL; /* draw each digit once, not once an epoch */
    tn_loader *loader = NULL;
    if (kept)
        loader = tn_loader_new(context, kept,
                               TN_OPT(tn_loader_opt, .batch = BATCH, .shuffle = true, .seed = 3, .workers = 1,
                                      .transforms = &pictures, .n_transforms = 1));
    if (!loader)
        fprintf(stderr, "%s\n", tn_context_error(context));
    tn_dataset_free(kept); /* the loader keeps what it needs */
    tn_dataset_free(digits);
    return loader;
}

/* One run of an entry over every batch of a loader; the mean of the number that it hands out, or -1. */
static double sweep(tn_session *session, tn_loader *loader, const char *entry, const char *output, float rate)
{
    const tn_batch *batch;
    double sum = 0;
    int64_t samples = 0;
    for (;;) {
        if (tn_loader_next(loader, &batch) != TN_OK) {
            fprintf(stderr, "%s\n", tn_loader_error(loader));
            return -1;
        }
        if (!batch) /* the end of the epoch; the next call begins another */
            return sum / (double)samples;
        float value = 0;
        tn_feed feeds[] = {
            {"x", batch->fields[0]}, {"y", batch->fields[1]}, {"lr", tn_view_of(&rate, TN_F32, 0, NULL)}};
        tn_feed fetch = {output, tn_view_of(&value, TN_F32, 0, NULL)};
        if (tn_run(session, entry, rate > 0 ? 3 : 2, feeds, 1, &fetch) != TN_OK) {
            fprintf(stderr, "%s\n", tn_session_error(session));
            return -1;
        }
        sum += (double)value * (double)batch->n;
        samples += batch->n;
    }
}

int main(void)
{
    tn_context *context = tn_context_new(NULL);
    tn_loader *train = batches(context, TRAIN, 1), *test = batches(context, TEST, 2);
    if (!train || !test)
        return 1;

    /* A size that is known only when a batch comes is a symbol. */
    tn_graph *graph = tn_graph_new(context);
    tn_dim n = tn_symbol(graph, "batch");
    tn_tensor *x = tn_input(graph, "x", TN_F32, TN_SHAPE(n, 1, 28, 28)), *y = tn_input(graph, "y", TN_I64, TN_SHAPE(n));
    tn_tensor *hidden = tn_relu(tn_layer_linear(tn_flatten(x, 1), "fc1", 64, NULL));
    tn_tensor *logits = tn_layer_linear(hidden, "fc2", 10, NULL);
    tn_tensor *right = tn_eq(tn_argmax(logits, 1, false), y);
    tn_entry_output(tn_entry_new(graph, "score", 0), "accuracy", tn_mean(tn_cast(right, TN_F32)));
    tn_minimize(tn_cross_entropy(logits, y, NULL), TN_OPT(tn_optim_opt, .kind = TN_ADAM));

    tn_program *program = tn_compile(graph, NULL);
    tn_state *state = tn_state_new(context);
    if (!program || tn_state_init(state, graph, 1) != TN_OK) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    tn_session *session = tn_session_new(program, state);
    int failed = 0;
    for (int epoch = 1; epoch <= EPOCHS && !failed; epoch++) {
        double loss = sweep(session, train, "step", "loss", 2e-3F),
               accuracy = sweep(session, test, "score", "accuracy", 0);
        failed = loss < 0 || accuracy < 0;
        if (!failed)
            printf("epoch %d  loss %.4f  accuracy on new digits %.1f %%\n", epoch, loss, 100 * accuracy);
    }

    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_loader_free(train);
    tn_loader_free(test);
    tn_context_free(context);
    return failed;
}
