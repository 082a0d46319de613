#include <vef/backends/transformers/processor.hpp>

#include <vef/backends/table_reader.hpp>
#include <vef/messages/suggest.hpp>

#include <cmath>

namespace vef {

namespace {

// -- the processors -----------------------------------------------------------------------------------------

using colour = std::array<float, 3>;

constexpr colour half{0.5f, 0.5f, 0.5f};
constexpr colour clip_mean{0.48145466f, 0.4578275f, 0.40821073f};
constexpr colour clip_std{0.26862954f, 0.26130258f, 0.27577711f};

constexpr auto edge = resize_rule::shortest_edge, exact = resize_rule::exact;
constexpr auto bilinear = interpolation::bilinear, bicubic = interpolation::bicubic;

// A processor and its defaults.
struct kind {
  std::string_view name; // the type's, before "ImageProcessor"
  resize_rule resize = exact;
  std::uint32_t side = 224;
  bool number_is_square = false;  // a lone number for the size is the side of a square, not the shortest edge
  std::uint32_t crop = 0;         // 0: never crops
  bool crops = false;             // unless the file says otherwise
  interpolation filter = bicubic; // of version 4
  interpolation torchvision_filter = bicubic; // of version 5
  colour mean = half;
  colour std = half;
};

const kind kinds[] = {
    {.name = "CLIP", .resize = edge, .crop = 224, .crops = true, .mean = clip_mean, .std = clip_std},
    {.name = "Bit", .resize = edge, .crop = 224, .crops = true, .mean = clip_mean, .std = clip_std},
    {.name = "Siglip"},
    {.name = "ViT", .number_is_square = true, .filter = bilinear, .torchvision_filter = bilinear},
    {.name = "DeiT", .side = 256, .number_is_square = true, .crop = 224, .crops = true},
    {.name = "ConvNext", .resize = edge, .side = 384, .filter = bilinear},
    {.name = "EfficientNet",
     .side = 346,
     .number_is_square = true,
     .crop = 289,
     .filter = interpolation::nearest},
    {.name = "MobileNetV2",
     .resize = edge,
     .side = 256,
     .crop = 224,
     .crops = true,
     .filter = bilinear,
     .torchvision_filter = bilinear},
};

// The processor of models that do not name theirs; empty where none is known.
std::string_view name_for(std::string_view model_type) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"clip", "CLIP"},
      {"clip_vision_model", "CLIP"},
      {"siglip", "Siglip"},
      {"siglip_vision_model", "Siglip"},
      {"vit", "ViT"},
      {"swin", "ViT"},
      {"deit", "DeiT"},
      {"resnet", "ConvNext"},
      {"convnext", "ConvNext"},
      {"convnextv2", "ConvNext"},
      {"dinov2", "Bit"},
      {"dinov2_with_registers", "Bit"},
      {"dinov3_vit", "DINOv3ViT"},
      {"efficientnet", "EfficientNet"},
      {"mobilenet_v2", "MobileNetV2"},
  };
  auto found = std::ranges::find(names, model_type, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(names) ? "" : found->second;
}

constexpr std::string_view ending = "ImageProcessor";

// "CLIP" of CLIPImageProcessor, CLIPImageProcessorFast and CLIPFeatureExtractor.
std::string_view name_of(std::string_view type) {
  for (std::string_view generation : {"Fast", "Pil"})
    if (type.ends_with(generation)) type.remove_suffix(generation.size());
  for (std::string_view noun : {ending, std::string_view{"FeatureExtractor"}})
    if (type.ends_with(noun)) {
      type.remove_suffix(noun.size());
      break;
    }
  return type;
}

const kind* find_kind(std::string_view name) {
  auto found = std::ranges::find(kinds, name, &kind::name);
  return found == std::end(kinds) ? nullptr : found;
}

// The processor that the file names, or else the one of the model type; nullptr, and said so, where there is
// none.
const kind* choose(table_reader& in, std::string_view model_type) {
  for (std::string_view key : {"image_processor_type", "feature_extractor_type"}) {
    if (!in.has(key)) continue;
    auto type = in.string(key, "the name of an image processor");
    if (auto found = find_kind(name_of(type))) return found;
    std::vector<std::string> known;
    for (const auto& x : kinds) known.push_back(std::string{x.name} + std::string{ending});
    auto text = vef::quoted(key) + ": ";
    text += name_of(type).starts_with("DINOv3") ? "the image processor of DINOv3 is not supported yet"
                                                : unknown("image processor", type, known);
    in.refuse(in.where(key), text);
    return nullptr;
  }
  auto name = name_for(model_type);
  auto found = find_kind(name);
  if (!found && !name.empty())
    in.refuse(in.where(), "the image processor of DINOv3 is not supported yet");
  else if (!found)
    in.refuse(in.where(),
              "the key 'image_processor_type' is missing, and no image processor is known for models "
              "of the type "
                  + vef::quoted(model_type));
  return found;
}

// -- values -------------------------------------------------------------------------------------------------

// For these files null is the same as nothing.
document without_nulls(document x) {
  auto entries = std::get_if<document::table>(&x.value);
  if (!entries) return x;
  std::erase_if(*entries,
                [](const auto& e) { return std::holds_alternative<std::monostate>(e.value.value); });
  for (auto& e : *entries) e.value = without_nulls(std::move(e.value));
  return x;
}

struct sides {
  std::uint32_t width = 1;
  std::uint32_t height = 1;
  bool shortest_edge = false; // both are it
};

class processor_reader {
public:
  processor_reader(const document& processor, error& problem)
      : processor_(processor)
      , in_(processor, "", problem) {}

  table_reader& in() { return in_; }

  sides size(std::string_view key, bool number_is_square) {
    auto value = processor_.find(key);
    if (std::holds_alternative<std::int64_t>(value->value)) {
      auto side = in_.whole(key, 1, table_reader::largest_side);
      return {side, side, !number_is_square};
    }
    if (std::holds_alternative<document::array>(value->value)) {
      auto [height, width] = in_.size(key, "[height, width]");
      return {width, height};
    }
    if (!std::holds_alternative<document::table>(value->value))
      in_.must_be(key, "a whole number, [height, width], or a table of height and width or of shortest_edge");
    auto table = in_.inner(key);
    if (table.has("longest_edge"))
      table.refuse(table.where("longest_edge"),
                   vef::quoted(std::string{key} + ".longest_edge") + " is not supported");
    if (table.has("shortest_edge")) {
      auto side = table.whole("shortest_edge", 1, table_reader::largest_side);
      return {side, side, true};
    }
    return {table.whole("width", 1, table_reader::largest_side),
            table.whole("height", 1, table_reader::largest_side)};
  }

  double number(std::string_view key, double otherwise, double least, double most, const std::string& what) {
    if (!in_.has(key)) return otherwise;
    auto x = in_.number(key);
    if (x >= least && x <= most) return x;
    in_.must_be(key, what);
    return otherwise;
  }

  colour three(std::string_view key, const colour& otherwise, bool zero) {
    if (!in_.has(key)) return otherwise;
    colour out;
    if (std::holds_alternative<document::array>(processor_.find(key)->value))
      out = in_.three(key, "red, green and blue");
    else
      out.fill(static_cast<float>(in_.number(key)));
    auto good = [&](float x) { return std::isfinite(x) && (zero || x != 0); };
    if (!std::ranges::all_of(out, good))
      in_.must_be(key, zero ? "numbers that fit float32" : "numbers other than 0 that fit float32");
    return out;
  }

private:
  const document& processor_;
  table_reader in_;
};

// -- the steps ----------------------------------------------------------------------------------------------

// ConvNext's own rule: below 384 the picture is made larger by 1 / crop_pct and cut, from there on squashed.
void read_share(processor_reader& from, preparation& x) {
  auto side = x.width;
  auto share = from.number("crop_pct", 224.0 / 256, 1e-6, 1, "a number over 0 and up to 1");
  if (x.resize != edge) from.in().must_be("size", "the shortest edge alone");
  if (side >= 384) {
    x.resize = exact;
    return;
  }
  auto larger = side / share;
  if (larger > table_reader::largest_side)
    from.in().must_be("crop_pct", "a larger number for a size of " + std::to_string(side));
  else
    x.width = x.height = static_cast<std::uint32_t>(larger);
  x.crop_width = x.crop_height = side;
}

void read_resize(processor_reader& from, const kind& k, arithmetic whose, preparation& x) {
  auto& in = from.in();
  x.resize = k.resize;
  x.width = x.height = k.side;
  if (in.has("size")) {
    auto [width, height, shortest_edge] = from.size("size", k.number_is_square);
    x.width = width, x.height = height;
    x.resize = shortest_edge ? edge : exact;
  }
  x.filter = whose == arithmetic::torchvision ? k.torchvision_filter : k.filter;
  if (in.has("resample")) x.filter = static_cast<interpolation>(in.whole("resample", 0, 5));
  if (k.name == "ConvNext") read_share(from, x);
  if (in.boolean_or("do_resize", true)) return;
  x.resize = resize_rule::none;
  if (k.name == "ConvNext") x.crop_width = x.crop_height = 0; // its crop is a part of its resizing
}

void read_crop(processor_reader& from, const kind& k, preparation& x) {
  auto& in = from.in();
  if (k.crop == 0) return;
  sides crop{k.crop, k.crop};
  if (in.has("crop_size")) crop = from.size("crop_size", true);
  if (crop.shortest_edge)
    in.must_be("crop_size", "a number, [height, width], or a table of height and width");
  if (!in.boolean_or("do_center_crop", k.crops)) return;
  x.crop_width = crop.width, x.crop_height = crop.height;
}

void read_values(processor_reader& from, const kind& k, preparation& x) {
  auto& in = from.in();
  x.scale = from.number("rescale_factor", 1.0 / 255, 1e-30, 1e30, "a number over 0");
  bool rescales = in.boolean_or("do_rescale", true);
  if (!rescales) x.scale = 1;
  auto mean = from.three("image_mean", k.mean, true), std = from.three("image_std", k.std, false);
  if (in.boolean_or("do_normalize", true)) x.mean = mean, x.std = std;
  if (k.name != "EfficientNet") return;
  if (in.boolean_or("rescale_offset", false) && rescales) x.shift = 1;
  if (in.boolean_or("include_top", true)) x.divisor = std; // even if it does not normalise
}

// A link that leads nowhere is there, and can't be read.
bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(file, ignored));
}

} // namespace

result<document> read_processor_file(const std::filesystem::path& folder) {
  if (auto file = folder / "processor_config.json"; is_there(file)) {
    auto all = read_document(file);
    if (!all) return all;
    auto part = all->find("image_processor");
    if (part && !std::holds_alternative<std::monostate>(part->value)) return *part;
  }
  auto file = folder / "preprocessor_config.json";
  if (is_there(file)) return read_document(file);
  return document{.value = document::table{}, .where = place(file)};
}

result<preparation> read_processor(const document& processor, std::string_view model_type, arithmetic whose) {
  error problem;
  const auto given = without_nulls(processor);
  processor_reader from{given, problem};
  preparation x;
  x.arithmetic = whose;
  if (auto k = problem ? nullptr : choose(from.in(), model_type)) {
    read_resize(from, *k, whose, x);
    read_crop(from, *k, x);
    read_values(from, *k, x);
  }
  if (problem) return fail(problem);
  return x;
}

} // namespace vef
