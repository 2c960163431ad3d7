/* predict_picture.h: what tarn predict shows of models that give more of a picture than its class: boxes and masks. */
#ifndef CLI_PREDICT_PICTURE_H
#define CLI_PREDICT_PICTURE_H

#include "cli.h"

/* A picture as the file has it; 0 x 0: it came in the model's own size. */
typedef struct cli_picture {
    tn_context *c;
    tn_model *m;
    const cli_args *a;
    const char *file;
    int64_t width, height;
} cli_picture;

/* Does the model give a class for each pixel of pictures of so many pixels? */
bool cli_gives_masks(const tn_model *m, const tn_view *output, int64_t pixels);
/* Boxes on standard output, in pixels of the file's picture, surest first. */
int cli_show_boxes(const cli_picture *p, const tn_view *output);
/* Writes FILE.mask.png, as large as the picture, into the folder --to (or here), and says what it shows. */
int cli_show_mask(const cli_picture *p, const tn_view *output);

#endif
