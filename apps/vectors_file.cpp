#include <vef/apps/vectors_file.hpp>

#include <vef/apps/lines.hpp>
#include <vef/apps/npy.hpp>

#include <cerrno>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

struct mapped {
  std::shared_ptr<const void> memory;
  std::string_view bytes;
};

tl::unexpected<error> cannot_read(const std::filesystem::path& file, int reason) {
  return fail(reason == ENOENT ? errc::file_not_found : errc::file_unreadable,
              "cannot read vectors from " + vef::quoted(file.string()) + ": "
                  + (reason == ENOENT ? "there is no such file" : std::generic_category().message(reason)));
}

tl::unexpected<error> damaged(const std::filesystem::path& file, const std::string& why) {
  return fail(errc::invalid_config, "cannot read vectors from " + vef::quoted(file.string()) + ": " + why);
}

result<mapped> map_file(const std::filesystem::path& path) {
  auto file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return cannot_read(path, errno);
  struct stat facts {};
  auto regular = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
  auto size = static_cast<std::size_t>(facts.st_size);
  auto memory = regular && size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  auto reason = errno;
  ::close(file);
  if (!regular || size == 0) return damaged(path, regular ? "it has no bytes" : "it is no regular file");
  if (memory == MAP_FAILED) return cannot_read(path, reason);
  return mapped{{memory, [size](const void* x) { ::munmap(const_cast<void*>(x), size); }},
                {static_cast<const char*>(memory), size}};
}

} // namespace

result<vectors_file> vectors_file::open(const std::filesystem::path& out) {
  auto files = output_paths::of(out);
  if (!files) return fail(files.error());
  vectors_file x;
  if (auto ok = x.map(files->vectors); !ok) return fail(ok.error());
  if (auto ok = x.read_paths(files->lines, files->vectors); !ok) return fail(ok.error());
  return x;
}

result<void> vectors_file::map(const std::filesystem::path& file) {
  auto content = map_file(file);
  if (!content) return fail(content.error());
  auto layout = read_npy_header(content->bytes, file.string());
  if (!layout) return fail(layout.error());
  auto bytes = content->bytes.substr(layout->offset);
  if (bytes.size() < layout->rows * layout->dim * sizeof(float))
    return damaged(file, "it ends before its " + std::to_string(layout->rows) + " rows do");
  if (layout->offset % alignof(float) != 0) return damaged(file, "its numbers are not aligned");
  mapping_ = content->memory;
  block_ = {reinterpret_cast<const float*>(bytes.data()), static_cast<std::size_t>(layout->rows),
            static_cast<std::size_t>(layout->dim)};
  return {};
}

result<void> vectors_file::read_paths(const std::filesystem::path& lines,
                                      const std::filesystem::path& vectors) {
  std::ifstream in{lines, std::ios::binary};
  if (!in)
    return damaged(vectors, "there is no " + vef::quoted(lines.string()) + " with the paths of its pictures");
  paths_.resize(block_.rows);
  std::size_t found = 0, number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    auto line = read_line(text);
    if (!line) return damaged(lines, "line " + std::to_string(number) + " is none of a run of vef");
    if (!line->row) continue;
    if (*line->row >= paths_.size() || !paths_[*line->row].empty())
      return damaged(lines, "line " + std::to_string(number) + " belongs to other vectors");
    paths_[*line->row] = std::move(line->path);
    ++found;
  }
  if (found == paths_.size()) return {};
  return damaged(vectors, vef::quoted(lines.string()) + " belongs to other vectors: it names "
                              + std::to_string(found) + " of " + std::to_string(paths_.size()) + " pictures");
}

} // namespace vef
