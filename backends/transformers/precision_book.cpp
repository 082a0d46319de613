#include <vef/backends/transformers/precision_book.hpp>

#include <vef/backends/image/file.hpp>
#include <vef/backends/log.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace vef {

std::string_view to_string(precision x) noexcept {
  switch (x) {
  case precision::float32: return "float32";
  case precision::bfloat16: return "bfloat16";
  case precision::float16: return "float16";
  }
  return "unknown";
}

double cosine_distance(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? 1 - ab / std::sqrt(aa * bb) : 1;
}

bool has_fast_bfloat16() {
#if defined(__x86_64__)
  // Intel 64 manual, CPUID: leaf 7, EDX bit 22 is AMX-BF16; leaf 7.1, EAX bit 5 is AVX512_BF16. What the
  // system keeps of the registers' state is in XCR0: bits 5 to 7 AVX-512, 17 and 18 AMX.
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d) || !(c & 1u << 27)) return false;
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if ((d & 1u << 22) && (low & 0x60000) == 0x60000) return true;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d)) return false;
  return (a & 1u << 5) && (low & 0xe0) == 0xe0;
#else
  return false;
#endif
}

precision_book::precision_book(std::filesystem::path file)
    : file_(std::move(file)) {
  std::ifstream in{file_};
  auto all = nlohmann::json::parse(in, nullptr, false);
  if (!all.is_object()) return;
  for (const auto& [key, value] : all.items())
    if (value.is_number() && std::isfinite(value.get<double>())) distances_[key] = value.get<double>();
}

std::optional<double> precision_book::find(const std::string& key) const {
  std::scoped_lock lock{mutex_};
  auto found = distances_.find(key);
  return found == distances_.end() ? std::nullopt : std::optional{found->second};
}

void precision_book::note(const std::string& key, double distance) {
  std::scoped_lock lock{mutex_};
  distances_[key] = distance;
  if (!file_.empty()) write();
}

void precision_book::write() const {
  std::error_code ignored; // writing says what is wrong
  std::filesystem::create_directories(file_.parent_path(), ignored);
  auto text = nlohmann::json(distances_).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  auto bytes = std::as_bytes(std::span{text});
  auto written = write_file(file_, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  if (!written) log(log_level::warn, written.error().what);
}

} // namespace vef
