#pragma once

#include <vef/messages/errors.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace vef::bench {

/// Where the peers live: $VEF_PEERS, or build/peers of the checkout that this program was built from. Under
/// it are venv/bin/python and models/NAME, in the layout that bench/peers/make_models.py describes.
std::filesystem::path peers_folder();

struct peer_options {
  std::string engine; ///< "openvino", "onnxruntime" or "transformers"
  std::string model;  ///< a folder of models/, or the path of one like them
  unsigned threads = 1;
  std::string precision = "float32"; ///< or "bfloat16"
  std::size_t batch = 8;
  std::string hint = "latency"; ///< or "throughput": for OpenVINO

  /// .npy, float32 [batch,3,224,224], normalised; none: noise.
  std::filesystem::path input = {};
  /// Gets the vectors of that batch, as .npy; none: they are dropped.
  std::filesystem::path output = {};
};

/// What a peer says of itself when it is ready.
struct peer_facts {
  std::string version;
  std::string precision;     ///< what it computes in: float32 where it can't do what was asked
  double load_seconds = 0;   ///< from its start, its imports included, to the end of its first batch
  double peak_rss_bytes = 0; ///< until then
};

/// An engine that ours is compared with, in a process of its own, which waits while it is not asked: so ours
/// and the peer can be measured in turn in one run, and neither's threads are in the other's way.
///
/// The process is bench/peers/peer.py, where the protocol is described. It is killed with the object, and
/// ends by itself when we do. One thread at a time.
class peer_process {
public:
  /// Starts it, and returns when the network is loaded and has run once.
  ///
  /// Errors: missing_capability when there is no environment of the peers or no such model, with a text that
  /// says how to make it, after "SKIPPED: ...: "; load_failed when the peer says so or ends.
  static result<peer_process> start(const peer_options& how);

  peer_process(peer_process&&) noexcept;
  peer_process& operator=(peer_process&&) noexcept;
  ~peer_process();

  const peer_facts& facts() const;

  /// The sum of the last batch's vectors; 0 before `images_per_second` was called.
  double checksum() const;

  /// Runs so many batches, at least 1, and times them in the peer.
  /// Errors: embed_failed when the peer says so or ends.
  result<double> images_per_second(std::size_t batches);

private:
  struct core;
  explicit peer_process(std::unique_ptr<core> x);
  std::unique_ptr<core> core_;
};

/// What transformers needs from a folder of a model to the first vector, in a fresh process.
struct peer_load {
  double import_seconds = 0;       ///< Python and its packages, before the rest
  double load_seconds = 0;         ///< from_pretrained
  double first_vector_seconds = 0; ///< from_pretrained and one picture
  double unload_seconds = 0;
  double imported_rss_bytes = 0; ///< before from_pretrained
  double peak_rss_bytes = 0;     ///< in all
};

/// Measures it once. Whether the model's files are in the page cache is the caller's affair. Errors as
/// `peer_process::start`.
result<peer_load> measure_peer_load(const std::string& model, unsigned threads);

} // namespace vef::bench
