#include <vef/backends/hub/hub_client.hpp>

#include <utility>
#include <vector>

namespace vef {

namespace {

constexpr std::size_t most_hops = 6;

bool is_good(int status) { return status >= 200 && status < 300; }

tl::unexpected<setback> failed(error problem) {
  auto again = problem.code == errc::unavailable || problem.code == errc::deadline_exceeded;
  return tl::unexpected{setback{std::move(problem), again}};
}

tl::unexpected<setback> refused(const http_answer& x, error problem) {
  return tl::unexpected{setback{std::move(problem), worth_retry(x.status), retry_after(x), x.status}};
}

tl::unexpected<setback> in_circles(const std::string& url) {
  return failed({errc::download_failed, "cannot get " + shown_url(url) + ": redirects lead in circles"});
}

} // namespace

hub_client::hub_client(hub_access access, std::stop_token stop)
    : access_(std::move(access))
    , stop_(std::move(stop))
    , http_(access_.patience) {}

http_request hub_client::request_to(const std::string& url, http_method method) const {
  http_request out{.url = url, .method = method, .stop = stop_};
  if (same_origin(url, access_.endpoint)) out.token = access_.token;
  return out;
}

asked_file hub_client::asked(const model_name& model, const std::string& path) const {
  return {access_.endpoint, model, path, !access_.token.empty()};
}

attempt<std::optional<file_facts>> hub_client::find(const model_name& model, const std::string& path) {
  std::vector<http_hop> hops;
  auto url = file_url(access_.endpoint, model, path);
  while (hops.size() < most_hops) {
    auto answer = http_.ask(request_to(url, http_method::head));
    if (!answer) return failed(answer.error());
    hops.push_back({url, std::move(*answer)});
    const auto& last = hops.back().answer;
    if (says_no_such_file(last)) return std::nullopt;
    if (!is_redirect(last.status) && !is_good(last.status))
      return refused(last, refusal(last, asked(model, path)));
    if (is_redirect(last.status)) {
      auto target = redirect_target(hops.back());
      if (!target) return failed(target.error());
      if (same_origin(*target, access_.endpoint)) {
        url = *target;
        continue;
      }
    }
    auto facts = read_facts(hops);
    if (!facts) return failed(facts.error());
    return std::move(*facts);
  }
  return in_circles(url);
}

attempt<http_answer> hub_client::get(const model_name& model, const std::string& path,
                                     const std::string& location, std::uint64_t from,
                                     const http_client::take_body& take) {
  auto url = location;
  auto take_last = [&](const http_answer& head, std::string_view bytes) -> result<void> {
    return head.status == 200 || head.status == 206 ? take(head, bytes) : result<void>{};
  };
  for (std::size_t hop = 0; hop < most_hops; ++hop) {
    auto request = request_to(url, http_method::get);
    request.from = from;
    auto answer = http_.ask(request, take_last);
    if (!answer) return failed(answer.error());
    auto status = answer->status;
    if (status == 200 || status == 206 || status == 416) return std::move(*answer);
    if (!is_redirect(status)) {
      auto what = asked(model, path);
      auto at_home = same_origin(url, access_.endpoint);
      return refused(*answer, at_home ? refusal(*answer, what) : refusal_elsewhere(*answer, what, url));
    }
    auto target = redirect_target({url, std::move(*answer)});
    if (!target) return failed(target.error());
    url = *target;
  }
  return in_circles(url);
}

} // namespace vef
