#pragma once

#include <vef/apps/command.hpp>
#include <vef/supervisor/runtime.hpp>

#include <map>
#include <memory>

namespace vef {

/// A runtime with the services that a command line asks for, and their models: those of nodes if some are
/// named, those of a file if one is given, else `descriptors`, `transformers` for checkpoints, in named
/// folders and the Hub's cache, and `torch` for other files of models.
class session {
public:
  /// `model` may be the file of a model or of its description, or a checkpoint's folder; then that one is the
  /// default. A node knows models by their ids alone.
  ///
  /// With a file of services, waits until each of them runs or has failed.
  ///
  /// Errors: invalid_argument, file_not_found, invalid_config, unknown_backend where models are named and
  /// this build has no torch backend; those of the services; those of `remote_runtime`.
  static result<session> open(const common_options& options, const std::string& model = {});

  vef::runtime& runtime() noexcept { return *runtime_; }
  const std::vector<catalog_entry>& catalog() const noexcept { return catalog_; }

  /// The model of that id; for an empty one, the file's, or else that of `descriptors`, and of a node or
  /// described services the first default. Errors: unknown_model, with the nearest id.
  result<catalog_entry> find(const std::string& model) const;

  /// The files and folders that a model came from, as absolute paths; none for a built-in one.
  std::vector<std::string> sources_of(const catalog_entry& x) const;

  /// The settings with which the model's service was made.
  std::map<std::string, std::string> settings_of(const catalog_entry& x) const;

private:
  /// Whose services they are.
  enum class origin { usual, described, nodes };

  static result<session> open_described(const common_options& options, runtime_options settings, session x);
  static result<session> open_remote(const common_options& options);
  result<void> read_catalog();

  std::unique_ptr<vef::runtime> runtime_;
  std::vector<catalog_entry> catalog_;
  std::vector<std::string> sources_;
  std::string named_file_;    ///< given as the model
  std::string named_service_; ///< has it
  std::map<std::string, std::string> checkpoint_settings_;
  origin origin_ = origin::usual;
};

/// Whether a text given as a model is the path of a file: it ends in .pt, .pt2, .toml or .json.
bool names_model_file(const std::string& model);

/// Whether it is a checkpoint's folder: config.json is in it.
bool names_checkpoint(const std::string& model);

} // namespace vef
