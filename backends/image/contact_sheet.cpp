#include <vef/backends/guard.hpp>
#include <vef/backends/image/contact_sheet.hpp>
#include <vef/backends/image/file.hpp>
#include <vef/backends/image/prepare.hpp>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr unsigned max_side = 16384;
constexpr int margin = 20;         // around the sheet
constexpr int gap = 12;            // between cells
constexpr int caption_height = 24; // below a thumbnail
constexpr int answers_apart = 28;  // what sets the first column apart, beyond the gap
constexpr double text_scale = 0.4;
constexpr auto font = cv::FONT_HERSHEY_SIMPLEX;

// Blue, green, red: OpenCV's order.
const cv::Scalar white{255, 255, 255}, paper{246, 246, 246}, border{205, 205, 205}, rule{225, 225, 225};
const cv::Scalar ink{70, 70, 70}, faded{130, 130, 130}, missing{228, 228, 228}, question{170, 110, 40};

int width_of(const std::string& text) {
  int below = 0;
  return cv::getTextSize(text, font, text_scale, 1, &below).width;
}

// OpenCV draws ASCII alone. A letter of several bytes becomes one '?'.
std::string ascii(const std::string& text) {
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xc0) continue;
    out += byte >= 0x20 && byte < 0x7f ? c : '?';
  }
  return out;
}

// Shortened in the middle: a path tells most at its two ends.
std::string shortened(const std::string& text, int room) {
  if (width_of(text) <= room) return text;
  for (auto keep = text.size(); keep > 2; --keep) {
    auto tail = keep / 2, head = keep - tail;
    auto candidate = text.substr(0, head) + ".." + text.substr(text.size() - tail);
    if (width_of(candidate) <= room) return candidate;
  }
  return "..";
}

void write_line(cv::Mat& sheet, const std::string& text, const cv::Rect& place, const cv::Scalar& colour) {
  // Longer ones would only be measured at length.
  auto line = shortened(ascii(text.substr(0, 400)), place.width);
  cv::Point at{place.x + (place.width - width_of(line)) / 2, place.y + place.height / 2 + 4};
  cv::putText(sheet, line, at, font, text_scale, colour, 1, cv::LINE_AA);
}

void draw_picture(cv::Mat& sheet, const cv::Rect& place, const std::string& path) {
  preparation to_cell;
  to_cell.resize = resize_rule::longest_edge;
  to_cell.width = static_cast<std::uint32_t>(place.width);
  to_cell.height = static_cast<std::uint32_t>(place.height);
  auto thumbnail = prepare(image{path}, to_cell);
  if (!thumbnail) {
    cv::rectangle(sheet, place, missing, cv::FILLED);
    write_line(sheet, std::string{to_string(thumbnail.error().code)}, place, faded);
    return;
  }
  cv::rectangle(sheet, place, paper, cv::FILLED);
  const cv::Mat rgb(static_cast<int>(thumbnail->height), static_cast<int>(thumbnail->width), CV_8UC3,
                    thumbnail->rgb.data());
  cv::Rect inner{place.x + (place.width - rgb.cols) / 2, place.y + (place.height - rgb.rows) / 2, rgb.cols,
                 rgb.rows};
  cv::cvtColor(rgb, sheet(inner), cv::COLOR_RGB2BGR);
}

// The picture that was asked about has a thick frame in colour, the answers a thin grey one.
void draw_cell(cv::Mat& sheet, const cv::Rect& place, const sheet_cell& cell, bool is_question) {
  draw_picture(sheet, place, cell.path);
  auto grown = is_question ? 3 : 1;
  cv::Rect frame{place.x - grown, place.y - grown, place.width + 2 * grown, place.height + 2 * grown};
  cv::rectangle(sheet, frame, is_question ? question : border, grown);
  write_line(sheet, cell.caption, {place.x, place.br().y + 3, place.width, caption_height - 3},
             is_question ? question : ink);
}

struct layout {
  int thumbnail;
  int left(std::size_t column) const {
    return margin + static_cast<int>(column) * (thumbnail + gap) + (column > 0 ? answers_apart : 0);
  }
  int top(std::size_t row) const {
    return margin + static_cast<int>(row) * (thumbnail + caption_height + gap);
  }
};

result<cv::Mat> draw(const std::vector<std::vector<sheet_cell>>& rows, unsigned thumbnail) {
  std::size_t columns = 0;
  for (const auto& row : rows) columns = std::max(columns, row.size());
  auto nothing = columns == 0 || thumbnail == 0;
  if (nothing) return fail(errc::invalid_argument, "cannot draw a contact sheet: there is nothing to draw");
  if (thumbnail > max_side || columns > max_side || rows.size() > max_side
      || columns * (thumbnail + gap) + margin * 2 + answers_apart > max_side
      || rows.size() * (thumbnail + caption_height + gap) + margin * 2 > max_side)
    return fail(errc::invalid_argument, "cannot draw a contact sheet of " + std::to_string(rows.size())
                                            + " rows and " + std::to_string(columns)
                                            + " columns: it would exceed " + std::to_string(max_side)
                                            + " pixels");

  const layout at{static_cast<int>(thumbnail)};
  cv::Mat sheet(at.top(rows.size()) - gap + margin, at.left(columns) - gap + margin, CV_8UC3, white);
  if (columns > 1) {
    auto x = (at.left(0) + at.thumbnail + at.left(1)) / 2;
    cv::line(sheet, {x, margin}, {x, sheet.rows - margin}, rule);
  }
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      draw_cell(sheet, {at.left(c), at.top(r), at.thumbnail, at.thumbnail}, rows[r][c], c == 0);
  return sheet;
}

} // namespace

result<void> write_contact_sheet(const std::vector<std::vector<sheet_cell>>& rows,
                                 const std::filesystem::path& file, unsigned thumbnail) {
  return guarded(errc::internal, "cannot draw a contact sheet", [&]() -> result<void> {
    auto sheet = draw(rows, thumbnail);
    if (!sheet) return fail(sheet.error());
    std::vector<std::uint8_t> png;
    if (!cv::imencode(".png", *sheet, png))
      return fail(errc::internal, "cannot draw a contact sheet: no PNG was made");
    return write_file(file, png);
  });
}

} // namespace vef
