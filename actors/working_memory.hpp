#pragma once

#include <vef/messages/memory.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace vef {

/// What a model's forward passes need beside its weights, as far as it is known: measured for some sizes of
/// batch, extrapolated for the others.
class working_memory {
public:
  working_memory() = default;

  /// `estimate`: bytes of each picture in a pass, by the catalog; 0: not known, and then nothing is expected
  /// until something is measured.
  explicit working_memory(std::uint64_t estimate, const std::vector<working_sample>& learned = {});

  /// Bytes that a pass over so many pictures is expected to need. Never falls with the number of pictures.
  ///
  /// Between sizes that were measured it is interpolated, above them proportional. Below them it is too much
  /// rather than too little: as if half of the smallest measured pass were needed by any pass at all, or what
  /// the catalog says, where that is more and not above the measured pass.
  std::uint64_t expected(std::size_t pictures) const;

  /// The largest batch of at most `wanted` pictures whose pass is expected to fit into `bytes`; 0: none.
  std::size_t fitting(std::uint64_t bytes, std::size_t wanted) const;

  /// A pass over so many pictures held so much. The largest figure counts; 0 bytes mean that it could not be
  /// measured, and say nothing.
  void measured(std::size_t pictures, std::uint64_t bytes);

  /// A pass over so many pictures found no memory: from now on batches are at most half as large, and it is
  /// expected to need twice as much. Passes that were under way at their old size lower the limit no further.
  void ran_out(std::size_t pictures);

  /// The largest batch that should be tried.
  std::size_t largest_batch() const { return ceiling_; }

  /// What was measured since the last call, by number of pictures.
  std::vector<working_sample> take_new();

private:
  void learn(std::size_t pictures, std::uint64_t bytes);
  std::uint64_t below_smallest(std::size_t pictures) const;

  std::uint64_t estimate_ = 0;
  std::map<std::size_t, std::uint64_t> known_; ///< never falls from one entry to the next
  std::map<std::size_t, std::uint64_t> new_;
  std::size_t ceiling_ = static_cast<std::size_t>(-1);
};

} // namespace vef
