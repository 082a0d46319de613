"""Weights by recipe: every element is a hash of its tensor's name, a seed and its place, so that no file of weights has
to be kept. The formula is that of golden/README.md, section 6."""
import hashlib
import json
import math

import numpy as np

MASK = (1 << 64) - 1
GOLD = 0x9E3779B97F4A7C15


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def unit(name, seed, count, chunk=1 << 20):
    """`count` float32 in [-1, 1). A chunk's integers fit the cache, which makes it three times as fast."""
    key = np.uint64(fnv1a(name) ^ (seed * GOLD & MASK))
    out = np.empty(count, np.float32)
    for start in range(0, count, chunk):
        end = min(count, start + chunk)
        z = np.arange(start + 1, end + 1, dtype=np.uint64)
        z *= np.uint64(GOLD)
        z += key
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        z >>= np.uint64(40)
        out[start:end] = z
        out[start:end] *= np.float32(2.0**-23)
        out[start:end] -= np.float32(1)
    return out


def tensor(name, shape, seed, offset, scale):
    """float32; the product is rounded before the sum."""
    values = unit(name, seed, math.prod(shape))
    values *= np.float32(scale)
    values += np.float32(offset)
    return values.reshape(shape)


def tensors_of(folder):
    """The tensors of a folder with a weights_recipe.json, by name; a digest that differs is an error."""
    from safetensors.numpy import load_file

    recipe = json.loads((folder / "weights_recipe.json").read_text())
    files = {}
    out = {}
    for name, shape, kind, offset, scale, digest in recipe["tensors"]:
        if kind == "f":
            values = tensor(name, shape, recipe["seed"], offset, scale)
        elif kind == "i64":
            values = np.full(shape, offset, np.int64)
        elif kind.startswith("file "):
            file = kind.removeprefix("file ")
            files.setdefault(file, None)
            files[file] = files[file] or load_file(folder / file)
            values = files[file][name]
        else:
            raise ValueError(f"{folder}: tensor {name}: kind {kind!r} is unknown")
        if hashlib.sha256(values).hexdigest()[:16] != digest:
            raise ValueError(f"{folder}: tensor {name} is not what its digest says")
        out[name] = values
    return out


def plausible(name, shape, seed):
    """A tensor of a network that has no recipe file, scaled so that activations neither vanish nor explode."""
    if "norm" in name:
        return tensor(name, shape, seed, 1.0, 0.4) if name.endswith("weight") else tensor(name, shape, seed, 0.0, 0.25)
    if name.endswith("bias"):
        return tensor(name, shape, seed, 0.0, 0.25)
    if "embedding" in name and "patch" not in name:
        return tensor(name, shape, seed, 0.0, 0.7)
    fan_in = math.prod(shape[1:])
    return tensor(name, shape, seed, 0.0, math.sqrt(3.0 / fan_in))
