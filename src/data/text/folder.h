/* folder.h: texts in folders by class, where those that are no texts may be left out. */
#ifndef DATA_TEXT_FOLDER_H
#define DATA_TEXT_FOLDER_H

#include "base/error.h"

#include <tarn/text.h>

/* As tn_text_folder_read; `skip`: files that cannot be read, or are no text, are named in the context's log and left out. */
tn_text_folder *text_folder_read(tn_context *context, const char *path, const char *under, bool skip, base_error *e);

#endif
