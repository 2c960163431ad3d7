/* draw_shapes.c: made-up pictures in which things are to be found: discs, squares and triangles of any colour and size on restless
 * ground. Writes FOLDER/train and FOLDER/val, each with images/N.png and labels/N.txt (boxes as YOLO has them), and their masks
 * FOLDER/masks/train/N.png (0 ground, 1 disc, 2 square, 3 triangle): for the recipes shapes_boxes.yaml and shapes_masks.yaml.
 *
 *     draw_shapes FOLDER [PICTURES [SIZE]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tarn/tarn.h>

enum { KINDS = 3, MOST = 5 };

typedef struct shape {
    int kind;
    double x, y, radius;
    uint8_t colour[3];
} shape;

static uint64_t state;

/* A number from 0 to 1: splitmix64. */
static double chance(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double between(double low, double high)
{
    return low + (high - low) * chance();
}

static bool covers(const shape *s, double x, double y)
{
    const double dx = x - s->x, dy = y - s->y, r = s->radius;
    if (s->kind == 0)
        return dx * dx + dy * dy <= r * r;
    if (s->kind == 1)
        return fabs(dx) <= r && fabs(dy) <= r;
    return dy <= r && fabs(dx) <= (dy + r) / 2; /* the tip is at the top */
}

static void ground(tn_picture *p)
{
    double base[3], slope[3][2];
    for (int c = 0; c < 3; c++) {
        base[c] = between(60, 200);
        slope[c][0] = between(-60, 60) / (double)p->width;
        slope[c][1] = between(-60, 60) / (double)p->height;
    }
    for (int64_t i = 0; i < p->width * p->height; i++)
        for (int c = 0; c < 3; c++) {
            const double x = (double)(i % p->width), y = (double)i / (double)p->width;
            const double v = base[c] + slope[c][0] * x + slope[c][1] * y + between(-20, 20);
            p->pixels[3 * i + c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

/* One that lies apart from those before. */
static bool place(shape *all, int n, double size)
{
    shape s = {.kind = (int)(chance() * KINDS), .radius = between(0.07, 0.18) * size};
    s.x = between(s.radius, size - s.radius);
    s.y = between(s.radius, size - s.radius);
    for (int c = 0; c < 3; c++)
        s.colour[c] = (uint8_t)between(0, 255);
    for (int i = 0; i < n; i++)
        if (hypot(s.x - all[i].x, s.y - all[i].y) < 1.2 * (s.radius + all[i].radius))
            return false;
    all[n] = s;
    return true;
}

static void draw(tn_picture *p, tn_picture *mask, const shape *s)
{
    for (int64_t i = 0; i < p->width * p->height; i++)
        if (covers(s, (double)(i % p->width) + 0.5, (double)(i / p->width) + 0.5)) {
            memcpy(p->pixels + 3 * i, s->colour, 3);
            mask->pixels[i] = (uint8_t)(s->kind + 1);
        }
}

static bool write_labels(const char *path, const shape *all, int n, double size)
{
    FILE *f = fopen(path, "w");
    for (int i = 0; f && i < n; i++)
        (void)fprintf(f, "%d %.5f %.5f %.5f %.5f\n", all[i].kind, all[i].x / size, all[i].y / size,
                      2 * all[i].radius / size, 2 * all[i].radius / size);
    return f && fclose(f) == 0;
}

static bool picture(tn_context *c, const char *folder, const char *name, int number, int size)
{
    char path[4096];
    shape all[MOST];
    int n = 0;
    tn_picture *p = tn_picture_new(c, size, size, 3), *mask = tn_picture_new(c, size, size, 1);
    bool done = p && mask;
    if (done) {
        const int wanted = 1 + (int)(chance() * MOST);
        ground(p);
        memset(mask->pixels, 0, (size_t)size * (size_t)size);
        for (int tries = 0; n < wanted && tries < 50; tries++)
            n += place(all, n, size);
        for (int i = 0; i < n; i++)
            draw(p, mask, &all[i]);
        (void)snprintf(path, sizeof path, "%s/%s/images/%05d.png", folder, name, number);
        done = tn_picture_write_png(c, p, path) == TN_OK;
        (void)snprintf(path, sizeof path, "%s/masks/%s/%05d.png", folder, name, number);
        done = done && tn_picture_write_png(c, mask, path) == TN_OK;
        (void)snprintf(path, sizeof path, "%s/%s/labels/%05d.txt", folder, name, number);
        done = done && write_labels(path, all, n, size);
    }
    tn_picture_free(p);
    tn_picture_free(mask);
    return done;
}

static bool part(tn_context *c, const char *folder, const char *name, int count, int size)
{
    static const char *const inside[] = {"%s/%s", "%s/%s/images", "%s/%s/labels", "%s/masks", "%s/masks/%s"};
    char path[4096];
    for (int i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, inside[i], folder, name);
        (void)mkdir(path, 0777);
    }
    for (int i = 0; i < count; i++)
        if (!picture(c, folder, name, i, size)) {
            (void)fprintf(stderr, "%s could not be written: %s\n", folder, tn_context_error(c));
            return false;
        }
    return true;
}

int main(int n, char **argv)
{
    const int count = n > 2 ? atoi(argv[2]) : 1000, size = n > 3 ? atoi(argv[3]) : 96;
    if (n < 2 || n > 4 || count < 1 || size < 16 || size > 4096) {
        (void)fputs("usage: draw_shapes FOLDER [PICTURES [SIZE]]\n", stderr);
        return 2;
    }
    tn_context *c = tn_context_new(NULL);
    (void)mkdir(argv[1], 0777);
    bool done = c && part(c, argv[1], "train", count, size) && part(c, argv[1], "val", (count + 4) / 5, size);
    tn_context_free(c);
    return done ? 0 : 1;
}
