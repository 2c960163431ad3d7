/* bench_rows.c: the rows of `tarn bench`. bench/harness/rows.py has the same ones, with what concerns the peers; a test holds
 * the two to each other. */
#include <string.h>

#include "bench.h"

#define MLP_WIDE "linear 512, relu, linear 512, relu, linear 10"
#define MLP_FRAUD "linear 64, relu, linear 32, relu, linear 1"

#define SPEECH                                                                                                         \
    "conv 128 80 16, batch_norm, relu, max_pool 4, conv 128 3, batch_norm, relu, max_pool 4, "                         \
    "conv 256 3, batch_norm, relu, max_pool 4, conv 256 3, batch_norm, relu, max_pool 4, mean, linear 35"

/* clang-format off: shapes, in braces that a macro's arguments may hold */
#define VECTOR(n) .sample = {1, {n}}
#define PICTURE(channels, side) .sample = {3, {channels, side, side}}
/* clang-format on */

#define ADAM .optimizer = "adam", .lr = 1e-3
#define ADAMW .optimizer = "adamw", .lr = 1e-3
#define CLASSES(n) .classes = n, .loss = "cross_entropy"
#define FORWARD .loss = "", .optimizer = ""
#define BERT "bert 12 768 12"
#define MINILM "bert 6 384 12"
#define WORDS .classes = 50257, .tokens = 50257
#define PAIR .classes = 2, .tokens = 30522
#define UPDATE .net = "", .sample = {1, {1}}, .classes = 1, .loss = "", .batch = 1

static const bench_row rows[] = {
    {"mlp_train", "MLP 784-128-10, training step, batch 64, Adam", "mlp", VECTOR(784), CLASSES(10), .batch = 64, ADAM},
    {"mlp_train_sgd", "MLP 784-128-10, training step, batch 64, SGD", "mlp", VECTOR(784), CLASSES(10), .batch = 64,
     .optimizer = "sgd", .lr = 0.05, .momentum = 0.9},
    {"mlp_fraud_train", "MLP 30-64-32-1, training step, batch 2048, AdamW", MLP_FRAUD, VECTOR(30), .classes = 2,
     .loss = "bce_with_logits", .batch = 2048, ADAMW},
    {"mlp_wide_train", "MLP 784-512-512-10, training step, batch 128, AdamW", MLP_WIDE, VECTOR(784), CLASSES(10),
     .batch = 128, ADAMW},
    {"mnist_cnn_train", "MNIST CNN, training step, batch 64, Adam", "mnist_cnn", PICTURE(1, 28), CLASSES(10),
     .batch = 64, ADAM},
    {"cifar_cnn_train", "CIFAR CNN, training step, batch 64, AdamW", "cifar_cnn", PICTURE(3, 32), CLASSES(10),
     .batch = 64, ADAMW},
    {"resnet18_train", "ResNet-18, 32x32, training step, batch 128, AdamW", "resnet18", PICTURE(3, 32), CLASSES(10),
     .batch = 128, ADAMW},
    {"resnet50_train", "ResNet-50, 224x224, training step, batch 16, AdamW", "resnet50", PICTURE(3, 224), CLASSES(1000),
     .batch = 16, .optimizer = "adamw", .lr = 1e-4, .limit_mb = 1050},
    {"mobilenet_v2_train", "MobileNetV2, 160x160, training step, batch 16, AdamW", "mobilenet_v2", PICTURE(3, 160),
     CLASSES(1000), .batch = 16, .optimizer = "adamw", .lr = 1e-4},
    {"unet_train", "U-Net, 128x128, training step, batch 8, AdamW", "unet", PICTURE(3, 128), .classes = 1,
     .loss = "mask", .batch = 8, .optimizer = "adamw", .lr = 1e-4},
    {"vae_train", "VAE 784-400-20, training step, batch 128, Adam", "vae 400 20", VECTOR(784), .classes = 10,
     .loss = "vae", .batch = 128, ADAM},
    {"speech_train", "Conv1D on 8,000 samples of speech, training step, batch 32, AdamW", SPEECH,
     .sample = {3, {1, 1, 8000}}, CLASSES(35), .batch = 32, ADAMW},
    {"lstm_train", "LSTM 2x256, T=100, training step, batch 64, AdamW", "lstm 2 256", .sample = {2, {100, 64}},
     CLASSES(10), .batch = 64, ADAMW},
    {"lstm_train_b1", "LSTM 2x256, T=100, training step, one sequence, AdamW", "lstm 2 256", .sample = {2, {100, 64}},
     CLASSES(10), .batch = 1, ADAMW},
    {"gru_train", "GRU 2x256, T=100, training step, batch 64, AdamW", "gru 2 256", .sample = {2, {100, 64}},
     CLASSES(10), .batch = 64, ADAMW},
    {"encoder_train", "Transformer encoder 4x256, T=128, training step, batch 32, AdamW", "encoder 4 8 1024",
     .sample = {2, {128, 256}}, CLASSES(10), .batch = 32, .optimizer = "adamw", .lr = 1e-4},
    {"vit_tiny_train", "ViT-Tiny, 224x224, training step, batch 8, AdamW", "vit 12 3 192", PICTURE(3, 224),
     CLASSES(1000), .batch = 8, .optimizer = "adamw", .lr = 1e-4},
    {"bert_train", "BERT-base, T=128, training step, batch 8, AdamW", BERT, VECTOR(128), PAIR, .loss = "cross_entropy",
     .batch = 8, .optimizer = "adamw", .lr = 5e-5},
    {"gpt2_train", "GPT-2 124M, T=64, training step, batch 4, AdamW", "gpt2 12 768 12", VECTOR(64), WORDS,
     .loss = "next_token", .batch = 4, .optimizer = "adamw", .lr = 1e-4},
    {"gpt2_train_t256", "GPT-2 124M, T=256, training step, batch 4, AdamW", "gpt2 12 768 12", VECTOR(256), WORDS,
     .loss = "next_token", .batch = 4, .optimizer = "adamw", .lr = 1e-4, .limit_mb = 760},
    {"gcn_train", "GCN of Cora's size, training step, 2,708 nodes, Adam", "gcn 16 5", VECTOR(1433), CLASSES(7),
     .batch = 2708, .optimizer = "adam", .lr = 1e-3},
    {"gan_train", "MLP GAN, training step of both nets, batch 128, Adam", "gan", VECTOR(784), .classes = 10,
     .loss = "gan", .batch = 128, .optimizer = "adam", .lr = 2e-4},
    {"recommender_train", "recommender, 2 tables of 1M x 32, training step, batch 4096, Adam on used rows",
     "recommender 1000000 32", VECTOR(2), .classes = 2, .loss = "bce_with_logits", .batch = 4096,
     .optimizer = "sparse_adam", .lr = 1e-3, .tokens = 1000000},
    {"dcgan_train", "DCGAN, 64x64, training step of both nets, batch 64, Adam", "dcgan", PICTURE(3, 64), .classes = 10,
     .loss = "gan", .batch = 64, .optimizer = "adam", .lr = 2e-4},
    {"adam_update", "Adam, update of 100 million parameters", UPDATE, .optimizer = "adam", .lr = 1e-2,
     .parameters = 100000000},
    {"adamw_update", "AdamW, update of 100 million parameters", UPDATE, .optimizer = "adamw", .lr = 1e-2,
     .parameters = 100000000},
    {"mlp_forward", "MLP 784-128-10, forward, one sample", "mlp", VECTOR(784), .classes = 10, .batch = 1, FORWARD},
    {"mlp_forward_b256", "MLP 784-128-10, forward, batch 256", "mlp", VECTOR(784), .classes = 10, .batch = 256,
     FORWARD},
    {"mnist_cnn_forward", "MNIST CNN, forward, one sample", "mnist_cnn", PICTURE(1, 28), .classes = 10, .batch = 1,
     FORWARD},
    {"mnist_cnn_forward_b64", "MNIST CNN, forward, batch 64", "mnist_cnn", PICTURE(1, 28), .classes = 10, .batch = 64,
     FORWARD},
    {"resnet50_forward", "ResNet-50, 224x224, forward, one sample", "resnet50", PICTURE(3, 224), .classes = 1000,
     .batch = 1, FORWARD},
    {"resnet50_forward_b8", "ResNet-50, 224x224, forward, batch 8", "resnet50", PICTURE(3, 224), .classes = 1000,
     .batch = 8, FORWARD},
    {"mobilenet_v2_forward", "MobileNetV2, 160x160, forward, one sample", "mobilenet_v2", PICTURE(3, 160),
     .classes = 1000, .batch = 1, FORWARD},
    {"mobilenet_v2_forward_b16", "MobileNetV2, 160x160, forward, batch 16", "mobilenet_v2", PICTURE(3, 160),
     .classes = 1000, .batch = 16, FORWARD},
    {"squeezenet_forward", "SqueezeNet 1.1, 224x224, forward, one sample", "squeezenet", PICTURE(3, 224),
     .classes = 1000, .batch = 1, FORWARD},
    {"squeezenet_forward_b16", "SqueezeNet 1.1, 224x224, forward, batch 16", "squeezenet", PICTURE(3, 224),
     .classes = 1000, .batch = 16, FORWARD},
    {"yolov3_forward", "YOLOv3, 416x416, forward, one sample", "yolov3", PICTURE(3, 416), .classes = 80, .batch = 1,
     FORWARD},
    {"yolov3_forward_b4", "YOLOv3, 416x416, forward, batch 4", "yolov3", PICTURE(3, 416), .classes = 80, .batch = 4,
     FORWARD},
    {"lstm_step", "LSTM 2x256, one step of one sequence, state kept", "lstm_step 2 256", VECTOR(64), .classes = 10,
     .batch = 1, FORWARD},
    {"lstm_step_b64", "LSTM 2x256, one step of 64 sequences, state kept", "lstm_step 2 256", VECTOR(64), .classes = 10,
     .batch = 64, FORWARD},
    {"bert_forward", "BERT-base, T=128, forward, one sample", BERT, VECTOR(128), PAIR, .batch = 1, FORWARD},
    {"bert_forward_b8", "BERT-base, T=128, forward, batch 8", BERT, VECTOR(128), PAIR, .batch = 8, FORWARD},
    {"minilm_forward", "MiniLM, T=64, forward, one sample", MINILM, VECTOR(64), PAIR, .batch = 1, FORWARD},
    {"minilm_forward_b32", "MiniLM, T=64, forward, batch 32", MINILM, VECTOR(64), PAIR, .batch = 32, FORWARD},
    {"gpt2_prefill", "GPT-2 124M, prefill of 256 tokens", "gpt2_last 12 768 12", VECTOR(256), WORDS, .batch = 1,
     FORWARD},
    {"gpt2_step", "GPT-2 124M, one token behind 256 others, keys and values kept", "gpt2_step 12 768 12 256", VECTOR(1),
     WORDS, .batch = 1, FORWARD},
    {"log_mel", "log-mel spectrogram of a second of sound, 80 mels, one signal", "log_mel 160 80, flatten",
     VECTOR(16000), .classes = 8080, .batch = 1, FORWARD},
    {"log_mel_b16", "log-mel spectrogram of a second of sound, 80 mels, batch 16", "log_mel 160 80, flatten",
     VECTOR(16000), .classes = 8080, .batch = 16, FORWARD},
    {"fft_1024", "Fourier transforms of 1,024 complex numbers, batch 64", "fft", VECTOR(2048), .classes = 2048,
     .batch = 64, FORWARD},
    {"chain_forward", "node of a chain of 200 layers of 8 units, forward, one sample", "200 linear 8", VECTOR(8),
     .classes = 8, .batch = 1, FORWARD},
    {"startup", "MLP 784-128-10, from process start to the first prediction", "mlp", VECTOR(784), .classes = 10,
     .batch = 1, FORWARD},
};

const bench_row *bench_row_at(int i)
{
    return i >= 0 && (size_t)i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

const bench_row *bench_row_find(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
