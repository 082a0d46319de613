#include <vef/apps/run_facts.hpp>

#include <vef/apps/json.hpp>

#include <fstream>
#include <sstream>

namespace vef {

namespace {

result<std::string> content_of(const std::filesystem::path& file) {
  std::error_code none;
  if (!std::filesystem::exists(file, none))
    return fail(errc::file_not_found,
                "cannot read " + vef::quoted(file.string()) + ": there is no such file");
  std::ifstream in{file, std::ios::binary};
  std::ostringstream out;
  if (!in || !(out << in.rdbuf()))
    return fail(errc::file_unreadable, "cannot read " + vef::quoted(file.string()));
  return std::move(out).str();
}

std::string words(const std::map<std::string, std::string>& settings) {
  std::string out;
  for (const auto& [key, value] : settings) out += (out.empty() ? "" : " ") + key + "=" + value;
  return out.empty() ? "no settings" : out;
}

} // namespace

result<run_facts> read_run_facts(const std::filesystem::path& file) {
  auto text = content_of(file);
  if (!text) return fail(text.error());
  try {
    auto x = json::parse(*text);
    run_facts out;
    x.at("vef").get_to(out.vef);
    x.at("service").get_to(out.service);
    x.at("model").get_to(out.model);
    x.at("variant").get_to(out.variant);
    x.at("dim").get_to(out.dim);
    x.at("models").get_to(out.models);
    if (x.contains("settings")) x.at("settings").get_to(out.settings); // older files have none
    return out;
  } catch (const json::exception& e) {
    return fail(errc::invalid_config, "cannot read " + vef::quoted(file.string()) + ": " + e.what());
  }
}

std::string to_text(const run_facts& x) { return to_page(to_json(x)); }

result<void> check_same_run(const run_facts& before, const run_facts& now,
                            const std::filesystem::path& file) {
  auto differ = [&](const std::string& what, const std::string& was, const std::string& is,
                    const std::string& flag) {
    return fail(errc::invalid_argument, "cannot go on with " + vef::quoted(file.string())
                                            + ": it was made with " + what + ' ' + vef::quoted(was) + ", not "
                                            + vef::quoted(is) + "; give " + flag + ' ' + was
                                            + ", or another output");
  };
  if (before.model != now.model) return differ("model", before.model, now.model, "--model");
  if (before.variant != now.variant) return differ("variant", before.variant, now.variant, "--variant");
  if (before.service != now.service)
    return fail(errc::invalid_argument, "cannot go on with " + vef::quoted(file.string())
                                            + ": its model came from " + vef::quoted(before.service)
                                            + ", not from " + vef::quoted(now.service));
  if (before.settings != now.settings)
    return fail(errc::invalid_argument, "cannot go on with " + vef::quoted(file.string())
                                            + ": its model was used with " + words(before.settings)
                                            + ", not with " + words(now.settings));
  if (before.dim != now.dim)
    return fail(errc::invalid_argument, "cannot go on with " + vef::quoted(file.string())
                                            + ": its vectors have " + std::to_string(before.dim)
                                            + " numbers, those of " + vef::quoted(now.model) + " now have "
                                            + std::to_string(now.dim));
  return {};
}

result<output_paths> output_paths::of(const std::filesystem::path& out) {
  if (out.extension() != ".npy")
    return fail(errc::invalid_argument,
                "the output " + vef::quoted(out.string())
                    + " must be named like 'vectors.npy', or be - for standard output");
  output_paths x{out, out, out};
  x.lines.replace_extension(".jsonl");
  x.facts.replace_extension(".meta.json");
  return x;
}

} // namespace vef
