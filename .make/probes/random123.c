#include <Random123/philox.h>

int main(void)
{
    const philox4x32_ctr_t counter = { { 0 } };
    const philox4x32_key_t key = { { 0 } };
    return philox4x32(counter, key).v[0] != 0x6627e8d5;
}
