/* policy.h: augmentation by chance from a list of operations: RandAugment and AutoAugment. */
#ifndef DATA_PICTURE_POLICY_H
#define DATA_PICTURE_POLICY_H

#include "base/philox.h"
#include "data/picture/scene.h"

/* n operations drawn from fourteen, each at this magnitude out of `bins` (E. Cubuk and others, "RandAugment: Practical automated
 * data augmentation with a reduced search space", 2019). */
tn_status policy_rand(picture_scene *s, int n, int magnitude, int bins, picture_filter filter, double fill,
                      base_random *r, base_error *e);
enum { POLICY_IMAGENET, POLICY_CIFAR10 };
/* One of 25 pairs of operations, each with a probability and a magnitude (E. Cubuk and others, "AutoAugment: Learning
 * Augmentation Policies from Data", 2018, tables 7 and 9). */
tn_status policy_auto(picture_scene *s, int which, picture_filter filter, double fill, base_random *r, base_error *e);

#endif
