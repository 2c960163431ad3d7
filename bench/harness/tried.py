"""What was tried for rows that fall short, in words: the page shows it with the row, until it reaches its goal. A row in bf16 without a
line of its own has that of its form in f32."""

TRIED = {
    "mnist_cnn_forward": "`fc1` streams 4.7 MB of which the second caches of two cores hold 2.8; reading them alone takes 38 of its 44 µs. "
                         "Pooling where Winograd's convolution writes saved 4 µs. No gain from skipping the weights of zeros behind the relu, "
                         "weights in the order in which they are read, demoting or not caching what is streamed, touching what the next run "
                         "reads first, pooling on two threads.",
    "gpt2_step": "2 of 24 ms copy the kept keys and values, because what is handed out is computed before anything is written to state. "
                 "Leaving that rule gave a wrong state for one random graph in a test, and was taken back.",
    "fft_1024": "A core takes 65 µs for 64 transforms where MKL takes 49; what is left is moving rows into lanes and back.",
    "yolov3_forward_b4_bf16": "In predictions pictures lie in memory as bf16 where all that read and write them can, which made this row 1.15 to "
                              "1.4 times as fast. Results past the caches, and residuals asked for ahead, gave nothing.",
    "minilm_forward_b32_bf16": "Values between linear layers, norms and attention are f32 in memory, twice the bytes. GELU where a product "
                               "writes was 3% slower; attention of heads below 64 stays f32, since packing costs what the matrix registers save.",
}


def tried(name):
    return TRIED.get(name) or TRIED.get(name.removesuffix("_bf16"))
