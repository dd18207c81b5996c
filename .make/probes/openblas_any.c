float cblas_sdot(int n, const float *x, int dx, const float *y, int dy);

int main(void)
{
    const float x = 1;
    return cblas_sdot(1, &x, 1, &x, 1) != 1;
}
