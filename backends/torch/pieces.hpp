#pragma once

#include <vef/backends/torch/emulated_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vef {

struct arena;

/// Stands in front of every piece of host memory that LibTorch gets from us. It frees by the address alone,
/// so the rest must be found from it.
struct alignas(64) piece {
  const void* mark = nullptr;   ///< its own address, turned; a piece from before our time lacks it
  std::size_t size = 0;         ///< bytes taken from the system, this header included
  std::size_t counted = 0;      ///< what it counts for with its arena, or with `charged`
  std::shared_ptr<arena> owner; ///< takes it back; none: the system does
  std::shared_ptr<emulated_memory> charged; ///< what lies in it is on that device

  std::size_t room() const { return size - sizeof(piece); }
};
static_assert(sizeof(piece) == 64);

/// Bytes that a piece with room for so many takes from the system.
std::size_t piece_size(std::size_t room);

/// From 64 KiB on a piece is a mapping of its own: when it falls free its memory is the system's at once,
/// where the heap would keep it for as long as something small lies above it. nullptr where there is no
/// memory.
piece* make_piece(std::size_t room);
void free_piece(piece* x);

/// Makes LibTorch allocate host memory here: during a pass from the arena of the thread, during a load (see
/// `charged_to`) in pieces of its own, otherwise as it always does. Once per process, before the first pass
/// and the first load.
void install_pieces();

/// While it lives, what this thread allocates outside a pass comes in pieces and is charged to an emulated
/// device, and there is no memory for what does not fit. Charges nothing for nullptr.
class charged_to {
public:
  explicit charged_to(std::shared_ptr<emulated_memory> x);
  ~charged_to();
  charged_to(const charged_to&) = delete;
  charged_to& operator=(const charged_to&) = delete;

private:
  std::shared_ptr<emulated_memory> before_;
};

} // namespace vef
