"""specimens.py: small good files of every kind that is brought in, and sweeps that name them; tests make bad ones of them."""
import io
import os
import struct
import zipfile

import tap

TENSORS = {"W_E": (2, 31), "W_inproj": (3, 2), "W_outproj": (2, 3), "W_U": (2, 31)}
SWEEP = """
tasks: {{add: {{kind: modular, expr: a + b, p: 31, train_fraction: 0.5}}{tasks}}}
models: {{mlp: {{kind: embed_mlp, d_embed: 2, d_hidden: 3}}, lstm: {{kind: lstm}}, dense: {{kind: dense_mlp}}}}
training: {{full: {{epochs: 2}}}}
grids: [{{task: {task}, model: {model}, training: full{more}}}]
"""


def sweep(task="add", tasks="", model="mlp", more=""):
    return tap.write("s.yaml", SWEEP.format(task=task, tasks=tasks, model=model, more=more))


# ---- .npz ----


def npy(shape, data=None, descr="<f4", order="False", version=1, extra=""):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, {extra}}}\n".encode()
    size = 1
    for n in shape:
        size *= n
    head = b"\x93NUMPY" + bytes([version, 0]) + (struct.pack("<H", len(text)) if version == 1 else struct.pack("<I", len(text)))
    return head + text + (bytes(4 * size) if data is None else data)


def npz(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members.items():
            z.writestr(name + ".npy", data)
    return out.getvalue()


def good_npz(method=zipfile.ZIP_DEFLATED, **instead):
    return npz({**{name: npy(shape) for name, shape in TENSORS.items()}, **instead}, method)


def central(data, nth=0):
    """Where the nth entry of the directory stands."""
    at = -1
    for _ in range(nth + 1):
        at = data.index(b"PK\1\2", at + 1)
    return at


def patched(data, *places):
    """The bytes with (offset, format, value)s written over them."""
    data = bytearray(data)
    for at, form, value in places:
        struct.pack_into(form, data, at, value)
    return bytes(data)


GOOD = good_npz()
END = GOOD.rindex(b"PK\5\6")
count, size, at = struct.unpack("<HII", GOOD[END + 10:END + 20])
wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
locator = struct.pack("<4sIQI", b"PK\6\7", 0, END, 1)
ZIP64 = GOOD[:END] + wide + locator + patched(GOOD[END:], (16, "<I", 0xFFFFFFFF))


# ---- .safetensors ----


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensors(**instead):
    at, entries = 0, []
    for name, (a, b) in TENSORS.items():
        entries.append(f'"{name}":{{"dtype":"F32","shape":[{a},{b}],"data_offsets":[{at},{at + 4 * a * b}]}}')
        at += 4 * a * b
    entries = [instead.get(name, entry) for name, entry in zip(TENSORS, entries)]
    return "{" + ",".join(entries) + instead.get("more", "") + "}"


NUMBERS = bytes(4 * (62 + 6 + 6 + 62))


def entry(name="W_E", dtype="F32", shape="[2,31]", offsets="[0,248]"):
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


# ---- images of digits ----

IMAGES = {"x_train": npy((12, 3, 3), bytes(108), "|u1"), "y_train": npy((12,), bytes(12), "|u1"),
          "x_test": npy((5, 3, 3), bytes(45), "|u1"), "y_test": npy((5,), bytes(5), "|u1")}
MNIST = dict(task="digits", tasks=", digits: {kind: mnist, folder: mnist, train: 10, test: 5}", model="dense")


def mnist(**instead):
    """As they lie in mnist/mnist.npz, which is made of them."""
    data = npz({**IMAGES, **instead}, zipfile.ZIP_STORED)
    os.makedirs("mnist", exist_ok=True)
    with open("mnist/mnist.npz", "wb") as f:
        f.write(data)
    return data


# ---- texts ----

FILMS = npz({"letters": npy((19,), b"four\0one\0three\0two\0", "|u1"), "said": npy((16,), struct.pack("<16I", *[1, 3, 2, 0] * 4), "<u4"),
             "start": npy((5,), struct.pack("<5Q", 0, 4, 8, 12, 16), "<u8"), "label": npy((4,), bytes([1, 0, 1, 0]), "|u1")})
IMDB = dict(task="films", tasks=", films: {kind: imdb, data: films, vocabulary: 3, length: 4}", model="lstm", more=", training.loss: binary_cross_entropy")
