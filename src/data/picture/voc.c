/* voc.c: boxes from the XML files of Pascal VOC, by expat: annotation/object, with a name and a bndbox of xmin, ymin, xmax, ymax,
 * pixels counted from 1. */
#include "data/picture/boxes.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

#ifdef TARN_HAVE_EXPAT
#include <expat.h>

enum { DEPTH = 32, TEXT = 200 };

typedef struct reader {
    picture_set *set;
    picture_item *item;
    data_names *names;
    const char *what;
    XML_Parser xml;
    int depth;
    char path[DEPTH][24]; /* names of the open elements, cut */
    char text[TEXT];
    size_t n;
    char name[TEXT];
    double sides[4];
    unsigned seen; /* bits of sides */
    tn_status status;
    base_error *e;
} reader;

static const char *const side_names[] = {"xmin", "ymin", "xmax", "ymax"};

static void stop(reader *r, tn_status status)
{
    r->status = status;
    XML_StopParser(r->xml, XML_FALSE);
}

static int line_of(const reader *r)
{
    return (int)XML_GetCurrentLineNumber(r->xml);
}

static int class_of(reader *r)
{
    if (r->set->classes > 0)
        return data_names_find(r->set->class_names, r->set->classes, r->name);
    for (size_t i = 0; i < r->names->n; i++)
        if (strcmp(r->names->at[i], r->name) == 0)
            return (int)i;
    char *copy = base_arena_strdup(&r->set->arena, r->name);
    return copy && base_vec_push(r->names, copy) ? (int)r->names->n - 1 : -2;
}

static void finish_object(reader *r)
{
    int c = class_of(r);
    if (c == -2)
        stop(r, base_no_memory(r->e, "reading boxes"));
    else if (c < 0)
        stop(r, base_fail(r->e, TN_FORMAT, "%s:%d: \"%s\" is not among the %d classes", r->what, line_of(r),
                          BASE_SHOW(r->name), r->set->classes));
    else if (!r->name[0] || r->seen != 15)
        stop(r, base_fail(r->e, TN_FORMAT, "%s:%d: an object needs a name and a bndbox of xmin, ymin, xmax, ymax",
                          r->what, line_of(r)));
    else {
        picture_box b = {(float)c, (float)(r->sides[0] - 1), (float)(r->sides[1] - 1), (float)r->sides[2],
                         (float)r->sides[3]};
        r->item->n_boxes++;
        if (!base_vec_push(&r->set->boxes, b))
            stop(r, base_no_memory(r->e, "reading boxes"));
    }
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    reader *r = user;
    (void)attributes;
    if (r->depth >= DEPTH) {
        stop(r, base_fail(r->e, TN_LIMIT, "%s:%d: elements lie more than %d deep", r->what, line_of(r), DEPTH));
        return;
    }
    size_t n = strlen(name) < sizeof r->path[0] - 1 ? strlen(name) : sizeof r->path[0] - 1;
    memcpy(r->path[r->depth], name, n);
    r->path[r->depth++][n] = '\0';
    r->n = 0;
    if (r->depth == 2 && strcmp(name, "object") == 0) {
        r->name[0] = '\0';
        r->seen = 0;
    }
}

static void XMLCALL on_text(void *user, const XML_Char *text, int bytes)
{
    reader *r = user;
    for (int i = 0; i < bytes && r->n < TEXT - 1; i++)
        r->text[r->n++] = text[i];
}

/* Without the space around. */
static const char *trimmed(reader *r)
{
    r->text[r->n] = '\0';
    while (r->n > 0 && strchr(" \t\r\n", r->text[r->n - 1]))
        r->text[--r->n] = '\0';
    return r->text + strspn(r->text, " \t\r\n");
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    reader *r = user;
    bool in_object = r->depth >= 3 && strcmp(r->path[1], "object") == 0;
    if (in_object && r->depth == 3 && strcmp(name, "name") == 0)
        memcpy(r->name, trimmed(r), strlen(trimmed(r)) + 1);
    for (unsigned i = 0; in_object && r->depth == 4 && strcmp(r->path[2], "bndbox") == 0 && i < 4; i++)
        if (strcmp(name, side_names[i]) == 0) {
            const char *text = trimmed(r);
            if (!base_parse_f64(text, &r->sides[i]) || !(r->sides[i] > -1e9 && r->sides[i] < 1e9))
                stop(r, base_fail(r->e, TN_FORMAT, "%s:%d: %s is \"%s\", a number is due", r->what, line_of(r), name,
                                  BASE_SHOW(text)));
            r->seen |= 1u << i;
        }
    if (r->depth == 2 && strcmp(name, "object") == 0)
        finish_object(r);
    r->depth -= r->depth > 0;
    r->n = 0;
}

/* Entities of a file's own could grow without end, and nobody's annotations have any. */
static void XMLCALL on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value, int bytes,
                              const XML_Char *base, const XML_Char *system, const XML_Char *public_id,
                              const XML_Char *notation)
{
    reader *r = user;
    (void)name, (void)is_parameter, (void)value, (void)bytes, (void)base, (void)system, (void)public_id, (void)notation;
    stop(r, base_fail(r->e, TN_UNSUPPORTED, "%s:%d: it declares an entity, which is not read", r->what, line_of(r)));
}

tn_status boxes_from_voc(picture_set *s, picture_item *item, data_names *names, const void *text, size_t bytes,
                         const char *what, base_error *e)
{
    reader *r = calloc(1, sizeof *r);
    XML_Parser xml = r ? XML_ParserCreate(NULL) : NULL;
    if (!xml) {
        free(r);
        return base_no_memory(e, "reading boxes");
    }
    *r = (reader){.set = s, .item = item, .names = names, .what = what, .xml = xml, .e = e};
    XML_SetUserData(xml, r);
    XML_SetElementHandler(xml, on_start, on_end);
    XML_SetCharacterDataHandler(xml, on_text);
    XML_SetEntityDeclHandler(xml, on_entity);
    bool good = bytes < (1u << 30) && XML_Parse(xml, text, (int)bytes, XML_TRUE) == XML_STATUS_OK;
    tn_status status = r->status;
    if (!good && status == TN_OK)
        status = base_fail(e, TN_FORMAT, "%s:%d: this is not XML: %s", what, line_of(r),
                           XML_ErrorString(XML_GetErrorCode(xml)));
    XML_ParserFree(xml);
    free(r);
    return status;
}

#else

tn_status boxes_from_voc(picture_set *s, picture_item *item, data_names *names, const void *text, size_t bytes,
                         const char *what, base_error *e)
{
    (void)s;
    (void)item;
    (void)names;
    (void)text;
    (void)bytes;
    return base_fail(e, TN_UNSUPPORTED,
                     "%s is XML, and this build is without expat; install the Debian package libexpat1-dev and build "
                     "again",
                     what);
}
#endif
