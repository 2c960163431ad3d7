#!/usr/bin/env bash
# test_tokenize.sh: tarn tokenize: training, encoding, decoding, and what is refused.
set -euo pipefail
# shellcheck source=/dev/null
. "$SRC/tests/support/check.sh"

version=$("$TARN" --version)
[[ $version == *jansson* && $version == *utf8proc* ]] || skip "this build has no jansson or no utf8proc"

# says STATUS WORDS ARGUMENTS...: what the program says, in words.
says() {
    local words=$2
    runs "$1" "${@:3}"
    grep -q "$words" out.txt err.txt || say "tarn ${*:3} does not say '$words': $(tail -3 out.txt err.txt)"
}

printf 'the cat sat on the mat\nthe dog sat\n' >text
says 0 'words.json: WordLevel, 8 entries' tokenize --train words words.json text
printf 'the dog sat\nunheard cat' >two
runs 0 tokenize words.json two
cp out.txt ids
[ "$(cat ids)" = $'2 5 3\n1 4' ] || say "the ids are $(cat ids)"
says 0 '^the dog sat$' tokenize words.json ids --decode
runs 0 tokenize --train bpe --vocabulary 270 bpe.json text
runs 0 tokenize bpe.json text
cp out.txt ids
runs 0 tokenize bpe.json ids --decode
cmp -s out.txt text || say "bytes do not come back: $(cat out.txt)"
# whole texts: any bytes come back, newlines at the end or none, zeros, a long row; of ids the row breaks do not count
head -c 3000 /dev/urandom >random
printf 'a\nb' >open
printf '\n\0\r\n\n\n \n' >odd
: >nothing
for file in open odd random nothing text; do
    runs 0 tokenize --whole bpe.json $file
    [ "$(wc -l <out.txt)" -le 1 ] || say "$file as a whole has $(wc -l <out.txt) rows"
    tr ' ' '\n' <out.txt >ids
    runs 0 tokenize --whole --decode bpe.json ids
    cmp -s out.txt $file || say "the bytes of $file do not come back"
done
echo '{"a": 1}' >bad.json
says 1 "tarn: bad.json: tokenizer key 'model' is missing" tokenize bad.json text
says 1 none.json tokenize none.json text
says 1 none.txt tokenize words.json none.txt
says 1 magic tokenize --train magic out.json text
says 2 usage tokenize
echo '1 x' >wrong
says 1 'is no id' tokenize words.json wrong --decode
echo 999 >wrong
says 1 999 tokenize words.json wrong --decode
finish
