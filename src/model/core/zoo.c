/* zoo.c: see zoo.h. */
#include "model/core/zoo.h"

#include <string.h>

#include "model_list.h"

#define X(name) extern const zoo_model model_##name;
MODEL_LIST(X)
#undef X

static const zoo_model *const all[] = {
#define X(name) &model_##name,
    MODEL_LIST(X)
#undef X
        NULL};

const zoo_model *zoo_find(const char *name)
{
    for (int i = 0; all[i]; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

const zoo_model *zoo_at(int i)
{
    int n = 0;
    while (n < i && all[n])
        n++;
    return i < 0 ? NULL : all[n];
}
