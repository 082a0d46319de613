// Checkpoints of Hugging Face's transformers on the command line.
#include "cli_support.hpp"

#include <cmath>

using namespace vef::test;

namespace {

std::filesystem::path golden() { return shared_dir() / "golden"; }

double length(const float* x, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return std::sqrt(sum);
}

/// A model as the Hub's cache has it.
void put_cached(const scratch& at, const std::string& organisation, const std::string& name,
                const std::string& from) {
  const std::string commit(40, 'a');
  auto folder = at.folder() / ".hub" / ("models--" + organisation + "--" + name);
  auto snapshot = folder / "snapshots" / commit;
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_directories(folder / "refs");
  std::ofstream{folder / "refs/main"} << commit;
  for (auto file : {"config.json", "preprocessor_config.json", "model.safetensors"})
    std::filesystem::copy_file(golden() / from / file, snapshot / file);
}

} // namespace

TEST_CASE("embed takes a checkpoint's folder as a model") {
  VEF_NEEDS(golden() / "clip");
  scratch at;
  if (!has_torch(at)) return report_skipped("this build has no LibTorch");
  put_picture(at, "a.png", 1);
  put_picture(at, "b.jpg", 2);
  auto done = vef::test::vef(at, {"embed", "a.png", "b.jpg", "--model", golden() / "clip", "-o", "out.npy"},
                             {.folder = at / ""});
  INFO(done.err);
  REQUIRE(done.code == 0);
  auto vectors = read_npy<float>(at / "out.npy");
  CHECK(vectors.shape == std::vector<std::size_t>{2, 24});
  CHECK(length(vectors.row(0), 24) == Approx(1));
  auto facts = nlohmann::json::parse(content_of(at / "out.meta.json"));
  CHECK(facts["service"] == "transformers");
  CHECK(facts["model"] == "clip");

  auto alike = vef::test::vef(at, {"similar", "a.png", "--in", "out.npy", "--json"}, {.folder = at / ""});
  CHECK(alike.code == 0);
  CHECK(alike.out.find("a.png") != std::string::npos);
}

TEST_CASE("options for checkpoints are checked, used, and kept with the vectors") {
  VEF_NEEDS(golden() / "dinov2");
  scratch at;
  if (!has_torch(at)) return report_skipped("this build has no LibTorch");
  put_picture(at, "a.png", 1);
  std::vector<std::string> command{"embed", "a.png", "--model", golden() / "dinov2", "-o", "out.npy"};
  auto with = [&](std::vector<std::string> more) {
    auto all = command;
    all.insert(all.end(), more.begin(), more.end());
    return vef::test::vef(at, all, {.folder = at / ""});
  };
  REQUIRE(with({"--embedding", "cls_mean_patch", "--truncate", "20", "--size", "84", "--no-normalize"}).code
          == 0);
  auto vectors = read_npy<float>(at / "out.npy");
  CHECK(vectors.shape == std::vector<std::size_t>{1, 20});
  CHECK(std::fabs(length(vectors.row(0), 20) - 1) > 1e-3);
  auto facts = nlohmann::json::parse(content_of(at / "out.meta.json"));
  CHECK(facts["settings"]["output"] == "cls_mean_patch");

  auto wrong = with({"--embedding", "clss"});
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("did you mean 'cls'") != std::string::npos);
  wrong = with({"--precision", "float16"});
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("CUDA") != std::string::npos);
}

TEST_CASE("models in the Hub's cache are simply there") {
  VEF_NEEDS(golden() / "vit");
  scratch at;
  if (!has_torch(at)) return report_skipped("this build has no LibTorch");
  put_cached(at, "acme", "vit-tiny", "vit");
  auto listed = vef::test::vef(at, {"models"});
  CHECK(listed.code == 0);
  CHECK(listed.out.find("acme/vit-tiny") != std::string::npos);
  auto info = vef::test::vef(at, {"info", "acme/vit-tiny"});
  REQUIRE(info.code == 0);
  for (auto word : {"ViT", "pooler_output", "float32", "revision", "main", "precision"})
    CHECK(info.out.find(word) != std::string::npos);
  put_picture(at, "a.png", 1);
  CHECK(vef::test::vef(at, {"embed", "a.png", "--model", "acme/vit-tiny", "-o", at / "out.npy"},
                       {.folder = at / ""})
            .code
        == 0);
}

TEST_CASE("folders of checkpoints are searched by --models, and what is broken is left out by name") {
  VEF_NEEDS(golden() / "clip");
  scratch at;
  if (!has_torch(at)) return report_skipped("this build has no LibTorch");
  std::filesystem::create_directories(at / "models");
  for (auto name : {"clip", "swin"})
    std::filesystem::copy(golden() / name, at.folder() / "models" / name,
                          std::filesystem::copy_options::recursive);
  at.put("models/broken/config.json", "{\"model_type\": \"bert\"}");
  at.put("models/broken/model.safetensors", "x");
  auto listed = vef::test::vef(at, {"models", "--models", at / "models"});
  CHECK(listed.code == 0);
  CHECK(listed.out.find("clip") != std::string::npos);
  CHECK(listed.out.find("swin") != std::string::npos);
  CHECK(listed.err.find("unknown model_type 'bert'") != std::string::npos);

  auto named = vef::test::vef(at, {"info", at / "models/broken"});
  CHECK(named.code == 2);
  CHECK(named.err.find("unknown model_type 'bert'") != std::string::npos);
}

TEST_CASE("pull refuses what is no name, and says what to do offline") {
  scratch at;
  auto wrong = vef::test::vef(at, {"pull", "../etc/passwd"});
  CHECK(wrong.code == 2);
  auto offline = vef::test::vef(at, {"pull", "acme/vit-tiny"}, {.environment = {"HF_HUB_OFFLINE=1"}});
  CHECK(offline.code != 0);
  CHECK(offline.err.find("HF_HUB_OFFLINE") != std::string::npos);
  auto nobody = vef::test::vef(at, {"pull", "acme/vit-tiny", "-q"},
                               {.environment = {"HF_ENDPOINT=http://127.0.0.1:1"}});
  CHECK(nobody.code != 0);
}
