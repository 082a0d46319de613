// JPEG by libjpeg itself: it tells truncation and damage apart, which OpenCV's reader leaves unsaid, and its
// CMYK samples arrive as they are stored.
#include <vef/backends/image/codecs.hpp>

#include <csetjmp>
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

namespace vef {

namespace {

// No encoder writes nearly as many; a hostile file of a few kilobytes can ask for thousands of passes over
// 100 megapixels.
constexpr int max_scans = 200;

struct jpeg_reading {
  jpeg_decompress_struct info{}; // first, so that the callbacks find the rest behind it
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  char message[JMSG_LENGTH_MAX] = "";
  bool ended = false;     // libjpeg asked for bytes behind the last one
  bool truncated = false; // and missed them
  bool too_many_scans = false;
};

template <class Info> jpeg_reading& reading_of(Info* info) { return *reinterpret_cast<jpeg_reading*>(info); }

[[noreturn]] void on_error(j_common_ptr info) {
  auto& self = reading_of(info);
  self.errors.format_message(info, self.message);
  std::longjmp(self.escape, 1);
}

void on_message(j_common_ptr info, int level) {
  auto& self = reading_of(info);
  if (level < 0 && self.ended) self.truncated = true;
}

// Behind the last byte an end marker is made up, so that a file which lacks nothing but that is still a
// picture.
boolean on_end_of_input(j_decompress_ptr info) {
  static constexpr JOCTET end_of_image[] = {0xff, JPEG_EOI};
  reading_of(info).ended = true;
  info->src->next_input_byte = end_of_image;
  info->src->bytes_in_buffer = sizeof end_of_image;
  return TRUE;
}

void on_skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<std::size_t>(count) >= info->src->bytes_in_buffer) {
    on_end_of_input(info);
    return;
  }
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

void on_progress(j_common_ptr info) {
  auto& self = reading_of(info);
  if (self.info.input_scan_number <= max_scans) return;
  self.too_many_scans = true;
  std::longjmp(self.escape, 1);
}

void prepare_to_read(jpeg_reading& self, byte_view content) {
  self.info.err = jpeg_std_error(&self.errors);
  self.errors.error_exit = on_error;
  self.errors.emit_message = on_message;
  self.errors.output_message = [](j_common_ptr) {};
  jpeg_create_decompress(&self.info);
  self.source.init_source = [](j_decompress_ptr) {};
  self.source.fill_input_buffer = on_end_of_input;
  self.source.skip_input_data = on_skip;
  self.source.resync_to_restart = jpeg_resync_to_restart;
  self.source.term_source = [](j_decompress_ptr) {};
  self.source.next_input_byte = content.data();
  self.source.bytes_in_buffer = content.size();
  self.info.src = &self.source;
  self.progress.progress_monitor = on_progress;
  self.info.progress = &self.progress;
}

// Pillow's: `k` is stored inverted, as are the colours, in every CMYK JPEG that Adobe's products wrote.
void cmyk_to_rgb(const std::uint8_t* from, std::uint8_t* to, std::size_t count) {
  auto product = [](int a, int b) {
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
  };
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      int white = from[4 * i + 3];
      to[3 * i + c] = static_cast<std::uint8_t>(white - product(255 - from[4 * i + c], white));
    }
}

// Whether scans are missing altogether, which libjpeg does not warn about.
bool lacks_scans(const jpeg_reading& self) {
  if (!self.ended || !jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&self.info))) return false;
  if (!self.info.progressive_mode || !self.info.coef_bits) return true;
  for (int c = 0; c < self.info.num_components; ++c)
    for (int k = 0; k < DCTSIZE2; ++k)
      if (self.info.coef_bits[c][k] != 0) return true;
  return false;
}

// The two steps that libjpeg may leave by longjmp. Neither has a local with a destructor.
bool read_head(jpeg_reading& self, byte_view content) {
  if (setjmp(self.escape)) return false;
  prepare_to_read(self, content);
  jpeg_read_header(&self.info, TRUE);
  self.info.out_color_space = self.info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

bool read_rows(jpeg_reading& self, pixels& out, std::uint8_t* scratch) {
  if (setjmp(self.escape)) return false;
  jpeg_start_decompress(&self.info);
  self.truncated = self.truncated || lacks_scans(self);
  while (!self.truncated && self.info.output_scanline < self.info.output_height) {
    auto row = out.rgb.data() + std::size_t{self.info.output_scanline} * out.width * 3;
    JSAMPROW target = scratch ? scratch : row;
    jpeg_read_scanlines(&self.info, &target, 1);
    if (scratch) cmyk_to_rgb(scratch, row, out.width);
  }
  return !self.truncated;
}

tl::unexpected<error> explain(const jpeg_reading& self, std::string_view name) {
  if (self.too_many_scans)
    return cannot_decode(errc::corrupt_image, name, "it has more scans than any encoder writes");
  if (self.ended) return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
  switch (self.errors.msg_code) {
  case JERR_SOF_UNSUPPORTED:
  case JERR_BAD_PRECISION:
  case JERR_CONVERSION_NOTIMPL:
  case JERR_ARITH_NOTIMPL:
  case JERR_FRACT_SAMPLE_NOTIMPL: return cannot_decode(errc::unsupported_image, name, self.message);
  case JERR_OUT_OF_MEMORY: return cannot_decode(errc::out_of_memory, name, self.message);
  default: return cannot_decode(errc::corrupt_image, name, self.message);
  }
}

result<pixels> decode_with(jpeg_reading& self, byte_view content, const picture_header& header,
                           std::string_view name) {
  if (!read_head(self, content)) return explain(self, name);
  if (self.info.image_width != header.width || self.info.image_height != header.height)
    return cannot_decode(errc::corrupt_image, name, "it has two headers of different sizes");
  // A Huffman code is at least a bit long, and each block of 8 x 8 has at least one.
  if (!self.info.arith_code && std::uint64_t{header.width} * header.height / 512 > content.size())
    return cannot_decode(errc::truncated_image, name, "it is far too short for its size in pixels");
  auto out = blank(header);
  std::vector<std::uint8_t> scratch(self.info.num_components == 4 ? std::size_t{header.width} * 4 : 0);
  if (!read_rows(self, out, scratch.empty() ? nullptr : scratch.data())) return explain(self, name);
  return out;
}

} // namespace

result<pixels> decode_jpeg(byte_view content, const picture_header& header, std::string_view name) {
  jpeg_reading self;
  struct closing {
    jpeg_decompress_struct& info;
    ~closing() { jpeg_destroy_decompress(&info); }
  } close{self.info};
  return decode_with(self, content, header, name);
}

} // namespace vef
