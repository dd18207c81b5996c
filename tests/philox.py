"""philox.py: the named random streams of the program, in numpy: Philox4x32-10 (Salmon et al., SC11), and nothing of the program in it.

    Stream(seed, "split/train").uniform(10)
"""
import numpy as np
import xxhash


def blocks(key, name, count):
    """The words of counters 0, 1, ..., in their order."""
    c = [np.arange(count, dtype="u8") & np.uint64(0xffffffff), np.arange(count, dtype="u8") >> np.uint64(32),
         np.full(count, name & 0xffffffff, "u8"), np.full(count, name >> 32, "u8")]
    k = [key & 0xffffffff, key >> 32]
    low, half = np.uint64(0xffffffff), np.uint64(32)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> half) ^ c[1] ^ np.uint64(k[0]), b & low, (a >> half) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return np.stack(c, 1).ravel()


class Stream:
    def __init__(self, seed, name):
        self.key, self.name, self.used = seed, xxhash.xxh3_128_intdigest(name.encode()) & (1 << 64) - 1, 0

    def u64(self, count):
        words = blocks(self.key, self.name, (self.used + 2 * count + 3) // 4)[self.used:self.used + 2 * count]
        self.used += 2 * count
        return words[0::2] << np.uint64(32) | words[1::2]

    def uniform(self, *shape):
        return ((self.u64(int(np.prod(shape))) >> np.uint64(11)) * 2.0 ** -53).reshape(shape)

    def normal(self, *shape):
        u = self.uniform(int(np.prod(shape)), 2)
        return (np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])).reshape(shape)

    def below(self, bound, *shape):
        """Whole numbers; that none is drawn again is likely enough for small bounds to be relied upon."""
        return (self.u64(int(np.prod(shape))) % np.uint64(bound)).astype("i8").reshape(shape)
