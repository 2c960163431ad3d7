/* train.c: tarn train RECIPE [key=value...]: trains, shows how it goes, leaves a run folder. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

static tn_job *volatile running; /* for the signal handler */

static void on_signal(int number)
{
    (void)number;
    if (running)
        tn_job_cancel(running);
}

typedef struct display {
    bool json, terminal;
    double shown; /* seconds at which the bar was drawn last */
    int64_t epochs;
    int64_t epoch; /* the one that is shown, and where in it this process began */
    int64_t first;
    double since;
    double seconds, waited; /* until the last epoch's end; the part of them that steps waited for data */
} display;

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static void json_line(const tn_progress *p)
{
    (void)printf("{\"epoch\":%lld,\"step\":%lld,\"loss\":", (long long)p->epoch + 1, (long long)p->total_steps);
    cli_json_number(stdout, p->loss);
    (void)fputs(",\"accuracy\":", stdout);
    cli_json_number(stdout, p->accuracy);
    (void)fputs(",\"val_loss\":", stdout);
    cli_json_number(stdout, p->val_loss);
    (void)fputs(",\"val_accuracy\":", stdout);
    cli_json_number(stdout, p->val_accuracy);
    if (!isnan(p->val_iou)) {
        (void)fputs(",\"val_iou\":", stdout);
        cli_json_number(stdout, p->val_iou);
    }
    if (!isnan(p->val_map)) {
        (void)fputs(",\"val_map\":", stdout);
        cli_json_number(stdout, p->val_map);
    }
    (void)fputs(",\"lr\":", stdout);
    cli_json_number(stdout, p->lr);
    if (p->skipped || p->val_skipped)
        (void)printf(",\"skipped\":%lld,\"val_skipped\":%lld", (long long)p->skipped, (long long)p->val_skipped);
    (void)printf(",\"samples_per_second\":%.0f,\"seconds\":%.2f,\"waited\":%.4f,\"best\":%s}\n", p->samples_per_second,
                 p->seconds, p->waited, p->best ? "true" : "false");
    (void)fflush(stdout);
}

static void epoch_line(const tn_progress *p)
{
    (void)printf("epoch %lld/%lld  loss %.4f", (long long)p->epoch + 1, (long long)p->epochs, p->loss);
    if (!isnan(p->accuracy))
        (void)printf("  accuracy %.2f%%", 100 * p->accuracy);
    if (p->valid)
        (void)printf("  validation loss %.4f", p->val_loss);
    if (!isnan(p->val_accuracy))
        (void)printf("  accuracy %.2f%%", 100 * p->val_accuracy);
    if (!isnan(p->val_iou))
        (void)printf("  mean IoU %.4f", p->val_iou);
    if (!isnan(p->val_map))
        (void)printf("  mAP@0.5 %.4f", p->val_map);
    if (p->skipped || p->val_skipped)
        (void)printf("  left out %lld", (long long)p->skipped);
    if (p->val_skipped)
        (void)printf(" and of validation %lld", (long long)p->val_skipped);
    (void)printf("  %.0f samples/s  %.1f s%s\n", p->samples_per_second, p->seconds, p->best ? "  best" : "");
    (void)fflush(stdout);
}

/* Columns of the terminal; 80 where it does not say. */
static int columns(void)
{
    struct winsize w;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* One line and no more, since only one can be drawn over: the bar takes what the figures leave, which are cut where even they are
 * too long. */
static void bar(const display *d, const tn_progress *p)
{
    enum { WIDEST = 24, SHORTEST = 4 };
    char head[64], tail[192], accuracy[32] = "";
    double left =
        p->step > d->first ? (double)(p->steps - p->step) * (p->seconds - d->since) / (double)(p->step - d->first) : 0;
    if (!isnan(p->accuracy))
        (void)snprintf(accuracy, sizeof accuracy, "  accuracy %.1f%%", 100 * p->accuracy);
    int space = columns() - 1;
    space -= snprintf(head, sizeof head, "epoch %lld/%lld ", (long long)p->epoch + 1, (long long)p->epochs);
    space -= snprintf(tail, sizeof tail, "%lld/%lld  loss %.4f%s  %.0f/s  %.0f s left", (long long)p->step,
                      (long long)p->steps, p->loss, accuracy, p->samples_per_second, left);
    int width = space - 3 > WIDEST ? WIDEST : space - 3,
        full = (int)(p->steps && width > 0 ? p->step * width / p->steps : 0);
    (void)printf("\r%s", head);
    if (width >= SHORTEST) {
        (void)fputc('[', stdout);
        for (int i = 0; i < width; i++)
            (void)fputc(i < full ? '#' : '.', stdout);
        (void)fputs("] ", stdout);
    }
    int most = (int)strlen(tail) + (space < 0 ? space : 0);
    (void)printf("%.*s\x1b[K", most > 0 ? most : 0, tail);
    (void)fflush(stdout);
}

/* A bar can be drawn: a terminal, and one that knows how to go back. */
static bool draws(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(kind && strcmp(kind, "dumb") == 0);
}

static int show(void *user, const tn_progress *p)
{
    display *d = user;
    d->epochs = p->epochs;
    if (p->epoch + 1 != d->epoch) { /* an epoch begins, or goes on after a resume */
        d->epoch = p->epoch + 1;
        d->first = p->step;
        d->since = p->seconds;
    }
    if (p->epoch_end) {
        d->seconds = p->seconds;
        d->waited = p->waited;
    }
    if (p->epoch_end && d->json) {
        json_line(p);
    } else if (p->epoch_end) {
        if (d->terminal)
            (void)fputs("\r\x1b[K", stdout);
        epoch_line(p);
    } else if (d->terminal && p->seconds - d->shown > 0.1) {
        d->shown = p->seconds;
        bar(d, p);
    }
    return 0;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void show_result(tn_job *j, const display *d)
{
    tn_evaluation r;
    bool have = tn_job_result(j, &r);
    if (d->json) {
        int64_t rows, values;
        tn_job_bad(j, &rows, &values);
        (void)fputs("{\"folder\":", stdout);
        cli_json_string(stdout, tn_job_folder(j));
        if (rows || values)
            (void)printf(",\"bad_rows\":%lld,\"bad_values\":%lld", (long long)rows, (long long)values);
        if (have) {
            (void)fputs(",\"val_loss\":", stdout);
            cli_json_number(stdout, r.loss);
            (void)fputs(",\"val_accuracy\":", stdout);
            cli_json_number(stdout, r.accuracy);
            (void)fputs(",\"val_f1\":", stdout);
            cli_json_number(stdout, r.macro_f1);
            cli_figures_json(&r);
        }
        (void)fputs("}\n", stdout);
        return;
    }
    if (d->waited > 0.1 && d->seconds > 2)
        (void)printf("steps waited for data %.0f%% of the time: data.workers and data.cache may help (docs/data.md)\n",
                     100 * d->waited);
    if (d->epoch > 0 && d->epoch < d->epochs)
        (void)printf("stopped early after epoch %lld of %lld, as nothing became better\n", (long long)d->epoch,
                     (long long)d->epochs);
    if (have && r.classes)
        (void)printf("best model: accuracy %.2f%%, loss %.4f, macro F1 %.4f", 100 * r.accuracy, r.loss, r.macro_f1);
    else if (have)
        (void)printf("best model: loss %.6g", r.loss);
    if (have) {
        cli_figures(&r);
        (void)printf(" on %lld validation samples\n", (long long)r.samples);
    }
    char *report = cli_in_folder(tn_job_folder(j), "report.html");
    (void)printf("run folder: %s (model.safetensors%s)\n", tn_job_folder(j),
                 report && access(report, F_OK) == 0 ? ", report.html" : "");
    free(report);
}

/* The same model on real digits. */
static int try_real_digits(tn_context *c, tn_job *j, const tn_dataset *real, bool json)
{
    tn_evaluation r;
    if (tn_evaluate(c, tn_job_model(j), real, 256, &r, NULL) != TN_OK)
        return cli_fail("the run is complete, but its model cannot be tried on the digits of --data: %s",
                        tn_context_error(c));
    if (json)
        (void)printf("{\"real_digits_accuracy\":%.4f}\n", r.accuracy);
    else
        (void)printf("on the %lld test digits of MNIST in --data: accuracy %.2f%%\n", (long long)r.samples,
                     100 * r.accuracy);
    return CLI_OK;
}

/* Runs the job so that Ctrl-C, a closed terminal or a reader of the output that is gone stop it with its state saved. The
 * second signal ends the process at once: the run folder bears it. */
static tn_status run_stoppable(tn_job *j)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    enum { N = sizeof signals / sizeof *signals };
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, old[N];
    for (int i = 0; i < N; i++) {
        (void)sigaction(signals[i], &action, &old[i]);
        if (old[i].sa_handler == SIG_IGN && (signals[i] == SIGHUP || signals[i] == SIGPIPE)) /* nohup */
            (void)sigaction(signals[i], &old[i], NULL);
    }
    running = j;
    tn_status status = tn_job_run(j);
    running = NULL;
    for (int i = 0; i < N; i++)
        (void)sigaction(signals[i], &old[i], NULL);
    return status;
}

static int finish(tn_context *c, tn_job *j, const cli_args *a, const display *d, const tn_dataset *real)
{
    if (!a->json)
        cli_show_saving(tn_job_memory(j));
    tn_status status = run_stoppable(j);
    if (status == TN_CANCELLED) {
        (void)fprintf(stderr, "\ntarn: %s; go on with: tarn train --resume %s\n", tn_job_error(j), tn_job_folder(j));
        return CLI_CANCELLED;
    }
    if (status != TN_OK)
        return cli_fail("%s", tn_job_error(j));
    show_result(j, d);
    return real ? try_real_digits(c, j, real, a->json) : CLI_OK;
}

/* What the command line may not say together. */
static int check_arguments(const cli_args *a)
{
    if (!a->resume && a->n > 1)
        return cli_fail("%s: one recipe is trained at a time, and %s is one; what follows it is key=value", a->at[1],
                        a->at[0]),
               CLI_USAGE;
    if (!a->resume)
        return a->n == 1 ? CLI_OK : cli_usage(&cli_train);
    if (a->n_overrides)
        return cli_fail(
                   "%s: a run that is resumed goes on with its own recipe, %s/recipe.yaml, and takes no key=value. "
                   "Epochs, early stopping and output may be changed in that file before; the rest makes another "
                   "run: tarn train %s/recipe.yaml %s",
                   a->overrides[0], a->resume, a->resume, a->overrides[0]),
               CLI_USAGE;
    if (a->n)
        return cli_fail("%s: a run that is resumed goes on with its own recipe, %s/recipe.yaml; leave %s out", a->at[0],
                        a->resume, a->at[0]),
               CLI_USAGE;
    return CLI_OK;
}

/* The job of the arguments, made and run. */
static int train(tn_context *c, const tn_recipe *recipe, const cli_args *a)
{
    display d = {.json = a->json, .terminal = !a->json && draws()};
    tn_job_opt opt = {.progress = show, .user = &d};
    tn_dataset *real = a->data ? tn_dataset_mnist(c, a->data, false, NULL) : NULL;
    if (a->data && !real) /* before hours of training, not behind them */
        return cli_fail("--data: %s", tn_context_error(c));
    tn_job *j = a->resume ? tn_job_resume(c, a->resume, &opt) : tn_job_new(c, recipe, &opt);
    int code = j ? finish(c, j, a, &d, real) : cli_fail("%s", tn_context_error(c));
    tn_job_free(j);
    tn_dataset_free(real);
    return code;
}

static int run(const cli_args *a)
{
    int code = check_arguments(a);
    if (code != CLI_OK)
        return code;
    tn_context *c = cli_context_noting(a, 0);
    char *own = a->resume ? cli_in_folder(a->resume, "recipe.yaml") : NULL;
    const char *path = a->resume ? own : a->at[0];
    tn_recipe *recipe = !c || !path ? NULL : a->resume ? tn_recipe_load(c, path, 0, NULL) : cli_recipe(c, path, a);
    if (recipe && tn_recipe_threads(recipe) && !a->threads) { /* a context has its threads from the start */
        tn_context_free(c);
        c = cli_context_noting(a, tn_recipe_threads(recipe));
    }
    code = c && (recipe || a->resume) ? train(c, recipe, a) : CLI_FAILED;
    tn_recipe_free(recipe);
    free(own);
    tn_context_free(c);
    return code;
}

const cli_command cli_train = {
    "train",
    "train RECIPE [key=value ...] [--json] [--threads N] [--data FOLDER]   or   tarn train --resume RUN",
    "Trains what the recipe says and leaves a run folder with the best model, checkpoints, metrics and a report.\n"
    "key=value overrides the recipe: train.epochs=3 train.lr=0.01 model.layers.2.units=64. --resume goes on with a run "
    "that was\n"
    "stopped, as its own recipe says. --data FOLDER also tries the best model on the test digits of MNIST there.",
    run,
    "json resume data",
    true};
