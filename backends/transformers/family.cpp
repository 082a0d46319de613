#include <vef/backends/transformers/family.hpp>

#include <vef/messages/suggest.hpp>

#include <algorithm>

namespace vef {

result<void> model_families::add(model_family x) {
  if (x.model_types.empty() || !x.build)
    return fail(errc::invalid_argument,
                "the family " + vef::quoted(x.name) + " reads no model_type or cannot build");
  for (const auto& type : x.model_types)
    if (find(type))
      return fail(errc::duplicate_name, "two families read the model_type " + vef::quoted(type));
  all_.push_back(std::move(x));
  return {};
}

result<const model_family*> model_families::find(const std::string& model_type) const {
  std::vector<std::string> known;
  for (const auto& x : all_) {
    if (std::ranges::find(x.model_types, model_type) != x.model_types.end()) return &x;
    known.insert(known.end(), x.model_types.begin(), x.model_types.end());
  }
  std::string list;
  for (const auto& x : known) list += (list.empty() ? "" : ", ") + x;
  return fail(errc::unsupported_model,
              unknown("model_type", model_type, known) + " (known are " + list + ")");
}

model_families builtin_families() {
  model_families out;
  for (auto family : {clip_family, siglip_family, dinov2_family, vit_family, resnet_family, convnext_family,
                      swin_family, efficientnet_family, mobilenet_v2_family})
    static_cast<void>(out.add(family()));
  return out;
}

} // namespace vef
