/* pictures.h: what kinds of data that are files of pictures have in common: keys, and three data sets of one size. */
#ifndef TRAIN_PICTURES_H
#define TRAIN_PICTURES_H

#include "train/transforms.h"

typedef struct train_pictures {
    const char *path, *val_path, *test_path;
    const char *under, *val_under, *test_under;
    int64_t height, width, channels;
    int fit, bits;
    double fill;
    format_strings classes, transforms;
} train_pictures;

extern const char *const train_fits[], *const train_bits[];
enum { TRAIN_BITS_8, TRAIN_BITS_16 };

/* Rows of an option table for a struct S with a member `train_pictures p`. */
#define TRAIN_PICTURES_OPTION(S, field, KIND, ...)                                                                     \
    {                                                                                                                  \
        .key = #field, .kind = FORMAT_KIND_##KIND, .offset = offsetof(S, p.field), __VA_ARGS__                         \
    }
#define TRAIN_PICTURES_PLACES(S, what)                                                                                 \
    TRAIN_PICTURES_OPTION(S, path, PATH, .fallback = FORMAT_REQUIRED, .doc = what),                                    \
        TRAIN_PICTURES_OPTION(S, val_path, PATH, .doc = "the validation pictures; path, if val_under is given"),       \
        TRAIN_PICTURES_OPTION(S, test_path, PATH,                                                                      \
                              .doc = "pictures that `tarn eval` takes in place of the validation pictures")
#define TRAIN_PICTURES_UNDER(S)                                                                                        \
    TRAIN_PICTURES_OPTION(S, under, STRING, .doc = "the folder in it that counts, as train"),                          \
        TRAIN_PICTURES_OPTION(S, val_under, STRING, .doc = "the folder in val_path"),                                  \
        TRAIN_PICTURES_OPTION(S, test_under, STRING, .doc = "the folder in test_path")
#define TRAIN_PICTURES_SIZES(S, usual_fit)                                                                             \
    TRAIN_PICTURES_OPTION(S, height, INT, .fallback = "0", .range = "[0,65536]",                                       \
                          .doc = "all pictures are made so high; 0: as the first"),                                    \
        TRAIN_PICTURES_OPTION(S, width, INT, .fallback = "0", .range = "[0,65536]",                                    \
                              .doc = "and so wide; 0: as the first"),                                                  \
        TRAIN_PICTURES_OPTION(S, channels, INT, .fallback = "3", .range = "[1,3]", .doc = "1: grey, 3: colour"),       \
        TRAIN_PICTURES_OPTION(                                                                                         \
            S, fit, ENUM, .fallback = usual_fit, .names = train_fits,                                                  \
            .doc = "how: crop covers the size and cuts the middle out, stretch, pad fits in and fills the rest"),      \
        TRAIN_PICTURES_OPTION(S, fill, FLOAT, .fallback = "0", .range = "[0,255]", .doc = "of what pad fills"),        \
        TRAIN_PICTURES_OPTION(S, transforms, STRINGS, .least_n = 1, .doc = TRAIN_TRANSFORMS_DOC)
#define TRAIN_PICTURES_BITS(S)                                                                                         \
    TRAIN_PICTURES_OPTION(S, bits, ENUM, .fallback = "8", .names = train_bits,                                         \
                          .doc = "16: values of PNGs of 16 bits are not cut to 8; without transforms")
#define TRAIN_PICTURES_CLASSES(S, what) TRAIN_PICTURES_OPTION(S, classes, STRINGS, .least_n = 1, .doc = what)

/* `valid`, `test`: such pictures are given by a key of the kind's own. */
tn_status train_pictures_check(const train_recipe *r, const train_pictures *p, bool valid, bool test,
                               const format_yaml_node *node, base_error *e);
/* What is opened: the training pictures, those of validation, of the test. */
typedef enum train_part { TRAIN_PART_TRAIN, TRAIN_PART_VALID, TRAIN_PART_TEST } train_part;
/* The path of a part, if there is one by path or under, else NULL; opt->under is set. */
const char *train_pictures_path(const train_pictures *p, train_part part, tn_pictures_opt *opt);
/* Opens the parts by `open`, which gives no data set and no sentence where there is no such part. Size and classes are those of
 * the training pictures. */
typedef tn_dataset *(*train_open_part)(tn_context *c, const train_recipe *r, train_part part, tn_pictures_opt *opt);
tn_status train_pictures_open(tn_context *c, const train_recipe *r, const train_pictures *p, const train_transforms *t,
                              train_open_part open, train_sets *sets);
/* For kinds whose options begin so. */
typedef struct train_picture_files {
    train_data common;
    train_pictures p;
} train_picture_files;
void train_pictures_preprocess(const train_recipe *r, const tn_field *x, tn_preprocess *to);

#endif
