"""How long transformers takes from a folder of a model hub to the first vector, in this fresh process.

    load_peer.py --model DIR [--threads N] [--precision float32]

Prints `loaded {FACTS}`, FACTS being JSON: import_seconds (of the packages), load_seconds (from_pretrained),
first_vector_seconds (load_seconds and one picture), unload_seconds, imported_rss_bytes, peak_rss_bytes, checksum; or
`error TEXT`. Whether the files are in the page cache is the caller's affair."""
import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import process  # noqa: E402


def measure(chosen):
    start = time.perf_counter()
    import networks
    import numpy
    import recipe
    import torch
    import transformers

    transformers.CLIPVisionModelWithProjection, transformers.ResNetModel, transformers.MobileNetV2Model  # lazy modules
    imported = time.perf_counter()
    pixels = torch.from_numpy(2 * recipe.unit("noise:1x3x224x224", 1, 3 * 224 * 224).reshape(1, 3, 224, 224))
    torch.set_num_threads(chosen.threads)
    dtype = getattr(torch, chosen.precision)
    imported_memory = process.peak_memory()

    begin = time.perf_counter()
    network = networks.network(chosen.model, dtype)
    loaded = time.perf_counter()
    with torch.inference_mode():
        vector = networks.embedding(network(pixel_values=pixels.to(dtype))).float().numpy()
    answered = time.perf_counter()
    del network
    unloaded = time.perf_counter()
    return {"import_seconds": imported - start, "load_seconds": loaded - begin,
            "first_vector_seconds": answered - begin, "unload_seconds": unloaded - answered,
            "imported_rss_bytes": imported_memory, "peak_rss_bytes": process.peak_memory(),
            "checksum": float(vector.sum(dtype=numpy.float64))}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--model", type=Path, required=True, help="a folder that make_models.py made")
    words.add_argument("--threads", type=int, default=os.cpu_count())
    words.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    chosen = words.parse_args()
    say = process.private_output()
    try:
        say("loaded " + json.dumps(measure(chosen)))
    except Exception as problem:
        say(process.explained(problem))
        sys.exit(1)


if __name__ == "__main__":
    main()
