#pragma once

#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/file_download.hpp>

#include <span>

namespace vef {

/// Bytes that these files will still take: not those of blobs that are there, nor of part files that will be
/// gone on with; what two files share counts once.
std::uint64_t bytes_to_write(const hub_cache& cache, std::span<const wanted_file> files);

/// Bytes that a user may still write where a folder is or will be.
std::uint64_t free_space_at(std::filesystem::path folder);

} // namespace vef
