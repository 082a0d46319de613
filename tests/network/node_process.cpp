// A node of the network tests, over a backend that only pretends: its vectors tell which picture they are of,
// and a journal tells what it did. It says "ready HOST:PORT" when it serves, and ends at SIGTERM.
//
//   name, listen, advertise, join, labels, shared, read_only   as node_options has them
//   tls=FOLDER or insecure
//   models=ID:BYTES,...   budget=BYTES                         what it offers, and what it has room for
//   picture_us            microseconds that it takes for a picture
//   load_ms               milliseconds that it takes to load a model
//   fails                 no picture is embedded: an error at once
//   journal=FILE          "begun NUMBER" for each picture, "loaded ID" for each model
//   most_bytes, most_open, per_second, burst, most_unread, silence_ms   of one peer
#include "network/arguments.hpp"
#include "network/numbered.hpp"

#include <vef/backends/descriptor.hpp>
#include <vef/nodes/remote.hpp>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace vef;
using namespace vef::test;

namespace {

/// Lines in a file, each written at once, so that none is lost or torn when the process is killed.
class journal {
public:
  explicit journal(const std::string& path)
      : file_(path.empty() ? -1 : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}

  void write(const std::string& lines) const {
    if (file_ && ::write(file_.number(), lines.data(), lines.size()) < 0) std::abort();
  }

private:
  descriptor file_;
};

struct behaviour {
  std::vector<model_info> catalog;
  std::chrono::microseconds per_picture{};
  std::chrono::milliseconds to_load{};
  bool fails = false;
  journal notes;
};

class numbered_model final : public loaded_model {
public:
  numbered_model(std::shared_ptr<const behaviour> how, model_info info)
      : how_(std::move(how))
      , info_(std::move(info)) {}

  result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
    if (how_->fails) return fail(errc::embed_failed, "this node fails every picture");
    std::string begun;
    for (const auto& x : images) begun += "begun " + std::to_string(number_of(std::span{x.rgb})) + '\n';
    how_->notes.write(begun);
    std::this_thread::sleep_for(how_->per_picture * images.size());
    for (std::size_t i = 0; i < images.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c) rows[i][c] = images[i].rgb[c];
    return {};
  }

  std::uint64_t memory_bytes() const override { return info_.memory_estimate; }

private:
  std::shared_ptr<const behaviour> how_;
  model_info info_;
};

class numbered_backend final : public backend {
public:
  explicit numbered_backend(std::shared_ptr<const behaviour> how)
      : how_(std::move(how)) {}

  std::vector<model_info> catalog() const override { return how_->catalog; }

  result<std::unique_ptr<loaded_model>> load(const model_info& info, const load_context&) override {
    how_->notes.write("loaded " + info.id + '\n');
    std::this_thread::sleep_for(how_->to_load);
    return std::make_unique<numbered_model>(how_, info);
  }

private:
  std::shared_ptr<const behaviour> how_;
};

std::vector<model_info> catalog_of(const std::vector<std::string>& models) {
  std::vector<model_info> out;
  for (const auto& x : models) {
    auto colon = x.find(':');
    auto& one = out.emplace_back(fake_model(x.substr(0, colon), 8));
    if (colon != x.npos) one.memory_estimate = std::stoull(x.substr(colon + 1));
  }
  return out;
}

runtime_options instance_of(const arguments& x) {
  auto how = std::make_shared<behaviour>(
      behaviour{.catalog = catalog_of(x.list("models")),
                .per_picture = std::chrono::microseconds{x.number("picture_us", 0)},
                .to_load = std::chrono::milliseconds{x.number("load_ms", 0)},
                .fails = x.has("fails"),
                .notes = journal{x.text("journal")}});
  runtime_options out;
  out.backends = std::make_shared<backend_types>();
  (void)out.backends->add("numbered", {}, [how](const backend_settings&) {
    return result<std::unique_ptr<backend>>{std::make_unique<numbered_backend>(how)};
  });
  out.services = {{.name = "numbered", .backend = "numbered"}};
  out.memory_budget = x.number("budget", 1_MiB);
  out.monitor.interval = std::chrono::milliseconds{0};
  out.shutdown_limit = std::chrono::seconds{10};
  return out;
}

result<node_options> node_of(const arguments& x) {
  node_options out;
  out.name = x.text("name");
  auto listen = parse_address(x.text("listen", "127.0.0.1:0"));
  if (!listen) return fail(listen.error());
  out.listen = *listen;
  out.advertise = x.text("advertise");
  for (const auto& one : x.list("join")) {
    auto address = parse_address(one);
    if (!address) return fail(address.error());
    out.join.push_back(*address);
  }
  out.tls = x.text("tls");
  out.insecure = x.has("insecure");
  out.labels = x.list("labels");
  for (const auto& one : x.list("shared")) out.shared_folders.emplace_back(one);
  out.read_only = x.has("read_only");
  auto& peers = out.peers;
  peers.most_bytes = x.number("most_bytes", peers.most_bytes);
  peers.most_open = static_cast<std::uint32_t>(x.number("most_open", peers.most_open));
  peers.requests_per_second = static_cast<double>(x.number("per_second", 2000));
  peers.burst = static_cast<std::uint32_t>(x.number("burst", peers.burst));
  peers.most_unread = x.number("most_unread", peers.most_unread);
  peers.silence = std::chrono::milliseconds{x.number("silence_ms", 10'000)};
  return out;
}

} // namespace

int main(int count, char** words) {
  die_with_parent();
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &end, nullptr); // in all threads to come; this one waits for it
  spdlog::set_default_logger(spdlog::stderr_logger_mt("node"));
  arguments told{count, words};
  auto node = node_of(told);
  auto there = node ? serve(instance_of(told), *node) : result<serving_host>{fail(node.error())};
  if (!there) {
    std::printf("failed %s\n", describe(there.error()).c_str());
    return 1;
  }
  std::printf("ready %s\n", there->node.facts.address.c_str());
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&end, &signal);
}
