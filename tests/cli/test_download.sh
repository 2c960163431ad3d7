#!/usr/bin/env bash
# test_download.sh: tarn data get from a server of this machine that answers well, knows no ranges, breaks off, redirects, for ever too,
# answers 404 and 500, and sends something else: what is said, and that nothing that was there is harmed.
set -uo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"
command -v python3 >/dev/null || skip "the server is written in Python"
cat >server.py <<'PY'
import http.server, re, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, code, body, *headers, length=None):
        self.send_response(code)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        name = self.path.rsplit("/", 1)[1]
        self.answer(200 if name in __import__("os").listdir("served") else 404, b"", length=0)

    def do_GET(self):
        what, name = re.fullmatch(r"/(\w+)/(.*)", self.path).groups()
        asked = self.headers.get("Range")
        print(what, asked or "all", file=log, flush=True)
        if what == "missing":
            return self.answer(404, b"<html>no such file</html>")
        if what == "fault":
            return self.answer(500, b"<html>oh</html>")
        if what == "moved":
            return self.answer(302, b"", ("Location", "/good/" + name))
        if what == "loop":
            return self.answer(302, b"", ("Location", "/loop/" + name))
        if what == "page":
            return self.answer(200, b"<html>please log in</html>")
        try:
            body = open("served/" + name, "rb").read()
        except OSError:
            return self.answer(404, b"")
        if what == "plain" or not asked:  # no ranges
            part, headers, code = body, (), 200
        else:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1))
            if start >= len(body):
                return self.answer(416, b"", ("Content-Range", "bytes */%d" % len(body)))
            part, code = body[start:], 206
            headers = (("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body))),)
        if what == "cut":  # a third of what is due, then no more
            self.answer(code, part[: len(part) // 3], *headers, length=len(part))
            self.close_connection = True
            return
        self.answer(code, part, *headers)

    def log_message(self, *_):
        pass

log = open("asked.txt", "a")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port.new", "w").write(str(server.server_port))
__import__("os").rename("port.new", "port.txt")
server.serve_forever()
PY
mkdir -p served
seq 1 30000 >served/cora.tgz # a set of which no checksum is known
python3 server.py &
server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in $(seq 100); do [ -s port.txt ] || sleep 0.1; done
at=http://127.0.0.1:$(cat port.txt)
"$TARN" data get cora --from "$at/good" --to probe >/dev/null 2>err.txt </dev/null || { grep -q "Debian package libcurl4" err.txt && skip "no libcurl"; }

asked() { [ "$(cat asked.txt)" = "$1" ] || say "the server was asked for '$(cat asked.txt)', not '$1'"; }
whole() { cmp -s served/cora.tgz got/cora/cora.tgz || say "$1: the file is another one"; }
# begin [BYTES]: nothing is there, or the beginning of the file.
begin() {
    rm -rf got && mkdir -p got/cora && : >asked.txt
    [ $# = 0 ] || head -c "$1" served/cora.tgz >got/cora/cora.tgz.part
}
get() { runs "$1" data get cora --from "$at/$2" --to got; }

begin && get 0 good && whole good
asked "good all"
begin && mv served/cora.tgz away.tgz && get 1 good # the other form of this set, which is not there either
says "nodes.csv: the server answers 404"
mv away.tgz served/cora.tgz
begin && get 0 good
get 0 good && prints "there already"
begin 50000 && get 0 good && whole "gone on with"
asked "good bytes=50000-"
begin 50000 && get 0 plain && whole "no ranges"
begin && get 0 moved && whole moved
asked $'moved all\ngood all'
begin 50000 && get 0 moved && whole "moved, gone on with"
# more than the server has is another file's beginning: without a checksum it is fetched anew
begin && seq 1 60000 >got/cora/cora.tgz.part && get 0 good && whole "a longer part"

begin && get 1 cut
says "what came is kept, the same command goes on there"
[ "$(wc -c <got/cora/cora.tgz.part)" = $(($(wc -c <served/cora.tgz) / 3)) ] || say "what came before it broke off is not kept"
get 1 cut && get 0 good && whole "broken off twice"
for wrong in "missing answers 404, it has no such file" "fault answers 500, which is its own fault" "loop edirect"; do
    begin && get 1 "${wrong%% *}"
    says "${wrong#* }"
    [ -z "$(ls got/cora)" ] || say "$wrong: something was left: $(ls got/cora)"
    grep -q "what came is kept" err.txt && say "$wrong: nothing came: $(cat err.txt)"
    begin 50000 && get 1 "${wrong%% *}"
    says "what came is kept"
    [ "$(wc -c <got/cora/cora.tgz.part)" = 50000 ] || say "$wrong: the part that was there was harmed"
    get 0 good && whole "gone on with after $wrong"
done

# With a checksum what is wrong is never put in the place of what is there.
begin && runs 1 data get tinyshakespeare --from "$at/page" --to got
says "its checksum is wrong" "it was removed"
[ -z "$(ls got/text)" ] || say "a page was kept: $(ls got/text)"
mkdir -p got/text && echo mine >got/text/tinyshakespeare.txt
for what in page missing fault; do
    runs 1 data get tinyshakespeare --from "$at/$what" --to got
    [ "$(cat got/text/tinyshakespeare.txt)" = mine ] || say "$what: what was there was harmed"
done
real=${TARN_DATA:-$SRC/../shared/data}/text/tinyshakespeare.txt
if [ -r "$real" ]; then
    cp "$real" served/tinyshakespeare.txt
    head -c 100000 "$real" >got/text/tinyshakespeare.txt.part
    runs 1 data get tinyshakespeare --from "$at/cut" --to got
    runs 0 data get tinyshakespeare --from "$at/good" --to got
    prints ": verified"
    cmp -s "$real" got/text/tinyshakespeare.txt || say "the verified file is another one"
    rm got/text/tinyshakespeare.txt && seq 1 9 >got/text/tinyshakespeare.txt.part # a beginning that is none
    runs 1 data get tinyshakespeare --from "$at/good" --to got
    says "its checksum is wrong"
    runs 0 data get tinyshakespeare --from "$at/good" --to got
else
    echo "test_download.sh: no data pack: a set with a checksum is left out" >&2
fi
finish
