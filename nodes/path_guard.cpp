#include <vef/nodes/path_guard.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>

#include <climits>

namespace vef {

namespace fs = std::filesystem;

namespace {

// What Linux allows on the way to one file.
constexpr int most_links = 40;

/// The names that are still to be walked, the next one last.
using names_left = std::vector<fs::path>;

void put(names_left& left, const fs::path& path) {
  names_left names;
  for (const auto& name : path.relative_path())
    if (!name.empty() && name != ".") names.push_back(name);
  left.insert(left.end(), names.rbegin(), names.rend());
}

/// An absolute path without links and '..'. As realpath, except that it goes on by the names alone where
/// there is nothing or nothing may be seen: so that where a path leads is known without saying whether it
/// exists. Nothing if links lead in a circle.
std::optional<fs::path> resolved(const fs::path& path) {
  fs::path out{"/"};
  names_left left;
  put(left, path);
  for (int links = 0; !left.empty();) {
    auto name = std::move(left.back());
    left.pop_back();
    if (name == "..") {
      out = out.parent_path();
      continue;
    }
    std::error_code none;
    auto target = fs::read_symlink(out / name, none);
    if (none) { // no link, or nothing at all
      out /= name;
      continue;
    }
    if (++links > most_links) return {};
    if (target.is_absolute()) out = "/";
    put(left, target);
  }
  return out;
}

// By whole names: /srv/photos-private is not below /srv/photos.
bool is_below(const fs::path& file, const fs::path& folder) {
  auto [rest, end] = std::ranges::mismatch(file, folder);
  return end == folder.end() && rest != file.end();
}

/// By its spelling, without '..', and by where its links lead to.
bool leads_into(const fs::path& spelled, const fs::path& file, const fs::path& folder) {
  auto name = folder.lexically_normal();
  if (!name.has_filename()) name = name.parent_path(); // of a slash at its end
  auto there = resolved(name);
  return there && is_below(spelled, name) && is_below(file, *there);
}

bool is_path(const std::string& x) {
  return x.size() < PATH_MAX && x.starts_with('/') && x.find('\0') == x.npos;
}

tl::unexpected<error> refuse(errc code, const std::string& path, const std::string& why) {
  return fail(code, "cannot read " + vef::quoted(path) + " for another node: " + why);
}

} // namespace

path_guard::path_guard(std::vector<std::string> folders)
    : folders_(std::move(folders)) {}

result<std::string> path_guard::allowed(const std::string& path) const {
  // Before anything is looked at: the work that a path makes grows with its length.
  if (!is_path(path))
    return refuse(errc::invalid_argument, path.substr(0, 80),
                  "the path must be absolute, of less than " + std::to_string(PATH_MAX)
                      + " bytes and without a zero byte");
  auto spelled = fs::path{path}.lexically_normal();
  auto file = resolved(spelled);
  auto is_shared = file && std::ranges::any_of(folders_, [&](const std::string& folder) {
                     return leads_into(spelled, *file, folder);
                   });
  if (!is_shared)
    return fail(errc::not_allowed,
                vef::quoted(path)
                    + " is not below a folder that this node shares: send the picture's bytes, or add its "
                      "folder to 'shared_folders'");
  std::error_code problem;
  auto status = fs::status(*file, problem);
  if (status.type() == fs::file_type::not_found)
    return refuse(errc::file_not_found, path, "there is no such file");
  if (problem) return refuse(errc::file_unreadable, path, problem.message());
  return file->string();
}

bool path_guard::names(const std::vector<std::string>& folders, const std::string& path) {
  if (!is_path(path)) return false;
  auto spelled = fs::path{path}.lexically_normal();
  auto file = resolved(spelled);
  // Behind a link, '..' is another folder for the system that opens the file here.
  return file && file == resolved(path) && std::ranges::any_of(folders, [&](const std::string& folder) {
           return leads_into(spelled, *file, folder);
         });
}

} // namespace vef
