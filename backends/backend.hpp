#pragma once

#include <vef/backends/pixels.hpp>
#include <vef/messages/memory.hpp>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vef {

/// Where a forward pass puts its vectors: one span of embed_dim floats for each picture.
using vector_rows = std::span<const std::span<float>>;

/// What a forward pass may use, and where it says what it used.
struct embed_context {
  unsigned threads = 1; ///< cores that this call has for itself

  /// Where a model that knows it puts the most working memory that the call held at once, in bytes.
  std::uint64_t* working = nullptr;
};

/// What a load, or a move to another tier, is told.
struct load_context {
  unsigned threads = 1;             ///< cores that the load may use
  vef::tier tier = vef::tier::host; ///< where the weights should be afterwards
};

/// A model in memory. Its destructor unloads it: afterwards every byte that loading added is gone.
///
/// Threads: `embed` runs on a lane, never on a scheduler thread of the actor system. At most `concurrency()`
/// calls run at once, and none while the destructor runs. Exceptions that leave it become an `embed_failed`
/// or `out_of_memory` error.
class loaded_model {
public:
  virtual ~loaded_model() = default;

  /// Embeds prepared pictures: fills rows[i] from images[i]. All succeed or the call fails as a whole, since
  /// whatever could be wrong with a single picture was found when it was prepared.
  virtual result<void> embed(std::span<const pixels> images, vector_rows rows,
                             const embed_context& context) = 0;

  /// Bytes of host memory held.
  virtual std::uint64_t memory_bytes() const = 0;

  /// What is held now, by device. For models that use a device, or keep working memory between passes.
  virtual model_memory memory() const { return {{{"host", memory_bytes()}}, {}}; }

  /// How much working memory may be kept between passes; what is kept beyond that is given back at once. A
  /// pass that needs more takes it all the same. May be called while passes run.
  virtual void limit_working(std::uint64_t bytes) { static_cast<void>(bytes); }

  /// Where the weights are.
  virtual vef::tier tier() const { return tier::host; }

  /// Moves the weights to another tier of the model's ladder, one step up or down. After an error the model
  /// is where it was. Called like the load, and never while `embed` runs unless it moves in the background.
  virtual result<void> move_to(const load_context& to) {
    static_cast<void>(to);
    return fail(errc::invalid_argument, "this model has only one tier");
  }

  /// Whether it can be used while it moves up: passes begun before go on with what they began with.
  virtual bool moves_while_embedding() const { return false; }

  /// How many threads may be in `embed` at once.
  virtual unsigned concurrency() const { return 1; }
};

/// What a service is made from. A user's kind of model is a class that implements this.
///
/// Threads: all calls come from one service, one after the other or at once (loads of different models run in
/// parallel), and never from a scheduler thread. Exceptions that leave a call become an error.
class backend {
public:
  virtual ~backend() = default;

  /// The models that it offers. The first is the default. Asked once, when the service starts; see
  /// `changed_catalog`.
  virtual std::vector<model_info> catalog() const = 0;

  /// The models that it offers now, if they are no longer those of the last call of this or of `catalog`.
  /// Asked on the health-check interval, along with `check`; must not take long.
  virtual std::optional<std::vector<model_info>> changed_catalog() { return {}; }

  /// Loads a model of the catalog. May take long.
  virtual result<std::unique_ptr<loaded_model>> load(const model_info& model,
                                                     const load_context& context) = 0;

  /// Whether it is able to work, in its own judgement. Called on the health-check interval; must not take
  /// long.
  virtual result<void> check() { return {}; }

  /// The memory of the accelerators that its models use, as their driver gives it. Asked every second or so;
  /// must not take long.
  virtual std::vector<device_reading> devices() { return {}; }
};

/// What a backend is constructed with: the `settings` of its service's spec. A backend says which keys it
/// knows.
using backend_settings = std::map<std::string, std::string>;

} // namespace vef
