/* zoo.h: models with a name. Each src/model/NAME.c defines `const zoo_model model_NAME`; the list is made from file names. */
#ifndef MODEL_ZOO_H
#define MODEL_ZOO_H

#include <tarn/nn.h>

typedef struct zoo_model {
    const char *name, *doc;
    /* The output for input x [batch, ...] and so many classes. */
    tn_tensor *(*build)(tn_tensor *x, int64_t classes);
} zoo_model;

/* NULL if there is none. */
const zoo_model *zoo_find(const char *name);
const zoo_model *zoo_at(int i);

#endif
