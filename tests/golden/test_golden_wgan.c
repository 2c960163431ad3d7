/* A Wasserstein GAN with gradient penalty beside PyTorch: two nets in one graph, each with its own optimizer, one loss that has a gradient
 * inside. Losses of 50 steps and the weights in the end are those that make_wgan.py wrote down. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/golden_file.h"
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/program.h>

enum { STEPS = 50, WEIGHTS = 8 };
static const double TOLERANCE = 1e-4;
static const char *const weights[WEIGHTS] = {"g.w1", "g.b1", "g.w2", "g.b2", "c.w1", "c.b1", "c.w2", "c.b2"};

typedef struct game {
    format_safetensors *file;
    tn_context *context;
    tn_graph *graph;
    tn_tensor *w[WEIGHTS];
    tn_program *program;
    tn_state *state;
    tn_session *session;
} game;

static const format_tensor *golden(const game *a, const char *prefix, const char *name)
{
    char full[64];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    const format_tensor *t = format_safetensors_find(a->file, full);
    if (!t)
        fail_msg("the golden file has no '%s'", full);
    return t;
}

/* Row `step` of a tensor in the file, or part `part` of the row. */
static tn_view part_of(const game *a, const char *name, int step, int part)
{
    const format_tensor *t = golden(a, "", name);
    bool parts = t->rank == 4;
    int64_t at = parts ? step * t->dims[1] + part : step, count = t->dims[t->rank - 2] * t->dims[t->rank - 1];
    return tn_view_of((float *)(uintptr_t)t->data + at * count, TN_F32, 2, t->dims + t->rank - 2);
}

static tn_tensor *net(const game *a, int first, tn_tensor *x)
{
    tn_tensor *hidden = tn_tanh(tn_linear(x, a->w[first], a->w[first + 1]));
    return tn_linear(hidden, a->w[first + 2], a->w[first + 3]);
}

static tn_tensor *input(const game *a, const char *name, int64_t columns)
{
    return tn_input(a->graph, name, TN_F32, TN_SHAPE(tn_symbol(a->graph, "rows"), columns));
}

static void build(const game *a)
{
    enum { GENERATOR = 0, CRITIC = 4 };
    tn_tensor *real = input(a, "real", 2), *mix = input(a, "mix", 1), *made = net(a, GENERATOR, input(a, "z", 4));
    tn_tensor *fake = tn_detach(made);
    tn_tensor *between = tn_lerp(fake, real, mix);
    tn_tensor *penalty = tn_gradient_penalty(net(a, CRITIC, between), between, 1);
    tn_tensor *critic = tn_gan_critic_loss(net(a, CRITIC, real), net(a, CRITIC, fake), TN_GAN_WASSERSTEIN);
    const tn_param_group not_g = {.pattern = "g.*", .frozen = true}, not_c = {.pattern = "c.*", .frozen = true};
    tn_optim_opt o = {
        .kind = TN_ADAM, .beta1 = tn_f64(0.5), .beta2 = tn_f64(0.9), .name = "critic", .groups = &not_g, .n_groups = 1};
    tn_minimize(tn_add(critic, tn_mul_f(penalty, 10)), &o);
    o.name = "generator";
    o.groups = &not_c;
    tn_minimize(tn_gan_generator_loss(net(a, CRITIC, made), TN_GAN_WASSERSTEIN), &o);
}

static void start(game *a)
{
    a->file = golden_file("wgan");
    a->context = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    a->graph = tn_graph_new(a->context);
    a->state = tn_state_new(a->context);
    for (int i = 0; i < WEIGHTS; i++) {
        const format_tensor *t = golden(a, "initial.", weights[i]);
        tn_shape shape = {.rank = t->rank, .dims = {t->dims[0], t->rank > 1 ? t->dims[1] : 0}};
        const tn_view v = tn_view_of((void *)(uintptr_t)t->data, TN_F32, t->rank, t->dims);
        a->w[i] = tn_param(a->graph, weights[i], TN_F32, shape, NULL);
        assert_int_equal(tn_state_set(a->state, weights[i], &v), TN_OK);
    }
    build(a);
    if (!(a->program = tn_compile(a->graph, NULL)))
        fail_msg("%s", tn_context_error(a->context));
    assert_int_equal(tn_state_init(a->state, a->graph, 0), TN_OK);
    a->session = tn_session_new(a->program, a->state);
}

static double step(const game *a, int i, int who)
{
    float lr = 0.005F, loss = 0;
    const tn_feed feeds[] = {{who ? "generator.lr" : "critic.lr", tn_view_of(&lr, TN_F32, 0, NULL)},
                             {"z", part_of(a, "z", i, who)},
                             {"real", part_of(a, "real", i, 0)},
                             {"mix", part_of(a, "mix", i, 0)}};
    const tn_feed fetch = {"loss", tn_view_of(&loss, TN_F32, 0, NULL)};
    if (tn_run(a->session, who ? "generator.step" : "critic.step", who ? 2 : 4, feeds, 1, &fetch) != TN_OK)
        fail_msg("step %d: %s", i, tn_session_error(a->session));
    return (double)loss;
}

static void a_game_goes_as_in_pytorch(void **p)
{
    (void)p;
    game a = {0};
    double worst = 0;
    start(&a);
    const format_tensor *losses = golden(&a, "", "loss");
    for (int i = 0; i < STEPS; i++)
        for (int who = 0; who < 2; who++) {
            double want, loss = step(&a, i, who);
            memcpy(&want, (const double *)losses->data + 2 * i + who, sizeof want);
            if (!(fabs(loss - want) <= TOLERANCE))
                fail_msg("the loss of %s in step %d is %.9g, PyTorch's %.9g", who ? "generator" : "critic", i, loss,
                         want);
            worst = fmax(worst, fabs(loss - want));
        }
    for (int i = 0; i < WEIGHTS; i++) {
        const format_tensor *t = golden(&a, "after50.", weights[i]);
        tn_view v;
        assert_int_equal(tn_state_find(a.state, weights[i], &v), TN_OK);
        for (size_t k = 0; k < t->bytes / sizeof(float); k++) {
            float want;
            memcpy(&want, (const float *)t->data + k, sizeof want);
            if (!(fabs((double)((float *)v.data)[k] - (double)want) <= TOLERANCE))
                fail_msg("%s[%zu] is %.9g, PyTorch's %.9g", weights[i], k, ((float *)v.data)[k], want);
        }
    }
    print_message("losses within %.1e\n", worst);
    tn_session_free(a.session);
    tn_state_free(a.state);
    tn_program_free(a.program);
    tn_graph_free(a.graph);
    tn_context_free(a.context);
    format_safetensors_free(a.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_game_goes_as_in_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
