#pragma once

#include <vef/messages/embed.hpp>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vef {

/// How a request is cut, and how often its parts are tried.
struct part_rules {
  std::uint32_t pictures = 64; ///< in a part, at most
  std::uint64_t bytes =
      4_MiB;                  ///< of the content and the names of its pictures, at most, but for a single one
  std::uint32_t attempts = 4; ///< at each picture, all nodes together

  bool operator==(const part_rules&) const = default;
};

/// One request whose pictures are done in parts by several nodes, and put together in their order.
///
/// A request for thousands of pictures would keep one node busy while others idle, exceed what a message may
/// hold, and be lost as a whole with its node. So it is cut, as nodes have room for more; a part that a node
/// did not do is handed out again; and each picture ends with exactly one vector or one error.
///
/// Each time a part is handed out it has another number, which is good for one answer or one failure: what
/// comes after that, from a node that was believed lost, is passed over. Pictures are shared with the parts
/// that are under way, and released once they are done.
///
/// Pure: no actors and no clocks. Not for several threads at once.
class spread {
public:
  using part_id = std::uint64_t;
  static constexpr auto all = std::numeric_limits<std::uint32_t>::max();

  struct part {
    part_id id = 0;
    embed_request request = {}; ///< for the pictures of this part, everything else as it was asked
    std::size_t first = 0;      ///< its place in the whole
    std::uint32_t count = 0;    ///< pictures; 0 only for a request without any
    std::uint64_t bytes = 0;    ///< as part_rules counts them
  };

  /// What an answer was good for.
  enum class verdict : std::uint8_t {
    taken,
    late,    ///< its part is no longer under way: passed over
    unusable ///< it does not fit its part, or those before: the part has failed with `internal`
  };

  explicit spread(embed_request request, part_rules rules = {});

  // -- parts ------------------------------------------------------------------------------------------------

  /// The next part that nobody has, of at least one picture and no more than `most_pictures`; those that came
  /// back go first. Nothing if all is under way or done. A request without pictures is one part.
  std::optional<part> next(std::uint32_t most_pictures = all);

  /// It was not sent to anybody: as if it had not been handed out.
  void put_back(part_id id);

  /// Nodes that have failed these pictures before: better not this time.
  std::vector<std::string> avoid(part_id id) const;

  /// `node` has answered. The reply has as many rows and outcomes as the part has pictures, and is of the
  /// same model and dimension as the first one.
  verdict done(part_id id, const std::string& node, const embed_reply& reply);

  /// `node` has not done it. The part is handed out again if the error is retryable and it was not tried too
  /// often; but where the request must not be replayed, only if it can't have been done. Else its pictures
  /// have this error.
  void failed(part_id id, const std::string& node, error why, bool may_have_been_done);

  /// Everything that is open has this error: time is up, or nobody wants it any more.
  void fail_rest(const error& why);

  // -- the whole --------------------------------------------------------------------------------------------

  /// Parts that are under way.
  std::size_t open_parts() const { return out_.size(); }

  /// Pictures that nobody has.
  std::size_t waiting_pictures() const;

  /// Every picture has its vector or its error.
  bool finished() const;

  /// Of a finished one: the error of the first picture if no part was answered, so that a request that fails
  /// as a whole is refused as by a single node.
  std::optional<error> whole_error() const;

  /// The reply of a finished one without a whole_error, once. Service and model are those of the first
  /// answer. Of its timing, `total` is the caller's; `load` is the longest of all parts, which wait side by
  /// side; `prepare` and `embed` are added up, as they are for the pictures and passes of one request.
  embed_reply take(std::chrono::microseconds total);

private:
  /// Pictures that stand together and were handed out together so far.
  struct piece {
    std::size_t first = 0;
    std::size_t count = 0;
    std::uint32_t failures = 0;
    std::vector<std::string> failed_at = {};
  };

  std::size_t part_size(const piece& x, std::uint32_t most_pictures) const;
  part make_part(part_id id, const piece& x) const;
  std::optional<piece> close(part_id id);
  bool fits(const piece& x, const embed_reply& reply) const;
  void place(const piece& x, const embed_reply& reply);
  void fail_piece(piece x, const std::string& node, const error& why, bool may_have_been_done);
  void wait(piece x);
  void settle(const piece& x, const error& why);

  embed_request options_;     // the request without its pictures
  std::vector<image> images_; // of those that are not done; else empty ones
  part_rules rules_;
  part_id last_id_ = 0;
  std::map<std::size_t, piece> waiting_; // by place: what came back stands before what never left
  std::map<part_id, piece> out_;
  bool answered_ = false;     // at least one part was
  embed_reply reply_;         // but for its vectors
  std::size_t dim_ = 0;       // of the first vectors, or of a reply without any; 0: not known
  std::vector<float> values_; // empty before the first vectors
  error first_error_;         // of the first pictures
};

} // namespace vef
