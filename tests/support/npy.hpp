#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace vef::test {

/// An .npy file of version 1.0, little-endian, C order, whose element type the test knows.
template <class T> struct npy {
  std::vector<std::size_t> shape;
  std::vector<T> values;

  /// The values of one entry along the first axis.
  const T* row(std::size_t i) const { return values.data() + i * row_size(); }
  std::size_t row_size() const { return shape.empty() || shape[0] == 0 ? 0 : values.size() / shape[0]; }
};

template <class T> npy<T> read_npy(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  char magic[10];
  if (!in.read(magic, sizeof magic) || std::memcmp(magic, "\x93NUMPY\x01\x00", 8) != 0)
    throw std::runtime_error("no .npy 1.0 file: " + file.string());
  auto length = static_cast<unsigned char>(magic[8]) + 256u * static_cast<unsigned char>(magic[9]);
  std::string header(length, ' ');
  in.read(header.data(), static_cast<std::streamsize>(length));
  npy<T> out;
  std::size_t count = 1;
  auto open = header.find('(', header.find("'shape'"));
  for (auto p = open + 1; header[p] != ')';) {
    if (header[p] < '0' || header[p] > '9') {
      ++p;
      continue;
    }
    std::size_t used = 0;
    out.shape.push_back(std::stoull(header.substr(p), &used));
    count *= out.shape.back();
    p += used;
  }
  out.values.resize(count);
  if (!in.read(reinterpret_cast<char*>(out.values.data()), static_cast<std::streamsize>(count * sizeof(T))))
    throw std::runtime_error("truncated: " + file.string());
  return out;
}

} // namespace vef::test
