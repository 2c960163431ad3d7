/* pictures.c: pictures a second of the loader: decode, random-resized crop to 224, flip, normalise; or, of small pictures, random crop,
 * flip, normalise. Usage: bench_pictures PATH [size [workers [seconds [under]]]]: PATH holds a folder for each class; size 32 is for
 * CIFAR. The peer is bench/peers/pictures.py, which makes the pictures too. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tarn/picture.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int fail(tn_context *c)
{
    fprintf(stderr, "%s\n", tn_context_error(c));
    return 1;
}

static int measure(tn_loader *loader, double seconds)
{
    int64_t epochs = 0, samples = 0;
    double begin = now(), best = 0, from = begin;
    int64_t counted = 0;
    while (now() - begin < seconds) {
        const tn_batch *batch;
        if (tn_loader_next(loader, &batch) != TN_OK) {
            fprintf(stderr, "%s\n", tn_loader_error(loader));
            return 1;
        }
        epochs += !batch;
        samples += batch ? batch->n : 0;
        if (samples - counted >= 512) { /* the best stretch: others use the machine too */
            double rate = (double)(samples - counted) / (now() - from);
            best = rate > best ? rate : best;
            counted = samples;
            from = now();
        }
    }
    printf("%.0f pictures/s, best stretch of 512 %.0f (%lld pictures, %lld epochs)\n",
           (double)samples / (now() - begin), best, (long long)samples, (long long)epochs);
    return 0;
}

int main(int argc, char **argv)
{
    const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
    int size = argc > 2 ? atoi(argv[2]) : 224, workers = argc > 3 ? atoi(argv[3]) : 2;
    double seconds = argc > 4 ? atof(argv[4]) : 8;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_pictures PATH [size [workers [seconds [under]]]]\n");
        return 2;
    }
    tn_context *c = tn_context_new(NULL);
    char text[200];
    snprintf(text, sizeof text,
             size == 32 ? "random_crop height=%d width=%d padding=4; flip_horizontal"
                        : "random_resized_crop height=%d width=%d; flip_horizontal",
             size, size);
    tn_pipeline *p = tn_pipeline_parse(c, text);
    double begin = now();
    tn_dataset *d = p ? tn_dataset_pictures(c, argv[1],
                                            TN_OPT(tn_pictures_opt, .height = size, .width = size, .pipeline = p,
                                                   .under = argc > 5 ? argv[5] : NULL))
                      : NULL;
    if (!d)
        return fail(c);
    printf("opened in %.2f s\n", now() - begin);
    const tn_transform t = {.field = "x", .scale = 1.0 / 255, .channels = 3, .mean = mean, .std = std};
    tn_loader *loader = tn_loader_new(
        c, d,
        TN_OPT(tn_loader_opt, .batch = 64, .shuffle = true, .workers = workers, .transforms = &t, .n_transforms = 1));
    int status = loader ? measure(loader, seconds) : fail(c);
    tn_loader_free(loader);
    tn_dataset_free(d);
    tn_pipeline_free(p);
    tn_context_free(c);
    return status;
}
