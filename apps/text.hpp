#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vef {

/// The width that tables and messages keep to.
inline constexpr std::size_t page_width = 100;

/// A path as people may see it: control characters and invalid bytes come out escaped.
std::string printable(std::string_view path);

/// How many columns a UTF-8 text takes, where each letter takes one.
std::size_t display_width(std::string_view text);

/// A text in at most `width` columns: what is too long loses its beginning, as suits a path, or its end.
std::string keep_end(std::string_view text, std::size_t width);
std::string keep_start(std::string_view text, std::size_t width);

/// "3.2 s", "4:05 min", "2:04:05 h".
std::string format_duration(double seconds);

/// "1 picture", "1,234 pictures".
std::string count(std::size_t n, std::string_view noun);

/// "1,234,567".
std::string grouped(std::size_t n);

} // namespace vef
