#pragma once

#include <vef/actors/batch_queue.hpp>
#include <vef/backends/image/decode.hpp>

#include <functional>
#include <mutex>

namespace vef {

// What a model's actor has done by workers. Each job is a value that the actor and one worker share in turn:
// the actor fills it in, the worker runs it and says so by a message, the actor reads it. None of them
// throws.

/// Says something when the last who holds it lets go. What a model has in memory holds one, and so does the
/// load that brings it there, so that its end is known even if that is in a thread that was given up.
class last_words {
public:
  last_words() = default;
  last_words(const last_words&) = delete;
  last_words& operator=(const last_words&) = delete;
  ~last_words() {
    if (say_) say_();
  }
  void set(std::function<void()> say) {
    std::lock_guard lock{mutex_};
    say_ = std::move(say);
  }

private:
  std::mutex mutex_;
  std::function<void()> say_;
};

/// Decodes and resizes one picture.
struct prepare_job {
  batch_queue::prepare_task task;
  decode_limits limits;
  result<pixels> picture = {};
  std::chrono::microseconds took{};

  void run();
};

/// Runs a model over a batch. A batch that fails is halved and tried again, down to single pictures: one that
/// does not fit into memory as a whole may fit in parts, and one picture that a model chokes on costs the
/// others nothing. A vector with a number that is not finite is an error in its place.
struct embed_job {
  std::shared_ptr<loaded_model> model;
  std::optional<prepare_job> first; ///< of a lone picture, which is still to be prepared
  batch_queue::batch batch;
  std::vector<error> outcomes;
  std::vector<working_sample> working; ///< what passes needed, of those that say so
  std::vector<std::size_t> ran_out;    ///< sizes of the parts that found no memory
  std::chrono::microseconds took{};

  void run(unsigned threads);

private:
  bool prepare_first();
  void run_part(std::size_t from, std::size_t count, unsigned threads);
  result<void> pass(std::size_t from, std::size_t count, unsigned threads);
};

/// Loads a model into a tier.
struct load_job {
  std::shared_ptr<backend> source;
  std::shared_ptr<last_words> words;
  model_info info;
  vef::tier to = tier::host;
  result<std::unique_ptr<loaded_model>> model;
  model_memory memory = {}; ///< as the model says
  std::chrono::microseconds took{};

  void run(unsigned threads);

  /// The model that was loaded, to be shared.
  std::shared_ptr<loaded_model> share();
};

/// Moves a model to another tier of its ladder; to `absent`, destroys it. Measures what came back.
struct move_job {
  std::shared_ptr<backend> source;
  std::shared_ptr<loaded_model> model;
  vef::tier to = tier::absent;
  bool aside = false; ///< passes go on meanwhile
  result<void> outcome = {};
  model_memory memory = {};         ///< afterwards, as the model says
  std::uint64_t bytes_expected = 0; ///< what it gave back, as it says
  std::uint64_t bytes_returned = 0; ///< of these, what was seen to come back
  std::chrono::microseconds took{};

  void run(unsigned threads);
};

/// Has a model give back working memory that no pass uses.
struct trim_job {
  std::shared_ptr<loaded_model> model;
  std::uint64_t keep = 0; ///< bytes that it may go on holding
  std::uint64_t bytes_expected = 0;
  std::uint64_t bytes_returned = 0;
  std::chrono::microseconds took{};

  void run();
};

} // namespace vef
