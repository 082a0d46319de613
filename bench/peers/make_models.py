"""Builds the networks that the benchmarks compare, each once: as a folder in the layout of a model hub (config.json,
preprocessor_config.json, model.safetensors) for us and for transformers, as model.onnx for ONNX Runtime and OpenVINO,
and as model.pt and model.bfloat16.pt, TorchScript, for bare LibTorch. All of them map float32 [n,3,224,224] to the
network's default embedding, float32 [n,d].

A folder that is complete is left alone; one appears whole or not at all."""
import argparse
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

import recipe

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
HERE = Path(__file__).resolve().parent

LARGE = {
    "architectures": ["CLIPModel"],
    "model_type": "clip",
    "projection_dim": 768,
    "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
                    "num_hidden_layers": 12, "projection_dim": 768, "model_type": "clip_text_model"},
    "torch_dtype": "float32",
    "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
                      "num_hidden_layers": 24, "image_size": 224, "patch_size": 14, "projection_dim": 768,
                      "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05, "model_type": "clip_vision_model"},
}


def from_recipe(into, shared, name):
    """Config, preprocessing and weights of a folder of golden/full."""
    from safetensors.numpy import save_file

    source = shared / "golden/full" / name
    for file in ("config.json", "preprocessor_config.json"):
        shutil.copy(source / file, into / file)
    save_file(recipe.tensors_of(source), into / "model.safetensors", {"format": "pt"})


def from_data(into, shared, name):
    """A checkpoint with real weights, as it is."""
    for file in ("config.json", "preprocessor_config.json", "model.safetensors"):
        shutil.copy(shared / "data/models" / name / file, into / file)


def large(into, shared, _):
    """The public ViT-L/14 with seeded random weights in its place: speed and memory do not depend on them."""
    import torch
    from safetensors.numpy import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    (into / "config.json").write_text(json.dumps(LARGE, indent=2))
    shutil.copy(shared / "golden/full/clip-vit-base-patch32/preprocessor_config.json", into)
    with torch.device("meta"):
        empty = CLIPVisionModelWithProjection(CLIPVisionConfig(**LARGE["vision_config"]))
    save_file({name: recipe.plausible(name, list(x.shape), 14) for name, x in empty.state_dict().items()},
              into / "model.safetensors", {"format": "pt"})


# name: how its folder is made, of what
MODELS = {
    "clip-vit-base-patch32": (from_recipe, "clip-vit-base-patch32"),
    "resnet-50": (from_recipe, "resnet-50"),
    "mobilenet_v2": (from_data, "mobilenet_v2_1.0_224"),
    "clip-vit-large-patch14": (large, "clip-vit-large-patch14"),
}


def traced(module, example):
    import torch

    with torch.inference_mode(False), torch.no_grad():
        return torch.jit.trace(module, example, check_trace=False)


def export(folder):
    """The same network for the peers, and a check that each says what the network says."""
    import torch
    from networks import embedder

    module = embedder(folder)
    example = torch.from_numpy(2 * recipe.unit("noise:2x3x224x224", 1, 2 * 3 * 224 * 224).reshape(2, 3, 224, 224))
    with torch.no_grad():
        torch.onnx.export(module, (example,), folder / "model.onnx", dynamo=False, opset_version=17,
                          input_names=["pixel_values"], output_names=["embedding"],
                          dynamic_axes={"pixel_values": {0: "batch"}, "embedding": {0: "batch"}})
        traced(module, example).save(folder / "model.pt")
        check(folder, module, example)
        traced(module.bfloat16(), example).save(folder / "model.bfloat16.pt")


def check(folder, module, example):
    import onnxruntime
    import torch

    one = example[1:]
    expected = module(one).numpy()
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    answers = {"model.onnx": session.run(None, {"pixel_values": one.numpy()})[0],
               "model.pt": torch.jit.load(folder / "model.pt")(one).numpy()}
    for file, answer in answers.items():
        difference = np.abs(answer - expected).max() / np.abs(expected).max()
        if not difference < 1e-3:
            raise RuntimeError(f"{folder / file}: differs from the network by {difference:.1e} of its largest value")


def make(name, into, shared):
    if (into / name).exists():
        return
    print(f"making {into / name}", flush=True)
    how, source = MODELS[name]
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=into) as work:
        folder = Path(work) / name
        folder.mkdir()
        how(folder, shared, source)
        export(folder)
        folder.rename(into / name)


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--into", type=Path, default=HERE.parents[1] / "build/peers/models")
    words.add_argument("--shared", type=Path, default=os.environ.get("VEF_SHARED", HERE.parents[2] / "shared"))
    words.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}; none: all")
    chosen = words.parse_args()
    warnings.filterwarnings("ignore")  # about tracing and exporting the older way, both on purpose
    for name in chosen.models or MODELS:
        make(name, chosen.into.absolute(), chosen.shared)


if __name__ == "__main__":
    main()
