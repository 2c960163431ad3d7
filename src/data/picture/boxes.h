/* boxes.h: what the readers of annotations fill in. */
#ifndef DATA_PICTURE_BOXES_H
#define DATA_PICTURE_BOXES_H

#include "data/names.h"
#include "data/picture/set.h"

/* The boxes of the picture `item`, added to the set; names of classes that are new are added to `names` where there is a list. */
tn_status boxes_from_yolo(picture_set *s, picture_item *item, const char *text, size_t bytes, const char *what,
                          base_error *e);
/* A VOC file names its classes: their index in `names`, which grows. */
tn_status boxes_from_voc(picture_set *s, picture_item *item, data_names *names, const void *text, size_t bytes,
                         const char *what, base_error *e);
/* The file of boxes of the picture i: 1.txt (VOC: 1.xml) beside 1.jpg, or in labels/ instead of images/ (VOC: Annotations/ instead of
 * JPEGImages/), wherever that stands in the name; -1: there is none. */
int64_t boxes_find_beside(const data_files *files, int64_t i, bool voc);
/* All items of the set from a COCO file. */
tn_status boxes_from_coco(picture_set *s, const char *path, base_error *e);
/* The same from its text; `path` stands in sentences. */
tn_status boxes_from_coco_text(picture_set *s, const char *text, size_t bytes, const char *path, base_error *e);

#endif
