/* data.h: what the files of `tarn data` share. */
#ifndef CLI_DATA_H
#define CLI_DATA_H

#include "cli.h"

/* ---- check ------------------------------------------------------------------------------------------------------- */

int cli_data_check(const cli_args *args);
/* The report as a page for people. */
int cli_data_write_page(const tn_data_report *report, const char *of, const char *path);

/* ---- known sets -------------------------------------------------------------------------------------------------- */

/* One file of a set: where it is had, and what is known for certain about its bytes. */
typedef struct data_known_file {
    const char *name; /* in the set's folder */
    const char *address;
    const char *sha256, *md5;  /* of what is at the address; NULL: not known */
    const char *mirror_sha256; /* of other copies with the same contents; NULL: none */
} data_known_file;

enum { DATA_MOST_FILES = 4 };

typedef struct data_known {
    const char *name, *about, *licence, *citation, *home;
    const char *folder; /* below $TARN_DATA; the name of mirrors' folders too */
    data_known_file files[DATA_MOST_FILES];
    data_known_file copies[DATA_MOST_FILES]; /* in mirrors: the same data in files of another form; no address */
} data_known;

extern const data_known cli_data_known_sets[]; /* ends in a name NULL */

int cli_data_get(const cli_args *a, const data_known *set); /* --from, --to, --unpack */
/* What an archive holds as files in the folder; other files stay as they are. False: the sentence is printed. */
bool cli_data_unpack(const cli_args *a, const char *archive, const char *folder);
/* Downloads an address to a file beside, going on where an earlier attempt ended. `verified`: its checksum will tell whether it is right.
 * False: the sentence is printed. */
bool cli_data_download(const char *address, const char *part, bool verified);
/* Does a server have something at the address? */
bool cli_data_is_there(const char *address);

/* The set of this name; NULL and the sentence printed if there is none. */
const data_known *cli_data_find(const char *name, size_t length);
bool cli_data_is_set(const char *text);
/* text[before] begins a "set:NAME", which is replaced by its path; free() it. NULL: the sentence is printed. */
char *cli_data_place(const char *text, size_t before);

/* ---- digests ----------------------------------------------------------------------------------------------------- */

enum { DATA_DIGEST_TEXT = 65 };
/* SHA-256 (FIPS 180-4) and MD5 (RFC 1321) of a file, in hex. False if it cannot be read. */
bool cli_data_digests(const char *path, char sha256[DATA_DIGEST_TEXT], char md5[DATA_DIGEST_TEXT], long long *bytes);

#endif
