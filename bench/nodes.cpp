// What does a node cost over the actors of one's own process? For a request of one small picture, which does
// next to nothing there, and for each megabyte of pictures that go as bytes; on loopback, with TLS and
// without. Beside it what the same takes in this process, and what a plain connection carries.
#include "bench/bench.hpp"
#include "bench/node_group.hpp"

#include <deque>

#include <netinet/in.h>
#include <sys/socket.h>

namespace vef::bench {

namespace {

/// A runtime to ask, and what was measured of it.
struct subject {
  runtime* work = nullptr;
  std::vector<double> alone = {}, together = {}; ///< microseconds of a request, a round each
};

void check(const embeddings& x) {
  for (const auto& row : x)
    if (!row) throw failure{row.error()};
}

/// Microseconds per request with so many under way.
double request_time(runtime& target, int n, std::size_t under_way) {
  auto next = [&, x = numbered_picture(1, 8)] {
    return target.embed_async({.model = "small", .images = {x}});
  };
  return seconds([&] {
           std::deque<std::future<embeddings>> open;
           for (int i = 0; i < n; ++i) {
             if (open.size() == under_way) {
               check(open.front().get());
               open.pop_front();
             }
             open.push_back(next());
           }
           for (auto& x : open) check(x.get());
         })
         / n * 1e6;
}

double added(const std::vector<double>& by_node, const std::vector<double>& here,
             std::vector<double>& ratios) {
  std::vector<double> out;
  for (std::size_t i = 0; i < here.size(); ++i) {
    out.push_back(by_node[i] - here[i]);
    ratios.push_back(out.back() / here[i]);
  }
  return median(out);
}

void routing(const options& x, subject here, subject plain, subject secured) {
  auto n = x.quick ? 200 : 2000;
  for (auto one : {&here, &plain, &secured}) (void)request_time(*one->work, n, 16); // warm
  for (int round = 0; round < (x.quick ? 2 : 7); ++round)
    for (auto one : {&here, &plain, &secured}) {
      one->alone.push_back(request_time(*one->work, n, 1));
      one->together.push_back(request_time(*one->work, n, 16));
    }
  auto row = [&](const char* name, const subject& node, std::vector<double> subject::*figure) {
    std::vector<double> ratios;
    auto value = added(node.*figure, here.*figure, ratios);
    print({name, value, "us", "all of it in this process", median(here.*figure), median(ratios)});
  };
  row("routing through a node adds, insecure; alone", plain, &subject::alone);
  row("the same; 16 under way", plain, &subject::together);
  row("routing through a node adds, TLS; alone", secured, &subject::alone);
  row("the same; 16 under way", secured, &subject::together);
}

// -- bytes ------------------------------------------------------------------------------------------------------

std::vector<image> large_pictures() {
  std::vector<image> out;
  for (std::uint32_t i = 0; i < 64; ++i) out.push_back(numbered_picture(i, 448));
  return out;
}

double megabytes(const std::vector<image>& all) {
  double sum = 0;
  for (const auto& x : all) sum += static_cast<double>(x.bytes.size());
  return sum / 1e6;
}

/// Both ends of a TCP connection over loopback.
std::pair<descriptor, descriptor> tcp_pair() {
  descriptor listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto where = reinterpret_cast<sockaddr*>(&address);
  descriptor from{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (::bind(listener.number(), where, size) != 0 || ::listen(listener.number(), 1) != 0
      || ::getsockname(listener.number(), where, &size) != 0 || ::connect(from.number(), where, size) != 0)
    throw failure{{errc::unreachable, "no connection can be made over loopback"}};
  descriptor to{::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC)};
  return {std::move(from), std::move(to)};
}

bool send_all(int to, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    auto sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

/// From one thread to another into memory that is there, as fast as the kernel copies.
class plain_copy {
public:
  explicit plain_copy(const std::vector<image>& pictures)
      : pictures_(pictures)
      , ends_(tcp_pair())
      , arrived_(static_cast<std::size_t>(megabytes(pictures) * 1e6)) {}

  double megabytes_per_second() {
    auto took = seconds([&] {
      std::thread sender{[&] {
        for (const auto& x : pictures_)
          if (!send_all(ends_.first.number(), x.bytes.view())) return;
      }};
      auto got = ::recv(ends_.second.number(), arrived_.data(), arrived_.size(), MSG_WAITALL);
      sender.join();
      if (got != static_cast<ssize_t>(arrived_.size()))
        throw failure{{errc::unreachable, "a connection over loopback was lost"}};
    });
    return megabytes(pictures_) / took;
  }

private:
  const std::vector<image>& pictures_;
  std::pair<descriptor, descriptor> ends_;
  std::vector<std::uint8_t> arrived_;
};

void carrying(const options& x, runtime& plain, runtime& secured) {
  auto pictures = large_pictures();
  plain_copy copy{pictures};
  auto through = [&](runtime& target) {
    return megabytes(pictures)
           / seconds([&] { check(target.embed({.model = "large", .images = pictures})); });
  };
  std::vector<double> copied, insecure, tls, insecure_to_copied, tls_to_copied, tls_to_insecure;
  for (int round = -1; round < (x.quick ? 2 : 9); ++round) {
    auto a = copy.megabytes_per_second(), b = through(plain), c = through(secured);
    if (round < 0) continue; // warm
    copied.push_back(a), insecure.push_back(b), tls.push_back(c);
    insecure_to_copied.push_back(b / a), tls_to_copied.push_back(c / a), tls_to_insecure.push_back(c / b);
  }
  print({"pictures as bytes through a node, insecure", median(insecure), "MB/s", "a plain copy over TCP",
         median(copied), median(insecure_to_copied)});
  print(
      {"the same, TLS", median(tls), "MB/s", "a plain copy over TCP", median(copied), median(tls_to_copied)});
  print({"the same, TLS", median(tls), "MB/s", "insecure", median(insecure), median(tls_to_insecure)});
}

} // namespace

void nodes(const options& x) {
  run_folder folder;
  node_group plain{1, {}}, secured{1, {.tls = folder.certificates()}};
  connection to_plain{plain.addresses(1), {}}, to_secured{secured.addresses(1), folder.certificates()};
  runtime_options settings;
  settings.work.cores = x.threads;
  or_throw(settings.backends->add("bench", {}, [](const backend_settings&) {
    return result<std::unique_ptr<backend>>{std::make_unique<pretending_backend>(picture_cost{}, 0u, "")};
  }));
  runtime here{settings};
  (void)or_throw(here.create("bench"));
  (void)or_throw(here.load("bench", "small"));
  routing(x, {&here}, {&to_plain.work()}, {&to_secured.work()});
  carrying(x, to_plain.work(), to_secured.work());
}

} // namespace vef::bench
