#pragma once

#include <vef/backends/backend.hpp>
#include <vef/messages/embed.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace vef {

/// What bounds a model's queue.
struct queue_limits {
  std::size_t max_images = 16384; ///< of all requests that wait or are worked on
  std::size_t max_batch = 256;    ///< larger batch sizes are cut to this
  std::size_t ahead = 32;         ///< pictures prepared, or being prepared, before a forward pass takes them

  static constexpr std::string_view type_name = "vef::queue_limits";
  static constexpr auto fields() {
    return std::tuple{field{"max_images", &queue_limits::max_images},
                      field{"max_batch", &queue_limits::max_batch}, field{"ahead", &queue_limits::ahead}};
  }
};

/// The requests of one model on their way through preparation and forward passes.
///
/// Each request is a list of pictures. Pictures are prepared one by one, ahead of the forward passes by a
/// bounded number; prepared pictures are put into batches, several requests together where they are small;
/// when the last picture of a request has a vector or an error, its reply is finished. Higher priority goes
/// first, then age.
///
/// A policy without actors, clocks or threads: the caller does what it is told, says when it is done, and
/// brings the time.
class batch_queue {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Identifies a request. Sorts by priority, then by age.
  using request_id = std::uint64_t;

  struct place {
    request_id request = 0;
    std::uint32_t index = 0;
    auto operator<=>(const place&) const = default;
  };

  struct prepare_task {
    place where;
    image source;
    preparation how;
  };

  /// Pictures for one forward pass, and where their vectors go. The rows lie in the replies of the requests;
  /// `keep` holds those, so that the batch may outlive them.
  struct batch {
    std::uint64_t id = 0;
    std::vector<place> where;
    std::vector<pixels> images;
    std::vector<std::span<float>> rows;
    std::vector<std::shared_ptr<void>> keep;
  };

  struct finished {
    request_id request = 0;
    embed_reply reply;
  };

  batch_queue(std::string service, model_info model, queue_limits limits = {});

  // -- requests come ----------------------------------------------------------------------------------------

  /// Takes a request in. Errors: invalid_argument (no pictures, or more than the queue could ever hold),
  /// unknown_variant, overloaded.
  result<request_id> admit(embed_request request, time_point now, time_point deadline);

  // -- work goes out and comes back -------------------------------------------------------------------------

  /// The next picture to prepare, or none: everything is under way, or enough is prepared ahead.
  std::optional<prepare_task> next_to_prepare();

  /// A picture was prepared, or could not be.
  void prepared(place where, result<pixels> picture, std::chrono::microseconds took);

  /// The next batch, or none. A batch goes out when it is full; or when it holds the last pictures of a
  /// request, so that waiting would delay that one; or when nothing is being prepared, so that there is
  /// nothing to wait for.
  std::optional<batch> next_batch();

  /// A batch of one whose picture is still to be prepared.
  struct lone_picture {
    prepare_task task;
    batch work; ///< without the picture
  };

  /// The picture of a request that is alone and has no other, to be prepared and embedded in one go: nobody
  /// is delayed by that, and two changes of threads are saved. `embedded` says when it is done, and how it
  /// went.
  std::optional<lone_picture> next_lone();

  /// Whether `next_batch` would be a full one.
  bool full_batch_ready() const;

  /// The forward pass of a batch is done, with an outcome for each of its pictures. `prepare_took` is for a
  /// lone one.
  void embedded(std::uint64_t id, const std::vector<error>& outcomes, std::chrono::microseconds took,
                std::chrono::microseconds prepare_took = {});

  // -- replies go out ---------------------------------------------------------------------------------------

  /// Replies that are complete, each handed out once.
  std::vector<finished> take_finished(time_point now);

  /// Finishes the requests whose deadline has come: pictures that are not done get `deadline_exceeded`.
  void expire(time_point now);

  /// When `expire` has something to do next.
  std::optional<time_point> next_deadline() const;

  /// No batch is larger from now on, whatever requests ask for.
  void set_largest_batch(std::size_t pictures) { largest_batch_ = std::max<std::size_t>(pictures, 1); }

  /// How many pictures the next batch could have now if nothing but its request limited it; 0: none are
  /// ready.
  std::size_t sendable() const;

  /// Forgets all requests and says which they were.
  std::vector<request_id> abandon();

  /// The model is loaded: what the requests waited for that is told in their timing.
  void loaded(time_point now);

  // -- draining ---------------------------------------------------------------------------------------------

  /// From now on only the requests admitted so far are worked on; later ones wait.
  void hold_new();

  /// All requests are worked on again.
  void release();

  /// No request admitted before `hold_new` is left.
  bool drained() const;

  // -- properties -------------------------------------------------------------------------------------------

  bool empty() const { return requests_.empty(); }
  std::size_t requests() const { return requests_.size(); }
  std::optional<time_point> oldest() const;      ///< when the oldest request was admitted
  std::size_t images() const { return images_; } ///< that have no outcome yet
  std::size_t batches_in_flight() const { return in_flight_.size(); }

private:
  struct entry {
    embed_request request;
    preparation how;
    embed_reply reply;
    std::shared_ptr<std::vector<float>> rows;
    std::size_t batch_size = 1;
    std::uint32_t next = 0;      // the next picture to prepare
    std::uint32_t preparing = 0; // pictures being prepared
    std::uint32_t open = 0;      // pictures without an outcome
    std::vector<bool> done;
    time_point admitted;
    time_point deadline;

    bool all_prepared() const { return next == request.images.size() && preparing == 0; }
  };

  bool held(request_id id) const;
  entry* find(request_id id);
  void add_to(batch& out, place where, entry& x);
  void settle(place where, entry& x, error outcome);
  void detach_rows(entry& x) const;
  std::size_t batch_size_at_front() const;
  embed_reply close(entry& x, time_point now) const;

  std::string service_;
  model_info model_;
  queue_limits limits_;
  std::map<request_id, entry> requests_;
  std::map<place, pixels> ready_; // prepared, in the order in which they should go
  std::unordered_map<std::uint64_t, std::vector<place>> in_flight_;
  std::vector<request_id> complete_; // whose replies nobody took yet
  std::size_t images_ = 0;
  std::size_t preparing_ = 0;
  std::size_t largest_batch_ = static_cast<std::size_t>(-1);
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_batch_ = 1;
  std::optional<std::uint64_t> hold_from_;
};

} // namespace vef
