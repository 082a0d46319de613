#include <vef/apps/output.hpp>

#include <vef/apps/lines.hpp>
#include <vef/apps/npy.hpp>
#include <vef/apps/text.hpp>
#include <vef/apps/written_file.hpp>

#include <bit>
#include <cerrno>

#include <unistd.h>

namespace vef {

static_assert(std::endian::native == std::endian::little,
              ".npy files say that their numbers are little-endian");

namespace {

constexpr std::size_t buffer_limit = 64 << 10;

std::string_view bytes_of(std::span<const float> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

// A folder or a device can't be replaced by a file.
result<void> check_replaceable(const std::filesystem::path& file) {
  std::error_code none;
  auto status = std::filesystem::status(file, none);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return {};
  return fail(errc::cannot_write,
              "cannot write " + vef::quoted(file.string()) + ": it is "
                  + (std::filesystem::is_directory(status) ? "a folder" : "no regular file"));
}

result<void> open_partial(written_file& file, const std::filesystem::path& path) {
  auto opened = written_file::open(output_paths::partial(path));
  if (!opened) return fail(opened.error());
  file = std::move(*opened);
  return {};
}

} // namespace

// -- files
// -----------------------------------------------------------------------------------------------------

result<std::unique_ptr<file_output>> file_output::open(const output_paths& out, const run_facts& facts,
                                                       output_mode mode) {
  auto x = std::make_unique<file_output>();
  x->out_ = out;
  x->facts_ = facts;
  auto ok = x->prepare(mode);
  if (ok) return x;
  // What was only just made goes away again.
  std::error_code none;
  for (const auto* file : {&x->vectors_, &x->lines_, &x->described_})
    if (!file->path().empty() && file->size() == 0) std::filesystem::remove(file->path(), none);
  return fail(ok.error());
}

result<void> file_output::prepare(output_mode mode) {
  for (const auto& file : {out_.vectors, out_.lines, out_.facts})
    if (auto ok = check_replaceable(file); !ok) return ok;
  if (auto ok = open_partial(vectors_, out_.vectors); !ok) return ok;
  if (auto left = unfinished_rows(out_); mode == output_mode::fresh && left > 0)
    return fail(errc::in_use, "an unfinished run with " + count(left, "picture") + " is in "
                                  + vef::quoted(vectors_.path().string()));
  if (mode == output_mode::resume) {
    if (auto ok = prepare_resume(out_, facts_, vectors_).map([&](earlier_run x) { earlier_ = std::move(x); });
        !ok)
      return ok;
    rows_ = earlier_.rows;
  }
  if (auto ok = open_partial(lines_, out_.lines); !ok) return ok;
  if (auto ok = open_partial(described_, out_.facts); !ok) return ok;
  return rows_ > 0 ? describe_run() : begin();
}

// The vectors get their head last: whoever finds one there can rely on the other two.
result<void> file_output::begin() {
  for (auto* file : {&vectors_, &lines_, &described_})
    if (auto ok = file->cut(0); !ok) return ok;
  if (auto ok = describe_run(); !ok) return ok;
  if (auto ok = vectors_.append(npy_header(0, facts_.dim)); !ok) return ok;
  return vectors_.flush();
}

result<void> file_output::describe_run() {
  if (described_.size() > 0) return {};
  if (auto ok = described_.append(to_text(facts_)); !ok) return ok;
  return described_.sync();
}

result<void> file_output::add(const std::string& path, std::span<const float> vector) {
  if (auto ok = vectors_.append(bytes_of(vector)); !ok) return ok;
  return lines_.append(line_of(path, rows_++));
}

result<void> file_output::add(const std::string& path, const error& problem) {
  return lines_.append(line_of(path, problem));
}

// Rows before their lines: a line without its row would be a promise not kept.
result<void> file_output::flush() {
  if (auto ok = vectors_.flush(); !ok) return ok;
  return lines_.flush();
}

result<void> file_output::finish() {
  if (auto ok = flush(); !ok) return ok;
  if (auto ok = vectors_.overwrite(0, npy_header(rows_, facts_.dim)); !ok) return ok;
  if (auto ok = vectors_.sync(); !ok) return ok;
  if (auto ok = lines_.sync(); !ok) return ok;
  // The vectors last: `prepare_resume` says why.
  if (auto ok = described_.rename_to(out_.facts); !ok) return ok;
  if (auto ok = lines_.rename_to(out_.lines); !ok) return ok;
  if (auto ok = vectors_.rename_to(out_.vectors); !ok) return ok;
  sync_folder(out_.vectors.parent_path());
  return {};
}

void file_output::abandon() {
  if (earlier_.rows > 0 && !earlier_.copied) return; // the work of an earlier run
  std::error_code none;
  for (const auto* file : {&vectors_, &lines_, &described_}) std::filesystem::remove(file->path(), none);
}

// -- standard output
// -------------------------------------------------------------------------------------------

result<void> stream_output::put(std::string_view line) {
  buffer_ += line;
  return buffer_.size() >= buffer_limit ? flush() : result<void>{};
}

result<void> stream_output::add(const std::string& path, std::span<const float> vector) {
  return put(line_of(path, rows_++, vector));
}

result<void> stream_output::add(const std::string& path, const error& problem) {
  return put(line_of(path, problem));
}

result<void> stream_output::flush() {
  auto reason = write_all(file_, buffer_);
  buffer_.clear();
  if (reason == 0) return {};
  closed_ = reason == EPIPE;
  return fail(cannot_write("standard output", reason));
}

} // namespace vef
