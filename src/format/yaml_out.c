/* yaml_out.c: a tree as YAML text. Mappings and lists stand in blocks, lists of bare scalars in one line; a scalar gets
 * double quotes when it had some, or when a reader could take it for something else. */
#include <string.h>

#include "base/text.h"
#include "format/yaml.h"

/* Words of letters, digits and a few harmless signs need no quotes. */
static bool is_plain(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+- ";
    size_t length = strlen(text);
    if (length == 0 || text[strspn(text, safe)] != '\0' || text[0] == ' ' || text[length - 1] == ' ' || length > 100)
        return false;
    return !(text[0] == '-' && (text[1] == '\0' || text[1] == ' ' || text[1] == '-')) && strncmp(text, "...", 3) != 0;
}

static void write_quoted(const char *text, base_str *out)
{
    size_t length = strlen(text), used = 0;
    base_str_add(out, "\"");
    for (size_t i = 0; i < length; i += used) {
        int32_t code = base_utf8_next(text + i, length - i, &used);
        if (code < 0) {
            used = 1;
            base_str_add(out, "\\uFFFD"); /* a tree holds UTF-8 only; one built by hand might not */
        } else if (code == '"' || code == '\\') {
            base_str_printf(out, "\\%c", (char)code);
        } else if (code == '\n') {
            base_str_add(out, "\\n");
        } else if (code < 0x20 || (code >= 0x7F && code < 0xA1)) {
            base_str_printf(out, "\\x%02X", (unsigned)code);
        } else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF) {
            base_str_printf(out, "\\u%04X", (unsigned)code); /* line ends and marks to a reader of YAML */
        } else {
            base_str_bytes(out, text + i, used);
        }
    }
    base_str_add(out, "\"");
}

static void write_scalar(const char *text, bool quoted, base_str *out)
{
    if (!quoted && (is_plain(text) || strcmp(text, "~") == 0))
        base_str_add(out, text);
    else if (quoted || text[0])
        write_quoted(text, out);
}

static void indent(int depth, base_str *out)
{
    for (int i = 0; i < depth; i++)
        base_str_add(out, "  ");
}

/* In one line behind its key: a scalar, an empty list or mapping, a list of scalars that all have text. */
static bool fits_line(const format_yaml_node *node)
{
    if (node->kind == FORMAT_YAML_SCALAR || node->n == 0)
        return true;
    for (size_t i = 0; i < node->n; i++) {
        const format_yaml_node *value = node->items[i].value;
        if (node->kind == FORMAT_YAML_MAP || value->kind != FORMAT_YAML_SCALAR || (!value->quoted && !value->text[0]))
            return false;
    }
    return true;
}

static void write_line(const format_yaml_node *node, base_str *out)
{
    if (node->kind == FORMAT_YAML_SCALAR) {
        write_scalar(node->text, node->quoted, out);
    } else if (node->n == 0) {
        base_str_add(out, node->kind == FORMAT_YAML_LIST ? "[]" : "{}");
    } else {
        for (size_t i = 0; i < node->n; i++) {
            base_str_add(out, i ? ", " : "[");
            write_scalar(node->items[i].value->text, node->items[i].value->quoted, out);
        }
        base_str_add(out, "]");
    }
}

/* The lines of a list or mapping that does not fit one; `begun`: the cursor stands where the first line goes on. */
static void write_block(const format_yaml_node *node, int depth, bool begun, base_str *out)
{
    for (size_t i = 0; i < node->n; i++) {
        const format_yaml_item *item = &node->items[i];
        if (i || !begun)
            indent(depth, out);
        if (node->kind == FORMAT_YAML_LIST) {
            base_str_add(out, "- ");
        } else {
            write_scalar(item->key, false, out);
            base_str_add(out, ":");
        }
        if (fits_line(item->value)) {
            if (node->kind == FORMAT_YAML_MAP &&
                !(item->value->kind == FORMAT_YAML_SCALAR && !item->value->quoted && !item->value->text[0]))
                base_str_add(out, " ");
            write_line(item->value, out);
            base_str_add(out, "\n");
        } else {
            if (node->kind == FORMAT_YAML_MAP)
                base_str_add(out, "\n");
            write_block(item->value, depth + 1, node->kind == FORMAT_YAML_LIST, out);
        }
    }
}

void format_yaml_write(const format_yaml_node *root, base_str *out)
{
    if (fits_line(root)) {
        write_line(root, out);
        base_str_add(out, "\n");
    } else {
        write_block(root, 0, false, out);
    }
}
