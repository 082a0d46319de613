// The usage books as a file: JSON that people can read, written so that a crash leaves the old file or the
// new one.
#include <vef/actors/usage_book.hpp>

#include <vef/messages/bytes.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

using json = nlohmann::json;

constexpr std::uint64_t version = 1;
constexpr std::size_t most_bytes = 16_MiB;
constexpr int most_nested = 16; // the books have six levels; the others are room for later keys

constexpr tier tiers[] = {tier::mapped, tier::packed, tier::host, tier::device};

// JSON has no place for bytes that are no UTF-8, which a folder's name can have: such a text is written as a
// list of its bytes.
json written(const std::string& text) {
  json x = text;
  using on_error = json::error_handler_t;
  if (x.dump(-1, ' ', false, on_error::replace) == x.dump(-1, ' ', false, on_error::ignore)) return x;
  auto bytes = json::array();
  for (auto c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

json written(const model_usage& x, bool estimated) {
  auto tier_list = json::array();
  for (const auto& line : x.tiers)
    tier_list.push_back(
        {{"tier", to_string(line.tier)}, {"device", written(line.device)}, {"bytes", line.bytes}});
  auto working = json::array();
  for (const auto& sample : x.working)
    working.push_back({{"pictures", sample.pictures}, {"bytes", sample.bytes}});
  json out{{"service", written(x.who.service)},
           {"model", written(x.who.model)},
           {"requests", x.requests},
           {"images", x.images},
           {"loads", x.loads},
           {"unloads", x.unloads},
           {"last_used_unix_ms", x.last_used.time_since_epoch().count()},
           {"resident_since_unix_ms", x.resident_since.time_since_epoch().count()},
           {"resident_time_ms", x.resident_time.count()},
           {"load_time_us", x.load_time.count()},
           {"tiers", std::move(tier_list)},
           {"working", std::move(working)}};
  if (estimated) out["estimate_error"] = x.estimate_error;
  return out;
}

// Takes the members of an object out and keeps the first complaint of all: after one, what comes out is not
// used.
class members {
public:
  members(const json& object, std::string where, error& first)
      : object_(object)
      , where_(std::move(where))
      , first_(first) {
    if (!object.is_object()) complain("it is no object");
  }

  template <class T = std::uint64_t> T whole(const char* key, std::uint64_t limit = usage_book::most) {
    auto x = find(key);
    if (!x) return 0;
    if (x->is_number_unsigned() && x->get<std::uint64_t>() <= limit) return x->get<T>();
    complain_of(key, "is no whole number from 0 to " + std::to_string(limit));
    return 0;
  }

  std::optional<double> ratio(const char* key) {
    auto x = find(key);
    if (!x) return {};
    auto value = x->is_number() ? x->get<double>() : -2;
    if (value < -1 || value > static_cast<double>(usage_book::most))
      complain_of(key, "is no number from -1 to " + std::to_string(usage_book::most));
    return value;
  }

  std::string text(const char* key) {
    auto x = find(key);
    if (x && x->is_string()) return x->get<std::string>();
    auto is_byte = [](const json& b) { return b.is_number_unsigned() && b.get<std::uint64_t>() <= 255; };
    std::string bytes;
    if (!x || !x->is_array() || !std::ranges::all_of(*x, is_byte))
      complain_of(key, x ? "is neither text nor a list of bytes" : "is missing");
    else
      for (const auto& b : *x) bytes += static_cast<char>(b.get<unsigned char>());
    return bytes;
  }

  // Calls `take` with the members of every object in a list.
  template <class F> void each(const char* key, const std::string& what, F take) {
    auto list = find(key);
    if (!list) return;
    if (!list->is_array()) return complain_of(key, "is no list");
    for (std::size_t i = 0; i < list->size() && !first_; ++i)
      take(members{(*list)[i], where_ + what + ' ' + std::to_string(i + 1) + ": ", first_});
  }

  void complain(const std::string& why) {
    if (!first_) first_ = {errc::invalid_config, where_ + why};
  }
  void complain_of(std::string_view key, const std::string& why) { complain(quoted(key) + ' ' + why); }

private:
  const json* find(const char* key) const {
    auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }

  const json& object_;
  std::string where_;
  error& first_;
};

tier_need read_tier(members& x) {
  auto word = x.text("tier");
  auto it = std::ranges::find(tiers, word, [](tier t) { return to_string(t); });
  auto is_known = it != std::end(tiers);
  if (!is_known) x.complain_of("tier", "is none of mapped, packed, host and device");
  return {is_known ? *it : tier::host, x.text("device"), x.whole("bytes"), true};
}

model_usage read_model(members& x) {
  using namespace std::chrono;
  model_usage out;
  out.who = {x.text("service"), x.text("model")};
  out.requests = x.whole("requests");
  out.images = x.whole("images");
  out.loads = x.whole("loads");
  out.unloads = x.whole("unloads");
  out.last_used = timestamp{milliseconds{x.whole<std::int64_t>("last_used_unix_ms")}};
  out.resident_since = timestamp{milliseconds{x.whole<std::int64_t>("resident_since_unix_ms")}};
  out.resident_time = milliseconds{x.whole<std::int64_t>("resident_time_ms")};
  out.load_time = microseconds{x.whole<std::int64_t>("load_time_us")};
  x.each("tiers", "tier", [&](members line) { out.tiers.push_back(read_tier(line)); });
  std::ranges::stable_sort(out.tiers, {}, &tier_need::tier);
  return out;
}

std::vector<working_sample> read_working(members& x) {
  std::vector<working_sample> samples;
  x.each("working", "sample", [&](members line) {
    auto pictures = line.whole<std::uint32_t>("pictures", std::numeric_limits<std::uint32_t>::max());
    samples.push_back({pictures, line.whole("bytes")});
  });
  return samples;
}

} // namespace

std::string usage_book::to_json() const {
  auto models = json::array();
  for (const auto& [who, x] : models_) models.push_back(written(x.usage, x.estimated));
  return json{{"version", version}, {"models", std::move(models)}}.dump(1) + '\n';
}

result<usage_book> usage_book::from_json(std::string_view text) try {
  if (text.size() > most_bytes)
    return fail(errc::invalid_config, "it has more than " + format_bytes(most_bytes));
  // Refuses depths that only a hostile file has, before they cost memory.
  auto parsed = json::parse(text, [](int depth, json::parse_event_t, const json&) {
    return depth <= most_nested ? true : throw std::length_error{"it is nested too deeply"};
  });
  error first;
  members top{parsed, "", first};
  auto its_version = top.whole("version");
  if (its_version == 0) top.complain("it has no version");
  if (its_version > version)
    top.complain("it is of version " + std::to_string(its_version)
                 + ", by a newer vef; this one knows version 1");
  usage_book book;
  top.each("models", "model", [&](members x) {
    auto usage = read_model(x);
    auto samples = read_working(x);
    auto off = x.ratio("estimate_error");
    usage.estimate_error = off.value_or(0);
    auto who = usage.who;
    if (!book.models_.try_emplace(who, entry{std::move(usage), off.has_value()}).second)
      x.complain("it is in the list twice");
    book.learn_working(who, samples);
  });
  if (first) return fail(std::move(first));
  return book;
} catch (const json::parse_error& x) {
  return fail(errc::invalid_config, "it is damaged or no JSON at byte " + std::to_string(x.byte));
} catch (const json::exception&) {
  return fail(errc::invalid_config, "it has a number that is too large");
} catch (const std::exception& x) {
  return fail(errc::invalid_config, x.what());
}

// -- the file -----------------------------------------------------------------------------------------------

namespace {

struct descriptor {
  int number = -1;
  descriptor(int x)
      : number(x) {}
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

error unreadable(errc code, const std::filesystem::path& file, const std::string& why) {
  return {code, "cannot read the usage books " + vef::quoted(file.string()) + ": " + why};
}

error unreadable(const std::filesystem::path& file, int why) {
  return unreadable(errc::file_unreadable, file, std::generic_category().message(why));
}

error unwritable(const std::filesystem::path& file, int why) {
  auto text = "cannot write the usage books " + vef::quoted(file.string()) + ": "
              + std::generic_category().message(why);
  return {why == ENOSPC || why == EDQUOT || why == EFBIG ? errc::disk_full : errc::cannot_write, text};
}

// The error of the system call that failed, 0 if none did.
int write_synced(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  // EINVAL: a file system that has no such thing.
  return ::fsync(file) != 0 && errno != EINVAL ? errno : 0;
}

} // namespace

result<usage_book> read_usage(const std::filesystem::path& path) {
  // Not to wait for whoever would write into a FIFO.
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0 && errno == ENOENT) return usage_book{};
  struct stat facts {};
  if (file.number < 0 || ::fstat(file.number, &facts) != 0) return fail(unreadable(path, errno));
  if (!S_ISREG(facts.st_mode)) return fail(unreadable(errc::file_unreadable, path, "it is no regular file"));
  // One byte more than allowed is enough for from_json to refuse it.
  std::string text(std::min(static_cast<std::size_t>(facts.st_size), most_bytes + 1), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto n = ::read(file.number, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(unreadable(path, errno));
    if (n == 0) text.resize(size);
    size += static_cast<std::size_t>(n);
  }
  auto book = usage_book::from_json(text);
  if (!book)
    return fail(unreadable(book.error().code, path,
                           book.error().what + "; mend it, or remove it to start with empty ones"));
  return book;
}

result<void> write_usage(const usage_book& x, const std::filesystem::path& path) {
  auto text = x.to_json();
  auto folder = path.parent_path();
  std::error_code failed;
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed) return fail(unwritable(path, failed.value()));
  auto beside = path.string() + ".XXXXXX";
  int why = 0;
  {
    descriptor file{::mkostemp(beside.data(), O_CLOEXEC)}; // mode 0600
    if (file.number < 0) return fail(unwritable(path, errno));
    why = write_synced(file.number, text);
  }
  if (why == 0 && ::rename(beside.c_str(), path.c_str()) != 0) why = errno;
  if (why != 0) {
    ::unlink(beside.c_str());
    return fail(unwritable(path, why));
  }
  // The disk should know the new name as well; not every file system can say.
  descriptor parent{::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (parent.number >= 0) std::ignore = ::fsync(parent.number);
  return {};
}

} // namespace vef
