/* fuzz_preparation.c: any bytes as the preparation of a model file: a sentence, or one that writes itself the same way again and that
 * prepares rows of a small table, or says why it cannot. */
#include <stdlib.h>
#include <string.h>

#include <tarn/data.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(tn_context *c, const tn_dataset *d)
{
    enum { MOST = 1 << 16 };
    tn_view views[TN_MAX_FIELDS];
    int n = tn_dataset_fields(d);
    bool small = true;
    for (int f = 0; f < n; f++) {
        const tn_field *field = tn_dataset_field(d, f);
        views[f] = tn_view_of(NULL, field->dtype, field->rank, field->dims);
        small &= views[f].bytes <= MOST;
    }
    for (int f = 0; f < n; f++)
        views[f].data = malloc(MOST);
    for (int64_t i = 0; small && i < tn_dataset_count(d) && i < 4; i++)
        (void)tn_dataset_get(c, d, i, 0, views);
    for (int f = 0; f < n; f++)
        free(views[f].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char rows[] = "t,a,b,c\n2020-01-01,1,x,2.5\n2020-01-02,2,y,\n2020-01-03,,z,-1\n2020-01-04,4,x,0\n";
    tn_context *c = tn_context_new(TN_OPT(tn_context_opt, .threads = 1));
    tn_preparation *p = c && size < 1 << 16 ? tn_preparation_parse(c, (const char *)data, size) : NULL;
    if (p) {
        char *once = tn_preparation_json(c, p);
        tn_preparation *q = once ? tn_preparation_parse(c, once, strlen(once)) : NULL;
        char *twice = q ? tn_preparation_json(c, q) : NULL;
        if (once && (!q || (twice && strcmp(once, twice) != 0)))
            abort();
        tn_dataset *d = tn_preparation_read(c, p, rows, sizeof rows - 1, "rows.csv");
        if (d)
            look(c, d);
        tn_dataset_free(d);
        tn_preparation_free(q);
        free(once);
        free(twice);
    }
    tn_preparation_free(p);
    tn_context_free(c);
    return 0;
}
