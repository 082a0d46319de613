"""A peer as a process that a benchmark runs in turn with ours, so that both are measured in one run.

    peer.py --engine openvino --model DIR --threads 2 --precision bfloat16 --batch 8

It says `ready {FACTS}` when the network is compiled and has run once, FACTS being JSON: engine, version, precision (what
it computes in, which need not be what was asked), load_seconds, peak_rss_bytes. Each line `run K` on its input is
answered by `done SECONDS CHECKSUM`: the time of K batches, and the sum of the last one's vectors. `quit`, or the end of
its input, ends it. `error TEXT` instead of any answer ends it too."""
import argparse
import importlib.metadata
import json
import os
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import engines  # noqa: E402
import numpy as np  # noqa: E402
import process  # noqa: E402
import recipe  # noqa: E402


def words():
    out = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--engine", choices=engines.ENGINES, required=True)
    out.add_argument("--model", type=Path, required=True, help="a folder that make_models.py made")
    out.add_argument("--threads", type=int, default=os.cpu_count())
    out.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    out.add_argument("--batch", type=int, default=8)
    out.add_argument("--hint", choices=["latency", "throughput"], default="latency", help="for OpenVINO")
    out.add_argument("--input", type=Path, help=".npy, float32 [batch,3,224,224]; none: noise")
    out.add_argument("--output", type=Path, help="gets the vectors of the first batch, as .npy")
    return out.parse_args()


def read_input(chosen):
    shape = (chosen.batch, 3, 224, 224)
    if not chosen.input:
        return 2 * recipe.unit("noise:" + "x".join(map(str, shape)), 1, int(np.prod(shape))).reshape(shape)
    pixels = np.load(chosen.input)
    if pixels.shape != shape or pixels.dtype != np.float32:
        raise ValueError(f"{chosen.input}: wants float32 {shape}, holds {pixels.dtype} {pixels.shape}")
    return np.ascontiguousarray(pixels)


def serve(chosen, say):
    start = time.perf_counter()
    engine = engines.ENGINES[chosen.engine](chosen, read_input(chosen))
    vectors = engine.run(1)
    took = time.perf_counter() - start
    if chosen.output:
        np.save(chosen.output, vectors)
    version = importlib.metadata.version(chosen.engine)
    say("ready " + json.dumps({"engine": chosen.engine, "version": version, "precision": engine.precision,
                               "load_seconds": took, "peak_rss_bytes": process.peak_memory()}))
    for line in sys.stdin:
        match line.split():
            case ["run", count]:
                start = time.perf_counter()
                vectors = engine.run(int(count))
                took = time.perf_counter() - start
                say(f"done {took:.9f} {float(vectors.sum(dtype=np.float64)):.9g}")
            case ["quit"]:
                return
            case _:
                raise ValueError(f"cannot understand {line.strip()!r}")


def main():
    chosen = words()
    say = process.private_output()
    try:
        serve(chosen, say)
    except Exception as problem:
        say(process.explained(problem))
        sys.exit(1)


if __name__ == "__main__":
    main()
