/* sound.h: sounds inside the data room; see <tarn/sound.h>. */
#ifndef DATA_SOUND_H
#define DATA_SOUND_H

#include "base/error.h"

#include <tarn/sound.h>

/* Does a name end as sounds do? */
extern const char *const data_sound_endings[];
bool data_sound_name(const char *name);
tn_sound *data_sound_new(int64_t frames, int channels, int rate, base_error *e);
/* As tn_sound_decode. */
tn_sound *data_sound_decode(const void *data, size_t bytes, const char *name, const tn_sound_opt *opt, base_error *e);
/* Does it say that there are more samples than it holds? Of chunks (WAV, RF64, W64, AIFF, CAF) and AU; false for all else. */
bool data_sound_is_cut(const void *data, size_t bytes);
/* Samples as libsndfile gives them: channels and rate of the file. */
tn_sound *data_sndfile_decode(const void *data, size_t bytes, const char *name, int64_t frames_limit, base_error *e);
tn_sound *data_sound_resample(const tn_sound *s, int rate, base_error *e);
/* From a rate to another that need not be whole: `ratio` output frames for one of the input. */
tn_sound *data_sound_resample_by(const tn_sound *s, double ratio, int64_t frames, base_error *e);
tn_sound *data_sound_stretch(const tn_sound *s, double speed, base_error *e);
/* The rate that tn_dataset_sounds took from its files, or was told; 0 for other data sets. */
int data_sounds_rate(const tn_dataset *d);
tn_sound *data_sound_shift(const tn_sound *s, double semitones, base_error *e);

#endif
