// Bit for bit what Pillow and the reference's image processors make of the golden photographs.
#include "image_support.hpp"
#include "support/npy.hpp"

#include <vef/backends/transformers/processor.hpp>

#include <algorithm>
#include <map>

using namespace vef;
using namespace vef::test;

namespace {

using json = nlohmann::json;

const auto golden = shared_dir() / "golden";

preparation preparation_of(const std::filesystem::path& checkpoint) {
  auto settings = read_processor_file(checkpoint);
  REQUIRE(settings);
  auto x = read_processor(*settings, "", arithmetic::pillow);
  INFO((x ? "" : x.error().what));
  REQUIRE(x);
  return *x;
}

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
  auto x = preparation_of(checkpoint);
  auto index = read_json(checkpoint / "expected/index.json");
  auto resized = read_npy<std::uint8_t>(array_of(checkpoint, index["files"]["resized_cropped_uint8"]));
  auto values = read_npy<float>(array_of(checkpoint, index["files"]["pixel_values"]));
  for (const auto& row : index.at("rows")) {
    auto i = row.at("row").get<std::size_t>();
    INFO(checkpoint.filename() << " " << row.at("image"));
    auto picture = prepare_row(row, x);
    REQUIRE(picture);
    REQUIRE(picture->rgb.size() == resized.row_size());
    auto got = planes(*picture);
    CHECK(differences(got.begin(), got.end(), resized.row(i)) == 0);
    if (i >= values.shape[0]) continue;
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
    auto x = preparation_of(folder.path());
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
  const auto mobilenet = preparation_of(models / "mobilenet_v2_1.0_224");
  // The older network's processor has the same settings. Its pixels were recorded in the fused arithmetic:
  // (value - 127.5) / 127.5.
  auto fused = mobilenet;
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
