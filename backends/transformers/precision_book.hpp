#pragma once

#include <vef/backends/torch/engine.hpp>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>

namespace vef {

/// What a user asks a model to compute in. `automatic` is half precision where the machine has fast
/// arithmetic for it and the model's vectors stay what they are.
enum class precision_wish : std::uint8_t { float32, bfloat16, float16, automatic };

std::string_view to_string(precision x) noexcept;

/// The largest cosine distance between the vectors of both precisions at which half of it will do.
inline constexpr double most_distance = 1e-4;

/// 1 - cosine of two vectors of one length; 1 where one of them is zero.
double cosine_distance(std::span<const float> a, std::span<const float> b);

/// Whether this processor multiplies bfloat16 faster than float32: it has AMX or AVX512_BF16, and the system
/// lets programs use them.
bool has_fast_bfloat16();

/// How far half precision was from float32, for each model that was ever compared: kept in a file, so that a
/// model is compared once. A file that can't be read is as good as none; one that can't be written costs a
/// line of log.
///
/// Threads: any.
class precision_book {
public:
  /// Keeps nothing beyond its own life if the path is empty.
  explicit precision_book(std::filesystem::path file);

  /// The cosine distance that was noted under the key.
  std::optional<double> find(const std::string& key) const;
  void note(const std::string& key, double distance);

private:
  void write() const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::map<std::string, double> distances_;
};

} // namespace vef
