#include "support/recipe.hpp"

#include "support/scratch.hpp"

#include <nlohmann/json.hpp>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <future>
#include <numeric>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace vef::test {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie in memory");

namespace {

constexpr std::uint64_t gold = 0x9E3779B97F4A7C15;

std::string first_digits(std::span<const std::byte> bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sum.data());
  std::string out;
  for (std::size_t i = 0; i < 8; ++i)
    for (auto digit : {sum[i] >> 4, sum[i] & 15}) out += "0123456789abcdef"[digit];
  return out;
}

/// A file of a known size, mapped to be written. It appears under its name when `finish` says so.
class output_file {
public:
  output_file(const std::filesystem::path& file, std::size_t size)
      : file_(file)
      , partial_(file.string() + ".partial")
      , size_(size) {
    auto descriptor = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    auto room = descriptor >= 0 && ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)) == 0;
    if (room) memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor >= 0) ::close(descriptor);
    if (memory_ == MAP_FAILED) throw std::runtime_error("cannot write " + partial_.string());
  }
  ~output_file() { ::munmap(memory_, size_); }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(memory_), size_}; }
  void finish() const { std::filesystem::rename(partial_, file_); }

private:
  std::filesystem::path file_, partial_;
  std::size_t size_;
  void* memory_ = MAP_FAILED;
};

/// The head of a safetensors file (its length, then JSON padded to 8 bytes), for tensors in this order.
std::string head_of(const std::vector<const weights_recipe::tensor*>& order) {
  nlohmann::ordered_json head{{"__metadata__", {{"format", "pt"}}}};
  std::size_t at = 0;
  for (auto x : order) {
    head[x->name] = {{"dtype", x->whole_numbers() ? "I64" : "F32"},
                     {"shape", x->shape},
                     {"data_offsets", {at, at + x->bytes()}}};
    at += x->bytes();
  }
  auto text = head.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text;
}

void write_safetensors(const weights_recipe& recipe, const std::filesystem::path& file) {
  // The larger elements come first, so that each is aligned.
  std::vector<const weights_recipe::tensor*> order;
  for (const auto& x : recipe.tensors()) order.push_back(&x);
  std::ranges::stable_partition(order, &weights_recipe::tensor::whole_numbers);
  auto head = head_of(order);
  std::vector<std::size_t> starts{head.size()};
  for (auto x : order) starts.push_back(starts.back() + x->bytes());

  output_file out{file, starts.back()};
  std::memcpy(out.bytes().data(), head.data(), head.size());
  std::atomic<std::size_t> next = 0;
  auto work = [&] {
    for (auto i = next++; i < order.size(); i = next++)
      recipe.write(*order[i], out.bytes().subspan(starts[i], order[i]->bytes()));
  };
  auto second = std::async(std::launch::async, work);
  work();
  second.get();
  out.finish();
}

} // namespace

std::uint64_t fnv1a(std::string_view text) noexcept {
  std::uint64_t h = 0xCBF29CE484222325;
  for (unsigned char byte : text) h = (h ^ byte) * 0x100000001B3;
  return h;
}

void unit(std::string_view name, std::uint64_t seed, std::span<float> out) noexcept {
  auto counter = fnv1a(name) ^ (seed * gold);
  for (auto& value : out) {
    auto z = counter += gold;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z = z ^ (z >> 31);
    value = static_cast<float>(static_cast<std::int32_t>(z >> 40)) * 0x1p-23f - 1; // exact
  }
}

std::size_t weights_recipe::tensor::count() const noexcept {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies{});
}

weights_recipe::weights_recipe(std::filesystem::path full_folder)
    : folder_(std::move(full_folder)) {
  try {
    auto document = nlohmann::json::parse(content_of(folder_ / "weights_recipe.json"));
    document.at("seed").get_to(seed_);
    for (const auto& row : document.at("tensors"))
      tensors_.push_back({row.at(0), row.at(1), row.at(2), row.at(3), row.at(4), row.at(5)});
  } catch (const nlohmann::json::exception& problem) {
    throw std::runtime_error(folder_.string() + ": no recipe of weights: " + problem.what());
  }
  for (const auto& x : tensors_)
    if (x.kind.starts_with("file ")) {
      auto file = x.kind.substr(5);
      if (!side_files_.contains(file)) side_files_[file] = content_of(folder_ / file);
    }
}

void weights_recipe::write(const tensor& x, std::span<std::byte> out) const {
  compute(x, out);
  if (first_digits(out) != x.digest)
    throw std::runtime_error(folder_.string() + ": tensor " + x.name + " is not what its digest says");
}

void weights_recipe::compute(const tensor& x, std::span<std::byte> out) const {
  if (x.kind.starts_with("file ")) {
    std::ranges::copy(side_file(x), out.begin());
  } else if (x.kind == "i64") {
    std::ranges::fill(std::span{reinterpret_cast<std::int64_t*>(out.data()), x.count()},
                      static_cast<std::int64_t>(x.offset));
  } else if (x.kind == "f") {
    std::span values{reinterpret_cast<float*>(out.data()), x.count()};
    unit(x.name, seed_, values);
    auto offset = static_cast<float>(x.offset), scale = static_cast<float>(x.scale);
    for (auto& value : values) {
      volatile float product = scale * value; // rounded before the sum: no fused multiply-add
      value = offset + product;
    }
  } else {
    throw std::runtime_error(folder_.string() + ": tensor " + x.name + " is of an unknown kind: " + x.kind);
  }
}

std::span<const std::byte> weights_recipe::side_file(const tensor& x) const {
  const auto& content = side_files_.at(x.kind.substr(5));
  std::uint64_t length = 0;
  if (content.size() >= sizeof length) std::memcpy(&length, content.data(), sizeof length);
  auto head =
      nlohmann::json::parse(content.substr(std::min(content.size(), sizeof length), length), nullptr, false);
  auto found = head.is_object() ? head.find(x.name) : head.end();
  if (found == head.end() || found->value("dtype", "") != "F32")
    throw std::runtime_error(folder_.string() + ": " + x.kind + " has no float32 tensor " + x.name);
  auto place = found->value("data_offsets", std::vector<std::size_t>(2));
  auto all = std::as_bytes(std::span{content}).subspan(sizeof length + length);
  if (place.at(0) > all.size() || place.at(1) > all.size() || place.at(1) - place.at(0) != x.bytes())
    throw std::runtime_error(folder_.string() + ": " + x.kind + " has another shape for " + x.name);
  return all.subspan(place[0], x.bytes());
}

std::filesystem::path make_full_checkpoint(const std::filesystem::path& full_folder,
                                           const std::filesystem::path& into) {
  weights_recipe recipe{full_folder};
  std::filesystem::create_directories(into);
  for (auto name : {"config.json", "preprocessor_config.json"})
    std::filesystem::copy_file(full_folder / name, into / name,
                               std::filesystem::copy_options::overwrite_existing);
  write_safetensors(recipe, into / "model.safetensors");
  return into;
}

} // namespace vef::test
