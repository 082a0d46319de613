#pragma once

#include <vef/actors/governor.hpp>
#include <vef/actors/memory_monitor.hpp>
#include <vef/actors/workers.hpp>
#include <vef/backends/types.hpp>
#include <vef/messages/embed.hpp>
#include <vef/messages/status.hpp>
#include <vef/supervisor/builtin.hpp>
#include <vef/supervisor/isolation/processes.hpp>
#include <vef/supervisor/supervisor.hpp>

#include <future>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace vef {

/// An error as an exception, for callers who prefer those: see `or_throw`.
class failure : public std::runtime_error {
public:
  explicit failure(vef::error x)
      : std::runtime_error(describe(x))
      , error_(std::move(x)) {}
  const vef::error& error() const noexcept { return error_; }

private:
  vef::error error_;
};

/// The value, or a `failure` with the error's sentence.
template <class T> T or_throw(result<T> x) {
  if (!x) throw failure{std::move(x.error())};
  if constexpr (!std::is_void_v<T>) return std::move(*x);
}

/// What became of the pictures of one request: a vector or an error for each, in their order.
class embeddings {
public:
  class row {
  public:
    explicit operator bool() const noexcept { return !error(); }

    /// embed_dim numbers; zeros where there is an error. Valid for as long as the embeddings are.
    std::span<const float> vector() const noexcept { return owner_->reply_.vectors.row(index_); }
    const vef::error& error() const noexcept { return owner_->reply_.outcomes[index_]; }

  private:
    friend class embeddings;
    row(const embeddings* owner, std::size_t index)
        : owner_(owner)
        , index_(index) {}
    const embeddings* owner_;
    std::size_t index_;
  };

  class iterator {
  public:
    using difference_type = std::ptrdiff_t;
    using value_type = row;
    using iterator_category = std::input_iterator_tag;

    row operator*() const { return (*owner_)[index_]; }
    iterator& operator++() {
      ++index_;
      return *this;
    }
    iterator operator++(int) {
      auto old = *this;
      ++index_;
      return old;
    }
    bool operator==(const iterator& x) const { return index_ == x.index_; }

  private:
    friend class embeddings;
    iterator(const embeddings* owner, std::size_t index)
        : owner_(owner)
        , index_(index) {}
    const embeddings* owner_;
    std::size_t index_;
  };

  explicit embeddings(embed_reply reply)
      : reply_(std::move(reply)) {}

  /// A request that failed as a whole: every picture carries its error.
  embeddings(vef::error why, std::size_t images);

  std::size_t size() const noexcept { return reply_.outcomes.size(); }
  row operator[](std::size_t i) const { return {this, i}; }
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, size()}; }

  /// Whether every picture has a vector.
  bool all_ok() const noexcept;

  /// All vectors as one block, without a copy.
  const matrix& vectors() const noexcept { return reply_.vectors; }
  const embed_reply& reply() const noexcept { return reply_; }

private:
  embed_reply reply_;
};

struct runtime_options {
  std::shared_ptr<backend_types> backends = builtin_backends();
  std::vector<service_spec> services = {};
  worker_counts work = {};
  std::uint64_t memory_budget = 0; ///< bytes of host memory for models; 0: 80 % of the machine's
  governor_options memory = {};    ///< all else about memory: other devices, eviction, pressure, what is kept
  monitor_options monitor = {};
  idle_timeouts idle = {}; ///< after which unused models go; for services that say nothing
  supervisor_options supervision = {};

  /// For services with `isolation::process`, which the runtime takes if this is set, or if one of `services`
  /// is such a one. The program calls `child_main` first of all in main().
  std::optional<process_options> processes = {};
  std::chrono::milliseconds shutdown_limit = std::chrono::seconds{30};
};

class runtime;
class runtime_host;

/// Ends a runtime_host, of which whoever only hands one on need not know more (runtime_host.hpp).
struct end_host {
  void operator()(runtime_host* x) const noexcept;
};
using runtime_host_ptr = std::unique_ptr<runtime_host, end_host>;

/// A running service of a runtime, which must outlive it. Copies are the same service. Safe to use from many
/// threads.
class service {
public:
  const std::string& name() const noexcept { return name_; }

  /// Embeds pictures and waits for the vectors. The empty model is the service's default.
  embeddings embed(std::vector<image> images, embed_request options = {}) const;

  /// The same without waiting, for several requests under way at once.
  std::future<embeddings> embed_async(std::vector<image> images, embed_request options = {}) const;

  result<model_status> load(const std::string& model = {}) const;
  result<std::vector<unload_report>> unload(const std::string& model = {}) const;
  result<service_status> status() const;
  result<std::vector<catalog_entry>> models() const;

private:
  friend class runtime;
  service(runtime* owner, std::string name)
      : owner_(owner)
      , name_(std::move(name)) {}
  runtime* owner_;
  std::string name_;
};

/// vef for code that has no actors: an actor system of its own with everything in it. Blocking calls, and
/// futures for embedding. Safe to use from many threads; never from within a backend.
class runtime {
public:
  /// Throws a `failure` for options that make no sense.
  explicit runtime(runtime_options options = {});

  /// For an actor system that somebody else has put together: one that is a node, or one whose work is done
  /// by nodes (nodes/remote.hpp). Then models and services are theirs.
  explicit runtime(runtime_host_ptr host);

  /// Lets the requests under way finish, for at most `shutdown_limit`, and frees every model.
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Adds a kind of backend that services can then be made of.
  template <std::derived_from<backend> T>
  result<void> register_backend(std::string name, backend_metadata metadata) {
    return backends_->add<T>(std::move(name), std::move(metadata));
  }

  /// Makes a service named like its backend, or as the spec says, and waits until it runs; without auto_start
  /// it is only made known.
  result<service> create(const std::string& backend) { return create(service_spec{.name = backend}); }
  result<service> create(service_spec spec);

  /// Waits until each service runs, is stopped, has failed, or waits for one that has.
  result<void> wait_for_services();

  /// A service that runs already. Errors: unknown_service, unavailable.
  result<service> find(const std::string& name);

  /// Starts a stopped service, and before it those that it needs, and waits until it runs. Errors:
  /// unknown_service, in_use if it runs already, unavailable if it or one that it needs has failed.
  result<service> start(const std::string& name);

  /// Starts a service that failed, with a clean record, and waits until it runs. Errors: unknown_service,
  /// invalid_argument if it has not failed.
  result<service> reset(const std::string& name);

  /// Drains and stops a service, which stays known. Errors: unknown_service, in_use if another one depends on
  /// it, invalid_argument if it does not run.
  result<std::vector<unload_report>> stop(const std::string& name);

  /// Drains and stops a service and forgets it. Errors: unknown_service, in_use if another one depends on it.
  result<void> remove(const std::string& name);

  /// Loads a model of this service, or of the first that offers it for an empty name, and waits until it is
  /// ready. Errors: unknown_service, unknown_model, and those of loading.
  result<model_status> load(const std::string& service, const std::string& model);

  /// Embeds with whichever service offers `request.model`.
  embeddings embed(embed_request request);
  std::future<embeddings> embed_async(embed_request request);

  result<std::vector<unload_report>> unload_all(unload_mode mode = unload_mode::when_done);
  result<std::vector<unload_report>> unload_service(const std::string& service,
                                                    unload_mode mode = unload_mode::when_done);
  result<std::vector<unload_report>> unload_model(const std::string& service, const std::string& model,
                                                  unload_mode mode = unload_mode::when_done);

  /// Unloads idle models, those that the eviction policy thinks of least first, until no memory is in use by
  /// more than this share, 0..1, of what there is or of its budget. Errors: invalid_argument.
  result<std::vector<unload_report>> unload_by_pressure(double threshold = 0.85);

  /// Unloads what was not used for so long. Errors: invalid_argument.
  result<std::vector<unload_report>> unload_by_timeout(idle_timeouts limits = {});

  /// Keeps a model, once it is loaded, until it is unpinned: nothing evicts it. Errors: unknown_service,
  /// unknown_model.
  result<void> pin(const std::string& service, const std::string& model);
  result<void> unpin(const std::string& service, const std::string& model);

  /// What loading a model would need and evict. Does nothing. Errors: unknown_service, unknown_model.
  result<load_plan> plan(const std::string& service, const std::string& model = {});

  /// The ledger of every device, what is known of each model, and who left last and why.
  result<memory_status> memory();

  result<std::vector<catalog_entry>> models();
  result<node_status> status();

private:
  friend class service;
  result<void> set_pin(const std::string& service, const std::string& model, bool pinned);
  struct core;
  std::shared_ptr<backend_types> backends_;
  std::unique_ptr<core> core_;
};

} // namespace vef
