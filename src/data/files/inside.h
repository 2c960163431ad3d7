/* inside.h: what the readers of folders and archives share with files.c: where bytes lie, members, and the place where
 * unpacked bytes go. */
#ifndef DATA_FILES_INSIDE_H
#define DATA_FILES_INSIDE_H

#include "base/arena.h"
#include "base/vec.h"
#include "data/files.h"

/* Bytes that can be read from anywhere: memory (borrowed), or a file that is open. */
typedef struct files_bytes {
    const unsigned char *data; /* NULL: the file */
    int fd;
    int64_t bytes;
} files_bytes;

/* All `n` bytes from `at` on, which must lie inside; a file that became shorter is TN_IO. */
tn_status files_bytes_read(const files_bytes *b, int64_t at, void *to, size_t n, const char *name, base_error *e);

enum { FILES_STORED = 0, FILES_DEFLATED = 8, FILES_ON_DISK = 100 };

typedef struct files_member {
    const char *name; /* whole, in the arena */
    const char *link; /* of a hard link in a tar: the name of what it shares its bytes with */
    int64_t offset;   /* of the bytes (tar), of the local header (zip) */
    int64_t size;     /* unpacked */
    int64_t packed;   /* zip: as it lies there */
    int64_t order;    /* as they came: of several of one name the last counts */
    uint32_t crc;     /* zip */
    uint16_t method;  /* FILES_... */
    uint16_t flags;   /* zip */
} files_member;

typedef struct files_shard {
    const char *path;
    int64_t first, count; /* its files in the view */
    files_bytes bytes;    /* of archives */
    void *memory;         /* to be freed */
    int fd;               /* to be closed; -1: none */
    bool folder, zip, plain;
} files_shard;

struct data_files {
    _Atomic int references;
    base_arena arena;
    base_vec(files_member) members;
    base_vec(const char *) folders; /* of the view, at its top */
    files_shard *shards;
    int n_shards;
    size_t under; /* bytes of every name that the view does not show */
    int64_t passed_over;
    data_files_opt opt; /* with defaults filled in */
    const char *top;    /* folders at the top, for a sentence; made when nothing is found */
};

/* Adds a member; its name is made relative and clean ("./a//b" is "a/b"), and what the view leaves out is left out. */
tn_status files_add(data_files *f, const char *name, files_member m, base_error *e);

/* Notes a folder, so that an empty one can be told of. */
tn_status files_add_folder(data_files *f, const char *name, base_error *e);

/* Where unpacked bytes go: memory up to the limit, then a file without a name. */
typedef struct files_sink {
    unsigned char *memory;
    size_t used, capacity, memory_limit;
    int fd; /* -1 while memory holds all */
    int64_t bytes, limit;
    const char *folder, *what;
} files_sink;

tn_status files_sink_put(files_sink *s, const void *data, size_t bytes, base_error *e);
void files_sink_abandon(files_sink *s);

/* A tar is read front to back by two moves, whatever it comes out of. */
typedef struct files_tape {
    /* The next `room` bytes; *got is less only at the end. */
    tn_status (*read)(struct files_tape *t, void *to, size_t room, size_t *got, base_error *e);
    /* Passes over `bytes` of a member's data, of which the first `size` are kept if `keep`; *offset says where. */
    tn_status (*pass)(struct files_tape *t, int64_t size, int64_t bytes, bool keep, int64_t *offset, base_error *e);
    int64_t at; /* of the tape, for sentences */
} files_tape;

/* Is this block of 512 bytes the header of a tar's member? By its checksum. */
bool files_is_tar(const unsigned char block[512]);
tn_status files_tar_index(data_files *f, files_tape *t, const char *what, base_error *e);
tn_status files_zip_index(data_files *f, const files_bytes *b, const char *what, base_error *e);
/* A member of a zip, unpacked and checked. */
tn_status files_zip_read(const files_bytes *b, const files_member *m, data_buffer *out, const char *what,
                         base_error *e);
tn_status files_folder_index(data_files *f, const char *path, base_error *e);

/* Tape of a tar that lies in the open, and of one that gzip packed (whose members then lie in the sink). */
tn_status files_tar_plain(data_files *f, const files_bytes *b, const char *what, base_error *e);
tn_status files_gzip_open(data_files *f, files_shard *s, const char *what, base_error *e);

#endif
