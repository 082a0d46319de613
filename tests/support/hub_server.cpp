#include "support/hub_server.hpp"

#include <vef/backends/hub/digest.hpp>

#include <cstdlib>

namespace vef::test {

namespace {

std::string digest_of(digest_kind kind, const std::string& content) {
  auto x = digest::start(kind, content.size()).value();
  x.add({reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
  return x.finish();
}

// Bytes that differ from place to place, so that a wrong offset shows.
std::string noise(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t x = 1;
  for (auto& c : out) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  return out;
}

reply with_code(int status, const char* code) {
  return {.status = status, .headers = {{"X-Error-Code", code}}};
}

// The content, or the part of it that was asked for.
reply bytes_of(const seen_request& request, const std::string& content) {
  auto range = request.header("range");
  if (range.empty()) return {.headers = {{"Accept-Ranges", "bytes"}}, .body = content};
  auto from = std::stoull(range.substr(range.find('=') + 1));
  auto size = std::to_string(content.size());
  if (from >= content.size()) return {.status = 416, .headers = {{"Content-Range", "bytes */" + size}}};
  return {.status = 206,
          .headers = {{"Content-Range", "bytes " + std::to_string(from) + '-'
                                            + std::to_string(content.size() - 1) + '/' + size}},
          .body = content.substr(from)};
}

} // namespace

hub_server::hub_server()
    : hub_([this](const seen_request& x) { return answer(host::hub, x); })
    , cdn_([this](const seen_request& x) { return answer(host::cdn, x); }) {
  ::setenv("no_proxy", "127.0.0.1", 1);
}

void hub_server::put_small(const std::string& path, const std::string& content) {
  files_[path] = {content, digest_of(digest_kind::git_sha1, content), false};
}

void hub_server::put_large(const std::string& path, const std::string& content) {
  files_[path] = {content, digest_of(digest_kind::sha256, content), true};
}

void hub_server::forget(const std::string& path) { files_.erase(path); }

void hub_server::put_model(std::size_t size) {
  put_small("config.json", R"({"model_type": "vit"})");
  put_small("preprocessor_config.json", R"({"size": 224})");
  put_large("model.safetensors", noise(size));
}

std::string hub_server::etag(const std::string& path) const { return files_.at(path).etag; }

void hub_server::next(host where, const std::string& method, const std::string& path, change how, int times) {
  std::lock_guard lock{mutex_};
  plans_.push_back({where, method, path, std::move(how), times});
}

hub_server::change hub_server::status(int code, std::vector<std::pair<std::string, std::string>> headers) {
  return [code, headers = std::move(headers)](reply& x) { x = {.status = code, .headers = headers}; };
}

std::vector<hub_server::record> hub_server::seen() const {
  std::lock_guard lock{mutex_};
  return seen_;
}

std::vector<seen_request> hub_server::seen(host where, const std::string& method,
                                           const std::string& path) const {
  std::vector<seen_request> out;
  for (const auto& x : seen())
    if (x.where == where && x.request.method == method && x.path == path) out.push_back(x.request);
  return out;
}

reply hub_server::answer(host where, const seen_request& request) {
  auto path = request.target;
  auto out = where == host::hub ? of_hub(request, path) : of_cdn(request, path);
  change how;
  {
    std::lock_guard lock{mutex_};
    seen_.push_back({where, path, request});
    for (auto& x : plans_) {
      if (x.times == 0 || x.where != where || x.method != request.method || x.path != path) continue;
      --x.times;
      how = x.how;
      break;
    }
  }
  if (how) how(out); // it may wait for something
  return out;
}

reply hub_server::of_hub(const seen_request& request, std::string& path) const {
  auto start = '/' + std::string{id} + "/resolve/";
  if (!request.target.starts_with(start)) return with_code(404, "RepoNotFound");
  auto rest = request.target.substr(start.size());
  auto revision = rest.substr(0, rest.find('/'));
  path = rest.substr(revision.size() + 1);
  if (revision != "main" && revision != "refs%2Fpr%2F1" && revision != commit)
    return with_code(404, "RevisionNotFound");
  auto found = files_.find(path);
  if (found == files_.end()) return with_code(404, "EntryNotFound");
  const auto& [content, etag, large] = found->second;
  reply out;
  if (large) {
    out = {.status = 302,
           .headers = {{"Location", cdn_.url() + "/blobs/" + etag + "?signature=s3cret"},
                       {"X-Linked-Etag", '"' + etag + '"'},
                       {"X-Linked-Size", std::to_string(content.size())},
                       {"ETag", "\"of the redirect\""}}};
  } else {
    out = bytes_of(request, content);
    out.headers.emplace_back("ETag", "W/\"" + etag + '"');
  }
  out.headers.emplace_back("X-Repo-Commit", commit);
  return out;
}

reply hub_server::of_cdn(const seen_request& request, std::string& path) const {
  for (const auto& [name, x] : files_) {
    if (request.target != "/blobs/" + x.etag + "?signature=s3cret") continue;
    path = name;
    return bytes_of(request, x.content);
  }
  return {.status = 403};
}

} // namespace vef::test
