#pragma once

#include <vef/backends/pixels.hpp>
#include <vef/messages/model.hpp>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vef {

/// Where a forward pass puts its vectors: one span of embed_dim floats for each picture.
using vector_rows = std::span<const std::span<float>>;

/// What a forward pass may use.
struct embed_context {
  unsigned threads = 1; ///< cores that this call has for itself
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

  /// Bytes held, as measured after the load.
  virtual std::uint64_t memory_bytes() const = 0;

  /// Where the weights are.
  virtual vef::tier tier() const { return tier::host; }

  /// How many threads may be in `embed` at once.
  virtual unsigned concurrency() const { return 1; }
};

/// What a load is told.
struct load_context {
  unsigned threads = 1; ///< cores that the load may use
};

/// What a service is made from. A user's kind of model is a class that implements this.
///
/// Threads: all calls come from one service, one after the other or at once (loads of different models run in
/// parallel), and never from a scheduler thread. Exceptions that leave a call become an error.
class backend {
public:
  virtual ~backend() = default;

  /// The models that it offers. The first is the default. Asked once, when the service starts.
  virtual std::vector<model_info> catalog() const = 0;

  /// Loads a model of the catalog. May take long.
  virtual result<std::unique_ptr<loaded_model>> load(const model_info& model,
                                                     const load_context& context) = 0;

  /// Whether it is able to work, in its own judgement. Called on the health-check interval; must not take
  /// long.
  virtual result<void> check() { return {}; }
};

/// What a backend is constructed with: the `settings` of its service's spec. A backend says which keys it
/// knows.
using backend_settings = std::map<std::string, std::string>;

} // namespace vef
