#pragma once

#include "support/http_listener.hpp"

#include <optional>

namespace vef::test {

/// Behaves as the Hub does for one model, org/model: small files come from the hub itself, large ones from a
/// second host, to which it sends with a signed address. Says what it was asked, and fails as it is told.
class hub_server {
public:
  static constexpr auto id = "org/model";

  hub_server();

  std::string endpoint() const { return hub_.url(); }
  std::string cdn() const { return cdn_.url(); }

  /// The commit that main stands for.
  const std::string commit = std::string(36, 'c') + "0001";

  // -- content, before anything is asked ---

  void put_small(const std::string& path, const std::string& content);
  void put_large(const std::string& path, const std::string& content);
  void forget(const std::string& path);

  /// config.json, preprocessor_config.json and model.safetensors of that many bytes.
  void put_model(std::size_t size = 300'000);

  const std::string& content(const std::string& path) const { return files_.at(path).content; }

  /// The name of a file's blob.
  std::string etag(const std::string& path) const;

  // -- failures ---

  enum class host { hub, cdn };

  /// The next so many requests of that method to a host whose address ends in `path` (or, on the CDN, that
  /// are for that file) get another answer, made from the right one.
  using change = std::function<void(reply&)>;
  void next(host where, const std::string& method, const std::string& path, change how, int times = 1);

  /// A change to this status, with more headers.
  static change status(int code, std::vector<std::pair<std::string, std::string>> headers = {});

  // -- what was asked ---

  struct record {
    host where;
    std::string path; ///< of the file, or the target where it is none
    seen_request request;
  };
  std::vector<record> seen() const;
  std::vector<seen_request> seen(host where, const std::string& method, const std::string& path) const;

private:
  struct file {
    std::string content;
    std::string etag;
    bool large;
  };
  struct plan {
    host where;
    std::string method, path;
    change how;
    int times;
  };

  reply answer(host where, const seen_request& request);
  reply of_hub(const seen_request& request, std::string& path) const;
  reply of_cdn(const seen_request& request, std::string& path) const;

  mutable std::mutex mutex_;
  std::map<std::string, file> files_;
  std::vector<plan> plans_;
  std::vector<record> seen_;
  http_listener hub_, cdn_; // last: they call the rest
};

} // namespace vef::test
