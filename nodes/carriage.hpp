#pragma once

#include <vef/messages/embed.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace vef {

/// A part of a request on its way to another node, which may not be able to read the files that it names:
/// these go as bytes, a few at a time, so that neither side holds more than some megabytes of them.
///
/// Pure but for `next`, which reads files and so blocks: for a worker. One thread at a time.
class carriage {
public:
  /// A file below one of `shared_folders` goes by its name, since the other node can read it. One chunk is of
  /// at most `most_bytes` and at least one picture.
  carriage(embed_request part, std::vector<std::string> shared_folders, std::uint64_t most_bytes);

  /// Whether files have to be read at all. If not, the part goes as it is, in one piece.
  bool has_to_read() const noexcept;

  /// What to send next, until there is nothing more to send. A file that can't be read becomes an error in
  /// its place and is left out; so the last chunk may be empty, and is then not to be sent.
  bool has_next() const noexcept { return next_ < part_.images.size(); }
  embed_request next();

  /// The answer to the chunk that `next` gave last.
  void add(const embed_reply& reply);

  /// Whether some of it has been done.
  bool partly_done() const noexcept { return partly_done_; }

  /// All answers as one, when nothing more is to be sent.
  embed_reply take();

private:
  bool goes_by_name(const image& x) const;

  embed_request part_;
  std::vector<std::string> shared_folders_;
  std::uint64_t most_bytes_;
  std::size_t next_ = 0;
  std::vector<std::size_t> under_way_; // places of the pictures of the last chunk
  std::vector<error> outcomes_;
  std::vector<float> values_; // rows of outcomes_.size() x dim_
  std::size_t dim_ = 0;
  bool partly_done_ = false;
  embed_reply reply_;
};

} // namespace vef
