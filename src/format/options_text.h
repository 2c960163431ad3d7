/* options_text.h: words that options.c and options_help.c share. */
#ifndef FORMAT_OPTIONS_TEXT_H
#define FORMAT_OPTIONS_TEXT_H

/* "at least 0 and below 1", "1 to 8"; "" for everything. Returns buffer. */
const char *format_range_text(const char *range, char buffer[100]);

#endif
