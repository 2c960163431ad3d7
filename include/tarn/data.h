/* tarn/data.h: data sets, files they come from, pictures, and the loader that makes batches of them.
 *
 * A data set is a row of samples that can be fetched in any order. Every sample has the same named fields, each of a fixed
 * dtype and shape: mostly "x", what the model sees, and "y", what it should say. A loader turns a data set into batches:
 * in a repeatable random order, with transforms, made ahead by threads of its own.
 *
 * Functions that make something return NULL on failure; the sentence is then in tn_context_error of the context given.
 */
#ifndef TARN_DATA_H
#define TARN_DATA_H

#include <tarn/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data sets ------------------------------------------------------------------------------------------------- */

typedef struct tn_dataset tn_dataset;

enum { TN_MAX_FIELDS = 16 };

/* What every sample holds under one name. `dims` are those of one sample: a picture is u8 [1, 28, 28], a class number is
 * i64 of rank 0. No dim is zero. Where the first dim `varies` from sample to sample (words of a sentence), dims[0] is the most
 * that any has; a batch is as long as the longest of its samples, the others filled up with `pad`. */
typedef struct tn_field {
    const char *name;
    tn_dtype dtype;
    int rank;
    int64_t dims[TN_MAX_RANK];
    bool varies;
    double pad;
    void *reserved[2];
} tn_field;

/* Where `get` puts a sample: at[f] has room for field f, row-major, aligned for its dtype. For a field that varies `get` sets
 * lengths[f], 0 to dims[0], which stands at dims[0] before; what lies behind is filled up by Tarn. `inside` and `among` are Tarn's. */
typedef struct tn_sample {
    void *const *at;
    int64_t *lengths;
    int n_fields;
    void *inside;
    const void *among;
} tn_sample;

/* For `get`: records why the sample cannot be had, and returns status: `return tn_sample_fail(s, TN_IO, "...")`. */
TN_API tn_status tn_sample_fail(const tn_sample *sample, tn_status status, const char *fmt, ...) TN_PRINTF(3, 4);

/* A data set of one's own. Names and fields are copied; `user` must last until `release` is called (or the data set and
 * all that was made from it are freed). */
typedef struct tn_dataset_def {
    int64_t count;
    const tn_field *fields;
    int n_fields; /* 1 to TN_MAX_FIELDS */
    /* Of the field "y", 0: not a classification. "y" is then i64 of rank 0 with values in [0, classes); or i64 of rank 1, a
     * class for each place (those of a text's next words, of a picture's pixels; -100: none here); or f32 [classes], a probability
     * for each; or f32 [most, 5], boxes: class (negative: no box), left, top, right, bottom. */
    int classes;
    const char *const *class_names; /* `classes` of them; NULL: "0", "1", ... */
    /* Writes all fields of one sample. Must depend on its arguments only. `key` is 64 random bits for this sample in this
     * epoch, for data sets that draw anew each time. May run on several threads at once unless `serial`. */
    tn_status (*get)(void *user, int64_t index, uint64_t key, const tn_sample *sample);
    /* Optional: the class of a sample where that is cheaper than a whole `get`; negative if it cannot be had. */
    int64_t (*label)(void *user, int64_t index);
    /* Optional: about how long a sample is, where fields vary and that is cheap: for batches of alike lengths. */
    int64_t (*length)(void *user, int64_t index);
    void (*release)(void *user); /* optional; not called when tn_dataset_new fails */
    void *user;
    bool serial;
    const struct tn_preparation *preparation; /* how raw input becomes these samples, or NULL; retained */
    void *reserved[7];
} tn_dataset_def;

TN_API tn_dataset *tn_dataset_new(tn_context *context, const tn_dataset_def *def);
/* What was made from a data set (subsets, loaders) keeps what it needs of it: free in any order. */
TN_API void tn_dataset_free(tn_dataset *dataset);

TN_API int64_t tn_dataset_count(const tn_dataset *dataset);
TN_API int tn_dataset_fields(const tn_dataset *dataset);
/* NULL when there is no field `index`. */
TN_API const tn_field *tn_dataset_field(const tn_dataset *dataset, int index);
/* The number of the field of this name, or -1. */
TN_API int tn_dataset_find(const tn_dataset *dataset, const char *name);
/* 0 when this is not a classification. */
TN_API int tn_dataset_classes(const tn_dataset *dataset);
/* NULL when there is no such class. */
TN_API const char *tn_dataset_class_name(const tn_dataset *dataset, int index);

/* One sample; views[f] (as many as fields, row-major, dtype and dims of the field) receive it. Of a field that varies
 * views[f].dims[0] becomes what the sample has; `bytes` stays the room there is. Safe on several threads, each with a
 * context of its own. */
TN_API tn_status tn_dataset_get(tn_context *context, const tn_dataset *dataset, int64_t index, uint64_t key,
                                tn_view *views);
/* The class of a sample. TN_UNSUPPORTED when samples have no single class. */
TN_API tn_status tn_dataset_label(tn_context *context, const tn_dataset *dataset, int64_t index, int64_t *label);

/* The samples indices[0], indices[1], ... of another data set, in this order; repeats are fine. Indices are copied. */
TN_API tn_dataset *tn_dataset_subset(tn_context *context, const tn_dataset *dataset, const int64_t *indices,
                                     int64_t count);
/* `count` samples from `first` on. */
TN_API tn_dataset *tn_dataset_range(tn_context *context, const tn_dataset *dataset, int64_t first, int64_t count);
/* One after the other. Fields, their order and the classes must agree. */
TN_API tn_dataset *tn_dataset_concat(tn_context *context, const tn_dataset *const *datasets, int n);
/* The same samples, each fetched once and then kept in memory, for sets whose samples take time to make or read. What depends
 * on `key` stays as it was when first fetched. TN_LIMIT if all samples need more than `memory_limit` bytes (0: no limit). */
TN_API tn_dataset *tn_dataset_cache(tn_context *context, const tn_dataset *dataset, size_t memory_limit);
/* How what was decoded is kept by data sets that have it as an option: up to what changes by chance, so that samples are the same bits with
 * it and without. On disk it is one mapped file, written in the first epoch, beside its name, and found again by later runs unless a source's
 * size or time, or what is done to it, has changed; a damaged one is made anew. It must not become shorter while it is used. */
typedef struct tn_cache_opt {
    const char *folder;  /* on disk, in this folder; NULL: in memory */
    size_t limit;        /* bytes in memory, of what fits; 0: none */
    bool either;         /* in memory if all fits within the limit, as the first sample tells, else in the folder */
    tn_context *context; /* whose log is told of a damaged file; NULL: nobody */
    void *reserved[4];
} tn_cache_opt;
/* Cuts in two at random, repeatably by seed: *first gets `fraction` (0 to 1) of the samples, rounded to the nearest, and
 * *second the rest, both in the order of the original. `stratified` does so class by class (and rounds class by class). */
TN_API tn_status tn_dataset_split(tn_context *context, const tn_dataset *dataset, double fraction, uint64_t seed,
                                  bool stratified, tn_dataset **first, tn_dataset **second);

/* ---- splits ----------------------------------------------------------------------------------------------------- */

/* Samples 0 to count - 1 dealt out to parts, repeatably by seed: lists of numbers for tn_dataset_subset, or of rows of a table. */
typedef struct tn_partition tn_partition;

typedef struct tn_partition_opt {
    const int64_t *classes; /* stratified: each part gets its share of every class; NULL: not asked for */
    const int64_t *groups;  /* samples of one group (a patient, a house) stay together; NULL: none */
    const double *times;    /* parts follow each other in time, equal times in one; alone, without the other two */
    uint64_t seed;
    bool in_order; /* parts follow each other as samples do */
    void *reserved[6];
} tn_partition_opt;

/* As many parts as fractions, which add up to at most 1; what is left over belongs to none. */
TN_API tn_partition *tn_partition_new(tn_context *context, int64_t count, const double *fractions, int parts,
                                      const tn_partition_opt *opt);
/* k parts of one size, each to be validated on in its turn. */
TN_API tn_partition *tn_partition_folds(tn_context *context, int64_t count, int folds, const tn_partition_opt *opt);
/* One list in which all classes (negative: none, left out) come equally often: those that are rarer repeated (`over`), or of those that
 * are more frequent a part. indices: the samples to choose from (NULL: all), classes[i] the class of indices[i]. */
TN_API tn_partition *tn_partition_balance(tn_context *context, const int64_t *indices, const int64_t *classes,
                                          int64_t count, bool over, uint64_t seed);
TN_API void tn_partition_free(tn_partition *split);
/* The numbers of a part, ascending, *count of them; NULL when there is no such part. */
TN_API const int64_t *tn_partition_part(const tn_partition *split, int part, int64_t *count);
/* The numbers of all other parts, ascending, into `indices`, which has room for all; how many. */
TN_API int64_t tn_partition_others(const tn_partition *split, int part, int64_t *indices);
/* Samples / (classes * samples of a class), for each class: 0 for one that has none. */
TN_API tn_status tn_class_weights(tn_context *context, const int64_t *classes, int64_t count, int n_classes,
                                  double *weights);

/* ---- preparations ---------------------------------------------------------------------------------------------- */

/* How raw input (a file, rows of a table, a text) becomes the field "x" that a model sees: what was fitted on the training
 * samples (vocabularies, means, categories). Data sets that need one carry it, model files keep it, and what was not in the
 * training samples cannot change it. Counted by references; never changed. */
typedef struct tn_preparation tn_preparation;

/* "text", "table", ... */
TN_API const char *tn_preparation_kind(const tn_preparation *preparation);
/* As JSON, the way model files hold it, and back; free() the text. NULL: the context has the sentence. */
TN_API char *tn_preparation_json(tn_context *context, const tn_preparation *preparation);
TN_API tn_preparation *tn_preparation_parse(tn_context *context, const char *json, size_t bytes);
TN_API void tn_preparation_free(tn_preparation *preparation);
/* What a file holds (a text: its lines; a table: its rows; a picture: itself), ready for the model: samples with the field
 * "x". And the same for input that is given itself. NULL: the context has the sentence. */
TN_API tn_dataset *tn_preparation_open(tn_context *context, const tn_preparation *preparation, const char *path);
TN_API tn_dataset *tn_preparation_read(tn_context *context, const tn_preparation *preparation, const void *data,
                                       size_t bytes, const char *name);
/* Does a name end as those of files that it reads, .csv or .txt or .wav? */
TN_API bool tn_preparation_reads(const tn_preparation *preparation, const char *name);
/* NULL when a data set needs none. Lives as long as the data set. */
TN_API const tn_preparation *tn_dataset_preparation(const tn_dataset *dataset);

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* The files of a folder, with all below it, or of an archive (.tar, .tar.gz, .zip) that is not unpacked; of any other file itself. Sorted
 * by their names; names that begin with a point are left out. */
typedef struct tn_files tn_files;
TN_API tn_files *tn_files_open(tn_context *context, const char *path);
TN_API void tn_files_free(tn_files *files);
TN_API int64_t tn_files_count(const tn_files *files);
/* The name within the folder or archive, "a/1.jpg", and what stands for the file in sentences, "set.tar!a/1.jpg": the latter until the
 * next call. */
TN_API const char *tn_files_name(const tn_files *files, int64_t i);
TN_API const char *tn_files_where(tn_files *files, int64_t i);
/* All of file i; valid until the next read. */
TN_API tn_status tn_files_read(tn_context *context, tn_files *files, int64_t i, const void **data, size_t *bytes);

/* ---- sources --------------------------------------------------------------------------------------------------- */

/* IDX files (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", file formats): big-endian u8 i8
 * i16 i32 f32 f64 of 1 to 8 dimensions, the first counting samples. Files may be gzip'ed. */
typedef struct tn_idx_opt {
    int classes; /* labels must be below; 0: one more than the largest label there is */
    const char *const *class_names;
    bool map;            /* map plain files instead of reading them into memory; they must not change meanwhile */
    size_t memory_limit; /* bytes of a file in memory; 0: no limit but that a file of gzip cannot hold more than deflate
                            can pack (a short file cannot claim terabytes) */
    void *reserved[8];
} tn_idx_opt;

/* Field "x" is what `images` holds, dtype as stored; of 3 dimensions [n, h, w] samples are [1, h, w], else all but the
 * first. `labels` (NULL: no "y") holds as many entries; one integer each gives "y" as i64 class numbers, anything else is
 * given as stored, without classes. */
TN_API tn_dataset *tn_dataset_idx(tn_context *context, const char *images, const char *labels, const tn_idx_opt *opt);
/* The four standard files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., with or without .gz) in a folder. */
TN_API tn_dataset *tn_dataset_mnist(tn_context *context, const char *folder, bool train, const tn_idx_opt *opt);

/* Handwritten-like digits, drawn from strokes: x u8 [1, 28, 28] as in MNIST (white on black, 20x20 box, centred by mass),
 * y i64, 10 classes. Sample `index` is a pure function of (seed, index): a data set without files. */
typedef struct tn_digits_opt {
    int64_t count; /* 0: 60000 */
    uint64_t seed;
    bool fresh; /* draw new pictures every epoch (classes stay): sample (seed, index, key) */
    bool kept;  /* all are drawn now, by the context's threads, and kept: 784 bytes each. Not with `fresh` */
    void *reserved[8];
} tn_digits_opt;
TN_API tn_dataset *tn_dataset_digits(tn_context *context, const tn_digits_opt *opt);

/* ---- pictures -------------------------------------------------------------------------------------------------- */

/* 8-bit pictures, rows from the top, channels interleaved: pixels[(y * width + x) * channels + c]. 1 channel is grey,
 * 3 red, green, blue. Made by the functions below, freed by tn_picture_free; a caller's own may be passed in. */
typedef struct tn_picture {
    int64_t width, height;
    int channels;
    uint8_t *pixels;
    void *reserved[2];
} tn_picture;

typedef struct tn_picture_opt {
    int channels;         /* 1 or 3; 0: grey pictures 1, others 3 */
    int64_t pixels_limit; /* width * height, checked before memory is taken; 0: 100 million */
    size_t file_limit;    /* bytes; 0: 256 MiB */
    bool raw_orientation; /* do not turn a photograph upright as its EXIF data says */
    void *reserved[8];
} tn_picture_opt;

/* PNG, JPEG, WebP, BMP or PNM (PBM, PGM, PPM), told by its first bytes. Transparent parts are laid over white; 16 bits are
 * reduced to 8. */
TN_API tn_picture *tn_picture_read(tn_context *context, const char *path, const tn_picture_opt *opt);
/* The same from memory; `name` stands in sentences. */
TN_API tn_picture *tn_picture_decode(tn_context *context, const void *data, size_t bytes, const char *name,
                                     const tn_picture_opt *opt);
TN_API void tn_picture_free(tn_picture *picture);
/* Does a name end as those of pictures, .jpg or .png? */
TN_API bool tn_picture_name(const char *name);
/* Pictures of 16 bits a value, as X-rays and depths have them. Values of PNGs of 16 bits as stored; of all others 257 times
 * those of 8 bits, so that white is 65535. */
typedef struct tn_picture16 {
    int64_t width, height;
    int channels;
    uint16_t *values; /* interleaved, as pixels above */
    void *reserved[2];
} tn_picture16;
TN_API tn_picture16 *tn_picture_decode16(tn_context *context, const void *data, size_t bytes, const char *name,
                                         const tn_picture_opt *opt);
TN_API tn_picture16 *tn_picture_read16(tn_context *context, const char *path, const tn_picture_opt *opt);
/* As tn_picture_prepare by "resize", "crop" or "pad", into f32 [channels, height, width], 65535 as 1. */
TN_API tn_status tn_picture_prepare16(tn_context *context, const tn_picture16 *picture, const char *step,
                                      const tn_view *view);
TN_API void tn_picture16_free(tn_picture16 *picture);
TN_API tn_picture *tn_picture_new(tn_context *context, int64_t width, int64_t height, int channels);
/* From grey to colour and back (ITU-R BT.601 luma). */
TN_API tn_picture *tn_picture_convert(tn_context *context, const tn_picture *picture, int channels);
/* Scales with a triangle filter that widens when shrinking, so that nothing is skipped (as Pillow's BILINEAR). */
TN_API tn_picture *tn_picture_resize(tn_context *context, const tn_picture *picture, int64_t width, int64_t height);
/* A drawn or photographed digit as MNIST would show it: grey, uneven light taken off, dark ink on light ground inverted,
 * specks of less than a hundredth of the ink left out, the ink's box scaled to fit 20x20 and put into 28x28 with its
 * centre of mass in the middle. TN_FORMAT, and NULL, for a picture without ink. */
TN_API tn_picture *tn_picture_digit(tn_context *context, const tn_picture *picture);
/* A preprocessing step by name, as model files hold it: "digit", or to dims [channels, height, width] "resize" (both sides on
 * their own), "crop" (the size is covered, the middle cut out) or "pad" (fits in, the rest is black). Writes u8 in that order to `view`, which must be u8 [channels, height, width], row-major. */
TN_API tn_status tn_picture_prepare(tn_context *context, const tn_picture *picture, const char *step,
                                    const tn_view *view);
/* Grey or colour PNG, written beside and renamed. */
TN_API tn_status tn_picture_write_png(tn_context *context, const tn_picture *picture, const char *path);

/* ---- the loader ------------------------------------------------------------------------------------------------ */

/* What happens to one field on its way into a batch: cast, then value * scale, then (value - mean) / std by channel (the
 * first dim), with the random moves first. All zero: the field as it is. */
typedef struct tn_transform {
    const char *field;
    tn_dtype dtype;     /* of the batch; TN_NONE: f32 if anything below is asked for, else as stored */
    double scale;       /* 0: 1 */
    int channels;       /* entries of mean and std: 0 none, 1 for all, else the first dim of the field */
    const double *mean; /* NULL: zeros */
    const double *std;  /* NULL: ones; never 0 */
    /* Random moves of pictures ([h, w] or [channels, h, w]), a new one for every sample and epoch; what comes in from
     * outside is `fill`. */
    double move;   /* by up to so many pixels in x and y */
    double rotate; /* by up to so many degrees */
    double zoom;   /* larger or smaller by up to this fraction, as 0.1 */
    bool flip;     /* left and right exchanged half of the time */
    double fill;
    void *reserved[8];
} tn_transform;

typedef struct tn_loader_opt {
    int batch; /* samples; 0: 1 */
    bool shuffle;
    uint64_t seed;  /* of the order, of sample keys and of random moves */
    bool drop_last; /* no smaller batch at the end of an epoch */
    /* Of several processes with the same options, which this is, 0 to ranks - 1: each gets as many samples of an epoch, none
     * twice; what cannot be shared out evenly is left out. 0, 0: alone. */
    int rank, ranks;
    int bucket; /* samples of so many batches are sorted by length, so that few are filled up; 0: none */
    int pad_to; /* lengths of fields that vary are rounded up to a multiple, up to the most; 0: 1 */
    /* Leave out samples that fail and count them, instead of stopping there; each is told to the context's log in the first
     * epoch. */
    bool skip_bad;
    int workers;                    /* threads; 0: batches are made in the thread that calls */
    int prefetch;                   /* batches made ahead; 0: two, and as many as workers, of small batches eight */
    size_t memory_limit;            /* bytes of all buffers; 0: none */
    const tn_transform *transforms; /* at most one for a field */
    int n_transforms;
    void *reserved[8];
} tn_loader_opt;

typedef struct tn_loader tn_loader;

/* fields[f] is field f of the data set, transformed: dims [n, ...], row-major, aligned to 64 bytes, valid until the next
 * call with this loader. Behind them stand lists that belong to the batch as a whole, of data sets that have such
 * (tn_dataset_neighbours). */
typedef struct tn_batch {
    int64_t n;            /* samples, at least 1 */
    int64_t epoch, index; /* which batch of which epoch */
    int n_fields;
    const tn_view *fields;
    const int64_t *samples; /* their numbers in the data set */
} tn_batch;

/* The same batches come whatever the number of workers: order, keys and moves are functions of (seed, epoch, sample). */
TN_API tn_loader *tn_loader_new(tn_context *context, const tn_dataset *dataset, const tn_loader_opt *opt);
/* At any time, also in the middle of an epoch. */
TN_API void tn_loader_free(tn_loader *loader);
/* The next batch, or NULL in *batch at the end of an epoch; the call after that gives the first batch of the next epoch.
 * On failure the sentence names the sample, and the same call fails again until tn_loader_seek moves on. */
TN_API tn_status tn_loader_next(tn_loader *loader, const tn_batch **batch);
/* What tn_loader_next will give: this is what a checkpoint keeps. `batch` may be tn_loader_batches: the end of the epoch. */
TN_API void tn_loader_position(const tn_loader *loader, int64_t *epoch, int64_t *batch);
/* Goes to a position; batches then are bit for bit what they would have been. */
TN_API tn_status tn_loader_seek(tn_loader *loader, int64_t epoch, int64_t batch);
/* Batches in an epoch. */
TN_API int64_t tn_loader_batches(const tn_loader *loader);
/* What a field is in a batch: dtype after transforms; dims[0] is the batch size, of a list how long it can be. False when there is no
 * such field. */
TN_API bool tn_loader_field(const tn_loader *loader, int field, tn_field *description);
TN_API const tn_dataset *tn_loader_dataset(const tn_loader *loader);
/* The sentence of the last failure; "" if none. */
TN_API const char *tn_loader_error(const tn_loader *loader);

typedef struct tn_loader_stats {
    int64_t batches, samples; /* given so far */
    int64_t skipped;          /* samples left out, see skip_bad */
    double waited;            /* seconds that tn_loader_next took */
    double total;             /* seconds from the first tn_loader_next to the end of the last */
} tn_loader_stats;
TN_API void tn_loader_get_stats(const tn_loader *loader, tn_loader_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
