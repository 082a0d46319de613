#include <vef/backends/descriptors/descriptors.hpp>

#include <vef/backends/descriptors/describer.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <thread>

namespace vef {

namespace {

struct offer {
  std::string id, name, description, recommended_use;
  rating performance;
  vef::recipe recipe;
};

const std::vector<offer>& offers() {
  static const std::vector<offer> all{
      {"descriptors-small", "Descriptors, small",
       "Layout of tone, colours and oriented gradients of a 64 x 64 picture, and its palette",
       "Near-duplicates in large collections: resized, recompressed, cropped or brightened copies",
       rating::fast, recipe{}},
      {"descriptors-large", "Descriptors, large",
       "The small descriptor in more detail, with the energies of Gabor filters (GIST) at four scales of a "
       "128 x 128 picture",
       "Look-alikes and near-duplicates: other photos of the same scene, scenes of the same structure",
       rating::accurate,
       recipe{.side = 128,
              .tone = {9, 4.0f, 0.5f},
              .tone_weight = 1.1f,
              .hog = {7, 3.0f},
              .hog_weight = 1.2f,
              .fine_hog_weight = 0.4f,
              .gist_weight = 0.5f}},
  };
  return all;
}

class descriptor_model : public loaded_model {
public:
  explicit descriptor_model(const recipe& x)
      : describer_(x) {}

  // One picture after the other on the calling thread: a picture takes a millisecond or two, and as many
  // calls as there are cores may be in here at once.
  result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (auto fit = check(images[i], rows[i].size()); !fit) return fit;
      describer_.describe(images[i], rows[i]);
    }
    return {};
  }

  std::uint64_t memory_bytes() const override { return describer_.bytes() + describer_.working_bytes(); }

  unsigned concurrency() const override { return std::max(1u, std::thread::hardware_concurrency()); }

private:
  result<void> check(const pixels& picture, std::size_t numbers) const {
    auto side = describer_.side();
    if (picture.width == side && picture.height == side && picture.rgb.size() == side * side * 3
        && numbers == describer_.dim())
      return {};
    return fail(errc::embed_failed, "cannot describe a picture of " + std::to_string(picture.width) + " x "
                                        + std::to_string(picture.height) + " in " + std::to_string(numbers)
                                        + " numbers: the model takes " + std::to_string(side) + " x "
                                        + std::to_string(side) + " and yields "
                                        + std::to_string(describer_.dim()));
  }

  describer describer_;
};

model_info info_of(const offer& x) {
  const describer made{x.recipe};
  auto side = static_cast<std::uint32_t>(x.recipe.side);
  model_info out{.id = x.id, .name = x.name};
  out.description = x.description;
  out.embed_dim = static_cast<std::uint32_t>(made.dim());
  out.preprocess_size = side;
  out.memory_estimate = made.bytes() + made.working_bytes();
  out.performance_rating = x.performance;
  out.recommended_use = x.recommended_use;
  out.prepare.resize = resize_rule::exact;
  out.prepare.width = out.prepare.height = side;
  out.prepare.filter = interpolation::bilinear;
  out.tiers = {{tier::host, "host", out.memory_estimate}};
  out.batch_size = 32;
  out.normalized = true;
  return out;
}

class descriptors_backend : public backend {
public:
  std::vector<model_info> catalog() const override {
    std::vector<model_info> all;
    for (const auto& x : offers()) all.push_back(info_of(x));
    return all;
  }

  result<std::unique_ptr<loaded_model>> load(const model_info& model, const load_context&) override {
    std::vector<std::string> ids;
    for (const auto& x : offers()) {
      if (x.id == model.id) return std::make_unique<descriptor_model>(x.recipe);
      ids.push_back(x.id);
    }
    return fail(errc::unknown_model, unknown("model", model.id, ids));
  }
};

} // namespace

void add_descriptors_backend(backend_types& types) {
  auto added = types.add<descriptors_backend>(
      "descriptors",
      {.description = "Vectors from classical image descriptors; needs neither weights nor a network",
       .version = "1.0.0",
       .author = "vef",
       .tags = {"classical", "near-duplicate", "look-alike", "cpu"}});
  (void)added; // Only a second registration of the same name fails, and changes nothing.
}

} // namespace vef
