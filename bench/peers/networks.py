"""A folder of a model hub as a network of transformers that returns its default embedding."""
import json


def network(folder, dtype=None):
    """The network that the checkpoint's image embedding needs, and no more of it."""
    import transformers

    kind = json.loads((folder / "config.json").read_text())["model_type"]
    classes = {"clip": "CLIPVisionModelWithProjection", "resnet": "ResNetModel", "mobilenet_v2": "MobileNetV2Model"}
    return getattr(transformers, classes[kind]).from_pretrained(folder, dtype=dtype).eval()


def embedding(answer):
    vectors = answer.get("image_embeds")
    return answer["pooler_output"].flatten(1) if vectors is None else vectors


def embedder(folder):
    """A module from pixels to vectors, float32 on both sides whatever its own type is."""
    import torch

    class Embedder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network(folder, torch.float32)

        def forward(self, pixel_values):
            dtype = next(self.network.parameters()).dtype
            return embedding(self.network(pixel_values=pixel_values.to(dtype))).float()

    return Embedder().eval()
