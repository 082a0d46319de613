#include <vef/apps/resume.hpp>

#include <vef/apps/lines.hpp>
#include <vef/apps/npy.hpp>
#include <vef/apps/written_file.hpp>

#include <algorithm>
#include <fstream>

namespace vef {

namespace fs = std::filesystem;

namespace {

struct vectors_found {
  std::uint64_t rows = 0; ///< that are there in full, whatever the head says
  npy_layout layout;
};

result<vectors_found> look_at_vectors(const fs::path& file) {
  std::string head(4096, ' ');
  std::ifstream in{file, std::ios::binary};
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  auto layout = read_npy_header(head, file.string());
  if (!layout) return fail(layout.error());
  std::error_code none;
  auto size = fs::file_size(file, none);
  auto rows = none || size < layout->offset ? 0 : (size - layout->offset) / (layout->dim * sizeof(float));
  return vectors_found{rows, *layout};
}

bool is_there(const fs::path& file) {
  std::error_code none;
  return fs::exists(file, none);
}

// Keeps the lines of rows, in their order, for as long as the rows are there.
result<void> keep_lines(const fs::path& from, const fs::path& to, std::uint64_t rows, earlier_run& run) {
  auto scratch = fs::path{to.string() + ".new"};
  auto kept = written_file::open(scratch);
  if (!kept) return fail(kept.error());
  if (auto ok = kept->cut(0); !ok) return ok;
  std::ifstream in{from, std::ios::binary};
  for (std::string text; std::getline(in, text) && run.rows < rows;) {
    auto line = read_line(text);
    if (!line) break; // cut short by the end of the run
    if (!line->row) continue;
    if (*line->row != run.rows) break;
    if (auto ok = kept->append(text + '\n'); !ok) return ok;
    run.done.insert(std::move(line->path));
    ++run.rows;
  }
  if (auto ok = kept->sync(); !ok) return ok;
  return kept->rename_to(to);
}

// Copies finished vectors; unfinished ones are in place.
result<void> keep_vectors(const fs::path& from, written_file& to, const vectors_found& found,
                          earlier_run& run) {
  if (from != to.path()) {
    std::error_code problem;
    fs::copy_file(from, to.path(), fs::copy_options::overwrite_existing, problem);
    if (problem) return fail(cannot_write(to.path(), problem.value()));
    run.copied = true;
  }
  return to.cut(found.layout.offset + run.rows * found.layout.dim * sizeof(float));
}

// The files that belong together. Those of an unfinished run get their names one after the other when it
// ends, the vectors last: as long as there are unfinished vectors, what has its name already is theirs.
output_paths sources(const output_paths& out, const written_file& vectors) {
  if (vectors.size() == 0) return out;
  auto newest = [](const fs::path& file) {
    auto unfinished = output_paths::partial(file);
    return is_there(unfinished) ? unfinished : file;
  };
  return {vectors.path(), newest(out.lines), newest(out.facts)};
}

} // namespace

result<earlier_run> prepare_resume(const output_paths& out, const run_facts& now, written_file& vectors) {
  earlier_run run;
  auto from = sources(out, vectors);
  if (!is_there(from.vectors)) return run;
  auto cannot_go_on = [&](const std::string& why) {
    return fail(errc::invalid_config, "cannot go on with " + vef::quoted(out.vectors.string()) + ": " + why);
  };
  auto before = read_run_facts(from.facts);
  if (!before) return cannot_go_on("it is not known how it was made: " + before.error().what);
  if (auto same = check_same_run(*before, now, out.vectors); !same) return fail(same.error());
  if (!is_there(from.lines)) return cannot_go_on("there is no " + vef::quoted(from.lines.string()));
  auto found = look_at_vectors(from.vectors);
  if (!found) return fail(found.error());
  if (found->layout.dim != now.dim || found->layout.offset != npy_header_size)
    return cannot_go_on("it was changed after it was made");
  auto lines = output_paths::partial(out.lines);
  if (auto ok = keep_lines(from.lines, lines, found->rows, run); !ok) return fail(ok.error());
  if (auto ok = keep_vectors(from.vectors, vectors, *found, run); !ok) return fail(ok.error());
  return run;
}

std::uint64_t unfinished_rows(const output_paths& out) {
  auto vectors = output_paths::partial(out.vectors);
  auto found = is_there(vectors) ? look_at_vectors(vectors) : fail(error{});
  return found ? found->rows : 0;
}

} // namespace vef
