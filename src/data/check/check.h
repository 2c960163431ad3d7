/* check.h: a data set being read once. check.c goes through its files; each kind of file has a reader (pictures.c, boxes.c, masks.c, cifar.c,
 * sounds.c, tables.c, arrays.c, texts.c) that notes its samples; repeats.c finds what comes twice among them. */
#ifndef DATA_CHECK_CHECK_H
#define DATA_CHECK_CHECK_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "data/files.h"
#include "data/names.h"

#include <tarn/check.h>

enum { CHECK_LOOK = 72 }; /* numbers of a look: 9 x 8 */

/* A sample: the hash of what it holds, and where it is. */
typedef struct check_item {
    uint64_t hash,
        alike; /* alike: of what matters most of it: of a row all but its class, of a text its words; 0: not taken */
    int64_t file, row; /* row -1: the whole file */
    int class_number;  /* -1: none */
    uint8_t kind, part;
} check_item;

/* What a picture looks like, 8 rows of 9 grey pixels: bits say where it gets lighter from left to right. Of a sound: how loud 8 bands
 * are in 9 parts of its time. */
typedef struct check_look {
    uint64_t bits;
    size_t item;
    uint8_t grey[CHECK_LOOK];
} check_look;

/* What files say of each other: the size of a picture that was read, and whether a file holds boxes, a mask, or the
 * names of their classes. */
typedef enum check_holds { CHECK_OTHER, CHECK_YOLO, CHECK_VOC, CHECK_COCO, CHECK_CLASS_NAMES, CHECK_MASK } check_holds;
typedef struct check_told {
    int32_t width, height; /* 0: not known */
    uint8_t holds;
} check_told;

typedef struct check_moments {
    int64_t n;
    double mean, m2, min, max;
} check_moments;

enum { CHECK_CHANNELS = 4, CHECK_LEVELS = 256 }; /* grey, red, green, blue */

typedef base_vec(tn_check_pair) check_pairs;

typedef base_vec(tn_check_bad) check_bads;

typedef struct data_check {
    tn_data_report report; /* first, so that it is the caller's pointer */
    base_arena arena;
    tn_context *context;
    data_files *files;
    tn_check_opt opt;
    const char *path;
    base_vec(const char *) archives; /* of a folder: itself, and those in it */
    size_t root;                     /* bytes of the folder that all names begin with */
    base_error *err;
    base_map class_numbers;
    base_vec(check_item) items;
    base_vec(check_look) looks;
    check_bads bad, outside;
    check_pairs equal, near, leaks, clashes;
    base_vec(tn_check_class) classes;
    base_vec(tn_check_spread) spreads;
    base_vec(tn_check_column) columns;
    base_vec(const char *) notes;
    base_vec(tn_check_sample) shown;
    base_vec(tn_check_pixels) pixels;
    bool annotated;     /* pictures with boxes or masks, in folders such as images and labels */
    bool boxed;         /* files of boxes were found */
    bool masked;        /* masks were */
    check_told *told;   /* of each file */
    int64_t near_leaks; /* pairs of alike ones in two parts */
    bool classed_texts; /* .txt files in folders by class: each is a sample */
    bool by_headers;    /* sounds could not be decoded, which was said */
    check_moments channels[CHECK_CHANNELS], width, height, seconds, rate, text_bytes;
    int64_t levels[CHECK_CHANNELS][CHECK_LEVELS]; /* how often each value of a pixel comes */
} data_check;

/* A file with its bytes. */
typedef struct check_file {
    int64_t number;
    const char *name, *where; /* in the set; for sentences */
    const unsigned char *data;
    size_t bytes;
    int part;
    int class_number; /* by its folder, or -1 */
} check_file;

/* Readers: TN_MEMORY ends the check, all other failures are listed. */
tn_status check_picture(data_check *c, const check_file *f);
tn_status check_sound(data_check *c, const check_file *f);
tn_status check_table(data_check *c, const check_file *f);
tn_status check_npy(data_check *c, const check_file *f);
tn_status check_safetensors(data_check *c, const check_file *f);
tn_status check_idx(data_check *c, const check_file *f);
tn_status check_text(data_check *c, const check_file *f);
/* The same as one sample. */
tn_status check_whole_text(data_check *c, const check_file *f);

tn_status check_cifar(data_check *c, const check_file *f);
/* boxes.c: which files hold boxes, before any is read; and those read, when all pictures were. */
tn_status check_find_boxes(data_check *c);
tn_status check_boxes(data_check *c);
/* Names of classes: the lines of classes.txt or obj.names, wherever; none if there is no such file. */
tn_status check_class_names(data_check *c, data_names *names);
/* masks.c: the same for masks, after the boxes. */
void check_find_masks(data_check *c);
tn_status check_masks(data_check *c);
/* A folder of pictures, or (alone, where `of_annotations`) of what is told of them: images, labels, masks, ... */
bool check_layout_word(const char *word, size_t n, bool of_annotations);
/* Does a file lie in a folder of what is told of pictures? */
bool check_annotates(const char *name);
/* Is it a file of CIFAR's binary form, which says its part? */
bool check_cifar_name(const char *name, int *part);
/* One with the names of its classes? */
bool check_cifar_classes(const char *name);

/* A picture of the set: its size, channels and how it looks. */
tn_status check_measure(data_check *c, const check_file *f, const tn_picture *p, int64_t row);

tn_status check_find_repeats(data_check *c);
/* What the sample that was noted last looks like. */
tn_status check_add_look(data_check *c, const tn_picture *p);

/* A sample that was read. */
tn_status check_add(data_check *c, const check_file *f, int kind, int64_t row, uint64_t hash);
/* The same of what matters most of the sample that was noted last. */
void check_add_alike(data_check *c, uint64_t hash);
tn_status check_add_bad(data_check *c, const char *where, const char *reason);
tn_status check_add_outside(data_check *c, const char *where, const char *reason);
tn_status check_add_note(data_check *c, const char *fmt, ...) TN_PRINTF(2, 3);
tn_status check_add_column(data_check *c, const tn_check_column *column);
/* The number of a class; -1 when memory is out. */
int check_class(data_check *c, const char *name);

/* The part that a name tells of; `of_file`: by the beginning of the file's name too. */
int check_part_of(const char *name, bool of_file);

void check_moments_add(check_moments *m, double value);
/* n values at once, by their mean and their sum of squares about it. */
void check_moments_merge(check_moments *m, const check_moments *more);
double check_moments_std(const check_moments *m);
/* The histogram of a column whose min and max are known begins, and n values, none of them NaN, are counted in it. */
void check_bins_begin(tn_check_column *column, bool whole_numbers);
void check_bins_add(tn_check_column *column, double value, int64_t n);

#endif
