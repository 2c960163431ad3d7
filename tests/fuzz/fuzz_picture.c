/* fuzz_picture.c: any bytes as a picture give pixels within the limit, or a sentence; what was decoded can be scaled and
 * made into a digit. So it is with the numbers of a mask, in one channel. */
#include <stdlib.h>

#include "data/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(tn_context *context, const tn_picture *p)
{
    volatile unsigned sum = 0;
    for (int64_t i = 0; i < p->width * p->height * p->channels; i++)
        sum += p->pixels[i];
    tn_picture *small = tn_picture_resize(context, p, 13, 7);
    if (!small)
        abort();
    tn_picture_free(small);
    tn_picture *digit = tn_picture_digit(context, p);
    if ((digit == NULL) != (tn_context_error(context)[0] != '\0'))
        abort();
    tn_picture_free(digit);
}

enum { PIXELS = 1 << 16 };

static void decode_mask(const uint8_t *data, size_t size)
{
    base_error e = {0};
    const data_source source = {
        .data = data, .bytes = size, .name = "input", .pixels_limit = PIXELS, .channels = 1, .numbers = true};
    tn_picture *p = data_picture_decode_hinted(&source, NULL, &e);
    if ((p == NULL) != (e.status != TN_OK) || (p && p->channels != 1))
        abort();
    tn_picture_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tn_context *context = tn_context_new(NULL);
    tn_picture *p = tn_picture_decode(context, data, size, "input", TN_OPT(tn_picture_opt, .pixels_limit = PIXELS));
    if ((p == NULL) != (tn_context_error(context)[0] != '\0'))
        abort();
    if (p && (p->width < 1 || p->height < 1 || p->width * p->height > PIXELS || (p->channels != 1 && p->channels != 3)))
        abort();
    if (p)
        use(context, p);
    tn_picture_free(p);
    tn_context_free(context);
    decode_mask(data, size);
    return 0;
}
