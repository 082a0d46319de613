// PNG by libpng itself: it names what is wrong, keeps silent on stderr, and hands out the high byte of 16-bit
// samples.
#include <vef/backends/image/codecs.hpp>

#include <csetjmp>

#include <png.h>

namespace vef {

namespace {

struct png_reading {
  byte_view content;
  std::size_t at = 0;
  bool ended = false;
  std::string why;
  std::vector<png_bytep> rows;
  png_structp png = nullptr;
  png_infop info = nullptr;

  ~png_reading() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp why) {
  static_cast<png_reading*>(png_get_error_ptr(png))->why = why;
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t count) {
  auto& self = *static_cast<png_reading*>(png_get_io_ptr(png));
  if (count > self.content.size() - self.at) {
    self.ended = true;
    png_error(png, "it ends early");
  }
  std::memcpy(to, self.content.data() + self.at, count);
  self.at += count;
}

// Everything becomes 8-bit RGB while it is read. The alpha of a palette or of a colour key is never made.
void ask_for_rgb(png_reading& self) {
  png_set_strip_16(self.png);
  png_set_expand(self.png);
  png_set_strip_alpha(self.png);
  png_set_gray_to_rgb(self.png);
  png_set_interlace_handling(self.png);
}

// The two steps that libpng may leave by longjmp. Neither has a local with a destructor.
bool read_head(png_reading& self) {
  if (setjmp(png_jmpbuf(self.png))) return false;
  png_set_read_fn(self.png, &self, on_read);
  png_set_user_limits(self.png, 0x7fffffff, 0x7fffffff); // ours have been checked, and are about the product
  png_set_keep_unknown_chunks(self.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(self.png, self.info);
  return true;
}

bool read_rows(png_reading& self) {
  if (setjmp(png_jmpbuf(self.png))) return false;
  ask_for_rgb(self);
  png_read_update_info(self.png, self.info);
  if (png_get_rowbytes(self.png, self.info) != std::size_t{png_get_image_width(self.png, self.info)} * 3)
    png_error(self.png, "its samples cannot be brought to RGB");
  png_read_image(self.png, self.rows.data());
  return true;
}

tl::unexpected<error> explain(const png_reading& self, std::string_view name) {
  if (self.ended) return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
  return cannot_decode(errc::corrupt_image, name, self.why);
}

} // namespace

result<pixels> decode_png(byte_view content, const picture_header& header, std::string_view name) {
  png_reading self;
  self.content = content;
  self.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &self, on_error, on_warning);
  if (self.png) self.info = png_create_info_struct(self.png);
  if (!self.info) throw std::bad_alloc{};
  if (!read_head(self)) return explain(self, name);

  // Deflate packs at most 1032 bytes into one.
  auto packed = std::uint64_t{png_get_rowbytes(self.png, self.info)} * header.height / 1032;
  if (packed > content.size())
    return cannot_decode(errc::truncated_image, name, "it is far too short for its size in pixels");
  auto out = blank(header);
  self.rows.resize(header.height);
  for (std::size_t y = 0; y < self.rows.size(); ++y) self.rows[y] = out.rgb.data() + y * header.width * 3;
  if (!read_rows(self)) return explain(self, name);
  return out;
}

} // namespace vef
