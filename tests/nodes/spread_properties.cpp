#include "support/catch.hpp"

#include <vef/nodes/spread.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

using namespace vef;

namespace {

// From the whole range in the first schedules, too, which would else be short and of few kinds of events.
template <class T> T any(T from, T to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, to));
}

bool once_in(int n) { return any(0, n) == 0; }

/// Nodes that do parts, fail, are lost, and answer long after that; and what each picture should come to,
/// kept picture by picture.
struct careless_nodes {
  struct picture {
    std::optional<spread::part_id> held_by = {};
    bool maybe_done = false; ///< by a node that was lost
    std::uint32_t failures = 0;
    std::set<std::string> failed_at = {};
    std::optional<error> end = {};
  };

  std::size_t count = any<std::size_t>(0, 30);
  replay again = once_in(2) ? replay::never : replay::elsewhere;
  part_rules rules{.pictures = any(1u, 9u), .bytes = any<std::uint64_t>(1, 40), .attempts = any(1u, 4u)};
  std::vector<picture> pictures{count};
  std::map<spread::part_id, spread::part> open, over;
  spread whole{request(), rules};

  embed_request request() const {
    embed_request x{.replay = again};
    for (std::size_t i = 0; i < count; ++i) x.images.push_back(std::to_string(i));
    return x;
  }

  static error outcome_of(std::size_t place) {
    return place % 5 == 4 ? error{errc::corrupt_image, "bad checksum"} : error{};
  }

  static embed_reply answer(const spread::part& x) {
    embed_reply out;
    out.service = "s";
    out.model = "m";
    auto values = std::make_shared<std::vector<float>>();
    for (std::size_t i = 0; i < x.count; ++i) {
      auto place = std::stoul(x.request.images[i].name);
      out.outcomes.push_back(outcome_of(place));
      // What stands in the row of an error must not get into the reply.
      values->push_back(static_cast<float>(place + 1));
    }
    out.vectors = matrix{x.count, 1, values};
    return out;
  }

  template <class Do> void each(const spread::part& x, Do act) {
    for (auto i = x.first; i < x.first + x.count; ++i) act(pictures[i]);
  }

  void hand_out() {
    auto most = once_in(2) ? spread::all : any(1u, 5u);
    auto x = whole.next(most);
    auto waiting = std::ranges::any_of(pictures, [](const auto& p) { return !p.end && !p.held_by; });
    if (count > 0) RC_ASSERT(x.has_value() == waiting);
    if (!x) return;
    RC_ASSERT((x->count > 0 || count == 0));
    RC_ASSERT(x->count <= std::min(rules.pictures, most));
    RC_ASSERT((x->count <= 1 || x->bytes <= rules.bytes));
    RC_ASSERT(x->request.images.size() == x->count);
    auto avoid = whole.avoid(x->id);
    auto place = x->first;
    each(*x, [&](picture& p) {
      RC_ASSERT(x->request.images[place - x->first].name == std::to_string(place));
      ++place;
      RC_ASSERT(!p.end);
      RC_ASSERT(!p.held_by);
      RC_ASSERT(p.failures < rules.attempts);
      if (again == replay::never) RC_ASSERT(!p.maybe_done);
      RC_ASSERT(std::set<std::string>(avoid.begin(), avoid.end()) == p.failed_at);
      p.held_by = x->id;
    });
    open.emplace(x->id, *x);
  }

  template <class Do> void with_open(Do act) {
    if (open.empty()) return;
    auto x = open.extract(std::next(open.begin(), any<std::ptrdiff_t>(0, std::ssize(open)))).mapped();
    each(x, [](picture& p) { p.held_by.reset(); });
    act(x);
    over.emplace(x.id, std::move(x));
  }

  void do_one() {
    with_open([this](const spread::part& x) {
      RC_ASSERT(whole.done(x.id, "a", answer(x)) == spread::verdict::taken);
      auto place = x.first;
      each(x, [&](picture& p) { p.end = outcome_of(place++); });
    });
  }

  void fail_one() {
    with_open([this](const spread::part& x) {
      error why{once_in(5) ? errc::unknown_model : errc::unavailable, "no"};
      auto maybe_done = once_in(2);
      auto node = std::string(1, static_cast<char>('a' + any(0, 3)));
      whole.failed(x.id, node, why, maybe_done);
      each(x, [&](picture& p) {
        p.failed_at.insert(node);
        p.maybe_done = p.maybe_done || maybe_done;
        auto last = ++p.failures >= rules.attempts || why.code == errc::unknown_model
                    || (maybe_done && again == replay::never);
        if (last) p.end = why;
      });
    });
  }

  void spoil_one() {
    with_open([this](const spread::part& x) {
      auto reply = answer(x);
      reply.outcomes.emplace_back();
      RC_ASSERT(whole.done(x.id, "a", reply) == spread::verdict::unusable);
      each(x, [](picture& p) { p.end = error{errc::internal, {}}; });
    });
  }

  void put_one_back() {
    with_open([this](const spread::part& x) { whole.put_back(x.id); });
  }

  void hear_of_one_that_is_over() {
    if (over.empty()) return;
    const auto& [id, x] = *std::next(over.begin(), any<std::ptrdiff_t>(0, std::ssize(over)));
    if (once_in(2)) RC_ASSERT(whole.done(id, "late", answer(x)) == spread::verdict::late);
    whole.failed(id, "late", {errc::unavailable, "late"}, once_in(2));
    whole.put_back(id);
  }

  void give_up() {
    error why{errc::deadline_exceeded, "time is up"};
    whole.fail_rest(why);
    for (auto& p : pictures)
      if (!p.end) p.end = why, p.held_by.reset();
    over.merge(open);
    open.clear();
  }

  void anything() {
    auto what = any(0, 100);
    if (what < 40) return hand_out();
    if (what < 55) return do_one();
    if (what < 75) return fail_one();
    if (what < 78) return spoil_one();
    if (what < 85) return put_one_back();
    if (what < 99) return hear_of_one_that_is_over();
    give_up();
  }

  void check() {
    auto waiting = std::ranges::count_if(pictures, [](const auto& p) { return !p.end && !p.held_by; });
    RC_ASSERT(whole.waiting_pictures() == static_cast<std::size_t>(waiting));
    RC_ASSERT(whole.open_parts() == open.size());
    auto ended = std::ranges::all_of(pictures, [](const auto& p) { return p.end.has_value(); });
    if (count > 0) RC_ASSERT(whole.finished() == ended);
  }

  void settle() {
    for (int rounds = 0; !whole.finished(); ++rounds) {
      RC_ASSERT(rounds < 100);
      hand_out();
      do_one();
    }
  }
};

} // namespace

TEST_CASE("whatever happens to nodes, each picture ends with the vector that is its own or with one error") {
  REQUIRE(rc::check([] {
    careless_nodes world;
    for (auto n = any(0, 120); n > 0; --n) {
      world.anything();
      world.check();
    }
    world.settle();
    world.check();
    if (auto why = world.whole.whole_error()) {
      for (const auto& p : world.pictures) RC_ASSERT((*p.end && p.end->code != errc::corrupt_image));
      if (world.count > 0) RC_ASSERT(why->code == world.pictures.front().end->code);
      return;
    }
    auto reply = world.whole.take({});
    RC_ASSERT(reply.outcomes.size() == world.count);
    RC_ASSERT(reply.vectors.rows() == world.count);
    for (std::size_t i = 0; i < world.count; ++i) {
      RC_ASSERT(reply.outcomes[i].code == world.pictures[i].end->code);
      RC_ASSERT(reply.vectors.row(i).front() == (reply.outcomes[i] ? 0.f : static_cast<float>(i + 1)));
    }
  }));
}
