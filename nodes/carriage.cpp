#include <vef/nodes/carriage.hpp>

#include <vef/backends/image/file.hpp>
#include <vef/nodes/path_guard.hpp>

#include <algorithm>

namespace vef {

carriage::carriage(embed_request part, std::vector<std::string> shared_folders, std::uint64_t most_bytes)
    : part_(std::move(part))
    , shared_folders_(std::move(shared_folders))
    , most_bytes_(most_bytes)
    , outcomes_(part_.images.size()) {}

bool carriage::goes_by_name(const image& x) const {
  return x.kind != image_kind::file || path_guard::names(shared_folders_, x.name);
}

bool carriage::has_to_read() const noexcept {
  return std::ranges::any_of(part_.images, [](const image& x) { return x.kind == image_kind::file; });
}

embed_request carriage::next() {
  auto images = std::move(part_.images);
  part_.images.clear();
  auto chunk = part_; // all but the pictures
  part_.images = std::move(images);
  under_way_.clear();
  for (std::uint64_t bytes = 0; has_next() && (under_way_.empty() || bytes < most_bytes_); ++next_) {
    auto& x = part_.images[next_];
    if (!goes_by_name(x)) {
      auto content = read_picture_file(x.name, most_bytes_);
      if (!content) {
        outcomes_[next_] = content.error();
        continue;
      }
      if (!under_way_.empty() && bytes + content->size() > most_bytes_) {
        // Read once, sent with the next chunk.
        x = image::encoded(shared_bytes{std::move(*content)}, x.name);
        break;
      }
      x = image::encoded(shared_bytes{std::move(*content)}, x.name);
    } else if (!under_way_.empty() && bytes + x.bytes.size() > most_bytes_) {
      break;
    }
    bytes += x.bytes.size();
    under_way_.push_back(next_);
    chunk.images.push_back(std::move(x));
  }
  return chunk;
}

void carriage::add(const embed_reply& reply) {
  partly_done_ = true;
  if (reply.outcomes.size() != under_way_.size() || reply.vectors.rows() != under_way_.size()) {
    for (auto i : under_way_)
      outcomes_[i] = {errc::internal, "the answer has another number of pictures than the question"};
    return;
  }
  if (dim_ == 0 && reply.vectors.dim() > 0) {
    dim_ = reply.vectors.dim();
    values_.assign(outcomes_.size() * dim_, 0.0f);
  }
  for (std::size_t k = 0; k < under_way_.size(); ++k) {
    auto i = under_way_[k];
    outcomes_[i] = reply.outcomes[k];
    if (!reply.outcomes[k] && reply.vectors.dim() == dim_)
      std::ranges::copy(reply.vectors.row(k), values_.begin() + static_cast<std::ptrdiff_t>(i * dim_));
  }
  reply_.service = reply.service;
  reply_.model = reply.model;
  reply_.timing.total += reply.timing.total;
  reply_.timing.load += reply.timing.load;
  reply_.timing.prepare += reply.timing.prepare;
  reply_.timing.embed += reply.timing.embed;
}

embed_reply carriage::take() {
  auto rows = outcomes_.size();
  reply_.outcomes = std::move(outcomes_);
  reply_.vectors = matrix{rows, dim_, std::make_shared<std::vector<float>>(std::move(values_))};
  return std::move(reply_);
}

} // namespace vef
