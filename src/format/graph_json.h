/* graph_json.h: a graph as JSON, for model files, and back. Operators are stored by name, arguments by name, sizes as text, so
 * that a file outlives changes of numbers inside the library. Reading builds the graph anew through the operators' own checks:
 * what the text claims is never believed.
 *
 *   {"nodes": [{"op": "linear", "name": "fc1.linear", "in": [[0,0],[1,0],null], "args": {...}}, ...],
 *    "entries": [{"name": "predict", "training": false, "outputs": [{"name": "y", "value": [7,0]}]}],
 *    "updates": [{"state": 3, "value": [5,1], "when": [5,1]}],
 *    "losses": [{"value": [9,0], "weight": 0.01}],
 *    "layers": [{"name": "fc1", "type": "linear"}]}
 *
 * A node has "region", the number of its tn_recompute_begin, if it was made after one, and "layer", from 1, if it belongs to one of the
 * layers, which are for people's eyes. Losses (tn_graph_add_loss), regions and layers came later than the rest: files may lack them, and
 * readers that do not know them lose nothing of predictions.
 *
 * Constants of more than 16 elements are kept apart, as tensors "constant.N" with N the number of the node in the text. */
#ifndef FORMAT_GRAPH_JSON_H
#define FORMAT_GRAPH_JSON_H

#include "format/safetensors.h"
#include "op/scheme/op.h"

typedef struct format_graph_text {
    base_str json;
    base_vec(format_tensor) constants; /* data borrowed from the graph; names are the caller's to free through _free */
    base_arena arena;
} format_graph_text;

/* How much of a graph there was at some moment: what is added later belongs to others, such as a trainer. */
typedef struct format_graph_extent {
    size_t nodes, entries, updates;
} format_graph_extent;
format_graph_extent format_graph_extent_of(const tn_graph *g);

/* The nodes that the entries' outputs need, of the graph as it was at `extent`, and those of all added losses; flags that may change (frozen) are today's.
 * TN_UNSUPPORTED for graphs after passes (fused nodes). */
tn_status format_graph_write(const tn_graph *g, const format_graph_extent *extent, format_graph_text *out,
                             base_error *e);
void format_graph_text_free(format_graph_text *t);
/* `file` has the large constants (NULL: there are none); `what` opens sentences. NULL and e set on failure. */
tn_graph *format_graph_read(tn_context *context, const char *json, size_t bytes, const format_safetensors *file,
                            const char *what, base_error *e);

#endif
