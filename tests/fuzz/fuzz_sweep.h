/** tests/fuzz/fuzz_sweep.h: what libFuzzer calls with every input; the name is libFuzzer's. */
#ifndef TOMBOLA_TESTS_FUZZ_SWEEP_H
#define TOMBOLA_TESTS_FUZZ_SWEEP_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
