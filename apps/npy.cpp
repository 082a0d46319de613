#include <vef/apps/npy.hpp>

#include <charconv>
#include <optional>
#include <vector>

namespace vef {

namespace {

constexpr std::string_view magic = "\x93NUMPY";

std::uint64_t byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// What stands after a key of the dictionary, blanks left out.
std::optional<std::string_view> value_of(std::string_view head, std::string_view key) {
  auto at = head.find("'" + std::string{key} + "'");
  if (at == head.npos) return std::nullopt;
  at = head.find(':', at);
  if (at == head.npos) return std::nullopt;
  at = head.find_first_not_of(' ', at + 1);
  return at == head.npos ? std::nullopt : std::optional{head.substr(at)};
}

// "(3, 4)" as two numbers; more or fewer are none.
std::vector<std::uint64_t> shape_of(std::string_view text) {
  std::vector<std::uint64_t> out;
  auto end = text.find(')');
  if (!text.starts_with('(') || end == text.npos) return out;
  for (std::size_t i = 1; i < end;) {
    i = text.find_first_not_of(" ,L", i);
    if (i >= end) break;
    std::uint64_t n = 0;
    auto [next, problem] = std::from_chars(text.data() + i, text.data() + end, n);
    if (problem != std::errc{}) return {};
    out.push_back(n);
    i = static_cast<std::size_t>(next - text.data());
  }
  return out;
}

} // namespace

std::string npy_header(std::uint64_t rows, std::uint64_t dim) {
  std::string out{magic};
  out += '\x01';
  out += '\x00';
  out += static_cast<char>(npy_header_size - 10);
  out += '\x00';
  out += "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", "
         + std::to_string(dim) + "), }";
  out.resize(npy_header_size - 1, ' ');
  return out + '\n';
}

result<npy_layout> read_npy_header(std::string_view start, std::string_view name) {
  auto refuse = [&](const char* why) {
    return fail(errc::invalid_config, "cannot read vectors from " + vef::quoted(name) + ": " + why);
  };
  if (!start.starts_with(magic) || start.size() < 12) return refuse("it is no .npy file");
  auto major = byte_at(start, 6);
  if (major != 1 && major != 2) return refuse("it is of a version other than 1 and 2");
  std::size_t begin = major == 1 ? 10 : 12;
  auto length = byte_at(start, 8) | byte_at(start, 9) << 8;
  if (major == 2) length |= byte_at(start, 10) << 16 | byte_at(start, 11) << 24;
  if (start.size() < begin + length) return refuse("its head is incomplete");
  auto head = start.substr(begin, length);
  auto descr = value_of(head, "descr"), order = value_of(head, "fortran_order"),
       shape = value_of(head, "shape");
  if (!descr || !order || !shape) return refuse("its head is damaged");
  if (!descr->starts_with("'<f4'") || !order->starts_with("False"))
    return refuse("its numbers are not little-endian float32 in C order");
  auto sides = shape_of(*shape);
  if (sides.size() != 2) return refuse("its numbers have no rows and columns");
  constexpr auto most = std::uint64_t{1} << 40;
  if (sides[1] == 0 || sides[0] > most || sides[1] > most / 4 || sides[0] > most / sides[1])
    return refuse("its shape makes no sense");
  return npy_layout{sides[0], sides[1], begin + length};
}

} // namespace vef
