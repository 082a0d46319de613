#include <vef/backends/hub/file_download.hpp>

#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

namespace vef {

namespace {

constexpr std::chrono::hours longest_lock{24}; // somebody else may be downloading it over a slow line

tl::unexpected<setback> at_last(error problem) { return tl::unexpected{setback{std::move(problem)}}; }

tl::unexpected<setback> once_more(std::string why) {
  return tl::unexpected{setback{{errc::download_failed, std::move(why)}, true}};
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// "bytes 100-199/200" begins at 100.
bool begins_at(const http_answer& head, std::uint64_t from) {
  auto range = head.headers.find("Content-Range").value_or("");
  return range.starts_with("bytes " + std::to_string(from) + '-');
}

} // namespace

file_download::file_download(const hub_cache& cache, hub_client& client, wanted_file file,
                             download_hooks hooks, retries left)
    : cache_(cache)
    , client_(client)
    , file_(std::move(file))
    , hooks_(std::move(hooks))
    , wait_(left, hooks_.pause, hooks_.stop) {}

std::string file_download::name() const { return vef::quoted(file_.path) + " of '" + file_.model.id + '\''; }

result<std::uint64_t> file_download::run() {
  lock_wait lock{.longest = longest_lock};
  lock.pass = [this](std::chrono::milliseconds time) { return hooks_.pause(time, hooks_.stop); };
  auto part = blob_writer::open(cache_, file_.model.id, file_.facts.etag, lock);
  if (!part) return fail(part.error());
  part_.emplace(std::move(*part));
  if (!part_->has_blob()) {
    if (auto ready = digest_part(); !ready) return fail(ready.error());
    auto most = part_->size();
    for (;;) {
      auto done = once();
      if (done) break;
      if (done.error().status == 403 && !std::exchange(found_again_, true)) {
        if (auto found = find_again(); !found) return fail(found.error());
      } else if (auto next = wait_.before_next(done.error(), part_->size() > most); !next) {
        return fail(next.error());
      }
      most = std::max(most, part_->size());
    }
    if (auto kept = part_->commit(); !kept) return fail(with_missing(kept.error()));
  }
  hooks_.on_progress(file_.facts.size);
  return received_;
}

attempt<void> file_download::once() {
  if (part_->size() > file_.facts.size)
    if (auto ok = start_over(); !ok) return at_last(ok.error());
  if (part_->size() < file_.facts.size)
    if (auto got = get_rest(); !got) return got;
  return check();
}

attempt<void> file_download::get_rest() {
  asked_from_ = part_->size();
  answered_ = false;
  auto answer =
      client_.get(file_.model, file_.path, file_.facts.location, asked_from_,
                  [this](const http_answer& head, std::string_view bytes) { return take(head, bytes); });
  if (!answer) return tl::unexpected{answer.error()};
  if (answer->status == 416) {
    if (auto ok = start_over(); !ok) return at_last(ok.error());
    return once_more("cannot get " + name() + ": the server has no bytes after those of the part file");
  }
  if (part_->size() < file_.facts.size)
    return once_more("cannot get " + name() + ": its bytes ended after " + std::to_string(part_->size())
                     + " of " + std::to_string(file_.facts.size));
  return {};
}

result<void> file_download::take(const http_answer& head, std::string_view bytes) {
  if (!std::exchange(answered_, true) && asked_from_ > 0
      && !(head.status == 206 && begins_at(head, asked_from_))) {
    if (auto ok = start_over(); !ok) return ok;
    // Other bytes than those asked for: the next try begins at the start.
    if (head.status == 206)
      return fail(errc::unavailable, "cannot get " + name() + ": the server sent another range");
  }
  received_ += bytes.size();
  if (bytes.size() > file_.facts.size - part_->size()) {
    if (auto ok = start_over(); !ok) return ok;
    return fail(errc::unavailable, "cannot get " + name() + ": more bytes came than the "
                                       + std::to_string(file_.facts.size) + " that it has");
  }
  if (auto written = part_->append(as_bytes(bytes)); !written) return fail(with_missing(written.error()));
  if (digest_) digest_->add(as_bytes(bytes));
  hooks_.on_progress(part_->size());
  return {};
}

attempt<void> file_download::check() {
  if (!digest_) return {};
  auto found = digest_->finish();
  if (found == file_.facts.etag) return {};
  if (auto ok = start_over(); !ok) return at_last(ok.error());
  auto what = "wrong content for " + name() + ": its digest is " + found + " and not " + file_.facts.etag;
  if (std::exchange(was_wrong_, true)) return at_last({errc::download_failed, what + ", twice"});
  return once_more(what);
}

result<void> file_download::find_again() {
  for (;;) {
    auto found = client_.find(file_.model, file_.path);
    if (found && *found && (*found)->etag == file_.facts.etag) {
      file_.facts.location = (*found)->location;
      return {};
    }
    if (found) return fail(errc::download_failed, "cannot get " + name() + ": it has changed meanwhile");
    if (auto next = wait_.before_next(found.error()); !next) return next;
  }
}

result<void> file_download::start_over() {
  if (auto emptied = part_->truncate(0); !emptied) return emptied;
  return digest_part();
}

// Digests what an earlier download has left, so that each byte is read only once.
result<void> file_download::digest_part() {
  auto kind = digest_kind_of(file_.facts.etag);
  if (!kind) return {};
  auto begun = digest::start(*kind, file_.facts.size);
  if (!begun) return fail(begun.error());
  digest_.emplace(std::move(*begun));
  if (part_->size() == 0) return {};
  std::ifstream in{part_->part(), std::ios::binary};
  std::vector<char> buffer(1 << 20);
  std::uint64_t done = 0;
  while (done < part_->size() && !hooks_.stop.stop_requested()) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    auto count = static_cast<std::size_t>(in.gcount());
    if (count == 0) return start_over();
    digest_->add(as_bytes({buffer.data(), count}));
    done += count;
  }
  hooks_.on_progress(done);
  if (hooks_.stop.stop_requested()) return fail(errc::cancelled, "stopped while reading a part file");
  return {};
}

error file_download::with_missing(error problem) const {
  if (problem.code == errc::disk_full)
    problem.what += "; " + name() + " needs " + format_bytes(file_.facts.size - part_->size()) + " more";
  return problem;
}

} // namespace vef
