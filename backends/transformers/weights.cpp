#include <vef/backends/transformers/weights.hpp>

#include <vef/backends/guard.hpp>
#include <vef/backends/transformers/json_walk.hpp>

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

namespace vef {

static_assert(std::endian::native == std::endian::little, "weights are used as they lie in the file");

namespace fs = std::filesystem;

namespace {

constexpr auto single_name = "model.safetensors";
constexpr auto index_name = "model.safetensors.index.json";
constexpr std::uint64_t largest_index = 64 << 20;

tl::unexpected<error> corrupt(std::string what) { return fail(errc::corrupt_model, std::move(what)); }

// Whether something of that name is there, be it a link that leads nowhere: then that is what is wrong.
bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

// -- the index ----------------------------------------------------------------------------------------------

/// Reads which file has which tensor.
class index_reader final : public json_visitor {
public:
  std::map<std::string, std::string> file_of;

  result<void> object() override {
    if (depth_ == 2) return unexpected("an object");
    ++depth_;
    return {};
  }
  result<void> list() override { return unexpected("a list"); }
  result<void> end() override {
    --depth_;
    return {};
  }

  result<bool> key(std::string_view name) override {
    if (depth_ == 1) {
      if (name != "weight_map") return false;
      if (std::exchange(had_map_, true)) return corrupt("it has two weight_map");
      return true;
    }
    name_ = name;
    if (file_of.contains(name_)) return corrupt("the tensor " + vef::quoted(name_) + " comes twice");
    return true;
  }

  result<void> text(std::string_view file) override {
    if (depth_ != 2) return unexpected("a text");
    // It comes from a stranger: a name with a path in it could lead to any file of the machine.
    constexpr std::string_view path_characters{"/\\\0", 3};
    if (file.empty() || file == "." || file.find("..") != file.npos
        || file.find_first_of(path_characters) != file.npos)
      return corrupt("the tensor " + vef::quoted(name_) + " is said to be in " + vef::quoted(file)
                     + ", which is no name of a file beside the index");
    file_of.emplace(name_, file);
    return {};
  }

  result<void> number(std::uint64_t) override { return unexpected("a number"); }
  result<void> other(std::string_view kind) override { return unexpected(kind); }

private:
  result<void> unexpected(std::string_view kind) const {
    auto instead = ", not " + std::string{kind};
    if (depth_ == 0) return corrupt("it must be an object" + instead);
    if (depth_ == 1) return corrupt("its weight_map must be an object" + instead);
    return corrupt("the file of the tensor " + vef::quoted(name_) + " must be a text" + instead);
  }

  int depth_ = 0; ///< 1 within the index, 2 within its weight_map
  bool had_map_ = false;
  std::string name_;
};

result<std::map<std::string, std::string>> read_index(const mapped_file& file) {
  auto size = file.bytes().size();
  if (size > largest_index)
    return corrupt("it has " + std::to_string(size) + " bytes, where " + std::to_string(largest_index)
                   + " are allowed");
  index_reader reader;
  auto walked = walk_json({reinterpret_cast<const char*>(file.bytes().data()), size}, "it", reader);
  if (!walked) return fail(std::move(walked.error()));
  if (reader.file_of.empty()) return corrupt("it has no weight_map, or one without tensors");
  return std::move(reader.file_of);
}

// -- a folder without safetensors ---------------------------------------------------------------------------

bool has_pickles(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator x{folder, failed}, end; !failed && x != end; x.increment(failed)) {
    auto name = x->path().filename().string();
    if (name.starts_with("pytorch_model") && name.ends_with(".bin")) return true;
  }
  return false;
}

tl::unexpected<error> nothing_in(const fs::path& folder) {
  auto name = vef::quoted(folder.string());
  std::error_code none;
  if (!fs::exists(folder, none)) return fail(errc::file_not_found, "there is no folder " + name);
  if (!fs::is_directory(folder, none)) return fail(errc::file_not_found, name + " is not a folder");
  auto what = "there are no weights in " + name + ": neither " + single_name + " nor " + index_name;
  if (!has_pickles(folder)) return corrupt(what);
  what += "; its pytorch_model*.bin are pickle files, which can run code: convert them to safetensors";
  return fail(errc::unsupported_model, what);
}

} // namespace

// -- the folder ---------------------------------------------------------------------------------------------

result<checkpoint_weights> checkpoint_weights::open(const fs::path& folder) noexcept {
  return guarded(errc::internal, "cannot open a checkpoint", [&]() -> result<checkpoint_weights> {
    checkpoint_weights out;
    result<void> added;
    if (is_there(folder / single_name))
      added = out.add_file(folder / single_name);
    else if (is_there(folder / index_name))
      added = out.add_shards(folder / index_name);
    else
      return nothing_in(folder);
    if (!added) return fail(std::move(added.error()));
    return out;
  });
}

namespace {

struct opened {
  std::shared_ptr<const mapped_file> file;
  tensor_directory directory;

  weight_view view_of(stored_tensor& x) const {
    return {x.type, std::move(x.shape), file->bytes().data() + x.begin, x.end - x.begin, file};
  }
};

result<opened> open_weights(const fs::path& path) {
  auto file = mapped_file::open(path);
  if (!file) return fail(std::move(file.error()));
  auto directory = read_safetensors((*file)->bytes(), path.string());
  if (!directory) return fail(std::move(directory.error()));
  return opened{std::move(*file), std::move(*directory)};
}

} // namespace

result<void> checkpoint_weights::add_file(const fs::path& path) {
  auto x = open_weights(path);
  if (!x) return fail(std::move(x.error()));
  for (auto& tensor : x->directory.tensors) tensors_.emplace(std::move(tensor.name), x->view_of(tensor));
  files_.push_back(std::move(x->file));
  return {};
}

result<void> checkpoint_weights::add_shards(const fs::path& index) {
  auto file = mapped_file::open(index);
  if (!file) return fail(std::move(file.error()));
  auto prefix = "cannot read " + vef::quoted(index.string()) + ": ";
  auto wanted = read_index(**file);
  if (!wanted) return fail(wanted.error().code, prefix + wanted.error().what);
  std::set<std::string> names;
  for (const auto& [tensor, name] : *wanted) names.insert(name);
  for (const auto& name : names) {
    auto shard = index.parent_path() / name;
    if (!is_there(shard))
      return corrupt(prefix + "it names the file " + vef::quoted(name) + ", which is not beside it");
    if (auto added = add_shard(shard, *wanted); !added) return added;
  }
  for (const auto& [tensor, name] : *wanted)
    if (!tensors_.contains(tensor))
      return corrupt(prefix + "it says that the tensor " + vef::quoted(tensor) + " is in " + vef::quoted(name)
                     + ", which does not have it");
  return {};
}

result<void> checkpoint_weights::add_shard(const fs::path& path,
                                           const std::map<std::string, std::string>& wanted) {
  auto x = open_weights(path);
  if (!x) return fail(std::move(x.error()));
  for (auto& tensor : x->directory.tensors) {
    auto found = wanted.find(tensor.name);
    if (found != wanted.end() && found->second == path.filename().string())
      tensors_.emplace(std::move(tensor.name), x->view_of(tensor));
  }
  files_.push_back(std::move(x->file));
  return {};
}

} // namespace vef
