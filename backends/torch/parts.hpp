#pragma once

#include <cstddef>
#include <functional>

namespace vef {

/// Does `work` for each part of a batch, 0 to count - 1, with so many threads, each taking the next part when
/// it is done with one; what LibTorch computes inside of a part is then done by that thread alone. Of
/// exceptions the first is thrown when all have ended.
///
/// Some pictures through all layers by one thread, and the rest by others, is a few percent faster than all
/// pictures layer by layer by all threads: a layer's results are still in the cache of the core that needs
/// them, and threads wait for each other once instead of a hundred times.
void in_parts(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& work);

} // namespace vef
