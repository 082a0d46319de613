// The part of answers.hpp that puts refusals into words.
#include <vef/backends/hub/answers.hpp>

namespace vef {

namespace {

constexpr std::size_t longest_reason = 300;

std::string header(const http_answer& x, std::string_view name) { return x.headers.find(name).value_or(""); }

std::string page(const asked_file& what) { return what.endpoint + '/' + what.model.id; }

std::string own_words(const http_answer& x) {
  auto message = header(x, "X-Error-Message");
  return message.empty() ? "" : ": " + vef::quoted(message.substr(0, longest_reason));
}

error of_repository(const asked_file& what) {
  auto text = "there is no model '" + what.model.id + "' at " + shown_url(what.endpoint);
  if (what.with_token) return {errc::not_found, text + ", or it is private and the token may not read it"};
  return {errc::not_found, text + ", or it is private and needs a token: then set HF_TOKEN"};
}

error of_token(const asked_file& what) {
  return {errc::access_denied, "cannot get '" + what.model.id + "': " + shown_url(what.endpoint)
                                   + " does not know the token (HF_TOKEN, or the hub's token file): it is "
                                     "mistyped, has expired or was revoked"};
}

error of_gate(const asked_file& what) {
  auto account =
      what.with_token ? "with the account of the token" : "and set HF_TOKEN to a token of the account";
  return {errc::access_denied, "cannot get '" + what.model.id + "': its terms have to be accepted at "
                                   + page(what) + ' ' + account};
}

error not_allowed(const http_answer& x, const asked_file& what) {
  auto text = "cannot get '" + what.model.id + "': ";
  if (!what.with_token) return {errc::access_denied, text + "it needs a token" + own_words(x)};
  return {errc::access_denied, text + "the token may not read it" + own_words(x)};
}

error of_file(const asked_file& what) {
  return {errc::not_found, "'" + what.model.id + "' has no file " + vef::quoted(what.path) + " at "
                               + vef::quoted(what.model.revision)};
}

error of_revision(const asked_file& what) {
  return {errc::not_found, "'" + what.model.id + "' has no branch, tag or commit "
                               + vef::quoted(what.model.revision) + "; " + page(what)
                               + "/tree/main lists them"};
}

error of_status(const http_answer& x, const asked_file& what, const std::string& url) {
  auto text =
      "cannot get " + vef::quoted(what.path) + " of '" + what.model.id + "' from " + shown_url(url) + ": ";
  if (x.status == 429) {
    text += "too many requests";
    if (auto wait = retry_after(x)) text += ", asked to wait " + std::to_string(wait->count()) + " s";
    return {errc::download_failed, text + (what.with_token ? "" : "; with a token more are allowed")};
  }
  return {errc::download_failed, text + "HTTP status " + std::to_string(x.status) + own_words(x)};
}

error without_id(const http_answer& x, const asked_file& what) {
  auto code = header(x, "X-Error-Code");
  if ((x.status == 401 || x.status == 403) && code == "GatedRepo") return of_gate(what);
  if (x.status == 401) {
    auto bad = header(x, "X-Error-Message").find("Invalid credentials in Authorization header");
    return bad == std::string::npos ? of_repository(what) : of_token(what);
  }
  if (x.status == 403) return not_allowed(x, what);
  if (x.status == 404 && code == "RevisionNotFound") return of_revision(what);
  if (x.status == 404 && code == "RepoNotFound") return of_repository(what);
  if (x.status == 404 || x.status == 410) return of_file(what);
  return of_status(x, what, what.endpoint);
}

error with_id(error problem, const http_answer& x) {
  if (auto id = header(x, "X-Request-Id"); !id.empty())
    problem.what += " (request " + vef::quoted(id.substr(0, longest_reason)) + ')';
  return problem;
}

} // namespace

bool says_no_such_file(const http_answer& x) {
  if (x.status != 404) return false;
  // Mirrors that serve plain files give no code.
  auto code = header(x, "X-Error-Code");
  return code.empty() || code == "EntryNotFound";
}

error refusal(const http_answer& x, const asked_file& what) { return with_id(without_id(x, what), x); }

error refusal_elsewhere(const http_answer& x, const asked_file& what, const std::string& url) {
  return with_id(of_status(x, what, url), x);
}

} // namespace vef
