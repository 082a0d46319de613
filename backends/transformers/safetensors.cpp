#include <vef/backends/transformers/safetensors.hpp>

#include <vef/backends/guard.hpp>
#include <vef/backends/transformers/json_walk.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

namespace vef {

namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t longest_header = 100'000'000;
constexpr std::size_t most_dimensions = 8;
constexpr std::uint64_t largest_size = std::numeric_limits<std::int64_t>::max();

// The types of the format that have no place here: complex numbers, and numbers of a byte or less.
constexpr std::string_view other_types[] = {"C64",         "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ",
                                            "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4"};

tl::unexpected<error> corrupt(std::string what) { return fail(errc::corrupt_model, std::move(what)); }

// A name may be as long as the header; the begin tells which it is.
std::string tensor(std::string_view name) {
  constexpr std::size_t shown = 200;
  return "tensor " + vef::quoted(name.substr(0, shown)) + (name.size() > shown ? "..." : "");
}

std::string range(const stored_tensor& x) {
  return "[" + std::to_string(x.begin) + ", " + std::to_string(x.end) + ")";
}

// Zeros among the sides do not excuse an overflow by the others: strides are products of them, too.
std::optional<std::uint64_t> bytes_of(const stored_tensor& x) {
  std::uint64_t size = size_of(x.type);
  bool empty = false;
  for (auto side : x.shape) {
    empty = empty || side == 0;
    if (side != 0 && __builtin_mul_overflow(size, static_cast<std::uint64_t>(side), &size)) return {};
  }
  if (size > largest_size) return {};
  return empty ? 0 : size;
}

// -- the header ---------------------------------------------------------------------------------------------

/// Gathers the tensors of a header, with offsets relative to the data.
class header_reader final : public json_visitor {
public:
  std::vector<stored_tensor> tensors;

  result<void> object() override {
    if (place_ == place::outside)
      place_ = place::header;
    else if (place_ == place::header)
      place_ = about_metadata_ ? place::metadata : place::tensor;
    else
      return unexpected("an object");
    return {};
  }

  result<void> list() override {
    if (place_ != place::tensor || field_ == field::dtype) return unexpected("a list");
    place_ = place::list;
    return {};
  }

  result<void> end() override {
    if (place_ == place::list) {
      place_ = place::tensor;
      return {};
    }
    auto was = std::exchange(place_, place_ == place::header ? place::outside : place::header);
    return was == place::tensor ? finish_tensor() : result<void>{};
  }

  result<bool> key(std::string_view name) override {
    if (place_ == place::metadata) return true;
    if (place_ == place::header) return begin_entry(name);
    constexpr std::string_view names[] = {"dtype", "shape", "data_offsets"};
    auto known = std::ranges::find(names, name);
    if (known == std::end(names)) return false;
    auto i = static_cast<std::size_t>(known - std::begin(names));
    if (std::exchange(seen_[i], true)) return corrupt(this_tensor() + " has two " + std::string{name});
    field_ = static_cast<field>(i);
    return true;
  }

  result<void> text(std::string_view value) override {
    if (place_ == place::metadata) return {};
    if (place_ != place::tensor || field_ != field::dtype) return unexpected("a text");
    if (auto x = std::ranges::find(all_dtypes, value, &dtype_facts::stored_name); x != all_dtypes.end()) {
      current_.type = static_cast<vef::dtype>(x - all_dtypes.begin());
      return {};
    }
    auto type = "the type " + vef::quoted(value.substr(0, 40));
    if (std::ranges::find(other_types, value) != std::end(other_types))
      return fail(errc::unsupported_model, this_tensor() + ": " + type + " is not supported");
    return corrupt(this_tensor() + ": there is no " + type.substr(4));
  }

  result<void> number(std::uint64_t value) override {
    if (place_ != place::list) return unexpected("a number");
    if (field_ == field::data_offsets) {
      if (offsets_ == 2) return corrupt(this_tensor() + " has more than two data_offsets");
      (offsets_++ == 0 ? current_.begin : current_.end) = value;
      return {};
    }
    if (current_.shape.size() == most_dimensions)
      return corrupt(this_tensor() + " has more than " + std::to_string(most_dimensions) + " dimensions");
    if (value > largest_size)
      return corrupt(this_tensor() + ": nothing has a side of " + std::to_string(value));
    current_.shape.push_back(static_cast<std::int64_t>(value));
    return {};
  }

  result<void> other(std::string_view kind) override { return unexpected(kind); }

private:
  enum class place { outside, header, metadata, tensor, list };
  enum class field { dtype, shape, data_offsets };

  std::string this_tensor() const { return tensor(current_.name); }

  result<bool> begin_entry(std::string_view name) {
    about_metadata_ = name == "__metadata__";
    if (about_metadata_ && std::exchange(had_metadata_, true))
      return corrupt("its header has two __metadata__");
    current_ = {.name = std::string{name}};
    seen_ = {};
    offsets_ = 0;
    return true;
  }

  result<void> finish_tensor() {
    constexpr std::string_view missing[] = {" has no dtype", " has no shape", " has no data_offsets"};
    auto lacks = std::ranges::find(seen_, false);
    if (lacks != seen_.end()) return corrupt(this_tensor() + std::string{missing[lacks - seen_.begin()]});
    if (offsets_ != 2) return corrupt(this_tensor() + " has less than two data_offsets");
    if (current_.begin > current_.end)
      return corrupt(this_tensor() + ": its data_offsets " + range(current_) + " end before they begin");
    auto size = bytes_of(current_);
    if (!size) return corrupt(this_tensor() + ": the size of its shape overflows");
    if (current_.end - current_.begin != *size)
      return corrupt(this_tensor() + ": its data_offsets " + range(current_) + " hold "
                     + std::to_string(current_.end - current_.begin) + " bytes, its shape and type want "
                     + std::to_string(*size));
    tensors.push_back(std::move(current_));
    return {};
  }

  result<void> unexpected(std::string_view kind) const {
    auto instead = ", not " + std::string{kind};
    if (place_ == place::outside) return corrupt("its header must be an object" + instead);
    if (place_ == place::metadata) return corrupt("its __metadata__ must hold texts" + instead);
    if (place_ == place::header)
      return corrupt((about_metadata_ ? "its __metadata__" : this_tensor()) + " must be an object" + instead);
    constexpr std::string_view wanted[] = {": its dtype must be a text",
                                           ": its shape must be a list of whole numbers",
                                           ": its data_offsets must be a list of two whole numbers"};
    if (place_ == place::list) instead = ", without " + std::string{kind};
    return corrupt(this_tensor() + std::string{wanted[static_cast<std::size_t>(field_)]} + instead);
  }

  place place_ = place::outside;
  bool about_metadata_ = false; ///< the entry of the header that is read
  bool had_metadata_ = false;
  field field_ = field::dtype;
  stored_tensor current_;
  std::array<bool, 3> seen_{}; ///< its fields
  int offsets_ = 0;
};

// -- the data -----------------------------------------------------------------------------------------------

result<void> check_names(std::vector<stored_tensor>& tensors) {
  std::ranges::sort(tensors, {}, &stored_tensor::name);
  auto twice = std::ranges::adjacent_find(tensors, {}, &stored_tensor::name);
  if (twice == tensors.end()) return {};
  return corrupt("the name of " + tensor(twice->name) + " comes twice");
}

// Sorts them by their place. Those without bytes come before the one that begins there.
result<void> check_places(std::vector<stored_tensor>& tensors, std::uint64_t data_size) {
  std::ranges::sort(tensors, {}, [](const stored_tensor& x) { return std::tie(x.begin, x.end, x.name); });
  auto figures = [&] { return " of the " + std::to_string(data_size) + " bytes of data"; };
  std::uint64_t reached = 0;
  for (const auto& x : tensors) {
    if (x.end > data_size)
      return corrupt(tensor(x.name) + ": its data_offsets " + range(x) + " lead beyond the end" + figures());
    if (x.begin < reached)
      return corrupt(tensor(x.name) + ": its data_offsets " + range(x) + " overlap with "
                     + tensor((&x - 1)->name) + ", which ends at " + std::to_string(reached));
    if (x.begin > reached)
      return corrupt(tensor(x.name) + ": its data_offsets " + range(x) + " leave a hole after byte "
                     + std::to_string(reached) + figures());
    reached = x.end;
  }
  if (reached == data_size) return {};
  return corrupt("the last " + std::to_string(data_size - reached) + figures() + " belong to no tensor");
}

// -- the file -----------------------------------------------------------------------------------------------

result<std::string_view> header_of(std::span<const std::byte> file) {
  if (file.size() < length_bytes)
    return corrupt("it has " + std::to_string(file.size()) + " bytes, and needs "
                   + std::to_string(length_bytes) + " for the length of its header alone");
  std::uint64_t length = 0;
  for (auto i = length_bytes; i-- > 0;) length = length << 8 | std::to_integer<std::uint64_t>(file[i]);
  if (length > longest_header)
    return corrupt("it claims a header of " + std::to_string(length) + " bytes, where "
                   + std::to_string(longest_header) + " are allowed: is it a safetensors file?");
  if (length > file.size() - length_bytes)
    return corrupt("it ends after " + std::to_string(file.size()) + " bytes, within its header of "
                   + std::to_string(length));
  auto header = file.subspan(length_bytes, static_cast<std::size_t>(length));
  return std::string_view{reinterpret_cast<const char*>(header.data()), header.size()};
}

result<tensor_directory> read(std::span<const std::byte> file) {
  auto header = header_of(file);
  if (!header) return fail(std::move(header.error()));
  header_reader reader;
  if (auto walked = walk_json(*header, "its header", reader); !walked) return fail(std::move(walked.error()));
  tensor_directory out{length_bytes + header->size(), std::move(reader.tensors)};
  auto good = check_names(out.tensors);
  if (good) good = check_places(out.tensors, file.size() - out.data_begin);
  if (!good) return fail(std::move(good.error()));
  for (auto& x : out.tensors) {
    x.begin += out.data_begin;
    x.end += out.data_begin;
  }
  return out;
}

} // namespace

result<tensor_directory> read_safetensors(std::span<const std::byte> file,
                                          const std::string& name_of_file) noexcept {
  return guarded(errc::internal, "cannot read a safetensors file", [&] {
    auto out = read(file);
    if (!out) out.error().what = "cannot read " + vef::quoted(name_of_file) + ": " + out.error().what;
    return out;
  });
}

} // namespace vef
