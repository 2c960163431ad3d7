/* files.h: one view of the many files that a data set is made of: a folder with all below it, a .tar, a .tar.gz, a .zip, or
 * one plain file, told apart by what they are, not by their names. Several of them (shards) make one view too.
 *
 * Nothing is unpacked to names, so no archive can write anywhere. A tar is read where it lies by an index of ours; what a
 * .tar.gz holds is unpacked once, to memory or, above a limit, to a temporary file that has no name; members of a zip are
 * unpacked when they are asked for. Any number of threads may read at the same time.
 *
 * Files are sorted by the bytes of their names, shard by shard: a folder and an archive of it give the same order. Names are
 * relative ("train/cat/1.jpg"). What begins with a point (.git, ._1.jpg) and the folder __MACOSX are left out. Of several
 * members of one name the last counts, as when unpacking. */
#ifndef DATA_FILES_H
#define DATA_FILES_H

#include "base/error.h"
#include "base/str.h"

typedef struct data_files data_files;

typedef struct data_files_opt {
    const char *under;     /* only what lies in this folder, names relative to it: "train"; NULL or "": everything */
    size_t memory_limit;   /* bytes unpacked from a .tar.gz (or .gz) that are kept in memory; 0: 512 MiB */
    int64_t unpack_limit;  /* bytes unpacked at all; 0: 64 GiB */
    int64_t member_limit;  /* bytes of one file; 0: 2 GiB */
    int64_t count_limit;   /* files; 0: 20 million */
    const char *temporary; /* folder for what memory does not hold; NULL: /tmp */
} data_files_opt;

/* What was read, to be used again for the next file: start with zeros, end with data_buffer_free. */
typedef struct data_buffer {
    const unsigned char
        *data; /* of the file just read; valid until the next read with this buffer, and no longer than the
                                  files are open */
    size_t bytes;
    unsigned char *room; /* memory of the buffer's own */
    size_t capacity;
} data_buffer;

/* NULL, with the sentence in e, for what cannot be read, is damaged, or holds no file at all. opt NULL: defaults. */
data_files *data_files_open(const char *path, const data_files_opt *opt, base_error *e);
data_files *data_files_open_shards(const char *const *paths, int n, const data_files_opt *opt, base_error *e);
/* The same for what is in memory already and stays there; `name` stands for the path. */
data_files *data_files_borrow(const void *data, size_t bytes, const char *name, const data_files_opt *opt,
                              base_error *e);
/* Counts references: each retain is undone by a close. */
data_files *data_files_retain(data_files *f);
void data_files_close(data_files *f);

int64_t data_files_count(const data_files *f);
/* Of file i, 0 <= i < count; valid until the close. */
const char *data_files_name(const data_files *f, int64_t i);
int64_t data_files_size(const data_files *f, int64_t i);
/* Which of the paths given to open it came from. */
int data_files_shard(const data_files *f, int64_t i);
/* The number of the file of this name (in the first shard that has one), or -1. */
int64_t data_files_find(const data_files *f, const char *name);
/* Where file i is: the path to open in a folder, "set.tar!train/cat/1.jpg" in an archive. Appends. */
void data_files_place(const data_files *f, int64_t i, base_str *to);
/* What stands for file i in sentences: "set.tar!train/cat/1.jpg", "folder/train/cat/1.jpg", with ? for control characters. Appends. */
void data_files_where(const data_files *f, int64_t i, base_str *to);
/* The whole file. Sentences name it. */
tn_status data_files_read(const data_files *f, int64_t i, data_buffer *b, base_error *e);
/* The folders that lie directly in the view, also empty ones, sorted, without doubles: name of the i-th, NULL behind the
 * last. An archive tells of empty folders only if it has entries for them. */
const char *data_files_folder(const data_files *f, int64_t i);
/* Members that are neither files nor folders (symbolic links in archives, devices): they are not in the view. */
int64_t data_files_passed_over(const data_files *f);

void data_buffer_free(data_buffer *b);
/* Room for so many bytes, whatever it held. */
tn_status data_buffer_room(data_buffer *b, size_t bytes, base_error *e);

/* In the sentence of e: "set.tar!1.jpg: " in front, unless it names the file already. */
tn_status data_files_blame(const data_files *f, int64_t i, base_error *e);

#endif
