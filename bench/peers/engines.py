"""The engines that ours is compared with, set as their own documentation advises for a few cores. Each takes the peer's
options and a batch of pixels, and `run(count)` puts that batch through the network so many times and returns the last
vectors, float32 [batch,d]. `precision` is what it computes in, which is float32 where it can't do what was asked. The
names are those of their packages."""


class OpenVino:
    def __init__(self, chosen, pixels):
        import openvino

        core = openvino.Core()
        model = core.read_model(chosen.model / "model.onnx")
        model.reshape({model.input(0): pixels.shape})  # a known batch is compiled better than an open one
        compiled = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": chosen.hint.upper(),
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[chosen.precision],
            "INFERENCE_NUM_THREADS": chosen.threads,
        })
        computes_in = compiled.get_property("INFERENCE_PRECISION_HINT")
        self.precision = {"f32": "float32", "bf16": "bfloat16"}[computes_in.get_type_name()]
        self.queue = None
        self.requests = [compiled.create_infer_request()]
        if chosen.hint == "throughput":
            self.queue = openvino.AsyncInferQueue(compiled, 0)  # as many requests at a time as it holds best
            self.requests = list(self.queue)
        self.pixels = openvino.Tensor(pixels, shared_memory=True)
        for request in self.requests:
            request.set_input_tensor(self.pixels)

    def run(self, count):
        for _ in range(count):
            if self.queue:
                self.queue.start_async()
            else:
                self.requests[0].infer()
        if self.queue:
            self.queue.wait_all()
        return self.requests[0].get_output_tensor().data.copy()


class OnnxRuntime:
    def __init__(self, chosen, pixels):
        import onnxruntime

        self.precision = "float32"  # the CPU provider has no other kernels for a float32 network
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = chosen.threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(chosen.model / "model.onnx", options, ["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: pixels}

    def run(self, count):
        for _ in range(count):
            vectors = self.session.run(None, self.feed)[0]
        return vectors


class Transformers:
    def __init__(self, chosen, pixels):
        import networks
        import torch

        torch.set_num_threads(chosen.threads)
        self.precision = chosen.precision
        self.dtype = getattr(torch, chosen.precision)
        self.network = networks.network(chosen.model, self.dtype)
        self.embedding = networks.embedding
        self.pixels = torch.from_numpy(pixels)

    def run(self, count):
        import torch

        with torch.inference_mode():
            for _ in range(count):
                vectors = self.embedding(self.network(pixel_values=self.pixels.to(self.dtype))).float()
        return vectors.numpy()


ENGINES = {"openvino": OpenVino, "onnxruntime": OnnxRuntime, "transformers": Transformers}
