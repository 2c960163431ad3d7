#!/usr/bin/env bash
# test_arrows.sh: rooms know only what lies below them. Reads every #include of src/, cli/ and include/tarn/ and fails on any
# arrow other than
#   cli -> product areas -> train, data, model, format -> nn, optim -> program, pass -> op -> graph -> base.
# Rooms of one level may see each other. cpu (and any other backend) sees graph, op, base and what a backend is told by
# program (program/backend.h); nobody sees into a backend but its own room. cli sees <tarn/...> and the C library only.
# labels: release
set -euo pipefail
cd "${SRC:-$(dirname "$0")/../..}"

folders=()
for folder in src include/tarn cli examples; do
    [ ! -d "$folder" ] || folders+=("$folder")
done
grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' "${folders[@]}" | awk '
BEGIN {
    level["base"] = 0; level["graph"] = 1; level["op"] = 2; level["program"] = level["pass"] = 3
    level["nn"] = level["optim"] = 4; level["train"] = level["data"] = level["model"] = level["format"] = 5
    level["cpu"] = level["cuda"] = -1 # backends: rules of their own
    product = 6; cli = 7
    # The room that implements a public header; a header that is not named here belongs to the room of its name.
    owner["core"] = "base"; owner["ops"] = owner["custom"] = "op"; owner["backend"] = "op"; owner["state"] = "program"
    owner["session"] = "program"; owner["plot"] = "train"; owner["recipe"] = "train"; owner["metrics"] = "train"; owner["digits"] = owner["sound"] = owner["picture"] = "data";
    owner["text"] = owner["table"] = owner["series"] = owner["graph_data"] = owner["check"] = "data"
    system_ = " assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg "\
        "stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype "\
        "dirent dlfcn fcntl poll pthread regex sched semaphore spawn strings termios unistd "
    generated["op_list.h"] = "op"; generated["cpu_list.h"] = "cpu"; generated["model_list.h"] = "model"; generated["source_list.h"] = "train"
    bad = 0; seen = 0
}
function rank(room) { return room == "cli" ? cli : room in level ? level[room] : product }
function complain(why) { printf "%s: %s\n", where, why; bad++ }
function system_header(name) {
    return name ~ /^sys\// || index(system_, " " substr(name, 1, length(name) - 2) " ")
}
# May `room` see `other`? header is the path inside src/, or "" for a public header.
function sees(room, other, header) {
    if (room == other) return 1
    if (rank(room) == -1) return other == "base" || other == "graph" || other == "op" || header == "program/backend.h"
    if (rank(other) == -1) return 0
    return rank(other) <= rank(room)
}
{
    split($0, part, ":"); path = part[1]; where = path ":" part[2]
    text = $0; sub(/^[^:]*:[^:]*:/, "", text)
    seen++
    if (match(text, /<[^>]*>/)) { quoted = 0; name = substr(text, RSTART + 1, RLENGTH - 2) }
    else if (match(text, /"[^"]*"/)) { quoted = 1; name = substr(text, RSTART + 1, RLENGTH - 2) }
    else next # a macro
    n = split(path, piece, "/")
    public = 0
    if (piece[1] == "src") room = piece[2]
    else if (piece[1] == "include") { base = piece[n]; sub(/\.h$/, "", base); room = base in owner ? owner[base] : base; public = 1 }
    else room = piece[1]

    if (room == "examples" || room == "cli") {
        if (quoted && (room != "cli" || (name ~ /\// && name !~ /^cli\//))) complain("\"" name "\": " room " sees the public interface only")
        if (!quoted && name !~ /^tarn\// && !system_header(name)) complain("<" name ">: " room " sees <tarn/...> and the C library only")
        next
    }
    if (public) {
        if (quoted) { complain("\"" name "\": a public header includes public headers only"); next }
        if (name !~ /^tarn\// && !(name == "stdbool.h" || name == "stddef.h" || name == "stdint.h" || name == "stdarg.h"))
            complain("<" name ">: a public header brings no more than stdbool.h, stddef.h, stdint.h and stdarg.h along")
        if (path == "include/tarn/tarn.h") next
    }
    if (!quoted && name !~ /^tarn\//) next
    if (!quoted) {
        if (name == "tarn/tarn.h") { complain("<tarn/tarn.h>: only users include the umbrella"); next }
        base = name; sub(/^tarn\//, "", base); sub(/\.h$/, "", base)
        other = base in owner ? owner[base] : base
        if (!sees(room, other, "")) complain(room " must not see <" name ">, which belongs to " other)
        next
    }
    if (name in generated) {
        if (room != generated[name]) complain("\"" name "\" belongs to " generated[name])
        next
    }
    if (name !~ /\//) { complain("\"" name "\": write \"room/" name "\""); next }
    other = name; sub(/\/.*/, "", other)
    if (!sees(room, other, name)) complain(room " must not see \"" name "\"")
}
END {
    if (!seen) { print "no #include was found: is SRC right?"; exit 1 }
    if (bad) { printf "%d wrong arrows\n", bad; exit 1 }
    printf "%d includes, all arrows point down\n", seen
}'
