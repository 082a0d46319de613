#pragma once

#include <vef/apps/resume.hpp>

#include <functional>
#include <memory>
#include <span>

namespace vef {

/// Where the outcomes of a run go, in the order of the inputs.
class output {
public:
  virtual ~output() = default;

  virtual result<void> add(const std::string& path, std::span<const float> vector) = 0;
  virtual result<void> add(const std::string& path, const error& problem) = 0;

  /// What was added so far survives the end of this process.
  virtual result<void> flush() = 0;

  /// No more comes.
  virtual result<void> finish() = 0;

  /// The run came to nothing and leaves nothing.
  virtual void abandon() {}
};

enum class output_mode : std::uint8_t {
  fresh,   ///< refuse if an unfinished run is there
  resume,  ///< go on from an earlier run
  restart, ///< an unfinished run is thrown away
};

/// Writes OUT.npy, OUT.jsonl and OUT.meta.json. Until `finish` they have other names beside those; then each
/// is replaced at once, so that a reader sees all of the old or all of the new. Nothing is kept in memory but
/// a buffer.
class file_output final : public output {
public:
  /// Errors: cannot_write, disk_full; in_use for another run or, where `fresh`, an unfinished one; those of
  /// `prepare_resume`.
  static result<std::unique_ptr<file_output>> open(const output_paths& out, const run_facts& facts,
                                                   output_mode mode);

  /// What is there already and need not be done again.
  const earlier_run& earlier() const noexcept { return earlier_; }
  std::uint64_t rows() const noexcept { return rows_; }

  result<void> add(const std::string& path, std::span<const float> vector) override;
  result<void> add(const std::string& path, const error& problem) override;
  result<void> flush() override;
  result<void> finish() override;
  void abandon() override;

private:
  result<void> prepare(output_mode mode);
  result<void> begin();
  result<void> describe_run();

  output_paths out_;
  run_facts facts_;
  earlier_run earlier_;
  written_file vectors_; ///< opened first: its lock keeps other runs away from all three
  written_file lines_;
  written_file described_;
  std::uint64_t rows_ = 0;
};

/// Writes lines of JSON with vectors to a descriptor. Errors: cannot_write with `closed` set where the reader
/// is gone.
class stream_output final : public output {
public:
  explicit stream_output(int file)
      : file_(file) {}

  /// Whether the other end of the pipe was closed.
  bool closed() const noexcept { return closed_; }

  result<void> add(const std::string& path, std::span<const float> vector) override;
  result<void> add(const std::string& path, const error& problem) override;
  result<void> flush() override;
  result<void> finish() override { return flush(); }

private:
  result<void> put(std::string_view line);

  int file_;
  bool closed_ = false;
  std::string buffer_;
  std::uint64_t rows_ = 0;
};

} // namespace vef
