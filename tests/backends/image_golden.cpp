// Bit for bit what Pillow and the reference's image processors make of the golden photographs.
#include "image_support.hpp"
#include "support/npy.hpp"

#include <algorithm>
#include <map>

using namespace vef;
using namespace vef::test;

namespace {

using json = nlohmann::json;

const auto golden = shared_dir() / "golden";

std::array<float, 3> three(const json& values) { return {values.at(0), values.at(1), values.at(2)}; }

// Processors that take a lone number for a side of the square; the others take it for the shortest edge.
bool squashes(const std::string& type) {
  return type.starts_with("ViT") || type.starts_with("DeiT") || type.starts_with("EfficientNet");
}

void read_size(const json& size, const std::string& type, preparation& x) {
  if (size.is_object() && size.contains("height")) {
    x.height = size.at("height");
    x.width = size.at("width");
    return;
  }
  auto side = size.is_object() ? size.at("shortest_edge").get<std::uint32_t>() : size.get<std::uint32_t>();
  x.width = x.height = side;
  if (!squashes(type)) x.resize = resize_rule::shortest_edge;
}

// Below 384 the picture is made larger by 1 / crop_pct and cut.
void apply_crop_share(double share, preparation& x) {
  auto side = x.width;
  if (side >= 384) {
    x.resize = resize_rule::exact;
    return;
  }
  x.width = x.height = static_cast<std::uint32_t>(side / share);
  x.crop_width = x.crop_height = side;
}

} // namespace

preparation vef::test::preparation_of(const json& processor) {
  preparation x;
  auto type =
      processor.value("image_processor_type", processor.value("feature_extractor_type", std::string{}));
  x.filter = static_cast<interpolation>(processor.at("resample").get<int>());
  read_size(processor.at("size"), type, x);
  if (type.starts_with("ConvNext")) apply_crop_share(processor.at("crop_pct"), x);
  if (processor.value("do_center_crop", false)) {
    const auto& crop = processor.at("crop_size");
    x.crop_height = crop.is_object() ? crop.at("height").get<std::uint32_t>() : crop.get<std::uint32_t>();
    x.crop_width = crop.is_object() ? crop.at("width").get<std::uint32_t>() : crop.get<std::uint32_t>();
  }
  x.scale = processor.value("rescale_factor", 1.0 / 255.0);
  if (processor.value("do_normalize", true)) {
    x.mean = three(processor.at("image_mean"));
    x.std = three(processor.at("image_std"));
  }
  return x;
}

namespace {

// The picture of a row; without its orientation if the row says so, which an unknown name of the EXIF block
// achieves.
result<pixels> prepare_row(const json& row, const preparation& x) {
  auto file = golden / "images" / row.at("image").get<std::string>();
  auto content = read_bytes(file);
  if (!row.value("exif_transposed", true)) {
    constexpr std::string_view block{"Exif\0\0", 6};
    auto found = std::ranges::search(content, block);
    REQUIRE(!found.empty());
    found.front() = 'e';
  }
  return prepare(image::encoded(shared_bytes{std::move(content)}, file.string()), x);
}

std::filesystem::path array_of(const std::filesystem::path& checkpoint, const json& entry) {
  return checkpoint / "expected" / entry.value("dir", std::string{"."}) / entry.at("file").get<std::string>();
}

bytes planes(const pixels& picture) {
  auto count = std::size_t{picture.width} * picture.height;
  bytes out(picture.rgb.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i % 3 * count + i / 3] = picture.rgb[i];
  return out;
}

std::vector<float> normalized(const pixels& picture, const preparation& x) {
  std::vector<float> out(picture.rgb.size());
  normalize_into({&picture, 1}, x, tensor_layout::nchw, out);
  return out;
}

std::size_t differences(auto from, auto to, auto other) {
  std::size_t out = 0;
  for (; from != to; ++from, ++other) out += *from != *other;
  return out;
}

void check_checkpoint(const std::filesystem::path& checkpoint) {
  auto processor = read_json(checkpoint / "preprocessor_config.json");
  auto x = preparation_of(processor);
  auto index = read_json(checkpoint / "expected/index.json");
  auto resized = read_npy<std::uint8_t>(array_of(checkpoint, index["files"]["resized_cropped_uint8"]));
  auto values = read_npy<float>(array_of(checkpoint, index["files"]["pixel_values"]));
  // EfficientNet divides by `std` a second time: what describes a preparation has one division, so its floats
  // are left out.
  bool twice = processor.value("include_top", false);
  for (const auto& row : index.at("rows")) {
    auto i = row.at("row").get<std::size_t>();
    INFO(checkpoint.filename() << " " << row.at("image"));
    auto picture = prepare_row(row, x);
    REQUIRE(picture);
    REQUIRE(picture->rgb.size() == resized.row_size());
    auto got = planes(*picture);
    CHECK(differences(got.begin(), got.end(), resized.row(i)) == 0);
    if (twice || i >= values.shape[0]) continue;
    auto floats = normalized(*picture, x);
    CHECK(differences(floats.begin(), floats.end(), values.row(i)) == 0);
  }
}

} // namespace

TEST_CASE("the golden photographs decode to the recorded digests") {
  VEF_NEEDS(golden / "images/images.json");
  const auto images = read_json(golden / "images/images.json");
  for (const auto& entry : images.at("images")) {
    auto file = golden / "images" / entry.at("file").get<std::string>();
    INFO(entry.at("file"));
    auto upright = decode(image{file.string()});
    REQUIRE(upright);
    CHECK(upright->width == entry.at("rgb_transposed_size").at(0).get<std::uint32_t>());
    CHECK(sha256(upright->rgb) == entry.at("rgb_transposed_sha256").get<std::string>());
    if (entry.at("rgb_sha256") == entry.at("rgb_transposed_sha256")) continue;
    preparation as_it_is;
    as_it_is.resize = resize_rule::none;
    auto stored = prepare_row({{"image", entry.at("file")}, {"exif_transposed", false}}, as_it_is);
    REQUIRE(stored);
    CHECK(sha256(stored->rgb) == entry.at("rgb_sha256").get<std::string>());
  }
}

TEST_CASE("every golden preprocessing is met to the bit") {
  VEF_NEEDS(golden / "clip/preprocessor_config.json");
  std::size_t checkpoints = 0;
  for (const auto& folder : std::filesystem::directory_iterator{golden}) {
    if (!std::filesystem::exists(folder.path() / "preprocessor_config.json")) continue;
    check_checkpoint(folder.path());
    ++checkpoints;
  }
  CHECK(checkpoints == 23);
}

TEST_CASE("the full size preprocessings are met to the bit") {
  VEF_NEEDS(golden / "full");
  for (const auto& folder : std::filesystem::directory_iterator{golden / "full"}) {
    if (!std::filesystem::exists(folder.path() / "preprocessor_config.json")) continue;
    auto x = preparation_of(read_json(folder.path() / "preprocessor_config.json"));
    const auto index = read_json(folder.path() / "expected/index.json");
    for (const auto& row : index.at("rows")) {
      INFO(folder.path().filename() << " " << row.at("image"));
      auto picture = prepare_row(row, x);
      REQUIRE(picture);
      CHECK(sha256(picture->rgb) == row.at("resized_cropped_rgb_u8_sha256").get<std::string>());
      auto floats = normalized(*picture, x);
      CHECK(sha256({reinterpret_cast<const std::uint8_t*>(floats.data()), floats.size() * sizeof(float)})
            == row.at("pixel_values_sha256").get<std::string>());
    }
  }
}

TEST_CASE("the pixels of the trained models are met to the bit") {
  VEF_NEEDS(shared_dir() / "data/models");
  preparation squeezenet;
  squeezenet.resize = resize_rule::shortest_edge;
  squeezenet.width = squeezenet.height = 256;
  squeezenet.filter = interpolation::bilinear;
  squeezenet.crop_width = squeezenet.crop_height = 227;
  squeezenet.channels = channel_order::bgr;
  squeezenet.scale = 1;
  squeezenet.mean = {104, 117, 123};
  auto models = shared_dir() / "data/models";
  const auto mobilenet = preparation_of(read_json(models / "mobilenet_v2_1.0_224/preprocessor_config.json"));
  // The pixels of the older network were recorded in the fused arithmetic: (value - 127.5) / 127.5.
  auto fused = preparation_of(read_json(models / "mobilenet_v1_025_224/hf/preprocessor_config.json"));
  fused.scale = 1;
  fused.mean = fused.std = {127.5f, 127.5f, 127.5f};
  const std::map<std::string, preparation> preparations{
      {"squeezenet1_0", squeezenet}, {"mobilenet_v2_1.0_224", mobilenet}, {"mobilenet_v1_025_224", fused}};
  for (const auto& [name, x] : preparations) {
    auto expected = read_npy<float>(models / name / "golden/pixels.npy");
    auto files = read_json(models / name / "golden/index.json").at("files");
    REQUIRE(expected.shape[0] == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      auto file = shared_dir() / "data/images/photos" / files.at(i).get<std::string>();
      INFO(name << " " << files.at(i));
      auto picture = prepare(image{file.string()}, x);
      REQUIRE(picture);
      auto floats = normalized(*picture, x);
      REQUIRE(floats.size() == expected.row_size());
      CHECK(differences(floats.begin(), floats.end(), expected.row(i)) == 0);
    }
  }
}
