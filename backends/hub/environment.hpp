#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace vef {

/// Gives the value of a variable, nothing for one that isn't set.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The variables of this process.
environment process_environment();

// What Python's huggingface_hub takes from its environment (its reference, "Environment variables"). An empty
// variable counts as unset. In paths, ~ and $VAR and ${VAR} are expanded; a variable that isn't set stays as
// it is.

/// HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else hub in the Hub's home, which is HF_HOME, else
/// $XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface.
std::filesystem::path hub_cache_folder(const environment& x);

/// HF_ENDPOINT without slashes at its end, else https://huggingface.co.
std::string hub_endpoint(const environment& x);

/// HF_TOKEN, else HUGGING_FACE_HUB_TOKEN, else the content of the file HF_TOKEN_PATH, else of `token` in the
/// Hub's home; without line ends and blanks around it. A secret: never to be logged.
std::optional<std::string> hub_token(const environment& x);

/// HF_HUB_OFFLINE, or if that isn't set TRANSFORMERS_OFFLINE, is 1, ON, YES or TRUE in any case.
bool hub_is_offline(const environment& x);

} // namespace vef
