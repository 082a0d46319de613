#include <vef/backends/torch/description.hpp>

#include <vef/backends/size_text.hpp>
#include <vef/backends/table_reader.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>

namespace vef {

namespace fs = std::filesystem;

namespace {

std::string text(std::integral auto x) { return std::to_string(x); }

void read_resize(table_reader& in, preparation& out) {
  std::array rules{"shortest_edge", "longest_edge", "size"};
  if (std::ranges::count_if(rules, [&](auto key) { return in.has(key); }) != 1)
    in.refuse(in.where("resize"), "'resize' takes exactly one of 'shortest_edge', 'longest_edge' and 'size'");
  if (in.has("size")) {
    out.resize = resize_rule::exact;
    std::tie(out.width, out.height) = std::tuple_cat(in.size("size"));
  } else {
    auto shortest = in.has("shortest_edge");
    out.resize = shortest ? resize_rule::shortest_edge : resize_rule::longest_edge;
    out.width = out.height =
        in.whole(shortest ? "shortest_edge" : "longest_edge", 1, table_reader::largest_side);
  }
  out.filter = in.one_of<interpolation>("interpolation", {{"bilinear", interpolation::bilinear},
                                                          {"bicubic", interpolation::bicubic},
                                                          {"lanczos", interpolation::lanczos},
                                                          {"nearest", interpolation::nearest},
                                                          {"box", interpolation::box},
                                                          {"hamming", interpolation::hamming}});
  out.antialias = in.boolean_or("antialias", true);
}

std::uint64_t read_bytes(table_reader& in, const document& root) {
  auto x = root.find("memory_estimate");
  if (auto i = std::get_if<std::int64_t>(&x->value); i && *i >= 0) return static_cast<std::uint64_t>(*i);
  if (auto s = std::get_if<std::string>(&x->value)) {
    if (auto bytes = parse_size(*s)) return *bytes;
  }
  in.must_be("memory_estimate", "bytes, or a text such as \"1.5GiB\"");
  return 0;
}

// Bytes of working memory for each byte of a picture as the network gets it. Measured: 10 (MobileNetV1 x
// 0.25), 30 (SqueezeNet) and 35 (MobileNetV2). It is not the depth that counts but how much the first layers
// widen a picture.
constexpr std::uint64_t working_factor = 36;

void estimate(const torch_description& x, std::optional<std::uint64_t> named, model_info& out) {
  std::error_code error;
  auto file = fs::file_size(x.file, error);
  std::uint64_t weights = error ? 0 : file;
  out.working_estimate = working_factor * x.width * x.height * 3 * sizeof(float);
  if (named) { // the size of the weights is known, so the rest of what somebody measured is working memory
    weights = std::min(weights, *named);
    out.working_estimate = (*named - weights) / out.batch_size;
  }
  out.memory_estimate = named.value_or(weights + out.working_estimate * out.batch_size);
  auto where = memory_of(x.device);
  if (where == "host")
    out.tiers = {{tier::host, where, weights}};
  else if (x.file.extension() == ".pt2")
    out.tiers = {{tier::device, where, weights}};
  else
    out.tiers = {{tier::host, "host", weights, false}, {tier::device, where, weights}};
}

bool is_model_name(const fs::path& x) { return x.extension() == ".pt" || x.extension() == ".pt2"; }

void read_output(table_reader& in, torch_description& out) {
  if (in.has("layer"))
    in.refuse(in.where("layer"),
              "'output.layer' is for networks whose layers have names: a .pt or .pt2 file gives what its "
              "forward returns, of which 'output.index' or 'output.key' chooses");
  if (in.has("index") && in.has("key"))
    in.refuse(in.where("key"), "only one of 'output.index' and 'output.key' can choose");
  out.info.embed_dim = in.whole("dim", 1, 1 << 20);
  out.info.normalized = in.boolean_or("normalize", false);
  if (in.has("index")) out.output_index = in.whole("index", 0, 1023);
  out.output_key = in.string_or("key", {});
}

void check_sizes(table_reader& in, const torch_description& out) {
  auto given = prepared_size(out.info.prepare);
  auto by = [](std::uint32_t width, std::uint32_t height) { return text(width) + "x" + text(height); };
  if (given[0] == 0)
    in.refuse(in.where("resize"), "pictures resized by their shortest or longest edge differ in size: add "
                                  "'crop.center' to make them "
                                      + by(out.width, out.height));
  else if (given[0] != out.width || given[1] != out.height)
    in.refuse(in.where("input"), "resize and crop give pictures of " + by(given[0], given[1])
                                     + ", but 'input.size' is " + by(out.width, out.height));
  if (auto ok = validate(out.info.prepare); !ok) in.refuse(in.where("scale"), ok.error().what);
}

void read_file(table_reader& in, torch_description& out) {
  fs::path file = in.string("file", "the model file, from the folder of the description");
  if (file.empty()) return;
  if (!is_model_name(file)) {
    in.refuse(in.where("file"),
              "this describes " + vef::quoted(file.string())
                  + ", which is not for the torch backend: .pt (TorchScript) and .pt2 (AOTInductor) are");
    return;
  }
  out.file = out.source.parent_path() / file;
  std::error_code error;
  if (!fs::is_regular_file(out.file, error))
    in.refuse(in.where("file"), "the model file " + vef::quoted(out.file.string()) + " does not exist");
}

} // namespace

bool is_torch_device(std::string_view word) {
  if (word == "cpu") return true;
  for (std::string_view kind : {"cuda", "emulated"}) {
    if (!word.starts_with(kind)) continue;
    auto index = word.substr(kind.size());
    if (index.empty()) return true;
    auto digits = index.substr(1);
    return index.front() == ':' && !digits.empty() && digits.size() <= 2
           && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  }
  return false;
}

std::string memory_of(const std::string& device) {
  if (device == "cpu") return "host";
  return device == "cuda" || device == "emulated" ? device + ":0" : device;
}

bool is_emulated(std::string_view device) { return device.starts_with("emulated"); }

bool describes_torch_model(const document& x, const fs::path& source) {
  auto file = x.find("file");
  auto named = file ? std::get_if<std::string>(&file->value) : nullptr;
  return named ? is_model_name(*named) : is_model_name(source.stem());
}

result<torch_description> to_description(const document& x, const fs::path& source,
                                         const std::string& device) {
  torch_description out;
  out.source = source;
  auto& info = out.info;
  error problem;

  // Whose file it is comes first: another backend's description has keys that are none of ours.
  if (auto file = x.find("file"); file && std::holds_alternative<std::string>(file->value)) {
    document alone{.value = document::table{{"file", file->where, *file}}, .where = x.where};
    table_reader in{alone, {}, problem, {"file"}};
    read_file(in, out);
    if (problem) return fail(problem);
  }

  table_reader in{x,
                  {},
                  problem,
                  {"id", "name", "description", "file", "input", "resize", "crop", "scale", "mean", "std",
                   "output", "memory_estimate", "batch_size", "performance_rating", "recommended_use",
                   "device"}};
  info.id = in.string("id", "the word by which requests call the model");
  info.name = in.string_or("name", info.id);
  info.description = in.string_or("description", {});
  info.recommended_use = in.string_or("recommended_use", {});
  if (!in.has("file")) read_file(in, out);

  auto input =
      in.inner("input", {"size", "channels", "layout"}, "a table with 'size', what the network takes");
  std::tie(out.width, out.height) = std::tuple_cat(input.size("size"));
  info.prepare.channels = input.one_of<channel_order>(
      "channels", {{"rgb", channel_order::rgb}, {"bgr", channel_order::bgr}}, channel_order::rgb);
  out.layout = input.one_of<tensor_layout>(
      "layout", {{"nchw", tensor_layout::nchw}, {"nhwc", tensor_layout::nhwc}}, tensor_layout::nchw);

  auto resize = in.inner("resize", {"shortest_edge", "longest_edge", "size", "interpolation", "antialias"},
                         "a table with 'shortest_edge', 'longest_edge' or 'size', and 'interpolation'");
  if (!problem) read_resize(resize, info.prepare);
  if (in.has("crop")) {
    auto crop = in.inner("crop", {"center"}, "a table with 'center'");
    std::tie(info.prepare.crop_width, info.prepare.crop_height) = std::tuple_cat(crop.size("center"));
  }
  info.prepare.scale = in.number("scale");
  info.prepare.mean = in.three("mean", "in the order of 'input.channels'");
  info.prepare.std = in.three("std", "in the order of 'input.channels'");

  auto output = in.inner("output", {"dim", "normalize", "index", "key", "layer"},
                         "a table with 'dim', the length of a vector");
  read_output(output, out);

  info.performance_rating = in.one_of<rating>(
      "performance_rating",
      {{"fast", rating::fast}, {"balanced", rating::balanced}, {"accurate", rating::accurate}},
      rating::balanced);
  if (in.has("batch_size")) info.batch_size = in.whole("batch_size", 1, 4096);
  out.device = in.string_or("device", device);
  if (!is_torch_device(out.device)) in.must_be("device", torch_devices);
  info.preprocess_size = std::max(out.width, out.height);
  std::optional<std::uint64_t> named;
  if (in.has("memory_estimate")) named = read_bytes(in, x);
  if (!problem) check_sizes(in, out);
  if (problem) return fail(problem);

  estimate(out, named, info);
  return out;
}

} // namespace vef
