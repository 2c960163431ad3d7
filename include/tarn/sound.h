/* tarn/sound.h: sound files as samples, brought to a rate and a length, changed by chance, and as data sets.
 *
 * Samples are f32 in -1 to 1 (files of integers are divided by their largest number), channels interleaved. Functions that
 * make something return NULL on failure; the sentence is then in tn_context_error of the context given. */
#ifndef TARN_SOUND_H
#define TARN_SOUND_H

#include <tarn/data.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sounds ------------------------------------------------------------------------------------------------------ */

typedef struct tn_sound {
    int64_t frames; /* samples of one channel */
    int channels;
    int rate;       /* frames a second */
    float *samples; /* samples[frame * channels + channel] */
    void *reserved[2];
} tn_sound;

typedef struct tn_sound_opt {
    int rate;             /* 0: that of the file */
    int channels;         /* 1: the mean of all; 0: those of the file */
    int64_t frames_limit; /* of one file, before memory is taken for more; 0: 2^28 samples */
    size_t file_limit;    /* bytes; 0: 2 GiB */
    void *reserved[8];
} tn_sound_opt;

/* WAV, FLAC, OGG, AIFF and what else libsndfile reads, told by its first bytes. TN_UNSUPPORTED where libsndfile is not. */
TN_API tn_sound *tn_sound_read(tn_context *context, const char *path, const tn_sound_opt *opt);
/* The same from memory; `name` stands in sentences. */
TN_API tn_sound *tn_sound_decode(tn_context *context, const void *data, size_t bytes, const char *name,
                                 const tn_sound_opt *opt);
TN_API tn_sound *tn_sound_new(tn_context *context, int64_t frames, int channels, int rate);
TN_API void tn_sound_free(tn_sound *sound);
/* ceil(frames rate / sound->rate) frames, by the sinc filter of tn_resample (J. O. Smith, "Digital audio resampling"): a
 * squared cosine over 6 zero crossings, cutting at 0.99 of half the lower rate. As torchaudio. */
TN_API tn_sound *tn_sound_resample(tn_context *context, const tn_sound *sound, int rate);
/* `speed` times as fast, the pitch as it was: waveform similarity overlap-add (Verhelst and Roelands, ICASSP 1993), with
 * windows of 40 ms. speed: 0.25 to 4. */
TN_API tn_sound *tn_sound_stretch(tn_context *context, const tn_sound *sound, double speed);
/* Higher by so many semitones (lower when negative, -24 to 24), as long as it was. */
TN_API tn_sound *tn_sound_shift(tn_context *context, const tn_sound *sound, double semitones);
/* 16-bit WAV, written beside and renamed; what lies outside of -1 to 1 is cut. */
TN_API tn_status tn_sound_write_wav(tn_context *context, const tn_sound *sound, const char *path);

/* ---- data sets ----------------------------------------------------------------------------------------------------- */

/* Chance changes to training sounds; each part is drawn anew for every sample and epoch. All zero: none. */
typedef struct tn_sound_augment {
    double stretch; /* as fast times 1 / (1 + s) to 1 + s */
    double shift;   /* up to so many semitones higher or lower */
    double gain;    /* up to so many decibels louder or softer */
    double noise;   /* white noise whose power is at most this part of the sound's, 0 to 1 */
    double roll;    /* begins up to so many seconds earlier or later, silence in its place */
    void *reserved[4];
} tn_sound_augment;

typedef struct tn_sounds_opt {
    int rate;       /* of all samples; 0: of the first file */
    double seconds; /* length of all samples: longer ones are cut, shorter ones followed by silence; 0: they vary */
    double longest; /* seconds, where they vary: 0: 60 */
    const char
        *label; /* regular expression (POSIX extended) over names; what its first group matches is the class. NULL:
                          the folder that the file is in */
    const char *only;               /* regular expression: names that do not match are left out; NULL: all */
    const char *except;             /* names that match are left out; NULL: none */
    const char *const *class_names; /* labels must be among them; NULL: all that there are, sorted */
    int classes;
    const tn_sound_augment *augment;
    const tn_cache_opt *cache; /* sounds decoded and brought to the rate; NULL: not kept */
    bool skip_bad;             /* without a rate: sounds before the first that can be read do not tell it */
    void *reserved[6];
} tn_sounds_opt;

/* All sounds (.wav .flac .ogg .oga .opus .aif .aiff .au .mp3) of a folder or an archive (.tar, .tar.gz, .zip) as samples x f32
 * [frames], one channel, and y i64, their class. The data set's preparation reads single files the same way. */
TN_API tn_dataset *tn_dataset_sounds(tn_context *context, const char *path, const tn_sounds_opt *opt);

#ifdef __cplusplus
}
#endif
#endif
