/* locale.c: a test program that finds TARN_TEST_LOCALE in its environment runs under that locale, as it would inside a
 * program whose user writes numbers with a comma. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void set_locale(void)
{
    const char *name = getenv("TARN_TEST_LOCALE");
    if (name && !setlocale(LC_ALL, name)) {
        fprintf(stderr, "there is no locale %s\n", name);
        _Exit(1);
    }
}
