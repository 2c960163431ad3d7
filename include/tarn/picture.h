/* tarn/picture.h: data sets of pictures (folders by class, lists, shards, arrays, masks, boxes) and what is done to pictures on
 * their way into a model. Pictures themselves are in <tarn/data.h>.
 *
 * Wherever a path is asked for, a folder, a .tar, a .tar.gz or a .zip will do; nothing is unpacked to disk. Sentences name
 * what is wrong as "folder/cat/1.jpg" or "archive.tar!cat/1.jpg".
 */
#ifndef TARN_PICTURE_H
#define TARN_PICTURE_H

#include <tarn/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pipelines ------------------------------------------------------------------------------------------------- */

/* Steps that change a picture, and the boxes and the mask that belong to it, one after the other. Each is a function of a key
 * of 64 bits: the same key, the same bytes. The steps, their parameters and ranges are in docs/pictures.md. */
typedef struct tn_pipeline tn_pipeline;

/* From text: steps parted by ';' or newlines, each a name and parameters, "random_crop height=32 width=32 padding=4;
 * flip_horizontal"; or from JSON as tn_pipeline_json gives it: [{"kind": "flip_horizontal", "probability": 0.5}, ...]. What is
 * not said has its standard value. */
TN_API tn_pipeline *tn_pipeline_parse(tn_context *context, const char *text);
TN_API void tn_pipeline_free(tn_pipeline *pipeline);
/* All steps with all parameters, as one line of JSON; valid as long as the pipeline. */
TN_API const char *tn_pipeline_json(const tn_pipeline *pipeline);

/* Class, then left, top, right and bottom in pixels. */
typedef struct tn_box {
    float of_class, left, top, right, bottom;
} tn_box;

/* A picture and what belongs to it; unused ones are NULL. */
typedef struct tn_scene {
    tn_picture *picture; /* made by Tarn; replaced */
    tn_picture *mask;    /* one channel, as large as the picture; replaced */
    tn_box *boxes;       /* the caller's, changed in place; dropped ones are gone */
    int n_boxes;
    void *reserved[4];
} tn_scene;

TN_API tn_status tn_pipeline_run(tn_context *context, const tn_pipeline *pipeline, tn_scene *scene, uint64_t key);

/* The samples of another data set with a pipeline run on the field "x", which must be u8 [1 or 3, height, width] (CIFAR,
 * IDX, arrays); the key is the sample's. The result is given the size of `height` and `width` (0: as before) by TN_FIT_CROP. */
TN_API tn_dataset *tn_dataset_augment(tn_context *context, const tn_dataset *dataset, const tn_pipeline *pipeline,
                                      int64_t height, int64_t width);

/* ---- batches --------------------------------------------------------------------------------------------------- */

/* Mixes a batch in place with itself moved on by one: x f32 [n, ...], y f32 [n, classes] of probabilities (tn_batch_one_hot).
 * mixup: x = l x + (1 - l) x', cutmix: a rectangle of area 1 - l of x' put into x [n, c, h, w]; y mixed as x is; l from
 * Beta(alpha, alpha). With both alphas above 0 a coin says which; both 0: nothing happens. */
typedef struct tn_mix_opt {
    double mixup, cutmix; /* alphas */
    double probability;   /* 0: 1 */
    double smoothing;     /* of tn_dataset_mix: this part of every label is shared out among all classes */
    void *reserved[3];
} tn_mix_opt;
TN_API tn_status tn_batch_mix(tn_context *context, const tn_view *x, const tn_view *y, const tn_mix_opt *opt,
                              uint64_t key);
/* Class numbers i64 [n] as probabilities f32 [n, classes]: 1 - smoothing, and smoothing shared out evenly among all. */
TN_API tn_status tn_batch_one_hot(tn_context *context, const tn_view *labels, double smoothing, const tn_view *y);

/* The same sample by sample: each of a classification is mixed with another one, both by its key, and "y" becomes f32 [classes].
 * The other is of the set, or where a subset of what comes out is read, of that subset. What is validated on stays as it is. */
TN_API tn_dataset *tn_dataset_mix(tn_context *context, const tn_dataset *dataset, const tn_mix_opt *opt);

/* ---- data sets ------------------------------------------------------------------------------------------------- */

/* How a picture of any size becomes one of the stated size; pixels are mixed by a triangle filter that widens when
 * shrinking. */
typedef enum tn_fit {
    TN_FIT_CROP, /* scaled until it just covers the size, the middle cut out (odd pixels: one more at right, bottom) */
    TN_FIT_STRETCH, /* scaled in both directions on its own */
    TN_FIT_PAD      /* scaled until it just fits into the size, the rest filled, the picture in the middle */
} tn_fit;

typedef struct tn_pictures_opt {
    const char *under;     /* the folder inside the folder or archive that counts: "train"; NULL: all of it */
    int channels;          /* 1 grey, 3 colour; 0: 3 */
    int64_t height, width; /* of every sample; 0: those of the first picture */
    tn_fit fit;
    double fill; /* of TN_FIT_PAD, 0 to 255 */
    const tn_pipeline
        *pipeline; /* done to every picture, its boxes and its mask, before the fit, by the sample's key; NULL: none */
    const char *const
        *class_names; /* `classes` of them: the numbers that names stand for; others are an error. NULL: as found */
    int classes;
    int most_boxes;       /* rows of the field "boxes"; 0: as many as the picture with most of them has */
    int64_t pixels_limit; /* of one picture, as in tn_picture_opt */
    size_t
        memory_limit; /* bytes unpacked from a .tar.gz that stay in memory, the rest in a temporary file; 0: 512 MiB */
    const char *temporary; /* folder for that file; NULL: /tmp */
    /* Decoded pictures, after the steps of the pipeline that do not depend on the key; NULL: not kept. Of pictures with masks or boxes, and
     * where the first step chooses by the key what is decoded (random_resized_crop), nothing is kept. */
    const tn_cache_opt *cache;
    bool
        deep; /* 16 bits a value are kept: "x" is f32, 0 to 1. Without a pipeline, masks and boxes; none is cached on disk */
    bool skip_bad; /* without height and width: pictures before the first that can be read do not tell the size */
    void *reserved[7];
} tn_pictures_opt;

/* All data sets of pictures have the field "x", u8 [channels, height, width]; files are those whose names end in png, jpg,
 * jpeg, webp, bmp, ppm, pgm or pnm. Numbers of samples follow the bytes of the names: the same for a folder and an archive
 * of it. */

/* Pictures in one folder for each class: cat/1.jpg, cat/more/2.jpg, dog/1.png. Classes are numbered by the bytes of their
 * names; "y" is i64. A folder without a picture is an error, unless `class_names` has its name. */
TN_API tn_dataset *tn_dataset_pictures(tn_context *context, const char *path, const tn_pictures_opt *opt);
/* Pictures named by a list: lines "path,label" (comma or tab; "quotes" as in CSV; a header "path,label" may stand first), paths
 * relative to `path`, or to the list's folder if `path` is NULL. Labels that are all whole numbers from 0 are the classes;
 * others are names, numbered by their bytes. Lines "path" alone make a set without "y". */
TN_API tn_dataset *tn_dataset_picture_list(tn_context *context, const char *path, const char *list,
                                           const tn_pictures_opt *opt);
/* Shards as WebDataset writes them: 000.jpg beside 000.cls (a number) or 000.json (a key "label", "cls" or "class"; a number, or
 * a name among class_names). */
TN_API tn_dataset *tn_dataset_picture_shards(tn_context *context, const char *const *paths, int n,
                                             const tn_pictures_opt *opt);
/* Pictures and their masks (PNG of class numbers, grey or with a palette), paired by name without the ending: cat/1.jpg and
 * cat/1.png. "mask" is u8 [height, width], scaled without mixing, `fill`ed with 255. Either of the paths may be an archive;
 * `masks` NULL: the same path, its folder `masks_under`. */
TN_API tn_dataset *tn_dataset_picture_masks(tn_context *context, const char *path, const char *masks,
                                            const char *masks_under, const tn_pictures_opt *opt);

typedef enum tn_box_format {
    TN_BOXES_YOLO, /* beside 1.jpg, or in the folder labels/ instead of images/, 1.txt: "class cx cy w h" in parts of the picture */
    TN_BOXES_COCO, /* a JSON file: images, annotations (bbox: x y w h in pixels), categories, numbered by their ids */
    TN_BOXES_VOC   /* beside 1.jpg, or in Annotations/ instead of JPEGImages/, 1.xml; classes numbered by their names */
} tn_box_format;
/* Pictures with rectangles in them: "boxes" is f32 [most_boxes, 5], rows of class, left, top, right, bottom in pixels of the
 * sample, moved as the picture is; unused rows have the class -1. What a crop leaves less than a tenth of is dropped.
 * `annotations`: the JSON file of TN_BOXES_COCO; else NULL. A picture without a file has no boxes (YOLO, VOC). Names of
 * classes are tn_dataset_box_classes. */
TN_API tn_dataset *tn_dataset_picture_boxes(tn_context *context, const char *path, const char *annotations,
                                            tn_box_format format, const tn_pictures_opt *opt);
/* The name of class i of the boxes, or NULL behind the last. */
TN_API const char *tn_dataset_box_class(const tn_dataset *dataset, int i);

/* Data sets with masks or boxes as what a trainer takes: fields "x" and "y". Of a "mask" y is i64 [height * width], a class for each
 * place, -100 where the mask has 255; of "boxes" f32 [most_boxes, 5]. Names of the classes: `classes` of them, or NULL: numbers, of
 * boxes those that the data set has. A class that is not below `classes` is an error of its sample. */
TN_API tn_dataset *tn_dataset_picture_targets(tn_context *context, const tn_dataset *dataset, int classes,
                                              const char *const *class_names);

/* CIFAR-10 or CIFAR-100 in the binary form (data_batch_1.bin ... test_batch.bin, or train.bin and test.bin with the fine
 * labels), in a folder or the archive as it is distributed. x u8 [3, 32, 32]. */
TN_API tn_dataset *tn_dataset_cifar(tn_context *context, const char *path, bool train);

/* Arrays of a file: .npy, .npz or .safetensors. "x" is the array `x` (a name in the file; for .npy a second file's path may be
 * `y`), "y" the array `y` (NULL: none). The first dim counts samples. u8 arrays [n, h, w] become [1, h, w]; [n, h, w, 1 or 3]
 * become planes, [1 or 3, h, w]. Integers of y, [n] or [n, 1], are classes. */
typedef struct tn_arrays_opt {
    int classes; /* labels must be below; 0: one more than the largest */
    const char *const *class_names;
    void *reserved[8];
} tn_arrays_opt;
TN_API tn_dataset *tn_dataset_arrays(tn_context *context, const char *path, const char *x, const char *y,
                                     const tn_arrays_opt *opt);

#ifdef __cplusplus
}
#endif
#endif
