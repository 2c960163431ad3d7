/* consumer.c: a program outside the repository, as small as one can be: does the installed library work, and is it of the
 * version that its headers say? */
#include <stdio.h>
#include <string.h>
#include <tarn/tarn.h>

int main(void)
{
    if (tn_version() != TN_VERSION) {
        printf("headers of version %d, library of version %d\n", TN_VERSION, tn_version());
        return 1;
    }
    if (strcmp(tn_dtype_name(TN_BF16), "bf16") != 0)
        return 1;
    printf("consumer: %d %s\n", tn_version(), tn_dtype_name(TN_BF16));
    return 0;
}
