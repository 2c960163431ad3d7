/* tarn/check.h: everything of a data set read once, and what is wrong with it said: what cannot be read, what comes twice, what
 * lies in the training part and in the test part too, classes without samples.
 *
 *     tn_data_report *r = tn_data_check(context, "photos", NULL);
 *     for (size_t i = 0; r && i < r->n_bad; i++)
 *         printf("%s: %s\n", r->bad[i].path, r->bad[i].reason);
 *     tn_data_report_free(r);
 */
#ifndef TARN_CHECK_H
#define TARN_CHECK_H

#include <tarn/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What samples are. X(NAME, number, "name of several") */
#define TN_SAMPLES_LIST(X)                                                                                             \
    X(PICTURES, 0, "pictures")                                                                                         \
    X(SOUNDS, 1, "sounds")                                                                                             \
    X(ROWS, 2, "rows of tables")                                                                                       \
    X(ENTRIES, 3, "entries of arrays")                                                                                 \
    X(LINES, 4, "lines of text")                                                                                       \
    X(TEXTS, 5, "texts")                                                                                               \
    X(BOXES, 6, "boxes")                                                                                               \
    X(MASKS, 7, "masks")

enum {
#define TN_X(name, number, text) TN_SAMPLES_##name = number,
    TN_SAMPLES_LIST(TN_X)
#undef TN_X
        TN_SAMPLES_KINDS
};

/* Parts, told by names of folders and the beginnings of names of files: train, training; val, valid, validation, dev; test,
 * testing, t10k; what has none of these is in no part. */
enum { TN_PART_NONE, TN_PART_TRAIN, TN_PART_VAL, TN_PART_TEST, TN_PARTS };

/* "pictures", ..., and "", "train", "val", "test"; "?" outside the list. */
TN_API const char *tn_samples_name(int kind);
TN_API const char *tn_part_name(int part);

typedef struct tn_check_bad {
    const char *path, *reason;
} tn_check_bad;

/* Rows that are equal but for their class, texts of the same words: alike, at no distance that is measured. */
enum { TN_CHECK_ALIKE = -1 };

/* Two samples that are alike; `second` comes later. */
typedef struct tn_check_pair {
    const char *first, *second;
    int first_part, second_part;
    int distance; /* 0: equal in every byte; TN_CHECK_ALIKE; else bits of 64 that differ */
} tn_check_pair;

typedef struct tn_check_class {
    const char *name;
    int64_t count[TN_PARTS];
} tn_check_class;

/* Smallest, largest and mean of a size. */
typedef struct tn_check_spread {
    const char *name; /* "width", "seconds", ... */
    double min, max, mean;
} tn_check_spread;

enum { TN_CHECK_BINS = 20 };

/* Of a column of a table, an array, a channel of all pictures. Figures that there are not are NaN. */
typedef struct tn_check_column {
    const char *path, *name, *type;
    int64_t count, missing, distinct; /* distinct -1: not counted */
    double mean, std, min, max;
    int n_bins; /* a histogram: values in bins of equal width from min to max, max in the last; 0: there is none */
    int64_t bins[TN_CHECK_BINS];
} tn_check_column;

typedef struct tn_check_sample {
    const char *path;
    const char *class_name; /* NULL: none */
    const tn_picture *picture;
} tn_check_sample;

/* Of a class of masks: how many pixels have it, and how many masks of each part have such a pixel. */
typedef struct tn_check_pixels {
    int value;        /* as in the masks; 255: pixels that do not count */
    const char *name; /* NULL: none is known */
    int64_t pixels, masks[TN_PARTS];
} tn_check_pixels;

/* Lists hold at most `most` entries (tn_check_opt), the numbers beside them count all. */
typedef struct tn_data_report {
    int64_t files, bytes; /* and files that are none of samples: */
    int64_t others;
    int64_t samples[TN_SAMPLES_KINDS][TN_PARTS];
    int64_t bad_total, outside_total, equal_total, near_total, leak_total, clash_total;
    size_t n_bad;
    const tn_check_bad *bad; /* cannot be read */
    size_t n_outside;
    const tn_check_bad *outside; /* boxes that reach out of their picture by more than a pixel, or have no area */
    size_t n_equal;
    const tn_check_pair *equal; /* what is equal to an earlier sample */
    size_t n_near;
    const tn_check_pair *near; /* pictures (also in arrays), sounds and texts that are alike and not equal */
    size_t n_leaks;
    const tn_check_pair *leaks; /* equal ones in two different parts */
    size_t n_clashes;
    const tn_check_pair *clashes; /* equal ones in two different classes, of rows and texts alike ones too */
    size_t n_classes;
    const tn_check_class *classes; /* all of them, also those without samples */
    size_t n_spreads;
    const tn_check_spread *spreads;
    size_t n_columns;
    const tn_check_column *columns; /* all of them */
    size_t n_notes;
    const char *const *notes; /* sentences: what else is worth knowing */
    size_t n_shown;
    const tn_check_sample *shown; /* pictures to look at, reduced to 64 x 64 at most */
    size_t n_pixels;
    const tn_check_pixels *pixels; /* all values of masks, smallest first, and all classes that have names */
} tn_data_report;

typedef struct tn_check_opt {
    int most;             /* entries of each list; 0: 20 */
    int shown;            /* pictures kept to look at; 0: none */
    int64_t pixels_limit; /* of one picture, as in tn_picture_opt */
    void *reserved[8];
} tn_check_opt;

/* Reads a folder, an archive (.tar, .tar.gz, .zip) or a file: pictures with their boxes (YOLO, VOC, COCO) or masks, sounds, tables (.csv, .tsv,
 * .jsonl), arrays (.npy, .npz, .safetensors, IDX, CIFAR's binary files) and texts, told by their names. A file that cannot be read is listed and the next one read; NULL
 * only when there is nothing at all to read, or memory is out. */
TN_API tn_data_report *tn_data_check(tn_context *context, const char *path, const tn_check_opt *opt);
TN_API void tn_data_report_free(tn_data_report *report);

#ifdef __cplusplus
}
#endif
#endif
