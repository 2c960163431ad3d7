/* fuzz_annotations.c: any text as boxes of YOLO or Pascal VOC, or as a pipeline, gives what it says or a sentence. The first byte says
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
    picture_names names = {0};
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
    if (data[0] % 3 == 2)
        pipeline(data + 1, size - 1);
    else
        boxes(data + 1, size - 1, data[0] % 3 == 1);
    return 0;
}
