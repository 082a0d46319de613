#include "image_support.hpp"

#include <vef/backends/image/contact_sheet.hpp>

#include <algorithm>

using namespace vef;
using namespace vef::test;

namespace {

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::ranges::distance(std::filesystem::directory_iterator{folder}));
}

} // namespace

TEST_CASE("a contact sheet shows its pictures and leaves nothing beside it") {
  scratch_folder folder;
  auto red = (folder.path / "red.png").string(), broken = (folder.path / "broken.jpg").string();
  pixels plain{60, 30, {}};
  for (int i = 0; i < 60 * 30; ++i) plain.rgb.insert(plain.rgb.end(), {250, 10, 20});
  write_bytes(red, encode(plain, ".png"));
  write_bytes(broken, {'n', 'o'});
  auto file = folder.path / "sheet.png";
  auto written = write_contact_sheet(
      {{{red, "question"}, {red, "an answer of far too many words for its place"}, {broken, "ünïcödé"}},
       {{red, ""}}},
      file, 100);
  INFO((written ? "" : written.error().what));
  REQUIRE(written);
  CHECK(files_in(folder.path) == 3);
  auto sheet = decode(image{file.string()});
  REQUIRE(sheet);
  CHECK(sheet->width > 300);
  CHECK(sheet->height > 200);
  std::size_t reds = 0;
  for (std::size_t i = 0; i < sheet->rgb.size(); i += 3)
    reds += sheet->rgb[i] == 250 && sheet->rgb[i + 1] == 10 && sheet->rgb[i + 2] == 20;
  CHECK(reds == 3 * 100 * 50); // letterboxed into 100 x 100
  CHECK(sheet->rgb[0] == 255);
}

TEST_CASE("a contact sheet of nothing or of too much is refused") {
  scratch_folder folder;
  auto file = folder.path / "sheet.png";
  auto refused = [&](const std::vector<std::vector<sheet_cell>>& rows, unsigned thumbnail = 160) {
    auto written = write_contact_sheet(rows, file, thumbnail);
    return !written && written.error().code == errc::invalid_argument;
  };
  CHECK(refused({}));
  CHECK(refused({{}, {}}));
  CHECK(refused({{{"a", "a"}}}, 0));
  CHECK(refused({{{"a", "a"}}}, 20000));
  CHECK(refused({std::vector<sheet_cell>(100)}));
  CHECK(refused(std::vector<std::vector<sheet_cell>>(100, {{"a", "a"}})));
  CHECK(files_in(folder.path) == 0);
}

TEST_CASE("a contact sheet that cannot be written says so") {
  scratch_folder folder;
  auto written = write_contact_sheet({{{"a", "a"}}}, folder.path / "missing" / "sheet.png");
  REQUIRE_FALSE(written);
  CHECK(written.error().code == errc::cannot_write);
  // A folder of that name cannot be replaced by a file, and the partial one is gone.
  std::filesystem::create_directory(folder.path / "taken");
  CHECK_FALSE(write_contact_sheet({{{"a", "a"}}}, folder.path / "taken"));
  CHECK(files_in(folder.path) == 1);
}
