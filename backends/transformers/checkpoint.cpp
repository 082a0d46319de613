#include <vef/backends/transformers/checkpoint.hpp>

#include <vef/backends/transformers/plan_memory.hpp>
#include <vef/backends/transformers/processor.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace vef {

namespace {

constexpr std::size_t largest_config = 64 << 20; ///< models with many thousands of labels list them there

// -- settings -----------------------------------------------------------------------------------------------

// Another size of the input. Of a picture that is cut, the same share is cut away.
result<preparation> with_size(preparation x, std::array<std::uint32_t, 2> size) {
  auto before = prepared_size(x);
  if (before[0] == 0)
    return fail(errc::invalid_argument, "'size' is for models whose pictures are prepared to one size");
  if (x.crop_width > 0) {
    auto share = std::max(static_cast<double>(size[0]) / before[0], static_cast<double>(size[1]) / before[1]);
    auto scaled = [&](std::uint32_t n) { return static_cast<std::uint32_t>(std::lround(n * share)); };
    x.width = scaled(x.width), x.height = scaled(x.height);
    x.crop_width = size[0], x.crop_height = size[1];
  } else {
    x.resize = resize_rule::exact;
    x.width = size[0], x.height = size[1];
  }
  if (auto ok = validate(x); !ok) return fail(ok.error());
  return x;
}

result<preparation> read_preparation(const std::filesystem::path& folder, const std::string& model_type,
                                     const checkpoint_options& options) {
  auto file = read_processor_file(folder);
  if (!file) return fail(file.error());
  auto x = read_processor(*file, model_type, options.arithmetic);
  if (!x || options.size[0] == 0) return x;
  return with_size(*x, options.size);
}

std::string named(const std::string& name, const std::string& what) {
  return vef::quoted(name) + ": " + what;
}

// -- what people are told -----------------------------------------------------------------------------------

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& x : words) out += (out.empty() ? "" : ", ") + x;
  return out;
}

std::string stored_types(const checkpoint& x) {
  std::vector<std::string> types;
  for (const auto& weight : x.plan.weights) {
    std::string type{to_string(x.weights.find(weight.name)->type)};
    if (std::ranges::find(types, type) == types.end()) types.push_back(type);
  }
  return join(types);
}

std::string in_millions(std::uint64_t n) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f million", static_cast<double>(n) * 1e-6);
  return out;
}

// -- the catalog entry --------------------------------------------------------------------------------------

std::uint64_t stored_bytes(const checkpoint& x) {
  std::uint64_t sum = 0;
  for (const auto& weight : x.plan.weights) {
    std::uint64_t count = 1;
    for (auto n : weight.shape) count *= static_cast<std::uint64_t>(n);
    sum += count * (weight.derive ? sizeof(float) : size_of(x.weights.find(weight.name)->type));
  }
  return sum;
}

void estimate(checkpoint& x) {
  auto& info = x.info;
  auto elements = weight_elements(x.plan);
  auto stored = stored_bytes(x), copied = elements * sizeof(float);
  info.working_estimate = working_bytes(x.plan, sizeof(float));
  info.memory_estimate = copied + info.working_estimate;
  if (x.options.device == "host")
    info.tiers = {{tier::mapped, "host", stored, true}, {tier::packed, "host", copied, true}};
  else
    info.tiers = {{tier::mapped, "host", stored, false}, {tier::device, x.options.device, copied, true}};
}

// By what a picture costs, as far as the weights tell: below a MobileNet's, above a base transformer's.
rating rating_of(std::uint64_t elements) {
  return elements < 15'000'000 ? rating::fast : elements < 120'000'000 ? rating::balanced : rating::accurate;
}

void describe(checkpoint& x, const found_checkpoint& from, const network_builder::finished& made) {
  auto& info = x.info;
  auto elements = weight_elements(x.plan);
  info.id = from.id;
  info.name = from.id;
  info.description = x.family + " of " + in_millions(elements) + " parameters";
  info.embed_dim = x.options.truncate > 0 ? x.options.truncate : static_cast<std::uint32_t>(made.dim);
  info.preprocess_size = std::max(x.width(), x.height());
  info.normalized = x.options.normalize.value_or(made.normalized);
  info.performance_rating = rating_of(elements);
  info.facts = {{"family", x.family},
                {"output", made.output},
                {"outputs", join(made.outputs)},
                {"weights", stored_types(x) + ", " + format_bytes(stored_bytes(x))},
                {"folder", from.folder.string()}};
  if (!from.revision.empty()) info.facts.push_back({"revision", from.revision});
  if (x.info.prepare.arithmetic != arithmetic::pillow)
    info.facts.push_back({"arithmetic", std::string{to_string(x.info.prepare.arithmetic)}});
  estimate(x);
}

} // namespace

result<checkpoint> open_checkpoint(const found_checkpoint& from, const model_families& families,
                                   const checkpoint_options& options) {
  auto bad = [&](error why) {
    why.what = named(from.id, why.what);
    return fail(std::move(why));
  };
  auto config = read_document(from.folder / "config.json", largest_config);
  if (!config) return bad(config.error());
  config_reader reader{*config};
  auto type = reader.word("model_type", {});
  if (reader.problem()) return bad(reader.problem());
  if (type.empty())
    return bad({errc::unsupported_model,
                config->where + ": there is no 'model_type', so this is no checkpoint of transformers"});
  auto family = families.find(type);
  if (!family) return bad({family.error().code, config->where + ": " + family.error().what});
  auto prepare = read_preparation(from.folder, type, options);
  if (!prepare) return bad(prepare.error());
  auto size = prepared_size(*prepare);
  if (size[0] == 0)
    return bad({errc::invalid_config, "its preparation leaves pictures of different sizes, which one network "
                                      "cannot take: preprocessor_config.json needs a crop or a fixed size"});
  auto weights = checkpoint_weights::open(from.folder);
  if (!weights) return bad(weights.error());

  network_builder network{
      weights->tensors(),
      {.height = size[1], .width = size[0], .interpolate = options.size[0] > 0, .output = options.output}};
  (*family)->build(reader, network);
  if (reader.problem()) return bad(reader.problem());
  auto made = network.finish();
  if (!made) return bad(made.error());
  if (options.truncate > made->dim)
    return bad({errc::invalid_argument, "'truncate_dim' is " + std::to_string(options.truncate)
                                            + ", but its vectors have " + std::to_string(made->dim)
                                            + " numbers"});
  checkpoint out{.info = {},
                 .family = (*family)->name,
                 .options = options,
                 .plan = std::move(made->plan),
                 .dim = made->dim,
                 .weights = std::move(*weights)};
  out.info.prepare = *prepare;
  describe(out, from, *made);
  return out;
}

// -- weights ------------------------------------------------------------------------------------------------

namespace {

float from_half(std::uint16_t bits) {
  auto sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  auto exponent = static_cast<std::uint32_t>(bits >> 10) & 0x1f;
  auto fraction = static_cast<std::uint32_t>(bits) & 0x3ff;
  if (exponent == 0) { // zero or below the smallest normal number
    auto value = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -value : value;
  }
  auto wide = exponent == 0x1f ? 0xffu : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

std::vector<float> as_floats(const weight_view& x) {
  auto count = static_cast<std::size_t>(x.bytes / size_of(x.type));
  std::vector<float> out(count);
  if (x.type == dtype::f32) {
    std::memcpy(out.data(), x.data, x.bytes);
    return out;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, x.data + 2 * i, 2);
    out[i] =
        x.type == dtype::f16 ? from_half(bits) : std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  return out;
}

stored_weight to_stored(const plan_weight& wanted, const weight_view& x) {
  stored_weight out{
      .type = x.type, .shape = wanted.shape, .data = x.data + wanted.first * size_of(x.type), .keep = x.file};
  if (!wanted.derive) return out;
  auto made = std::make_shared<const std::vector<float>>(wanted.derive(as_floats(x)));
  out.type = dtype::f32;
  out.data = reinterpret_cast<const std::byte*>(made->data());
  out.keep = made;
  return out;
}

} // namespace

std::shared_ptr<const planned_network> to_network(const checkpoint& x, precision compute) {
  auto out = std::make_shared<planned_network>();
  out->plan = x.plan;
  out->compute = compute;
  out->working_bytes = working_bytes(x.plan, compute == precision::float32 ? 4 : 2);
  for (const auto& wanted : x.plan.weights)
    out->weights.push_back(to_stored(wanted, *x.weights.find(wanted.name)));
  out->drop_pages = [files = x.weights.files()] {
    for (const auto& file : files) file->drop_pages();
  };
  return out;
}

} // namespace vef
