/* fuzz_annotations.c: any text as boxes of YOLO, Pascal VOC or COCO, as a list of pictures, or as a pipeline, gives what it says or a sentence. The first byte says
 * which. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture/boxes.h"
#include "data/picture/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void boxes(const uint8_t *data, size_t size, bool voc)
{
    base_error e = {0};
    picture_set *s = picture_set_new(&(tn_pictures_opt){0}, &e);
    picture_item item = {0};
    data_names names = {0};
    if (!s)
        abort();
    tn_status status = voc ? boxes_from_voc(s, &item, &names, data, size, "input", &e)
                           : boxes_from_yolo(s, &item, (const char *)data, size, "input", &e);
    if ((status == TN_OK) != (e.text[0] == '\0') || (status == TN_OK && (size_t)item.n_boxes != s->boxes.n))
        abort();
    for (size_t i = 0; i < s->boxes.n; i++)
        if (!isfinite(s->boxes.at[i].left) || !isfinite(s->boxes.at[i].bottom))
            abort();
    base_vec_free(&names);
    picture_set_free(s);
}

/* Beside one picture, 1.jpg. */
static void about_one(const uint8_t *data, size_t size, bool coco)
{
    base_error e = {0};
    picture_set *s = picture_set_new(&(tn_pictures_opt){0}, &e);
    char *text = malloc(size + 1);
    if (!s || !text || !(s->files = data_files_borrow("x", 1, "1.jpg", NULL, &e)))
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    base_clear(&e);
    tn_status status =
        coco ? boxes_from_coco_text(s, text, size, "input", &e) : picture_list_parse(s, text, size, "input", &e);
    if ((status == TN_OK) != (e.text[0] == '\0'))
        abort();
    for (size_t i = 0; status == TN_OK && i < s->items.n; i++)
        if (s->items.at[i].file != 0 ||
            (s->labelled && (s->items.at[i].label < 0 || s->items.at[i].label >= s->classes)))
            abort();
    free(text);
    picture_set_free(s);
}

static void pipeline(const uint8_t *data, size_t size)
{
    base_error e = {0};
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    tn_pipeline *p = pipeline_parse(text, &e);
    if ((p == NULL) != (e.text[0] != '\0'))
        abort();
    tn_pipeline_free(p);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 5) {
    case 0: boxes(data + 1, size - 1, false); break;
    case 1: boxes(data + 1, size - 1, true); break;
    case 2: pipeline(data + 1, size - 1); break;
    default: about_one(data + 1, size - 1, data[0] % 5 == 3); break;
    }
    return 0;
}
