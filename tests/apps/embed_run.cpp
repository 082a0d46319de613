#include "support/catch.hpp"

#include <vef/apps/embed_run.hpp>

#include <map>

using namespace vef;

namespace {

/// Keeps what is written as words: "a=1" for the vector that begins with 1, "b!corrupt_image".
struct word_output final : output {
  std::vector<std::string> words;
  std::size_t room = 1000;

  result<void> add(const std::string& path, std::span<const float> vector) override {
    return put(path + '=' + std::to_string(static_cast<int>(vector[0])));
  }
  result<void> add(const std::string& path, const error& problem) override {
    return put(path + '!' + std::string{to_string(problem.code)});
  }
  result<void> put(std::string word) {
    if (words.size() == room) return fail(errc::disk_full, "no space");
    words.push_back(std::move(word));
    return {};
  }
  result<void> flush() override { return {}; }
  result<void> finish() override { return {}; }
};

/// Answers requests when it is told to, each picture with the number that it is named by.
struct answerer {
  std::vector<std::promise<embeddings>> open;
  std::vector<std::vector<image>> asked;
  std::map<std::string, error> problems;

  static embeddings answer(const std::vector<image>& images, const std::map<std::string, error>& problems) {
    embed_reply reply;
    auto numbers = std::make_shared<std::vector<float>>();
    for (const auto& x : images) {
      auto problem = problems.find(x.name);
      reply.outcomes.push_back(problem == problems.end() ? error{} : problem->second);
      numbers->push_back(problem == problems.end() ? std::stof(x.name) : 0);
    }
    reply.vectors = matrix{images.size(), 1, numbers};
    return embeddings{std::move(reply)};
  }

  std::future<embeddings> submit_now(std::vector<image> images) {
    asked.push_back(images);
    std::promise<embeddings> x;
    x.set_value(answer(images, problems));
    return x.get_future();
  }
};

std::vector<input> numbered(std::size_t n) {
  std::vector<input> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back({std::to_string(i)});
  return out;
}

} // namespace

TEST_CASE("outcomes are written in the order of the files with their errors between") {
  auto files = numbered(7);
  files[3].problem = {errc::file_not_found, "gone"};
  answerer service;
  service.problems["5"] = {errc::corrupt_image, "bad"};
  word_output out;
  std::vector<error> told;
  embed_run run{.files = files, .request_size = 2, .out = &out};
  run.submit = [&](std::vector<image> images) { return service.submit_now(std::move(images)); };
  run.on_failure = [&](const error& x) { told.push_back(x); };
  auto tally = run.run();
  CHECK(
      out.words
      == std::vector<std::string>{"0=0", "1=1", "2=2", "3!file_not_found", "4=4", "5!corrupt_image", "6=6"});
  CHECK(tally.embedded == 5);
  CHECK(tally.failed == 2);
  CHECK_FALSE(tally.stopped);
  CHECK(told.size() == 2);
}

TEST_CASE("files that are problems all together ask for nothing") {
  auto files = numbered(3);
  for (auto& x : files) x.problem = {errc::file_not_found, "gone"};
  word_output out;
  embed_run run{.files = files, .request_size = 2, .out = &out};
  run.submit = [](std::vector<image>) -> std::future<embeddings> {
    throw std::logic_error("nothing to ask for");
  };
  CHECK(run.run().failed == 3);
}

TEST_CASE("only so many pictures are under way at once") {
  auto files = numbered(100);
  answerer service;
  word_output out;
  std::size_t most = 0;
  embed_run run{.files = files, .request_size = 4, .pictures_ahead = 12, .out = &out};
  run.submit = [&](std::vector<image> images) {
    most = std::max(most, service.asked.size() * 4 + 4 - out.words.size());
    return service.submit_now(std::move(images));
  };
  CHECK(run.run().embedded == 100);
  CHECK(most <= 12);
  CHECK(service.asked.size() == 25);
}

TEST_CASE("a stop lets what is under way finish and takes nothing new") {
  auto files = numbered(100);
  answerer service;
  word_output out;
  embed_run run{.files = files, .request_size = 4, .pictures_ahead = 12, .out = &out};
  run.submit = [&](std::vector<image> images) { return service.submit_now(std::move(images)); };
  run.stop = [&] { return out.words.size() >= 20; };
  auto tally = run.run();
  CHECK(tally.stopped);
  CHECK(tally.embedded == out.words.size());
  CHECK(tally.embedded == service.asked.size() * 4);
  CHECK(tally.embedded < 40);
}

TEST_CASE("a stop after the last picture was sent stops nothing") {
  auto files = numbered(4);
  answerer service;
  word_output out;
  embed_run run{.files = files, .request_size = 4, .out = &out};
  run.submit = [&](std::vector<image> images) { return service.submit_now(std::move(images)); };
  run.stop = [&] { return !service.asked.empty(); };
  CHECK_FALSE(run.run().stopped);
}

TEST_CASE("a service that is gone ends the run with its error once") {
  auto files = numbered(20);
  word_output out;
  std::size_t told = 0;
  embed_run run{.files = files, .request_size = 4, .pictures_ahead = 8, .out = &out};
  run.submit = [&](std::vector<image> images) {
    std::promise<embeddings> x;
    x.set_value(embeddings{error{errc::load_failed, "no weights"}, images.size()});
    return x.get_future();
  };
  run.on_failure = [&](const error&) { ++told; };
  auto tally = run.run();
  CHECK(tally.service_gone.code == errc::load_failed);
  CHECK(told == 0);
  CHECK(out.words.empty());
}

TEST_CASE("an output that takes no more ends the run") {
  auto files = numbered(20);
  answerer service;
  word_output out;
  out.room = 6;
  embed_run run{.files = files, .request_size = 4, .pictures_ahead = 8, .out = &out};
  run.submit = [&](std::vector<image> images) { return service.submit_now(std::move(images)); };
  auto tally = run.run();
  CHECK(tally.not_written.code == errc::disk_full);
  CHECK(out.words.size() == 6);
  CHECK(service.asked.size() <= 4);
}
