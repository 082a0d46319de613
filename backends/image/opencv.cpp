#include <vef/backends/image/codecs.hpp>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>

#include <algorithm>

namespace vef {

namespace {

// What OpenCV says about a damaged file is in our error already; its own lines would flood a log.
void silence_opencv() {
  static const auto once = cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  static_cast<void>(once);
}

std::uint8_t high_byte(std::uint8_t x) { return x; }
std::uint8_t high_byte(std::uint16_t x) { return static_cast<std::uint8_t>(x >> 8); }

std::uint8_t without_alpha(unsigned colour, unsigned alpha) {
  return static_cast<std::uint8_t>(alpha == 0 ? 0 : std::min(255u, colour * 255 / alpha));
}

// Grey, BGR or BGRA of either depth to RGB.
template <class Sample> void copy_rgb(const cv::Mat& from, pixels& to, bool premultiplied) {
  auto channels = static_cast<std::size_t>(from.channels());
  auto out = to.rgb.data();
  for (int y = 0; y < from.rows; ++y) {
    auto row = from.ptr<Sample>(y);
    for (std::size_t x = 0; x < to.width; ++x, row += channels)
      for (std::size_t c = 0; c < 3; ++c) {
        auto sample = high_byte(row[channels == 1 ? 0 : 2 - c]);
        *out++ = premultiplied && channels == 4 ? without_alpha(sample, high_byte(row[3])) : sample;
      }
  }
}

} // namespace

pixels blank(const picture_header& header) {
  return {header.width, header.height,
          std::vector<std::uint8_t>(std::size_t{header.width} * header.height * 3)};
}

result<pixels> decode_with_opencv(byte_view content, const picture_header& header, std::string_view name,
                                  bool premultiplied) {
  silence_opencv();
  if (content.size() > INT32_MAX) return cannot_decode(errc::image_too_large, name, "the file is over 2 GiB");
  // OpenCV only reads them, although its type cannot say so.
  const cv::Mat bytes(1, static_cast<int>(content.size()), CV_8U, const_cast<std::uint8_t*>(content.data()));
  // In colour OpenCV drops the alpha without a look at it, and keeps the colours of a palette of two.
  auto mode = premultiplied ? cv::IMREAD_UNCHANGED : cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH;
  cv::Mat found;
  try {
    found = cv::imdecode(bytes, mode | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& e) {
    if (e.code == cv::Error::StsNoMem) throw std::bad_alloc{};
    return cannot_decode(errc::corrupt_image, name, e.err);
  }
  auto kind = std::string{header.format};
  if (found.empty()) return cannot_decode(errc::corrupt_image, name, "its " + kind + " data are damaged");
  if (found.cols != static_cast<int>(header.width) || found.rows != static_cast<int>(header.height))
    return cannot_decode(errc::corrupt_image, name,
                         "its " + kind + " data have another size than its header");
  if ((found.depth() != CV_8U && found.depth() != CV_16U) || found.channels() == 2 || found.channels() > 4)
    return cannot_decode(errc::unsupported_image, name, "its samples are neither 8 nor 16 bits wide");
  auto out = blank(header);
  if (found.depth() == CV_8U)
    copy_rgb<std::uint8_t>(found, out, premultiplied);
  else
    copy_rgb<std::uint16_t>(found, out, premultiplied);
  return out;
}

} // namespace vef
