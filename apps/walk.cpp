#include <vef/apps/walk.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <memory>
#include <set>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <dirent.h>
#include <sys/stat.h>

namespace vef {

namespace {

// Formats that nothing here decodes are among them: "not supported" says more than silence.
constexpr std::array<std::string_view, 15> extensions{"avif", "bmp",  "dib", "gif",  "heic",
                                                      "heif", "jfif", "jp2", "jpe",  "jpeg",
                                                      "jpg",  "png",  "tif", "tiff", "webp"};

struct entry {
  std::string name;
  bool folder = false;
};

struct stat_result {
  struct stat facts {};
  int reason = 0;
  bool is_folder() const { return reason == 0 && S_ISDIR(facts.st_mode); }
};

stat_result look_at(const std::string& path) {
  stat_result x;
  if (::stat(path.c_str(), &x.facts) != 0) x.reason = errno;
  return x;
}

error cannot_read(int reason, const std::string& path, const char* what) {
  auto missing = reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG;
  auto why = missing ? "there is no such file" : std::generic_category().message(reason);
  return {missing ? errc::file_not_found : errc::file_unreadable, what + vef::quoted(path) + ": " + why};
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + '/' + name;
}

class walker {
public:
  void add(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    auto found = look_at(path);
    if (found.is_folder()) return enter(path, found.facts);
    take(path, found.reason == 0 ? error{} : cannot_read(found.reason, path, "cannot read "));
  }

  inputs done() && { return std::move(out_); }

private:
  void enter(const std::string& folder, const struct stat& facts) {
    if (!entered_.insert({facts.st_dev, facts.st_ino}).second) {
      ++out_.repeated;
      return;
    }
    ++out_.folders;
    std::vector<entry> entries;
    if (auto reason = list(folder, entries); reason != 0)
      take(folder, cannot_read(reason, folder, "cannot list the folder "));
    for (const auto& x : entries) visit(joined(folder, x.name), x);
  }

  void visit(const std::string& path, const entry& x) {
    if (x.name.starts_with('.')) {
      ++out_.hidden;
    } else if (x.folder) {
      if (auto found = look_at(path); found.is_folder()) enter(path, found.facts);
    } else if (named_like_picture(x.name)) {
      take(path, {});
    } else {
      ++out_.others;
    }
  }

  // The error of the system call that failed, 0 if none did. Entries come sorted by name.
  static int list(const std::string& folder, std::vector<entry>& entries) {
    std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(folder.c_str()), &::closedir};
    if (!dir) return errno;
    errno = 0;
    while (auto x = ::readdir(dir.get())) {
      std::string name = x->d_name;
      if (name != "." && name != "..") entries.push_back({std::move(name), is_folder(folder, *x)});
      errno = 0;
    }
    auto reason = errno;
    std::ranges::sort(entries, {}, &entry::name);
    return reason;
  }

  static bool is_folder(const std::string& folder, const dirent& x) {
    if (x.d_type != DT_UNKNOWN && x.d_type != DT_LNK) return x.d_type == DT_DIR;
    return look_at(joined(folder, x.d_name)).is_folder();
  }

  void take(const std::string& path, error problem) {
    if (seen_.insert(path).second)
      out_.files.push_back({path, std::move(problem)});
    else
      ++out_.repeated;
  }

  inputs out_;
  std::set<std::pair<dev_t, ino_t>> entered_;
  std::unordered_set<std::string> seen_;
};

} // namespace

inputs walk(std::span<const std::string> paths) {
  walker w;
  for (const auto& path : paths) w.add(path);
  return std::move(w).done();
}

bool named_like_picture(std::string_view name) {
  auto dot = name.rfind('.');
  if (dot == name.npos || dot == 0) return false;
  std::string extension{name.substr(dot + 1)};
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::binary_search(extensions, std::string_view{extension});
}

} // namespace vef
