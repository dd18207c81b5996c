#include <cblas.h>
#include <stdio.h>
#include <string.h>
char *openblas_get_config(void);

int main(void)
{
    const float x[] = { 1, 2, 3, 4 };
    float y[4];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 2, 2, 2, 1, x, 2, x, 2, 0, y, 2);
    const char *text = openblas_get_config(), *version = strchr(text, ' ');
    return y[0] != 7 || !version || printf("%.*s\n", (int)strcspn(version + 1, " "), version + 1) < 0;
}
