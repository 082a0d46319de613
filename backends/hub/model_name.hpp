#pragma once

#include <vef/messages/errors.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace vef {

/// A model on the Hub, and which state of it: a branch, a tag, `refs/pr/1` or a commit.
struct model_name {
  std::string id; ///< "ORG/NAME", or "NAME" for the few without an organisation
  std::string revision = "main";

  bool operator==(const model_name&) const = default;
};

/// Reads `ORG/NAME[@REVISION]` by the Hub's own rules, so that what comes out can be part of a path and of a
/// URL: parts of at most 96 characters A-Z a-z 0-9 . _ -, none at either end that is . or -, no ".." and no
/// "--" (which stands for the slash on disk), no ".git" at the end. Errors: invalid_argument.
result<model_name> parse_model_name(std::string_view text);

/// Whether `id` follows these rules.
bool is_model_id(std::string_view id);

/// The folder of a model in the cache: "models--ORG--NAME".
std::string repository_folder(std::string_view id);

/// The id from such a folder's name; nothing for data sets, spaces and what is no repository.
std::optional<std::string> id_of_folder(std::string_view folder);

/// Whether a revision is a commit: 40 digits 0-9 a-f.
bool is_commit(std::string_view revision);

/// Whether the identity of some content, as the Hub gives it, can name a file: [A-Za-z0-9._-]{1,128}, not
/// beginning with a dot.
bool is_safe_etag(std::string_view etag);

/// Whether a path inside a repository, or a revision, stays inside: relative, '/' between parts, no part
/// that is empty, "." or "..", no backslash or control character, at most 1024 bytes and 255 a part.
bool is_safe_path(std::string_view path);

} // namespace vef
