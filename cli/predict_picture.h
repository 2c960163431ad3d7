/* predict_picture.h: what tarn predict shows of models that give more of a picture than its class: boxes and masks. */
#ifndef CLI_PREDICT_PICTURE_H
#define CLI_PREDICT_PICTURE_H

#include "cli.h"

/* Masks that were written, sorted by their paths, and the files that they are of. */
typedef struct cli_masks {
    struct {
        char *path, *file;
    } * at;
    size_t n, room;
} cli_masks;
void cli_masks_free(cli_masks *m);

/* A picture as the file has it; 0 x 0: it came in the model's own size. */
typedef struct cli_picture {
    tn_context *c;
    tn_model *m;
    const cli_args *a;
    const char *file;
    const char *within; /* its name in a folder or archive, NULL: named by itself */
    int64_t width, height;
    cli_masks *masks; /* those written before */
} cli_picture;

/* Does the model give a class for each pixel of pictures of so many pixels? */
bool cli_gives_masks(const tn_model *m, const tn_view *output, int64_t pixels);
/* Boxes on standard output, in pixels of the file's picture, surest first. */
int cli_show_boxes(const cli_picture *p, const tn_view *output);
/* Writes FILE.mask.png, as large as the picture, into the folder --to (or here), below its folder in `within`, and says what it shows. */
int cli_show_mask(const cli_picture *p, const tn_view *output);

#endif
