#pragma once

#include <vef/apps/run_facts.hpp>
#include <vef/apps/written_file.hpp>

#include <string>
#include <unordered_set>

namespace vef {

/// What an earlier run left.
struct earlier_run {
  std::uint64_t rows = 0;
  std::unordered_set<std::string> done; ///< paths that have a row
  bool copied = false;                  ///< from a finished output, which stays until the new one is complete
};

/// Makes the partial files of an output ready to be gone on with, from what an earlier run left: partial
/// files of one that was killed, or finished ones. Afterwards `vectors`, which is OUT.npy.partial, has a head
/// and `rows` rows, and OUT.jsonl.partial the line of each row. Lines of errors are taken out, since those
/// inputs are tried again; so are rows and lines that lost their counterpart when the run was killed. Where
/// nothing was left, nothing is changed.
///
/// Errors: invalid_argument if it was made in another way than `now` says; invalid_config if the files are
/// not a run's; cannot_write, disk_full.
result<earlier_run> prepare_resume(const output_paths& out, const run_facts& now, written_file& vectors);

/// Rows that a run left in partial files; 0 where there are none.
std::uint64_t unfinished_rows(const output_paths& out);

} // namespace vef
