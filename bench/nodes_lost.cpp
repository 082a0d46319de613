// How long does it take until others have done what a node had to do that was killed, or frozen, among three
// under load? Until the first answer to a picture that the lost node had begun, and until the last to all
// that was under way. Beside it an answer of the same load before.
#include "bench/bench.hpp"
#include "bench/node_group.hpp"

#include <atomic>
#include <fstream>
#include <set>

namespace vef::bench {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::size_t clients = 64;
constexpr int most_tries = 5; // it may be that a node is lost just when it has nothing to do

/// One picture's way.
struct answer {
  std::uint32_t number = 0;
  unsigned node = 0; ///< who did it
  clock::time_point asked{}, answered{};
};

/// Asks for one picture after the other, in many threads, until it is stopped.
class steady_load {
public:
  explicit steady_load(runtime& target)
      : target_(target)
      , answers_(clients) {
    for (auto& mine : answers_) threads_.emplace_back([this, &mine] { work(mine); });
  }
  ~steady_load() { end(); }
  steady_load(const steady_load&) = delete;
  steady_load& operator=(const steady_load&) = delete;

  /// What was answered, when nothing is under way any more. Throws a `failure` if something was not done.
  std::vector<answer> stop() {
    end();
    if (failed_ > 0)
      throw failure{{errc::embed_failed, std::to_string(failed_) + " pictures were lost with the node"}};
    std::vector<answer> out;
    for (const auto& x : answers_) out.insert(out.end(), x.begin(), x.end());
    return out;
  }

private:
  void work(std::vector<answer>& mine) {
    while (!stopped_) {
      answer x{.number = next_++, .asked = clock::now()};
      auto reply = target_.embed({.model = "small", .images = {numbered_picture(x.number, 8)}});
      x.answered = clock::now();
      if (!reply.all_ok()) {
        ++failed_;
        continue;
      }
      x.node = static_cast<unsigned>(reply[0].vector()[1]);
      mine.push_back(x);
    }
  }

  void end() {
    stopped_ = true;
    for (auto& x : threads_)
      if (x.joinable()) x.join();
  }

  runtime& target_;
  std::atomic<std::uint32_t> next_ = 0;
  std::atomic<int> failed_ = 0;
  std::atomic<bool> stopped_ = false;
  std::vector<std::vector<answer>> answers_;
  std::vector<std::thread> threads_;
};

std::set<std::uint32_t> begun(const std::filesystem::path& journal) {
  std::ifstream in{journal, std::ios::binary};
  std::set<std::uint32_t> out;
  for (std::uint32_t x = 0; in.read(reinterpret_cast<char*>(&x), sizeof x);) out.insert(x);
  return out;
}

/// Milliseconds.
struct figures {
  std::vector<double> first, all; ///< from the loss on
  std::vector<double> before;     ///< from question to answer, until the loss: half of them
  std::vector<double> slowest;    ///< the slowest of these

  /// Adds nothing if the lost node had nothing to do.
  void add(const std::vector<answer>& answers, const std::set<std::uint32_t>& had, clock::time_point lost,
           unsigned lost_node) {
    auto ms = [](clock::duration x) { return std::chrono::duration<double, std::milli>(x).count(); };
    std::vector<double> usual, done_again, under_way;
    for (const auto& x : answers) {
      if (x.answered < lost) {
        usual.push_back(ms(x.answered - x.asked));
        continue;
      }
      if (x.asked < lost) under_way.push_back(ms(x.answered - lost));
      if (x.node != lost_node && had.contains(x.number)) done_again.push_back(ms(x.answered - lost));
    }
    if (usual.empty() || done_again.empty() || under_way.empty()) return;
    first.push_back(std::ranges::min(done_again));
    all.push_back(std::ranges::max(under_way));
    before.push_back(median(usual));
    slowest.push_back(std::ranges::max(usual));
  }
};

enum class loss { death, frost };

void lose_one(loss how, std::chrono::milliseconds afterwards, figures& to) {
  run_folder folder;
  auto journal = folder / "journal";
  node_group nodes{3, {.tls = folder.certificates(), .cost = {.waits = 2ms}, .journal = journal}};
  connection client{nodes.addresses(2), folder.certificates()}; // not the one that is lost
  steady_load load{client.work()};
  std::this_thread::sleep_for(700ms);
  auto lost = clock::now();
  how == loss::death ? nodes[2].kill() : nodes[2].freeze();
  std::this_thread::sleep_for(afterwards);
  auto answers = load.stop();
  to.add(answers, begun(journal), lost, 2);
}

figures lose(loss how, std::chrono::milliseconds afterwards, int rounds) {
  figures out;
  for (auto tries = rounds - 1 + most_tries; static_cast<int>(out.first.size()) < rounds; --tries) {
    if (tries == 0) throw failure{{errc::internal, "the lost node had nothing to do: nothing was measured"}};
    lose_one(how, afterwards, out);
  }
  return out;
}

std::vector<double> ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  for (std::size_t i = 0; i < a.size(); ++i) out.push_back(a[i] / b[i]);
  return out;
}

void print_loss(const std::string& what, const figures& x) {
  print({what + ": first answer by another one", median(x.first), "ms", "an answer before", median(x.before),
         median(ratios(x.first, x.before))});
  print({what + ": all under way answered", median(x.all), "ms", "the slowest answer before",
         median(x.slowest), median(ratios(x.all, x.slowest))});
}

} // namespace

void nodes_lost(const options& x) {
  print_loss("a killed node", lose(loss::death, 300ms, x.quick ? 1 : 3));
  // It is a link that notices, which looks every second and waits for three.
  print_loss("a frozen node", lose(loss::frost, 4500ms, x.quick ? 1 : 2));
}

} // namespace vef::bench
