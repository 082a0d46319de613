#include <vef/backends/transformers/json_walk.hpp>

#include <vef/backends/guard.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr int deepest = 32;

/// Hands the parser's events on, except those of values that are passed over.
class walker {
public:
  walker(std::string_view subject, json_visitor& visitor)
      : subject_(subject)
      , visitor_(visitor) {}

  result<void> outcome;

  bool null() { return other("null"); }
  bool boolean(bool) { return other("true or false"); }
  bool number_integer(std::int64_t) { return other("a negative number"); }
  bool number_float(double, const std::string&) { return other("a number that is not whole"); }
  bool binary(const nlohmann::json::binary_t&) { return other("bytes"); }
  bool number_unsigned(std::uint64_t x) { return passed_over() || keep(visitor_.number(x)); }
  bool string(std::string& x) { return passed_over() || keep(visitor_.text(x)); }

  bool start_object(std::size_t) { return enter() && (passing_ || keep(visitor_.object())); }
  bool start_array(std::size_t) { return enter() && (passing_ || keep(visitor_.list())); }
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }

  bool key(std::string& x) {
    if (passing_) return true;
    auto wanted = visitor_.key(x);
    if (!wanted) return keep(fail(wanted.error()));
    passing_ = !*wanted;
    passing_depth_ = depth_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last, const nlohmann::json::exception&) {
    return keep(fail(errc::corrupt_model,
                     std::string{subject_} + " is no valid JSON: byte " + std::to_string(position)
                         + (last.empty() ? "" : ", at " + vef::quoted(last.substr(0, 40)))));
  }

private:
  bool keep(result<void> x) {
    if (!x) outcome = std::move(x);
    return outcome.has_value();
  }

  bool other(std::string_view kind) { return passed_over() || keep(visitor_.other(kind)); }

  bool enter() {
    if (++depth_ <= deepest) return true;
    return keep(fail(errc::corrupt_model, std::string{subject_} + " is nested deeper than "
                                              + std::to_string(deepest) + " levels, which no model needs"));
  }

  bool leave() {
    --depth_;
    return passed_over() || keep(visitor_.end());
  }

  // Whether the value that ends here belongs to one that is passed over.
  bool passed_over() {
    auto passed = passing_;
    if (depth_ == passing_depth_) passing_ = false;
    return passed;
  }

  std::string_view subject_;
  json_visitor& visitor_;
  int depth_ = 0;
  bool passing_ = false;
  int passing_depth_ = 0; ///< of the object whose value is passed over
};

} // namespace

result<void> walk_json(std::string_view text, std::string_view subject, json_visitor& visitor) noexcept {
  return guarded(errc::internal, "cannot read JSON", [&]() -> result<void> {
    // The parser takes a zero byte for the end of the text, and passes over a byte order mark.
    auto zero = std::ranges::find(text, '\0');
    if (zero != text.end() || text.starts_with("\xef\xbb\xbf"))
      return fail(errc::corrupt_model,
                  std::string{subject} + " is no valid JSON: "
                      + (zero == text.end()
                             ? "it begins with a byte order mark"
                             : "byte " + std::to_string(zero - text.begin() + 1) + " is zero"));
    walker walk{subject, visitor};
    nlohmann::json::sax_parse(text.begin(), text.end(), &walk);
    return walk.outcome;
  });
}

} // namespace vef
