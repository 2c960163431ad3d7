/* test_sound.c: sound files written and read, other rates beside the graph's resampling, stretching and shifting of a tone,
 * data sets of folders with their labels, changes that are functions of a key, and every sentence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tarn/ops.h>
#include <tarn/program.h>
#include <tarn/sound.h>

#include "base/file.h"
#include "base/library.h"
#include "data/sound/sound.h"
#include "support/scratch.h"
#ifdef TARN_HAVE_SNDFILE
#include <sndfile.h>
#endif

static const double PI = 3.14159265358979323846;

static tn_sound *tone(tn_context *c, double hertz, int64_t frames, int channels, int rate)
{
    tn_sound *s = tn_sound_new(c, frames, channels, rate);
    assert_non_null(s);
    for (int64_t i = 0; i < frames; i++)
        for (int k = 0; k < channels; k++)
            s->samples[i * channels + k] = (float)(0.5 / (k + 1) * sin(2 * PI * hertz * (double)i / rate));
    return s;
}

/* By counting where the sound rises through zero. */
static double pitch(const tn_sound *s)
{
    int64_t rises = 0;
    const int64_t from = s->frames / 8, to = s->frames * 7 / 8;
    for (int64_t i = from; i < to; i++)
        rises += s->samples[i * s->channels] < 0 && s->samples[(i + 1) * s->channels] >= 0;
    return (double)rises * s->rate / (double)(to - from);
}

static bool readable(tn_context *c)
{
    tn_sound *s = tone(c, 100, 100, 1, 8000);
    assert_int_equal(tn_sound_write_wav(c, s, scratch_path("any.wav")), TN_OK);
    tn_sound *r = tn_sound_read(c, scratch_path("any.wav"), NULL);
    const bool there = r != NULL;
    if (!there)
        print_message("SKIPPED: %s\n", tn_context_error(c));
    tn_sound_free(s);
    tn_sound_free(r);
    return there;
}

static void test_files(void **state)
{
    tn_sound *s = tone(*state, 440, 5001, 2, 22050);
    if (!readable(*state)) {
        tn_sound_free(s);
        skip();
    }
    s->samples[0] = 7, s->samples[1] = (float)NAN; /* cut */
    assert_int_equal(tn_sound_write_wav(*state, s, scratch_path("a.wav")), TN_OK);
    tn_sound *r = tn_sound_read(*state, scratch_path("a.wav"), NULL);
    assert_non_null(r);
    assert_true(r->frames == 5001 && r->channels == 2 && r->rate == 22050);
    assert_true(fabsf(r->samples[0] - 32767.0F / 32768) < 1e-6F && fabsf(r->samples[1] + 32767.0F / 32768) < 1e-6F);
    for (int64_t i = 2; i < 10002; i++)
        assert_true(fabsf(r->samples[i] - s->samples[i]) < 1e-4F);
    tn_sound *mono = tn_sound_read(*state, scratch_path("a.wav"), TN_OPT(tn_sound_opt, .channels = 1));
    assert_true(mono && mono->channels == 1 && mono->frames == 5001);
    for (int64_t i = 1; i < 5001; i++)
        assert_true(fabsf(mono->samples[i] - (r->samples[2 * i] + r->samples[2 * i + 1]) / 2) < 1e-7F);
    tn_sound_free(mono);
    tn_sound_free(r);
    tn_sound_free(s);
}

/* The graph's operator, which is held to torchaudio's. */
static void by_graph(tn_context *c, const tn_sound *s, int rate, float *out, int64_t frames)
{
    tn_graph *g = tn_graph_new(c);
    tn_tensor *x = tn_input(g, "x", TN_F32, TN_SHAPE(s->frames));
    tn_entry *e = tn_entry_new(g, "run", 0);
    tn_entry_output(e, "y", tn_resample(x, s->rate, rate, NULL));
    tn_program *p = tn_compile(g, NULL);
    assert_non_null(p);
    tn_state *state = tn_state_new(c);
    tn_session *session = tn_session_new(p, state);
    tn_feed feed = {"x", tn_view_of(s->samples, TN_F32, 1, &s->frames)},
            fetch = {"y", tn_view_of(out, TN_F32, 1, &frames)};
    if (tn_run(session, "run", 1, &feed, 1, &fetch) != TN_OK)
        fail_msg("%s", tn_session_error(session));
    tn_session_free(session);
    tn_state_free(state);
    tn_program_free(p);
    tn_graph_free(g);
}

static void test_resample(void **state)
{
    static const int rates[][2] = {{8000, 16000}, {16000, 8000}, {44100, 16000}, {22050, 8000}, {3, 7}, {8000, 8000}};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        tn_sound *s = tone(*state, rates[k][0] / 50.0, 1234, 1, rates[k][0]);
        tn_sound *r = tn_sound_resample(*state, s, rates[k][1]);
        assert_non_null(r);
        const int64_t due = (1234 * (int64_t)rates[k][1] + rates[k][0] - 1) / rates[k][0];
        assert_true(r->frames == due && r->rate == rates[k][1]);
        float *y = calloc((size_t)due, sizeof *y);
        by_graph(*state, s, rates[k][1], y, due);
        for (int64_t i = 0; i < due && rates[k][0] != rates[k][1]; i++)
            assert_true(fabsf(y[i] - r->samples[i]) < 2e-6F);
        free(y);
        tn_sound_free(s);
        tn_sound_free(r);
    }
    assert_null(tn_sound_new(*state, 10, 0, 8000));
    tn_sound *empty = tn_sound_new(*state, 0, 1, 8000), *other = tn_sound_resample(*state, empty, 16000);
    assert_true(empty && other && other->frames == 0);
    assert_null(tn_sound_resample(*state, empty, 0));
    assert_string_equal(tn_context_error(*state), "a sound cannot have 0 frames a second");
    tn_sound_free(empty);
    tn_sound_free(other);
}

static void test_stretch(void **state)
{
    tn_sound *s = tone(*state, 500, 16000, 2, 16000);
    for (double speed = 0.5; speed <= 2; speed *= 2) {
        tn_sound *r = tn_sound_stretch(*state, s, speed);
        assert_true(r && r->channels == 2 && r->frames == llround(16000 / speed));
        assert_true(fabs(pitch(r) - 500) < 10);
        double power = 0;
        for (int64_t i = r->frames / 4; i < r->frames * 3 / 4; i++)
            power += 2 * (double)r->samples[2 * i] * (double)r->samples[2 * i] / (double)r->frames;
        assert_true(fabs(power - 0.125) < 0.02); /* of a sine of height 0.5 */
        tn_sound_free(r);
    }
    for (int semitones = -12; semitones <= 12; semitones += 12) {
        tn_sound *r = tn_sound_shift(*state, s, semitones);
        assert_true(r && r->frames == 16000 && fabs(pitch(r) - 500 * pow(2, semitones / 12.0)) < 15);
        tn_sound_free(r);
    }
    assert_null(tn_sound_stretch(*state, s, 5));
    assert_string_equal(tn_context_error(*state), "a sound can be played 0.25 to 4 times as fast, not 5 times");
    assert_null(tn_sound_shift(*state, s, (double)NAN));
    tn_sound_free(s);
}

/* ---- data sets ----------------------------------------------------------------------------------------------------- */

/* cat/0.wav, cat/1.wav, dog/0.wav of 100, 200, 300 frames, and a text. */
static void make_set(tn_context *c)
{
    static const char *const names[] = {"set/cat/0.wav", "set/cat/1.wav", "set/dog/0_x.WAV"};
    base_error e = {0};
    assert_int_equal(base_make_folder(scratch_path("set/cat"), &e), TN_OK);
    assert_int_equal(base_make_folder(scratch_path("set/dog"), &e), TN_OK);
    for (int i = 0; i < 3; i++) {
        tn_sound *s = tone(c, 1000, 100 * (i + 1), 1, 8000);
        assert_int_equal(tn_sound_write_wav(c, s, scratch_path(names[i])), TN_OK);
        tn_sound_free(s);
    }
    assert_int_equal(base_file_write(scratch_path("set/cat/notes.txt"), "x", 1, &e), TN_OK);
}

static int64_t get(tn_context *c, const tn_dataset *d, int64_t i, uint64_t key, float *x, int64_t *y)
{
    tn_view views[2] = {tn_view_of(x, TN_F32, 1, tn_dataset_field(d, 0)->dims), tn_view_of(y, TN_I64, 0, NULL)};
    if (tn_dataset_get(c, d, i, key, views) != TN_OK)
        fail_msg("%s", tn_context_error(c));
    return views[0].dims[0];
}

static void test_sets(void **state)
{
    tn_context *c = *state;
    float x[480000], again[160];
    int64_t y;
    if (!readable(c))
        skip();
    make_set(c);
    tn_dataset *d = tn_dataset_sounds(c, scratch_path("set"), TN_OPT(tn_sounds_opt, .seconds = 0.02));
    if (!d)
        fail_msg("%s", tn_context_error(c));
    assert_true(tn_dataset_count(d) == 3 && tn_dataset_classes(d) == 2 && tn_dataset_field(d, 0)->dims[0] == 160);
    assert_string_equal(tn_dataset_class_name(d, 1), "dog");
    assert_int_equal(get(c, d, 0, 0, x, &y), 160);
    assert_true(y == 0 && x[99] != 0.0F && x[100] == 0.0F && x[159] == 0.0F);
    assert_int_equal(get(c, d, 2, 0, x, &y), 160);
    assert_true(y == 1 && x[159] != 0.0F);
    /* the preparation reads a file the same way */
    char *json = tn_preparation_json(c, tn_dataset_preparation(d));
    tn_preparation *p = tn_preparation_parse(c, json, strlen(json));
    assert_non_null(p);
    assert_string_equal(tn_preparation_kind(p), "sound");
    tn_dataset *one = tn_preparation_open(c, p, scratch_path("set/dog/0_x.WAV"));
    assert_true(one && tn_dataset_count(one) == 1 && tn_dataset_fields(one) == 1);
    tn_view view = tn_view_of(again, TN_F32, 1, (const int64_t[]){160});
    assert_int_equal(tn_dataset_get(c, one, 0, 0, &view), TN_OK);
    assert_memory_equal(x, again, sizeof again);
    tn_dataset_free(one);
    tn_preparation_free(p);
    free(json);
    tn_dataset_free(d);
    /* as long as they are; the class from the name */
    d = tn_dataset_sounds(c, scratch_path("set"),
                          TN_OPT(tn_sounds_opt, .label = "/([0-9])", .except = "WAV$", .rate = 4000));
    assert_true(d && tn_dataset_count(d) == 2 && tn_dataset_field(d, 0)->varies);
    assert_int_equal(get(c, d, 1, 0, x, &y), 100);
    assert_int_equal(y, 1);
    tn_dataset_free(d);
}

static void test_changes(void **state)
{
    tn_context *c = *state;
    static float x[2][2400];
    int64_t y;
    if (!readable(c))
        skip();
    make_set(c);
    const tn_sound_augment all = {.stretch = 0.2, .shift = 3, .gain = 6, .noise = 0.1, .roll = 0.005};
    tn_dataset *d = tn_dataset_sounds(c, scratch_path("set"), TN_OPT(tn_sounds_opt, .seconds = 0.3, .augment = &all));
    assert_non_null(d);
    get(c, d, 0, 5, x[0], &y);
    get(c, d, 0, 5, x[1], &y);
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    get(c, d, 0, 6, x[1], &y);
    assert_memory_not_equal(x[0], x[1], sizeof x[0]);
    tn_dataset_free(d);
    /* noise of the power that is said: on average half the most */
    const tn_sound_augment noise = {.noise = 0.5};
    d = tn_dataset_sounds(c, scratch_path("set"),
                          TN_OPT(tn_sounds_opt, .only = "dog", .classes = 1, .seconds = 0.0375, .augment = &noise,
                                 .class_names = (const char *const[]){"dog"}));
    assert_non_null(d);
    double sum = 0;
    float plain[300];
    for (int i = 0; i < 300; i++)
        plain[i] = (float)(0.5 * sin(2 * PI * i / 8));
    for (uint64_t key = 0; key < 400; key++) {
        get(c, d, 0, key, x[0], &y);
        for (int i = 0; i < 300; i++)
            sum += pow((double)(x[0][i] - plain[i]), 2) / 300 / 400;
    }
    assert_true(fabs(sum / (0.125 * 0.25) - 1) < 0.1);
    tn_dataset_free(d);
}

static void refused(tn_context *c, const char *path, const tn_sounds_opt *o, const char *part)
{
    assert_null(tn_dataset_sounds(c, scratch_path(path), o));
    if (!strstr(tn_context_error(c), part))
        fail_msg("'%s' is not in '%s'", part, tn_context_error(c));
}

static void test_wrong(void **state)
{
    tn_context *c = *state;
    base_error e = {0};
    if (!readable(c))
        skip();
    make_set(c);
    refused(c, "nowhere", NULL, "nowhere");
    refused(c, "set", TN_OPT(tn_sounds_opt, .label = "("), "is no regular expression");
    refused(c, "set", TN_OPT(tn_sounds_opt, .label = "^x"), "does not match 'label'");
    refused(c, "set", TN_OPT(tn_sounds_opt, .only = "^x"), "set holds 3 sounds, but the name of none matches '^x'");
    refused(c, "set", TN_OPT(tn_sounds_opt, .except = "[0-9]"),
            "set holds 3 sounds, but the names of all match '[0-9]', which leaves them out");
    refused(c, "set", TN_OPT(tn_sounds_opt, .only = "dog", .except = "x"),
            "the name of none matches 'dog', or all that do match 'x', which leaves them out");
    refused(c, "set", TN_OPT(tn_sounds_opt, .seconds = -1), "nothing is negative");
    refused(c, "set", TN_OPT(tn_sounds_opt, .augment = TN_OPT(tn_sound_augment, .noise = 2)), "noise 0 to 1");
    refused(c, "set", TN_OPT(tn_sounds_opt, .classes = 1, .class_names = (const char *const[]){"cat"}),
            "is of class 'dog', which is none of the 1 that were said");
    refused(c, "set/cat", NULL, "lies in no folder that would name its class");
    /* files that are none, cut ones, empty ones */
    assert_int_equal(base_file_write(scratch_path("bad.wav"), "RIFF????WAVE", 12, &e), TN_OK);
    assert_null(tn_sound_read(c, scratch_path("bad.wav"), NULL));
    assert_non_null(strstr(tn_context_error(c), "is no sound that libsndfile can read"));
    void *bytes = NULL;
    size_t n = 0;
    assert_int_equal(base_file_read(scratch_path("set/cat/0.wav"), 1 << 20, &bytes, &n, &e), TN_OK);
    for (size_t k = 0; k < n; k++) /* any length: a sound or a sentence */
        tn_sound_free(tn_sound_decode(c, bytes, k, "cut", NULL));
    assert_null(tn_sound_decode(c, bytes, n, "long", TN_OPT(tn_sound_opt, .frames_limit = 50)));
    assert_string_equal(tn_context_error(c), "long has more than 50 samples, the limit");
    assert_null(tn_sound_decode(c, bytes, n, "many", TN_OPT(tn_sound_opt, .channels = 3)));
    free(bytes);
    static const char *const wrong[] = {"{}", "{\"kind\":\"sound\"}",
                                        "{\"kind\":\"sound\",\"rate\":0,\"frames\":1,\"varies\":false}",
                                        "{\"kind\":\"smell\"}", "["};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(tn_preparation_parse(c, wrong[i], strlen(wrong[i])));
}

/* A file whose head is broken: the next one tells the rate, and it is left out when its turn comes. */
static void test_broken_first(void **state)
{
    tn_context *c = *state;
    base_error e = {0};
    const tn_batch *batch;
    tn_loader_stats stats;
    if (!readable(c))
        skip();
    make_set(c);
    assert_int_equal(base_file_write(scratch_path("set/cat/0.wav"), "RIFF????WAVE", 12, &e), TN_OK);
    refused(c, "set", NULL, "set/cat/0.wav is no sound that libsndfile can read");
    tn_dataset *d = tn_dataset_sounds(c, scratch_path("set"), TN_OPT(tn_sounds_opt, .longest = 1, .skip_bad = true));
    if (!d)
        fail_msg("%s", tn_context_error(c));
    assert_int_equal(tn_dataset_field(d, 0)->dims[0], 8000);
    tn_loader *l = tn_loader_new(c, d, TN_OPT(tn_loader_opt, .batch = 2, .bucket = 4, .skip_bad = true));
    while (tn_loader_next(l, &batch) == TN_OK && batch)
        ;
    tn_loader_get_stats(l, &stats);
    assert_true(stats.skipped == 1 && stats.samples == 2);
    tn_loader_free(l);
    tn_dataset_free(d);
    refused(c, "set", TN_OPT(tn_sounds_opt, .only = "cat/0", .skip_bad = true),
            "none of 1 sounds can be read; the first: ");
}

/* ---- files that are cut off ---------------------------------------------------------------------------------------- */

/* What says its length, with `n` bytes of samples behind it of `due`, as unsigned char *to; its size. */
static size_t put_at(unsigned char *to, size_t at, const char *bytes, size_t n)
{
    memcpy(to + at, bytes, n);
    return at + n;
}

#define HEAD(text) text, sizeof text - 1

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t head_bytes, samples;
        bool cut;
    } cases[] = {
        {HEAD("RIFF\x1c\0\0\0WAVEdata\x08\0\0\0"), 8, false},
        {HEAD("RIFF\x1c\0\0\0WAVEdata\x08\0\0\0"), 7, true},
        {HEAD("RIFF\x1c\0\0\0WAVEdata\x08\0\0\0"), 12, false},                  /* something follows */
        {HEAD("RIFF\x1c\0\0\0WAVEdata\x07\0\0\0"), 7, false},                   /* no byte fills it up */
        {HEAD("RIFF\x1c\0\0\0WAVEodd \x03\0\0\0abc_data\x02\0\0\0"), 2, false}, /* one does */
        {HEAD("RIFF\x1c\0\0\0WAVEodd \x03\0\0\0abc_data\x02\0\0\0"), 1, true},
        {HEAD("RIFF\x1c\0\0\0WAVEodd \x03\0\0\0abc"), 0, false}, /* nothing more: libsndfile tells */
        {HEAD("RIFF\x1c\0\0\0WAVELIST\x40\0\0\0abc"), 0, true},
        {HEAD("RIFF\x1c\0\0\0WAVEdata\0\0\0\0"), 8, false}, /* from pipes: nothing, or the most */
        {HEAD("RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff"), 8, false},
        {HEAD("RIFF\xff\xff\xff\xffWAVEdata\0\xf0\xff\x7f"), 8, false},
        {HEAD("RIFX\0\0\0\x1cWAVEdata\0\0\0\x08"), 7, true},
        {HEAD("RIFX\0\0\0\x1cWAVEdata\0\0\0\x08"), 8, false},
        {HEAD("FORM\0\0\0\x1c"
              "AIFFSSND\0\0\0\x08"),
         7, true},
        {HEAD("FORM\0\0\0\x1c"
              "AIFFSSND\0\0\0\x08"),
         8, false},
        {HEAD("RF64\xff\xff\xff\xffWAVEds64\x10\0\0\0________\x08\0\0\0\0\0\0\0data\xff\xff\xff\xff"), 7, true},
        {HEAD("RF64\xff\xff\xff\xffWAVEds64\x10\0\0\0________\x08\0\0\0\0\0\0\0data\xff\xff\xff\xff"), 8, false},
        {HEAD("BW64\xff\xff\xff\xffWAVEds64\x10\0\0\0________\xff\xff\xff\xff\xff\xff\xff\xff"
              "data\xff\xff\xff\xff"),
         8, false},
        {HEAD("riff............________wave............data............\x20\0\0\0\0\0\0\0"), 8, false},
        {HEAD("riff............________wave............data............\x20\0\0\0\0\0\0\0"), 7, true},
        {HEAD("riff............________wave............data............\x10\0\0\0\0\0\0\0"), 7, false},
        {HEAD(".snd\0\0\0\x10\0\0\0\x08____"), 8, false},
        {HEAD(".snd\0\0\0\x10\0\0\0\x08____"), 7, true},
        {HEAD(".snd\0\0\0\x10\xff\xff\xff\xff____"), 7, false},
        {HEAD("anything else, which nobody knows"), 8, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t n = cases[i].head_bytes + cases[i].samples;
        unsigned char *bytes = calloc(n, 1); /* exactly, so that reading behind it is seen */
        put_at(bytes, 0, cases[i].head, cases[i].head_bytes);
        if (data_sound_is_cut(bytes, n) != cases[i].cut)
            fail_msg("case %zu is %scut", i, cases[i].cut ? "" : "not ");
        free(bytes);
        for (size_t k = 0; k < n; k++) {
            bytes = malloc(k ? k : 1);
            memset(bytes, 0, k);
            put_at(bytes, 0, cases[i].head, k < cases[i].head_bytes ? k : cases[i].head_bytes);
            (void)data_sound_is_cut(bytes, k);
            free(bytes);
        }
    }
}

#ifdef TARN_HAVE_SNDFILE
/* A tone in a form of libsndfile's; false where it has none. */
static bool write_as(const tn_sound *s, const char *path, int format)
{
    SNDFILE *(*open)(const char *, int, SF_INFO *);
    sf_count_t (*put)(SNDFILE *, const float *, sf_count_t);
    int (*close)(SNDFILE *);
    void *library = base_library_open("libsndfile.so.1");
    SF_INFO info = {.samplerate = s->rate, .channels = s->channels, .format = format};
    if (!library || !base_library_find(library, "sf_open", &open) ||
        !base_library_find(library, "sf_writef_float", &put) || !base_library_find(library, "sf_close", &close))
        return false;
    SNDFILE *f = open(path, SFM_WRITE, &info);
    if (!f)
        return false;
    put(f, s->samples, s->frames);
    close(f);
    return true;
}

/* Cut at tenths of its length, from `first` on: libsndfile keeps memory of an OGG whose first pages are cut. */
static void check_cuts(tn_context *c, const char *name, int format, int first)
{
    void *bytes = NULL;
    size_t n = 0;
    base_error e = {0};
    tn_sound *s = tone(c, 300, 40000, 1, 16000);
    const bool written = write_as(s, scratch_path(name), format);
    tn_sound_free(s);
    if (!written) {
        print_message("SKIPPED: libsndfile does not write %s\n", name);
        return;
    }
    assert_int_equal(base_file_read(scratch_path(name), 1 << 22, &bytes, &n, &e), TN_OK);
    tn_sound *whole = tn_sound_decode(c, bytes, n, name, NULL);
    if (!whole || whole->frames != 40000)
        fail_msg("%s: %s", name, tn_context_error(c));
    tn_sound_free(whole);
    for (int part = first; part < 10; part++) {
        if (tn_sound_decode(c, bytes, n * (size_t)part / 10, name, NULL))
            fail_msg("%d tenths of %s are a sound", part, name);
        const char *why = tn_context_error(c);
        if (!strstr(why, name) ||
            (!strstr(why, " cut off") && !strstr(why, "no sound that") && !strstr(why, "damaged")))
            fail_msg("%s: %s", name, why);
    }
    if (tn_sound_decode(c, bytes, n - 20, name, NULL))
        fail_msg("%s without its last 20 bytes is a sound", name);
    free(bytes);
}
#endif

/* Whatever is cut off is no shorter sound. */
static void test_cut(void **state)
{
    tn_context *c = *state;
    if (!readable(c))
        skip();
#ifdef TARN_HAVE_SNDFILE
    check_cuts(c, "cut.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut-big.wav", (int)SF_ENDIAN_BIG | SF_FORMAT_WAV | SF_FORMAT_PCM_24, 1);
    check_cuts(c, "cut-float.wav", SF_FORMAT_WAVEX | SF_FORMAT_FLOAT, 1);
    check_cuts(c, "cut-rf64.wav", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.caf", SF_FORMAT_CAF | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1);
    check_cuts(c, "cut.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 8);
    check_cuts(c, "cut.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS, 8);
#endif
}

/* A folder that would be a class and has no sound. */
static void test_empty_class(void **state)
{
    tn_context *c = *state;
    base_error e = {0};
    if (!readable(c))
        skip();
    make_set(c);
    assert_int_equal(base_make_folder(scratch_path("set/bird"), &e), TN_OK);
    assert_int_equal(base_file_write(scratch_path("set/bird/notes.txt"), "x", 1, &e), TN_OK);
    refused(c, "set", NULL, "set: the folder \"bird\" would be a class, but there is no sound in it");
    const tn_sounds_opt opts[] = {{.except = "^bird"}, /* left out, or no class */
                                  {.label = "/([0-9])"},
                                  {.classes = 2, .class_names = (const char *const[]){"cat", "dog"}}};
    for (size_t i = 0; i < 3; i++) {
        tn_dataset *d = tn_dataset_sounds(c, scratch_path("set"), &opts[i]);
        if (!d)
            fail_msg("%s", tn_context_error(c));
        tn_dataset_free(d);
    }
    /* one whose sounds patterns leave out holds sounds */
    tn_dataset *d = tn_dataset_sounds(c, scratch_path("set"), TN_OPT(tn_sounds_opt, .except = "^bird|^dog"));
    assert_true(d && tn_dataset_classes(d) == 1);
    tn_dataset_free(d);
}

static int begin(void **state)
{
    scratch_new();
    *state = tn_context_new(NULL);
    return *state == NULL;
}

static int end(void **state)
{
    tn_context_free(*state);
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_files, begin, end),
                                       cmocka_unit_test_setup_teardown(test_resample, begin, end),
                                       cmocka_unit_test_setup_teardown(test_stretch, begin, end),
                                       cmocka_unit_test_setup_teardown(test_sets, begin, end),
                                       cmocka_unit_test_setup_teardown(test_changes, begin, end),
                                       cmocka_unit_test_setup_teardown(test_wrong, begin, end),
                                       cmocka_unit_test_setup_teardown(test_broken_first, begin, end),
                                       cmocka_unit_test(test_lengths),
                                       cmocka_unit_test_setup_teardown(test_cut, begin, end),
                                       cmocka_unit_test_setup_teardown(test_empty_class, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
