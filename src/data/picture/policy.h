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

/* The operations by number: identity, shear_x, shear_y, translate_x, translate_y, rotate, brightness, colour, contrast, sharpness,
 * posterize, solarize, autocontrast, equalize, invert. What a magnitude of 0 to 1 is for one on a picture, and what it does there. */
enum { POLICY_OPERATIONS = 15, POLICY_PAIRS = 25 };
double policy_value(int operation, double magnitude, const tn_picture *p);
tn_status policy_operation(picture_scene *s, int operation, double value, picture_filter filter, double fill,
                           base_error *e);
/* Part i of a pair of a policy: operation, probability in tenths, magnitude of 10 (-1: none). */
void policy_pair(int which, int pair, int i, int out[3]);

#endif
