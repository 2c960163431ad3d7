"""What was tried for rows that fall short, in words: the page shows it with the row, until it reaches its goal. A row in bf16 without a
line of its own has that of its form in f32."""

TRIED = {
    "mnist_cnn_forward": "`fc1` streams 4.7 MB of which the second caches of two cores hold 2 to 3. Skipping the rows that meet a zero behind the "
                         "relu, pooling where Winograd's convolution writes and storing its tiles without branches saved 4 µs each. No gain from "
                         "asking further ahead, demoting or not caching what is streamed, touching what the next run reads first, reading the "
                         "rows that are left in another order.",
    "mlp_wide_train": "Without matrix registers its products reach 75 to 88% of what multiply-adds in registers give, packing included: a third of PyTorch's "
                      "time is hardly more than this row's bound, and its updates come on top. Depth of blocks, their number and their order change 3%.",
    "mlp_wide_train_bf16": "Products of 128 rows in pairs reach 730 to 820 of 990 GFLOP/s without matrix registers, what they pack included; updates, "
                           "which are f32, take an eighth of the step. A third of PyTorch's time is less than the bound.",
    "gan_train": "Products of 128 rows reach 75 to 85% of what multiply-adds in registers give, what they pack included. Each thread packing what it needs "
                 "alone is 3% slower while the processors share a cache, and 2% faster while they do not.",
    "gan_train_bf16": "As the wide MLP's: products of 128 rows in pairs, and weights that are packed anew after each update.",
    "gcn_train_bf16": "Products by 16 columns stay f32, since packing the features as bf16 takes longer than they do. Rows asked for ahead, large pages, "
                      "and dot products by rows gave nothing.",
    "fft_1024": "A core takes 65 µs for 64 transforms where MKL takes 49; what is left is moving rows into lanes and back.",
    "yolov3_forward_b4_bf16": "In predictions pictures lie in memory as bf16 where all that read and write them can, which made this row 1.15 to "
                              "1.4 times as fast. Results past the caches, and residuals asked for ahead, gave nothing.",
    "minilm_forward_b32_bf16": "Values between linear layers, norms and attention are f32 in memory, twice the bytes. GELU where a product "
                               "writes was 3% slower; attention of heads below 64 stays f32, since packing costs what the matrix registers save.",
}


def tried(name):
    return TRIED.get(name) or TRIED.get(name.removesuffix("_bf16"))
