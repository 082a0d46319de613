#include <vef/apps/embed_command.hpp>

#include <vef/apps/embed_run.hpp>
#include <vef/apps/interrupt.hpp>
#include <vef/apps/progress.hpp>
#include <vef/apps/session.hpp>
#include <vef/apps/text.hpp>
#include <vef/backends/transformers/precision_book.hpp>

#include <algorithm>

#include <unistd.h>

namespace vef {

namespace {

using clock = std::chrono::steady_clock;

/// One call of the command, step after step. A step that ends it returns a code.
class embedder {
public:
  embedder(const embed_options& options, const common_options& common, console& out)
      : options_(options)
      , common_(common)
      , console_(out) {}

  exit_code run() {
    if (auto ok = choose_model(); !ok) return refuse(ok.error());
    if (auto ok = open_output(); !ok) return refuse(ok.error());
    find_files();
    if (inputs_.files.empty()) return no_files();
    if (todo_.empty()) return nothing_left();
    hint();
    if (auto ok = load(); !ok) {
      out_->abandon();
      complain(console_, ok.error());
      return exit_code::nothing_done;
    }
    interrupt signals; // until the output is complete
    start_ = clock::now();
    return end(embed());
  }

private:
  bool to_files() const { return options_.out != "-"; }

  exit_code refuse(const error& problem) { return vef::refuse(console_, problem); }

  void tell(const std::string& what) {
    if (!common_.quiet) console_.say("vef: " + what);
  }

  result<void> choose_model() {
    auto opened = session::open(common_, options_.model);
    if (!opened) return fail(opened.error());
    session_ = std::make_unique<session>(std::move(*opened));
    auto found = session_->find(options_.model);
    if (!found) return fail(found.error());
    model_ = std::move(*found);
    if (auto known = with_variant(model_.model.prepare, options_.variant); !known) return fail(known.error());
    return {};
  }

  result<void> open_output() {
    if (!to_files()) {
      if (options_.resume || options_.restart)
        return fail(errc::invalid_argument,
                    "--resume and --restart need an output file, not standard output");
      auto stream = std::make_unique<stream_output>(STDOUT_FILENO);
      stream_ = stream.get();
      out_ = std::move(stream);
      return {};
    }
    auto paths = output_paths::of(options_.out);
    if (!paths) return fail(paths.error());
    run_facts facts{.service = model_.service,
                    .model = model_.model.id,
                    .variant = options_.variant,
                    .dim = model_.model.embed_dim,
                    .models = session_->sources_of(model_),
                    .settings = session_->settings_of(model_)};
    auto mode = options_.resume    ? output_mode::resume
                : options_.restart ? output_mode::restart
                                   : output_mode::fresh;
    auto files = file_output::open(*paths, facts, mode);
    if (!files) return fail(files.error());
    paths_ = *paths;
    files_ = files->get();
    out_ = std::move(*files);
    return {};
  }

  void find_files() {
    inputs_ = walk(options_.paths);
    if (!files_ || files_->earlier().rows == 0) {
      todo_ = std::span{inputs_.files};
      return;
    }
    const auto& done = files_->earlier().done;
    auto [begin, end] =
        std::ranges::stable_partition(inputs_.files, [&](const input& x) { return !done.contains(x.path); });
    todo_ = {inputs_.files.begin(), begin};
    tell(count(files_->earlier().rows, "picture") + " done before, " + grouped(todo_.size()) + " to do");
  }

  exit_code no_files() {
    out_->abandon();
    complain(console_, {errc::file_not_found, "found no pictures in " + vef::quoted(options_.paths.front())
                                                  + (options_.paths.size() > 1 ? " and the others" : "")
                                                  + passed_over()});
    return exit_code::nothing_done;
  }

  exit_code nothing_left() {
    if (auto ok = out_->finish(); !ok) return give_up(ok.error());
    tell("nothing is left to do; " + written());
    return exit_code::ok;
  }

  // Once a run, where it would pay.
  void hint() {
    auto here = common_.nodes.empty();
    if (here && model_.service == "transformers" && !common_.checkpoints.contains("precision")
        && has_fast_bfloat16())
      tell("this processor is several times faster in bfloat16: --precision auto uses it if the vectors stay "
           "the same");
  }

  result<void> load() {
    if (std::ranges::all_of(todo_, [](const input& x) { return bool{x.problem}; })) return {};
    auto loaded = session_->runtime().load(model_.service, model_.model.id);
    if (!loaded) return fail(loaded.error());
    return {};
  }

  embed_tally embed() {
    auto batch = options_.batch > 0 ? options_.batch : std::max(1u, model_.model.batch_size);
    progress shown{console_, todo_.size(), common_.quiet, start_};
    auto told = false;
    embed_run run{.files = todo_, .request_size = batch, .out = out_.get()};
    run.pictures_ahead = std::max<std::size_t>(64, std::size_t{4} * batch);
    run.submit = [&](std::vector<image> images) {
      // A person who waits may interrupt; a slow model is no error, and a node that starts anew is none.
      return session_->runtime().embed_async(
          {.service = model_.service,
           .model = model_.model.id,
           .images = std::move(images),
           .variant = options_.variant,
           .batch_size = options_.batch,
           .time_allowed = std::chrono::hours{24},
           .replay = common_.nodes.empty() ? replay::elsewhere : replay::when_back});
    };
    run.stop = [&] {
      if (interrupt::requested() && !std::exchange(told, true))
        console_.say("vef: interrupted; finishing the pictures under way (once more quits at once)");
      return told;
    };
    run.on_progress = [&](const embed_tally& x) { shown.update(x.done(), x.failed, clock::now()); };
    run.on_failure = [&](const error& x) { complain(console_, x); };
    return run.run();
  }

  exit_code end(const embed_tally& x) {
    if (stream_ && stream_->closed()) return exit_code::broken_pipe;
    if (x.not_written) return give_up(x.not_written);
    if (x.service_gone) complain(console_, x.service_gone);
    if (auto ok = out_->finish(); !ok) return give_up(ok.error());
    summarize(x);
    if (x.service_gone) return exit_code::nothing_done;
    if (x.stopped) return exit_code::interrupted;
    auto rows = x.embedded + (files_ ? files_->earlier().rows : 0);
    if (rows == 0) return exit_code::nothing_done;
    return x.failed > 0 ? exit_code::some_failed : exit_code::ok;
  }

  // The output takes no more. What it has stays for --resume.
  exit_code give_up(const error& problem) {
    if (stream_ && stream_->closed()) return exit_code::broken_pipe;
    complain(console_, problem);
    if (files_)
      tell("what is done is kept in " + printable(output_paths::partial(paths_.vectors).string())
           + " for --resume");
    return exit_code::nothing_done;
  }

  void summarize(const embed_tally& x) {
    auto seconds = std::chrono::duration<double>(clock::now() - start_).count();
    char rate[32] = "";
    if (seconds > 0.05)
      std::snprintf(rate, sizeof rate, " (%.1f/s)", static_cast<double>(x.done()) / seconds);
    tell("embedded " + grouped(x.embedded) + " of " + count(todo_.size(), "picture") + " in "
         + format_duration(seconds) + rate + " with " + model_.model.id
         + (x.failed > 0 ? "; " + grouped(x.failed) + " failed" : "") + passed_over());
    if (files_) tell(written());
    if (x.stopped || x.service_gone)
      tell(files_ ? "go on with the same command and --resume" : "the rest was not done");
  }

  std::string written() const {
    return "wrote " + printable(paths_.vectors.string()) + " (" + grouped(files_->rows()) + " x "
           + std::to_string(model_.model.embed_dim) + ") and " + printable(paths_.lines.filename().string());
  }

  std::string passed_over() const {
    std::string out;
    auto add = [&](std::size_t n, const char* noun) {
      if (n > 0) out += (out.empty() ? "; passed over " : ", ") + count(n, noun);
    };
    add(inputs_.others, "other file");
    add(inputs_.hidden, "hidden one");
    add(inputs_.repeated, "repeated one");
    return out;
  }

  const embed_options& options_;
  const common_options& common_;
  console& console_;
  std::unique_ptr<session> session_;
  catalog_entry model_;
  output_paths paths_;
  std::unique_ptr<output> out_;
  file_output* files_ = nullptr;    // `out_`, if it is that
  stream_output* stream_ = nullptr; // `out_`, if it is that
  inputs inputs_;
  std::span<const input> todo_;
  clock::time_point start_;
};

} // namespace

exit_code embed_command(const embed_options& options, const common_options& common, console& out) {
  return embedder{options, common, out}.run();
}

} // namespace vef
