#include <vef/backends/hub/free_space.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace vef {

namespace fs = std::filesystem;

namespace {

std::uint64_t part_size(const fs::path& blobs, const std::string& etag) {
  std::uint64_t largest = 0;
  std::error_code problem;
  for (fs::directory_iterator it{blobs, problem}; !problem && it != fs::directory_iterator{};
       it.increment(problem)) {
    auto name = it->path().filename().string();
    std::error_code none;
    if (!name.starts_with(etag + '.') || !name.ends_with(".incomplete")) continue;
    if (auto size = it->file_size(none); !none) largest = std::max(largest, std::uint64_t{size});
  }
  return largest;
}

} // namespace

std::uint64_t bytes_to_write(const hub_cache& cache, std::span<const wanted_file> files) {
  std::uint64_t sum = 0;
  std::set<std::string> seen;
  for (const auto& x : files) {
    if (!seen.insert(x.facts.etag).second || cache.has_blob(x.model.id, x.facts.etag)) continue;
    auto there = part_size(cache.repository(x.model.id) / "blobs", x.facts.etag);
    auto missing = x.facts.size - std::min(there, x.facts.size);
    if (sum > std::numeric_limits<std::uint64_t>::max() - missing)
      return std::numeric_limits<std::uint64_t>::max();
    sum += missing;
  }
  return sum;
}

std::uint64_t free_space_at(fs::path folder) {
  std::error_code problem;
  folder = fs::absolute(folder, problem);
  while (!fs::exists(folder, problem) && folder.has_relative_path()) folder = folder.parent_path();
  auto space = fs::space(folder, problem);
  // Where the disk doesn't say, the writing will.
  return problem ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{space.available};
}

} // namespace vef
