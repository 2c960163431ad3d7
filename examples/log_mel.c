/* log_mel.c: what a network that listens gets to see. A second of a tone that glides from 200 to 4000 Hz becomes a log-mel spectrogram,
 * which is printed: time goes to the right, pitch upwards.
 *
 * A Fourier transform is an operator like others: what is computed here can be the first layer of a network, and has gradients. */
#include <math.h>
#include <stdio.h>

#include <tarn/tarn.h>

enum { RATE = 16000, HOP = 160, FRAMES = RATE / HOP + 1, MELS = 80 };

static double pitch(double seconds)
{
    return 200 * pow(20, seconds); /* as much higher in every moment as in the one before */
}

static void make_tone(float *x)
{
    double phase = 0;
    for (int i = 0; i < RATE; i++) {
        phase += 2 * 3.14159265358979 * pitch((double)i / RATE) / RATE;
        x[i] = (float)(0.5 * sin(phase));
    }
}

/* From x[RATE] to y[MELS, FRAMES]. There are no parameters, so no state is needed. */
static int log_mel(float *x, float *y)
{
    tn_context *context = tn_context_new(NULL);
    tn_graph *graph = tn_graph_new(context);
    tn_tensor *in = tn_input(graph, "x", TN_F32, TN_SHAPE(RATE));
    tn_tensor *out = tn_log_mel(in, TN_OPT(tn_mel_opt, .rate = RATE, .hop = HOP, .mels = MELS));
    tn_entry_output(tn_entry_new(graph, "listen", 0), "y", out);
    tn_program *program = tn_compile(graph, NULL);
    tn_session *session = program ? tn_session_new(program, NULL) : NULL;

    int64_t in_shape[] = {RATE}, out_shape[] = {MELS, FRAMES};
    tn_feed feed = {"x", tn_view_of(x, TN_F32, 1, in_shape)}, fetch = {"y", tn_view_of(y, TN_F32, 2, out_shape)};
    int ok = session && tn_run(session, "listen", 1, &feed, 1, &fetch) == TN_OK;
    if (!ok)
        fprintf(stderr, "%s\n", session ? tn_session_error(session) : tn_context_error(context));
    tn_session_free(session);
    tn_program_free(program);
    tn_graph_free(graph);
    tn_context_free(context);
    return ok;
}

static int loudest(const float *y, int frame)
{
    int best = 0;
    for (int m = 1; m < MELS; m++)
        best = y[m * FRAMES + frame] > y[best * FRAMES + frame] ? m : best;
    return best;
}

/* The middle of a filter: they are equally far apart in mels. */
static double middle(int mel)
{
    double highest = 2595 * log10(1 + RATE / 2 / 700.0);
    return 700 * (pow(10, highest * (mel + 1) / (MELS + 1) / 2595) - 1);
}

int main(void)
{
    static float x[RATE], y[MELS * FRAMES];
    make_tone(x);
    if (!log_mel(x, y))
        return 1;
    for (int m = MELS - 2; m >= 0; m -= 4) {
        for (int t = 0; t < FRAMES; t += 2) {
            float v = y[m * FRAMES + t];
            for (int k = 1; k < 4; k++) /* every fourth row is printed: the loudest of four */
                v = m >= k && y[(m - k) * FRAMES + t] > v ? y[(m - k) * FRAMES + t] : v;
            putchar(v > 4 ? '#' : v > 1 ? '+' : v > -4 ? '.' : ' ');
        }
        printf("| %5.0f Hz\n", middle(m));
    }
    for (int t = 10; t < FRAMES; t += 20) {
        int mel = loudest(y, t);
        printf("after %.1f s the tone is at %4.0f Hz; the loudest filter, %d, listens at %4.0f Hz\n",
               t * HOP / (double)RATE, pitch(t * HOP / (double)RATE), mel, middle(mel));
    }
    return 0;
}
